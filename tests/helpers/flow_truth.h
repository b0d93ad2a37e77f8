/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What gen_flows writes down of each end of a flow, see there. */
#ifndef SOCKLINE_TESTS_FLOW_TRUTH_H
#define SOCKLINE_TESTS_FLOW_TRUTH_H

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRUTH_LINE_MAX 320

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline void fail(const char *what)
{
	fprintf(stderr, "gen_flows: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static inline int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline const char *address_text(const union address *address, char *text)
{
	const void *bytes = address->any.sa_family == AF_INET6
	                            ? (const void *)&address->v6.sin6_addr
	                            : (const void *)&address->v4.sin_addr;

	return inet_ntop(address->any.sa_family, bytes, text, INET6_ADDRSTRLEN);
}

/* Lines that wait to be written, so that fast scenarios stay fast. */
struct truth {
	int fd;
	uintmax_t netns;
	char name[16];
	size_t length;
	char text[1 << 16];
};

static inline void truth_init(struct truth *truth, int fd)
{
	struct stat netns;

	if (stat("/proc/self/ns/net", &netns) != 0 || prctl(PR_GET_NAME, truth->name) != 0)
		fail("/proc/self/ns/net");
	truth->fd = fd;
	truth->netns = netns.st_ino;
	truth->length = 0;
}

static inline void truth_flush(struct truth *truth)
{
	if (truth->length > 0 && write(truth->fd, truth->text, truth->length) < 0)
		fail("truth");
	truth->length = 0;
}

static inline void truth_add(struct truth *truth, const char *end, int protocol,
                             const union address *local, const union address *remote,
                             int64_t begin_ns)
{
	char local_text[INET6_ADDRSTRLEN], remote_text[INET6_ADDRSTRLEN];
	int64_t end_ns = now_ns();

	if (truth->length + TRUTH_LINE_MAX > sizeof truth->text)
		truth_flush(truth);
	truth->length += (size_t)snprintf(
		truth->text + truth->length, TRUTH_LINE_MAX,
		"%s\t%d\t%d\t%s\t%d\t%s\t%d\t%ju\t%" PRId64 "\t%" PRId64 "\t%s\n", end, protocol,
		(int)getpid(), address_text(local, local_text), ntohs(local->v4.sin_port),
		address_text(remote, remote_text), ntohs(remote->v4.sin_port), truth->netns,
		begin_ns, end_ns, truth->name);
}

#endif
