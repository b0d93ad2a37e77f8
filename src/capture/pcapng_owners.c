/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcapng_owners.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "capture/owner_text.h"
#include "capture/ptcpdump.h"

/* Options of packets; those from 0x8000 on are Apple's. */
enum { EPB_COMMENT = 1, EPB_PROCESS_THREAD = 8, EPB_APPLE_PROCESS = 0x8001 };
/* Options of Apple's process blocks. */
enum { PROCESS_NAME = 2, PROCESS_PATH = 3 };

/* What a hash is of. */
enum { KIND_LINE = 1, KIND_PTCPDUMP, KIND_PID, KIND_BLOCK, KIND_RUNNING };

void pcapng_owners_free(struct pcapng_owners *owners)
{
	free(owners->processes);
}

void pcapng_owners_begin_section(struct pcapng_owners *owners)
{
	owners->count = 0;
}

/* Older versions write the zero at the end, too. */
static struct process_text text_of(const struct pcapng_options *option)
{
	const char *text = (const char *)option->value;

	return (struct process_text){ text, strnlen(text, option->length) };
}

static void read_process(struct owner_facts *facts, const uint8_t *body, size_t length,
                         bool swapped)
{
	struct pcapng_options option = { body + 4, body + length, .swapped = swapped };
	uint32_t pid = pcapng_u32(body, swapped);

	facts->pid = pid <= INT_MAX ? (int)pid : 0;
	while (pcapng_next_option(&option)) {
		if (option.code == PROCESS_NAME && option.length > 0)
			facts->texts.name = text_of(&option);
		else if (option.code == PROCESS_PATH && option.length > 0)
			facts->texts.executable = text_of(&option);
	}
}

int pcapng_owners_add_process(struct pcapng_owners *owners, const uint8_t *body, size_t length,
                              bool swapped)
{
	struct owner_facts facts = { .pid = 0 };
	uint32_t number = 0, capacity = owners->capacity ? 2 * owners->capacity : 16;
	uint64_t hash = origin_hash(body, length, KIND_BLOCK + 256u * swapped);
	uint32_t *grown;

	if (owners->count == PCAPNG_PROCESSES_MAX)
		return 0;
	if (owners->count == owners->capacity) {
		grown = realloc(owners->processes, capacity * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		owners->processes = grown;
		owners->capacity = capacity;
	}
	if (length >= 4) {
		read_process(&facts, body, length, swapped);
		number = origin_find_owner(owners->origin, hash);
		if (number == 0)
			number = origin_add_owner(owners->origin, hash, &facts);
	}
	owners->processes[owners->count++] = number;
	return 0;
}

void pcapng_owners_take(struct pcapng_stated *stated, const struct pcapng_options *option)
{
	switch (option->code) {
	case EPB_COMMENT:
		if (option->length > 0 && stated->comment_count < PCAPNG_COMMENTS_MAX)
			stated->comments[stated->comment_count++] = text_of(option);
		break;
	case EPB_PROCESS_THREAD:
		if (option->length >= 4)
			stated->pid = pcapng_u32(option->value, option->swapped);
		break;
	case EPB_APPLE_PROCESS:
		if (option->length >= 4) {
			stated->has_process = true;
			stated->process = pcapng_u32(option->value, option->swapped);
		}
		break;
	default:
		break;
	}
}

/* All lines are of one packet, the innermost one that had a record. */
static void set_owner(struct packet_owners *owners, struct owner_text_place place, uint32_t number)
{
	if (owners->has_depth && owners->tunnel_depth != place.tunnel_depth)
		return;
	owners->has_depth = true;
	owners->tunnel_depth = place.tunnel_depth;
	switch (place.end) {
	case OWNER_TEXT_SOURCE:
		owners->source = number;
		break;
	case OWNER_TEXT_DESTINATION:
		owners->destination = number;
		break;
	case OWNER_TEXT_ANY:
		owners->any = number;
		break;
	}
}

/*
 * The hash is of the line without the members that say the place, which stand in front: one process
 * sends and receives.
 */
static void take_line(struct origin *origin, const char *line, size_t length,
                      struct packet_owners *owners)
{
	char scratch[OWNER_TEXT_MAX];
	size_t before;
	struct owner_text_place place = owner_text_place(line, length, &before);
	uint64_t hash = origin_hash(line + before, length - before, KIND_LINE);
	uint32_t number = origin_find_owner(origin, hash);
	struct owner_facts facts;

	if (number == 0 && owner_text_parse(line, length, scratch, &facts))
		number = origin_add_owner(origin, hash, &facts);
	if (number > 0)
		set_owner(owners, place, number);
}

static bool take_lines(struct origin *origin, struct process_text comment,
                       struct packet_owners *owners)
{
	const char *at = comment.text, *end = at + comment.length;
	bool found = false;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);

		if (owner_text_begins(at, length)) {
			take_line(origin, at, length, owners);
			found = true;
		}
		at += length + 1;
	}
	return found;
}

