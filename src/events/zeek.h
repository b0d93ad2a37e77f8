/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct event -> one line of JSON with the names of Zeek's logs: conn.log for a connection
 * that has ended, dns.log, and reporter.log for what went wrong.
 */
#ifndef SOCKLINE_EVENTS_ZEEK_H
#define SOCKLINE_EVENTS_ZEEK_H

#include <stdbool.h>

#include "events/event.h"

struct writer;

/* Zeek has a log for such events. */
bool zeek_has(enum event_action action);
void zeek_write(struct writer *writer, const struct event *event);

#endif
