/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/loadavg, "0.00 0.01 0.05 1/123 4567". */
#ifndef SOCKLINE_PROCESSES_PROC_LOADAVG_H
#define SOCKLINE_PROCESSES_PROC_LOADAVG_H

/*
 * The last field is the pid given out last: the newest process, or a thread. fd is a
 * descriptor of the file, at any position. 0 when it cannot be read.
 */
int proc_loadavg_last_pid(int fd);

#endif
