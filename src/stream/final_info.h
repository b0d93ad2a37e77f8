/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's last numbers of TCP sockets that died before their packets were
 * read: captures come in batches, the death is told at once. Bounded: a newer
 * one takes an older one's place.
 */
#ifndef SOCKLINE_STREAM_FINAL_INFO_H
#define SOCKLINE_STREAM_FINAL_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "sockets/socket.h"

struct final_info;

#define FINAL_INFO_KEEP_NS (INT64_C(2) * 1000000000)

struct final_info *final_info_new(void); /* NULL: no memory */
void final_info_free(struct final_info *finals);

/* hash: of the connection, struct connection_key; tuple: local end first. */
void final_info_put(struct final_info *finals, uint64_t hash, const struct tuple *tuple,
                    const struct socket_tcp_info *info, int64_t now_ns);
/* False: none that died in the last moments. */
bool final_info_find(const struct final_info *finals, uint64_t hash, const struct tuple *tuple,
                     int64_t now_ns, struct socket_tcp_info *info);
/* Was the death of this very socket told after since_ns? */
bool final_info_died(const struct final_info *finals, uint64_t hash, const struct tuple *tuple,
                     int64_t since_ns);

#endif
