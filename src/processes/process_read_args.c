/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_read_args.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "processes/process_read.h"

/* Fields of /proc/PID/stat, proc(5), counted from the third, which follows the name. */
#define ARG_START (48 - 3)
#define ARG_END   (49 - 3)

static bool read_number(const char **at, const char *end, uint64_t *value)
{
	const char *from = *at;

	*value = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(**at - '0'), value))
			return false;
	return *at > from;
}

size_t process_read_args_size(const char *stat, size_t length)
{
	const char *end = stat + length, *at = memrchr(stat, ')', length);
	uint64_t from, to;

	for (int field = 0; at && field <= ARG_START; field++) {
		at = memchr(at, ' ', (size_t)(end - at));
		if (at)
			at++;
	}
	_Static_assert(ARG_END == ARG_START + 1, "neighbours");
	if (!at || !read_number(&at, end, &from) || at == end || *at++ != ' ' ||
	    !read_number(&at, end, &to) || to < from || to - from > SIZE_MAX)
		return 0;
	return (size_t)(to - from);
}

static size_t read_all(int dir, const char *name, char *bytes, size_t room)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t length = 0;
	ssize_t got = 1;

	while (fd >= 0 && length < room && got > 0) {
		got = read(fd, bytes + length, room - length);
		if (got > 0)
			length += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (fd >= 0)
		close(fd);
	return length;
}

static bool runs_the_same(int dir, const struct process *process)
{
	struct process_stat stat;

	if (process->executable && process_read_executable_same(dir, process) != 1)
		return false;
	return process->name && process_read_stat(dir, &stat) == 0 && !stat.exiting &&
	       strcmp(stat.name, process->name) == 0;
}

/*
 * Where the last NUL of the arguments is overwritten, Linux takes them for a title that goes on in
 * the environment, and shows that up to a NUL: as one string, which may end with a variable.
 */
static size_t cut_environment(int dir, const char *bytes, size_t length)
{
	char stat[2048];
	size_t size = process_read_args_size(stat, read_all(dir, "stat", stat, sizeof stat));
	const char *first = memchr(bytes, '\0', length);

	if (size > 0)
		return size < length ? size : length;
	return first && first + 1 < bytes + length ? length : 0;
}

/* A program that wrote a title of its own leaves NULs behind it. */
static size_t cut_padding(const char *bytes, size_t length)
{
	size_t end = length;

	while (end > 1 && bytes[end - 1] == '\0' && bytes[end - 2] == '\0')
		end--;
	return end + 1 < length ? end : length;
}

static uint32_t count(const char *bytes, size_t length)
{
	uint32_t found = 0;

	for (size_t i = 0; i < length; i++)
		found += bytes[i] == '\0';
	return found;
}

struct process_args *process_read_args(int dir, const struct process *process)
{
	char bytes[PROCESS_ARGS_RAW + 1];
	struct process_args *args = NULL;
	size_t read, length;

	if (!runs_the_same(dir, process))
		return NULL;
	read = read_all(dir, "cmdline", bytes, PROCESS_ARGS_RAW);
	length = read > 0 && runs_the_same(dir, process) ? cut_environment(dir, bytes, read) : 0;
	if (length > 0 && read < PROCESS_ARGS_RAW) {
		if (bytes[length - 1] != '\0')
			bytes[length++] = '\0';
		length = cut_padding(bytes, length);
		args = process_args_new(bytes, length, count(bytes, length));
	} else if (length > 0) {
		args = process_args_new(bytes, length, 0);
	}
	explicit_bzero(bytes, sizeof bytes);
	return args;
}
