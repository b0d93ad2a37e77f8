/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of a process do in the kernel: /proc/PID/task/TID/syscall, proc_pid_syscall(5). */
#ifndef SOCKLINE_PROCESSES_PROCESS_WAITS_H
#define SOCKLINE_PROCESSES_PROCESS_WAITS_H

/*
 * Does each thread wait in a system call that sends nothing? 1. 0: one does something else, or may.
 * -errno: it is not known; -E2BIG: there are more threads than `most`. dir: as process_table_dir
 * returns it. *read: how many files were read, some 3 us each.
 */
int process_waits(int dir, int most, int *read);

#endif
