/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "config.h"

#define COUNT(list)   (sizeof(list) / sizeof(list)[0])
#define LISTED(names) names, COUNT(names)

/* Calls that an architecture does not have are left out by libseccomp. */
static const int for_all[] = {
	/* memory, but for what is filtered by its arguments */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(munlock),
	/* threads; clone3(2) has its flags in memory, out of reach, but execve(2) is not here */
	SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
	SCMP_SYS(futex_time64), SCMP_SYS(get_robust_list), SCMP_SYS(getcpu), SCMP_SYS(membarrier),
	SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address), SCMP_SYS(setpriority),
	SCMP_SYS(getpriority),
	/* each thread drops capabilities as it begins */
	SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(prctl),
	/* descriptors */
	SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(ftruncate),
	SCMP_SYS(ftruncate64), SCMP_SYS(ioctl), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(pread64), SCMP_SYS(read), SCMP_SYS(readv),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(dup), SCMP_SYS(pipe2),
	/* what there is to know of files */
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fstat),
	SCMP_SYS(fstat64), SCMP_SYS(fstatat64), SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64),
	SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(lstat), SCMP_SYS(lstat64),
	SCMP_SYS(newfstatat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(stat),
	SCMP_SYS(stat64), SCMP_SYS(statfs), SCMP_SYS(statfs64), SCMP_SYS(statx),
	/* the loop */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(signalfd4), SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_gettime64), SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_settime64),
	/* signals; tgkill is abort(3) */
	SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigtimedwait_time64), SCMP_SYS(sigaltstack), SCMP_SYS(sigreturn),
	SCMP_SYS(tgkill),
	/* time */
	SCMP_SYS(clock_getres), SCMP_SYS(clock_getres_time64), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time),
	/* the system and the process */
	SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpgid),
	SCMP_SYS(getpgrp), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom),
	SCMP_SYS(getrlimit), SCMP_SYS(getrusage), SCMP_SYS(gettid), SCMP_SYS(getuid),
	SCMP_SYS(prlimit64), SCMP_SYS(sysinfo), SCMP_SYS(ugetrlimit), SCMP_SYS(uname),
	/* an output that is a socket; NOTIFY_SOCKET */
	SCMP_SYS(send), SCMP_SYS(sendto), SCMP_SYS(sendmsg)
};

static const int for_live[] = {
	SCMP_SYS(bind),        SCMP_SYS(connect),    SCMP_SYS(getpeername),
	SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(recv),
	SCMP_SYS(recvfrom),    SCMP_SYS(recvmmsg),   SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(recvmsg),     SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
	SCMP_SYS(socket)
};
static const int for_namespaces[] = { SCMP_SYS(setns) };
static const int for_tracepoints[] = { SCMP_SYS(perf_event_open) };
static const int for_sentinel[] = { SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd),
	                            SCMP_SYS(sched_getattr) };
static const int for_arguments[] = { SCMP_SYS(process_vm_readv) };
/* Architectures have different ones of them. */
static const int for_rotation[] = { SCMP_SYS(flock), SCMP_SYS(rename), SCMP_SYS(renameat),
	                            SCMP_SYS(renameat2) };
static const int for_peer[] = { SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(getsockopt),
	                        SCMP_SYS(setsockopt) };
static const int for_command[] = { SCMP_SYS(kill) };
static const int for_children[] = { SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(waitpid) };

static int allow(scmp_filter_ctx filter, bool wanted, const int *calls, size_t count)
{
	int result = 0;

	for (size_t i = 0; wanted && result == 0 && i < count; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return result;
}

/* The call, where `mask` of its argument has none of its bits but `bits`. */
static int allow_masked(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t mask,
                        scmp_datum_t bits)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
	                        (struct scmp_arg_cmp){ argument, SCMP_CMP_MASKED_EQ, mask, bits });
}

/* No memory becomes code. */
static int allow_memory(scmp_filter_ctx filter)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
	int result = 0;

	for (size_t i = 0; result == 0 && i < COUNT(calls); i++)
		result = allow_masked(filter, calls[i], 2, PROT_EXEC, 0);
	return result;
}

