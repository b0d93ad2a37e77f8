# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Mutants: (file below src, text that is in it once, what takes its place). Each breaks one rule.

White space of any kind and length stands for any other; architecture.py holds that each text is in its file.
"""

import re

MUTANTS = (
    # attribution
    ("attribution/sentinel_owners.c", "sighting->netns != netns || !tuple_equal", "!tuple_equal"),
    ("attribution/sentinel_owners.c", "sighting->time_ns < from_ns || sighting->time_ns > to_ns",
     "sighting->time_ns > to_ns"),
    ("attribution/sentinel_owners.c", "sighting->time_ns < from_ns || sighting->time_ns > to_ns",
     "sighting->time_ns < from_ns"),
    ("attribution/sentinel_owners.c", "llabs(sighting->time_ns - near_ns) < llabs(", "0 < llabs("),
    ("attribution/sentinel_owners.c", "process->start_ticks != seen->start_ticks", "false"),
    ("attribution/sentinel_owners.c",
     "seen->how == SENTINEL_LISTENER ? ATTRIBUTION_LISTENER : ATTRIBUTION_SOCKET", "ATTRIBUTION_LISTENER"),
    ("attribution/sentinel_owners.c", "case SENTINEL_CHILD:\n\t\towner = owner_of(owners, seen);",
     "case SENTINEL_CHILD:\n\t\tbreak;"),
    ("attribution/sentinel_owners.c",
     "question->died && !accepted ? WINDOW_SENTINEL_CLOCKS_NS : WINDOW_SENTINEL_AROUND_NS",
     "WINDOW_SENTINEL_AROUND_NS"),
    ("attribution/sentinel_owners.c", "now - sighting->time_ns > WINDOW_SENTINEL_KEEP_NS", "false"),
    ("attribution/sentinel_owners.c", "if (seen->inode != 0)", "if (true)"),
    ("attribution/sentinel_owners.c", "sentinel_listener(owners->sentinel, owner.process->pid);", ";"),
    ("attribution/attribution_existing.c", "holders.count > 1 || holders.more", "false"),
    ("attribution/attribution_existing.c", "existing->lost_ns != 0 && question->seen_ns > existing->lost_ns",
     "false"),
    ("attribution/attribution_existing.c", "!was_alive(process, question->seen_ns)", "false"),
    ("attribution/attribution_existing.c", ": since_ns == existing->since_ns", ": false"),
    ("attribution/attribution_existing.c",
     "forks_latest(&attribution->forks, existing->process->pid) >= since_ns", "false"),
    ("attribution/forks.c", "place->others_ns = later(place->others_ns, place->time_ns);", ""),
    ("attribution/trace_owners.c", "SOCKET_HISTORY_ROUTED, WINDOW_QUEUED_NS", "SOCKET_HISTORY_ROUTED, 0"),
    ("attribution/trace_owners.c", "question->tuple.protocol == IPPROTO_TCP &&\n\t       ask_for", "ask_for"),
    ("attribution/trace_owners.c", "process->exited_ns + WINDOW_EXITING_NS > time_ns", "true"),
    ("attribution/trace_owners.c", "if (!question->responder)", "if (true)"),
    ("attribution/trace_owners.c", "if (question->since_ns == 0)", "if (false)"),
    ("attribution/socket_history_find.c", "sighting->hash != hash || sighting->reversed != reversed",
     "sighting->hash != hash"),
    ("attribution/socket_history_find.c", "sighting->first_ns <= question->to_ns", "true"),
    ("attribution/socket_history_find.c", "history->evicted_ns >= question->from_ns", "false"),
    ("attribution/socket_history_add.c", "!left && pending_connect.pid != event->pid", "false"),
    ("attribution/socket_history.c", "oldest.last_ns + WINDOW_HISTORY_KEEP_NS > now_ns", "false"),
    ("attribution/socket_history_add.c", "event->time_ns > history->lost_to_ns", "false"),
    ("attribution/process_history.c", "event->tid == event->pid && !process->mixed_netns",
     "event->tid == event->pid"),
    ("attribution/process_history.c", "if (history->follows_namespaces)", "if (true)"),
    ("processes/process_slots.c", "if (process->known_ns <= time_ns) {", "if (true) {"),
    ("processes/process_slots.c", "process->known_ns > slots->slots[found].process->known_ns", "false"),
    ("processes/process_slots.c", "is_known_at(slots->slots[found].process, time_ns) ? found : NONE",
     "true ? found : NONE"),
    ("processes/process_slots.c", "} else if (process->forked_ns == 0) {", "} else {"),
    ("attribution/recent.c", "entry->netns == netns && tuple_equal", "tuple_equal"),
    ("attribution/recent.c", "entry->verified_ns < since_ns", "false"),
    ("attribution/attribution.c", "if (count > listed || count == 0)", "if (count == 0)"),
    ("attribution/attribution.c", "forked_ns > question->seen_ns + WINDOW_HANDOVER_NS", "false"),
    ("attribution/attribution.c", "return forked || owner->shared_count > 0;", "return forked;"),
    ("attribution/attribution.c", "socket->kind == SOCKET_NETLINK && socket->port_id == 0", "false"),
    ("attribution/attribution_udp_ports.c", "if (!inet_is_unspecified(&socket->tuple.destination))",
     "if (false)"),
    ("attribution/attribution_udp_ports.c", "listener_table_refreshed_ns(table) < question->seen_ns",
     "false"),
    ("attribution/attribution_udp_ports.c", "!question->fanned_out && (left_ns", "(left_ns"),
    ("attribution/attribution_udp.c", "if (is_connected_to(&socket, &question->tuple))", "if (true)"),
    ("attribution/attribution_udp.c", "return socket->state == SOCKET_ESTABLISHED &&", "return"),
    ("attribution/attribution_tcp.c", "if (socket.inode == 0 && question->responder)", "if (false)"),
    ("attribution/attribution_tcp.c", "if (question->gone) {", "if (false) {"),
    ("attribution/attribution_tcp.c", "before->method != ATTRIBUTION_KERNEL", "true"),
    ("attribution/attribution_raw.c", "socket->ifindex != 0 && socket->ifindex != question->ifindex",
     "false"),
    ("attribution/attribution_raw.c", "socket->tuple.source_port == question->icmp_id", "true"),
    ("attribution/attribution_raw.c", "icmp && !question->has_icmp_id", "false"),
    # stream
    ("stream/binder.c", "found->inode != first->inode", "false"),
    ("stream/binder.c", "protocol == IPPROTO_TCP && end == CONNECTION_SOURCE", "false"),
    ("stream/binder.c", "better->method == ATTRIBUTION_UNKNOWN || worth(better) < worth(owner)",
     "better->method == ATTRIBUTION_UNKNOWN"),
    ("stream/binder.c", "packet->payload == 0", "false"),
    ("stream/binder.c", "connection->tuple.protocol != IPPROTO_TCP || owner->method != ATTRIBUTION_SOCKET",
     "true"),
    ("stream/binder_levels.c", "queue->entries[queue->head].due_ns <= now_ns", "true"),
    ("stream/binder_levels.c", "connection->binding.attributable && next < LEVELS", "false"),
    ("stream/binder.c", "owner->process || owner->cookie == found->cookie", "true"),
    ("stream/binder.c", "forwarded && end == CONNECTION_SOURCE", "false"),
    ("stream/destroyed.c", "now_ns - found->time_ns > WINDOW_DESTROYED_INFO_NS", "false"),
    ("stream/destroyed.c", "destroyed->ports[port].time_ns > since_ns", "true"),
    ("stream/existing.c", "if (packet->time_ns <= existing->listed_ns)", "if (false)"),
    ("stream/existing.c", "existing->ended_ns != 0 && seen_ns > existing->ended_ns", "false"),
    ("stream/existing.c", "packet->time_ns <= existing->listed_ns ? EXISTING_BEGUN : EXISTING_BEFORE",
     "EXISTING_BEFORE"),
    ("stream/existing.c", "another ? 0 : socket->inode", "socket->inode"),
    ("stream/existing.c", "existing->opening ? EXISTING_BEFORE : EXISTING_ANOTHER", "EXISTING_BEFORE"),
    ("stream/existing.c", "socket->send_queue == 0 ? socket->role : SOCKET_ROLE_UNKNOWN", "socket->role"),
    ("stream/existing.c", "in_use && entry->connection.ended_ns >= before_ns", "false"),
    ("attribution/attribution_tcp.c", "differ(question->inode, socket->inode)", "false"),
    ("stream/duplicates.c", "distance < DUPLICATES_WINDOW_NS", "true"),
    ("stream/fragments.c", "entry->hash != hash || entry->id == 0", "entry->id == 0"),
    ("stream/traffic.c", "!connection->local[end] || entry == counted", "entry == counted"),
    ("stream/emitter.c", "options->events & wanted_with[action]", "true"),
    ("stream/stream_packet.c", "if (packet->is_later_fragment)", "if (false)"),
    ("stream/stream_packet.c", "is_repeated && stream->options.dedupe", "true"),
    # connections
    ("connections/connection_table.c", "connection->netns != key->netns ||", ""),
    ("connections/connection_table.c", "connection->life.in_use && connection->id == id", "connection->life.in_use"),
    ("connections/connection_table.c", "candidate->active_ns < oldest->active_ns", "false"),
    ("connections/connection_table.c", "(connection->lane ^ key->lane) & CONNECTION_LANE_MAPPED", "false"),
    # capture
    ("decode/decode_network.c", "total != 0 && total < size", "false"),
    ("decode/decode_network.c", "if (header[0] >> 4 != 4)", "if (false)"),
    ("decode/decode_network.c", "protocol == IPPROTO_AH && size < AH_SIZE", "false"),
    ("decode/decode_transport.c", "type == 128 || type == 129", "type == 128"),
    ("decode/decode_transport.c", "size == 0 && remaining > UINT16_MAX", "false"),
    ("decode/decode_transport.c", "size > cursor->end - cursor->offset && !packet->is_fragment", "false"),
    ("decode/decode_transport.c", "if (size < TCP_SIZE)", "if (false)"),
    # output
    ("output/sink.c", "error == ENOSPC || error == EDQUOT", "error == EDQUOT"),
    ("output/sink.c", "length == 0 || !target_take_back", "!target_take_back"),
    ("output/sink.c", "return sink->capacity - (sink->end - sink->kept);", "return sink->capacity;"),
    ("output/sink.c", "sink->begin = sink->kept;", ""),
    ("output/peer.c", "peer->wait_ns < WAIT_MAX_NS / 2", "true"),
    ("output/rotation.c", "(uint64_t)file->st_size + length > rotation->size", "false"),
    ("output/rotation.c", "result == 0 && is_at(path, fd)", "result == 0"),
    ("output/outlet.c", "outlet->compressed ? FRAME_LINES_MAX : FLUSH_PENDING", "0"),
    ("output/pipe_room.c", "unread / room->page * 2 + 2", "unread / room->page"),
    # events
    ("events/encode_owner.c", "if (!process || !process->has_uid) write_socket_user", "if (false) write_socket_user"),
    ("events/encode_owner.c", "if (process->executable_deleted)", "if (false)"),
    ("events/encode_owner.c", "if (process->parent_pid <= 0)", "if (false)"),
    ("events/zeek_state.c", "source == END_RESET && !ends->data", "false"),
    ("events/ocsf_network.c", "event->connection.connection->midway ?", "false ?"),
    ("events/ocsf_network.c", "since[end].bytes -= connection->extra->reported[end].bytes;", ";"),
    ("events/zeek.c", "connection->last_ns > connection->start_ns", "true"),
    ("events/encode_connection.c", "if (connection->midway)", "if (!connection->midway)"),
    ("events/encode_connection.c", "connection->local[CONNECTION_DESTINATION] && !connection->local[CONNECTION_SOURCE]", "false"),
    # base
    ("base/utf8.c", "first < 0xc2 || first > 0xf4", "first > 0xf4"),
    ("base/utf8.c", "point >= 0x7f && point <= 0x9f", "point == 0x7f"),
    ("base/inet.c", "(address->bytes[12] & 0xf0) == 0xe0", "address->bytes[12] == 0xe0"),
    ("base/inet.c", "return address->bytes[12] == 127;", "return false;"),
    ("base/wheel.c", "if (second <= wheel->second)", "if (false)"),
    ("base/wheel.c", "if (wheel->running == number)", "if (false)"),
    ("base/table.c", "from_home >= ((at - hole) & mask)", "true"),
    ("base/table.c", "table->slots[at].tag == tag && table->slots[at].number_up1", "table->slots[at].number_up1"),
)


def pattern_of(text):
    return r"\s+".join(re.escape(word) for word in text.split())


COLLISION = "the hash has it too: only two tuples with one hash of 64 bits would show it"

# What stays alive, and why: (file, text) -> reason.
ALIVE = {
    ("attribution/attribution_raw.c", "socket->ifindex != 0 && socket->ifindex != question->ifindex"):
        "/proc/net/raw, which the unit tests list, has no interface",
    ("stream/stream_packet.c", "is_repeated && stream->options.dedupe"):
        "two interfaces are needed: test_attribution_netns.py, which takes too long here, has them",
    ("output/sink.c", "length == 0 || !target_take_back"): "to take back nothing changes nothing",
    ("attribution/sentinel_owners.c", "sighting->netns != netns || !tuple_equal"): COLLISION,
    ("attribution/recent.c", "entry->netns == netns && tuple_equal"): COLLISION,
    ("connections/connection_table.c", "connection->netns != key->netns ||"): COLLISION,
    ("attribution/trace_owners.c", "question->tuple.protocol == IPPROTO_TCP &&\n\t       ask_for"):
        "UDP has no sightings of these kinds",
    ("attribution/attribution_udp.c", "return socket->state == SOCKET_ESTABLISHED &&"):
        "the remote end of a socket that is not connected is no packet's",
    ("attribution/attribution_tcp.c", "before->method != ATTRIBUTION_KERNEL"):
        "a socket of the kernel is never remembered",
}
