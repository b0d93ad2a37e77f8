/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What -D and -L print. */
#include "capture/capture.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#include "base/utf8.h"
#include "capture/capture_live.h"

/* Longest escaped name: \u00XX for each byte of IFNAMSIZ. */
#define NAME_BYTES 128

struct flag {
	bpf_u_int32 mask, value;
	const char *text;
};

/* In tcpdump's order and words. */
static const struct flag flags[] = {
	{ PCAP_IF_UP, PCAP_IF_UP, "Up" },
	{ PCAP_IF_RUNNING, PCAP_IF_RUNNING, "Running" },
	{ PCAP_IF_LOOPBACK, PCAP_IF_LOOPBACK, "Loopback" },
	{ PCAP_IF_WIRELESS, PCAP_IF_WIRELESS, "Wireless" },
	{ PCAP_IF_CONNECTION_STATUS | PCAP_IF_WIRELESS,
	  PCAP_IF_CONNECTION_STATUS_CONNECTED | PCAP_IF_WIRELESS, "Associated" },
	{ PCAP_IF_CONNECTION_STATUS | PCAP_IF_WIRELESS,
	  PCAP_IF_CONNECTION_STATUS_DISCONNECTED | PCAP_IF_WIRELESS, "Not associated" },
	{ PCAP_IF_CONNECTION_STATUS | PCAP_IF_WIRELESS, PCAP_IF_CONNECTION_STATUS_CONNECTED,
	  "Connected" },
	{ PCAP_IF_CONNECTION_STATUS | PCAP_IF_WIRELESS, PCAP_IF_CONNECTION_STATUS_DISCONNECTED,
	  "Disconnected" },
};

/* An interface may be called anything but '/' and white space: the terminal must not obey it. */
static void print_name(FILE *stream, const char *name)
{
	struct buf buf;

	if (buf_init(&buf, NAME_BYTES) != 0)
		return;
	utf8_append_log(&buf, name, strlen(name));
	fwrite(buf.data, 1, buf.length, stream);
	buf_free(&buf);
}

static void print_flags(FILE *stream, bpf_u_int32 value)
{
	const char *separator = "";
	size_t i;

	fputs(" [", stream);
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if ((value & flags[i].mask) == flags[i].value) {
			fprintf(stream, "%s%s", separator, flags[i].text);
			separator = ", ";
		}
	}
	fputs(*separator == '\0' ? "none]\n" : "]\n", stream);
}

int capture_print_interfaces(FILE *stream, struct error *error)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_if_t *interfaces, *interface;
	int number = 0;

	if (pcap_findalldevs(&interfaces, text) != 0)
		return error_set(error, EIO, "interfaces: %s", text);
	for (interface = interfaces; interface != NULL; interface = interface->next) {
		/* Not USB, Bluetooth, D-Bus or netfilter logs, which libpcap lists as well. */
		if (if_nametoindex(interface->name) == 0 &&
		    strcmp(interface->name, CAPTURE_LIVE_ANY) != 0)
			continue;
		fprintf(stream, "%d.", ++number);
		print_name(stream, interface->name);
		if (interface->description != NULL)
			fprintf(stream, " (%s)", interface->description);
		print_flags(stream, interface->flags);
	}
	pcap_freealldevs(interfaces);
	return 0;
}

static int list_link_types(const char *interface, int **link_types, struct error *error)
{
	const struct capture_options options = { .snaplen = 64, .buffer_kib = 64 };
	pcap_t *handle;
	int count = capture_live_activate(&handle, interface, &options, error);

	if (count < 0)
		return count;
	count = pcap_list_datalinks(handle, link_types);
	if (count < 0)
		count = error_set(error, EIO, "interface %s: %s", interface, pcap_geterr(handle));
	pcap_close(handle);
	return count;
}

int capture_print_link_types(FILE *stream, const char *interface, struct error *error)
{
	const char *name;
	int *link_types = NULL;
	int count = list_link_types(interface, &link_types, error);
	int i;

	if (count < 0)
		return count;
	fputs("Data link types for ", stream);
	print_name(stream, interface);
	fputs(":\n", stream);
	for (i = 0; i < count; i++) {
		name = pcap_datalink_val_to_name(link_types[i]);
		if (name != NULL)
			fprintf(stream, "  %s (%s)\n", name,
			        pcap_datalink_val_to_description(link_types[i]));
		else
			fprintf(stream, "  DLT %d\n", link_types[i]);
	}
	pcap_free_datalinks(link_types);
	return 0;
}
