/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/fd_index.h"

#include <errno.h>
#include <stdlib.h>

#define NONE           FD_INDEX_NONE
#define CAPACITY_FIRST 512

static uint64_t hash_inode(const struct fd_index *index, uint64_t inode)
{
	return hash_number(&index->key, inode);
}

static uint64_t hash_pid(const struct fd_index *index, int pid)
{
	return hash_number(&index->key, (uint32_t)pid);
}

int fd_index_init(struct fd_index *index, uint32_t max_entries, uint32_t max_holders,
                  const struct hash_key *key)
{
	*index = (struct fd_index){
		.key = *key,
		.by_inode = table_new(max_entries),
		.by_pid = table_new(max_holders),
		.entry_free = NONE,
		.entry_max = max_entries,
		.holder_free = NONE,
		.holder_max = max_holders,
	};
	return index->by_inode && index->by_pid ? 0 : -ENOMEM;
}

void fd_index_free(struct fd_index *index)
{
	table_free(index->by_inode);
	table_free(index->by_pid);
	free(index->entries);
	free(index->holders);
}

static uint32_t larger(uint32_t capacity, uint32_t max)
{
	uint32_t wanted = capacity ? capacity * 2 : CAPACITY_FIRST;

	return wanted > max || wanted < capacity ? max : wanted;
}

static bool grow_entries(struct fd_index *index)
{
	uint32_t capacity = larger(index->entry_capacity, index->entry_max);
	struct fd_entry *entries = realloc(index->entries, (size_t)capacity * sizeof *entries);

	if (!entries)
		return false;
	for (uint32_t i = capacity; i > index->entry_capacity; i--) {
		entries[i - 1] = (struct fd_entry){ .holder = NONE, .next = index->entry_free };
		index->entry_free = i - 1;
	}
	index->entries = entries;
	index->entry_capacity = capacity;
	return true;
}

static bool grow_holders(struct fd_index *index)
{
	uint32_t capacity = larger(index->holder_capacity, index->holder_max);
	struct fd_holder *holders = realloc(index->holders, (size_t)capacity * sizeof *holders);

	if (!holders)
		return false;
	for (uint32_t i = capacity; i > index->holder_capacity; i--) {
		holders[i - 1] = (struct fd_holder){ .first = index->holder_free };
		index->holder_free = i - 1;
	}
	index->holders = holders;
	index->holder_capacity = capacity;
	return true;
}

uint32_t fd_index_holder(const struct fd_index *index, int pid)
{
	struct table_cursor cursor = table_cursor(index->by_pid, hash_pid(index, pid));
	uint32_t holder;

	while (table_next(&cursor, &holder))
		if (index->holders[holder].pid == pid)
			return holder;
	return NONE;
}

uint32_t fd_index_add_holder(struct fd_index *index, int pid, uint64_t start_ticks)
{
	uint32_t holder;

	if (index->holder_count == index->holder_max) {
		index->holder_hand = (index->holder_hand + 1) % index->holder_capacity;
		fd_index_drop_holder(index, index->holder_hand);
		index->evicted++;
	}
	if (index->holder_free == NONE && !grow_holders(index))
		return NONE;
	holder = index->holder_free;
	if (table_insert(index->by_pid, hash_pid(index, pid), holder) < 0)
		return NONE;
	index->holder_free = index->holders[holder].first;
	index->holders[holder] = (struct fd_holder){
		.pid = pid,
		.start_ticks = start_ticks,
		.descriptors = -1,
		.first = NONE,
	};
	index->holder_count++;
	return holder;
}

void fd_index_drop_holder(struct fd_index *index, uint32_t holder)
{
	struct fd_holder *dropped = &index->holders[holder];

	while (dropped->first != NONE)
		fd_index_remove(index, dropped->first);
	table_remove(index->by_pid, hash_pid(index, dropped->pid), holder);
	*dropped = (struct fd_holder){ .first = index->holder_free };
	index->holder_free = holder;
	index->holder_count--;
}

static uint32_t find_entry(const struct fd_index *index, uint32_t holder, int fd, uint64_t inode)
{
	struct table_cursor cursor = fd_index_cursor(index, inode);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		const struct fd_entry *entry = &index->entries[number];

		if (entry->inode == inode && entry->holder == holder && entry->fd == fd)
			return number;
	}
	return NONE;
}

uint32_t fd_index_put(struct fd_index *index, uint32_t holder, int fd, uint64_t inode,
                      uint32_t stamp)
{
	uint32_t number = find_entry(index, holder, fd, inode);
	uint32_t next;

	if (number != NONE) {
		index->entries[number].stamp = stamp;
		return number;
	}
	if (index->entry_count == index->entry_max) {
		index->entry_hand = (index->entry_hand + 1) % index->entry_capacity;
		fd_index_remove(index, index->entry_hand);
		index->evicted++;
	}
	if (index->entry_free == NONE && !grow_entries(index))
		return NONE;
	number = index->entry_free;
	if (table_insert(index->by_inode, hash_inode(index, inode), number) < 0)
		return NONE;
	index->entry_free = index->entries[number].next;
	next = index->holders[holder].first;
	index->entries[number] = (struct fd_entry){
		.inode = inode,
		.holder = holder,
		.fd = fd,
		.stamp = stamp,
		.next = next,
		.previous = NONE,
	};
	if (next != NONE)
		index->entries[next].previous = number;
	index->holders[holder].first = number;
	index->holders[holder].count++;
	index->entry_count++;
	return number;
}

void fd_index_remove(struct fd_index *index, uint32_t entry)
{
	struct fd_entry *removed = &index->entries[entry];
	struct fd_holder *holder = &index->holders[removed->holder];

	table_remove(index->by_inode, hash_inode(index, removed->inode), entry);
	if (removed->previous != NONE)
		index->entries[removed->previous].next = removed->next;
	else
		holder->first = removed->next;
	if (removed->next != NONE)
		index->entries[removed->next].previous = removed->previous;
	holder->count--;
	*removed = (struct fd_entry){ .holder = NONE, .next = index->entry_free };
	index->entry_free = entry;
	index->entry_count--;
}

void fd_index_sweep(struct fd_index *index, uint32_t holder, uint32_t stamp)
{
	uint32_t number = index->holders[holder].first;

	while (number != NONE) {
		uint32_t next = index->entries[number].next;

		/* The difference, so that it holds when stamps wrap around. */
		if ((int32_t)(index->entries[number].stamp - stamp) < 0)
			fd_index_remove(index, number);
		number = next;
	}
}

struct table_cursor fd_index_cursor(const struct fd_index *index, uint64_t inode)
{
	return table_cursor(index->by_inode, hash_inode(index, inode));
}
