/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#include "base/clock.h"
#include "capture/capture_blocks.h"
#include "capture/capture_file.h"
#include "capture/capture_filter.h"
#include "capture/capture_live.h"
#include "capture/capture_queue.h"
#include "capture/capture_ring.h"
#include "capture/capture_socket.h"
#include "capture/pktap.h"

/* While an interface is down: libpcap asks for 1 ms, which costs a core what it gives nobody. */
#define DOWN_POLL_MS 100
#define PCAPNG_MAJOR 1 /* the major version of pcapng files; that of pcap files is 2 */

struct capture {
	pcap_t *handle;
	char *name;
	bool is_file;
	bool is_pktap;            /* a file whose packets state their process */
	struct capture_file file; /* holds the handle too */
	struct capture_ring ring; /* of LINUX_SLL2, live */
	bool has_ring;
	bool in_kernel;              /* all of the filter is evaluated there */
	struct capture_queue *queue; /* in place of handle and ring */
	int link_type;
	int timeout_ms;
	size_t ring_bytes; /* live */

	/* Valid during a dispatch. */
	capture_callback *callback;
	void *context;
	int handed;
	bool dispatching, breaking;
	bool more; /* of a file: the last dispatch may have left packets */

	struct pcap_stat last; /* as libpcap counted when we last asked, 32 bit */
	uint64_t accepted;     /* passed the filter, with or without room in the ring */
	uint64_t dropped, interface_dropped, delivered;

	bool stopped;
	int64_t drain_until_ns; /* 0 while packets may come */
};

static struct capture *capture_new(const char *name)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (capture == NULL)
		return NULL;
	capture->name = strdup(name);
	if (capture->name == NULL) {
		free(capture);
		return NULL;
	}
	return capture;
}

int capture_open_live(struct capture **capture, const char *interface,
                      const struct capture_options *options, struct error *error)
{
	struct capture *opened = capture_new(interface);
	int status;

	if (opened == NULL)
		return error_set(error, ENOMEM, "out of memory");
	opened->timeout_ms = capture_live_timeout_ms(options);
	status = capture_live_open(&opened->handle, interface, options, &opened->in_kernel, error);
	if (status != 0) {
		capture_close(opened);
		return status;
	}
	opened->link_type = pcap_datalink(opened->handle);
	opened->ring_bytes = (size_t)capture_live_buffer_kib(options) * 1024;
	opened->has_ring = opened->link_type == DLT_LINUX_SLL2;
	if (opened->has_ring)
		capture_ring_init(&opened->ring, pcap_fileno(opened->handle));
	*capture = opened;
	return 0;
}

int capture_open_queue(struct capture **capture, const struct capture *like,
                       struct capture_batch *batch, uint16_t group, size_t bytes,
                       struct error *error)
{
	struct capture *opened;
	struct sock_filter *filter = NULL;
	size_t length = 0;
	int status;

	if (!like->in_kernel || like->link_type != DLT_LINUX_SLL2)
		return error_set(error, EOPNOTSUPP, "the filter is not one of the kernel's");
	status = capture_socket_copy_filter(pcap_fileno(like->handle), &filter, &length);
	if (!filter)
		return error_set(error, -status, "filter: %s", strerror(-status));
	opened = capture_new(CAPTURE_LIVE_ANY);
	status = opened ? capture_queue_open(&opened->queue, batch, filter, length, group, bytes,
	                                     error)
	                : error_set(error, ENOMEM, "out of memory");
	free(filter);
	if (status != 0) {
		capture_close(opened);
		return status;
	}
	opened->link_type = like->link_type;
	opened->timeout_ms = like->timeout_ms;
	*capture = opened;
	return 0;
}

