/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/netns.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "netns.h"

#define NAMES_FOLDER "/run/netns"

static uint32_t number_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (uint32_t)status.st_ino : 0;
}

static bool has_interface(const char *name)
{
	return if_nametoindex(name) != 0;
}

struct seen {
	uint32_t wanted;
	int times, all;
	char path[64];
};

static void on_namespace(void *context, uint32_t number, const char *path)
{
	struct seen *seen = context;

	seen->all++;
	if (number != seen->wanted)
		return;
	seen->times++;
	snprintf(seen->path, sizeof seen->path, "%s", path);
}

static struct seen look_for(uint32_t number)
{
	struct seen seen = { .wanted = number };

	CHECK_EQUAL(netns_each(on_namespace, &seen), 0, "a look at all namespaces");
	return seen;
}

static void test_open(void)
{
	struct error error = { 0 };
	uint32_t number = 7;
	int fd = netns_open_path("/proc/self/ns/net", &number, &error);

	CHECK(fd >= 0 && number == netns_self() && number != 0, "by path: %u", number);
	if (fd >= 0)
		close(fd);
	number = 7;
	CHECK(netns_open_path("/nonexistent/netns", &number, &error) == -ENOENT && number == 7 &&
	              strstr(error.text, "/nonexistent/netns"),
	      "a path that is none: %s", error.text);
	CHECK(netns_open_path("/proc/self/status", &number, &error) == -EINVAL &&
	              strstr(error.text, "/proc/self/status"),
	      "a file that is no namespace: %s", error.text);
	CHECK_EQUAL(netns_open_path("/proc/self/ns/uts", &number, &error), -EINVAL,
	            "a namespace of another kind: %s", error.text);
}

/* A child in a namespace of its own, until its end of the pipe is closed. */
static pid_t begin_child(int *control)
{
	int down[2], up[2];
	char byte = 0;
	pid_t child;

	if (pipe(down) != 0 || pipe(up) != 0)
		exit(EXIT_FAILURE);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		close(down[1]);
		byte = unshare(CLONE_NEWNET) == 0;
		if (write(up[1], &byte, 1) == 1 && read(down[0], &byte, 1) == 0)
			_exit(EXIT_SUCCESS);
		_exit(EXIT_FAILURE);
	}
	close(down[0]);
	close(up[1]);
	if (read(up[0], &byte, 1) != 1 || !byte)
		perror("unshare");
	close(up[0]);
	*control = down[1];
	return child;
}

static void test_enter(const char *path, uint32_t number)
{
	struct error error = { 0 };
	uint32_t before = netns_self(), opened = 0;
	int fd = netns_open_path(path, &opened, &error), previous;

	CHECK(fd >= 0 && opened == number, "another's namespace");
	test_netns_set_link("lo", true);
	previous = netns_enter(fd);
	CHECK(previous >= 0 && netns_self() == number && has_interface("lo"), "entered");
	if (previous >= 0)
		netns_leave(previous);
	CHECK_EQUAL(netns_self(), before, "and left");
	close(fd);
	fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	CHECK(netns_enter(fd) == -EINVAL && netns_self() == before, "what cannot be entered");
	close(fd);
}

/* A socket knows where it was made. */
static void test_enter_by_socket(const char *path, uint32_t number)
{
	struct error error = { 0 };
	uint32_t before = netns_self(), opened = 0;
	int fd = netns_open_path(path, &opened, &error), there, previous;

	previous = netns_enter(fd);
	there = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_leave(previous);
	close(fd);
	previous = netns_enter(there);
	CHECK(previous >= 0 && netns_self() == number, "entered by a socket");
	if (previous >= 0)
		netns_leave(previous);
	CHECK_EQUAL(netns_self(), before, "and left");
	close(there);
}

static void test_each(void)
{
	struct seen seen = look_for(netns_self());
	uint32_t number;
	char path[64];
	int control;
	pid_t child;

	CHECK_EQUAL(seen.times, 1, "the own one, once (of %d)", seen.all);
	child = begin_child(&control);
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)child);
	number = number_of(path);
	seen = look_for(number);
	CHECK(number != 0 && number != netns_self() && seen.times == 1 &&
	              number_of(seen.path) == number,
	      "a child's, once, and the path to it");
	test_enter(path, number);
	test_enter_by_socket(path, number);
	close(control);
	waitpid(child, NULL, 0);
	CHECK_EQUAL(look_for(number).times, 0, "gone with the child");
}

/* In /run/netns, where nobody else sees it: a mount namespace with a /run of its own. */
static void test_named(void)
{
	uint32_t number;
	char path[64];
	int control;
	pid_t child;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) != 0 || mkdir(NAMES_FOLDER, 0755) != 0) {
		printf("# named namespaces: %s\n", strerror(errno));
		return;
	}
	child = begin_child(&control);
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)child);
	number = number_of(path);
	close(open(NAMES_FOLDER "/kept", O_CREAT | O_CLOEXEC, 0600));
	close(open(NAMES_FOLDER "/not-one", O_CREAT | O_CLOEXEC, 0600));
	CHECK_EQUAL(mount(path, NAMES_FOLDER "/kept", NULL, MS_BIND, NULL), 0, "a name for it");
	CHECK_EQUAL(look_for(number).times, 1, "with process and name: once");
	close(control);
	waitpid(child, NULL, 0);
	CHECK_TEXT(look_for(number).path, NAMES_FOLDER "/kept", "without a process: by its name");
	umount(NAMES_FOLDER "/kept");
	CHECK_EQUAL(look_for(number).times, 0, "without a name: gone");
}

int main(void)
{
	uint32_t before = netns_self();

	if (!test_netns_enter())
		return 0;
	CHECK(before != 0 && netns_self() != before &&
	              netns_self() == number_of("/proc/self/ns/net"),
	      "the own number, and another one elsewhere");
	test_open();
	test_each();
	test_named();
	return check_done();
}
