/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespaces that attribution knows. */
#include <errno.h>
#include <stdlib.h>

#include "attribution/attribution_private.h"

int attribution_add_namespace(struct attribution *attribution,
                              const struct attribution_namespace *namespace)
{
	struct attribution_namespace *grown;

	if (attribution->namespace_count == ATTRIBUTION_NAMESPACES_MAX)
		return -ENOSPC;
	grown = realloc(attribution->namespaces,
	                ((size_t)attribution->namespace_count + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	grown[attribution->namespace_count++] = *namespace;
	attribution->namespaces = grown;
	return 0;
}

void attribution_remove_namespace(struct attribution *attribution, uint32_t netns)
{
	for (int i = 0; i < attribution->namespace_count; i++) {
		if (attribution->namespaces[i].netns == netns) {
			attribution->namespaces[i] =
				attribution->namespaces[--attribution->namespace_count];
			return;
		}
	}
}

const struct attribution_namespace *
attribution_find_namespace(const struct attribution *attribution, uint32_t netns)
{
	for (int i = 0; i < attribution->namespace_count; i++)
		if (attribution->namespaces[i].netns == netns)
			return &attribution->namespaces[i];
	return NULL;
}
