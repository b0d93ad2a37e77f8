/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_records.h"

#include <string.h>

#include "base/clock.h"
#include "capture/capture_filter.h"

/* draft-ietf-opsawg-pcap 4 and 5, in the byte order of this host. */
#define MICROSECONDS 0xa1b2c3d4u
#define NANOSECONDS  0xa1b23c4du
#define CAPTURED_MAX 262144 /* libpcap refuses longer ones */

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[3];
	uint32_t link_type;
};

struct record {
	uint32_t seconds;
	int32_t fraction; /* libpcap takes it as signed */
	uint32_t captured, length;
};

_Static_assert(sizeof(struct file_header) == CAPTURE_INPUT_HEAD, "no padding");

/* Those whose packets libpcap hands over as they are in the file. */
static bool is_plain(uint32_t link_type)
{
	enum { ETHERNET = 1, RAW = 101, LINUX_SLL = 113, LINUX_SLL2 = 276 };

	return link_type == ETHERNET || link_type == RAW || link_type == LINUX_SLL ||
	       link_type == LINUX_SLL2;
}

bool capture_records_fit(const uint8_t *head, size_t length)
{
	struct file_header header;

	if (length < sizeof header)
		return false;
	memcpy(&header, head, sizeof header);
	return (header.magic == MICROSECONDS || header.magic == NANOSECONDS) && header.major == 2 &&
	       header.minor == 4 && is_plain(header.link_type);
}

int capture_records_open(struct capture_records *records, struct capture_input *input,
                         const uint8_t *head, int link_type, const char *filter,
                         struct error *error)
{
	struct file_header header;

	memcpy(&header, head, sizeof header);
	*records = (struct capture_records){
		.input = input,
		.link_type = link_type,
		.unit_ns = header.magic == NANOSECONDS ? 1 : 1000,
	};
	if (!filter || !*filter)
		return 0;
	records->filtered = true;
	return capture_filter_compile(link_type, filter, &records->filter, error);
}

void capture_records_close(struct capture_records *records)
{
	if (records->filtered)
		pcap_freecode(&records->filter);
}

static bool passes(const struct capture_records *records, const struct capture_packet *packet)
{
	const struct pcap_pkthdr header = { .caplen = packet->captured, .len = packet->length };

	return !records->filtered ||
	       pcap_offline_filter(&records->filter, &header, packet->bytes) != 0;
}

/* The window begins with a whole record; its header is read so far as there is one. */
static inline bool see(const struct capture_records *records, struct record *record,
                       const uint8_t **bytes)
{
	size_t available;

	*bytes = capture_input_window(records->input, &available);
	if (available < sizeof *record)
		return false;
	memcpy(record, *bytes, sizeof *record);
	return record->captured <= CAPTURED_MAX && available - sizeof *record >= record->captured;
}

/* As capture_records_next: makes the window begin with one. */
static __attribute__((noinline)) int fetch(struct capture_records *records, struct record *record,
                                           const uint8_t **bytes, struct error *error)
{
	int result;

	*record = (struct record){ .captured = 0 };
	result = capture_input_fill(records->input, sizeof *record, true, error);
	if (result != 0)
		return result;
	if (see(records, record, bytes))
		return 1;
	if (record->captured > CAPTURED_MAX)
		return 0;
	result = capture_input_fill(records->input, sizeof *record + record->captured, true, error);
	return result != 0 ? result : see(records, record, bytes);
}

static inline int take(struct capture_records *records, struct record *record,
                       const uint8_t **bytes, struct error *error)
{
	int result;

	capture_input_skip(records->input, records->length);
	records->length = 0;
	if (!see(records, record, bytes)) {
		result = fetch(records, record, bytes, error);
		if (result != 1)
			return result;
	}
	records->length = sizeof *record + record->captured;
	*bytes += sizeof *record;
	return 1;
}

int capture_records_next(struct capture_records *records, struct capture_packet *packet,
                         struct error *error)
{
	struct record record;
	const uint8_t *bytes;
	int result;

	do {
		result = take(records, &record, &bytes, error);
		if (result != 1)
			return result;
		*packet = (struct capture_packet){
			.time_ns =
				record.seconds * NS_PER_SECOND + record.fraction * records->unit_ns,
			.captured = record.captured,
			.length = record.length,
			.bytes = bytes,
			.link_type = records->link_type,
		};
	} while (!passes(records, packet));
	return 1;
}
