/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What connection_table.c and connection_table_life.c share; nobody else includes it. */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_TABLE_PRIVATE_H
#define SOCKLINE_CONNECTIONS_CONNECTION_TABLE_PRIVATE_H

#include "base/table.h"
#include "connections/connection_table.h"

/*
 * Entries live in chunks that are allocated as they are first needed and never
 * move: pointers stay valid, and a table that is allowed a million connections
 * costs nothing until they come. A chunk is some huge pages, but for the first.
 */
#define CONNECTION_CHUNK 32768 /* entries: a multiple of 64 bytes each, so huge pages are filled */

struct connection_table {
	struct connection_table_options options;
	struct table *index;
	struct table *sockets; /* the same by the tuples of sockets, where NAT is; NULL: no such */
	struct connection **chunks;
	uint32_t chunk_count;
	uint32_t used;      /* entries ever handed out */
	uint32_t free_list; /* linked by internal.next_free */
	uint32_t held_first, held_last;
	uint32_t open_count, eviction_hand;
	uint64_t opened_order;
	struct wheel wheel;
	struct connection_counters counters;
};

#define CONNECTION_NONE UINT32_MAX /* as a number */

static inline struct connection *connection_table_entry(const struct connection_table *table,
                                                        uint32_t number)
{
	return &table->chunks[number / CONNECTION_CHUNK][number % CONNECTION_CHUNK];
}

/* connection_table_sockets.c: it is not found by them any more. */
void connection_table_drop_sockets(struct connection_table *table, struct connection *connection);

/* connection_table_life.c */

/* Sets the timer of a connection whose last_ns, state and update_ns are set. */
void connection_table_set_timer(struct connection_table *table, struct connection *connection,
                                int64_t now_ns);
/* Calls back for what was not reported of a closed connection. */
void connection_table_settle(struct connection_table *table, struct connection *connection);
/* Closes what is open still and calls back, with the outcome as far as it was seen. */
void connection_table_close_and_report(struct connection_table *table,
                                       struct connection *connection, enum connection_reason reason,
                                       int64_t now_ns);

#endif
