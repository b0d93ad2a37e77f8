/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a capture file like ordinary traffic, the same for the same arguments:
 * about 15 packets a connection, many connections at once, ports used again;
 * TCP, UDP and ICMP over IPv4 and IPv6, some of it in a VLAN.
 *
 *	make_capture [-n PACKETS] [-s SEED] [-c TUPLES] FILE
 *
 * TUPLES (4000) addresses and ports take turns. With a new pair for each
 * connection, tcpdump's table of sequence numbers would grow without end and
 * its time with it, which says little about tcpdump.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "random.h"

#define SNAPLEN   128
#define TUPLE_MAX 65536
#define FRAME_MAX 1514

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

/* The form of a capture file, pcap-savefile(5), in the byte order of this host. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snaplen, link_type;
};
struct record_header {
	uint32_t seconds, nanoseconds, captured, length;
};

struct flow {
	bool v6, vlan;
	uint8_t protocol;
	uint8_t ends[2][16];
	uint16_t ports[2];
	uint32_t sequence[2];
	uint32_t step, steps; /* packets sent of this connection; all of it */
};

struct maker {
	struct random random;
	struct flow flows[TUPLE_MAX];
	uint32_t tuples;
	uint64_t time_ns;
	uint8_t frame[SNAPLEN];
	size_t at; /* written to the frame so far */
	FILE *file;
};

static void put(struct maker *maker, const void *bytes, size_t length)
{
	size_t room = sizeof maker->frame - maker->at;

	memcpy(maker->frame + maker->at, bytes, length < room ? length : room);
	maker->at += length < room ? length : room;
}

static void put16(struct maker *maker, uint32_t value)
{
	uint16_t be16 = htons((uint16_t)value);

	put(maker, &be16, sizeof be16);
}

static void put32(struct maker *maker, uint32_t value)
{
	uint32_t be32 = htonl(value);

	put(maker, &be32, sizeof be32);
}

static void put_link(struct maker *maker, const struct flow *flow, int from)
{
	uint8_t macs[12] = { 2, 0, 0, 0, 0, (uint8_t)(1 - from), 2, 0, 0, 0, 0, (uint8_t)from };

	put(maker, macs, sizeof macs);
	if (flow->vlan) {
		put16(maker, 0x8100);
		put16(maker, 42);
	}
	put16(maker, flow->v6 ? 0x86dd : 0x0800);
}

static void put_network(struct maker *maker, const struct flow *flow, int from, size_t payload)
{
	if (flow->v6) {
		put32(maker, 0x60000000);
		put16(maker, (uint32_t)payload);
		put16(maker, (uint32_t)flow->protocol << 8 | 64);
		put(maker, flow->ends[from], 16);
		put(maker, flow->ends[1 - from], 16);
		return;
	}
	put16(maker, 0x4500);
	put16(maker, (uint32_t)(20 + payload));
	put16(maker, (uint32_t)random_u64(&maker->random));
	put16(maker, 0x4000);
	put16(maker, 64u << 8 | flow->protocol);
	put16(maker, 0);
	put(maker, flow->ends[from], 4);
	put(maker, flow->ends[1 - from], 4);
}

/* As Linux sends them: timestamps in each segment, more in a SYN. 12 bytes, or 20. */
static void put_options(struct maker *maker, const struct flow *flow, int from, bool syn)
{
	uint32_t now = (uint32_t)(maker->time_ns / 1000000);

	if (syn)
		put(maker, "\2\4\5\264\4\2\10\12", 8); /* MSS 1460, SACK permitted */
	else
		put(maker, "\1\1\10\12", 4);
	put32(maker, now + flow->ports[from]);
	put32(maker, syn ? 0 : now + flow->ports[1 - from]);
	if (syn)
		put(maker, "\1\3\3\7", 4); /* window scale */
}

/* A handshake, data one way or the other, a FIN from each side and its ACK. */
static size_t put_tcp(struct maker *maker, struct flow *flow, int *from)
{
	uint32_t step = flow->step, last = flow->steps - 1;
	uint32_t kind = random_below(&maker->random, 100);
	uint8_t flags = ACK;
	size_t data = 0, options;

	if (step < 3 || step + 3 > last) {
		*from = step == 1 || step == last - 1;
		if (step == 0)
			flags = SYN;
		else if (step == 1)
			flags = SYN | ACK;
		else if (step == last - 2 || step == last - 1)
			flags = FIN | ACK;
	} else if (kind >= 40) { /* a bare ACK otherwise */
		flags = ACK | PSH;
		data = kind < 70 ? 1388 : 50 + random_below(&maker->random, 500);
	}
	options = flags & SYN ? 20 : 12;
	put_link(maker, flow, *from);
	put_network(maker, flow, *from, 20 + options + data);
	put16(maker, flow->ports[*from]);
	put16(maker, flow->ports[1 - *from]);
	put32(maker, flow->sequence[*from]);
	put32(maker, flags & ACK ? flow->sequence[1 - *from] : 0);
	put16(maker, (uint32_t)(5 + options / 4) << 12 | flags);
	put16(maker, 64240);
	put32(maker, 0); /* checksum, urgent pointer */
	put_options(maker, flow, *from, flags & SYN);
	flow->sequence[*from] += (uint32_t)data + ((flags & (SYN | FIN)) != 0);
	return 20 + options + data;
}

static size_t put_udp(struct maker *maker, const struct flow *flow, int from)
{
	size_t length = 8 + 20 + random_below(&maker->random, flow->ports[1] == 53 ? 200 : 1200);

	put_link(maker, flow, from);
	put_network(maker, flow, from, length);
	put16(maker, flow->ports[from]);
	put16(maker, flow->ports[1 - from]);
	put16(maker, (uint32_t)length);
	put16(maker, 1);
	if (flow->ports[1] == 53) /* so that who reads names has one to read */
		put(maker, "\x12\x34\x01\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1", 29);
	return length;
}

