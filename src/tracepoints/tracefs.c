/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Files are read below it: not O_PATH, so that a directory nobody may read fails here. */
static int open_mounted(const char *path)
{
	struct statfs about;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &about) != 0 || about.f_type != TRACEFS_MAGIC) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/*
 * A mount that is attached nowhere: neither this process's mount namespace nor
 * anybody else's changes, and it ends with its descriptor. fsopen(2), fsmount(2).
 */
static int open_detached(void)
{
	int mount = -1;
	int context = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);

	if (context < 0)
		return -errno;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
		                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		                             MOUNT_ATTR_NOEXEC);
	if (mount < 0)
		mount = -errno;
	close(context);
	return mount;
}

int tracefs_open(struct error *error)
{
	static const char *const paths[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	bool refused = false;

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		int fd = open_mounted(paths[i]);

		if (fd >= 0)
			return fd;
		refused = refused || fd == -EACCES || fd == -EPERM;
	}

	int fd = open_detached();

	if (fd >= 0)
		return fd;
	if (fd == -ENODEV)
		return error_set(error, ENODEV, "the kernel has no tracefs");
	if (refused)
		return error_set(error, EACCES,
		                 "tracefs may not be read: it needs root or CAP_DAC_READ_SEARCH");
	if (fd == -EPERM || fd == -ENOSYS)
		return error_set(
			error, -fd,
			"tracefs is not mounted on /sys/kernel/tracing, and mounting it needs "
			"CAP_SYS_ADMIN and Linux 5.2");
	return error_set(error, -fd, "tracefs cannot be mounted: %s", strerror(-fd));
}

long tracefs_read_format(int directory, const char *event, char *format)
{
	char path[PATH_MAX];
	size_t length = 0;
	ssize_t got;

	if ((size_t)snprintf(path, sizeof path, "events/%s/format", event) >= sizeof path)
		return -ENAMETOOLONG;
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* A read may return less than the file has. */
	do {
		got = read(fd, format + length, TRACEFS_FORMAT_MAX - length);
		if (got > 0)
			length += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		got = -errno;
	close(fd);
	return got < 0 ? (long)got : (long)length;
}

/* A piece of the text; nothing in it is NUL-terminated. */
struct span {
	const char *at, *end;
};

/* Takes the next line, without its LF, off the front of text. */
static bool next_line(struct span *text, struct span *line)
{
	if (text->at == text->end)
		return false;
	const char *lf = memchr(text->at, '\n', (size_t)(text->end - text->at));

	*line = (struct span){ text->at, lf ? lf : text->end };
	text->at = lf ? lf + 1 : text->end;
	return true;
}

static bool skip_prefix(struct span *span, const char *prefix)
{
	size_t length = strlen(prefix);

	if ((size_t)(span->end - span->at) < length || memcmp(span->at, prefix, length) != 0)
		return false;
	span->at += length;
	return true;
}

static bool take_number(struct span *span, uint16_t *number)
{
	uint32_t value = 0;
	const char *start = span->at;

	while (span->at < span->end && *span->at >= '0' && *span->at <= '9') {
		value = value * 10 + (uint32_t)(*span->at++ - '0');
		if (value > UINT16_MAX)
			return false;
	}
	if (span->at == start)
		return false;
	*number = (uint16_t)value;
	return true;
}

bool tracefs_parse_id(const char *format, size_t length, uint16_t *id)
{
	struct span text = { format, format + length }, line;
	uint16_t number;

	while (next_line(&text, &line)) {
		if (!skip_prefix(&line, "ID: "))
			continue;
		if (!take_number(&line, &number) || line.at != line.end)
			return false;
		*id = number;
		return true;
	}
	return false;
}

/* "\tfield:__u8 saddr_v6[16]": the word before what stands in brackets. */
static bool declares(struct span declaration, const char *name)
{
	size_t length = strlen(name);
	const char *bracket = NULL, *start;

	/* "__data_loc char[] filename" has its brackets in the type. */
	if (declaration.end > declaration.at && declaration.end[-1] == ']')
		bracket = memrchr(declaration.at, '[', (size_t)(declaration.end - declaration.at));
	if (bracket)
		declaration.end = bracket;
	start = declaration.end;
	while (start > declaration.at && start[-1] != ' ')
		start--;
	return (size_t)(declaration.end - start) == length && memcmp(start, name, length) == 0;
}

/* "\tfield:TYPE NAME;\toffset:N;\tsize:N;\tsigned:N;" */
static bool parse_line(struct span line, const char *name, struct tracefs_field *field)
{
	struct tracefs_field found;

	if (!skip_prefix(&line, "\tfield:"))
		return false;
	const char *semicolon = memchr(line.at, ';', (size_t)(line.end - line.at));

	if (!semicolon || !declares((struct span){ line.at, semicolon }, name))
		return false;
	line.at = semicolon;
	if (!skip_prefix(&line, ";\toffset:") || !take_number(&line, &found.offset) ||
	    !skip_prefix(&line, ";\tsize:") || !take_number(&line, &found.size) ||
	    !skip_prefix(&line, ";"))
		return false;
	*field = found;
	return true;
}

bool tracefs_parse_field(const char *format, size_t length, const char *name,
                         struct tracefs_field *field)
{
	struct span text = { format, format + length }, line;

	while (next_line(&text, &line))
		if (parse_line(line, name, field))
			return true;
	return false;
}

long tracefs_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got;
}
