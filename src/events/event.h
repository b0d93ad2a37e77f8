/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record schema in C: what happened, with everything the encoder needs.
 * All pointers are borrowed for the duration of the call that takes the event.
 * Schema: sockline-events(5).
 */
#ifndef SOCKLINE_EVENTS_EVENT_H
#define SOCKLINE_EVENTS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/owner.h"
#include "decode/packet.h"
#include "connections/connection.h"
#include "host/host_counters.h"
#include "inspect/dns_queries.h"
#include "interfaces/interfaces.h"
#include "sockets/socket.h"

#define EVENT_SCHEMA_VERSION "2.0"
#define EVENT_ECS_VERSION    "9.4.0"
#define EVENT_LINE_MAX       8000 /* bytes with the LF: rsyslog keeps 8,096 */
#define EVENT_PAYLOAD_MAX    4096 /* bytes of payload in one record, before base64 */

enum event_action {
	EVENT_PACKET,
	EVENT_CONNECTION_OPENED,
	EVENT_CONNECTION_STATE_CHANGED,
	EVENT_CONNECTION_UPDATED,
	EVENT_CONNECTION_ATTRIBUTED,
	EVENT_CONNECTION_CLOSED,
	EVENT_DNS_TRANSACTION,
	EVENT_EXISTING_SOCKET,
	EVENT_SNAPSHOT_COMPLETED,
	EVENT_LISTENING_STARTED,
	EVENT_LISTENING_STOPPED,
	EVENT_PROCESS_TRAFFIC,
	EVENT_PROCESS_STARTED,
	EVENT_PROCESS_EXECUTED,
	EVENT_PROCESS_ENDED,
	EVENT_CAPTURE_STATS,
	EVENT_RUN_STARTED,
	EVENT_RUN_STOPPED,
	EVENT_OUTPUT_OPENED,
	EVENT_RECORDS_DROPPED,
	EVENT_NETLINK_OVERRUN,
	EVENT_CAPTURE_LOST,
	EVENT_CAPTURE_RESUMED,
	EVENT_NETNS_OPENED,
	EVENT_LIMIT_REACHED,
	EVENT_TRACEPOINTS_OVERRUN,
	EVENT_HELPER_LOST,
	EVENT_CLOCK_STEP,
	EVENT_ACTION_COUNT
};

/* EVENT_PACKET */
struct event_packet {
	const struct packet *packet;
	const struct interface *interface; /* NULL when not known */
	/* NULL: ARP, later fragments without one, ... Not const: the encoder hangs a snippet on it. */
	struct connection *connection;
	enum packet_direction direction;
	bool from_source; /* the sender is the connection's source */
	/* Owner of the sender's end and of the receiver's; NULL = that end is not of this host. */
	const struct owner *source, *destination;
	bool either_end;          /* source is the owner of one of the ends, which is not known */
	const char *community_id; /* NULL: that of the connection, if the packet has its tuple */
	uint32_t netns;        /* when it was captured in another namespace than our own; else 0 */
	uint64_t duplicate_of; /* packet.number of the same packet on another interface; 0 */
	const struct tunnel *tunnel;    /* that it is in; NULL = none */
	const struct connection *outer; /* that of what carries it; NULL = none */
	const uint8_t *payload;         /* what is to be written of it; NULL = nothing */
	uint32_t payload_length;        /* the rest over EVENT_PAYLOAD_MAX is left out */
	const uint8_t *frame;           /* the packet's bytes, for -w; NULL = they are not kept */
	uint32_t frame_length;          /* of them that were captured, and kept */
};

/* EVENT_CONNECTION_*: totals, owners and times stand in the connection. */
struct event_connection {
	struct connection *connection; /* not const: as in event_packet */
	enum socket_state previous;    /* STATE_CHANGED */
};

/* EVENT_DNS_TRANSACTION: a query with its answer, or one of them alone. */
struct event_dns {
	struct connection *connection;     /* not const: as in event_packet */
	const struct dns_message *message; /* the answer; a query that nothing answers; NULL */
	const struct dns_query *query;     /* NULL: it was not seen, or is the message */
	int64_t query_ns;                  /* time of the query; 0 = not known */
	bool timed_out;
};

/*
 * EVENT_EXISTING_SOCKET, EVENT_LISTENING_*; EVENT_SNAPSHOT_COMPLETED uses snapshot_* and what is
 * its own.
 */
