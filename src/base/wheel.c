/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wheel.h"

#include "base/clock.h"

void wheel_init(struct wheel *wheel, wheel_entry *entry, void *context)
{
	for (int i = 0; i < WHEEL_SLOTS; i++)
		wheel->heads[i] = WHEEL_NONE;
	wheel->second = INT64_MIN;
	wheel->running = WHEEL_NONE;
	wheel->entry = entry;
	wheel->context = context;
}

void wheel_add(struct wheel *wheel, uint32_t number, int64_t deadline_ns, int64_t now_ns)
{
	struct wheel_link *link = wheel->entry(wheel->context, number);
	int64_t second = deadline_ns / NS_PER_SECOND + 1; /* after the deadline, never before */
	uint32_t *head;

	if (wheel->second == INT64_MIN)
		wheel->second = now_ns / NS_PER_SECOND;
	if (second <= wheel->second)
		second = wheel->second + 1;
	link->slot = (uint32_t)(second % WHEEL_SLOTS);
	head = &wheel->heads[link->slot];
	link->previous = WHEEL_NONE;
	link->next = *head;
	if (*head != WHEEL_NONE)
		wheel->entry(wheel->context, *head)->previous = number;
	*head = number;
}

void wheel_remove(struct wheel *wheel, uint32_t number)
{
	struct wheel_link *link = wheel->entry(wheel->context, number);

	if (wheel->running == number)
		wheel->running = link->next;
	else if (link->previous == WHEEL_NONE)
		wheel->heads[link->slot] = link->next;
	else
		wheel->entry(wheel->context, link->previous)->next = link->next;
	if (link->next != WHEEL_NONE)
		wheel->entry(wheel->context, link->next)->previous = link->previous;
}

/* A slot is taken out of the wheel before it is run: what is added anew may fall into it. */
static void take_next_slot(struct wheel *wheel)
{
	uint32_t *head = &wheel->heads[++wheel->second % WHEEL_SLOTS];

	wheel->running = *head;
	*head = WHEEL_NONE;
}

bool wheel_run(struct wheel *wheel, int64_t now_ns, wheel_callback *callback)
{
	int64_t now = now_ns / NS_PER_SECOND;

	if (wheel->second == INT64_MIN)
		return true;
	if (now - wheel->second > WHEEL_SLOTS) /* a long pause: each slot once will do */
		wheel->second = now - WHEEL_SLOTS;
	for (;;) {
		while (wheel->running != WHEEL_NONE)
			if (!callback(wheel->context, wheel->running, now_ns))
				return false;
		if (wheel->second >= now)
			return true;
		take_next_slot(wheel);
	}
}
