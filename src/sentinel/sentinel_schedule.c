/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_schedule.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Below the kernel's own interrupt threads, which run at 50: they bring the packets.
 */
#define PRIORITY 10
#define SLICE_NS 100000

/* linux/sched/types.h, first version; that header and sched.h do not go together. */
struct attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static bool set(const struct attributes *attributes)
{
	return syscall(SYS_sched_setattr, 0, attributes, 0) == 0;
}

enum sentinel_schedule_mode sentinel_schedule_urgent(void)
{
	struct attributes fifo = { .size = sizeof fifo,
		                   .policy = SCHED_FIFO,
		                   .priority = PRIORITY };
	struct attributes nice = {
		.size = sizeof nice, .policy = SCHED_OTHER, .nice = -20, .runtime_ns = SLICE_NS
	};
	struct attributes now = { .size = 0 };

	if (set(&fifo))
		return SENTINEL_SCHEDULE_FIFO;
	if (!set(&nice))
		return SENTINEL_SCHEDULE_ORDINARY;
	/* Older kernels take the slice and ignore it: they do not show it either. */
	if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) == 0 && now.runtime_ns == SLICE_NS)
		return SENTINEL_SCHEDULE_SLICE;
	return SENTINEL_SCHEDULE_NICE;
}

const char *sentinel_schedule_name(enum sentinel_schedule_mode mode)
{
	switch (mode) {
	case SENTINEL_SCHEDULE_FIFO:
		return "SCHED_FIFO";
	case SENTINEL_SCHEDULE_SLICE:
		return "nice -20, 0.1 ms slice";
	case SENTINEL_SCHEDULE_NICE:
		return "nice -20";
	case SENTINEL_SCHEDULE_ORDINARY:
		return "ordinary priority";
	}
	return "?";
}

bool sentinel_schedule_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof set, &set) == 0;
}

bool sentinel_schedule_lock(void *memory, size_t length)
{
	return mlock2(memory, length, MLOCK_ONFAULT) == 0;
}

bool sentinel_schedule_lock_stack(void)
{
	pthread_attr_t attributes;
	void *stack = NULL;
	size_t size = 0;
	bool locked;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return false;
	locked = pthread_attr_getstack(&attributes, &stack, &size) == 0 &&
	         sentinel_schedule_lock(stack, size);
	pthread_attr_destroy(&attributes);
	return locked;
}
