/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/pipe_room.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * The kernel appends what does not fill a page to the last page if it fits there.
 * So of two neighbours one is full, or both together hold more than a page; the
 * first one may have been read in part.
 */
static uint64_t pages_of(const struct pipe_room *room, size_t unread)
{
	return unread > 0 ? smaller(room->pages, unread / room->page * 2 + 2) : 0;
}

void pipe_room_begin(struct pipe_room *room, size_t page, size_t pages, size_t unread)
{
	*room = (struct pipe_room){
		.page = page,
		.pages = pages,
		.unread = unread,
		.shared = unread > page * pages,
	};
	room->used = pages_of(room, unread);
}

void pipe_room_resize(struct pipe_room *room, size_t pages)
{
	room->pages = pages;
}

void pipe_room_written(struct pipe_room *room, size_t length)
{
	/* As if it began a page of its own: whether it did depends on the reader. */
	room->used += (length + room->page - 1) / room->page;
	room->unread += length;
}

void pipe_room_full(struct pipe_room *room, size_t unread)
{
	room->shared |= unread > room->unread;
	room->used = room->pages;
	room->unread = unread;
}

size_t pipe_room_bytes(struct pipe_room *room, size_t unread)
{
	uint64_t freed;

	room->shared |= unread > room->unread;
	if (room->shared)
		return 0;
	/* No page holds more than a page: so many have been emptied at least. */
	freed = (room->unread - unread) / room->page;
	room->used -= smaller(room->used, freed);
	room->unread -= freed * room->page;
	if (pages_of(room, unread) < room->used) {
		room->used = pages_of(room, unread);
		room->unread = unread;
	}
	return (size_t)smaller(room->pages / 2, room->pages - room->used) * room->page;
}
