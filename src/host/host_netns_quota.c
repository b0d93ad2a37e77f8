/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_netns_quota.h"

#include <string.h>

#include "base/clock.h"

#define ALL_TIMES 4 /* the burst of one user, and its rate */
#define REPORT_NS (60 * NS_PER_SECOND)

void host_netns_quota_init(struct host_netns_quota *quota, int max)
{
	memset(quota, 0, sizeof *quota);
	quota->max = max;
	quota->all.max = max / 2;
	quota->all.left_ns = ALL_TIMES * HOST_NETNS_QUOTA_BURST * NS_PER_SECOND;
	quota->users[HOST_NETNS_QUOTA_USERS].max = max;
	quota->users[HOST_NETNS_QUOTA_USERS].in_use = true;
}

static struct host_netns_quota_user *find(struct host_netns_quota *quota, uint32_t uid)
{
	for (int i = 0; uid != 0 && i < HOST_NETNS_QUOTA_USERS; i++)
		if (quota->users[i].in_use && quota->users[i].uid == uid)
			return &quota->users[i];
	return &quota->users[HOST_NETNS_QUOTA_USERS];
}

/* One that has no namespaces now, and of which nothing is to be reported, leaves its place. */
static struct host_netns_quota_user *enter(struct host_netns_quota *quota, uint32_t uid,
                                           int64_t now_ns)
{
	struct host_netns_quota_user *user = find(quota, uid), *free = NULL;

	if (uid == 0 || user != &quota->users[HOST_NETNS_QUOTA_USERS])
		return user;
	for (int i = 0; i < HOST_NETNS_QUOTA_USERS && !free; i++) {
		const struct host_netns_quota_user *other = &quota->users[i];

		if (!other->in_use || (other->watched == 0 && other->refused == 0 &&
		                       now_ns - other->since_ns > REPORT_NS))
			free = &quota->users[i];
	}
	if (!free)
		return NULL;
	*free = (struct host_netns_quota_user){
		.uid = uid,
		.in_use = true,
		.max = HOST_NETNS_QUOTA_EACH < quota->all.max ? HOST_NETNS_QUOTA_EACH
		                                              : quota->all.max,
		.left_ns = HOST_NETNS_QUOTA_BURST * NS_PER_SECOND,
		.since_ns = now_ns,
	};
	return free;
}

static void earn(struct host_netns_quota_user *user, int times, int64_t now_ns)
{
	int64_t most_ns = times * HOST_NETNS_QUOTA_BURST * NS_PER_SECOND;
	int64_t passed_ns = now_ns - user->since_ns;

	user->since_ns = now_ns;
	if (passed_ns > most_ns / times)
		passed_ns = most_ns / times;
	user->left_ns += times * passed_ns;
	if (user->left_ns > most_ns)
		user->left_ns = most_ns;
}

static bool has_room(const struct host_netns_quota_user *user, bool running)
{
	return user->watched < user->max && (!running || user->left_ns >= NS_PER_SECOND);
}

static void count(struct host_netns_quota_user *user, bool running)
{
	user->watched++;
	if (running)
		user->left_ns -= NS_PER_SECOND;
}

bool host_netns_quota_take(struct host_netns_quota *quota, uint32_t uid, bool running,
                           int64_t now_ns)
{
	struct host_netns_quota_user *user = enter(quota, uid, now_ns);
	bool granted;

	if (!user) {
		quota->users[HOST_NETNS_QUOTA_USERS].refused++;
		return false;
	}
	granted = quota->watched < quota->max;
	if (uid != 0) {
		earn(user, 1, now_ns);
		earn(&quota->all, ALL_TIMES, now_ns);
		granted = granted && has_room(user, running) && has_room(&quota->all, running);
	}
	if (!granted) {
		user->refused++;
		return false;
	}
	quota->watched++;
	if (uid != 0)
		count(&quota->all, running);
	count(user, running && uid != 0);
	return true;
}

void host_netns_quota_give(struct host_netns_quota *quota, uint32_t uid)
{
	quota->watched--;
	find(quota, uid)->watched--;
	if (uid != 0)
		quota->all.watched--;
}

bool host_netns_quota_report(struct host_netns_quota *quota, int64_t now_ns,
                             struct host_netns_quota_user *report)
{
	for (int i = 0; i <= HOST_NETNS_QUOTA_USERS; i++) {
		struct host_netns_quota_user *user = &quota->users[i];

		if (user->refused == 0 ||
		    (user->reported_ns != 0 && now_ns - user->reported_ns < REPORT_NS))
			continue;
		user->reported_ns = now_ns;
		*report = *user;
		user->refused = 0;
		return true;
	}
	return false;
}
