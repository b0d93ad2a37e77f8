/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/inspector.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/flows.h"
#include "inspect/quic.h"
#include "inspect/upgrade.h"

#define DNS_LENGTH 2 /* RFC 1035 4.2.2: in front of each message over TCP */

struct inspector {
	struct flows *flows;
	inspector_callback *callback;
	void *context;
	struct inspector_finding *finding; /* room for what is found next */
	uint8_t plain[QUIC_PLAIN_MAX];     /* a packet of QUIC, at hand */
};

struct inspector *inspector_new(const struct hash_key *key, inspector_callback *callback,
                                void *context)
{
	struct inspector *inspector = calloc(1, sizeof *inspector);

	if (!inspector)
		return NULL;
	inspector->callback = callback;
	inspector->context = context;
	inspector->flows = flows_new(key);
	if (!inspector->flows) {
		free(inspector);
		return NULL;
	}
	return inspector;
}

void inspector_free(struct inspector *inspector)
{
	if (!inspector)
		return;
	flows_free(inspector->flows);
	free(inspector);
}

static bool has_port(const struct packet *packet, uint16_t port)
{
	return packet->tuple.source_port == port || packet->tuple.destination_port == port;
}

static void report(struct inspector *inspector, enum inspector_kind kind)
{
	inspector->finding->kind = kind;
	inspector->finding = inspector->callback(inspector->context, inspector->finding);
}

static bool look_at_dns(struct inspector *inspector, const uint8_t *bytes, size_t length, bool cut,
                        bool multicast)
{
	if (!dns_parse(bytes, length, cut, multicast, &inspector->finding->dns))
		return false;
	report(inspector, INSPECTOR_DNS);
	return true;
}

/* As TCP's segments are, pieces of a CRYPTO stream are put in order; 0 is its beginning. */
static bool add_crypto(struct inspector *inspector, const struct packet *packet,
                       const struct quic_crypto *crypto, struct flow_view *view)
{
	struct packet segment = {
		.tuple = packet->tuple,
		.netns = packet->netns,
		.tunnel_lane = packet->tunnel_lane,
		.vlan_count = packet->vlan_count,
		.tcp_flags = TCP_FLAG_SYN,
		.tcp_sequence = UINT32_MAX,
	};
	struct flows_place place;

	if (crypto->offset >= FLOWS_BYTES)
		return false;
	memcpy(segment.vlans, packet->vlans, sizeof segment.vlans);
	place = flows_place_of(inspector->flows, &segment);
	flows_add(inspector->flows, &place, &segment, NULL, 0, false, view);
	segment.tcp_flags = 0;
	segment.tcp_sequence = (uint32_t)crypto->offset;
	segment.payload = (uint32_t)crypto->length;
	return flows_add(inspector->flows, &place, &segment, crypto->bytes, crypto->length, false,
	                 view);
}

/*
 * A ClientHello behind that many bytes, as far as it was read: what follows it, and what the server
 * says, is not looked at.
 */
static void follow_hello(struct inspector *inspector, const struct flow_view *view, size_t before,
                         enum tls_hello_status status, enum inspector_kind kind)
{
	switch (status) {
	case TLS_HELLO_MORE:
		flows_wait(inspector->flows, view, before);
		return;
	case TLS_HELLO_FOUND:
		report(inspector, kind);
		flows_done(inspector->flows, view->other);
		break;
	case TLS_HELLO_NONE:
		break;
	}
	flows_done(inspector->flows, view->direction);
}

static void look_at_crypto(struct inspector *inspector, const struct flow_view *view)
{
	follow_hello(inspector, view, 0,
	             tls_hello_read_message(view->bytes, view->length, view->cut, 'q',
	                                    &inspector->finding->tls),
	             INSPECTOR_QUIC);
}

static void look_at_quic(struct inspector *inspector, const struct packet *packet,
                         const uint8_t *payload, size_t captured)
{
	int length = quic_open_initial(payload, captured, inspector->plain);
	struct quic_crypto crypto;
	struct flow_view view;
	size_t at = 0;

	while (length > 0 && quic_next_crypto(inspector->plain, (size_t)length, &at, &crypto))
		if (add_crypto(inspector, packet, &crypto, &view))
			look_at_crypto(inspector, &view);
}

