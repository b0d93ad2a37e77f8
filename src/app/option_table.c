/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_table.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "app/option_select.h"
#include "app/option_set.h"
#include "app/option_values.h"
#include "base/clock.h"
#include "decode/decode.h"
#include "events/event.h"
#include "output/frame.h"

#define FIELD(field)                                                                               \
	.offset = offsetof(struct options, field), .size = sizeof(((struct options *)NULL)->field)
/* Only fields of the right type compile: the comparison of the pointers is never evaluated. */
#define FIELD_OF(type, field)                                                                      \
	.offset = offsetof(struct options, field),                                                 \
	.size = sizeof(type) + 0 * sizeof((type *)NULL == &((struct options *)NULL)->field)
#define SWITCH(field)     .kind = OPTION_SET, FIELD_OF(bool, field), .value = true
#define SWITCH_OFF(field) .kind = OPTION_SET, FIELD_OF(bool, field), .value = false
#define MODE(mode_)       .kind = OPTION_SET, FIELD_OF(enum options_mode, mode), .value = (mode_)
#define COPIES(copies_)                                                                            \
	.kind = OPTION_SET, FIELD_OF(enum options_copies, copies), .value = (copies_)
#define SHOWN(field, shown_)                                                                       \
	.kind = OPTION_SET, FIELD_OF(enum options_shown, field), .value = (shown_)
#define LEVEL(level)        .kind = OPTION_SET, FIELD_OF(enum log_level, log_level), .value = (level)
#define TEXT(field)         .kind = OPTION_TEXT, FIELD_OF(const char *, field)
#define DURATION(field)     .kind = OPTION_DURATION, .argument = "N[smhd]", FIELD_OF(int64_t, field)
#define NUMBER(type, field) .kind = OPTION_NUMBER, FIELD_OF(type, field)
#define SIZE(field)         .kind = OPTION_SIZE, .argument = "N[KMG]", FIELD_OF(uint64_t, field)
#define WORD(type, field)   .kind = OPTION_WORD, FIELD_OF(type, field)
#define KIND(socket_kind)                                                                          \
	.kind = OPTION_BIT, FIELD_OF(uint32_t, kinds), .value = SOCKET_KIND_BIT(socket_kind)

static const char *const directions[] = { "inout", "in", "out", NULL };
static const char *const methods[] = { "auto", "tracepoints", "sentinel", "lookup", NULL };
static const char *const lister_modes[] = { "auto", "netlink", "proc", NULL };
static const char *const formats[] = { "auto", "ecs", "text", "zeek", "ocsf", NULL };
static const char *const policies[] = { "block", "drop", NULL };
static const char *const log_formats[] = { "text", "json", NULL };

