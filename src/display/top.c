/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "display/top_private.h"

#include <stdlib.h>
#include <string.h>

#include "display/units.h"

#define NAME_OTHERS  "(others)"
#define NAME_UNKNOWN "(unknown)"

struct top *top_new(const struct hash_key *key, uint32_t max_connections)
{
	struct top *top = calloc(1, sizeof *top);

	if (!top)
		return NULL;
	top->key = *key;
	top->max_connections = max_connections;
	top->table = table_new(TOP_PROGRAMS_MAX);
	/* Both are touched as they are used. */
	top->programs = calloc(TOP_PROGRAMS_MAX + 1, sizeof *top->programs);
	top->before = calloc(max_connections, sizeof *top->before);
	if (!top->table || !top->programs || !top->before) {
		top_free(top);
		return NULL;
	}
	memcpy(top->programs[0].name, NAME_OTHERS, sizeof NAME_OTHERS);
	top->programs[0].length = sizeof NAME_OTHERS - 1;
	top->program_count = 1;
	return top;
}

void top_free(struct top *top)
{
	if (!top)
		return;
	table_free(top->table);
	free(top->programs);
	free(top->before);
	free(top);
}

void top_begin(struct top *top, int64_t interval_ns)
{
	top->interval_ns = interval_ns;
	top->row_count = 0;
	for (uint32_t i = 0; interval_ns > 0 && i < top->program_count; i++) {
		struct top_program *program = &top->programs[i];

		program->rate = (struct top_bytes){ 0 };
		program->connections = 0;
		program->processes = 0;
	}
}

static struct top_program *find(struct top *top, const char *name, size_t length)
{
	uint64_t hash = hash_bytes(&top->key, name, length);
	struct table_cursor cursor = table_cursor(top->table, hash);
	struct top_program *fresh;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct top_program *program = &top->programs[number];

		if (program->length == length && memcmp(program->name, name, length) == 0)
			return program;
	}
	if (top->program_count > TOP_PROGRAMS_MAX ||
	    table_insert(top->table, hash, top->program_count) != 0)
		return &top->programs[0];
	fresh = &top->programs[top->program_count++];
	memcpy(fresh->name, name, length);
	fresh->length = (uint8_t)length;
	return fresh;
}

void top_add_process(struct top *top, const struct process *process, uint64_t sent,
                     uint64_t received, uint64_t connections)
{
	const char *name = !process ? NAME_UNKNOWN : process->name ? process->name : "?";
	struct top_program *program = find(top, name, strnlen(name, TOP_NAME_MAX));

	program->total.sent += sent;
	program->total.received += received;
	/* A second's worth of each, so that they can be added up. */
	program->rate.sent += units_rate(sent, top->interval_ns);
	program->rate.received += units_rate(received, top->interval_ns);
	program->connections += connections;
	if (!process)
		return;
	program->processes++;
	program->pid = process->pid;
}

static bool comes_before(const struct top_row *row, const struct top_row *other)
{
	size_t length = row->length < other->length ? row->length : other->length;
	int difference;

	if (row->first != other->first)
		return row->first > other->first;
	if (row->second != other->second)
		return row->second > other->second;
	difference = memcmp(row->name, other->name, length);
	if (difference != 0 || row->length != other->length)
		return difference != 0 ? difference < 0 : row->length < other->length;
	return row->id < other->id;
}

static void swap(struct top_row *row, struct top_row *other)
{
	struct top_row before = *row;

	*row = *other;
	*other = before;
}

static void sift_up(struct top_row *rows, int place)
{
	for (; place > 0 && comes_before(&rows[(place - 1) / 2], &rows[place]);
	     place = (place - 1) / 2)
		swap(&rows[(place - 1) / 2], &rows[place]);
}

static void sift_down(struct top_row *rows, int count)
{
	for (int place = 0, child = 1; child < count; place = child, child = 2 * child + 1) {
		if (child + 1 < count && comes_before(&rows[child], &rows[child + 1]))
			child++;
		if (!comes_before(&rows[place], &rows[child]))
			break;
		swap(&rows[place], &rows[child]);
	}
}

void top_insert(struct top_row *rows, int *count, const struct top_row *row)
{
	if (*count < TOP_ROWS_MAX) {
		rows[*count] = *row;
		sift_up(rows, (*count)++);
	} else if (comes_before(row, &rows[0])) {
		rows[0] = *row;
		sift_down(rows, *count);
	}
}

