/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/perf_error.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "security/capabilities.h"
#include "tracepoints/perf_refusal.h"
#include "tracepoints/tracefs.h"

static int read_number(const char *path, int otherwise)
{
	char text[32];

	return tracefs_read_text(path, text, sizeof text) > 0 ? (int)strtol(text, NULL, 10)
	                                                      : otherwise;
}

static void read_refusal(struct perf_refusal *refusal, int code)
{
	char lockdown[64];

	*refusal = (struct perf_refusal){
		.code = code,
		.paranoid =
			read_number("/proc/sys/kernel/perf_event_paranoid", PERF_PARANOID_UNKNOWN),
		.locked_down = tracefs_read_text("/sys/kernel/security/lockdown", lockdown,
		                                 sizeof lockdown) > 0 &&
		               strstr(lockdown, "[confidentiality]"),
		.knows_perfmon =
			read_number("/proc/sys/kernel/cap_last_cap", INT_MAX) >= CAP_PERFMON,
		.capabilities = capabilities_effective(),
	};
}

static int explain_refusal(struct error *error, int code)
{
	struct perf_refusal refusal;

	read_refusal(&refusal, code);
	return perf_refusal_explain(&refusal, error);
}

int perf_error_explain(struct error *error, int code)
{
	if (code == EMFILE || code == ENFILE)
		return error_set(error, code, "no more file descriptors: nine a CPU are needed");
	if (code == ENOSYS)
		return error_set(error, code, "the kernel has no perf events");
	if (code == ENOMEM)
		return error_set(
			error, code,
			"no memory for the rings of perf events: kernel.perf_event_mlock_kb, "
			"RLIMIT_MEMLOCK or CAP_IPC_LOCK give it");
	if (code != EPERM && code != EACCES)
		return error_set(error, code, "perf_event_open: %s", strerror(code));
	return explain_refusal(error, code);
}

int perf_error_capability(void)
{
	struct perf_refusal refusal;

	read_refusal(&refusal, 0);
	return perf_refusal_capability(&refusal);
}
