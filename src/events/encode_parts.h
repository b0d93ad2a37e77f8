/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files encode*.c share; private to them. */
#ifndef SOCKLINE_EVENTS_ENCODE_PARTS_H
#define SOCKLINE_EVENTS_ENCODE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/snippet.h"
#include "events/encode.h"
#include "events/encode_users.h"
#include "events/encode_writer.h"
#include "events/event.h"
#include "inspect/names.h"

struct icmp_errors;

#define MEMO_SIZE 512
#define MEMO_MAX  (MEMO_SIZE - WRITER_SLACK - 12 - 2 * sizeof(void *)) /* bytes */

/*
 * A piece of text that is the same in many records. Length 0: not made yet, or not to be kept.
 * The nodes are of narrow records alone, which may need none of the text.
 */
struct memo {
	uint64_t key;                     /* what it depends on, in a table of memos */
	const struct fields_node *made;   /* where it was made; NULL: not made yet */
	const struct fields_node *inside; /* of the object that it leaves open; NULL: none is */
	uint16_t opened;                  /* where in the text that object begins */
	uint16_t length;
	char bytes[MEMO_MAX + WRITER_SLACK];
};
#define MEMOS 64 /* of a table: a power of two */

/* Host and interface: name and number are all that the text depends on. */
struct interface_memo {
	uint32_t ifindex;
	char name[16];
	const char *long_name;
	struct memo memo;
};
#define INTERFACE_MEMOS 16 /* a power of two */
#define TIME_MEMOS      16 /* seconds */

struct encoder {
	char *host_name;
	char *host_id;                            /* NULL: absent */
	char *labels[2 * ENCODER_LABELS_MAX + 1]; /* names and values, NULL at the end */
	uint64_t run_id;
	uint16_t community_id_seed;
	enum encoder_format format;
	const struct fields *fields, *own_fields; /* see struct encoder_options */
	struct encode_users *users;
	struct encoder_counters counters;
	int64_t time_ns;  /* of the event at hand */
	int64_t owner_ns; /* at which its owners are named */

	struct record record;             /* at hand */
	struct record pieces_record;      /* a snippet, in the middle of a record */
	struct buf scratch;               /* one string of a tree */
	char pieces[4096 + WRITER_SLACK]; /* one snippet */

	struct buf_time_cache times[TIME_MEMOS];
	struct memo classes[EVENT_ACTION_COUNT];
	struct memo host, run;
	struct memo untroubled[4]; /* see encode_tcp.c */
	struct interface_memo interfaces[INTERFACE_MEMOS];
	struct memo networks[MEMOS], macs[MEMOS], flags[MEMOS], evidences[MEMOS];
	struct memo attributions[ATTRIBUTION_CAPTURE + 1][ATTRIBUTION_REPLAY + 1];
};

/*
 * encode_cache.c: pieces of text that are made once. A builder writes such a
 * piece. It must not depend on anything but its arguments and the encoder.
 */
typedef void encode_builder(struct writer *writer, const void *object, int piece);

/* Appends the memo, which the builder makes if need be. */
void encode_cache_make(struct writer *writer, struct memo *memo, encode_builder *builder,
                       const void *object, int piece);

/* Narrow: the memo, or nothing and false when it is not made for what is open. */
WRITER_INLINE bool encode_cache_recall(struct writer *writer, const struct memo *memo)
{
	if (memo->made != writer->level->node)
		return false;
	if (memo->inside)
		*++writer->level = (struct writer_level){
			.begin = writer->at + memo->opened,
			.node = memo->inside,
		};
	if (memo->length > 0)
		writer_splice(writer, memo->bytes, memo->length);
	return true;
}

void encode_narrow_make(struct writer *writer, struct memo *memo, encode_builder *builder,
                        const void *object, int piece);

WRITER_INLINE void encode_cache_memo(struct writer *writer, struct memo *memo,
                                     encode_builder *builder, const void *object, int piece)
{
	if (WRITER_NARROW) {
		if (!encode_cache_recall(writer, memo))
			writer_call(writer, encode_narrow_make, memo, builder, object, piece);
	} else if (__builtin_expect(memo->length > 0 && writer->record->caching, true))
		writer_splice(writer, memo->bytes, memo->length);
	else
		writer_call(writer, encode_cache_make, memo, builder, object, piece);
}

/* The key's place in a table of MEMOS; empty when it was another's. Fibonacci hashing. */
WRITER_INLINE struct memo *encode_cache_find(struct memo *memos, uint64_t key)
{
	const int shift = 64 - __builtin_ctz(MEMOS);
	struct memo *memo = &memos[key * UINT64_C(0x9e3779b97f4a7c15) >> shift];

	if (__builtin_expect(memo->key != key, false)) {
		memo->key = key;
		memo->length = 0;
		memo->made = NULL;
	}
	return memo;
}

