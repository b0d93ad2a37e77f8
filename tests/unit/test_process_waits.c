/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_waits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "check.h"
#include "fake_proc.h"

#define PID 20

static void put(const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof path, "%d/%s", PID, name);
	fake_put(path, text);
}

static void put_call(const char *name, long number)
{
	char text[64];

	snprintf(text, sizeof text, "%ld 0x3 0x7f0000000000 0x0 0x0 0x0 0x0 0x7ffd 0x7f11\n",
	         number);
	put(name, text);
}

/* The first thread, as /proc shows it in two places. */
static void put_first(const char *text, long number)
{
	static const char *const names[] = { "syscall", "task/20/syscall" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (text)
			put(names[i], text);
		else
			put_call(names[i], number);
	}
}

static int ask(int most, int *read)
{
	char path[PATH_MAX];
	int dir, result;

	snprintf(path, sizeof path, "%s/%d", fake_proc, PID);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	result = process_waits(dir, most, read);
	close(dir);
	return result;
}

static int waits(void)
{
	int read;

	return ask(10, &read);
}

static void test_one_thread(void)
{
	static const long waiting[] = { SYS_read, SYS_futex, SYS_epoll_pwait, SYS_waitid };
	static const long others[] = { SYS_write,    SYS_writev,
		                       SYS_sendto,   SYS_sendmsg,
		                       SYS_sendmmsg, SYS_sendfile,
		                       SYS_splice,   425, /* io_uring_setup */
		                       426,          /* io_uring_enter */ SYS_close };

	for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
		put_first(NULL, waiting[i]);
		CHECK_EQUAL(waits(), 1, "it waits in call %ld", waiting[i]);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		put_first(NULL, others[i]);
		CHECK_EQUAL(waits(), 0, "in call %ld it may send", others[i]);
	}
	put_first("running\n", 0);
	CHECK_EQUAL(waits(), 0, "one that runs may send");
	put_first("-1 0x7ffd 0x7f11\n", 0);
	CHECK_EQUAL(waits(), 0, "one that waits for memory may send it");
	put_first("", 0);
	CHECK_EQUAL(waits(), 0, "a file without text says nothing");
}

static void test_threads(void)
{
	int read;

	put_first(NULL, SYS_futex);
	put_call("task/21/syscall", SYS_read);
	CHECK(ask(10, &read) == 1 && read == 3, "all wait");
	put_call("task/22/syscall", SYS_sendto);
	CHECK_EQUAL(waits(), 0, "another thread than the first sends");
	put_call("task/22/syscall", SYS_read);
	CHECK_EQUAL(ask(3, &read), -E2BIG, "there are more than may be looked at");
	fake_remove("20/task/22/syscall");
	CHECK_EQUAL(waits(), 1, "one that has ended sends nothing");
	fake_remove("20/syscall");
	CHECK(waits() < 0, "what the first one does is not known");
}

int main(void)
{
	fake_begin();
	test_one_thread();
	test_threads();
	fake_remove("");
	return check_done();
}
