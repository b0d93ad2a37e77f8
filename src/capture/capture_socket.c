/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "capture/capture_cut.h"

#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000 /* Linux 4.12 */
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* Linux 4.20 */
#endif

#define HEAD_MAX 16 /* instructions that narrow() may put in front of a filter */

struct head {
	struct sock_filter code[HEAD_MAX];
	unsigned short length;
};

static void append(struct head *head, unsigned int code, uint32_t k, uint8_t jt, uint8_t jf)
{
	head->code[head->length++] = (struct sock_filter){ (uint16_t)code, jt, jf, k };
}

static void append_load_type(struct head *head)
{
	append(head, BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE), 0, 0);
}

static void append_reject(struct head *head)
{
	append(head, BPF_RET | BPF_K, 0, 0, 0);
}

static void append_drop_outgoing(struct head *head)
{
	append_load_type(head);
	append(head, BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1);
	append_reject(head);
}

static void append_drop_incoming(struct head *head)
{
	append_load_type(head);
	append(head, BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0);
	append_reject(head);
}

static void append_drop_outgoing_on(struct head *head, unsigned int ifindex)
{
	append_load_type(head);
	append(head, BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 3);
	append(head, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX), 0, 0);
	append(head, BPF_JMP | BPF_JEQ | BPF_K, ifindex, 0, 1);
	append_reject(head);
}

/*
 * Copies of netlink messages (nlmon) and frames of a vehicle's bus (CAN) are no network
 * traffic: they are captured where their interface is named.
 */
static void append_drop_other_traffic(struct head *head)
{
	append(head, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE), 0, 0);
	append(head, BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_NETLINK, 1, 0);
	append(head, BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_CAN, 0, 1);
	append_reject(head);
}

static int attach(int fd, struct sock_filter *code, size_t length)
{
	struct sock_fprog program = { .len = (unsigned short)length, .filter = code };

	if (length > BPF_MAXINSNS)
		return -E2BIG;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		return -errno;
	return 0;
}

/*
 * Copies the attached filter, or "accept" when there is none, with room for so many instructions
 * before and behind it; the caller frees. SO_GET_FILTER counts instructions, not bytes; asked for
 * none it returns their number.
 */
static int copy_filter(int fd, size_t before, size_t behind, struct sock_filter **copy,
                       size_t *length)
{
	const struct sock_filter accept_all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	struct sock_filter *code;
	socklen_t count = 0;
	int result;

	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &count) != 0)
		return -errno;
	code = calloc(before + count + 1 + behind, sizeof(*code));
	if (code == NULL)
		return -ENOMEM;
	if (count == 0) {
		code[before] = accept_all;
		count = 1;
	} else if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code + before, &count) != 0) {
		result = -errno;
		free(code);
		return result;
	}
	*copy = code;
	*length = count;
	return 0;
}

int capture_socket_copy_filter(int fd, struct sock_filter **copy, size_t *length)
{
	return copy_filter(fd, 0, 0, copy, length);
}

bool capture_socket_filters(int fd)
{
	socklen_t count = 0;

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &count) == 0 && count > 0;
}

/* Attaches head followed by the filter that is attached now. */
static int prepend(int fd, const struct head *head)
{
	struct sock_filter *code = NULL;
	size_t length = 0;
	int result = copy_filter(fd, head->length, 0, &code, &length);

	if (!code)
		return result;
	memcpy(code, head->code, head->length * sizeof(*code));
	result = attach(fd, code, head->length + length);
	free(code);
	return result;
}

int capture_socket_cut(int fd, uint32_t base, uint32_t usual, uint32_t longer)
{
	struct sock_filter *code = NULL;
	size_t length = 0;
	int result = copy_filter(fd, 0, CAPTURE_CUT_MAX, &code, &length);

	if (!code)
		return result;
	for (size_t i = 0; i < length; i++)
		if (code[i].code == (BPF_RET | BPF_K) && code[i].k != 0)
			code[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
			                                       (uint32_t)(length - i - 1));
	length += (size_t)capture_cut_program(code + length, base, usual, longer);
	result = attach(fd, code, length);
	free(code);
	return result;
}

unsigned capture_socket_index(int fd, const char *interface)
{
	struct ifreq request = { .ifr_ifindex = 0 };

	size_t length = strlen(interface);

	if (length >= sizeof(request.ifr_name)) {
		errno = ENODEV;
		return 0;
	}
	memcpy(request.ifr_name, interface, length + 1);
	return ioctl(fd, SIOCGIFINDEX, &request) == 0 ? (unsigned)request.ifr_ifindex : 0;
}

bool capture_socket_is_absent(const char *interface)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_absent = fd >= 0 && capture_socket_index(fd, interface) == 0 && errno == ENODEV;

	if (fd >= 0)
		close(fd);
	return is_absent;
}

int capture_socket_narrow(int fd, bool any, bool loopback, enum capture_direction direction)
{
	struct head head = { .length = 0 };
	const int on = 1;

	if (loopback || direction == CAPTURE_IN) {
		/* Spares the kernel the copy; where it is unknown the filter below does the rest. */
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
		append_drop_outgoing(&head);
	} else if (any) {
		append_drop_outgoing_on(&head, capture_socket_index(fd, "lo"));
	}
	if (direction == CAPTURE_OUT)
		append_drop_incoming(&head);
	if (any)
		append_drop_other_traffic(&head);
	return head.length > 0 ? prepend(fd, &head) : 0;
}

int capture_socket_listen(int fd)
{
	struct sockaddr_ll address;
	socklen_t length = sizeof(address);
	int failure = 0;

	if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		return -errno;
	address.sll_protocol = htons(ETH_P_ALL);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	/* A bind to an interface that is down succeeds and leaves ENETDOWN behind. */
	length = sizeof(failure);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) != 0)
		return -errno;
	return -failure;
}

int capture_socket_join(int fd, uint16_t *group)
{
	int flags =
		*group == 0 ? PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID : PACKET_FANOUT_CBPF;
	int value = flags << 16 | *group;
	socklen_t size = sizeof(value);

	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value)) != 0 ||
	    getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &size) != 0)
		return -errno;
	*group = (uint16_t)value;
	return 0;
}

int capture_socket_choose(int fd, uint32_t member)
{
	struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, member);
	struct sock_fprog program = { .len = 1, .filter = &code };

	/* Where a program is replaced the kernel waits until the one before is not in use: twice. */
	for (int i = 0; i < 2; i++)
		if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program)) != 0)
			return -errno;
	return 0;
}

int capture_socket_listen_in(int fd, uint16_t group)
{
	struct sock_filter *filter = NULL;
	size_t length = 0;
	int result = copy_filter(fd, 0, 0, &filter, &length);

	if (!filter)
		return result;
	result = capture_socket_deafen(fd);
	if (result == 0)
		result = capture_socket_listen(fd);
	if (result == 0)
		result = capture_socket_join(fd, &group);
	if (result == 0)
		result = attach(fd, filter, length);
	free(filter);
	return result;
}

int capture_socket_deafen(int fd)
{
	struct sock_filter reject = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(fd, &reject, 1);
}

bool capture_socket_gone(int fd)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		return false;
	return address.sll_ifindex == -1;
}
