/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* libpcap handles on capture files. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_FILE_H
#define SOCKLINE_CAPTURE_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "capture/capture.h"

struct capture_blocks;
struct capture_input;
struct capture_stream;
struct pcap;

struct capture_file {
	struct capture_input *input;
	struct origin *origin;         /* of a pcapng file, and */
	struct capture_blocks *blocks; /* its packets; else NULL */
	struct pcap *handle;           /* of a pcap file */
	bool waits;                    /* for packets of a pipe */
	struct capture_stream *stream; /* of a pipe that is read without waiting; else NULL */
	char *buffer;                  /* of stdio */
	struct error failure;          /* of the input, while libpcap read it; code 0: none */
};

/* Opens as capture_open_file says. */
int capture_file_open(struct capture_file *file, const char *path,
                      const struct capture_options *options, struct error *error);
void capture_file_close(struct capture_file *file);

int capture_file_fd(const struct capture_file *file); /* to poll for reading; -1: never needed */
/* As capture_input_progress. */
bool capture_file_progress(const struct capture_file *file, uint64_t *done, uint64_t *total);
/* Before a read: takes from a pipe what it has. 0 or -errno with text. */
int capture_file_prepare(struct capture_file *file, struct error *error);
/* After a read that gave nothing: 0 = the end, -EAGAIN = the pipe may bring more. */
int capture_file_state(const struct capture_file *file);
/* After a failed read: -EIO and what was found, where, after how many packets. */
int capture_file_damaged(const struct capture_file *file, uint64_t packets, struct error *error);

#endif
