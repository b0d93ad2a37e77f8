/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_set_private.h"

bool capture_set_progress(const struct capture_set *set, uint64_t *done, uint64_t *total)
{
	const struct capture *capture = set->count > 0 ? set->members[0]->capture : NULL;

	return capture && capture_progress(capture, done, total);
}
