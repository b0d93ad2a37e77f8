/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_live.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_ether.h>
#include <pcap/pcap.h>

#include "attribution/windows.h"
#include "capture/capture_filter.h"
#include "capture/capture_socket.h"
#include "sockets/netns.h"

#define SNAPLEN_MAX    262144           /* MAXIMUM_SNAPLEN of libpcap */
#define COOKED_SIZE    20               /* sizeof(struct sll2_header) */
#define BUFFER_KIB_MAX (INT_MAX / 1024) /* libpcap takes an int of bytes */

static bool is_any(const char *interface)
{
	return strcmp(interface, CAPTURE_LIVE_ANY) == 0;
}

int capture_live_timeout_ms(const struct capture_options *options)
{
	return options->timeout_ms > 0 ? options->timeout_ms : WINDOW_CAPTURE_MS;
}

static int no_such_interface(const char *interface, struct error *error)
{
	return error_set(error, ENODEV, "interface %s: no such device", interface);
}

static int permission_denied(const char *interface, struct error *error)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	return error_set(error, EPERM,
	                 "interface %s: capturing needs CAP_NET_RAW: run as root or `setcap "
	                 "cap_net_raw,cap_dac_read_search,cap_sys_ptrace,cap_perfmon+ep %s`",
	                 interface, path);
}

static int activation_failed(pcap_t *handle, const char *interface, int status, struct error *error)
{
	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return permission_denied(interface, error);
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return no_such_interface(interface, error);
	case PCAP_ERROR_IFACE_NOT_UP:
		return error_set(error, ENETDOWN, "interface %s is down", interface);
	case PCAP_ERROR:
		return error_set(error, EIO, "interface %s: %s", interface, pcap_geterr(handle));
	default:
		return error_set(error, EIO, "interface %s: %s", interface,
		                 pcap_statustostr(status));
	}
}

/* In immediate mode each packet takes a slot of that size: then none is kept longer than others. */
static bool cuts_in_filter(const struct capture_options *options)
{
	return options->names && !options->immediate && options->snaplen > 0 &&
	       options->snaplen < CAPTURE_NAMES_SNAPLEN;
}

int capture_live_snaplen(const struct capture_options *options)
{
	if (cuts_in_filter(options))
		return CAPTURE_NAMES_SNAPLEN;
	return options->snaplen > 0 ? options->snaplen : SNAPLEN_MAX;
}

int capture_live_buffer_kib(const struct capture_options *options)
{
	return options->buffer_kib > 0 ? options->buffer_kib : CAPTURE_BUFFER_KIB;
}

static int set_options(pcap_t *handle, const char *interface, const struct capture_options *options,
                       struct error *error)
{
	int buffer_kib = capture_live_buffer_kib(options);

	if (buffer_kib > BUFFER_KIB_MAX)
		return error_set(error, EINVAL, "buffer of %d KiB: at most %d", buffer_kib,
		                 BUFFER_KIB_MAX);
	/* These fail only on activated handles; nanoseconds are known to every Linux. */
	const int refusals[] = {
		pcap_set_snaplen(handle, capture_live_snaplen(options)),
		pcap_set_buffer_size(handle, buffer_kib * 1024),
		pcap_set_timeout(handle, capture_live_timeout_ms(options)),
		pcap_set_immediate_mode(handle, options->immediate),
		pcap_set_promisc(handle, options->promiscuous && !is_any(interface)),
		pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO),
		pcap_set_protocol_linux(handle, CAPTURE_SOCKET_DEAF),
	};

	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
		if (refusals[i] != 0)
			return error_set(error, EIO, "interface %s: %s", interface,
			                 pcap_statustostr(refusals[i]));
	return 0;
}

int capture_live_activate(struct pcap **handle, const char *interface,
                          const struct capture_options *options, struct error *error)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *created;
	int status;

	/* libpcap also opens USB, Bluetooth, D-Bus and netfilter logs by name. */
	if (!is_any(interface) && capture_socket_is_absent(interface))
		return no_such_interface(interface, error);
	created = pcap_create(interface, text);
	if (created == NULL)
		return error_set(error, EIO, "interface %s: %s", interface, text);
	status = set_options(created, interface, options, error);
	if (status < 0)
		goto fail;
	/* Warnings are > 0: no promiscuous mode, no special time stamps; we can do without. */
	status = pcap_activate(created);
	if (status < 0) {
		status = activation_failed(created, interface, status, error);
		goto fail;
	}
	status = netns_check_socket(pcap_fileno(created));
	if (status != 0) {
		error_set(error, -status, "interface %s: captured in another network namespace",
		          interface);
		goto fail;
	}
	*handle = created;
	return 0;
fail:
	pcap_close(created);
	return status;
}

static int choose_link_type(pcap_t *handle, const char *interface, const char *name,
                            struct error *error)
{
	int link_type = DLT_LINUX_SLL2; /* it has the interface of each packet */