/* The same for an interface. */
struct memo *encode_cache_interface(struct encoder *encoder, const struct interface *interface);

/*
 * The object's snippet, made anew when the generation is another: it holds up to
 * SNIPPET_PIECES runs of members, written by the builder one after the other.
 * NULL: there is none to be had (trees; exact bytes must be kept; no memory): build.
 * places: the paths of the objects that the pieces stand in, for narrow records; at NULL: not
 * in a snippet.
 */
const struct snippet *encode_cache_renew(struct encoder *encoder, struct snippet **slot,
                                         uint64_t generation, encode_builder *builder,
                                         const void *object, const char *const *places);

WRITER_INLINE const struct snippet *
encode_cache_snippet(struct writer *writer, struct snippet **slot, uint64_t generation,
                     encode_builder *builder, const void *object, const char *const *places)
{
	struct snippet *snippet = *slot;

	if (!WRITER_NARROW && !writer->record->caching)
		return NULL;
	if (__builtin_expect(!snippet || snippet->generation != generation, false))
		return encode_cache_renew(writer->record->encoder, slot, generation, builder,
		                          object, places);
	return snippet->length > 0 ? snippet : NULL;
}

WRITER_INLINE void encode_cache_piece(struct writer *writer, const struct snippet *snippet,
                                      encode_builder *builder, const void *object, int piece)
{
	uint32_t from, to;

	if (__builtin_expect(!snippet, false)) {
		writer_call(writer, builder, object, piece);
		return;
	}
	from = piece > 0 ? snippet->split[piece - 1] : 0;
	to = snippet->split[piece];
	writer_splice(writer, snippet->bytes + from, to - from);
}

/* Connections begin and end in few seconds: each finds the text of its own, mostly. */
WRITER_INLINE void encode_cache_time(struct writer *writer, const struct key *key, int64_t time_ns)
{
	uint64_t second = (uint64_t)time_ns / 1000000000;

	writer_time(writer, key, &writer->record->encoder->times[second % TIME_MEMOS], time_ns);
}

/* Everything between the time and the sequence number. */
void encode_record_class(struct writer *writer, const void *object, int action);

WRITER_INLINE void encode_record_open(struct writer *writer, const struct event *event)
{
	struct memo *memo = &writer->record->encoder->classes[event->action];

	writer_object(writer, ELEMENT);
	encode_cache_time(writer, KEY("@timestamp"), event->time_ns);
	encode_cache_memo(writer, memo, encode_record_class, NULL, (int)event->action);
	writer_count(writer, KEY("sequence"), event->sequence);
}

WRITER_INLINE void encode_record_close(struct writer *writer)
{
	const struct record *record = writer->record;

	if (record->raw_count > 0)
		writer_call(writer, encode_writer_raw);
	if (record->cut != 0 || record->marked != 0 || record->raw_lost)
		writer_call(writer, encode_writer_truncated);
	writer_object_end(writer);
	writer_object_end(writer);
}

/*
 * encode_record.c: the frame of all records. After _begin "event" is open, after _sockline
 * "sockline".
 */
void encode_record_begin(struct writer *writer, const struct event *event);
void encode_record_host_at(struct writer *writer, const void *interface, int piece);
void encode_record_host_booted(struct writer *writer,
                               const char *boot_id); /* the same with host.boot.id */
void encode_record_run(struct writer *writer, const void *object, int piece);
void encode_record_end(struct writer *writer);

/* Ends "event". The interface where a packet was captured makes "observer"; NULL = not known. */
WRITER_INLINE void encode_record_host(struct writer *writer, const struct interface *interface)
{
	struct encoder *encoder = writer->record->encoder;

	writer_object_end(writer);
	encode_cache_memo(writer,
	                  interface ? encode_cache_interface(encoder, interface) : &encoder->host,
	                  encode_record_host_at, interface, 0);
}

WRITER_INLINE void encode_record_sockline(struct writer *writer)
{
	encode_cache_memo(writer, &writer->record->encoder->run, encode_record_run, NULL, 0);
}

/* encode_tuple.c: addresses, protocols, interfaces. */

/* network.{type,transport,iana_number}; inside "network". */
const char *encode_tuple_protocol_name(uint8_t protocol); /* NULL = it has none */
void encode_tuple_protocol(struct writer *writer, bool v4, uint8_t protocol);
void encode_tuple_direction(struct writer *writer, enum connection_direction direction);
/* ip and port; inside "source" or "destination". */
void encode_tuple_end(struct writer *writer, const struct inet_address *address, uint16_t port,
                      bool has_port);
