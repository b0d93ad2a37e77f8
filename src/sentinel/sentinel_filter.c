/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#define IPV6_SIZE 40

#define SCRATCH_TYPE 0 /* where the packet's type is kept, PACKET_OUTGOING and so on */

/* Offsets in a message of the connector: nlmsghdr (16), cn_msg (20), proc_event. */
#define EVENT_WHAT        36
#define EVENT_PARENT_TGID 56
#define EVENT_CHILD_PID   60
#define EVENT_PID         52 /* exec and exit */
#define EVENT_WHAT_FORK   1
#define EVENT_WHAT_EXEC   2
#define EVENT_WHAT_EXIT   0x80000000u

struct program {
	struct sock_filter *code;
	int length;
};

static int add(struct program *program, unsigned int code, uint32_t k, uint8_t jt, uint8_t jf)
{
	program->code[program->length] = (struct sock_filter){ (uint16_t)code, jt, jf, k };
	return program->length++;
}

static void load_byte(struct program *program, uint32_t offset)
{
	add(program, BPF_LD | BPF_B | BPF_ABS, offset, 0, 0);
}

static void load_word(struct program *program, uint32_t offset)
{
	add(program, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void finish(struct program *program, uint32_t length)
{
	add(program, BPF_RET | BPF_K, length, 0, 0);
}

static void pass(struct program *program, bool allowed)
{
	finish(program, allowed ? SENTINEL_FILTER_SNAPLEN : 0);
}

/* When A is k, goes where land() is called with what this returns. */
static int jump_if(struct program *program, uint32_t k)
{
	add(program, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
	return add(program, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void land(struct program *program, int jump)
{
	program->code[jump].k = (uint32_t)(program->length - jump - 1);
}

/* Ends here unless A is k. */
static void need(struct program *program, uint32_t k)
{
	add(program, BPF_JMP | BPF_JEQ | BPF_K, k, 1, 0);
	finish(program, 0);
}

static void need_outgoing(struct program *program)
{
	add(program, BPF_LD | BPF_MEM, SCRATCH_TYPE, 0, 0);
	need(program, PACKET_OUTGOING);
}

/* Ends here, and passes the packet unless the port at X + offset is one of these. */
static void pass_except(struct program *program, uint32_t offset,
                        const struct sentinel_filter_ports *except)
{
	add(program, BPF_LD | BPF_H | BPF_IND, offset, 0, 0);
	for (int i = 0; i < except->count; i++)
		add(program, BPF_JMP | BPF_JEQ | BPF_K, except->ports[i],
		    (uint8_t)(except->count - i), 0);
	pass(program, true);
	finish(program, 0);
}

/* A = transport protocol, X = offset of its header; the packet's type is in the scratch memory. */
static void find_transport(struct program *program)
{
	int jump_v4, jump_v6, jump_common;

	load_byte(program, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	add(program, BPF_ST, SCRATCH_TYPE, 0, 0);
	load_byte(program, 0);
	add(program, BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0);
	jump_v4 = jump_if(program, 0x40);
	jump_v6 = jump_if(program, 0x60);
	finish(program, 0);

	land(program, jump_v4);
	add(program, BPF_LD | BPF_H | BPF_ABS, 6, 0, 0);
	add(program, BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 0, 1); /* fragment offset */
	finish(program, 0);
	add(program, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
	load_byte(program, 9);
	jump_common = add(program, BPF_JMP | BPF_JA, 0, 0, 0);

	land(program, jump_v6);
	add(program, BPF_LDX | BPF_IMM, IPV6_SIZE, 0, 0);
	load_byte(program, 6);
	land(program, jump_common);
}

static void judge_tcp(struct program *program, const struct sentinel_filter_options *options)
{
	int jump;

	add(program, BPF_LD | BPF_B | BPF_IND, 13, 0, 0);
	add(program, BPF_ALU | BPF_AND | BPF_K, 0x12, 0, 0); /* SYN, ACK */
	need(program, 0x02);
	add(program, BPF_LD | BPF_MEM, SCRATCH_TYPE, 0, 0);
	jump = jump_if(program, PACKET_OUTGOING);
	/* What is for others, or for groups, is no connection of ours. */
	need(program, PACKET_HOST);
	if (options->tcp_in)
		pass_except(program, 2, &options->tcp_in_except);
	else
		pass(program, false);
	land(program, jump);
	pass(program, options->tcp_out);
}

static void judge_udp(struct program *program, const struct sentinel_filter_options *options)
{
	need_outgoing(program);
	if (options->udp)
		pass_except(program, 0, &options->udp_except);
	else
		pass(program, false);
}

static void judge_echo(struct program *program, const struct sentinel_filter_options *options,
                       uint32_t type)
{
	need_outgoing(program);
	add(program, BPF_LD | BPF_B | BPF_IND, 0, 0, 0);
	need(program, type);
	pass(program, options->icmp);
}

int sentinel_filter_packets(struct sock_filter *code, const struct sentinel_filter_options *options)
{
	static const uint8_t extensions[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
		                              IPPROTO_DSTOPTS };
	struct program program = { .code = code };
	int jump_tcp, jump_udp, jump_udplite, jump_icmp, jump_icmpv6;
	int jump_extension[sizeof extensions];

	find_transport(&program);
	jump_tcp = jump_if(&program, IPPROTO_TCP);
	jump_udp = jump_if(&program, IPPROTO_UDP);
	jump_udplite = jump_if(&program, IPPROTO_UDPLITE);
	jump_icmp = jump_if(&program, IPPROTO_ICMP);
	jump_icmpv6 = jump_if(&program, IPPROTO_ICMPV6);
	for (size_t i = 0; i < sizeof extensions; i++)
		jump_extension[i] = jump_if(&program, extensions[i]);
	finish(&program, 0);

	land(&program, jump_tcp);
	judge_tcp(&program, options);
	land(&program, jump_udp);
	land(&program, jump_udplite);
	judge_udp(&program, options);
	land(&program, jump_icmp);
	judge_echo(&program, options, SENTINEL_FILTER_ECHO_V4);
	land(&program, jump_icmpv6);
	judge_echo(&program, options, SENTINEL_FILTER_ECHO_V6);
	for (size_t i = 0; i < sizeof extensions; i++)
		land(&program, jump_extension[i]);
	need_outgoing(&program);
	/* A filter that shuts out UDP must not let it in by this door. */
	pass(&program, options->udp);
	return program.length;
}

/* The fields of events have the host's byte order, and a load makes host order of network order. */
static uint32_t as_loaded(uint32_t value)
{
	return htonl(value);
}

/* Ends here for threads. at: where the pid is, followed by that of the process. */
static void need_process(struct program *program, uint32_t at)
{
	load_word(program, at + 4);
	add(program, BPF_MISC | BPF_TAX, 0, 0, 0);
	load_word(program, at);
	add(program, BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0);
	finish(program, 0);
}

int sentinel_filter_lives(struct sock_filter *code)
{
	struct program program = { .code = code };
	int jump_exec, jump_exit;

	load_word(&program, EVENT_WHAT);
	jump_exec = jump_if(&program, as_loaded(EVENT_WHAT_EXEC));
	jump_exit = jump_if(&program, as_loaded(EVENT_WHAT_EXIT));
	need(&program, as_loaded(EVENT_WHAT_FORK));
	need_process(&program, EVENT_CHILD_PID);
	finish(&program, UINT32_MAX);
	land(&program, jump_exit);
	need_process(&program, EVENT_PID);
	land(&program, jump_exec);
	finish(&program, UINT32_MAX);
	return program.length;
}

int sentinel_filter_forks(struct sock_filter *code, const int *parents, int count, uint32_t share,
                          uint32_t shares)
{
	struct program program = { .code = code };

	load_word(&program, EVENT_WHAT);
	need(&program, as_loaded(EVENT_WHAT_FORK));
	/* The message is made and filtered where the fork happens. */
	load_word(&program, (uint32_t)(SKF_AD_OFF + SKF_AD_CPU));
	add(&program, BPF_ALU | BPF_MOD | BPF_K, shares, 0, 0);
	need(&program, share);
	need_process(&program, EVENT_CHILD_PID);
	load_word(&program, EVENT_PARENT_TGID);
	for (int i = 0; i < count; i++)
		add(&program, BPF_JMP | BPF_JEQ | BPF_K, as_loaded((uint32_t)parents[i]),
		    (uint8_t)(count - i), 0);
	finish(&program, 0);
	finish(&program, UINT32_MAX);
	return program.length;
}

int sentinel_filter_nothing(struct sock_filter *code)
{
	struct program program = { .code = code };

	finish(&program, 0);
	return program.length;
}

int sentinel_filter_attach(int fd, struct sock_filter *code, int length)
{
	struct sock_fprog program = { .len = (unsigned short)length, .filter = code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
		return -errno;
	return 0;
}
