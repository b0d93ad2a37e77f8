/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One captured packet, decoded. A plain value that points nowhere. */
#ifndef SOCKLINE_DECODE_PACKET_H
#define SOCKLINE_DECODE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"

#define PACKET_VLANS_MAX   2
#define PACKET_TUNNELS_MAX 4 /* one in the other */

/* An 802.1Q or 802.1ad tag that the kernel took out of the packet. */
struct packet_tag {
	uint16_t control; /* priority and VLAN id, host byte order */
	bool present;
};

enum packet_direction {
	PACKET_DIRECTION_UNKNOWN,
	PACKET_INGRESS,   /* to this host (SLL: host, broadcast, multicast) */
	PACKET_EGRESS,    /* sent by this host (SLL: outgoing) */
	PACKET_OTHERHOST, /* to somebody else, seen because of promiscuous mode or a bridge */
};

enum packet_network { PACKET_NETWORK_NONE, PACKET_IPV4, PACKET_IPV6, PACKET_ARP };

/*
 * How far the decoder came. Not an error: the record says so and is counted.
 * Malformed is a header that contradicts itself or what is around it: IHL < 5,
 * total length < header, no room for it in the packet.
 */
enum decode_status {
	DECODE_OK,
	DECODE_TRUNCATED,   /* what was captured, or a first fragment, ends inside a header */
	DECODE_MALFORMED,   /* see above */
	DECODE_UNSUPPORTED, /* link type or EtherType is not decoded, or too many headers */
};

/* What a packet came in, other than a link of its own. */
enum packet_tunnel {
	PACKET_NO_TUNNEL,
	PACKET_MPLS,  /* these two have no addresses, */
	PACKET_PPPOE, /* and the others are IP packets themselves */
	PACKET_GRE,
	PACKET_ERSPAN,
	PACKET_IPIP,
	PACKET_6IN4,
	PACKET_4IN6,
	PACKET_6IN6,
	PACKET_VXLAN,
	PACKET_GENEVE,
	PACKET_GTP,
	PACKET_L2TP,
};

struct packet_counters {
	uint64_t packets, bytes; /* bytes on the wire */
	uint64_t decode[DECODE_UNSUPPORTED + 1];
};

/* Which owners a file states, by their numbers in capture/origin.h; 0 = none. */
struct packet_owners {
	uint32_t source, destination; /* of the sender's end, and of the receiver's */
	uint32_t any;                 /* of one of the two, which is not known */
	/* They are of this one of the packets that a frame carries, one in the other. */
	bool has_depth;
	uint8_t tunnel_depth;
};

struct packet {
	int64_t time_ns;   /* since the epoch, from the capture */
	uint64_t number;   /* 1, 2, ... in this run */
	uint32_t length;   /* bytes as captured, before they were cut: see packet_wire_length */
	uint32_t captured; /* bytes captured */
	/*
	 * Bytes of a cooked header (SLL) less those of the link header and of the tag that it
	 * stands for: what length and captured have too much. Negative when it has too little.
	 */
	int32_t cooked;
	uint32_t netns;              /* inode number of the network namespace; 0 in a replay */
	uint32_t ifindex;            /* 0 when not known */
	uint32_t interface;          /* of a file: its number in capture/origin.h; 0 = not known */
	struct packet_owners owners; /* of a file */
	int link_type;               /* DLT_* value as libpcap numbers them on Linux */

	enum decode_status status;
	enum packet_direction direction; /* by the link layer; unknown where it has none */
	enum packet_network network;

	bool has_mac; /* Ethernet: both; SLL: source only */
	bool has_destination_mac;
	bool is_broadcast; /* the link layer says so, cooked captures too */
	bool has_ports;    /* TCP, UDP, UDP-Lite, SCTP, DCCP with the ports in the captured bytes */
	bool has_tcp;      /* the fixed TCP header was there */
	bool has_icmp;     /* type and code were there */
	bool is_fragment;  /* any fragment, the first one too */
	bool is_later_fragment; /* fragment offset > 0: no transport header */
	bool has_fragment_id;   /* IPv6 may have it on what is no fragment (RFC 6946) */

	uint8_t source_mac[6];
	uint8_t destination_mac[6];
	bool has_tunnel_id;
	uint16_t ether_type;              /* host byte order, 0 when the link type has none */
	uint16_t vlans[PACKET_VLANS_MAX]; /* VLAN ids, outermost first */
	uint8_t vlan_count;
	/* This packet carries another one, which is a struct packet of its own. */
	bool is_outer;

