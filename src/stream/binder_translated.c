/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* An answer shows what NAT made of an end's tuple. */
#include "base/snippet.h"
#include "stream/binder_private.h"

void binder_translated(struct binder *binder, struct connection *connection,
                       enum connection_end end, const struct tuple *socket)
{
	struct attribution_question question = binder_question(binder, connection, end);
	struct owner *owner = &connection->owners[end];
	struct owner found = { 0 };

	question.tuple = *socket;
	if (!owner->process)
		attribution_resolve(binder->options.attribution, &question, &found);
	if (found.process && owner_set_translated(&found, socket) == 0) {
		owner_clear(owner);
		*owner = found;
		binder_report(binder, connection);
		return;
	}
	owner_clear(&found);
	if (owner_translated(owner) || owner->has_common)
		return;
	owner_set_translated(owner, socket);
	snippet_drop(&connection->snippet);
}
