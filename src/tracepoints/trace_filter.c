/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_filter.h"

#include <netinet/in.h>

#define TEXT_OF(number)  #number
#define STRING_OF(macro) TEXT_OF(macro)
#define NOT_BYSTANDER    "!(common_flags & " STRING_OF(TRACE_RECORD_BYSTANDER) ")"

/* Local ports from here on are those of clients: net.ipv4.ip_local_port_range, ip(7). */
#define CLIENT_PORTS 32768

static void append_excluded(struct buf *filter, const struct port_budget *budget)
{
	if (port_budget_excluded(budget) == 0)
		return;
	buf_append_literal(filter, " && ");
	port_budget_filter(budget, filter);
}

void trace_filter_make(struct buf *filter, enum trace_record_event event,
                       const struct port_budget *routes, const struct port_budget *receives)
{
	buf_reset(filter);
	switch (event) {
	case TRACE_RECORD_ROUTE_V4:
	case TRACE_RECORD_ROUTE_V6:
		/*
		 * TCP sockets are seen by their states. Without ports: the first of
		 * connect()'s two lookups, forwarding, reception. ICMP has none, nor
		 * have raw sockets: 255 (IPPROTO_RAW) when they make the header, else
		 * their protocol without the port that connect() knows. A TCP socket for which
		 * there is no route has no states; the table of local addresses is one of several.
		 */
		buf_append_literal(filter, "((proto == 17 && sport != 0) || proto == 255 || "
		                           "((proto == 6 || proto == 17) && dport == 0) || "
		                           "(proto == 6 && err < 0 && tb_id != 255) || "
		                           "proto == ");
		buf_append_u64(filter,
		               event == TRACE_RECORD_ROUTE_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		buf_append_literal(filter, ") && " NOT_BYSTANDER);
		append_excluded(filter, routes);
		break;
	case TRACE_RECORD_STATE:
		/*
		 * From SYN_SENT, and from SYN_RECV to ESTABLISHED, wherever: this gives the
		 * ports. By a process: to SYN_SENT, FIN_WAIT1, LAST_ACK and LISTEN; to CLOSE
		 * when it skips the former two.
		 */
		buf_append_literal(
			filter,
			"protocol == 6 && (oldstate == 2 || (oldstate == 3 && newstate == 1) "
			"|| (" NOT_BYSTANDER
			" && (newstate == 2 || newstate == 4 || newstate == 9 || "
			"newstate == 10 || (newstate == 7 && (oldstate == 1 || "
			"oldstate == 8 || oldstate == 10)))))");
		break;
	case TRACE_RECORD_RECEIVE:
		/* The process that connects is known already; the one that accepted is not. */
		buf_append_literal(filter, "sport < " STRING_OF(CLIENT_PORTS) " && " NOT_BYSTANDER);
		append_excluded(filter, receives);
		break;
	case TRACE_RECORD_SEND:
		buf_append_literal(filter, "protocol == 6 && ret > 0 && " NOT_BYSTANDER);
		break;
	case TRACE_RECORD_EXIT:
	case TRACE_RECORD_EXEC:
	case TRACE_RECORD_EVENTS:
		break;
	}
	buf_append_char(filter, '\0');
}
