/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* For top.c and top_render.c. */
#ifndef SOCKLINE_DISPLAY_TOP_PRIVATE_H
#define SOCKLINE_DISPLAY_TOP_PRIVATE_H

#include "base/table.h"
#include "display/top.h"

#define TOP_NAME_MAX 64

enum top_view { TOP_PROGRAMS, TOP_CONNECTIONS };
enum top_order { TOP_BY_RATE, TOP_BY_BYTES, TOP_BY_COUNT, TOP_BY_NAME };

struct top_bytes {
	uint64_t sent, received;
};

/* All processes with one name. */
struct top_program {
	char name[TOP_NAME_MAX]; /* any bytes */
	uint8_t length;
	struct top_bytes total, rate; /* since it is shown; a second */
	uint64_t connections;         /* open now */
	uint32_t processes;           /* of the last interval */
	int pid;                      /* of the last one of these */
};

/* What an interval begins with, by the number of a connection. */
struct top_before {
	uint64_t id; /* 0: none */
	struct top_bytes total, rate;
};

struct top_row {
	uint64_t first, second; /* what it is sorted by, the most first, and */
	const char *name;       /* then this */
	size_t length;
	uint64_t id; /* and by this, so that rows do not change their places */
	const struct top_program *program;
	const struct connection *connection; /* one of these is NULL */
	struct top_bytes total, rate;
};

struct top {
	struct hash_key key;
	enum top_view view;
	enum top_order order;
	int64_t interval_ns; /* 0: the view alone has changed */
	struct table *table;
	struct top_program *programs; /* the first is for those that have no room */
	uint32_t program_count;
	struct top_before *before;
	uint32_t max_connections;
	struct top_row rows[TOP_ROWS_MAX]; /* of connections, see top_insert */
	int row_count;
};

/* A heap of the first TOP_ROWS_MAX rows, as they are sorted: the last of them is its root. */
void top_insert(struct top_row *rows, int *count, const struct top_row *row);
void top_sort(struct top_row *rows, int count);
/* The programs, such a heap; how many. */
int top_program_rows(const struct top *top, struct top_row rows[TOP_ROWS_MAX]);

#endif
