/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/capture_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "capture/owner_text.h"
#include "capture/pcapng_write.h"
#include "events/encode_users.h"

#define INTERFACES_MAX 65536
#define BLOCK_MAX      16384 /* all but those of packets */
#define COMMENT_MAX    (2 * OWNER_TEXT_MAX + 1)
#define WAIT_NS        (50 * NS_PER_MS) /* until it is asked again whether to wait */
#define PASSWD_PATH    "/etc/passwd"

struct interface_key {
	uint32_t netns, ifindex;
	int link_type;
	const char *name; /* "" = not known */
};

struct written_interface {
	struct interface_key key;
	char *name;             /* of the key; owned */
	uint64_t packets, lost; /* written; lost since the last one that was written */
};

struct capture_writer {
	struct capture_writer_options options;
	struct encode_users *users;
	struct written_interface *interfaces;
	uint32_t count, capacity;
	struct table *by_key;
	uint32_t latest; /* of the packet before */
	int64_t start_ns, deadline_ns;
	struct capture_writer_counters counters;
};

static bool waits(const struct capture_writer *writer)
{
	const struct capture_writer_options *options = &writer->options;

	return options->waits && options->waits(options->context) &&
	       sink_get_state(options->sink) == SINK_OPEN && !sink_stalled(options->sink);
}

/* Room for a block; data NULL: there is none. */
static struct buf room_for(const struct capture_writer *writer, size_t most)
{
	struct sink *sink = writer->options.sink;
	char *room = sink_reserve(sink, most);

	if (!room) {
		sink_flush(sink);
		room = sink_reserve(sink, most);
	}
	while (!room && waits(writer)) {
		sink_drain(sink, clock_monotonic_ns() + WAIT_NS);
		room = sink_reserve(sink, most);
	}
	if (!room && writer->deadline_ns != 0) {
		sink_drain(sink, writer->deadline_ns);
		room = sink_reserve(sink, most);
	}
	return (struct buf){ .data = room, .capacity = room ? most : 0 };
}

static bool commit(const struct capture_writer *writer, const struct buf *block)
{
	if (!block->data || block->overflow)
		return false;
	sink_commit(writer->options.sink, block->length);
	return true;
}

static bool write_header(struct capture_writer *writer)
{
	const struct pcapng_write_section section = {
		.hardware = writer->options.hardware,
		.os = writer->options.os,
		.application = writer->options.application,
		.comment = writer->options.comment,
	};
	struct buf block = room_for(writer, BLOCK_MAX);

	if (block.data)
		pcapng_write_section(&block, &section);
	return commit(writer, &block);
}

int capture_writer_new(struct capture_writer **result, const struct capture_writer_options *options,
                       struct error *error)
{
	struct capture_writer *writer = calloc(1, sizeof *writer);

	if (!writer)
		return error_set(error, ENOMEM, "out of memory");
	writer->options = *options;
	writer->start_ns = options->start_ns;
	writer->users = encode_users_new(PASSWD_PATH);
	writer->by_key = table_new(INTERFACES_MAX);
	if (!writer->users || !writer->by_key || !write_header(writer)) {
		capture_writer_free(writer);
		return error_set(error, ENOMEM, "out of memory");
	}
	*result = writer;
	return 0;
}

void capture_writer_free(struct capture_writer *writer)
{
	if (!writer)
		return;
	for (uint32_t i = 0; i < writer->count; i++)
		free(writer->interfaces[i].name);
	free(writer->interfaces);
	table_free(writer->by_key);
	encode_users_free(writer->users);
	free(writer);
}

static bool is(const struct interface_key *a, const struct interface_key *b)
{
	return a->ifindex == b->ifindex && a->netns == b->netns && a->link_type == b->link_type &&
	       strcmp(a->name, b->name) == 0;
}

static uint64_t hash_of(const struct capture_writer *writer, const struct interface_key *key)
{
	uint64_t place = (uint64_t)key->netns << 32 | key->ifindex;

	return hash_number(&writer->options.key, place ^ (uint64_t)(uint32_t)key->link_type << 16);
}

static bool has_room(struct capture_writer *writer)
{
	uint32_t capacity = writer->capacity ? 2 * writer->capacity : 16;
	struct written_interface *grown;

	if (writer->count < writer->capacity)
		return true;
	grown = writer->count < INTERFACES_MAX
	                ? realloc(writer->interfaces, capacity * sizeof *grown)
	                : NULL;
	if (!grown)
		return false;
	writer->interfaces = grown;
	writer->capacity = capacity;
	return true;
}

static bool write_interface(const struct capture_writer *writer, const struct interface_key *key)
{
	struct pcapng_write_interface description = {
		.link_type = key->link_type,
		.snaplen = writer->options.snaplen,
		.name = key->name,
	};
	struct buf block = room_for(writer, BLOCK_MAX);
	char text[32];

	snprintf(text, sizeof text, "netns=%u", key->netns);
	if (key->netns > 0)
		description.description = text;
	if (block.data)
		pcapng_write_interface(&block, &description);
	return commit(writer, &block);
}

