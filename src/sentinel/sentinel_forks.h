/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that fork a child for each connection. The child is looked at when it is
 * born: it has what the parent accepted. It is the owner as soon as the parent has
 * closed its own descriptor; until then both are, and that is for others to say.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_FORKS_H
#define SOCKLINE_SENTINEL_SENTINEL_FORKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "processes/proc_dir.h"
#include "sentinel/sentinel_filter.h"
#include "sentinel/sentinel_netns.h"
#include "sentinel/sentinel_pids.h"
#include "sentinel/sentinel_report.h"

struct proc_events;

#define SENTINEL_FORKS_PARENTS 8
#define SENTINEL_FORKS_PENDING 64
#define SENTINEL_FORKS_OTHERS  16

/* Processes that listen; shared by all threads, without locks. 0 = free. */
struct sentinel_listeners {
	_Atomic int pids[SENTINEL_FILTER_PIDS_MAX];
	_Atomic uint32_t next;
	_Atomic uint32_t generation; /* changes with them */
};
/* False: it is there already. */
bool sentinel_listeners_add(struct sentinel_listeners *listeners, int pid);

/* A listening process as one thread knows it. */
struct sentinel_parent {
	int pid; /* 0 = free */
	int dir;
	int fd; /* where its connections are, last time; -1 = not known */
	unsigned next_other;
	uint64_t others[SENTINEL_FORKS_OTHERS]; /* sockets that are no connections of its own */
};

/* A child whose connection the parent has as well, as far as is known. */
struct sentinel_child {
	int dir; /* -1 = free */
	int parent_pid;
	int fd;
	int tries;
	int64_t next_ns; /* monotonic: when the parent is looked at again */
	struct process_stat stat;
	int64_t stat_ns; /* monotonic: it was so then */
	struct sentinel_sighting sighting;
};

struct sentinel_forks {
	struct proc_events *events; /* NULL: there are none */
	uint32_t share, shares;
	uint32_t generation; /* of the listeners in the filter */
	struct sentinel_listeners *listeners;
	struct sentinel_pids *young;
	struct sentinel_report *report;
	const struct sentinel_netns *namespaces;
	int proc_fd; /* borrowed */
	unsigned next_parent, next_child;
	int pending;
	struct sentinel_parent parents[SENTINEL_FORKS_PARENTS];
	struct sentinel_child children[SENTINEL_FORKS_PENDING];
	struct proc_dir scan;
};

/*
 * Events of forks on CPUs whose number is share modulo shares. The pointers in *forks
 * are set already. Without events it is quiet.
 */
void sentinel_forks_init(struct sentinel_forks *forks, uint32_t share, uint32_t shares);
void sentinel_forks_destroy(struct sentinel_forks *forks);
int sentinel_forks_fd(const struct sentinel_forks *forks); /* -1 = none */
/* Attaches a new filter when the listeners have changed. */
void sentinel_forks_refresh(struct sentinel_forks *forks);

/* Reads one event and looks at the child. */
void sentinel_forks_read(struct sentinel_forks *forks);
/* Looks at parents whose time has come; nanoseconds until the next, -1 = there is none. */
int64_t sentinel_forks_work(struct sentinel_forks *forks);

#endif
