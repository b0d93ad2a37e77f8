/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The table of --top, as text: whole screens. */
#include "display/top.h"

#include "base/clock.h"
#include "check.h"
#include "example_event.h"

#define INTERVAL (2 * NS_PER_SECOND)

static const struct hash_key key = { { 1, 2 } };
static const struct top_frame usual = {
	.rows = 8,
	.columns = 80,
	.elapsed_ns = 3723 * NS_PER_SECOND,
	.packets = 1234567,
	.connections = 42,
	.lost = 3,
};

static const char *rendered(const struct top *top, const struct top_frame *frame)
{
	static char bytes[TOP_TEXT_MAX];
	struct buf text = { .data = bytes, .capacity = sizeof bytes - 1 };

	top_render(top, frame, &text);
	bytes[text.length] = '\0';
	return bytes;
}

/* The number of the line that begins so; -1: there is none. */
static int line_of(const char *text, const char *begin)
{
	int number = 0;

	for (const char *line = text; line; number++) {
		if (strncmp(line, begin, strlen(begin)) == 0)
			return number;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return -1;
}

static void add_programs(struct top *top)
{
	struct process curl = { .pid = 4242, .name = (char[]){ "curl" } };
	struct process sshd = { .pid = 7, .name = (char[]){ "sshd" } };
	struct process other = { .pid = 8, .name = (char[]){ "sshd" } };

	top_begin(top, INTERVAL);
	top_add_process(top, NULL, 0, 120, 0);
	top_add_process(top, &sshd, 2000, 4000, 1);
	top_add_process(top, &other, 10, 0, 2);
	top_add_process(top, &curl, 20000000, 300, 1);
}

static void test_programs(void)
{
	struct top *top = top_new(&key, 4);

	add_programs(top);
	CHECK_TEXT(
		rendered(top, &usual),
		"1:02:03  1.23M packets, 3 lost, 42 connections; programs by rate\n"
		"q quit, p programs, c connections; by r rate, b bytes, n number, a name\n"
		"program                                 procs  conns sent/s recv/s   sent   recv\n"
		"curl[4242]                                  1      1  10.0M    150  20.0M    300\n"
		"sshd                                        2      3  1.00k  2.00k  2.01k  4.00k\n"
		"(unknown)                                   0      0      0     60      0    120",
		"programs, those with the most first");
	top_begin(top, INTERVAL);
	CHECK(strstr(rendered(top, &usual), "curl                                        0      0  "
	                                    "    0      0  20.0M    300"),
	      "those that have ended keep their sums");
	add_programs(top);
	CHECK(top_press(top, 'n') && line_of(rendered(top, &usual), "sshd ") == 3,
	      "by the number of connections");
	CHECK(top_press(top, 'a') && line_of(rendered(top, &usual), "(unknown) ") == 3 &&
	              line_of(rendered(top, &usual), "curl[4242] ") == 4,
	      "by name");
	CHECK(top_press(top, 'b') && line_of(rendered(top, &usual), "curl[4242] ") == 3,
	      "by bytes");
	CHECK(!top_press(top, 'q') && !top_press(top, '\0'), "other keys choose nothing");
	top_free(top);
}

static void test_sizes(void)
{
	static const struct {
		const char *title, *text;
		int rows, columns;
	} cases[] = {
		{ "40 columns",
		  "1:02:03  1.23M packets, 3 lost, 42 conne\n"
		  "q quit, p programs, c connections; by r \n"
		  "program                    sent/s recv/s\n"
		  "curl[4242]                  10.0M    150\n"
		  "sshd                        1.00k  2.00k",
		  5, 40 },
		{ "12 columns", "1:02:03  1.2\nq quit, p pr\nprogram     \ncurl[4242]  ", 4, 12 },
		{ "1 column", "1\nq\np\nc", 4, 1 },
		{ "three rows", "1:02\nq qu\nprog", 3, 4 },
		{ "two rows", "1:02\nq qu", 2, 4 },
		{ "one row", "1:02", 1, 4 },
	};
	struct top *top = top_new(&key, 4);

	add_programs(top);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct top_frame frame = usual;

		frame.rows = cases[i].rows;
		frame.columns = cases[i].columns;
		CHECK_TEXT(rendered(top, &frame), cases[i].text, "%s", cases[i].title);
	}
	top_free(top);
}

/* No line is wider than the screen, there are no more than its rows, and nothing controls it. */
static bool fits(const char *text, const struct top_frame *frame)
{
	int rows = 1, columns = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '\n' ? ++rows > frame->rows : *c < ' ' || *c == 127)
			return false;
		columns = *c == '\n' ? 0 : columns + ((*c & 0xc0) != 0x80);
		if (columns > frame->columns)
			return false;
	}
	return true;
}

