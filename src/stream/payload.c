/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int payload_store_init(struct payload_store *store, uint32_t max, uint32_t slots)
{
	*store = (struct payload_store){ .max = max };
	if (max == 0)
		return 0;
	store->bytes = malloc((size_t)max * slots);
	store->lengths = calloc(slots, sizeof *store->lengths);
	if (store->bytes && store->lengths)
		return 0;
	payload_store_fini(store);
	return -ENOMEM;
}

void payload_store_fini(struct payload_store *store)
{
	free(store->bytes);
	free(store->lengths);
	*store = (struct payload_store){ .max = 0 };
}

struct payload payload_of(const struct payload_store *store, const struct packet *packet,
                          const uint8_t *bytes)
{
	uint32_t length = store->max > 0 && bytes ? packet_payload_captured(packet) : 0;

	if (length == 0)
		return (struct payload){ .length = 0 };
	return (struct payload){ bytes + packet->payload_offset,
		                 length < store->max ? length : store->max };
}

void payload_store_put(struct payload_store *store, uint32_t slot, struct payload payload)
{
	if (store->max == 0)
		return;
	store->lengths[slot] = payload.length;
	if (payload.length > 0)
		memmove(store->bytes + (size_t)slot * store->max, payload.bytes, payload.length);
}

struct payload payload_store_get(const struct payload_store *store, uint32_t slot)
{
	if (store->max == 0 || store->lengths[slot] == 0)
		return (struct payload){ .length = 0 };
	return (struct payload){ store->bytes + (size_t)slot * store->max, store->lengths[slot] };
}
