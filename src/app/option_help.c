/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_help.h"

#include <string.h>

#include "app/option_table.h"

#define HEAD_MAX    512
#define TEXT_COLUMN 31

/* Appends; what does not fit is cut. */
static void append(char text[HEAD_MAX], const char *a, const char *b)
{
	size_t length = strlen(text);

	snprintf(text + length, HEAD_MAX - length, "%s%s", a, b);
}

static void append_argument(char head[HEAD_MAX], const struct option_row *row)
{
	if (row->argument)
		append(head, " ", row->argument);
	else if (row->kind == OPTION_WORD)
		for (int i = 0; row->words[i]; i++)
			append(head, i == 0 ? " " : "|", row->words[i]);
}

/* "  -c, --count N", "      --tcp --udp" */
static void append_row(char head[HEAD_MAX], const struct option_row *row, bool first)
{
	char letter[] = { '-', row->letter, '\0' };

	if (row->letter)
		append(head, first ? "  " : ", ", letter);
	else
		append(head, first ? "     " : "", "");
	if (row->name) {
		append(head, row->letter ? ", --" : " --", row->name);
	}
	append_argument(head, row);
}

static void print_head(FILE *stream, const char *head, size_t length)
{
	if (length < TEXT_COLUMN)
		fprintf(stream, "%-*s", TEXT_COLUMN, head);
	else
		fprintf(stream, "%s\n%*s", head, TEXT_COLUMN, "");
}

static void print_text(FILE *stream, const struct option_row *row)
{
	for (const char *text = row->help; *text != '\0'; text++) {
		fputc(*text, stream);
		if (*text == '\n')
			fprintf(stream, "%*s", TEXT_COLUMN, "");
	}
	if (row->initial && row->kind == OPTION_SIZE)
		fprintf(stream, " (default %lluM)", (unsigned long long)row->initial >> 20);
	else if (row->initial)
		fprintf(stream, " (default %llu)", (unsigned long long)row->initial);
	fputc('\n', stream);
}

void option_help_print(FILE *stream)
{
	char head[HEAD_MAX] = "";

	fputs("Usage: sockline [OPTION]... [PCAP-FILTER EXPRESSION] [-- COMMAND [ARG]...]\n"
	      "Turn the network activity of this host into newline-delimited JSON on standard\n"
	      "output: each packet and each connection event, with the process that owns it.\n",
	      stream);
	for (int i = 0; i < option_table_count; i++) {
		const struct option_row *row = &option_table[i];

		if (row->section)
			fprintf(stream, "\n%s:\n", row->section);
		append_row(head, row, head[0] == '\0');
		if (!row->help)
			continue;
		print_head(stream, head, strlen(head));
		print_text(stream, row);
		head[0] = '\0';
	}
	fputs("\n"
	      "Exit status: 0 normal end, 1 failure at run time or lost output, 2 usage.\n"
	      "Manual: sockline(8); records: sockline-events(5).\n",
	      stream);
}
