/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_args.h"

#include <fcntl.h>
#include <string.h>

#include "process_table_fixture.h"
#include "processes/process_read_args.h"

#define FIRST 1000 /* ns */
#define PID   4000001

static bool are(const struct process *process, const char *expected, size_t length)
{
	const struct process_args *args = process && process->image ? process->image->args : NULL;

	if (!args || !expected)
		return !args && !expected;
	return args->length == length && memcmp(args->strings, expected, length) == 0;
}
#define ARE(process, literal) are((process), "" literal, sizeof(literal))
#define NONE(process)         are((process), NULL, 0)

static void test_kept(void)
{
	static char most[PROCESS_ARGS_MAX + 1];
	struct process_args *args = process_args_new("app\0--token\0S\0rest", 18, 4);

	CHECK(args->argc == 4 && args->count == 3 && !process_args_complete(args) &&
	              args->length == 23 &&
	              memcmp(args->strings, "app\0--token\0[redacted]", 23) == 0,
	      "what has no NUL is no argument, and a secret is not kept");
	process_args_free(args);
	args = process_args_new("a\0b\0VARIABLE=1", 15, 2);
	CHECK(process_args_complete(args) && args->length == 4, "no more than there are");
	process_args_free(args);
	memset(most, 'x', sizeof most - 1);
	args = process_args_new(most, sizeof most, 1);
	CHECK(args->count == 0 && args->argc == 1 && args->length == 0, "too long: none is cut");
	process_args_free(args);
	args = process_args_new(most + 1, sizeof most - 1, 1);
	CHECK(process_args_complete(args), "the longest that is kept");
	process_args_free(args);
	args = process_args_new("", 0, 3000);
	CHECK(args->argc == 3000 && args->count == 0, "the number alone is known");
	process_args_free(args);
}

static struct process *fork_one(struct process_table *table, int pid, int parent, int64_t time_ns)
{
	const struct process_fork fork = {
		.pid = pid, .parent_pid = parent, .time_ns = time_ns, .boottime_ns = time_ns
	};

	return need(process_table_fork(table, &fork));
}

static struct process *executed_with(struct process_table *table, int pid, int64_t time_ns,
                                     const char *args)
{
	return process_table_executed_with(table, pid, time_ns,
	                                   process_args_new(args, strlen(args) + 1, 1));
}

/* They are of the image at the time of the report, whenever that comes. */
static void test_images(void)
{
	struct process_table *table = open_table(fake_proc, 16);
	struct process *process, *child, *kept;

	process_table_want_args(table);
	process = fork_one(table, PID, 1, FIRST);
	process_table_executed(table, process, FIRST + 10, "one", 3);
	CHECK(executed_with(table, PID, FIRST + 11, "one") == process, "of the present program");
	process_table_renamed(process, FIRST + 12, "uno", 3);
	CHECK(ARE(process, "one") && ARE(process->former, "one"), "a new name is no exec");
	process_table_executed(table, process, FIRST + 20, "two", 3);
	process_table_user_changed(process, FIRST + 22, 7, 7);
	child = fork_one(table, PID + 1, PID, FIRST + 23);
	CHECK(NONE(process) && NONE(child), "not known yet");
	executed_with(table, PID, FIRST + 21, "two");
	CHECK(ARE(process, "two") && ARE(process->former, "two") && ARE(child, "two"),
	      "a late report is of all states of its image, and of children");
	CHECK(!executed_with(table, PID, FIRST + 22, "else") && ARE(process, "two"),
	      "there is one report of an exec");
	process_table_executed(table, child, FIRST + 30, "three", 5);
	CHECK(NONE(child) && ARE(child->former, "two") && ARE(process, "two"),
	      "an exec of the child is its own");
	process_table_executed(table, child, FIRST + 35, "four", 4);
	CHECK(!executed_with(table, PID + 1, FIRST + 31, "three") && NONE(child) &&
	              ARE(child->former, "three"),
	      "an exec that another has followed");
	executed_with(table, PID + 2, FIRST + 40, "nobody's");
	process_table_lost(table, FIRST + 50);
	executed_with(table, PID, FIRST + 51, "lost");
	CHECK(NONE(process), "where execs may be missing none is known");
	kept = process_ref(child);
	process_table_free(table);
	CHECK(ARE(kept->former->former, "two"), "they are there as long as their process");
	process_unref(kept);
}

