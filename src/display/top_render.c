/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "display/top_private.h"
#include "display/units.h"
#include "events/text.h"

#define NUMBER_WIDTH 7  /* of each column of numbers, with the space before it */
#define OWNER_WIDTH  20 /* of a connection, if there is room for its ends as well */
#define PIECE_MAX    1024

/* Columns of numbers come in as the screen is wide enough. */
struct column {
	const char *title;
	int columns_least;
	uint64_t (*value)(const struct top_row *row);
};

static uint64_t processes(const struct top_row *row)
{
	return row->program->processes;
}

static uint64_t connections(const struct top_row *row)
{
	return row->program->connections;
}

static uint64_t packets(const struct top_row *row)
{
	return row->connection->counts[CONNECTION_SOURCE].packets +
	       row->connection->counts[CONNECTION_DESTINATION].packets;
}

static uint64_t sent_rate(const struct top_row *row)
{
	return row->rate.sent;
}

static uint64_t received_rate(const struct top_row *row)
{
	return row->rate.received;
}

static uint64_t sent(const struct top_row *row)
{
	return row->total.sent;
}

static uint64_t received(const struct top_row *row)
{
	return row->total.received;
}

static const struct column program_columns[] = {
	{ "procs", 60, processes },  { "conns", 50, connections },
	{ "sent/s", 20, sent_rate }, { "recv/s", 20, received_rate },
	{ "sent", 60, sent },        { "recv", 60, received },
	{ NULL, 0, NULL },
};

static const struct column connection_columns[] = {
	{ "packets", 100, packets }, { "sent/s", 20, sent_rate }, { "recv/s", 20, received_rate },
	{ "sent", 80, sent },        { "recv", 80, received },    { NULL, 0, NULL },
};

/* A piece of text that is no longer than so many columns; each character takes one. */
static size_t cut(const char *text, size_t length, int columns, int *width)
{
	size_t end = 0;

	for (*width = 0; end < length; ++*width) {
		size_t next = end + 1;

		if (*width == columns)
			break;
		while (next < length && ((unsigned char)text[next] & 0xc0) == 0x80)
			next++;
		end = next;
	}
	return end;
}

/* Padded to `columns`, unless it is the last of its line. */
static void put(struct buf *text, const struct buf *piece, int columns, bool padded)
{
	int width;
	size_t length = cut(piece->data, piece->length, columns, &width);

	buf_append(text, piece->data, length);
	for (; padded && width < columns; width++)
		buf_append_char(text, ' ');
}

static void __attribute__((format(printf, 3, 4)))
put_line(struct buf *text, int columns, const char *format, ...)
{
	char bytes[PIECE_MAX];
	struct buf piece = { .data = bytes };
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(bytes, sizeof bytes, format, arguments);
	va_end(arguments);
	piece.length = length < (int)sizeof bytes ? (size_t)length : sizeof bytes - 1;
	put(text, &piece, columns, false);
}

static int numbers_width(const struct column *columns, int screen)
{
	int width = 0;

	for (; columns->title; columns++)
		width += screen >= columns->columns_least ? NUMBER_WIDTH : 0;
	return width;
}

static void put_numbers(struct buf *text, const struct column *columns, int screen,
                        const struct top_row *row)
{
	char number[UNITS_MAX], piece[NUMBER_WIDTH + 8];

	for (; columns->title; columns++) {
		if (screen < columns->columns_least)
			continue;
		if (row)
			units_format(number, columns->value(row));
		snprintf(piece, sizeof piece, "%*.*s", NUMBER_WIDTH, NUMBER_WIDTH,
		         row ? number : columns->title);
		buf_append_string(text, piece);
	}
}

static void put_program(struct buf *text, const struct top_row *row, int columns)
{
	char bytes[PIECE_MAX], pid[16];
	struct buf piece = { .data = bytes, .capacity = sizeof bytes };

	utf8_append_log(&piece, row->name, row->length);
	if (row->program->processes == 1) {
		snprintf(pid, sizeof pid, "[%d]", row->program->pid);
		buf_append_string(&piece, pid);
	}
	put(text, &piece, columns, true);
}

