/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The helper process: what it makes in another namespace, what it refuses, and how it ends. */
#include "security/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/capture.h"
#include "check.h"
#include "netns.h"
#include "security/helper_message.h"
#include "sockets/netlink.h"
#include "sockets/netns.h"

#define THREADS 4
#define TIMES   50

static int home, away; /* namespaces */

static uint64_t inode_of(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* The inode of the namespace in which a socket was made. */
static uint64_t namespace_of(int socket)
{
	int fd = netns_of_socket(socket);
	uint64_t inode = inode_of(fd);

	if (fd >= 0)
		close(fd);
	return inode;
}

/* True for one that is there; closes it. */
static bool is_made(int fd, int namespace)
{
	bool is = fd >= 0 && namespace_of(fd) == inode_of(namespace) &&
	          fcntl(fd, F_GETFD) == FD_CLOEXEC;

	if (fd >= 0)
		close(fd);
	return is;
}

static struct helper *start(void)
{
	const struct helper_options options = { .keep = UINT64_MAX, .namespaces = true };
	struct helper *helper = NULL;
	struct error error = { 0 };

	CHECK_EQUAL(helper_start(&helper, &options, &error), 0, "started: %s", error.text);
	if (!helper)
		exit(check_done());
	return helper;
}

static void test_sockets(void)
{
	static const struct {
		int domain, type, protocol, result;
		const char *what;
	} asked[] = {
		{ AF_PACKET, SOCK_RAW, 0, 0, "of packets" },
		{ AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0, 0, "of packets, without their head" },
		{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, 0, "of interfaces" },
		{ AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG, 0, "of sockets" },
		{ AF_INET, SOCK_DGRAM, 0, 0, "for ioctl(2)" },
		{ AF_UNIX, SOCK_DGRAM, 0, 0, "for that, too" },
		{ AF_INET, SOCK_STREAM, 0, -EACCES, "that connects" },
		{ AF_INET, SOCK_DGRAM, 1, -EACCES, "of ICMP" },
		{ AF_INET, SOCK_RAW, 1, -EACCES, "that sends what it likes" },
		{ AF_NETLINK, SOCK_RAW, NETLINK_CONNECTOR, 0, "of process events" },
		{ AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, -EACCES, "of another kernel service" },
		{ AF_UNIX, SOCK_STREAM, 0, -EACCES, "to other processes" },
		{ AF_VSOCK, SOCK_STREAM, 0, -EACCES, "to other machines" },
		{ -1, -1, -1, -EACCES, "of nothing" },
	};
	struct helper *helper = start();

	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		int fd = helper_socket(helper, away, asked[i].domain, asked[i].type,
		                       asked[i].protocol);

		if (asked[i].result == 0)
			CHECK(is_made(fd, away), "a socket %s is made there (%d)", asked[i].what,
			      fd);
		else
			CHECK_EQUAL(fd, asked[i].result, "none %s", asked[i].what);
	}
	CHECK(is_made(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), home), "its own is made here");
	helper_stop(helper);
}

static void test_places(void)
{
	struct helper *helper = start();
	int by = helper_socket(helper, away, AF_UNIX, SOCK_DGRAM, 0), file;
	char path[64];
	struct stat status;

	CHECK(is_made(helper_socket(helper, by, AF_PACKET, SOCK_RAW, 0), away),
	      "a socket shows the namespace as well");
	close(by);
	file = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	CHECK_EQUAL(helper_socket(helper, file, AF_PACKET, SOCK_RAW, 0), -EINVAL,
	            "another kind of namespace does not");
	close(file);
	CHECK_EQUAL(helper_socket(helper, -1, AF_PACKET, SOCK_RAW, 0), -EBADF, "nor does none");
	snprintf(path, sizeof path, "/proc/%d/ns/net", helper_pid(helper));
	CHECK(stat(path, &status) == 0 && status.st_ino == inode_of(home), "it stays where it was");
	helper_stop(helper);
}

