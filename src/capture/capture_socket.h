/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libpcap does not offer, done on its AF_PACKET socket, packet(7). These
 * functions borrow the descriptor and return 0 or -errno.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_SOCKET_H
#define SOCKLINE_CAPTURE_CAPTURE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/capture.h"

/*
 * An EtherType that IANA reserves: a socket bound to it is set up but hears
 * nothing, so that no packet slips in before link type and filter are in place.
 */
#define CAPTURE_SOCKET_DEAF 0xFFFF

/*
 * The number of an interface in the namespace of the socket; 0 and errno. Unlike if_nametoindex(3),
 * whose socket is of the namespace in which the process is.
 */
unsigned capture_socket_index(int fd, const char *interface);
/* There is no such interface where the thread opens sockets, netns.h. False: or it is not known. */
bool capture_socket_is_absent(const char *interface);

/*
 * Lets the kernel drop what libpcap would drop after counting it as received:
 * the outgoing copies of loopback packets and the unwanted direction; and for "any"
 * what is no network traffic (nlmon, CAN). It keeps
 * the filter that is attached and puts its own tests in front.
 */
int capture_socket_narrow(int fd, bool any, bool loopback, enum capture_direction direction);

/*
 * Cuts the packets that the attached filter accepts at `usual' bytes, but those with names in
 * them at `longer' (capture_cut.h); behind `base' bytes there is the network header.
 */
int capture_socket_cut(int fd, uint32_t base, uint32_t usual, uint32_t longer);

/* What is attached; the caller frees it. */
struct sock_filter;
int capture_socket_copy_filter(int fd, struct sock_filter **copy, size_t *length);
bool capture_socket_filters(int fd); /* anything is attached */

/* Begins to listen, where the socket is bound. -ENETDOWN when the interface is down. */
int capture_socket_listen(int fd);

/*
 * Several sockets of a group, PACKET_FANOUT: each packet goes to one of them, to the first one (0)
 * until another is chosen. *group 0: a new group, whose number it gets. The socket listens already.
 */
int capture_socket_join(int fd, uint16_t *group);
/* From now on packets go to that one, and those that are on their way to another are there. */
int capture_socket_choose(int fd, uint32_t member);
/* Listens in a group, without hearing a packet before it is in it. */
int capture_socket_listen_in(int fd, uint16_t group);

/* Lets no further packet in; what the ring holds stays there. */
int capture_socket_deafen(int fd);

/* True when the interface the socket was bound to does not exist any more. */
bool capture_socket_gone(int fd);

#endif
