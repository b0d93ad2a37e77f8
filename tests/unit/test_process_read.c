/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "check.h"
#include "fake_proc.h"

static const struct process_parent parent = { .name = "parent" };

static bool is(const char *string, const char *expected)
{
	return string && strcmp(string, expected) == 0;
}

static void set_events(struct process_facts *facts, const char *name, const char *executable)
{
	memset(facts, 0, sizeof *facts);
	facts->read_ns = 1000;
	snprintf(facts->stat.name, sizeof facts->stat.name, "%s", name);
	snprintf(facts->executable, sizeof facts->executable, "%s", executable);
	facts->executable_length = strlen(executable);
	facts->stat.parent_pid = 1;
	facts->stat.start_ticks = 77;
	facts->has_uid = true;
	facts->uid = 1000;
	facts->netns = 5;
	facts->cgroup = "/xyz";
	facts->cgroup_length = 2; /* not NUL-terminated there */
}

static void test_apply(const struct process_reader *reader)
{
	struct process_facts facts;
	struct process *process;

	set_events(&facts, "one", "/bin/one");
	process = process_read_make(reader, 42, &facts, &parent);
	if (!process)
		exit(EXIT_FAILURE);
	CHECK(process->pid == 42 && is(process->name, "one") &&
	              is(process->executable, "/bin/one") && is(process->parent_name, "parent") &&
	              is(process->cgroup, "/x") && !process->container_id && process->uid == 1000 &&
	              process->netns == 5,
	      "a process of facts");
	CHECK(process_read_matches(process, &facts) && process_read_apply(process, &facts) == 0 &&
	              process->generation == 0,
	      "the same facts change nothing");
	facts.uid = 0;
	CHECK(!process_read_matches(process, &facts) && process_read_apply(process, &facts) == 0 &&
	              process->generation == 1 && process->uid == 0,
	      "a new user");
	facts.has_uid = false;
	facts.netns = 0;
	facts.uid = 9;
	CHECK(process_read_matches(process, &facts), "what was not read is no change");
	facts.netns = 6;
	process_read_apply(process, &facts);
	CHECK(process->generation == 2 && process->netns == 6 && process->uid == 0 &&
	              process->has_uid,
	      "a new namespace; the user that was known stays");
	/* A program that changed its user: its executable is refused from then on. */
	facts.executable_refused = true;
	facts.executable_length = 0;
	facts.cgroup = "/y";
	process_read_apply(process, &facts);
	CHECK(process->generation == 3 && is(process->executable, "/bin/one") &&
	              is(process->cgroup, "/y"),
	      "a refused executable is kept with the name");
	CHECK(process_read_matches(process, &facts), "and is no change by itself");
	snprintf(facts.stat.name, sizeof facts.stat.name, "two");
	process_read_apply(process, &facts);
	CHECK(process->generation > 3 && !process->executable && is(process->name, "two") &&
	              is(process->parent_name, "parent"),
	      "and not with another name");
	facts.stat.start_ticks = 78;
	CHECK(!process_read_matches(process, &facts), "another start time, another process");
	process_unref(process);
}

/* Where two readings differ, none is known to be right for a time between them. */
static void test_between(const struct process_reader *reader)
{
	int64_t shift = clock_realtime_ns() - clock_monotonic_ns(), read_ns = clock_monotonic_ns();
	struct process_facts facts;
	struct process *process;
	const struct process *before, *between;

	set_events(&facts, "one", "/bin/one");
	facts.read_ns = read_ns - 3 * NS_PER_SECOND;
	process = process_read_make(reader, 42, &facts, &parent);
	if (!process)
		exit(EXIT_FAILURE);
	facts.read_ns = read_ns - 2 * NS_PER_SECOND;
	process_read_apply(process, &facts);
	set_events(&facts, "two", "/bin/two");
	facts.read_ns = read_ns;
	facts.uid = 7;
	process_read_apply(process, &facts);
	before = process_at(process, shift + read_ns - 5 * NS_PER_SECOND / 2);
	between = process_at(process, shift + read_ns - NS_PER_SECOND);
	CHECK(is(before->name, "one") && before->has_uid && before->uid == 1000,
	      "up to the reading that confirmed it, it is what was read");
	CHECK(!between->name && !between->executable && !between->has_uid &&
	              is(between->cgroup, "/x"),
	      "then it may have become another; what is the same is known");
	CHECK(is(process->name, "two") && is(process->executable, "/bin/two") && process->uid == 7,
	      "now it is");
	facts.stat.exiting = true;
	facts.executable_length = 0;
	snprintf(facts.stat.name, sizeof facts.stat.name, "three");
	process_read_apply(process, &facts);
	CHECK(is(process->name, "three") && !process->executable,
	      "one that ends with another name ran another program");
	process_unref(process);
}

/*
 * Serves /proc/120/status through a FIFO: a reader has then read what comes
 * before and waits. The first time, the process runs another program meanwhile.
 */
