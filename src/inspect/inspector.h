/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks into the first bytes that packets carry, and says what they are when that is certain.
 * Pure and bounded; it takes packets as they are captured, while their bytes are there.
 */
#ifndef SOCKLINE_INSPECT_INSPECTOR_H
#define SOCKLINE_INSPECT_INSPECTOR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "decode/packet.h"
#include "inspect/dns.h"
#include "inspect/first_lines.h"
#include "inspect/tls_hello.h"

struct inspector;

enum inspector_kind { INSPECTOR_DNS, INSPECTOR_TLS, INSPECTOR_QUIC, INSPECTOR_HTTP, INSPECTOR_SSH };

/* What was found in one packet, or in the last of several. */
struct inspector_finding {
	enum inspector_kind kind;
	union {
		struct dns_message dns;
		struct tls_hello tls; /* QUIC too */
		struct http_request http;
		struct ssh_version ssh;
	};
};

/*
 * A finding is complete, and the callback's from now on. Returns where the next one of this
 * packet is to be put: the same place if this one is of no use.
 */
typedef struct inspector_finding *inspector_callback(void *context,
                                                     struct inspector_finding *finding);

struct inspector *inspector_new(const struct hash_key *key, inspector_callback *callback,
                                void *context); /* NULL: no memory */
void inspector_free(struct inspector *inspector);

/* Quick: most packets need no look. */
static inline bool inspector_wants(const struct packet *packet)
{
	if (!packet->has_ports)
		return false;
	return packet->payload > 0 ? packet_payload_captured(packet) > 0
	                           : packet->has_tcp && (packet->tcp_flags & TCP_FLAG_SYN);
}

/*
 * Looks into a packet that is wanted; bytes are those from which it was decoded. What is found
 * first is put into room.
 */
void inspector_look(struct inspector *inspector, const struct packet *packet, const uint8_t *bytes,
                    struct inspector_finding *room);

#endif
