/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "app/option_memory.h"
#include "app/option_set.h"
#include "decode/decode.h"
#include "events/fields.h"
#include "output/file.h"
#include "output/peer.h"
#include "stream/emitter.h"

#define EVENTS_DEFAULT (EMITTER_PACKET | EMITTER_CONNECTION | EMITTER_STATS)
#define FILTER_WORD    1   /* what getopt_long returns for a word that is no option */
#define LONG_OPTION    256 /* + row of the table: what getopt_long returns for a long option */

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

static bool has_user_name(const struct selection_list *list)
{
	for (int i = 0; i < list->count; i++)
		if (strspn(list->texts[i], "0123456789") != strlen(list->texts[i]))
			return true;
	return false;
}

static bool is_compressed(const char *path)
{
	return outlet_is_file(path) && file_is_compressed(path);
}

static bool is_peer(const char *path)
{
	return path && peer_is_address(path);
}

/* What cannot go together. */
static int check(const struct options *options, struct error *error)
{
	bool snapshot = options->mode == OPTIONS_SNAPSHOT, file = options->read_file != NULL;
	bool all = options->events == EMITTER_ALL;
	const char *output = options->output_file;
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
		{ options->all_processes && !(options->events & EMITTER_LIFECYCLE),
		  "--all-processes needs -e process or -e lifecycle" },
		{ file && options->all_processes,
		  "-r and --all-processes exclude each other: a file has no processes" },
		{ file && options->hash,
		  "-r and --hash exclude each other: a file has no processes" },
		{ file && options->args,
		  "-r and --args exclude each other: a file has no processes" },
		{ file && options->command,
		  "-r and a command exclude each other: a capture file has no processes" },
		{ snapshot && options->command,
		  "-S and a command exclude each other: a snapshot ends by itself" },
		{ options->command && (options->count > 0 || options->duration_ns > 0),
		  "-c and -d exclude a command: the run ends with the command" },
		{ file && options->selection.lists[SELECTION_CGROUP].count > 0,
		  "-r and --cgroup exclude each other: a capture file has no control groups" },
		{ file && has_user_name(&options->selection.lists[SELECTION_USER]),
		  "-r: --user takes a number, since names of users are those of this host" },
		{ snapshot && options->interface_count > 0,
		  "-i and -S exclude each other: sockets have no interface" },
		{ snapshot && options->filter,
		  "-S takes no filter expression: --tcp, --udp and others choose sockets" },
		{ snapshot && options->count > 0,
		  "-c and -S exclude each other: a snapshot has no packets" },
		{ snapshot && options->copies == OPTIONS_COPIES_WRITTEN,
		  "--no-dedupe and -S exclude each other: a snapshot has no packets" },
		{ snapshot && options->payload > 0,
		  "--payload and -S exclude each other: a snapshot has no packets" },
		{ snapshot && options->duration_ns > 0 && options->snapshot_interval_ns == 0,
		  "-d and -S exclude each other: a snapshot ends by itself, without --interval" },
		{ snapshot && options->events != EVENTS_DEFAULT &&
		          options->events != EMITTER_SOCKET,
		  "-e and -S exclude each other: a snapshot has sockets only" },
		{ !snapshot && options->listening, "--listening needs -S" },
		{ !snapshot && options->snapshot_interval_ns > 0, "--interval needs -S" },
		{ !snapshot && options->kinds != 0,
		  "--tcp, --udp and the other kinds of sockets need -S" },
		{ !all && !options->inspect && (options->events & EMITTER_DNS),
		  "-e dns and --no-inspect exclude each other" },
		{ snapshot && !options->inspect,
		  "--no-inspect and -S exclude each other: a snapshot has no packets" },
		{ options->self_test && options->command,
		  "--self-test and a command exclude each other" },
		{ rotation_is_wanted(&options->rotation) && !outlet_is_file(output),
		  "--rotate-size and --rotate-interval need -o with a file" },
		{ option_table_is_given(options, "rotate-keep") &&
		          !rotation_is_wanted(&options->rotation),
		  "--rotate-keep needs --rotate-size or --rotate-interval" },
		{ option_table_is_given(options, "spool-size") && !is_peer(output),
		  "--spool-size needs -o with a socket: no others come anew when they end" },
		{ option_table_is_given(options, "compress-level") && !is_compressed(output),
		  "--compress-level needs -o with a file whose name ends with .zst" },
		{ snapshot && options->write_file,
		  "-w and -S exclude each other: a snapshot has no packets" },
		{ options->write_file && strcmp(options->write_file, "-") == 0 && !output,
		  "-w -: the packets take standard output, so that -o is needed for the records" },
		{ snapshot && !options->tunnels,
		  "--no-tunnels and -S exclude each other: a snapshot has no packets" },
		{ options->top && file, "--top and -r exclude each other: a file is over at once" },
		{ options->top && snapshot,
		  "--top and -S exclude each other: a snapshot has no traffic" },
		{ options->top && options->command,
		  "--top and a command exclude each other: there is one terminal" },
		{ options->top && options->self_test,
		  "--top and --self-test exclude each other: that prints lines" },
		{ options->top && options->write_file && strcmp(options->write_file, "-") == 0,
		  "--top and -w - exclude each other: there is one standard output" },
		{ options->top && !output && option_table_is_given(options, "events"),
		  "-e and --top need -o: the table takes standard output" },
		{ !file && options->progress == OPTIONS_SHOWN, "--progress needs -r" },
		{ snapshot && options->summary == OPTIONS_SHOWN,
		  "--summary and -S exclude each other: a snapshot has no connections" },
		{ options->format != OPTIONS_FORMAT_AUTO && options->format != OPTIONS_FORMAT_ECS &&
		          (options->wanted || options->unwanted),
		  "--fields and --without need --format ecs: other formats have other fields" },
		{ options->mode == OPTIONS_LIST_LINK_TYPES && options->interface_count > 1,
		  "-L: one interface at a time" },
	};

	for (size_t i = 0; i < sizeof conflicts / sizeof *conflicts; i++)
		if (conflicts[i].is_so)
			return error_set(error, EINVAL, "%s", conflicts[i].message);
	return output ? outlet_check(output, error) : 0;
}