struct event_socket {
	const struct socket *socket;
	const struct owner *owner;
	const struct process *const *holders; /* all known holders, lowest pid first, for names */
	int holder_count;
	uint64_t connection_id;  /* of the one it is an end of; 0 = not known */
	uint64_t snapshot_id;    /* 1, 2, ... in this run; 0 for LISTENING_* */
	uint64_t snapshot_index; /* 1, 2, ... in this snapshot; the count, when completed */
	const char *cgroup;      /* path of the socket's; NULL = not known */
	int64_t began_ns;        /* SNAPSHOT_COMPLETED: when the sockets were listed */
	/* SNAPSHOT_COMPLETED: kinds of which sockets may be missing; that the kernel does not have. */
	uint32_t incomplete, absent; /* SOCKET_KIND_BIT */
};

struct event_traffic {
	uint64_t packets, bytes;
};

/* EVENT_PROCESS_TRAFFIC */
struct event_process {
	struct process *process;             /* NULL: the traffic without a known owner */
	struct event_traffic sent, received; /* since the start of the run */
	/* How many of these, since the last such record. */
	struct event_traffic interval_sent, interval_received;
	int64_t interval_ns;
	uint64_t connections; /* open now */
};

/* EVENT_PROCESS_STARTED, _EXECUTED, _ENDED */
struct event_life {
	struct process *process;
	int64_t state_ns; /* the process as it was then, since the epoch */
};

struct event_capture_counters {
	const char *name; /* interface, or path of the file; NULL: several, see the next two */
	bool is_file;
	uint64_t removed;  /* so many that are gone */
	uint64_t unlisted; /* so many that a record has no room for */
	uint32_t netns;    /* of another network namespace than our own; 0 = own, or a file */
	uint64_t received, dropped, interface_dropped;
	uint64_t unread;       /* received, and left in the ring: at the end of the run */
	uint64_t buffer_bytes; /* its ring, or what its queue may hold; 0 = a file, or several */
};

/* Why a run ended. */
enum event_stop {
	EVENT_STOP_NONE, /* it goes on */
	EVENT_STOP_SIGNAL,
	EVENT_STOP_COUNT,
	EVENT_STOP_DURATION,
	EVENT_STOP_END_OF_FILE,
	EVENT_STOP_READER_GONE,
	EVENT_STOP_ERROR,
	EVENT_STOP_SNAPSHOT,
	EVENT_STOP_COMMAND /* it has ended */
};

/* EVENT_CAPTURE_STATS and EVENT_RUN_STOPPED: everything that is counted. */
struct event_stats {
	int64_t uptime_ns, interval_ns;
	const struct event_capture_counters *captures;
	int capture_count;
	struct packet_counters packets; /* seen since the start */
	struct {
		uint64_t written, deselected, dropped, truncated, bytes;
	} records;
	struct {
		bool wanted; /* -w */
		uint64_t packets, dropped, bytes;
	} write;
	struct owner_counters owners;
	uint64_t connections_tracked;
	struct connection_counters connections;
	struct host_counters host;
	uint64_t rss_bytes;
	uint64_t cpu_ns;
	bool final;           /* RUN_STOPPED: complete totals */
	enum event_stop stop; /* RUN_STOPPED */
};

/* What --pid, --process and the others were given, as it was written. */
struct event_selection {
	struct event_texts {
		const char *const *texts;
		int count;
	} pid, process, user, container, cgroup, port;
};

/* EVENT_RUN_STARTED */
/*
 * Options in force. What does not apply to the run is left out: options of captures where
 * direction is NULL, of the live host where netns is NULL, of packets where max_connections is
 * 0, of a snapshot where kind_count is 0.
 */
struct event_config {
	const char *const *interfaces; /* as asked for; "any" when none */
	int interface_count;
	const char *file;          /* replay */
	const char *filter;        /* NULL = none */
	const char *const *events; /* names of -e in force */
	int event_count;
	int snaplen;
	uint32_t payload; /* 0 = none */
	int64_t buffer_bytes;
	const char *attribution;     /* "tracepoints", "sentinel", "lookup", "replay" */
	const char *attribution_why; /* one short text */
	const char *sockets;         /* "auto", "netlink", "proc" */
	uint16_t community_id_seed;
	const char *direction; /* "inout", "in", "out" */
	bool promiscuous, immediate_mode;
	const char *netns; /* "auto", "all", "self", "paths" */
	const char *const *netns_paths;
	int netns_path_count;
	bool guess;
	bool hash, args, all_processes;
	struct event_selection selection;
	const char *fields, *without; /* paths with commas between them; NULL = all, none */
	const char *command; /* its first word, for the others may hold secrets; NULL = none */
	bool dedupe, inspect, tunnels;
	uint32_t max_connections;
	uint64_t max_memory_bytes; /* 0 = no limit */
	int64_t update_interval_ns;
	uint64_t count;           /* 0 = no limit */
	int64_t duration_ns;      /* 0 = no limit */
	const char *const *kinds; /* of sockets: "tcp", "udp" */
	int kind_count;
	int64_t interval_ns; /* from one snapshot to the next; 0 = one alone */
	bool listening;
	int64_t stats_interval_ns, flush_interval_ns;
	bool flush_each;
	const char *on_slow_reader; /* "block", "drop" */
};