static void test_every_size(void)
{
	struct process evil = { .pid = INT32_MAX,
		                .name = (char[]){ "\033[2J\n\303\274\377\342\200\256 end" } };
	struct top_frame frame = { .packets = UINT64_MAX, .elapsed_ns = INT64_MAX };
	struct top *top = top_new(&key, 4);
	struct example example;
	int wrong = 0;

	example_begin(&example);
	example.curl.name = evil.name;
	example.connection.counts[CONNECTION_SOURCE].bytes = UINT64_MAX;
	add_programs(top);
	top_add_process(top, &evil, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	top_add_connection(top, &example.connection, 0, false);
	for (frame.rows = 1; frame.rows < 10; frame.rows++)
		for (frame.columns = 1; frame.columns < 200; frame.columns++) {
			top_press(top, 'p');
			wrong += !fits(rendered(top, &frame), &frame);
			top_press(top, 'c');
			wrong += !fits(rendered(top, &frame), &frame);
		}
	CHECK_EQUAL(wrong, 0, "each size of a screen has a table that fits");
	example.curl.name = example.curl_name;
	example_end(&example);
	top_free(top);
}

/* Names are anybody's: no control character, and a letter of several bytes is one column. */
static void test_names(void)
{
	struct process evil = { .pid = 1, .name = (char[]){ "a\033[31m" } };
	struct process umlaut = { .pid = 2, .name = (char[]){ "m\303\274nchen" } };
	struct process nameless = { .pid = 3 };
	struct top_frame frame = usual;
	struct top *top = top_new(&key, 4);

	frame.columns = 24;
	top_begin(top, INTERVAL);
	top_add_process(top, &evil, 30, 0, 0);
	top_add_process(top, &umlaut, 20, 0, 0);
	top_add_process(top, &nameless, 10, 0, 0);
	CHECK(line_of(rendered(top, &frame), "a\\u001b[31     15      0") == 3,
	      "a control character is escaped");
	CHECK(line_of(rendered(top, &frame), "m\303\274nchen[2]     10      0") == 4,
	      "columns stay in line");
	CHECK(line_of(rendered(top, &frame), "?[3]            5      0") == 5, "no name is known");
	frame.message = "records were lost";
	CHECK(line_of(rendered(top, &frame), "records were lost\n") == 1,
	      "a message is in place of the keys");
	top_free(top);
}

/* Memory is bounded, and so are the rows. */
static void test_many(void)
{
	char name[16];
	struct process process = { .pid = 1, .name = name };
	struct top_frame frame = usual;
	struct top *top = top_new(&key, 4);
	int lines = 1;

	top_begin(top, INTERVAL);
	for (int i = 0; i < TOP_PROGRAMS_MAX + 100; i++) {
		snprintf(name, sizeof name, "p%d", i);
		top_add_process(top, &process, 1000 + (uint64_t)i, 0, 1);
	}
	frame.rows = 1000;
	for (const char *c = rendered(top, &frame); *c; c++)
		lines += *c == '\n';
	CHECK_EQUAL(lines, 3 + TOP_ROWS_MAX, "so many rows at most");
	CHECK(line_of(rendered(top, &frame), "(others) ") == 3 &&
	              line_of(rendered(top, &frame), "p4095[1] ") == 4 &&
	              line_of(rendered(top, &frame), "p4094[1] ") == 5,
	      "programs beyond the limit are together");
	top_free(top);
}

/* Those with the most are shown, in whatever order they come. */
static void test_order_of_many(void)
{
	enum { COUNT = 2000 };
	struct top *top = top_new(&key, COUNT);
	struct top_frame frame = usual;
	struct example example;
	unsigned long expected;
	int wrong = 0;

	example_begin(&example);
	frame.rows = 3 + TOP_ROWS_MAX;
	for (unsigned step = 1; step < COUNT; step += 666) { /* with 2000 all numbers come by */
		const char *line;

		top_press(top, 'c');
		top_begin(top, NS_PER_SECOND);
		for (unsigned i = 0; i < COUNT; i++) {
			unsigned number = i * (step | 1) % COUNT;

			example.connection.id = number + step * COUNT;
			example.connection.counts[CONNECTION_SOURCE].bytes = number % 999;
			top_add_connection(top, &example.connection, number, false);
		}
		expected = 998;
		line = strstr(rendered(top, &frame), "\ncurl");
		wrong += !line;
		for (int i = 0; line && i < TOP_ROWS_MAX; i++) {
			const char *end = strchr(line + 1, '\n');
			char sent[8];

			snprintf(sent, sizeof sent, "%.7s", line + 1 + 80 - 14);
			wrong += strtoul(sent, NULL, 10) != expected;
			expected -= i % 2 == 1;
			line = end;
		}
	}
	CHECK_EQUAL(wrong, 0, "the first rows of many, sorted");
	example_end(&example);
	top_free(top);
}

static void set_bytes(struct connection *connection, uint64_t there, uint64_t back)
{
	connection->counts[CONNECTION_SOURCE] = (struct connection_count){ 1, there };
	connection->counts[CONNECTION_DESTINATION] = (struct connection_count){ 1, back };
}

static void test_connections(void)
{
	struct top *top = top_new(&key, 4);
	struct top_frame frame = usual;
	struct example example;
	struct connection other;

	example_begin(&example);
	other = example.connection;
	other.id++;
	other.local[CONNECTION_SOURCE] = false;
	other.local[CONNECTION_DESTINATION] = true;
	other.owners[CONNECTION_DESTINATION] = (struct owner){ .reason = ATTRIBUTION_TIME_WAIT };
	other.names = NULL;
	frame.columns = 110;
	CHECK(top_press(top, 'c'), "connections");
	top_begin(top, INTERVAL);
	set_bytes(&example.connection, 1000, 500);
	set_bytes(&other, 10, 80);
	top_add_connection(top, &other, 1, false);
	top_add_connection(top, &example.connection, 0, false);
	CHECK_TEXT(rendered(top, &frame),
	           "1:02:03  1.23M packets, 3 lost, 42 connections; connections by rate\n"
	           "q quit, p programs, c connections; by r rate, b bytes, n number, a name\n"
	           "connection                                                                "
	           " packets sent/s recv/s   sent   recv\n"
	           "curl[4242]           tcp 10.0.2.15:51044 > 93.184.216.34:443              "
	           "       2    500    250  1.00k    500\n"
	           "?(time_wait)         tcp 10.0.2.15:51044 > 93.184.216.34:443              "
	           "       2     40      5     80     10",
	           "connections");
	top_begin(top, 0);
	top_press(top, 'b');
	top_add_connection(top, &example.connection, 0, false);
	CHECK(strstr(rendered(top, &frame), "    500    250"), "another order: the same interval");
	top_begin(top, INTERVAL);
	set_bytes(&example.connection, 1004, 500);
	top_add_connection(top, &example.connection, 0, true);
	CHECK(strstr(rendered(top, &frame), "      2      0  1.00k    500"), "the next interval");
	top_begin(top, INTERVAL);
	top_add_connection(top, &example.connection, 0, true);
	CHECK_EQUAL(line_of(rendered(top, &frame), "curl"), -1,
	            "what ended before the interval is not shown");
	example.connection.id += 5;
	top_begin(top, INTERVAL);
	top_add_connection(top, &example.connection, 0, false);
	CHECK(strstr(rendered(top, &frame), "    502    250  1.00k    500"),
	      "another connection in its place");
	top_begin(top, 0);
	example.connection.id++;
	top_add_connection(top, &example.connection, 0, false);
	CHECK_EQUAL(line_of(rendered(top, &frame), "curl"), -1,
	            "one that is new waits for its interval");
	example_end(&example);
	top_free(top);
}

static void test_keys(void)
{
	static const struct {
		const char *title, *typed, *keys;
	} cases[] = {
		{ "letters", "cbq", "cbq" },
		{ "an arrow", "\033[Aq", "q" },
		{ "an arrow in application mode", "\033OBc", "c" },
		{ "a key with parameters", "p\033[1;5Cq", "pq" },
		{ "escape itself", "\033q", "q" },
		{ "a sequence that is cut", "c\033[1;", "c" },
		{ "others that are cut", "c\033O", "c" },
		{ "the beginning of one", "c\033", "c" },
		{ "nothing", "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *typed =
			(const char *)check_guarded(cases[i].typed, strlen(cases[i].typed));
		char keys[8] = "";
		size_t place = 0;

		for (int k = 0; k < 7; k++)
			keys[k] = top_next_key(typed, strlen(cases[i].typed), &place);
		CHECK_TEXT(keys, cases[i].keys, "%s", cases[i].title);
	}
}

int main(void)
{
	test_keys();
	test_programs();
	test_sizes();
	test_every_size();
	test_names();
	test_many();
	test_order_of_many();
	test_connections();
	return check_done();
}
