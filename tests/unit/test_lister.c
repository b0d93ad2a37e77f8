/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Both ways of listing: the files are this test's, the kernel's answers are real. */
#include "sockets/lister.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sockets/proc_net.h"
#include "sockets/sock_diag.h"

#include "check.h"
#include "netns.h"
#include "proc_net_words.h"

#define NETNS 42u

static char folder[] = "/tmp/test_lister.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(EXIT_FAILURE);
	close(fd);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

struct seen {
	int count, stop_at;
	struct socket sockets[16];
};

static int see(void *context, const struct socket *socket)
{
	struct seen *seen = context;

	if (seen->count < 16)
		seen->sockets[seen->count] = *socket;
	return ++seen->count == seen->stop_at ? 4711 : 0;
}

static struct lister *open_lister(enum lister_mode mode, struct sock_diag *diag,
                                  const char *net_dir)
{
	struct lister *lister = NULL;
	struct error error;

	if (lister_new(&lister, mode, diag, net_dir, NETNS, &error) != 0)
		exit(EXIT_FAILURE);
	return lister;
}

#define HEADING "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid\n"
#define LINE(local, state, inode)                                                                  \
	"   0: " local " 00000000:0000 " state                                                     \
	" 00000000:00000000 00:00000000 00000000     0        0 " inode " 1 0\n"
static void test_files(void)
{
	struct lister *lister = open_lister(LISTER_PROC, NULL, folder);
	struct seen seen = { 0 };
	bool complete = true;

	CHECK(lister_run(lister, SOCKET_KIND_BIT(SOCKET_TCP), SOCK_DIAG_STATES_ALL, true, see,
	                 &seen, &complete) == 0 &&
	              !complete && lister_counters(lister)->failed == 1,
	      "a folder without \"dev\" is that of a process that went");
	write_file("dev", "");
	CHECK(lister_run(lister, SOCKET_KINDS_ALL, SOCK_DIAG_STATES_ALL, true, see, &seen,
	                 &complete) == 0 &&
	              complete && seen.count == 0,
	      "absent files are empty ones");
	write_file("tcp", "");
	CHECK(lister_run(lister, SOCKET_KIND_BIT(SOCKET_TCP), SOCK_DIAG_STATES_ALL, true, see,
	                 &seen, &complete) == 0 &&
	              complete && seen.count == 0,
	      "so is one without a heading");
	write_file("tcp", HEADING LINE(PROC_NET_LOOPBACK4 ":0016", "0A", "1")
	                          LINE(PROC_NET_LOOPBACK4 ":0016", "01", "2")
	                                  LINE(PROC_NET_LOOPBACK4 ":0016", "06", "0"));
	write_file(
		"tcp6", HEADING
		"   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 "
		"0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0");
	CHECK(lister_run(lister, SOCKET_KIND_BIT(SOCKET_TCP), SOCK_DIAG_STATES_ALL, true, see,
	                 &seen, &complete) == 0 &&
	              complete && seen.count == 4,
	      "both files, the last line without LF too");
	CHECK(seen.sockets[0].netns == NETNS && seen.sockets[0].inode == 1 &&
	              seen.sockets[3].family == AF_INET6 && seen.sockets[3].tuple.source_port == 80,
	      "namespace and family");
	seen.count = 0;
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_TCP), SOCK_DIAG_LISTEN, true, see, &seen,
	           &complete);
	CHECK(seen.count == 2 && seen.sockets[1].inode == 3, "listeners only");
	seen = (struct seen){ .stop_at = 2 };
	CHECK(lister_run(lister, SOCKET_KINDS_ALL, SOCK_DIAG_STATES_ALL, true, see, &seen,
	                 &complete) == 4711 &&
	              seen.count == 2,
	      "the callback's value ends it");
	write_file("tcp", HEADING "rubbish\n" LINE(PROC_NET_LOOPBACK4 ":0016", "0A", "1") "\n");
	seen = (struct seen){ 0 };
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_TCP), SOCK_DIAG_STATES_ALL, true, see, &seen,
	           &complete);
	CHECK(!complete && seen.count == 2 && lister_counters(lister)->malformed == 2,
	      "lines that are none are counted, the others listed");
	remove_file("tcp");
	remove_file("tcp6");
	lister_free(lister);
	lister_free(NULL);
}

