/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Live libpcap handles. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_LIVE_H
#define SOCKLINE_CAPTURE_CAPTURE_LIVE_H

#include "base/error.h"
#include "capture/capture.h"

#define CAPTURE_LIVE_ANY "any" /* libpcap's name for all interfaces */

struct pcap;

/*
 * Opens as capture_open_live says: nanoseconds, non-blocking, close-on-exec,
 * SLL2 on "any", filter installed; then lets packets in. Close with pcap_close. *in_kernel: all
 * of the filter is evaluated there.
 */
int capture_live_open(struct pcap **handle, const char *interface,
                      const struct capture_options *options, bool *in_kernel, struct error *error);

/* Bytes of a packet that are kept at the most. */
int capture_live_snaplen(const struct capture_options *options);

/* Only activated, for the list of its link types. Close with pcap_close. */
int capture_live_activate(struct pcap **handle, const char *interface,
                          const struct capture_options *options, struct error *error);

int capture_live_buffer_kib(const struct capture_options *options);

/* The longest a packet may wait in the kernel before it is handed over. */
int capture_live_timeout_ms(const struct capture_options *options);

/* What became of a handle whose dispatch gave nothing or failed: 0, -ENODEV, -ENETDOWN. */
int capture_live_state(struct pcap *handle, const char *interface);

#endif
