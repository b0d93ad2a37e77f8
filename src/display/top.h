/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of --top: programs or connections, those with the most traffic first. What is shown is
 * added anew in each interval; the table itself is text, for whatever shows it.
 */
#ifndef SOCKLINE_DISPLAY_TOP_H
#define SOCKLINE_DISPLAY_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "connections/connection.h"
#include "events/event.h"

#define TOP_PROGRAMS_MAX 4096 /* by name; others are together in one row */
#define TOP_ROWS_MAX     256
#define TOP_COLUMNS_MAX  512
#define TOP_TEXT_MAX     (TOP_ROWS_MAX * TOP_COLUMNS_MAX)

struct top;

struct top *top_new(const struct hash_key *key, uint32_t max_connections); /* NULL: no memory */
void top_free(struct top *top);

/*
 * An interval has ended: what follows is what was in it. 0: nothing but the view has changed; all
 * connections follow again, and no processes.
 */
void top_begin(struct top *top, int64_t interval_ns);
/* What a process, or all without a known owner (NULL), had in the interval. */
void top_add_process(struct top *top, const struct process *process, uint64_t sent,
                     uint64_t received, uint64_t connections);
/* number: below max_connections, its own while it lives. Borrowed until the table is rendered. */
void top_add_connection(struct top *top, const struct connection *connection, uint32_t number,
                        bool is_closed);

/*
 * The next key of what was typed, from *place on; NUL: none is left. Keys without a letter, such as
 * arrows, are sequences that begin with an escape, and are passed over.
 */
char top_next_key(const char *typed, size_t length, size_t *place);
/* A key that chooses a view or an order. True: there is something to show anew. */
bool top_press(struct top *top, char key);

/* What the lines above the table show, and the size of the screen. */
struct top_frame {
	int rows, columns;
	int64_t elapsed_ns;
	uint64_t packets, connections, lost;
	const char *message; /* in place of the keys; NULL: none */
};

#define TOP_TITLE_LINE 2 /* counted from 0: the columns' titles */

/* Lines without control characters, a LF between two: at most rows, each of at most columns. */
void top_render(const struct top *top, const struct top_frame *frame, struct buf *text);

#endif
