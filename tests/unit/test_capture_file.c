/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "pcap_writer.h"

#define PACKETS 3

/* A UDP packet 192.0.2.1 -> 192.0.2.2 in Ethernet. */
static const uint8_t *udp_packet(uint16_t port)
{
	static uint8_t packet[] = {
		2,   0, 0,  0, 0,    2,    2, 0,  0,  0,  0, 1,   0x08, 0x00, 0x45,
		0,   0, 30, 0, 0,    0,    0, 64, 17, 0,  0, 192, 0,    2,    1,
		192, 0, 2,  2, 0x30, 0x39, 0, 0,  0,  10, 0, 0,   'h',  'i',
	};

	packet[36] = (uint8_t)(port >> 8);
	packet[37] = (uint8_t)port;
	return packet;
}
#define UDP_PACKET_LENGTH 44

static char path[] = "/tmp/test_capture_file.XXXXXX";

static const char *save(void)
{
	FILE *stream = fopen(path, "w");

	if (stream == NULL || fwrite(file.bytes, 1, file.length, stream) != file.length ||
	    fclose(stream) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return path;
}

static void save_udp_file(int packets)
{
	int i;

	start(false);
	put_pcap_header(PCAP_MICROSECONDS, 65535, LINK_ETHERNET);
	for (i = 0; i < packets; i++)
		put_pcap_packet(100 + (uint32_t)i, 0, udp_packet((uint16_t)(53 + i)),
		                UDP_PACKET_LENGTH);
	save();
}

/* What was handed over. */
struct seen {
	int count;
	int64_t times[16];
	uint32_t length;
	uint8_t sum;
	struct capture *break_after_first;
};

static void see(void *context, const struct capture_packet *packet)
{
	struct seen *seen = context;
	uint32_t i;

	if (seen->count < 16)
		seen->times[seen->count] = packet->time_ns;
	seen->count++;
	seen->length = packet->length;
	for (i = 0; i < packet->captured; i++)
		seen->sum = (uint8_t)(seen->sum + packet->bytes[i]);
	if (seen->break_after_first != NULL)
		capture_break(seen->break_after_first);
}

static int open_file(struct capture **capture, const char *filter, struct error *error)
{
	const struct capture_options options = { .filter = filter };

	return capture_open_file(capture, path, &options, error);
}

static int read_all(struct capture *capture, struct seen *seen, struct error *error)
{
	int result;

	do
		result = capture_dispatch(capture, 100, see, seen, error);
	while (result > 0);
	return result;
}

static void test_formats(void)
{
	static const struct {
		const char *name;
		uint32_t magic; /* 0: pcapng */
		bool big_endian;
		uint8_t digits;
		uint64_t unit_ns;
	} formats[] = {
		{ "pcap, microseconds, little endian", PCAP_MICROSECONDS, false, 6, 1000 },
		{ "pcap, microseconds, big endian", PCAP_MICROSECONDS, true, 6, 1000 },
		{ "pcap, nanoseconds, little endian", PCAP_NANOSECONDS, false, 9, 1 },
		{ "pcap, nanoseconds, big endian", PCAP_NANOSECONDS, true, 9, 1 },
		{ "pcapng, microseconds, little endian", 0, false, 6, 1000 },
		{ "pcapng, microseconds, big endian", 0, true, 6, 1000 },
		{ "pcapng, nanoseconds, little endian", 0, false, 9, 1 },
		{ "pcapng, nanoseconds, big endian", 0, true, 9, 1 },
	};
	const int64_t second = 1732270272;
	struct capture_counters counters;
	struct capture *capture;
	struct error error;
	size_t i;
	uint32_t n;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct seen seen = { .count = 0 };
		uint64_t units = 1000000000 / formats[i].unit_ns;
		bool right = true;

		start(formats[i].big_endian);
		if (formats[i].magic != 0) {
			put_pcap_header(formats[i].magic, 65535, LINK_ETHERNET);
		} else {
			put_section();
			put_interface(LINK_ETHERNET, 65535, formats[i].digits);
		}
		for (n = 0; n < PACKETS; n++) {
			if (formats[i].magic != 0)
				put_pcap_packet((uint32_t)second, 123456 + n, "\1\2\3\4\5", 5);
			else
				put_enhanced(0, (uint64_t)second * units + 123456 + n, "\1\2\3\4\5",
				             5);
		}
		save();
		if (!CHECK_EQUAL(open_file(&capture, NULL, &error), 0, "%s: opens",
		                 formats[i].name))
			continue;
		CHECK(read_all(capture, &seen, &error) == 0 && seen.count == PACKETS &&
		              seen.length == 5 && seen.sum == (1 + 2 + 3 + 4 + 5) * PACKETS,
		      "%s: all packets", formats[i].name);
		for (n = 0; n < PACKETS; n++)
			right = right &&
			        seen.times[n] == second * 1000000000 +
			                                 (123456 + n) * (int64_t)formats[i].unit_ns;
		CHECK(right, "%s: times to the nanosecond", formats[i].name);
		CHECK_EQUAL(capture_dispatch(capture, 1, see, &seen, &error), 0,
		            "%s: stays at the end", formats[i].name);
		CHECK(capture_read_counters(capture, &counters) == 0 &&
		              counters.delivered == PACKETS && counters.received == 0 &&
		              counters.dropped == 0,
		      "%s: counters", formats[i].name);
		capture_close(capture);
	}
}

