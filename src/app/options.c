/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "capture/decode.h"
#include "host/host.h"
#include "app/option_values.h"
#include "stream/emitter.h"

#define SNAPLEN_MAX    262144
#define EVENTS_DEFAULT (EMITTER_PACKET | EMITTER_CONNECTION | EMITTER_STATS)

enum {
	OPTION_IMMEDIATE = 256,
	OPTION_FLUSH_INTERVAL,
	OPTION_UPDATE_INTERVAL,
	OPTION_STATS_INTERVAL,
	OPTION_SOCKETS,
	OPTION_NETNS,
	OPTION_ATTRIBUTION,
	OPTION_DEDUPE,
	OPTION_GUESS,
	OPTION_COMMUNITY_ID_SEED,
	OPTION_MAX_CONNECTIONS,
	OPTION_ON_SLOW_READER,
	OPTION_LOG_FORMAT,
	OPTION_LISTENING,
	OPTION_KIND, /* + enum socket_kind */
};

static const struct option long_options[] = {
	{ "interface", required_argument, NULL, 'i' },
	{ "read", required_argument, NULL, 'r' },
	{ "output", required_argument, NULL, 'o' },
	{ "events", required_argument, NULL, 'e' },
	{ "snapshot", no_argument, NULL, 'S' },
	{ "listening", no_argument, NULL, OPTION_LISTENING },
	{ "tcp", no_argument, NULL, OPTION_KIND + SOCKET_TCP },
	{ "udp", no_argument, NULL, OPTION_KIND + SOCKET_UDP },
	{ "udplite", no_argument, NULL, OPTION_KIND + SOCKET_UDPLITE },
	{ "raw", no_argument, NULL, OPTION_KIND + SOCKET_RAW },
	{ "icmp", no_argument, NULL, OPTION_KIND + SOCKET_ICMP },
	{ "unix", no_argument, NULL, OPTION_KIND + SOCKET_UNIX },
	{ "packet", no_argument, NULL, OPTION_KIND + SOCKET_PACKET },
	{ "netlink", no_argument, NULL, OPTION_KIND + SOCKET_NETLINK },
	{ "count", required_argument, NULL, 'c' },
	{ "duration", required_argument, NULL, 'd' },
	{ "snaplen", required_argument, NULL, 's' },
	{ "snapshot-length", required_argument, NULL, 's' },
	{ "buffer-size", required_argument, NULL, 'B' },
	{ "no-promiscuous-mode", no_argument, NULL, 'p' },
	{ "direction", required_argument, NULL, 'Q' },
	{ "filter-file", required_argument, NULL, 'F' },
	{ "list-interfaces", no_argument, NULL, 'D' },
	{ "list-data-link-types", no_argument, NULL, 'L' },
	{ "immediate-mode", no_argument, NULL, OPTION_IMMEDIATE },
	{ "line-buffered", no_argument, NULL, 'l' },
	{ "packet-buffered", no_argument, NULL, 'U' },
	{ "flush-interval", required_argument, NULL, OPTION_FLUSH_INTERVAL },
	{ "update-interval", required_argument, NULL, OPTION_UPDATE_INTERVAL },
	{ "stats-interval", required_argument, NULL, OPTION_STATS_INTERVAL },
	{ "netns", required_argument, NULL, OPTION_NETNS },
	{ "attribution", required_argument, NULL, OPTION_ATTRIBUTION },
	{ "dedupe", no_argument, NULL, OPTION_DEDUPE },
	{ "guess", no_argument, NULL, OPTION_GUESS },
	{ "sockets", required_argument, NULL, OPTION_SOCKETS },
	{ "community-id-seed", required_argument, NULL, OPTION_COMMUNITY_ID_SEED },
	{ "max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS },
	{ "on-slow-reader", required_argument, NULL, OPTION_ON_SLOW_READER },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};
static const char short_options[] = ":i:r:o:e:Sc:d:s:B:pQ:F:DLlUnqvVh";

static const char help_text[] =
	"Usage: sockline [OPTION]... [PCAP-FILTER EXPRESSION]\n"
	"Turn the network activity of this host into newline-delimited JSON on standard\n"
	"output: each packet and each connection event, with the process that owns it.\n"
	"\n"
	"Input:\n"
	"  -i, --interface IF           capture there; repeatable; default: all interfaces\n"
	"  -r, --read FILE              read a pcap or pcapng file (- = stdin) instead\n"
	"  -F, --filter-file FILE       read the filter expression from FILE\n"
	"  -Q, --direction in|out|inout capture only this direction\n"
	"  -p, --no-promiscuous-mode    do not put interfaces into promiscuous mode\n"
	"  -s, --snaplen N              bytes to capture of each packet (default 256)\n"
	"  -B, --buffer-size KIB        size of the kernel's capture buffer (default 32768)\n"
	"      --immediate-mode         deliver each packet at once\n"
	"  -D, --list-interfaces        print the interfaces that can be captured on\n"
	"  -L, --list-data-link-types   print the link types of an interface\n"
	"      --netns PATH|all|self    network namespaces; repeatable; default: all, where\n"
	"                               CAP_SYS_ADMIN allows it\n"
	"      --attribution auto|tracepoints|sentinel|lookup\n"
	"                               how owners of new connections are caught\n"
	"      --guess                  name the likeliest owner where it is ambiguous, and say "
	"so\n"
	"      --sockets auto|netlink|proc  where sockets are enumerated\n"
	"\n"
	"Records:\n"
	"  -e, --events LIST            of packet,connection,state,socket,process,stats,all\n"
	"                               (default packet,connection,stats)\n"
	"  -S, --snapshot               one record for each socket, then exit\n"
	"      --listening              with -S: only sockets that wait for peers\n"
	"      --tcp --udp --udplite --raw --icmp --unix --packet --netlink\n"
	"                               with -S: only these kinds\n"
	"      --dedupe                 no record for a packet that another interface showed\n"
	"                               before (otherwise it says which one it repeats)\n"
	"  -c, --count N                stop after N packets\n"
	"  -d, --duration N[smh]        stop after this time\n"
	"      --update-interval N[smh] connection_updated records (default 60, 0 = off)\n"
	"      --stats-interval N[smh]  capture_stats records (default 10, 0 = off)\n"
	"      --community-id-seed N    seed of the Community ID (default 0)\n"
	"      --max-connections N      connections that are tracked (default 65536)\n"
	"\n"
	"Output:\n"
	"  -o, --output FILE            append to FILE; SIGHUP reopens it\n"
	"  -l, -U, --line-buffered, --packet-buffered\n"
	"                               flush each record\n"
	"      --flush-interval MS      flush at least this often (default 100)\n"
	"      --on-slow-reader block|drop  what to do when the reader is slow\n"
	"  -n                           accepted, does nothing: names are never looked up\n"
	"  -q, --quiet                  no messages on stderr but errors\n"
	"  -v, --verbose                more messages on stderr\n"
	"      --log-format text|json   form of the messages on stderr\n"
	"  -V, --version                print the version and the libraries\n"
	"  -h, --help                   print this text\n"
	"\n"
	"Exit status: 0 normal end, 1 failure at run time or lost output, 2 usage.\n"
	"Manual: sockline(8); records: sockline-events(5).\n";

void options_print_help(FILE *stream)
{
	fputs(help_text, stream);
}

static int join_filter(int count, char **words, char **filter, struct error *error)
{
	size_t length = 0, size = 1;
	char *text;

	if (count == 0)
		return 0;
	if (*filter)
		return error_set(error, EINVAL,
		                 "-F: a filter file and the expression '%.60s' exclude each other",
		                 words[0]);
	for (int i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	text = malloc(size);
	if (!text)
		return error_set(error, ENOMEM, "out of memory");
	for (int i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%s", i > 0 ? " " : "",
		                           words[i]);
	*filter = text;
	return 0;
}

static int set_file(const char *option, const char *path, const char **file, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, EINVAL, "%s: the file's name is empty", option);
	if (*file)
		return error_set(error, EINVAL, "%s %.60s: given twice", option, path);
	*file = path;
	return 0;
}

static int add_interface(struct options *options, const char *name, struct error *error)
{
	if (name[0] == '\0')
		return error_set(error, EINVAL, "-i: the interface's name is empty");
	for (int i = 0; i < options->interface_count; i++)
		if (strcmp(options->interfaces[i], name) == 0)
			return error_set(error, EINVAL, "-i %.60s: given twice", name);
	if (options->interface_count == OPTIONS_INTERFACES_MAX)
		return error_set(error, EINVAL, "-i %.60s: more than %d interfaces", name,
		                 OPTIONS_INTERFACES_MAX);
	/* Their packets would come twice, and be counted twice. */
	if (options->interface_count > 0 &&
	    (strcmp(name, "any") == 0 || strcmp(options->interfaces[0], "any") == 0))
		return error_set(error, EINVAL,
		                 "-i %.60s: any and other interfaces exclude each other", name);
	options->interfaces[options->interface_count++] = name;
	return 0;
}

static int add_filter_file(struct options *options, const char *path, struct error *error)
{
	int result = set_file("-F", path, &options->filter_file, error);

	return result == 0 ? option_values_read_file(path, &options->filter, error) : result;
}

static int add_netns(struct options *options, const char *text, struct error *error)
{
	int mode = strcmp(text, "all") == 0    ? HOST_NETNS_ALL
	           : strcmp(text, "self") == 0 ? HOST_NETNS_SELF
	                                       : HOST_NETNS_PATHS;

	if (text[0] == '\0')
		return error_set(error, EINVAL, "--netns: the path is empty");
	if (options->netns_mode != HOST_NETNS_AUTO && options->netns_mode != mode)
		return error_set(error, EINVAL,
		                 "--netns %.60s: all, self and paths exclude each other", text);
	options->netns_mode = mode;
	if (mode != HOST_NETNS_PATHS)
		return 0;
	if (options->netns_path_count == OPTIONS_INTERFACES_MAX)
		return error_set(error, EINVAL, "--netns %.60s: more than %d namespaces", text,
		                 OPTIONS_INTERFACES_MAX);
	options->netns_paths[options->netns_path_count++] = text;
	return 0;
}

/* Options that have a numeric argument. */
static int apply_number(struct options *options, int option, const char *text, struct error *error)
{
	uint64_t number = 0;
	int result;

	switch (option) {
	case 'c':
		return option_values_number("-c", text, 1, INT64_MAX, &options->count, error);
	case 's':
		result = option_values_number("-s", text, 0, SNAPLEN_MAX, &number, error);
		options->snaplen =
			number == 0 ? SNAPLEN_MAX : (int)number; /* 0 = all, as in tcpdump */
		return result;
	case 'B':
		result = option_values_number("-B", text, 64, INT_MAX / 1024, &number, error);
		options->buffer_kib = (int)number;
		return result;
	case OPTION_FLUSH_INTERVAL:
		result = option_values_number("--flush-interval", text, 1, 60000, &number, error);
		options->flush_interval_ns = (int64_t)number * NS_PER_MS;
		return result;
	case OPTION_COMMUNITY_ID_SEED:
		result = option_values_number("--community-id-seed", text, 0, UINT16_MAX, &number,
		                              error);
		options->community_id_seed = (uint16_t)number;
		return result;
	default:
		result = option_values_number("--max-connections", text, 16, 16777216, &number,
		                              error);
		options->max_connections = (uint32_t)number;
		return result;
	}
}

/* Options that have one of a few words as argument. */
static int apply_word(struct options *options, int option, const char *text, struct error *error)
{
	static const char *const directions[] = { "inout", "in", "out", NULL };
	static const char *const sockets[] = { "auto", "netlink", "proc", NULL };
	static const char *const methods[] = { "auto", "tracepoints", "sentinel", "lookup", NULL };
	static const char *const policies[] = { "block", "drop", NULL };
	static const char *const formats[] = { "text", "json", NULL };
	int word;

	switch (option) {
	case 'Q':
		word = option_values_word("-Q", text, directions, error);
		options->direction = (enum capture_direction)word;
		break;
	case OPTION_SOCKETS:
		word = option_values_word("--sockets", text, sockets, error);
		options->sockets = (enum lister_mode)word;
		break;
	case OPTION_ATTRIBUTION:
		word = option_values_word("--attribution", text, methods, error);
		options->method = word;
		break;
	case OPTION_ON_SLOW_READER:
		word = option_values_word("--on-slow-reader", text, policies, error);
		options->drop_when_slow = word == 1;
		break;
	default:
		word = option_values_word("--log-format", text, formats, error);
		if (word >= 0) /* the error is still to be printed in a known format */
			options->log_format = (enum log_format)word;
		break;
	}
	return word < 0 ? word : 0;
}

static int apply(struct options *options, int option, const char *argument, struct error *error)
{
	switch (option) {
	case 'i':
		return add_interface(options, argument, error);
	case 'r':
		return set_file("-r", argument, &options->read_file, error);
	case 'o':
		return set_file("-o", argument, &options->output_file, error);
	case OPTION_NETNS:
		return add_netns(options, argument, error);
	case 'e':
		return option_values_events(argument, &options->events, error);
	case 'S':
		options->mode = OPTIONS_SNAPSHOT;
		break;
	case 'd':
		return option_values_duration("-d", argument, 1, &options->duration_ns, error);
	case OPTION_UPDATE_INTERVAL:
		return option_values_duration("--update-interval", argument, 0,
		                              &options->update_interval_ns, error);
	case OPTION_STATS_INTERVAL:
		return option_values_duration("--stats-interval", argument, 0,
		                              &options->stats_interval_ns, error);
	case 'p':
		options->promiscuous = false;
		break;
	case 'F':
		return add_filter_file(options, argument, error);
	case 'D':
		options->mode = OPTIONS_LIST_INTERFACES;
		break;
	case 'L':
		options->mode = OPTIONS_LIST_LINK_TYPES;
		break;
	case OPTION_IMMEDIATE:
		options->immediate = true;
		break;
	case 'l':
	case 'U':
		options->flush_each = true;
		break;
	case 'n':
		break;
	case 'q':
		options->log_level = LOG_QUIET;
		break;
	case 'v':
		options->log_level = LOG_DEBUG;
		break;
	case OPTION_GUESS:
		options->guess = true;
		break;
	case OPTION_DEDUPE:
		options->dedupe = true;
		break;
	case OPTION_LISTENING:
		options->listening = true;
		break;
	case 'Q':
	case OPTION_SOCKETS:
	case OPTION_ATTRIBUTION:
	case OPTION_ON_SLOW_READER:
	case OPTION_LOG_FORMAT:
		return apply_word(options, option, argument, error);
	default:
		if (option < OPTION_KIND)
			return apply_number(options, option, argument, error);
		options->kinds |= SOCKET_KIND_BIT(option - OPTION_KIND);
		break;
	}
	return 0;
}

/* What cannot go together. */
static int check(const struct options *options, struct error *error)
{
	bool snapshot = options->mode == OPTIONS_SNAPSHOT, file = options->read_file != NULL;
	bool all = options->events == EMITTER_ALL;
	const struct {
		bool is_so;
		const char *message;
	} conflicts[] = {
		{ file && options->filter_file && strcmp(options->read_file, "-") == 0 &&
		          strcmp(options->filter_file, "-") == 0,
		  "-r - and -F - exclude each other: there is one standard input" },
		{ file && options->interface_count > 0, "-r and -i exclude each other" },
		{ file && snapshot, "-r and -S exclude each other: a capture file has no sockets" },
		{ file && options->direction != CAPTURE_INOUT,
		  "-Q: a capture file has no direction to choose" },
		{ file && !all && (options->events & EMITTER_SOCKET),
		  "-e socket: a capture file has no sockets" },
		{ file && !all && (options->events & EMITTER_PROCESS),
		  "-e process: a capture file has no processes" },
		{ file && options->netns_mode != HOST_NETNS_AUTO,
		  "-r and --netns exclude each other" },
		{ snapshot && options->interface_count > 0,
		  "-i and -S exclude each other: sockets have no interface" },
		{ snapshot && options->filter,
		  "-S takes no filter expression: --tcp, --udp and others choose sockets" },
		{ snapshot && options->count > 0,
		  "-c and -S exclude each other: a snapshot has no packets" },
		{ snapshot && options->dedupe,
		  "--dedupe and -S exclude each other: a snapshot has no packets" },
		{ snapshot && options->duration_ns > 0,
		  "-d and -S exclude each other: a snapshot ends by itself" },
		{ snapshot && options->events != EVENTS_DEFAULT &&
		          options->events != EMITTER_SOCKET,
		  "-e and -S exclude each other: a snapshot has sockets only" },
		{ !snapshot && options->listening, "--listening needs -S" },
		{ !snapshot && options->kinds != 0,
		  "--tcp, --udp and the other kinds of sockets need -S" },
		{ options->mode == OPTIONS_LIST_LINK_TYPES && options->interface_count > 1,
		  "-L: one interface at a time" },
	};

	for (size_t i = 0; i < sizeof conflicts / sizeof *conflicts; i++)
		if (conflicts[i].is_so)
			return error_set(error, EINVAL, "%s", conflicts[i].message);
	return 0;
}

static void set_defaults(struct options *options)
{
	*options = (struct options){
		.events = EVENTS_DEFAULT,
		.snaplen = DECODE_SNAPLEN,
		.buffer_kib = CAPTURE_BUFFER_KIB,
		.promiscuous = true,
		.flush_interval_ns = 100 * NS_PER_MS,
		.update_interval_ns = 60 * NS_PER_SECOND,
		.stats_interval_ns = 10 * NS_PER_SECOND,
		.max_connections = 65536,
		.log_level = LOG_INFO,
	};
}

/* The option at hand as it was written, for a message. */
static const char *as_written(char **argv, char *text, size_t size)
{
	if (optopt > 0 && optopt < 256 && isprint(optopt) &&
	    strncmp(argv[optind - 1], "--", 2) != 0)
		snprintf(text, size, "-%c", optopt);
	else
		snprintf(text, size, "%.60s", argv[optind - 1]);
	return text;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
	char text[64];
	int option, result;

	set_defaults(options);
	opterr = 0;
	optind = 0; /* glibc: start anew, also when called twice */
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (option == '?')
			return error_set(error, EINVAL, "unknown option '%s' (see sockline --help)",
			                 as_written(argv, text, sizeof text));
		if (option == ':')
			return error_set(error, EINVAL,
			                 "option '%s' needs an argument (see sockline --help)",
			                 as_written(argv, text, sizeof text));
		if (option == 'h' || option == 'V') {
			options->mode = option == 'h' ? OPTIONS_HELP : OPTIONS_VERSION;
			return 0;
		}
		result = apply(options, option, optarg, error);
		if (result != 0)
			return result;
	}
	result = join_filter(argc - optind, argv + optind, &options->filter, error);
	if (result == 0)
		result = check(options, error);
	if (result != 0)
		return result;
	if (options->kinds == 0)
		options->kinds = SOCKET_KINDS_ALL;
	if (options->read_file)
		options->events &= ~EMITTER_SOCKET;
	if (options->mode == OPTIONS_SNAPSHOT)
		options->events = EMITTER_SOCKET;
	return 0;
}

void options_free(struct options *options)
{
	free(options->filter);
	options->filter = NULL;
}
