/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "interfaces/interface_tunnel.h"

/* First: musl's asks the kernel's headers to leave out what it has itself. */
#include <netinet/in.h>

#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <string.h>

#include "sockets/netlink.h"

#define TYPE(name)   (1u << PACKET_##name)
#define ERSPAN_ID    0x3ff /* of the key: bits of a session */
#define GRE_HAS_KEY  0x20  /* in the first byte of the flags */
#define NO_ATTRIBUTE 0

/* Attributes of IFLA_INFO_DATA, NO_ATTRIBUTE: it has none. */
static const struct kind {
	const char *name;
	uint16_t types;
	enum interface_tunnel_outer outer;
	uint8_t external; /* the tunnel is chosen packet by packet */
	uint8_t id, flags, in_key, out_key, local, remote, remote6;
} kinds[] = {
	{ .name = "vxlan",
	  .types = TYPE(VXLAN),
	  .external = IFLA_VXLAN_COLLECT_METADATA,
	  .id = IFLA_VXLAN_ID },
	{ .name = "geneve",
	  .types = TYPE(GENEVE),
	  .external = IFLA_GENEVE_COLLECT_METADATA,
	  .id = IFLA_GENEVE_ID,
	  .remote = IFLA_GENEVE_REMOTE,
	  .remote6 = IFLA_GENEVE_REMOTE6 },
#define GRE(word, type, family)                                                                    \
	{                                                                                          \
		.name = (word), .types = TYPE(type), .outer = INTERFACE_TUNNEL_##family,           \
		.external = IFLA_GRE_COLLECT_METADATA, .flags = IFLA_GRE_IFLAGS,                   \
		.in_key = IFLA_GRE_IKEY, .out_key = IFLA_GRE_OKEY, .local = IFLA_GRE_LOCAL,        \
		.remote = IFLA_GRE_REMOTE                                                          \
	}
	GRE("gre", GRE, IPV4),
	GRE("gretap", GRE, IPV4),
	GRE("erspan", ERSPAN, IPV4),
	GRE("ip6gre", GRE, IPV6),
	GRE("ip6gretap", GRE, IPV6),
	GRE("ip6erspan", ERSPAN, IPV6),
#undef GRE
#define IPTUN(word, some, family)                                                                  \
	{                                                                                          \
		.name = (word), .types = (some), .outer = INTERFACE_TUNNEL_##family,               \
		.external = IFLA_IPTUN_COLLECT_METADATA, .local = IFLA_IPTUN_LOCAL,                \
		.remote = IFLA_IPTUN_REMOTE                                                        \
	}
	IPTUN("ipip", TYPE(IPIP), IPV4),
	IPTUN("sit", TYPE(6IN4) | TYPE(IPIP), IPV4),
	IPTUN("ip6tnl", TYPE(4IN6) | TYPE(6IN6), IPV6),
#undef IPTUN
	{ .name = "gtp", .types = TYPE(GTP) },
};

/* Copied in full or not at all. */
static bool copy(const void *data, size_t length, uint8_t type, void *value, size_t size)
{
	size_t found;
	const void *bytes =
		type == NO_ATTRIBUTE ? NULL : netlink_attribute(data, length, type, &found);

	if (!bytes || found < size)
		return false;
	memcpy(value, bytes, size);
	return true;
}

static void read_address(const void *data, size_t length, uint8_t type, bool v6,
                         struct inet_address *address)
{
	uint8_t bytes[16];

	if (!copy(data, length, type, bytes, v6 ? 16 : 4))
		return;
	if (v6)
		inet_from_v6(address, bytes);
	else
		inet_from_v4(address, bytes);
}

static void read_keys(const void *data, size_t length, const struct kind *kind,
                      struct interface_tunnel *tunnel)
{
	uint8_t flags[2], key[4];
	const uint8_t types[] = { kind->in_key, kind->out_key };

	if (!copy(data, length, kind->flags, flags, sizeof flags) || !(flags[0] & GRE_HAS_KEY))
		return;
	tunnel->has_id = true;
	for (int i = 0; i < 2; i++)
		if (copy(data, length, types[i], key, sizeof key))
			tunnel->ids[i] = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 |
			                 (uint32_t)key[2] << 8 | key[3];
}

void interface_tunnel_read(const char *kind_name, const void *data, size_t length,
                           struct interface_tunnel *tunnel)
{
	const struct kind *kind = kinds, *end = kinds + sizeof kinds / sizeof kinds[0];
	uint8_t external = 0;
	size_t size;

	while (kind < end && strcmp(kind->name, kind_name) != 0)
		kind++;
	if (kind == end)
		return;
	tunnel->types = kind->types;
	tunnel->outer = kind->outer;
	if (!data)
		return;
	/* A flag of no bytes, but for IP in IP. */
	tunnel->any_id =
		kind->external != NO_ATTRIBUTE &&
		netlink_attribute(data, length, kind->external, &size) &&
		(size == 0 || (copy(data, length, kind->external, &external, 1) && external));
	tunnel->any_id |= kind->types == TYPE(GTP);
	if (copy(data, length, kind->id, &tunnel->ids[0], sizeof tunnel->ids[0])) {
		tunnel->has_id = true;
		tunnel->ids[1] = tunnel->ids[0];
	}
	read_keys(data, length, kind, tunnel);
	read_address(data, length, kind->local, kind->outer == INTERFACE_TUNNEL_IPV6,
	             &tunnel->local);
	read_address(data, length, kind->remote, kind->outer == INTERFACE_TUNNEL_IPV6,
	             &tunnel->remote);
	read_address(data, length, kind->remote6, true, &tunnel->remote);
}

static bool has_id(const struct interface_tunnel *tunnel, const struct packet *inner)
{
	uint32_t bits = inner->tunnel == PACKET_ERSPAN ? ERSPAN_ID : UINT32_MAX;

	if (tunnel->any_id)
		return true;
	if (tunnel->has_id != inner->has_tunnel_id)
		return false;
	return !tunnel->has_id || ((tunnel->ids[0] ^ inner->tunnel_id) & bits) == 0 ||
	       ((tunnel->ids[1] ^ inner->tunnel_id) & bits) == 0;
}

static bool is(const struct inet_address *wanted, const struct inet_address *address)
{
	return inet_is_unspecified(wanted) || inet_equal(wanted, address);
}

bool interface_tunnel_has(const struct interface_tunnel *tunnel, const struct packet *inner,
                          const struct tuple *outer)
{
	bool v4 = tuple_is_v4(outer);

	if (!(tunnel->types & 1u << inner->tunnel) || !has_id(tunnel, inner))
		return false;
	if (tunnel->outer != INTERFACE_TUNNEL_ANY && (tunnel->outer == INTERFACE_TUNNEL_IPV4) != v4)
		return false;
	if (tunnel->any_id)
		return true;
	return (is(&tunnel->local, &outer->source) && is(&tunnel->remote, &outer->destination)) ||
	       (is(&tunnel->local, &outer->destination) && is(&tunnel->remote, &outer->source));
}

int interface_tunnel_exactness(const struct interface_tunnel *tunnel)
{
	return 2 * !inet_is_unspecified(&tunnel->remote) + !inet_is_unspecified(&tunnel->local) +
	       !tunnel->any_id;
}
