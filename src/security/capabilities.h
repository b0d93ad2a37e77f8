/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The effective capabilities of this process (capabilities(7)). */
#ifndef SOCKLINE_SECURITY_CAPABILITIES_H
#define SOCKLINE_SECURITY_CAPABILITIES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef CAP_PERFMON /* Linux 5.8 */
#define CAP_PERFMON 38
#endif

/* Bit n is capability n of linux/capability.h; 0 when the kernel does not say. */
uint64_t capabilities_effective(void);
bool capabilities_have(uint64_t set, int capability);

static inline uint64_t capabilities_bit(int capability)
{
	return UINT64_C(1) << capability;
}

/* "cap_net_raw"; NULL for one that makes no difference to sockline. */
const char *capabilities_name(int capability);
/*
 * Names of those that make a difference to sockline, lowest first; up to max pointers to constant
 * strings. Returns their number.
 */
int capabilities_names(uint64_t set, const char **names, int max);

#endif
