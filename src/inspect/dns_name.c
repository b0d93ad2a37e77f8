/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/dns_name.h"

#include <errno.h>
#include <string.h>

#define OCTETS_MAX 255 /* RFC 1035 3.1, with the root's */
#define POINTER    0xc0

struct text {
	char *bytes;
	size_t length, size;
};

/* False: there is no room for it and a NUL. */
static bool append(struct text *text, const char *bytes, size_t length)
{
	if (length >= text->size - text->length)
		return false;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	return true;
}

static bool append_octet(struct text *text, uint8_t octet)
{
	char escaped[4] = { '\\', (char)octet };

	if (octet == '.' || octet == '\\')
		return append(text, escaped, 2);
	if (octet > ' ' && octet < 0x7f)
		return append(text, escaped + 1, 1);
	escaped[1] = (char)('0' + octet / 100);
	escaped[2] = (char)('0' + octet / 10 % 10);
	escaped[3] = (char)('0' + octet % 10);
	return append(text, escaped, 4);
}

/* Octets of host names, which stand for themselves. */
static const bool is_plain[UINT8_MAX + 1] = {
	['-'] = true,
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['a' ... 'z'] = true,
};

/* Quick: what stands for itself at the beginning of a label, in host names all of it. */
static int append_plain(struct text *text, const uint8_t *label, uint8_t length)
{
	char *to = text->bytes + text->length;
	size_t room = text->size - text->length - 1; /* a NUL follows */
	int i = 0;

	for (int limit = length < room ? length : (int)room; i < limit && is_plain[label[i]]; i++)
		to[i] = (char)label[i];
	text->length += (size_t)i;
	return i;
}

static bool append_label(struct text *text, const uint8_t *label, uint8_t length)
{
	if (text->length > 0 && !append(text, ".", 1))
		return false;
	for (int i = append_plain(text, label, length); i < length; i++)
		if (!append_octet(text, label[i]))
			return false;
	return true;
}

int dns_name_read(const uint8_t *message, size_t length, size_t offset, char *bytes, size_t size)
{
	struct text text = { .bytes = bytes, .size = size };
	size_t octets = 1, before = offset;

	if (size < 2)
		return -ENOSPC;
	while (offset < length && message[offset] != 0) {
		uint8_t label = message[offset];

		if ((label & POINTER) == POINTER) {
			size_t target;

			if (length - offset < 2)
				return -EINVAL;
			target = (size_t)(label & ~POINTER) << 8 | message[offset + 1];
			if (target >= before) /* each goes further back, so that they end */
				return -EINVAL;
			offset = before = target;
			continue;
		}
		octets += 1u + label;
		if ((label & POINTER) != 0 || label >= length - offset || octets > OCTETS_MAX)
			return -EINVAL;
		if (!append_label(&text, message + offset + 1, label))
			return -ENOSPC;
		offset += 1u + label;
	}
	if (offset >= length)
		return -EINVAL;
	if (text.length == 0)
		text.bytes[text.length++] = '.';
	text.bytes[text.length] = '\0';
	return (int)text.length;
}

static char lower(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

bool dns_name_equal(const char *a, const char *b)
{
	if (strcmp(a, b) == 0) /* as most that are compared */
		return true;
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

void dns_name_lower(char *to, const char *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = lower(from[i]);
}
