/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what is secret: of options, variables, headers, fields. */
#include <ctype.h>
#include <string.h>

#include "processes/redact.h"

#define NAME_MAX_LENGTH 128 /* of a longer one the end counts */

/* Anywhere in a name. */
static const char *const parts[] = {
	"authorization", "bearer",     "connectionstring", "cookie",    "credential", "jwt",
	"passcode",      "passphrase", "passwd",           "password",  "psk",        "secret",
	"sessionid",     "session_id", "session-id",       "signature", "token",
};
/* One of its words, "db-pw". */
static const char *const words[] = { "cred",    "creds", "otp", "pass", "passin",
	                             "passout", "pin",   "pw",  "pwd",  "sig" };
/* The end of one of its words, "dbPass". */
static const char *const ends[] = { "pass", "pwd" };
/* Words that end so, or have "key" in them, and are none. */
static const char *const harmless[] = { "bypass",   "compass",  "hockey",  "keyboard",
	                                "keyframe", "keymap",   "keyword", "monkey",
	                                "overpass", "trespass", "turkey" };
/* Where a secret is, or what it is like: not the secret. */
static const char *const abouts[] = { "algorithm", "algorithms", "checking", "dir", "file",
	                              "length",    "path",       "size",     "ttl", "type" };

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool ends_with(const char *text, size_t length, const char *end)
{
	size_t end_length = strlen(end);

	return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

static bool has_word(const char *word, size_t length)
{
	for (size_t i = 0; i < COUNT(harmless); i++)
		if (memmem(word, length, harmless[i], strlen(harmless[i])))
			return false;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
			return true;
	for (size_t i = 0; i < COUNT(ends); i++)
		if (ends_with(word, length, ends[i]))
			return true;
	return memmem(word, length, "key", 3) != NULL;
}

bool redact_is_secret_name(const char *name, size_t length)
{
	char lower[NAME_MAX_LENGTH];
	size_t from = length > sizeof lower ? length - sizeof lower : 0;
	size_t word = 0;

	length -= from;
	for (size_t i = 0; i < length; i++)
		lower[i] = (char)tolower((unsigned char)name[from + i]);
	for (size_t i = 0; i < COUNT(abouts); i++)
		if (ends_with(lower, length, abouts[i]))
			return false;
	for (size_t i = 0; i < COUNT(parts); i++)
		if (memmem(lower, length, parts[i], strlen(parts[i])))
			return true;
	for (size_t i = 0; i <= length; i++) {
		if (i < length && isalnum((unsigned char)lower[i]))
			continue;
		if (i > word && has_word(lower + word, i - word))
			return true;
		word = i + 1;
	}
	/* As the last word alone: "proxy-auth" has one, "auth-type" says which. */
	return ends_with(lower, length, "auth");
}
