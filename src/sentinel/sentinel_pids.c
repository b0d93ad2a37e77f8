/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_pids.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "processes/proc_events.h"
#include "processes/proc_loadavg.h"
#include "sentinel/sentinel_filter.h"

#define EVENT_MAX  128 /* bytes of a message with an event: 76 on Linux 6.18 */
#define LAST_PIDS  16  /* tried below the last pid */
#define SPIN_TURNS 2000

/* The two low bits of an entry. */
#define EXECUTED 1u
#define GONE     2u

struct sentinel_pids_buffers {
	struct mmsghdr messages[SENTINEL_PIDS_BATCH];
	struct iovec rooms[SENTINEL_PIDS_BATCH];
	struct sockaddr_nl from[SENTINEL_PIDS_BATCH];
	union {
		struct nlmsghdr header;
		char bytes[EVENT_MAX];
	} events[SENTINEL_PIDS_BATCH];
};

static struct sentinel_pids_buffers *new_buffers(void)
{
	struct sentinel_pids_buffers *buffers = calloc(1, sizeof *buffers);

	for (int i = 0; buffers && i < SENTINEL_PIDS_BATCH; i++) {
		buffers->rooms[i] = (struct iovec){ &buffers->events[i], EVENT_MAX };
		buffers->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &buffers->from[i],
			.msg_namelen = sizeof buffers->from[i],
			.msg_iov = &buffers->rooms[i],
			.msg_iovlen = 1,
		};
	}
	return buffers;
}

int sentinel_pids_init(struct sentinel_pids *young, struct error *error)
{
	struct sock_filter code[SENTINEL_FILTER_MAX];

	memset(young, 0, sizeof *young);
	young->load_fd = -1;
	young->buffers = new_buffers();
	if (!young->buffers)
		return error_set(error, ENOMEM, "out of memory");
	if (proc_events_open(&young->events, PROC_EVENTS_LIVES, error) == 0) {
		/* What the program does not let through was the answer to opening, at most. */
		sentinel_filter_attach(proc_events_fd(young->events), code,
		                       sentinel_filter_lives(code));
		return 0;
	}
	young->load_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	return 0;
}

void sentinel_pids_destroy(struct sentinel_pids *young)
{
	proc_events_close(young->events);
	if (young->load_fd >= 0)
		close(young->load_fd);
	free(young->buffers);
}

void sentinel_pids_add(struct sentinel_pids *young, int pid, bool executed)
{
	uint32_t at = atomic_fetch_add_explicit(&young->next, 1, memory_order_acq_rel);

	atomic_store_explicit(&young->entries[at % SENTINEL_PIDS_MAX],
	                      (uint64_t)pid * 4 + (executed ? EXECUTED : 0), memory_order_release);
}

void sentinel_pids_add_hint(struct sentinel_pids *young, int pid)
{
	uint32_t at;

	for (int i = 0; i < SENTINEL_PIDS_HINTS; i++)
		if (sentinel_pids_get_hint(young, i) == pid)
			return;
	at = atomic_fetch_add_explicit(&young->next_hint, 1, memory_order_relaxed);
	atomic_store_explicit(&young->hints[at % SENTINEL_PIDS_HINTS], pid, memory_order_relaxed);
}

int sentinel_pids_get_hint(const struct sentinel_pids *young, int number)
{
	return atomic_load_explicit(&young->hints[number], memory_order_relaxed);
}

void sentinel_pids_remove(struct sentinel_pids *young, int pid)
{
	for (int i = 0; i < SENTINEL_PIDS_MAX; i++) {
		uint64_t entry = atomic_load_explicit(&young->entries[i], memory_order_relaxed);

		/* Not when another thread has just put a new one there. */
		if (entry / 4 == (uint64_t)pid)
			atomic_compare_exchange_strong_explicit(&young->entries[i], &entry,
			                                        entry | GONE, memory_order_acq_rel,
			                                        memory_order_relaxed);
	}
	for (int i = 0; i < SENTINEL_PIDS_HINTS; i++) {
		int expected = pid;

		atomic_compare_exchange_strong_explicit(&young->hints[i], &expected, 0,
		                                        memory_order_relaxed, memory_order_relaxed);
	}
}

static bool begin_reading(struct sentinel_pids *young)
{
	for (int turn = 0; turn < SPIN_TURNS; turn++)
		if (!atomic_flag_test_and_set_explicit(&young->reading, memory_order_acquire))
			return true;
	return false;
}

