/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/ja4.h"

#include <nettle/sha2.h>
#include <string.h>

#define HASH_DIGITS    12
#define EXTENSION_SNI  0x0000
#define EXTENSION_ALPN 0x0010

static const char digits[] = "0123456789abcdef";

void ja4_add(struct ja4_list *list, uint16_t value)
{
	if (ja4_is_grease(value))
		return;
	if (list->count == JA4_LIST_MAX)
		list->overflow = true;
	else
		list->values[list->count++] = value;
}

static const char *version_name(uint16_t version)
{
	switch (version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	default:
		return "00";
	}
}

/* By insertion: they are few. */
static void sort(struct ja4_list *list)
{
	for (int i = 1; i < list->count; i++) {
		uint16_t value = list->values[i];
		int place = i;

		for (; place > 0 && list->values[place - 1] > value; place--)
			list->values[place] = list->values[place - 1];
		list->values[place] = value;
	}
}

static void remove_value(struct ja4_list *list, uint16_t value)
{
	int kept = 0;

	for (int i = 0; i < list->count; i++)
		if (list->values[i] != value)
			list->values[kept++] = list->values[i];
	list->count = kept;
}

static void hash_list(struct sha256_ctx *context, const struct ja4_list *list, char before)
{
	for (int i = 0; i < list->count; i++) {
		uint16_t value = list->values[i];
		const uint8_t text[5] = { (uint8_t)(i == 0 ? before : ','),
			                  (uint8_t)digits[value >> 12],
			                  (uint8_t)digits[value >> 8 & 15],
			                  (uint8_t)digits[value >> 4 & 15],
			                  (uint8_t)digits[value & 15] };
		size_t skipped = i == 0 && before == '\0';

		sha256_update(context, sizeof text - skipped, text + skipped);
	}
}

/* Twelve digits; zeros for a list without values. */
static void put_hash(char *text, const struct ja4_list *list, const struct ja4_list *more)
{
	struct sha256_ctx context;
	uint8_t digest[HASH_DIGITS / 2];

	memset(text, '0', HASH_DIGITS);
	if (list->count == 0)
		return;
	sha256_init(&context);
	hash_list(&context, list, '\0');
	if (more)
		hash_list(&context, more, '_');
	sha256_digest(&context, sizeof digest, digest);
	for (int i = 0; i < HASH_DIGITS; i++)
		text[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
}

static void put_count(char *text, int count)
{
	if (count > 99)
		count = 99;
	text[0] = (char)('0' + count / 10);
	text[1] = (char)('0' + count % 10);
}

static bool is_alphanumeric(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

static void put_alpn(char *text, const uint8_t *alpn, size_t length)
{
	if (length == 0) {
		text[0] = text[1] = '0';
	} else if (is_alphanumeric(alpn[0]) && is_alphanumeric(alpn[length - 1])) {
		text[0] = (char)alpn[0];
		text[1] = (char)alpn[length - 1];
	} else {
		text[0] = digits[alpn[0] >> 4];
		text[1] = digits[alpn[length - 1] & 15];
	}
}

void ja4_make(struct ja4_client *client, char text[JA4_SIZE])
{
	text[0] = '\0';
	if (client->ciphers.overflow || client->extensions.overflow || client->signatures.overflow)
		return;
	text[0] = client->transport;
	memcpy(text + 1, version_name(client->version), 2);
	text[3] = client->has_server_name ? 'd' : 'i';
	put_count(text + 4, client->ciphers.count);
	put_count(text + 6, client->extensions.count);
	put_alpn(text + 8, client->alpn, client->alpn_length);
	text[10] = '_';
	sort(&client->ciphers);
	put_hash(text + 11, &client->ciphers, NULL);
	text[23] = '_';
	remove_value(&client->extensions, EXTENSION_SNI);
	remove_value(&client->extensions, EXTENSION_ALPN);
	sort(&client->extensions);
	put_hash(text + 24, &client->extensions, &client->signatures);
	text[36] = '\0';
}
