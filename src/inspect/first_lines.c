/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/first_lines.h"

#include <string.h>
#include <strings.h>

static bool is_graphic(uint8_t byte)
{
	return byte > ' ' && byte < 0x7f;
}

/* Up to the LF at the end of the line, or NULL. */
static const uint8_t *end_of_line(const uint8_t *at, const uint8_t *end)
{
	return at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
}

/* The line without the CR that is before its LF. */
static size_t length_of_line(const uint8_t *line, const uint8_t *feed)
{
	size_t length = (size_t)(feed - line);

	return length > 0 && line[length - 1] == '\r' ? length - 1 : length;
}

/* "GET", and a space; 0: it begins with something else, or goes on. */
static size_t length_of_method(const uint8_t *bytes, size_t length)
{
	size_t i = 0;

	while (i < length && i <= FIRST_LINES_METHOD_MAX && bytes[i] >= 'A' && bytes[i] <= 'Z')
		i++;
	return i < length && i <= FIRST_LINES_METHOD_MAX && bytes[i] == ' ' ? i : 0;
}

/* "METHOD target HTTP/1.x"; servers accept spaces in the target, and attacks have them. */
static bool read_request_line(const uint8_t *line, size_t length, struct http_request *request)
{
	static const char version[] = " HTTP/1.";
	size_t method = length_of_method(line, length), tail = sizeof version; /* and a digit */

	if (method == 0 || length < method + 2 + tail)
		return false;
	if (memcmp(line + length - tail, version, sizeof version - 1) != 0 ||
	    line[length - 1] < '0' || line[length - 1] > '9')
		return false;
	for (size_t i = method + 1; i < length - tail; i++)
		if (line[i] < ' ' || line[i] == 0x7f)
			return false;
	memcpy(request->method, line, method);
	request->method[method] = '\0';
	return true;
}

/* A name, an address, or one of IPv6 in brackets; then a port perhaps. */
static void read_host(const uint8_t *value, size_t length, struct http_request *request)
{
	size_t used = 0;
	bool bracket;

	while (length > 0 && (value[0] == ' ' || value[0] == '\t')) {
		value++;
		length--;
	}
	bracket = length > 0 && value[0] == '[';
	while (used < length && value[used] != ' ' && (bracket || value[used] != ':')) {
		if (!is_graphic(value[used]) || used == FIRST_LINES_HOST_MAX)
			return;
		used++;
		if (bracket && value[used - 1] == ']')
			break;
	}
	memcpy(request->host, value, used);
	request->host[used] = '\0';
}

static bool is_host_header(const uint8_t *line, size_t length)
{
	static const char name[] = "host:";

	return length >= sizeof name - 1 &&
	       strncasecmp((const char *)line, name, sizeof name - 1) == 0;
}

enum first_lines_status first_lines_http(const uint8_t *bytes, size_t length, bool cut,
                                         struct http_request *request)
{
	const uint8_t *end = bytes + length, *feed = end_of_line(bytes, end);
	size_t method = length_of_method(bytes, length);

	if (method == 0 && (length > FIRST_LINES_METHOD_MAX || feed))
		return FIRST_LINES_NONE;
	if (!feed)
		return cut ? FIRST_LINES_NONE : FIRST_LINES_MORE;
	memset(request, 0, sizeof *request);
	if (!read_request_line(bytes, length_of_line(bytes, feed), request))
		return FIRST_LINES_NONE;
	while (true) {
		const uint8_t *line = feed + 1;

		feed = end_of_line(line, end);
		if (!feed)
			return cut ? FIRST_LINES_FOUND : FIRST_LINES_MORE;
		if (length_of_line(line, feed) == 0)
			return FIRST_LINES_FOUND;
		if (!is_host_header(line, length_of_line(line, feed)))
			continue;
		read_host(line + 5, length_of_line(line, feed) - 5, request);
		return FIRST_LINES_FOUND;
	}
}

enum first_lines_status first_lines_ssh(const uint8_t *bytes, size_t length,
                                        struct ssh_version *version)
{
	static const char start[] = "SSH-";
	const uint8_t *feed = end_of_line(bytes, bytes + length);
	size_t known = length < sizeof start - 1 ? length : sizeof start - 1, used;

	if (memcmp(bytes, start, known) != 0)
		return FIRST_LINES_NONE;
	if (!feed)
		return length > FIRST_LINES_VERSION_MAX + 1 ? FIRST_LINES_NONE : FIRST_LINES_MORE;
	used = length_of_line(bytes, feed);
	if (used < sizeof start - 1 || used > FIRST_LINES_VERSION_MAX)
		return FIRST_LINES_NONE;
	for (size_t i = 0; i < used; i++)
		if (bytes[i] != ' ' && !is_graphic(bytes[i]))
			return FIRST_LINES_NONE;
	memcpy(version->text, bytes, used);
	version->text[used] = '\0';
	return FIRST_LINES_FOUND;
}
