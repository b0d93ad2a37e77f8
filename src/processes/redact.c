/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/redact.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/*
 * An argument, and which of its bytes are secret. What looks at it takes a time that grows with
 * its length and no faster: whoever executes a program can make it as bad as can be.
 */
struct text {
	const char *bytes;
	size_t length;
	size_t blank; /* the first one; the length when there is none */
	uint8_t secret[REDACT_MAX];
};

static void mask(struct text *text, size_t from, size_t to)
{
	if (from < to)
		memset(text->secret + from, 1, to - from);
}

static bool is_one_of(char byte, const char *bytes)
{
	return byte != '\0' && strchr(bytes, byte);
}

static size_t find_one_of(const struct text *text, size_t from, const char *bytes)
{
	while (from < text->length && !is_one_of(text->bytes[from], bytes))
		from++;
	return from;
}

#define BLANKS " \t\r\n"
#define QUOTES "\"'`"

/* After the quote that closes the one at `from`; a backslash escapes one. */
static size_t end_of_quoted(const struct text *text, size_t from)
{
	size_t at = from + 1;

	while (at < text->length && text->bytes[at] != text->bytes[from])
		at += text->bytes[at] == '\\' ? 2 : 1;
	return at < text->length ? at + 1 : text->length;
}

static bool begins(const struct text *text, size_t at, const char *what)
{
	size_t length = strlen(what);

	return text->length - at >= length && strncasecmp(text->bytes + at, what, length) == 0;
}

/* The scheme before "://" is that of the Web, where a name alone may be a token. */
static bool is_web(const struct text *text, size_t colon)
{
	static const char *const schemes[] = { "http", "https", "ws", "wss" };
	size_t from = colon;

	while (from > 0 && isalpha((unsigned char)text->bytes[from - 1]))
		from--;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strlen(schemes[i]) == colon - from && begins(text, from, schemes[i]))
			return true;
	return false;
}

static size_t find_last(const struct text *text, size_t from, size_t to, char byte)
{
	const char *found = memrchr(text->bytes + from, byte, to - from);

	return found ? (size_t)(found - text->bytes) : to;
}

/* A colon that no number of a port follows. */
static bool has_password(const struct text *text, size_t from, size_t to)
{
	const char *colon = memchr(text->bytes + from, ':', to - from);

	for (size_t at = colon ? (size_t)(colon + 1 - text->bytes) : to; at < to; at++)
		if (!isdigit((unsigned char)text->bytes[at]))
			return true;
	return false;
}

/* scheme://user:password@host */
static void mask_urls(struct text *text)
{
	size_t none = 0; /* up to here no word has the sign */

	for (size_t at = 0; at + 3 < text->length; at++) {
		size_t from = at + 3, to, sign;

		if (!begins(text, at, "://"))
			continue;
		to = find_one_of(text, from, "/?#<>" BLANKS QUOTES);
		sign = find_last(text, from, to, '@');
		if (sign == to && from >= none && has_password(text, from, to)) {
			/* It may have a slash that should have been escaped. */
			to = find_one_of(text, from, "<>" BLANKS QUOTES);
			sign = find_last(text, from, to, '@');
			none = to;
		}
		if (sign < to && (memchr(text->bytes + from, ':', sign - from) || is_web(text, at)))
			mask(text, from, sign);
		/* What was masked has no other one. */
		at = sign < to ? sign : at;
	}
}

/* user:password@tcp(host)/database, as in Go's database drivers */
static void mask_source_names(struct text *text)
{
	static const char *const networks[] = { "@(", "@tcp(", "@tcp6(", "@udp(", "@unix(" };
	size_t word = 0, colon = SIZE_MAX;

	for (size_t at = 0; at < text->length; at++) {
		if (is_one_of(text->bytes[at], "=/" BLANKS QUOTES)) {
			/* A password may have a slash or a sign of equality. */
			if (colon == SIZE_MAX || is_one_of(text->bytes[at], BLANKS QUOTES)) {
				word = at + 1;
				colon = SIZE_MAX;
			}
			continue;
		}
		if (text->bytes[at] == ':' && colon == SIZE_MAX && at > word)
			colon = at;
		for (size_t i = 0; colon != SIZE_MAX && i < sizeof networks / sizeof *networks; i++)
			if (begins(text, at, networks[i])) {
				mask(text, colon + 1, at);
				word = at + 1;
				colon = SIZE_MAX;
				break;
			}
	}
}

static bool is_of_name(char byte)
{
	return isalnum((unsigned char)byte) || is_one_of(byte, "_.-[]");
}

/* Where the value ends that begins at `from`. */
static size_t end_of_value(const struct text *text, size_t name, size_t from, char sign)
{
	if (from < text->length && is_one_of(text->bytes[from], QUOTES))
		return end_of_quoted(text, from);
	/* A part of the query of a URL. */
	if (name > 0 && is_one_of(text->bytes[name - 1], "?&"))
		return find_one_of(text, from, "&#" BLANKS QUOTES);
	/* A header, in words that a shell takes apart, or in JSON. */
	if (sign == ':')
		return name == 0 ? text->length : find_one_of(text, from, "\n" QUOTES);
	return text->blank < name ? find_one_of(text, from, BLANKS QUOTES) : text->length;
}

/* NAME: VALUE, "NAME":VALUE, and at the beginning NAME:VALUE, but neither a port nor a scheme. */
static bool is_colon_of_header(const struct text *text, size_t name, size_t at, bool quoted)
{
	size_t next = at + 1;

	if (quoted)
		return true;
	if (next < text->length && is_one_of(text->bytes[next], BLANKS))
		return true;
	if (name > 0 || begins(text, at, "://"))
		return false;
	while (next < text->length && isdigit((unsigned char)text->bytes[next]))
		next++;
	return next < text->length;
}

