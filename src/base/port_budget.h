/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which local ports make so many events that they cost more than they are worth: an
 * unconnected UDP socket makes one each time it sends. Such a port is left out
 * for a while, longer each time it comes back hot. Pure.
 */
#ifndef SOCKLINE_BASE_PORT_BUDGET_H
#define SOCKLINE_BASE_PORT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define PORT_BUDGET_EXCLUDED   16 /* ports left out at once, and remembered */
#define PORT_BUDGET_FIRST_NS   (INT64_C(10) * 1000000000)
#define PORT_BUDGET_LONGEST_NS (INT64_C(640) * 1000000000)

struct port_budget_port {
	uint16_t port; /* 0 = free */
	bool hot;      /* has used up its second */
	bool excluded;
	int64_t until_ns; /* excluded: when it is looked at again; else when it is forgotten */
	int64_t pause_ns; /* how long it was left out last */
};

/* Zeroed, but for per_second. */
struct port_budget {
	uint16_t per_second; /* events that a port may make */
	int64_t second_ns;   /* when counting began */
	bool counted;        /* counts are not all 0 */
	struct port_budget_port ports[PORT_BUDGET_EXCLUDED];
	uint16_t counts[1 << 16];
};

void port_budget_count(struct port_budget *budget, uint16_t port);
/* Forgets everything but per_second. */
void port_budget_clear(struct port_budget *budget);
/*
 * Excludes hot ports, lets others return, starts a new second when one is over.
 * True when the set of excluded ports changed. Monotonic time.
 */
bool port_budget_update(struct port_budget *budget, int64_t now_ns);
int port_budget_excluded(const struct port_budget *budget);
/* Appends "sport != 53 && sport != 123", the ports that are left out, or nothing. */
void port_budget_filter(const struct port_budget *budget, struct buf *filter);

#endif
