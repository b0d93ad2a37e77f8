/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of an ordinary pcap file, where the input has them: libpcap copies each, through stdio,
 * which takes longer than to decode it. What is not ordinary is left to libpcap, which also says
 * what is wrong with a damaged file.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_RECORDS_H
#define SOCKLINE_CAPTURE_CAPTURE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pcap/pcap.h>

#include "base/error.h"
#include "capture/capture.h"
#include "capture/capture_input.h"

struct capture_records {
	struct capture_input *input; /* NULL: the file is not ordinary */
	int link_type;
	int64_t unit_ns; /* of the fraction of a second */
	bool filtered;
	struct bpf_program filter;
	size_t length; /* of the record at the beginning of the window, which was handed out; 0 = none */
};

/* The head of a file: its packets can be read here. */
bool capture_records_fit(const uint8_t *head, size_t length);

/*
 * The head is one that fits. The input is borrowed; it stands behind the head before the first packet is asked
 * for. link_type is libpcap's. 0 or -errno with text.
 */
int capture_records_open(struct capture_records *records, struct capture_input *input,
                         const uint8_t *head, int link_type, const char *filter,
                         struct error *error);
void capture_records_close(struct capture_records *records); /* zeroed ones are fine */

/*
 * The next packet, valid until the next call. 1; 0 = the end, or a record for libpcap to judge, which
 * the input then begins with; or as capture_input_fill.
 */
int capture_records_next(struct capture_records *records, struct capture_packet *packet,
                         struct error *error);

#endif
