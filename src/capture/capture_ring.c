/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_ring.h"

#include <string.h>
#include <sys/socket.h>
#include <linux/if_packet.h>

#define COOKED_SIZE 20 /* LINUX_SLL2: libpcap writes it right before the network header */
#define KERNEL_GAP  16 /* net/packet/af_packet.c, tpacket_rcv: what SOCK_DGRAM leaves free */

static uint32_t header_size(int version)
{
	switch (version) {
	case TPACKET_V2:
		return TPACKET2_HDRLEN;
	case TPACKET_V3:
		return TPACKET3_HDRLEN;
	default:
		return 0;
	}
}

void capture_ring_init(struct capture_ring *ring, int fd)
{
	int version = -1;
	unsigned reserve = 0;
	socklen_t size = sizeof(version);

	*ring = (struct capture_ring){ .version = -1 };
	if (getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &size) != 0)
		return;
	size = sizeof(reserve);
	if (getsockopt(fd, SOL_PACKET, PACKET_RESERVE, &reserve, &size) != 0)
		return;
	if (header_size(version) == 0)
		return;
	ring->version = version;
	ring->offset = TPACKET_ALIGN(header_size(version)) + KERNEL_GAP + reserve;
}

static struct packet_tag tag_of(uint32_t status, uint16_t control)
{
	return (struct packet_tag){
		.present = (status & TP_STATUS_VLAN_VALID) != 0,
		.control = control,
	};
}

struct packet_tag capture_ring_tag(const struct capture_ring *ring, const uint8_t *cooked,
                                   uint32_t length)
{
	const uint8_t *frame = cooked + COOKED_SIZE - ring->offset;
	struct packet_tag none = { .present = false };

	if (ring->version == TPACKET_V3) {
		struct tpacket3_hdr header;

		memcpy(&header, frame, sizeof(header));
		if (header.tp_net == ring->offset && header.tp_len + COOKED_SIZE == length)
			return tag_of(header.tp_status, (uint16_t)header.hv1.tp_vlan_tci);
	} else if (ring->version == TPACKET_V2) {
		struct tpacket2_hdr header;

		memcpy(&header, frame, sizeof(header));
		if (header.tp_net == ring->offset && header.tp_len + COOKED_SIZE == length)
			return tag_of(header.tp_status, header.tp_vlan_tci);
	}
	return none;
}