int capture_open_file(struct capture **capture, const char *path,
                      const struct capture_options *options, struct error *error)
{
	struct capture *opened = capture_new(path);
	int status;

	if (opened == NULL)
		return error_set(error, ENOMEM, "out of memory");
	opened->is_file = true;
	status = capture_file_open(&opened->file, path, options, error);
	if (status != 0) {
		capture_close(opened);
		return status;
	}
	opened->handle = opened->file.handle;
	if (opened->handle != NULL)
		opened->link_type = pcap_datalink(opened->handle);
	else
		opened->link_type = -1;
	opened->is_pktap = pktap_is(opened->link_type);
	opened->more = true;
	*capture = opened;
	return 0;
}

void capture_close(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->is_file)
		capture_file_close(&capture->file);
	else if (capture->handle != NULL)
		pcap_close(capture->handle);
	capture_queue_close(capture->queue);
	free(capture->name);
	free(capture);
}

int capture_link_type(const struct capture *capture)
{
	return capture->link_type;
}

size_t capture_buffer_bytes(const struct capture *capture)
{
	return capture->queue != NULL ? capture_queue_size(capture->queue) : capture->ring_bytes;
}

uint16_t capture_group(const struct capture *capture)
{
	return capture->queue != NULL ? capture_queue_group(capture->queue) : 0;
}

struct capture_queue *capture_get_queue(const struct capture *capture)
{
	return capture->queue;
}

bool capture_is_file(const struct capture *capture)
{
	return capture->is_file;
}

int capture_fd(const struct capture *capture)
{
	if (capture->queue != NULL)
		return capture_queue_fd(capture->queue);
	return capture->is_file ? capture_file_fd(&capture->file)
	                        : pcap_get_selectable_fd(capture->handle);
}

int capture_snaplen(const struct capture *capture)
{
	return capture->handle != NULL ? pcap_snapshot(capture->handle) : 0;
}

const struct origin *capture_origin(const struct capture *capture)
{
	return capture->file.origin;
}

/* libpcap's way to say it: null but while an interface is down. */
static bool is_down(const struct capture *capture)
{
	return capture->queue == NULL && pcap_get_required_select_timeout(capture->handle) != NULL;
}

int capture_poll_timeout_ms(const struct capture *capture)
{
	if (capture->is_file)
		return capture->more || capture_file_fd(&capture->file) < 0 ? 0 : -1;
	if (is_down(capture))
		return DOWN_POLL_MS;
	return capture->drain_until_ns != 0 ? capture->timeout_ms : -1;
}

/*
 * Those of pcap files are unsigned (draft-ietf-opsawg-pcap 5) and end in 2106: libpcap takes
 * them as signed when the byte order is ours. Others can be before 1970.
 */
static int64_t seconds_from(const struct capture *capture, const struct timeval *time)
{
	if (time->tv_sec < 0 && capture->is_file &&
	    pcap_major_version(capture->handle) != PCAPNG_MAJOR)
		return (uint32_t)time->tv_sec;
	return time->tv_sec;
}

bool capture_progress(const struct capture *capture, uint64_t *done, uint64_t *total)
{
	return capture->is_file && capture_file_progress(&capture->file, done, total);
}

/* Seconds come from the file: a hostile one must not overflow the product. */
static int64_t time_from(const struct capture *capture, const struct timeval *time)
{
	int64_t seconds = seconds_from(capture, time), result;

	if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &result) ||
	    __builtin_add_overflow(result, (int64_t)time->tv_usec, &result))
		return seconds < 0 ? INT64_MIN : INT64_MAX;
	return result;
}

static void hand_over(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct capture *capture = (struct capture *)user;
	struct capture_packet packet = {
		/* tv_usec holds nanoseconds: we asked for them */
		.time_ns = time_from(capture, &header->ts),
		.captured = header->caplen,
		.length = header->len,
		.bytes = bytes,
		.link_type = capture->link_type,
	};

	/* libpcap takes the rest of a ring's block first. What a break leaves counts as unread. */
	if (capture->breaking)
		return;
	if (capture->is_pktap) {
		const struct pktap pktap = pktap_read(capture->file.origin, bytes, header->caplen);

		packet.interface = pktap.interface;
		packet.owners = pktap.owners;
	}
	if (capture->has_ring)
		packet.tag = capture_ring_tag(&capture->ring, bytes, header->len);
	capture->handed++;
	capture->delivered++;
	capture->callback(capture->context, &packet);
}

