/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes exactly the sockets that are asked for and holds them: tests know the truth and
 * race with nothing. Each argument is a command; then it prints "ready" and takes
 * more commands as lines on stdin, until "exit" or end of file.
 *
 *	mksock 'tcp-listen :: 0' 'tcp-connect 127.0.0.1 $1' 'tcp-accept %1'
 *
 * In commands $N is the local port of the N-th socket that was made (from 1), %N its descriptor;
 * "-" keeps an optional word at its default:
 *	tcp-listen ADDRESS PORT [OPTION...]
 *	tcp-connect ADDRESS PORT [FROM-ADDRESS] [FROM-PORT] [OPTION...]
 *	tcp-accept FD           unix-accept FD    mptcp-listen, -connect, -accept as of tcp
 *	udp-bind ADDRESS PORT [OPTION...]                                 udplite-bind
 *	udp-connect ADDRESS PORT [FROM-ADDRESS] [FROM-PORT] [OPTION...]   udplite-connect
 *	udp-send ADDRESS PORT TEXT                unconnected             udplite-send
 *	raw 4|6 PROTOCOL        ping 4|6 IDENTIFIER
 *	packet ETHERTYPE [INTERFACE]              numbers as in C
 *	netlink PROTOCOL GROUPS
 *	unix-listen TYPE PATH   unix-bind TYPE PATH   unix-connect TYPE PATH
 *	                        TYPE: stream, dgram, seqpacket; PATH @NAME = abstract
 *	unix-pair TYPE          unix-none TYPE    neither bound nor connected
 *	time-wait ADDRESS       a connection closed from both ends; prints the end in TIME_WAIT
 *	fork                    a child that holds every descriptor too
 *	pass FD                 to a child, which then is the only one to hold it
 *	send FD TEXT    recv FD    close FD    uid UID    exit
 *
 * OPTION: v6only, dualstack, reuseport, reuseaddr, device=INTERFACE. Answers are
 * lines of key=value words that begin with what they are about: "socket", "process",
 * "done" or "error". Unix paths are in hexadecimal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "pass_fd.h"

#define WORDS_MAX   16
#define SOCKETS_MAX 20000

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	struct sockaddr_ll ll;
	struct sockaddr_nl nl;
	char room[128];
};

struct command {
	const char *name;
	void (*run)(const struct command *command, char **words);
	const char *kind; /* of the socket it makes */
	int type, protocol;
};

static int socket_count, socket_fds[SOCKETS_MAX + 1]; /* from 1, for %N and $N */

