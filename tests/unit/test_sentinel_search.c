/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sentinel looks for a socket's holder, and what it asks a borrowed descriptor. */
#include "sentinel/sentinel_search.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "check.h"
#include "sentinel/sentinel_pidfd.h"

#define PATIENCE_NS (10 * NS_PER_SECOND) /* valgrind and sanitizers are slow */

static struct sentinel_pids young;
static struct sentinel_search search;
static bool unsized; /* as on Linux before 6.2 */

static uint64_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* Has the kernel's part left out: only what is added is young. */
static void begin(void)
{
	memset(&young, 0, sizeof young);
	young.load_fd = -1;
	memset(&search, 0, sizeof search);
	if (sentinel_search_init(&search, &young) != 0)
		abort();
}

static struct sentinel_holder *find(uint64_t inode, bool quick)
{
	struct sentinel_wanted wanted = { .inode = inode,
		                          .uid = geteuid(),
		                          .quick = quick,
		                          .unsized = unsized,
		                          .deadline_ns = clock_monotonic_ns() + PATIENCE_NS };

	return sentinel_search_find(&search, &wanted);
}

static bool is_found(const struct sentinel_holder *found, int pid, int fd)
{
	return found && found->pid == pid && found->fd == fd;
}

static bool high; /* the next holder has some high descriptors as well */

/* A process that opens so many files, then a socket, prints its inode, and waits. */
static int start_holder(int files, uint64_t *inode)
{
	int ready[2], pid;
	char byte;

	if (pipe(ready) != 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		int fd;

		dup2(ready[1], 63);
		for (fd = 3; fd < 1024; fd++)
			if (fd != 63)
				close(fd);
		while (files-- > 0)
			if (dup(STDIN_FILENO) < 0)
				_exit(1);
		if (high && (dup2(STDIN_FILENO, 10) < 0 || dup2(STDIN_FILENO, 251) < 0))
			_exit(1);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		*inode = inode_of(fd);
		if (write(63, inode, sizeof *inode) < 0)
			_exit(1);
		close(63);
		pause();
		_exit(0);
	}
	close(ready[1]);
	/* Until it has closed its end, too. */
	if (read(ready[0], inode, sizeof *inode) != sizeof *inode || read(ready[0], &byte, 1) != 0)
		abort();
	close(ready[0]);
	return pid;
}

