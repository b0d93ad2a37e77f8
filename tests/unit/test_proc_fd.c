/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_fd.h"

#include <errno.h>

#include "proc_fd_fixture.h"

/* On a /proc of our own making. */

static void fake_fd(int pid, int fd, const char *target)
{
	char path[64];

	snprintf(path, sizeof path, "%d/fd/%d", pid, fd);
	fake_link(path, target);
}

static void test_fake(void)
{
	struct fixture fixture;
	struct proc_fd *fds;

	fake_link("1/ns/pid", "pid:[4026531836]");
	fake_process(1, "init", 0, 100);
	fake_fd(1, 0, "/dev/null");
	fake_fd(1, 7, "socket:[1000]");
	fake_fd(1, 8, "socket:[1000]");
	fake_process(20, "web", 1, 200);
	fake_fd(20, 3, "socket:[1000]");
	fake_fd(20, 4, "socket:[2000]");
	fake_fd(20, 5, "pipe:[3000]");
	fake_fd(20, 6, "socket:[rubbish]");
	fake_put("20/fd/readme", "not a number");
	fake_process(30, "idle", 1, 300);
	fake_put("30/fd/none", "");
	fake_put("meminfo", "not a process");
	fake_put("4294967316/none", ""); /* 2^32 + 20 */
	fixture = begin(fake_proc, 100, 100);
	fds = fixture.fds;
	CHECK_TEXT(holders_of(fds, 1000), "", "nothing is known at first");
	walk(fds, false);
	CHECK_TEXT(holders_of(fds, 1000), "1 20", "both, lowest first, each once");
	CHECK(strcmp(holders_of(fds, 2000), "20") == 0 && strcmp(holders_of(fds, 3000), "") == 0,
	      "sockets only");
	CHECK(proc_fd_count(fds) == 4 && proc_fd_counters(fds)->scans == 1 &&
	              proc_fd_counters(fds)->processes_scanned == 3 &&
	              proc_fd_counters(fds)->descriptors == 7,
	      "counted");
	CHECK(proc_fd_scan_process(fds, 20) == 2 && proc_fd_scan_process(fds, 30) == 0 &&
	              proc_fd_scan_process(fds, 40) == -ENOENT,
	      "one process, and no process");
	fake_fd(20, 4, "socket:[2001]");
	CHECK(strcmp(holders_of(fds, 2000), "") == 0 && proc_fd_count(fds) == 3,
	      "what is no longer true is no answer, and forgotten");
	walk(fds, false);
	CHECK_TEXT(holders_of(fds, 2001), "20", "the walk finds the new one");
	fake_remove("20/fd/3");
	walk(fds, false);
	CHECK_EQUAL(proc_fd_count(fds), 3, "and drops what was closed");
	fake_remove("20");
	walk(fds, true);
	CHECK(proc_fd_count(fds) == 2 && process_table_find(fixture.table, 20, 0)->exited_ns > 0,
	      "a process that is gone has no sockets, and has exited");
	fake_process(20, "other", 1, 400);
	fake_fd(20, 4, "socket:[2001]");
	CHECK_TEXT(holders_of(fds, 2001), "", "a reused pid is not looked at by itself");
	proc_fd_scan_process(fds, 20);
	CHECK_TEXT(holders_of(fds, 2001), "20", "unless read");
	walk(fds, true);
	fake_rename("20", "old");
	fake_process(20, "third", 1, 500);
	fake_fd(20, 4, "socket:[2002]");
	fake_remove("old"); /* only now, so that no inode number comes again */
	walk(fds, true);
	CHECK(strcmp(holders_of(fds, 2002), "20") == 0 && strcmp(holders_of(fds, 2001), "") == 0,
	      "a reused pid with as many descriptors as before is another process");
	proc_fd_exited(fds, 20);
	CHECK(proc_fd_count(fds) == 2 && strcmp(holders_of(fds, 2002), "") == 0,
	      "reported to have exited");
	finish(&fixture);
}

