/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of sock_diag as the kernel would write them, for tests of diag_message.h. */
#ifndef SOCKLINE_TESTS_DIAG_BUILD_H
#define SOCKLINE_TESTS_DIAG_BUILD_H

#include <linux/netlink.h>
#include <string.h>

/* A message under construction. */
struct message {
	_Alignas(8) char bytes[3072];
	size_t length;
};

static inline void put(struct message *message, const void *bytes, size_t length)
{
	memcpy(message->bytes + message->length, bytes, length);
	message->length += NLA_ALIGN(length);
}

static inline void put_attribute(struct message *message, uint16_t type, const void *bytes,
                                 size_t length)
{
	struct nlattr header = { (uint16_t)(NLA_HDRLEN + length), type };

	put(message, &header, sizeof(header));
	put(message, bytes, length);
}

static inline void put_u32(struct message *message, uint16_t type, uint32_t value)
{
	put_attribute(message, type, &value, sizeof(value));
}

static inline void put_nested(struct message *message, uint16_t type, const struct message *nested)
{
	put_attribute(message, type | NLA_F_NESTED, nested->bytes, nested->length);
}

#endif
