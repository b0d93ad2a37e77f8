/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Against the kernel: its answers to good and to bad requests. */
#include "sockets/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <pthread.h>
#include <sys/socket.h>

#include "check.h"
#include "netns.h"

#define ADDRESSES 3000
#define PAIRS     450

static struct netlink *open_netlink(int protocol)
{
	struct netlink *netlink = NULL;
	struct error error;

	if (!CHECK_EQUAL(netlink_open(&netlink, protocol, &error), 0, "protocol %d opens",
	                 protocol))
		exit(check_done());
	return netlink;
}

static int count(void *context, const struct netlink_message *message)
{
	(void)message;
	++*(int *)context;
	return 0;
}

static int stop_at_first(void *context, const struct netlink_message *message)
{
	(void)message;
	++*(int *)context;
	return 4711;
}

static int dump_unix(struct netlink *netlink, netlink_callback *callback, void *context)
{
	const struct unix_diag_req request = { .sdiag_family = AF_UNIX,
		                               .udiag_states = UINT32_MAX };

	return netlink_dump(netlink, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), callback, NULL,
	                    context);
}

static int find_listener(struct netlink *netlink, uint16_t port_be16, void *answer, size_t *length)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = AF_INET,
		.sdiag_protocol = IPPROTO_TCP,
		.id = { .idiag_sport = port_be16, .idiag_cookie = { UINT32_MAX, UINT32_MAX } },
	};

	return netlink_request(netlink, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), answer,
	                       length);
}

static void test_open(void)
{
	struct netlink *netlink = NULL;
	struct error error = { 0 };

	CHECK(netlink_open(&netlink, 31, &error) == -EPROTONOSUPPORT && !netlink &&
	              error.code == EPROTONOSUPPORT && strlen(error.text) > 10,
	      "a protocol that is not there: %s", error.text);
	netlink_close(NULL);
	CHECK(strchr(netlink_library_version(), '.') != NULL, "libnl %s",
	      netlink_library_version());
}

static void test_dump(struct netlink *netlink)
{
	struct inet_diag_req_v2 absent = { .sdiag_family = AF_INET,
		                           .sdiag_protocol = 253,
		                           .idiag_states = UINT32_MAX };
	int before = 0, after = 0, seen = 0, fds[2], result;

	result = dump_unix(netlink, count, &before);
	CHECK_EQUAL(result, 0, "a dump: %d sockets", before);
	for (int i = 0; i < PAIRS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
			break;
	}
	result = dump_unix(netlink, count, &after);
	CHECK(result == 0 && after == before + 2 * PAIRS, "a dump of many datagrams: %d sockets",
	      after);
	CHECK(dump_unix(netlink, stop_at_first, &seen) == 4711 && seen == 1,
	      "the callback's value ends a dump");
	after = 0;
	CHECK(dump_unix(netlink, count, &after) == 0 && after == before + 2 * PAIRS,
	      "nothing of the ended dump is left");
	CHECK_EQUAL(netlink_dump(netlink, SOCK_DIAG_BY_FAMILY, &absent, sizeof(absent), count, NULL,
	                         &seen),
	            -ENOENT, "no handler: -ENOENT");
	for (int fd = netlink_fd(netlink) + 1; fd <= fds[1]; fd++)
		close(fd);
}

/* The kernel puts this error into NLMSG_DONE: rtnl_dump_ifinfo returns it from inside the dump. */
static void test_error_in_done(void)
{
	struct netlink *route = open_netlink(NETLINK_ROUTE);
	const struct {
		struct ifinfomsg link;
		struct rtattr header;
		int32_t nsid;
	} request = { .header = { RTA_LENGTH(sizeof(int32_t)), IFLA_TARGET_NETNSID },
		      .nsid = 4711 };
	int seen = 0;

	CHECK(netlink_dump(route, RTM_GETLINK, &request, sizeof(request), count, NULL, &seen) ==
	                      -EINVAL &&
	              seen == 0,
	      "an error inside NLMSG_DONE is an error");
	netlink_close(route);
}

static void test_request(struct netlink *netlink)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	char answer[1024], large[4096] = "";
	size_t length = sizeof(answer);
	struct inet_diag_msg message;
	int result;

	listen(listener, 1);
	getsockname(listener, (struct sockaddr *)&address, &size);
	result = find_listener(netlink, address.sin_port, answer, &length);
	CHECK(result == 0 && length >= sizeof(message), "a request: %zu bytes", length);
	memcpy(&message, answer, sizeof(message));
	CHECK_EQUAL(message.id.idiag_sport, address.sin_port, "its answer is the one to it");
	length = sizeof(answer);
	CHECK(find_listener(netlink, htons(1), answer, &length) == -ENOENT &&
	              length == sizeof(answer),
	      "a miss: -ENOENT, nothing written");
	length = 8;
	CHECK_EQUAL(find_listener(netlink, address.sin_port, answer, &length), -EMSGSIZE,
	            "no room for the answer");
	length = sizeof(answer);
	CHECK_EQUAL(netlink_request(netlink, SOCK_DIAG_BY_FAMILY, large, sizeof(large), answer,
	                            &length),
	            -EMSGSIZE, "a request that is too large");
	CHECK_EQUAL(netlink_request(netlink, SOCK_DIAG_BY_FAMILY, large, 1, answer, &length),
	            -EINVAL, "a request that is too short for the kernel");
	close(listener);
}

