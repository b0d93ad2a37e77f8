/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct event -> one line for a person: the local time, the process, transport
 * and ends, what happened. It says less than the record, and its form may change.
 */
#ifndef SOCKLINE_EVENTS_TEXT_H
#define SOCKLINE_EVENTS_TEXT_H

#include "base/buf.h"
#include "events/event.h"

/*
 * Appends the line with its LF. What others chose, names and paths, has control
 * characters escaped. -ENOBUFS: it does not fit, and line is as it was.
 */
int text_format(const struct event *event, struct buf *line);

/* " curl[12]", " kernel", or " ?" and why: the owner as it was at that time. */
void text_append_owner(struct buf *line, const struct owner *owner, int64_t time_ns);
/* " tcp 192.0.2.1:4000 > 192.0.2.2:443 (www.example.org)" */
void text_append_connection(struct buf *line, const struct connection *connection);

#endif