static size_t put_icmp(struct maker *maker, const struct flow *flow, int from)
{
	uint8_t type = (uint8_t)(flow->v6 ? 128 + from : from ? 0 : 8);

	put_link(maker, flow, from);
	put_network(maker, flow, from, 64);
	put16(maker, (uint32_t)type << 8);
	put16(maker, 0);
	put16(maker, flow->ports[0]);
	put16(maker, flow->step / 2);
	return 64;
}

static void put_packet(struct maker *maker, struct flow *flow)
{
	int from = flow->protocol == IPPROTO_TCP ? (int)random_below(&maker->random, 2)
	                                         : (int)(flow->step & 1);
	struct record_header header;
	size_t length;

	maker->at = 0;
	if (flow->protocol == IPPROTO_TCP)
		length = put_tcp(maker, flow, &from);
	else if (flow->protocol == IPPROTO_UDP)
		length = put_udp(maker, flow, from);
	else
		length = put_icmp(maker, flow, from);
	length += 14 + (flow->vlan ? 4 : 0) + (flow->v6 ? 40 : 20);
	if (maker->at < SNAPLEN && maker->at < length) {
		size_t end = length < SNAPLEN ? length : SNAPLEN;

		memset(maker->frame + maker->at, 'x', end - maker->at);
		maker->at = end;
	}
	maker->time_ns += 1000 + random_below(&maker->random, 198000); /* 10,000 a second */
	header = (struct record_header){
		.seconds = (uint32_t)(maker->time_ns / 1000000000),
		.nanoseconds = (uint32_t)(maker->time_ns % 1000000000),
		.captured = (uint32_t)maker->at,
		.length = (uint32_t)length,
	};
	fwrite(&header, sizeof header, 1, maker->file);
	fwrite(maker->frame, maker->at, 1, maker->file);
}

static void begin_connection(struct maker *maker, struct flow *flow)
{
	struct random *random = &maker->random;

	flow->step = 0;
	flow->sequence[0] = (uint32_t)random_u64(random);
	flow->sequence[1] = (uint32_t)random_u64(random);
	if (flow->protocol == IPPROTO_TCP)
		flow->steps = 8 + random_below(random, 20);
	else
		flow->steps = flow->ports[1] == 53 ? 2 : 4 + random_below(random, 20);
}

/* Few servers on well-known ports, more clients. */
static void make_tuple(struct maker *maker, struct flow *flow)
{
	static const uint16_t ports[] = { 443, 443, 443, 443, 80, 22, 5432, 8080 };
	struct random *random = &maker->random;
	uint32_t kind = random_below(random, 100);
	uint32_t hosts[2] = { random_below(random, 200), random_below(random, 300) };

	flow->v6 = random_below(random, 4) == 0;
	flow->vlan = random_below(random, 20) == 0;
	flow->protocol = kind < 75 ? IPPROTO_TCP : kind < 97 ? IPPROTO_UDP : IPPROTO_ICMP;
	if (flow->v6 && flow->protocol == IPPROTO_ICMP)
		flow->protocol = IPPROTO_ICMPV6;
	flow->ports[0] = (uint16_t)(32768 + random_below(random, 28000));
	flow->ports[1] = ports[random_below(random, 8)];
	if (flow->protocol == IPPROTO_UDP)
		flow->ports[1] = kind & 1 ? 53 : 443;
	for (int end = 0; end < 2; end++) {
		uint32_t v4 = htonl((end ? 0xc6336400u : 0x0a000000u) + hosts[end] + 1);

		if (flow->v6) {
			memcpy(flow->ends[end], "\x20\x01\x0d\xb8", 4);
			flow->ends[end][4] = (uint8_t)end;
			memcpy(flow->ends[end] + 12, &v4, 4);
		} else {
			memcpy(flow->ends[end], &v4, 4);
		}
	}
	begin_connection(maker, flow);
	/* Not all at their beginning when the capture begins. */
	flow->step = random_below(random, flow->steps);
}

static int make(struct maker *maker, uint64_t packets)
{
	const struct file_header header = { 0xa1b23c4d, 2, 4, 0, 0, SNAPLEN, 1 };

	maker->time_ns = UINT64_C(1700000000) * 1000000000;
	fwrite(&header, sizeof header, 1, maker->file);
	for (uint32_t i = 0; i < maker->tuples; i++)
		make_tuple(maker, &maker->flows[i]);
	for (uint64_t i = 0; i < packets; i++) {
		struct flow *flow = &maker->flows[random_below(&maker->random, maker->tuples)];

		put_packet(maker, flow);
		if (++flow->step == flow->steps)
			begin_connection(maker, flow);
	}
	if (fclose(maker->file) == 0)
		return EXIT_SUCCESS;
	perror("make_capture");
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static struct maker maker = { .random = { 1 }, .tuples = 4000 };
	uint64_t packets = 1000000;
	int option;

	while ((option = getopt(argc, argv, "n:s:c:")) != -1) {
		if (option == 'n')
			packets = strtoull(optarg, NULL, 10);
		else if (option == 's')
			maker.random.state = strtoull(optarg, NULL, 0);
		else if (option == 'c')
			maker.tuples = (uint32_t)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (optind != argc - 1 || maker.tuples == 0 || maker.tuples > TUPLE_MAX) {
		fputs("usage: make_capture [-n PACKETS] [-s SEED] [-c TUPLES] FILE\n", stderr);
		return 2;
	}
	maker.file = fopen(argv[optind], "wb");
	if (!maker.file) {
		perror(argv[optind]);
		return EXIT_FAILURE;
	}
	return make(&maker, packets);
}
