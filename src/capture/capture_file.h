/* SPDX-License-Identifier: Apache-2.0 */
/* libpcap handles on capture files. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_FILE_H
#define SOCKLINE_CAPTURE_CAPTURE_FILE_H

#include <stdint.h>

#include "base/error.h"

struct pcap;

/* Opens as capture_open_file says. Close with pcap_close. */
int capture_file_open(struct pcap **handle, const char *path, const char *filter,
                      struct error *error);

/* After a failed read: -EIO and what libpcap found, where, after how many packets. */
int capture_file_damaged(struct pcap *handle, const char *path, uint64_t packets,
                         struct error *error);

#endif
