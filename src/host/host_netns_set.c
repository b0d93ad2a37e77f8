/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_netns_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "sockets/netns.h"

#define NAMESPACES_MAX 1024
/* Found and not yet open; what finds no room is found again at the next look. */
#define WAITING_MAX 16
/* Sockets for questions that are open at one time. */
#define POOL_MAX 48

struct watched {
	struct host_netns *namespace;
	uint32_t uid;          /* who owns it */
	bool alive, was_alive; /* at the last look, and at the one before */
	bool dead;             /* it is to be closed */
};

struct waiting {
	uint32_t netns, uid;
	int fd;
	int64_t made_ns;
};

struct host_netns_set {
	struct host_netns_set_options options;
	struct watched *watched;
	int count;
	struct waiting waiting[WAITING_MAX];
	int waiting_count;
	bool running; /* one at a time */
	struct host_netns_quota quota;
	struct host_netns_shared shared;
	struct host_netns_counters closed;
};

/* Descriptors are kept for all else: output files, their rotation, /proc. */
static int count_room(void)
{
	struct rlimit limit;
	rlim_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= HOST_NETNS_SET_RESERVE)
		return 1;
	room = (limit.rlim_cur - HOST_NETNS_SET_RESERVE) / HOST_NETNS_SET_EACH;
	return room < 1 ? 1 : room < NAMESPACES_MAX ? (int)room : NAMESPACES_MAX;
}

struct host_netns_set *host_netns_set_new(const struct host_netns_set_options *options)
{
	struct host_netns_set *set = calloc(1, sizeof *set);
	int error;

	if (!set)
		return NULL;
	set->options = *options;
	host_netns_quota_init(&set->quota, count_room());
	set->shared = (struct host_netns_shared){
		.loop = options->loop,
		.sockets = options->sockets,
		.callbacks = options->callbacks,
		.pool = netlink_pool_new(POOL_MAX),
		.ends = host_netns_ends_new(options->loop, host_netns_read_ended),
		.tracks = true,
	};
	if (set->shared.pool && set->shared.ends)
		return set;
	error = errno;
	host_netns_set_free(set);
	errno = error;
	return NULL;
}

void host_netns_set_keep_net_admin(struct host_netns_set *set)
{
	set->shared.keeps_net_admin = true;
}

void host_netns_set_tick(struct host_netns_set *set)
{
	netlink_pool_tick(set->shared.pool);
}

void host_netns_set_free(struct host_netns_set *set)
{
	if (!set)
		return;
	for (int i = 0; i < set->count; i++)
		host_netns_close(set->watched[i].namespace);
	for (int i = 0; i < set->waiting_count; i++)
		close(set->waiting[i].fd);
	netlink_pool_free(set->shared.pool);
	host_netns_ends_free(set->shared.ends);
	free(set->watched);
	free(set);
}

/* What its interfaces have carried by now. */
static uint64_t count_missed(int fd)
{
	int previous = fd >= 0 ? netns_enter(fd) : -1;
	uint64_t missed;

	if (previous < 0)
		return 0;
	missed = netns_count_packets();
	netns_leave(previous);
	return missed;
}

/* Opens the namespace of fd, which it takes over, and makes it known. */
static int open_namespace(struct host_netns_set *set, int fd, uint32_t netns,
                          struct host_netns **namespace, struct error *degraded,
                          struct error *error)
{
	struct attribution_namespace view;
	int result = host_netns_open(namespace, &set->shared, fd, netns, degraded, error);

	if (result != 0)
		return result;
	view = host_netns_view(*namespace);
	view.since_ns = clock_monotonic_ns();
	result = attribution_add_namespace(set->options.attribution, &view);
	if (result == 0)
		return 0;
	host_netns_close(*namespace);
	return error_set(error, -result, "too many network namespaces");
}

/* Takes fd over. */
static int add(struct host_netns_set *set, int fd, uint32_t netns, uint32_t uid, int64_t made_ns,
               struct error *degraded, struct error *error)
{
	struct watched *grown = realloc(set->watched, ((size_t)set->count + 1) * sizeof *grown);
	struct host_netns *namespace;
	int64_t age_ns;
	uint64_t missed;
	int result;

	if (!grown) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	set->watched = grown;
	set->options.found(set->options.context, netns, fd);
	age_ns = made_ns > 0 ? clock_monotonic_ns() - made_ns : 0;
	missed = count_missed(fd);
	result = open_namespace(set, fd, netns, &namespace, degraded, error);
	if (result != 0) {
		set->options.closing(set->options.context, netns);
		return result;
	}
	set->watched[set->count++] = (struct watched){
		.namespace = namespace,
		.uid = uid,
		.alive = true,
	};
	/* Where the own one cannot be asked about NAT, nor can the others. */
	if (fd < 0)
		set->shared.tracks = host_netns_view(namespace).conntrack != NULL;
	set->options.opened(set->options.context, netns, host_netns_fd(namespace), age_ns, missed);
	return 0;
}

int host_netns_set_add_own(struct host_netns_set *set, uint32_t netns, struct error *degraded,
                           struct error *error)
{
	host_netns_quota_take(&set->quota, 0, false, 0);
	return add(set, -1, netns, 0, 0, degraded, error);
}

int host_netns_set_add_path(struct host_netns_set *set, const char *path, struct error *error)
{
	struct error degraded = { 0 };
	uint32_t netns;
	int fd = netns_open_path(path, &netns, error);

	if (fd < 0)
		return fd;
	if (host_netns_set_is_open(set, netns)) {
		close(fd);
		return 0;
	}
	host_netns_quota_take(&set->quota, 0, false, 0);
	return add(set, fd, netns, 0, 0, &degraded, error);
}

