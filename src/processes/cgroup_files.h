/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where the control groups of v2 are mounted, and which of their paths are ours. */
#ifndef SOCKLINE_PROCESSES_CGROUP_FILES_H
#define SOCKLINE_PROCESSES_CGROUP_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* Descriptor, or -1 where it is not known. */
int cgroup_files_open(void);
/* Paths as the kernel reports them are those of /proc: we are in no cgroup namespace. */
bool cgroup_files_are_ours(void);
/* v2 is not beside v1. */
bool cgroup_files_all_v2(int cgroups);

#endif
