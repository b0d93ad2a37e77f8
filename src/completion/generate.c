/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate bash|zsh|fish: prints the completion of that shell, from the table of
 * options. generate table: a line for each spelling of an option: its row's number, the
 * spelling, the argument, the words that it may be and its field of sockline.config, separated
 * by tabs, for tests. `make completions' writes the three files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/option_table.h"

#define LICENSE                                                                                    \
	"# SPDX"                                                                                   \
	"-FileCopyrightText: The sockline authors\n"                                               \
	"# SPDX"                                                                                   \
	"-License-Identifier: Apache-2.0\n"
#define ORIGIN "for %s, made by `make completions' from src/app/option_table.c.\n"

/* Calls print for each spelling of the row, with its number among them. */
static void each_spelling(const struct option_row *row,
                          void (*print)(const struct option_row *row, int number,
                                        const char *dashes, const char *name))
{
	char letter[] = { row->letter, '\0' };
	int number = 0;

	if (row->letter)
		print(row, number++, "-", letter);
	if (row->name)
		print(row, number++, "--", row->name);
	if (row->alias)
		print(row, number++, "--", row->alias);
}

static int spelling_count(const struct option_row *row)
{
	return (row->letter != 0) + (row->name != NULL) + (row->alias != NULL);
}

static void print_words(const struct option_row *row)
{
	for (int i = 0; row->words[i]; i++)
		printf("%s%s", i > 0 ? " " : "", row->words[i]);
}

/* The description in a shell's 'text': a quote in it is written as quote. */
static void print_description(const struct option_row *row, const char *quote)
{
	while (!row->help)
		row++;
	for (const char *text = row->help;
	     *text != '\0' && !strchr(";:", *text) && strncmp(text, " (", 2) != 0; text++) {
		if (*text == '\'')
			fputs(quote, stdout);
		else
			putchar(*text == '\n' ? ' ' : *text);
	}
}

/* bash */

static void print_pattern(const struct option_row *row, int number, const char *dashes,
                          const char *name)
{
	(void)row;
	printf("%s%s%s", number > 0 ? " | " : "\t", dashes, name);
}

static void print_bash_action(const struct option_row *row)
{
	switch (row->completion) {
	case OPTION_COMPLETES_FILES:
		puts("\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
		     "\t\tcompopt -o filenames 2>/dev/null\n"
		     "\t\treturn");
		break;
	case OPTION_COMPLETES_INTERFACES:
		puts("\t\twords=\"any $(command ls /sys/class/net 2>/dev/null)\"");
		break;
	case OPTION_COMPLETES_NAMESPACES:
		puts("\t\twords=\"all self $(command ls -d /run/netns/* 2>/dev/null)\"");
		break;
	case OPTION_COMPLETES_LIST:
		printf("\t\twords='");
		print_words(row);
		puts("'\n"
		     "\t\t# After a comma, the next of the list.\n"
		     "\t\t[[ $current != *,* ]] || before=${current%,*},\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$words\" -- "
		     "\"${current##*,}\")\n"
		     "\t\tcompopt -o nospace 2>/dev/null\n"
		     "\t\treturn");
		break;
	case OPTION_COMPLETES_NOTHING:
		if (!row->words) {
			puts("\t\treturn");
			break;
		}
		printf("\t\twords='");
		print_words(row);
		puts("'");
		break;
	}
}

static void print_bash_word(const struct option_row *row, int number, const char *dashes,
                            const char *name)
{
	(void)row;
	(void)number;
	printf("\t\t\t%s%s\n", dashes, name);
}

static void print_bash(void)
{
	printf(LICENSE "# Completion of sockline(8) " ORIGIN "\n"
	               "_sockline()\n"
	               "{\n"
	               "\tlocal current=${COMP_WORDS[COMP_CWORD]} "
	               "previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
	               "\tlocal before='' words=''\n"
	               "\n"
	               "\tCOMPREPLY=()\n"
	               "\tcase $previous in\n",
	       "bash");
	for (int i = 0; i < option_table_count; i++) {
		if (!option_table_takes_argument(&option_table[i]))
			continue;
		each_spelling(&option_table[i], print_pattern);
		puts(")");
		print_bash_action(&option_table[i]);
		puts("\t\t;;");
	}
	puts("\t*)\n"
	     "\t\t[[ $current == -* ]] || return\n"
	     "\t\twords='");
	for (int i = 0; i < option_table_count; i++)
		each_spelling(&option_table[i], print_bash_word);
	puts("\t\t'\n"
	     "\t\t;;\n"
	     "\tesac\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
	     "}\n"
	     "\n"
	     "complete -F _sockline sockline");
}

/* zsh */

static void print_excluded(const struct option_row *row, int number, const char *dashes,
                           const char *name)
{
	(void)row;
	printf("%s%s%s", number > 0 ? " " : "(", dashes, name);
}

static void print_braced(const struct option_row *row, int number, const char *dashes,
                         const char *name)
{
	(void)row;
	printf("%s%s%s", number > 0 ? "," : "{", dashes, name);
}

