/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/decimal.h"

#define SECONDS_PER_DAY INT64_C(86400)

int buf_init(struct buf *buf, size_t capacity)
{
	char *data = malloc(capacity > 0 ? capacity : 1);

	if (!data)
		return -ENOMEM;
	*buf = (struct buf){ .data = data, .capacity = capacity };
	return 0;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void buf_append_string(struct buf *buf, const char *string)
{
	buf_append(buf, string, strlen(string));
}

/* Nine digits at a time leave 32-bit divisions, a fraction of the cost of 64-bit ones. */
static char *put_large(char *to, uint64_t value)
{
	uint32_t low = (uint32_t)(value % 1000000000);

	value /= 1000000000;
	to = value > UINT32_MAX ? put_large(to, value) : decimal_put_32(to, (uint32_t)value);
	return decimal_put_nine(to, low);
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
	char text[DECIMAL_MAX + 1], *end;

	end = value > UINT32_MAX ? put_large(text, value) : decimal_put_32(text, (uint32_t)value);
	buf_append(buf, text, (size_t)(end - text));
}

void buf_append_hex(struct buf *buf, uint64_t value, int digits)
{
	char text[16];

	if (digits < 0 || digits > (int)sizeof text)
		digits = (int)sizeof text;
	for (int i = digits; i-- > 0; value >>= 4)
		text[i] = "0123456789abcdef"[value & 15];
	buf_append(buf, text, (size_t)digits);
}

void buf_append_base64(struct buf *buf, const void *bytes, size_t length)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *from = bytes;
	size_t room = buf->capacity - buf->length;
	char *to = buf->data + buf->length;

	/* All or nothing; divided, not multiplied, so that no length can overflow. */
	if (length / 3 + (length % 3 != 0) > room / 4) {
		buf->overflow = true;
		return;
	}
	for (; length > 0; from += 3, to += 4, buf->length += 4) {
		uint32_t group = (uint32_t)from[0] << 16;

		if (length > 1)
			group |= (uint32_t)from[1] << 8;
		if (length > 2)
			group |= from[2];
		to[0] = alphabet[group >> 18];
		to[1] = alphabet[group >> 12 & 63];
		to[2] = length > 1 ? alphabet[group >> 6 & 63] : '=';
		to[3] = length > 2 ? alphabet[group & 63] : '=';
		length -= length < 3 ? length : 3;
	}
}

/*
 * Proleptic Gregorian date by arithmetic alone: gmtime_r takes a lock and reads
 * the time zone. Years begin in March, so that the leap day is a year's last,
 * and in eras of 400 years (146,097 days) after which everything repeats.
 */
static void put_date(char *to, int64_t days_since_epoch)
{
	uint32_t days = (uint32_t)(days_since_epoch + 719468); /* since 0000-03-01 */
	uint32_t era = days / 146097;
	uint32_t day_of_era = days % 146097;
	uint32_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint32_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint32_t march_month = (5 * day_of_year + 2) / 153; /* 0 = March */
	uint32_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
	uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
	uint32_t year = era * 400 + year_of_era + (month <= 2);

	decimal_put_pair(to, year / 100);
	decimal_put_pair(to + 2, year % 100);
	to[4] = '-';
	decimal_put_pair(to + 5, month);
	to[7] = '-';
	decimal_put_pair(to + 8, day);
	to[10] = 'T';
}

static void put_second(char *to, int64_t second)
{
	int64_t days = second / SECONDS_PER_DAY;
	int64_t of_day = second % SECONDS_PER_DAY;

	if (of_day < 0) {
		of_day += SECONDS_PER_DAY;
		days--;
	}
	uint32_t clock = (uint32_t)of_day;

	put_date(to, days);
	decimal_put_pair(to + 11, clock / 3600);
	to[13] = ':';
	decimal_put_pair(to + 14, clock / 60 % 60);
	to[16] = ':';
	decimal_put_pair(to + 17, clock % 60);
	to[19] = '.';
}

/* All but the 20 bytes of the second. */
static inline void put_fraction(char *to, uint32_t nanoseconds)
{
	decimal_put_nine(to, nanoseconds);
	to[9] = 'Z';
}

static void renew(struct buf_time_cache *cache, int64_t time_ns)
{
	int64_t second = time_ns / NS_PER_SECOND - (time_ns % NS_PER_SECOND < 0);

	put_second(cache->text, second);
	cache->start_ns = (uint64_t)second * (uint64_t)NS_PER_SECOND;
}

void buf_put_time(char *to, struct buf_time_cache *cache, int64_t time_ns)
{
	/* Unsigned: one comparison for before and after it, and the ends of the range wrap. */
	if ((uint64_t)time_ns - cache->start_ns >= (uint64_t)NS_PER_SECOND || !cache->text[0])
		renew(cache, time_ns);
	memcpy(to, cache->text, sizeof cache->text);
	put_fraction(to + sizeof cache->text, (uint32_t)((uint64_t)time_ns - cache->start_ns));
}
