/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of connect(2) that failed, with their owners. */
#include "attribution/attribution_private.h"
#include "attribution/trace_owners.h"

/* A process whose namespace was not followed is in the only one. */
static bool set_namespace(const struct attribution *attribution, struct failed_connect *connect)
{
	if (connect->netns == 0 && attribution->namespace_count == 1)
		connect->netns = attribution->namespaces[0].netns;
	return attribution_find_namespace(attribution, connect->netns) != NULL;
}

bool attribution_sees_connects(const struct attribution *attribution)
{
	return attribution->options.trace_owners != NULL;
}

bool attribution_take_failed_connect(struct attribution *attribution, int64_t before_ns,
                                     struct failed_connect *connect, struct owner *owner)
{
	const struct attribution_question nothing = { 0 };
	struct process *process;

	if (!attribution->options.trace_owners)
		return false;
	do {
		if (!trace_owners_take_failed(attribution->options.trace_owners, before_ns, connect,
		                              &process))
			return false;
	} while (!set_namespace(attribution, connect));
	if (process)
		attribution_set_traced(&nothing, process, owner);
	else
		attribution_withdraw(&nothing, owner, ATTRIBUTION_EXITED);
	owner->netns = connect->netns;
	return true;
}
