/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of a run as a pcapng file (-w): opened first, written in each turn, ended last. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/run_private.h"
#include "base/clock.h"
#include "output/file.h"
#include "version.h"

#define PACKETS_CAPACITY (4u << 20)
#define PACKETS_ROOM     (1u << 20) /* packets are taken while the sink has this much room */

static bool is_stream(const char *path)
{
	return strcmp(path, "-") == 0;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return a && b && !is_stream(a) && !is_stream(b) && stat(a, &first) == 0 &&
	       stat(b, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* Beginning it anew would empty what is to be read, or written by others. */
static int check_file(const struct options *options, struct error *error)
{
	const char *path = options->write_file;

	if (is_same_file(options->read_file, path) || is_same_file(options->output_file, path))
		return error_set(error, EINVAL, "-w: %s is another file of this run", path);
	return 0;
}

static int open_writer(struct run *run, struct error *error)
{
	struct capture_writer_options options = {
		.sink = outlet_sink(run->packets_outlet),
		.key = run->key,
		.snaplen = run_is_replay(run) ? CAPTURE_WRITER_SNAPLEN_MAX
		                              : (uint32_t)run->options->snaplen,
		.flush_each = run->options->flush_each,
		.application = "sockline " SOCKLINE_VERSION,
		.waits = run_waits_for_reader,
		.context = run,
	};
	struct utsname system;
	char os[sizeof system.sysname + sizeof system.release + 1], comment[320];

	/* A file was captured at another time, and perhaps elsewhere. */
	if (!run_is_replay(run) && uname(&system) == 0) {
		snprintf(os, sizeof os, "%s %s", system.sysname, system.release);
		snprintf(comment, sizeof comment, "sockline.run=%016" PRIx64 " host.name=%s",
		         run_id(run), system.nodename);
		options.start_ns = clock_realtime_ns();
		options.hardware = system.machine;
		options.os = os;
		options.comment = comment;
	}
	return capture_writer_new(&run->packets, &options, error);
}

int run_packets_open(struct run *run, struct error *error)
{
	const char *path = run->options->write_file;
	struct outlet_options options = {
		.path = path && !is_stream(path) ? path : NULL,
		.capacity = PACKETS_CAPACITY,
		.flush_interval_ns = run->options->flush_interval_ns,
		.blocks = true,
	};
	int result;

	if (!path)
		return 0;
	result = check_file(run->options, error);
	if (result == 0 && run->options->self_test) {
		if (options.path)
			file_check(path, true, &run->packets_missing);
		return 0;
	}
	if (result == 0)
		result = outlet_new(&run->packets_outlet, run->loop, &options, NULL, error);
	return result == 0 ? open_writer(run, error) : result;
}

int run_packets_begin(struct run *run, struct error *error)
{
	return run->packets_outlet ? outlet_begin_anew(run->packets_outlet, error) : 0;
}

void run_packets_close(struct run *run)
{
	capture_writer_free(run->packets);
	outlet_free(run->packets_outlet);
}

bool run_packets_have_room(const struct run *run)
{
	return !run->packets_outlet || sink_room(outlet_sink(run->packets_outlet)) >= PACKETS_ROOM;
}

/* What is written of a file that a reader left, or that failed, is of use to none. */
void run_packets_turn(struct run *run, bool busy)
{
	enum sink_state state;

	if (!run->packets_outlet)
		return;
	state = outlet_turn(run->packets_outlet, busy);
	if (state == SINK_OPEN)
		return;
	if (state == SINK_FAILED && run->stop == EVENT_STOP_NONE) {
		log_error(run->log, "-w: cannot write the packets: %s",
		          strerror(sink_error(outlet_sink(run->packets_outlet))));
		run->status = EXIT_FAILURE;
	}
	run_stop(run, state == SINK_FAILED ? EVENT_STOP_ERROR : EVENT_STOP_READER_GONE);
}

int64_t run_packets_timeout_ns(const struct run *run)
{
	if (!run->packets_outlet)
		return -1;
	if (sink_stalled(outlet_sink(run->packets_outlet)))
		return NS_PER_SECOND / 10;
	return outlet_timeout_ns(run->packets_outlet);
}

static void fill(const struct run *run, int number, struct capture_writer_capture *capture)
{
	struct capture_counters counters;

	capture_set_counters(run->captures, number, &counters);
	*capture = (struct capture_writer_capture){
		.name = capture_set_name(run->captures, number),
		.netns = capture_set_netns(run->captures, number),
		.link_type = capture_set_link_type(run->captures, number),
		.received = counters.received,
		.dropped = counters.dropped,
		.interface_dropped = counters.interface_dropped,
		.delivered = counters.delivered,
	};
}

static void write_end(struct run *run, int64_t time_ns, int64_t deadline_ns)
{
	int count = run_is_replay(run) ? 0 : capture_set_count(run->captures);
	struct capture_writer_capture *captures =
		count > 0 ? calloc((size_t)count, sizeof *captures) : NULL;

	for (int i = 0; captures && i < count; i++)
		fill(run, i, &captures[i]);
	capture_writer_finish(run->packets, time_ns, captures, captures ? count : 0, deadline_ns);
	free(captures);
}

void run_packets_finish(struct run *run, int64_t time_ns, int64_t deadline_ns)
{
	const struct capture_writer_counters *counters;
	struct sink *sink;

	if (!run->packets)
		return;
	sink = outlet_sink(run->packets_outlet);
	counters = capture_writer_counters(run->packets);
	if (sink_get_state(sink) == SINK_OPEN) {
		write_end(run, time_ns, deadline_ns);
		while (sink_drain(sink, deadline_ns) == SINK_OPEN && sink_pending(sink) > 0 &&
		       !sink_stalled(sink) && run_waits_for_reader(run))
			deadline_ns = clock_monotonic_ns() + NS_PER_SECOND / 10;
	}
	if (sink_get_state(sink) == SINK_READER_GONE ||
	    (sink_pending(sink) == 0 && counters->dropped == 0))
		return;
	log_error(run->log, "-w: packets were lost: %llu dropped, %llu bytes not written",
	          (unsigned long long)counters->dropped, (unsigned long long)sink_pending(sink));
	run->status = EXIT_FAILURE;
}