static size_t dns_length(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* The next begins where the last ended. One that is not whole and cannot be is the last. */
static void look_at_dns_stream(struct inspector *inspector, const struct flow_view *view)
{
	size_t at = 0;

	while (view->length - at > DNS_LENGTH) {
		size_t length = dns_length(view->bytes + at);

		if (length > view->length - at - DNS_LENGTH)
			break;
		if (!look_at_dns(inspector, view->bytes + at + DNS_LENGTH, length, false, false)) {
			flows_done(inspector->flows, view->direction);
			return;
		}
		at += DNS_LENGTH + length;
	}
	if (view->cut && view->length - at > DNS_LENGTH) {
		look_at_dns(inspector, view->bytes + at + DNS_LENGTH,
		            view->length - at - DNS_LENGTH, true, false);
		/* What is answered later is not seen: then what is asked would seem to have none. */
		flows_done(inspector->flows, view->other);
	}
	flows_wait(inspector->flows, view, at);
}

/* A connection that was met in its middle: a message that fills the packet. */
static bool starts_dns(const struct packet *packet, const uint8_t *payload, size_t captured)
{
	return captured > DNS_LENGTH && captured == packet->payload &&
	       dns_length(payload) + DNS_LENGTH == captured;
}

static void look_at_tls(struct inspector *inspector, const struct flow_view *view, size_t before)
{
	follow_hello(inspector, view, before,
	             tls_hello_read(view->bytes + before, view->length - before, view->cut,
	                            &inspector->finding->tls),
	             INSPECTOR_TLS);
}

/* TLS may begin behind what asks for it, and nowhere else. */
static void look_behind(struct inspector *inspector, const struct flow_view *view)
{
	size_t before =
		view->consumed < UPGRADE_MAX ? upgrade_length(view->bytes, view->length) : 0;

	if (before == 0)
		flows_done(inspector->flows, view->direction);
	else if (before < view->length)
		look_at_tls(inspector, view, before);
	else
		flows_wait(inspector->flows, view, before);
}

/* Text is certain only where a connection begins: in its middle it may be anything's. */
static void look_at_lines(struct inspector *inspector, const struct flow_view *view,
                          enum inspector_kind kind)
{
	struct inspector_finding *finding = inspector->finding;
	enum first_lines_status status = FIRST_LINES_NONE;

	if (view->initial && kind == INSPECTOR_HTTP)
		status = first_lines_http(view->bytes, view->length, view->cut, &finding->http);
	else if (view->initial)
		status = first_lines_ssh(view->bytes, view->length, &finding->ssh);
	switch (status) {
	case FIRST_LINES_MORE:
		flows_wait(inspector->flows, view, 0);
		return;
	case FIRST_LINES_FOUND:
		report(inspector, kind);
		if (kind == INSPECTOR_HTTP && strcmp(finding->http.method, "CONNECT") == 0)
			flows_wait(inspector->flows, view, view->length);
		else
			flows_done(inspector->flows, view->direction);
		return;
	case FIRST_LINES_NONE:
		look_behind(inspector, view);
		return;
	}
}

static void look_at_stream(struct inspector *inspector, const struct flow_view *view)
{
	uint8_t first = view->bytes[0];

	if (first == 0x16)
		look_at_tls(inspector, view, 0);
	else if (first == 'S' && (view->length < 2 || view->bytes[1] == 'S'))
		look_at_lines(inspector, view, INSPECTOR_SSH);
	else if (first >= 'A' && first <= 'Z')
		look_at_lines(inspector, view, INSPECTOR_HTTP);
	else
		look_behind(inspector, view);
}

/* A connection that was met in its middle may begin with these bytes, as far as they say. */
static bool starts(const struct packet *packet, const uint8_t *payload, size_t captured)
{
	return has_port(packet, DNS_PORT) ? starts_dns(packet, payload, captured)
	                                  : tls_hello_starts(payload, captured);
}

static const uint8_t *payload_of(const uint8_t *bytes, const struct packet *packet, size_t captured)
{
	return captured > 0 ? bytes + packet->payload_offset : bytes;
}

static __attribute__((noinline)) void
look_at_datagram(struct inspector *inspector, const struct packet *packet, const uint8_t *bytes)
{
	size_t captured = packet_payload_captured(packet);
	const uint8_t *payload = payload_of(bytes, packet, captured);
	bool multicast = has_port(packet, DNS_MDNS_PORT);

	if (multicast || has_port(packet, DNS_PORT) || has_port(packet, DNS_LLMNR_PORT))
		look_at_dns(inspector, payload, captured,
		            packet->is_fragment || captured < packet->payload, multicast);
	else if (!packet->is_fragment && quic_starts(payload, captured))
		look_at_quic(inspector, packet, payload, captured);
}

/* Apart, as most segments need no look. */
static __attribute__((noinline)) void
look_at_segment(struct inspector *inspector, const struct flows_place *place,
                enum flows_interest interest, const struct packet *packet, const uint8_t *bytes)
{
	size_t captured = packet_payload_captured(packet);
	const uint8_t *payload = payload_of(bytes, packet, captured);
	bool begins = starts(packet, payload, captured);
	struct flow_view view;

	if (interest == FLOWS_UNKNOWN && !begins)
		return;
	if (!flows_add(inspector->flows, place, packet, payload, captured, begins, &view))
		return;
	if (has_port(packet, DNS_PORT))
		look_at_dns_stream(inspector, &view);
	else
		look_at_stream(inspector, &view);
}

void inspector_look(struct inspector *inspector, const struct packet *packet, const uint8_t *bytes,
                    struct inspector_finding *room)
{
	inspector->finding = room;
	if (packet->has_tcp && !packet->is_fragment) {
		struct flows_place place = flows_place_of(inspector->flows, packet);
		enum flows_interest interest = flows_interest(inspector->flows, &place, packet);

		if (interest != FLOWS_DONE)
			look_at_segment(inspector, &place, interest, packet, bytes);
	} else if (packet->tuple.protocol == IPPROTO_UDP) {
		look_at_datagram(inspector, packet, bytes);
	}
}
