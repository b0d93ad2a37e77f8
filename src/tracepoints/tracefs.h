/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says about its tracepoints: the files of tracefs
 * (Documentation/trace/events.rst), found where they are mounted, or read
 * through a mount of our own that no mount table ever shows.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACEFS_H
#define SOCKLINE_TRACEPOINTS_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* More than the longest format file; the longest of those used here has about 3 KiB. */
#define TRACEFS_FORMAT_MAX 16384

/*
 * A directory descriptor of tracefs; the caller closes it. -errno with a text
 * that says what is missing. Mounting it (Linux >= 5.2) needs CAP_SYS_ADMIN.
 */
int tracefs_open(struct error *error);

/*
 * Reads events/EVENT/format ("sock/inet_sock_set_state") into format, at most
 * TRACEFS_FORMAT_MAX bytes, no NUL. Length; -ENOENT: the kernel has no such
 * tracepoint; other -errno.
 */
long tracefs_read_format(int directory, const char *event, char *format);

/* The pure part. */
struct tracefs_field {
	uint16_t offset; /* bytes from the start of the raw record */
	uint16_t size;   /* bytes */
};

/* The tracepoint's number: perf_event_attr.config, and common_type of its records. */
bool tracefs_parse_id(const char *format, size_t length, uint16_t *id);
/*
 * The field called name ("sport", "saddr", without what stands in brackets).
 * False when there is none, or its line is not understood; *field unchanged.
 */
bool tracefs_parse_field(const char *format, size_t length, const char *name,
                         struct tracefs_field *field);

/*
 * The beginning of a small file of the kernel, of any file system; text is NUL-terminated.
 * Bytes read, -1 when it cannot be read (text is empty then).
 */
long tracefs_read_text(const char *path, char *text, size_t size);

#endif
