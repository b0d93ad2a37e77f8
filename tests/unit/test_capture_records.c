/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of pcap files, ordinary and damaged ones, are those that libpcap itself reads. */
#include "capture/capture_records.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "pcap_writer.h"
#include "random.h"

#define CASES       3000
#define PACKETS_MAX 40

static char path[] = "/tmp/test_capture_records.XXXXXX";

/* What was read, up to the end or the damage. */
struct read {
	bool opened, whole;
	uint64_t packets, hash;
};

static void save(void)
{
	FILE *stream = fopen(path, "w");

	if (!stream || fwrite(file.bytes, 1, file.length, stream) != file.length ||
	    fclose(stream) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static void add(struct read *read, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		read->hash = (read->hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void add_packet(struct read *read, int64_t time_ns, uint32_t captured, uint32_t length,
                       const uint8_t *bytes)
{
	read->packets++;
	add(read, &time_ns, sizeof time_ns);
	add(read, &captured, sizeof captured);
	add(read, &length, sizeof length);
	add(read, bytes, captured);
}

static struct read read_by_libpcap(const char *filter)
{
	char text[PCAP_ERRBUF_SIZE];
	struct read read = { .opened = false };
	pcap_t *handle =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	struct bpf_program program;
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int result;

	if (!handle)
		return read;
	read.opened = pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
	if (read.opened) {
		pcap_setfilter(handle, &program);
		pcap_freecode(&program);
	}
	while (read.opened && (result = pcap_next_ex(handle, &header, &bytes)) == 1)
		add_packet(&read, (uint32_t)header->ts.tv_sec * NS_PER_SECOND + header->ts.tv_usec,
		           header->caplen, header->len, bytes);
	read.whole = read.opened && result == PCAP_ERROR_BREAK;
	pcap_close(handle);
	return read;
}

static void see(void *context, const struct capture_packet *packet)
{
	add_packet(context, packet->time_ns, packet->captured, packet->length, packet->bytes);
}

static struct read read_as_capture(const char *filter)
{
	const struct capture_options options = { .filter = filter };
	struct read read = { .opened = false };
	struct capture *capture;
	struct error error;
	int result;

	if (capture_open_file(&capture, path, &options, &error) != 0)
		return read;
	do
		result = capture_dispatch(capture, 7, see, &read, &error);
	while (result > 0);
	read.opened = true;
	read.whole = result == 0;
	capture_close(capture);
	return read;
}

/* A file that says nothing of its snapshot length, which capture_file has libpcap ignore. */
static void make_file(struct random *random)
{
	static const uint32_t links[] = { 1, 101, 113, 276, 0, 220 };
	uint32_t packets = random_below(random, PACKETS_MAX);
	uint8_t bytes[20000];

	start(random_below(random, 8) == 0);
	put_pcap_header(random_below(random, 2) ? PCAP_MICROSECONDS : PCAP_NANOSECONDS, 0,
	                links[random_below(random, 6)]);
	for (uint32_t i = 0; i < packets; i++) {
		uint32_t length =
			random_below(random, random_below(random, 4) ? 100 : sizeof bytes);

		random_bytes(random, bytes, length);
		/* Some later than 2038, some with a fraction that is no number of a second. */
		put_pcap_packet((uint32_t)random_u64(random), (uint32_t)random_u64(random), bytes,
		                length);
	}
}

/* One byte of the header or of anything, or the end. */
static void damage(struct random *random)
{
	uint32_t at = random_below(random, (uint32_t)file.length);

	switch (random_below(random, 4)) {
	case 0:
		file.length = at;
		break;
	case 1:
		file.bytes[random_below(random, 16)] = (uint8_t)random_below(random, 5);
		break;
	case 2:
		file.bytes[at] = (uint8_t)random_u64(random);
		break;
	default:
		break;
	}
}

static bool is_same(const struct read *one, const struct read *other)
{
	return one->opened == other->opened && one->whole == other->whole &&
	       one->packets == other->packets && one->hash == other->hash;
}

static void test_same_as_libpcap(void)
{
	struct random random = random_begin();
	int differing = 0, whole = 0, broken = 0, packets = 0;

	for (int i = 0; i < CASES && differing == 0; i++) {
		const char *filter = random_below(&random, 3) ? "" : "len > 50";
		struct read expected, found;

		make_file(&random);
		damage(&random);
		save();
		expected = read_by_libpcap(filter);
		found = read_as_capture(filter);
		/* Some links are not decoded, which is said when the file is opened. */
		if (found.opened)
			differing += !is_same(&expected, &found);
		whole += found.opened && found.whole;
		broken += found.opened && !found.whole;
		packets += (int)found.packets;
	}
	CHECK_EQUAL(differing, 0, "each packet as libpcap reads it, and damage where it meets it");
	CHECK(whole > CASES / 8 && broken > CASES / 32 && packets > CASES,
	      "%d files were read to the end, %d to a damage", whole, broken);
}

static void test_which(void)
{
	static const struct {
		uint32_t magic, link;
		bool big_endian, fits;
	} heads[] = {
		{ PCAP_MICROSECONDS, 1, false, true },   { PCAP_NANOSECONDS, 276, false, true },
		{ PCAP_MICROSECONDS, 1, true, false },   { 0xa1b2cd34, 1, false, false },
		{ PCAP_NANOSECONDS, 220, false, false },
	};
	const uint16_t one = 1;
	bool is_little = *(const uint8_t *)&one == 1;

	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		start(heads[i].big_endian == is_little);
		put_pcap_header(heads[i].magic, 65535, heads[i].link);
		CHECK_EQUAL(capture_records_fit(file.bytes, file.length), heads[i].fits,
		            "magic %08x, link type %u, %s byte order", heads[i].magic,
		            heads[i].link, heads[i].big_endian ? "another" : "this machine's");
		CHECK(!capture_records_fit(file.bytes, file.length - 1), "not cut off");
	}
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	close(fd);
	test_which();
	test_same_as_libpcap();
	unlink(path);
	return check_done();
}
