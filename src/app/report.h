/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* run_started, capture_stats, run_stopped and the closing line on stderr, from everybody's counters. */
#ifndef SOCKLINE_APP_REPORT_H
#define SOCKLINE_APP_REPORT_H

#include <stdint.h>

#include "base/log.h"
#include "capture/capture_set.h"
#include "host/host.h"
#include "app/options.h"
#include "output/sink.h"
#include "security/privileges.h"
#include "stream/emitter.h"
#include "stream/stream.h"

/* What there is to report on; all borrowed. host is NULL in a replay. */
struct report_sources {
	const struct options *options;
	struct host *host;
	struct capture_set *captures; /* NULL for a snapshot alone */
	struct stream *stream;        /* NULL for a snapshot alone */
	struct emitter *emitter;
	const struct encoder *encoder;
	const struct sink *sink;
	const struct capture_writer *packets; /* of -w; NULL = none, as the next */
	const struct sink *packets_sink;
	const struct privileges *privileges, *helper_privileges;
	int64_t started_ns;  /* monotonic; in a replay the time of the first packet */
	int64_t reported_ns; /* the same clock: of the last capture_stats. Kept by report. */
};

void report_run_started(const struct report_sources *sources, int64_t time_ns);
void report_stats(struct report_sources *sources, int64_t time_ns, int64_t now_ns);
void report_run_stopped(struct report_sources *sources, int64_t time_ns, int64_t now_ns,
                        enum event_stop stop);
/* All captures together. */
struct capture_counters report_captured(struct capture_set *captures);
/* As tcpdump says good-bye: with -c more packets can be received than are captured. */
void report_closing_line(const struct report_sources *sources, const struct log *log);

#endif
