/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What diag_message.c shares with diag_families.c and diag_details.c; no other file includes it. */
#ifndef SOCKLINE_SOCKETS_DIAG_PRIVATE_H
#define SOCKLINE_SOCKETS_DIAG_PRIVATE_H

#include "sockets/diag_attributes.h"
#include "sockets/socket.h"

/* diag_families.c: vsock, XDP, TIPC and SMC; kind and source are set. 0 or -EINVAL. */
int diag_families_parse(const void *payload, size_t length, struct diag_attributes *attributes,
                        struct socket *socket);
/* Its part of the details of these. */
void diag_families_set_details(const void *payload, const struct diag_attributes *attributes,
                               const struct socket *socket, struct socket_details *details);

/* diag_message.c: the queues, from an attribute with SK_MEMINFO_* where the kind has no lengths. */
void diag_message_set_memory(struct socket *socket, const struct diag_attributes *attributes,
                             unsigned int type);

/* diag_details.c: payload and attributes are those of an answer that was parsed. */
void diag_details_set(const void *payload, const struct diag_attributes *attributes,
                      struct socket *socket, struct socket_details *details);

#endif
