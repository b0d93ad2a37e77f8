/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listening_started and listening_stopped: compares listings, and remembers the
 * owner of each listener, because a socket that is gone has none any more.
 */
#ifndef SOCKLINE_STREAM_LISTENER_WATCH_H
#define SOCKLINE_STREAM_LISTENER_WATCH_H

#include "attribution/attribution.h"
#include "sockets/lister.h"
#include "stream/emitter.h"

struct listener_watch;

/* All borrowed. NULL when memory is short. */
struct listener_watch *listener_watch_new(struct lister *lister, struct attribution *attribution,
                                          struct emitter *emitter);
void listener_watch_free(struct listener_watch *watch);

/* What listens now was reported, by a snapshot. Else the first refresh reports all there is. */
void listener_watch_begin(struct listener_watch *watch);
/* Lists, and emits what changed since the last time. */
void listener_watch_refresh(struct listener_watch *watch);
/*
 * Between listings: a listener whose holder was not found is reported as soon as it is. Nanoseconds
 * until the next look; -1: none waits.
 */
int64_t listener_watch_look(struct listener_watch *watch);

#endif
