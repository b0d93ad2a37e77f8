/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Against the kernel, in a namespace of its own; ip(8) makes the changes. */
#include "interfaces/interfaces.h"

#include <poll.h>
#include <sys/socket.h>

#include "check.h"
#include "netns.h"

static bool run(const char *command)
{
	return system(command) == 0;
}

static bool is_local(const struct interfaces *interfaces, const char *text)
{
	struct inet_address address;

	return inet_parse(text, &address) && interfaces_is_local(interfaces, &address);
}

/* The living before the deleted. */
static const struct interface *by_name(const struct interfaces *interfaces, const char *name)
{
	const struct interface *deleted = NULL;

	for (uint32_t ifindex = 1; ifindex < 100; ifindex++) {
		const struct interface *interface = interfaces_find(interfaces, ifindex);

		if (!interface || strcmp(interface->name, name) != 0)
			continue;
		if (!interface->deleted)
			return interface;
		deleted = interface;
	}
	return deleted;
}

static void test_start(struct interfaces *interfaces)
{
	const struct interface *lo = interfaces_find(interfaces, 1);

	CHECK(lo && strcmp(lo->name, "lo") == 0 && lo->loopback && lo->up && !lo->deleted &&
	              lo->type == 772 && lo->master == 0,
	      "lo");
	CHECK(by_name(interfaces, "before") && by_name(interfaces, "before")->type == 1 &&
	              !by_name(interfaces, "before")->up,
	      "what was there before");
	CHECK(is_local(interfaces, "10.1.0.1") && !is_local(interfaces, "10.1.0.255"),
	      "an address that was there before, not its broadcast");
	CHECK(interfaces_read(interfaces) == 0 && interfaces_resyncs(interfaces) == 0,
	      "nothing to read");
}

/* What the kernel says of each kind. */
static void test_links(struct interfaces *interfaces)
{
	static const struct {
		const char *make, *upper;
		uint16_t vlan;
		bool below;
	} cases[] = {
		{ "link add link l0 name l0.7 type vlan id 7", "l0.7", 7, true },
		{ "link add link l0 name m0 type macvlan", "m0", 0, true },
		{ "link add link l0 name i0 type ipvlan", "i0", 0, true },
		{ "link add name g0 type gre local 10.1.0.1 remote 10.1.0.2 dev l0", "g0", 0,
		  false },
	};
	const struct interface *below, *upper;

	CHECK(run("ip link add l0 type veth peer name l1") && interfaces_read(interfaces) == 0,
	      "a veth");
	below = by_name(interfaces, "l0");
	CHECK_EQUAL(below->link, by_name(interfaces, "l1")->ifindex, "has its peer");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char command[120];

		snprintf(command, sizeof command, "ip %s 2>/dev/null", cases[i].make);
		if (!run(command)) { /* not in this kernel */
			CHECK(true, "%s: skipped", cases[i].upper);
			continue;
		}
		interfaces_read(interfaces);
		below = by_name(interfaces, "l0");
		upper = by_name(interfaces, cases[i].upper);
		CHECK(upper && upper->link == (cases[i].below ? below->ifindex : 0) &&
		              upper->vlan == cases[i].vlan,
		      "%s: what is below", cases[i].upper);
	}
	CHECK(run("ip link del l0") && interfaces_read(interfaces) == 0, "all are deleted");
}

static void test_changes(struct interfaces *interfaces)
{
	const struct interface *port, *bridge;
	uint32_t ifindex;

	CHECK(run("ip link add br0 type bridge && ip link add p0 type veth peer name p1 && "
	          "ip link set p0 master br0 && ip link set p0 up"),
	      "a bridge and its port");
	CHECK(!by_name(interfaces, "br0") && interfaces_read(interfaces) == 0, "are reported");
	port = by_name(interfaces, "p0");
	bridge = by_name(interfaces, "br0");
	CHECK(port && bridge && port->master == bridge->ifindex && port->up, "master and state");
	ifindex = port->ifindex;
	CHECK(run("ip address add 10.4.0.1/24 dev p0 && ip link set p0 nomaster") &&
	              interfaces_read(interfaces) == 0,
	      "the port leaves the bridge");
	port = interfaces_find(interfaces, ifindex);
	CHECK(port && !port->deleted && port->master == 0 && is_local(interfaces, "10.4.0.1"),
	      "and is not taken for deleted");
	CHECK(run("ip link set p0 down && ip link set p0 name q0") &&
	              interfaces_read(interfaces) == 0,
	      "down, another name");
	port = interfaces_find(interfaces, ifindex);
	CHECK(strcmp(port->name, "q0") == 0 && !port->up, "are reported");
	CHECK(run("ip address add 10.2.0.1/24 dev q0 && ip address add fd00::2/64 dev q0 && "
	          "ip address add 10.3.0.1 peer 10.3.0.2 dev q0") &&
	              interfaces_read(interfaces) == 0,
	      "addresses");
	CHECK(is_local(interfaces, "10.2.0.1") && is_local(interfaces, "fd00::2"), "are local");
	CHECK(is_local(interfaces, "10.3.0.1") && !is_local(interfaces, "10.3.0.2"),
	      "a peer's is not");
	CHECK(run("ip address del 10.2.0.1/24 dev q0") && interfaces_read(interfaces) == 0 &&
	              !is_local(interfaces, "10.2.0.1") && is_local(interfaces, "fd00::2"),
	      "one is removed");
	CHECK(run("ip link del q0") && interfaces_read(interfaces) == 0,
	      "the interface is deleted");
	port = interfaces_find(interfaces, ifindex);
	CHECK(port && port->deleted && strcmp(port->name, "q0") == 0, "but still has a name");
	CHECK(!is_local(interfaces, "fd00::2"), "its addresses are gone");
}

/* More than the receive buffer holds: the rest is lost and listed again. */
static void test_overrun(struct interfaces *interfaces)
{
	int fd = interfaces_fd(interfaces), bytes = 4096;
	struct pollfd event = { .fd = fd, .events = POLLIN };

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	CHECK(run("ip link del br0 && for i in 1 2 3 4 5 6 7 8 9 10; do"
	          " ip link add d$i type veth peer name e$i; ip link set d$i up; done;"
	          " for i in 1 2 3; do ip link del d$i; done; ip address add 10.9.0.1/8 dev d9"),
	      "many changes at once");
	CHECK(poll(&event, 1, 0) == 1 && interfaces_read(interfaces) == 0 &&
	              interfaces_resyncs(interfaces) == 1,
	      "some are lost, all is listed again");
	CHECK(by_name(interfaces, "br0")->deleted && by_name(interfaces, "d10") &&
	              by_name(interfaces, "d10")->up && !by_name(interfaces, "d10")->deleted &&
	              is_local(interfaces, "10.9.0.1"),
	      "the table is as it should be");
}

int main(void)
{
	struct interfaces *interfaces;
	struct error error;

	if (!test_netns_enter())
		return EXIT_SUCCESS;
	if (!run("ip link add before type bridge && ip address add 10.1.0.1/24 dev before")) {
		printf("1..0 # SKIP no ip(8) with bridges\n");
		return EXIT_SUCCESS;
	}
	if (!CHECK_EQUAL(interfaces_new(&interfaces, NULL, -1, &error), 0, "opens"))
		return check_done();
	test_start(interfaces);
	test_changes(interfaces);
	test_links(interfaces);
	test_overrun(interfaces);
	interfaces_free(interfaces);
	interfaces_free(NULL);
	return check_done();
}