static void stop_holder(int pid)
{
	if (pid <= 0)
		abort();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_young(void)
{
	uint64_t inode, other;
	int first = start_holder(0, &inode), second = start_holder(7, &other);

	begin();
	CHECK(!find(inode, false), "nobody is young: nobody is found");
	sentinel_pids_add(&young, 1, false);
	sentinel_pids_add(&young, first, false);
	sentinel_pids_add(&young, second, false);
	CHECK(is_found(find(inode, false), first, 3), "a young process, its descriptor 3");
	CHECK(is_found(find(other, false), second, 10), "another, its last descriptor");
	CHECK(is_found(find(inode, true), first, 3), "what was found is found again, quickly");
	CHECK(search.holders.count == 2 && search.holders.list[0].pid == first &&
	              search.holders.list[0].stat.start_ticks > 0,
	      "and stands first, with its start time");
	stop_holder(first);
	CHECK(!find(inode, false) && search.holders.count == 1, "a process that is gone is not");
	stop_holder(second);
	sentinel_search_destroy(&search);
}

/* Where high descriptors came from the parent: those of a shell, of a lock. */
static void test_holes(void)
{
	uint64_t inode;
	int pid;

	high = true;
	pid = start_holder(2, &inode);
	high = false;
	begin();
	sentinel_pids_add(&young, pid, false);
	CHECK(is_found(find(inode, true), pid, 5), "the first hole is where a new one is, quickly");
	stop_holder(pid);
	sentinel_search_destroy(&search);
}

static void test_scan(void)
{
	uint64_t ignored, inode;
	int fd = socket(AF_INET, SOCK_STREAM, 0), above, pid;
	struct sentinel_holder *found;

	inode = inode_of(fd);
	begin();
	/* A descriptor of ours, with others above it: neither the last descriptor nor number 3. */
	dup2(fd, 20);
	close(fd);
	above = open("/dev/null", O_RDONLY);
	sentinel_pids_add(&young, getpid(), false);
	CHECK(!find(inode, true), "an unlikely descriptor is not found quickly");
	CHECK(is_found(find(inode, false), getpid(), 20), "but by looking at all");
	/* The next ones are near. */
	dup2(20, 21);
	close(20);
	found = find(inode, false);
	CHECK(is_found(found, getpid(), 21), "next to the last one");
	close(21);
	CHECK(!find(inode, false), "not when it is closed");
	pid = start_holder(0, &ignored);
	CHECK(!find(inode, false), "nor when others have a socket");
	stop_holder(pid);
	close(above);
	sentinel_search_destroy(&search);
}

/* A listener is the parent's, not a child's that was forked with it. */
static void test_listener(void)
{
	struct sentinel_wanted wanted = { .uid = geteuid(),
		                          .unsized = unsized,
		                          .listener = true,
		                          .deadline_ns = clock_monotonic_ns() + PATIENCE_NS };
	int fd = socket(AF_INET, SOCK_STREAM, 0), pid = fork();
	struct sentinel_holder *found;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	begin();
	sentinel_pids_add(&young, pid, false);
	wanted.inode = inode_of(fd);
	found = sentinel_search_find(&search, &wanted);
	CHECK(is_found(found, getpid(), fd), "who listens is the parent of who has it too");
	wanted.listener = false;
	stop_holder(pid);
	CHECK(is_found(sentinel_search_find(&search, &wanted), getpid(), fd), "and is remembered");
	close(fd);
	sentinel_search_destroy(&search);
}

static void test_shared(void)
{
	struct sentinel_search other;
	struct sentinel_wanted wanted = { .uid = geteuid(),
		                          .unsized = unsized,
		                          .deadline_ns = clock_monotonic_ns() + PATIENCE_NS };
	uint64_t inode;
	int pid = start_holder(30, &inode), shared, fd;

	begin();
	sentinel_pids_add(&young, pid, false);
	find(inode, false);
	CHECK(!sentinel_pids_get_find(&young, 0, &shared, &fd), "found once: not shared");
	CHECK(find(inode, false) && sentinel_pids_get_find(&young, 0, &shared, &fd) && fd == 33,
	      "found again: shared with other threads");
	sentinel_pids_remove(&young, pid);
	memset(&other, 0, sizeof other);
	sentinel_search_init(&other, &young);
	wanted.inode = inode;
	CHECK(is_found(sentinel_search_find(&other, &wanted), pid, 33), "which find it so");
	stop_holder(pid);
	sentinel_search_destroy(&other);
	memset(&other, 0, sizeof other);
	sentinel_search_init(&other, &young);
	CHECK(!sentinel_search_find(&other, &wanted) &&
	              !sentinel_pids_get_find(&young, 0, &shared, &fd),
	      "and forget it when it is gone");
	sentinel_search_destroy(&other);
	sentinel_search_destroy(&search);
}

static void test_hint(void)
{
	uint64_t inode;
	int pid = start_holder(0, &inode), all = 0;

	begin();
	sentinel_pids_add_hint(&young, pid);
	for (int i = 0; i < 20; i++)
		sentinel_pids_add(&young, getppid(), false);
	sentinel_pids_add_hint(&young, pid);
	for (int i = 0; i < SENTINEL_PIDS_HINTS; i++)
		all += sentinel_pids_get_hint(&young, i) == pid;
	CHECK_EQUAL(all, 1, "who is hinted at twice is there once");
	CHECK(is_found(find(inode, true), pid, 3), "and is found quickly, though no more young");
	stop_holder(pid);
	find(inode, true);
	for (int i = 0; i < SENTINEL_PIDS_HINTS; i++)
		CHECK(sentinel_pids_get_hint(&young, i) != pid, "until it is gone");
	sentinel_search_destroy(&search);
}

static void test_time(void)
{
	struct sentinel_wanted wanted = { .inode = 1, .uid = geteuid(), .deadline_ns = 1 };
	int tried = 0;

	begin();
	for (int i = 0; i < SENTINEL_PIDS_MAX; i++)
		sentinel_pids_add(&young, getpid() + 100000 + i, false);
	CHECK(!sentinel_search_find(&search, &wanted) && wanted.gave_up, "it gives up in time");
	for (struct sentinel_pids_cursor cursor = sentinel_pids_first(&young);;) {
		int pid;

		if (!sentinel_pids_next(&cursor, &pid))
			break;
		tried++;
	}
	CHECK(tried < SENTINEL_PIDS_MAX && tried > SENTINEL_PIDS_MAX - 20,
	      "after some steps: %d of %d are left", tried, SENTINEL_PIDS_MAX);
	sentinel_search_destroy(&search);
}

static void test_order(void)
{
	struct sentinel_pids_cursor cursor;
	int pids[4] = { 0 }, count = 0, pid;

	begin();
	for (int i = 1; i <= 2 * SENTINEL_PIDS_MAX; i++)
		sentinel_pids_add(&young, i, false);
	sentinel_pids_add(&young, 7, true);
	sentinel_pids_remove(&young, 2 * SENTINEL_PIDS_MAX - 1);
	cursor = sentinel_pids_first(&young);
	while (sentinel_pids_next(&cursor, &pid))
		if (count++ < 4)
			pids[count - 1] = pid;
	CHECK(pids[0] == 7 && pids[1] == 2 * SENTINEL_PIDS_MAX && pids[2] == pids[1] - 2,
	      "the youngest come first, who is gone does not");
	CHECK_EQUAL(count, SENTINEL_PIDS_MAX - 1, "the oldest are forgotten: %d", count);
	CHECK(sentinel_pids_executed(&young, 7) && !sentinel_pids_executed(&young, pids[1]),
	      "who ran exec is known");
	sentinel_pids_remove(&young, 7);
	CHECK(sentinel_pids_executed(&young, 7), "also when it is gone");
	sentinel_search_destroy(&search);
}

static int open_udp(int reuse, uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (reuse)
		setsockopt(fd, SOL_SOCKET, reuse, &one, sizeof one);
	if (bind(fd, (void *)&address, sizeof address) != 0 ||
	    getsockname(fd, (void *)&address, &size) != 0)
		abort();
	*port = ntohs(address.sin_port);
	return fd;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	return cookie;
}

static void test_borrow(void)
{
	uint16_t port;
	int plain = open_udp(0, &port), reused = open_udp(SO_REUSEADDR, &port);
	int shared = open_udp(SO_REUSEPORT, &port);

	CHECK(sentinel_pidfd_is_alone(getpid(), plain, cookie_of(plain)),
	      "a port that nobody else can have");
	CHECK(!sentinel_pidfd_is_alone(getpid(), reused, cookie_of(reused)), "SO_REUSEADDR");
	CHECK(!sentinel_pidfd_is_alone(getpid(), shared, cookie_of(shared)), "SO_REUSEPORT");
	CHECK(!sentinel_pidfd_is_alone(getpid(), plain, cookie_of(reused)), "another socket");
	CHECK(!sentinel_pidfd_is_alone(getpid(), 999, cookie_of(plain)), "no descriptor");
	close(plain);
	close(reused);
	close(shared);
}

static void test_connection(int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr *address = family == AF_INET6 ? (void *)&v6 : (void *)&v4;
	socklen_t size = family == AF_INET6 ? sizeof v6 : sizeof v4;
	int listener = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0);
	struct sentinel_pidfd_connection found, other;
	int accepted;

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, address, size) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, address, &size) != 0 || connect(client, address, size) != 0) {
		CHECK_EQUAL(family, AF_INET6, "no IPv6 here");
		close(client);
		close(listener);
		return;
	}
	accepted = accept(listener, NULL, NULL);
	CHECK(sentinel_pidfd_connection(getpid(), accepted, &found) &&
	              sentinel_pidfd_connection(getpid(), client, &other),
	      "both ends of a connection");
	other.tuple = tuple_reverse(&other.tuple);
	CHECK(tuple_equal(&found.tuple, &other.tuple) &&
	              found.tuple.source_port == ntohs(v4.sin_port ? v4.sin_port : v6.sin6_port) &&
	              inet_is_loopback(&found.tuple.source),
	      "their tuple");
	CHECK(found.inode == inode_of(accepted) && found.cookie == cookie_of(accepted) &&
	              found.netns_cookie == other.netns_cookie,
	      "inode, cookie and namespace");
	CHECK(!sentinel_pidfd_connection(getpid(), listener, &found), "a listener is none");
	CHECK(!sentinel_pidfd_connection(getpid(), 0, &found), "nor is what is no socket");
	close(accepted);
	close(client);
	close(listener);
}

