/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/process_log.h"

#include <stdlib.h>

#include "attribution/windows.h"
#include "base/clock.h"

/* When more wait, the first of them waits no longer. */
#define WAITING_MAX 4096u /* a power of two */
#define LATEST      64u   /* among so many the exec is looked for that has ids now */

struct waiting {
	enum event_action action;
	struct process *process; /* counted reference */
	int64_t time_ns;         /* since the epoch */
	int64_t state_ns;        /* the process as it was then, the same */
	int64_t due_ns;          /* monotonic: it waits no longer */
};

struct process_log {
	struct emitter *emitter;
	bool all;
	uint32_t first, count; /* of the ring */
	struct waiting ring[WAITING_MAX];
};

struct process_log *process_log_new(struct emitter *emitter, bool all)
{
	struct process_log *log = calloc(1, sizeof *log);

	if (!log)
		return NULL;
	log->emitter = emitter;
	log->all = all;
	return log;
}

static struct waiting *waiting_at(struct process_log *log, uint32_t place)
{
	return &log->ring[(log->first + place) % WAITING_MAX];
}

void process_log_free(struct process_log *log)
{
	if (!log)
		return;
	for (uint32_t i = 0; i < log->count; i++)
		process_unref(waiting_at(log, i)->process);
	free(log);
}

static int64_t wall(int64_t monotonic_ns)
{
	return monotonic_ns + clock_realtime_offset_ns();
}

static void emit(struct process_log *log, const struct waiting *waiting)
{
	struct event event = { .action = waiting->action, .time_ns = waiting->time_ns };

	event.life.process = waiting->process;
	event.life.state_ns = waiting->state_ns;
	emitter_emit(log->emitter, &event);
}

static void write_first(struct process_log *log)
{
	struct waiting waiting = *waiting_at(log, 0);

	log->count--;
	/* It begins anew when it is empty: few pages are touched. */
	log->first = log->count > 0 ? (log->first + 1) % WAITING_MAX : 0;
	/* Another thread than the first ran exec: it goes on. */
	if (waiting.action != EVENT_PROCESS_ENDED || waiting.process->exited_ns != 0)
		emit(log, &waiting);
	process_unref(waiting.process);
}

static void add(struct process_log *log, const struct waiting *new)
{
	if (log->count == WAITING_MAX)
		write_first(log);
	*waiting_at(log, log->count) = *new;
	process_ref(new->process);
	log->count++;
}

/* On the clock that process_at() takes: what holds since that event. */
static int64_t state_time(const struct process *process, int64_t time_ns)
{
	for (; process; process = process->former)
		if (process->since_ns == time_ns)
			return process->since_wall_ns;
	return wall(time_ns);
}

/* To the nanosecond where the fork was seen, else as /proc has it. */
static int64_t start_of(const struct process *process)
{
	return process->forked_ns != 0 ? wall(process->forked_ns) : process->start_ns;
}

/* As it was at state_ns; 0 = at its start. Once for each process. */
static void add_started(struct process_log *log, struct process *process, int64_t state_ns,
                        int64_t at_latest_ns)
{
	struct waiting new = { .action = EVENT_PROCESS_STARTED, .process = process };

	if (process->reported)
		return;
	process->reported = true;
	new.time_ns = start_of(process);
	if (new.time_ns <= 0)
		new.time_ns = at_latest_ns;
	new.state_ns = state_ns != 0 ? state_ns : new.time_ns;
	add(log, &new);
}

void process_log_started(struct process_log *log, struct process *process, int64_t time_ns)
{
	if (log->all)
		add_started(log, process, 0, wall(time_ns));
}

/* Its records must be written while the states that they are about are kept. */
static bool has_many_states(const struct process *process)
{
	int count = 0;

	while (process->former && count < PROCESS_FORMER_MAX / 2) {
		process = process->former;
		count++;
	}
	return count == PROCESS_FORMER_MAX / 2;
}

