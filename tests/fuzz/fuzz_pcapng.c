/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of a pcapng file, each in memory of its own size: no byte outside is read. */
#include <stdlib.h>
#include <string.h>

#include "capture/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each text of an owner ends. */
static bool is_whole(const struct origin *origin, uint32_t number)
{
	const struct owner *owner = origin_owner(origin, number);

	if (!owner)
		return number == 0;
	if (!owner->process) /* the file states that there is none, or not which */
		return true;
	return owner->process->pid > 0 && owner->process->references == 1 &&
	       (!owner->process->name || strlen(owner->process->name) < PCAPNG_BLOCK_MAX);
}

static void use(const struct pcapng_packet *packet, const uint8_t *block, size_t length,
                const struct origin *origin)
{
	if (packet->bytes < block || packet->bytes + packet->captured > block + length)
		abort();
	if (packet->interface > 0 && !origin_interface(origin, packet->interface)->long_name)
		abort();
	if (!is_whole(origin, packet->owners.source) ||
	    !is_whole(origin, packet->owners.destination) || !is_whole(origin, packet->owners.any))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct origin *origin = origin_new();
	struct pcapng *pcapng = pcapng_new(origin);
	struct pcapng_packet packet;
	int result = 0;

	if (!origin || !pcapng)
		abort();
	while (size >= PCAPNG_HEAD && result >= 0) {
		size_t length = pcapng_length(pcapng, data);
		uint8_t *block;

		if (length == 0 || length > size)
			break;
		block = malloc(length);
		if (!block)
			abort();
		memcpy(block, data, length);
		result = pcapng_block(pcapng, block, length, &packet);
		if (result == 1)
			use(&packet, block, length, origin);
		free(block);
		data += length;
		size -= length;
	}
	pcapng_free(pcapng);
	origin_free(origin);
	return 0;
}
