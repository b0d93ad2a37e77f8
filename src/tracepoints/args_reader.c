/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/args_reader.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/spsc_ring.h"
#include "security/capabilities.h"
#include "security/privileges.h"
#include "sentinel/sentinel_schedule.h"
#include "sentinel/sentinel_thread.h"
#include "tracepoints/exec_sample.h"
#include "tracepoints/initial_stack.h"
#include "tracepoints/perf_error.h"
#include "tracepoints/trace_group.h"
#include "tracepoints/tracefs.h"
#include "tracepoints/tracepoints.h"

#define RING_SIZE   ((size_t)256 * 1024) /* of a CPU, for 32 samples */
#define RING_MIN    ((size_t)64 * 1024)
#define REPORTS_MAX 2048 /* of a CPU, that wait for the loop, which may wait for a CPU itself */

struct report {
	int pid;
	int64_t time_ns;
	struct process_args *args;
};

/* Looks after one CPU. */
struct watch {
	struct args_reader *reader;
	struct trace_group group;
	pthread_t thread;
	sem_t ready;
	int limited; /* its capabilities: 0 or -errno */
	bool urgent;
	struct spsc_ring reports;
	size_t marked; /* of these; the loop's */
	struct report room[REPORTS_MAX];
};

struct args_reader {
	struct watch **watches;
	int count;
	int stop_fd; /* eventfd: readable when the threads are to end */
	int64_t clock_shift_ns;
};

/* What of `bytes` at that address the sample has. */
static const uint8_t *sampled(const struct exec_sample *sample, uint64_t address, size_t length)
{
	uint64_t at = address - sample->pointer;

	return address >= sample->pointer && at <= sample->length && length <= sample->length - at
	               ? sample->bytes + at
	               : NULL;
}

/* As far as the stack was touched; the kernel leaves a gap of up to 8 KiB below the strings. */
static size_t copy_sampled(const struct exec_sample *sample, uint64_t address, char *bytes,
                           size_t wanted)
{
	const uint8_t *from = sampled(sample, address, 0);
	size_t left = from ? (size_t)(sample->bytes + sample->length - from) : 0;

	if (left > wanted)
		left = wanted;
	if (left > 0)
		memcpy(bytes, from, left);
	return left;
}

/* A place in another process. */
static struct iovec remote_part(uint64_t address, size_t length)
{
	const uintptr_t number = (uintptr_t)address;
	struct iovec part = { .iov_len = length };

	memcpy(&part.iov_base, &number, sizeof number);
	return part;
}

/*
 * From the memory of the process, at once with the random bytes that the kernel gave to this exec
 * alone: a later program has others, and one call sees the memory of one program.
 */
static bool read_memory(const struct exec_sample *sample, const struct initial_args *args,
                        char *bytes, size_t wanted)
{
	const uint8_t *expected = sampled(sample, args->random, INITIAL_ARGS_RANDOM);
	uint8_t random[INITIAL_ARGS_RANDOM];
	const struct iovec local[] = { { random, sizeof random }, { bytes, wanted } };
	const struct iovec remote[] = { remote_part(args->random, sizeof random),
		                        remote_part(args->from, wanted) };

	return expected && args->random != 0 && args->from <= UINTPTR_MAX &&
	       process_vm_readv(sample->pid, local, 2, remote, 2, 0) ==
	               (ssize_t)(sizeof random + wanted) &&
	       memcmp(random, expected, sizeof random) == 0;
}

static struct process_args *read_args(const struct exec_sample *sample)
{
	char bytes[PROCESS_ARGS_RAW];
	struct initial_args found;
	struct process_args *args;
	size_t wanted, length;

	if (!initial_stack_find_args(sample->bytes, sample->length, sample->word, &found))
		return NULL;
	wanted = found.to - found.from < sizeof bytes ? (size_t)(found.to - found.from)
	                                              : sizeof bytes;
	length = copy_sampled(sample, found.from, bytes, wanted);
	if (length < wanted && read_memory(sample, &found, bytes, wanted))
		length = wanted;
	args = process_args_new(bytes, length, found.argc);
	explicit_bzero(bytes, sizeof bytes);
	return args;
}

static void report(struct watch *watch, const struct perf_event_header *record)
{
	struct exec_sample sample;
	struct report found;

	if (exec_sample_decode(record, &sample) != EXEC_SAMPLE_FOUND)
		return;
	found = (struct report){ sample.pid, sample.time_ns + watch->reader->clock_shift_ns,
		                 read_args(&sample) };
	if (found.args && !spsc_ring_put(&watch->reports, &found))
		process_args_free(found.args);
}

static void read_ring(struct watch *watch)
{
	struct trace_ring *ring = &watch->group.ring;
	const struct perf_event_header *record;

	trace_ring_begin(ring);
	while ((record = trace_ring_peek(ring))) {
		report(watch, record);
		trace_ring_take(ring);
	}
	trace_ring_end(ring);
}

