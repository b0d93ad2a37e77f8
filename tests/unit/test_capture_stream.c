/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files through pipes that are read without waiting. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"
#include "check.h"
#include "pcap_writer.h"

#define SECONDS 10 /* then it waited, where it must not */
#define PACKETS 5

struct seen {
	int count;
	uint64_t sum;
};

static void see(void *context, const struct capture_packet *packet)
{
	struct seen *seen = context;
	uint32_t i;

	seen->count++;
	seen->sum += (uint64_t)packet->time_ns;
	for (i = 0; i < packet->captured; i++)
		seen->sum = seen->sum * 31 + packet->bytes[i];
}

static char path[] = "/tmp/test_capture_stream.XXXXXX";

/* Opens the fifo at path for both; the file's first `length` bytes are in it. */
static struct capture *open_fifo(int *writer, size_t length)
{
	const struct capture_options options = { .nonblocking = true };
	struct capture *capture;
	struct error error;

	*writer = open(path, O_RDWR | O_CLOEXEC); /* lets the other end open at once */
	if (*writer < 0 || write(*writer, file.bytes, length) != (ssize_t)length)
		exit(EXIT_FAILURE);
	if (CHECK_EQUAL(capture_open_file(&capture, path, &options, &error), 0, "opens"))
		return capture;
	printf("# %s\n", error.text);
	exit(EXIT_FAILURE);
}

/* Dispatches until it gives nothing; what it gives then. */
static int drain(struct capture *capture, struct seen *seen, struct error *error)
{
	int result;

	do
		result = capture_dispatch(capture, 2, see, seen, error);
	while (result > 0);
	return result;
}

/* Sends the rest of the file in pieces of 1..piece_max bytes. Returns how many did no harm. */
static size_t feed(struct capture *capture, int writer, size_t from, size_t piece_max,
                   struct seen *seen, size_t *pieces)
{
	struct error error;
	size_t length, good = 0;

	for (*pieces = 0; from < file.length; from += length, ++*pieces) {
		length = 1 + (size_t)rand() % piece_max;
		if (length > file.length - from)
			length = file.length - from;
		if (write(writer, file.bytes + from, length) != (ssize_t)length)
			exit(EXIT_FAILURE);
		good += drain(capture, seen, &error) == -EAGAIN &&
		        capture_poll_timeout_ms(capture) == -1;
	}
	return good;
}

static struct seen read_plainly(void)
{
	const struct capture_options options = { .nonblocking = true };
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;
	FILE *stream;

	unlink(path);
	stream = fopen(path, "w");
	if (stream == NULL || fwrite(file.bytes, 1, file.length, stream) != file.length ||
	    fclose(stream) != 0 || capture_open_file(&capture, path, &options, &error) != 0)
		exit(EXIT_FAILURE);
	drain(capture, &seen, &error);
	capture_close(capture);
	unlink(path);
	if (mkfifo(path, 0600) != 0)
		exit(EXIT_FAILURE);
	return seen;
}

/* The same packets as from a file, whatever the pieces. */
static void check_pieces(const char *name, size_t header, size_t piece_max)
{
	struct seen expected = read_plainly(), seen = { .count = 0 };
	struct capture *capture;
	struct error error;
	size_t pieces, good;
	int writer;

	capture = open_fifo(&writer, header);
	CHECK(capture_is_file(capture) && capture_fd(capture) >= 0 &&
	              capture_poll_timeout_ms(capture) == 0,
	      "%s: can be waited for", name);
	CHECK(drain(capture, &seen, &error) == -EAGAIN && seen.count == 0, "%s: no packet yet",
	      name);
	good = feed(capture, writer, header, piece_max, &seen, &pieces);
	CHECK_EQUAL(good, pieces, "%s: never waited, %zu of %zu pieces", name, good, pieces);
	close(writer);
	CHECK_EQUAL(drain(capture, &seen, &error), 0, "%s: then ends", name);
	CHECK(expected.count == PACKETS && seen.count == expected.count && seen.sum == expected.sum,
	      "%s: the same packets as from a file", name);
	capture_close(capture);
}

/* Returns the length of what libpcap needs to open it. */
static size_t make_file(uint32_t magic, bool big_endian, uint32_t length)
{
	static uint8_t bytes[100000];
	size_t header;
	uint32_t i;

	start(big_endian);
	if (magic != 0) {
		put_pcap_header(magic, 262144, LINK_ETHERNET);
	} else {
		put_section();
		put_interface(LINK_ETHERNET, 262144, 9);
	}
	header = file.length;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (i = 0; i < PACKETS; i++) {
		if (magic != 0)
			put_pcap_packet(1000 + i, i, bytes + i, length + i);
		else
			put_enhanced(0, 1000 + i, bytes + i, length + i);
	}
	return header;
}

