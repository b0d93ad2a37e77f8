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

#include "capture/capture_blocks.h"
#include "capture/capture_filter.h"
#include "capture/capture_input.h"
#include "capture/capture_stream.h"
#include "decode/decode.h"
#include "capture/origin.h"

#define STREAM_BYTES 65536 /* of stdio's buffer: a sixteenth of the read calls */
#define SNAPLEN_AT   16    /* in the header of a pcap file, draft-ietf-opsawg-pcap 4 */

/* What the input says of its end is kept for capture_file_damaged. */
static ssize_t cookie_read(void *cookie, char *bytes, size_t size)
{
	struct capture_file *file = cookie;
	ssize_t length = capture_input_read(file->input, (uint8_t *)bytes, size, &file->failure);

	if (length >= 0)
		return length;
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
	FILE *stdio = NULL;
	int status;

	lift_snaplen(file->input);
	status = open_stdio(&stdio, file, error);
	if (status == 0)
		status = open_handle(file, stdio, error);
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
