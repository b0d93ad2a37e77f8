/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning of a DNS message of which not all is at hand: its first IP fragment, or what was
 * captured of it. Pure.
 */
#ifndef SOCKLINE_INSPECT_DNS_CUT_H
#define SOCKLINE_INSPECT_DNS_CUT_H

#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER_SIZE 12
#define DNS_CUT_MAX     4096 /* bytes that are looked at, as the kernel keeps of live packets */

/* What the header says of the message as it was sent. */
struct dns_cut_counts {
	uint16_t questions, answers, additional;
};

/*
 * Writes a message of the questions and records that are whole in these bytes, at least
 * DNS_HEADER_SIZE of them, and returns its length. 0: there is no whole one at the beginning.
 */
size_t dns_cut(const uint8_t *bytes, size_t length, uint8_t whole[DNS_CUT_MAX],
               struct dns_cut_counts *counts);

#endif
