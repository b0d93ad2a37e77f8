/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table of options by their names. */
#include <stdio.h>
#include <string.h>

#include "app/option_table.h"

static const struct option_row *find(const char *name)
{
	const struct option_row *row = option_table;

	while (!row->name || strcmp(row->name, name) != 0)
		row++;
	return row;
}

const char *option_table_word(const char *name, unsigned place)
{
	return find(name)->words[place];
}

bool option_table_is_given(const struct options *options, const char *name)
{
	return options->given[find(name) - option_table];
}

const char *option_table_spelling(const struct option_row *row, char text[64])
{
	if (row->letter)
		snprintf(text, 64, "-%c", row->letter);
	else
		snprintf(text, 64, "--%s", row->name);
	return text;
}
