/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Words of command lines: options with secret values, and what some programs call them. */
#include <string.h>

#include "processes/redact.h"

enum how {
	EITHER,   /* -p VALUE or -pVALUE */
	ATTACHED, /* -pVALUE alone: -p asks for it */
};

struct program {
	const char *name;    /* of the file; with a star at its end the beginning */
	const char *letters; /* of options with secret values */
	const char *plain;   /* letters without values, that may stand before in one word */
	const char *option;  /* a long one whose name does not show it; NULL = none */
	enum how how;
	bool at_login;  /* letters only where a word of it is "login", operands then as a whole */
	size_t operand; /* from this one on operands are secret: 1, 2, ...; 0 = none */
	bool batch;     /* only with -b, and one earlier with -n */
	char after;     /* secret from this byte of an operand on; 0 = all of it */
};

static const struct program programs[] = {
	{ .name = "7z*", .letters = "p", .how = ATTACHED },
	{ .name = "ab", .letters = "AP" },
	{ .name = "az", .letters = "p", .at_login = true },
	{ .name = "bcp", .letters = "P" },
	{ .name = "beeline", .letters = "p" },
	{ .name = "buildah", .letters = "p", .at_login = true },
	{ .name = "cqlsh", .letters = "p" },
	{ .name = "curl",
	  .letters = "uUbE",
	  .plain = "#0123456BGIJLMNOSVZafgijklnpqRsv",
	  .option = "user" },
	{ .name = "docker", .letters = "p", .at_login = true },
	{ .name = "etcdctl", .letters = "", .option = "user" },
	{ .name = "helm", .letters = "p", .at_login = true },
	{ .name = "htpasswd", .letters = "", .operand = 3, .batch = true },
	{ .name = "http", .letters = "a" },
	{ .name = "https", .letters = "a" },
	{ .name = "ipmitool", .letters = "P" },
	{ .name = "isql", .letters = "P" },
	{ .name = "kubectl", .letters = "", .option = "from-literal" },
	{ .name = "ldap*", .letters = "w", .plain = "ZLvxnc" },
	{ .name = "lftp", .letters = "u" },
	{ .name = "mariadb*", .letters = "p", .plain = "vstBfqNrE", .how = ATTACHED },
	{ .name = "mongo*", .letters = "p" },
	{ .name = "mosquitto_*", .letters = "P" },
	{ .name = "mycli", .letters = "p" },
	{ .name = "mysql*", .letters = "p", .plain = "vstBfqNrE", .how = ATTACHED },
	{ .name = "ncftp*", .letters = "p" },
	{ .name = "nerdctl", .letters = "p", .at_login = true },
	{ .name = "net", .letters = "U" },
	{ .name = "oc", .letters = "p", .option = "from-literal", .at_login = true },
	{ .name = "openssl", .letters = "kK" },
	{ .name = "podman", .letters = "p", .at_login = true },
	{ .name = "rar", .letters = "p", .plain = "h", .how = ATTACHED },
	{ .name = "rdesktop", .letters = "p" },
	{ .name = "redis-cli", .letters = "a" },
	{ .name = "rpcclient", .letters = "U" },
	{ .name = "skopeo", .letters = "p", .at_login = true },
	{ .name = "smb*", .letters = "U" },
	{ .name = "snmp*", .letters = "AXc" },
	{ .name = "sqlcmd", .letters = "P" },
	{ .name = "sqlplus", .letters = "", .operand = 1, .after = '/' },
	{ .name = "ssh-keygen", .letters = "NP", .plain = "q" },
	{ .name = "sshpass", .letters = "p" },
	{ .name = "tsql", .letters = "P" },
	{ .name = "unrar", .letters = "p", .how = ATTACHED },
	{ .name = "unzip", .letters = "P" },
	{ .name = "useradd", .letters = "p" },
	{ .name = "usermod", .letters = "p" },
	{ .name = "vault", .letters = "", .at_login = true, .operand = 2, .after = '=' },
	{ .name = "wpa_passphrase", .letters = "", .operand = 2 },
	{ .name = "xh", .letters = "a" },
	{ .name = "zip", .letters = "P" },
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

_Static_assert(COUNT(programs) <= 64, "a bit for each");

static bool is_program(const char *name, const char *word, size_t length)
{
	size_t name_length = strlen(name);

	if (name[name_length - 1] == '*')
		return length >= name_length - 1 && memcmp(name, word, name_length - 1) == 0;
	return length == name_length && memcmp(name, word, length) == 0;
}

/* The place of the program in the table, or REDACT_NOTHING. */
static int find_program(const char *word, size_t length)
{
	const char *slash = memrchr(word, '/', length);

	if (slash) {
		length -= (size_t)(slash + 1 - word);
		word = slash + 1;
	}
	for (size_t i = 0; i < COUNT(programs); i++)
		if (is_program(programs[i].name, word, length))
			return (int)i;
	return REDACT_NOTHING;
}

/* The next program that was named, from `from` on: `docker exec db mysql' has two. */
static const struct program *next_program(const struct redact *redact, size_t *from)
{
	while (*from < COUNT(programs)) {
		size_t number = (*from)++;

		if (redact->programs >> number & 1)
			return &programs[number];
	}
	return NULL;
}

static bool equals(const char *word, size_t length, const char *text)
{
	return strlen(text) == length && memcmp(word, text, length) == 0;
}

/* Names whose value is the next operand, in nmcli(1), redis-cli(1), aws(1) and npm-config(1). */
static bool names_next_operand(const char *word, size_t length)
{
	static const char *const names[] = {
		"AUTH",        "_auth",      "_authToken", "_password", "aws_secret_access_key",
		"masterauth",  "passphrase", "password",   "psk",       "aws_session_token",
		"requirepass",
	};
	size_t last = length; /* "802-1x.password", "//registry/:_authToken" */

	while (last > 0 && word[last - 1] != '.' && word[last - 1] != ':')
		last--;
	for (size_t i = 0; i < COUNT(names); i++)
		if (equals(word + last, length - last, names[i]))
			return true;
	return false;
}

static int operand_of(const struct redact *redact, const struct program *program, const char *word,
                      size_t length)
{
	const char *after;

	if (program->operand == 0 || (program->batch && !redact->batch) ||
	    redact->operands < program->operand - redact->no_file)
		return REDACT_NOTHING;
	if (program->after == 0 || (program->at_login && redact->login))
		return 0;
	after = memchr(word, program->after, length);
	return after ? (int)(after + 1 - word) : REDACT_NOTHING;
}

/* A program that is named once is taken for one, though it may be a file or a user. */
static void add_program(struct redact *redact, int number)
{
	uint64_t bit = UINT64_C(1) << number;

	if (programs[number].operand > 0 && !(redact->programs & bit))
		redact->operands = 0;
	else
		redact->operands++;
	redact->programs |= bit;
}

static int plain_word(struct redact *redact, const char *word, size_t length)
{
	const struct program *program;
	size_t from = 0;
	int number = find_program(word, length), secret = REDACT_NOTHING;

	redact->value_next = names_next_operand(word, length);
	redact->login |= equals(word, length, "login");
	/* Options of xfreerdp(1): /p:VALUE */
	if (length > 3 && memcmp(word, "/p:", 3) == 0)
		return 3;
	if (number != REDACT_NOTHING)
		add_program(redact, number);
	else
		redact->operands++;
	while (secret == REDACT_NOTHING && (program = next_program(redact, &from)))
		secret = operand_of(redact, program, word, length);
	return secret;
}

/* -p VALUE, -pVALUE, -vp VALUE */
static int letters_of(struct redact *redact, const struct program *program, const char *word,
                      size_t length)
{
	for (size_t i = 1; i < length; i++) {
		if (strchr(program->letters, word[i]) && (!program->at_login || redact->login)) {
			if (i + 1 < length)
				return (int)i + 1;
			redact->value_next |= program->how == EITHER;
			return REDACT_NOTHING;
		}
		if (!program->plain || !strchr(program->plain, word[i]))
			break;
	}
	return REDACT_NOTHING;
}

static int letters(struct redact *redact, const char *word, size_t length)
{
	const struct program *program;
	size_t from = 0;
	int secret = REDACT_NOTHING;

	redact->batch |= memchr(word, 'b', length) != NULL;
	redact->no_file |= memchr(word, 'n', length) != NULL;
	while ((program = next_program(redact, &from))) {
		int found = letters_of(redact, program, word, length);

		if (found != REDACT_NOTHING && (secret == REDACT_NOTHING || found < secret))
			secret = found;
	}
	return secret;
}

/* "no-password": it has no value. */
static bool has_no_value(const char *name, size_t length)
{
	static const char *const beginnings[] = { "no-", "ask-", "prompt-", "skip-" };

	for (size_t i = 0; i < COUNT(beginnings); i++) {
		size_t size = strlen(beginnings[i]);

		if (length > size && memcmp(name, beginnings[i], size) == 0)
			return true;
	}
	return false;
}

/* "--proxy-user" as well as "--user" */
static bool is_option(const struct redact *redact, const char *name, size_t length)
{
	const struct program *program;
	size_t from = 0;

	while ((program = next_program(redact, &from))) {
		size_t size = program->option ? strlen(program->option) : 0;

		if (size > 0 && length >= size &&
		    memcmp(name + length - size, program->option, size) == 0)
			return true;
	}
	return false;
}

int redact_word(struct redact *redact, const char *word, size_t length)
{
	const char *name = word, *equal;
	size_t left = length;

	if (length == 0 || word[0] != '-')
		return length > 0 ? plain_word(redact, word, length) : REDACT_NOTHING;
	while (left > 0 && *name == '-') {
		name++;
		left--;
	}
	equal = memchr(name, '=', left);
	if (equal && is_option(redact, name, (size_t)(equal - name)))
		return (int)(equal + 1 - word);
	if (!equal && left > 1)
		redact->value_next =
			(redact_is_secret_name(name, left) || is_option(redact, name, left)) &&
			!has_no_value(name, left);
	return name == word + 1 ? letters(redact, word, length) : REDACT_NOTHING;
}