/* complete: a full walk that began after the question, with all to be seen. */
static void test_complete(void)
{
	struct fixture fixture = begin(fake_proc, 100, 100);
	struct proc_fd *fds = fixture.fds;
	struct proc_fd_holders holders;
	int64_t asked = clock_monotonic_ns();
	bool complete = false;

	fake_process(20, "web", 1, 400);
	fake_fd(20, 4, "socket:[2001]");
	CHECK(!proc_fd_walked_since(fds, 0, &complete), "no walk yet");
	walk(fds, true);
	CHECK(!proc_fd_walked_since(fds, 0, &complete),
	      "one over changed processes does not count");
	CHECK(proc_fd_find(fds, 2001, &holders) == 0 && !holders.complete, "first asked");
	CHECK(proc_fd_find(fds, 9999, &holders) == -ENOENT && !holders.complete,
	      "of nobody's as well");
	walk(fds, true);
	CHECK(proc_fd_find(fds, 2001, &holders) == 0 && !holders.complete, "asked again");
	proc_fd_walk_start(fds, false);
	CHECK(proc_fd_walk_active(fds) && proc_fd_find(fds, 1000, &holders) == 0 &&
	              !holders.complete,
	      "asked while a walk is under way");
	while (!proc_fd_walk(fds, NS_PER_SECOND))
		;
	CHECK(proc_fd_find(fds, 2001, &holders) == 0 && holders.complete, "complete after a walk");
	CHECK(proc_fd_find(fds, 1000, &holders) == 0 && !holders.complete,
	      "not when asked during that walk");
	CHECK(proc_fd_walked_since(fds, asked, &complete) && complete, "walked since it was asked");
	CHECK(!proc_fd_walked_since(fds, clock_monotonic_ns(), &complete), "and not since now");
	fake_fd(20, 4, "socket:[5555]");
	CHECK_EQUAL(proc_fd_find(fds, 2001, &holders), -ENOENT, "closed");
	fake_fd(20, 4, "socket:[2001]");
	proc_fd_scan_process(fds, 20);
	CHECK(proc_fd_find(fds, 2001, &holders) == 0 && !holders.complete,
	      "a new socket with an old number is a new question");
	fake_link("1/ns/pid", "pid:[4026532222]");
	walk(fds, false);
	CHECK(proc_fd_find(fds, 2001, &holders) == 0 && !holders.complete &&
	              proc_fd_walked_since(fds, asked, &complete) && !complete,
	      "never in another pid namespace");
	fake_link("1/ns/pid", "pid:[4026531836]");
	walk(fds, false);
	CHECK(proc_fd_find(fds, 2001, &holders) == 0 && holders.complete, "complete once more");
	finish(&fixture);

	fixture = begin(fake_proc, 100, 2);
	proc_fd_find(fixture.fds, 2001, &holders);
	walk(fixture.fds, false);
	CHECK(proc_fd_find(fixture.fds, 2001, &holders) == 0 && !holders.complete,
	      "never when something had to be left out: a holder");
	CHECK(proc_fd_count(fixture.fds) == 2 && proc_fd_counters(fixture.fds)->evicted == 1 &&
	              proc_fd_walked_since(fixture.fds, asked, &complete) && !complete,
	      "never when something had to be left out");
	finish(&fixture);
}

static void test_refused(void)
{
	struct fixture fixture;
	bool complete = true;

	if (geteuid() == 0)
		fake_put("30/fd/../../31/stat",
		         "31 (x) S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 99 0\n");
	else
		fake_process(31, "x", 1, 99);
	/* Not a directory: cannot be read, whoever asks. */
	fake_put("31/fd", "");
	fixture = begin(fake_proc, 100, 100);
	walk(fixture.fds, false);
	CHECK(proc_fd_walked_since(fixture.fds, 0, &complete) && !complete,
	      "not complete when descriptors could not be read");
	fake_remove("31");
	finish(&fixture);
}

static void test_many_holders(void)
{
	struct fixture fixture;
	struct proc_fd_holders holders;
	int right = 0;

	for (int pid = 500; pid < 600; pid++) {
		fake_process(pid, "worker", 1, 100);
		fake_fd(pid, 3, "socket:[7000]");
		fake_fd(pid, 4, "socket:[7000]");
		fake_fd(pid, 5, pid < 516 ? "socket:[7001]" : "socket:[1]");
		fake_fd(pid, 6, pid < 517 ? "socket:[7002]" : "socket:[1]");
	}
	fixture = begin(fake_proc, 8, 1000); /* fewer processes in the table than holders */
	walk(fixture.fds, false);
	CHECK(proc_fd_find(fixture.fds, 7000, &holders) == 0 && holders.count == 16 && holders.more,
	      "a hundred hold it");
	for (int i = 0; i < holders.count; i++)
		right += holders.processes[i]->pid == 500 + i &&
		         strcmp(holders.processes[i]->name, "worker") == 0;
	CHECK_EQUAL(right, 16, "the lowest 16");
	CHECK(proc_fd_find(fixture.fds, 7001, &holders) == 0 && holders.count == 16 &&
	              !holders.more,
	      "just 16");
	CHECK(proc_fd_find(fixture.fds, 7002, &holders) == 0 && holders.count == 16 && holders.more,
	      "just 17");
	for (int pid = 500; pid < 599; pid++) {
		fake_fd(pid, 3, "/dev/null");
		fake_fd(pid, 4, "/dev/null");
	}
	CHECK_TEXT(holders_of(fixture.fds, 7000), "599", "the last one that still does");
	finish(&fixture);
	for (int pid = 500; pid < 600; pid++) {
		char name[16];

		snprintf(name, sizeof name, "%d", pid);
		fake_remove(name);
	}
}

