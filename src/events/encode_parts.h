/* SPDX-License-Identifier: Apache-2.0 */
/* What the files encode*.c share; private to them. */
#ifndef SOCKLINE_EVENTS_ENCODE_PARTS_H
#define SOCKLINE_EVENTS_ENCODE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "events/encode.h"
#include "events/encode_users.h"
#include "events/encode_writer.h"
#include "events/event.h"
#include "events/fragment.h"

#define MEMO_MAX 478 /* bytes */

/* A piece of text that is the same in many records. Length 0: not made yet, or not to be kept. */
struct memo {
	uint16_t length;
	char bytes[MEMO_MAX + WRITER_SLACK];
};

/* Interfaces by name and number, which are all that the text depends on. */
struct interface_memo {
	uint32_t ifindex;
	char name[16];
	struct memo memo;
};
#define INTERFACE_MEMOS 16 /* a power of two */

/* A MAC address: a host has few. Zeros are never looked for, so that empty ones fit nothing. */
struct mac_memo {
	uint8_t address[6];
	char text[17]; /* upper case with hyphens */
};
#define MAC_MEMOS  16 /* a power of two */
#define TIME_MEMOS 16 /* seconds */

struct encoder {
	char *host_name;
	uint64_t run_id;
	uint16_t community_id_seed;
	struct encode_users *users;
	struct encoder_counters counters;
	int64_t time_ns; /* of the event at hand */

	struct writer writer;        /* of the record at hand */
	struct writer pieces_writer; /* of a fragment, in the middle of a record */
	struct buf scratch;          /* one string of a tree */
	char pieces[4096];           /* one fragment */

	struct buf_time_cache second;
	struct memo classes[EVENT_ACTION_COUNT];
	struct memo host, run;
	struct interface_memo interfaces[INTERFACE_MEMOS];
	struct mac_memo macs[MAC_MEMOS];
	struct buf_time_cache times[TIME_MEMOS];
	struct memo attributions[ATTRIBUTION_TRACEPOINT + 1][ATTRIBUTION_REPLAY + 1];
};

/* encode_cache.c: pieces of text that are made once. */

/* Appends the memo; false: make the members, then call encode_cache_keep with what from said. */
bool encode_cache_replay(struct writer *writer, const struct memo *memo);
const char *encode_cache_from(const struct writer *writer);
void encode_cache_keep(struct writer *writer, struct memo *memo, const char *from);
/* The slot for an interface; its memo is empty when the slot was another's. */
struct memo *encode_cache_interface(struct encoder *encoder, const struct interface *interface);

/*
 * A fragment holds FRAGMENT_PIECES runs of members of one object. A builder
 * writes piece number `piece`; it must not depend on anything but the object,
 * its generation and the encoder.
 */
#define FRAGMENT_PIECES 5
typedef void encode_piece_builder(struct writer *writer, const void *object, int piece);

/*
 * The object's fragment, made anew when the generation is another. NULL: there
 * is none to be had (trees; exact bytes must be kept; no memory): build.
 */
const struct fragment *encode_cache_fragment(struct writer *writer, struct fragment **slot,
                                             uint64_t generation, encode_piece_builder *builder,
                                             const void *object);

static inline void encode_cache_piece(struct writer *writer, const struct fragment *fragment,
                                      encode_piece_builder *builder, const void *object, int piece)
{
	uint32_t from, to;

	if (!fragment) {
		builder(writer, object, piece);
		return;
	}
	from = piece > 0 ? fragment->split[piece - 1] : 0;
	to = piece < FRAGMENT_PIECES - 1 ? fragment->split[piece] : fragment->length;
	writer_splice(writer, fragment->bytes + from, to - from);
}

/* encode_record.c: the frame of all records. After _begin "event" is open, after _sockline "sockline". */
void encode_record_begin(struct writer *writer, const struct event *event);
void encode_record_host(struct writer *writer); /* ends "event" */
void encode_record_host_booted(struct writer *writer,
                               const char *boot_id); /* the same with host.boot.id */
void encode_record_sockline(struct writer *writer);
void encode_record_end(struct writer *writer);

/* encode_tuple.c: addresses, protocols, interfaces. */

/* network.{type,transport,iana_number}; inside "network". */
void encode_tuple_protocol(struct writer *writer, bool v4, uint8_t protocol);
/* ip and port; inside "source" or "destination". */
void encode_tuple_end(struct writer *writer, const struct inet_address *address, uint16_t port,
                      bool has_port);
void encode_tuple_direction(struct writer *writer, enum connection_direction direction);
void encode_tuple_mac(struct writer *writer, const uint8_t *six_bytes);
bool encode_tuple_has_ports(uint8_t protocol);
void encode_tuple_observer(struct writer *writer, const char *name, uint32_t ifindex);

/* encode_owner.c: who it was. */

/* process, user, container. Short: pid, name, entity_id, executable, for packets. */
void encode_owner_short(struct writer *writer, const struct owner *owner);
void encode_owner_full(struct writer *writer, const struct owner *owner,
                       const struct event_args *args);
void encode_owner_process(struct writer *writer, const struct process *process); /* full, no args */
/* The rest stands inside "sockline". */
void encode_owner_cgroup(struct writer *writer, const struct owner *owner);
/* NULL: an end that is nobody's; reason then is said, as when the owner names none. */
void encode_owner_attribution(struct writer *writer, const struct owner *owner,
                              enum attribution_reason reason);
void encode_owner_peer(struct writer *writer, const struct owner *owner);

/* encode_connection.c */
void encode_connection_event(struct writer *writer, const struct event *any);
/* Piece builder of a connection's fragment, and its numbers. */
enum connection_piece {
	CONNECTION_PIECE_PROTOCOL,
	CONNECTION_PIECE_COMMUNITY_ID,
	CONNECTION_PIECE_SOURCE,
	CONNECTION_PIECE_DESTINATION,
	CONNECTION_PIECE_ID,
};
void encode_connection_piece(struct writer *writer, const void *object, int piece);
const struct fragment *encode_connection_fragment(struct writer *writer,
                                                  struct connection *connection);

static inline void encode_connection_write_piece(struct writer *writer,
                                                 const struct fragment *fragment,
                                                 const struct connection *connection,
                                                 enum connection_piece piece)
{
	encode_cache_piece(writer, fragment, encode_connection_piece, connection, (int)piece);
}

void encode_connection_tcp_info(struct writer *writer, const struct socket_tcp_info *info);
void encode_connection_icmp(struct writer *writer, uint16_t id); /* of an echo */
const char *encode_connection_state(enum socket_state state);    /* NULL for NONE */

void encode_packet_event(struct writer *writer, const struct event *any);
void encode_socket_event(struct writer *writer, const struct event *any);

/* encode_report.c: what sockline says about itself and in sums. */
void encode_report_process(struct writer *writer, const struct event *any);
void encode_report_stats(struct writer *writer, const struct event *any);
void encode_report_run(struct writer *writer, const struct event *any);
void encode_report_log(struct writer *writer, const struct event *any);

#endif
