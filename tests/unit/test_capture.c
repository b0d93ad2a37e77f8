/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What needs neither files nor privileges; see also test_capture_file, test_capture_stream. */
#include "capture/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void test_check_filter(void)
{
	static const struct {
		const char *filter;
		bool good;
	} cases[] = {
		{ "", true },
		{ NULL, true },
		{ "tcp port 80 or udp", true },
		{ "ether host 02:00:00:00:00:01", true },
		{ "ifindex 3", true },
		{ "inbound", true },
		{ "ether[6] == 1", true },
		{ "tcp port", false },
		{ "(", false },
		{ "pork 80", false },
		{ "ip and not ip", false },
	};
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result = capture_check_filter(cases[i].filter, &error);
		const char *name = cases[i].filter != NULL ? cases[i].filter : "none";

		if (cases[i].good)
			CHECK_EQUAL(result, 0, "check: %s", name);
		else
			CHECK(result == -EINVAL && strstr(error.text, name) != NULL,
			      "check: %s: %s", name, error.text);
	}
}

static void test_long_filter(void)
{
	char *filter = malloc(1 << 20);
	size_t length = 0;
	struct error error;
	int i;

	/* One long sum: libpcap would optimise as many alternatives for minutes. */
	for (i = 0; i < 1000; i++)
		length += (size_t)sprintf(filter + length, "%s(ether[%d] & %d)", i > 0 ? " + " : "",
		                          i % 200, 1 + i % 255);
	sprintf(filter + length, " = 1");
	CHECK(capture_check_filter(filter, &error) == -EINVAL && strstr(error.text, "4096") != NULL,
	      "a filter over the kernel's limit: %.60s", error.text);
	free(filter);
}

static void test_names(void)
{
	CHECK(strcmp(capture_link_type_name(276), "LINUX_SLL2") == 0 &&
	              capture_link_type_name(9999) == NULL,
	      "names of link types");
	CHECK(strncmp(capture_library_version(), "libpcap version 1.", 18) == 0, "version: %s",
	      capture_library_version());
}

static void test_counter(void)
{
	static const struct {
		uint64_t total;
		uint32_t previous, now;
		uint64_t expected;
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 0, 0, 5, 5 },
		{ 5, 5, 5, 5 },
		{ 0xFFFFFFF0, 0xFFFFFFF0, 0x10, UINT64_C(0x100000010) },
		{ UINT64_C(0x1FFFFFFFF), 0xFFFFFFFF, 0, UINT64_C(0x200000000) },
		{ 7, 0, 0xFFFFFFFF, UINT64_C(0x100000006) },
	};
	uint64_t total = 0;
	uint32_t now = 0;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_EQUAL(
			capture_counter_advance(cases[i].total, cases[i].previous, cases[i].now),
			cases[i].expected, "counter %#x -> %#x", cases[i].previous, cases[i].now);
	for (i = 0; i < 10000; i++) {
		total = capture_counter_advance(total, now, (uint32_t)(now + 3000000001u));
		now = (uint32_t)(now + 3000000001u);
	}
	CHECK_EQUAL(total, UINT64_C(30000000010000),
	            "a counter that wraps 6984 times loses nothing");
}

/* "3.name [...]" or "3.name (description) [...]", numbered from 1. */
static bool is_interface_line(const char *line, int number)
{
	char start_of_line[16];
	size_t length = strlen(line);

	snprintf(start_of_line, sizeof(start_of_line), "%d.", number);
	return strncmp(line, start_of_line, strlen(start_of_line)) == 0 &&
	       line[length - 1] == ']' && strstr(line, " [") != NULL;
}

static void test_print_interfaces(void)
{
	char *text = NULL, *line, *rest;
	size_t length;
	FILE *stream = open_memstream(&text, &length);
	struct error error;
	int number = 0;
	bool right = true, any = false;

	CHECK_EQUAL(capture_print_interfaces(stream, &error), 0, "interfaces are listed");
	fclose(stream);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		right = right && is_interface_line(line, ++number);
		any = any || strstr(line, ".any (") != NULL;
	}
	CHECK(right && any, "numbered, with their flags, \"any\" among them");
	free(text);
}

static void test_open_live_fails(void)
{
	static const struct {
		const char *interface;
		int result;
	} cases[] = {
		{ "nosuchif0", -ENODEV },
		{ "", -ENODEV },
		{ "a-name-that-is-much-too-long", -ENODEV },
		{ "nflog", -ENODEV }, /* libpcap knows it; it is no interface */
	};
	const struct capture_options options = { .snaplen = 0 };
	struct capture *capture = NULL;
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(capture_open_live(&capture, cases[i].interface, &options, &error) ==
		                      cases[i].result &&
		              capture == NULL && strstr(error.text, cases[i].interface) != NULL,
		      "live '%s': %s", cases[i].interface, error.text);
}

int main(void)
{
	test_check_filter();
	test_long_filter();
	test_names();
	test_counter();
	test_print_interfaces();
	test_open_live_fails();
	return check_done();
}
