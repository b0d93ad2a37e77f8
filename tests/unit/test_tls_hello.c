/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A ClientHello as it is published with its JA4, cut at each place; and what is none. */
#include "inspect/tls_hello.h"

#include "check.h"
#include "random.h"

#define SNI "www.example.com"

/* technical_details/JA4.md of FoxIO-LLC/ja4, with GREASE among them. */
static const uint16_t ciphers[] = {
	0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
	0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035
};
static const uint16_t extensions[] = { 0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469,
	                               0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
	                               0x002b, 0xff01, 0x000b, 0x000a, 0x0015 };
static const uint16_t signatures[] = { 0x0403, 0x0804, 0x0401, 0x0503,
	                               0x0805, 0x0501, 0x0806, 0x0601 };
static const uint16_t versions[] = { 0x2a2a, 0x0304, 0x0303 };

struct text {
	uint8_t bytes[2000];
	size_t length;
};

static void put(struct text *text, uint32_t value, int size)
{
	while (size-- > 0)
		text->bytes[text->length++] = (uint8_t)(value >> 8 * size);
}

static void put_all(struct text *text, const uint16_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put(text, values[i], 2);
}

static void put_bytes(struct text *text, const void *bytes, size_t length)
{
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

/* Fills in a length of that size that was left out at a place. */
static void end(struct text *text, size_t at, int size)
{
	size_t length = text->length - at - (size_t)size;

	for (int i = 0; i < size; i++)
		text->bytes[at + (size_t)i] = (uint8_t)(length >> 8 * (size - 1 - i));
}

static void put_extension(struct text *text, uint16_t type, const char *alpn)
{
	size_t at;

	put(text, type, 2);
	at = text->length;
	put(text, 0, 2);
	if (type == 0) {
		put(text, sizeof SNI - 1 + 3, 2);
		put(text, 0, 1);
		put(text, sizeof SNI - 1, 2);
		put_bytes(text, SNI, sizeof SNI - 1);
	} else if (type == 16) {
		put(text, (uint32_t)strlen(alpn) + 1 + 9, 2);
		put(text, (uint32_t)strlen(alpn), 1);
		put_bytes(text, alpn, strlen(alpn));
		put_bytes(text, "\x08http/1.1", 9);
	} else if (type == 43) {
		put(text, sizeof versions, 1);
		put_all(text, versions, 3);
	} else if (type == 13) {
		put(text, sizeof signatures, 2);
		put_all(text, signatures, 8);
	}
	end(text, at, 2);
}

/* The message, in one record; without the extension that is left out. */
static struct text make(uint16_t left_out, const char *alpn)
{
	struct text text = { .length = 0 };
	size_t list;

	put_bytes(&text, "\x16\x03\x01\0\0\x01\0\0\0\x03\x03", 11);
	text.length += 32;
	put(&text, 0, 1);
	put(&text, sizeof ciphers, 2);
	put_all(&text, ciphers, sizeof ciphers / 2);
	put(&text, 0x0100, 2);
	list = text.length;
	put(&text, 0, 2);
	for (size_t i = 0; i < sizeof extensions / 2; i++)
		if (extensions[i] != left_out)
			put_extension(&text, extensions[i], alpn);
	end(&text, list, 2);
	end(&text, 6, 3);
	end(&text, 3, 2);
	return text;
}

static struct tls_hello hello_of(const struct text *text)
{
	struct tls_hello hello = { .server_name_length = 0 };

	if (tls_hello_read(text->bytes, text->length, false, &hello) != TLS_HELLO_FOUND)
		strcpy(hello.ja4, "none");
	return hello;
}

static void test_published(void)
{
	struct text text = make(0xffff, "h2");
	struct tls_hello hello = hello_of(&text);

	CHECK_TEXT(hello.ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1", "JA4 as it is published");
	CHECK(hello.server_name_length == sizeof SNI - 1 &&
	              memcmp(hello.server_name, SNI, sizeof SNI - 1) == 0,
	      "the server's name");
	CHECK(hello.alpn_length == 12 && memcmp(hello.alpn, "\x02h2\x08http/1.1", 12) == 0, "ALPN");
	CHECK(hello.version_count == 2 && hello.versions[0] == 0x0304 &&
	              hello.versions[1] == 0x0303,
	      "versions without GREASE");
	text = make(13, "h2");
	CHECK_TEXT(hello_of(&text).ja4, "t13d1515h2_8daaf6152771_bebfbbe173b2",
	           "without signature algorithms: sha256sum of the extensions alone");
	text = make(43, "h2");
	hello = hello_of(&text);
	CHECK(strncmp(hello.ja4, "t12d", 4) == 0 && hello.version_count == 1,
	      "without supported_versions the version is that of the message");
	text = make(0, "h2");
	CHECK(strncmp(hello_of(&text).ja4, "t13i1515h2", 10) == 0, "without a name");
	text = make(16, "h2");
	CHECK(strncmp(hello_of(&text).ja4, "t13d151500", 10) == 0, "without ALPN");
}

static void test_alpn(void)
{
	static const struct {
		const char *alpn, *characters;
	} cases[] = {
		{ "http/1.1", "h1" },
		{ "h", "hh" },
		{ "\xab", "ab" },
		{ "\xab\xcd", "ad" },
		{ "0\xab", "3b" },
		{ "01\xab\xcd", "3d" },
		{ "0\xab\xcd"
		  "1",
		  "01" },
		{ "", "00" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct text text = make(0xffff, cases[i].alpn);

		CHECK(strncmp(hello_of(&text).ja4 + 8, cases[i].characters, 2) == 0,
		      "ALPN %zu gives %s, as it is published", i, cases[i].characters);
	}
}

/* Each prefix waits for more; cut there, it has at most the name; no byte behind it is read. */
static void test_prefixes(void)
{
	struct text text = make(0xffff, "h2");
	bool waits = true, honest = true;
	int named = 0;

	for (size_t length = 0; length < text.length; length++) {
		const uint8_t *bytes = check_guarded(text.bytes, length);
		struct tls_hello hello;

		waits &= tls_hello_read(bytes, length, false, &hello) == TLS_HELLO_MORE;
		if (tls_hello_read(bytes, length, true, &hello) != TLS_HELLO_FOUND)
			continue;
		named++;
		honest &=
			hello.ja4[0] == '\0' && memcmp(hello.server_name, SNI, sizeof SNI - 1) == 0;
	}
	CHECK(waits, "each of %zu prefixes goes on", text.length);
	CHECK(honest && named > 0, "cut behind its name it has that, and no JA4: %d places", named);
}

/* RFC 8446 5.1: a message may be in several records. */
static void test_records(void)
{
	struct text whole = make(0xffff, "h2");
	int good = 0;

	for (size_t cut = 1; cut < whole.length - 5; cut++) {
		struct text text = { .length = 0 };
		struct tls_hello hello;

		put_bytes(&text, "\x16\x03\x01", 3);
		put(&text, (uint32_t)cut, 2);
		put_bytes(&text, whole.bytes + 5, cut);
		put_bytes(&text, "\x16\x03\x01", 3);
		put(&text, (uint32_t)(whole.length - 5 - cut), 2);
		put_bytes(&text, whole.bytes + 5 + cut, whole.length - 5 - cut);
		put_bytes(&text, "more", 4);
		hello = hello_of(&text);
		good += strcmp(hello.ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1") == 0;
	}
	CHECK_EQUAL(good, (int)whole.length - 6, "split into two records at each place");
}

/* Changed bytes crash nothing, and lengths that contradict each other are no ClientHello. */
static void test_changed(void)
{
	struct text text = make(0xffff, "h2");
	struct random random = random_begin();
	uint8_t *bytes = check_guarded(text.bytes, text.length);
	struct tls_hello hello;
	bool bounded = true;

	for (int i = 0; i < 200000; i++) {
		size_t at = random_below(&random, (uint32_t)text.length);
		uint8_t before = bytes[at];

		bytes[at] = (uint8_t)random_u64(&random);
		if (tls_hello_read(bytes, text.length, i % 2, &hello) == TLS_HELLO_FOUND)
			bounded &= hello.alpn_length <= sizeof hello.alpn &&
			           hello.version_count <= TLS_HELLO_VERSIONS_MAX &&
			           strlen(hello.ja4) < JA4_SIZE;
		if (i % 16)
			bytes[at] = before;
		else
			memcpy(bytes, text.bytes, text.length);
	}
	CHECK(bounded, "200,000 times bytes were changed: all is bounded");
	text.bytes[11 + 32] = 33;
	CHECK_TEXT(hello_of(&text).ja4, "none", "a session of 33 bytes is none");
	text = make(0xffff, "h2");
	text.bytes[text.length - 1]++;
	CHECK_TEXT(hello_of(&text).ja4, "none",
	           "an extension that ends behind the message is none");
	text = make(0xffff, "h2");
	text.bytes[5] = 2;
	CHECK_TEXT(hello_of(&text).ja4, "none", "a ServerHello is none");
}

int main(void)
{
	test_published();
	test_alpn();
	test_prefixes();
	test_records();
	test_changed();
	return check_done();
}