struct event_privilege {
	const char *capability; /* "cap_net_raw" */
	const char *feature;    /* "capture" */
};

struct event_run {
	const char *version;                  /* of sockline */
	const char *libpcap, *libnl, *json_c; /* library versions */
	const char *kernel;                   /* uname -r; NULL in a replay */
	struct event_config config;
	const char *const *capabilities; /* effective, lower case: "cap_net_raw" */
	int capability_count;
	const struct event_privilege *privileges; /* what each of them stays for */
	int privilege_count;
	const struct event_privilege *helper_privileges; /* those of the helper process */
	int helper_privilege_count;
	const char *const *degraded; /* what is missing and what it costs, one short text each */
	int degraded_count;
	uint32_t netns;      /* own network namespace; 0 in a replay */
	const char *boot_id; /* NULL in a replay */
};

/* EVENT_OUTPUT_OPENED, and everything of dataset sockline.log. */
struct event_log {
	const char *level;         /* "warning", "error", "info" */
	const char *message;       /* one line for a person */
	const char *error_message; /* NULL = none */
	const char *interface;     /* CAPTURE_LOST, CAPTURE_RESUMED */
	uint64_t count;            /* records dropped, messages lost */
	/* RECORDS_DROPPED: output; NETLINK_OVERRUN: proc_events, destroy */
	const char *where;
	int64_t step_ns;         /* CLOCK_STEP; negative = back */
	const char *path;        /* OUTPUT_OPENED: the file; NULL = standard output */
	uint64_t repaired_bytes; /* OUTPUT_OPENED: cut from a broken tail */
	uint32_t netns;          /* NETNS_OPENED, and of it: */
	int64_t age_ns;          /* since it was made; 0 = not known */
	uint64_t missed_packets; /* that its interfaces had carried before */
	/* LIMIT_REACHED: of what, how many there may be, and how many more there were */
	const char *limit;
	uint64_t max, refused;
	/* TRACEPOINTS_OVERRUN: what most events came from; LIMIT_REACHED: whose they are */
	struct process *process; /* NULL = not known */
	bool has_uid;
	uint32_t uid;
};

struct event {
	enum event_action action;
	int64_t time_ns;   /* @timestamp */
	uint64_t sequence; /* event.sequence: 1, 2, ... */
	unsigned part;     /* of its lines, see encoder_lines() */
	union {
		struct event_packet packet;
		struct event_connection connection;
		struct event_dns dns;
		struct event_socket socket;
		struct event_process process;
		struct event_life life;
		struct event_stats stats;
		struct event_run run;
		struct event_log log;
	};
};

static inline bool event_is_of_life(const struct event *event)
{
	return event->action >= EVENT_PROCESS_STARTED && event->action <= EVENT_PROCESS_ENDED;
}

/*
 * The time, since the epoch, as of which it names processes. A connection is reported some time
 * after its last packet: by then its process may have run another program, which had no part in it.
 */
static inline int64_t event_owner_ns(const struct event *event)
{
	if (event->action >= EVENT_CONNECTION_OPENED && event->action <= EVENT_CONNECTION_CLOSED)
		return event->connection.connection->last_ns;
	return event_is_of_life(event) ? event->life.state_ns : event->time_ns;
}

/* What ECS calls the categorization of an event: constant for each action. */
struct event_class {
	const char *action, *dataset, *kind;
	const char *categories[2], *types[2]; /* NULL = no second one */
};

/*
 * The owners that the record names, of its ends that are of this host: NULL where it has
 * none. A record about a process alone has no owners, but that process.
 */
struct event_owners {
	const struct owner *owners[2];
	struct process *process;
};
struct event_owners event_owners(const struct event *event);

const struct event_class *event_class(enum event_action action);
const char *event_action_name(enum event_action action); /* event.action */
const char *event_stop_name(enum event_stop stop);       /* event.reason of run_stopped */

#endif
