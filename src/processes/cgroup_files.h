/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where the control groups of v2 are mounted, and which one has which number. */
#ifndef SOCKLINE_PROCESSES_CGROUP_FILES_H
#define SOCKLINE_PROCESSES_CGROUP_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* Descriptor, or -1 where it is not known. */
int cgroup_files_open(void);
/* Is that the number of the cgroup with this path, as /proc/PID/cgroup gives it? */
bool cgroup_files_is(int cgroups, const char *path, uint64_t id);

#endif