static int compare(const void *left, const void *right)
{
	return comes_before(left, right) ? -1 : comes_before(right, left);
}

void top_sort(struct top_row *rows, int count)
{
	qsort(rows, (size_t)count, sizeof *rows, compare);
}

static void set_order(struct top_row *row, enum top_order order, uint64_t count)
{
	uint64_t rate = row->rate.sent + row->rate.received;
	uint64_t total = row->total.sent + row->total.received;

	switch (order) {
	case TOP_BY_RATE:
		row->first = rate;
		row->second = total;
		break;
	case TOP_BY_BYTES:
		row->first = total;
		break;
	case TOP_BY_COUNT:
		row->first = count;
		row->second = total;
		break;
	case TOP_BY_NAME:
		break;
	}
}

int top_program_rows(const struct top *top, struct top_row rows[TOP_ROWS_MAX])
{
	int count = 0;

	for (uint32_t i = 0; i < top->program_count; i++) {
		const struct top_program *program = &top->programs[i];
		struct top_row row = {
			.name = program->name,
			.length = program->length,
			.program = program,
			.total = program->total,
			.rate = program->rate,
		};

		if ((row.total.sent | row.total.received | program->connections) == 0)
			continue;
		set_order(&row, top->order, program->connections);
		top_insert(rows, &count, &row);
	}
	return count;
}

/* Seen from this host. */
static struct top_bytes bytes_of(const struct connection *connection)
{
	enum connection_end own =
		connection->local[CONNECTION_SOURCE] ? CONNECTION_SOURCE : CONNECTION_DESTINATION;

	return (struct top_bytes){ .sent = connection->counts[own].bytes,
		                   .received = connection->counts[!own].bytes };
}

static void advance(struct top_before *before, const struct connection *connection,
                    struct top_bytes total, int64_t interval_ns)
{
	if (before->id != connection->id) /* it began in this interval */
		*before = (struct top_before){ .id = connection->id };
	before->rate.sent = units_rate(total.sent - before->total.sent, interval_ns);
	before->rate.received = units_rate(total.received - before->total.received, interval_ns);
	before->total = total;
}

static const char *name_of(const struct connection *connection)
{
	enum connection_end own =
		connection->local[CONNECTION_SOURCE] ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	const struct process *then =
		owner_process_at(&connection->owners[own], connection->last_ns);

	return then && then->name ? then->name : "";
}

void top_add_connection(struct top *top, const struct connection *connection, uint32_t number,
                        bool is_closed)
{
	struct top_before *before = &top->before[number];
	struct top_row row = { .connection = connection,
		               .name = name_of(connection),
		               .id = connection->id };

	if (top->interval_ns > 0)
		advance(before, connection, bytes_of(connection), top->interval_ns);
	else if (before->id != connection->id)
		return; /* its interval has not ended yet */
	row.length = strlen(row.name);
	row.total = before->total;
	row.rate = before->rate;
	/* One that has ended is shown for what it had meanwhile, once. */
	if (is_closed && (row.rate.sent | row.rate.received) == 0)
		return;
	set_order(&row, top->order,
	          connection->counts[CONNECTION_SOURCE].packets +
	                  connection->counts[CONNECTION_DESTINATION].packets);
	top_insert(top->rows, &top->row_count, &row);
}

/* ECMA-48 5.4: "[", parameters, and a byte that ends it; or "O" and one byte. Returns its end. */
static size_t pass_sequence(const char *typed, size_t length, size_t place)
{
	if (place < length && typed[place] == 'O')
		return place + 2;
	if (place == length || typed[place] != '[')
		return place;
	for (place++; place < length && (typed[place] < '@' || typed[place] > '~'); place++)
		;
	return place + 1;
}

char top_next_key(const char *typed, size_t length, size_t *place)
{
	while (*place < length) {
		char key = typed[(*place)++];

		if (key == '\033')
			*place = pass_sequence(typed, length, *place);
		else if (key != '\0')
			return key;
	}
	return '\0';
}

bool top_press(struct top *top, char key)
{
	switch (key) {
	case 'p':
		top->view = TOP_PROGRAMS;
		return true;
	case 'c':
		top->view = TOP_CONNECTIONS;
		return true;
	case 'r':
		top->order = TOP_BY_RATE;
		return true;
	case 'b':
		top->order = TOP_BY_BYTES;
		return true;
	case 'n':
		top->order = TOP_BY_COUNT;
		return true;
	case 'a':
		top->order = TOP_BY_NAME;
		return true;
	default:
		return false;
	}
}
