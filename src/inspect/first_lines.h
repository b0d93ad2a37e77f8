/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First lines of protocols that are text: a request of HTTP/1 (RFC 9112 3) with its host, and the
 * version that either end of SSH sends (RFC 4253 4.2). Pure: bytes in, a bounded struct out.
 */
#ifndef SOCKLINE_INSPECT_FIRST_LINES_H
#define SOCKLINE_INSPECT_FIRST_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIRST_LINES_METHOD_MAX  16
#define FIRST_LINES_HOST_MAX    255
#define FIRST_LINES_VERSION_MAX 253 /* of SSH, RFC 4253 4.2, without CR and LF */

enum first_lines_status {
	FIRST_LINES_NONE, /* they are of something else */
	FIRST_LINES_MORE, /* they go on */
	FIRST_LINES_FOUND,
};

struct http_request {
	char method[FIRST_LINES_METHOD_MAX + 1];
	char host[FIRST_LINES_HOST_MAX + 1]; /* without a port; empty: there is none */
};

struct ssh_version {
	char text[FIRST_LINES_VERSION_MAX + 1]; /* "SSH-2.0-OpenSSH_9.2"; ASCII without controls */
};

/* cut: nothing will follow; then a request is one without its headers, too. */
enum first_lines_status first_lines_http(const uint8_t *bytes, size_t length, bool cut,
                                         struct http_request *request);
enum first_lines_status first_lines_ssh(const uint8_t *bytes, size_t length,
                                        struct ssh_version *version);

#endif
