/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that wait on a port: of several, the kernel or a BPF program picks one. */
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "attribution/windows.h"
#include "base/clock.h"

#define SHARE 50 /* a listing takes a fiftieth of the time */

static bool is_aged(const struct listener_table *listeners, int64_t age_ns)
{
	int64_t share_ns = SHARE * listener_table_took_ns(listeners);

	return age_ns > WINDOW_LISTENERS_NS ||
	       (age_ns > WINDOW_LISTENERS_SOON_NS && age_ns > share_ns);
}

static bool has(const struct socket *const *found, int count, uint64_t inode)
{
	bool has = inode == 0 && count > 0;

	for (int i = 0; i < count && i < ATTRIBUTION_LISTENERS_MAX && !has; i++)
		has = found[i]->inode == inode;
	return has;
}

int attribution_find_listeners(const struct attribution_namespace *namespace,
                               const struct tuple *tuple, uint32_t ifindex, uint64_t inode,
                               const struct socket **found)
{
	struct listener_table *listeners =
		tuple->protocol == IPPROTO_TCP ? namespace->listeners : namespace->udp_listeners;
	int64_t age_ns = clock_monotonic_ns() - listener_table_refreshed_ns(listeners);
	bool aged = is_aged(listeners, age_ns);
	int count;

	if (aged)
		listener_table_refresh(listeners, NULL, NULL);
	count = listener_table_find(listeners, tuple, ifindex, found, ATTRIBUTION_LISTENERS_MAX);
	if (aged || age_ns <= WINDOW_LISTENERS_SOON_NS || has(found, count, inode))
		return count;
	listener_table_refresh(listeners, NULL, NULL);
	return listener_table_find(listeners, tuple, ifindex, found, ATTRIBUTION_LISTENERS_MAX);
}

void attribution_listens(struct attribution *attribution, int pid)
{
	if (!attribution_read_process(attribution, pid))
		proc_fd_hint(attribution->options.fds, pid);
}
