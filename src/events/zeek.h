/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct event -> lines of JSON with the names of Zeek's logs: conn.log for a connection that has
 * ended, and ssl.log if it was one of TLS or QUIC; dns.log, and reporter.log for what went wrong.
 */
#ifndef SOCKLINE_EVENTS_ZEEK_H
#define SOCKLINE_EVENTS_ZEEK_H

#include <stdbool.h>

#include "events/event.h"

struct writer;

/* Zeek has a log for such events. */
bool zeek_has(enum event_action action);
/* In how many logs an event is; event->part is one of them. */
unsigned zeek_lines(const struct event *event);
void zeek_write(struct writer *writer, const struct event *event);

#endif
