/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "check.h"
#include "sentinel/sentinel_netns.h"

/* As RestrictAddressFamilies= of a systemd unit does. */
static bool refuse_inet(void)
{
	/* An argument has 64 bits: these are the low ones. */
	const uint32_t family = offsetof(struct seccomp_data, args[0]) +
	                        (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, family),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static bool is_local(struct sentinel_netns *netns, const char *text)
{
	struct inet_address address;

	inet_parse(text, &address);
	return sentinel_netns_is_local(netns, &address, 1, 1);
}

static bool has_v6(void)
{
	FILE *file = fopen("/proc/net/if_inet6", "r");
	bool has = file && fgetc(file) != EOF;

	if (file)
		fclose(file);
	return has;
}

static void test_addresses(bool by_routes)
{
	struct sentinel_netns netns = { .fd = -1 };
	struct error error;
	bool v6 = has_v6();

	if (!CHECK(sentinel_netns_open_local(&netns, &error) == 0 && !netns.routes == !by_routes,
	           "opens %s", by_routes ? "a socket for routes" : "probes"))
		return;
	CHECK(is_local(&netns, "127.0.0.1") && is_local(&netns, "127.4.5.6"), "loopback is local");
	CHECK(!is_local(&netns, "192.0.2.1"), "another's address is not");
	CHECK(!is_local(&netns, "0.0.0.0") && !is_local(&netns, "::"), "nor is any address");
	CHECK(!v6 || is_local(&netns, "::1"), "::1 is local");
	CHECK(!is_local(&netns, "2001:db8::1") && !is_local(&netns, "fe80::1:2:3"),
	      "others of IPv6 are not");
	sentinel_netns_close_local(&netns);
}

int main(void)
{
	test_addresses(false);
	if (refuse_inet())
		test_addresses(true);
	else
		puts("# seccomp is not to be had");
	return check_done();
}
