/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"

#define TEXT_MAX       1024
#define LINE_MAX_BYTES (6 * TEXT_MAX + 64) /* each byte as \u00XX, and the frame */

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_QUIET:
	case LOG_ERROR:
		break;
	case LOG_WARNING:
		return "warning";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "error";
}

void log_print(const struct log *log, enum log_level level, const char *format, ...)
{
	char text[TEXT_MAX], line_bytes[LINE_MAX_BYTES];
	struct buf line = { .data = line_bytes, .capacity = sizeof line_bytes };
	int saved_errno = errno;
	va_list arguments;

	if (level > log->level && level > LOG_ERROR)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	switch (log->format) {
	case LOG_TEXT:
		buf_append_literal(&line, "sockline: ");
		utf8_append_log(&line, text, strlen(text));
		break;
	case LOG_JSON:
		buf_append_literal(&line, "{\"level\":\"");
		buf_append_string(&line, level_name(level));
		buf_append_literal(&line, "\",\"message\":\"");
		utf8_append_json(&line, text, strlen(text));
		buf_append_literal(&line, "\"}");
		break;
	}
	buf_append_char(&line, '\n');
	if (log->take)
		log->take(log->context, line.data, line.length);
	else /* There is nowhere left to report that stderr is gone. */
		(void)!write(STDERR_FILENO, line.data, line.length);
	errno = saved_errno;
}
