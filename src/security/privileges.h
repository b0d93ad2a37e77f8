/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which capabilities stay in force once everything is open, and what for. All others are dropped,
 * so that a fault in what reads packets is worth little to its finder.
 */
#ifndef SOCKLINE_SECURITY_PRIVILEGES_H
#define SOCKLINE_SECURITY_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

#define PRIVILEGES_MAX 16

/* A capability that a feature needs later on, too. One capability may be there for several. */
struct privilege {
	int capability;
	const char *feature; /* constant: "capture" */
};

struct privileges {
	struct privilege list[PRIVILEGES_MAX];
	int count;
};

/* Has no effect where the calling thread does not have it, or where the list has it already. */
void privileges_need(struct privileges *privileges, int capability, const char *feature);
uint64_t privileges_set(const struct privileges *privileges); /* as in capabilities.h */

/* What looks into processes: their descriptors, and the links in /proc/PID/fd. */
#define PRIVILEGES_LOOK (capabilities_bit(CAP_DAC_READ_SEARCH) | capabilities_bit(CAP_SYS_PTRACE))

/*
 * The calling thread keeps, of the capabilities that it has, those of `keep`. It gets no others
 * again: no_new_privs is set, and where CAP_SETPCAP is held, the bounding set is cut down to
 * `keep` and root is no exception any more (capabilities(7), securebits). Threads that it makes
 * later begin with the same. May be called again with less. 0 or -errno.
 */
int privileges_limit_thread(uint64_t keep);
/* The whole process: no core file, and no user may trace it or read its memory without CAP_SYS_PTRACE. */
int privileges_protect_memory(void);

/*
 * Whether a file in the folder of path can be made only by CAP_DAC_OVERRIDE, as by root in the
 * folder of a user. False as well where it cannot be made at all.
 */
bool privileges_override_needed(const char *path);
/* The same of what access(2) allows with `mode` for a file, a folder or a socket that exists. */
bool privileges_override_needed_for(const char *name, int mode);

#endif
