/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wakes the sentinel: classic BPF programs made by hand, because libpcap's
 * compiler takes 191 ms for 256 ports and these are changed while packets pass. Pure, but for
 * attaching.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_FILTER_H
#define SOCKLINE_SENTINEL_SENTINEL_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define SENTINEL_FILTER_SNAPLEN   128
#define SENTINEL_FILTER_PORTS_MAX 64
#define SENTINEL_FILTER_PIDS_MAX  32
#define SENTINEL_FILTER_MAX       256 /* instructions of any of these */

#define SENTINEL_FILTER_ECHO_V4 8   /* RFC 792 */
#define SENTINEL_FILTER_ECHO_V6 128 /* RFC 4443 */

struct sentinel_filter_ports {
	int count;
	uint16_t ports[SENTINEL_FILTER_PORTS_MAX];
};

struct sentinel_filter_options {
	bool tcp_out; /* SYN without ACK that leaves */
	bool tcp_in;  /* the same that arrives: somebody listens there, maybe */
	bool udp;     /* UDP and UDP-Lite that leave */
	bool icmp;    /* echo requests that leave */
	struct sentinel_filter_ports udp_except;    /* local ports */
	struct sentinel_filter_ports tcp_in_except; /* local ports */
};

/*
 * First packets, for a packet(7) socket of type SOCK_DGRAM: the network header
 * comes first, and the kernel says which way a packet goes. Later fragments
 * never pass; IPv6 extension headers do, for the decoder to look behind.
 * code holds SENTINEL_FILTER_MAX. Returns the number of instructions.
 */
int sentinel_filter_packets(struct sock_filter *code,
                            const struct sentinel_filter_options *options);

/*
 * For netlink sockets of the process events connector (linux/cn_proc.h): forks, execs
 * and exits of processes (not threads); and forks alone, by one of these parents, on
 * a CPU whose number is `share` modulo `shares`.
 */
int sentinel_filter_lives(struct sock_filter *code);
int sentinel_filter_forks(struct sock_filter *code, const int *parents, int count, uint32_t share,
                          uint32_t shares);

/* Lets nothing pass. */
int sentinel_filter_nothing(struct sock_filter *code);

/* Attaches a program to a socket in place of the one it has. 0 or -errno. */
int sentinel_filter_attach(int fd, struct sock_filter *code, int length);

#endif
