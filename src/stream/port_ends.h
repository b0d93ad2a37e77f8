/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When sockets on a local port last died: UDP ones, and TCP listeners. Neither
 * has ends that packets tell: after such a socket is gone the next one on the port
 * may be another process's.
 */
#ifndef SOCKLINE_STREAM_PORT_ENDS_H
#define SOCKLINE_STREAM_PORT_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/inet.h"

struct port_ends;

/* Packets come in batches: one sent before the end may be read this long after it was told. */
#define PORT_ENDS_BATCH_NS (INT64_C(250) * 1000000)

struct port_ends *port_ends_new(const struct hash_key *key); /* NULL: no memory */
void port_ends_free(struct port_ends *ends);

/* Times are monotonic. dead: the socket's tuple, without a remote port unless it was connected. */
void port_ends_note(struct port_ends *ends, uint32_t netns, const struct tuple *dead,
                    int64_t now_ns);

/* What was told since then was lost: any socket may have died. */
void port_ends_lost(struct port_ends *ends, int64_t since_ns, int64_t now_ns);

/* How many UDP sockets have died on the port: quick, for each packet. */
uint32_t port_ends_count(const struct port_ends *ends, uint16_t port);
/* The last of them was told after that time. */
bool port_ends_since(const struct port_ends *ends, uint16_t port, int64_t since_ns);
/* Any socket's death was told at that time or later: quick, for each question. */
bool port_ends_any(const struct port_ends *ends, int64_t since_ns);
/*
 * When it was told that a socket died which the local end tuple->source could have
 * been: one that was connected elsewhere could not. 0 = never; a later time than
 * the right one is possible. seen_ns: of the packet; where word was lost at that
 * time, the socket may have died just then.
 */
int64_t port_ends_last(const struct port_ends *ends, uint32_t netns, const struct tuple *tuple,
                       int64_t seen_ns);

#endif
