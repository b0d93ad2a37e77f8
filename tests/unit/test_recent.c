/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/recent.h"

#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"
#include "random.h"

#define NOW (1000 * NS_PER_SECOND)
#define MAX 100

static const struct hash_key key = { { 7, 8 } };

/* Never freed by a reference: processes lie on this test's own table. */
static struct process processes[4] = {
	{ .references = 1000000, .pid = 1 },
	{ .references = 1000000, .pid = 2 },
	{ .references = 1000000, .pid = 3 },
	{ .references = 1000000, .pid = 4 },
};

static struct tuple tuple_of(uint16_t port)
{
	struct tuple tuple = { .source_port = port,
		               .destination_port = 80,
		               .protocol = IPPROTO_TCP };

	inet_parse("10.0.0.1", &tuple.source);
	inet_parse("10.0.0.2", &tuple.destination);
	return tuple;
}

static void put(struct recent *recent, uint32_t netns, uint16_t port, int number, int64_t now)
{
	struct owner owner = { .method = ATTRIBUTION_SOCKET, .process = &processes[number] };
	struct tuple tuple = tuple_of(port);

	recent_put(recent, netns, &tuple, &owner, now);
}

/* The pid, 0 = none. */
static int find(struct recent *recent, uint32_t netns, uint16_t port, int64_t since, int64_t now)
{
	struct tuple tuple = tuple_of(port);
	const struct owner *owner = recent_find(recent, netns, &tuple, since, now);

	return owner ? owner->process->pid : 0;
}

static void test_find(void)
{
	struct recent *recent = recent_new(MAX, &key);
	struct tuple reversed = tuple_of(5);

	CHECK_EQUAL(find(recent, 1, 5, 0, NOW), 0, "nothing there");
	put(recent, 1, 5, 0, NOW);
	CHECK_EQUAL(find(recent, 1, 5, 0, NOW), 1, "remembered");
	CHECK(find(recent, 2, 5, 0, NOW) == 0 && find(recent, 1, 6, 0, NOW) == 0,
	      "by namespace and tuple");
	reversed = tuple_reverse(&reversed);
	CHECK(!recent_find(recent, 1, &reversed, 0, NOW), "the other end is another's");
	CHECK(find(recent, 1, 5, NOW, NOW) == 1 && find(recent, 1, 5, NOW + 1, NOW + 2) == 0,
	      "not for a connection that began after it was verified");
	CHECK(find(recent, 1, 5, 0, NOW + WINDOW_RECENT_KEEP_NS) == 1 &&
	              find(recent, 1, 5, 0, NOW + WINDOW_RECENT_KEEP_NS + 1) == 0,
	      "as long as TIME_WAIT lasts");
	put(recent, 1, 5, 1, NOW + 5);
	CHECK_EQUAL(find(recent, 1, 5, NOW + 1, NOW + 6), 2, "the later owner counts");
	recent_free(recent);
	recent_free(NULL);
}

static void test_references(void)
{
	struct recent *recent = recent_new(2, &key);
	uint32_t before = processes[3].references;

	for (uint16_t port = 1; port <= 10; port++)
		put(recent, 1, port, 3, NOW);
	CHECK_EQUAL(processes[3].references, before + 2, "a reference for each that is kept");
	put(recent, 1, 10, 3, NOW);
	CHECK_EQUAL(processes[3].references, before + 2, "none for one that is put again");
	recent_free(recent);
	CHECK_EQUAL(processes[3].references, before, "and none afterwards");
}

/* The oldest makes room, and is found no more; a list says the same. */
static void test_model(struct random *random)
{
	struct recent *recent = recent_new(MAX, &key);
	int order[MAX], pids[512] = { 0 }, count = 0;
	bool right = true;

	for (int step = 0; step < 20000 && right; step++) {
		uint16_t port = (uint16_t)random_below(random, 512);
		int number = (int)random_below(random, 4);

		if (pids[port] == 0) {
			if (count == MAX) {
				pids[order[0]] = 0;
				memmove(order, order + 1, sizeof order - sizeof order[0]);
				count--;
			}
			order[count++] = port;
		}
		pids[port] = processes[number].pid;
		put(recent, 1, port, number, NOW + step);
		port = (uint16_t)random_below(random, 512);
		right = find(recent, 1, port, 0, NOW + step) == pids[port];
	}
	for (uint16_t port = 0; port < 512; port++)
		right = right && find(recent, 1, port, 0, NOW + 20000) == pids[port];
	CHECK(right, "the oldest of %d makes room", MAX);
	recent_free(recent);
}

/* What is too old keeps no process, and its entry is used again before a further one is. */
static void test_expiry(void)
{
	const int keep = (int)(WINDOW_RECENT_KEEP_NS / NS_PER_SECOND);
	struct recent *recent = recent_new(10 * MAX, &key);
	uint32_t before = processes[3].references;

	for (int second = 0; second < 10 * MAX; second++)
		put(recent, 1, (uint16_t)second, 3, NOW + second * NS_PER_SECOND);
	CHECK(processes[3].references - before <= (uint32_t)keep + 2,
	      "one a second is kept for %d s, so %u are", keep, processes[3].references - before);
	CHECK_EQUAL(find(recent, 1, 10 * MAX - keep, 0, NOW + 10 * MAX * NS_PER_SECOND), 4,
	            "the oldest of them is found");
	recent_expire(recent, NOW + 10 * MAX * NS_PER_SECOND);
	CHECK_EQUAL(find(recent, 1, 10 * MAX - keep, 0, NOW + 10 * MAX * NS_PER_SECOND), 4,
	            "also when others have expired");
	recent_expire(recent, NOW + (10 * MAX + keep) * NS_PER_SECOND);
	CHECK_EQUAL(processes[3].references, before, "none is kept when all are too old");
	put(recent, 1, 1, 0, NOW + (10 * MAX + keep) * NS_PER_SECOND);
	CHECK_EQUAL(find(recent, 1, 1, 0, NOW + (10 * MAX + keep) * NS_PER_SECOND), 1,
	            "and others come");
	recent_free(recent);
}

int main(void)
{
	struct random random = random_begin();

	test_find();
	test_references();
	test_expiry();
	test_model(&random);
	return check_done();
}
