/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of what several sockets got: each process that holds one of them. */
#include <unistd.h>

#include "attribution/attribution_private.h"

struct pids {
	int pids[OWNER_SHARED_MAX];
	int count;
};

/* In order, each once; beyond the bound the highest are left out. */
static void add_pid(struct pids *pids, int pid)
{
	int at = 0;

	while (at < pids->count && pids->pids[at] < pid)
		at++;
	if (at == OWNER_SHARED_MAX || (at < pids->count && pids->pids[at] == pid))
		return;
	if (pids->count < OWNER_SHARED_MAX)
		pids->count++;
	for (int i = pids->count - 1; i > at; i--)
		pids->pids[i] = pids->pids[i - 1];
	pids->pids[at] = pid;
}

static void add_holders(struct pids *pids, const struct owner *owner)
{
	if (owner->process && owner->shared_count == 0)
		add_pid(pids, owner->process->pid);
	for (int i = 0; i < owner->shared_count; i++)
		add_pid(pids, owner->shared_pids[i]);
}

int attribution_set_shared(struct owner *owner, const struct proc_fd_holders *holders)
{
	int pids[PROC_FD_HOLDERS_MAX];

	for (int i = 0; i < holders->count; i++)
		pids[i] = holders->processes[i]->pid;
	return owner_set_shared(owner, pids, holders->count > 1 ? holders->count : 0);
}

static bool same_holders(const struct owner *a, const struct owner *b)
{
	return a->process && a->process == b->process && owner_same_shared(a, b);
}

void attribution_name_common_holder(struct attribution *attribution,
                                    const struct socket *const *sockets, int listed, int count,
                                    enum attribution_method method, int64_t asked_ns,
                                    struct owner *owner)
{
	struct owner other = { 0 };

	if (count > listed || count == 0) {
		attribution_unknown(owner,
		                    count == 0 ? ATTRIBUTION_NO_SOCKET : ATTRIBUTION_AMBIGUOUS);
		return;
	}
	attribution_name_holder(attribution, sockets[0], method, asked_ns, owner, NULL);
	for (int i = 1; i < count; i++) {
		enum attribution_reason reason = owner->reason;

		attribution_name_holder(attribution, sockets[i], method, asked_ns, &other, NULL);
		if (same_holders(owner, &other)) {
			owner_clear(&other);
			continue;
		}
		if (other.reason == ATTRIBUTION_PENDING)
			reason = ATTRIBUTION_PENDING;
		owner_clear(&other);
		if (attribution->options.guess && owner->process) {
			owner->method = ATTRIBUTION_GUESS;
			return;
		}
		owner_clear(owner);
		attribution_unknown(owner,
		                    reason == ATTRIBUTION_PENDING ? reason : ATTRIBUTION_AMBIGUOUS);
		if (owner->reason == ATTRIBUTION_AMBIGUOUS)
			attribution_set_common(attribution, sockets, count, owner);
		return;
	}
	if (count > 1) { /* which of them it was is not known, only whose */
		owner->inode = 0;
		owner->cookie = 0;
	}
}

/* One alone would be wrong. */
static void name_none_of_them(struct owner *owner)
{
	process_unref(owner->process);
	owner->process = NULL;
	owner_set_shared(owner, NULL, 0);
	attribution_unknown(owner, ATTRIBUTION_AMBIGUOUS);
}

void attribution_name_all_holders(struct attribution *attribution,
                                  const struct socket *const *sockets, int count, int64_t asked_ns,
                                  struct owner *owner)
{
	struct owner other = { 0 };
	struct pids pids = { .count = 0 };

	for (int i = 0; i < count; i++) {
		bool pending;

		attribution_name_holder(attribution, sockets[i], ATTRIBUTION_SOCKET, asked_ns,
		                        &other, NULL);
		pending =
			other.method == ATTRIBUTION_UNKNOWN && other.reason == ATTRIBUTION_PENDING;
		add_holders(&pids, &other);
		/* shared_pids begins with the owner, as for a socket that several hold. */
		if (pending || (other.process && other.process->pid == pids.pids[0]) ||
		    !owner->process) {
			owner_clear(owner);
			*owner = other;
			other = (struct owner){ 0 };
		}
		owner_clear(&other);
		if (pending)
			return;
	}
	owner->inode = 0; /* there are several */
	owner->cookie = 0;
	if (pids.count > 1 && owner_set_shared(owner, pids.pids, pids.count) != 0)
		name_none_of_them(owner);
}

void attribution_name_candidates(struct attribution *attribution,
                                 const struct socket *const *sockets, int count, int64_t asked_ns,
                                 enum attribution_reason reason, struct owner *owner)
{
	struct pids pids = { .count = 0 };
	bool pending = false;

	for (int i = 0; i < count; i++) {
		struct owner other = { 0 };

		attribution_name_holder(attribution, sockets[i], ATTRIBUTION_SOCKET, asked_ns,
		                        &other, NULL);
		pending |= other.reason == ATTRIBUTION_PENDING;
		/* Our own captures never send. */
		if (!other.process || other.process->pid != getpid())
			add_holders(&pids, &other);
		owner_clear(&other);
	}
	if (pending) {
		attribution_unknown(owner, ATTRIBUTION_PENDING);
	} else if (pids.count > 0) {
		attribution_unknown(owner, reason);
		owner_set_shared(owner, pids.pids, pids.count);
	}
}

/* False: there is no room for it. */
static bool add_process(struct owner_common *common, struct process *process)
{
	for (int i = 0; i < common->count; i++)
		if (common->processes[i] == process)
			return true;
	if (common->count == OWNER_SHARED_MAX)
		return false;
	common->processes[common->count++] = process_ref(process);
	return true;
}

void attribution_set_common(struct attribution *attribution, const struct socket *const *sockets,
                            int count, struct owner *owner)
{
	struct owner_common common = { .count = 0 };
	bool all = true;

	for (int i = 0; i < count && all; i++) {
		struct proc_fd_holders found = { 0 };

		all = proc_fd_find(attribution->options.fds, sockets[i]->inode, &found) == 0 &&
		      !found.more;
		for (int holder = 0; holder < found.count && all; holder++)
			all = add_process(&common, found.processes[holder]);
	}
	if (all && common.count > 0)
		owner_set_common(owner, &common);
	for (int i = 0; i < common.count; i++)
		process_unref(common.processes[i]);
}