const struct option_row option_table[] = {
	{ .section = "Input",
	  .letter = 'i',
	  .name = "interface",
	  .kind = OPTION_CALL,
	  .argument = "IF",
	  .parse = option_set_interface,
	  .completion = OPTION_COMPLETES_INTERFACES,
	  .repeats = true,
	  .config = "interfaces",
	  .help = "capture there; repeatable; default: all interfaces" },
	{ .letter = 'r',
	  .name = "read",
	  TEXT(read_file),
	  .argument = "FILE",
	  .completion = OPTION_COMPLETES_FILES,
	  .config = "file",
	  .help = "read a pcap or pcapng file instead (- = stdin)" },
	{ .letter = 'F',
	  .name = "filter-file",
	  .kind = OPTION_CALL,
	  .argument = "FILE",
	  .parse = option_set_filter_file,
	  .completion = OPTION_COMPLETES_FILES,
	  .config = "filter",
	  .help = "read the filter expression from FILE" },
	{ .letter = 'Q',
	  .name = "direction",
	  WORD(enum capture_direction, direction),
	  .words = directions,
	  .config = "direction",
	  .help = "capture only this direction" },
	{ .letter = 'p',
	  .name = "no-promiscuous-mode",
	  SWITCH_OFF(promiscuous),
	  .config = "promiscuous",
	  .help = "do not put interfaces into promiscuous mode" },
	{ .letter = 's',
	  .name = "snaplen",
	  .alias = "snapshot-length",
	  NUMBER(int, snaplen),
	  .argument = "N",
	  .maximum = OPTIONS_SNAPLEN_MAX,
	  .initial = DECODE_SNAPLEN,
	  .config = "snaplen",
	  .help = "bytes to capture of each packet" },
	{ .letter = 'B',
	  .name = "buffer-size",
	  NUMBER(int, buffer_kib),
	  .argument = "KIB",
	  .minimum = 64,
	  .maximum = INT_MAX / 1024,
	  .initial = CAPTURE_BUFFER_KIB,
	  .config = "buffer_bytes",
	  .help = "size of the kernel's capture buffers, all together" },
	{ .name = "immediate-mode",
	  SWITCH(immediate),
	  .config = "immediate_mode",
	  .help = "deliver each packet at once" },
	{ .letter = 'D',
	  .name = "list-interfaces",
	  MODE(OPTIONS_LIST_INTERFACES),
	  .config = OPTION_NO_CONFIG,
	  .help = "print the interfaces that can be captured on" },
	{ .letter = 'L',
	  .name = "list-data-link-types",
	  MODE(OPTIONS_LIST_LINK_TYPES),
	  .config = OPTION_NO_CONFIG,
	  .help = "print the link types of an interface" },
	{ .name = "netns",
	  .kind = OPTION_CALL,
	  .argument = "PATH|all|self",
	  .parse = option_set_netns,
	  .completion = OPTION_COMPLETES_NAMESPACES,
	  .repeats = true,
	  .config = "netns",
	  .help = "network namespaces; repeatable; default: all, where\n"
	          "CAP_SYS_ADMIN allows it" },
	{ .name = "attribution",
	  WORD(enum host_method, method),
	  .words = methods,
	  .config = "attribution",
	  .help = "how owners of new connections are caught" },
	{ .name = "guess",
	  SWITCH(guess),
	  .config = "guess",
	  .help = "name the likeliest owner where it is ambiguous (the\n"
	          "record shows that it is a guess)" },
	{ .name = "sockets",
	  WORD(enum lister_mode, sockets),
	  .words = lister_modes,
	  .config = "sockets",
	  .help = "where sockets are enumerated" },

	{ .section = "Records",
	  .letter = 'e',
	  .name = "events",
	  .kind = OPTION_CALL,
	  .argument = "LIST",
	  .parse = option_set_events,
	  .words = option_values_event_words,
	  .completion = OPTION_COMPLETES_LIST,
	  .config = "events",
	  .help = "records to write (packet,connection or of it opened,\n"
	          "updated,attributed,closed; process or of it traffic,\n"
	          "lifecycle; state,socket,stats,dns,all; default\n"
	          "packet,connection,stats)" },
	{ .letter = 'S',
	  .name = "snapshot",
	  MODE(OPTIONS_SNAPSHOT),
	  .config = "events",
	  .help = "one record for each socket, then exit" },
	{ .name = "interval",
	  DURATION(snapshot_interval_ns),
	  .config = "interval_ns",
	  .help = "list them again each time (with -S); 0 = once" },
	{ .name = "listening",
	  SWITCH(listening),
	  .config = "listening",
	  .help = "only sockets that wait for peers (with -S)" },
	{ .name = "tcp", KIND(SOCKET_TCP), .config = "kinds" },
	{ .name = "udp", KIND(SOCKET_UDP), .config = "kinds" },
	{ .name = "udplite", KIND(SOCKET_UDPLITE), .config = "kinds" },
	{ .name = "raw", KIND(SOCKET_RAW), .config = "kinds" },
	{ .name = "icmp", KIND(SOCKET_ICMP), .config = "kinds" },
	{ .name = "unix", KIND(SOCKET_UNIX), .config = "kinds" },
	{ .name = "packet", KIND(SOCKET_PACKET), .config = "kinds" },
	{ .name = "netlink", KIND(SOCKET_NETLINK), .config = "kinds" },
	{ .name = "mptcp", KIND(SOCKET_MPTCP), .config = "kinds" },
	{ .name = "sctp", KIND(SOCKET_SCTP), .config = "kinds" },
	{ .name = "dccp", KIND(SOCKET_DCCP), .config = "kinds" },
	{ .name = "vsock", KIND(SOCKET_VSOCK), .config = "kinds" },
	{ .name = "xdp", KIND(SOCKET_XDP), .config = "kinds" },
	{ .name = "tipc", KIND(SOCKET_TIPC), .config = "kinds" },
	{ .name = "smc",
	  KIND(SOCKET_SMC),
	  .config = "kinds",
	  .help = "only these kinds of sockets (with -S)" },
	{ .name = "no-dedupe",
	  COPIES(OPTIONS_COPIES_WRITTEN),
	  .config = "dedupe",
	  .help = "records also for packets that another interface showed\n"
	          "before; they name the first one; so it is with -r" },
	{ .name = "dedupe",
	  COPIES(OPTIONS_COPIES_LEFT_OUT),
	  .config = "dedupe",
	  .help = "no records for these with -r, either" },
	{ .name = "no-inspect",
	  SWITCH_OFF(inspect),
	  .config = "inspect",
	  .help = "do not look into packets for names (DNS, TLS, HTTP, SSH)" },
	{ .name = "no-tunnels",
	  SWITCH_OFF(tunnels),
	  .config = "tunnels",
	  .help = "do not take packets out of tunnels (GRE, VXLAN, ...)" },
	{ .name = "pid",
	  .kind = OPTION_CALL,
	  .argument = "N",
	  .parse = option_select_pid,
	  .repeats = true,
	  .config = "selection",
	  .help = "only records of this process; the six from here on are\n"
	          "repeatable: one value of each must fit" },
	{ .name = "process",
	  .kind = OPTION_CALL,
	  .argument = "NAME|PATH",
	  .parse = option_select_process,
	  .completion = OPTION_COMPLETES_FILES,
	  .repeats = true,
	  .config = "selection",
	  .help = "only of processes with this name or executable" },
	{ .name = "user",
	  .kind = OPTION_CALL,
	  .argument = "NAME|UID",
	  .parse = option_select_user,
	  .repeats = true,
	  .config = "selection",
	  .help = "only of processes of this user" },
	{ .name = "container",
	  .kind = OPTION_CALL,
	  .argument = "ID|NAME",
	  .parse = option_select_container,
	  .repeats = true,
	  .config = "selection",
	  .help = "only of processes in this container" },
	{ .name = "cgroup",
	  .kind = OPTION_CALL,
	  .argument = "PATH",
	  .parse = option_select_cgroup,
	  .repeats = true,
	  .config = "selection",
	  .help = "only of processes in or below this control group" },
	{ .name = "port",
	  .kind = OPTION_CALL,
	  .argument = "N",
	  .parse = option_select_port,
	  .repeats = true,
	  .config = "selection",
	  .help = "only of connections and sockets with this port" },
	{ .name = "args",
	  SWITCH(args),
	  .config = "args",
	  .help = "arguments of processes, without what looks like a secret" },
	{ .name = "all-processes",
	  SWITCH(all_processes),
	  .config = "all_processes",
	  .help = "records of all processes that start, execute or end,\n"
	          "not only of those that own sockets" },
	{ .name = "hash",
	  SWITCH(hash),
	  .config = "hash",
	  .help = "SHA-256 of the executables of processes" },
	{ .name = "payload",
	  NUMBER(uint32_t, payload),
	  .argument = "N",
	  .maximum = EVENT_PAYLOAD_MAX,
	  .config = "payload",
	  .help = "up to N bytes of the payload of packets, in base64" },
	{ .letter = 'c',
	  .name = "count",
	  NUMBER(uint64_t, count),
	  .argument = "N",
	  .minimum = 1,
	  .maximum = INT64_MAX,
	  .config = "count",
	  .help = "stop after N packets" },
	{ .letter = 'd',
	  .name = "duration",
	  DURATION(duration_ns),
	  .minimum = 1,
	  .config = "duration_ns",
	  .help = "stop after this time" },
	{ .name = "update-interval",
	  DURATION(update_interval_ns),
	  .initial = 60,
	  .config = "update_interval_ns",
	  .help = "time between connection_updated records; 0 = off" },
	{ .name = "stats-interval",
	  DURATION(stats_interval_ns),
	  .initial = 10,
	  .config = "stats_interval_ns",
	  .help = "time between capture_stats records; 0 = off" },
	{ .name = "community-id-seed",
	  NUMBER(uint16_t, community_id_seed),
	  .argument = "N",
	  .maximum = UINT16_MAX,
	  .config = "community_id_seed",
	  .help = "seed of the Community ID (default 0)" },
	{ .name = "max-connections",
	  NUMBER(uint32_t, max_connections),
	  .argument = "N",
	  .minimum = 16,
	  .maximum = 16777216,
	  .initial = 65536,
	  .config = "max_connections",
	  .help = "connections that are tracked" },

	{ .section = "Output",
	  .letter = 'o',
	  .name = "output",
	  TEXT(output_file),
	  .argument = "FILE",
	  .completion = OPTION_COMPLETES_FILES,
	  .config = OPTION_NO_CONFIG,
	  .help = "append to FILE; SIGHUP reopens it; compressed when\n"
	          "its name ends in .zst; or unix:PATH, tcp:HOST:PORT,\n"
	          "connected anew when it ends; or fd:N" },
	{ .name = "spool-size",
	  SIZE(spool_size),
	  .minimum = OPTIONS_SPOOL_MIN,
	  .maximum = OPTIONS_SPOOL_MAX,
	  .initial = UINT64_C(64) << 20,
	  .config = OPTION_NO_CONFIG,
	  .help = "of records that wait for a connection of -o" },
	{ .letter = 'w',
	  .name = "write",
	  TEXT(write_file),
	  .argument = "FILE",
	  .completion = OPTION_COMPLETES_FILES,
	  .config = OPTION_NO_CONFIG,
	  .help = "the packets too, as pcapng with their owners as comments\n"
	          "(- = stdout; needs -o)" },
	{ .name = "compress-level",
	  NUMBER(int, compress_level),
	  .argument = "N",
	  .minimum = 1,
	  .maximum = FRAME_LEVEL_MAX,
	  .initial = 1,
	  .config = OPTION_NO_CONFIG,
	  .help = "of FILE.zst, as of zstd(1)" },
	{ .name = "rotate-size",
	  SIZE(rotation.size),
	  .minimum = UINT64_C(64) << 10, /* several records, of at most 8,000 bytes */
	  .maximum = INT64_MAX,
	  .config = OPTION_NO_CONFIG,
	  .help = "move FILE to FILE.1 before it is larger than this, and\n"
	          "FILE.1 to FILE.2, and so on" },
	{ .name = "rotate-interval",
	  DURATION(rotation.interval_ns),
	  .minimum = 1,
	  .config = OPTION_NO_CONFIG,
	  .help = "the same whenever so much time is over, in whole\n"
	          "intervals of UTC: 1h is on the hour" },
	{ .name = "rotate-keep",
	  NUMBER(int, rotation.keep),
	  .argument = "N",
	  .minimum = 1,
	  .maximum = ROTATION_KEEP_MAX,
	  .initial = 10,
	  .config = OPTION_NO_CONFIG,
	  .help = "files that were moved; the oldest is removed" },
	{ .name = "format",
	  WORD(enum options_format, format),
	  .words = formats,
	  .config = OPTION_NO_CONFIG,
	  .help = "of the output; auto is text on a terminal, else ecs (JSON);\n"
	          "zeek is JSON with the names of conn.log, ssl.log and\n"
	          "dns.log, ocsf with those of the Open Cybersecurity Schema" },
	{ .name = "fields",
	  TEXT(wanted),
	  .argument = "LIST",
	  .config = "fields",
	  .help = "only these fields of each record, and the few that say\n"
	          "what it is (dotted paths: source.ip,process,...)" },
	{ .name = "without",
	  TEXT(unwanted),
	  .argument = "LIST",
	  .config = "without",
	  .help = "all fields but these" },
	{ .name = "list-fields",
	  MODE(OPTIONS_LIST_FIELDS),
	  .config = OPTION_NO_CONFIG,
	  .help = "print the fields that records can have" },
	{ .name = "label",
	  .kind = OPTION_CALL,
	  .argument = "NAME=VALUE",
	  .parse = option_set_label,
	  .repeats = true,
	  .config = OPTION_NO_CONFIG,
	  .help = "one of the labels of each record; repeatable" },
	{ .letter = 'l', .name = "line-buffered", SWITCH(flush_each), .config = "flush_each" },
	{ .letter = 'U',
	  .name = "packet-buffered",
	  SWITCH(flush_each),
	  .config = "flush_each",
	  .help = "flush each record" },
	{ .name = "flush-interval",
	  NUMBER(int64_t, flush_interval_ns),
	  .argument = "MS",
	  .minimum = 1,
	  .maximum = 60000,
	  .unit = NS_PER_MS,
	  .initial = 100,
	  .config = "flush_interval_ns",
	  .help = "flush at least this often" },
	{ .name = "on-slow-reader",
	  WORD(bool, drop_when_slow),
	  .words = policies,
	  .config = "on_slow_reader",
	  .help = "what to do when the reader is slow" },
	{ .letter = 'n',
	  .kind = OPTION_NOTHING,
	  .config = OPTION_NO_CONFIG,
	  .help = "accepted, does nothing: names are never looked up" },
	{ .letter = 'q',
	  .name = "quiet",
	  LEVEL(LOG_QUIET),
	  .config = OPTION_NO_CONFIG,
	  .help = "no messages on stderr but errors" },
	{ .letter = 'v',
	  .name = "verbose",
	  LEVEL(LOG_DEBUG),
	  .config = OPTION_NO_CONFIG,
	  .help = "more messages on stderr" },
	{ .name = "log-format",
	  WORD(enum log_format, log_format),
	  .words = log_formats,
	  .config = OPTION_NO_CONFIG,
	  .help = "form of the messages on stderr" },
	{ .name = "top",
	  SWITCH(top),
	  .config = OPTION_NO_CONFIG,
	  .help = "a table of programs or connections on the terminal, the\n"
	          "busiest first; records go to -o alone" },
	{ .name = "summary",
	  SHOWN(summary, OPTIONS_SHOWN),
	  .config = OPTION_NO_CONFIG,
	  .help = "at the end, sums by program and far end on stderr; so it\n"
	          "is where stderr is a terminal" },
	{ .name = "no-summary",
	  SHOWN(summary, OPTIONS_HIDDEN),
	  .config = OPTION_NO_CONFIG,
	  .help = "no sums, nor where stderr is a terminal" },
	{ .name = "progress",
	  SHOWN(progress, OPTIONS_SHOWN),
	  .config = OPTION_NO_CONFIG,
	  .help = "how far a file is read (with -r), on stderr; so it is\n"
	          "where stderr is a terminal and the records go to a file" },
	{ .name = "no-progress",
	  SHOWN(progress, OPTIONS_HIDDEN),
	  .config = OPTION_NO_CONFIG,
	  .help = "no progress, nor where stderr is a terminal" },
	{ .name = "no-separation",
	  SWITCH(no_separation),
	  .config = OPTION_NO_CONFIG,
	  .help = "no helper process: what reads packets keeps all rights" },
	{ .name = "self-test",
	  SWITCH(self_test),
	  .config = OPTION_NO_CONFIG,
	  .help = "open all that the other options ask for, print what is\n"
	          "there and what is missing, and exit" },
	{ .letter = 'V',
	  .name = "version",
	  MODE(OPTIONS_VERSION),
	  .config = OPTION_NO_CONFIG,
	  .help = "print the version and the libraries" },
	{ .letter = 'h',
	  .name = "help",
	  MODE(OPTIONS_HELP),
	  .config = OPTION_NO_CONFIG,
	  .help = "print this text" },
};
const int option_table_count = sizeof option_table / sizeof option_table[0];

_Static_assert(sizeof option_table / sizeof option_table[0] <= OPTIONS_ROWS_MAX,
               "getopt's tables have room for all rows");

static const struct option_row *find(const char *name)
{
	const struct option_row *row = option_table;

	while (!row->name || strcmp(row->name, name) != 0)
		row++;
	return row;
}

const char *option_table_word(const char *name, unsigned place)
{
	return find(name)->words[place];
}

bool option_table_is_given(const struct options *options, const char *name)
{
	return options->given[find(name) - option_table];
}

const char *option_table_spelling(const struct option_row *row, char text[64])
{
	if (row->letter)
		snprintf(text, 64, "-%c", row->letter);
	else
		snprintf(text, 64, "--%s", row->name);
	return text;
}
