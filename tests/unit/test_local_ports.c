/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/local_ports.h"

#include "check.h"
#include "random.h"

#define CONNECTIONS 64
#define PORTS       5
#define STEPS       20000

static const struct hash_key key = { { 1, 2 } };

static struct local_ports *begin(void)
{
	struct local_ports *ports = local_ports_new(&key, CONNECTIONS);

	if (!ports) {
		printf("Bail out! out of memory\n");
		exit(EXIT_FAILURE);
	}
	return ports;
}

static struct local_port at(uint32_t netns, uint16_t port)
{
	return (struct local_port){ netns, port };
}

/* Bits of the ends that a walk shows, 1 << (2 * connection + end). */
static uint64_t walk(struct local_ports *ports)
{
	uint64_t seen = 0;
	uint32_t connection;
	int end;

	while (local_ports_look(ports, &connection, &end)) {
		uint64_t bit = UINT64_C(1) << (2 * connection + (uint32_t)end);

		if (seen & bit)
			return UINT64_MAX;
		seen |= bit;
	}
	return seen;
}

static void test_waiting(void)
{
	struct local_ports *ports = begin();
	struct local_port port;
	int64_t since_ns;

	local_ports_wait(ports, at(1, 53), 10);
	CHECK(!local_ports_waiting(ports, &port, &since_ns), "a port without connections");
	local_ports_set(ports, 3, 1, at(1, 53));
	local_ports_set(ports, 4, 0, at(2, 53));
	local_ports_wait(ports, at(1, 53), 11);
	local_ports_wait(ports, at(2, 53), 12);
	local_ports_wait(ports, at(1, 53), 13);
	CHECK(local_ports_waiting(ports, &port, &since_ns) && port.netns == 1 && port.port == 53 &&
	              since_ns == 11,
	      "it waits once, since the first report");
	local_ports_begin(ports, false);
	CHECK_EQUAL(walk(ports), 1u << 7, "its connections, of this namespace");
	CHECK(local_ports_waiting(ports, &port, &since_ns) && port.netns == 2 && since_ns == 12,
	      "then the next");
	local_ports_remove(ports, 4);
	local_ports_begin(ports, false);
	CHECK_EQUAL(walk(ports), 0, "all of them have ended meanwhile");
	local_ports_wait(ports, at(1, 53), 14);
	CHECK(local_ports_waiting(ports, &port, &since_ns) && since_ns == 14, "it may wait again");
	local_ports_begin(ports, true);
	CHECK_EQUAL(walk(ports), 0, "left out");
	CHECK(!local_ports_waiting(ports, &port, &since_ns), "none waits");
	local_ports_free(ports);
}

static void test_moved(void)
{
	struct local_ports *ports = begin();

	local_ports_set(ports, 0, 0, at(1, 1));
	local_ports_set(ports, 1, 0, at(1, 1));
	local_ports_set(ports, 0, 0, at(1, 2));
	local_ports_set(ports, 0, 0, at(1, 2));
	local_ports_wait(ports, at(1, 1), 1);
	local_ports_wait(ports, at(1, 2), 2);
	local_ports_begin(ports, false);
	CHECK_EQUAL(walk(ports), 1u << 2, "an end has one port");
	local_ports_begin(ports, false);
	CHECK_EQUAL(walk(ports), 1u << 0, "the last that was set");
	local_ports_free(ports);
}

/* What is to be walked of a port, while ends come and go; by bits as walk() has them. */
struct model {
	int port[32]; /* of each end, -1 = none */
	int walked;   /* the port */
	uint64_t left, seen;
};

static bool step(struct local_ports *ports, struct model *model, struct random *random)
{
	uint32_t connection = random_below(random, 16);
	int end = (int)random_below(random, 2), port = (int)random_below(random, PORTS);
	uint32_t number = 2 * connection + (uint32_t)end;
	uint64_t both = UINT64_C(3) << (2 * connection);

	if (random_below(random, 2) == 0) {
		local_ports_set(ports, connection, end, at(1, (uint16_t)(1 + port)));
		if (model->port[number] != port)
			model->left &= ~(UINT64_C(1) << number);
		model->port[number] = port;
	} else if (random_below(random, 3) == 0) {
		local_ports_remove(ports, connection);
		model->port[2 * connection] = model->port[2 * connection + 1] = -1;
		model->left &= ~both;
	} else if (local_ports_look(ports, &connection, &end)) {
		number = 2 * connection + (uint32_t)end;
		model->seen |= UINT64_C(1) << number;
		model->left &= ~(UINT64_C(1) << number);
		return model->port[number] == model->walked;
	} else if (model->left != 0) {
		return false;
	} else {
		struct local_port begun;
		int64_t since_ns;

		local_ports_wait(ports, at(1, (uint16_t)(1 + port)), 1);
		if (!local_ports_waiting(ports, &begun, &since_ns))
			return true;
		local_ports_begin(ports, false);
		model->walked = begun.port - 1;
		for (int i = 0; i < 32; i++)
			if (model->port[i] == model->walked)
				model->left |= UINT64_C(1) << i;
	}
	return true;
}

static void test_random(struct random *random)
{
	struct local_ports *ports = begin();
	struct model model = { .left = 0 };
	bool right = true;

	for (int i = 0; i < 32; i++)
		model.port[i] = -1;
	for (int i = 0; i < STEPS && right; i++)
		right = step(ports, &model, random);
	CHECK(right, "a walk shows each end that has the port all the while, and no other");
	CHECK(model.seen == UINT32_MAX, "of all");
	local_ports_free(ports);
}

int main(void)
{
	struct random random = random_begin();

	test_waiting();
	test_moved();
	test_random(&random);
	return check_done();
}
