/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/perf_refusal.h"

#include <errno.h>
#include <linux/capability.h>

#include "check.h"
#include "security/capabilities.h"

#define ADMIN    (UINT64_C(1) << CAP_SYS_ADMIN)
#define PERFMON  (UINT64_C(1) << CAP_PERFMON)
#define OTHERS   (~(ADMIN | PERFMON))
#define SYSCTL_2 "`sysctl kernel.perf_event_paranoid=2`"

static void test_texts(void)
{
	static const struct {
		const char *title;
		struct perf_refusal refusal;
		const char *has, *lacks;
	} cases[] = {
		{ "Linux 6.x: the capability is missing",
		  { EACCES, 2, false, true, OTHERS },
		  "need CAP_PERFMON",
		  "sysctl" },
		{ "Linux 5.7 has no CAP_PERFMON",
		  { EACCES, 2, false, false, OTHERS },
		  "need CAP_SYS_ADMIN (",
		  "sysctl" },
		{ "Debian: CAP_PERFMON is held and not enough",
		  { EACCES, 3, false, true, OTHERS | PERFMON },
		  "need CAP_SYS_ADMIN as long as kernel.perf_event_paranoid is 3; after " SYSCTL_2
		  " CAP_PERFMON, which is held, is enough",
		  "seccomp" },
		{ "Ubuntu: the same at 4",
		  { EACCES, 4, false, true, OTHERS | PERFMON },
		  "is 4; after " SYSCTL_2,
		  "seccomp" },
		{ "Debian: neither is held",
		  { EACCES, 3, false, true, 0 },
		  "or CAP_PERFMON after " SYSCTL_2,
		  "held" },
		{ "CAP_SYS_ADMIN is held: no capability helps",
		  { EPERM, 3, false, true, UINT64_MAX },
		  "although CAP_SYS_ADMIN is held: by seccomp",
		  "sysctl" },
		{ "CAP_PERFMON is held and the level is Linux' own",
		  { EPERM, 2, false, true, PERFMON },
		  "although CAP_PERFMON is held: by seccomp",
		  "CAP_SYS_ADMIN" },
		{ "the level cannot be read",
		  { EACCES, PERF_PARANOID_UNKNOWN, false, true, PERFMON },
		  "where kernel.perf_event_paranoid is above 2",
		  "-2147483648" },
		{ "neither level nor capability",
		  { EACCES, PERF_PARANOID_UNKNOWN, false, true, 0 },
		  "need CAP_PERFMON",
		  "-2147483648" },
		{ "locked down: root as well",
		  { EPERM, 3, true, true, UINT64_MAX },
		  "locked down (confidentiality)",
		  "CAP_" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct error error;

		if (!CHECK(perf_refusal_explain(&cases[i].refusal, &error) ==
		                           -cases[i].refusal.code &&
		                   error.code == cases[i].refusal.code &&
		                   strstr(error.text, cases[i].has) &&
		                   !strstr(error.text, cases[i].lacks),
		           "%s", cases[i].title))
			printf("# %s\n", error.text);
	}
}

/* No text is cut, and each names something that can be done or that stands in the way. */
static void test_all(void)
{
	int cut = 0, empty = 0;

	for (int paranoid = -1; paranoid <= 4; paranoid++) {
		for (int bits = 0; bits < 16; bits++) {
			const struct perf_refusal refusal = {
				.code = EACCES,
				.paranoid = paranoid,
				.locked_down = bits & 1,
				.knows_perfmon = bits & 2,
				.capabilities = (bits & 4 ? ADMIN : 0) | (bits & 8 ? PERFMON : 0),
			};
			struct error error;

			perf_refusal_explain(&refusal, &error);
			cut += strlen(error.text) >= sizeof error.text - 1;
			empty += !strstr(error.text, "CAP_") && !refusal.locked_down;
		}
	}
	CHECK_EQUAL(cut, 0, "every text has room");
	CHECK_EQUAL(empty, 0, "every text names a capability, or the lockdown");
}

static void test_capability(void)
{
	static const struct {
		const char *title;
		struct perf_refusal refusal;
		int expected;
	} cases[] = {
		{ "Linux' own level", { 0, 2, false, true, UINT64_MAX }, CAP_PERFMON },
		{ "Debian's level", { 0, 3, false, true, UINT64_MAX }, CAP_SYS_ADMIN },
		{ "Linux 5.7", { 0, 2, false, false, UINT64_MAX }, CAP_SYS_ADMIN },
		{ "CAP_SYS_ADMIN alone is held", { 0, 2, false, true, ADMIN }, CAP_SYS_ADMIN },
		{ "the level cannot be read",
		  { 0, PERF_PARANOID_UNKNOWN, false, true, PERFMON },
		  CAP_PERFMON },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_EQUAL(perf_refusal_capability(&cases[i].refusal), cases[i].expected,
		            "%s: the capability to keep", cases[i].title);
}

int main(void)
{
	test_texts();
	test_all();
	test_capability();
	return check_done();
}