static void remove_namespace(struct host_netns_set *set, int number)
{
	struct host_netns *namespace = set->watched[number].namespace;
	uint32_t netns = host_netns_number(namespace);

	set->options.closing(set->options.context, netns);
	attribution_remove_namespace(set->options.attribution, netns);
	host_netns_quota_give(&set->quota, set->watched[number].uid);
	host_netns_add_counters(namespace, &set->closed);
	host_netns_close(namespace);
	memmove(&set->watched[number], &set->watched[number + 1],
	        (size_t)(--set->count - number) * sizeof *set->watched);
}

static struct watched *find(const struct host_netns_set *set, uint32_t netns)
{
	for (int i = 0; i < set->count; i++)
		if (host_netns_number(set->watched[i].namespace) == netns)
			return &set->watched[i];
	return NULL;
}

static bool is_waiting(const struct host_netns_set *set, uint32_t netns)
{
	for (int i = 0; i < set->waiting_count; i++)
		if (set->waiting[i].netns == netns)
			return true;
	return false;
}

/* A namespace that cannot be opened is tried again at the next look. */
static void open_found(struct host_netns_set *set, const struct waiting *found)
{
	struct error degraded, error;

	if (add(set, found->fd, found->netns, found->uid, found->made_ns, &degraded, &error) != 0)
		host_netns_quota_give(&set->quota, found->uid);
}

void host_netns_set_offer(struct host_netns_set *set, uint32_t netns, const char *path,
                          int64_t made_ns)
{
	struct waiting found = { .made_ns = made_ns };
	struct watched *watched = find(set, netns);
	struct error error;

	if (watched) {
		watched->alive = true;
		watched->dead = false;
		return;
	}
	if (!netns_can_enter() || is_waiting(set, netns) || set->waiting_count == WAITING_MAX)
		return;
	found.fd = netns_open_path(path, &found.netns, &error);
	if (found.fd < 0)
		return;
	found.uid = netns_owner(found.fd);
	/* Another number: the process moved or is another one by now. */
	if (found.netns != netns ||
	    !host_netns_quota_take(&set->quota, found.uid, set->running, clock_monotonic_ns()))
		close(found.fd);
	else if (set->running)
		set->waiting[set->waiting_count++] = found;
	else
		open_found(set, &found);
}

void host_netns_set_begin(struct host_netns_set *set)
{
	set->running = true;
}

bool host_netns_set_step(struct host_netns_set *set)
{
	struct waiting first = set->waiting[0];

	if (set->waiting_count > 0) {
		memmove(set->waiting, set->waiting + 1,
		        (size_t)--set->waiting_count * sizeof first);
		open_found(set, &first);
		return true;
	}
	for (int i = set->count - 1; i >= 0; i--) {
		if (!set->watched[i].dead)
			continue;
		remove_namespace(set, i);
		return true;
	}
	return false;
}

bool host_netns_set_waits(const struct host_netns_set *set)
{
	return set->waiting_count > 0;
}

int host_netns_set_max(const struct host_netns_set *set)
{
	return set->quota.max;
}

bool host_netns_set_report(struct host_netns_set *set, struct host_netns_quota_user *report)
{
	return host_netns_quota_report(&set->quota, clock_monotonic_ns(), report);
}

static void on_namespace(void *context, uint32_t netns, const char *path)
{
	host_netns_set_offer(context, netns, path, 0);
}

void host_netns_set_look(struct host_netns_set *set)
{
	bool complete;

	for (int i = 0; i < set->count; i++) {
		set->watched[i].was_alive = set->watched[i].alive;
		set->watched[i].alive = false;
	}
	complete = netns_each(on_namespace, set) == 0;
	for (int i = set->count - 1; i >= 0; i--) {
		struct watched *watched = &set->watched[i];

		watched->alive |= !complete;
		/* Not at once: the last packets have come through the ring by the next look. */
		if (!watched->alive && !watched->was_alive &&
		    host_netns_fd(watched->namespace) >= 0)
			watched->dead = true;
	}
}

void host_netns_set_catch_up(struct host_netns_set *set)
{
	host_netns_ends_catch_up(set->shared.ends);
	for (int i = 0; i < set->count && set->shared.resyncing > 0; i++)
		host_netns_catch_up(set->watched[i].namespace);
}

void host_netns_set_read_ended(struct host_netns_set *set, int64_t packets_ns)
{
	if (packets_ns >= host_netns_ends_read_ns(set->shared.ends))
		host_netns_ends_catch_up(set->shared.ends);
}

bool host_netns_set_is_open(const struct host_netns_set *set, uint32_t netns)
{
	return find(set, netns) != NULL;
}

int host_netns_set_fd(const struct host_netns_set *set, uint32_t netns)
{
	const struct watched *watched = find(set, netns);

	return watched ? host_netns_fd(watched->namespace) : -1;
}

void host_netns_set_list(const struct host_netns_set *set, uint32_t netns,
                         socket_callback *callback, void *context)
{
	const struct watched *watched = find(set, netns);

	if (watched)
		host_netns_list(watched->namespace, callback, context);
}

bool host_netns_set_tracks(const struct host_netns_set *set)
{
	for (int i = 0; i < set->count; i++)
		if (host_netns_view(set->watched[i].namespace).conntrack)
			return true;
	return false;
}

int host_netns_set_numbers(const struct host_netns_set *set, uint32_t *numbers, int max)
{
	for (int i = 0; i < set->count && i < max; i++)
		numbers[i] = host_netns_number(set->watched[i].namespace);
	return set->count;
}

void host_netns_set_read_counters(const struct host_netns_set *set,
                                  struct host_netns_counters *counters)
{
	*counters = set->closed;
	for (int i = 0; i < set->count; i++)
		host_netns_add_counters(set->watched[i].namespace, counters);
}
