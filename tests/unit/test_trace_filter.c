/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_filter.h"

#include "base/clock.h"
#include "check.h"

#define PER_SECOND 100
#define SECOND     NS_PER_SECOND

static struct port_budget routes, receives;

static void use(struct port_budget *budget, uint16_t port, int times)
{
	while (times-- > 0)
		port_budget_count(budget, port);
}

static bool filter_is(enum trace_record_event event, const char *expected)
{
	static struct buf filter;

	if (!filter.data && buf_init(&filter, TRACE_FILTER_MAX) != 0)
		return false;
	trace_filter_make(&filter, event, &routes, &receives);
	return !filter.overflow && strcmp(filter.data, expected) == 0 &&
	       filter.length == strlen(expected) + 1;
}

static void start(void)
{
	static const struct port_budget fresh = { .per_second = PER_SECOND };

	routes = receives = fresh;
	port_budget_update(&routes, 1000 * SECOND);
}

static void test_texts(void)
{
	start();
	CHECK(filter_is(TRACE_RECORD_EXIT, ""), "exits are not filtered");
	CHECK(filter_is(TRACE_RECORD_ROUTE_V4,
	                "((proto == 17 && sport != 0) || proto == 255 || ((proto == 6 || "
	                "proto == 17) && dport == 0) || (proto == 6 && err < 0 && tb_id != 255) || "
	                "proto == 1) && !(common_flags & 0xd8)"),
	      "routes");
	CHECK(filter_is(TRACE_RECORD_RECEIVE, "sport < 32768 && !(common_flags & 0xd8)"), "reads");
	CHECK(filter_is(TRACE_RECORD_SEND, "protocol == 6 && ret > 0 && !(common_flags & 0xd8)"),
	      "sends");
	use(&routes, 53, PER_SECOND);
	use(&routes, 123, PER_SECOND);
	port_budget_update(&routes, 1000 * SECOND);
	use(&receives, 443, PER_SECOND);
	port_budget_update(&receives, 1000 * SECOND);
	CHECK(filter_is(TRACE_RECORD_ROUTE_V6,
	                "((proto == 17 && sport != 0) || proto == 255 || ((proto == 6 || "
	                "proto == 17) && dport == 0) || (proto == 6 && err < 0 && tb_id != 255) || "
	                "proto == 58) && !(common_flags & 0xd8) && "
	                "sport != 53 && sport != 123"),
	      "routes without two busy UDP ports");
	CHECK(filter_is(TRACE_RECORD_RECEIVE,
	                "sport < 32768 && !(common_flags & 0xd8) && sport != 443"),
	      "reads without a busy TCP port");
}

static void test_longest(void)
{
	struct buf filter;

	start();
	for (uint16_t port = 65000; port < 65100; port++)
		use(&routes, port, PER_SECOND);
	CHECK(port_budget_update(&routes, 1000 * SECOND) &&
	              port_budget_excluded(&routes) == PORT_BUDGET_EXCLUDED,
	      "no more ports are left out than there is room for");
	buf_init(&filter, TRACE_FILTER_MAX);
	trace_filter_make(&filter, TRACE_RECORD_ROUTE_V4, &routes, &receives);
	CHECK(!filter.overflow, "the longest filter has room");
	buf_free(&filter);
}

static void test_budget(void)
{
	start();
	use(&routes, 53, PER_SECOND - 1);
	CHECK(!port_budget_update(&routes, 1000 * SECOND + 1), "just within the budget");
	use(&routes, 53, 1);
	CHECK(port_budget_update(&routes, 1000 * SECOND + 2) && port_budget_excluded(&routes) == 1,
	      "over the budget within a second");
	CHECK(!port_budget_update(&routes, 1000 * SECOND + 3), "reported once");
	start();
	use(&routes, 53, PER_SECOND - 1);
	port_budget_update(&routes, 1001 * SECOND);
	use(&routes, 53, PER_SECOND - 1);
	CHECK(!port_budget_update(&routes, 1001 * SECOND + 1), "each second has its budget");
	use(&routes, 0, PER_SECOND);
	CHECK(!port_budget_update(&routes, 1001 * SECOND + 2), "port 0 is none");
}

static void test_return(void)
{
	int64_t now = 1000 * SECOND;

	start();
	use(&routes, 53, PER_SECOND);
	port_budget_update(&routes, now);
	now += PORT_BUDGET_FIRST_NS - 1;
	CHECK(!port_budget_update(&routes, now), "left out for ten seconds");
	now += 1;
	CHECK(port_budget_update(&routes, now) && port_budget_excluded(&routes) == 0,
	      "then it returns");
	use(&routes, 53, PER_SECOND);
	port_budget_update(&routes, now);
	now += PORT_BUDGET_FIRST_NS * 2 - 1;
	CHECK(!port_budget_update(&routes, now) && port_budget_excluded(&routes) == 1,
	      "the second time it is left out for longer");
	port_budget_update(&routes, now += 1);
	CHECK(!port_budget_update(&routes, now += PORT_BUDGET_FIRST_NS * 2),
	      "when it stays calm it is forgotten");
	use(&routes, 53, PER_SECOND);
	port_budget_update(&routes, now);
	CHECK(port_budget_update(&routes, now + PORT_BUDGET_FIRST_NS), "and begins anew");
	for (int i = 0; i < 20; i++) {
		use(&routes, 53, PER_SECOND);
		port_budget_update(&routes, now);
		now += PORT_BUDGET_LONGEST_NS;
		port_budget_update(&routes, now);
	}
	CHECK_EQUAL(port_budget_excluded(&routes), 0, "never for longer than the longest pause");
	port_budget_clear(&routes);
	CHECK(routes.per_second == PER_SECOND && routes.ports[0].port == 0, "cleared");
}

int main(void)
{
	test_texts();
	test_longest();
	test_budget();
	test_return();
	return check_done();
}
