/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#include "base/clock.h"
#include "capture/capture_blocks.h"
#include "capture/capture_filter.h"
#include "capture/capture_input.h"
#include "capture/capture_records.h"
#include "capture/capture_stream.h"
#include "decode/decode.h"
#include "capture/origin.h"

#define STREAM_BYTES 65536 /* of stdio's buffer: a sixteenth of the read calls */
#define PCAPNG_MAJOR 1     /* the major version of pcapng files; that of pcap files is 2 */
#define SNAPLEN_AT   16    /* in the header of a pcap file, draft-ietf-opsawg-pcap 4 */

/* What the input says of its end is kept for capture_file_damaged. */
static ssize_t cookie_read(void *cookie, char *bytes, size_t size)
{
	struct capture_file *file = cookie;
	ssize_t length;

	/* What follows the head may be read in place. */
	if (file->head_left > 0 && size > file->head_left)
		size = file->head_left;
	length = capture_input_read(file->input, (uint8_t *)bytes, size, &file->failure);
	if (length >= 0) {
		file->head_left -=
			(size_t)length < file->head_left ? (size_t)length : file->head_left;
		return length;
	}
	errno = (int)-length;
	return -1;
}

/* For ftello(3) alone. */
static int cookie_seek(void *cookie, off_t *offset, int whence)
{
	const struct capture_file *file = cookie;

	if (whence != SEEK_CUR || *offset != 0) {
		errno = ESPIPE;
		return -1;
	}
	*offset = (off_t)capture_input_offset(file->input);
	return 0;
}

/*
 * libpcap cuts packets that are longer than the header promises. They were captured: 0 makes it
 * take what its own limit lets through.
 */
static void lift_snaplen(struct capture_input *input)
{
	size_t available;
	uint8_t *head = capture_input_window(input, &available);

	if (available >= CAPTURE_INPUT_HEAD && capture_stream_is_pcap(head))
		memset(head + SNAPLEN_AT, 0, 4);
}

static FILE *open_cookie(struct capture_file *file)
{
	if (file->waits)
		return fopencookie(
			file, "r",
			(cookie_io_functions_t){ .read = cookie_read, .seek = cookie_seek });
	file->stream = capture_stream_new(file->input);
	return file->stream != NULL ? capture_stream_open(file->stream) : NULL;
}

static int open_stdio(FILE **result, struct capture_file *file, struct error *error)
{
	*result = open_cookie(file);
	if (*result == NULL)
		return error_set(error, ENOMEM, "out of memory");
	/* By itself the library takes a block of the file system, setvbuf(3) notwithstanding. */
	file->buffer = malloc(STREAM_BYTES);
	if (file->buffer)
		setvbuf(*result, file->buffer, _IOFBF, STREAM_BYTES);
	__fsetlocking(*result, FSETLOCKING_BYCALLER);
	return 0;
}

static int unreadable(const struct capture_file *file, const char *problem, struct error *error)
{
	return error_set(error, EIO, "%s: not a readable capture file: %s",
	                 capture_input_name(file->input), problem);
}

static int open_handle(struct capture_file *file, FILE *stdio, struct error *error)
{
	char text[PCAP_ERRBUF_SIZE];

	file->handle =
		pcap_fopen_offline_with_tstamp_precision(stdio, PCAP_TSTAMP_PRECISION_NANO, text);
	if (file->handle != NULL)
		return 0;
	fclose(stdio);
	return unreadable(file, text, error);
}

static int install_filter(struct capture_file *file, const char *filter, struct error *error)
{
	int status;

	if (filter == NULL && pcap_datalink(file->handle) == DECODE_LINK_RAW_OPENBSD)
		return 0;
	status = capture_filter_install(file->handle, filter, error);
	if (status == -EINVAL && filter == NULL) /* the link type */
		return unreadable(file, pcap_geterr(file->handle), error);
	return status;
}

static int open_pcap(struct capture_file *file, const struct capture_options *options,
                     struct error *error)
{
	size_t available;
	const uint8_t *head = capture_input_window(file->input, &available);
	int32_t unit_ns = options->filter == NULL ? capture_records_unit_ns(head, available) : 0;
	FILE *stdio = NULL;
	int status;

	lift_snaplen(file->input);
	file->head_left = unit_ns > 0 ? CAPTURE_INPUT_HEAD : 0;
	status = open_stdio(&stdio, file, error);
	if (status == 0)
		status = open_handle(file, stdio, error);
	if (status == 0 && file->stream == NULL && capture_records_fit(pcap_datalink(file->handle)))
		file->unit_ns = unit_ns;
	if (status == 0)
		status = install_filter(file, options->filter, error);
	if (status == 0 && file->stream != NULL)
		capture_stream_set_blocking(file->stream, false);
	return status;
}

static int open_pcapng(struct capture_file *file, const struct capture_options *options,
                       struct error *error)
{
	return capture_blocks_new(&file->blocks, file->input, file->origin, options->filter, error);
}

