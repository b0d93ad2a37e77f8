/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet socket without a ring, packet(7), for "any" in a namespace of which little is heard:
 * it takes memory only while packets wait in its queue. Each packet that is read costs more than
 * one of a ring, and the queue counts the whole packet, however little of it is captured.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_QUEUE_H
#define SOCKLINE_CAPTURE_CAPTURE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "capture/capture.h"

struct capture_queue;
struct sock_filter;

/* What is read at once. All queues of a thread may share one. */
struct capture_batch;

struct capture_batch *capture_batch_new(int snaplen); /* bytes, > 0; NULL: no memory */
void capture_batch_free(struct capture_batch *batch); /* NULL is fine */

/*
 * In the calling thread's namespace. The filter is one that the kernel runs for "any"; batch is
 * borrowed. With a group (not 0) it hears nothing yet, for capture_socket_listen_in; else it is in
 * one of its own. -EPERM: without CAP_NET_ADMIN there is no queue of that many bytes.
 */
int capture_queue_open(struct capture_queue **queue, struct capture_batch *batch,
                       struct sock_filter *filter, size_t filter_length, uint16_t group,
                       size_t bytes, struct error *error);
void capture_queue_close(struct capture_queue *queue); /* NULL is fine */
/* The group that it is in, capture_socket_join; 0 = none. */
uint16_t capture_queue_group(const struct capture_queue *queue);
int capture_queue_fd(const struct capture_queue *queue);

/* Its packets are of link type LINUX_SLL2. */
#define CAPTURE_QUEUE_BATCH 64
/*
 * Up to limit (<= CAPTURE_QUEUE_BATCH) packets, valid until the next call with the same batch.
 * Their number; 0 = nothing now, or -errno.
 */
int capture_queue_read(struct capture_queue *queue, int limit, struct capture_packet **packets);

/* Since they were asked for last. 0 or -errno. */
int capture_queue_count(const struct capture_queue *queue, uint32_t *received, uint32_t *dropped);
/* What it holds now, and what it may hold. */
size_t capture_queue_bytes(const struct capture_queue *queue);
size_t capture_queue_size(const struct capture_queue *queue);
void capture_queue_limit(struct capture_queue *queue, size_t bytes);

#endif
