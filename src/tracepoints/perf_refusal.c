/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/perf_refusal.h"

#include <linux/capability.h>

#include "security/capabilities.h"

/* The highest level at which CAP_PERFMON is enough. */
#define PARANOID_LINUX 2

/* All the capabilities are there: what remains does not depend on them. */
static int explain_held(const struct perf_refusal *refusal, const char *capability,
                        struct error *error)
{
	return error_set(error, refusal->code,
	                 "perf events are refused although %s is held: by seccomp, a security "
	                 "module, or because it is held in a user namespace alone",
	                 capability);
}

int perf_refusal_explain(const struct perf_refusal *refusal, struct error *error)
{
	bool admin = capabilities_have(refusal->capabilities, CAP_SYS_ADMIN);
	bool perfmon = capabilities_have(refusal->capabilities, CAP_PERFMON);
	int paranoid = refusal->paranoid;

	if (refusal->locked_down)
		return error_set(error, refusal->code,
		                 "perf events: the kernel is locked down (confidentiality)");
	if (admin)
		return explain_held(refusal, "CAP_SYS_ADMIN", error);
	if (!refusal->knows_perfmon)
		return error_set(error, refusal->code,
		                 "perf events need CAP_SYS_ADMIN (CAP_PERFMON is enough from "
		                 "Linux 5.8 on)");
	if (paranoid > PARANOID_LINUX && perfmon)
		return error_set(error, refusal->code,
		                 "perf events need CAP_SYS_ADMIN as long as "
		                 "kernel.perf_event_paranoid is %d; after `sysctl "
		                 "kernel.perf_event_paranoid=%d` CAP_PERFMON, which is held, is "
		                 "enough",
		                 paranoid, PARANOID_LINUX);
	if (paranoid > PARANOID_LINUX)
		return error_set(error, refusal->code,
		                 "perf events need CAP_SYS_ADMIN as long as "
		                 "kernel.perf_event_paranoid is %d, or CAP_PERFMON after `sysctl "
		                 "kernel.perf_event_paranoid=%d`",
		                 paranoid, PARANOID_LINUX);
	if (perfmon && paranoid == PERF_PARANOID_UNKNOWN)
		return error_set(error, refusal->code,
		                 "perf events need CAP_SYS_ADMIN where "
		                 "kernel.perf_event_paranoid is above %d (it cannot be read "
		                 "here), or seccomp refuses them",
		                 PARANOID_LINUX);
	if (perfmon)
		return explain_held(refusal, "CAP_PERFMON", error);
	return error_set(error, refusal->code, "perf events need CAP_PERFMON");
}

int perf_refusal_capability(const struct perf_refusal *refusal)
{
	return refusal->knows_perfmon && refusal->paranoid <= PARANOID_LINUX &&
	                       capabilities_have(refusal->capabilities, CAP_PERFMON)
	               ? CAP_PERFMON
	               : CAP_SYS_ADMIN;
}