/* A child that has what its parent made, and one whose socket is its own. */
static void test_inherited(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), child = fork(), second;
	uint64_t inode = inode_of(fd), other;
	struct sentinel_holder *found;

	if (child == 0) {
		pause();
		_exit(0);
	}
	second = start_holder(0, &other);
	begin();
	sentinel_pids_add(&young, child, false);
	sentinel_pids_add(&young, second, false);
	found = find(inode, false);
	CHECK(is_found(found, child, fd), "a child that was forked with a socket is found");
	CHECK(found && sentinel_search_is_inherited(&search, found, inode),
	      "its parent has the same descriptor");
	close(fd);
	CHECK(found && !sentinel_search_is_inherited(&search, found, inode),
	      "until that has closed it");
	found = find(other, false);
	CHECK(is_found(found, second, 3) && !sentinel_search_is_inherited(&search, found, other),
	      "a child's own socket is not its parent's");
	stop_holder(child);
	stop_holder(second);
	sentinel_search_destroy(&search);
}

int main(void)
{
	for (int round = 0; round < 2; round++) {
		unsized = round == 1;
		printf("# descriptors are counted by %s\n", unsized ? "listing" : "st_size");
		test_young();
		test_holes();
		test_scan();
		test_listener();
		test_shared();
		test_hint();
		test_inherited();
	}
	test_time();
	test_order();
	test_borrow();
	test_connection(AF_INET);
	test_connection(AF_INET6);
	return check_done();
}
