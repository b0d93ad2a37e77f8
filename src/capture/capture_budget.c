/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_budget.h"

bool capture_budget_update(struct capture_budget *budget, size_t held, bool stopped)
{
	bool was = budget->shared;

	if (stopped || held > budget->total)
		budget->shared = true;
	else if (held <= budget->total / 2)
		budget->shared = false;
	return budget->shared != was;
}

size_t capture_budget_each(const struct capture_budget *budget, int queues)
{
	size_t each = budget->total;

	if (budget->shared && queues > 0)
		each /= (size_t)queues;
	return each > CAPTURE_BUDGET_LEAST ? each : CAPTURE_BUDGET_LEAST;
}