#define PROTOCOLS "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in\n"

static void test_count(void)
{
	struct lister *lister = open_lister(LISTER_PROC, NULL, folder);

	CHECK(lister_has_tcp(lister), "what the kernel does not count may be there");
	write_file("protocols",
	           PROTOCOLS "TCPv6     2560      0      0   no     320   yes kernel\n"
	                     "UDP       1536      4      0   NI       0   yes kernel\n"
	                     "TCP       2432      0      0   no     320   yes kernel\n");
	CHECK(!lister_has_tcp(lister), "neither IPv4 nor IPv6: no TCP socket");
	write_file("protocols",
	           PROTOCOLS "TCPv6     2560      1      0   no     320   yes kernel\n"
	                     "TCP       2432      0      0   no     320   yes kernel\n");
	CHECK(lister_has_tcp(lister), "one of IPv6");
	write_file("protocols",
	           PROTOCOLS "TCPv6     2560      0      0   no     320   yes kernel\n"
	                     "TCP       2432      1      0   no     320   yes kernel\n");
	CHECK(lister_has_tcp(lister), "one of IPv4");
	remove_file("protocols");
	lister_free(lister);
}

#define UNIX_HEADING "Num       RefCount Protocol Flags    Type St Inode Path\n"

static void test_unix_files(void)
{
	struct lister *lister = open_lister(LISTER_PROC, NULL, folder);
	struct seen seen = { 0 };
	bool complete;

	write_file("unix",
	           UNIX_HEADING "0: 00000002 00000000 00010000 0001 01 7 /a\n"
	                        "b\n"
	                        "\n"
	                        "c 1\n"
	                        "0: 00000003 00000000 00000000 0001 02     0 /not-accepted\n"
	                        "0: 00000003 00000000 00000000 0001 03     8\n"
	                        "rubbish\n");
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_UNIX), SOCK_DIAG_STATES_ALL, false, see, &seen,
	           &complete);
	CHECK(seen.count == 2 && seen.sockets[0].path_length == 9 &&
	              memcmp(seen.sockets[0].path, "/a\nb\n\nc 1", 9) == 0,
	      "a path of several lines");
	CHECK(seen.sockets[1].inode == 8 && seen.sockets[1].path_length == 0,
	      "no inode, no socket; no path, no continuation");
	CHECK(!complete && lister_counters(lister)->malformed == 1, "what is left is malformed");
	remove_file("unix");
	lister_free(lister);
}

static void test_net_dir(void)
{
	struct proc_net_counters counters = { 0 };
	struct seen seen = { 0 };

	CHECK_EQUAL(proc_net_list("/proc/self/net/absent", NETNS, SOCKET_TCP, SOCK_DIAG_STATES_ALL,
	                          see, &seen, &counters),
	            -ENOENT, "no folder: -ENOENT");
	CHECK_EQUAL(proc_net_list("/proc/self/net/dev", NETNS, SOCKET_TCP, SOCK_DIAG_STATES_ALL,
	                          see, &seen, &counters),
	            -ENOTDIR, "a file: -ENOTDIR");
}

