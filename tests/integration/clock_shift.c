/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: the wall clock is CLOCK_SHIFT seconds later (earlier, when negative) as soon as
 * the file CLOCK_SHIFT_FILE exists. The clock of the machine stays as it is.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
	const char *file = getenv("CLOCK_SHIFT_FILE"), *shift = getenv("CLOCK_SHIFT");
	int result = (int)syscall(SYS_clock_gettime, clock, time);

	if (result == 0 && clock == CLOCK_REALTIME && file && shift && access(file, F_OK) == 0)
		time->tv_sec += atol(shift);
	return result;
}
