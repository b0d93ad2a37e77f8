/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Perf events that the helper process opens, for a thread that may not, and those that it refuses. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "security/capabilities.h"
#include "security/helper.h"
#include "security/privileges.h"
#include "tracepoints/trace_group.h"
#include "tracepoints/trace_open.h"
#include "tracepoints/tracepoints.h"

/* Connects in vain, so that a tracepoint has something to report. */
static void connect_in_vain(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (const struct sockaddr *)&to, sizeof to) != 0, "nothing listens there");
	close(fd);
}

static void on_trace(void *context, const struct trace_event *event)
{
	if (event->kind == TRACE_EVENT_STATE && event->pid == getpid())
		++*(int *)context;
}

struct tracing {
	struct helper *helper;
	int direct, opened, seen;
	struct error error;
};

/* As the process that reads packets is later: without the right to open a perf event. */
static void *trace_without_rights(void *argument)
{
	struct tracing *tracing = argument;
	struct tracepoints_options options = { .ring_kib = 64 };
	struct tracepoints *tracepoints = NULL;

	if (privileges_limit_thread(capabilities_bit(CAP_IPC_LOCK)) != 0)
		return NULL;
	tracing->direct = tracepoints_open(&tracepoints, &options, &tracing->error);
	tracepoints_close(tracepoints);
	tracepoints = NULL;
	options.helper = tracing->helper;
	tracing->opened = tracepoints_open(&tracepoints, &options, &tracing->error);
	if (tracing->opened != 0)
		return NULL;
	connect_in_vain();
	tracepoints_drain(tracepoints, on_trace, &tracing->seen);
	tracepoints_close(tracepoints);
	return NULL;
}

static struct helper *start(void)
{
	const struct helper_options options = {
		.keep = capabilities_bit(CAP_PERFMON) | capabilities_bit(CAP_SYS_ADMIN),
		.traces = true,
	};
	struct helper *helper = NULL;
	struct error error = { 0 };

	CHECK_EQUAL(helper_start(&helper, &options, &error), 0, "started: %s", error.text);
	if (!helper)
		exit(check_done());
	return helper;
}

/*
 * The thread can read tracefs, but not mount it: the program does so before it gives up its rights.
 * Here it is mounted for this process alone, where the host has not done so.
 */
static bool has_tracefs(void)
{
	if (access("/sys/kernel/tracing/events", F_OK) == 0)
		return true;
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) == 0;
}

static void test_opened(void)
{
	struct tracepoints_options here = { .ring_kib = 64 };
	struct tracing tracing = { 0 };
	struct tracepoints *tracepoints = NULL;
	struct error error = { 0 };
	pthread_t thread;

	if (tracepoints_open(&tracepoints, &here, &error) != 0) {
		CHECK(error.text[0], "perf events # SKIP %s", error.text);
		return;
	}
	tracepoints_close(tracepoints);
	if (!has_tracefs()) {
		CHECK(true, "through the helper # SKIP tracefs cannot be mounted");
		return;
	}
	tracing.helper = start();
	if (pthread_create(&thread, NULL, trace_without_rights, &tracing) != 0)
		exit(EXIT_FAILURE);
	pthread_join(thread, NULL);
	CHECK(tracing.direct != 0, "a thread without the right opens no perf event");
	CHECK_EQUAL(tracing.opened, 0, "the helper does: %s", tracing.error.text);
	CHECK(tracing.seen > 0, "which reports, by the thread's filter, into the thread's ring");
	helper_stop(tracing.helper);
}

static void test_refused(void)
{
	static const struct {
		struct trace_open wanted;
		int result;
		const char *what;
	} asked[] = {
		{ { TRACE_GROUP_ARGS, TRACE_RECORD_EVENTS, 0, 1, 0 },
		  -EACCES,
		  "what reads arguments" },
		{ { TRACE_GROUP_ARGS, TRACE_RECORD_EXEC, 0, 0, 0 }, -EACCES, "their stacks" },
		{ { TRACE_GROUP_SOCKETS, TRACE_RECORD_EVENTS + 1, 0, 0, 0 },
		  -EACCES,
		  "an event that there is not" },
		{ { TRACE_GROUP_SOCKETS, TRACE_RECORD_EXIT, 0, 0, 0 },
		  -EINVAL,
		  "an event of another group" },
		{ { TRACE_GROUP_SOCKETS, TRACE_RECORD_EVENTS, 4, 1, 0 },
		  -EINVAL,
		  "with an unknown flag" },
		{ { TRACE_GROUP_PROCESSES, TRACE_RECORD_EVENTS, 0, 1, -1 }, -EINVAL, "on no CPU" },
		{ { UINT32_MAX, UINT32_MAX, 0, 0, 0 }, -EACCES, "of no group" },
	};
	struct helper *helper = start();

	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
		CHECK_EQUAL(helper_open_trace(helper, &asked[i].wanted), asked[i].result,
		            "not opened: %s", asked[i].what);
	helper_stop(helper);
}

int main(void)
{
	test_opened();
	test_refused();
	return check_done();
}
