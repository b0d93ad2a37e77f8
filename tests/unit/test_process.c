/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process.h"

#include "check.h"

static const struct {
	const char *text;
	const char *name; /* NULL: not a stat text */
	char state;
	int parent_pid, threads;
	uint64_t start_ticks;
} stats[] = {
	{ "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 25 170 3 "
	  "18446744073709551615\n",
	  "systemd", 'S', 0, 1, 25 },
	{ "7 (a b) R 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 12 0 99 0\n", "a b", 'R', 1, 12, 99 },
	{ "7 (x) S 1 (y) Z 3 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 99 0\n", "x) S 1 (y", 'Z', 3, 1,
	  99 },
	{ "7 ()) S 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 18446744073709551615", ")", 'S', 2, 1,
	  UINT64_MAX },
	{ "7 () S 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0", "", 'S', 2, 1, 5 },
	{ "7 (\n\xff\x1b) S 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0", "\n\xff\x1b", 'S', 2, 1,
	  5 },
	{ "8 (kworker/u9:2+flush-0123456789012345678901234567890123456789012345678901234567890) I "
	  "2 0"
	  " 0 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0",
	  "kworker/u9:2+flush-0123456789012345678901234567890123456789012345", 'I', 2, 1, 5 },
	{ "7 (x) S 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 18446744073709551616 0", NULL, 0, 0, 0,
	  0 },
	{ "7 (x) S 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 ", NULL, 0, 0, 0, 0 },
	{ "7 (x) S 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 x 0 5 0", NULL, 0, 0, 0, 0 },
	{ "7 (x) S -2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0", NULL, 0, 0, 0, 0 },
	{ "7 (x) SS 2 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 5 0", NULL, 0, 0, 0, 0 },
	{ "7 (x)", NULL, 0, 0, 0, 0 },
	{ "7 )x(", NULL, 0, 0, 0, 0 },
	{ "7 x", NULL, 0, 0, 0, 0 },
	{ "", NULL, 0, 0, 0, 0 },
};

static void test_parse_stat(void)
{
	for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
		size_t length = strlen(stats[i].text);
		const char *text = (const char *)check_guarded(stats[i].text, length);
		struct process_stat stat = { .parent_pid = -77 };
		bool parsed = process_parse_stat(text, length, &stat);

		if (!stats[i].name)
			CHECK(!parsed && stat.parent_pid == -77, "stat %zu is refused", i);
		else
			CHECK(parsed && strncmp(stat.name, stats[i].name, 64) == 0 &&
			              stat.state == stats[i].state &&
			              stat.parent_pid == stats[i].parent_pid &&
			              stat.threads == stats[i].threads &&
			              stat.start_ticks == stats[i].start_ticks,
			      "stat %zu is understood", i);
		/* Every shorter text: no over-read, whatever the answer. */
		for (size_t cut = 0; cut < length; cut++)
			process_parse_stat((const char *)check_guarded(stats[i].text, cut), cut,
			                   &stat);
	}
}

