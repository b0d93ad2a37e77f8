/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options, one row each. getopt's tables, the values and their limits, the
 * defaults, --help and the completions of the shells all come from these rows; a
 * new option is a new row, a field of struct options and an entry in sockline(8).
 */
#ifndef SOCKLINE_APP_OPTION_TABLE_H
#define SOCKLINE_APP_OPTION_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "app/options.h"

enum option_kind {
	OPTION_NOTHING,  /* accepted, changes nothing */
	OPTION_SET,      /* no argument: the field becomes value */
	OPTION_BIT,      /* no argument: value is or-ed into the field */
	OPTION_NUMBER,   /* decimal, minimum to maximum: the field becomes number * unit */
	OPTION_SIZE,     /* N[KMG], minimum to maximum bytes */
	OPTION_DURATION, /* N[smhd], at least minimum seconds: nanoseconds */
	OPTION_WORD,     /* one of words: the field becomes the place of the word */
	OPTION_TEXT,     /* not empty, given once: the field points into argv */
	OPTION_CALL,     /* parse() */
};

/* What a shell offers as argument. Words are offered wherever a row has words. */
enum option_completion {
	OPTION_COMPLETES_NOTHING,
	OPTION_COMPLETES_FILES,
	OPTION_COMPLETES_INTERFACES,
	OPTION_COMPLETES_NAMESPACES,
	OPTION_COMPLETES_LIST, /* words, separated by commas */
};

#define OPTION_NO_CONFIG "-"

struct option_row {
	const char *section; /* in --help, above this row; NULL: as the row before */
	char letter;         /* 0: none */
	const char *name;    /* NULL: none */
	const char *alias;   /* a second name, which --help does not mention; NULL: none */
	enum option_kind kind;
	/* As --help shows it; NULL: none, or the words of OPTION_WORD. */
	const char *argument;
	size_t offset, size; /* the field of struct options */
	uint64_t value;
	uint64_t minimum, maximum;
	uint64_t unit;            /* OPTION_NUMBER; 0 stands for 1 */
	uint64_t initial;         /* OPTION_NUMBER, OPTION_DURATION: the default, as an argument */
	const char *const *words; /* NULL at the end */
	int (*parse)(struct options *options, const char *argument, struct error *error);
	enum option_completion completion;
	bool repeats; /* may be given more than once with effect */
	/*
	 * The field of run_started's sockline.config that has the value; OPTION_NO_CONFIG: the
	 * option does not change what the records mean. The lint asks for one of the two.
	 */
	const char *config;
	/*
	 * Lines of --help. Up to the first of ";", ":" or " (" it is the description that a shell
	 * shows. NULL: the row stands in one line of --help with the next.
	 */
	const char *help;
};

extern const struct option_row option_table[];
extern const int option_table_count;

static inline bool option_table_takes_argument(const struct option_row *row)
{
	return row->kind >= OPTION_NUMBER;
}

/* The word of the OPTION_WORD with this long name at a place. */
const char *option_table_word(const char *name, unsigned place);

/* Is the option with this long name on the command line? */
bool option_table_is_given(const struct options *options, const char *name);

/* "-c", or "--netns" where there is no letter. text is where it may be written. */
const char *option_table_spelling(const struct option_row *row, char text[64]);

#endif
