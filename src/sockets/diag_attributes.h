/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of an answer of sock_diag, found in one walk. Private to diag_*.c. */
#ifndef SOCKLINE_SOCKETS_DIAG_ATTRIBUTES_H
#define SOCKLINE_SOCKETS_DIAG_ATTRIBUTES_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIAG_ATTRIBUTES_MAX 32 /* INET_DIAG_* has the most */

/* value NULL: there is none of the type. The first one counts. */
struct diag_attributes {
	struct {
		const char *value;
		uint16_t length;
	} of[DIAG_ATTRIBUTES_MAX];
};

static inline void diag_attributes_read(struct diag_attributes *attributes, const char *data,
                                        size_t length)
{
	memset(attributes, 0, sizeof(*attributes));
	while (length >= sizeof(struct nlattr)) {
		struct nlattr header;
		unsigned int type;
		size_t step;

		memcpy(&header, data, sizeof(header));
		if (header.nla_len < sizeof(header) || header.nla_len > length)
			return;
		type = header.nla_type & NLA_TYPE_MASK;
		if (type < DIAG_ATTRIBUTES_MAX && !attributes->of[type].value) {
			attributes->of[type].value = data + NLA_HDRLEN;
			attributes->of[type].length = (uint16_t)(header.nla_len - NLA_HDRLEN);
		}
		step = NLA_ALIGN((size_t)header.nla_len);
		if (step >= length)
			return;
		data += step;
		length -= step;
	}
}

/* Those that follow a family's fixed message. */
static inline void diag_attributes_after(struct diag_attributes *attributes, const void *payload,
                                         size_t length, size_t fixed)
{
	size_t start = NLMSG_ALIGN(fixed);

	if (start > length)
		start = length;
	diag_attributes_read(attributes, (const char *)payload + start, length - start);
}

/* False, and *value as it was, when the attribute is absent or too short. */
static inline bool diag_attributes_get(const struct diag_attributes *attributes, unsigned int type,
                                       void *value, size_t size)
{
	if (!attributes->of[type].value || attributes->of[type].length < size)
		return false;
	memcpy(value, attributes->of[type].value, size);
	return true;
}

/* The attributes within one. */
static inline void diag_attributes_nested(const struct diag_attributes *attributes,
                                          unsigned int type, struct diag_attributes *nested)
{
	diag_attributes_read(nested, attributes->of[type].value, attributes->of[type].length);
}

static inline uint64_t diag_cookie_of(const uint32_t words[2])
{
	return (uint64_t)words[1] << 32 | words[0];
}

/* Cut to size - 1 bytes, with a NUL; as it was when the attribute is absent. */
static inline void diag_attributes_copy_text(const struct diag_attributes *attributes,
                                             unsigned int type, char *text, size_t size)
{
	size_t length = attributes->of[type].length;

	if (!attributes->of[type].value)
		return;
	if (length > size - 1)
		length = size - 1;
	memcpy(text, attributes->of[type].value, length);
	text[length] = '\0';
}

#endif