static void test_accessors(void)
{
	struct capture *capture;
	struct error error;

	save_udp_file(1);
	if (open_file(&capture, NULL, &error) != 0)
		return;
	CHECK(capture_is_file(capture) && capture_fd(capture) == -1 &&
	              capture_poll_timeout_ms(capture) == 0,
	      "a file has no descriptor to wait for");
	CHECK(capture_link_type(capture) == LINK_ETHERNET, "link type");
	CHECK(capture_stop(capture) == 0 && capture_drained(capture), "a file is always drained");
	capture_close(capture);
	capture_close(NULL);
}

static void test_limit_and_break(void)
{
	struct capture *capture;
	struct error error;
	struct seen seen = { .count = 0 };

	save_udp_file(5);
	if (open_file(&capture, NULL, &error) != 0)
		return;
	CHECK(capture_dispatch(capture, 2, see, &seen, &error) == 2 && seen.count == 2,
	      "no more packets than asked for");
	capture_break(capture);
	seen.break_after_first = capture;
	CHECK(capture_dispatch(capture, 100, see, &seen, &error) == 1 && seen.count == 3,
	      "a break in the callback ends the dispatch, one before it does not");
	seen.break_after_first = NULL;
	CHECK(capture_dispatch(capture, 100, see, &seen, &error) == 2 && seen.count == 5 &&
	              seen.times[4] == 104 * INT64_C(1000000000),
	      "and the next goes on where it ended");
	capture_close(capture);
}

static void test_filter(void)
{
	static const struct {
		const char *filter;
		int count; /* -1: refused */
	} cases[] = {
		{ NULL, 3 },          { "", 3 },
		{ "udp", 3 },         { "udp port 54", 1 },
		{ "tcp", 0 },         { "udp prot 53", -1 },
		{ "port 70000", -1 }, { "host 256.1.1.1", -1 },
	};
	struct capture *capture;
	struct error error;
	size_t i;

	save_udp_file(PACKETS);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = { .count = 0 };
		const char *name = cases[i].filter != NULL ? cases[i].filter : "none";
		int result = open_file(&capture, cases[i].filter, &error);

		if (cases[i].count < 0) {
			CHECK(result == -EINVAL && error.code == EINVAL &&
			              strncmp(error.text, "filter: ", 8) == 0 &&
			              strstr(error.text, name) != NULL,
			      "filter %s is refused: %s", name, error.text);
		} else if (CHECK_EQUAL(result, 0, "filter %s is taken", name)) {
			CHECK(read_all(capture, &seen, &error) == 0 && seen.count == cases[i].count,
			      "filter %s lets %d through", name, cases[i].count);
			capture_close(capture);
		}
	}
}

