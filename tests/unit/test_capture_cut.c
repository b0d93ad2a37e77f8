/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets the kernel keeps more of: the program runs in libpcap's interpreter. */
#include "capture/capture_cut.h"

#include <netinet/in.h>
#include <pcap/bpf.h>

#include "check.h"
#include "random.h"

#define USUAL  236u
#define LONGER 4076u
#define MOST   200

_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "they are the same");

static struct sock_filter programs[2][CAPTURE_CUT_MAX];
static const uint32_t bases[] = { 0, 14 };

static uint32_t run(int which, const uint8_t *packet, size_t length)
{
	return bpf_filter((const struct bpf_insn *)programs[which], packet, (u_int)length,
	                  (u_int)length);
}

/* A packet with this transport header and payload; its length. */
static size_t make(uint8_t *bytes, uint32_t base, int version, uint8_t protocol, uint16_t from,
                   uint16_t to, const char *payload, size_t length)
{
	size_t at = base;

	memset(bytes, 0, MOST);
	if (version == 4) {
		bytes[at] = 0x46; /* with an option */
		bytes[at + 9] = protocol;
		at += 24;
	} else {
		bytes[at] = 0x60;
		bytes[at + 6] = protocol;
		at += 40;
	}
	bytes[at] = (uint8_t)(from >> 8);
	bytes[at + 1] = (uint8_t)from;
	bytes[at + 2] = (uint8_t)(to >> 8);
	bytes[at + 3] = (uint8_t)to;
	if (protocol == IPPROTO_TCP)
		bytes[at + 12] = 0x80;
	at += protocol == IPPROTO_TCP ? 32 : 8;
	memcpy(bytes + at, payload, length);
	return at + length;
}

#define HELLO "\x16\x03\x01\x02\x00\x01"

static const struct {
	const char *name;
	uint8_t protocol;
	uint16_t from, to;
	const char *payload;
	size_t length;
	uint32_t kept;
} cases[] = {
	{ "a query", IPPROTO_UDP, 40000, 53, "0123456789ab", 12, LONGER },
	{ "an answer", IPPROTO_UDP, 53, 40000, "0123456789ab", 12, LONGER },
	{ "mDNS", IPPROTO_UDP, 5353, 5353, "0123456789ab", 12, LONGER },
	{ "LLMNR", IPPROTO_UDP, 40000, 5355, "0123456789ab", 12, LONGER },
	{ "other UDP", IPPROTO_UDP, 40000, 54, "0123456789ab", 12, USUAL },
	{ "QUIC's long header", IPPROTO_UDP, 40000, 443,
	  "\xc3\0\0\0\1"
	  "56789ab",
	  12, LONGER },
	{ "QUIC on another port", IPPROTO_UDP, 40000, 4433,
	  "\xc3\0\0\0\1"
	  "56789ab",
	  12, LONGER },
	{ "its answer, in version 2", IPPROTO_UDP, 4433, 40000,
	  "\xd3\x6b\x33\x43\xcf"
	  "56789ab",
	  12, LONGER },
	{ "the beginning of its version", IPPROTO_UDP, 40000, 443, "\xc3\0\0\0", 4, USUAL },
	{ "a version that is not known", IPPROTO_UDP, 40000, 443,
	  "\xc3\0\0\0\2"
	  "56789ab",
	  12, USUAL },
	{ "QUIC's short header", IPPROTO_UDP, 443, 40000,
	  "\x43\0\0\0\1"
	  "56789ab",
	  12, USUAL },
	{ "DNS over TCP", IPPROTO_TCP, 53, 40000, "0123456789ab", 12, LONGER },
	{ "a ClientHello", IPPROTO_TCP, 40000, 8443, HELLO "789ab", 12, LONGER },
	{ "a ServerHello", IPPROTO_TCP, 443, 40000, "\x16\x03\x01\x02\x00\x02", 6, USUAL },
	{ "the beginning of one", IPPROTO_TCP, 40000, 443, "\x16\x03\x01\x02\x00", 5, USUAL },
	{ "GET", IPPROTO_TCP, 40000, 80, "GET / HTTP/1.1", 14, LONGER },
	{ "POST", IPPROTO_TCP, 40000, 8080, "POST / HTTP/1.1", 15, LONGER },
	{ "DELETE", IPPROTO_TCP, 40000, 8080, "DELETE / HTTP/1.1", 17, LONGER },
	{ "OPTIONS", IPPROTO_TCP, 40000, 80, "OPTIONS * HTTP/1.1", 18, LONGER },
	{ "PATCH", IPPROTO_TCP, 40000, 80, "PATCH / HTTP/1.1", 16, LONGER },
	{ "CONNECT", IPPROTO_TCP, 40000, 3128, "CONNECT a:1 HTTP/1.1", 20, LONGER },
	{ "other TCP", IPPROTO_TCP, 40000, 443, "\x17\x03\x03\x02\x00\x01", 6, USUAL },
	{ "TCP without payload", IPPROTO_TCP, 40000, 443, "", 0, USUAL },
	{ "another protocol", IPPROTO_SCTP, 53, 53, "0123456789ab0123456789ab", 24, USUAL },
};

