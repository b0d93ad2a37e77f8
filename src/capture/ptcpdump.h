/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comments that ptcpdump hangs on packets: lines "Key: value", one comment each for the
 * process, its thread, user, parent, container and pod. A value that is cut ends in "...".
 */
#ifndef SOCKLINE_CAPTURE_PTCPDUMP_H
#define SOCKLINE_CAPTURE_PTCPDUMP_H

#include <stddef.h>

#include "capture/owner_facts.h"

/* Adds what the comment says. The texts of facts point into it. */
void ptcpdump_parse(const char *comment, size_t length, struct owner_facts *facts);
/* After all comments of a packet: the name of a process is the last part of its path. */
void ptcpdump_complete(struct owner_facts *facts);

#endif