static void take_event(struct sentinel_pids *young, const struct nlmsghdr *header, size_t length)
{
	struct proc_event event;

	if (length < NLMSG_HDRLEN ||
	    !proc_events_parse((const char *)header + NLMSG_HDRLEN, length - NLMSG_HDRLEN,
	                       &event) ||
	    !(PROC_EVENTS_LIVES & 1u << event.kind)) /* before Linux 6.6 all kinds come */
		return;
	if (event.kind != PROC_EVENT_FORK) /* it is gone, or has another place from now on */
		sentinel_pids_remove(young, event.pid);
	if (event.kind != PROC_EVENT_EXIT)
		sentinel_pids_add(young, event.pid, event.kind == PROC_EVENT_EXEC);
}

/* Number of messages, 0 when there are none, or -errno. */
static int read_batch(struct sentinel_pids *young)
{
	struct sentinel_pids_buffers *buffers = young->buffers;
	int count;

	count = recvmmsg(proc_events_fd(young->events), buffers->messages, SENTINEL_PIDS_BATCH,
	                 MSG_DONTWAIT, NULL);
	if (count < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		if (buffers->from[i].nl_pid == 0) /* of the kernel */
			take_event(young, &buffers->events[i].header, buffers->messages[i].msg_len);
		buffers->messages[i].msg_hdr.msg_namelen = sizeof buffers->from[i];
	}
	return count;
}

int sentinel_pids_read(struct sentinel_pids *young, int max)
{
	int total = 0, count = SENTINEL_PIDS_BATCH;

	if (!young->events || !begin_reading(young))
		return 0;
	while (count == SENTINEL_PIDS_BATCH && total < max) {
		count = read_batch(young);
		if (count == -ENOBUFS) {
			atomic_fetch_add_explicit(&young->lost, 1, memory_order_relaxed);
			count = SENTINEL_PIDS_BATCH; /* what is queued is still there */
			max -= count;
			continue;
		}
		if (count > 0)
			total += count;
	}
	atomic_flag_clear_explicit(&young->reading, memory_order_release);
	return total;
}

struct sentinel_pids_cursor sentinel_pids_first(struct sentinel_pids *young)
{
	struct sentinel_pids_cursor cursor = {
		.young = young,
		.at = atomic_load_explicit(&young->next, memory_order_acquire),
		.left = SENTINEL_PIDS_MAX,
	};

	if (young->load_fd >= 0) {
		cursor.last_pid = proc_loadavg_last_pid(young->load_fd);
		cursor.last_left = LAST_PIDS;
	}
	return cursor;
}

bool sentinel_pids_next(struct sentinel_pids_cursor *cursor, int *pid)
{
	if (cursor->last_left > 0 && cursor->last_pid > 0) {
		cursor->last_left--;
		*pid = cursor->last_pid--;
		return true;
	}
	while (cursor->left > 0) {
		uint64_t entry;

		cursor->left--;
		entry = atomic_load_explicit(
			&cursor->young->entries[--cursor->at % SENTINEL_PIDS_MAX],
			memory_order_acquire);
		if (entry != 0 && !(entry & GONE)) {
			*pid = (int)(entry / 4);
			return true;
		}
	}
	return false;
}

bool sentinel_pids_executed(const struct sentinel_pids *young, int pid)
{
	for (int i = 0; i < SENTINEL_PIDS_MAX; i++) {
		uint64_t entry = atomic_load_explicit(&young->entries[i], memory_order_acquire);

		if (entry / 4 == (uint64_t)pid && entry & EXECUTED)
			return true;
	}
	return false;
}

void sentinel_pids_add_find(struct sentinel_pids *young, int pid, int fd)
{
	uint32_t at = atomic_fetch_add_explicit(&young->next_find, 1, memory_order_relaxed);

	atomic_store_explicit(&young->finds[at % SENTINEL_PIDS_FINDS],
	                      (uint64_t)pid << 32 | (uint32_t)fd, memory_order_relaxed);
}

bool sentinel_pids_get_find(const struct sentinel_pids *young, int number, int *pid, int *fd)
{
	uint64_t find = atomic_load_explicit(&young->finds[number], memory_order_relaxed);

	if (find == 0)
		return false;
	*pid = (int)(find >> 32);
	*fd = (int)(uint32_t)find;
	return true;
}

void sentinel_pids_remove_find(struct sentinel_pids *young, int pid)
{
	for (int i = 0; i < SENTINEL_PIDS_FINDS; i++) {
		uint64_t find = atomic_load_explicit(&young->finds[i], memory_order_relaxed);

		if (find >> 32 == (uint64_t)pid)
			atomic_compare_exchange_strong_explicit(&young->finds[i], &find, 0,
			                                        memory_order_relaxed,
			                                        memory_order_relaxed);
	}
}
