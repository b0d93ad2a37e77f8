/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/inet.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "check.h"
#include "random.h"

#define RANDOM_ROUNDS 200000

static const struct {
	const char *text;      /* given */
	const char *canonical; /* RFC 5952, NULL when it is no address */
} texts[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "1.2.3.4", "1.2.3.4" },
	{ "9.10.99.100", "9.10.99.100" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "::ffff:c000:201", "192.0.2.1" },
	{ "::192.0.2.1", "::c000:201" },
	{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
	{ "2001:DB8::ABCD:EF01", "2001:db8::abcd:ef01" },
	{ "2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7" },
	{ "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "0:0:1:0:0:0:1:1", "0:0:1::1:1" },
	{ "0:0:1:1:1:1:0:0", "::1:1:1:1:0:0" },
	{ "1:0:0:0:0:0:0:0", "1::" },
	{ "1:0:1:0:1:0:1:0", "1:0:1:0:1:0:1:0" },
	{ "0:0:0:0:0:0:ffff:ffff", "::ffff:ffff" },
	{ "0:0:0:0:0:1:0:0", "::1:0:0" },
	{ "1000:100:10:1:f:ff:fff:ffff", "1000:100:10:1:f:ff:fff:ffff" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.256", NULL },
	{ "1.2.3.4 ", NULL },
	{ " 1.2.3.4", NULL },
	{ "0x1.2.3.4", NULL },
	{ "01.2.3.4", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "1::2::3", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "12345::", NULL },
	{ "fe80::1%lo", NULL },
	{ "localhost", NULL },
};

static void test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct inet_address address, before;
		char text[INET_TEXT_MAX];

		memset(&address, 0xa5, sizeof(address));
		before = address;
		if (texts[i].canonical == NULL) {
			CHECK(!inet_parse(texts[i].text, &address), "'%s' is no address",
			      texts[i].text);
			CHECK(inet_equal(&address, &before), "'%s' leaves the address alone",
			      texts[i].text);
			continue;
		}
		CHECK(inet_parse(texts[i].text, &address), "'%s' is an address", texts[i].text);
		CHECK(inet_format(&address, text) == strlen(texts[i].canonical) &&
		              strcmp(text, texts[i].canonical) == 0,
		      "'%s' is written '%s': '%s'", texts[i].text, texts[i].canonical, text);
	}
}

static const struct {
	const char *text;
	bool v4, unspecified, loopback, multicast;
} classes[] = {
	{ "0.0.0.0", true, true, false, false },
	{ "0.0.0.1", true, false, false, false },
	{ "126.255.255.255", true, false, false, false },
	{ "127.0.0.1", true, false, true, false },
	{ "127.255.255.255", true, false, true, false },
	{ "128.0.0.0", true, false, false, false },
	{ "223.255.255.255", true, false, false, false },
	{ "224.0.0.0", true, false, false, true },
	{ "239.255.255.255", true, false, false, true },
	{ "240.0.0.0", true, false, false, false },
	{ "::", false, true, false, false },
	{ "::1", false, false, true, false },
	{ "::2", false, false, false, false },
	{ "::7f00:1", false, false, false, false },
	{ "1::1", false, false, false, false },
	{ "fe80::1", false, false, false, false },
	{ "ff00::", false, false, false, true },
	{ "ff02::1", false, false, false, true },
	{ "::1:ffff:127.0.0.1", false, false, false, false },
};

static void test_classes(void)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		struct inet_address address;

		CHECK(inet_parse(classes[i].text, &address) &&
		              inet_is_v4(&address) == classes[i].v4 &&
		              inet_is_unspecified(&address) == classes[i].unspecified &&
		              inet_is_loopback(&address) == classes[i].loopback &&
		              inet_is_multicast(&address) == classes[i].multicast,
		      "%s is of the right kinds", classes[i].text);
	}
}

static void test_ports(void)
{
	int count = 0;

	for (int protocol = 0; protocol <= UINT8_MAX; protocol++)
		count += inet_has_ports((uint8_t)protocol);
	CHECK(count == 5 && inet_has_ports(IPPROTO_TCP) && inet_has_ports(IPPROTO_UDP) &&
	              inet_has_ports(IPPROTO_UDPLITE) && inet_has_ports(IPPROTO_SCTP) &&
	              inet_has_ports(IPPROTO_DCCP),
	      "TCP, UDP, UDP-Lite, SCTP and DCCP alone have ports");
}

