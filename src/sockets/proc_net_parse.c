/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/proc_net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define UNIX_FLAG_LISTENING 0x10000 /* __SO_ACCEPTCON in linux/net.h of the kernel */
#define UNIX_SS_CONNECTING  2       /* socket_state in linux/net.h */
#define UNIX_SS_CONNECTED   3

/* What is left of a line. A failed read moves it to its end, so the following ones fail too. */
struct text {
	const char *at, *end;
};

static void skip_spaces(struct text *text)
{
	while (text->at < text->end && *text->at == ' ')
		text->at++;
}

static bool fail(struct text *text)
{
	text->at = text->end;
	return false;
}

static bool skip_word(struct text *text)
{
	const char *start;

	skip_spaces(text);
	start = text->at;
	while (text->at < text->end && *text->at != ' ')
		text->at++;
	return text->at > start;
}

static bool skip_words(struct text *text, int count)
{
	while (count > 0 && skip_word(text))
		count--;
	return count == 0;
}

static bool skip_char(struct text *text, char c)
{
	if (text->at == text->end || *text->at != c)
		return fail(text);
	text->at++;
	return true;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

/* A number right here, at most max. */
static bool read_digits(struct text *text, unsigned base, uint64_t max, uint64_t *value)
{
	const char *start = text->at;
	uint64_t number = 0;

	for (; text->at < text->end; text->at++) {
		unsigned digit = (unsigned)digit_value(*text->at);

		if (digit >= base)
			break;
		if (digit > max || number > (max - digit) / base)
			return fail(text);
		number = number * base + digit;
	}
	if (text->at == start)
		return fail(text);
	*value = number;
	return true;
}

/* A number that is a field of its own. */
static bool read_number(struct text *text, unsigned base, uint64_t max, uint64_t *value)
{
	skip_spaces(text);
	if (!read_digits(text, base, max, value))
		return false;
	return text->at == text->end || *text->at == ' ' || fail(text);
}

static bool read_u32(struct text *text, unsigned base, uint32_t *value)
{
	uint64_t number;

	if (!read_number(text, base, UINT32_MAX, &number))
		return false;
	*value = (uint32_t)number;
	return true;
}

/* One 32-bit word of an address, always 8 digits. */
static bool read_word(struct text *text, uint32_t *word)
{
	struct text digits = { text->at, text->at + 8 };
	uint64_t number;

	if (text->end - text->at < 8 || !read_digits(&digits, 16, UINT32_MAX, &number) ||
	    digits.at != digits.end)
		return fail(text);
	text->at += 8;
	*word = (uint32_t)number;
	return true;
}

/* "0100007F:0035" */
static bool read_end(struct text *text, int family, struct inet_address *address, uint16_t *port)
{
	uint32_t words[4];
	uint64_t number;
	int count = family == AF_INET ? 1 : 4;

	skip_spaces(text);
	for (int i = 0; i < count; i++) {
		if (!read_word(text, &words[i]))
			return false;
	}
	if (!skip_char(text, ':') || !read_number(text, 16, UINT16_MAX, &number))
		return false;
	if (family == AF_INET)
		inet_from_v4(address, words);
	else
		inet_from_v6(address, words);
	*port = (uint16_t)number;
	return true;
}

/* "00000000:0000000A" */
static bool read_queues(struct text *text, uint32_t *send_queue, uint32_t *receive_queue)
{
	uint64_t number;

	skip_spaces(text);
	if (!read_digits(text, 16, UINT32_MAX, &number))
		return false;
	*send_queue = (uint32_t)number;
	return skip_char(text, ':') && read_u32(text, 16, receive_queue);
}

/* sl: local remote st tx:rx tr:when retrnsmt uid timeout inode ... */
static int parse_inet(struct text text, int family, struct socket *socket)
{
	struct tuple *tuple = &socket->tuple;
	uint64_t state;
	uint32_t uid;

	if (!skip_word(&text) || !read_end(&text, family, &tuple->source, &tuple->source_port) ||
	    !read_end(&text, family, &tuple->destination, &tuple->destination_port) ||
	    !read_number(&text, 16, SOCKET_NEW_SYN_RECEIVED, &state) || state == 0 ||
	    !read_queues(&text, &socket->send_queue, &socket->receive_queue) ||
	    !skip_words(&text, 2) || !read_u32(&text, 10, &uid) || !skip_word(&text) ||
	    !read_number(&text, 10, UINT64_MAX, &socket->inode))
		return -EINVAL;
	socket->family = (uint8_t)family;
	socket->state = (enum socket_state)state;
	socket_set_uid(socket, uid);
	/* A raw socket's protocol stands in place of the local port. */
	socket_set_protocol(socket, (uint8_t)tuple->source_port);
	return 0;
}

/* The rest of the line after one space: names may hold anything, spaces too. */
static int read_path(struct text text, struct socket *socket)
{
	size_t length;

	if (text.at == text.end)
		return 0;
	length = (size_t)(text.end - text.at) - 1;
	if (*text.at != ' ' || length == 0 || length > sizeof(socket->path))
		return -EINVAL;
	memcpy(socket->path, text.at + 1, length);
	socket->path_length = (uint8_t)length;
	if (socket->path[0] == '@')
		socket->path[0] = '\0';
	return 0;
}

/* Num: RefCount Protocol Flags Type St Inode Path */
static int parse_unix(struct text text, struct socket *socket)
{
	uint32_t flags, type, state;

	if (!skip_word(&text) || text.at[-1] != ':' || !skip_words(&text, 2) ||
	    !read_u32(&text, 16, &flags) || !read_u32(&text, 16, &type) || type > UINT8_MAX ||
	    !read_u32(&text, 16, &state) || !read_number(&text, 10, UINT64_MAX, &socket->inode))
		return -EINVAL;
	socket->family = AF_UNIX;
	socket->type = (uint8_t)type;
	if (flags & UNIX_FLAG_LISTENING)
		socket->state = SOCKET_LISTEN;
	else if (state == UNIX_SS_CONNECTED || state == UNIX_SS_CONNECTING)
		socket->state = SOCKET_ESTABLISHED; /* CONNECTING: not yet accepted */
	else
		socket->state = SOCKET_CLOSED;
	return read_path(text, socket);
}

/* sk RefCnt Type Proto Iface R Rmem User Inode */
static int parse_packet(struct text text, struct socket *socket)
{
	uint32_t type, protocol, uid;

	if (!skip_words(&text, 2) || !read_u32(&text, 10, &type) || type > UINT8_MAX ||
	    !read_u32(&text, 16, &protocol) || protocol > UINT16_MAX ||
	    !read_u32(&text, 10, &socket->ifindex) || !skip_word(&text) ||
	    !read_u32(&text, 10, &socket->receive_queue) || !read_u32(&text, 10, &uid) ||
	    !read_number(&text, 10, UINT64_MAX, &socket->inode))
		return -EINVAL;
	socket->family = AF_PACKET;
	socket->type = (uint8_t)type;
	socket->protocol = (uint16_t)protocol;
	socket_set_uid(socket, uid);
	return 0;
}

/* sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode */
static int parse_netlink(struct text text, struct socket *socket)
{
	uint32_t protocol;

	if (!skip_word(&text) || !read_u32(&text, 10, &protocol) || protocol > UINT16_MAX ||
	    !read_u32(&text, 10, &socket->port_id) || !read_u32(&text, 16, &socket->groups) ||
	    !read_u32(&text, 10, &socket->receive_queue) || !skip_words(&text, 4) ||
	    !read_number(&text, 10, UINT64_MAX, &socket->inode))
		return -EINVAL;
	socket->family = AF_NETLINK;
	socket->protocol = (uint16_t)protocol;
	return 0;
}

int proc_net_parse_line(enum socket_kind kind, int family, const char *line, size_t length,
                        struct socket *socket)
{
	struct text text = { line, line + length };

	memset(socket, 0, sizeof(*socket));
	socket->kind = kind;
	socket->source = SOCKET_FROM_PROC_NET;
	switch (kind) {
	case SOCKET_TCP:
	case SOCKET_UDP:
	case SOCKET_UDPLITE:
	case SOCKET_RAW:
	case SOCKET_ICMP:
		return family == AF_INET || family == AF_INET6 ? parse_inet(text, family, socket)
		                                               : -EINVAL;
	case SOCKET_UNIX:
		return parse_unix(text, socket);
	case SOCKET_PACKET:
		return parse_packet(text, socket);
	case SOCKET_NETLINK:
		return parse_netlink(text, socket);
	default: /* there is no such file */
		return -EINVAL;
	}
}
