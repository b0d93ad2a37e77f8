/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends an exact number of packets and says how many it sent.
 *
 *	gen [OPTION]... ADDRESS                IPv4 or IPv6: UDP by a socket
 *	gen [OPTION]... -i INTERFACE ADDRESS   IPv4: whole Ethernet frames, any sender
 *	  -c COUNT    packets (default 1000; 0 = no limit)   -t SECONDS  at most so long
 *	  -r PPS      at most so many a second               -s BYTES    of UDP payload (18)
 *	  -f FLOWS    that many 5-tuples in turn (1)         -p PORT     destination (9)
 *	  -S          TCP SYN instead of UDP (with -i)       -m MAC      of the receiver (broadcast)
 *	  -k          open the port, read nothing
 *
 * Flow n of a socket goes to port PORT + n. Flow n of frames comes from an
 * address in 10/8 and a port that differ for each n, up to 2^24 * 60000 flows;
 * with -S it also goes to port PORT + n, as a scan does. The first 8 bytes of a
 * UDP payload are the packet's number, from 0, big endian.
 *
 * Prints {"ready":true} when it is about to send and, at the end or at SIGINT or
 * SIGTERM, {"sent":N,"bytes":N,"seconds":S,"full":N}: bytes of UDP payload or of
 * frames; full = sends that the kernel refused for lack of room, and which were
 * repeated.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH         64
#define PAYLOAD_MIN   8
#define PAYLOAD_MAX   1472
#define FRAME_MAX     (PAYLOAD_MAX + 64)
#define SOURCE_PORTS  60000
#define NS_PER_SECOND 1000000000LL

struct gen {
	uint64_t count, rate, flows;
	double seconds;
	const char *interface;
	bool syn, keep_open;
	size_t payload;
	uint16_t port;

	int fd, sink;
	struct sockaddr_storage target; /* IPv4 or IPv6 */
	struct sockaddr_ll link;
	uint8_t target_mac[6], source_mac[6];

	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage addresses[BATCH];
	uint8_t packets[BATCH][FRAME_MAX];
	uint64_t sent, bytes, full;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "gen: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static uint32_t sum16(const void *bytes, size_t length, uint32_t sum)
{
	const uint8_t *byte = bytes;
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)byte[i] << 8 | byte[i + 1];
	if (i < length)
		sum += (uint32_t)byte[i] << 8;
	return sum;
}

static uint32_t sum_address(struct in_addr address)
{
	uint32_t bits = ntohl(address.s_addr);

	return (bits >> 16) + (bits & 0xffff);
}

static uint16_t checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t make_tcp(uint8_t *bytes, const struct ip *ip, uint16_t source, uint16_t destination)
{
	struct tcphdr tcp = {
		.source = htons(source),
		.dest = htons(destination),
		.seq = htonl(1),
		.doff = 5,
		.syn = 1,
		.window = htons(64240),
	};
	uint32_t sum = IPPROTO_TCP + (uint32_t)sizeof(tcp) + sum_address(ip->ip_src) +
	               sum_address(ip->ip_dst);

	tcp.check = checksum(sum16(&tcp, sizeof(tcp), sum));
	memcpy(bytes, &tcp, sizeof(tcp));
	return sizeof(tcp);
}

static size_t make_udp(uint8_t *bytes, uint16_t source, uint16_t destination, size_t payload,
                       uint64_t number)
{
	struct udphdr udp = {
		.source = htons(source),
		.dest = htons(destination),
		.len = htons((uint16_t)(sizeof(udp) + payload)),
	};

	number = htobe64(number);
	memcpy(bytes, &udp, sizeof(udp));
	memcpy(bytes + sizeof(udp), &number, sizeof(number));
	return sizeof(udp) + payload;
}