static void test_files(void)
{
	static const char *const others[] = { "../../../etc/passwd", "", "tcp7", "dev/../tcp" };
	struct helper *helper = start();
	char text[2048];
	int fd = helper_open_net(helper, away, "dev");
	ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

	text[got > 0 ? got : 0] = '\0';
	CHECK(strstr(text, "lo:") && !strstr(text, "sephome"), "interfaces of there: %s", text);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY, "for reading");
	close(fd);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		CHECK_EQUAL(helper_open_net(helper, away, others[i]), -EACCES, "not \"%s\"",
		            others[i]);
	helper_stop(helper);
}

/* What libpcap and libnl open goes through the definition of socket(2) in netns_thread.c. */
static void test_libraries(void)
{
	const struct capture_options options = { .snaplen = 96, .buffer_kib = 256 };
	struct helper *helper = start();
	struct capture *capture = NULL;
	struct netlink *netlink = NULL;
	struct error error = { 0 };
	int fd = fcntl(away, F_DUPFD_CLOEXEC, 0), outer, inner;

	netns_use_helper(helper);
	outer = netns_enter(fd);
	CHECK(outer >= 0, "entered");
	close(fd);
	fd = fcntl(home, F_DUPFD_CLOEXEC, 0); /* most likely the same number */
	CHECK_EQUAL(capture_open_live(&capture, "lo", &options, &error), 0, "libpcap: %s",
	            error.text);
	CHECK(capture && namespace_of(capture_fd(capture)) == inode_of(away),
	      "its socket is there");
	CHECK_EQUAL(netlink_open(&netlink, NETLINK_ROUTE, &error), 0, "libnl: %s", error.text);
	CHECK(netlink && namespace_of(netlink_fd(netlink)) == inode_of(away),
	      "its socket is there");
	CHECK(netns_check_socket(netlink_fd(netlink)) == 0, "which is seen");
	inner = netns_enter(home);
	CHECK(inner >= 0 && netns_check_socket(netlink_fd(netlink)) == -EXDEV,
	      "and that it is elsewhere");
	CHECK(is_made(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), home), "one in another");
	netns_leave(inner);
	CHECK(is_made(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), away), "back in the first");
	netns_leave(outer);
	CHECK(is_made(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), home), "and left");
	capture_close(capture);
	netlink_close(netlink);
	close(fd);
	netns_use_helper(NULL);
	helper_stop(helper);
}

struct asking {
	struct helper *helper;
	int namespace, wrong;
};

static void *ask(void *argument)
{
	struct asking *asking = argument;

	for (int i = 0; i < TIMES; i++)
		asking->wrong += !is_made(
			helper_socket(asking->helper, asking->namespace, AF_UNIX, SOCK_DGRAM, 0),
			asking->namespace);
	return NULL;
}

static void test_threads(void)
{
	struct helper *helper = start();
	struct asking asking[THREADS];
	pthread_t threads[THREADS];
	int wrong = 0;

	for (int i = 0; i < THREADS; i++) {
		asking[i] = (struct asking){ helper, i % 2 ? home : away, 0 };
		if (pthread_create(&threads[i], NULL, ask, &asking[i]) != 0)
			exit(EXIT_FAILURE);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		wrong += asking[i].wrong;
	}
	CHECK_EQUAL(wrong, 0, "each thread gets what it asked for");
	helper_stop(helper);
}

/* It ends within five seconds. */
static bool ends(const struct helper *helper)
{
	struct pollfd end = { .fd = helper_fd(helper) };

	return poll(&end, 1, 5000) == 1 && (end.revents & POLLHUP);
}