	if (is_any(interface)) {
		if (name != NULL)
			return error_set(error, EINVAL, "link type %s: choose an interface for it",
			                 name);
	} else {
		if (name == NULL)
			return 0;
		link_type = pcap_datalink_name_to_val(name);
		if (link_type == -1)
			return error_set(error, EINVAL, "link type %s: unknown", name);
	}
	if (pcap_set_datalink(handle, link_type) != 0)
		return error_set(error, EINVAL, "interface %s: link type %s: %s", interface,
		                 pcap_datalink_val_to_name(link_type), pcap_geterr(handle));
	return 0;
}

static int make_quiet(pcap_t *handle, const char *interface, struct error *error)
{
	char text[PCAP_ERRBUF_SIZE];

	if (pcap_setnonblock(handle, 1, text) != 0)
		return error_set(error, EIO, "interface %s: %s", interface, text);
	/* libpcap leaves it open over exec: a command that we run would hold the ring. */
	if (fcntl(pcap_fileno(handle), F_SETFD, FD_CLOEXEC) != 0)
		return error_set(error, errno, "interface %s: %s", interface, strerror(errno));
	return 0;
}

static int set_direction(pcap_t *handle, const char *interface, enum capture_direction direction,
                         struct error *error)
{
	static const pcap_direction_t directions[] = {
		[CAPTURE_INOUT] = PCAP_D_INOUT,
		[CAPTURE_IN] = PCAP_D_IN,
		[CAPTURE_OUT] = PCAP_D_OUT,
	};
	int result;

	if (pcap_setdirection(handle, directions[direction]) != 0)
		return error_set(error, EINVAL, "interface %s: direction: %s", interface,
		                 pcap_geterr(handle));
	result = capture_socket_narrow(pcap_fileno(handle), is_any(interface),
	                               strcmp(interface, "lo") == 0, direction);
	if (result != 0)
		return error_set(error, -result, "interface %s: filter: %s", interface,
		                 strerror(-result));
	return 0;
}

/* The kernel cuts the packets, as the filter says. */
static int cut(pcap_t *handle, const char *interface, const struct capture_options *options,
               struct error *error)
{
	uint32_t usual = (uint32_t)options->snaplen, longer = CAPTURE_NAMES_SNAPLEN, base = 0;
	int result;

	if (!cuts_in_filter(options))
		return 0;
	switch (pcap_datalink(handle)) {
	case DLT_LINUX_SLL2: /* libpcap puts its header in front later */
		usual = usual > COOKED_SIZE ? usual - COOKED_SIZE : 1;
		longer -= COOKED_SIZE;
		break;
	case DLT_RAW:
		break;
	case DLT_EN10MB:
		base = ETH_HLEN;
		break;
	default:
		longer = usual;
		break;
	}
	result = capture_socket_cut(pcap_fileno(handle), base, usual, longer);
	if (result != 0)
		return error_set(error, -result, "interface %s: filter: %s", interface,
		                 strerror(-result));
	return 0;
}

static int listen_now(pcap_t *handle, const char *interface, uint16_t group, struct error *error)
{
	int fd = pcap_fileno(handle);
	int result = group > 0 ? capture_socket_listen_in(fd, group) : capture_socket_listen(fd);

	if (result == -ENETDOWN)
		return error_set(error, ENETDOWN, "interface %s is down", interface);
	if (result == -ENODEV)
		return no_such_interface(interface, error);
	if (result != 0)
		return error_set(error, -result, "interface %s: %s", interface, strerror(-result));
	return 0;
}

int capture_live_open(struct pcap **handle, const char *interface,
                      const struct capture_options *options, bool *in_kernel, struct error *error)
{
	pcap_t *opened = NULL;
	int status = capture_live_activate(&opened, interface, options, error);

	if (status != 0)
		return status;
	/* In this order: the filter is compiled for the link type, the rest goes in front of it. */
	status = choose_link_type(opened, interface, options->link_type, error);
	if (status == 0)
		status = capture_filter_install(opened, options->filter, error);
	if (status == 0)
		*in_kernel = capture_socket_filters(pcap_fileno(opened));
	if (status == 0)
		status = set_direction(opened, interface, options->direction, error);
	if (status == 0)
		status = cut(opened, interface, options, error);
	if (status == 0)
		status = make_quiet(opened, interface, error);
	if (status == 0)
		status = listen_now(opened, interface, options->group, error);
	if (status != 0) {
		pcap_close(opened);
		return status;
	}
	*handle = opened;
	return 0;
}

int capture_live_state(struct pcap *handle, const char *interface)
{
	/*
	 * libpcap reports a vanished interface as a general error with a text, and
	 * one that is down by nothing but this timeout: the kernel knows better.
	 */
	if (!is_any(interface) && (capture_socket_gone(pcap_fileno(handle)) ||
	                           capture_socket_index(pcap_fileno(handle), interface) == 0))
		return -ENODEV;
	if (pcap_get_required_select_timeout(handle) != NULL)
		return -ENETDOWN;
	return 0;
}
