/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One source of packets: a live interface ("any" too) or a capture file. The
 * only module that includes pcap.h (libpcap >= 1.10).
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_H
#define SOCKLINE_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "decode/packet.h"

struct capture;
struct origin;

enum capture_direction { CAPTURE_INOUT, CAPTURE_IN, CAPTURE_OUT };

struct capture_options {
	int snaplen;    /* bytes; 0 = 262144, which is also the most */
	bool names;     /* live: packets with names in them are kept up to CAPTURE_NAMES_SNAPLEN */
	int buffer_kib; /* kernel ring; 0 = CAPTURE_BUFFER_KIB */
	int timeout_ms; /* a block is handed over after this at the latest; 0 = 100 */
	bool immediate; /* each packet at once: TPACKET_V2, dear at high rates, and each
	                       takes a slot of snaplen bytes in the ring */
	bool nonblocking; /* a file that is a pipe: dispatch does not wait for packets */
	bool promiscuous; /* has no effect on "any" */
	enum capture_direction direction;
	uint16_t group;        /* it joins, see capture_socket_join; 0 = none */
	const char *filter;    /* pcap-filter(7); NULL or "" = all */
	const char *link_type; /* NULL, or a name as -L prints; not for "any" */
};

/* DNS over UDP is mostly shorter than a packet of Ethernet, a ClientHello of TLS about as long. */
#define CAPTURE_NAMES_SNAPLEN 4096

/*
 * 8 MiB lose 1-3 % of 500,000 packets/s of 1,400 bytes at full snaplen, these
 * nothing; 128 MiB keep up with no more.
 */
#define CAPTURE_BUFFER_KIB 32768

/* What a callback gets; bytes are valid only during the call. */
struct capture_packet {
	int64_t time_ns;
	uint32_t captured, length;
	const uint8_t *bytes;
	int link_type;         /* DLT_* */
	struct packet_tag tag; /* not among the bytes */
	/* What a file says besides; see capture_origin. */
	uint32_t interface; /* its number; 0 = not known */
	enum packet_direction direction;
	struct packet_owners owners;
};
typedef void capture_callback(void *context, const struct capture_packet *packet);

/* Totals since opening: the kernel's 32-bit counters accumulated to 64 bit. */
struct capture_counters {
	uint64_t received;          /* passed the filter and went into the kernel's ring */
	uint64_t dropped;           /* passed the filter and found the ring full */
	uint64_t interface_dropped; /* by the interface or its driver; 0 without promiscuous mode */
	uint64_t delivered;         /* packets handed to the callback */
};
/*
 * received + dropped is what the interface saw, and after capture_stop and
 * capture_drained received == delivered. To that end the filter, the direction
 * and the second copy of loopback packets are all decided in the kernel. One
 * exception: a filter that only libpcap can evaluate, such as "ether[6] == 1" on
 * "any"; received then counts the packets before it.
 */

/*
 * Opens interface ("any" or a name) in the caller's network namespace.
 * -EPERM names the missing capability in the text; -ENODEV no such interface;
 * -ENETDOWN it is down; -EINVAL bad filter. Borrowed options are not kept.
 */
int capture_open_live(struct capture **capture, const char *interface,
                      const struct capture_options *options, struct error *error);
/*
 * The same for "any" with the filter, the direction and the link type of `like', an open capture of
 * "any", without a ring: packets wait in the queue of a socket, which may hold so many bytes, see
 * capture_queue.h. batch is borrowed. -EOPNOTSUPP: the filter is one that libpcap evaluates;
 * -EPERM: CAP_NET_ADMIN is missing. With a group it hears nothing yet: capture_socket_listen_in.
 */
struct capture_batch;
int capture_open_queue(struct capture **capture, const struct capture *like,
                       struct capture_batch *batch, uint16_t group, size_t bytes,
                       struct error *error);
/* The group that the queue is in; 0 = none. */
uint16_t capture_group(const struct capture *capture);
/*
 * Opens a pcap or pcapng file, micro- or nanoseconds ("-" = stdin), by the options
 * filter and nonblocking. Text names the file. gzip, zstd and lz4 are
 * decompressed. It waits for the header that comes through a pipe.
 */
int capture_open_file(struct capture **capture, const char *path,
                      const struct capture_options *options, struct error *error);
void capture_close(struct capture *capture); /* NULL is fine */

/* The size of the ring, or what the queue may hold; 0: a file. */
size_t capture_buffer_bytes(const struct capture *capture);
/* NULL: it has a ring, or is a file. */
struct capture_queue *capture_get_queue(const struct capture *capture);
int capture_link_type(const struct capture *capture); /* DLT_*; -1: each packet has its own */
bool capture_is_file(const struct capture *capture);
int capture_fd(const struct capture *capture);      /* to poll for reading; -1 for most files */
int capture_snaplen(const struct capture *capture); /* 0: not limited */
/* Bytes of the file that were read, and that it has; false: it is none, or a pipe. */
bool capture_progress(const struct capture *capture, uint64_t *done, uint64_t *total);
/* What the file says of where its packets come from; NULL: nothing. */
const struct origin *capture_origin(const struct capture *capture);

/*
 * Milliseconds after which capture_dispatch should be called even without a
 * readable fd: 0 when a file has more, 100 while an interface is down, some after
 * capture_stop; -1 = not needed. Ask before each wait: it changes.
 */
int capture_poll_timeout_ms(const struct capture *capture);

/*
 * Hands up to limit (> 0) packets to callback, without waiting. Returns the
 * number; 0 = nothing now (live) or the end (file); -EIO a damaged file, the text
 * with the offset; -EAGAIN nothing now from a pipe, if nonblocking. -ENODEV when the interface is
 * gone; -ENETDOWN as long as it is down: the handle stays good and goes on by itself. Both are
 * reported after all packets from before.
 */
int capture_dispatch(struct capture *capture, int limit, capture_callback *callback, void *context,
                     struct error *error);
/* Ends a running dispatch after the current packet; safe inside the callback. */
void capture_break(struct capture *capture);

/*
 * Reads the kernel's counters and accumulates them; 0 or -errno. A
 * file has `delivered`, and a pcapng file what it says that was dropped. Once every 2^32 packets at least.
 */
int capture_read_counters(struct capture *capture, struct capture_counters *counters);
/* A 64-bit total after a 32-bit counter, which may have wrapped, went from previous to now. */
uint64_t capture_counter_advance(uint64_t total, uint32_t previous, uint32_t now);

/*
 * Stops the flow without losing count: attaches a filter that accepts nothing.
 * The kernel holds the last packets back for timeout_ms: dispatch, with waits of
 * capture_poll_timeout_ms, until capture_drained. The counters are then exact.
 */
int capture_stop(struct capture *capture);
/* After capture_stop: all that was received is delivered, or was long overdue. */
bool capture_drained(struct capture *capture);

/*
 * Checks a filter expression without opening anything: 0 when it fits Ethernet
 * or "any", or -EINVAL with text.
 */
int capture_check_filter(const char *filter, struct error *error);

/* Name of a link type such as "EN10MB", NULL when libpcap has none. */
const char *capture_link_type_name(int link_type);
/* What was linked, e.g. "libpcap version 1.10.3 (with TPACKET_V3)". */
const char *capture_library_version(void);

/* -D and -L as tcpdump prints them: 0 or -errno with text. */
int capture_print_interfaces(FILE *stream, struct error *error);
int capture_print_link_types(FILE *stream, const char *interface, struct error *error);

#endif