/* All comments of the packet are of one process: each has a part of what is known of it. */
static uint32_t find_ptcpdump(struct origin *origin, const struct pcapng_stated *stated)
{
	struct owner_facts facts = { .pid = 0 };
	uint64_t hash = KIND_PTCPDUMP;
	uint32_t number;

	for (int i = 0; i < stated->comment_count; i++)
		hash = origin_hash(stated->comments[i].text, stated->comments[i].length, hash);
	number = origin_find_owner(origin, hash);
	if (number > 0)
		return number;
	for (int i = 0; i < stated->comment_count; i++)
		ptcpdump_parse(stated->comments[i].text, stated->comments[i].length, &facts);
	ptcpdump_complete(&facts);
	return origin_add_owner(origin, hash, &facts);
}

static bool begins(struct process_text text, const char *word)
{
	size_t length = strlen(word);

	return text.length > length && memcmp(text.text, word, length) == 0;
}

/* That runs on the processor when the packet passes, see etl2pcapng: its own, or any other. */
static uint32_t running_pid(struct process_text comment)
{
	uint64_t pid = 0;
	size_t i = 4;

	for (; i < comment.length && comment.text[i] >= '0' && comment.text[i] <= '9'; i++) {
		pid = 10 * pid + (unsigned)(comment.text[i] - '0');
		if (pid > INT_MAX)
			return 0;
	}
	return (uint32_t)pid;
}

static uint32_t find_pid(struct origin *origin, uint32_t pid, bool likely)
{
	struct owner_facts facts = { .pid = pid <= INT_MAX ? (int)pid : 0, .likely = likely };
	uint64_t hash = origin_hash(&pid, sizeof pid, likely ? KIND_RUNNING : KIND_PID);
	uint32_t number = origin_find_owner(origin, hash);

	return number > 0 ? number : origin_add_owner(origin, hash, &facts);
}

struct packet_owners pcapng_owners_find(struct pcapng_owners *owners,
                                        const struct pcapng_stated *stated)
{
	struct packet_owners found = { 0 };
	bool own = false;

	for (int i = 0; i < stated->comment_count; i++)
		own |= take_lines(owners->origin, stated->comments[i], &found);
	if (own)
		return found;
	for (int i = 0; i < stated->comment_count; i++) {
		if (begins(stated->comments[i], "PID: "))
			found.any = find_ptcpdump(owners->origin, stated);
		else if (begins(stated->comments[i], "PID="))
			found.any =
				find_pid(owners->origin, running_pid(stated->comments[i]), true);
		else
			continue;
		return found;
	}
	if (stated->has_process && stated->process < owners->count)
		found.any = owners->processes[stated->process];
	else if (!stated->has_process && stated->pid > 0)
		found.any = find_pid(owners->origin, stated->pid, false);
	return found;
}
