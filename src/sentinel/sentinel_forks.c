/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_forks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "processes/proc_events.h"
#include "processes/process_read.h"
#include "sentinel/sentinel_fds.h"
#include "sentinel/sentinel_pidfd.h"

#define SCAN_MAX  64 /* descriptors of a child */
#define BUDGET_NS 150000

bool sentinel_listeners_add(struct sentinel_listeners *listeners, int pid)
{
	uint32_t at;

	for (int i = 0; i < SENTINEL_FILTER_PIDS_MAX; i++)
		if (atomic_load_explicit(&listeners->pids[i], memory_order_relaxed) == pid)
			return false;
	at = atomic_fetch_add_explicit(&listeners->next, 1, memory_order_relaxed);
	atomic_store_explicit(&listeners->pids[at % SENTINEL_FILTER_PIDS_MAX], pid,
	                      memory_order_relaxed);
	atomic_fetch_add_explicit(&listeners->generation, 1, memory_order_release);
	return true;
}

static void remove_listener(struct sentinel_listeners *listeners, int pid)
{
	for (int i = 0; i < SENTINEL_FILTER_PIDS_MAX; i++) {
		int expected = pid;

		if (atomic_compare_exchange_strong_explicit(&listeners->pids[i], &expected, 0,
		                                            memory_order_relaxed,
		                                            memory_order_relaxed))
			atomic_fetch_add_explicit(&listeners->generation, 1, memory_order_release);
	}
}

void sentinel_forks_init(struct sentinel_forks *forks, uint32_t share, uint32_t shares)
{
	forks->share = share;
	forks->shares = shares;
	for (int i = 0; i < SENTINEL_FORKS_PENDING; i++)
		forks->children[i].dir = -1;
	forks->scan.fd = -1;
	if (share >= shares || proc_events_open(&forks->events, PROC_EVENTS_LIVES, NULL) < 0)
		return;
	forks->generation = atomic_load(&forks->listeners->generation) - 1;
	sentinel_forks_refresh(forks);
}

static void drop_child(struct sentinel_forks *forks, struct sentinel_child *child)
{
	close(child->dir);
	child->dir = -1;
	forks->pending--;
}

static void drop_parent(struct sentinel_parent *parent)
{
	if (parent->pid != 0)
		close(parent->dir);
	parent->pid = 0;
}

void sentinel_forks_destroy(struct sentinel_forks *forks)
{
	for (int i = 0; i < SENTINEL_FORKS_PENDING; i++)
		if (forks->children[i].dir >= 0)
			drop_child(forks, &forks->children[i]);
	for (int i = 0; i < SENTINEL_FORKS_PARENTS; i++)
		drop_parent(&forks->parents[i]);
	proc_events_close(forks->events);
}

int sentinel_forks_fd(const struct sentinel_forks *forks)
{
	return forks->events ? proc_events_fd(forks->events) : -1;
}

void sentinel_forks_refresh(struct sentinel_forks *forks)
{
	uint32_t generation =
		atomic_load_explicit(&forks->listeners->generation, memory_order_acquire);
	struct sock_filter code[SENTINEL_FILTER_MAX];
	int pids[SENTINEL_FILTER_PIDS_MAX], count = 0;

	if (!forks->events || generation == forks->generation)
		return;
	for (int i = 0; i < SENTINEL_FILTER_PIDS_MAX; i++) {
		int pid = atomic_load_explicit(&forks->listeners->pids[i], memory_order_relaxed);

		if (pid != 0)
			pids[count++] = pid;
	}
	forks->generation = generation;
	sentinel_filter_attach(
		proc_events_fd(forks->events), code,
		sentinel_filter_forks(code, pids, count, forks->share, forks->shares));
}

/* NULL: it is gone. */
static struct sentinel_parent *find_parent(struct sentinel_forks *forks, int pid)
{
	struct sentinel_parent *parent;
	int dir;

	for (int i = 0; i < SENTINEL_FORKS_PARENTS; i++)
		if (forks->parents[i].pid == pid)
			return &forks->parents[i];
	dir = process_read_open(forks->proc_fd, pid);
	if (dir < 0)
		return NULL;
	parent = &forks->parents[forks->next_parent++ % SENTINEL_FORKS_PARENTS];
	drop_parent(parent);
	*parent = (struct sentinel_parent){ .pid = pid, .dir = dir, .fd = -1 };
	return parent;
}