/* Bytes that are no capture file. */
static void test_other_files(void)
{
	static const struct {
		const char *name, *bytes;
		size_t length;
		const char *expected;
	} cases[] = {
		{ "empty", "", 0, "empty" },
		{ "gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3", 10, "it ends in the middle" },
		{ "zstd", "\x28\xb5\x2f\xfd\4", 5, "it ends in the middle" },
		{ "xz",
		  "\xfd"
		  "7zXZ\0\0",
		  7, "compressed with xz" },
		{ "bzip2", "BZh91AY", 7, "compressed with bzip2" },
		{ "lz4, legacy frame", "\2!L\x18\0\0\0\0", 8, "compressed with lz4 -l;" },
		{ "lzip", "LZIP\1\x0c", 6, "compressed with lzip" },
		{ "compress", "\x1f\x9d\x90\xd4", 4, "compressed with compress" },
		{ "zip", "PK\3\4\x14\0", 6, "compressed with zip" },
		{ "7z", "7z\xbc\xaf'\x1c\0\4", 8, "compressed with 7z" },
		{ "lz4", "\4\"M\x18", 4, "it ends in the middle" },
		{ "no gzip", "\x1f\x8b\x09\0\0\0\0\0\0\3", 10, "at byte" },
		{ "text", "hello, world, hello, world\n", 27, "unknown file format" },
		{ "one byte", "\xd4", 1, "truncated" },
		{ "cut magic", "\xd4\xc3\xb2", 3, "truncated" },
		{ "pcap, cut header", "\xd4\xc3\xb2\xa1\2\0\4\0", 8, "truncated" },
		{ "pcapng, cut header", "\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0", 16,
		  "truncated" },
	};
	struct capture *capture = NULL;
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(false);
		put(cases[i].bytes, cases[i].length);
		save();
		CHECK(open_file(&capture, NULL, &error) < 0 && capture == NULL &&
		              strncmp(error.text, path, strlen(path)) == 0 &&
		              strstr(error.text, cases[i].expected) != NULL,
		      "%s: %s", cases[i].name, error.text);
	}
}

static void test_other_paths(void)
{
	static const struct {
		const char *path;
		int result;
	} cases[] = {
		{ "/nonexistent/file.pcap", -ENOENT },
		{ "/tmp", -EISDIR },
		{ "/dev/null", -EIO },
		{ "", -ENOENT },
	};
	const struct capture_options options = { .filter = NULL };
	struct capture *capture;
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(capture_open_file(&capture, cases[i].path, &options, &error) ==
		                      cases[i].result &&
		              strstr(error.text, cases[i].path) != NULL,
		      "'%s': %s", cases[i].path, error.text);
}

/* Cuts a file of 3 packets everywhere: either the whole packets come, or they and an error. */
static void test_truncation(void)
{
	const size_t header = 24, record = 16 + UDP_PACKET_LENGTH;
	size_t cut, whole, right = 0, cuts = 0;
	char place[128];
	struct capture *capture;
	struct error error;

	for (cut = header; cut < header + PACKETS * record; cut++) {
		struct seen seen = { .count = 0 };
		int result;

		save_udp_file(PACKETS);
		file.length = cut;
		save();
		if (open_file(&capture, NULL, &error) != 0)
			continue;
		result = read_all(capture, &seen, &error);
		whole = (cut - header) / record;
		snprintf(place, sizeof(place),
		         "%s: unreadable at byte %zu (packets before: %zu): ", path, cut, whole);
		cuts++;
		if ((cut - header) % record == 0)
			right += result == 0 && seen.count == (int)whole;
		else
			right += result == -EIO && seen.count == (int)whole &&
			         strncmp(error.text, place, strlen(place)) == 0;
		capture_close(capture);
	}
	CHECK(cuts == PACKETS * record && right == cuts,
	      "%zu of %zu cuts: the packets before, then the error and where: %s", right, cuts,
	      error.text);
}

static void test_damage(void)
{
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;

	save_udp_file(1);
	put_number(200, 8);
	put_number(0x7fffffff, 4); /* captured */
	put_number(0x7fffffff, 4);
	save();
	if (open_file(&capture, NULL, &error) != 0)
		return;
	CHECK(read_all(capture, &seen, &error) == -EIO && seen.count == 1, "absurd length: %s",
	      error.text);
	capture_close(capture);
}

