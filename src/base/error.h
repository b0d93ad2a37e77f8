/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* An error that a person will read: an errno value and one line of text. */
#ifndef SOCKLINE_BASE_ERROR_H
#define SOCKLINE_BASE_ERROR_H

struct error {
	int code; /* errno value, > 0 */
	char text[256];
};

/*
 * Fills *error (NULL is allowed) with code and the formatted text, cut at the
 * size of the field. Returns -code, so that a function can end in
 * `return error_set(error, EINVAL, ...)`.
 */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
