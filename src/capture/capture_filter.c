/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_filter.h"

#include <errno.h>
#include <stddef.h>
#include <pcap/pcap.h>

#define KERNEL_INSTRUCTIONS 4096 /* BPF_MAXINSNS, linux/bpf_common.h */
#define CHECK_SNAPLEN       262144

static int compile(pcap_t *handle, const char *filter, struct bpf_program *program,
                   struct error *error)
{
	const int optimize = 1;

	if (filter == NULL)
		filter = "";
	if (pcap_compile(handle, program, filter, optimize, PCAP_NETMASK_UNKNOWN) != 0)
		return error_set(error, EINVAL, "filter: %s: %s", pcap_geterr(handle), filter);
	/* Said here because libpcap would write a warning of its own to stderr. */
	if (program->bf_len > KERNEL_INSTRUCTIONS) {
		error_set(error, EINVAL, "filter: %u instructions, the kernel takes %d: %s",
		          program->bf_len, KERNEL_INSTRUCTIONS, filter);
		pcap_freecode(program);
		return -EINVAL;
	}
	return 0;
}

int capture_filter_install(struct pcap *handle, const char *filter, struct error *error)
{
	struct bpf_program program;
	int result = compile(handle, filter, &program, error);

	if (result != 0)
		return result;
	if (pcap_setfilter(handle, &program) != 0)
		result = error_set(error, EINVAL, "filter: %s: %s", pcap_geterr(handle),
		                   filter != NULL ? filter : "");
	pcap_freecode(&program);
	return result;
}

int capture_filter_compile(int link_type, const char *filter, struct bpf_program *program,
                           struct error *error)
{
	pcap_t *handle = pcap_open_dead(link_type, CHECK_SNAPLEN);
	int result;

	if (handle == NULL)
		return error_set(error, ENOMEM, "out of memory");
	result = compile(handle, filter, program, error);
	pcap_close(handle);
	return result;
}

static int check(int link_type, const char *filter, struct error *error)
{
	struct bpf_program program;
	int result = capture_filter_compile(link_type, filter, &program, error);

	if (result == 0)
		pcap_freecode(&program);
	return result;
}

int capture_filter_check(const char *filter, struct error *error)
{
	int result = check(DLT_EN10MB, filter, error);

	/* "ifindex 2" is for "any" only, "ether host" for Ethernet only. */
	if (result == -EINVAL && check(DLT_LINUX_SLL2, filter, NULL) == 0)
		result = 0;
	return result;
}
