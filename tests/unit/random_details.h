/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Details of a random socket, for random_event.h. */
#ifndef SOCKLINE_TESTS_RANDOM_DETAILS_H
#define SOCKLINE_TESTS_RANDOM_DETAILS_H

#include <stdio.h>

#include "random_scene.h"

static inline uint32_t scene_u32(struct scene *scene)
{
	return (uint32_t)scene_number(scene, 32);
}

static inline void scene_mptcp(struct scene *scene, struct socket_mptcp *mptcp)
{
	mptcp->has_token = scene_chance(scene, 50);
	mptcp->token = 1 + scene_u32(scene) / 2;
	mptcp->has_ids = scene_chance(scene, 50);
	mptcp->remote_id = (uint8_t)scene_u32(scene);
	mptcp->has_subflows = scene_chance(scene, 50);
	mptcp->subflows = (uint8_t)scene_u32(scene);
	mptcp->fallback = scene_chance(scene, 50);
}

static inline void scene_tcp_details(struct scene *scene, struct socket_tcp_details *tcp)
{
	scene_name(scene, tcp->congestion_control, sizeof tcp->congestion_control);
	scene_name(scene, tcp->upper_protocol, sizeof tcp->upper_protocol);
	tcp->has_figures = scene_chance(scene, 50);
	tcp->rto_us = scene_u32(scene);
	tcp->window_segments = scene_u32(scene);
	tcp->pacing_rate = scene_number(scene, 64);
	tcp->bytes_sent = scene_number(scene, 64);
	scene_mptcp(scene, &tcp->mptcp);
}

static inline void scene_sctp(struct scene *scene, struct socket_sctp *sctp)
{
	sctp->is_association = scene_chance(scene, 50);
	sctp->state = (uint8_t)random_below(&scene->random, 10);
	sctp->local_count = (uint8_t)random_below(&scene->random, SOCKET_ADDRESSES_MAX + 1);
	sctp->peer_count = (uint8_t)random_below(&scene->random, SOCKET_ADDRESSES_MAX + 1);
	random_bytes(&scene->random, sctp->local, sizeof sctp->local);
	random_bytes(&scene->random, sctp->peer, sizeof sctp->peer);
}

static inline void scene_packet_details(struct scene *scene, struct socket_packet *packet)
{
	packet->has_version = scene_chance(scene, 50);
	packet->version = (uint8_t)random_below(&scene->random, 3);
	packet->receive.blocks = scene_u32(scene);
	packet->send.frames = scene_u32(scene);
	packet->has_fanout = scene_chance(scene, 50);
	packet->fanout_id = (uint16_t)scene_u32(scene);
	packet->fanout_mode = (uint8_t)random_below(&scene->random, 10);
}

static inline void scene_xdp(struct scene *scene, struct socket_xdp *xdp)
{
	xdp->has_queue = scene_chance(scene, 50);
	xdp->queue = scene_u32(scene);
	xdp->receive_entries = scene_u32(scene);
	xdp->has_umem = scene_chance(scene, 50);
	xdp->umem_size = scene_number(scene, 64);
}

static inline void scene_details(struct scene *scene, struct socket *socket)
{
	struct socket_details *details = &scene->details;

	memset(details, 0, sizeof *details);
	details->timer = (uint8_t)random_below(&scene->random, SOCKET_TIMER_PROBE + 1);
	details->timer_ms = scene_u32(scene);
	details->timer_retransmits = (uint8_t)scene_u32(scene);
	details->has_mark = scene_chance(scene, 50);
	details->mark = scene_u32(scene);
	details->has_drops = scene_chance(scene, 50);
	details->drops = scene_u32(scene);
	details->has_queues = scene_chance(scene, 50);
	if (socket->kind == SOCKET_TCP)
		scene_tcp_details(scene, &details->tcp);
	else if (socket->kind == SOCKET_MPTCP)
		scene_mptcp(scene, &details->mptcp);
	else if (socket->kind == SOCKET_SCTP)
		scene_sctp(scene, &details->sctp);
	else if (socket->kind == SOCKET_PACKET)
		scene_packet_details(scene, &details->packet);
	else if (socket->kind == SOCKET_XDP)
		scene_xdp(scene, &details->xdp);
	else
		random_bytes(&scene->random, &details->netlink,
		             scene_chance(scene, 50) ? sizeof details->netlink : 1);
	if (socket->kind == SOCKET_VSOCK || socket->kind == SOCKET_TIPC)
		details->pair.has_local = details->pair.has_peer = scene_chance(scene, 50);
	socket->details = details;
}

#endif