int capture_file_open(struct capture_file *file, const char *path,
                      const struct capture_options *options, struct error *error)
{
	const uint8_t *head;
	size_t available;
	int status;

	*file = (struct capture_file){ .handle = NULL };
	status = capture_input_open(&file->input, path, error);
	if (status != 0)
		return status;
	file->origin = origin_new();
	if (file->origin == NULL) {
		capture_file_close(file);
		return error_set(error, ENOMEM, "out of memory");
	}
	file->waits = !options->nonblocking || !capture_input_is_pipe(file->input);
	head = capture_input_window(file->input, &available);
	status = capture_blocks_fit(head, available) ? open_pcapng(file, options, error)
	                                             : open_pcap(file, options, error);
	if (status != 0)
		capture_file_close(file);
	return status;
}

void capture_file_close(struct capture_file *file)
{
	if (file->handle != NULL)
		pcap_close(file->handle); /* and the FILE */
	capture_stream_free(file->stream);
	capture_blocks_free(file->blocks);
	origin_free(file->origin);
	capture_input_close(file->input);
	free(file->buffer);
	*file = (struct capture_file){ .handle = NULL };
}

int capture_file_fd(const struct capture_file *file)
{
	return file->waits ? -1 : capture_input_fd(file->input);
}

bool capture_file_progress(const struct capture_file *file, uint64_t *done, uint64_t *total)
{
	return capture_input_progress(file->input, done, total);
}

int capture_file_prepare(struct capture_file *file, struct error *error)
{
	if (file->stream == NULL)
		return 0;
	clearerr(pcap_file(file->handle));
	return capture_stream_fill(file->stream, error);
}

/* The window holds so many bytes. 1; 0: the file ends before; or -errno with text. */
static int need(struct capture_file *file, size_t needed, struct error *error)
{
	size_t available;

	if (file->failure.code == 0)
		capture_input_fill(file->input, needed, true, &file->failure);
	if (file->failure.code != 0) {
		*error = file->failure;
		return -error->code;
	}
	capture_input_window(file->input, &available);
	return available >= needed;
}

/* Reads what the next record lacks. As capture_file_next. */
static int complete_record(struct capture_file *file, struct pcap_pkthdr *header, size_t *length,
                           struct error *error)
{
	int result = need(file, CAPTURE_RECORDS_HEAD, error);
	size_t available;

	if (result > 0) {
		*length = capture_records_read(capture_input_window(file->input, &available),
		                               file->unit_ns, header);
		result = *length > 0 ? need(file, *length, error) : 0;
	}
	if (result == 0)
		file->unit_ns = 0;
	return result;
}

int capture_file_next(struct capture_file *file, struct pcap_pkthdr *header, const uint8_t **bytes,
                      struct error *error)
{
	size_t available, length = 0;

	if (file->unit_ns == 0)
		return 0;
	*bytes = capture_input_window(file->input, &available);
	if (available >= CAPTURE_RECORDS_HEAD)
		length = capture_records_read(*bytes, file->unit_ns, header);
	if (length == 0 || length > available) {
		int result = complete_record(file, header, &length, error);

		if (result <= 0)
			return result;
		*bytes = capture_input_window(file->input, &available);
	}
	capture_input_skip(file->input, length);
	*bytes += CAPTURE_RECORDS_HEAD;
	return 1;
}

/*
 * Those of pcap files are unsigned (draft-ietf-opsawg-pcap 5) and end in 2106: libpcap takes
 * them as signed when the byte order is ours. Others can be before 1970.
 */
static int64_t seconds_from(const struct capture_file *file, const struct timeval *time)
{
	if (time->tv_sec < 0 && pcap_major_version(file->handle) != PCAPNG_MAJOR)
		return (uint32_t)time->tv_sec;
	return time->tv_sec;
}

/* A hostile file must not overflow the product. */
int64_t capture_file_time_ns(const struct capture_file *file, const struct timeval *time)
{
	int64_t seconds = seconds_from(file, time), result;

	if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &result) ||
	    __builtin_add_overflow(result, (int64_t)time->tv_usec, &result))
		return seconds < 0 ? INT64_MIN : INT64_MAX;
	return result;
}

int capture_file_state(const struct capture_file *file)
{
	return file->stream == NULL || capture_stream_ended(file->stream) ? 0 : -EAGAIN;
}

int capture_file_damaged(const struct capture_file *file, uint64_t packets, struct error *error)
{
	uint64_t offset = file->stream != NULL ? capture_input_offset(file->input)
	                                       : (uint64_t)ftello(pcap_file(file->handle));
	char place[64];

	if (file->failure.code != 0) {
		*error = file->failure;
		return -error->code;
	}
	capture_input_place(file->input, offset, place);
	return error_set(error, EIO, "%s: unreadable %s (packets before: %" PRIu64 "): %s",
	                 capture_input_name(file->input), place, packets,
	                 pcap_geterr(file->handle));
}