/* The texts begin with a space. */
static void put_connection(struct buf *text, const struct top_row *row, int columns)
{
	const struct connection *connection = row->connection;
	enum connection_end own =
		connection->local[CONNECTION_SOURCE] ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	int owner_width = columns >= 3 * OWNER_WIDTH ? OWNER_WIDTH : columns / 3;
	char bytes[PIECE_MAX];
	struct buf piece = { .data = bytes, .capacity = sizeof bytes };

	text_append_owner(&piece, &connection->owners[own], connection->last_ns);
	piece.data++;
	piece.length--;
	put(text, &piece, owner_width, true);
	piece = (struct buf){ .data = bytes, .capacity = sizeof bytes };
	text_append_connection(&piece, connection);
	put(text, &piece, columns - owner_width, true);
}

static void put_head(const struct top *top, const struct top_frame *frame, struct buf *text)
{
	static const char *const orders[] = {
		[TOP_BY_RATE] = "rate",
		[TOP_BY_BYTES] = "bytes",
		[TOP_BY_COUNT] = "number",
		[TOP_BY_NAME] = "name",
	};
	int64_t seconds = frame->elapsed_ns / NS_PER_SECOND;
	char packets_text[UNITS_MAX], connections_text[UNITS_MAX], lost[UNITS_MAX];

	units_format(packets_text, frame->packets);
	units_format(connections_text, frame->connections);
	units_format(lost, frame->lost);
	put_line(text, frame->columns,
	         "%" PRId64 ":%02d:%02d  %s packets, %s lost, %s connections; %s by %s",
	         seconds / 3600, (int)(seconds / 60 % 60), (int)(seconds % 60), packets_text, lost,
	         connections_text, top->view == TOP_PROGRAMS ? "programs" : "connections",
	         orders[top->order]);
}

static void put_title(const struct top *top, const struct top_frame *frame,
                      const struct column *columns, struct buf *text)
{
	const char *title = top->view == TOP_PROGRAMS ? "program" : "connection";
	int room = frame->columns - numbers_width(columns, frame->columns);
	char bytes[16];
	struct buf piece = { .data = bytes, .capacity = sizeof bytes };

	buf_append_string(&piece, title);
	put(text, &piece, room, true);
	put_numbers(text, columns, frame->columns, NULL);
}

static void put_rows(const struct top *top, const struct top_frame *frame,
                     const struct column *columns, struct buf *text)
{
	struct top_row rows[TOP_ROWS_MAX];
	int count = top->row_count;
	int room = frame->columns - numbers_width(columns, frame->columns);

	if (top->view == TOP_PROGRAMS)
		count = top_program_rows(top, rows);
	else
		memcpy(rows, top->rows, (size_t)count * sizeof *rows);
	top_sort(rows, count);
	for (int i = 0; i < count && i + TOP_TITLE_LINE + 1 < frame->rows; i++) {
		buf_append_char(text, '\n');
		if (top->view == TOP_PROGRAMS)
			put_program(text, &rows[i], room);
		else
			put_connection(text, &rows[i], room);
		put_numbers(text, columns, frame->columns, &rows[i]);
	}
}

void top_render(const struct top *top, const struct top_frame *frame, struct buf *text)
{
	const struct column *columns =
		top->view == TOP_PROGRAMS ? program_columns : connection_columns;

	put_head(top, frame, text);
	if (frame->rows < 2)
		return;
	buf_append_char(text, '\n');
	put_line(text, frame->columns, "%s",
	         frame->message ? frame->message
	                        : "q quit, p programs, c connections; by r rate, b bytes, "
	                          "n number, a name");
	if (frame->rows < TOP_TITLE_LINE + 1)
		return;
	buf_append_char(text, '\n');
	put_title(top, frame, columns, text);
	put_rows(top, frame, columns, text);
}