static void test_formats(void)
{
	static const struct {
		const char *name;
		uint32_t magic;
		bool big_endian;
	} formats[] = {
		{ "pcap, little endian", PCAP_MICROSECONDS, false },
		{ "pcap, big endian", PCAP_MICROSECONDS, true },
		{ "pcap, nanoseconds", PCAP_NANOSECONDS, false },
		{ "pcapng, little endian", 0, false },
		{ "pcapng, big endian", 0, true },
	};
	static const struct {
		const char *name;
		uint32_t length;
		size_t piece_max;
	} sizes[] = {
		{ "byte by byte", 40, 1 },
		{ "in pieces", 40, 200 },
		{ "empty packets", 0, 10 },
		{ "large packets", 90000, 30000 }, /* more than a pipe or the first buffer holds */
	};
	size_t i, j;
	char name[64];

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		for (j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			snprintf(name, sizeof(name), "%s, %s", formats[i].name, sizes[j].name);
			check_pieces(
				name,
				make_file(formats[i].magic, formats[i].big_endian, sizes[j].length),
				sizes[j].piece_max);
		}
	}
}

/* As `cat` of two files makes them. libpcap refuses a second section of another byte order. */
static void test_two_sections(void)
{
	size_t header;

	start(false);
	put_section();
	put_interface(LINK_ETHERNET, 262144, 9);
	header = file.length;
	put_enhanced(0, 1, "\1\2\3\4\5", 5);
	put_enhanced(0, 2, "\1\2\3\4\5", 5);
	put_section();
	put_interface(LINK_ETHERNET, 262144, 9);
	put_enhanced(0, 3, "\1\2\3\4\5", 5);
	put_enhanced(0, 4, "\1\2\3\4\5", 5);
	put_enhanced(0, 5, "\1\2\3\4\5", 5);
	check_pieces("two sections", header, 7);
}

static void test_cut(void)
{
	const size_t header = make_file(PCAP_MICROSECONDS, false, 40);
	const size_t two = header + 2 * 16 + 40 + 41;
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;
	char place[64];
	int writer;

	capture = open_fifo(&writer, two + 20);
	CHECK(drain(capture, &seen, &error) == -EAGAIN && seen.count == 2,
	      "a cut packet is waited for");
	close(writer);
	snprintf(place, sizeof(place), "at byte %zu (packets before: 2)", two + 20);
	CHECK(drain(capture, &seen, &error) == -EIO && strstr(error.text, place) != NULL &&
	              strstr(error.text, "truncated") != NULL,
	      "until the pipe ends: %s", error.text);
	capture_close(capture);
}

static void test_absurd_length(void)
{
	size_t header = make_file(PCAP_MICROSECONDS, false, 40);
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;
	int writer;

	file.length = header;
	put_number(1, 8);
	put_number(0xfffffff0, 4);
	put_number(0xfffffff0, 4);
	capture = open_fifo(&writer, file.length);
	CHECK(drain(capture, &seen, &error) == -EIO && seen.count == 0,
	      "an absurd length is refused at once: %s", error.text);
	close(writer);
	capture_close(capture);
}

static void test_no_capture_file(void)
{
	static const struct {
		const char *bytes, *expected;
		size_t length;
	} cases[] = {
		{ "", "empty", 0 },
		{ "\x1f\x8b\x08\0\0", "it ends in the middle", 5 },
		{ "hello, world\n", "unknown file format", 13 },
		{ "\xd4\xc3\xb2\xa1\2\0\4\0", "truncated", 8 },
		{ "\xd4\xc3", "truncated", 2 },
	};
	const struct capture_options options = { .nonblocking = true };
	struct capture *capture = NULL;
	struct error error;
	size_t i;
	int fds[2];

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (pipe(fds) != 0 ||
		    write(fds[1], cases[i].bytes, cases[i].length) != (ssize_t)cases[i].length ||
		    dup2(fds[0], STDIN_FILENO) < 0)
			exit(EXIT_FAILURE);
		close(fds[0]);
		close(fds[1]);
		CHECK(capture_open_file(&capture, "-", &options, &error) < 0 && capture == NULL &&
		              strncmp(error.text, "standard input: ", 16) == 0 &&
		              strstr(error.text, cases[i].expected) != NULL,
		      "stdin: %s", error.text);
	}
}

static void test_stdin(void)
{
	const struct capture_options options = { .nonblocking = true };
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;
	int fds[2];

	make_file(0, false, 40);
	if (pipe(fds) != 0 || write(fds[1], file.bytes, file.length) != (ssize_t)file.length ||
	    dup2(fds[0], STDIN_FILENO) < 0)
		exit(EXIT_FAILURE);
	close(fds[0]);
	if (!CHECK_EQUAL(capture_open_file(&capture, "-", &options, &error), 0,
	                 "standard input opens"))
		return;
	CHECK(drain(capture, &seen, &error) == -EAGAIN && seen.count == PACKETS, "is read");
	close(fds[1]);
	CHECK_EQUAL(drain(capture, &seen, &error), 0, "ends");
	capture_close(capture);
	CHECK(fcntl(STDIN_FILENO, F_GETFD) >= 0, "and is not closed");
}

int main(void)
{
	unsigned int seed = (unsigned int)time(NULL);
	int fd = mkstemp(path);

	if (fd < 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	close(fd);
	printf("# seed %u\n", seed);
	srand(seed);
	alarm(SECONDS);
	test_formats();
	test_two_sections();
	test_cut();
	test_absurd_length();
	test_no_capture_file();
	test_stdin();
	unlink(path);
	return check_done();
}
