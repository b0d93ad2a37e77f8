/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "processes/process_read.h"

/* Name and executable are of one program: an exec in the middle would mix two. */
static int read_image(int dir, struct process_parent *parent)
{
	char before[sizeof parent->target];
	bool deleted;
	ssize_t length = process_read_executable(dir, before, sizeof before - 1, &deleted);
	int result = process_read_stat(dir, &parent->stat);

	if (result < 0)
		return result;
	parent->name = parent->stat.name;
	if (length <= 0 ||
	    process_read_executable(dir, parent->target, sizeof parent->target - 1, &deleted) !=
	            length ||
	    memcmp(parent->target, before, (size_t)length) != 0)
		return 0;
	parent->target[length] = '\0';
	parent->executable = parent->target;
	return 0;
}

int process_read_parent(const struct process_reader *reader, const struct process_stat *child,
                        struct process_parent *parent)
{
	int dir = process_read_open(reader->proc_fd, child->parent_pid), result;

	if (dir < 0)
		return dir;
	*parent = (struct process_parent){ .entity_id = 0 };
	result = read_image(dir, parent);
	close(dir);
	if (result < 0)
		return result;
	if (parent->stat.start_ticks > child->start_ticks)
		return -ESRCH;
	parent->entity_id =
		process_read_entity_id(reader, child->parent_pid, 0, parent->stat.start_ticks);
	return 0;
}
