/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/fd_index.h"

#include "check.h"
#include "random.h"

#define ENTRIES_MAX 40
#define HOLDERS_MAX 12
#define NONE        FD_INDEX_NONE

static const struct hash_key key = { { 3, 4 } };

/* The same by brute force. */
struct model {
	struct model_entry {
		int pid, fd;
		uint64_t inode;
		uint32_t stamp;
	} entries[ENTRIES_MAX];
	int count;
};

static struct model_entry *model_find(struct model *model, int pid, int fd, uint64_t inode)
{
	for (int i = 0; i < model->count; i++) {
		struct model_entry *entry = &model->entries[i];

		if (entry->pid == pid && entry->fd == fd && entry->inode == inode)
			return entry;
	}
	return NULL;
}

static void model_drop(struct model *model, int pid, uint32_t older_than)
{
	for (int i = 0; i < model->count;) {
		if (model->entries[i].pid == pid && model->entries[i].stamp < older_than)
			model->entries[i] = model->entries[--model->count];
		else
			i++;
	}
}

/* Both sides of the index, and nothing else, say what the model says. */
static bool same(const struct fd_index *index, struct model *model)
{
	uint32_t listed = 0;

	for (uint32_t i = 0; i < index->holder_capacity; i++) {
		const struct fd_holder *holder = &index->holders[i];
		uint32_t count = 0, previous = NONE;

		if (holder->pid == 0)
			continue;
		if (fd_index_holder(index, holder->pid) != i)
			return false;
		for (uint32_t n = holder->first; n != NONE; n = index->entries[n].next) {
			const struct fd_entry *entry = &index->entries[n];
			struct table_cursor cursor = fd_index_cursor(index, entry->inode);
			uint32_t number;
			bool by_inode = false;

			while (table_next(&cursor, &number))
				by_inode |= number == n;
			if (!by_inode || entry->holder != i || entry->previous != previous ||
			    !model_find(model, holder->pid, entry->fd, entry->inode))
				return false;
			previous = n;
			count++;
		}
		if (count != holder->count)
			return false;
		listed += count;
	}
	return listed == index->entry_count && listed == (uint32_t)model->count &&
	       table_count(index->by_inode) == listed &&
	       table_count(index->by_pid) == index->holder_count;
}

static void step(struct fd_index *index, struct model *model, struct random *random, uint32_t stamp)
{
	int pid = 1 + (int)random_below(random, HOLDERS_MAX);
	uint32_t holder = fd_index_holder(index, pid);
	int fd = (int)random_below(random, 4);
	uint64_t inode = 100 + random_below(random, 12);
	struct model_entry *entry;

	if (holder == NONE)
		holder = fd_index_add_holder(index, pid, 7);
	switch (random_below(random, 10)) {
	case 0:
		fd_index_drop_holder(index, holder);
		model_drop(model, pid, UINT32_MAX);
		break;
	case 1:
		fd_index_sweep(index, holder, stamp - 5);
		model_drop(model, pid, stamp - 5);
		break;
	case 2:
	case 3:
		if (index->holders[holder].first == NONE)
			break;
		entry = model_find(model, pid, index->entries[index->holders[holder].first].fd,
		                   index->entries[index->holders[holder].first].inode);
		*entry = model->entries[--model->count];
		fd_index_remove(index, index->holders[holder].first);
		break;
	default:
		entry = model_find(model, pid, fd, inode);
		if (!entry && model->count == ENTRIES_MAX)
			break;
		if (!entry)
			entry = &model->entries[model->count++];
		*entry = (struct model_entry){ pid, fd, inode, stamp };
		fd_index_put(index, holder, fd, inode, stamp);
	}
}

static void test_against_model(struct random *random)
{
	struct fd_index index;
	struct model model = { .count = 0 };
	bool sound = true;

	if (fd_index_init(&index, ENTRIES_MAX, HOLDERS_MAX, &key) < 0)
		exit(EXIT_FAILURE);
	for (uint32_t stamp = 10; stamp < 20010 && sound; stamp++) {
		step(&index, &model, random, stamp);
		sound = same(&index, &model);
	}
	CHECK(sound, "the same as by brute force");
	CHECK_EQUAL(index.evicted, 0, "nothing was evicted that fitted");
	fd_index_free(&index);
}

static void test_eviction(void)
{
	struct fd_index index;
	struct table_cursor cursor;
	uint32_t holder, number, found = 0;

	if (fd_index_init(&index, 8, 4, &key) < 0)
		exit(EXIT_FAILURE);
	holder = fd_index_add_holder(&index, 1, 7);
	for (int fd = 0; fd < 20; fd++)
		fd_index_put(&index, holder, fd, 1000 + (uint64_t)fd, 1);
	CHECK(index.entry_count == 8 && index.evicted == 12 && index.holders[holder].count == 8,
	      "never more entries than asked for, the others are counted");
	cursor = fd_index_cursor(&index, 1019);
	while (table_next(&cursor, &number))
		found += index.entries[number].inode == 1019;
	CHECK_EQUAL(found, 1, "the newest is there");
	for (int pid = 2; pid < 10; pid++)
		fd_index_add_holder(&index, pid, 7);
	CHECK(index.holder_count == 4 && fd_index_holder(&index, 9) != NONE &&
	              index.evicted == 12 + 5,
	      "nor more processes");
	for (int pid = 1; pid < 10; pid++)
		if (fd_index_holder(&index, pid) != NONE)
			fd_index_drop_holder(&index, fd_index_holder(&index, pid));
	CHECK(index.holder_count == 0 && index.entry_count == 0 &&
	              table_count(index.by_inode) == 0 && table_count(index.by_pid) == 0,
	      "all can go");
	fd_index_free(&index);
}

static void test_wrap(void)
{
	struct fd_index index;
	uint32_t holder;

	if (fd_index_init(&index, 8, 4, &key) < 0)
		exit(EXIT_FAILURE);
	holder = fd_index_add_holder(&index, 1, 7);
	fd_index_put(&index, holder, 3, 1, UINT32_MAX);
	fd_index_put(&index, holder, 4, 2, 1); /* two scans later */
	fd_index_sweep(&index, holder, 0);
	CHECK(index.entry_count == 1 && index.entries[index.holders[holder].first].fd == 4,
	      "stamps may wrap around");
	fd_index_free(&index);
}

int main(void)
{
	struct random random = random_begin();

	test_against_model(&random);
	test_eviction();
	test_wrap();
	return check_done();
}
