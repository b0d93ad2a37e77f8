/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "config.h"

static const struct syscall_filter_options everything = { true, true, true, true, true,
	                                                  true, true, true, true, true };
static const struct syscall_filter_options replay;

/* A filter is for good: each test has a process of its own. Its status is a number of `enum`. */
enum { HOLDS, FAILS, NO_FILTERS };

static int in_child(bool (*test)(void), const struct syscall_filter_options *options)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (syscall_filter_load(options) != 0)
			_exit(NO_FILTERS);
		_exit(test() ? HOLDS : FAILS);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)
	               ? WEXITSTATUS(status)
	               : FAILS;
}

static bool loads(void)
{
	return true;
}

static bool denied(long result)
{
	return result == -1 && errno == EPERM;
}

static bool denies_what_is_not_used(void)
{
	char *const none[] = { NULL };

	return denied(execve("/bin/true", none, none)) && denied(unlink("/no/such/file")) &&
	       denied(chmod("/no/such/file", 0)) && denied(mkdir("/no/such/folder/file", 0)) &&
	       denied(setuid(getuid()));
}

static bool memory_is_no_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* cppcheck-suppress memleak ; the process ends */
	return page != MAP_FAILED && code == MAP_FAILED &&
	       denied(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static void *leave_namespace(void *argument)
{
	*(bool *)argument = denied(setns(-1, CLONE_NEWNET));
	return NULL;
}

static bool threads_are_made(void)
{
	bool is_denied = false;
	pthread_t thread;

	return pthread_create(&thread, NULL, leave_namespace, &is_denied) == 0 &&
	       pthread_join(thread, NULL) == 0 && is_denied;
}

static bool can_open(int flags)
{
	int fd = open("/dev/null", flags);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool files_are_read_only(void)
{
	return denied(open("/dev/null", O_WRONLY)) && denied(open("/dev/null", O_RDWR)) &&
	       denied(open("/no/such/folder/file", O_RDONLY | O_CREAT, 0600)) && can_open(O_RDONLY);
}

static bool a_file_is_written(void)
{
	return can_open(O_WRONLY);
}

static bool namespaces_are_entered(void)
{
	return setns(-1, CLONE_NEWNET) == -1 && errno == EBADF;
}

static bool memory_of_others_is_read(void)
{
	return process_vm_readv(getpid(), NULL, 0, NULL, 0, 0) == 0;
}

static bool memory_of_others_is_hidden(void)
{
	return denied(process_vm_readv(getpid(), NULL, 0, NULL, 0, 0));
}

/* The threads that were there before have it, too. */
static int gate[2];

static void *wait_and_unlink(void *argument)
{
	char byte;

	*(bool *)argument = read(gate[0], &byte, 1) == 1 && denied(unlink("/no/such/file"));
	return NULL;
}

static int earlier_threads(void)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		bool is_denied = false;
		pthread_t thread;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (pipe(gate) != 0 ||
		    pthread_create(&thread, NULL, wait_and_unlink, &is_denied) != 0 ||
		    syscall_filter_load(&replay) != 0 || write(gate[1], "", 1) != 1 ||
		    pthread_join(thread, NULL) != 0)
			_exit(FAILS);
		_exit(is_denied ? HOLDS : FAILS);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
	                                                                : FAILS;
}

int main(void)
{
#ifdef INSTRUMENTED
	printf("1..0 # SKIP instrumented programs have no filter\n");
	return 0;
#endif
	if (in_child(loads, &replay) == NO_FILTERS) {
		printf("1..0 # SKIP the kernel has no filters\n");
		return 0;
	}
	CHECK_EQUAL(in_child(denies_what_is_not_used, &everything), HOLDS,
	            "programs, names of files and users");
	CHECK_EQUAL(in_child(memory_is_no_code, &everything), HOLDS, "memory does not become code");
	CHECK_EQUAL(in_child(threads_are_made, &replay), HOLDS,
	            "threads are made, and have it too");
	CHECK_EQUAL(earlier_threads(), HOLDS, "so have those of before");
	CHECK_EQUAL(in_child(files_are_read_only, &replay), HOLDS, "files are only read");
	CHECK_EQUAL(in_child(a_file_is_written, &everything), HOLDS, "or written, with an output");
	CHECK_EQUAL(in_child(namespaces_are_entered, &everything), HOLDS,
	            "namespaces are entered where they are watched");
	CHECK_EQUAL(in_child(memory_of_others_is_read, &everything), HOLDS,
	            "memory of others is read where arguments are wanted");
	CHECK_EQUAL(in_child(memory_of_others_is_hidden, &replay), HOLDS, "and nowhere else");
	return check_done();
}