/* A block that is being filled is handed over by the kernel's timer, at its second turn. */
static void wait_for_block(struct capture *capture)
{
	capture->drain_until_ns =
		clock_monotonic_ns() + (2 * capture->timeout_ms + 100) * NS_PER_MS;
}

static void begin_drain(struct capture *capture)
{
	if (capture->drain_until_ns == 0)
		wait_for_block(capture);
}

/* A live dispatch failed, or gave nothing while the interface is down. */
static int report_state(struct capture *capture, struct error *error)
{
	int state = capture_live_state(capture->handle, capture->name);

	if (state == 0)
		return error_set(error, EIO, "interface %s: %s", capture->name,
		                 pcap_geterr(capture->handle));
	/* Packets from before are still to come: first they, then the news. */
	begin_drain(capture);
	if (!capture_drained(capture))
		return capture->handed;
	return error_set(error, -state, "interface %s %s", capture->name,
	                 state == -ENODEV ? "disappeared" : "is down");
}

/* Returns whether libpcap failed. */
static bool dispatch(struct capture *capture, int limit, capture_callback *callback, void *context)
{
	int result;

	capture->callback = callback;
	capture->context = context;
	capture->handed = 0;
	capture->breaking = false;
	capture->dispatching = true;
	/*
	 * libpcap may keep a break that ended a dispatch for the next one, and does
	 * not count the packets before a break or an error: we count.
	 */
	do
		result = pcap_dispatch(capture->handle, limit, hand_over, (u_char *)capture);
	while (result == PCAP_ERROR_BREAK && !capture->breaking && capture->handed == 0);
	capture->dispatching = false;
	return result < 0 && result != PCAP_ERROR_BREAK;
}

static int dispatch_blocks(struct capture *capture, int limit, capture_callback *callback,
                           void *context, struct error *error)
{
	struct capture_packet packet;
	int result = 1;

	capture->handed = 0;
	capture->breaking = false;
	capture->dispatching = true;
	while (capture->handed < limit && !capture->breaking && result > 0) {
		result = capture_blocks_next(capture->file.blocks, capture->file.waits,
		                             capture->delivered, &packet, error);
		if (result <= 0)
			break;
		capture->handed++;
		capture->delivered++;
		callback(context, &packet);
	}
	capture->dispatching = false;
	capture->more = capture->handed > 0;
	/* An error is met again by the next dispatch. */
	return capture->handed > 0 ? capture->handed : result;
}

static int dispatch_file(struct capture *capture, int limit, capture_callback *callback,
                         void *context, struct error *error)
{
	int result = capture_file_prepare(&capture->file, error);

	if (result != 0)
		return result;
	if (dispatch(capture, limit, callback, context))
		return capture_file_damaged(&capture->file, capture->delivered, error);
	capture->more = capture->handed > 0;
	return capture->handed > 0 ? capture->handed : capture_file_state(&capture->file);
}

static int dispatch_queue(struct capture *capture, int limit, capture_callback *callback,
                          void *context)
{
	struct capture_packet *packets;
	int count, wanted;

	capture->handed = 0;
	capture->breaking = false;
	capture->dispatching = true;
	do {
		wanted = limit - capture->handed;
		if (wanted > CAPTURE_QUEUE_BATCH)
			wanted = CAPTURE_QUEUE_BATCH;
		count = capture_queue_read(capture->queue, wanted, &packets);
		for (int i = 0; i < count && !capture->breaking; i++) {
			capture->delivered++;
			capture->handed++;
			callback(context, &packets[i]);
		}
	} while (count == wanted && capture->handed < limit && !capture->breaking);
	capture->dispatching = false;
	return capture->handed;
}

