/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/owner_text.h"

#include <limits.h>
#include <string.h>

#include "base/utf8.h"

static const char prefix[] = "sockline: ";
#define PREFIX (sizeof prefix - 1)

enum value_kind {
	VALUE_TEXT,
	VALUE_PID,
	VALUE_ID, /* of a user; a bool before it says that it is there */
	VALUE_HEX,
	VALUE_NS,
};

#define AT(field) offsetof(struct owner_facts, field)

/* In the order in which they are written. */
static const struct {
	const char *key;
	enum value_kind kind;
	size_t field, known;
} members[] = {
	{ "process.pid", VALUE_PID, AT(pid), 0 },
	{ "process.name", VALUE_TEXT, AT(texts.name), 0 },
	{ "process.entity_id", VALUE_HEX, AT(entity_id), 0 },
	{ "process.executable", VALUE_TEXT, AT(texts.executable), 0 },
	{ "process.start_ns", VALUE_NS, AT(start_ns), 0 },
	{ "process.parent.pid", VALUE_PID, AT(parent_pid), 0 },
	{ "process.parent.name", VALUE_TEXT, AT(texts.parent_name), 0 },
	{ "user.id", VALUE_ID, AT(real_uid), AT(has_real_uid) },
	{ "user.name", VALUE_TEXT, AT(texts.user_name), 0 },
	{ "user.effective.id", VALUE_ID, AT(uid), AT(has_uid) },
	{ "user.effective.name", VALUE_TEXT, AT(texts.effective_user_name), 0 },
	{ "container.id", VALUE_TEXT, AT(texts.container_id), 0 },
};
#define MEMBERS (sizeof members / sizeof *members)

static const char depth_key[] = "tunnel.depth";

static const char *const ends[] = {
	[OWNER_TEXT_ANY] = "",
	[OWNER_TEXT_SOURCE] = "end=source ",
	[OWNER_TEXT_DESTINATION] = "end=destination ",
};

bool owner_text_begins(const char *line, size_t length)
{
	return length > PREFIX && memcmp(line, prefix, PREFIX) == 0;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* \xNN is a byte. False: a backslash before anything else. */
static bool unescape(const char *from, size_t length, char **scratch, struct process_text *text)
{
	char *to = *scratch;

	for (size_t i = 0; i < length; i++) {
		int high, low;

		if (from[i] != '\\') {
			*to++ = from[i];
			continue;
		}
		if (length - i < 4 || from[i + 1] != 'x')
			return false;
		high = hex_digit(from[i + 2]);
		low = hex_digit(from[i + 3]);
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return false;
		*to++ = (char)(high << 4 | low);
		i += 3;
	}
	*text = (struct process_text){ *scratch, (size_t)(to - *scratch) };
	*scratch = to;
	return text->length > 0;
}

static bool parse_number(const char *from, size_t length, unsigned base, uint64_t maximum,
                         uint64_t *number)
{
	uint64_t result = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = hex_digit(from[i]);

		if (digit < 0 || (unsigned)digit >= base ||
		    result > (maximum - (unsigned)digit) / base)
			return false;
		result = result * base + (unsigned)digit;
	}
	*number = result;
	return true;
}

static bool parse_value(size_t member, const char *from, size_t length, char **scratch,
                        struct owner_facts *facts)
{
	char *field = (char *)facts + members[member].field;
	uint64_t number;

	switch (members[member].kind) {
	case VALUE_TEXT:
		return unescape(from, length, scratch, (struct process_text *)(void *)field);
	case VALUE_PID:
		if (!parse_number(from, length, 10, INT_MAX, &number) || number == 0)
			return false;
		*(int *)(void *)field = (int)number;
		return true;
	case VALUE_ID:
		if (!parse_number(from, length, 10, UINT32_MAX, &number))
			return false;
		*(uint32_t *)(void *)field = (uint32_t)number;
		*((bool *)(void *)facts + members[member].known) = true;
		return true;
	case VALUE_HEX:
		return parse_number(from, length, 16, UINT64_MAX, (uint64_t *)(void *)field);
	case VALUE_NS:
		if (!parse_number(from, length, 10, INT64_MAX, &number))
			return false;
		*(int64_t *)(void *)field = (int64_t)number;
		return true;
	}
	return false;
}

