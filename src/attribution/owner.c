/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void owner_clear(struct owner *owner)
{
	process_unref(owner->process);
	free(owner->shared_pids);
	*owner = (struct owner){ .method = ATTRIBUTION_UNKNOWN };
}

int owner_copy(struct owner *to, const struct owner *from)
{
	int *pids = NULL;

	owner_clear(to);
	if (from->shared_count > 0) {
		size_t size = from->shared_count * sizeof *pids;

		pids = malloc(size);
		if (!pids)
			return -ENOMEM;
		memcpy(pids, from->shared_pids, size);
	}
	*to = *from;
	to->shared_pids = pids;
	if (to->process)
		process_ref(to->process);
	return 0;
}

bool owner_known(const struct owner *owner)
{
	return owner->process || owner->method == ATTRIBUTION_KERNEL;
}

const char *attribution_method_name(enum attribution_method method)
{
	switch (method) {
	case ATTRIBUTION_UNKNOWN: return "unknown";
	case ATTRIBUTION_SOCKET: return "socket";
	case ATTRIBUTION_LISTENER: return "listener";
	case ATTRIBUTION_RECENT: return "recent";
	case ATTRIBUTION_KERNEL: return "kernel";
	}
	return "unknown";
}

const char *attribution_reason_name(enum attribution_reason reason)
{
	switch (reason) {
	case ATTRIBUTION_REASON_NONE: return NULL;
	case ATTRIBUTION_NO_PERMISSION: return "no_permission";
	case ATTRIBUTION_EXITED: return "exited";
	case ATTRIBUTION_OTHER_NETNS: return "other_netns";
	case ATTRIBUTION_TIME_WAIT: return "time_wait";
	case ATTRIBUTION_FORWARDED: return "forwarded";
	case ATTRIBUTION_AMBIGUOUS: return "ambiguous";
	case ATTRIBUTION_NO_SOCKET: return "no_socket";
	case ATTRIBUTION_PENDING: return "pending";
	case ATTRIBUTION_REPLAY: return "replay";
	}
	return NULL;
}
