/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void clear_added(struct owner *owner)
{
	if (owner->has_common)
		for (int i = 0; i < owner->common->count; i++)
			process_unref(owner->common->processes[i]);
	free(owner->translated);
	owner->translated = NULL;
	owner->has_common = false;
}

void owner_clear(struct owner *owner)
{
	process_unref(owner->process);
	free(owner->shared_pids);
	clear_added(owner);
	*owner = (struct owner){ .method = ATTRIBUTION_UNKNOWN };
}

static void *copy(const void *bytes, size_t size)
{
	void *copied = malloc(size);

	if (copied)
		memcpy(copied, bytes, size);
	return copied;
}

int owner_set_shared(struct owner *owner, const int *pids, int count)
{
	int *copied = count > 0 ? copy(pids, (size_t)count * sizeof *pids) : NULL;

	if (count > 0 && !copied)
		return -ENOMEM;
	free(owner->shared_pids);
	owner->shared_pids = copied;
	owner->shared_count = (uint8_t)count;
	return 0;
}

int owner_set_translated(struct owner *owner, const struct tuple *tuple)
{
	struct tuple *translated = copy(tuple, sizeof *tuple);

	if (!translated)
		return -ENOMEM;
	clear_added(owner);
	owner->translated = translated;
	return 0;
}

bool owner_same_shared(const struct owner *a, const struct owner *b)
{
	return a->shared_count == b->shared_count &&
	       (a->shared_count == 0 || memcmp(a->shared_pids, b->shared_pids,
	                                       a->shared_count * sizeof *a->shared_pids) == 0);
}

int owner_set_common(struct owner *owner, const struct owner_common *common)
{
	struct owner_common *copied = copy(common, sizeof *common);

	if (!copied)
		return -ENOMEM;
	for (int i = 0; i < copied->count; i++)
		process_ref(copied->processes[i]);
	clear_added(owner);
	owner->common = copied;
	owner->has_common = true;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

bool owner_common_at(const struct owner_common *common, int64_t wall_ns, struct owner_alike *alike)
{
	const struct process *first = process_at(common->processes[0], wall_ns);

	alike->name = first->name && first->name[0] ? first->name : NULL;
	alike->cgroup = first->cgroup;
	alike->uid = first->has_uid ? &first->uid : NULL;
	for (int i = 1; i < common->count; i++) {
		const struct process *other = process_at(common->processes[i], wall_ns);

		if (!same_text(alike->name, other->name))
			alike->name = NULL;
		if (!same_text(alike->cgroup, other->cgroup))
			alike->cgroup = NULL;
		if (!other->has_uid || other->uid != first->uid)
			alike->uid = NULL;
	}
	return alike->name || alike->cgroup || alike->uid;
}

const struct process *owner_stated_user(const struct owner *owner)
{
	return owner->has_common && owner->common->processes[0]->stated
	               ? owner->common->processes[0]
	               : NULL;
}

const struct tuple *owner_translated(const struct owner *owner)
{
	return owner->has_common ? NULL : owner->translated;
}

static int copy_added(struct owner *to, const struct owner *from)
{
	if (from->has_common)
		return owner_set_common(to, from->common);
	return from->translated ? owner_set_translated(to, from->translated) : 0;
}

int owner_copy(struct owner *to, const struct owner *from)
{
	struct owner copied = *from;
	int *pids = NULL;

	owner_clear(to);
	if (from->shared_count > 0)
		pids = copy(from->shared_pids, from->shared_count * sizeof *pids);
	if ((from->shared_count > 0 && !pids) || copy_added(to, from) != 0) {
		free(pids);
		return -ENOMEM;
	}
	copied.translated = to->translated;
	copied.shared_pids = pids;
	*to = copied;
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
	static const char *const names[] = {
		[ATTRIBUTION_UNKNOWN] = "unknown",   [ATTRIBUTION_SOCKET] = "socket",
		[ATTRIBUTION_LISTENER] = "listener", [ATTRIBUTION_RECENT] = "recent",
		[ATTRIBUTION_KERNEL] = "kernel",     [ATTRIBUTION_TRACEPOINT] = "tracepoint",
		[ATTRIBUTION_GUESS] = "guess",       [ATTRIBUTION_CAPTURE] = "capture",
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