/* Without what is asked for by a word that means several: not each format has all of these. */
static unsigned single_events(unsigned events)
{
	static const unsigned groups[] = { EMITTER_CONNECTION, EMITTER_PROCESS };

	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if ((events & groups[i]) == groups[i])
			events &= ~groups[i];
	return events;
}

/* A format that has not all records: -e may ask for some of those that it has. */
static int check_format(struct options *options, struct error *error)
{
	static const unsigned formats[] = {
		[OPTIONS_FORMAT_AUTO] = EMITTER_ALL,
		[OPTIONS_FORMAT_ECS] = EMITTER_ALL,
		[OPTIONS_FORMAT_TEXT] = EMITTER_ALL,
		[OPTIONS_FORMAT_ZEEK] = EMITTER_CLOSED | EMITTER_DNS,
		[OPTIONS_FORMAT_OCSF] = EMITTER_ALL & ~(EMITTER_TRAFFIC | EMITTER_STATS),
	};
	unsigned written = formats[options->format];
	bool chosen = options->events != EVENTS_DEFAULT && options->events != EMITTER_ALL;
	const char *name = option_table_word("format", options->format);

	if (written == EMITTER_ALL)
		return 0;
	if (options->mode == OPTIONS_SNAPSHOT)
		return error_set(error, EINVAL,
		                 "--format %s and -S exclude each other: it lists no sockets",
		                 name);
	if (chosen &&
	    ((single_events(options->events) & ~written) != 0 || (options->events & written) == 0))
		return error_set(error, EINVAL, "-e: --format %s has no such records", name);
	options->events &= written;
	return 0;
}

/* getopt's tables; each has room for the whole table and its end. */
static void fill_getopt(struct option *names, char *letters)
{
	*letters++ = '-'; /* other words come in their place, so that "--" ends them */
	*letters++ = ':'; /* a missing argument is ':', not '?' */
	for (int i = 0; i < option_table_count; i++) {
		const struct option_row *row = &option_table[i];
		bool takes = option_table_takes_argument(row);
		struct option name = { .has_arg = takes ? required_argument : no_argument,
			               .val = LONG_OPTION + i };

		if (row->letter)
			*letters++ = row->letter;
		if (row->letter && takes)
			*letters++ = ':';
		if ((name.name = row->name))
			*names++ = name;
		if ((name.name = row->alias))
			*names++ = name;
	}
	*letters = '\0';
	*names = (struct option){ 0 };
}

