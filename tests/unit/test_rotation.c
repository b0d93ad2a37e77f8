/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>

#include "base/clock.h"
#include "check.h"
#include "open_repaired.h"
#include "output/outlet.h"
#include "put_line.h"

#define HOUR_NS (3600 * NS_PER_SECOND)
#define LINE    100u

static char directory[] = "/tmp/test_rotation.XXXXXX";

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

/* What is in a file, up to 4,095 bytes; "-" where there is none. */
static const char *content(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (got < 0)
		return "-";
	text[got] = '\0';
	return text;
}

static void test_due(void)
{
	const struct rotation by_size = { .size = 1000 };
	const struct rotation by_time = { .interval_ns = HOUR_NS };
	const struct {
		const struct rotation *rotation;
		off_t size;
		size_t length;
		int64_t period, now_ns;
		bool due;
		const char *what;
	} rows[] = {
		{ &by_size, 900, 100, 0, 0, false, "it fits exactly" },
		{ &by_size, 901, 100, 0, 0, true, "a byte too much" },
		{ &by_size, 0, 2000, 0, 0, false, "a line longer than a file may be" },
		{ &by_size, 1000, 1, 0, 9 * HOUR_NS, true, "full" },
		{ &by_time, 10, 1, 2, 3 * HOUR_NS - 1, false, "the last moment of an interval" },
		{ &by_time, 10, 0, 2, 3 * HOUR_NS, true, "the next interval" },
		{ &by_time, 0, 100, 2, 3 * HOUR_NS, false, "an empty file" },
		{ &by_time, 10, 1, 2, HOUR_NS, false, "the clock was set back" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct stat file = { .st_size = rows[i].size };

		CHECK_EQUAL(rotation_is_due(rows[i].rotation, &file, rows[i].period, rows[i].length,
		                            rows[i].now_ns),
		            rows[i].due, "%s", rows[i].what);
	}
}

static void test_period(void)
{
	const struct rotation by_time = { .interval_ns = HOUR_NS }, by_size = { .size = 1 };
	struct stat old = { .st_size = 1, .st_mtim = { .tv_sec = 7200 } };
	struct stat empty = { .st_mtim = { .tv_sec = 7200 } };

	CHECK_EQUAL(rotation_period(&by_time, &old, 9 * HOUR_NS), 2, "records: its last change");
	CHECK_EQUAL(rotation_period(&by_time, &empty, 9 * HOUR_NS), 9, "an empty file: now");
	CHECK_EQUAL(rotation_period(&by_size, &old, 9 * HOUR_NS), 0, "no intervals");
	CHECK(rotation_is_wanted(&by_time) && rotation_is_wanted(&by_size) &&
	              !rotation_is_wanted(&(struct rotation){ .keep = 3 }),
	      "it is wanted by size or by time");
}

static int open_file(const char *path)
{
	uint64_t repaired;
	int fd = open_repaired(path, &repaired, NULL);

	need(fd >= 0, path);
	return fd;
}

static void test_moves(void)
{
	const struct rotation rotation = { .size = 1, .keep = 2 };
	struct error error = { 0 };
	int fd;

	write_file("log.zst", "");
	write_file("log.2.zst", "oldest");
	write_file("log.1.zst", "old");
	fd = open_file("log.zst");
	CHECK_EQUAL(rotation_move(&rotation, "log.zst", fd, &error), 0, "a compressed file moves");
	CHECK_TEXT(content("log.1.zst"), "", "to the first name, before its suffix");
	CHECK_TEXT(content("log.2.zst"), "old", "the one there to the second");
	CHECK_TEXT(content("log.3.zst"), "-", "and the oldest is gone");
	CHECK_TEXT(content("log.zst"), "-", "its own name is free");
	CHECK(rotation_move(&rotation, "log.zst", fd, &error) == 0 &&
	              strcmp(content("log.1.zst"), "") == 0,
	      "a second time nothing moves");
	write_file("log.zst", "new");
	CHECK(rotation_move(&rotation, "log.zst", fd, &error) == 0 &&
	              strcmp(content("log.zst"), "new") == 0 &&
	              strcmp(content("log.1.zst"), "") == 0,
	      "the file that another process made in its place stays");
	unlink("log.zst");
	rotation_undo("log.zst");
	CHECK(strcmp(content("log.zst"), "") == 0 && strcmp(content("log.1.zst"), "-") == 0,
	      "undone: it has its name again");
	write_file("log.1.zst", "former");
	rotation_undo("log.zst");
	CHECK(strcmp(content("log.zst"), "") == 0 && strcmp(content("log.1.zst"), "former") == 0,
	      "but not in the place of a file");
	close(fd);
}

static void test_refusals(void)
{
	const struct rotation rotation = { .size = 1, .keep = 1 };
	struct error error = { 0 };
	int fd, other;

	write_file("busy", "");
	fd = open_file("busy");
	other = open_file("busy");
	need(flock(other, LOCK_EX) == 0, "flock");
	CHECK(rotation_move(&rotation, "busy", fd, &error) == -EAGAIN &&
	              strcmp(content("busy.1"), "-") == 0,
	      "another process is rotating the file: nothing moves");
	close(other);
	need(mkdir("busy.1", 0700) == 0, "mkdir");
	CHECK(rotation_move(&rotation, "busy", fd, &error) == -EISDIR &&
	              strstr(error.text, "busy.1") && strcmp(content("busy"), "") == 0,
	      "a folder has the name: the file stays (%s)", error.text);
	close(fd);
}

static void put(struct outlet *outlet, int count)
{
	char line[LINE + 1];

	for (int i = 0; i < count; i++) {
		snprintf(line, sizeof line, "{%0*d}\n", (int)LINE - 3, i);
		put_line(outlet_sink(outlet), line, LINE);
	}
}

/* How many whole lines a file has; -1: it has none, or ends within a line. */
static int lines_of(const char *path)
{
	const char *text = content(path);
	size_t length = strlen(text);

	return length % LINE == 0 && text[length - (length > 0)] == '\n' ? (int)(length / LINE)
	                                                                 : -1;
}

static void test_outlet(void)
{
	struct outlet_options options = { .path = "out",
		                          .capacity = 1 << 20,
		                          .rotation = { .size = 1050, .keep = 3 } };
	struct outlet_changes changes;
	struct outlet *outlet = NULL;
	struct loop *loop = loop_new();
	uint64_t repaired;

	need(loop && outlet_new(&outlet, loop, &options, &repaired, NULL) == 0, "outlet_new");
	put(outlet, 10);
	outlet_turn(outlet, false);
	CHECK(lines_of("out") == 10 && !outlet_take_changes(outlet, &changes),
	      "ten lines fit one file");
	put(outlet, 35);
	outlet_turn(outlet, false);
	CHECK_EQUAL(lines_of("out"), 5, "the newest file has the rest");
	CHECK_EQUAL(lines_of("out.1"), 10, "those before as many whole lines as fit");
	CHECK_EQUAL(lines_of("out.3"), 10, "three of them are kept");
	CHECK_TEXT(content("out.4"), "-", "and no more");
	CHECK(outlet_take_changes(outlet, &changes) && changes.opened == 4 && changes.failed == 0,
	      "four rotations are reported");
	CHECK(!outlet_take_changes(outlet, &changes), "once");
	need(unlink("out.3") == 0 && mkdir("out.3", 0700) == 0, "mkdir");
	put(outlet, 20);
	outlet_turn(outlet, false);
	CHECK(lines_of("out") == 25 && outlet_take_changes(outlet, &changes) &&
	              changes.opened == 0 && changes.failed == 1 &&
	              strstr(changes.error.text, "out.3"),
	      "it cannot be moved: it goes on growing, and that is reported once");
	outlet_free(outlet);
	loop_free(loop);
}

static void remove_all(void)
{
	static const char *const names[] = { "log.zst", "log.1.zst", "log.2.zst", "busy",
		                             "out",     "out.1",     "out.2" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(names[i]);
	rmdir("busy.1");
	rmdir("out.3");
	need(chdir("/") == 0 && rmdir(directory) == 0, directory);
}

int main(void)
{
	need(mkdtemp(directory) && chdir(directory) == 0, directory);
	test_due();
	test_period();
	test_moves();
	test_refusals();
	test_outlet();
	remove_all();
	return check_done();
}
