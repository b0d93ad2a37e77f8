/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The question of attribution: which process owns one end of a connection, and when. */
#ifndef SOCKLINE_ATTRIBUTION_QUESTION_H
#define SOCKLINE_ATTRIBUTION_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"

struct attribution_question {
	uint32_t netns;
	struct tuple tuple; /* source = the end that is asked for */
	uint32_t ifindex;   /* of the packet, never 0: attribution.c says why */
	bool responder;     /* this end did not initiate: a listener may be its owner */
	bool gone;          /* TCP, and its socket is closed: who watched, or who listens */
	bool died; /* a socket on the port has, since seen_ns: the one there now may be its successor */
	bool died_again;  /* and a second one: so there was a successor */
	bool sender;      /* this end sent the packet that is at hand */
	bool has_fin;     /* and it closes the connection */
	bool has_payload; /* and it has data: */
	bool has_offset;  /* TCP, and it is known where in the stream of this end: */
	uint32_t offset;  /* bytes before it; wraps */
	bool fanned_out;  /* the packet is multicast or broadcast: several may receive it */
	bool foreign;     /* the end's address is not of the host: a proxy's, and no listener's */
	bool has_icmp_id; /* ICMP echo of which this end is the requester: */
	uint16_t icmp_id;
	/* The end's socket, as it was listed when the capture began; 0 = not known. */
	uint64_t inode, cookie;
	int64_t since_ns; /* monotonic: not before this did the connection begin; 0 = not known */
	int64_t seen_ns;  /* monotonic: its first packet */
	int64_t until_ns; /* monotonic: not after this was its last packet; 0 = not known */
	int64_t asked_ns; /* monotonic: when this end was first asked for */
	int64_t heir_ns;  /* monotonic: since then its owner is no more, and what was seen before
	                     of others is no proof that they have the socket; 0 = none has exited */
};

#endif