static void test_tuple(void)
{
	struct tuple tuple = { .source_port = 1, .destination_port = 2, .protocol = 6 };
	struct tuple reverse, other;

	inet_from_v4(&tuple.source, "\x0a\0\0\1");
	inet_from_v4(&tuple.destination, "\x0a\0\0\2");
	CHECK_EQUAL(sizeof(tuple), 40, "a tuple has no padding");
	CHECK(tuple_is_v4(&tuple), "both ends are IPv4");
	reverse = tuple_reverse(&tuple);
	CHECK(inet_equal(&reverse.source, &tuple.destination) &&
	              inet_equal(&reverse.destination, &tuple.source) && reverse.source_port == 2 &&
	              reverse.destination_port == 1 && reverse.protocol == 6,
	      "the reverse has its ends exchanged");
	CHECK(!tuple_equal(&tuple, &reverse), "it differs from the tuple");
	reverse = tuple_reverse(&reverse);
	CHECK(tuple_equal(&tuple, &reverse), "reversed twice it is the tuple again");

	for (size_t i = 0; i < offsetof(struct tuple, reserved); i++) {
		other = tuple;
		((uint8_t *)&other)[i] ^= 0x80;
		CHECK(!tuple_equal(&tuple, &other), "byte %zu counts", i);
	}
	inet_from_v6(&tuple.destination, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	CHECK(!tuple_is_v4(&tuple), "one IPv6 end: not IPv4");
}

/* Mostly zeros and small groups: the cases in which the forms differ. */
static void random_v6(struct random *random, struct inet_address *address)
{
	static const uint32_t below[4] = { 1, 1, 0x100, 0x10000 };

	for (int i = 0; i < 16; i += 2) {
		uint32_t group = random_below(random, below[random_below(random, 4)]);

		address->bytes[i] = (uint8_t)(group >> 8);
		address->bytes[i + 1] = (uint8_t)group;
	}
}

/*
 * inet_ntop writes ::a.b.c.d for what RFC 4291 2.5.5.1 deprecated; we write groups. And it
 * writes ::ffff:a.b.c.d for IPv4, which one in some million random addresses is.
 */
static bool differs(const struct inet_address *address)
{
	static const uint8_t zeros[12];

	return memcmp(address->bytes, zeros, sizeof(zeros)) == 0 || inet_is_v4(address);
}

/* Against the C library. */
static void test_random(void)
{
	struct random random = random_begin();
	size_t wrong = 0, lost = 0;

	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		char text[INET_TEXT_MAX], expected[INET6_ADDRSTRLEN];
		struct inet_address address, parsed;
		uint32_t bits = (uint32_t)random_u64(&random);
		bool v4 = i % 4 == 0;

		if (v4) {
			inet_from_v4(&address, &bits);
			inet_ntop(AF_INET, &bits, expected, sizeof(expected));
		} else {
			random_v6(&random, &address);
			inet_ntop(AF_INET6, address.bytes, expected, sizeof(expected));
		}
		memset(text, 'x', sizeof(text));
		if (inet_format(&address, text) != strlen(text) ||
		    (strcmp(text, expected) != 0 && (v4 || !differs(&address)))) {
			printf("# %s instead of %s\n", text, expected);
			wrong++;
		}
		if (!inet_parse(text, &parsed) || !inet_equal(&parsed, &address)) {
			printf("# %s is not read back\n", text);
			lost++;
		}
	}
	CHECK_EQUAL(wrong, 0, "%d random addresses are written as inet_ntop writes them",
	            RANDOM_ROUNDS);
	CHECK_EQUAL(lost, 0, "each is read back");
}

static void test_length(void)
{
	struct inet_address address;
	char *text;

	memset(&address, 0xff, sizeof(address));
	text = (char *)check_guarded(&(char[INET_TEXT_MAX]){ 0 }, INET_TEXT_MAX);
	CHECK(inet_format(&address, text) == 39 && text[39] == '\0',
	      "the longest text stays within INET_TEXT_MAX");
}

int main(void)
{
	test_texts();
	test_classes();
	test_ports();
	test_tuple();
	test_random();
	test_length();
	return check_done();
}
