/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define LINK_ETHERNET 1
#define LINK_SLL2     276
#define PACKETS       3
#define CAPTURED_MAX  64

/* A capture file in the making. */
struct file {
	uint8_t bytes[1 << 20];
	size_t length;
	bool big_endian;
};

static struct file file;

static void put(const void *bytes, size_t length)
{
	memcpy(file.bytes + file.length, bytes, length);
	file.length += length;
}

static void put_number(uint64_t value, int size)
{
	uint8_t bytes[8];
	int i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * (file.big_endian ? size - 1 - i : i));
	put(bytes, (size_t)size);
}

static void start(bool big_endian)
{
	file.length = 0;
	file.big_endian = big_endian;
}

/* The formats: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). */
static void put_pcap_header(uint32_t magic, uint32_t snaplen, uint32_t link_type)
{
	put_number(magic, 4);
	put_number(2, 2);
	put_number(4, 2);
	put_number(0, 8);
	put_number(snaplen, 4);
	put_number(link_type, 4);
}

static void put_pcap_packet(uint32_t seconds, uint32_t fraction, const void *bytes, uint32_t length)
{
	put_number(seconds, 4);
	put_number(fraction, 4);
	put_number(length, 4);
	put_number(length, 4);
	put(bytes, length);
}

static void put_section(void)
{
	put_number(0x0A0D0D0A, 4);
	put_number(28, 4);
	put_number(0x1A2B3C4D, 4);
	put_number(1, 2);
	put_number(0, 2);
	put_number(UINT64_MAX, 8);
	put_number(28, 4);
}

/* resolution: if_tsresol, decimal digits of a second. */
static void put_interface(uint16_t link_type, uint32_t snaplen, uint8_t resolution)
{
	put_number(1, 4);
	put_number(32, 4);
	put_number(link_type, 2);
	put_number(0, 2);
	put_number(snaplen, 4);
	put_number(9, 2);
	put_number(1, 2);
	put(&resolution, 1);
	put("\0\0\0", 3);
	put_number(0, 4);
	put_number(32, 4);
}

static void put_enhanced(uint32_t interface, uint64_t time, const void *bytes, uint32_t length)
{
	uint32_t padded = (length + 3) / 4 * 4;

	put_number(6, 4);
	put_number(32 + padded, 4);
	put_number(interface, 4);
	put_number(time >> 32, 4);
	put_number(time & UINT32_MAX, 4);
	put_number(length, 4);
	put_number(length, 4);
	put(bytes, length);
	put("\0\0\0", padded - length);
	put_number(32 + padded, 4);
}

/* A UDP packet 192.0.2.1 -> 192.0.2.2 in Ethernet. */
static const uint8_t *udp_packet(uint16_t port)
{
	static uint8_t packet[] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0x30, 0x39, 0, 0, 0, 10, 0, 0, 'h', 'i',
	};

	packet[36] = (uint8_t)(port >> 8);
	packet[37] = (uint8_t)port;
	return packet;
}
#define UDP_PACKET_LENGTH 44

