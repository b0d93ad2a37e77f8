/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

#define NAMES_MAX 64

static const struct {
	const char *name;
	int number;
} known[] = {
	{ "cap_dac_override", 1 }, { "cap_dac_read_search", 2 }, { "cap_kill", 5 },
	{ "cap_net_admin", 12 },   { "cap_net_raw", 13 },        { "cap_ipc_lock", 14 },
	{ "cap_sys_ptrace", 19 },  { "cap_sys_admin", 21 },      { "cap_sys_nice", 23 },
	{ "cap_perfmon", 38 },
};
#define KNOWN ((int)(sizeof known / sizeof known[0]))

static bool have_all(uint64_t set, const char *const *names, int count)
{
	int expected = 0;

	for (int i = 0; i < KNOWN; i++) {
		if (!(set >> known[i].number & 1))
			continue;
		if (expected >= count || strcmp(names[expected], known[i].name) != 0)
			return false;
		expected++;
	}
	return expected == count;
}

static void test_names(void)
{
	const char *names[NAMES_MAX];

	CHECK_EQUAL(capabilities_names(0, names, NAMES_MAX), 0, "none");
	for (int i = 0; i < KNOWN; i++) {
		uint64_t set = UINT64_C(1) << known[i].number;

		CHECK(capabilities_names(set, names, NAMES_MAX) == 1 &&
		              strcmp(names[0], known[i].name) == 0,
		      "%s", known[i].name);
		CHECK(strcmp(capabilities_name(known[i].number), known[i].name) == 0,
		      "%s by number", known[i].name);
		CHECK(capabilities_have(set, known[i].number) &&
		              !capabilities_have(~set, known[i].number),
		      "%s: held or not", known[i].name);
	}
	CHECK_EQUAL(capabilities_names(1, names, NAMES_MAX), 0,
	            "cap_chown makes no difference here");
	CHECK(!capabilities_name(0), "and has no name");
	CHECK(have_all(UINT64_MAX, names, capabilities_names(UINT64_MAX, names, NAMES_MAX)),
	      "all that do, lowest first");
	CHECK_EQUAL(capabilities_names(UINT64_MAX, names, 2), 2, "not more than there is room for");
}

/* As /proc shows it. */
static uint64_t shown(void)
{
	uint64_t set = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "CapEff:", 7) == 0)
			set = strtoull(line + 7, NULL, 16);
	if (file)
		fclose(file);
	return set;
}

static void test_effective(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct nothing[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	int status = 0;
	pid_t child;

	CHECK_EQUAL(capabilities_effective(), shown(), "as in /proc/self/status");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		bool gone =
			syscall(SYS_capset, &header, nothing) == 0 && capabilities_effective() == 0;

		_exit(gone ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	waitpid(child, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "dropped, they are gone");
}

int main(void)
{
	test_names();
	test_effective();
	return check_done();
}
