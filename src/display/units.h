/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for a glance: three digits and a letter for thousands, millions and so on. */
#ifndef SOCKLINE_DISPLAY_UNITS_H
#define SOCKLINE_DISPLAY_UNITS_H

#include <stdint.h>

#define UNITS_MAX 6 /* with the NUL: "999", "1.00k", "12.3M", "18.4E" */

/* Never more than the number: it is cut, not rounded. */
void units_format(char text[UNITS_MAX], uint64_t number);
/* Units in a second, after ns > 0 nanoseconds. */
uint64_t units_rate(uint64_t number, int64_t ns);

#endif