static const struct option_row *find_row(int option)
{
	const struct option_row *row = option_table;

	if (option >= LONG_OPTION)
		return &option_table[option - LONG_OPTION];
	while (row->letter != option)
		row++;
	return row;
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

/* Words of the filter expression move to the beginning of argv; *count says how many. */
static int parse_words(struct options *options, int argc, char **argv, int *count,
                       struct error *error)
{
	struct option names[2 * OPTIONS_ROWS_MAX + 1];
	char letters[2 * OPTIONS_ROWS_MAX + 3], text[64];
	int option = 0, result = 0, before = 1;

	fill_getopt(names, letters);
	opterr = 0;
	optind = 0; /* glibc: start anew, also when called twice */
	while (result == 0 && options->mode != OPTIONS_HELP && options->mode != OPTIONS_VERSION &&
	       (option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (option == '?')
			return error_set(error, EINVAL, "unknown option '%s' (see sockline --help)",
			                 as_written(argv, text, sizeof text));
		if (option == ':')
			return error_set(error, EINVAL,
			                 "option '%s' needs an argument (see sockline --help)",
			                 as_written(argv, text, sizeof text));
		if (option == FILTER_WORD)
			argv[++*count] = optarg;
		else
			result = option_set(options, find_row(option), optarg, error);
		before = optind;
	}
	if (result != 0 || option != -1)
		return result;
	if (optind == argc) /* a "--" that is the argument of an option is no end of them */
		return before == argc - 1 && strcmp(argv[before], "--") == 0
		               ? error_set(error, EINVAL, "--: the command is missing")
		               : 0;
	options->command = argv + optind;
	return 0;
}

/* Those of records about sockline itself are left out on request alone. */
static int resolve_fields(struct options *options, struct error *error)
{
	if (!options->wanted && !options->unwanted)
		return 0;
	options->fields = fields_new(options->wanted, options->unwanted, error);
	if (!options->fields)
		return -error->code;
	if (!options->unwanted)
		return 0;
	options->own_fields = fields_new(NULL, options->unwanted, error);
	return options->own_fields ? 0 : -error->code;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
	int result, words = 0;

	option_set_defaults(options);
	options->events = EVENTS_DEFAULT;
	options->promiscuous = true;
	options->inspect = true;
	options->tunnels = true;
	options->log_level = LOG_INFO;
	result = parse_words(options, argc, argv, &words, error);
	if (result != 0 || options->mode == OPTIONS_HELP || options->mode == OPTIONS_VERSION)
		return result;
	result = join_filter(words, argv + 1, &options->filter, error);
	if (result == 0)
		result = check(options, error);
	if (result == 0)
		result = check_format(options, error);
	if (result == 0)
		result = option_memory_divide(options, error);
	if (result == 0)
		result = resolve_fields(options, error);
	if (result != 0)
		return result;
	options->dedupe = options->copies == OPTIONS_COPIES_LEFT_OUT ||
	                  (options->copies == OPTIONS_COPIES_AUTO && !options->read_file);
	if (options->snaplen == DECODE_SNAPLEN && options->write_file)
		options->snaplen = OPTIONS_SNAPLEN_MAX;
	else if (options->snaplen == DECODE_SNAPLEN)
		options->snaplen += (int)options->payload;
	if (options->snaplen == 0) /* all of each packet, as in tcpdump */
		options->snaplen = OPTIONS_SNAPLEN_MAX;
	if (options->kinds == 0)
		options->kinds = SOCKET_KINDS_ALL;
	if (options->read_file)
		options->events &= ~EMITTER_SOCKET;
	if (options->mode == OPTIONS_SNAPSHOT)
		options->events = EMITTER_SOCKET;
	if (options->top && !options->output_file)
		options->events = 0;
	return 0;
}

void options_free(struct options *options)
{
	fields_free(options->fields);
	fields_free(options->own_fields);
	options->fields = options->own_fields = NULL;
	free(options->filter);
	options->filter = NULL;
	for (int i = 0; i < 2 * ENCODER_LABELS_MAX; i++) {
		free(options->labels[i]);
		options->labels[i] = NULL;
	}
}