void process_log_executed(struct process_log *log, struct process *process, int64_t time_ns)
{
	int64_t wall_ns = state_time(process, time_ns);

	if (has_many_states(process))
		process_log_write(log, time_ns);
	if (log->all) /* it was there before */
		add_started(log, process, wall_ns - 1, wall_ns);
	if (process->reported)
		add(log, &(struct waiting){ .action = EVENT_PROCESS_EXECUTED,
		                            .process = process,
		                            .time_ns = wall_ns,
		                            .state_ns = wall_ns,
		                            .due_ns = time_ns + WINDOW_STATUS_NS });
}

void process_log_settled(struct process_log *log, const struct process *process, int64_t time_ns)
{
	for (uint32_t i = 1; i <= log->count && i <= LATEST; i++) {
		struct waiting *waiting = waiting_at(log, log->count - i);

		/* Its arguments come after all that events report of it. */
		if (waiting->process != process || waiting->action == EVENT_PROCESS_ENDED)
			continue;
		if (waiting->action == EVENT_PROCESS_EXECUTED) {
			waiting->state_ns = wall(time_ns);
			waiting->due_ns = 0;
		}
		return;
	}
}

void process_log_ended(struct process_log *log, struct process *process, int64_t time_ns)
{
	int64_t wall_ns = process->end.wall_ns != 0 ? process->end.wall_ns : wall(time_ns);

	if (log->all)
		add_started(log, process, wall_ns, wall_ns);
	if (process->reported)
		add(log, &(struct waiting){ .action = EVENT_PROCESS_ENDED,
		                            .process = process,
		                            .time_ns = wall_ns,
		                            .state_ns = wall_ns,
		                            .due_ns = time_ns + WINDOW_STATUS_NS });
}

/* What it became between the time at which it is named and now. Oldest first. */
static void add_later_images(struct process_log *log, struct process *process,
                             const struct process *named)
{
	struct {
		int64_t executed_ns, state_ns; /* since the epoch */
	} images[PROCESS_FORMER_MAX + 1];
	const struct process *newest = process; /* of the image at hand */
	int count = 0;

	for (const struct process *state = process;
	     state != named && state->former && count <= PROCESS_FORMER_MAX;
	     state = state->former) {
		if (state->executed_ns == state->former->executed_ns)
			continue;
		images[count].executed_ns = images[count].state_ns = state->since_wall_ns;
		if (newest->settled_ns > newest->executed_ns)
			images[count].state_ns = wall(newest->settled_ns);
		count++;
		newest = state->former;
	}
	while (count-- > 0)
		add(log, &(struct waiting){ .action = EVENT_PROCESS_EXECUTED,
		                            .process = process,
		                            .time_ns = images[count].executed_ns,
		                            .state_ns = images[count].state_ns });
}

void process_log_named(struct process_log *log, struct process *process, int64_t wall_ns)
{
	struct waiting new = {
		.action = EVENT_PROCESS_STARTED,
		.process = process,
		.time_ns = start_of(process),
		.state_ns = wall_ns,
	};

	if (process->reported)
		return;
	process->reported = true;
	if (new.time_ns <= 0)
		new.time_ns = wall_ns;
	emit(log, &new);
	if (log->all) /* the rest is there already */
		return;
	add_later_images(log, process, process_at(process, wall_ns));
	if (process->exited_ns != 0 && process->followed)
		process_log_ended(log, process, process->exited_ns);
}

/* Its exit status is the last that becomes known of a process. */
static bool is_complete(const struct waiting *waiting)
{
	return waiting->action == EVENT_PROCESS_ENDED && waiting->process->end.has_code;
}

int64_t process_log_write(struct process_log *log, int64_t now_ns)
{
	while (log->count > 0) {
		const struct waiting *waiting = waiting_at(log, 0);

		if (waiting->due_ns > now_ns && !is_complete(waiting))
			return waiting->due_ns - now_ns;
		write_first(log);
	}
	return -1;
}

void process_log_finish(struct process_log *log)
{
	while (log->count > 0)
		write_first(log);
}