int capture_dispatch(struct capture *capture, int limit, capture_callback *callback, void *context,
                     struct error *error)
{
	if (capture->file.blocks != NULL)
		return dispatch_blocks(capture, limit, callback, context, error);
	if (capture->is_file)
		return dispatch_file(capture, limit, callback, context, error);
	if (capture->queue != NULL)
		return dispatch_queue(capture, limit, callback, context);
	if (dispatch(capture, limit, callback, context) ||
	    (capture->handed == 0 && is_down(capture)))
		return report_state(capture, error);
	if (!capture->stopped)
		capture->drain_until_ns = 0;
	else if (capture->handed > 0) /* slow, but the ring is not empty */
		wait_for_block(capture);
	return capture->handed;
}

void capture_break(struct capture *capture)
{
	if (!capture->dispatching)
		return;
	capture->breaking = true;
	if (capture->handle != NULL)
		pcap_breakloop(capture->handle);
}

uint64_t capture_counter_advance(uint64_t total, uint32_t previous, uint32_t now)
{
	return total + (uint32_t)(now - previous);
}

static int count_queue(struct capture *capture, struct capture_counters *counters)
{
	uint32_t received = 0, dropped = 0;
	int result = capture_queue_count(capture->queue, &received, &dropped);

	capture->accepted += received + (uint64_t)dropped;
	capture->dropped += dropped;
	counters->received = capture->accepted - capture->dropped;
	counters->dropped = capture->dropped;
	return result;
}

int capture_read_counters(struct capture *capture, struct capture_counters *counters)
{
	struct pcap_stat now;

	*counters = (struct capture_counters){ .delivered = capture->delivered };
	if (capture->file.blocks != NULL) {
		struct pcapng_drops drops = capture_blocks_drops(capture->file.blocks);

		counters->dropped = drops.dropped;
		counters->interface_dropped = drops.interface_dropped;
	}
	if (capture->is_file)
		return 0;
	if (capture->queue != NULL)
		return count_queue(capture, counters);
	if (pcap_stats(capture->handle, &now) != 0)
		return -EIO;
	capture->accepted =
		capture_counter_advance(capture->accepted, capture->last.ps_recv, now.ps_recv);
	capture->dropped =
		capture_counter_advance(capture->dropped, capture->last.ps_drop, now.ps_drop);
	/* From sysfs by name: it falls when the interface goes and another takes its name. */
	if ((int32_t)(now.ps_ifdrop - capture->last.ps_ifdrop) > 0)
		capture->interface_dropped = capture_counter_advance(
			capture->interface_dropped, capture->last.ps_ifdrop, now.ps_ifdrop);
	capture->last = now;

	/* The kernel adds its drops to tp_packets when asked, so that ps_recv holds both. */
	counters->received = capture->accepted - capture->dropped;
	counters->dropped = capture->dropped;
	counters->interface_dropped = capture->interface_dropped;
	return 0;
}

int capture_stop(struct capture *capture)
{
	if (capture->is_file)
		return 0;
	capture->stopped = true;
	begin_drain(capture);
	/* Not pcap_setfilter: that would also drop what is in the ring, in user space. */
	return capture_socket_deafen(capture_fd(capture));
}

bool capture_drained(struct capture *capture)
{
	struct capture_counters counters;

	if (capture->is_file)
		return true;
	if (capture_read_counters(capture, &counters) == 0 &&
	    counters.received == counters.delivered)
		return true;
	return clock_monotonic_ns() >= capture->drain_until_ns;
}

int capture_check_filter(const char *filter, struct error *error)
{
	return capture_filter_check(filter, error);
}

const char *capture_link_type_name(int link_type)
{
	return pcap_datalink_val_to_name(link_type);
}

const char *capture_library_version(void)
{
	return pcap_lib_version();
}
