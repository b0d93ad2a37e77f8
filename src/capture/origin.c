/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/origin.h"

#include <stdlib.h>
#include <string.h>

#define LOOPBACK_IFINDEX 1
#define NAME_MAX_BYTES   255 /* longer ones are cut */

struct origin {
	struct interface *interfaces[ORIGIN_INTERFACES_MAX];
	uint32_t interface_count;
};

struct origin *origin_new(void)
{
	return calloc(1, sizeof(struct origin));
}

void origin_free(struct origin *origin)
{
	if (!origin)
		return;
	for (uint32_t i = 0; i < origin->interface_count; i++)
		free(origin->interfaces[i]);
	free(origin);
}

static uint32_t find_interface(const struct origin *origin, uint32_t index, const char *name)
{
	for (uint32_t i = 0; i < origin->interface_count; i++)
		if (origin->interfaces[i]->ifindex == index &&
		    strcmp(origin->interfaces[i]->long_name, name) == 0)
			return i + 1;
	return 0;
}

uint32_t origin_add_interface(struct origin *origin, uint32_t index, const char *name,
                              size_t length)
{
	char text[NAME_MAX_BYTES + 1];
	struct interface *interface;
	uint32_t number;
	char *copy;

	length = name ? strnlen(name, length < NAME_MAX_BYTES ? length : NAME_MAX_BYTES) : 0;
	memcpy(text, name ? name : "", length);
	text[length] = '\0';
	number = find_interface(origin, index, text);
	if (number > 0 || origin->interface_count == ORIGIN_INTERFACES_MAX)
		return number;
	interface = calloc(1, sizeof *interface + length + 1);
	if (!interface)
		return 0;
	copy = (char *)(interface + 1);
	memcpy(copy, text, length);
	interface->ifindex = index;
	interface->long_name = copy;
	interface->loopback = strcmp(text, "lo") == 0 || strcmp(text, "lo0") == 0;
	origin->interfaces[origin->interface_count++] = interface;
	return origin->interface_count;
}

const struct interface *origin_interface(const struct origin *origin, uint32_t number)
{
	return number > 0 && number <= origin->interface_count ? origin->interfaces[number - 1]
	                                                       : NULL;
}

uint32_t origin_ifindex(const struct origin *origin, uint32_t number)
{
	const struct interface *interface = origin_interface(origin, number);

	if (!interface)
		return 0;
	return interface->loopback ? LOOPBACK_IFINDEX : number + LOOPBACK_IFINDEX;
}