/* Returns the length of the frame. */
static size_t make_frame(const struct gen *gen, uint8_t *frame, uint64_t number)
{
	uint64_t flow = number % gen->flows;
	uint16_t source = (uint16_t)(1024 + flow % SOURCE_PORTS);
	uint8_t *transport = frame + ETH_HLEN + sizeof(struct ip);
	struct ip ip = {
		.ip_v = 4,
		.ip_hl = 5,
		.ip_ttl = 64,
		.ip_p = gen->syn ? IPPROTO_TCP : IPPROTO_UDP,
		.ip_src.s_addr = htonl(0x0a000001 + (uint32_t)(flow / SOURCE_PORTS)),
		.ip_dst = ((const struct sockaddr_in *)&gen->target)->sin_addr,
	};
	size_t length;

	memcpy(frame, gen->target_mac, 6);
	memcpy(frame + 6, gen->source_mac, 6);
	frame[12] = ETHERTYPE_IP >> 8;
	frame[13] = ETHERTYPE_IP & 0xff;
	if (gen->syn)
		length = make_tcp(transport, &ip, source, (uint16_t)(gen->port + flow));
	else
		length = make_udp(transport, source, gen->port, gen->payload, number);
	ip.ip_len = htons((uint16_t)(sizeof(ip) + length));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	ip.ip_sum = checksum(sum16(frame + ETH_HLEN, sizeof(ip), 0));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	return ETH_HLEN + sizeof(ip) + length;
}

static void make_message(struct gen *gen, size_t i, uint64_t number)
{
	uint16_t port = htons((uint16_t)(gen->port + number % gen->flows));
	struct msghdr *header = &gen->messages[i].msg_hdr;

	header->msg_iov = &gen->vectors[i];
	header->msg_iovlen = 1;
	gen->vectors[i].iov_base = gen->packets[i];
	if (gen->interface != NULL) {
		gen->vectors[i].iov_len = make_frame(gen, gen->packets[i], number);
		header->msg_name = &gen->link;
		header->msg_namelen = sizeof(gen->link);
		return;
	}
	number = htobe64(number);
	memcpy(gen->packets[i], &number, sizeof(number));
	gen->vectors[i].iov_len = gen->payload;
	gen->addresses[i] = gen->target;
	/* The port stands at the same place in both families. */
	((struct sockaddr_in *)&gen->addresses[i])->sin_port = port;
	header->msg_name = &gen->addresses[i];
	header->msg_namelen = gen->target.ss_family == AF_INET ? sizeof(struct sockaddr_in)
	                                                       : sizeof(struct sockaddr_in6);
}

/* Sends all of a batch; ends early only when stopped. */
static void send_batch(struct gen *gen, unsigned int size)
{
	unsigned int done = 0, i;
	int result;

	for (i = 0; i < size; i++)
		make_message(gen, i, gen->sent + i);
	while (done < size && !stopped) {
		result = sendmmsg(gen->fd, gen->messages + done, size - done, 0);
		for (i = 0; result > 0 && i < (unsigned int)result; i++)
			gen->bytes += gen->messages[done + i].msg_len;
		if (result > 0) {
			gen->sent += (unsigned int)result;
			done += (unsigned int)result;
		} else if (errno == ENOBUFS || errno == EAGAIN) {
			gen->full++;
			usleep(100);
		} else if (errno != EINTR && errno != ECONNREFUSED) {
			fail("sendmmsg");
		}
	}
}

