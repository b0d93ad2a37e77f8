/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* No user takes the place of other users' network namespaces, nor of root's. */
#include "host/host_netns_quota.h"

#include "base/clock.h"
#include "check.h"

#define NOW (1000 * NS_PER_SECOND)
#define MAX 400

static struct host_netns_quota quota;

static int take(uint32_t uid, int count, bool running, int64_t now_ns)
{
	int taken = 0;

	for (int i = 0; i < count; i++)
		taken += host_netns_quota_take(&quota, uid, running, now_ns);
	return taken;
}

static void give(uint32_t uid, int count)
{
	for (int i = 0; i < count; i++)
		host_netns_quota_give(&quota, uid);
}

static void test_numbers(void)
{
	host_netns_quota_init(&quota, MAX);
	CHECK_EQUAL(take(1000, 150, false, NOW), HOST_NETNS_QUOTA_EACH, "of a user so many");
	CHECK_EQUAL(take(1001, 150, false, NOW), HOST_NETNS_QUOTA_EACH, "of another as many");
	CHECK_EQUAL(take(1002, 150, false, NOW), HOST_NETNS_QUOTA_EACH, "and of a third");
	CHECK_EQUAL(take(1003, 150, false, NOW), MAX / 2 - 3 * HOST_NETNS_QUOTA_EACH,
	            "half of all are for users");
	CHECK_EQUAL(take(0, 500, false, NOW), MAX / 2, "the other half for root");
	CHECK_EQUAL(take(0, 1, false, NOW), 0, "and no more");
	give(1000, 2);
	CHECK_EQUAL(take(1003, 10, false, NOW), 2, "a place that is given back is another's");
	give(0, 1);
	CHECK_EQUAL(take(0, 10, true, NOW), 1, "root's, too");
}

static void test_rates(void)
{
	int taken = 0;

	host_netns_quota_init(&quota, MAX);
	for (int second = 0; second < 20; second++) {
		int now = take(1000, 150, true, NOW + second * NS_PER_SECOND);

		taken += now;
		give(1000, now);
	}
	CHECK_EQUAL(taken, HOST_NETNS_QUOTA_BURST + 19,
	            "made and dropped: a burst, then one a second");
	CHECK_EQUAL(take(1001, 150, true, NOW + 20 * NS_PER_SECOND), HOST_NETNS_QUOTA_BURST,
	            "another user has a burst of its own");
	CHECK_EQUAL(take(0, 100, true, NOW + 20 * NS_PER_SECOND), 100, "root makes what it likes");
	taken = 0;
	for (uint32_t uid = 2000; uid < 2030; uid++)
		taken += take(uid, 10, true, NOW + 20 * NS_PER_SECOND);
	CHECK(taken <= 4 * HOST_NETNS_QUOTA_BURST, "many users of one person: %d", taken);
}

static void test_reports(void)
{
	struct host_netns_quota_user user;

	host_netns_quota_init(&quota, MAX);
	CHECK(!host_netns_quota_report(&quota, NOW, &user), "nothing to report");
	take(1000, 150, true, NOW);
	CHECK(host_netns_quota_report(&quota, NOW, &user) && user.uid == 1000 &&
	              user.max == HOST_NETNS_QUOTA_EACH &&
	              user.refused == 150 - HOST_NETNS_QUOTA_BURST,
	      "whose were refused, and how many");
	CHECK(!host_netns_quota_report(&quota, NOW, &user), "once");
	take(1000, 150, true, NOW + NS_PER_SECOND);
	CHECK(!host_netns_quota_report(&quota, NOW + NS_PER_SECOND, &user), "not each second");
	CHECK(host_netns_quota_report(&quota, NOW + 60 * NS_PER_SECOND, &user) &&
	              user.refused == 149,
	      "but each minute");
	for (uint32_t uid = 2000; uid < 2200; uid++)
		take(uid, 1, false, NOW + 60 * NS_PER_SECOND);
	CHECK(quota.watched <= 8 + HOST_NETNS_QUOTA_USERS, "users, too, are bounded: %d",
	      quota.watched);
	take(0, MAX, false, NOW);
	CHECK(host_netns_quota_report(&quota, NOW + 61 * NS_PER_SECOND, &user) && user.uid == 0 &&
	              user.max == MAX && user.refused > 0,
	      "root's are reported as well");
}

int main(void)
{
	test_numbers();
	test_rates();
	test_reports();
	return check_done();
}