static char path[] = "/tmp/test_capture.XXXXXX";

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
	put_pcap_header(0xa1b2c3d4, 65535, LINK_ETHERNET);
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
		{ "pcap, microseconds, little endian", 0xa1b2c3d4, false, 6, 1000 },
		{ "pcap, microseconds, big endian", 0xa1b2c3d4, true, 6, 1000 },
		{ "pcap, nanoseconds, little endian", 0xa1b23c4d, false, 9, 1 },
		{ "pcap, nanoseconds, big endian", 0xa1b23c4d, true, 9, 1 },
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
				put_enhanced(0, (uint64_t)second * units + 123456 + n, "\1\2\3\4\5", 5);
		}
		save();
		if (!CHECK(open_file(&capture, NULL, &error) == 0, "%s: opens", formats[i].name))
			continue;
		CHECK(read_all(capture, &seen, &error) == 0 && seen.count == PACKETS && seen.length == 5 &&
		      seen.sum == (1 + 2 + 3 + 4 + 5) * PACKETS, "%s: all packets", formats[i].name);
		for (n = 0; n < PACKETS; n++)
			right = right && seen.times[n] == second * 1000000000 +
			                                  (123456 + n) * (int64_t)formats[i].unit_ns;
		CHECK(right, "%s: times to the nanosecond", formats[i].name);
		CHECK(capture_dispatch(capture, 1, see, &seen, &error) == 0, "%s: stays at the end",
		      formats[i].name);
		CHECK(capture_read_counters(capture, &counters) == 0 && counters.delivered == PACKETS &&
		      counters.received == 0 && counters.dropped == 0, "%s: counters", formats[i].name);
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
	      capture_poll_timeout_ms(capture) == 0, "a file has no descriptor to wait for");
	CHECK(strcmp(capture_name(capture), path) == 0 && capture_snaplen(capture) == 65535 &&
	      capture_link_type(capture) == LINK_ETHERNET, "name, snaplen and link type");
	CHECK(capture_stop(capture) == 0 && capture_drained(capture), "a file is always drained");
	capture_close(capture);
	capture_close(NULL);
	CHECK(strcmp(capture_link_type_name(LINK_SLL2), "LINUX_SLL2") == 0 &&
	      capture_link_type_name(9999) == NULL, "names of link types");
	CHECK(strncmp(capture_library_version(), "libpcap version 1.", 18) == 0, "version: %s",
	      capture_library_version());
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
	      seen.times[4] == 104 * INT64_C(1000000000), "and the next goes on where it ended");
	capture_close(capture);
}

static void test_filter(void)
{
	static const struct {
		const char *filter;
		int count; /* -1: refused */
	} cases[] = {
		{ NULL, 3 }, { "", 3 }, { "udp", 3 }, { "udp port 54", 1 }, { "tcp", 0 },
		{ "udp prot 53", -1 }, { "port 70000", -1 }, { "host 256.1.1.1", -1 },
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
			      strncmp(error.text, "filter: ", 8) == 0 && strstr(error.text, name) != NULL,
			      "filter %s is refused: %s", name, error.text);
		} else if (CHECK(result == 0, "filter %s is taken", name)) {
			CHECK(read_all(capture, &seen, &error) == 0 && seen.count == cases[i].count,
			      "filter %s lets %d through", name, cases[i].count);
			capture_close(capture);
		}
	}
}

static void test_check_filter(void)
{
	static const struct {
		const char *filter;
		bool good;
	} cases[] = {
		{ "", true }, { NULL, true }, { "tcp port 80 or udp", true },
		{ "ether host 02:00:00:00:00:01", true }, { "ifindex 3", true }, { "inbound", true },
		{ "ether[6] == 1", true }, { "tcp port", false }, { "(", false }, { "pork 80", false },
		{ "ip and not ip", false },
	};
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result = capture_check_filter(cases[i].filter, &error);
		const char *name = cases[i].filter != NULL ? cases[i].filter : "none";

		if (cases[i].good)
			CHECK(result == 0, "check: %s", name);
		else
			CHECK(result == -EINVAL && strstr(error.text, name) != NULL, "check: %s: %s", name,
			      error.text);
	}
}