/* NULL: no room, in memory or in the sink. */
static struct written_interface *add_interface(struct capture_writer *writer,
                                               const struct interface_key *key, uint64_t hash)
{
	struct written_interface *interface;

	if (!has_room(writer))
		return NULL;
	interface = &writer->interfaces[writer->count];
	*interface = (struct written_interface){ .key = *key, .name = strdup(key->name) };
	if (!interface->name)
		return NULL;
	interface->key.name = interface->name;
	if (table_insert(writer->by_key, hash, writer->count) != 0) {
		free(interface->name);
		return NULL;
	}
	if (!write_interface(writer, key)) {
		table_remove(writer->by_key, hash, writer->count);
		free(interface->name);
		return NULL;
	}
	writer->latest = writer->count++;
	return interface;
}

static struct written_interface *find_interface(struct capture_writer *writer,
                                                const struct interface_key *key)
{
	uint64_t hash = hash_of(writer, key);
	struct table_cursor cursor = table_cursor(writer->by_key, hash);
	uint32_t number;

	if (writer->count > 0 && is(&writer->interfaces[writer->latest].key, key))
		return &writer->interfaces[writer->latest];
	while (table_next(&cursor, &number))
		if (is(&writer->interfaces[number].key, key)) {
			writer->latest = number;
			return &writer->interfaces[number];
		}
	return add_interface(writer, key, hash);
}

static struct process_text text_of(const char *name)
{
	return (struct process_text){ name, name ? strlen(name) : 0 };
}

static struct process_text name_of(const struct capture_writer *writer, uint32_t uid)
{
	return text_of(encode_users_name(writer->users, uid));
}

/* As the record has it: the effective user where it is another than the real one. */
static void add_users(const struct capture_writer *writer, const struct owner *owner,
                      const struct process *process, struct owner_facts *facts)
{
	facts->has_real_uid = process->has_real_uid;
	facts->real_uid = process->real_uid;
	facts->has_uid = process->has_uid || owner->has_uid;
	facts->uid = process->has_uid ? process->uid : owner->uid;
	if (facts->has_real_uid && facts->real_uid == facts->uid)
		facts->has_uid = false;
	if (process->stated)
		return;
	if (facts->has_real_uid)
		facts->texts.user_name = name_of(writer, facts->real_uid);
	if (facts->has_uid)
		facts->texts.effective_user_name = name_of(writer, facts->uid);
}

/* As the record of an end without a process has it. */
static void add_socket_user(const struct capture_writer *writer, const struct owner *owner,
                            struct owner_facts *facts)
{
	const struct process *stated = owner_stated_user(owner);

	if (!owner->has_uid)
		return;
	facts->has_real_uid = true;
	facts->real_uid = owner->uid;
	facts->texts.user_name = stated ? text_of(stated->user_name) : name_of(writer, owner->uid);
}

static void fill_facts(const struct capture_writer *writer, const struct owner *owner,
                       const struct process *process, struct owner_facts *facts)
{
	*facts = (struct owner_facts){ .reason = owner->reason };
	if (process) {
		*facts = (struct owner_facts){
			.pid = process->pid,
			.parent_pid = process->parent_pid,
			.entity_id = process->entity_id,
			.start_ns = process->start_ns,
			.texts = process_texts(process),
		};
		add_users(writer, owner, process, facts);
	} else {
		add_socket_user(writer, owner, facts);
	}
	facts->shared_count = owner->shared_count;
	for (int i = 0; i < owner->shared_count; i++)
		facts->shared_pids[i] = owner->shared_pids[i];
}

/* Readers take lines of OWNER_TEXT_MAX bytes at most: what is long and says least is left out. */
static void add_owner(const struct capture_writer *writer, struct buf *comment,
                      struct owner_text_place place, const struct owner *owner, int64_t time_ns)
{
	const char *method = attribution_method_name(owner->method);
	char text[OWNER_TEXT_MAX];
	struct buf line = { .data = text, .capacity = sizeof text };
	struct owner_facts facts;

	fill_facts(writer, owner, owner_process_at(owner, time_ns), &facts);
	owner_text_append(&line, place, &facts, method);
	if (line.overflow) {
		buf_reset(&line);
		facts.texts.executable = (struct process_text){ 0 };
		owner_text_append(&line, place, &facts, method);
	}
	if (line.overflow) {
		buf_reset(&line);
		facts.texts = (struct process_texts){ .name = { 0 } };
		owner_text_append(&line, place, &facts, method);
	}
	if (comment->length > 0)
		buf_append_char(comment, '\n');
	buf_append(comment, line.data, line.length);
}

static bool has_facts(const struct owner *owner)
{
	return owner && (owner->process || owner->has_uid || owner->shared_count > 0);
}

