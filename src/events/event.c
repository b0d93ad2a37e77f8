/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/event.h"

#define CLASS(name, set, sort, ...)                                                                \
	{                                                                                          \
		.action = (name), .dataset = "sockline." set, .kind = (sort), __VA_ARGS__          \
	}
#define NETWORK .categories = { "network" }
#define PROCESS .categories = { "process" }

static const struct event_class classes[EVENT_ACTION_COUNT] = {
	[EVENT_PACKET] = CLASS("packet", "packet", "event", NETWORK, .types = { "connection" }),
	[EVENT_CONNECTION_OPENED] = CLASS("connection_opened", "connection", "event", NETWORK,
	                                  .types = { "connection", "start" }),
	[EVENT_CONNECTION_STATE_CHANGED] = CLASS("connection_state_changed", "connection", "event",
	                                         NETWORK, .types = { "connection", "info" }),
	[EVENT_CONNECTION_UPDATED] = CLASS("connection_updated", "connection", "event", NETWORK,
	                                   .types = { "connection", "info" }),
	[EVENT_CONNECTION_ATTRIBUTED] = CLASS("connection_attributed", "connection", "event",
	                                      NETWORK, .types = { "connection", "info" }),
	[EVENT_CONNECTION_CLOSED] = CLASS("connection_closed", "connection", "event", NETWORK,
	                                  .types = { "connection", "end" }),
	[EVENT_DNS_TRANSACTION] =
		CLASS("dns_transaction", "dns", "event", NETWORK, .types = { "protocol", "info" }),
	[EVENT_EXISTING_SOCKET] =
		CLASS("existing_socket", "socket", "state", NETWORK, .types = { "info" }),
	[EVENT_SNAPSHOT_COMPLETED] =
		CLASS("snapshot_completed", "socket", "state", NETWORK, .types = { "info" }),
	[EVENT_LISTENING_STARTED] =
		CLASS("listening_started", "socket", "event", NETWORK, .types = { "start" }),
	[EVENT_LISTENING_STOPPED] =
		CLASS("listening_stopped", "socket", "event", NETWORK, .types = { "end" }),
	[EVENT_PROCESS_TRAFFIC] =
		CLASS("process_traffic", "process", "metric",
	              .categories = { "process", "network" }, .types = { "info" }),
	[EVENT_PROCESS_STARTED] =
		CLASS("process_started", "process", "event", PROCESS, .types = { "start" }),
	[EVENT_PROCESS_EXECUTED] =
		CLASS("process_executed", "process", "event", PROCESS, .types = { "change" }),
	[EVENT_PROCESS_ENDED] =
		CLASS("process_ended", "process", "event", PROCESS, .types = { "end" }),
	[EVENT_CAPTURE_STATS] =
		CLASS("capture_stats", "stats", "metric", NETWORK, .types = { "info" }),
	[EVENT_RUN_STARTED] = CLASS("run_started", "run", "event", NETWORK, .types = { "info" }),
	[EVENT_RUN_STOPPED] = CLASS("run_stopped", "run", "event", NETWORK, .types = { "info" }),
	[EVENT_OUTPUT_OPENED] =
		CLASS("output_opened", "run", "event", NETWORK, .types = { "info" }),
	[EVENT_RECORDS_DROPPED] =
		CLASS("records_dropped", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_NETLINK_OVERRUN] =
		CLASS("netlink_overrun", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_CAPTURE_LOST] = CLASS("capture_lost", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_CAPTURE_RESUMED] =
		CLASS("capture_resumed", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_NETNS_OPENED] = CLASS("netns_opened", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_LIMIT_REACHED] =
		CLASS("limit_reached", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_TRACEPOINTS_OVERRUN] =
		CLASS("tracepoints_overrun", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_HELPER_LOST] = CLASS("helper_lost", "log", "event", NETWORK, .types = { "info" }),
	[EVENT_CLOCK_STEP] = CLASS("clock_step", "log", "event", NETWORK, .types = { "info" }),
};

struct event_owners event_owners(const struct event *event)
{
	const struct connection *connection;
	struct event_owners result = { 0 };

	switch (event->action) {
	case EVENT_PACKET:
		result.owners[0] = event->packet.source;
		result.owners[1] = event->packet.destination;
		break;
	case EVENT_CONNECTION_OPENED:
	case EVENT_CONNECTION_STATE_CHANGED:
	case EVENT_CONNECTION_UPDATED:
	case EVENT_CONNECTION_ATTRIBUTED:
	case EVENT_CONNECTION_CLOSED:
	case EVENT_DNS_TRANSACTION:
		connection = event->action == EVENT_DNS_TRANSACTION ? event->dns.connection
		                                                    : event->connection.connection;
		for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++)
			if (connection->local[end] || connection->owners[end].process)
				result.owners[end] = &connection->owners[end];
		break;
	case EVENT_EXISTING_SOCKET:
	case EVENT_LISTENING_STARTED:
	case EVENT_LISTENING_STOPPED:
		result.owners[0] = event->socket.owner;
		break;
	case EVENT_PROCESS_TRAFFIC:
		result.process = event->process.process;
		break;
	case EVENT_PROCESS_STARTED:
	case EVENT_PROCESS_EXECUTED:
	case EVENT_PROCESS_ENDED:
		result.process = event->life.process;
		break;
	default:
		break;
	}
	return result;
}

const struct event_class *event_class(enum event_action action)
{
	return &classes[action];
}

const char *event_action_name(enum event_action action)
{
	return classes[action].action;
}

const char *event_stop_name(enum event_stop stop)
{
	static const char *const names[] = {
		[EVENT_STOP_NONE] = "none",
		[EVENT_STOP_SIGNAL] = "signal",
		[EVENT_STOP_COUNT] = "count",
		[EVENT_STOP_DURATION] = "duration",
		[EVENT_STOP_END_OF_FILE] = "end_of_file",
		[EVENT_STOP_READER_GONE] = "reader_gone",
		[EVENT_STOP_ERROR] = "error",
		[EVENT_STOP_SNAPSHOT] = "snapshot",
		[EVENT_STOP_COMMAND] = "command",
	};

	return names[stop];
}