static void test_differing_interfaces(void)
{
	static const struct {
		const char *name;
		uint16_t link_type;
		uint32_t snaplen;
	} cases[] = { { "link type", 113, 65535 }, { "snaplen", LINK_ETHERNET, 100 } };
	struct capture *capture;
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = { .count = 0 };

		start(false);
		put_section();
		put_interface(LINK_ETHERNET, 65535, 6);
		put_enhanced(0, 1, "\1\2\3\4", 4);
		put_interface(cases[i].link_type, cases[i].snaplen, 6);
		put_enhanced(1, 2, "\1\2\3\4", 4);
		save();
		if (open_file(&capture, NULL, &error) != 0)
			continue;
		CHECK(read_all(capture, &seen, &error) == 0 && seen.count == 2,
		      "pcapng with another %s: both packets", cases[i].name);
		capture_close(capture);
	}
}

static void test_extremes(void)
{
	static uint8_t large[200000];
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;

	start(false);
	put_section();
	put_interface(LINK_ETHERNET, 262144, 6);
	put_enhanced(0, UINT64_MAX, "\1\2\3\4", 4); /* the year 586912: more than 63 bits of ns */
	put_enhanced(0, 0, large, sizeof(large));
	save();
	if (!CHECK_EQUAL(open_file(&capture, NULL, &error), 0, "extremes: opens"))
		return;
	CHECK(read_all(capture, &seen, &error) == 0 && seen.count == 2, "extremes: read");
	/* libpcap's own struct has no room for it where time_t has 32 bits. */
	CHECK((seen.times[0] == INT64_MAX || sizeof(time_t) == 4) && seen.times[1] == 0,
	      "a time too large is the largest");
	CHECK_EQUAL(seen.length, sizeof(large), "a packet of %zu bytes", sizeof(large));
	capture_close(capture);
}

/* The seconds of a pcap file are unsigned. */
static void test_after_2038(void)
{
	static const uint32_t seconds[] = { 0, 0x7fffffff, 0x80000000, 0xffffffff };

	for (int big = 0; big < 2; big++) {
		struct seen seen = { .count = 0 };
		struct capture *capture;
		struct error error;

		start(big);
		put_pcap_header(0xa1b23c4d, 262144, LINK_ETHERNET);
		for (int i = 0; i < 4; i++)
			put_pcap_packet(seconds[i], 999999999, "\1\2\3\4", 4);
		save();
		if (!CHECK_EQUAL(open_file(&capture, NULL, &error), 0, "after 2038: opens"))
			return;
		CHECK(read_all(capture, &seen, &error) == 0 && seen.count == 4, "after 2038: read");
		for (int i = 0; i < 4; i++)
			CHECK_EQUAL(seen.times[i], seconds[i] * INT64_C(1000000000) + 999999999,
			            "%s-endian, %u seconds: %lld", big ? "big" : "little",
			            seconds[i], (long long)seen.times[i]);
		capture_close(capture);
	}
}

static void test_stdin(void)
{
	const struct capture_options options = { .filter = "port 54" };
	struct seen seen = { .count = 0 };
	struct capture *capture;
	struct error error;
	int fds[2];

	save_udp_file(PACKETS);
	if (pipe(fds) != 0 || write(fds[1], file.bytes, file.length) != (ssize_t)file.length ||
	    dup2(fds[0], STDIN_FILENO) < 0)
		exit(EXIT_FAILURE);
	close(fds[0]);
	close(fds[1]);
	if (!CHECK_EQUAL(capture_open_file(&capture, "-", &options, &error), 0,
	                 "a pipe on stdin opens"))
		return;
	CHECK(read_all(capture, &seen, &error) == 0 && seen.count == 1, "and is read and filtered");
	capture_close(capture);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	close(fd);
	test_formats();
	test_accessors();
	test_limit_and_break();
	test_filter();
	test_other_files();
	test_other_paths();
	test_truncation();
	test_damage();
	test_differing_interfaces();
	test_extremes();
	test_after_2038();
	test_stdin();
	unlink(path);
	return check_done();
}