static void test_cases(void)
{
	uint8_t bytes[MOST];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool right = true;

		for (int which = 0; which < 2; which++)
			for (int version = 4; version <= 6; version += 2) {
				size_t length = make(bytes, bases[which], version,
				                     cases[i].protocol, cases[i].from, cases[i].to,
				                     cases[i].payload, cases[i].length);

				right &= run(which, bytes, length) == cases[i].kept;
			}
		CHECK(right, "%s is kept up to %u", cases[i].name, cases[i].kept);
	}
}

static void test_flags(void)
{
	uint8_t bytes[MOST];
	size_t length = make(bytes, 0, 4, IPPROTO_TCP, 40000, 443, "rest of a ClientHello", 21);

	CHECK_EQUAL(run(0, bytes, length), USUAL, "a segment to HTTPS");
	bytes[24 + 13] = 0x18;
	CHECK_EQUAL(run(0, bytes, length), LONGER, "that is pushed: the last of a ClientHello");
	length = make(bytes, 0, 4, IPPROTO_TCP, 40000, 8443, "rest of a ClientHello", 21);
	bytes[24 + 13] = 0x18;
	CHECK_EQUAL(run(0, bytes, length), LONGER, "or of another port of TLS");
	length = make(bytes, 0, 4, IPPROTO_TCP, 8443, 40000, "rest of a ClientHello", 21);
	bytes[24 + 13] = 0x18;
	CHECK_EQUAL(run(0, bytes, length), USUAL, "not what comes from there");
	length = make(bytes, 0, 4, IPPROTO_UDP, 53, 53, "0123456789ab", 12);
	bytes[7] = 1;
	CHECK_EQUAL(run(0, bytes, length), USUAL, "a later fragment has no ports");
}

/* A fragment of IPv6 has a header of its own in front of that of UDP. */
static void test_fragments(void)
{
	uint8_t bytes[MOST] = { 0 }, *header = bytes + 40;
	size_t length = make(bytes, 0, 6, IPPROTO_UDP, 0, 0, "0123456789ab0123456789ab", 24);

	bytes[6] = IPPROTO_FRAGMENT;
	memcpy(header, (const uint8_t[]){ IPPROTO_UDP, 0, 0, 1, 0, 0, 0, 7, 0, 53, 156, 64 }, 12);
	CHECK_EQUAL(run(0, bytes, length), LONGER, "the first fragment of an answer");
	CHECK_EQUAL(run(0, bytes, 47), USUAL, "it ends in that header");
	header[2] = 1;
	CHECK_EQUAL(run(0, bytes, length), USUAL, "a later one");
	header[2] = 0;
	header[0] = IPPROTO_SCTP;
	CHECK_EQUAL(run(0, bytes, length), USUAL, "one of another protocol");
}

/* None is rejected, wherever it ends and whatever its bytes are. */
static void test_random(void)
{
	struct random random = random_begin();
	uint8_t bytes[MOST];
	int rejected = 0;

	for (int i = 0; i < 200000; i++) {
		int which = (int)random_below(&random, 2);
		uint32_t base = bases[which], kept;

		random_bytes(&random, bytes, sizeof bytes);
		if (random_below(&random, 4)) {
			bytes[base] = (uint8_t)(random_below(&random, 2)
			                                ? 0x60
			                                : 0x40 + random_below(&random, 16));
			bytes[base + 6] = (uint8_t[]){ 6, 17, 44 }[random_below(&random, 3)];
			bytes[base + 40] = random_below(&random, 2) ? 6 : 17;
			bytes[base + 9] = random_below(&random, 2) ? 6 : 17;
			if (bytes[base] < 0x60)
				bytes[base + 6] = bytes[base + 7] = 0;
		}
		kept = run(which, bytes, random_below(&random, MOST + 1));
		rejected += kept != USUAL && kept != LONGER;
	}
	CHECK_EQUAL(rejected, 0, "none of 200,000 random packets is rejected");
}

int main(void)
{
	for (int which = 0; which < 2; which++) {
		int count = capture_cut_program(programs[which], bases[which], USUAL, LONGER);

		CHECK(count <= CAPTURE_CUT_MAX &&
		              bpf_validate((const struct bpf_insn *)programs[which], count),
		      "a program of %d instructions is valid", count);
	}
	test_cases();
	test_flags();
	test_fragments();
	test_random();
	return check_done();
}
