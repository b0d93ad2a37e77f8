/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_loadavg.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int proc_loadavg_last_pid(int fd)
{
	char text[128];
	ssize_t length = pread(fd, text, sizeof text - 1, 0);
	const char *last;
	long long pid;

	if (length <= 0)
		return 0;
	text[length] = '\0';
	last = strrchr(text, ' ');
	pid = last ? strtoll(last, NULL, 10) : 0;
	return pid > 0 && pid <= INT_MAX ? (int)pid : 0;
}