	/*
	 * Addresses and protocol when network is IPv4 or IPv6. The protocol is that of the
	 * transport header, behind extension headers and AH; of a later fragment, what its
	 * fragment header says; where the chain broke off, the last one known.
	 */
	struct tuple tuple;
	uint8_t ttl; /* or hop limit */
	/* The tunnel that it is in, the innermost of tunnel_depth of them. */
	enum packet_tunnel tunnel : 8;
	/*
	 * Bytes of the IP datagram by its own header, at most what was on the wire; 0 when
	 * that header is malformed.
	 */
	uint32_t ip_length;
	uint16_t ip_id;   /* IPv4 identification; 0 for IPv6 */
	uint32_t content; /* where that is 0: a hash of how the payload begins; 0 of TCP */
	uint8_t tunnel_depth;
	/* The tunnel ends in this namespace: ifindex is that of its interface. Set by src/stream. */
	bool ends_here : 1;
	/* And that interface is captured: this packet is shown there again. Set by src/stream. */
	bool is_shown : 1;
	uint32_t fragment_id;
	uint32_t fragment_offset; /* bytes */

	/*
	 * Transport payload by the headers, bytes: all that follows IP in later fragments and
	 * unknown protocols; 0 where the header that says its own length is cut.
	 */
	uint32_t payload;
	uint32_t payload_offset; /* where it starts in the captured bytes, when payload > 0 */

	uint8_t tcp_flags; /* as in the header: FIN 0x01 ... CWR 0x80 */
	uint32_t tcp_sequence;
	uint32_t tcp_acknowledgement;
	uint16_t tcp_window; /* unscaled */

	uint8_t icmp_type;
	uint8_t icmp_code;
	uint16_t icmp_id; /* echo and its reply: the identifier, host byte order */
	bool has_icmp_id;
	bool has_icmp_inner;     /* an error message whose embedded packet could be read: */
	struct tuple icmp_inner; /* ... its tuple, as the original packet had it */

	uint16_t arp_operation; /* PACKET_ARP: 1 request, 2 reply; addresses in tuple when IPv4 */
	/* VNI, key, session, TEID; of MPLS the innermost label. */
	uint32_t tunnel_id;
	/* What keeps its connections apart from those of other tunnels; 0 = none. Set by src/stream. */
	uint32_t tunnel_lane;
};

/* What a record says of the tunnel that its packets are in. */
struct tunnel {
	enum packet_tunnel type;
	uint8_t depth; /* tunnels, one in the other; this is the innermost */
	bool has_id;
	bool has_outer;
	uint32_t id;
	uint32_t ifindex;   /* of the interface in which it ends; 0 = none of this namespace */
	struct tuple outer; /* of the packet that carries */
};

/* outer: what carries packet; NULL: nothing with addresses does. */
static inline struct tunnel tunnel_of(const struct packet *packet, const struct packet *outer)
{
	struct tunnel tunnel = {
		.type = packet->tunnel,
		.depth = packet->tunnel_depth,
		.has_id = packet->has_tunnel_id,
		.id = packet->tunnel_id,
		.ifindex = packet->ends_here ? packet->ifindex : 0,
		.has_outer = outer != NULL,
	};

	if (outer)
		tunnel.outer = outer->tuple;
	return tunnel;
}

/*
 * What keeps packets of one network namespace apart whose addresses may be alike: those of a tunnel,
 * and those of VLANs (the ids, 12 bits each, the outermost lowest). 0: neither.
 */
static inline uint32_t packet_lane(const struct packet *packet)
{
	uint32_t lane = packet->tunnel_lane;

	/* A tag with the id 0 has a priority and no VLAN (802.1Q 9.6). */
	for (int i = packet->vlan_count - 1; packet->tunnel_lane == 0 && i >= 0; i--)
		if (packet->vlans[i] != 0)
			lane = lane << 12 | packet->vlans[i];
	return lane;
}

/* Quick, since most files state none. */
static inline bool packet_states_owners(const struct packet *packet)
{
	return (packet->owners.source | packet->owners.destination | packet->owners.any) != 0;
}

/* Bytes on the wire, link layer included, as the interface counts them. */
static inline uint32_t packet_wire_length(const struct packet *packet)
{
	return packet->length - (uint32_t)packet->cooked;
}

/* Those of them that were captured. */
static inline uint32_t packet_wire_captured(const struct packet *packet)
{
	return packet->captured - (uint32_t)packet->cooked;
}

/* Bytes of the payload that were captured; they begin at payload_offset. */
static inline uint32_t packet_payload_captured(const struct packet *packet)
{
	uint32_t captured;

	if (packet->payload == 0 || packet->payload_offset >= packet->captured)
		return 0;
	captured = packet->captured - packet->payload_offset;
	return captured < packet->payload ? captured : packet->payload;
}

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_PSH 0x08
#define TCP_FLAG_ACK 0x10
#define TCP_FLAG_URG 0x20
#define TCP_FLAG_ECE 0x40
#define TCP_FLAG_CWR 0x80

#endif
