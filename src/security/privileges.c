/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "security/capabilities.h"

struct sets {
	uint64_t effective, permitted;
};

static int read_sets(struct sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, data) != 0)
		return -errno;
	sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* Nothing is inheritable. */
static int write_sets(const struct sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)sets->effective, .permitted = (uint32_t)sets->permitted },
		{ .effective = (uint32_t)(sets->effective >> 32),
		  .permitted = (uint32_t)(sets->permitted >> 32) },
	};

	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

static bool has(const struct privileges *privileges, int capability, const char *feature)
{
	for (int i = 0; i < privileges->count; i++)
		if (privileges->list[i].capability == capability &&
		    strcmp(privileges->list[i].feature, feature) == 0)
			return true;
	return false;
}

void privileges_need(struct privileges *privileges, int capability, const char *feature)
{
	if (privileges->count == PRIVILEGES_MAX || has(privileges, capability, feature) ||
	    !capabilities_have(capabilities_effective(), capability))
		return;
	privileges->list[privileges->count++] =
		(struct privilege){ .capability = capability, .feature = feature };
}

uint64_t privileges_set(const struct privileges *privileges)
{
	uint64_t set = 0;

	for (int i = 0; i < privileges->count; i++)
		set |= capabilities_bit(privileges->list[i].capability);
	return set;
}

/* Where a container has fixed them otherwise they stay: no_new_privs alone does as much. */
static void set_securebits(void)
{
	const unsigned long wanted = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
	                             SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
	                             SECBIT_NO_CAP_AMBIENT_RAISE |
	                             SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	int now = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (now >= 0)
		prctl(PR_SET_SECUREBITS, (unsigned long)now | wanted, 0, 0, 0);
}

/* Needs CAP_SETPCAP. */
static int cut_bounds(uint64_t keep)
{
	int held;

	for (int i = 0; (held = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++)
		if (held > 0 && !capabilities_have(keep, i) &&
		    prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
			return -errno;
	set_securebits();
	return 0;
}

int privileges_limit_thread(uint64_t keep)
{
	struct sets sets = { 0 };
	int result = read_sets(&sets);

	if (result != 0)
		return result;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0,
	      0); /* before Linux 4.3 there are none */
	if (capabilities_have(sets.effective, CAP_SETPCAP))
		result = cut_bounds(keep);
	if (result != 0)
		return result;
	sets.effective &= keep;
	sets.permitted &= keep;
	return write_sets(&sets);
}

int privileges_protect_memory(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return -errno;
#ifndef INSTRUMENTED /* LeakSanitizer traces the process from a thread of its own */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -errno;
#endif
	return 0;
}

static bool is_allowed(const char *name, int mode)
{
	return faccessat(AT_FDCWD, name, mode, AT_EACCESS) == 0;
}

bool privileges_override_needed(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof copy, "%s", path);
	return privileges_override_needed_for(dirname(copy), W_OK | X_OK);
}

bool privileges_override_needed_for(const char *name, int mode)
{
	struct sets sets = { 0 }, less;
	bool by_itself;

	if (read_sets(&sets) != 0 || !capabilities_have(sets.effective, CAP_DAC_OVERRIDE) ||
	    !is_allowed(name, mode))
		return false;
	less = sets;
	less.effective &= ~capabilities_bit(CAP_DAC_OVERRIDE);
	if (write_sets(&less) != 0)
		return true;
	by_itself = is_allowed(name, mode);
	return write_sets(&sets) != 0 || !by_itself;
}
