/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's numbers of one TCP socket. */
#include "attribution/attribution_private.h"
#include "sockets/sock_diag.h"

/* Each second, 4 to 6 us each. */
#define READS_PER_SECOND 1000

bool attribution_read_socket(struct attribution *attribution, uint32_t netns,
                             const struct tuple *tuple, uint32_t ifindex, uint64_t cookie,
                             struct socket *socket)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, netns);

	ifindex = attribution_device(namespace, tuple, ifindex, 0);
	return namespace && namespace->diag &&
	       attribution_spend(&attribution->reads, READS_PER_SECOND) &&
	       sock_diag_find(namespace->diag, tuple, ifindex, true, socket) == 0 &&
	       socket->has_tcp_info && tuple_equal(&socket->tuple, tuple) &&
	       (cookie == 0 || socket->cookie == 0 || socket->cookie == cookie);
}