/* A walk makes progress in each slice, however short, and gives the same in the end. */
static void test_slices(void)
{
	struct fixture fixture;
	int64_t began;
	bool complete;
	int slices = 0;

	fake_process(40, "big", 1, 100);
	for (int fd = 0; fd < 2000; fd++) {
		char target[32];

		snprintf(target, sizeof target, "socket:[%d]", 10000 + fd);
		fake_fd(40, fd, target);
	}
	fixture = begin(fake_proc, 100, 10000);
	proc_fd_walk_start(fixture.fds, false);
	while (!proc_fd_walk(fixture.fds, 0) && slices < 10000)
		slices++;
	CHECK(slices > 2000 / 64 && slices < 10000, "%d slices", slices);
	CHECK(!proc_fd_walk_active(fixture.fds) && proc_fd_count(fixture.fds) == 2003,
	      "all was read");
	proc_fd_walk_start(fixture.fds, true);
	proc_fd_walk_start(fixture.fds, false);
	proc_fd_walk_start(fixture.fds, true);
	while (!proc_fd_walk(fixture.fds, 0))
		;
	CHECK_EQUAL(proc_fd_counters(fixture.fds)->scans, 2,
	            "a full walk takes the place of a lesser one");
	CHECK(proc_fd_walk(fixture.fds, 0), "no walk, nothing to do");
	/* Things happen between slices. */
	began = clock_monotonic_ns();
	proc_fd_walk_start(fixture.fds, false);
	for (int i = 0; i < 20; i++)
		proc_fd_walk(fixture.fds, 0);
	proc_fd_exited(fixture.fds, 40);
	while (!proc_fd_walk(fixture.fds, 0))
		proc_fd_scan_process(fixture.fds, 40);
	CHECK_EQUAL(proc_fd_count(fixture.fds), 2003, "a scan in the middle of the walk is kept");
	CHECK(proc_fd_walked_since(fixture.fds, began, &complete) && !complete,
	      "but that walk did not see all");
	fake_remove("40");
	proc_fd_walk_start(fixture.fds, false);
	finish(&fixture);
}

/* A snapshot: what a walk has read since the question is not read again. */
static void test_trust(void)
{
	struct fixture fixture = begin(fake_proc, 100, 100);
	struct proc_fd *fds = fixture.fds;
	int64_t asked = clock_monotonic_ns();

	fake_process(70, "many", 1, 700);
	fake_fd(70, 3, "socket:[7000]");
	fake_fd(70, 4, "socket:[7001]");
	fake_fd(70, 5, "socket:[7002]");
	walk(fds, false);
	proc_fd_trust(fds, asked);
	CHECK_TEXT(holders_of(fds, 7000), "70", "the first of a process is verified");
	fake_remove("70/fd/4");
	CHECK_TEXT(holders_of(fds, 7001), "70", "others are what the walk has read");
	proc_fd_trust(fds, 0);
	CHECK_TEXT(holders_of(fds, 7001), "", "without trust it is gone");
	fake_remove("70/fd/5");
	proc_fd_trust(fds, clock_monotonic_ns());
	CHECK_TEXT(holders_of(fds, 7002), "", "a walk from before the question is not trusted");
	fake_fd(70, 6, "socket:[7003]");
	fake_fd(70, 7, "socket:[7004]");
	walk(fds, false);
	proc_fd_trust(fds, asked);
	fake_remove("70/fd/6");
	CHECK_TEXT(holders_of(fds, 7003), "", "after each walk the first is verified again");
	proc_fd_exited(fds, 70);
	CHECK_TEXT(holders_of(fds, 7004), "", "a process that exited has none");
	finish(&fixture);
}

