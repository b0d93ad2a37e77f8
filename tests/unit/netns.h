/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace of its own for a test that opens sockets or changes interfaces. */
#ifndef SOCKLINE_TESTS_NETNS_H
#define SOCKLINE_TESTS_NETNS_H

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool test_netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

static inline bool test_netns_set_link(const char *name, bool up)
{
	struct ifreq request = { .ifr_flags = (short)(up ? IFF_UP : 0) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool set;

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	set = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return set;
}

/*
 * Moves this process, without threads as yet, into a new namespace with lo up; by
 * a user namespace when it is not root. False: the test is to be skipped, and has
 * been reported so.
 */
static inline bool test_netns_enter(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNET) != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
			printf("1..0 # SKIP no network namespace: %s\n", strerror(errno));
			return false;
		}
		snprintf(map, sizeof(map), "0 %u 1", uid);
		test_netns_write("/proc/self/uid_map", map);
		test_netns_write("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", gid);
		test_netns_write("/proc/self/gid_map", map);
	}
	if (!test_netns_set_link("lo", true)) {
		printf("1..0 # SKIP no loopback interface\n");
		return false;
	}
	return true;
}

#endif
