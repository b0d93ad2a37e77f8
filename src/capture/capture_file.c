/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <pcap/pcap.h>

#include "capture/capture_filter.h"
#include "capture/decode.h"
#include "capture/capture_stream.h"

#define MAGIC_MAX    6
#define STREAM_BYTES 65536 /* of stdio's buffer: a sixteenth of the read calls */

/* libpcap reads none of these; people hand them over all the time. */
static const struct {
	const char *name;
	uint8_t length;
	uint8_t bytes[MAGIC_MAX];
} compressions[] = {
	{ "gzip", 2, { 0x1f, 0x8b } },                   /* RFC 1952 2.3.1 */
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },       /* RFC 8878 3.1.1 */
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 } }, /* xz file format 2.1.1.1 */
	{ "bzip2", 3, { 'B', 'Z', 'h' } },
	{ "lz4", 4, { 0x04, 0x22, 0x4d, 0x18 } },
};

static bool is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* The name of a path in messages. */
static const char *shown(const char *path)
{
	return is_stdin(path) ? "standard input" : path;
}

/* Reads up to MAGIC_MAX bytes and puts them back: stdin cannot be rewound. */
static size_t peek(FILE *stream, uint8_t *bytes)
{
	size_t length = fread(bytes, 1, MAGIC_MAX, stream);
	size_t i;

	for (i = length; i > 0; i--)
		ungetc(bytes[i - 1], stream);
	return length;
}

static int check_start(FILE *stream, const char *path, struct error *error)
{
	uint8_t bytes[MAGIC_MAX];
	size_t length = peek(stream, bytes);
	size_t i;

	if (ferror(stream))
		return error_set(error, EIO, "%s: cannot read", shown(path));
	if (length == 0)
		return error_set(error, EIO, "%s: empty, not a capture file", shown(path));
	for (i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
		if (length >= compressions[i].length &&
		    memcmp(bytes, compressions[i].bytes, compressions[i].length) == 0)
			return error_set(error, EINVAL,
			                 "%s: compressed with %s; decompress it first", shown(path),
			                 compressions[i].name);
	}
	return 0;
}

/* Opens path as a descriptor for reading, or gives standard input. */
static int open_path(const char *path, mode_t *mode, struct error *error)
{
	int fd = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat status = { .st_mode = 0 };
	int failure = 0;

	if (fd < 0 || fstat(fd, &status) != 0)
		failure = errno;
	else if (S_ISDIR(status.st_mode))
		failure = EISDIR;
	*mode = status.st_mode;
	if (failure == 0)
		return fd;
	if (fd > STDIN_FILENO)
		close(fd);
	return error_set(error, failure, "%s: %s", shown(path), strerror(failure));
}

static bool can_be_polled(mode_t mode)
{
	return S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode);
}

static int open_stdio(FILE **result, struct capture_file *file, const char *path,
                      const struct capture_options *options, struct error *error)
{
	mode_t mode;
	int fd = open_path(path, &mode, error);

	if (fd < 0)
		return fd;
	if (options->nonblocking && can_be_polled(mode)) {
		file->stream = capture_stream_new(fd);
		*result = file->stream != NULL ? capture_stream_open(file->stream) : NULL;
	} else {
		*result = fdopen(fd, "r");
	}
	if (*result == NULL) {
		if (file->stream == NULL && fd > STDIN_FILENO)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	/* By itself the library takes a block of the file system, setvbuf(3) notwithstanding. */
	file->buffer = malloc(STREAM_BYTES);
	if (file->buffer)
		setvbuf(*result, file->buffer, _IOFBF, STREAM_BYTES);
	__fsetlocking(*result, FSETLOCKING_BYCALLER);
	return 0;
}

int capture_file_open(struct capture_file *file, const char *path,
                      const struct capture_options *options, struct error *error)
{
	char text[PCAP_ERRBUF_SIZE];
	FILE *stdio = NULL;
	int status;

	*file = (struct capture_file){ .handle = NULL };
	status = open_stdio(&stdio, file, path, options, error);
	if (status == 0)
		status = check_start(stdio, path, error);
	if (status == 0) {
		file->handle = pcap_fopen_offline_with_tstamp_precision(
			stdio, PCAP_TSTAMP_PRECISION_NANO, text);
		if (file->handle == NULL)
			status = error_set(error, EIO, "%s: not a readable capture file: %s",
			                   shown(path), text);
	}
	if (status == 0 &&
	    (options->filter != NULL || pcap_datalink(file->handle) != DECODE_LINK_RAW_OPENBSD))
		status = capture_filter_install(file->handle, options->filter, error);
	if (status == -EINVAL && file->handle != NULL &&
	    options->filter == NULL) /* the link type */
		status = error_set(error, EIO, "%s: not a readable capture file: %s", shown(path),
		                   pcap_geterr(file->handle));
	if (status != 0) {
		if (file->handle == NULL && stdio != NULL)
			fclose(stdio);
		capture_file_close(file);
		return status;
	}
	if (file->stream != NULL)
		capture_stream_set_blocking(file->stream, false);
	return 0;
}

void capture_file_close(struct capture_file *file)
{
	if (file->handle != NULL)
		pcap_close(file->handle); /* and the FILE */
	capture_stream_free(file->stream);
	free(file->buffer);
	*file = (struct capture_file){ .handle = NULL };
}

int capture_file_prepare(struct capture_file *file, const char *path, struct error *error)
{
	int result;

	if (file->stream == NULL)
		return 0;
	clearerr(pcap_file(file->handle));
	result = capture_stream_fill(file->stream);
	if (result != 0)
		return error_set(error, -result, "%s: %s", shown(path), strerror(-result));
	return 0;
}

int capture_file_state(const struct capture_file *file)
{
	return file->stream == NULL || capture_stream_ended(file->stream) ? 0 : -EAGAIN;
}

int capture_file_damaged(const struct capture_file *file, const char *path, uint64_t packets,
                         struct error *error)
{
	const char *text = pcap_geterr(file->handle);
	intmax_t offset = file->stream != NULL ? (intmax_t)capture_stream_offset(file->stream)
	                                       : (intmax_t)ftello(pcap_file(file->handle));

	if (offset < 0) /* a pipe, read in the plain way */
		return error_set(error, EIO, "%s: unreadable (packets before: %" PRIu64 "): %s",
		                 shown(path), packets, text);
	return error_set(error, EIO, "%s: unreadable at byte %jd (packets before: %" PRIu64 "): %s",
	                 shown(path), offset, packets, text);
}