/* A turn of the caller's: what is verified in it is not read again. */
static void test_turns(void)
{
	struct fixture fixture = begin(fake_proc, 1000, 1000);
	struct proc_fd *fds = fixture.fds;

	fake_process(60, "turner", 1, 600);
	fake_fd(60, 3, "socket:[6000]");
	walk(fds, false);
	proc_fd_next_turn(fds);
	CHECK_TEXT(holders_of(fds, 6000), "60", "verified");
	fake_remove("60/fd/3");
	CHECK_TEXT(holders_of(fds, 6000), "60", "for this turn");
	proc_fd_next_turn(fds);
	CHECK_TEXT(holders_of(fds, 6000), "", "and not for the next");
	fake_fd(60, 3, "socket:[6000]");
	walk(fds, false);
	CHECK_TEXT(holders_of(fds, 6000), "60", "verified again");
	process_table_exited(fixture.table, 60, clock_monotonic_ns());
	fake_remove("60");
	CHECK_TEXT(holders_of(fds, 6000), "", "unless it is known to have exited");
	finish(&fixture);
}

#define LARGE 600 /* descriptors */

static void make_large(int pid, int start)
{
	char link[32];

	fake_process(pid, "large", 1, (unsigned)start);
	for (int fd = 3; fd < 3 + LARGE; fd++) {
		snprintf(link, sizeof link, "socket:[%d]", pid * 10000 + fd);
		fake_fd(pid, fd, link);
	}
}

/* One more descriptor: a socket of this inode. */
static void open_another(int pid, int fd, int inode)
{
	char link[32];

	snprintf(link, sizeof link, "socket:[%d]", inode);
	fake_fd(pid, fd, link);
}

static bool is_held(struct proc_fd *fds, int inode)
{
	return holders_of(fds, (uint64_t)inode)[0] != '\0';
}

/* A user with very many sockets, who opens more all the time, keeps no other waiting. */
static void test_large(void)
{
	struct fixture fixture = begin(fake_proc, 1000, 10000);
	struct proc_fd *fds = fixture.fds;
	bool small = true, apart = false;
	int inode = 90000000;
	int64_t end_ns;

	make_large(80, 800);
	make_large(81, 810);
	fake_process(82, "small", 1, 820);
	proc_fd_ignore_sizes(fds);
	walk(fds, false);
	CHECK(is_held(fds, 800003) && is_held(fds, 810003), "the first walk reads all");
	proc_fd_take_large_ns(fds);
	for (int i = 0; i < 50 && !(apart && small); i++) {
		open_another(80, 3 + LARGE + i, ++inode);
		open_another(81, 3 + LARGE + i, ++inode);
		open_another(82, 3 + i, ++inode);
		walk(fds, true);
		small = small && is_held(fds, inode);
		/* Read in this walk, unless the machine stood still. */
		apart = apart || (!is_held(fds, inode - 1) && !is_held(fds, inode - 2));
	}
	CHECK(small, "one with few is read in each walk");
	CHECK(apart, "those with many are not, at a twentieth of the time");
	CHECK(proc_fd_take_large_ns(fds) > 0 && proc_fd_take_large_ns(fds) == 0,
	      "what they cost is counted apart");
	end_ns = clock_monotonic_ns() + 20 * NS_PER_SECOND;
	while (!(is_held(fds, inode - 1) && is_held(fds, inode - 2)) &&
	       clock_monotonic_ns() < end_ns)
		walk(fds, true);
	CHECK(is_held(fds, inode - 1) && is_held(fds, inode - 2), "each has its turn");
	open_another(80, 2, ++inode);
	open_another(81, 2, ++inode);
	walk(fds, false);
	CHECK(is_held(fds, inode) && is_held(fds, inode - 1), "a full walk reads them all");
	fake_remove("80");
	fake_remove("81");
	fake_remove("82");
	finish(&fixture);
}

int main(void)
{
	struct process_table *table = NULL;
	struct proc_fd *fds = NULL;
	struct error error;

	fake_begin();
	test_fake();
	test_complete();
	test_refused();
	test_many_holders();
	test_slices();
	test_trust();
	test_turns();
	test_large();
	CHECK(process_table_new(&table, fake_proc, 1, &key, &error) == 0 &&
	              proc_fd_new(&fds, table, 0, &key, &error) == -EINVAL && !fds,
	      "no room");
	process_table_free(table);
	proc_fd_free(NULL);
	fake_remove("");
	return check_done();
}
