/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are the namespace's own, as the kernel's routing sees it, rtnetlink(7). */
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "attribution/sentinel_post.h"
#include "base/clock.h"
#include "sockets/netlink.h"

#define KEPT_NS NS_PER_SECOND

struct request {
	struct rtmsg route;
	struct {
		struct rtattr head;
		uint8_t address[16];
	} destination;
	struct {
		struct rtattr head;
		uint32_t ifindex;
	} interface;
};

static bool is_link_local(const struct inet_address *address)
{
	return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* An address is local when a packet to it would stay here. */
static bool ask(struct netlink *routes, const struct inet_address *address, uint32_t ifindex)
{
	bool v4 = inet_is_v4(address);
	struct request request = {
		.route = { .rtm_family = v4 ? AF_INET : AF_INET6, .rtm_dst_len = v4 ? 32 : 128 },
		.destination.head = { .rta_type = RTA_DST },
		.interface.head = { sizeof request.interface, RTA_OIF },
		.interface.ifindex = ifindex,
	};
	_Alignas(8) char answer[2048];
	size_t length = sizeof answer, size;

	if (inet_is_unspecified(address))
		return false;
	if (v4) {
		request.destination.head.rta_len = RTA_LENGTH(4);
		memcpy(request.destination.address, address->bytes + 12, 4);
		size = offsetof(struct request, destination.address) + 4;
	} else {
		request.destination.head.rta_len = RTA_LENGTH(16);
		memcpy(request.destination.address, address->bytes, 16);
		/* Only the same link's own address counts: there may be others on other links. */
		size = is_link_local(address) ? sizeof request
		                              : offsetof(struct request, interface);
	}
	if (netlink_request(routes, RTM_GETROUTE, &request, size, answer, &length) != 0 ||
	    length < sizeof(struct rtmsg))
		return false;
	return ((const struct rtmsg *)answer)->rtm_type == RTN_LOCAL;
}

bool sentinel_post_is_local(struct sentinel_post *post, const struct inet_address *address,
                            uint32_t ifindex, int64_t now_ns)
{
	unsigned at;

	for (at = 0; at < SENTINEL_POST_LOCALS; at++)
		if (now_ns < post->locals[at].until_ns &&
		    inet_equal(&post->locals[at].address, address))
			return post->locals[at].local;
	at = post->next_local++ % SENTINEL_POST_LOCALS;
	post->locals[at].address = *address;
	post->locals[at].local = ask(post->routes, address, ifindex);
	post->locals[at].until_ns = now_ns + KEPT_NS;
	return post->locals[at].local;
}