/* For reading, unless there is a file to be written. */
static int allow_opening(scmp_filter_ctx filter, bool writing)
{
	static const int calls[] = { SCMP_SYS(openat), SCMP_SYS(open) };
	const scmp_datum_t mask = O_ACCMODE | O_CREAT | O_TRUNC;
	int result;

	if (writing)
		return allow(filter, true, LISTED(calls));
	result = allow_masked(filter, SCMP_SYS(openat), 2, mask, O_RDONLY);
	return result == 0 ? allow_masked(filter, SCMP_SYS(open), 1, mask, O_RDONLY) : result;
}

static int fill_main(scmp_filter_ctx filter, const void *context)
{
	const struct syscall_filter_options *options = context;
	const struct {
		bool wanted;
		const int *calls;
		size_t count;
	} groups[] = {
		{ true, LISTED(for_all) },
		{ options->live, LISTED(for_live) },
		{ options->namespaces, LISTED(for_namespaces) },
		{ options->tracepoints, LISTED(for_tracepoints) },
		{ options->sentinel, LISTED(for_sentinel) },
		{ options->arguments, LISTED(for_arguments) },
		{ options->rotation, LISTED(for_rotation) },
		{ options->peer, LISTED(for_peer) },
		{ options->command, LISTED(for_command) },
		{ options->command || options->helper, LISTED(for_children) },
	};
	int result = 0;

	for (size_t i = 0; result == 0 && i < COUNT(groups); i++)
		result = allow(filter, groups[i].wanted, groups[i].calls, groups[i].count);
	if (result == 0)
		result = allow_memory(filter);
	if (result == 0)
		result = allow_opening(filter, options->output_file);
	return result;
}

static const int for_helper[] = {
	SCMP_SYS(close),        SCMP_SYS(exit),      SCMP_SYS(exit_group),
	SCMP_SYS(recvmsg),      SCMP_SYS(sendmsg),   SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn), SCMP_SYS(fstat),
	SCMP_SYS(fstat64),      SCMP_SYS(fstatat64), SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
};

/* A file that was made, and is not to be used, is removed. */
static const int for_helper_output[] = {
	SCMP_SYS(lstat),     SCMP_SYS(lstat64), SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32), SCMP_SYS(unlink),  SCMP_SYS(unlinkat),
};

/* The call, where its argument has that value. */
static int allow_equal(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
	                        (struct scmp_arg_cmp){ argument, SCMP_CMP_EQ, value, 0 });
}

static int allow_namespaces(scmp_filter_ctx filter)
{
	static const int families[] = { AF_PACKET, AF_NETLINK, AF_INET, AF_INET6, AF_UNIX };
	int result = allow_equal(filter, SCMP_SYS(setns), 1, CLONE_NEWNET);

	if (result == 0)
		result = allow_equal(filter, SCMP_SYS(ioctl), 1, SIOCGSKNS);
	for (size_t i = 0; result == 0 && i < COUNT(families); i++)
		result = allow_equal(filter, SCMP_SYS(socket), 0, (scmp_datum_t)families[i]);
	return result;
}

static int allow_peer(scmp_filter_ctx filter)
{
	int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);

	return result == 0 ? allow_equal(filter, SCMP_SYS(socket), 0, AF_UNIX) : result;
}

static int fill_helper(scmp_filter_ctx filter, const void *context)
{
	const struct syscall_filter_helper *options = context;
	int result = allow(filter, true, LISTED(for_helper));

	if (result == 0)
		result = allow(filter, options->traces, LISTED(for_tracepoints));
	if (result == 0)
		result = allow(filter, options->output, LISTED(for_rotation));
	if (result == 0)
		result = allow(filter, options->output, LISTED(for_helper_output));
	if (result == 0 && options->namespaces)
		result = allow_namespaces(filter);
	if (result == 0 && options->peer)
		result = allow_peer(filter);
	return result == 0 ? allow_opening(filter, options->output) : result;
}

/* Loads what `fill` allows, for all threads. */
static int load(int (*fill)(scmp_filter_ctx filter, const void *options), const void *options)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int result;

	if (!filter)
		return -ENOMEM;
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = fill(filter, options);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);      /* Linux 4.14 */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result;
}

int syscall_filter_load(const struct syscall_filter_options *options)
{
#ifdef INSTRUMENTED /* sanitizers and coverage make calls of their own */
	(void)options;
	return 0;
#endif
	return load(fill_main, options);
}

int syscall_filter_load_helper(const struct syscall_filter_helper *options)
{
#ifdef INSTRUMENTED
	(void)options;
	return 0;
#endif
	return load(fill_helper, options);
}