/* The same for an IPv6 packet, whose addresses may be IPv4-mapped. */
void encode_tuple_end_v6(struct writer *writer, const struct inet_address *address, uint16_t port,
                         bool has_port);
/* vlan.id and inner.vlan.id, of one or two; inside "network". */
void encode_tuple_vlans(struct writer *writer, const uint16_t *ids, int count);
/* sockline.tunnel */
void encode_tuple_tunnel(struct writer *writer, const struct tunnel *tunnel);
/* Its name. */
const char *encode_tuple_tunnel_type(enum packet_tunnel type);
/* number -1, name "": not known. */
void encode_tuple_observer(struct writer *writer, const char *name, int64_t number);

/* Opens "network" and writes all but what is of one packet or connection. */
void encode_tuple_write_network(struct writer *writer, const void *object, int which);

WRITER_INLINE void encode_tuple_network(struct writer *writer, enum packet_network network,
                                        uint8_t protocol, enum packet_direction direction)
{
	unsigned which = (unsigned)protocol << 4 | (unsigned)network << 2 | (unsigned)direction;

	encode_cache_memo(writer, encode_cache_find(writer->record->encoder->networks, which),
	                  encode_tuple_write_network, NULL, (int)which);
}

/* mac; inside "source" or "destination". */
void encode_tuple_write_mac(struct writer *writer, const void *six_bytes, int piece);

WRITER_INLINE void encode_tuple_mac(struct writer *writer, const uint8_t *six_bytes)
{
	uint32_t first;
	uint16_t last;

	memcpy(&first, six_bytes, sizeof first);
	memcpy(&last, six_bytes + sizeof first, sizeof last);
	encode_cache_memo(
		writer,
		encode_cache_find(writer->record->encoder->macs, (uint64_t)first << 16 | last),
		encode_tuple_write_mac, six_bytes, 0);
}

/* encode_owner.c: who it was. */

/* process, user, container. Short: pid, name, entity_id, executable, for packets. */
void encode_owner_short(struct writer *writer, const struct owner *owner);
void encode_owner_full(struct writer *writer, const struct owner *owner);
/* The rest stands inside "sockline". */
void encode_owner_cgroup(struct writer *writer, const struct owner *owner);
void encode_owner_write_attribution(struct writer *writer, const void *owner, int which);

/* NULL: an end that is nobody's; reason then is said, as when the owner names none. */
WRITER_INLINE void encode_owner_attribution(struct writer *writer, const struct owner *owner,
                                            enum attribution_reason reason)
{
	enum attribution_method method = owner ? owner->method : ATTRIBUTION_UNKNOWN;
	int which;

	if (owner && owner->reason != ATTRIBUTION_REASON_NONE)
		reason = owner->reason;
	which = (int)method << 8 | (int)reason;
	if (owner && (owner->shared_count > 0 || owner->has_common))
		writer_call(writer, encode_owner_write_attribution, owner, which);
	else
		encode_cache_memo(writer, &writer->record->encoder->attributions[method][reason],
		                  encode_owner_write_attribution, NULL, which);
}

void encode_owner_peer(struct writer *writer, const struct owner *owner);
/* Arguments that are kept, all of them, with blanks between; nothing if they are not known. */
void encode_owner_command_line(struct writer *writer, const struct key *key,
                               const struct process *process);
/* The digits of the executable's hash, without a NUL. False: it is not known. */
#define ENCODE_OWNER_SHA256 64
bool encode_owner_sha256(const struct process *process, char text[ENCODE_OWNER_SHA256]);
/* What is user.id, and user.name or NULL. False: it is not known. */
bool encode_owner_user(struct writer *writer, const struct owner *owner, uint32_t *uid,
                       const char **name);

/* encode_connection.c */
void encode_connection_event(struct writer *writer, const struct event *any);
/* For records about a connection: network, both ends and the owner; in "sockline" the rest. */
void encode_connection_ends(struct writer *writer, struct connection *connection);
void encode_connection_owners(struct writer *writer, struct connection *connection);
/* Piece builder of a connection's snippet, and its numbers. */
enum connection_piece {
	CONNECTION_PIECE_COMMUNITY_ID,
	CONNECTION_PIECE_SOURCE,
	CONNECTION_PIECE_DESTINATION,
	CONNECTION_PIECE_ID, /* "connection" with it, open */
	/* Narrow: "source" and "destination" of packets from the source, and of those to it. */
	CONNECTION_PIECE_ENDS,
	CONNECTION_PIECE_ENDS_BACK,
};
void encode_connection_piece(struct writer *writer, const void *connection, int piece);
extern const char *const encode_connection_places[SNIPPET_PIECES];