static void wait_until(int64_t time_ns)
{
	struct timespec until = { time_ns / NS_PER_SECOND, time_ns % NS_PER_SECOND };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void run(struct gen *gen)
{
	int64_t start = now_ns();
	int64_t end = gen->seconds > 0 ? start + (int64_t)(gen->seconds * 1e9) : INT64_MAX;
	/* Ten batches a second at least, so that slow rates are even. */
	uint64_t size = gen->rate > 0 && gen->rate / 10 < BATCH ? gen->rate / 10 + 1 : BATCH;
	uint64_t left;

	while (!stopped && now_ns() < end) {
		left = gen->count > 0 ? gen->count - gen->sent : UINT64_MAX;
		if (left == 0)
			break;
		send_batch(gen, (unsigned int)(left < size ? left : size));
		if (gen->rate > 0)
			wait_until(start + (int64_t)((double)gen->sent / (double)gen->rate * 1e9));
	}
	printf("{\"sent\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"full\":%" PRIu64
	       "}\n",
	       gen->sent, gen->bytes, (double)(now_ns() - start) / 1e9, gen->full);
}

static void open_frames(struct gen *gen)
{
	struct sockaddr_ll own;
	socklen_t length = sizeof(own);

	/* Protocol 0: it only sends and must not slow the receiving side. */
	gen->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (gen->fd < 0)
		fail("socket");
	gen->link = (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(gen->interface),
		.sll_protocol = htons(ETHERTYPE_IP),
		.sll_halen = 6,
	};
	own = gen->link;
	own.sll_protocol = 0;
	if (bind(gen->fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
	    getsockname(gen->fd, (struct sockaddr *)&own, &length) != 0)
		fail(gen->interface);
	memcpy(gen->source_mac, own.sll_addr, 6);
	/* A stack takes no TCP from a broadcast: -m names the receiver; on lo it is all zero. */
	if (own.sll_hatype == ARPHRD_LOOPBACK)
		memset(gen->target_mac, 0, 6);
	memcpy(gen->link.sll_addr, gen->target_mac, 6);
}

static void open_port(struct gen *gen)
{
	struct sockaddr_storage address = gen->target;
	int fd = gen->sink = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	((struct sockaddr_in *)&address)->sin_port = htons(gen->port);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address,
	                   address.ss_family == AF_INET ? sizeof(struct sockaddr_in)
	                                                : sizeof(struct sockaddr_in6)) != 0)
		fail("bind");
}

static void open_socket(struct gen *gen)
{
	const int on = 1;
	bool v4 = gen->target.ss_family == AF_INET;

	gen->fd = socket(gen->target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (gen->fd < 0)
		fail("socket");
	/* Else the kernel hides that a device had no room, ip(7). */
	if (setsockopt(gen->fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on,
	               sizeof(on)) != 0)
		fail("IP_RECVERR");
	if (gen->keep_open)
		open_port(gen);
}

static void set_target(struct gen *gen, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&gen->target;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&gen->target;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		gen->target.ss_family = AF_INET;
	else if (gen->interface == NULL && inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		gen->target.ss_family = AF_INET6;
	else
		fail(text);
}

static bool parse(struct gen *gen, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:t:r:s:f:p:i:m:Sk")) != -1) {
		switch (option) {
		case 'c':
			gen->count = strtoull(optarg, NULL, 10);
			break;
		case 't':
			gen->seconds = strtod(optarg, NULL);
			break;
		case 'r':
			gen->rate = strtoull(optarg, NULL, 10);
			break;
		case 's':
			gen->payload = strtoul(optarg, NULL, 10);
			break;
		case 'f':
			gen->flows = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			gen->port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'i':
			gen->interface = optarg;
			break;
		case 'm':
			if (ether_aton_r(optarg, (struct ether_addr *)gen->target_mac) == NULL)
				return false;
			break;
		case 'S':
			gen->syn = true;
			break;
		case 'k':
			gen->keep_open = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc - 1 && gen->payload >= PAYLOAD_MIN && gen->payload <= PAYLOAD_MAX &&
	       gen->flows > 0 && !(gen->syn && gen->interface == NULL);
}

int main(int argc, char **argv)
{
	static struct gen gen = { .count = 1000,
		                  .payload = 18,
		                  .flows = 1,
		                  .port = 9,
		                  .target_mac = { 255, 255, 255, 255, 255, 255 } };
	struct sigaction action = { .sa_handler = stop };

	if (!parse(&gen, argc, argv)) {
		fprintf(stderr, "gen: usage: see the head of gen.c\n");
		return 2;
	}
	set_target(&gen, argv[optind]);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (gen.interface != NULL)
		open_frames(&gen);
	else
		open_socket(&gen);
	printf("{\"ready\":true}\n");
	fflush(stdout);
	run(&gen);
	return EXIT_SUCCESS;
}