static bool is_other(const struct sentinel_parent *parent, uint64_t inode)
{
	for (int i = 0; i < SENTINEL_FORKS_OTHERS; i++)
		if (parent->others[i] == inode)
			return true;
	return false;
}

static void add_other(struct sentinel_parent *parent, uint64_t inode)
{
	parent->others[parent->next_other++ % SENTINEL_FORKS_OTHERS] = inode;
}

/* The number of the namespace, 0 when it is not watched. */
static uint32_t find_netns(const struct sentinel_forks *forks, uint64_t cookie)
{
	for (int i = 0; i < SENTINEL_NETNS_MAX; i++)
		if (atomic_load_explicit(&forks->namespaces[i].state, memory_order_acquire) ==
		            SENTINEL_NETNS_WATCHED &&
		    forks->namespaces[i].netns_cookie == cookie)
			return forks->namespaces[i].number;
	return 0;
}

static struct sentinel_child *new_child(struct sentinel_forks *forks)
{
	struct sentinel_child *child =
		&forks->children[forks->next_child++ % SENTINEL_FORKS_PENDING];

	if (child->dir >= 0) {
		drop_child(forks, child);
		sentinel_report_count(forks->report, SENTINEL_OVER_BUDGET);
	}
	forks->pending++;
	return child;
}

/* Is this descriptor of the child a connection that the parent has just accepted? Then it waits. */
static bool try_descriptor(struct sentinel_forks *forks, struct sentinel_parent *parent, int pid,
                           int dir, int fd)
{
	struct sentinel_pidfd_connection connection;
	int64_t inode = sentinel_fds_inode(dir, fd);
	struct sentinel_child *child;
	struct process_stat stat;
	int64_t now_ns = clock_monotonic_ns();
	uint32_t netns;

	if (inode <= 0 || is_other(parent, (uint64_t)inode))
		return false;
	if (!sentinel_pidfd_connection(pid, fd, &connection) ||
	    connection.inode != (uint64_t)inode) {
		add_other(parent, (uint64_t)inode);
		return false;
	}
	netns = find_netns(forks, connection.netns_cookie);
	/* That it can still be read proves that the pid was not another's meanwhile. */
	if (netns == 0 || process_read_stat(dir, &stat) < 0)
		return false;
	parent->fd = fd;
	child = new_child(forks);
	*child = (struct sentinel_child){
		.dir = fcntl(dir, F_DUPFD_CLOEXEC, 0),
		.parent_pid = parent->pid,
		.fd = fd,
		.stat = stat,
		.stat_ns = now_ns,
		.sighting = { .how = SENTINEL_CHILD,
		              .tuple = connection.tuple,
		              .netns = netns,
		              .inode = connection.inode,
		              .cookie = connection.cookie,
		              .pid = pid,
		              .start_ticks = stat.start_ticks,
		              .time_ns = clock_monotonic_ns(),
		              .packet_ns = clock_realtime_ns() },
	};
	if (child->dir < 0)
		forks->pending--;
	return true;
}

static void scan(struct sentinel_forks *forks, struct sentinel_parent *parent, int pid, int dir)
{
	int64_t deadline_ns = clock_monotonic_ns() + BUDGET_NS;
	int fd;

	if (proc_dir_open(&forks->scan, dir, "fd") < 0)
		return;
	for (int i = 0; i < SCAN_MAX && proc_dir_next(&forks->scan, &fd) > 0; i++) {
		try_descriptor(forks, parent, pid, dir, fd);
		if (clock_monotonic_ns() > deadline_ns) {
			sentinel_report_count(forks->report, SENTINEL_OVER_BUDGET);
			break;
		}
	}
	proc_dir_close(&forks->scan);
}