static void test_killed(void)
{
	struct helper *helper = start();

	kill(helper_pid(helper),
	     SIGTERM); /* as a terminal or a service manager ends all of a group */
	CHECK(is_made(helper_socket(helper, away, AF_UNIX, SOCK_DGRAM, 0), away),
	      "it outlives a signal that ends the first process");
	netns_use_helper(helper);
	kill(helper_pid(helper), SIGKILL);
	CHECK(ends(helper), "its end is seen");
	CHECK_EQUAL(helper_socket(helper, away, AF_UNIX, SOCK_DGRAM, 0), -EPIPE, "nothing is made");
	CHECK(helper_has_ended(helper) && !netns_can_enter() && netns_enter(away) == -EPIPE,
	      "no namespace is entered");
	CHECK(is_made(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), home),
	      "sockets of here are made");
	netns_use_helper(NULL);
	helper_stop(helper);
}

/* It dies while a thread is inside: what is opened then must not land in the wrong namespace. */
static void test_killed_inside(void)
{
	struct helper *helper = start();
	int previous, fd;

	netns_use_helper(helper);
	previous = netns_enter(away);
	kill(helper_pid(helper), SIGKILL);
	CHECK(ends(helper), "killed");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(fd == -1 && errno == EPIPE, "no socket is better than a wrong one");
	CHECK(netns_open_net(NETNS_NET_DIR, "dev") == -EPIPE, "nor is a file");
	netns_leave(previous);
	netns_use_helper(NULL);
	helper_stop(helper);
}

/* Where it opens the output and enters no namespace. */
static void test_output(void)
{
	char folder[] = "/tmp/sockline-helper-XXXXXX";
	const struct helper_options options = { .output = "log",
		                                .rotation = { .size = 4096, .keep = 2 } };
	struct error error = { 0 };
	struct helper *helper = NULL;
	bool created = false;
	int fd, again;

	if (!mkdtemp(folder) || chdir(folder) != 0)
		exit(EXIT_FAILURE);
	CHECK_EQUAL(helper_start(&helper, &options, &error), 0, "started: %s", error.text);
	fd = helper_open_output(helper, &created, &error);
	CHECK(fd >= 0 && created && write(fd, "{}\n", 3) == 3, "a file is made: %s", error.text);
	CHECK_EQUAL(helper_move_output(helper, fd, &error), 0, "and moved: %s", error.text);
	CHECK(access("log", F_OK) != 0 && access("log.1", F_OK) == 0, "to its next name");
	helper_undo_output(helper);
	CHECK(access("log", F_OK) == 0 && access("log.1", F_OK) != 0, "and back");
	again = helper_open_output(helper, &created, &error);
	CHECK(again >= 0 && !created && inode_of(again) == inode_of(fd), "it is opened again");
	close(again);
	again = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(helper_move_output(helper, again, &error) <= 0 && access("log", F_OK) == 0,
	      "what is not the output moves nothing");
	close(again);
	unlink("log");
	CHECK_EQUAL(symlink("/etc/passwd", "log"), 0, "a link in its place");
	CHECK(helper_open_output(helper, &created, &error) == -ELOOP &&
	              strstr(error.text, "symbolic link"),
	      "is not followed: %s", error.text);
	CHECK_EQUAL(helper_socket(helper, away, AF_UNIX, SOCK_DGRAM, 0), -EACCES, "no namespace");
	close(fd);
	helper_stop(helper);
	unlink("log");
	helper = start();
	CHECK(helper_open_output(helper, &created, &error) == -EACCES &&
	              helper_move_output(helper, away, &error) == -EACCES &&
	              access("log", F_OK) != 0,
	      "without an output no file is opened");
	helper_stop(helper);
	rmdir(folder);
}

