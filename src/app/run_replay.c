/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe that brings no more for a while does not say whether the times of the packets that the
 * stream holds back are wrong: they are believed.
 */
#include "app/run_private.h"

#include "base/clock.h"

#define HELD_NS NS_PER_SECOND

int run_captures_timeout(struct run *run)
{
	int timeout = capture_set_timeout_ms(run->captures);
	int64_t now = clock_monotonic_ns();

	if (timeout >= 0 || !stream_holds_packets(run->stream)) {
		run->held_ns = 0;
		return timeout;
	}
	if (run->held_ns == 0)
		run->held_ns = now;
	if (now - run->held_ns < HELD_NS)
		return (int)((HELD_NS - (now - run->held_ns)) / NS_PER_MS) + 1;
	stream_release_packets(run->stream);
	stream_pass_packets(run->stream);
	return 0;
}
