/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Privilege separation in a run: which helper process there is, and what is reported of its end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app/run_private.h"
#include "output/peer.h"
#include "security/capabilities.h"
#include "sockets/netns.h"
#include "tracepoints/perf_error.h"

static bool goes_on(const struct options *options)
{
	return options->mode == OPTIONS_STREAM || options->snapshot_interval_ns > 0;
}

/* Where other namespaces are watched. */
static bool enters_namespaces(const struct options *options)
{
	return options->netns_mode != HOST_NETNS_SELF &&
	       capabilities_have(capabilities_effective(), CAP_SYS_ADMIN) && netns_may_enter();
}

/* Where a right is needed for them: what opens them later does not read packets. */
static bool opens_traces(const struct options *options)
{
	return (options->method == HOST_METHOD_AUTO ||
	        options->method == HOST_METHOD_TRACEPOINTS) &&
	       capabilities_have(capabilities_effective(), perf_error_capability());
}

/* At SIGHUP, and where it is rotated. A self-test does not open it at all. */
static bool opens_output(const struct options *options)
{
	return outlet_is_file(options->output_file) && !options->self_test;
}

/*
 * The path of a UNIX socket to which, as it is now, not everybody may write, or of which that is not
 * known because it is not there yet. NULL: what reads packets can connect to it itself.
 */
static const char *connects_to(const struct options *options)
{
	const char *path = options->output_file ? peer_unix_path(options->output_file) : NULL;

	if (!path || options->self_test ||
	    !capabilities_have(capabilities_effective(), CAP_DAC_OVERRIDE))
		return NULL;
	return access(path, F_OK) != 0 || run_output_needs_override(options->output_file) ? path
	                                                                                  : NULL;
}

/*
 * In a namespace the kernel asks for these of what made a socket, not only of what uses it: to
 * capture, and to be asked about NAT.
 */
static void add_privileges(struct run *run, const struct helper_options *helper)
{
	static const char feature[] = "network_namespaces";
	struct privileges *privileges = &run->helper_privileges;

	if (helper->namespaces) {
		privileges_need(privileges, CAP_SYS_ADMIN, feature);
		privileges_need(privileges, CAP_NET_RAW, feature);
		privileges_need(privileges, CAP_NET_ADMIN, feature);
	}
	if (helper->traces)
		privileges_need(privileges, perf_error_capability(), "tracepoints");
	if (helper->peer || (helper->output && run_output_needs_override(helper->output)))
		privileges_need(privileges, CAP_DAC_OVERRIDE, "output");
}

int run_helper_start(struct run *run, struct error *error)
{
	const struct options *options = run->options;
	struct helper_options helper = {
		.namespaces = enters_namespaces(options),
		.traces = opens_traces(options),
		.output = opens_output(options) ? options->output_file : NULL,
		.rotation = options->rotation,
		.peer = connects_to(options),
	};
	int result;

	if (options->no_separation || run_is_replay(run) || !goes_on(options) ||
	    !(helper.namespaces || helper.traces || helper.output || helper.peer))
		return 0;
	add_privileges(run, &helper);
	helper.keep = privileges_set(&run->helper_privileges);
	result = helper_start(&run->helper, &helper, error);
	if (result != 0)
		return result;
	run->helper_opens_output = helper.output != NULL;
	run->helper_enters = helper.namespaces;
	run->helper_opens_traces = helper.traces;
	run->helper_connects_output = helper.peer != NULL;
	if (helper.namespaces)
		netns_use_helper(run->helper);
	return 0;
}

static void describe_cost(const struct run *run, char *text, size_t size)
{
	const struct {
		bool is;
		const char *cost;
	} all[] = {
		{ run->helper_enters, "network namespaces that come from now on are not watched" },
		{ run->helper_opens_output, "the output is not opened again and not rotated" },
		{ run->helper_connects_output, "the output is not connected again" },
		{ run->helper_opens_traces, "tracepoints pause where a port is too busy" },
	};
	size_t length = 0;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i].is && length < size)
			length += (size_t)snprintf(text + length, size - length, "%s%s",
			                           length > 0 ? ", and " : "", all[i].cost);
}

static void on_end(void *context, uint32_t events)
{
	static const char what[] = "the helper process ended";
	struct run *run = context;
	struct event_log content = { .level = "error" };
	char cost[256], message[300];

	(void)events;
	loop_remove(run->helper_source);
	run->helper_source = NULL;
	helper_give_up(run->helper);
	describe_cost(run, cost, sizeof cost);
	snprintf(message, sizeof message, "%s: %s", what, cost);
	content.message = message;
	log_error(run->log, "%s", message);
	if (run->host)
		host_degrade(run->host, what, cost);
	if (run->emitter)
		run_emit_log(run, EVENT_HELPER_LOST, &content);
}

int run_helper_watch(struct run *run, struct error *error)
{
	if (!run->helper)
		return 0;
	/* EPOLLHUP always comes. */
	run->helper_source = loop_add_fd(run->loop, helper_fd(run->helper), 0, on_end, run);
	return run->helper_source ? 0 : error_set(error, errno, "epoll: %s", strerror(errno));
}

void run_helper_release(struct run *run)
{
	if (!run->helper || run->helper_enters || run->helper_opens_output ||
	    run->helper_connects_output || host_method(run->host) == HOST_METHOD_TRACEPOINTS)
		return;
	run_helper_stop(run);
	run->helper = NULL;
	run->helper_source = NULL;
	run->helper_privileges.count = 0;
}

/* Its descriptors are closed some moments before its status can be taken. */
void run_helper_look(struct run *run)
{
	if (run->helper && helper_has_ended(run->helper))
		helper_give_up(run->helper);
}

void run_helper_stop(struct run *run)
{
	loop_remove(run->helper_source);
	netns_use_helper(NULL);
	helper_stop(run->helper);
}
