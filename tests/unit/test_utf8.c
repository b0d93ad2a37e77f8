/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <signal.h>
#include <stdint.h>

#include "check.h"
#include "random.h"

static void test_classes(void)
{
	static const struct {
		const char *bytes;
		const char *json; /* inside of the string */
		const char *name;
		const char *log; /* NULL: as json */
	} cases[] = {
		{ "", "", "nothing", NULL },
		{ "plain text", "plain text", "ASCII", NULL },
		{ "a/b", "a/b", "the slash stays bare", NULL },
		{ "say \"hi\" \\o/", "say \\\"hi\\\" \\\\o/", "quote and backslash",
		  "say \"hi\" \\o/" },
		{ "\x1b[2J", "\\u001b[2J", "ESC", NULL },
		{ "a\nb\tc\r\x1f", "a\\u000ab\\u0009c\\u000d\\u001f", "C0", NULL },
		{ "\x7f", "\\u007f", "DEL", NULL },
		{ "\xc2\x80|\xc2\x9b|\xc2\x9f|\xc2\xa0", "\\u0080|\\u009b|\\u009f|\xc2\xa0",
		  "C1, and NBSP", NULL },
		{ "\xe2\x80\xa7|\xe2\x80\xa8|\xe2\x80\xa9", "\xe2\x80\xa7|\\u2028|\\u2029",
		  "line separators", NULL },
		{ "\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae\xe2\x80\xaf",
		  "\\u202a\\u202b\\u202c\\u202d\\u202e\xe2\x80\xaf", "bidirectional embeddings",
		  NULL },
		{ "\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9\xe2\x81\xaa",
		  "\xe2\x81\xa5\\u2066\\u2067\\u2068\\u2069\xe2\x81\xaa", "bidirectional isolates",
		  NULL },
		{ "\xd8\x9b\xd8\x9c\xd8\x9d", "\xd8\x9b\\u061c\xd8\x9d", "Arabic letter mark",
		  NULL },
		{ "\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90",
		  "\xe2\x80\x8d\\u200e\\u200f\xe2\x80\x90", "left-to-right and right-to-left marks",
		  NULL },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7",
		  "2, 3 and 4 bytes", NULL },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "U+10FFFF", NULL },
		{ "\xee\x80\x80\xed\x9f\xbf", "\xee\x80\x80\xed\x9f\xbf",
		  "both sides of the surrogates", NULL },
		{ "a\xffz", "a\xef\xbf\xbdz", "0xFF", "a\\xffz" },
		{ "\x80", "\xef\xbf\xbd", "a continuation alone", "\\x80" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "overlong slash in 2", "\\xc0\\xaf" },
		{ "\xc1\xbf", "\xef\xbf\xbd\xef\xbf\xbd", "overlong DEL in 2", "\\xc1\\xbf" },
		{ "\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "overlong in 3",
		  "\\xe0\\x9f\\xbf" },
		{ "\xf0\x8f\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		  "overlong in 4", "\\xf0\\x8f\\xbf\\xbf" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "first surrogate",
		  "\\xed\\xa0\\x80" },
		{ "\xed\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "last surrogate",
		  "\\xed\\xbf\\xbf" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		  "U+110000", "\\xf4\\x90\\x80\\x80" },
		{ "\xf5\x80", "\xef\xbf\xbd\xef\xbf\xbd", "first byte 0xF5", "\\xf5\\x80" },
		{ "x\xc3", "x\xef\xbf\xbd", "cut in the 2nd byte of 2", "x\\xc3" },
		{ "x\xe2\x82", "x\xef\xbf\xbd\xef\xbf\xbd", "cut in the 3rd byte of 3",
		  "x\\xe2\\x82" },
		{ "x\xf0\x9f\x90", "x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		  "cut in the 4th byte of 4", "x\\xf0\\x9f\\x90" },
		{ "\xe2\x82(\"", "\xef\xbf\xbd\xef\xbf\xbd(\\\"",
		  "text goes on after a broken sequence", "\\xe2\\x82(\"" },
	};
	struct buf buf;

	buf_init(&buf, 256);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t length = strlen(cases[i].bytes);
		const char *bytes = (const char *)check_guarded(cases[i].bytes, length);
		const char *log = cases[i].log ? cases[i].log : cases[i].json;
		bool intact = !strstr(cases[i].json, "\xef\xbf\xbd"), said;

		CHECK_EQUAL(utf8_valid(bytes, length), intact, "%s: valid or not", cases[i].name);
		buf_reset(&buf);
		said = utf8_append_json(&buf, bytes, length);
		CHECK(said == intact && buf.length == strlen(cases[i].json) &&
		              memcmp(buf.data, cases[i].json, buf.length) == 0,
		      "%s: JSON", cases[i].name);
		buf_reset(&buf);
		utf8_append_log(&buf, bytes, length);
		CHECK(buf.length == strlen(log) && memcmp(buf.data, log, buf.length) == 0,
		      "%s: log", cases[i].name);
	}
	buf_reset(&buf);
	CHECK(utf8_append_json(&buf, "a\0b", 3) && buf.length == 8 &&
	              memcmp(buf.data, "a\\u0000b", 8) == 0,
	      "NUL is a byte like others");
	buf_free(&buf);
}

