/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of options -> values. -EINVAL comes with one line that names option and argument. */
#ifndef SOCKLINE_APP_OPTION_VALUES_H
#define SOCKLINE_APP_OPTION_VALUES_H

#include <stdint.h>

#include "base/error.h"

/* Decimal, without sign, minimum and maximum included. */
int option_values_number(const char *name, const char *text, uint64_t minimum, uint64_t maximum,
                         uint64_t *value, struct error *error);
/* "65536", "64K", "100M", "2G", in units of 1,024: bytes, minimum and maximum included. */
int option_values_size(const char *name, const char *text, uint64_t minimum, uint64_t maximum,
                       uint64_t *bytes, struct error *error);
/* "10", "30s", "5m", "1h", "1d": at least minimum (before the unit), in nanoseconds. */
int option_values_duration(const char *name, const char *text, uint64_t minimum, int64_t *value_ns,
                           struct error *error);
/* The place of text among the words, which end with NULL; the message lists them. */
int option_values_word(const char *name, const char *text, const char *const *words,
                       struct error *error);
/* The words of a list of events; NULL at the end. */
extern const char *const option_values_event_words[];
/* EMITTER_* -> the fewest words that name them, without "all"; at most OPTION_VALUES_EVENTS_MAX. */
#define OPTION_VALUES_EVENTS_MAX 16
int option_values_event_names(unsigned events, const char **names);
/* "packet,stats" -> EMITTER_* */
int option_values_events(const char *text, unsigned *events, struct error *error);
/*
 * The whole of a file ("-": standard input) as a string without its comments, which the caller
 * frees; NULL for an empty file. 0 or -errno.
 */
int option_values_read_file(const char *path, char **filter, struct error *error);

#endif