static int open_netlink_socket(uint32_t groups)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static void test_modes(void)
{
	struct sock_diag *diag = NULL;
	struct error error;
	struct lister *lister;
	struct seen seen = { 0 };
	bool complete;
	int with_groups, fds[2], both;

	if (sock_diag_open(&diag, NETNS, &error) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		exit(EXIT_FAILURE);
	with_groups = open_netlink_socket(1);
	lister = open_lister(LISTER_AUTO, diag, "/proc/thread-self/net");
	CHECK(lister_run(lister, SOCKET_KINDS_ALL, SOCK_DIAG_STATES_ALL, true, see, &seen,
	                 &complete) == 0 &&
	              complete && seen.count >= 3,
	      "auto lists every kind");
	CHECK(seen.sockets[0].source == SOCKET_FROM_SOCK_DIAG &&
	              lister_counters(lister)->dumps == SOCKET_KIND_COUNT &&
	              lister_counters(lister)->failed == 0,
	      "by netlink, and what that does not know by /proc/net");
	lister_free(lister);

	lister = open_lister(LISTER_NETLINK, diag, "/nowhere");
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_ICMP), SOCK_DIAG_STATES_ALL, true, see, &seen,
	           &complete);
	CHECK(!complete && lister_counters(lister)->failed == 1,
	      "netlink alone has no ping sockets");
	seen = (struct seen){ 0 };
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_NETLINK), SOCK_DIAG_STATES_ALL, true, see, &seen,
	           &complete);
	both = 0;
	for (int i = 0; i < seen.count && i < 16; i++)
		both += seen.sockets[i].groups == 1;
	CHECK(complete && both == 1, "a netlink socket with groups comes once");
	lister_free(lister);

	lister = open_lister(LISTER_AUTO, NULL, "/proc/thread-self/net");
	seen = (struct seen){ 0 };
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_UNIX), SOCK_DIAG_STATES_ALL, true, see, &seen,
	           &complete);
	CHECK(complete && seen.count == 2 && seen.sockets[0].source == SOCKET_FROM_PROC_NET,
	      "without sock_diag auto reads /proc/net");
	lister_free(lister);
	sock_diag_close(diag);
	close(with_groups);
	close(fds[0]);
	close(fds[1]);
}

#define MANY 600 /* an answer of the kernel has room for some hundreds at most */

struct found {
	uint64_t inodes[MANY];
	int times[MANY];
};

static int find(void *context, const struct socket *socket)
{
	struct found *found = context;

	for (int i = 0; i < MANY; i++)
		found->times[i] += found->inodes[i] == socket->inode;
	return 0;
}

/* netlink_diag lacks a socket for each answer that is full. */
static void test_many_netlink(void)
{
	static struct found found;
	struct sock_diag *diag = NULL;
	struct lister *lister;
	struct error error;
	bool complete = false;
	int fds[MANY], missed = 0, twice = 0;

	for (int i = 0; i < MANY; i++) {
		struct stat status;

		fds[i] = open_netlink_socket(i % 2);
		if (fds[i] < 0 || fstat(fds[i], &status) != 0)
			exit(EXIT_FAILURE);
		found.inodes[i] = status.st_ino;
	}
	if (sock_diag_open(&diag, NETNS, &error) != 0)
		exit(EXIT_FAILURE);
	lister = open_lister(LISTER_AUTO, diag, "/proc/thread-self/net");
	lister_run(lister, SOCKET_KIND_BIT(SOCKET_NETLINK), SOCK_DIAG_STATES_ALL, true, find,
	           &found, &complete);
	for (int i = 0; i < MANY; i++) {
		missed += found.times[i] == 0;
		twice += found.times[i] > 1;
		close(fds[i]);
	}
	CHECK(complete && missed == 0 && twice == 0,
	      "each of many netlink sockets comes once (missed %d, twice %d)", missed, twice);
	lister_free(lister);
	sock_diag_close(diag);
}

int main(void)
{
	if (!test_netns_enter())
		return EXIT_SUCCESS;
	if (!mkdtemp(folder)) {
		printf("Bail out! %s: %s\n", folder, strerror(errno));
		return EXIT_FAILURE;
	}
	test_files();
	test_count();
	test_unix_files();
	test_net_dir();
	test_modes();
	test_many_netlink();
	remove_file("dev");
	rmdir(folder);
	return check_done();
}
