/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of a pcapng file, filtered for the link type of each. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_BLOCKS_H
#define SOCKLINE_CAPTURE_CAPTURE_BLOCKS_H

#include <stdbool.h>

#include "base/error.h"
#include "capture/capture.h"
#include "capture/capture_input.h"
#include "capture/pcapng.h"

struct capture_blocks;

/* The head of a file: is it pcapng? */
bool capture_blocks_fit(const uint8_t *head, size_t length);

/*
 * input, origin and filter (NULL = all) are borrowed. Waits for the header of the first section.
 * 0 or -errno with text.
 */
int capture_blocks_new(struct capture_blocks **blocks, struct capture_input *input,
                       struct origin *origin, const char *filter, struct error *error);
void capture_blocks_free(struct capture_blocks *blocks); /* NULL is fine */

/*
 * The next packet, valid until the next call. 1; 0 = the end; -EAGAIN: nothing now (wait false);
 * -EIO: damaged, the text with the offset. `before` packets were read, for that text.
 */
int capture_blocks_next(struct capture_blocks *blocks, bool wait, uint64_t before,
                        struct capture_packet *packet, struct error *error);

struct pcapng_drops capture_blocks_drops(const struct capture_blocks *blocks);

#endif
