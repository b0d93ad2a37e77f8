/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes what looks like a secret out of the arguments of a program. No rule can know every
 * secret; where it is not clear whether something is one, it is taken for one. sockline(8),
 * --args, has the rules. Pure.
 */
#ifndef SOCKLINE_PROCESSES_REDACT_H
#define SOCKLINE_PROCESSES_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define REDACT_MARK "[redacted]" /* stands in the place of a secret */
#define REDACT_MAX  4096         /* bytes: a longer argument is refused */

/* What earlier arguments mean for the next one. A command line begins with zeros. */
struct redact {
	uint64_t programs; /* whose options are known and that were named: places in a table */
	size_t operands;   /* so far; since the last of these that takes a secret one */
	bool value_next;   /* the next argument is the value of a secret option */
	bool login;        /* as in `docker login' */
	bool batch;        /* as in `htpasswd -b' */
	bool no_file;      /* as in `htpasswd -n' */
};

/* Appends the next argument, without its secrets, to `out`, which overflows if it is too long. */
void redact_argument(struct redact *redact, const char *argument, size_t length, struct buf *out);

/* "db-password", "API_KEY", "Authorization": what has this name is a secret. */
bool redact_is_secret_name(const char *name, size_t length);

/* For redact.c alone: what the options of some programs mean, redact_options.c. */

enum { REDACT_NOTHING = -1 };
/*
 * A word of a command line. The place in it from which on it is a secret, or REDACT_NOTHING.
 * It may set value_next.
 */
int redact_word(struct redact *redact, const char *word, size_t length);

#endif
