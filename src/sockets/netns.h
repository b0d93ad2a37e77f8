/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces (network_namespaces(7)): which there are, and how to open
 * sockets inside one. A namespace's number is the inode of /proc/PID/ns/net.
 */
#ifndef SOCKLINE_SOCKETS_NETNS_H
#define SOCKLINE_SOCKETS_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct helper;

/* The number of the calling thread's namespace; 0 when it cannot be read. */
uint32_t netns_self(void);

/*
 * Namespaces can be entered by the calling thread: it has CAP_SYS_ADMIN, and no filter refuses
 * setns(2), as RestrictNamespaces= of systemd.exec(5) does. It stays where it is.
 */
bool netns_may_enter(void);

/*
 * Opens a namespace by a file such as /run/netns/NAME or /proc/PID/ns/net: an fd
 * for setns(2), or -errno with a text that names the file, also when it is no
 * network namespace. *number gets its number.
 */
int netns_open_path(const char *path, uint32_t *number, struct error *error);

/*
 * The user who owns the user namespace that owns the network namespace of fd, ioctl_nsfs(2);
 * 0 also when that is above our own user namespace, and so cannot be known.
 */
uint32_t netns_owner(int fd);

/*
 * An fd for setns(2) of the namespace in which a socket was made (SIOCGSKNS, Linux 4.10), or -errno;
 * -EPERM: CAP_NET_ADMIN there is missing.
 */
int netns_of_socket(int socket);

/*
 * Sockets inside a namespace, netns_thread.c. With a helper (security/helper.h) that may enter
 * namespaces the calling thread needs no right to: set once, before there are threads. NULL, as at
 * first: the thread itself moves.
 */
void netns_use_helper(struct helper *helper);
/* False when the helper has ended. */
bool netns_can_enter(void);
/*
 * What the calling thread opens from now on, as sockets and by netns_open_net, belongs into the
 * namespace of fd, or of the socket fd; socket(2) of libpcap and libnl is meant, too. Returns what
 * netns_leave takes, at least 0, or -errno (-EPERM: CAP_SYS_ADMIN is missing, -EPIPE: the helper has
 * ended).
 */
int netns_enter(int fd);
/* Goes back. Ends the program with status 1 when that fails: the thread would act in the wrong place. */
void netns_leave(int previous);
/*
 * A socket that a library made is inside the namespace that the thread has entered. 0, also where
 * that cannot be known for want of CAP_NET_ADMIN; -EXDEV.
 */
int netns_check_socket(int fd);
/* Opens a file of net_dir for reading; inside a namespace its own /proc/net stands for the folder. */
int netns_open_net(const char *net_dir, const char *name);
#define NETNS_NET_DIR "/proc/thread-self/net"

/*
 * Called once with each namespace that holds a process of /proc or has a name in
 * /run/netns (ip-netns(8)) or /run/docker/netns, and a path to open it by.
 */
typedef void netns_callback(void *context, uint32_t number, const char *path);
/* Walks /proc: about 3 us a process. 0 or -errno. */
int netns_each(netns_callback *callback, void *context);
/* The same with those alone that have a name: about 3 us a name. */
void netns_each_named(netns_callback *callback, void *context);

/*
 * Packets that the interfaces of the calling thread's namespace have carried since
 * they were made, proc_net_dev(5); those of loopback once. 0 also when that cannot be read.
 */
uint64_t netns_count_packets(void);

#endif
