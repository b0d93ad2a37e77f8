/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <pcap/pcap.h>

#include "capture/capture_filter.h"

#define MAGIC_MAX    6
#define STREAM_BYTES 65536 /* of stdio's buffer: a sixteenth of the read calls */

/* libpcap reads none of these; people hand them over all the time. */
static const struct {
	const char *name;
	uint8_t length;
	uint8_t bytes[MAGIC_MAX];
} compressions[] = {
	{ "gzip", 2, { 0x1f, 0x8b } },                            /* RFC 1952 2.3.1 */
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },                /* RFC 8878 3.1.1 */
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 } },          /* xz file format 2.1.1.1 */
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
			return error_set(error, EINVAL, "%s: compressed with %s; decompress it first",
			                 shown(path), compressions[i].name);
	}
	return 0;
}

static int open_stream(FILE **result, const char *path, struct error *error)
{
	FILE *stream = is_stdin(path) ? stdin : fopen(path, "re");
	struct stat status;

	if (stream == NULL)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	if (fstat(fileno(stream), &status) == 0 && S_ISDIR(status.st_mode)) {
		fclose(stream);
		return error_set(error, EISDIR, "%s: is a directory", shown(path));
	}
	setvbuf(stream, NULL, _IOFBF, STREAM_BYTES);
	*result = stream;
	return 0;
}

int capture_file_open(struct pcap **result, const char *path, const char *filter,
                      struct error *error)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *handle;
	FILE *stream = NULL;
	int status = open_stream(&stream, path, error);

	if (status != 0)
		return status;
	status = check_start(stream, path, error);
	if (status != 0)
		goto fail;
	handle = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
	if (handle == NULL) {
		status = error_set(error, EIO, "%s: not a readable capture file: %s", shown(path), text);
		goto fail;
	}
	status = capture_filter_install(handle, filter, error);
	if (status != 0) {
		pcap_close(handle); /* and the stream */
		return status;
	}
	*result = handle;
	return 0;
fail:
	if (stream != stdin)
		fclose(stream);
	return status;
}

int capture_file_damaged(struct pcap *handle, const char *path, uint64_t packets,
                         struct error *error)
{
	off_t offset = ftello(pcap_file(handle));

	if (offset < 0) /* a pipe */
		return error_set(error, EIO, "%s: unreadable (packets before: %" PRIu64 "): %s", shown(path),
		                 packets, pcap_geterr(handle));
	return error_set(error, EIO, "%s: unreadable at byte %jd (packets before: %" PRIu64 "): %s",
	                 shown(path), (intmax_t)offset, packets, pcap_geterr(handle));
}
