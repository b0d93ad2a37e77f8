/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <pcap/pcap.h>

#include "base/clock.h"
#include "capture/capture_socket.h"

#define COOKED_SIZE 20 /* LINUX_SLL2 */

struct message {
	struct sockaddr_ll from;
	struct iovec data;
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct timespec)) +
		              CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
};

struct capture_batch {
	uint32_t snaplen;
	struct mmsghdr headers[CAPTURE_QUEUE_BATCH];
	struct message messages[CAPTURE_QUEUE_BATCH];
	struct capture_packet packets[CAPTURE_QUEUE_BATCH];
	uint8_t bytes[]; /* CAPTURE_QUEUE_BATCH times COOKED_SIZE and a packet */
};

struct capture_queue {
	int fd;
	size_t size;
	uint16_t group;
	struct capture_batch *batch;
};

static uint8_t *slot(struct capture_batch *batch, int number)
{
	return batch->bytes + (size_t)number * batch->snaplen;
}

struct capture_batch *capture_batch_new(int snaplen)
{
	uint32_t size = snaplen > COOKED_SIZE ? (uint32_t)snaplen : COOKED_SIZE + 1;
	struct capture_batch *batch = malloc(sizeof *batch + (size_t)size * CAPTURE_QUEUE_BATCH);

	if (!batch)
		return NULL;
	batch->snaplen = size;
	for (int i = 0; i < CAPTURE_QUEUE_BATCH; i++) {
		struct message *message = &batch->messages[i];

		message->data = (struct iovec){
			.iov_base = slot(batch, i) + COOKED_SIZE,
			.iov_len = size - COOKED_SIZE,
		};
		batch->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &message->from,
			.msg_iov = &message->data,
			.msg_iovlen = 1,
			.msg_control = &message->control,
		};
	}
	return batch;
}

void capture_batch_free(struct capture_batch *batch)
{
	free(batch);
}

/* The kernel doubles what it gets. */
static int set_size(int fd, size_t bytes)
{
	int half = bytes / 2 > INT_MAX / 2 ? INT_MAX / 2 : (int)(bytes / 2);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half) != 0)
		return -errno;
	return 0;
}

static int prepare(int fd, struct sock_filter *filter, size_t filter_length, size_t bytes)
{
	const int on = 1;
	int result = set_size(fd, bytes);
	struct sock_fprog program = {
		.len = (unsigned short)filter_length,
		.filter = filter,
	};

	if (result != 0)
		return result;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0)
		return -errno;
	return 0;
}

int capture_queue_open(struct capture_queue **queue, struct capture_batch *batch,
                       struct sock_filter *filter, size_t filter_length, uint16_t group,
                       size_t bytes, struct error *error)
{
	struct capture_queue *opened = malloc(sizeof *opened);
	int result;

	if (!opened)
		return error_set(error, ENOMEM, "out of memory");
	opened->batch = batch;
	opened->size = bytes;
	opened->group = group;
	/* It hears nothing before it is bound. */
	opened->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (opened->fd < 0) {
		result = -errno;
		free(opened);
		return error_set(error, -result, "packet socket: %s", strerror(-result));
	}
	result = prepare(opened->fd, filter, filter_length, bytes);
	if (result == 0 && group == 0)
		result = capture_socket_listen(opened->fd);
	if (result != 0) {
		capture_queue_close(opened);
		return error_set(error, -result, "packet socket: %s", strerror(-result));
	}
	if (group == 0 && capture_socket_join(opened->fd, &opened->group) != 0)
		opened->group = 0; /* another cannot take over then */
	*queue = opened;
	return 0;
}

uint16_t capture_queue_group(const struct capture_queue *queue)
{
	return queue->group;
}

void capture_queue_close(struct capture_queue *queue)
{
	if (!queue)
		return;
	close(queue->fd);
	free(queue);
}

int capture_queue_fd(const struct capture_queue *queue)
{
	return queue->fd;
}

/* As libpcap has it, pcap/sll.h; what lies behind is there already. */
static void write_cooked(uint8_t *cooked, const struct sockaddr_ll *from)
{
	uint32_t ifindex = htonl((uint32_t)from->sll_ifindex);
	uint16_t type = htons(from->sll_hatype);

	memcpy(cooked, &from->sll_protocol, 2);
	memset(cooked + 2, 0, 2);
	memcpy(cooked + 4, &ifindex, 4);
	memcpy(cooked + 8, &type, 2);
	cooked[10] = from->sll_pkttype;
	cooked[11] = from->sll_halen;
	memcpy(cooked + 12, from->sll_addr, sizeof from->sll_addr);
}

static void read_control(struct msghdr *header, struct capture_packet *packet)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec time;

			memcpy(&time, CMSG_DATA(part), sizeof time);
			packet->time_ns = time.tv_sec * NS_PER_SECOND + time.tv_nsec;
		}
		if (part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA) {
			struct tpacket_auxdata data;

			memcpy(&data, CMSG_DATA(part), sizeof data);
			packet->length = data.tp_len + COOKED_SIZE;
			packet->tag = (struct packet_tag){
				.present = (data.tp_status & TP_STATUS_VLAN_VALID) != 0,
				.control = data.tp_vlan_tci,
			};
		}
	}
}

int capture_queue_read(struct capture_queue *queue, int limit, struct capture_packet **packets)
{
	struct capture_batch *batch = queue->batch;
	int count;

	for (int i = 0; i < limit; i++) {
		batch->headers[i].msg_hdr.msg_namelen = sizeof batch->messages[i].from;
		batch->headers[i].msg_hdr.msg_controllen = sizeof batch->messages[i].control;
	}
	count = recvmmsg(queue->fd, batch->headers, (unsigned)limit, MSG_DONTWAIT, NULL);
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		struct capture_packet *packet = &batch->packets[i];

		*packet = (struct capture_packet){
			.captured = batch->headers[i].msg_len + COOKED_SIZE,
			.length = batch->headers[i].msg_len + COOKED_SIZE,
			.bytes = slot(batch, i),
			.link_type = DLT_LINUX_SLL2,
		};
		write_cooked(slot(batch, i), &batch->messages[i].from);
		read_control(&batch->headers[i].msg_hdr, packet);
	}
	*packets = batch->packets;
	return count;
}

int capture_queue_count(const struct capture_queue *queue, uint32_t *received, uint32_t *dropped)
{
	struct tpacket_stats counted;
	socklen_t size = sizeof counted;

	if (getsockopt(queue->fd, SOL_PACKET, PACKET_STATISTICS, &counted, &size) != 0)
		return -errno;
	*received = counted.tp_packets - counted.tp_drops; /* the kernel adds them */
	*dropped = counted.tp_drops;
	return 0;
}

size_t capture_queue_bytes(const struct capture_queue *queue)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t size = sizeof memory;

	if (getsockopt(queue->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0)
		return 0;
	return memory[SK_MEMINFO_RMEM_ALLOC];
}

size_t capture_queue_size(const struct capture_queue *queue)
{
	return queue->size;
}

void capture_queue_limit(struct capture_queue *queue, size_t bytes)
{
	if (set_size(queue->fd, bytes) == 0)
		queue->size = bytes;
}
