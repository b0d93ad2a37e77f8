/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* An outlet to a socket: connected anew whenever the reader has gone. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "output/outlet_private.h"

static void unwatch(struct outlet *outlet)
{
	loop_remove(outlet->source);
	outlet->source = NULL;
}

static void report_failure(struct outlet *outlet, const char *what, int code)
{
	if (outlet->silent)
		return;
	outlet->silent = true;
	outlet->changes.failed++;
	error_set(&outlet->changes.error, code, "%s: %s", what, strerror(code));
}

static void begin_connection(struct outlet *outlet, int fd)
{
	int result;

	unwatch(outlet);
	outlet->attached = true;
	outlet->silent = false;
	outlet->full = false;
	outlet->changes.opened++;
	result = outlet_watch(outlet, fd, EPOLLRDHUP);
	if (result != 0)
		report_failure(outlet, "epoll", -result);
}

static void end_connection(struct outlet *outlet, int64_t now_ns)
{
	unwatch(outlet);
	outlet->attached = false;
	peer_drop(outlet->peer, now_ns);
	report_failure(outlet, "the connection has ended", ECONNRESET);
}

/* See sink_reconnect(). */
static int next_connection(void *context)
{
	struct outlet *outlet = context;
	int64_t now_ns = clock_monotonic_ns();
	int result;

	if (outlet->attached)
		end_connection(outlet, now_ns);
	result = peer_connect(outlet->peer, now_ns);
	if (result >= 0) {
		begin_connection(outlet, result);
		return result;
	}
	if (result != -EAGAIN) {
		unwatch(outlet);
		report_failure(outlet, "cannot connect", -result);
	} else if (!outlet->source && peer_socket(outlet->peer) >= 0) {
		outlet_watch(outlet, peer_socket(outlet->peer), EPOLLOUT);
	}
	return -EAGAIN;
}

int outlet_open_peer(struct outlet *outlet, struct error *error)
{
	const struct outlet_options *options = &outlet->options;
	int result = peer_new(&outlet->peer, options->path, options->helper, error);
	size_t unread;

	if (result != 0)
		return result;
	unread = peer_unread_max(outlet->peer);
	result = sink_new(&outlet->sink, -1, options->spool + unread, error);
	if (result != 0)
		return result;
	sink_reconnect(outlet->sink, next_connection, outlet, unread);
	outlet_keep_unread(outlet);
	return 0;
}

void outlet_keep_unread(struct outlet *outlet)
{
	sink_keep(outlet->sink, peer_unread(outlet->peer));
}

int64_t outlet_peer_timeout_ns(const struct outlet *outlet)
{
	return sink_is_absent(outlet->sink) ? peer_timeout_ns(outlet->peer, clock_monotonic_ns())
	                                    : -1;
}
