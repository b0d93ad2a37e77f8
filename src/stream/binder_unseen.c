/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The owners of a connection that has no packets. */
#include "stream/binder_private.h"

void binder_bind_unseen(struct binder *binder, struct connection *connection, int64_t now_ns)
{
	connection->asked_ns = now_ns;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		struct attribution_question question = binder_question(binder, connection, end);

		if (binder->options.attribution && connection->local[end])
			attribution_resolve(binder->options.attribution, &question,
			                    &connection->owners[end]);
	}
}
