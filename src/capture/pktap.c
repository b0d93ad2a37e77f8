/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pktap.h"

#include <limits.h>
#include <string.h>

#include "base/bytes.h"
#include "decode/decode.h"

/* Places in the header, whose numbers are little-endian. */
#define LENGTH         0
#define RECORD         4
#define INTERFACE      12
#define INTERFACE_SIZE 24
#define PID            52
#define COMMAND        56
#define COMMAND_SIZE   20
#define HEADER         108

bool pktap_is(int link_type)
{
	return link_type == DECODE_LINK_PKTAP || link_type == DECODE_LINK_PKTAP_OLD;
}

static uint32_t owner_of(struct origin *origin, const uint8_t *bytes)
{
	const char *command = (const char *)bytes + COMMAND;
	uint32_t pid = bytes_little32(bytes + PID), owner;
	uint64_t hash = origin_hash(bytes + PID, COMMAND + COMMAND_SIZE - PID, DECODE_LINK_PKTAP);
	struct owner_facts facts = { .pid = pid <= INT_MAX ? (int)pid : 0 };

	owner = origin_find_owner(origin, hash);
	if (owner > 0)
		return owner;
	if (command[0] != '\0')
		facts.texts.name = (struct process_text){ command, strnlen(command, COMMAND_SIZE) };
	return origin_add_owner(origin, hash, &facts);
}

struct pktap pktap_read(struct origin *origin, const uint8_t *bytes, uint32_t captured)
{
	struct pktap pktap = { 0 };

	if (captured < HEADER || bytes_little32(bytes + LENGTH) < HEADER ||
	    bytes_little32(bytes + RECORD) != 1)
		return pktap;
	pktap.owners.any = owner_of(origin, bytes);
	if (bytes[INTERFACE] != '\0')
		pktap.interface = origin_add_interface(
			origin, 0, 0, (const char *)bytes + INTERFACE, INTERFACE_SIZE);
	return pktap;
}