/* Where it connects to the reader of the records, and to nothing else. */
static void test_peer(void)
{
	char folder[] = "/tmp/sockline-helper-XXXXXX";
	const struct helper_options options = { .peer = "reader" };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "reader" };
	struct error error = { 0 };
	struct helper *helper = NULL;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (!mkdtemp(folder) || chdir(folder) != 0)
		exit(EXIT_FAILURE);
	CHECK_EQUAL(helper_start(&helper, &options, &error), 0, "started: %s", error.text);
	CHECK_EQUAL(helper_connect_output(helper), -ENOENT, "no reader as yet");
	CHECK(bind(listener, (const struct sockaddr *)&name, sizeof name) == 0 &&
	              listen(listener, 1) == 0,
	      "a reader");
	fd = helper_connect_output(helper);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC &&
	              write(fd, "{}\n", 3) == 3,
	      "is connected to");
	close(fd);
	close(listener);
	CHECK_EQUAL(helper_connect_output(helper), -ECONNREFUSED, "it is gone");
	CHECK(helper_open_output(helper, NULL, &error) == -EACCES &&
	              helper_socket(helper, away, AF_UNIX, SOCK_DGRAM, 0) == -EACCES,
	      "no file, no namespace");
	helper_stop(helper);
	helper = start();
	CHECK_EQUAL(helper_connect_output(helper), -EACCES, "none where none was asked for");
	helper_stop(helper);
	unlink("reader");
	rmdir(folder);
}

/* What a first process could send that is not ours any more. */
static void test_hostile(void)
{
	static const struct trace_open trace = { .event = TRACE_RECORD_STATE };
	struct helper_request request = { .kind = 77 };
	struct helper_answer answer;
	struct helper *helper = start();
	int fd;

	CHECK(helper_message_send(helper_fd(helper), &request, sizeof request, away) > 0 &&
	              helper_message_receive(helper_fd(helper), &answer, sizeof answer, &fd) > 0 &&
	              answer.result == -EACCES && fd < 0,
	      "an unknown request is refused");
	request = (struct helper_request){ .kind = HELPER_OPEN_NET, .number = UINT32_MAX };
	CHECK(helper_message_send(helper_fd(helper), &request, sizeof request, away) > 0 &&
	              helper_message_receive(helper_fd(helper), &answer, sizeof answer, &fd) > 0 &&
	              answer.result == -EACCES && fd < 0,
	      "and a file that there is not");
	CHECK_EQUAL(helper_open_trace(helper, &trace), -EACCES,
	            "perf events, where none were wanted");
	CHECK(send(helper_fd(helper), "short", 5, MSG_NOSIGNAL) == 5 && ends(helper),
	      "a short message ends it");
	helper_stop(helper);
	helper = start();
	CHECK(send(helper_fd(helper), (char[4096]){ 0 }, 4096, MSG_NOSIGNAL) == 4096 &&
	              ends(helper),
	      "so does a long one");
	helper_stop(helper);
}

/* The first process is killed, and cannot clean up. */
static void test_orphan(void)
{
	int status = 0, pipe_ends[2];
	pid_t middle, pid = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (pipe(pipe_ends) != 0)
		exit(EXIT_FAILURE);
	fflush(stdout);
	middle = fork();
	if (middle == 0) {
		const struct helper_options options = { .keep = UINT64_MAX, .namespaces = true };
		struct helper *helper = NULL;
		struct error error;

		if (helper_start(&helper, &options, &error) == 0) {
			pid = helper_pid(helper);
			if (write(pipe_ends[1], &pid, sizeof pid) < 0)
				_exit(EXIT_FAILURE);
		}
		raise(SIGKILL);
	}
	close(pipe_ends[1]);
	waitpid(middle, NULL, 0);
	CHECK(read(pipe_ends[0], &pid, sizeof pid) == (ssize_t)sizeof pid, "started");
	close(pipe_ends[0]);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	              WEXITSTATUS(status) == 0,
	      "it ends with the first process");
}

int main(void)
{
	if (!test_netns_enter())
		return 0;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) != 0 || !test_netns_set_link("lo", true))
		return EXIT_FAILURE;
	away = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(home, CLONE_NEWNET) != 0)
		return EXIT_FAILURE;
	test_sockets();
	test_places();
	test_files();
	test_libraries();
	test_threads();
	test_killed();
	test_killed_inside();
	test_output();
	test_peer();
	test_hostile();
	test_orphan();
	return check_done();
}
