/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_records.h"

#include <pcap/pcap.h>

#include "base/bytes.h"

/* draft-ietf-opsawg-pcap 4 */
#define MAGIC_MICROSECONDS UINT32_C(0xa1b2c3d4)
#define MAGIC_NANOSECONDS  UINT32_C(0xa1b23c4d)
#define VERSION_MAJOR      2
#define VERSION_MINOR      4
#define FILE_HEAD          24

#define CAPTURED_MAX 262144 /* libpcap's limit, for most link types */

int32_t capture_records_unit_ns(const uint8_t *head, size_t length)
{
	if (length < FILE_HEAD || bytes_native16(head + 4) != VERSION_MAJOR ||
	    bytes_native16(head + 6) != VERSION_MINOR)
		return 0;
	switch (bytes_native32(head)) {
	case MAGIC_MICROSECONDS:
		return 1000;
	case MAGIC_NANOSECONDS:
		return 1;
	default:
		return 0;
	}
}

bool capture_records_fit(int link_type)
{
	return link_type != DLT_USB_LINUX_MMAPPED;
}

size_t capture_records_read(const uint8_t head[CAPTURE_RECORDS_HEAD], int32_t unit_ns,
                            struct pcap_pkthdr *header)
{
	header->ts.tv_sec = bytes_native32(head);
	header->ts.tv_usec = (suseconds_t)(int32_t)bytes_native32(head + 4) * unit_ns;
	header->caplen = bytes_native32(head + 8);
	header->len = bytes_native32(head + 12);
	return header->caplen <= CAPTURED_MAX ? CAPTURE_RECORDS_HEAD + (size_t)header->caplen : 0;
}