static void look_at(struct sentinel_forks *forks, int pid, int parent_pid)
{
	struct sentinel_parent *parent = find_parent(forks, parent_pid);
	int dir = process_read_open(forks->proc_fd, pid);

	sentinel_report_count(forks->report, SENTINEL_CHILDREN);
	if (!parent)
		remove_listener(forks->listeners, parent_pid);
	/* A server that closes after each fork gets the same number each time. */
	if (parent && dir >= 0 &&
	    (parent->fd < 0 || !try_descriptor(forks, parent, pid, dir, parent->fd)))
		scan(forks, parent, pid, dir);
	if (dir >= 0)
		close(dir);
}

void sentinel_forks_read(struct sentinel_forks *forks)
{
	union {
		struct nlmsghdr header;
		char bytes[128];
	} message;
	struct sockaddr_nl from = { .nl_pid = 1 };
	socklen_t size = sizeof from;
	struct proc_event event;
	ssize_t length = recvfrom(proc_events_fd(forks->events), &message, sizeof message,
	                          MSG_DONTWAIT, (void *)&from, &size);

	if (length < 0 && errno == ENOBUFS)
		sentinel_report_count(forks->report, SENTINEL_EVENTS_LOST);
	if (length < NLMSG_HDRLEN || from.nl_pid != 0)
		return;
	if (proc_events_parse(message.bytes + NLMSG_HDRLEN, (size_t)length - NLMSG_HDRLEN,
	                      &event) &&
	    event.kind == PROC_EVENT_FORK)
		look_at(forks, event.pid, event.parent_pid);
}

/* A child that ran another program without the descriptor was never meant to have it. */
static bool is_owner(struct sentinel_forks *forks, const struct sentinel_child *child)
{
	if (sentinel_fds_holds(child->dir, child->fd, child->sighting.inode))
		return true;
	sentinel_pids_read(forks->young, 2 * SENTINEL_PIDS_BATCH);
	return !sentinel_pids_executed(forks->young, child->sighting.pid);
}

/* What the parent has now where it had the connection. */
static int64_t ask_parent(struct sentinel_forks *forks, const struct sentinel_child *child)
{
	struct sentinel_parent *parent = find_parent(forks, child->parent_pid);
	int64_t inode = parent ? sentinel_fds_inode(parent->dir, child->fd) : -ESRCH;

	/* What is remembered may be one who had the pid before. */
	if (inode == -ESRCH && parent) {
		drop_parent(parent);
		parent = find_parent(forks, child->parent_pid);
		inode = parent ? sentinel_fds_inode(parent->dir, child->fd) : -ESRCH;
	}
	return inode;
}

/* True when the child need not wait any more. */
static bool work_on(struct sentinel_forks *forks, struct sentinel_child *child, int64_t now_ns)
{
	int64_t inode = ask_parent(forks, child);
	struct sentinel_parent *parent;

	if (inode == -EACCES)
		return true;
	if (inode != (int64_t)child->sighting.inode) {
		if (is_owner(forks, child)) {
			sentinel_report_process(forks->report, child->sighting.pid, child->dir,
			                        &child->stat, child->stat_ns);
			sentinel_report_sighting(forks->report, &child->sighting);
		}
		return true;
	}
	child->next_ns = now_ns + (WINDOW_SENTINEL_CHILD_NS << child->tries);
	if (++child->tries < WINDOW_SENTINEL_CHILD_TRIES)
		return false;
	parent = find_parent(forks, child->parent_pid);
	if (parent)
		add_other(parent, child->sighting.inode);
	return true;
}

int64_t sentinel_forks_work(struct sentinel_forks *forks)
{
	int64_t now_ns = forks->pending > 0 ? clock_monotonic_ns() : 0, wait_ns = -1;

	for (int i = 0; forks->pending > 0 && i < SENTINEL_FORKS_PENDING; i++) {
		struct sentinel_child *child = &forks->children[i];

		if (child->dir < 0)
			continue;
		if (now_ns >= child->next_ns && work_on(forks, child, now_ns)) {
			drop_child(forks, child);
			continue;
		}
		if (wait_ns < 0 || child->next_ns - now_ns < wait_ns)
			wait_ns = child->next_ns - now_ns;
	}
	return wait_ns < 0 ? -1 : wait_ns > 0 ? wait_ns : 1;
}
