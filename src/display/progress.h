/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* How far a file is read, as one line for a terminal. */
#ifndef SOCKLINE_DISPLAY_PROGRESS_H
#define SOCKLINE_DISPLAY_PROGRESS_H

#include <stdint.h>

#define PROGRESS_TEXT_MAX 128

struct progress {
	uint64_t done, total; /* bytes of the file, as it is on disk; total 0: not known */
	uint64_t packets;
	int64_t elapsed_ns;
};

/* "45 %, 1.20M packets, 350k/s, 0:12 left"; what is not known is absent. ASCII. */
void progress_format(char text[PROGRESS_TEXT_MAX], const struct progress *progress);

#endif
