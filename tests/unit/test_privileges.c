/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/privileges.h"

#include <linux/securebits.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "security/capabilities.h"

#define NET_RAW (UINT64_C(1) << CAP_NET_RAW)
#define KEPT    (NET_RAW | UINT64_C(1) << CAP_SYS_PTRACE)

/* Each limits itself for good: a process of its own. */
static bool in_child(bool (*test)(void))
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(test() ? EXIT_SUCCESS : EXIT_FAILURE);
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == EXIT_SUCCESS;
}

static bool drops_all_others(void)
{
	return privileges_limit_thread(KEPT) == 0 && capabilities_effective() == KEPT &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
	       prctl(PR_CAPBSET_READ, CAP_NET_RAW, 0, 0, 0) == 1 &&
	       prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0;
}

static bool locks_securebits(void)
{
	const int wanted = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED;

	return privileges_limit_thread(KEPT) == 0 &&
	       (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & wanted) == wanted;
}

static bool drops_more_later(void)
{
	return privileges_limit_thread(KEPT) == 0 && privileges_limit_thread(NET_RAW) == 0 &&
	       capabilities_effective() == NET_RAW && privileges_limit_thread(KEPT) == 0 &&
	       capabilities_effective() == NET_RAW;
}

static void *read_effective(void *result)
{
	*(uint64_t *)result = capabilities_effective();
	return NULL;
}

static bool limits_later_threads(void)
{
	uint64_t held = UINT64_MAX;
	pthread_t thread;

	return privileges_limit_thread(NET_RAW) == 0 &&
	       pthread_create(&thread, NULL, read_effective, &held) == 0 &&
	       pthread_join(thread, NULL) == 0 && held == NET_RAW;
}

static bool has_no_core(void)
{
	struct rlimit limit = { 1, 1 };

	return privileges_protect_memory() == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
	       limit.rlim_cur == 0 && limit.rlim_max == 0;
}

static void test_list(void)
{
	struct privileges privileges = { 0 };

	CHECK_EQUAL(privileges_set(&privileges), 0, "nothing is needed at first");
	privileges_need(&privileges, CAP_NET_RAW, "capture");
	privileges_need(&privileges, CAP_NET_RAW, "capture");
	CHECK_EQUAL(privileges.count, 1, "once for a feature");
	privileges_need(&privileges, CAP_NET_RAW, "another");
	CHECK(privileges.count == 2 && privileges_set(&privileges) == NET_RAW, "once for each");
	privileges_need(&privileges, 63, "capture");
	CHECK_EQUAL(privileges.count, 2, "what is not held is not kept");
	for (int i = 0; i < 2 * PRIVILEGES_MAX; i++) {
		static const char names[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

		privileges_need(&privileges, CAP_NET_RAW, names + i);
	}
	CHECK_EQUAL(privileges.count, PRIVILEGES_MAX, "not more than there is room for");
}

static void test_override(void)
{
	char folder[] = "/tmp/sockline-test-XXXXXX", name[64];

	if (!mkdtemp(folder))
		return;
	snprintf(name, sizeof name, "%s/file", folder);
	CHECK(!privileges_override_needed(name), "a folder of root");
	CHECK(chown(folder, 65534, 65534) == 0 && privileges_override_needed(name),
	      "a folder of a user");
	CHECK(chmod(folder, 0777) == 0 && !privileges_override_needed(name), "a folder of all");
	CHECK(!privileges_override_needed("file"), "the present folder");
	CHECK(!privileges_override_needed("/no/such/folder/file"), "no such folder");
	rmdir(folder);
}

int main(void)
{
	uint64_t needed = KEPT | UINT64_C(1) << CAP_SETPCAP | UINT64_C(1) << CAP_DAC_OVERRIDE;

	CHECK(in_child(has_no_core), "no core file");
	if ((capabilities_effective() & needed) != needed) {
		CHECK(true, "# SKIP needs root");
		return check_done();
	}
	test_list();
	test_override();
	CHECK(in_child(drops_all_others), "all others are dropped, from the bounding set as well");
	CHECK(in_child(locks_securebits), "root is no exception any more");
	CHECK(in_child(drops_more_later), "again with less; what is gone does not come back");
	CHECK(in_child(limits_later_threads), "threads that are made later have the same");
	return check_done();
}
