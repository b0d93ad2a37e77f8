/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of processes: of an exec that was reported, or read from /proc. */
#include <errno.h>

#include "base/clock.h"
#include "processes/process_args.h"
#include "processes/process_read_args.h"
#include "processes/process_table_private.h"

int process_table_want_args(struct process_table *table)
{
	table->args = process_args_budget_new();
	return table->args ? 0 : -ENOMEM;
}

/* They belong to the image of that time, which later states and children share. */
struct process *process_table_executed_with(struct process_table *table, int pid, int64_t time_ns,
                                            struct process_args *args)
{
	struct process *process = process_table_at(table, pid, time_ns), *then = process;
	struct process_image *image;

	while (then && then->former && time_ns < then->since_ns)
		then = then->former;
	image = then ? then->image : NULL;
	if (!image || image->args || image->read_ns != 0) {
		process_args_free(args);
		return NULL;
	}
	process_image_set_args(image, args, table->args);
	return process->image == image ? process : NULL;
}

/*
 * Those that are read first are of all the time that the name is of, which was read with them. Where
 * execs are reported, or others were read before, they are known from now on.
 */
static void replace(struct process_table *table, struct process *process, struct process_args *args)
{
	bool first = !process->image && !process->followed;
	struct process_image *image = process_image_new();

	if (!image) {
		process_args_free(args);
		return;
	}
	image->read_ns = clock_monotonic_ns();
	image->since_wall_ns =
		first ? process->since_wall_ns : image->read_ns + clock_realtime_offset_ns();
	process_image_unref(process->image);
	process->image = image;
	process_image_set_args(image, args, table->args);
}

void process_table_read_args(struct process_table *table, struct process *process, int dir)
{
	const struct process_image *known = process->image;
	struct process_args *args;

	/* An exec that is reported says more, and what was there before is read once. */
	if (!table->args || (process->followed && known))
		return;
	args = process_read_args(dir, process);
	if (args && !(known && known->args && process_args_same(known->args, args)))
		replace(table, process, args);
	else
		process_args_free(args);
}
