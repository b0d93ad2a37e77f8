/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a pcap file, taken out of the window of its bytes where they lie: libpcap would
 * copy each twice. Pure. What is unusual is left to libpcap: other byte orders and versions, a
 * link type of which it corrects something, and what is damaged, which it has the words for.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_RECORDS_H
#define SOCKLINE_CAPTURE_CAPTURE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_RECORDS_HEAD 16 /* bytes before those of each packet */

struct pcap_pkthdr;

/* By the head of a file: nanoseconds of its unit of time; 0: its records are libpcap's. */
int32_t capture_records_unit_ns(const uint8_t *head, size_t length);
bool capture_records_fit(int link_type);
/*
 * Reads the head of a record. Returns the bytes of the record with it; 0: it is not one that
 * libpcap would take.
 */
size_t capture_records_read(const uint8_t head[CAPTURE_RECORDS_HEAD], int32_t unit_ns,
                            struct pcap_pkthdr *header);

#endif
