/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_memory.h"

#include <errno.h>

#include "app/option_table.h"

/*
 * The capture buffers: where other namespaces are captured, as much again may wait in their queues,
 * see run_queue_bytes.
 */
#define BUFFERS_PART 8
#define GIVEN_PART   4
/* What all tables take but that of connections when they are full, and what waits to be written. */
#define TABLES_BYTES (UINT64_C(88) << 20)
/* A connection with its sockets and owners; some 800 in bench.py, section memory. */
#define CONNECTION_BYTES 1024
#define CONNECTIONS_MIN  1024

static uint64_t buffer_bytes(const struct options *options)
{
	return options->read_file ? 0 : (uint64_t)options->buffer_kib * 1024;
}

int option_memory_divide(struct options *options, struct error *error)
{
	uint64_t all = options->max_memory, others, connections = CONNECTIONS_MIN;

	if (all == 0)
		return 0;
	if (!option_table_is_given(options, "buffer-size") &&
	    buffer_bytes(options) > all / BUFFERS_PART)
		options->buffer_kib = (int)(all / BUFFERS_PART / 1024);
	if (buffer_bytes(options) > all / GIVEN_PART)
		return error_set(
			error, EINVAL,
			"-B and --max-memory: the buffers may have a quarter of all memory");
	if (option_table_is_given(options, "max-connections"))
		return 0;
	others = TABLES_BYTES + 2 * buffer_bytes(options);
	if (all > others)
		connections = (all - others) / CONNECTION_BYTES;
	if (connections < CONNECTIONS_MIN)
		connections = CONNECTIONS_MIN;
	if (connections < options->max_connections)
		options->max_connections = (uint32_t)connections;
	return 0;
}