/* An end of which nothing is known has a line beside one that is known: both are of this host. */
static void add_owners(const struct capture_writer *writer, struct buf *comment,
                       const struct event *event)
{
	const struct event_packet *packet = &event->packet;
	struct owner_text_place place = { .tunnel_depth = packet->packet->tunnel_depth };

	if (!has_facts(packet->source) && !has_facts(packet->destination))
		return;
	encode_users_refresh(writer->users, event->time_ns);
	if (packet->source) {
		place.end = packet->either_end ? OWNER_TEXT_ANY : OWNER_TEXT_SOURCE;
		add_owner(writer, comment, place, packet->source, event->time_ns);
	}
	if (packet->destination) {
		place.end = OWNER_TEXT_DESTINATION;
		add_owner(writer, comment, place, packet->destination, event->time_ns);
	}
}

static bool write_packet(struct capture_writer *writer, struct written_interface *interface,
                         const struct event *event)
{
	const struct event_packet *packet = &event->packet;
	char text[COMMENT_MAX];
	struct buf comment = { .data = text, .capacity = sizeof text }, block;
	struct pcapng_write_packet written = {
		.interface = (uint32_t)(interface - writer->interfaces),
		.time_ns = event->time_ns,
		.bytes = packet->frame,
		.captured = packet->frame_length,
		.length = packet->packet->length,
		.direction = packet->direction,
		/* A copy of a packet has the number of the first one. */
		.id = packet->duplicate_of > 0 ? packet->duplicate_of : packet->packet->number,
		.dropped = interface->lost,
	};

	add_owners(writer, &comment, event);
	written.comment = text;
	written.comment_length = (uint16_t)comment.length;
	block = room_for(writer, PCAPNG_WRITE_PACKET_MAX(&written));
	if (!block.data)
		return false;
	pcapng_write_packet(&block, &written);
	return commit(writer, &block);
}

void capture_writer_add(struct capture_writer *writer, const struct event *event)
{
	const struct event_packet *packet = &event->packet;
	const struct interface *known = packet->interface;
	const char *name = !known ? "" : known->long_name ? known->long_name : known->name;
	const struct interface_key key = {
		.netns = packet->packet->netns,
		/* The packet's is that of the tunnel that ends here, see packet.h. */
		.ifindex = packet->packet->ends_here && known ? known->ifindex
		                                              : packet->packet->ifindex,
		.link_type = packet->packet->link_type,
		.name = name,
	};
	struct written_interface *interface = find_interface(writer, &key);

	if (writer->start_ns == 0)
		writer->start_ns = event->time_ns;
	if (!interface || !write_packet(writer, interface, event)) {
		writer->counters.dropped++;
		if (interface)
			interface->lost++;
		return;
	}
	writer->counters.packets++;
	interface->packets++;
	interface->lost = 0;
	if (writer->options.flush_each)
		sink_flush(writer->options.sink);
}

static void write_statistics(const struct capture_writer *writer,
                             const struct pcapng_write_statistics *statistics)
{
	struct buf block = room_for(writer, BLOCK_MAX);

	if (block.data)
		pcapng_write_statistics(&block, statistics);
	commit(writer, &block);
}

/* The one that a capture is of: its own interface, or "any", of which no packet is. */
static struct written_interface *find_captured(struct capture_writer *writer,
                                               const struct capture_writer_capture *capture)
{
	const struct interface_key any = {
		.netns = capture->netns,
		.link_type = capture->link_type,
		.name = capture->name,
	};

	for (uint32_t i = 0; i < writer->count; i++) {
		const struct interface_key *found = &writer->interfaces[i].key;

		if (found->netns == capture->netns && strcmp(found->name, capture->name) == 0)
			return &writer->interfaces[i];
	}
	return find_interface(writer, &any);
}

void capture_writer_finish(struct capture_writer *writer, int64_t time_ns,
                           const struct capture_writer_capture *captures, int count,
                           int64_t deadline_ns)
{
	struct pcapng_write_statistics statistics = { .time_ns = time_ns,
		                                      .start_ns = writer->start_ns };
	uint32_t packets_of = writer->count;

	writer->deadline_ns = deadline_ns;
	for (uint32_t i = 0; i < packets_of; i++) {
		statistics.interface = i;
		statistics.delivered = writer->interfaces[i].packets + writer->interfaces[i].lost;
		write_statistics(writer, &statistics);
	}
	statistics.has_kernel = true;
	for (int i = 0; i < count; i++) {
		const struct written_interface *interface;

		if (captures[i].received + captures[i].dropped + captures[i].interface_dropped == 0)
			continue;
		interface = find_captured(writer, &captures[i]);
		if (!interface)
			continue;
		statistics.interface = (uint32_t)(interface - writer->interfaces);
		statistics.delivered = captures[i].delivered;
		statistics.received = captures[i].received;
		statistics.dropped = captures[i].dropped;
		statistics.interface_dropped = captures[i].interface_dropped;
		write_statistics(writer, &statistics);
	}
}

const struct capture_writer_counters *capture_writer_counters(const struct capture_writer *writer)
{
	return &writer->counters;
}
