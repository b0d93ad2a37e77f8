/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "check.h"

#define CPU 5 /* where the interpreted programs "run" */

/* A machine for classic BPF as linux/filter.h describes it, as far as these programs need it. */
struct machine {
	const uint8_t *bytes;
	size_t length;
	uint32_t packet_type;
	uint32_t a, x, scratch[BPF_MEMWORDS];
	bool failed; /* read past the end: the kernel drops the packet */
};

static uint32_t load(struct machine *machine, uint32_t offset, uint32_t size)
{
	uint32_t value = 0;

	if (offset == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
		return machine->packet_type;
	if (offset == (uint32_t)(SKF_AD_OFF + SKF_AD_CPU))
		return CPU;
	if (offset > machine->length || machine->length - offset < size) {
		machine->failed = true;
		return 0;
	}
	while (size-- > 0)
		value = value << 8 | machine->bytes[offset++];
	return value;
}

static uint32_t size_of(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static bool jumps(const struct machine *machine, const struct sock_filter *step)
{
	uint32_t operand = BPF_SRC(step->code) == BPF_X ? machine->x : step->k;

	return BPF_OP(step->code) == BPF_JSET ? (machine->a & operand) != 0 : machine->a == operand;
}

/* What of the packet passes; 0: nothing. */
static uint32_t interpret(const struct sock_filter *code, int length, struct machine *machine)
{
	for (int at = 0; at < length; at++) {
		const struct sock_filter *step = &code[at];

		switch (step->code) {
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_LD | BPF_H | BPF_ABS:
		case BPF_LD | BPF_B | BPF_ABS:
			machine->a = load(machine, step->k, size_of(step->code));
			break;
		case BPF_LD | BPF_H | BPF_IND:
		case BPF_LD | BPF_B | BPF_IND:
			machine->a = load(machine, machine->x + step->k, size_of(step->code));
			break;
		case BPF_LD | BPF_MEM:
			machine->a = machine->scratch[step->k];
			break;
		case BPF_ST:
			machine->scratch[step->k] = machine->a;
			break;
		case BPF_LDX | BPF_B | BPF_MSH:
			machine->x = 4 * (load(machine, step->k, 1) & 0xf);
			break;
		case BPF_LDX | BPF_IMM: /* of a word */
			machine->x = step->k;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			machine->a &= step->k;
			break;
		case BPF_ALU | BPF_MOD | BPF_K:
			machine->a %= step->k;
			break;
		case BPF_MISC | BPF_TAX:
			machine->x = machine->a;
			break;
		case BPF_JMP | BPF_JA:
			at += (int)step->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JEQ | BPF_X:
		case BPF_JMP | BPF_JSET | BPF_K:
			at += jumps(machine, step) ? step->jt : step->jf;
			break;
		case BPF_RET | BPF_K:
			return step->k;
		default:
			printf("# instruction %d is unknown: %#x\n", at, step->code);
			abort();
		}
		if (machine->failed)
			return 0;
	}
	printf("# the program has no end\n");
	abort();
}

/* Does the kernel take it? It checks jumps and that no scratch memory is read before written. */
static bool attaches(struct sock_filter *code, int length)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int result = sentinel_filter_attach(fd, code, length);

	close(fd);
	return result == 0;
}

struct sent {
	const char *name;
	uint8_t packet_type;
	uint8_t version; /* 4, 6 */
	uint8_t protocol;
	uint8_t options; /* IPv4: 32-bit words of them */
	uint16_t fragment;
	uint16_t source_port, destination_port; /* ICMP: type in the upper byte */
	uint8_t tcp_flags;
	bool passes;
};

#define OUT  PACKET_OUTGOING
#define IN   PACKET_HOST
#define TCP  IPPROTO_TCP
#define UDP  IPPROTO_UDP
#define SYN  0x02
#define ACK  0x10
#define ECHO 0x0800

static const struct sent all_kinds[] = {
	{ "SYN that leaves", OUT, 4, TCP, 0, 0, 40000, 80, SYN, true },
	{ "SYN that leaves, with ECN", OUT, 4, TCP, 0, 0, 40000, 80, SYN | 0xc0, true },
	{ "SYN behind IP options", OUT, 4, TCP, 10, 0, 40000, 80, SYN, true },
	{ "SYN-ACK", OUT, 4, TCP, 0, 0, 80, 40000, SYN | ACK, false },
	{ "ACK", OUT, 4, TCP, 0, 0, 40000, 80, ACK, false },
	{ "ACK behind IP options", OUT, 4, TCP, 10, 0, 40000, 80, ACK, false },
	{ "SYN that arrives", IN, 4, TCP, 0, 0, 40000, 80, SYN, true },
	{ "SYN to a known listener", IN, 4, TCP, 0, 0, 40000, 443, SYN, false },
	{ "SYN to a known listener, the last", IN, 4, TCP, 0, 0, 40000, 8080, SYN, false },
	{ "SYN from a listener's port", OUT, 4, TCP, 0, 0, 443, 443, SYN, true },
	{ "SYN for another host", PACKET_OTHERHOST, 4, TCP, 0, 0, 40000, 80, SYN, false },
	{ "SYN by broadcast", PACKET_BROADCAST, 4, TCP, 0, 0, 40000, 80, SYN, false },
	{ "UDP that leaves", OUT, 4, UDP, 0, 0, 40000, 53, 0, true },
	{ "UDP that arrives", IN, 4, UDP, 0, 0, 53, 40000, 0, false },
	{ "UDP from a port left out", OUT, 4, UDP, 0, 0, 5000, 53, 0, false },
	{ "UDP from a port left out, the last", OUT, 4, UDP, 3, 0, 5002, 53, 0, false },
	{ "UDP to a port left out", OUT, 4, UDP, 0, 0, 40000, 5000, 0, true },
	{ "UDP-Lite", OUT, 4, IPPROTO_UDPLITE, 0, 0, 40000, 53, 0, true },
	{ "first fragment", OUT, 4, UDP, 0, 0x2000, 40000, 53, 0, true },
	{ "later fragment", OUT, 4, UDP, 0, 0x2001, 40000, 53, 0, false },
	{ "don't fragment", OUT, 4, UDP, 0, 0x4000, 40000, 53, 0, true },
	{ "echo request", OUT, 4, IPPROTO_ICMP, 0, 0, ECHO, 0, 0, true },
	{ "echo request that arrives", IN, 4, IPPROTO_ICMP, 0, 0, ECHO, 0, 0, false },
	{ "echo reply", OUT, 4, IPPROTO_ICMP, 0, 0, 0, 0, 0, false },
	{ "IGMP", OUT, 4, IPPROTO_IGMP, 0, 0, 0, 0, 0, false },
	{ "SYN, IPv6", OUT, 6, TCP, 0, 0, 40000, 80, SYN, true },
	{ "ACK, IPv6", OUT, 6, TCP, 0, 0, 40000, 80, ACK, false },
	{ "SYN that arrives, IPv6", IN, 6, TCP, 0, 0, 40000, 80, SYN, true },
	{ "SYN to a known listener, IPv6", IN, 6, TCP, 0, 0, 40000, 443, SYN, false },
	{ "UDP, IPv6", OUT, 6, UDP, 0, 0, 40000, 53, 0, true },
	{ "UDP from a port left out, IPv6", OUT, 6, UDP, 0, 0, 5001, 53, 0, false },
	{ "echo request, IPv6", OUT, 6, IPPROTO_ICMPV6, 0, 0, 0x8000, 0, 0, true },
	{ "neighbour solicitation", OUT, 6, IPPROTO_ICMPV6, 0, 0, 0x8700, 0, 0, false },
	{ "hop-by-hop options", OUT, 6, IPPROTO_HOPOPTS, 0, 0, 0, 0, 0, true },
	{ "fragment header", OUT, 6, IPPROTO_FRAGMENT, 0, 0, 0, 0, 0, true },
	{ "hop-by-hop options that arrive", IN, 6, IPPROTO_HOPOPTS, 0, 0, 0, 0, 0, false },
	{ "neither version", OUT, 5, UDP, 0, 0, 40000, 53, 0, false },
};

static size_t make(const struct sent *sent, uint8_t *bytes)
{
	size_t size = sent->version == 6 ? 40 : 20 + (size_t)sent->options * 4;
	uint8_t *transport = bytes + size;

	memset(bytes, 0, 128);
	if (sent->version == 6) {
		bytes[0] = 0x60;
		bytes[6] = sent->protocol;
	} else {
		bytes[0] = (uint8_t)(sent->version << 4 | (5 + sent->options));
		bytes[6] = (uint8_t)(sent->fragment >> 8);
		bytes[7] = (uint8_t)sent->fragment;
		bytes[9] = sent->protocol;
	}
	transport[0] = (uint8_t)(sent->source_port >> 8);
	transport[1] = (uint8_t)sent->source_port;
	transport[2] = (uint8_t)(sent->destination_port >> 8);
	transport[3] = (uint8_t)sent->destination_port;
	transport[13] = sent->tcp_flags;
	return size + (sent->protocol == TCP ? 20 : 8);
}

static const struct sentinel_filter_options wanted = {
	.tcp_out = true,
	.tcp_in = true,
	.udp = true,
	.icmp = true,
	.udp_except = { .count = 3, .ports = { 5000, 5001, 5002 } },
	.tcp_in_except = { .count = 2, .ports = { 443, 8080 } },
};

static uint32_t judge(const struct sentinel_filter_options *options, const struct sent *sent,
                      size_t cut)
{
	struct sock_filter code[SENTINEL_FILTER_MAX];
	uint8_t bytes[128];
	size_t length = make(sent, bytes);
	struct machine machine = { .packet_type = sent->packet_type,
		                   .length = length - (cut < length ? cut : length) };

	machine.bytes = check_guarded(bytes, machine.length);
	return interpret(code, sentinel_filter_packets(code, options), &machine);
}

static void test_packets(void)
{
	for (size_t i = 0; i < sizeof all_kinds / sizeof *all_kinds; i++) {
		const struct sent *sent = &all_kinds[i];

		CHECK_EQUAL(judge(&wanted, sent, 0), (sent->passes ? SENTINEL_FILTER_SNAPLEN : 0),
		            "%s %s", sent->name, sent->passes ? "passes" : "is left out");
	}
}

static void test_cut(void)
{
	bool any = false;

	/* Down to nothing at all; headers that are not there are not read. */
	for (size_t i = 0; i < sizeof all_kinds / sizeof *all_kinds; i++)
		for (size_t cut = 9; cut < 128; cut++)
			any = any || (all_kinds[i].protocol == TCP &&
			              judge(&wanted, &all_kinds[i], cut) != 0);
	CHECK(!any, "a TCP packet cut before its flags is left out");
}

static void test_kinds(void)
{
	const struct sent *const syn_out = &all_kinds[0], *const syn_in = &all_kinds[6];
	const struct sent udp = { "UDP", OUT, 4, UDP, 0, 0, 40000, 53, 0, true };
	const struct sent echo = { "echo", OUT, 4, IPPROTO_ICMP, 0, 0, ECHO, 0, 0, true };
	const struct sent options = { "options", OUT, 6, IPPROTO_DSTOPTS, 0, 0, 0, 0, 0, true };

	for (int mask = 0; mask < 16; mask++) {
		struct sentinel_filter_options some = {
			.tcp_out = mask & 1, .tcp_in = mask & 2, .udp = mask & 4, .icmp = mask & 8
		};

		CHECK((judge(&some, syn_out, 0) != 0) == some.tcp_out &&
		              (judge(&some, syn_in, 0) != 0) == some.tcp_in &&
		              (judge(&some, &udp, 0) != 0) == some.udp &&
		              (judge(&some, &options, 0) != 0) == some.udp &&
		              (judge(&some, &echo, 0) != 0) == some.icmp,
		      "kinds %d pass and no others", mask);
	}
}

static void test_many_ports(void)
{
	struct sentinel_filter_options most = wanted;
	struct sock_filter code[SENTINEL_FILTER_MAX];
	struct sent udp = { "UDP", OUT, 4, UDP, 0, 0, 0, 53, 0, true };
	int length, wrong = 0;

	most.udp_except.count = most.tcp_in_except.count = SENTINEL_FILTER_PORTS_MAX;
	for (int i = 0; i < SENTINEL_FILTER_PORTS_MAX; i++)
		most.udp_except.ports[i] = most.tcp_in_except.ports[i] = (uint16_t)(1000 + 2 * i);
	length = sentinel_filter_packets(code, &most);
	CHECK(length <= SENTINEL_FILTER_MAX && attaches(code, length),
	      "with %d ports in each list %d instructions, which the kernel takes",
	      SENTINEL_FILTER_PORTS_MAX, length);
	for (int port = 990; port < 1140; port++) {
		bool listed = port >= 1000 && port < 1000 + 2 * SENTINEL_FILTER_PORTS_MAX &&
		              port % 2 == 0;

		udp.source_port = (uint16_t)port;
		wrong += (judge(&most, &udp, 0) == 0) != listed;
	}
	CHECK_EQUAL(wrong, 0, "exactly those are left out");
}

#define FORK 1
#define EXEC 2
#define EXIT 0x80000000

/* A message of the connector, linux/cn_proc.h: what, and the numbers after the time. */
struct heard {
	const char *name;
	uint32_t what;
	uint32_t numbers[4];
	bool passes;
};

static bool hears(const struct sock_filter *code, int length, const struct heard *heard)
{
	uint32_t message[20] = { 0 };
	struct machine machine = { .length = 76 };

	message[9] = heard->what;
	memcpy(&message[13], heard->numbers, sizeof heard->numbers);
	machine.bytes = check_guarded(message, machine.length);
	return interpret(code, length, &machine) != 0;
}

static void expect(const struct sock_filter *code, int length, const struct heard *cases,
                   size_t count)
{
	for (const struct heard *heard = cases; heard < cases + count; heard++)
		CHECK_EQUAL(hears(code, length, heard), heard->passes, "%s %s", heard->name,
		            heard->passes ? "is heard" : "is not heard");
}

static void test_lives(void)
{
	static const struct heard cases[] = {
		{ "a fork", FORK, { 7, 7, 1000, 1000 }, true },
		{ "a new thread", FORK, { 7, 7, 1001, 1000 }, false },
		{ "exec", EXEC, { 1000, 1000 }, true },
		{ "exec by another thread", EXEC, { 1001, 1000 }, true },
		{ "an exit", EXIT, { 1000, 1000 }, true },
		{ "an exit of a thread", EXIT, { 1001, 1000 }, false },
		{ "an acknowledgement", 0, { 0 }, false },
		{ "a new name", 0x200, { 9, 9 }, false },
	};
	struct sock_filter code[SENTINEL_FILTER_MAX];
	int length = sentinel_filter_lives(code);

	CHECK(attaches(code, length), "the kernel takes the program for lives");
	expect(code, length, cases, sizeof cases / sizeof *cases);
}

static void test_forks(void)
{
	static const struct heard cases[] = {
		{ "a fork by the first listener", FORK, { 100, 100, 1000, 1000 }, true },
		{ "a fork by the last listener", FORK, { 131, 131, 1000, 1000 }, true },
		{ "a fork by another thread of one", FORK, { 9, 115, 1000, 1000 }, true },
		{ "a fork by the next number", FORK, { 100, 132, 1000, 1000 }, false },
		{ "a fork by the number before", FORK, { 100, 99, 1000, 1000 }, false },
		{ "a new thread of a listener", FORK, { 100, 100, 1001, 1000 }, false },
		{ "exec of a listener", EXEC, { 100, 100, 100, 100 }, false },
	};
	static const struct {
		const char *name;
		int parents;
		uint32_t share, shares;
		uint32_t parent; /* of the fork */
		bool passes;
	} programs[] = {
		{ "on another's CPU", SENTINEL_FILTER_PIDS_MAX, 2, 4, 100, false },
		{ "CPUs are shared out in turn", SENTINEL_FILTER_PIDS_MAX, 2, 3, 100, true },
		{ "without listeners", 0, 1, 4, 0, false },
	};
	struct sock_filter code[SENTINEL_FILTER_MAX];
	int parents[SENTINEL_FILTER_PIDS_MAX], length;

	for (int i = 0; i < SENTINEL_FILTER_PIDS_MAX; i++)
		parents[i] = 100 + i;
	length = sentinel_filter_forks(code, parents, SENTINEL_FILTER_PIDS_MAX, 1, 4);
	CHECK(length <= SENTINEL_FILTER_MAX && attaches(code, length),
	      "the kernel takes the program for forks");
	expect(code, length, cases, sizeof cases / sizeof *cases);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const struct heard fork = {
			.what = FORK,
			.numbers = { programs[i].parent, programs[i].parent, 1000, 1000 },
		};

		length = sentinel_filter_forks(code, parents, programs[i].parents,
		                               programs[i].share, programs[i].shares);
		CHECK(attaches(code, length) && hears(code, length, &fork) == programs[i].passes,
		      "forks: %s", programs[i].name);
	}
	length = sentinel_filter_nothing(code);
	CHECK(attaches(code, length) && !hears(code, length, &cases[0]), "nothing is nothing");
	CHECK_EQUAL(sentinel_filter_attach(-1, code, length), -EBADF,
	            "a failure to attach is reported");
}

int main(void)
{
	test_packets();
	test_cut();
	test_kinds();
	test_many_ports();
	test_lives();
	test_forks();
	return check_done();
}
