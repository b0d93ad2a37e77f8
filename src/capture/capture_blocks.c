/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_blocks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#include "capture/capture_filter.h"
#include "capture/pktap.h"

#define FILTERS_MAX 32 /* link types of one file that are filtered */
#define SNAPLEN     262144

struct filter {
	int link_type;
	bool fits; /* else the expression is of no use there, and takes no packet */
	struct bpf_program program;
};

struct capture_blocks {
	struct capture_input *input;
	struct origin *origin;
	struct pcapng *pcapng;
	const char *expression; /* NULL: all packets */
	struct filter filters[FILTERS_MAX];
	int filter_count;
	size_t length; /* of the block at the beginning of the window, which was taken in; 0 = none */
	int64_t latest_ns; /* of the packet before */
};

bool capture_blocks_fit(const uint8_t *head, size_t length)
{
	static const uint8_t section[] = { 0x0a, 0x0d, 0x0d, 0x0a };

	return length >= sizeof section && memcmp(head, section, sizeof section) == 0;
}

void capture_blocks_free(struct capture_blocks *blocks)
{
	if (!blocks)
		return;
	for (int i = 0; i < blocks->filter_count; i++)
		if (blocks->filters[i].fits)
			pcap_freecode(&blocks->filters[i].program);
	pcapng_free(blocks->pcapng);
	free(blocks);
}

/* NULL with text: the expression fits none of the file's link types so far. */
static const struct filter *find_filter(struct capture_blocks *blocks, int link_type,
                                        struct error *error)
{
	struct filter *filter;
	int result = -EINVAL;

	for (int i = 0; i < blocks->filter_count; i++)
		if (blocks->filters[i].link_type == link_type)
			return &blocks->filters[i];
	if (blocks->filter_count == FILTERS_MAX) {
		error_set(error, ENOSPC, "filter: the file has more than %d link types",
		          FILTERS_MAX);
		return NULL;
	}
	filter = &blocks->filters[blocks->filter_count];
	result = capture_filter_compile(link_type, blocks->expression, &filter->program, error);
	if (result != 0 && (blocks->filter_count == 0 || result != -EINVAL))
		return NULL;
	filter->link_type = link_type;
	filter->fits = result == 0;
	blocks->filter_count++;
	return filter;
}

/* 1: it passes, 0: not, or -errno with text. */
static int passes(struct capture_blocks *blocks, const struct pcapng_packet *packet,
                  struct error *error)
{
	const struct pcap_pkthdr header = { .caplen = packet->captured, .len = packet->length };
	const struct filter *filter;

	if (!blocks->expression)
		return 1;
	filter = find_filter(blocks, packet->link_type, error);
	if (!filter)
		return -EINVAL;
	return filter->fits && pcap_offline_filter(&filter->program, &header, packet->bytes) != 0;
}

static int damaged(const struct capture_blocks *blocks, uint64_t before, const char *problem,
                   struct error *error)
{
	char place[64];

	capture_input_place(blocks->input, capture_input_offset(blocks->input), place);
	return error_set(error, EIO, "%s: unreadable %s (packets before: %" PRIu64 "): %s",
	                 capture_input_name(blocks->input), place, before, problem);
}

/* The window holds `needed` bytes of a block. 1, or 0 at the end, or -errno with text. */
static int need(struct capture_blocks *blocks, size_t needed, bool wait, uint64_t before,
                struct error *error)
{
	char problem[96];
	size_t available;
	int result = capture_input_fill(blocks->input, needed, wait, error);

	if (result != 0)
		return result;
	capture_input_window(blocks->input, &available);
	if (available >= needed)
		return 1;
	if (available == 0)
		return 0;
	snprintf(problem, sizeof problem, "truncated: %zu of the block's %zu bytes", available,
	         needed);
	return damaged(blocks, before, problem, error);
}

/* Takes the next block in. 1: a packet; 0: another; -ENODATA: the end; or as capture_blocks_next. */
static int take_block(struct capture_blocks *blocks, bool wait, uint64_t before,
                      struct pcapng_packet *packet, struct error *error)
{
	size_t available, length;
	int result;

	capture_input_skip(blocks->input, blocks->length);
	blocks->length = 0;
	result = need(blocks, PCAPNG_HEAD, wait, before, error);
	if (result <= 0)
		return result == 0 ? -ENODATA : result;
	length = pcapng_length(blocks->pcapng, capture_input_window(blocks->input, &available));
	if (length == 0)
		return damaged(blocks, before, "no block of a pcapng file begins so", error);
	result = need(blocks, length, wait, before, error);
	if (result <= 0)
		return result;
	result = pcapng_block(blocks->pcapng, capture_input_window(blocks->input, &available),
	                      length, packet);
	if (result == -EBADMSG)
		return damaged(blocks, before, pcapng_problem(blocks->pcapng), error);
	if (result < 0)
		return error_set(error, -result, "out of memory");
	blocks->length = length;
	return result;
}

/*
 * Simple packets have no time. They are of that of the packet before; where there is none, of when
 * the file was written.
 */
static int64_t time_of(struct capture_blocks *blocks, const struct pcapng_packet *packet)
{
	if (packet->has_time)
		blocks->latest_ns = packet->time_ns;
	else if (blocks->latest_ns == 0)
		blocks->latest_ns = capture_input_modified_ns(blocks->input);
	return blocks->latest_ns;
}

/* Its own header is more exact than the interface that one captures on. */
static void add_pktap(struct capture_blocks *blocks, struct capture_packet *packet)
{
	const struct pktap pktap = pktap_read(blocks->origin, packet->bytes, packet->captured);

	if (pktap.interface > 0)
		packet->interface = pktap.interface;
	if (pktap.owners.any > 0)
		packet->owners = pktap.owners;
}

int capture_blocks_next(struct capture_blocks *blocks, bool wait, uint64_t before,
                        struct capture_packet *packet, struct error *error)
{
	struct pcapng_packet found = { .captured = 0 };
	int result;

	for (;;) {
		result = take_block(blocks, wait, before, &found, error);
		if (result == -ENODATA)
			return 0;
		if (result == 1)
			result = passes(blocks, &found, error);
		if (result != 0)
			break;
	}
	if (result < 0)
		return result;
	*packet = (struct capture_packet){
		.time_ns = time_of(blocks, &found),
		.captured = found.captured,
		.length = found.length,
		.bytes = found.bytes,
		.link_type = found.link_type,
		.interface = found.interface,
		.direction = found.direction,
		.owners = found.owners,
	};
	if (pktap_is(found.link_type))
		add_pktap(blocks, packet);
	return 1;
}

int capture_blocks_new(struct capture_blocks **blocks, struct capture_input *input,
                       struct origin *origin, const char *filter, struct error *error)
{
	struct capture_blocks *opened = calloc(1, sizeof *opened);
	struct pcapng_packet packet;
	int result;

	if (opened)
		opened->pcapng = pcapng_new(origin);
	if (!opened || !opened->pcapng) {
		free(opened);
		return error_set(error, ENOMEM, "out of memory");
	}
	opened->input = input;
	opened->origin = origin;
	opened->expression = filter && *filter ? filter : NULL;
	/* The first block: a section. */
	result = take_block(opened, true, 0, &packet, error);
	if (result < 0) {
		capture_blocks_free(opened);
		return result;
	}
	*blocks = opened;
	return 0;
}

struct pcapng_drops capture_blocks_drops(const struct capture_blocks *blocks)
{
	return pcapng_drops(blocks->pcapng);
}