/* An answer that nobody read must not be taken for that of the next request. */
static void test_stale_answer(void)
{
	struct netlink *netlink = open_netlink(NETLINK_SOCK_DIAG);
	const struct unix_diag_req dump = { .sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX };
	const struct inet_diag_req_v2 miss = { .sdiag_family = AF_INET,
		                               .sdiag_protocol = IPPROTO_TCP };
	struct {
		struct nlmsghdr header;
		struct unix_diag_req dump;
	} abandoned = {
		{ sizeof(abandoned), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, dump
	};
	char answer[1024];
	size_t length = sizeof(answer);
	int fds[2], seen = 0;

	CHECK(netlink_set_receive_buffer(netlink, 32768) == 0 &&
	              socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 &&
	              netlink_send(netlink, SOCK_DIAG_BY_FAMILY, &miss, sizeof(miss)) == 0 &&
	              send(netlink_fd(netlink), &abandoned, sizeof(abandoned), 0) > 0,
	      "two requests whose answers nobody reads");
	CHECK_EQUAL(find_listener(netlink, htons(1), answer, &length), -ENOENT,
	            "the next request gets its own answer");
	/* Its first part has no room beside what is unread, and the kernel says ENOBUFS. */
	CHECK(dump_unix(netlink, count, &seen) == 0 && seen >= 2, "so does the next dump");
	netlink_close(netlink);
	close(fds[0]);
	close(fds[1]);
}

struct nested {
	struct netlink *netlink;
	int busy;
};

static int nest(void *context, const struct netlink_message *message)
{
	struct nested *nested = context;
	char answer[64];
	size_t length = sizeof(answer);

	(void)message;
	nested->busy += dump_unix(nested->netlink, count, &length) == -EBUSY;
	nested->busy += find_listener(nested->netlink, 1, answer, &length) == -EBUSY;
	nested->busy += netlink_send(nested->netlink, SOCK_DIAG_BY_FAMILY, answer, 1) == -EBUSY;
	nested->busy += netlink_receive(nested->netlink, count, &length) == -EBUSY;
	return 1;
}

static void test_nested(struct netlink *netlink)
{
	struct nested nested = { netlink, 0 };
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 &&
	              dump_unix(netlink, nest, &nested) == 1 && nested.busy == 4,
	      "no use of a socket inside its own callback");
	CHECK_EQUAL(netlink_receive(netlink, count, &nested.busy), 0, "nothing is left to receive");
	close(fds[0]);
	close(fds[1]);
}

static int set_address(struct netlink *route, uint16_t type, uint32_t number)
{
	const struct {
		struct ifaddrmsg address;
		struct rtattr header;
		uint32_t local_be32;
	} request = {
		.address = { .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1 },
		.header = { RTA_LENGTH(sizeof(uint32_t)), IFA_LOCAL },
		.local_be32 = htonl(0x0a000000 + number),
	};

	return netlink_send(route, type, &request, sizeof(request));
}

struct churn {
	pthread_t thread;
	struct netlink *route;
	bool stop;
};

static void *change_addresses(void *context)
{
	struct churn *churn = context;

	while (!__atomic_load_n(&churn->stop, __ATOMIC_RELAXED)) {
		set_address(churn->route, RTM_NEWADDR, ADDRESSES + 1);
		set_address(churn->route, RTM_DELADDR, ADDRESSES + 1);
	}
	return NULL;
}

struct addresses {
	int count;
	int resets;
};

static int count_address(void *context, const struct netlink_message *message)
{
	((struct addresses *)context)->count += message->type == RTM_NEWADDR;
	return 0;
}

static void reset_addresses(void *context)
{
	struct addresses *addresses = context;

	addresses->count = 0;
	addresses->resets++;
}

