/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/dns_cut.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdbool.h>
#include <string.h>

#define COUNTS         4  /* in the header, of its four sections */
#define QUESTION_FIXED 4  /* behind the name: type and class, */
#define RECORD_FIXED   10 /* and time to live and length of the data */

static uint8_t *count_at(uint8_t *message, int section)
{
	return message + COUNTS + 2 * (size_t)section;
}

/* The bytes of a question or record; 0: it is not whole. */
static size_t size_of(const uint8_t *at, const uint8_t *end, int section)
{
	size_t fixed = section == ns_s_qd ? QUESTION_FIXED : RECORD_FIXED, size;
	int name = dn_skipname(at, end);

	if (name < 0 || (size_t)(end - at) < (size_t)name + fixed)
		return 0;
	size = (size_t)name + fixed;
	if (section != ns_s_qd)
		size += ns_get16(at + size - 2);
	return size <= (size_t)(end - at) ? size : 0;
}

size_t dns_cut(const uint8_t *bytes, size_t length, uint8_t whole[DNS_CUT_MAX],
               struct dns_cut_counts *counts)
{
	size_t used = DNS_HEADER_SIZE;
	bool ended = false;

	if (length > DNS_CUT_MAX)
		length = DNS_CUT_MAX;
	memcpy(whole, bytes, length);
	counts->questions = (uint16_t)ns_get16(count_at(whole, ns_s_qd));
	counts->answers = (uint16_t)ns_get16(count_at(whole, ns_s_an));
	counts->additional = (uint16_t)ns_get16(count_at(whole, ns_s_ar));
	for (int section = ns_s_qd; section <= ns_s_ar; section++) {
		unsigned total = ns_get16(count_at(whole, section)), count = 0;

		while (!ended && count < total) {
			size_t size = size_of(whole + used, whole + length, section);

			ended = size == 0;
			if (ended)
				break;
			used += size;
			count++;
		}
		ns_put16(count, count_at(whole, section));
	}
	return used > DNS_HEADER_SIZE ? used : 0;
}
