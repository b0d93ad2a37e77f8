/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int payload_store_init(struct payload_store *store, uint32_t max, bool whole, uint32_t slots)
{
	*store = (struct payload_store){ .max = max, .whole = whole };
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
	uint32_t length = store->whole ? packet->captured : packet_payload_captured(packet);

	if (store->max == 0 || !bytes || length == 0)
		return (struct payload){ .length = 0 };
	return (struct payload){ store->whole ? bytes : bytes + packet->payload_offset,
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

struct payload payload_within(const struct payload_store *store, const struct packet *packet,
                              struct payload kept, uint32_t max)
{
	uint32_t length = packet_payload_captured(packet);

	if (max == 0 || kept.length == 0)
		return (struct payload){ .length = 0 };
	if (store->whole) {
		if (packet->payload_offset >= kept.length)
			return (struct payload){ .length = 0 };
		kept.bytes += packet->payload_offset;
		kept.length -= packet->payload_offset;
		if (length < kept.length)
			kept.length = length;
	}
	if (kept.length > max)
		kept.length = max;
	return kept;
}
