/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of capture_set share; no other file includes it. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_SET_PRIVATE_H
#define SOCKLINE_CAPTURE_CAPTURE_SET_PRIVATE_H

#include "capture/capture_budget.h"
#include "capture/capture_closer.h"
#include "capture/capture_queue.h"
#include "capture/capture_set.h"

struct member {
	struct capture_set *set;
	char *name;
	struct capture *capture; /* NULL while the interface is gone */
	struct loop_source *source;
	uint32_t netns;
	uint32_t ifindex;               /* of a named interface; 0 for "any" and files */
	struct capture_counters before; /* of earlier openings */
	struct error lost;
	int netns_fd; /* borrowed; -1 = the own namespace */
	int buffer_kib;
	bool down;
	struct capture_change *change; /* under way */
	struct capture *next;          /* takes over when what capture holds is read */
	bool fixed, grown;             /* it stays what it is; it has a ring in place of a queue */
	uint16_t group;                /* of capture and next */
	int packets, quiet_seconds;    /* see capture_set_change.c */
	int64_t since_ns;
	bool readable; /* a queue: it has packets, or may have */
};

struct capture_set {
	struct loop *loop;
	struct capture_set_options options;
	struct member **members;
	int count;
	struct loop_source *reopen_timer;
	bool watching, broken;
	uint64_t packets;              /* handed over so far */
	struct capture_closer *closer; /* made when first needed */
	int removed_count;
	struct capture_counters removed;
	struct capture_batch *batch; /* of all queues; made when first needed */
	struct capture_budget budget;
	int queue_count;
	int queues_fd; /* an epoll(7) of their own; -1: none yet */
	struct loop_source *queues_source, *rest_timer;
	bool resting;           /* packets in queues wake nobody now */
	struct worker *changer; /* made when first needed */
	int ring_count;         /* of those that have grown, and that are about to */
};

/* In the namespace of the member, where the thread is: a queue, or else a ring. 0 or -errno. */
int capture_set_open_buffer(struct member *member, struct error *error);
/* Packets in its queue do not wake the loop any more. */
void capture_set_forget_queue(struct member *member);
int capture_set_follow_queue(struct member *member); /* they do; 0 or -errno */
void capture_set_watch_queues(struct capture_set *set);
void capture_set_close_queues(struct capture_set *set);
/* Marks those queues that have packets, by one system call for many. */
void capture_set_find_readable(struct capture_set *set);
/* Whether there may be packets. */
bool capture_set_may_read(const struct member *member);

/* In the namespace of the member: a queue that hears nothing, for its group. 0 or -errno. */
int capture_set_open_queue(struct member *member, struct capture **queue);
/* Its capture is a new one, which is watched; it is no capture of the member any more. */
void capture_set_enter(struct member *member);
void capture_set_leave(struct member *member, const struct capture_counters *counters);

/* Limits what the queues may hold by what they hold. ready: they are read. */
void capture_set_balance(struct capture_set *set, bool ready);

/* capture_set_change.c. So many packets came. */
void capture_set_note_packets(struct member *member, int packets);
/* The next one takes over once the capture is read. True when it just did. */
bool capture_set_finish_change(struct member *member);
void capture_set_forget_change(struct member *member); /* it goes */
void capture_set_end_changes(struct capture_set *set); /* none is under way after it */

#endif
