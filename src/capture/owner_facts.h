/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a capture file says of the owner of a packet's end. */
#ifndef SOCKLINE_CAPTURE_OWNER_FACTS_H
#define SOCKLINE_CAPTURE_OWNER_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/owner.h"

struct owner_facts {
	int pid; /* > 0; 0 = the end is of the host, and its owner is not known: */
	enum attribution_reason reason; /* why not; NONE = that is not known, either */
	bool likely;                    /* not known to be it: a guess */
	/* What is 0 or NULL is not known. */
	int parent_pid;
	uint64_t entity_id;
	int64_t start_ns; /* since the epoch */
	bool has_uid, has_real_uid;
	uint32_t uid, real_uid;     /* effective, real */
	struct process_texts texts; /* borrowed */
	int shared_pids[OWNER_SHARED_MAX];
	uint8_t shared_count;
};

#endif