static bool parse_shared(const char *from, size_t length, struct owner_facts *facts)
{
	const char *end = from + length;

	for (;;) {
		const char *comma = memchr(from, ',', (size_t)(end - from));
		uint64_t pid;

		if (facts->shared_count == OWNER_SHARED_MAX ||
		    !parse_number(from, (size_t)((comma ? comma : end) - from), 10, INT_MAX,
		                  &pid) ||
		    pid == 0)
			return false;
		facts->shared_pids[facts->shared_count++] = (int)pid;
		if (!comma)
			return true;
		from = comma + 1;
	}
}

static bool is(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* NONE: it is not known. */
static enum attribution_reason reason_of(const char *text, size_t length)
{
	int reason = ATTRIBUTION_REPLAY;

	while (reason > ATTRIBUTION_REASON_NONE &&
	       !is(text, length, attribution_reason_name((enum attribution_reason)reason)))
		reason--;
	return (enum attribution_reason)reason;
}

/* Keys that are not known are those of a later version. */
static bool parse_member(const char *key, size_t key_length, const char *value, size_t length,
                         char **scratch, struct owner_facts *facts)
{
	if (is(key, key_length, "attribution.shared_pids"))
		return parse_shared(value, length, facts);
	if (is(key, key_length, depth_key)) /* not where it belongs, or none that can be */
		return false;
	if (is(key, key_length, "attribution.reason"))
		facts->reason = reason_of(value, length);
	if (is(key, key_length, "attribution.method"))
		facts->likely = is(value, length, attribution_method_name(ATTRIBUTION_GUESS));
	for (size_t i = 0; i < MEMBERS; i++)
		if (is(key, key_length, members[i].key))
			return parse_value(i, value, length, scratch, facts);
	return true;
}

static enum owner_text_end take_end(const char *line, size_t length, size_t *before)
{
	for (int end = OWNER_TEXT_SOURCE; end <= OWNER_TEXT_DESTINATION; end++) {
		size_t size = strlen(ends[end]);

		if (length - *before > size && memcmp(line + *before, ends[end], size) == 0) {
			*before += size;
			return (enum owner_text_end)end;
		}
	}
	return OWNER_TEXT_ANY;
}

static uint8_t take_depth(const char *line, size_t length, size_t *before)
{
	const char *at = line + *before, *space = memchr(at, ' ', length - *before);
	size_t size = space ? (size_t)(space - at) : 0;
	uint64_t depth;

	if (size < sizeof depth_key || memcmp(at, depth_key, sizeof depth_key - 1) != 0 ||
	    at[sizeof depth_key - 1] != '=' ||
	    !parse_number(at + sizeof depth_key, size - sizeof depth_key, 10, UINT8_MAX, &depth) ||
	    depth == 0)
		return 0;
	*before += size + 1;
	return (uint8_t)depth;
}

struct owner_text_place owner_text_place(const char *line, size_t length, size_t *before)
{
	struct owner_text_place place;

	*before = PREFIX;
	place.end = take_end(line, length, before);
	place.tunnel_depth = take_depth(line, length, before);
	return place;
}

bool owner_text_parse(const char *line, size_t length, char *scratch, struct owner_facts *facts)
{
	const char *at, *stop = line + length;
	size_t before;

	*facts = (struct owner_facts){ .pid = 0 };
	if (!owner_text_begins(line, length) || length > OWNER_TEXT_MAX)
		return false;
	owner_text_place(line, length, &before);
	at = line + before;
	while (at < stop) {
		const char *space = memchr(at, ' ', (size_t)(stop - at));
		const char *member_end = space ? space : stop;
		const char *equal = memchr(at, '=', (size_t)(member_end - at));

		if (!equal || !parse_member(at, (size_t)(equal - at), equal + 1,
		                            (size_t)(member_end - equal) - 1, &scratch, facts))
			return false;
		at = space ? space + 1 : stop;
	}
	return facts->pid > 0 || facts->reason != ATTRIBUTION_REASON_NONE;
}

/* Bytes of the character at the front that a terminal or Wireshark shows as it is; 0: none. */
static size_t plain_length(const char *text, size_t length)
{
	const unsigned char first = (unsigned char)text[0];
	size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	char shown[8];
	struct buf buf = { .data = shown, .capacity = sizeof shown };

	if (first <= ' ' || first == '\\' || first == 0x7f || size > length)
		return 0;
	if (size == 1)
		return 1;
	if (!utf8_valid(text, size))
		return 0;
	/* Controls of Unicode are escaped there. */
	utf8_append_log(&buf, text, size);
	return !buf.overflow && buf.length == size && memcmp(shown, text, size) == 0 ? size : 0;
}

static void append_text(struct buf *buf, struct process_text text)
{
	for (size_t i = 0; i < text.length;) {
		size_t plain = plain_length(text.text + i, text.length - i);

		if (plain > 0) {
			buf_append(buf, text.text + i, plain);
			i += plain;
			continue;
		}
		buf_append_literal(buf, "\\x");
		buf_append_hex(buf, (unsigned char)text.text[i++], 2);
	}
}

/* A space is there already in front of the first one. */
static void append_key(struct buf *buf, const char *key)
{
	if (buf->length > 0 && buf->data[buf->length - 1] != ' ')
		buf_append_char(buf, ' ');
	buf_append_string(buf, key);
	buf_append_char(buf, '=');
}

static void append_number(struct buf *buf, const char *key, uint64_t number)
{
	append_key(buf, key);
	buf_append_u64(buf, number);
}

static void append_member(struct buf *buf, size_t member, const struct owner_facts *facts)
{
	const char *field = (const char *)facts + members[member].field, *key = members[member].key;
	const struct process_text *text = (const void *)field;
	uint64_t hex;

	switch (members[member].kind) {
	case VALUE_TEXT:
		if (!text->text || text->length == 0)
			return;
		append_key(buf, key);
		append_text(buf, *text);
		return;
	case VALUE_PID:
		if (*(const int *)(const void *)field > 0)
			append_number(buf, key, (uint64_t) * (const int *)(const void *)field);
		return;
	case VALUE_ID:
		if (*((const bool *)(const void *)facts + members[member].known))
			append_number(buf, key, *(const uint32_t *)(const void *)field);
		return;
	case VALUE_HEX:
		hex = *(const uint64_t *)(const void *)field;
		if (hex == 0)
			return;
		append_key(buf, key);
		buf_append_hex(buf, hex, 16);
		return;
	case VALUE_NS:
		if (*(const int64_t *)(const void *)field > 0)
			append_number(buf, key, (uint64_t) * (const int64_t *)(const void *)field);
		return;
	}
}

void owner_text_append(struct buf *buf, struct owner_text_place place,
                       const struct owner_facts *facts, const char *method)
{
	buf_append(buf, prefix, PREFIX);
	buf_append_string(buf, ends[place.end]);
	if (place.tunnel_depth > 0)
		append_number(buf, depth_key, place.tunnel_depth);
	for (size_t i = 0; i < MEMBERS; i++)
		append_member(buf, i, facts);
	append_key(buf, "attribution.method");
	buf_append_string(buf, method);
	if (facts->reason != ATTRIBUTION_REASON_NONE) {
		append_key(buf, "attribution.reason");
		buf_append_string(buf, attribution_reason_name(facts->reason));
	}
	if (facts->shared_count > 0)
		append_key(buf, "attribution.shared_pids");
	for (int i = 0; i < facts->shared_count; i++) {
		if (i > 0)
			buf_append_char(buf, ',');
		buf_append_u64(buf, (uint64_t)facts->shared_pids[i]);
	}
}
