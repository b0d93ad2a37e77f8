/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads on a terminal: numbers, and how far a file is read. */
#include "base/clock.h"
#include "check.h"
#include "display/progress.h"
#include "display/units.h"

static void test_units(void)
{
	static const struct {
		uint64_t number;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1.00k" },
		{ 1999, "1.99k" },
		{ 9999, "9.99k" },
		{ 10000, "10.0k" },
		{ 99999, "99.9k" },
		{ 100000, "100k" },
		{ 999999, "999k" },
		{ 1000000, "1.00M" },
		{ UINT64_C(12345678901), "12.3G" },
		{ UINT64_C(999999999999999999), "999P" },
		{ UINT64_MAX, "18.4E" },
	};
	char text[UNITS_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		units_format(text, cases[i].number);
		CHECK_TEXT(text, cases[i].text, "%" PRIu64, cases[i].number);
	}
	CHECK_EQUAL(units_rate(500, NS_PER_SECOND / 4), 2000, "500 in a quarter of a second");
	CHECK(units_rate(UINT64_MAX, 1) == UINT64_MAX, "no rate is too high");
}

static void test_progress(void)
{
	static const struct {
		const char *title, *text;
		struct progress progress;
	} cases[] = {
		{ "a file",
		  "45 %, 1.20M packets, 120k/s, 0:12 left",
		  { 450, 1000, 1200000, 10 * NS_PER_SECOND } },
		{ "nothing is read yet", "0 %, 0 packets, 0/s", { 0, 1000, 0, NS_PER_SECOND } },
		{ "no time has passed", "1 %, 5 packets", { 10, 1000, 5, 0 } },
		{ "all of it",
		  "100 %, 7 packets, 3/s, 0:00 left",
		  { 1000, 1000, 7, 2 * NS_PER_SECOND } },
		{ "not quite all of it",
		  "99 %, 7 packets, 3/s, 0:00 left",
		  { 9999, 10000, 7, 2 * NS_PER_SECOND } },
		{ "a pipe", "42 packets, 21/s", { 4096, 0, 42, 2 * NS_PER_SECOND } },
		{ "a file that was cut meanwhile",
		  "42 packets, 21/s",
		  { 4096, 100, 42, 2 * NS_PER_SECOND } },
		{ "hours",
		  "25 %, 1 packets, 0/s, 3:00:03 left",
		  { 1, 4, 1, 3601 * NS_PER_SECOND } },
		{ "no forecast of weeks", "0 %, 1 packets, 1/s", { 1, 1000000, 1, NS_PER_SECOND } },
		{ "a file of 16 EiB",
		  "50 %, 18.4E packets, 18.4E/s, 0:01 left",
		  { UINT64_MAX / 2, UINT64_MAX, UINT64_MAX, NS_PER_SECOND } },
	};
	char text[PROGRESS_TEXT_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		progress_format(text, &cases[i].progress);
		CHECK_TEXT(text, cases[i].text, "%s", cases[i].title);
	}
}

int main(void)
{
	test_units();
	test_progress();
	return check_done();
}
