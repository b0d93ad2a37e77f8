/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "interfaces/interface_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/windows.h"
#include "interfaces/interface_tunnel.h"

struct entry {
	struct interface interface;
	bool listed;         /* by the listing that is under way */
	uint64_t deleted_at; /* the oldest goes first */
	uint32_t link;       /* an interface of lower index on the same link, or itself */
	size_t next_tunnel;  /* the place of the next one that is a tunnel's; 0 = none */
};

/* An address of an interface, and from when to when. */
struct local {
	struct inet_address address;
	uint32_t ifindex;
	bool listed;
	int64_t since_ns; /* not before that */
	int64_t until_ns; /* not after that; 0 = it is there */
};

struct interface_table {
	struct entry *entries; /* by ifindex */
	size_t entry_count, entry_room, deleted_count;
	struct local *locals; /* by address, then ifindex */
	size_t local_count, local_room, removed_count;
	int64_t after_ns, now_ns; /* as interface_table_at has it */
	uint64_t deletions;
	bool linked;         /* the links of entries, and which are tunnels', are those of now */
	size_t first_tunnel; /* as next_tunnel */
};

struct interface_table *interface_table_new(void)
{
	return calloc(1, sizeof(struct interface_table));
}

void interface_table_free(struct interface_table *table)
{
	if (!table)
		return;
	free(table->locals);
	free(table->entries);
	free(table);
}

