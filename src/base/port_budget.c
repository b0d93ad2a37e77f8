/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/port_budget.h"

#include <string.h>

#include "base/clock.h"

/* The slot of the port, else a free one, else NULL. */
static struct port_budget_port *slot_for(struct port_budget *budget, uint16_t port)
{
	struct port_budget_port *free_slot = NULL;

	for (int i = 0; i < PORT_BUDGET_EXCLUDED; i++) {
		if (budget->ports[i].port == port)
			return &budget->ports[i];
		if (budget->ports[i].port == 0 && !free_slot)
			free_slot = &budget->ports[i];
	}
	return free_slot;
}

void port_budget_count(struct port_budget *budget, uint16_t port)
{
	struct port_budget_port *slot;

	if (port == 0 || budget->counts[port] >= budget->per_second)
		return;
	budget->counted = true;
	if (++budget->counts[port] < budget->per_second)
		return;
	slot = slot_for(budget, port);
	/* With all slots taken the port stays: it costs, but nothing goes wrong. */
	if (!slot || slot->excluded)
		return;
	slot->port = port;
	slot->hot = true;
}

void port_budget_clear(struct port_budget *budget)
{
	*budget = (struct port_budget){ .per_second = budget->per_second };
}

bool port_budget_update(struct port_budget *budget, int64_t now_ns)
{
	bool changed = false;

	for (int i = 0; i < PORT_BUDGET_EXCLUDED; i++) {
		struct port_budget_port *slot = &budget->ports[i];

		if (slot->hot) {
			slot->hot = false;
			slot->excluded = changed = true;
			slot->pause_ns = slot->pause_ns ? slot->pause_ns * 2 : PORT_BUDGET_FIRST_NS;
			if (slot->pause_ns > PORT_BUDGET_LONGEST_NS)
				slot->pause_ns = PORT_BUDGET_LONGEST_NS;
			slot->until_ns = now_ns + slot->pause_ns;
		} else if (slot->port != 0 && now_ns >= slot->until_ns) {
			changed = changed || slot->excluded;
			if (slot->excluded)
				slot->until_ns = now_ns + slot->pause_ns;
			else
				*slot = (struct port_budget_port){ 0 };
			slot->excluded = false;
		}
	}
	if (now_ns - budget->second_ns >= NS_PER_SECOND) {
		budget->second_ns = now_ns;
		if (budget->counted)
			memset(budget->counts, 0, sizeof budget->counts);
		budget->counted = false;
	}
	return changed;
}

int port_budget_excluded(const struct port_budget *budget)
{
	int count = 0;

	for (int i = 0; i < PORT_BUDGET_EXCLUDED; i++)
		count += budget->ports[i].excluded;
	return count;
}

void port_budget_filter(const struct port_budget *budget, struct buf *filter)
{
	const char *before = "sport != ";

	for (int i = 0; i < PORT_BUDGET_EXCLUDED; i++) {
		if (!budget->ports[i].excluded)
			continue;
		buf_append_string(filter, before);
		buf_append_u64(filter, budget->ports[i].port);
		before = " && sport != ";
	}
}