/* Where the name before the sign at `at` is; false: there is none, or what it names is no secret. */
static bool find_secret_name(const struct text *text, size_t at, size_t *name, bool *quoted)
{
	size_t end = at;

	while (end > 0 && is_one_of(text->bytes[end - 1], BLANKS))
		end--;
	*quoted = end > 0 && is_one_of(text->bytes[end - 1], "\"'\\");
	while (end > 0 && is_one_of(text->bytes[end - 1], "\"'\\"))
		end--;
	*name = end;
	while (*name > 0 && is_of_name(text->bytes[*name - 1]))
		--*name;
	if (*name > 0 && is_one_of(text->bytes[*name - 1], "?&") && end - *name == 4 &&
	    begins(text, *name, "code"))
		return true; /* of RFC 6749 section 4.1.2 */
	return end > *name && redact_is_secret_name(text->bytes + *name, end - *name);
}

/* NAME=VALUE, "NAME": "VALUE", NAME: VALUE */
static void mask_assignments(struct text *text)
{
	for (size_t at = 0; at < text->length; at++) {
		char sign = text->bytes[at];
		size_t name, value = at + 1, end;
		bool quoted;

		if ((sign != '=' && sign != ':') || !find_secret_name(text, at, &name, &quoted) ||
		    (sign == ':' && !is_colon_of_header(text, name, at, quoted)))
			continue;
		while (value < text->length && is_one_of(text->bytes[value], BLANKS "\\"))
			value++;
		end = end_of_value(text, name, value, sign);
		mask(text, value, end);
		at = end > at ? end - 1 : at;
	}
}

/* How tokens of well-known services begin, whatever they are the value of. */
static bool is_token(const struct text *text, size_t from, size_t to)
{
	static const char *const beginnings[] = {
		"AIza",  "AKIA", "ASIA",     "dckr_pat_",   "eyJ",    "ghp_",  "gho_",
		"ghs_",  "ghu_", "ghr_",     "github_pat_", "glpat-", "hvs.",  "npm_",
		"pypi-", "sk-",  "sk_live_", "sk_test_",    "xoxa-",  "xoxb-", "xoxp-",
	};

	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
		size_t length = strlen(beginnings[i]);

		if (to - from >= 20 && memcmp(text->bytes + from, beginnings[i], length) == 0)
			return true;
	}
	return false;
}

/* "Bearer VALUE" */
static void mask_scheme(struct text *text, size_t from, size_t to)
{
	size_t value = to;

	if (!(to - from == 6 && begins(text, from, "bearer")) &&
	    !(to - from == 5 && begins(text, from, "basic")))
		return;
	while (value < text->length && is_one_of(text->bytes[value], BLANKS))
		value++;
	if (value > to)
		mask(text, value, find_one_of(text, value, BLANKS QUOTES));
}

/* What is a secret by its look. */
static void mask_tokens(struct text *text)
{
	static const char key[] = "PRIVATE KEY-----";

	for (size_t at = 0; at < text->length;) {
		size_t end = at;

		if (begins(text, at, key))
			mask(text, at + sizeof key - 1, text->length);
		while (end < text->length && is_of_name(text->bytes[end]))
			end++;
		if (is_token(text, at, end))
			mask(text, at, end);
		mask_scheme(text, at, end);
		at = end > at ? end : at + 1;
	}
}

/* The words of a command line in one argument, as after `sh -c'. */
static void mask_words(struct text *text)
{
	struct redact inner = { 0 };
	size_t at = 0;

	while (at < text->length) {
		size_t end, from;
		int secret;

		if (is_one_of(text->bytes[at], BLANKS "()")) {
			at++;
			continue;
		}
		from = is_one_of(text->bytes[at], QUOTES) ? at + 1 : at;
		end = from > at && inner.value_next ? end_of_quoted(text, at)
		                                    : find_one_of(text, at, BLANKS);
		if (inner.value_next) {
			inner.value_next = false;
			mask(text, at, end);
		} else {
			secret = redact_word(&inner, text->bytes + from, end - from);
			if (secret != REDACT_NOTHING)
				mask(text, from + (size_t)secret, end);
		}
		at = end;
	}
}

static void append(const struct text *text, struct buf *out)
{
	for (size_t at = 0; at < text->length;) {
		size_t end = at;

		while (end < text->length && text->secret[end] == text->secret[at])
			end++;
		if (text->secret[at])
			buf_append_literal(out, REDACT_MARK);
		else
			buf_append(out, text->bytes + at, end - at);
		at = end;
	}
}

void redact_argument(struct redact *redact, const char *argument, size_t length, struct buf *out)
{
	struct text text;
	int secret;

	if (length > REDACT_MAX) {
		out->overflow = true;
		return;
	}
	text.bytes = argument;
	text.length = length;
	text.blank = find_one_of(&text, 0, BLANKS);
	memset(text.secret, 0, length);
	if (redact->value_next) {
		redact->value_next = false;
		mask(&text, 0, length);
	} else {
		secret = redact_word(redact, argument, length);
		if (secret != REDACT_NOTHING)
			mask(&text, (size_t)secret, length);
		mask_urls(&text);
		mask_source_names(&text);
		mask_assignments(&text);
		mask_tokens(&text);
		if (text.blank < length)
			mask_words(&text);
	}
	append(&text, out);
}
