/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/final_info.h"

#include <stdlib.h>

#include "base/table.h"

#define ENDS_MAX 8192

struct final {
	uint64_t hash;      /* of the connection, in its namespace */
	struct tuple tuple; /* from this end */
	int64_t time_ns;
	struct socket_tcp_info info;
};

/* A ring in the order of time; the tail is the oldest. */
struct final_info {
	struct table *index;
	uint32_t tail, count;
	struct final ends[ENDS_MAX];
};

struct final_info *final_info_new(void)
{
	/* Pages that are not touched cost nothing. */
	struct final_info *finals = calloc(1, sizeof *finals);

	if (!finals)
		return NULL;
	finals->index = table_new(ENDS_MAX);
	if (!finals->index) {
		free(finals);
		return NULL;
	}
	return finals;
}

void final_info_free(struct final_info *finals)
{
	if (!finals)
		return;
	table_free(finals->index);
	free(finals);
}

static void remove_tail(struct final_info *finals)
{
	table_remove(finals->index, finals->ends[finals->tail].hash, finals->tail);
	finals->tail = (finals->tail + 1) % ENDS_MAX;
	finals->count--;
}

void final_info_put(struct final_info *finals, uint64_t hash, const struct tuple *tuple,
                    const struct socket_tcp_info *info, int64_t now_ns)
{
	struct final *final;
	uint32_t number;

	while (finals->count > 0 &&
	       (finals->count == ENDS_MAX ||
	        now_ns - finals->ends[finals->tail].time_ns > FINAL_INFO_KEEP_NS))
		remove_tail(finals);
	number = (finals->tail + finals->count) % ENDS_MAX;
	if (table_insert(finals->index, hash, number) != 0)
		return; /* out of memory */
	final = &finals->ends[number];
	*final = (struct final){ hash, *tuple, now_ns, *info };
	finals->count++;
}

/* The latest: ports are used again. */
static const struct final *find(const struct final_info *finals, uint64_t hash,
                                const struct tuple *tuple)
{
	struct table_cursor cursor = table_cursor(finals->index, hash);
	const struct final *latest = NULL;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		const struct final *final = &finals->ends[number];

		if (final->hash == hash && tuple_equal(&final->tuple, tuple) &&
		    (!latest || final->time_ns > latest->time_ns))
			latest = final;
	}
	return latest;
}

bool final_info_find(const struct final_info *finals, uint64_t hash, const struct tuple *tuple,
                     int64_t now_ns, struct socket_tcp_info *info)
{
	const struct final *final = find(finals, hash, tuple);

	if (!final || now_ns - final->time_ns > FINAL_INFO_KEEP_NS)
		return false;
	*info = final->info;
	return true;
}

bool final_info_died(const struct final_info *finals, uint64_t hash, const struct tuple *tuple,
                     int64_t since_ns)
{
	const struct final *final = find(finals, hash, tuple);

	return final && final->time_ns > since_ns;
}