/* Encodes as RFC 3629 section 3 says; what is produced here, and nothing else, is valid. */
static size_t encode(uint32_t point, uint8_t *to)
{
	if (point < 0x80) {
		to[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (uint8_t)(0xc0 | point >> 6);
		to[1] = (uint8_t)(0x80 | (point & 63));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (uint8_t)(0xe0 | point >> 12);
		to[1] = (uint8_t)(0x80 | (point >> 6 & 63));
		to[2] = (uint8_t)(0x80 | (point & 63));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | point >> 18);
	to[1] = (uint8_t)(0x80 | (point >> 12 & 63));
	to[2] = (uint8_t)(0x80 | (point >> 6 & 63));
	to[3] = (uint8_t)(0x80 | (point & 63));
	return 4;
}

/*
 * All 2^8 + 2^16 + 2^24 short strings: as many are valid as the encoder can make
 * from 1 or more code points, and every code point is among them.
 */
static void test_exhaustive(void)
{
	/* Code points of 1, 2, 3 bytes; the strings that one can join from them. */
	const uint64_t one = 128, two = 0x800 - 128, three = 0x10000 - 0x800 - 0x800;
	uint64_t expected = one + (one * one + two) + (one * one * one + 2 * one * two + three),
		 found = 0;
	uint8_t bytes[4];
	int wrong = 0;

	for (size_t length = 1; length <= 3; length++) {
		for (uint32_t value = 0; value < 1u << 8 * length; value++) {
			for (size_t i = 0; i < length; i++)
				bytes[i] = (uint8_t)(value >> 8 * i);
			found += utf8_valid((const char *)bytes, length);
		}
	}
	CHECK_EQUAL(found, expected, "of all strings of 1 to 3 bytes %llu are valid",
	            (unsigned long long)found);
	for (uint32_t point = 0; point < 0x200000; point++) {
		size_t length = encode(point, bytes);
		bool expect = point < 0x110000 && (point < 0xd800 || point > 0xdfff);

		wrong += utf8_valid((const char *)bytes, length) != expect;
		for (size_t cut = 1; cut < length; cut++) /* neither is a part of it */
			wrong += utf8_valid((const char *)bytes, cut);
	}
	CHECK_EQUAL(wrong, 0,
	            "every code point is, whole; surrogates and those over U+10FFFF are not");
}

/* What must hold for any bytes: valid output, no control, bounded growth, agreement with utf8_valid. */
static void test_random(struct random *random)
{
	static const uint8_t likely[] = { 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0x80, 0x8f, 0x90,
		                          0x9f, 0xa0, 0xa8, 0xbf, 0x7f, '"',  '\\', 0x1b, 'a' };
	struct buf buf, text;
	int invalid = 0, controls = 0, disagree = 0;

	buf_init(&buf, 1024);
	buf_init(&text, 1024);
	for (int round = 0; round < 200000; round++) {
		char bytes[32];
		size_t length = random_below(random, sizeof bytes);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)(random_below(random, 4)
			                          ? likely[random_below(random, sizeof likely)]
			                          : random_u64(random));
		buf_reset(&buf);
		buf_reset(&text);
		disagree += utf8_append_json(&buf, bytes, length) != utf8_valid(bytes, length);
		utf8_append_log(&text, bytes, length);
		invalid += !utf8_valid(buf.data, buf.length) ||
		           !utf8_valid(text.data, text.length) || buf.length > 6 * length ||
		           text.length > 6 * length;
		for (size_t i = 0; i < buf.length; i++)
			controls += (unsigned char)buf.data[i] < 0x20 || buf.data[i] == 0x7f;
		for (size_t i = 0; i < text.length; i++)
			controls += (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f;
	}
	CHECK_EQUAL(disagree, 0, "a byte is replaced exactly when the string is not valid");
	CHECK_EQUAL(invalid, 0, "what comes out is valid, at most six times as long");
	CHECK_EQUAL(controls, 0, "and holds no control byte");
	buf_free(&buf);
	buf_free(&text);
}

/* The second oracle: the strict decoder and the JSON parser of Python. */
static void test_against_python(struct random *random)
{
	static const char script[] =
		"/usr/bin/python3 -c '\n"
		"import sys, json\n"
		"wrong = 0\n"
		"for line in sys.stdin.buffer:\n"
		"    raw, valid, text = line.rstrip(b\"\\n\").split(b\" \", 2)\n"
		"    raw = bytes.fromhex(raw.decode())\n"
		"    out = json.loads(text.decode(), strict=True)\n"
		"    try:\n"
		"        wrong += out != raw.decode() or valid != b\"1\"\n"
		"    except UnicodeDecodeError:\n"
		"        wrong += valid != b\"0\"\n"
		"        # Our replacement is per byte, so decode valid pieces between bad bytes.\n"
		"        i, plain = 0, \"\"\n"
		"        while i < len(raw):\n"
		"            for n in 1, 2, 3, 4:\n"
		"                try:\n"
		"                    plain += raw[i:i + n].decode()\n"
		"                    break\n"
		"                except UnicodeDecodeError: pass\n"
		"            else:\n"
		"                plain, n = plain + \"\\ufffd\", 1\n"
		"            i += n\n"
		"        wrong += out != plain\n"
		"sys.exit(wrong > 0)'";
	FILE *python;
	struct buf buf;

	if (access("/usr/bin/python3", X_OK) != 0) {
		CHECK(true, "# SKIP no /usr/bin/python3");
		return;
	}
	signal(SIGPIPE, SIG_IGN); /* where its parser gives up */
	python = popen(script, "w");
	buf_init(&buf, 1024);
	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[24];
		size_t length = 1 + random_below(random, sizeof bytes - 4);

		/* Nearly nothing in random bytes that is longer than one would be valid. */
		if (random_below(random, 2))
			random_bytes(random, bytes, length);
		else
			for (length = 0; length < 18;)
				length += encode(random_below(random, 0x120000) >>
				                         random_below(random, 20),
				                 bytes + length);
		buf_reset(&buf);
		for (size_t i = 0; i < length; i++)
			buf_append_hex(&buf, bytes[i], 2);
		buf_append_string(&buf, utf8_valid((char *)bytes, length) ? " 1 \"" : " 0 \"");
		utf8_append_json(&buf, (char *)bytes, length);
		buf_append_string(&buf, "\"\n");
		fwrite(buf.data, 1, buf.length, python);
	}
	CHECK_EQUAL(pclose(python), 0, "20,000 random strings: Python decodes the same");
	buf_free(&buf);
}

int main(void)
{
	struct random random = random_begin();

	test_classes();
	test_exhaustive();
	test_random(&random);
	test_against_python(&random);
	return check_done();
}
