/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	int number;
	const char *name;
} known[] = {
	{ CAP_DAC_OVERRIDE, "cap_dac_override" },
	{ CAP_DAC_READ_SEARCH, "cap_dac_read_search" },
	{ CAP_KILL, "cap_kill" },
	{ CAP_NET_ADMIN, "cap_net_admin" },
	{ CAP_NET_RAW, "cap_net_raw" },
	{ CAP_IPC_LOCK, "cap_ipc_lock" },
	{ CAP_SYS_PTRACE, "cap_sys_ptrace" },
	{ CAP_SYS_ADMIN, "cap_sys_admin" },
	{ CAP_SYS_NICE, "cap_sys_nice" },
	{ CAP_PERFMON, "cap_perfmon" },
};

uint64_t capabilities_effective(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, data) != 0)
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

bool capabilities_have(uint64_t set, int capability)
{
	return (set >> capability & 1) != 0;
}

const char *capabilities_name(int capability)
{
	for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].number == capability)
			return known[i].name;
	return NULL;
}

int capabilities_names(uint64_t set, const char **names, int max)
{
	int count = 0;

	for (unsigned i = 0; i < sizeof known / sizeof known[0] && count < max; i++)
		if (capabilities_have(set, known[i].number))
			names[count++] = known[i].name;
	return count;
}
