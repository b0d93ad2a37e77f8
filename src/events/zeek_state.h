/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* conn_state of Zeek's conn.log, by a connection's history and counts. Pure. */
#ifndef SOCKLINE_EVENTS_ZEEK_STATE_H
#define SOCKLINE_EVENTS_ZEEK_STATE_H

#include "connections/connection.h"

/* NULL: what was seen does not show it. */
const char *zeek_state(const struct connection *connection);

#endif
