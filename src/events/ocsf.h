/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct event -> one event of OCSF, the Open Cybersecurity Schema Framework, as JSON: Network
 * Activity, DNS Activity, Process Activity, and Base Event for what went wrong.
 */
#ifndef SOCKLINE_EVENTS_OCSF_H
#define SOCKLINE_EVENTS_OCSF_H

#include <stdbool.h>

#include "events/event.h"

struct writer;

/* OCSF has a class for such events. */
bool ocsf_has(enum event_action action);
void ocsf_write(struct writer *writer, const struct event *event);

#endif
