/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives src/capture for the integration tests, without the rest of sockline.
 *
 *	capture_dump [OPTION]... INTERFACE|FILE
 *	  -r        FILE is read        -f EXPRESSION  filter
 *	  -Q in|out direction           -B KIB         ring
 *	  -s BYTES  snaplen             -y NAME        link type
 *	  -I        immediate mode      -p             promiscuous mode
 *	  -v        one line a packet   -h             start on hold
 *
 * Prints one JSON object a line: first {"ready":true,...}. Takes commands on
 * stdin, one character each: h hold (do not read packets), g go on, c print the
 * counters, s stop, drain and end; the end of stdin means s.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/capture.h"

#define BATCH 1000

struct dump {
	struct capture *capture;
	bool verbose, hold, stopped;
	int state; /* the last error, to print changes alone */
};

static void print_packet(void *context, const struct capture_packet *packet)
{
	const struct dump *dump = context;
	const uint8_t *bytes = packet->bytes;

	if (!dump->verbose)
		return;
	printf("{\"packet\":true,\"time_ns\":%" PRId64 ",\"captured\":%u,\"length\":%u",
	       packet->time_ns, packet->captured, packet->length);
	if (strcmp(capture_link_type_name(capture_link_type(dump->capture)), "LINUX_SLL2") == 0)
		printf(",\"ifindex\":%u,\"type\":%u",
		       (unsigned int)bytes[4] << 24 | (unsigned int)bytes[5] << 16 |
		               (unsigned int)bytes[6] << 8 | bytes[7],
		       bytes[10]);
	printf("}\n");
}

static void print_counters(struct dump *dump)
{
	struct capture_counters counters;
	int result = capture_read_counters(dump->capture, &counters);

	if (result != 0) {
		printf("{\"counters\":false,\"error\":%d}\n", -result);
		return;
	}
	printf("{\"counters\":true,\"received\":%" PRIu64 ",\"dropped\":%" PRIu64
	       ",\"interface_dropped\":%" PRIu64 ",\"delivered\":%" PRIu64 "}\n",
	       counters.received, counters.dropped, counters.interface_dropped, counters.delivered);
}

/* Returns what capture_dispatch does; prints an error when it is news. */
static int dispatch(struct dump *dump)
{
	struct error error;
	int result = capture_dispatch(dump->capture, BATCH, print_packet, dump, &error);
	int state = result < 0 ? result : 0;

	if (state != dump->state && state != 0)
		printf("{\"error\":%d,\"text\":\"%s\"}\n", -state, error.text);
	else if (state != dump->state)
		printf("{\"error\":null}\n");
	dump->state = state;
	return result;
}

static void obey(struct dump *dump)
{
	char command;

	if (read(STDIN_FILENO, &command, 1) != 1)
		command = 's';
	switch (command) {
	case 'h':
		dump->hold = true;
		printf("{\"hold\":true}\n");
		break;
	case 'g':
		dump->hold = false;
		break;
	case 'c':
		print_counters(dump);
		break;
	case 's':
		dump->hold = false;
		dump->stopped = true;
		if (capture_stop(dump->capture) != 0)
			printf("{\"error\":\"stop\"}\n");
		break;
	}
}

static void run_live(struct dump *dump)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = capture_fd(dump->capture), .events = POLLIN },
	};

	while (dump->state != -ENODEV && dump->state != -EIO) {
		if (dump->stopped && capture_drained(dump->capture))
			break;
		fflush(stdout);
		fds[0].fd = dump->stopped ? -1 : STDIN_FILENO;
		fds[1].fd = dump->hold || dump->state != 0 ? -1 : capture_fd(dump->capture);
		poll(fds, 2, capture_poll_timeout_ms(dump->capture));
		if (fds[0].fd >= 0 && fds[0].revents != 0)
			obey(dump);
		if (!dump->hold)
			dispatch(dump);
	}
}

static bool parse(int argc, char **argv, struct capture_options *options, struct dump *dump,
                  bool *is_file)
{
	int option;

	while ((option = getopt(argc, argv, "rf:Q:B:s:y:Ipvh")) != -1) {
		switch (option) {
		case 'r':
			*is_file = true;
			break;
		case 'f':
			options->filter = optarg;
			break;
		case 'Q':
			options->direction = strcmp(optarg, "in") == 0 ? CAPTURE_IN : CAPTURE_OUT;
			break;
		case 'B':
			options->buffer_kib = (int)strtol(optarg, NULL, 10);
			break;
		case 's':
			options->snaplen = (int)strtol(optarg, NULL, 10);
			break;
		case 'y':
			options->link_type = optarg;
			break;
		case 'I':
			options->immediate = true;
			break;
		case 'p':
			options->promiscuous = true;
			break;
		case 'v':
			dump->verbose = true;
			break;
		case 'h':
			dump->hold = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc - 1;
}

int main(int argc, char **argv)
{
	struct capture_options options = { .snaplen = 0 };
	struct dump dump = { .state = 0 };
	struct error error = { .code = 0 };
	bool is_file = false;
	int result;

	if (!parse(argc, argv, &options, &dump, &is_file))
		return 2;
	result = (is_file ? capture_open_file : capture_open_live)(&dump.capture, argv[optind],
	                                                           &options, &error);
	if (result != 0) {
		printf("{\"error\":%d,\"text\":\"%s\"}\n", -result, error.text);
		return 1;
	}
	printf("{\"ready\":true,\"link_type\":\"%s\",\"snaplen\":%d}\n",
	       capture_link_type_name(capture_link_type(dump.capture)),
	       capture_snaplen(dump.capture));
	if (is_file)
		while (dispatch(&dump) > 0)
			;
	else
		run_live(&dump);
	print_counters(&dump);
	capture_close(dump.capture);
	return dump.state != 0;
}
