/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/connection_extra.h"

#include <stdlib.h>
#include <string.h>

struct connection_extra *connection_extra(struct connection *connection)
{
	if (!connection->extra)
		connection->extra = calloc(1, sizeof *connection->extra);
	return connection->extra;
}

struct tcp_trouble *connection_extra_trouble(struct connection *connection)
{
	struct connection_extra *extra = connection_extra(connection);

	if (extra && !extra->trouble)
		extra->trouble = calloc(1, sizeof *extra->trouble);
	return extra ? extra->trouble : NULL;
}

void connection_extra_free(struct connection_extra *extra)
{
	if (!extra)
		return;
	free(extra->trouble);
	free(extra->tcp_info);
	free(extra->sockets);
	free(extra->past);
	free(extra);
}

void connection_extra_mark_reported(struct connection *connection)
{
	struct connection_extra *extra = connection_extra(connection);

	if (extra) /* else out of memory: the next interval counts more */
		memcpy(extra->reported, connection->counts, sizeof extra->reported);
}

bool connection_extra_set_tcp_info(struct connection *connection,
                                   const struct socket_tcp_info *info)
{
	struct connection_extra *extra = connection_extra(connection);

	if (extra && !extra->tcp_info)
		extra->tcp_info = malloc(sizeof *extra->tcp_info);
	if (!extra || !extra->tcp_info)
		return false;
	*extra->tcp_info = *info;
	return true;
}

void connection_extra_drop_tcp_info(struct connection *connection)
{
	if (!connection->extra)
		return;
	free(connection->extra->tcp_info);
	connection->extra->tcp_info = NULL;
}

void connection_extra_set_congestion(struct connection *connection, const char *name)
{
	struct connection_extra *extra = name[0] ? connection_extra(connection) : NULL;

	if (extra)
		memcpy(extra->congestion_control, name, sizeof extra->congestion_control);
}

bool connection_extra_set_past(struct connection *connection, const struct connection_past *past)
{
	struct connection_extra *extra = connection_extra(connection);

	if (extra && !extra->past)
		extra->past = malloc(sizeof *extra->past);
	if (!extra || !extra->past)
		return false;
	*extra->past = *past;
	if (past->has_totals)
		connection_extra_set_congestion(connection, past->congestion_control);
	return true;
}
