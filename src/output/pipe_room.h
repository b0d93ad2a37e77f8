/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a pipe takes at once for certain: a write that finds room for all of
 * its bytes is copied whole, with the pipe's mutex held, before the kernel looks
 * at a signal (pipe_write, fs/pipe.c), so that kill -9 does not cut it either.
 *
 * A pipe has room by the page, but counts bytes (FIONREAD): the
 * pages that are in use are bounded from above, by what was written.
 */
#ifndef SOCKLINE_OUTPUT_PIPE_ROOM_H
#define SOCKLINE_OUTPUT_PIPE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * At some time at most `used` pages held at most `unread` bytes, if nothing that was
 * written since had been read.
 */
struct pipe_room {
	size_t page, pages; /* bytes of a page; pages of the pipe */
	uint64_t used, unread;
	bool shared; /* somebody else has written too: nothing is certain */
};

/* unread: by FIONREAD, from whomever. */
void pipe_room_begin(struct pipe_room *room, size_t page, size_t pages, size_t unread);
/* The reader may set another size, but none that is too small for what is in the pipe. */
void pipe_room_resize(struct pipe_room *room, size_t pages);
/* After a write of length bytes. */
void pipe_room_written(struct pipe_room *room, size_t length);
/* A write found too little room; unread by FIONREAD after it. */
void pipe_room_full(struct pipe_room *room, size_t unread);
/*
 * Bytes that fit now, unread being by FIONREAD: 0 when that is not certain. Half
 * of the pipe at most: a second writer, of whom nothing is known, may come in between.
 */
size_t pipe_room_bytes(struct pipe_room *room, size_t unread);

#endif
