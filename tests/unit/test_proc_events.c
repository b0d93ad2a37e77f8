/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_events.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/connector.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "check.h"
#include "fake_proc.h"

/* The kernel's own header, its names out of the way of ours. */
#define proc_event      kernel_proc_event
#define PROC_EVENT_NONE KERNEL_PROC_EVENT_NONE
#define PROC_EVENT_FORK KERNEL_PROC_EVENT_FORK
#define PROC_EVENT_EXEC KERNEL_PROC_EVENT_EXEC
#define PROC_EVENT_EXIT KERNEL_PROC_EVENT_EXIT
#include <linux/cn_proc.h>
#undef proc_event
#undef PROC_EVENT_NONE
#undef PROC_EVENT_FORK
#undef PROC_EVENT_EXEC
#undef PROC_EVENT_EXIT

struct message {
	struct {
		struct cb_id id;
		uint32_t seq, ack;
		uint16_t len, flags; /* as struct cn_msg, without its flexible array */
	} head;
	char event[sizeof(struct kernel_proc_event)];
};
_Static_assert(offsetof(struct message, event) == sizeof(struct cn_msg),
               "the head is that of cn_msg");

static struct message make(const struct kernel_proc_event *event)
{
	struct message message = {
		.head = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof *event },
	};

	memcpy(message.event, event, sizeof *event);
	return message;
}

static bool parse(const struct message *message, size_t length, struct proc_event *event)
{
	return proc_events_parse(check_guarded(message, length), length, event);
}

static const struct {
	const char *name;
	struct kernel_proc_event kernel;
	bool good;
	struct proc_event event;
} cases[] = {
	{ "fork",
	  { .what = KERNEL_PROC_EVENT_FORK,
	    .timestamp_ns = 12345,
	    .event_data.fork = { 11, 10, 20, 20 } },
	  true,
	  { .kind = PROC_EVENT_FORK, .pid = 20, .parent_pid = 10, .time_ns = 12345 } },
	{ "a new thread",
	  { .what = KERNEL_PROC_EVENT_FORK, .event_data.fork = { 10, 10, 21, 10 } },
	  false,
	  { 0 } },
	{ "exec",
	  { .what = KERNEL_PROC_EVENT_EXEC, .timestamp_ns = 1, .event_data.exec = { 20, 20 } },
	  true,
	  { .kind = PROC_EVENT_EXEC, .pid = 20, .time_ns = 1 } },
	{ "exit",
	  { .what = KERNEL_PROC_EVENT_EXIT,
	    .timestamp_ns = INT64_MAX,
	    .event_data.exit = { 20, 20, 139, 17, 10, 10 } },
	  true,
	  { .kind = PROC_EVENT_EXIT, .pid = 20, .wait_status = 139, .time_ns = INT64_MAX } },
	{ "exit of a thread",
	  { .what = KERNEL_PROC_EVENT_EXIT, .event_data.exit = { 21, 20, 256, 17, 10, 10 } },
	  true,
	  { .kind = PROC_EVENT_THREAD_EXIT, .pid = 20, .tid = 21, .wait_status = 256 } },
	{ "another user",
	  { .what = PROC_EVENT_UID, .timestamp_ns = 5, .event_data.id = { 20, 20, { 1 }, { 2 } } },
	  true,
	  { .kind = PROC_EVENT_USER, .pid = 20, .time_ns = 5, .id = 1, .effective_id = 2 } },
	{ "another user of a thread",
	  { .what = PROC_EVENT_UID, .event_data.id = { 21, 20, { 1 }, { 2 } } },
	  false,
	  { 0 } },
	{ "another group",
	  { .what = PROC_EVENT_GID, .timestamp_ns = 5, .event_data.id = { 20, 20, { 1 }, { 2 } } },
	  true,
	  { .kind = PROC_EVENT_GROUP, .pid = 20, .time_ns = 5, .id = 1, .effective_id = 2 } },
	{ "another kind", { .what = PROC_EVENT_SID, .event_data.sid = { 20, 20 } }, false, { 0 } },
	{ "an acknowledgement", { .what = KERNEL_PROC_EVENT_NONE }, false, { 0 } },
	{ "no pid", { .what = KERNEL_PROC_EVENT_EXEC }, false, { 0 } },
	{ "a negative pid",
	  { .what = KERNEL_PROC_EVENT_EXEC, .event_data.exec = { -1, -1 } },
	  false,
	  { 0 } },
};

static void test_parse(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct proc_event *expected = &cases[i].event;
		struct message message = make(&cases[i].kernel);
		struct proc_event event = { .pid = -77 };
		bool good = parse(&message, sizeof message, &event);

		if (cases[i].good)
			CHECK(good && event.kind == expected->kind && event.pid == expected->pid &&
			              event.parent_pid == expected->parent_pid &&
			              event.time_ns == expected->time_ns &&
			              event.tid == (expected->tid ? expected->tid : event.pid) &&
			              event.id == expected->id &&
			              event.effective_id == expected->effective_id &&
			              event.wait_status == expected->wait_status,
			      "%s", cases[i].name);
		else
			CHECK(!good && event.pid == -77, "no event: %s", cases[i].name);
	}
}

static void test_damaged(void)
{
	struct message whole = make(&cases[0].kernel), message;
	struct proc_event event;
	int accepted = 0;

	for (size_t length = 0; length < sizeof whole; length++)
		accepted += parse(&whole, length, &event);
	CHECK_EQUAL(accepted, 0, "every shorter message is refused");
	message = whole;
	message.head.id.idx++;
	CHECK(!parse(&message, sizeof message, &event), "another connector");
	message = whole;
	message.head.id.val++;
	CHECK(!parse(&message, sizeof message, &event), "another value");
	message = whole;
	message.head.len++;
	CHECK(!parse(&message, sizeof message, &event), "longer than it is");
	message.head.len = UINT16_MAX;
	CHECK(!parse(&message, sizeof message, &event), "much longer than it is");
	message.head.len = 15;
	CHECK(!parse(&message, sizeof message, &event), "too short for any event");
	message.head.len = 16;
	CHECK(!parse(&message, sizeof message, &event), "too short for its pids");
}

