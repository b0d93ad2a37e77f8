/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many network namespaces of a user are watched. Any user may make some, in a user namespace
 * of their own, and each that is opened or closed costs descriptors, memory, and milliseconds in
 * which no packet is read. Those of user 0, as containers have them, are limited in number alone.
 */
#ifndef SOCKLINE_HOST_HOST_NETNS_QUOTA_H
#define SOCKLINE_HOST_HOST_NETNS_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_NETNS_QUOTA_USERS 64 /* whose namespaces are watched at one time */
/* Each user has so many at one time; all users together have a half of those that there may be. */
#define HOST_NETNS_QUOTA_EACH 64
/* While a run goes on: so many at once, and one more each second; of all users four times that. */
#define HOST_NETNS_QUOTA_BURST 8

struct host_netns_quota_user {
	uint32_t uid;
	bool in_use;
	int watched, max;
	int64_t left_ns, since_ns; /* a second for each that may be opened */
	uint64_t refused;          /* since the last report */
	int64_t reported_ns;       /* 0 = never */
};

/* A plain value; [HOST_NETNS_QUOTA_USERS] is user 0 and those for whom there is no room. */
struct host_netns_quota {
	int max, watched;
	struct host_netns_quota_user users[HOST_NETNS_QUOTA_USERS + 1], all;
};

/* max: of all users and user 0 together. */
void host_netns_quota_init(struct host_netns_quota *quota, int max);
/* Whether one more may be opened, which then counts. running: not those that are there already. */
bool host_netns_quota_take(struct host_netns_quota *quota, uint32_t uid, bool running,
                           int64_t now_ns);
/* It is closed, or was not opened. */
void host_netns_quota_give(struct host_netns_quota *quota, uint32_t uid);
/* The next user of whom some were refused, at most once a minute each. */
bool host_netns_quota_report(struct host_netns_quota *quota, int64_t now_ns,
                             struct host_netns_quota_user *report);

#endif
