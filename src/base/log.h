/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for people, on stderr and nowhere else: "sockline: text\n", one
 * write(2) a line, control bytes escaped. Modules below app return errors and
 * counters instead of logging.
 */
#ifndef SOCKLINE_BASE_LOG_H
#define SOCKLINE_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_QUIET = -1, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
	enum log_level level; /* the most talkative level that is printed; errors always are */
	enum log_format format;
	/* Takes the line with its LF, in place of standard error. NULL: none does. */
	void (*take)(void *context, const char *line, size_t length);
	void *context; /* of take */
};

void log_print(const struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(log, ...)   log_print((log), LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_print((log), LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...)    log_print((log), LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_print((log), LOG_DEBUG, __VA_ARGS__)

#endif
