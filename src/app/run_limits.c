/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The limits on open files and on memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/run_private.h"

/* A namespace takes some descriptors, and any user may make many; only select(2) minds. */
void run_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* What libpcap says has no code. */
static bool lacks_descriptors(const struct error *error)
{
	return error->code == EMFILE || strstr(error->text, strerror(EMFILE));
}

void run_explain_failure(const struct log *log, const struct error *error)
{
	struct rlimit limit;

	if (lacks_descriptors(error) && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		log_error(log,
		          "%s: RLIMIT_NOFILE is %llu, which is too few; raise it, as with `ulimit "
		          "-n 1024'",
		          error->text, (unsigned long long)limit.rlim_cur);
	else
		log_error(log, "%s", error->text);
}

/* Less than this beside what is there after the start, and records would be lost for want of it. */
#define MEMORY_LEFT_MIN (UINT64_C(16) << 20)

/*
 * Bytes of rings and files that are in memory, which the limit does not count; and of all that is
 * the process's own, used or not, which it does. See statm in proc(5).
 */
static int read_memory(uint64_t *mapped, uint64_t *own)
{
	enum { SHARED = 2, DATA = 5, NUMBERS };
	uint64_t pages[NUMBERS], page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *file = fopen("/proc/self/statm", "re");
	char line[256], *at;

	if (!file)
		return -errno;
	at = fgets(line, sizeof line, file);
	fclose(file);
	for (int i = 0; i < NUMBERS; i++) {
		char *end = at;

		if (at)
			pages[i] = strtoull(at, &end, 10);
		if (end == at)
			return -EBADMSG;
		at = end;
	}
	*mapped = pages[SHARED] * page;
	*own = pages[DATA] * page;
	return 0;
}

/* What the kernel may come to hold for captures of other namespaces: queues, and grown rings. */
static uint64_t later_bytes(const struct run *run)
{
	uint64_t queues = run->captures && !run_is_replay(run) ? run_queue_bytes(run->options) : 0;

	return queues + queues / RUN_OTHERS_PART;
}

int run_limit_memory(const struct run *run, struct error *error)
{
	uint64_t all = run->options->max_memory, mapped = 0, own = 0, least;
	struct rlimit limit;
	int result;

	if (all == 0)
		return 0;
	result = read_memory(&mapped, &own);
	if (result != 0)
		return error_set(error, -result, "--max-memory: /proc/self/statm: %s",
		                 strerror(-result));
	mapped += later_bytes(run);
	least = mapped + own + MEMORY_LEFT_MIN;
	if (all < least)
		return error_set(error, ENOMEM,
		                 "--max-memory: this run needs %" PRIu64
		                 "M, with its buffers and tables",
		                 (least >> 20) + 1);
	if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_max > all - mapped)
		limit.rlim_max = (rlim_t)(all - mapped);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		return error_set(error, errno, "--max-memory: setrlimit: %s", strerror(errno));
	return 0;
}
