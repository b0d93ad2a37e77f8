/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer wheel of one-second slots over the caller's entries: adding and
 * removing cost the same for any number of entries, and a packet touches
 * nothing of it. A deadline further away than one turn just comes round: the
 * callback looks at the entry's own deadline.
 */
#ifndef SOCKLINE_BASE_WHEEL_H
#define SOCKLINE_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 512
#define WHEEL_NONE  UINT32_MAX

/* Lies in the caller's entry; private to the wheel. */
struct wheel_link {
	uint32_t next, previous, slot;
};

/* The link of the entry with this number; context is the caller's. */
typedef struct wheel_link *wheel_entry(void *context, uint32_t number);

struct wheel {
	uint32_t heads[WHEEL_SLOTS];
	int64_t second;   /* slots up to here have been taken */
	uint32_t running; /* what is left of the slot that was taken last */
	wheel_entry *entry;
	void *context;
};

void wheel_init(struct wheel *wheel, wheel_entry *entry, void *context);
/* The entry is run at the first wheel_run at or after deadline_ns. It must not be in the wheel. */
void wheel_add(struct wheel *wheel, uint32_t number, int64_t deadline_ns, int64_t now_ns);
void wheel_remove(struct wheel *wheel, uint32_t number);

/*
 * Calls back for the entries of each second up to now_ns. The callback removes the
 * entry that it is called with, or adds it anew, and touches no other. When it
 * returns false it has done nothing: the run stops, and the next one goes on with that
 * entry. True: all that is due has been run.
 */
typedef bool wheel_callback(void *context, uint32_t number, int64_t now_ns);
bool wheel_run(struct wheel *wheel, int64_t now_ns, wheel_callback *callback);

#endif