WRITER_INLINE const struct snippet *encode_connection_snippet(struct writer *writer,
                                                              struct connection *connection)
{
	/* What it says never changes. */
	return encode_cache_snippet(writer, &connection->snippet, 0, encode_connection_piece,
	                            connection, encode_connection_places);
}

WRITER_INLINE void encode_connection_write_piece(struct writer *writer,
                                                 const struct snippet *snippet,
                                                 const struct connection *connection,
                                                 enum connection_piece piece)
{
	/* What it leaves open a piece of a narrow record does not know. */
	if (WRITER_NARROW && piece == CONNECTION_PIECE_ID)
		snippet = NULL;
	encode_cache_piece(writer, snippet, encode_connection_piece, connection, (int)piece);
}

/* An end as its socket knows it, where NAT makes that another than what its packets show. */
void encode_connection_translated(struct writer *writer, const struct key *key,
                                  const struct connection *connection, enum connection_end end);
void encode_connection_vlans(struct writer *writer, const struct connection *connection);
void encode_connection_layers(struct writer *writer, const struct connection *connection);
void encode_connection_interval(struct writer *writer, const struct connection *connection,
                                int64_t now_ns);
void encode_connection_icmp_errors(struct writer *writer, const struct icmp_errors *errors);
void encode_connection_evidence(struct writer *writer, const void *object, int evidence);
void encode_connection_icmp(struct writer *writer, uint16_t id);     /* of an echo */
const char *encode_connection_state(enum socket_state state);        /* NULL for NONE */
const char *encode_connection_reason(enum connection_reason reason); /* the same */
const char *encode_socket_kind(enum socket_kind kind);

/*
 * encode_details.c: details of sockets, if there are any: "source" and "destination"; inside
 * "socket"; inside "sockline": "tcp" and such.
 */
void encode_details_ends(struct writer *writer, const struct socket *socket);
void encode_details_socket(struct writer *writer, const struct socket *socket);
void encode_details_protocol(struct writer *writer, const struct socket *socket);

/* encode_names.c: inside "network", of the destination, outside of all, and inside "sockline". */
void encode_names_network(struct writer *writer, enum names_protocol protocol);
void encode_names_domain(struct writer *writer, const struct key *key, const struct names *names);
/* Nothing where there is none. */
void encode_names_text(struct writer *writer, const struct key *key, const struct names *names,
                       enum names_text text);
void encode_names_alpn(struct writer *writer, const struct key *key, const struct names *names,
                       enum writer_raw raw);
const uint8_t *encode_names_bytes(const struct names *names, enum names_text text, size_t *length);
void encode_names_contents(struct writer *writer, const struct names *names);
void encode_names_sockline(struct writer *writer, const struct names *names);
const char *encode_names_protocol(enum names_protocol protocol); /* NULL = not known */

/*
 * encode_tcp.c: flags of a packet; "tcp" of a socket and of a connection; what is of packets only
 * with totals.
 */
void encode_tcp_flags(struct writer *writer, const void *object, int flags);
void encode_tcp_figures(struct writer *writer,
                        const struct socket_tcp_info *info); /* its members */
void encode_tcp_connection(struct writer *writer, const struct connection *connection, bool totals);
/* Inside "connection". */
void encode_tcp_history(struct writer *writer, const struct connection *connection);

void encode_dns_event(struct writer *writer, const struct event *any);
void encode_dns_write_type(struct writer *writer, uint16_t type);
void encode_dns_write_class(struct writer *writer, uint16_t class);
const char *encode_dns_type(uint16_t type); /* NULL = it has no name */
const char *encode_dns_code(uint16_t code); /* the same */

/* encode_packet_parts.c: what few packets have. */
void encode_packet_address(struct writer *writer, const struct packet *packet,
                           enum connection_end end);
void encode_packet_link(struct writer *writer, const struct packet *packet); /* in "packet" */
void encode_packet_data(struct writer *writer, const struct event_packet *event);
void encode_packet_icmp(struct writer *writer, const struct packet *packet);
void encode_packet_arp(struct writer *writer, const struct packet *packet);
void encode_packet_fragment(struct writer *writer, const struct packet *packet);
void encode_packet_event(struct writer *writer, const struct event *any);
void encode_socket_event(struct writer *writer, const struct event *any);

void encode_process_traffic(struct writer *writer, const struct event *any);
void encode_process_life(struct writer *writer, const struct event *any);

/* encode_report.c: what sockline says about itself and in sums. */
void encode_report_stats(struct writer *writer, const struct event *any);
void encode_report_run(struct writer *writer, const struct event *any);
void encode_report_log(struct writer *writer, const struct event *any);

#endif