static void test_not_wanted(void)
{
	struct process_table *table = open_table(fake_proc, 16);
	struct process *process = fork_one(table, PID, 1, FIRST);

	process_table_executed(table, process, FIRST + 10, "one", 3);
	CHECK(!process->image, "without the option there is no place for them");
	process_table_free(table);
}

static void test_budget(void)
{
	struct process_args_budget *budget = process_args_budget_new();
	struct process_image *image = process_image_new(), *second = process_image_new();

	budget->used = PROCESS_ARGS_TOTAL - sizeof(struct process_args) - 4;
	process_image_set_args(image, process_args_new("one", 4, 1), budget);
	process_image_set_args(second, process_args_new("two", 4, 1), budget);
	CHECK(image->args && !second->args && budget->used == PROCESS_ARGS_TOTAL,
	      "what all have together is bounded");
	process_image_unref(image);
	process_image_set_args(second, process_args_new("two", 4, 1), budget);
	CHECK(second->args != NULL, "and what is given up is free for others");
	process_image_unref(second);
	process_args_budget_unref(budget);
}

static void test_size(void)
{
	static const char stat[] =
		"7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0 0 0 0 0 0 0 "
		"0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 4096 4106 4106 4120 0\n";
	int wrong = 0;

	CHECK_EQUAL(process_read_args_size(stat, strlen(stat)), 10, "arg_end - arg_start");
	for (size_t cut = 0; cut + 20 < strlen(stat); cut++)
		wrong += process_read_args_size((char *)check_guarded(stat, cut), cut) != 0;
	CHECK_EQUAL(wrong, 0, "not of a text that ends before");
}

/* A child that waits, once `change` has run in it. */
static pid_t start_child(void (*change)(void))
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe(ready) != 0)
		fake_fail("pipe");
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		change();
		if (write(ready[1], "", 1) != 1)
			_exit(EXIT_FAILURE);
		pause();
	}
	if (child < 0 || read(ready[0], &byte, 1) != 1)
		fake_fail("fork");
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static char **own_args;
static int own_count;

static void change_nothing(void)
{
}

/* A title that has no NUL: the environment begins behind it. */
static void write_title(void)
{
	char *end = own_args[own_count - 1] + strlen(own_args[own_count - 1]) + 1;

	memset(own_args[0], 't', (size_t)(end - own_args[0]));
}

static size_t read_cmdline(pid_t pid, char *bytes, size_t room)
{
	char name[64];
	ssize_t length;
	int fd;

	snprintf(name, sizeof name, "/proc/%d/cmdline", (int)pid);
	fd = open(name, O_RDONLY);
	length = read(fd, bytes, room);
	close(fd);
	return length > 0 ? (size_t)length : 0;
}

static void test_read(void)
{
	struct process_table *table = open_table("/proc", 16), *without = open_table("/proc", 16);
	char bytes[4096];
	pid_t child = start_child(change_nothing);
	struct process *process;
	size_t length = read_cmdline(child, bytes, sizeof bytes);

	process_table_want_args(table);
	process = need(process_table_get(table, child, NULL));
	CHECK(are(process, bytes, length), "as /proc shows them");
	CHECK_EQUAL(process->image->since_wall_ns, process->since_wall_ns,
	            "of all the time that its name is of");
	process->image->args->strings[0] ^= 1; /* as if it showed others before */
	process_table_exec(table, child, clock_monotonic_ns());
	process = need(process_table_get(table, child, NULL));
	CHECK(are(process, bytes, length) && process->image->since_wall_ns > 0,
	      "others: from then on");
	CHECK(!need(process_table_get(without, child, NULL))->image, "not without the option");
	end_child(child);
	child = start_child(write_title);
	length = read_cmdline(child, bytes, sizeof bytes);
	process = need(process_table_get(table, child, NULL));
	CHECK(memmem(bytes, length, "MARK_ENV", 8) != NULL && process->image &&
	              !memmem(process->image->args->strings, process->image->args->length,
	                      "MARK_ENV", 8),
	      "no variable, where /proc shows one behind a title");
	end_child(child);
	process_table_free(without);
	process_table_free(table);
}

int main(int argc, char **argv)
{
	static char variable[] = "MARK_ENV=1";
	char *const environment[] = { variable, NULL };

	if (argc == 1) {
		execle("/proc/self/exe", argv[0], "one", "two", NULL, environment);
		fake_fail("exec");
	}
	own_args = argv;
	own_count = argc;
	fake_begin();
	test_kept();
	test_images();
	test_not_wanted();
	test_budget();
	test_size();
	test_read();
	fake_remove("");
	return check_done();
}