static void test_long_filter(void)
{
	char *filter = malloc(1 << 20);
	size_t length = 0;
	struct error error;
	int port;

	for (port = 1; port < 2500; port++)
		length += (size_t)sprintf(filter + length, "%sudp src port %d", port > 1 ? " or " : "",
		                          2 * port);
	CHECK(capture_check_filter(filter, &error) == -EINVAL &&
	      strstr(error.text, "4096") != NULL, "a filter over the kernel's limit: %.60s", error.text);
	free(filter);
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
		{ "gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3", 10, "compressed with gzip" },
		{ "zstd", "\x28\xb5\x2f\xfd\4", 5, "compressed with zstd" },
		{ "xz", "\xfd" "7zXZ\0\0", 7, "compressed with xz" },
		{ "bzip2", "BZh91AY", 7, "compressed with bzip2" },
		{ "lz4", "\4\"M\x18", 4, "compressed with lz4" },
		{ "text", "hello, world, hello, world\n", 27, "unknown file format" },
		{ "one byte", "\xd4", 1, "truncated" },
		{ "cut magic", "\xd4\xc3\xb2", 3, "truncated" },
		{ "pcap, cut header", "\xd4\xc3\xb2\xa1\2\0\4\0", 8, "truncated" },
		{ "pcapng, cut header", "\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0", 16, "truncated" },
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
		      strstr(error.text, cases[i].expected) != NULL, "%s: %s", cases[i].name, error.text);
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
		CHECK(capture_open_file(&capture, cases[i].path, &options, &error) == cases[i].result &&
		      strstr(error.text, cases[i].path) != NULL, "'%s': %s", cases[i].path, error.text);
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
		snprintf(place, sizeof(place), "%s: unreadable at byte %zu (packets before: %zu): ", path, cut,
		         whole);
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
		CHECK(read_all(capture, &seen, &error) == -EIO && seen.count == 1 &&
		      strstr(error.text, "interface") != NULL, "pcapng with another %s: %s",
		      cases[i].name, error.text);
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
	if (!CHECK(open_file(&capture, NULL, &error) == 0, "extremes: opens"))
		return;
	CHECK(read_all(capture, &seen, &error) == 0 && seen.count == 2, "extremes: read");
	CHECK(seen.times[0] == INT64_MAX && seen.times[1] == 0, "a time too large is the largest");
	CHECK(seen.length == sizeof(large), "a packet of %zu bytes", sizeof(large));
	capture_close(capture);
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
	if (!CHECK(capture_open_file(&capture, "-", &options, &error) == 0, "a pipe on stdin opens"))
		return;
	CHECK(read_all(capture, &seen, &error) == 0 && seen.count == 1, "and is read and filtered");
	CHECK(strcmp(capture_name(capture), "-") == 0, "its name is -");
	capture_close(capture);
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
		CHECK(capture_counter_advance(cases[i].total, cases[i].previous, cases[i].now) ==
		      cases[i].expected, "counter %#x -> %#x", cases[i].previous, cases[i].now);
	for (i = 0; i < 10000; i++) {
		total = capture_counter_advance(total, now, (uint32_t)(now + 3000000001u));
		now = (uint32_t)(now + 3000000001u);
	}
	CHECK(total == UINT64_C(30000000010000), "a counter that wraps 6984 times loses nothing");
}

/* "3.name [...]" or "3.name (description) [...]", numbered from 1. */
static bool is_interface_line(const char *line, int number)
{
	char start_of_line[16];
	size_t length = strlen(line);

	snprintf(start_of_line, sizeof(start_of_line), "%d.", number);
	return strncmp(line, start_of_line, strlen(start_of_line)) == 0 && line[length - 1] == ']' &&
	       strstr(line, " [") != NULL;
}

static void test_print_interfaces(void)
{
	char *text = NULL, *line, *rest;
	size_t length;
	FILE *stream = open_memstream(&text, &length);
	struct error error;
	int number = 0;
	bool right = true, any = false;

	CHECK(capture_print_interfaces(stream, &error) == 0, "interfaces are listed");
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
		      cases[i].result && capture == NULL && strstr(error.text, cases[i].interface) != NULL,
		      "live '%s': %s", cases[i].interface, error.text);
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
	test_check_filter();
	test_long_filter();
	test_other_files();
	test_other_paths();
	test_truncation();
	test_damage();
	test_differing_interfaces();
	test_extremes();
	test_stdin();
	test_counter();
	test_print_interfaces();
	test_open_live_fails();
	unlink(path);
	return check_done();
}