static void exec_meanwhile(void *argument)
{
	static const char status[] = "Tgid:\t120\nUid:\t1\t1\t1\t1\n";
	const char *path = argument;

	for (int i = 0;; i++) {
		int fd = open(path, O_WRONLY);

		if (i == 0) {
			fake_link("120/exe", "/bin/new");
			fake_put("120/stat",
			         "120 (new) S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0\n");
		}
		if (write(fd, status, strlen(status)) < 0)
			return;
		close(fd);
		usleep(20000); /* or the same reader would get it twice */
	}
}

static void test_exec_meanwhile(const struct process_reader *reader, int proc_fd)
{
	struct process_facts facts;
	char path[PATH_MAX];
	pid_t child;
	int dir;

	fake_process(120, "old", 1, 5);
	fake_remove("120/status");
	fake_link("120/exe", "/bin/old");
	fake_path(path, sizeof path, "120/status");
	if (mkfifo(path, 0600) != 0)
		fake_fail(path);
	child = child_begin(exec_meanwhile, path);
	dir = process_read_open(proc_fd, 120);
	CHECK(process_read_facts(reader, dir, &facts) == 0 && is(facts.stat.name, "new") &&
	              facts.executable_length == strlen("/bin/new") &&
	              memcmp(facts.executable, "/bin/new", facts.executable_length) == 0,
	      "an exec while reading does not mix two programs");
	child_end(child);
	close(dir);
}

/* What a process of another mount namespace runs is known by device and inode: any path can be had. */
static void test_file(const struct process_reader *reader, int proc_fd)
{
	struct process_reader known = *reader;
	struct process_facts facts;
	struct process *process;
	struct stat program;
	char path[PATH_MAX];
	int dir;

	fake_process(122, "curl", 1, 5);
	fake_put("programs/real", "x");
	fake_put("programs/other", "y");
	fake_path(path, sizeof path, "programs/real");
	fake_link("122/exe", path);
	fake_link("122/ns/mnt", "mnt:[4026532001]");
	fake_link("self/ns/mnt", "mnt:[4026531841]");
	CHECK_EQUAL(process_read_mount_namespace(proc_fd, "self/ns/mnt"), UINT64_C(4026531841),
	            "our own mount namespace");
	dir = process_read_open(proc_fd, 122);
	known.mount_namespace = UINT64_C(4026532001);
	CHECK(process_read_facts(&known, dir, &facts) == 0 && facts.file.mount_namespace == 0 &&
	              facts.file.inode == 0,
	      "in ours, its path says it all");
	known.mount_namespace = 0;
	CHECK(process_read_facts(&known, dir, &facts) == 0 && facts.file.mount_namespace == 0,
	      "nor is it known to be another where ours is not known");
	known.mount_namespace = UINT64_C(4026531841);
	if (stat(path, &program) != 0)
		fake_fail(path);
	CHECK(process_read_facts(&known, dir, &facts) == 0 &&
	              facts.file.mount_namespace == UINT64_C(4026532001) &&
	              facts.file.inode == program.st_ino &&
	              facts.file.major == major(program.st_dev) &&
	              facts.file.minor == minor(program.st_dev),
	      "in another one its file is known by device and inode");
	process = process_read_make(&known, 122, &facts, &parent);
	CHECK(process && process->file.inode == program.st_ino, "the process has them");
	fake_remove("programs/real");
	fake_put("programs/third", "z");
	fake_rename("programs/other", "programs/real");
	CHECK(process_read_facts(&known, dir, &facts) == 0 && facts.file.inode != program.st_ino &&
	              process_read_apply(process, &facts) == 0 &&
	              process->file.inode == facts.file.inode && process->former &&
	              process->former->file.inode == program.st_ino,
	      "another file of that path is another one from then on");
	fake_link("122/ns/mnt", "mnt:[4026531841]");
	CHECK(process_read_facts(&known, dir, &facts) == 0 &&
	              process_read_apply(process, &facts) == 0 &&
	              process->file.mount_namespace == 0 && process->file.inode == 0,
	      "back in ours it has none");
	process_unref(process);
	close(dir);
}

static void test_failures(const struct process_reader *reader, int proc_fd)
{
	struct process_facts facts;
	struct process_stat stat;
	int dir;

	CHECK_EQUAL(process_read_open(proc_fd, 4711), -ENOENT, "no such process");
	fake_put("121/status", "");
	dir = process_read_open(proc_fd, 121);
	CHECK(dir >= 0 && process_read_stat(dir, &stat) == -ESRCH &&
	              process_read_facts(reader, dir, &facts) == -ESRCH,
	      "gone as soon as it was opened");
	close(dir);
}

int main(void)
{
	struct process_reader reader;
	int proc_fd;

	fake_begin();
	proc_fd = open(fake_proc, O_PATH | O_DIRECTORY);
	process_read_init(&reader, proc_fd);
	CHECK(reader.tick_ns > 0 && reader.boot_id[0] == '\0', "a host without a boot id");
	test_apply(&reader);
	test_between(&reader);
	test_exec_meanwhile(&reader, proc_fd);
	test_file(&reader, proc_fd);
	test_failures(&reader, proc_fd);
	fake_remove("");
	close(proc_fd);
	return check_done();
}
