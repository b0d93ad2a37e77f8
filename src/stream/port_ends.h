/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When UDP sockets on a local port last died. A UDP tuple tells no ends: after
 * its socket is gone, the next one on the port may be another process's, and a
 * packet from it begins another connection.
 */
#ifndef SOCKLINE_STREAM_PORT_ENDS_H
#define SOCKLINE_STREAM_PORT_ENDS_H

#include <stdbool.h>
#include <stdint.h>

struct port_ends;

struct port_ends *port_ends_new(void); /* NULL: no memory */
void port_ends_free(struct port_ends *ends);

void port_ends_note(struct port_ends *ends, uint32_t netns, uint16_t port, int64_t now_ns);
/* Nothing has happened on the port since `checked`: quick, for each packet. */
bool port_ends_unchanged(const struct port_ends *ends, uint16_t port, uint32_t checked);
/*
 * May a socket on this port have died between the last time that `checked` was
 * set here and the packet sent at seen_ns? Sets *checked when the answer will
 * not change any more for later packets. Monotonic times.
 */
bool port_ends_suspect(const struct port_ends *ends, uint32_t netns, uint16_t port, int64_t seen_ns,
                       uint32_t *checked);

#endif
