/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed output: frames, the sink that writes them, and what file_open repairs. */
#include "output/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/clock.h"
#include "check.h"
#include "open_repaired.h"
#include "output/sink.h"
#include "put_line.h"

#define CAPACITY (4u << 20)
#define LINE     1000u

static char directory[] = "/tmp/test_frame.XXXXXX";

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

/* A line of LINE bytes that begins with its number and does not compress to nothing. */
static void make_line(char *line, unsigned number)
{
	uint32_t state = number * 2654435761u + 1;

	for (size_t i = 0; i < LINE; i++) {
		state = state * 1664525u + 1013904223u;
		line[i] = (char)('a' + (state >> 28));
	}
	sprintf(line, "{%09u", number);
	line[10] = ' ';
	line[LINE - 1] = '\n';
}

static void put(struct sink *sink, unsigned from, unsigned to)
{
	char line[LINE];

	for (unsigned number = from; number < to; number++) {
		make_line(line, number);
		need(put_line(sink, line, LINE) == 0, "put_line");
	}
}

/* The lines of a compressed file, when they are those from 0 on, whole and in order; else -1. */
static long count_lines(const char *path)
{
	static char packed[16u << 20], bytes[16u << 20];
	char line[LINE];
	FILE *file = fopen(path, "re");
	size_t length, sum = 0;

	need(file, path);
	length = fread(packed, 1, sizeof packed, file);
	fclose(file);
	sum = length == 0 ? 0 : ZSTD_decompress(bytes, sizeof bytes, packed, length);
	if (ZSTD_isError(sum) || sum % LINE != 0)
		return -1;
	for (unsigned number = 0; number < sum / LINE; number++) {
		make_line(line, number);
		if (memcmp(line, bytes + (size_t)number * LINE, LINE) != 0)
			return -1;
	}
	return (long)(sum / LINE);
}

static struct sink *open_sink(const char *path, int *fd, uint64_t *repaired)
{
	struct error error;
	struct sink *sink = NULL;

	*fd = open_repaired(path, repaired, &error);
	need(*fd >= 0 && sink_new(&sink, *fd, CAPACITY, &error) == 0 && sink_compress(sink, 1) == 0,
	     path);
	return sink;
}

static off_t size_of(const char *path)
{
	struct stat status;

	need(stat(path, &status) == 0, path);
	return status.st_size;
}

/* What is not written to the end leaves no part of a frame in the count of lines. */
static void test_frame(void)
{
	static char lines[3 * FRAME_LINES_MAX];
	struct frame *frame = frame_new(1);
	size_t length;

	memset(lines, 'x', sizeof lines);
	lines[99] = lines[FRAME_LINES_MAX - 5] = lines[FRAME_LINES_MAX + 5] = '\n';
	need(frame && frame_make(frame, lines, 100) == 0, "frame_make");
	frame_rest(frame, &length);
	CHECK(length > 0 && length < 100, "100 bytes take %zu", length);
	CHECK_EQUAL(frame_advance(frame, length - 1), 0, "all but one byte is no frame");
	CHECK_EQUAL(frame_written(frame), length - 1, "and is counted");
	frame_rewind(frame);
	CHECK_EQUAL(frame_advance(frame, length), 100, "all of it has its lines");
	frame_rest(frame, &length);
	CHECK_EQUAL(length, 0, "and nothing is left");
	need(frame_make(frame, lines, sizeof lines) == 0, "frame_make");
	frame_rest(frame, &length);
	CHECK_EQUAL(frame_advance(frame, length), FRAME_LINES_MAX - 4,
	            "a frame ends with the last line within a MiB");
	frame_free(frame);
}

static void test_sink(void)
{
	uint64_t repaired = 77;
	int fd;
	struct sink *sink = open_sink("new.zst", &fd, &repaired);
	off_t first;

	CHECK_EQUAL(repaired, 0, "a new file");
	CHECK(sink_flush(sink) == SINK_OPEN && size_of("new.zst") == 0,
	      "without lines there is no frame");
	put(sink, 0, 3000);
	CHECK(sink_flush(sink) == SINK_OPEN && sink_pending(sink) == 0, "3 MB are written");
	first = size_of("new.zst");
	CHECK(first > 1000000 && first < 2500000, "as %jd bytes", (intmax_t)first);
	CHECK_EQUAL(sink_counters(sink).bytes, 3000 * LINE, "bytes are those of lines");
	CHECK_EQUAL(sink_counters(sink).lines, 3000, "lines are counted");
	put(sink, 3000, 3010);
	sink_drain(sink, clock_monotonic_ns() + NS_PER_SECOND);
	CHECK(count_lines("new.zst") == 3010, "the file has them, in order");
	sink_free(sink);
	close(fd);
	sink = open_sink("new.zst", &fd, &repaired);
	put(sink, 3010, 3020);
	sink_flush(sink);
	CHECK(repaired == 0 && count_lines("new.zst") == 3020, "opened again it is appended to");
	sink_free(sink);
	close(fd);
}

