/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* process_table on the real /proc, with children of this process. */
#include "processes/process_table.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "process_table_fixture.h"

static _Noreturn void wait_name(const char *name)
{
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
}

static void be_named(void *name)
{
	wait_name(name);
}

/* Waits for the process to have a state or a name: at most 2 s. */
static bool wait_stat(pid_t pid, char state, const char *name)
{
	char path[64], text[1024];
	struct process_stat stat;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	for (int i = 0; i < 2000; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t length = read(fd, text, sizeof text);

		close(fd);
		if (length > 0 && process_parse_stat(text, (size_t)length, &stat) &&
		    stat.state == state && (!name || strcmp(stat.name, name) == 0))
			return true;
		usleep(1000);
	}
	return false;
}

static void test_real(void)
{
	struct process_table *table = open_table("/proc", 100);
	struct process *process;
	char name[] = "a) S 1 (b\n";
	char executable[PATH_MAX] = "", link[PATH_MAX] = "";
	int64_t before = clock_realtime_ns(), age;
	pid_t pid = child_begin(be_named, name);
	int dir;

	CHECK(wait_stat(pid, 'S', name), "a child sleeps");
	if (readlink("/proc/self/exe", executable, sizeof executable - 1) < 0 ||
	    readlink("/proc/self/ns/net", link, sizeof link - 1) < 0)
		perror("readlink");
	process = need(process_table_get(table, pid, NULL));
	CHECK(is(process->name, name), "a hostile name is understood");
	CHECK(process->parent_pid == getpid() && process->uid == geteuid() && process->has_uid &&
	              is(process->executable, executable) && !process->executable_deleted,
	      "its parent, user and executable");
	age = process->start_ns - before;
	CHECK(age >= -20 * NS_PER_MS && age < NS_PER_SECOND, "it started just now: %lld ns",
	      (long long)age);
	CHECK(process->netns == strtoul(link + strlen("net:["), NULL, 10), "its namespace");
	process_ref(process);
	dir = process_table_dir(table, process);
	CHECK(dir >= 0 && dir == process_table_dir(table, process), "its directory stays open");
	kill(pid, SIGKILL);
	CHECK(wait_stat(pid, 'Z', NULL), "it is a zombie");
	usleep(20000); /* a young process is read again every 10 ms */
	process_table_get(table, pid, NULL);
	CHECK(process_table_find(table, pid, 0) == process && process->exited_ns > 0 &&
	              is(process->name, name) && is(process->executable, executable),
	      "a zombie has exited, and keeps what was known of it");
	CHECK(process_table_get(table, pid, NULL) == process && process->exited_ns > 0,
	      "asking for it does not bring it back");
	waitpid(pid, NULL, 0);
	CHECK(!process_table_get(table, pid, NULL) && process_table_find(table, pid, 0) == process,
	      "it is gone, and remembered");
	process_unref(process);
	process_table_free(table);
}

static void exec_when_told(void *argument)
{
	char byte;

	if (read(*(int *)argument, &byte, 1) == 1)
		execl("/bin/sleep", "sleep", "60", NULL);
}

static void test_real_exec(void)
{
	struct process_table *table = open_table("/proc", 100);
	struct process *process;
	char own[16] = "";
	int pipes[2];
	pid_t pid;

	prctl(PR_GET_NAME, own);
	if (pipe(pipes) != 0)
		exit(EXIT_FAILURE);
	pid = child_begin(exec_when_told, &pipes[0]);
	process = need(process_table_get(table, pid, NULL));
	CHECK(is(process->name, own), "between fork and exec it is called as its parent");
	if (write(pipes[1], "x", 1) != 1)
		perror("write");
	wait_stat(pid, 'S', "sleep");
	CHECK(process_table_get(table, pid, NULL) == process && is(process->name, "sleep") &&
	              strstr(process->executable, "/") && process->generation > 0,
	      "a young process is seen to exec without word from the kernel");
	child_end(pid);
	process_table_free(table);
	close(pipes[0]);
	close(pipes[1]);
}

static void rename_when_told(void *argument)
{
	char byte;

	if (read(*(int *)argument, &byte, 1) == 1)
		wait_name("renamed");
}

/* As a script does that is run by the interpreter it comes from: only the name changes. */
static void test_real_rename(void)
{
	struct process_table *table = open_table("/proc", 100);
	const struct process *process;
	int pipes[2];
	pid_t pid;

	if (pipe(pipes) != 0)
		exit(EXIT_FAILURE);
	pid = child_begin(rename_when_told, &pipes[0]);
	process = need(process_table_get(table, pid, NULL));
	CHECK(!is(process->name, "renamed"), "its old name");
	if (write(pipes[1], "x", 1) != 1)
		perror("write");
	wait_stat(pid, 'S', "renamed");
	usleep(11000);
	CHECK(process_table_get(table, pid, NULL) == process && is(process->name, "renamed"),
	      "a young process is seen to change its name after 10 ms");
	child_end(pid);
	process_table_free(table);
	close(pipes[0]);
	close(pipes[1]);
}

/* With few descriptors left, directories are given back and asking goes on. */
static void test_real_many(void)
{
	struct process_table *table = open_table("/proc", 2000);
	enum { COUNT = 300 };
	pid_t pids[COUNT];
	int opened, before, found = 0, same = 0;
	char name[] = "many";
	struct process *processes[COUNT];

	before = open("/dev/null", O_RDONLY);
	for (int i = 0; i < COUNT; i++)
		pids[i] = child_begin(be_named, name);
	for (int i = 0; i < COUNT; i++) {
		processes[i] = process_table_get(table, pids[i], NULL);
		found += processes[i] != NULL;
	}
	opened = open("/dev/null", O_RDONLY);
	CHECK_EQUAL(found, COUNT, "%d processes", found);
	CHECK(opened - before <= 257, "at most 256 directories stay open: %d", opened - before - 1);
	for (int i = 0; i < COUNT; i++)
		same += process_table_get(table, pids[i], NULL) == processes[i];
	CHECK_EQUAL(same, COUNT, "the same again: %d", same);
	for (int i = 0; i < COUNT; i++)
		child_end(pids[i]);
	for (int i = 0; i < COUNT; i++)
		found -= process_table_get(table, pids[i], NULL) == NULL &&
		         processes[i]->exited_ns > 0;
	CHECK_EQUAL(found, 0, "all are gone");
	process_table_free(table);
	close(opened);
	close(before);
}

static void *idle(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void lose_leader(void *argument)
{
	pthread_t thread;

	(void)argument;
	if (pthread_create(&thread, NULL, idle, NULL) == 0)
		syscall(SYS_exit, 0); /* this thread alone */
}

static void test_real_leader(void)
{
	struct process_table *table = open_table("/proc", 100);
	pid_t pid = child_begin(lose_leader, NULL);
	struct process *process;

	CHECK(wait_stat(pid, 'Z', NULL), "the first thread has ended");
	process = need(process_table_get(table, pid, NULL));
	CHECK_EQUAL(process->exited_ns, 0, "the process lives on");
	process_table_exited(table, pid, clock_monotonic_ns());
	CHECK(process_table_get(table, pid, NULL) == process && process->exited_ns == 0,
	      "also after the exit of its first thread was announced");
	child_end(pid);
	process_table_free(table);
}

int main(void)
{
	test_real();
	test_real_exec();
	test_real_rename();
	test_real_many();
	test_real_leader();
	return check_done();
}
