/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void owner_clear(struct owner *owner)
{
	process_unref(owner->process);
	free(owner->shared_pids);
	free(owner->translated);
	*owner = (struct owner){ .method = ATTRIBUTION_UNKNOWN };
}

static void *copy(const void *bytes, size_t size)
{
	void *copied = malloc(size);

	if (copied)
		memcpy(copied, bytes, size);
	return copied;
}

int owner_copy(struct owner *to, const struct owner *from)
{
	struct tuple *translated = NULL;
	int *pids = NULL;

	owner_clear(to);
	if (from->shared_count > 0)
		pids = copy(from->shared_pids, from->shared_count * sizeof *pids);
	if (from->translated)
		translated = copy(from->translated, sizeof *translated);
	if (!pids != !from->shared_count || !translated != !from->translated) {
		free(pids);
		free(translated);
		return -ENOMEM;
	}
	*to = *from;
	to->shared_pids = pids;
	to->translated = translated;
	if (to->process)
		process_ref(to->process);
	return 0;
}

int owner_set_translated(struct owner *owner, const struct tuple *tuple)
{
	struct tuple *translated = copy(tuple, sizeof *tuple);

	if (!translated)
		return -ENOMEM;
	free(owner->translated);
	owner->translated = translated;
	return 0;
}

bool owner_known(const struct owner *owner)
{
	return owner->process || owner->method == ATTRIBUTION_KERNEL;
}

const char *attribution_method_name(enum attribution_method method)
{
	static const char *const names[] = {
		[ATTRIBUTION_UNKNOWN] = "unknown",   [ATTRIBUTION_SOCKET] = "socket",
		[ATTRIBUTION_LISTENER] = "listener", [ATTRIBUTION_RECENT] = "recent",
		[ATTRIBUTION_KERNEL] = "kernel",     [ATTRIBUTION_TRACEPOINT] = "tracepoint",
		[ATTRIBUTION_GUESS] = "guess",
	};

	return names[method];
}

const char *attribution_reason_name(enum attribution_reason reason)
{
	static const char *const names[] = {
		[ATTRIBUTION_REASON_NONE] = NULL,
		[ATTRIBUTION_NO_PERMISSION] = "no_permission",
		[ATTRIBUTION_EXITED] = "exited",
		[ATTRIBUTION_OTHER_NETNS] = "other_netns",
		[ATTRIBUTION_TIME_WAIT] = "time_wait",
		[ATTRIBUTION_FORWARDED] = "forwarded",
		[ATTRIBUTION_AMBIGUOUS] = "ambiguous",
		[ATTRIBUTION_NO_SOCKET] = "no_socket",
		[ATTRIBUTION_RAW_SOCKET] = "raw_socket",
		[ATTRIBUTION_PENDING] = "pending",
		[ATTRIBUTION_REPLAY] = "replay",
	};

	return names[reason];
}