/* Live, where the kernel and this place allow it. */

struct seen {
	pid_t child;
	int forks, execs, exits; /* of the child */
	bool ordered;
	int64_t last_ns;
};

static void note(void *context, const struct proc_event *event)
{
	struct seen *seen = context;

	seen->ordered &= event->time_ns > 0 && event->time_ns <= clock_monotonic_ns();
	if (event->pid != seen->child)
		return;
	seen->ordered &= event->time_ns >= seen->last_ns;
	seen->last_ns = event->time_ns;
	seen->forks += event->kind == PROC_EVENT_FORK && event->parent_pid == getpid();
	seen->execs += event->kind == PROC_EVENT_EXEC;
	seen->exits += event->kind == PROC_EVENT_EXIT;
}

static void *nothing(void *argument)
{
	return argument;
}

static void thread_and_exec(void *argument)
{
	pthread_t thread;

	(void)argument;
	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
	execl("/bin/true", "true", NULL);
}

static void test_live(struct proc_events *events)
{
	struct seen seen = { .ordered = true };
	struct pollfd ready = { .fd = proc_events_fd(events), .events = POLLIN };
	int result = 0;

	seen.child = child_begin(thread_and_exec, NULL);
	waitpid(seen.child, NULL, 0);
	for (int i = 0; i < 100 && !seen.exits && result >= 0; i++)
		if (poll(&ready, 1, 20) > 0)
			result = proc_events_read(events, note, &seen);
	CHECK(result >= 0 && seen.forks == 1 && seen.execs == 1 && seen.exits == 1,
	      "one fork, one exec, one exit, none of the thread: %d %d %d", seen.forks, seen.execs,
	      seen.exits);
	CHECK(seen.ordered, "in order, on the monotonic clock");
	CHECK(proc_events_counters(events)->events >= 3 &&
	              proc_events_counters(events)->overruns == 0 &&
	              proc_events_counters(events)->lost == 0,
	      "counted");
}

static void exit_at_once(void *argument)
{
	(void)argument;
}

/* The receive buffer overflows: said once, with the number that was lost. */
static void test_overrun(struct proc_events *events)
{
	int small = 1, result, tries = 0;
	struct seen seen = { 0 };

	if (setsockopt(proc_events_fd(events), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) != 0)
		perror("SO_RCVBUF");
	for (int i = 0; i < 50; i++)
		child_end(child_begin(exit_at_once, NULL));
	do
		result = proc_events_read(events, note, &seen);
	while (result >= 0 && ++tries < 10);
	CHECK_EQUAL(result, -ENOBUFS, "a loss is said");
	CHECK(proc_events_counters(events)->overruns == 1 && proc_events_counters(events)->lost > 0,
	      "and counted: %llu", (unsigned long long)proc_events_counters(events)->lost);
	CHECK(proc_events_read(events, note, &seen) >= 0, "then it goes on");
}

struct elsewhere {
	int flags; /* unshare(2) */
	int expected;
	bool drops; /* what setns(2) needs */
};

static void drop_sys_admin(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, sets) != 0)
		_exit(3);
	sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &head, sets) != 0)
		_exit(3);
}

/* Exit status 2: not allowed. */
static void open_elsewhere(void *argument)
{
	const struct elsewhere *elsewhere = argument;
	struct proc_events *events = NULL;
	struct error error = { 0 };
	int result, status = 0;
	pid_t child;

	if (unshare(elsewhere->flags) != 0)
		_exit(2);
	child = fork(); /* the first process of a new pid namespace */
	if (child > 0) {
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
	}
	if (elsewhere->drops)
		drop_sys_admin();
	result = proc_events_open(&events, PROC_EVENTS_LIVES | PROC_EVENTS_IDS, &error);
	if (result != elsewhere->expected)
		_exit(1);
	_exit(result == 0 ? !events : events || !strstr(error.text, "namespace"));
}

static void test_elsewhere(struct elsewhere elsewhere, const char *name)
{
	int status = 0;

	waitpid(child_begin(open_elsewhere, &elsewhere), &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		CHECK(true, "another %s namespace # SKIP not allowed", name);
	else
		CHECK_EQUAL(status, 0, "%s in another %s namespace",
		            elsewhere.expected == 0 ? "opened" : "refused with a text", name);
}

int main(void)
{
	struct proc_events *events = NULL;
	struct error error = { 0 };
	int result;

	test_parse();
	test_damaged();
	result = proc_events_open(&events, PROC_EVENTS_LIVES | PROC_EVENTS_IDS, &error);
	if (result != 0) {
		CHECK(!events && error.code == -result && error.text[0], "live # SKIP %s",
		      error.text);
	} else {
		test_live(events);
		test_overrun(events);
		proc_events_close(events);
		test_elsewhere((struct elsewhere){ CLONE_NEWNET, 0, false }, "network");
		test_elsewhere((struct elsewhere){ CLONE_NEWNET, -ECONNREFUSED, true }, "network");
		test_elsewhere((struct elsewhere){ CLONE_NEWPID, -EPERM, false }, "pid");
		test_elsewhere((struct elsewhere){ CLONE_NEWUSER, -EPERM, false }, "user");
	}
	proc_events_close(NULL);
	return check_done();
}
