/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/unclaimed_errors.h"

#include <stddef.h>
#include <stdlib.h>

#include "attribution/windows.h"

#define ERRORS_MAX 1024

struct unclaimed_errors {
	uint64_t count; /* ever */
	struct unclaimed_error ring[ERRORS_MAX];
};

struct unclaimed_errors *unclaimed_errors_new(void)
{
	return calloc(1, sizeof(struct unclaimed_errors)); /* untouched pages cost nothing */
}

void unclaimed_errors_free(struct unclaimed_errors *errors)
{
	free(errors);
}

void unclaimed_errors_put(struct unclaimed_errors *errors, const struct unclaimed_error *error)
{
	errors->ring[errors->count++ % ERRORS_MAX] = *error;
}

const struct unclaimed_error *unclaimed_errors_find(const struct unclaimed_errors *errors,
                                                    uint32_t netns, const struct tuple *tuple,
                                                    int64_t from_ns, uint32_t *count)
{
	uint64_t kept = errors->count < ERRORS_MAX ? errors->count : ERRORS_MAX;
	const struct unclaimed_error *latest = NULL;

	*count = 0;
	for (uint64_t i = 1; i <= kept; i++) {
		const struct unclaimed_error *error =
			&errors->ring[(errors->count - i) % ERRORS_MAX];

		/* Packets of several captures are in order as far as they were read together. */
		if (error->seen_ns < from_ns - 2 * WINDOW_CAPTURE_NS)
			break;
		if (error->seen_ns < from_ns || error->netns != netns ||
		    !tuple_equal(&error->tuple, tuple))
			continue;
		if (!latest)
			latest = error;
		++*count;
	}
	return latest;
}
