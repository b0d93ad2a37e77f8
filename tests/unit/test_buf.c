/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "check.h"
#include "random.h"

static bool holds(const struct buf *buf, const char *text)
{
	return !buf->overflow && buf->length == strlen(text) &&
	       memcmp(buf->data, text, buf->length) == 0;
}

static void test_limit(void)
{
	struct buf buf;

	CHECK_EQUAL(buf_init(&buf, 4), 0, "a buffer of 4 bytes");
	buf_append(&buf, "abcd", 4);
	CHECK(holds(&buf, "abcd"), "takes 4 bytes");
	buf_append(&buf, "", 0);
	CHECK(holds(&buf, "abcd"), "nothing fits into a full buffer");
	buf_append_char(&buf, 'e');
	CHECK(buf.overflow && buf.length == 4 && memcmp(buf.data, "abcd", 4) == 0,
	      "a fifth byte overflows and changes nothing");
	buf_reset(&buf);
	CHECK(!buf.overflow && buf.length == 0, "reset begins anew");
	buf_append(&buf, "ab", 2);
	buf_append(&buf, "x", SIZE_MAX);
	CHECK(buf.overflow && buf.length == 2, "the largest length does not wrap around");
	buf_free(&buf);
	CHECK(!buf.data && buf.capacity == 0, "freed");
	buf_free(&buf);
	CHECK(buf_init(&buf, 0) == 0 && buf.capacity == 0, "a buffer of 0 bytes");
	buf_append_literal(&buf, "");
	CHECK(holds(&buf, ""), "takes nothing");
	buf_free(&buf);
}

/* Each formatter at every capacity: all or nothing, and never a byte past the end. */
static void test_formatters_at_the_limit(void)
{
	static const char *const full[] = {
		"18446744073709551615",
		"ffffffffffffffff",
		"AAECAw==",
		"string",
	};
	static const char zeros[64];

	for (size_t which = 0; which < sizeof full / sizeof *full; which++) {
		size_t length = strlen(full[which]);
		int wrong = 0;

		for (size_t capacity = 0; capacity <= length + 1; capacity++) {
			struct buf buf = { .data = (char *)check_guarded(zeros, capacity),
				           .capacity = capacity };

			switch (which) {
			case 0:
				buf_append_u64(&buf, UINT64_MAX);
				break;
			case 1:
				buf_append_hex(&buf, UINT64_MAX, 16);
				break;
			case 2:
				buf_append_base64(&buf, "\0\1\2\3", 4);
				break;
			default:
				buf_append_string(&buf, "string");
			}
			if (capacity < length ? !buf.overflow || buf.length != 0
			                      : !holds(&buf, full[which]))
				wrong++;
		}
		CHECK_EQUAL(wrong, 0, "%s: whole or nothing at every capacity", full[which]);
	}
}

static void test_u64(struct random *random)
{
	struct buf buf;
	char expected[32];
	int wrong = 0;

	buf_init(&buf, 64);
	for (int i = 0; i < 300000; i++) {
		uint64_t value = random_u64(random) >> random_below(random, 64);

		if (i < 128) /* both sides of each power of two, 0 and the largest among them */
			value = (UINT64_C(1) << i / 2) - (uint64_t)(i % 2);
		else if (i < 1200)
			value = (uint64_t)(i - 128);
		snprintf(expected, sizeof expected, "%" PRIu64, value);
		buf_reset(&buf);
		buf_append_u64(&buf, value);
		if (!holds(&buf, expected) && wrong++ == 0)
			printf("# expected %s, got %.*s\n", expected, (int)buf.length, buf.data);
	}
	CHECK_EQUAL(wrong, 0, "decimal numbers are those of printf");
	wrong = 0;
	for (uint64_t power = 1;; power *= 10) {
		for (int less = 0; less < 2; less++) {
			snprintf(expected, sizeof expected, "%" PRIu64, power - (uint64_t)less);
			buf_reset(&buf);
			buf_append_u64(&buf, power - (uint64_t)less);
			wrong += !holds(&buf, expected);
		}
		if (power > UINT64_MAX / 10)
			break;
	}
	CHECK_EQUAL(wrong, 0, "on both sides of each power of ten");
	buf_reset(&buf);
	buf_append_u64(&buf, UINT64_MAX);
	CHECK(holds(&buf, "18446744073709551615"), "the largest number");
	buf_free(&buf);
}

