/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closes captures while others go on: the kernel waits for a grace period of RCU when a packet
 * socket is closed, 10 to 50 ms in which no packet would be read. A thread waits instead.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_CLOSER_H
#define SOCKLINE_CAPTURE_CAPTURE_CLOSER_H

#include "base/loop.h"
#include "capture/capture.h"

struct capture_closer;

struct capture_closer *capture_closer_new(struct loop *loop); /* NULL: no memory, or no thread */
/* Closes those that are left, and returns when they are closed. NULL is fine. */
void capture_closer_free(struct capture_closer *closer);
/* Takes it over. Closed at once where closer is NULL, or has very many to close. */
void capture_closer_close(struct capture_closer *closer, struct capture *capture);

#endif
