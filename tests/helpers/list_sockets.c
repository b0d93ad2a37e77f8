/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the sockets of this network namespace, one line of tab-separated
 * name=value pairs each, as the lister gives them.
 *
 *	list_sockets netlink|proc|auto [KIND]...
 *
 * Names hold hexadecimal for unix paths, since those may hold anything. The last
 * line begins with "#" and says whether the listing is complete.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sockets/lister.h"
#include "sockets/sock_diag.h"

static const char *const kinds[SOCKET_KIND_COUNT] = {
	"tcp",   "udp",  "udplite", "raw",   "icmp", "unix", "packet", "netlink",
	"mptcp", "sctp", "dccp",    "vsock", "xdp",  "tipc", "smc",
};

static void print_inet(const struct socket *socket)
{
	char local[INET_TEXT_MAX], remote[INET_TEXT_MAX];

	inet_format(&socket->tuple.source, local);
	inet_format(&socket->tuple.destination, remote);
	printf("\tlocal=%s\tlocal_port=%u\tremote=%s\tremote_port=%u\tifindex=%" PRIu32
	       "\tv6only=%d",
	       local, socket->tuple.source_port, remote, socket->tuple.destination_port,
	       socket->ifindex, socket->v6only);
	if (socket->has_tcp_info)
		printf("\trtt_us=%" PRIu32 "\tbytes_acked=%" PRIu64 "\tbytes_received=%" PRIu64,
		       socket->tcp_info.rtt_us, socket->tcp_info.bytes_acked,
		       socket->tcp_info.bytes_received);
}

static void print_unix(const struct socket *socket)
{
	printf("\tpeer=%" PRIu64 "\tpath=", socket->peer_inode);
	for (int i = 0; i < socket->path_length; i++)
		printf("%02x", (unsigned char)socket->path[i]);
}

static int print(void *context, const struct socket *socket)
{
	(void)context;
	printf("kind=%s\tstate=%d\tfamily=%u\ttype=%u\tprotocol=%u\tinode=%" PRIu64
	       "\tcookie=%" PRIx64 "\tcgroup=%" PRIu64 "\trecv=%" PRIu32 "\tsend=%" PRIu32
	       "\tsource=%s",
	       kinds[socket->kind], (int)socket->state, socket->family, socket->type,
	       socket->protocol, socket->inode, socket->cookie, socket->cgroup_id,
	       socket->receive_queue, socket->send_queue,
	       socket->source == SOCKET_FROM_SOCK_DIAG ? "netlink" : "proc");
	if (socket->has_uid)
		printf("\tuid=%" PRIu32, socket->uid);
	if (socket_is_inet(socket))
		print_inet(socket);
	else if (socket->kind == SOCKET_UNIX)
		print_unix(socket);
	else if (socket->kind == SOCKET_PACKET)
		printf("\tifindex=%" PRIu32, socket->ifindex);
	else if (socket->kind == SOCKET_NETLINK)
		printf("\tport_id=%" PRIu32 "\tgroups=%08" PRIx32, socket->port_id, socket->groups);
	putchar('\n');
	return 0;
}

static int usage(void)
{
	fputs("usage: list_sockets netlink|proc|auto [KIND]...\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "auto", "netlink", "proc" };
	const struct lister_counters *counters;
	struct sock_diag *diag = NULL;
	struct lister *lister = NULL;
	struct error error;
	uint32_t wanted = 0;
	unsigned mode = 0;
	bool complete;

	while (mode < 3 && argc > 1 && strcmp(argv[1], modes[mode]) != 0)
		mode++;
	if (argc < 2 || mode == 3)
		return usage();
	for (int i = 2; i < argc; i++) {
		int kind = 0;

		while (kind < SOCKET_KIND_COUNT && strcmp(argv[i], kinds[kind]) != 0)
			kind++;
		if (kind == SOCKET_KIND_COUNT)
			return usage();
		wanted |= SOCKET_KIND_BIT(kind);
	}
	if ((mode != LISTER_PROC && sock_diag_open(&diag, 1, &error) != 0) ||
	    lister_new(&lister, (enum lister_mode)mode, diag, "/proc/self/net", 1, &error) != 0) {
		fprintf(stderr, "list_sockets: %s\n", error.text);
		return 1;
	}
	lister_run(lister, wanted ? wanted : SOCKET_KINDS_ALL, SOCK_DIAG_STATES_ALL, true, print,
	           NULL, &complete);
	counters = lister_counters(lister);
	printf("# complete=%d dumps=%" PRIu64 " interrupted=%" PRIu64 " failed=%" PRIu64
	       " malformed=%" PRIu64 "\n",
	       complete, counters->dumps, counters->interrupted, counters->failed,
	       counters->malformed);
	lister_free(lister);
	sock_diag_close(diag);
	return 0;
}