static void test_parse_status(void)
{
	static const struct {
		const char *text;
		bool good;
		int tgid;
		uint32_t uid;
	} cases[] = {
		{ "Name:\tx\nState:\tS\nTgid:\t42\nPid:\t43\nUid:\t1000\t0\t0\t0\n", true, 42, 0 },
		{ "Tgid:\t42\nUid:\t0\t4294967295\t", true, 42, UINT32_MAX },
		{ "Name:\tUid:\nTgid:\t1\nUid:\t1\t2", true, 1, 2 },
		{ "Tgid:\t42\nUid:\t0\t4294967296\t", false, 0, 0 },
		{ "Tgid:\t42\nUid:\t0\n", false, 0, 0 },
		{ "Tgid:\t42\nUid:", false, 0, 0 },
		{ "Tgid:\nUid:\t1\t2\n", false, 0, 0 },
		{ "Uid:\t1\t2\n", false, 0, 0 },
		{ "xTgid:\t1\nUid:\t1\t2\n", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t length = strlen(cases[i].text);
		int tgid = -77;
		uint32_t uid = 77;
		bool parsed = process_parse_status(
			(const char *)check_guarded(cases[i].text, length), length, &tgid, &uid);

		CHECK(parsed == cases[i].good && tgid == (parsed ? cases[i].tgid : -77) &&
		              uid == (parsed ? cases[i].uid : 77),
		      "status %zu", i);
	}
}

static void test_parse_container_pid(void)
{
	static const struct {
		const char *text;
		int pid;
	} cases[] = {
		{ "Groups:\t1 2 \nNSpid:\t4242\t17\t1\nNSpgid:\t4242\t17\t1\n", 1 },
		{ "NSpid:\t4242\t17\n", 17 },
		{ "NSpid:\t4242\n", 0 },
		{ "NSpid:\t4242\t17", 0 },
		{ "NSpid:\t4242\t17\t", 0 },
		{ "NSpid:\t4242\tx\n", 0 },
		{ "NSpid:\t4242\t99999999999\n", 0 },
		{ "NStgid:\t4242\t17\n", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t length = strlen(cases[i].text);

		CHECK_EQUAL(process_parse_container_pid(
				    (const char *)check_guarded(cases[i].text, length), length),
		            cases[i].pid, "pid in a container, case %zu", i);
	}
}

static void test_parse_link(void)
{
	static const struct {
		const char *link, *kind;
		bool good;
		uint64_t inode;
	} cases[] = {
		{ "socket:[1]", "socket:[", true, 1 },
		{ "socket:[18446744073709551615]", "socket:[", true, UINT64_MAX },
		{ "net:[4026531840]", "net:[", true, 4026531840 },
		{ "socket:[18446744073709551616]", "socket:[", false, 0 },
		{ "socket:[]", "socket:[", false, 0 },
		{ "socket:[1", "socket:[", false, 0 },
		{ "socket:[1]x", "socket:[", false, 0 },
		{ "socket:[-1]", "socket:[", false, 0 },
		{ "socket:[ 1]", "socket:[", false, 0 },
		{ "/tmp/socket:[1]", "socket:[", false, 0 },
		{ "pipe:[1]", "socket:[", false, 0 },
		{ "", "socket:[", false, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t inode = 77;
		bool parsed = process_parse_link(cases[i].link, cases[i].kind, &inode);

		CHECK(parsed == cases[i].good && inode == (parsed ? cases[i].inode : 77), "link %s",
		      cases[i].link);
	}
}

static void test_exited(void)
{
	static const struct {
		int threads;
		char state;
		bool exited;
	} cases[] = {
		{ 1, 'S', false }, { 0, 'R', false }, { 1, 'Z', true },  { 0, 'Z', true },
		{ 2, 'Z', false }, { 1, 'X', true },  { 1, 'I', false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct process_stat stat = { .state = cases[i].state, .threads = cases[i].threads };

		CHECK_EQUAL(process_stat_exited(&stat), cases[i].exited, "%c with %d threads",
		            cases[i].state, cases[i].threads);
	}
}

static void test_strip_deleted(void)
{
	static const struct {
		const char *path;
		size_t length; /* afterwards */
	} paths[] = {
		{ "/bin/a (deleted)", 6 },
		{ "/bin/a (deleted) (deleted)", 16 },
		{ "/bin/a", 6 },
		{ "/bin/a(deleted)", 15 },
		{ "/bin/a (deleted) ", 17 },
		{ " (deleted)", 10 },
		{ "(deleted)", 9 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		size_t before = strlen(paths[i].path), length = before;
		const char *path = (const char *)check_guarded(paths[i].path, before);
		bool deleted = process_strip_deleted(path, &length);

		CHECK(length == paths[i].length && deleted == (length != before),
		      "'%s' has %zu bytes without the mark", paths[i].path, length);
	}
}

int main(void)
{
	test_parse_stat();
	test_parse_status();
	test_parse_container_pid();
	test_parse_link();
	test_exited();
	test_strip_deleted();
	return check_done();
}
