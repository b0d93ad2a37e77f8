/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/port_ends.h"

#include <stdlib.h>

#include "base/clock.h"

/* Packets come in batches: one sent before the end may be read this long after it was told. */
#define BATCH_NS (250 * NS_PER_MS)

struct port_ends {
	struct {
		uint32_t netns; /* of the latest */
		uint32_t count; /* in all namespaces */
		int64_t time_ns;
	} ports[1 << 16];
};

struct port_ends *port_ends_new(void)
{
	return calloc(1, sizeof(struct port_ends)); /* untouched pages cost nothing */
}

void port_ends_free(struct port_ends *ends)
{
	free(ends);
}

void port_ends_note(struct port_ends *ends, uint32_t netns, uint16_t port, int64_t now_ns)
{
	ends->ports[port].netns = netns;
	ends->ports[port].count++;
	ends->ports[port].time_ns = now_ns;
}

bool port_ends_unchanged(const struct port_ends *ends, uint16_t port, uint32_t checked)
{
	return ends->ports[port].count == checked;
}

bool port_ends_suspect(const struct port_ends *ends, uint32_t netns, uint16_t port, int64_t seen_ns,
                       uint32_t *checked)
{
	int64_t time_ns = ends->ports[port].time_ns;
	uint32_t count = ends->ports[port].count;

	if (count == *checked || ends->ports[port].netns != netns || time_ns == 0 ||
	    seen_ns < time_ns - BATCH_NS)
		return false;
	if (seen_ns > time_ns)
		*checked = count;
	return true;
}
