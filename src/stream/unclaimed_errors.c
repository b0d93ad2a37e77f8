/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/unclaimed_errors.h"

#include <stddef.h>
#include <stdlib.h>

#include "attribution/windows.h"
#include "base/ring.h"

/*
 * A connect(2) that goes on trying gets one for each SYN; the last comes up to a minute before its
 * end. Powers of two.
 */
#define ERRORS_MAX 16384
#define CHAINS     16384

struct kept_error {
	struct unclaimed_error error;
	uint64_t older; /* the number of the one before in its chain; 0: there is none */
};

struct unclaimed_errors {
	struct hash_key key;
	struct ring ring;       /* numbers from 1 on */
	int64_t overwritten_ns; /* when the latest of those that made room was seen */
	uint64_t newest[CHAINS];
	struct kept_error errors[ERRORS_MAX];
};

struct unclaimed_errors *unclaimed_errors_new(const struct hash_key *key)
{
	struct unclaimed_errors *errors =
		calloc(1, sizeof *errors); /* untouched pages cost nothing */

	if (!errors)
		return NULL;
	errors->key = *key;
	errors->ring = ring_of(ERRORS_MAX);
	errors->ring.first = errors->ring.next = 1;
	errors->overwritten_ns = INT64_MIN;
	return errors;
}

void unclaimed_errors_free(struct unclaimed_errors *errors)
{
	free(errors);
}

static size_t chain_of(const struct unclaimed_errors *errors, uint32_t netns,
                       const struct tuple *tuple)
{
	return tuple_hash(&errors->key, netns, tuple) % CHAINS;
}

static const struct kept_error *error_at(const struct unclaimed_errors *errors, uint64_t number)
{
	return &errors->errors[ring_place(&errors->ring, number)];
}

/* The oldest one does, unless it is still asked for and the ring can grow. */
static void make_room(struct unclaimed_errors *errors, int64_t now_ns)
{
	struct ring *ring = &errors->ring;
	int64_t oldest_ns = error_at(errors, ring->first)->error.seen_ns;

	if (ring_count(ring) == ERRORS_MAX ||
	    (ring_count(ring) == ring->size && now_ns - oldest_ns > WINDOW_ERRORS_KEEP_NS)) {
		ring->first++;
		if (oldest_ns > errors->overwritten_ns)
			errors->overwritten_ns = oldest_ns;
	}
	ring_reserve(ring, errors->errors, sizeof *errors->errors);
}

void unclaimed_errors_put(struct unclaimed_errors *errors, const struct unclaimed_error *error)
{
	uint64_t *newest = &errors->newest[chain_of(errors, error->netns, &error->tuple)];

	make_room(errors, error->seen_ns);
	errors->errors[ring_place(&errors->ring, errors->ring.next)] =
		(struct kept_error){ .error = *error, .older = *newest };
	*newest = errors->ring.next++;
}

/* Numbers in a chain fall: one that made room is followed by none that did not. */
static bool is_kept(const struct unclaimed_errors *errors, uint64_t number)
{
	return number >= errors->ring.first;
}

const struct unclaimed_error *unclaimed_errors_find(const struct unclaimed_errors *errors,
                                                    uint32_t netns, const struct tuple *tuple,
                                                    int64_t from_ns, uint32_t *count)
{
	uint64_t number = errors->newest[chain_of(errors, netns, tuple)];
	const struct unclaimed_error *latest = NULL;

	*count = 0;
	while (is_kept(errors, number)) {
		const struct kept_error *kept = error_at(errors, number);

		number = kept->older;
		if (kept->error.seen_ns < from_ns || kept->error.netns != netns ||
		    !tuple_equal(&kept->error.tuple, tuple))
			continue;
		if (!latest)
			latest = &kept->error;
		++*count;
	}
	return latest;
}

bool unclaimed_errors_lack(const struct unclaimed_errors *errors, int64_t from_ns)
{
	return errors->overwritten_ns >= from_ns;
}