/* The array with room for one more element; NULL when memory is short, and it stays as it was. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 16;

	if (count < *room)
		return array;
	array = reallocarray(array, more, size);
	if (array)
		*room = more;
	return array;
}

/* Index of the first entry whose ifindex is not below. */
static size_t entry_position(const struct interface_table *table, uint32_t ifindex)
{
	size_t low = 0, high = table->entry_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->entries[middle].interface.ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *entry_find(const struct interface_table *table, uint32_t ifindex)
{
	size_t position = entry_position(table, ifindex);

	if (position == table->entry_count || table->entries[position].interface.ifindex != ifindex)
		return NULL;
	return &table->entries[position];
}

static struct entry *entry_insert(struct interface_table *table, uint32_t ifindex)
{
	size_t position = entry_position(table, ifindex);
	struct entry *entry;

	entry = grow(table->entries, table->entry_count, &table->entry_room, sizeof(*entry));
	if (!entry)
		return NULL;
	table->entries = entry;
	entry += position;
	memmove(entry + 1, entry, (table->entry_count - position) * sizeof(*entry));
	memset(entry, 0, sizeof(*entry));
	entry->interface.ifindex = ifindex;
	table->entry_count++;
	return entry;
}

/* What was deleted is remembered for the sake of late packets, but not without end. */
static void forget_oldest(struct interface_table *table)
{
	struct entry *oldest = NULL, *end = table->entries + table->entry_count;

	for (struct entry *entry = table->entries; entry < end; entry++) {
		if (entry->interface.deleted && (!oldest || entry->deleted_at < oldest->deleted_at))
			oldest = entry;
	}
	if (!oldest)
		return;
	memmove(oldest, oldest + 1, (size_t)(end - oldest - 1) * sizeof(*oldest));
	table->linked = false;
	table->entry_count--;
	table->deleted_count--;
}

/* Moves entries when there are too many: pointers to others do not survive it. */
static void entry_delete(struct interface_table *table, struct entry *entry)
{
	if (entry->interface.deleted)
		return;
	entry->interface.deleted = true;
	entry->interface.up = false;
	entry->interface.running = false;
	entry->deleted_at = table->deletions++;
	if (++table->deleted_count > INTERFACE_TABLE_DELETED_MAX)
		forget_oldest(table);
}

static int local_compare(const struct local *local, const struct inet_address *address,
                         uint32_t ifindex)
{
	int order = memcmp(local->address.bytes, address->bytes, sizeof(address->bytes));

	return order ? order : (local->ifindex > ifindex) - (local->ifindex < ifindex);
}

/* Index of the first address that is not below. */
static size_t local_position(const struct interface_table *table,
                             const struct inet_address *address, uint32_t ifindex)
{
	size_t low = 0, high = table->local_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (local_compare(&table->locals[middle], address, ifindex) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void interface_table_at(struct interface_table *table, int64_t after_ns, int64_t now_ns)
{
	table->after_ns = after_ns;
	table->now_ns = now_ns;
}

int interface_table_add_address(struct interface_table *table, const struct inet_address *address,
                                uint32_t ifindex)
{
	size_t position = local_position(table, address, ifindex);
	struct local *local;

	if (position == table->local_count ||
	    local_compare(&table->locals[position], address, ifindex) != 0) {
		local = grow(table->locals, table->local_count, &table->local_room, sizeof(*local));
		if (!local)
			return -ENOMEM;
		table->locals = local;
		local += position;
		memmove(local + 1, local, (table->local_count - position) * sizeof(*local));
		*local = (struct local){ .address = *address,
			                 .ifindex = ifindex,
			                 .since_ns = table->after_ns };
		table->local_count++;
	}
	local = &table->locals[position];
	local->listed = true;
	/* It comes back: what was sent in between is not worth a second entry. */
	table->removed_count -= local->until_ns != 0;
	local->until_ns = 0;
	return 0;
}

/* Packets of before the removal are still to come, but not without end. */
static void forget_removed(struct interface_table *table)
{
	struct local *oldest = NULL, *end = table->locals + table->local_count;

	for (struct local *local = table->locals; local < end; local++)
		if (local->until_ns != 0 && (!oldest || local->until_ns < oldest->until_ns))
			oldest = local;
	if (!oldest)
		return;
	memmove(oldest, oldest + 1, (size_t)(end - oldest - 1) * sizeof(*oldest));
	table->local_count--;
	table->removed_count--;
}

static void local_remove(struct interface_table *table, struct local *local)
{
	if (local->until_ns != 0)
		return;
	local->until_ns = table->now_ns > 0 ? table->now_ns : 1;
	table->removed_count++;
}

void interface_table_remove_address(struct interface_table *table,
                                    const struct inet_address *address, uint32_t ifindex)
{
	size_t position = local_position(table, address, ifindex);

	if (position == table->local_count ||
	    local_compare(&table->locals[position], address, ifindex) != 0)
		return;
	local_remove(table, &table->locals[position]);
	if (table->removed_count > INTERFACE_TABLE_DELETED_MAX)
		forget_removed(table);
}

/* Removes the addresses of one interface, or all that were not listed (ifindex 0). */
static void local_sweep(struct interface_table *table, uint32_t ifindex)
{
	for (size_t i = 0; i < table->local_count; i++) {
		struct local *local = &table->locals[i];

		if (ifindex ? local->ifindex == ifindex : !local->listed)
			local_remove(table, local);
	}
	while (table->removed_count > INTERFACE_TABLE_DELETED_MAX)
		forget_removed(table);
}

int interface_table_set(struct interface_table *table, const struct interface *interface)
{
	struct entry *entry = entry_find(table, interface->ifindex);

	if (!entry)
		entry = entry_insert(table, interface->ifindex);
	if (!entry)
		return -ENOMEM;
	entry->listed = true;
	table->linked = false;
	table->deleted_count -= entry->interface.deleted;
	entry->interface = *interface;
	return 0;
}

void interface_table_delete(struct interface_table *table, uint32_t ifindex)
{
	struct entry *entry = entry_find(table, ifindex);

	local_sweep(table, ifindex);
	if (entry)
		entry_delete(table, entry);
}

void interface_table_begin(struct interface_table *table)
{
	for (size_t i = 0; i < table->entry_count; i++)
		table->entries[i].listed = false;
	for (size_t i = 0; i < table->local_count; i++)
		table->locals[i].listed = false;
}

/* From the last to the first, since the deletion of one may drop an older one. */
void interface_table_sweep_interfaces(struct interface_table *table)
{
	for (size_t i = table->entry_count; i-- > 0;) {
		if (!table->entries[i].listed)
			entry_delete(table, &table->entries[i]);
	}
}

void interface_table_sweep_addresses(struct interface_table *table)
{
	local_sweep(table, 0);
}

/* The interface of lowest index on the same link. */
static uint32_t find_link(const struct interface_table *table, uint32_t ifindex)
{
	const struct entry *entry = entry_find(table, ifindex);

	while (entry && entry->link != ifindex) {
		ifindex = entry->link;
		entry = entry_find(table, ifindex);
	}
	return ifindex;
}

static void join(const struct interface_table *table, uint32_t ifindex, uint32_t other)
{
	uint32_t a = find_link(table, ifindex), b = find_link(table, other);
	struct entry *higher = entry_find(table, a > b ? a : b);

	if (higher)
		higher->link = a < b ? a : b;
}

static void join_all(struct interface_table *table)
{
	struct entry *end = table->entries + table->entry_count;

	for (struct entry *entry = table->entries; entry < end; entry++)
		entry->link = entry->interface.ifindex;
	for (struct entry *entry = table->entries; entry < end; entry++) {
		const struct interface *interface = &entry->interface;

		if (interface->master != 0)
			join(table, interface->ifindex, interface->master);
		/* Each tag is a link of its own. */
		if (interface->link != 0 && interface->vlan == 0)
			join(table, interface->ifindex, interface->link);
	}
	for (struct entry *entry = table->entries; entry < end; entry++)
		entry->link = find_link(table, entry->interface.ifindex);
	table->first_tunnel = 0;
	for (size_t i = table->entry_count; i-- > 0;) {
		if (table->entries[i].interface.tunnel.types == 0)
			continue;
		table->entries[i].next_tunnel = table->first_tunnel;
		table->first_tunnel = i + 1;
	}
	table->linked = true;
}

/* The interface of a VLAN, 0 = there is none. */
static uint32_t find_vlan(const struct interface_table *table, uint32_t below, uint16_t vlan)
{
	for (size_t i = 0; i < table->entry_count; i++) {
		const struct interface *interface = &table->entries[i].interface;

		if (interface->link == below && interface->vlan == vlan && !interface->deleted)
			return interface->ifindex;
	}
	return 0;
}

uint32_t interface_table_link(struct interface_table *table, uint32_t ifindex,
                              const uint16_t *vlans, int vlan_count)
{
	uint32_t tags = 0, above;
	int i = 0;

	if (!table->linked)
		join_all(table);
	/* A tag with the id 0 has a priority and no VLAN (802.1Q 9.6). */
	for (; i < vlan_count && (vlans[i] == 0 || (above = find_vlan(table, ifindex, vlans[i])));
	     i++)
		if (vlans[i] != 0)
			ifindex = above;
	for (; i < vlan_count; i++)
		tags = tags << 12 | vlans[i];
	/* Links that are taken for one by chance have copies that are none: rarely so. */
	return find_link(table, ifindex) ^ tags << 8;
}

/* The one that says most of the tunnel, as the kernel looks for it. */
const struct interface *interface_table_find_tunnel(struct interface_table *table,
                                                    const struct packet *inner,
                                                    const struct tuple *outer)
{
	const struct interface *found = NULL;

	if (!table->linked)
		join_all(table);
	for (size_t place = table->first_tunnel; place != 0;
	     place = table->entries[place - 1].next_tunnel) {
		const struct interface *interface = &table->entries[place - 1].interface;

		if (interface->deleted || !interface->up ||
		    !interface_tunnel_has(&interface->tunnel, inner, outer))
			continue;
		if (!found || interface_tunnel_exactness(&interface->tunnel) >
		                      interface_tunnel_exactness(&found->tunnel))
			found = interface;
	}
	return found;
}

const struct interface *interface_table_find(const struct interface_table *table, uint32_t ifindex)
{
	const struct entry *entry = entry_find(table, ifindex);

	return entry ? &entry->interface : NULL;
}

static bool was_there(const struct local *local, int64_t at_ns)
{
	return at_ns == 0 ? local->until_ns == 0
	                  : at_ns >= local->since_ns - WINDOW_ADDRESS_NS &&
	                            (local->until_ns == 0 ||
	                             at_ns <= local->until_ns + WINDOW_ADDRESS_NS);
}

bool interface_table_was_local(const struct interface_table *table,
                               const struct inet_address *address, int64_t at_ns)
{
	if (inet_is_loopback(address))
		return true;
	for (size_t i = local_position(table, address, 0);
	     i < table->local_count && inet_equal(&table->locals[i].address, address); i++)
		if (was_there(&table->locals[i], at_ns))
			return true;
	return false;
}

uint32_t interface_table_had_address(const struct interface_table *table,
                                     const struct inet_address *address, int64_t at_ns)
{
	uint32_t found = 0;

	for (size_t i = local_position(table, address, 0);
	     i < table->local_count && inet_equal(&table->locals[i].address, address); i++) {
		if (!was_there(&table->locals[i], at_ns))
			continue;
		if (found != 0 && found != table->locals[i].ifindex)
			return 0;
		found = table->locals[i].ifindex;
	}
	return found;
}

bool interface_table_is_local(const struct interface_table *table,
                              const struct inet_address *address)
{
	return interface_table_was_local(table, address, 0);
}