static void test_hex(void)
{
	struct buf buf;

	buf_init(&buf, 64);
	buf_append_hex(&buf, 0x1b, 4);
	buf_append_char(&buf, ' ');
	buf_append_hex(&buf, 0, 1);
	buf_append_char(&buf, ' ');
	buf_append_hex(&buf, UINT64_C(0x0123456789abcdef), 16);
	buf_append_char(&buf, ' ');
	buf_append_hex(&buf, 0xabc, 2);
	CHECK(holds(&buf, "001b 0 0123456789abcdef bc"),
	      "hexadecimal: padded, lower case, lowest digits");
	buf_free(&buf);
}

static void test_base64(void)
{
	/* RFC 4648 section 10, and the two bytes that need the last letters of the alphabet. */
	static const struct {
		const char *bytes;
		const char *text;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/" },
		{ "\xff\xff\xfe", "///+" },
	};
	struct buf buf;

	buf_init(&buf, 64);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t length = strlen(cases[i].bytes);

		buf_reset(&buf);
		buf_append_base64(&buf, check_guarded(cases[i].bytes, length), length);
		CHECK(holds(&buf, cases[i].text), "base64 \"%s\"", cases[i].text);
	}
	buf_append_base64(&buf, "", SIZE_MAX);
	CHECK(buf.overflow, "a length that cannot be");
	buf_free(&buf);
}

/* What the C library says; it knows nothing of nanoseconds. False: its time_t has 32 bits. */
static bool expected_time(char *text, size_t size, int64_t time_ns)
{
	int64_t nanoseconds = (time_ns % NS_PER_SECOND + NS_PER_SECOND) % NS_PER_SECOND;
	int64_t whole = time_ns / NS_PER_SECOND - (time_ns % NS_PER_SECOND < 0);
	time_t second = (time_t)whole;
	struct tm tm;

	if (second != whole)
		return false;
	gmtime_r(&second, &tm);
	snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRId64 "Z", tm.tm_year + 1900,
	         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, nanoseconds);
	return true;
}

static void test_time(struct random *random)
{
	static const struct {
		int64_t time_ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ INT64_C(951782400) * NS_PER_SECOND, "2000-02-29T00:00:00.000000000Z" },
		{ INT64_C(4107542399) * NS_PER_SECOND, "2100-02-28T23:59:59.000000000Z" },
		{ INT64_C(4107542400) * NS_PER_SECOND, "2100-03-01T00:00:00.000000000Z" },
		{ INT64_C(1795342272123456789), "2026-11-22T10:11:12.123456789Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
	};
	struct buf_time_cache cache = { .start_ns = 0 };
	struct buf buf;
	char expected[64];
	int wrong = 0, wrong_cached = 0;

	buf_init(&buf, BUF_TIME_LENGTH);
	buf.length = BUF_TIME_LENGTH;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_put_time(buf.data, &(struct buf_time_cache){ 0 }, cases[i].time_ns);
		CHECK(holds(&buf, cases[i].text), "time %s", cases[i].text);
	}
	for (int i = 0; i < 300000; i++) {
		/* Instants of all 585 years, and small steps to and fro around them. */
		int64_t time_ns = (int64_t)random_u64(random) >> random_below(random, 40);

		for (int step = 0; step < 2;
		     step++, time_ns ^= (int64_t)(random_u64(random) >> 33)) {
			if (!expected_time(expected, sizeof expected, time_ns))
				continue;
			buf_put_time(buf.data, &(struct buf_time_cache){ 0 }, time_ns);
			if (!holds(&buf, expected) && wrong++ == 0)
				printf("# expected %s, got %.*s\n", expected, (int)buf.length,
				       buf.data);
			buf_put_time(buf.data, &cache, time_ns);
			wrong_cached += !holds(&buf, expected);
		}
	}
	CHECK_EQUAL(wrong, 0, "600,000 instants from 1677 to 2262 are those of gmtime_r");
	CHECK_EQUAL(wrong_cached, 0, "and the same with the second cached");
	cache = (struct buf_time_cache){ .start_ns = 0 };
	buf_put_time(buf.data, &cache, 5);
	CHECK(holds(&buf, "1970-01-01T00:00:00.000000005Z"),
	      "a zeroed cache holds no second, not even 0");
	buf_free(&buf);
}

int main(void)
{
	struct random random = random_begin();

	test_limit();
	test_formatters_at_the_limit();
	test_u64(&random);
	test_hex();
	test_base64();
	test_time(&random);
	return check_done();
}