static void __attribute__((format(printf, 1, 2))) answer(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

/* For results of system calls: returns true when it was an error. */
static bool failed(const char *what, int result)
{
	if (result < 0)
		answer("error what=%s errno=%d", what, errno);
	return result < 0;
}

static int number(const char *word)
{
	return word ? (int)strtoul(word, NULL, 0) : 0;
}

static socklen_t set_address(union address *address, const char *text, int port)
{
	*address = (union address){ .room = { 0 } };
	if (inet_pton(AF_INET, text ? text : "", &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((uint16_t)port);
		return sizeof(address->v4);
	}
	inet_pton(AF_INET6, text ? text : "::", &address->v6.sin6_addr);
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = htons((uint16_t)port);
	return sizeof(address->v6);
}

static unsigned port_of(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port
	                                               : address->v6.sin6_port);
}

static void print_end(const char *name, const union address *address, socklen_t size)
{
	char text[INET6_ADDRSTRLEN];

	switch (address->any.sa_family) {
	case AF_INET:
	case AF_INET6:
		getnameinfo(&address->any, size, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		printf(" %s=%s %s_port=%u", name, text, name, port_of(address));
		break;
	case AF_UNIX:
		printf(" %s=", name);
		for (socklen_t i = offsetof(struct sockaddr_un, sun_path); i < size; i++)
			printf("%02x", ((const unsigned char *)address)[i]);
		break;
	case AF_NETLINK:
		printf(" %s_port_id=%u", name, address->nl.nl_pid);
	}
}

/* Says all about a socket; nothing of this changes it. */
static void made(const char *kind, int fd)
{
	union address local = { .room = { 0 } }, remote = local;
	socklen_t local_size = sizeof(local), remote_size = sizeof(remote), size;
	int type = 0, protocol = 0;
	uint64_t cookie = 0;
	struct stat status;

	if (failed(kind, fd))
		return;
	if (socket_count < SOCKETS_MAX)
		socket_fds[++socket_count] = fd;
	size = sizeof(cookie);
	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	size = sizeof(int);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	fstat(fd, &status);
	printf("socket kind=%s pid=%d fd=%d inode=%ju cookie=%" PRIx64
	       " type=%d protocol=%d uid=%u",
	       kind, getpid(), fd, (uintmax_t)status.st_ino, cookie, type, protocol, status.st_uid);
	if (getsockname(fd, &local.any, &local_size) == 0)
		print_end("local", &local, local_size);
	if (getpeername(fd, &remote.any, &remote_size) == 0)
		print_end("remote", &remote, remote_size);
	answer("%s", "");
}

static void set_options(int fd, char **words)
{
	static const struct {
		const char *name;
		int level, option, value;
	} options[] = {
		{ "v6only", IPPROTO_IPV6, IPV6_V6ONLY, 1 },
		{ "dualstack", IPPROTO_IPV6, IPV6_V6ONLY, 0 },
		{ "reuseport", SOL_SOCKET, SO_REUSEPORT, 1 },
		{ "reuseaddr", SOL_SOCKET, SO_REUSEADDR, 1 },
	};

	for (; *words; words++) {
		for (int i = 0; i < 4; i++) {
			if (strcmp(*words, options[i].name) == 0)
				setsockopt(fd, options[i].level, options[i].option,
				           &options[i].value, sizeof(int));
		}
		if (strncmp(*words, "device=", 7) == 0)
			failed("device", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, *words + 7,
			                            (socklen_t)strlen(*words + 7)));
	}
}

static void bind_inet(const struct command *command, char **words)
{
	union address address;
	socklen_t size = set_address(&address, words[1], number(words[2]));
	int fd = socket(address.any.sa_family, command->type, command->protocol);

	if (words[1] && words[2])
		set_options(fd, words + 3);
	failed("bind", bind(fd, &address.any, size));
	if (command->type == SOCK_STREAM)
		failed("listen", listen(fd, 128));
	made(command->kind, fd);
}

static void connect_inet(const struct command *command, char **words)
{
	union address to, from;
	socklen_t size = set_address(&to, words[1], number(words[2])), from_size;
	int fd = socket(to.any.sa_family, command->type, command->protocol);
	const char *third = words[1] && words[2] ? words[3] : NULL;

	if (third && !strstr(command->name, "-send")) {
		set_options(fd, words + 3);
		from_size = set_address(&from, third, number(words[4]));
		if (strcmp(third, "-") != 0 && from.any.sa_family == to.any.sa_family)
			failed("bind", bind(fd, &from.any, from_size));
	}
	if (third && strstr(command->name, "-send"))
		failed("sendto", (int)sendto(fd, third, strlen(third), 0, &to.any, size));
	else
		failed("connect", connect(fd, &to.any, size));
	made(command->kind, fd);
}

static void accept_one(const struct command *command, char **words)
{
	made(command->kind, accept(number(words[1]), NULL, NULL));
}

static void raw(const struct command *command, char **words)
{
	int family = number(words[1]) == 6 ? AF_INET6 : AF_INET;

	made(command->kind, socket(family, SOCK_RAW, number(words[2])));
}

static void ping(const struct command *command, char **words)
{
	bool v6 = number(words[1]) == 6;
	union address address;
	socklen_t size = set_address(&address, v6 ? "::" : "0.0.0.0", number(words[2]));
	int fd = socket(address.any.sa_family, SOCK_DGRAM, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	failed("bind", bind(fd, &address.any, size)); /* the port is the echo identifier */
	made(command->kind, fd);
}

static void packet(const struct command *command, char **words)
{
	uint16_t protocol = htons((uint16_t)number(words[1]));
	union address address = { .ll = { .sll_family = AF_PACKET, .sll_protocol = protocol } };
	int fd = socket(AF_PACKET, SOCK_RAW, protocol);

	if (words[1] && words[2]) {
		address.ll.sll_ifindex = (int)if_nametoindex(words[2]);
		failed("bind", bind(fd, &address.any, sizeof(address.ll)));
	}
	made(command->kind, fd);
}

static void netlink(const struct command *command, char **words)
{
	union address address = { .nl = { .nl_family = AF_NETLINK,
		                          .nl_groups =
		                                  words[1] ? (uint32_t)number(words[2]) : 0 } };
	int fd = socket(AF_NETLINK, SOCK_RAW, number(words[1]));

	failed("bind", bind(fd, &address.any, sizeof(address.nl)));
	made(command->kind, fd);
}

static int unix_type(const char *word)
{
	if (word && strcmp(word, "dgram") == 0)
		return SOCK_DGRAM;
	return word && strcmp(word, "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

static void unix_socket(const struct command *command, char **words)
{
	const char *path = words[1] && words[2] ? words[2] : "";
	union address address = { .un = { .sun_family = AF_UNIX } };
	size_t length = strlen(path) < sizeof(address.un.sun_path) ? strlen(path)
	                                                           : sizeof(address.un.sun_path);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	int fd = socket(AF_UNIX, unix_type(words[1]), 0);

	memcpy(address.un.sun_path, path, length);
	if (path[0] == '@')
		address.un.sun_path[0] = '\0';
	if (strcmp(command->name, "unix-connect") == 0)
		failed("connect", connect(fd, &address.any, size));
	else if (strcmp(command->name, "unix-none") != 0)
		failed("bind", bind(fd, &address.any, size));
	if (strcmp(command->name, "unix-listen") == 0)
		failed("listen", listen(fd, 16));
	made(command->kind, fd);
}

static void unix_pair(const struct command *command, char **words)
{
	int fds[2] = { -1, -1 };

	failed("socketpair", socketpair(AF_UNIX, unix_type(words[1]), 0, fds));
	made(command->kind, fds[0]);
	made(command->kind, fds[1]);
}

static void time_wait(const struct command *command, char **words)
{
	union address local = { .room = { 0 } }, remote;
	socklen_t local_size = sizeof(local), size = set_address(&remote, words[1], 0);
	int listener = socket(remote.any.sa_family, command->type, 0);
	int client = socket(remote.any.sa_family, command->type, 0), server;
	char byte;

	failed("bind", bind(listener, &remote.any, size));
	failed("listen", listen(listener, 1));
	getsockname(listener, &remote.any, &size);
	failed("connect", connect(client, &remote.any, size));
	server = accept(listener, NULL, NULL);
	getsockname(client, &local.any, &local_size);
	close(client); /* the first to close is the one that waits */
	recv(server, &byte, 1, 0);
	close(server);
	close(listener);
	socket_fds[++socket_count] = -1;
	printf("socket kind=%s pid=0 fd=-1 inode=0", command->kind);
	print_end("local", &local, local_size);
	print_end("remote", &remote, size);
	answer("%s", "");
}

/* A child that dies with us; what it inherits stays open in it. */
static pid_t new_child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
		_exit(0);
	return pid;
}

static void fork_holder(const struct command *command, char **words)
{
	pid_t pid = new_child();

	(void)command, (void)words;
	while (pid == 0 && pause() != 0)
		;
	answer("process pid=%d parent=%d", pid, getpid());
}

static void pass(const struct command *command, char **words)
{
	int channel[2], fd = number(words[1]), theirs = -1;
	pid_t pid;

	if (failed(command->name, socketpair(AF_UNIX, SOCK_STREAM, 0, channel)))
		return;
	pid = new_child();
	if (pid == 0) {
		syscall(SYS_close_range, 3, channel[1] - 1, 0);
		syscall(SYS_close_range, channel[1] + 1, UINT32_MAX, 0);
		fd = pass_fd(channel[1], -1);
		if (write(channel[1], &fd, sizeof(fd)) == sizeof(fd))
			close(channel[1]);
		while (pause() != 0)
			;
	}
	close(channel[1]);
	failed("sendmsg", pass_fd(channel[0], fd));
	close(fd);
	if (read(channel[0], &theirs, sizeof(theirs)) == sizeof(theirs))
		answer("process pid=%d parent=%d fd=%d", pid, getpid(), theirs);
	close(channel[0]);
}

static void on_fd(const struct command *command, char **words)
{
	const char *text = words[1] && words[2] ? words[2] : "";
	int fd = number(words[1]), result;
	char bytes[4096] = "";

	if (strcmp(command->name, "close") == 0)
		result = close(fd);
	else if (strcmp(command->name, "recv") == 0)
		result = (int)read(fd, bytes, sizeof(bytes) - 1);
	else if (strcmp(command->name, "uid") == 0)
		result = seteuid(0) ? -1 : seteuid((uid_t)fd);
	else
		result = (int)write(fd, text, strlen(text));
	if (!failed(command->name, result))
		answer("done command=%s result=%d text=%s", command->name, result, bytes);
}

static const struct command commands[] = {
	{ "tcp-listen", bind_inet, "tcp", SOCK_STREAM, 0 },
	{ "tcp-connect", connect_inet, "tcp", SOCK_STREAM, 0 },
	{ "tcp-accept", accept_one, "tcp", 0, 0 },
	{ "mptcp-listen", bind_inet, "mptcp", SOCK_STREAM, IPPROTO_MPTCP },
	{ "mptcp-connect", connect_inet, "mptcp", SOCK_STREAM, IPPROTO_MPTCP },
	{ "mptcp-accept", accept_one, "mptcp", 0, 0 },
	{ "unix-accept", accept_one, "unix", 0, 0 },
	{ "udp-bind", bind_inet, "udp", SOCK_DGRAM, 0 },
	{ "udp-connect", connect_inet, "udp", SOCK_DGRAM, 0 },
	{ "udp-send", connect_inet, "udp", SOCK_DGRAM, 0 },
	{ "udplite-bind", bind_inet, "udplite", SOCK_DGRAM, IPPROTO_UDPLITE },
	{ "udplite-connect", connect_inet, "udplite", SOCK_DGRAM, IPPROTO_UDPLITE },
	{ "udplite-send", connect_inet, "udplite", SOCK_DGRAM, IPPROTO_UDPLITE },
	{ "raw", raw, "raw", 0, 0 },
	{ "ping", ping, "icmp", 0, 0 },
	{ "packet", packet, "packet", 0, 0 },
	{ "netlink", netlink, "netlink", 0, 0 },
	{ "unix-listen", unix_socket, "unix", 0, 0 },
	{ "unix-bind", unix_socket, "unix", 0, 0 },
	{ "unix-connect", unix_socket, "unix", 0, 0 },
	{ "unix-none", unix_socket, "unix", 0, 0 },
	{ "unix-pair", unix_pair, "unix", 0, 0 },
	{ "time-wait", time_wait, "tcp", SOCK_STREAM, 0 },
	{ "fork", fork_holder, NULL, 0, 0 },
	{ "pass", pass, NULL, 0, 0 },
	{ "send", on_fd, NULL, 0, 0 },
	{ "recv", on_fd, NULL, 0, 0 },
	{ "close", on_fd, NULL, 0, 0 },
	{ "uid", on_fd, NULL, 0, 0 },
};

/* $N and %N become numbers, in room. */
static char *expand(char *word, char room[12])
{
	int which = *word == '$' || *word == '%' ? number(word + 1) : 0;
	union address address = { .room = { 0 } };
	socklen_t size = sizeof(address);

	if (which < 1 || which > socket_count)
		return word;
	if (*word == '$' && getsockname(socket_fds[which], &address.any, &size) == 0)
		snprintf(room, 12, "%u", port_of(&address));
	else
		snprintf(room, 12, "%d", socket_fds[which]);
	return room;
}

/* False at "exit". The last word of a unix command may hold spaces. */
static bool run(const char *text)
{
	char line[1024], rooms[WORDS_MAX][12], *rest = line, *words[WORDS_MAX + 1] = { NULL };
	int count = 0;

	snprintf(line, sizeof(line), "%s", text);
	line[strcspn(line, "\n")] = '\0';
	while (count < WORDS_MAX && rest && *rest) {
		words[count] =
			strsep(&rest, count == 2 && strncmp(line, "unix-", 5) == 0 ? "" : " ");
		words[count] = expand(words[count], rooms[count]);
		count++;
	}
	if (count > 0 && strcmp(words[0], "exit") == 0)
		return false;
	for (size_t i = 0; count > 0 && i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(words[0], commands[i].name) == 0) {
			commands[i].run(&commands[i], words);
			return true;
		}
	}
	answer("error what=command errno=%d", EINVAL);
	return true;
}

int main(int argc, char **argv)
{
	char line[1024];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	answer("ready pid=%d", getpid());
	while (fgets(line, sizeof(line), stdin) && run(line))
		;
	return 0;
}