static void print_plain(const struct option_row *row, int number, const char *dashes,
                        const char *name)
{
	(void)row;
	(void)number;
	printf("%s%s", dashes, name);
}

static void print_zsh_argument(const struct option_row *row)
{
	printf(":%s:", row->argument ? row->argument : "WORD");
	if (row->completion == OPTION_COMPLETES_FILES)
		printf("_files");
	else if (row->completion == OPTION_COMPLETES_INTERFACES)
		printf("_sockline_interfaces");
	else if (row->completion == OPTION_COMPLETES_NAMESPACES)
		printf("_sockline_namespaces");
	else if (row->completion == OPTION_COMPLETES_LIST)
		printf("_sequence compadd - ");
	else if (row->words)
		putchar('(');
	if (row->words)
		print_words(row);
	if (row->words && row->completion != OPTION_COMPLETES_LIST)
		putchar(')');
}

static void print_zsh_option(const struct option_row *row)
{
	printf("\t'");
	if (row->repeats)
		putchar('*');
	else if (spelling_count(row) > 1) {
		each_spelling(row, print_excluded);
		putchar(')');
	}
	if (spelling_count(row) > 1) {
		putchar('\'');
		each_spelling(row, print_braced);
		printf("}'");
	} else {
		each_spelling(row, print_plain);
	}
	putchar('[');
	print_description(row, "'\\''");
	putchar(']');
	if (option_table_takes_argument(row))
		print_zsh_argument(row);
	puts("' \\");
}

static void print_zsh(void)
{
	printf("#compdef sockline\n" LICENSE "# Completion of sockline(8) " ORIGIN "\n"
	       "_sockline_interfaces()\n"
	       "{\n"
	       "\tlocal -a interfaces\n"
	       "\tinterfaces=(any /sys/class/net/*(N:t))\n"
	       "\tcompadd -a interfaces\n"
	       "}\n"
	       "\n"
	       "_sockline_namespaces()\n"
	       "{\n"
	       "\tlocal -a namespaces\n"
	       "\tnamespaces=(all self /run/netns/*(N))\n"
	       "\tcompadd -a namespaces\n"
	       "}\n"
	       "\n"
	       "_arguments -s -S \\\n",
	       "zsh");
	for (int i = 0; i < option_table_count; i++)
		print_zsh_option(&option_table[i]);
	puts("\t'*:pcap-filter expression:'");
}

/* fish */

static void print_fish_spelling(const struct option_row *row, int number, const char *dashes,
                                const char *name)
{
	(void)row;
	(void)number;
	printf(" %s %s", dashes[1] == '-' ? "-l" : "-s", name);
}

static void print_fish_argument(const struct option_row *row)
{
	if (row->completion == OPTION_COMPLETES_FILES) {
		printf(" -r -F");
		return;
	}
	printf(" -x");
	if (row->completion == OPTION_COMPLETES_INTERFACES)
		printf(" -a '(__sockline_interfaces)'");
	else if (row->completion == OPTION_COMPLETES_NAMESPACES)
		printf(" -a '(__sockline_namespaces)'");
	else if (row->words) {
		bool list = row->completion == OPTION_COMPLETES_LIST;

		printf(" -a '%s", list ? "(__fish_append , " : "");
		print_words(row);
		printf("%s'", list ? ")" : "");
	}
}

static void print_fish(void)
{
	printf(LICENSE "# Completion of sockline(8) " ORIGIN "\n"
	               "function __sockline_interfaces\n"
	               "    echo any\n"
	               "    command ls /sys/class/net 2>/dev/null\n"
	               "end\n"
	               "\n"
	               "function __sockline_namespaces\n"
	               "    printf '%%s\\n' all self\n"
	               "    for namespace in /run/netns/*\n"
	               "        echo $namespace\n"
	               "    end\n"
	               "end\n"
	               "\n"
	               "complete -c sockline -f\n",
	       "fish");
	for (int i = 0; i < option_table_count; i++) {
		const struct option_row *row = &option_table[i];

		printf("complete -c sockline");
		each_spelling(row, print_fish_spelling);
		if (option_table_takes_argument(row))
			print_fish_argument(row);
		printf(" -d '");
		print_description(row, "\\'");
		puts("'");
	}
}

/* table */

static void print_line(const struct option_row *row, int number, const char *dashes,
                       const char *name)
{
	(void)number;
	printf("%d\t%s%s\t%s\t", (int)(row - option_table), dashes, name,
	       !option_table_takes_argument(row) ? ""
	       : row->argument                   ? row->argument
	                                         : "WORD");
	if (row->words)
		print_words(row);
	printf("\t%s\n", row->config ? row->config : "");
}

static void print_table(void)
{
	for (int i = 0; i < option_table_count; i++)
		each_spelling(&option_table[i], print_line);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} kinds[] = {
		{ "bash", print_bash },
		{ "zsh", print_zsh },
		{ "fish", print_fish },
		{ "table", print_table },
	};

	for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].print();
			return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		}
	}
	fprintf(stderr, "usage: generate bash|zsh|fish|table\n");
	return 2;
}
