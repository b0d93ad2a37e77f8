/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* pcap-filter(7) expressions on libpcap handles. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_FILTER_H
#define SOCKLINE_CAPTURE_CAPTURE_FILTER_H

#include "base/error.h"

struct bpf_program;
struct pcap;

/*
 * Compiles filter (NULL = all) for the handle's link type and installs it. Also
 * the empty one: without a filter the kernel does not cut packets at the
 * snapshot length. -EINVAL with text.
 */
int capture_filter_install(struct pcap *handle, const char *filter, struct error *error);

/* For packets of one link type, without a handle. Free with pcap_freecode. */
int capture_filter_compile(int link_type, const char *filter, struct bpf_program *program,
                           struct error *error);

/* 0 when filter compiles for Ethernet or for "any"; else -EINVAL with the text for Ethernet. */
int capture_filter_check(const char *filter, struct error *error);

#endif
