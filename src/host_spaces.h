/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespaces of the host that are open now; attribution knows the same ones. */
#ifndef SOCKLINE_HOST_SPACES_H
#define SOCKLINE_HOST_SPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/error.h"
#include "base/loop.h"
#include "host_space.h"

struct host_spaces;

struct host_spaces_options {
	struct loop *loop;               /* borrowed */
	struct attribution *attribution; /* borrowed */
	enum lister_mode sockets;
	struct host_space_callbacks callbacks;
	/* One was opened (fd -1: the own one), or is about to be closed. */
	void (*opened)(void *context, uint32_t netns, int fd);
	void (*closing)(void *context, uint32_t netns);
	void *context;
};

struct host_spaces *
host_spaces_new(const struct host_spaces_options *options); /* NULL: no memory */
/* Closes all, without callbacks. NULL is fine. */
void host_spaces_free(struct host_spaces *spaces);

/* netns: the number. *degraded says what the namespace lacks (code 0: nothing). 0 or -errno. */
int host_spaces_add_own(struct host_spaces *spaces, uint32_t netns, struct error *degraded,
                        struct error *error);
/* A file such as /run/netns/NAME; 0 also when it is open already. */
int host_spaces_add_path(struct host_spaces *spaces, const char *path, struct error *error);
/* Before packets are taken. */
void host_spaces_prepare(struct host_spaces *spaces);
/* Opens what is new on the host; closes what has neither process nor name any more. */
void host_spaces_look(struct host_spaces *spaces);

bool host_spaces_is_open(const struct host_spaces *spaces, uint32_t netns);
int host_spaces_fd(const struct host_spaces *spaces, uint32_t netns); /* -1: the own one */
/* Up to max numbers; returns how many there are. */
int host_spaces_numbers(const struct host_spaces *spaces, uint32_t *numbers, int max);
/* Sums, closed ones included. */
void host_spaces_read_counters(const struct host_spaces *spaces,
                               struct host_space_counters *counters);

#endif