/* Addresses come and go while they are listed: NLM_F_DUMP_INTR. */
static void test_interrupted(void)
{
	struct churn churn = { .route = open_netlink(NETLINK_ROUTE) };
	struct netlink *route = open_netlink(NETLINK_ROUTE);
	const struct ifaddrmsg request = { .ifa_family = AF_INET };
	struct addresses addresses = { 0, 0 };
	int interrupted = 0, whole = 0, result;

	for (uint32_t i = 1; i <= ADDRESSES; i++)
		set_address(churn.route, RTM_NEWADDR, i);
	result = netlink_dump(route, RTM_GETADDR, &request, sizeof(request), count_address,
	                      reset_addresses, &addresses);
	CHECK(result == 0 && addresses.count == ADDRESSES + 1 && addresses.resets == 0,
	      "%d addresses, %d retries", addresses.count, addresses.resets);
	pthread_create(&churn.thread, NULL, change_addresses, &churn);
	for (int i = 0; i < 200 && (i < 20 || addresses.resets == 0); i++) {
		addresses.count = 0;
		result = netlink_dump(route, RTM_GETADDR, &request, sizeof(request), count_address,
		                      reset_addresses, &addresses);
		interrupted += result == -EAGAIN;
		whole += result == 0 && addresses.count >= ADDRESSES + 1;
		if (result != 0 && result != -EAGAIN)
			break;
	}
	__atomic_store_n(&churn.stop, true, __ATOMIC_RELAXED);
	pthread_join(churn.thread, NULL);
	CHECK(result == 0 || result == -EAGAIN, "under change a dump ends in 0 or -EAGAIN");
	CHECK(addresses.resets > 0, "%d retries, %d dumps never whole, %d whole", addresses.resets,
	      interrupted, whole);
	netlink_close(churn.route);
	netlink_close(route);
}

static void test_multicast(void)
{
	struct netlink *events = open_netlink(NETLINK_ROUTE);
	struct netlink *route = open_netlink(NETLINK_ROUTE);
	int seen = 0, result, lost = 0;
	uint64_t drops;

	CHECK_EQUAL(netlink_join(events, RTNLGRP_IPV4_IFADDR), 0, "joins a group");
	CHECK(netlink_join(events, 4711) < 0, "a group that is not there is refused");
	CHECK_EQUAL(netlink_receive(events, count, &seen), 0, "nothing happened");
	set_address(route, RTM_NEWADDR, ADDRESSES + 2);
	CHECK(netlink_receive(events, count, &seen) == 1 && seen == 1, "one event");
	CHECK_EQUAL(netlink_drops(events), 0, "none was lost");
	CHECK_EQUAL(netlink_set_receive_buffer(events, 4096), 0, "a small buffer");
	for (int i = 0; i < 500; i++)
		set_address(route, i & 1 ? RTM_NEWADDR : RTM_DELADDR, ADDRESSES + 2);
	seen = 0;
	result = netlink_receive(events, count, &seen);
	drops = netlink_drops(events);
	CHECK(result == -ENOBUFS && seen > 0 && seen + (int)drops == 500,
	      "an overrun: %d received + %ju lost = 500", seen, (uintmax_t)drops);
	set_address(route, RTM_NEWADDR, ADDRESSES + 3);
	seen = 0;
	CHECK_EQUAL(netlink_receive(events, count, &seen), 1, "and it goes on");
	set_address(route, RTM_NEWADDR, ADDRESSES + 4);
	CHECK_EQUAL(netlink_receive(events, stop_at_first, &lost), 4711,
	            "the callback's value ends it");
	netlink_close(events);
	netlink_close(route);
}

static void test_attributes(void)
{
	/* type 1 "ab", type 2 empty, type 3 four bytes, type 4 cut off */
	static const uint8_t bytes[] = { 6, 0, 1, 0, 'a', 'b', 0, 0, 4, 0, 2, 0, 8, 0,
		                         3, 0, 9, 8, 7,   6,   9, 0, 4, 0, 1, 2, 3, 4 };
	const uint8_t *guarded = check_guarded(bytes, sizeof(bytes));
	const uint8_t *data;
	size_t size = 99;

	data = netlink_attribute(guarded, sizeof(bytes), 1, &size);
	CHECK(data == guarded + 4 && size == 2, "the first attribute");
	CHECK(netlink_attribute(guarded, sizeof(bytes), 2, &size) && size == 0,
	      "an empty attribute");
	data = netlink_attribute(guarded, sizeof(bytes), 3, &size);
	CHECK(data && size == 4 && data[3] == 6, "the third");
	CHECK(!netlink_attribute(guarded, sizeof(bytes), 4, &size), "one that is cut off");
	CHECK(!netlink_attribute(guarded, sizeof(bytes), 5, &size), "one that is not there");
	CHECK(!netlink_attribute(guarded + sizeof(bytes), 0, 1, &size), "no attributes");
	CHECK(!netlink_attribute(guarded + sizeof(bytes) - 2, 2, 1, &size), "half a header");
}

int main(void)
{
	struct netlink *netlink;

	if (!test_netns_enter())
		return EXIT_SUCCESS;
	test_open();
	netlink = open_netlink(NETLINK_SOCK_DIAG);
	test_dump(netlink);
	test_request(netlink);
	test_stale_answer();
	test_nested(netlink);
	netlink_close(netlink);
	test_error_in_done();
	test_interrupted();
	test_multicast();
	test_attributes();
	return check_done();
}
