/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf_event_open(2) for the events of trace_group.h. What is opened is chosen by a few numbers and
 * not by the attributes of the call, so that the helper process (security/helper.h) can open nothing
 * but these events.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_OPEN_H
#define SOCKLINE_TRACEPOINTS_TRACE_OPEN_H

#include <stdint.h>

#define TRACE_OPEN_CGROUPS 1u /* samples have the cgroup */
#define TRACE_OPEN_NAMESPACES                                                                      \
	2u /* changes of namespaces are reported, by the leader of processes */

struct trace_open {
	uint32_t group;     /* enum trace_group_kind */
	uint32_t event;     /* enum trace_record_event; TRACE_RECORD_EVENTS: the group's leader */
	uint32_t flags;     /* TRACE_OPEN_ */
	uint32_t watermark; /* of a leader: it is readable when its ring holds so many bytes */
	int32_t cpu;
};

/*
 * id: of the tracepoint, nothing for a leader. The descriptor, closed on exec; a tracepoint is
 * disabled as yet. -errno: -EINVAL for what is no event of the group, and where the kernel refuses the
 * attributes.
 */
int trace_open(const struct trace_open *wanted, uint16_t id);

#endif