static void *run(void *argument)
{
	struct watch *watch = argument;
	struct pollfd fds[] = { { .fd = watch->group.leader, .events = POLLIN },
		                { .fd = watch->reader->stop_fd, .events = POLLIN } };

	sentinel_schedule_pin(watch->group.cpu);
	watch->urgent = sentinel_schedule_urgent() == SENTINEL_SCHEDULE_FIFO;
	watch->limited = privileges_limit_thread(capabilities_bit(CAP_SYS_PTRACE));
	sem_post(&watch->ready);
	while (watch->limited == 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		read_ring(watch);
	}
	return NULL;
}

static int open_group(struct watch *watch, const struct trace_record_layout *layout, int cpu)
{
	int result = -ENOMEM;

	trace_group_init(&watch->group, TRACE_GROUP_ARGS, cpu, NULL);
	for (size_t size = RING_SIZE; result == -ENOMEM && size >= RING_MIN; size /= 2)
		result = trace_group_open(&watch->group, size, false, false);
	return result < 0 ? result
	                  : trace_group_start(&watch->group, TRACE_RECORD_EXEC, layout, NULL);
}

static void close_watch(struct watch *watch)
{
	struct report left;

	while (spsc_ring_take(&watch->reports, &left))
		process_args_free(left.args);
	trace_group_close(&watch->group);
	sem_destroy(&watch->ready);
	free(watch);
}

/* 0, also for a CPU that is offline; -errno. */
static int add_watch(struct args_reader *reader, const struct trace_record_layout *layout, int cpu)
{
	struct watch *watch = malloc(sizeof *watch);
	int result;

	if (!watch)
		return -ENOMEM;
	watch->reader = reader;
	watch->marked = 0;
	sem_init(&watch->ready, 0, 0);
	spsc_ring_init(&watch->reports, watch->room, sizeof watch->room[0], REPORTS_MAX);
	result = open_group(watch, layout, cpu);
	if (result == 0)
		result = sentinel_thread_create(&watch->thread, run, watch);
	while (result == 0 && sem_wait(&watch->ready) != 0)
		; /* a signal */
	if (result == 0 && watch->limited != 0) {
		pthread_join(watch->thread, NULL);
		result = watch->limited;
	}
	if (result == 0)
		reader->watches[reader->count++] = watch;
	else
		close_watch(watch);
	return result == -ENODEV ? 0 : result;
}

static int learn(struct trace_record_layout *layout, struct error *error)
{
	const char *name = trace_record_event_name(TRACE_RECORD_EXEC);
	char *format = malloc(TRACEFS_FORMAT_MAX);
	int tracefs = format ? tracefs_open(error) : error_set(error, ENOMEM, "out of memory");
	long length = tracefs < 0 ? tracefs : tracefs_read_format(tracefs, name, format);

	if (length >= 0)
		length = trace_record_learn(layout, TRACE_RECORD_EXEC, format, (size_t)length);
	if (tracefs >= 0 && length < 0)
		error_set(error, (int)-length, "tracepoint %s: %s", name, strerror((int)-length));
	if (tracefs >= 0)
		close(tracefs);
	free(format);
	return length < 0 ? (int)length : 0;
}

int args_reader_open(struct args_reader **result, struct error *error)
{
	struct args_reader *reader = calloc(1, sizeof *reader);
	struct trace_record_layout layout = { .has_cgroup = false };
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int code;

	if (!reader)
		return error_set(error, ENOMEM, "out of memory");
	reader->clock_shift_ns = tracepoints_clock_shift();
	reader->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	reader->watches = calloc((size_t)(cpus > 0 ? cpus : 1), sizeof(struct watch *));
	code = reader->stop_fd < 0 || !reader->watches ? error_set(error, ENOMEM, "out of memory")
	                                               : learn(&layout, error);
	if (code < 0)
		goto fail;
	for (int cpu = 0; cpu < cpus && code == 0; cpu++)
		code = add_watch(reader, &layout, cpu);
	if (code < 0) {
		perf_error_explain(error, -code);
		goto fail;
	}
	*result = reader;
	return 0;
fail:
	args_reader_close(reader);
	return code;
}

void args_reader_close(struct args_reader *reader)
{
	static const uint64_t one = 1;

	if (!reader)
		return;
	if (reader->stop_fd >= 0 && write(reader->stop_fd, &one, sizeof one) < 0) {
		/* It is readable already. */
	}
	for (int i = 0; i < reader->count; i++) {
		pthread_join(reader->watches[i]->thread, NULL);
		close_watch(reader->watches[i]);
	}
	if (reader->stop_fd >= 0)
		close(reader->stop_fd);
	free(reader->watches);
	free(reader);
}

bool args_reader_is_sure(const struct args_reader *reader)
{
	for (int i = 0; i < reader->count; i++)
		if (!reader->watches[i]->urgent)
			return false;
	return capabilities_have(capabilities_effective(), CAP_SYS_PTRACE);
}

void args_reader_mark(struct args_reader *reader)
{
	for (int i = 0; i < reader->count; i++)
		reader->watches[i]->marked = spsc_ring_waiting(&reader->watches[i]->reports);
}

void args_reader_drain(struct args_reader *reader, args_reader_callback *callback, void *context)
{
	struct report report;

	for (int i = 0; i < reader->count; i++) {
		struct watch *watch = reader->watches[i];

		for (; watch->marked > 0 && spsc_ring_take(&watch->reports, &report);
		     watch->marked--)
			callback(context, report.pid, report.time_ns, report.args);
	}
}
