/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files ocsf*.c share; private to them. */
#ifndef SOCKLINE_EVENTS_OCSF_PARTS_H
#define SOCKLINE_EVENTS_OCSF_PARTS_H

#include "events/encode_parts.h"

enum ocsf_class {
	OCSF_BASE_EVENT = 0,
	OCSF_PROCESS_ACTIVITY = 1007,
	OCSF_NETWORK_ACTIVITY = 4001,
	OCSF_DNS_ACTIVITY = 4003,
};

/* Numbers that OCSF gives, each with the text beside it. */
struct ocsf_value {
	uint8_t number;
	const char *caption;
};
#define OCSF_OTHER         99
#define OCSF_INFORMATIONAL ((struct ocsf_value){ 1, "Informational" })

/* ocsf.c: opens the event; classification, time, metadata and device. */
void ocsf_begin(struct writer *writer, const struct event *event, enum ocsf_class class,
                struct ocsf_value activity, struct ocsf_value severity);
/* Milliseconds, and the same to the nanosecond. Two members. */
void ocsf_time(struct writer *writer, const struct key *key, const struct key *exact,
               int64_t time_ns);
void ocsf_status(struct writer *writer, enum connection_outcome outcome, const char *detail);
/*
 * Opens "sockline" in "unmapped", for members of sockline-events(5). Before it, what OCSF has no
 * place for: the VLANs of a packet or a connection, if any, and the image of the owner's container.
 */
void ocsf_unmapped(struct writer *writer, const struct owner *owner, const uint16_t *vlans,
                   int vlan_count);
/* Ends the event. */
void ocsf_end(struct writer *writer);

/* ocsf_process.c */
void ocsf_process_write(struct writer *writer, const struct event *event);
/* "actor": the owner's process, or the socket's user alone; nothing if neither is known. */
void ocsf_process_actor(struct writer *writer, const struct owner *owner);
/* The image of its container by its name alone: OCSF has none without the image's id. */
void ocsf_process_image(struct writer *writer, const struct owner *owner);

/* ocsf_network.c */
void ocsf_network_write(struct writer *writer, const struct event *event);
/* connection_info, src_endpoint, dst_endpoint and actor of a connection. */
void ocsf_network_connection(struct writer *writer, const struct connection *connection);
/* ocsf_unmapped of a connection. */
void ocsf_network_unmapped(struct writer *writer, const struct connection *connection);

/* ocsf_dns.c */
void ocsf_dns_write(struct writer *writer, const struct event *event);

#endif
