/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_waits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes/proc_dir.h"

/*
 * Numbers are those of this machine's programs: what these mean to a 32-bit one, on x86 and ARM, sends
 * nothing either. Where a call has no number here, another one waits in its place.
 */
static const long waiting[] = {
	SYS_accept4,       SYS_clock_nanosleep, SYS_epoll_pwait, SYS_futex,
	SYS_ppoll,         SYS_pselect6,        SYS_read,        SYS_readv,
	SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_waitid,
#ifdef SYS_accept
	SYS_accept,
#endif
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef SYS_nanosleep
	SYS_nanosleep,
#endif
#ifdef SYS_pause
	SYS_pause,
#endif
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_recvfrom
	SYS_recvfrom,
#endif
#ifdef SYS_recvmmsg
	SYS_recvmmsg,
#endif
#ifdef SYS_recvmsg
	SYS_recvmsg,
#endif
#ifdef SYS_select
	SYS_select,
#endif
#ifdef SYS_wait4
	SYS_wait4,
#endif
};

/* "running", or the number of the call, -1 outside of any, and what it was called with. */
static bool is_waiting(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text)
		return false;
	for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++)
		if (waiting[i] == number)
			return true;
	return false;
}

static int thread_waits(int dir, const char *path)
{
	char text[32];
	int file = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (file < 0)
		return -errno;
	length = read(file, text, sizeof text - 1);
	if (length < 0) {
		int error = errno;

		close(file);
		return -error;
	}
	close(file);
	text[length] = '\0';
	return is_waiting(text);
}

static int others_wait(struct proc_dir *tasks, int dir, int most, int *read)
{
	int result, tid;

	while ((result = proc_dir_next(tasks, &tid)) == 1) {
		char path[48];

		if (*read == most)
			return -E2BIG;
		snprintf(path, sizeof path, "task/%d/syscall", tid);
		++*read;
		result = thread_waits(dir, path);
		if (result == -ENOENT || result == -ESRCH) /* it has ended: it sends nothing */
			continue;
		if (result != 1)
			return result;
	}
	return result < 0 ? result : 1;
}

int process_waits(int dir, int most, int *read)
{
	struct proc_dir tasks;
	int result;

	/* The first thread: mostly there is no other, and it is the one that does something. */
	*read = 1;
	result = thread_waits(dir, "syscall");
	if (result != 1)
		return result;
	result = proc_dir_open(&tasks, dir, "task");
	if (result < 0)
		return result;
	result = others_wait(&tasks, dir, most, read);
	proc_dir_close(&tasks);
	return result;
}