/* Each length to which a file of two frames may be cut. */
static void test_torn(void)
{
	uint64_t repaired;
	off_t first, second, bad = -1;
	int fd;
	struct sink *sink = open_sink("torn.zst", &fd, &repaired);
	static char bytes[4 * LINE];

	put(sink, 0, 1);
	sink_flush(sink);
	first = size_of("torn.zst");
	put(sink, 1, 2);
	sink_flush(sink);
	second = size_of("torn.zst");
	need(pread(fd, bytes, sizeof bytes, 0) == second, "pread");
	sink_free(sink);
	close(fd);
	for (off_t length = 0; length <= second && bad < 0; length++) {
		off_t whole = length == second ? second : length >= first ? first : 0;
		struct error error;

		fd = open("torn.zst", O_WRONLY | O_TRUNC | O_CLOEXEC);
		need(write(fd, bytes, (size_t)length) == length, "write");
		close(fd);
		fd = open_repaired("torn.zst", &repaired, &error);
		if (fd < 0 || (off_t)repaired != length - whole || size_of("torn.zst") != whole)
			bad = length;
		if (fd >= 0)
			close(fd);
	}
	CHECK_EQUAL(bad, -1, "a file that is cut at any byte is repaired to whole frames");
}

static void refused(const char *what, const void *bytes, size_t length)
{
	struct error error = { .code = 0 };
	uint64_t repaired = 77;
	int fd = open("other.zst", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	need(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, what);
	close(fd);
	fd = open_repaired("other.zst", &repaired, &error);
	CHECK(fd == -EBADMSG && repaired == 77 && size_of("other.zst") == (off_t)length,
	      "%s is refused and stays: %s", what, error.text);
}

static void test_others(void)
{
	static char zeros[5000], large[3u << 20], packed[4u << 20];
	struct error error;
	uint64_t repaired;
	size_t length;
	int fd;

	refused("a text", "root:x:0:0\n", 11);
	refused("lines as they are", "{\"a\":1}\n", 8);
	for (size_t i = 0; i + LINE <= sizeof large; i += LINE)
		make_line(large + i, (unsigned)i);
	length = ZSTD_compress(packed, sizeof packed, large, sizeof large / LINE * LINE, 1);
	need(!ZSTD_isError(length), "ZSTD_compress");
	memcpy(packed + length, "root", 4);
	refused("a frame with a text behind it", packed, length + 4);
	fd = open("other.zst", O_WRONLY | O_TRUNC | O_CLOEXEC);
	need(write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros, "write");
	close(fd);
	fd = open_repaired("other.zst", &repaired, &error);
	CHECK(fd >= 0 && repaired == sizeof zeros, "zero bytes are cut off");
	close(fd);
}

/* A file that may not grow further: the frame is taken back, and written when there is room. */
static void test_full(void)
{
	struct rlimit small = { .rlim_cur = 3000, .rlim_max = RLIM_INFINITY }, before;
	uint64_t repaired;
	int fd;
	struct sink *sink = open_sink("full.zst", &fd, &repaired);
	struct error error;

	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	put(sink, 0, 2);
	sink_flush(sink);
	put(sink, 2, 12);
	need(setrlimit(RLIMIT_FSIZE, &small) == 0, "setrlimit");
	CHECK_EQUAL(sink_flush(sink), SINK_FAILED, "a file that may not grow");
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(count_lines("full.zst") == 2, "ends with a whole frame");
	CHECK_EQUAL(sink_replace_fd(sink, fd, 0, &error), 0, "it may be opened again");
	CHECK(sink_flush(sink) == SINK_OPEN && count_lines("full.zst") == 12,
	      "and has all lines then");
	sink_free(sink);
	close(fd);
}

int main(void)
{
	static const char *const names[] = { "new.zst", "torn.zst", "other.zst", "full.zst" };

	need(mkdtemp(directory) && chdir(directory) == 0, directory);
	test_frame();
	test_sink();
	test_torn();
	test_others();
	test_full();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(names[i]);
	need(chdir("/") == 0 && rmdir(directory) == 0, directory);
	return check_done();
}
