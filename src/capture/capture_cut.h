/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a packet the kernel keeps is what its filter returns. The end of a filter that
 * keeps more of packets with names in them: DNS, the beginning of TLS, QUIC and HTTP.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_CUT_H
#define SOCKLINE_CAPTURE_CAPTURE_CUT_H

#include <stdint.h>
#include <linux/filter.h>

#define CAPTURE_CUT_MAX 112 /* instructions */

/*
 * Writes a program that begins at the network header, which is `base' bytes into the packet, and
 * returns `longer' or `usual'. It never rejects a packet: each load is inside it. Returns its
 * number of instructions.
 */
int capture_cut_program(struct sock_filter code[CAPTURE_CUT_MAX], uint32_t base, uint32_t usual,
                        uint32_t longer);

#endif
