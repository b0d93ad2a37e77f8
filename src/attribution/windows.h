/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every span of time that takes part in the decision which process owns a packet, with its
 * reason, and what must hold between them. Budgets of work, idle timers of connections and
 * intervals of reports decide no owner: they stand where they are used.
 *
 * A window never makes up for a time that is known: facts have times of their own (see "The
 * ordering rule" in src/README.md). A window says how exact such a time is, how long a fact is
 * kept, or how old a copy of the kernel's state may be.
 */
#ifndef SOCKLINE_ATTRIBUTION_WINDOWS_H
#define SOCKLINE_ATTRIBUTION_WINDOWS_H

#include "base/clock.h"

/*
 * Packets are read late.
 */

/*
 * The kernel hands a block of the capture's ring over when it is full, or after this time. CPU a
 * packet at 100,000 a second: 0.21 us, the same with 50 ms, 0.28 us with 10; loss in none.
 */
#define WINDOW_CAPTURE_MS 100
#define WINDOW_CAPTURE_NS (WINDOW_CAPTURE_MS * NS_PER_MS)
/* An interface's capture is read for so long when its namespace goes: its last block comes by then. */
#define WINDOW_CAPTURE_END_NS (150 * NS_PER_MS)
/*
 * A connection that its packets closed is reported after this time, for packets that came before
 * its end and were read after it. It is found by later ones for as long as it lingers.
 */
#define WINDOW_HELD_NS   (500 * NS_PER_MS)
#define WINDOW_LINGER_NS (15 * NS_PER_SECOND)
/* A later fragment is of the first one's connection: net.ipv4.ipfrag_time. */
#define WINDOW_FRAGMENTS_NS (30 * NS_PER_SECOND)

_Static_assert(WINDOW_CAPTURE_END_NS > WINDOW_CAPTURE_NS, "the last block comes within it");
_Static_assert(WINDOW_HELD_NS > 2 * WINDOW_CAPTURE_NS, "packets of two blocks are counted");
_Static_assert(WINDOW_LINGER_NS > WINDOW_HELD_NS, "a held connection is still found");

/*
 * A socket is destroyed before its last packets are read.
 */

/*
 * A socket is destroyed at most this long before its report is read: the kernel reports from a
 * work queue, 0.1 ms late (the last of a thousand 70 ms, with twelve tasks a processor 0.6 s), and
 * the loop reads when it reads packets. A packet of an earlier time was its own.
 */
#define WINDOW_DESTROYED_LATE_NS (250 * NS_PER_MS)
/* So long a port is left alone of which a socket was destroyed: more may follow, one listing does. */
#define WINDOW_PORT_NS (100 * NS_PER_MS)
/* Echo requests whose process has exited are looked for this often. */
#define WINDOW_ECHOES_NS NS_PER_SECOND
/* The last numbers of a socket wait for the record of its connection's end. */
#define WINDOW_DESTROYED_INFO_NS (2 * NS_PER_SECOND)

_Static_assert(WINDOW_DESTROYED_LATE_NS > 2 * WINDOW_CAPTURE_NS, "packets before it are read");
_Static_assert(WINDOW_DESTROYED_INFO_NS > WINDOW_HELD_NS + WINDOW_DESTROYED_LATE_NS,
               "they are there when a held connection is reported");

/*
 * An owner that is not found at once is looked for again, after X milliseconds each, until the
 * two seconds are over that sockline-events(5) promises.
 */
#define WINDOW_RETRY_WAITS_MS(X) X(1) X(4) X(20) X(75) X(150) X(250) X(500) X(1000)
#define WINDOW_RETRY_NS          (2 * NS_PER_SECOND)
/* A term of a sum: parentheses around it all would end it. NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define WINDOW_ADD(ms) +(ms)
/*
 * The end of the wait of a server's connection whose parent may have handed it to a child: the
 * look after this wait, 100 ms after the first, confirms the holder.
 */
#define WINDOW_CONFIRM_NS (75 * NS_PER_MS)
/* A listener whose holder is not found is announced without it after this time. */
#define WINDOW_LISTENER_NS WINDOW_RETRY_NS
/* Until then it is asked for this often: a walk over /proc may have found it. */
#define WINDOW_LISTENER_LOOK_NS (20 * NS_PER_MS)
/* A question that found no socket is not put to the kernel again for so long. */
#define WINDOW_MISS_NS (20 * NS_PER_MS)

_Static_assert((0 WINDOW_RETRY_WAITS_MS(WINDOW_ADD)) * NS_PER_MS == WINDOW_RETRY_NS,
               "the last look is at the end of the promise");
_Static_assert(WINDOW_MISS_NS < WINDOW_CONFIRM_NS, "a retry asks the kernel anew");

/*
 * A packet's time is of the wall clock, an event's of the monotonic one; tracepoints.
 */

/*
 * Both clocks are the kernel's, and their difference is read to a microsecond: what is later
 * than a packet by more than this came after it.
 */
#define WINDOW_TRACE_EXACT_NS (2 * NS_PER_MS / 1000)
/* Two processes that send within this time: their packets may leave in the other order. */
#define WINDOW_TRACE_APART_NS (100 * NS_PER_MS / 1000)
/* Where no order has to be found out, a step of the clock may lie between the two readings. */
#define WINDOW_TRACE_AFTER_NS (1 * NS_PER_MS)
/* A sender is seen this long before its packet: it waits for the processor in between. */
#define WINDOW_TRACE_BEFORE_NS (20 * NS_PER_MS)
/*
 * A shaper holds packets back; what it holds for longer stays unknown. Behind tbf at 200 kbit/s
 * all of 500 one-shot senders are found with it, a quarter without.
 */
#define WINDOW_QUEUED_NS (3 * NS_PER_SECOND)
/* A send that is reported when it is done began this long before at most. */
#define WINDOW_SENDING_NS (200 * NS_PER_MS)
/*
 * The same process seen again with the same tuple within this time, and no other in between, is
 * one sighting that lasts.
 */
#define WINDOW_SAME_SIGHTING_NS (100 * NS_PER_MS)
/*
 * From a table of routes that had none to the step to SYN_SENT of the same connect(2), where another
 * table has one: microseconds, but a thread can lose its processor in between.
 */
#define WINDOW_CONNECTING_NS WINDOW_HELD_NS
/*
 * A connect that no packet shows, though all are captured, had no answer. What refuses it in this
 * host without a packet does so while connect(2) runs, but for a thread that must wait for its turn.
 */
#define WINDOW_UNANSWERED_NS (100 * NS_PER_MS)
/* The exit of a process is reported before its sockets are closed. */
#define WINDOW_EXITING_NS (20 * NS_PER_MS)
/* So long after it ended the kernel has reported its exit status. */
#define WINDOW_STATUS_NS (100 * NS_PER_MS)
/* A process that has a socket is seen with it at most this long after its last packet. */
#define WINDOW_LAST_PACKET_NS (NS_PER_MS / 10)

_Static_assert(WINDOW_TRACE_EXACT_NS < WINDOW_TRACE_APART_NS &&
                       WINDOW_TRACE_APART_NS < WINDOW_TRACE_AFTER_NS &&
                       WINDOW_TRACE_AFTER_NS < WINDOW_TRACE_BEFORE_NS &&
                       WINDOW_TRACE_BEFORE_NS < WINDOW_QUEUED_NS,
               "each holds more than the one before");

/*
 * How long facts of processes and of what they did are kept.
 */

/* Processes that have exited; no event of theirs, and no sighting, is kept for longer. */
#define WINDOW_PROCESS_KEEP_NS (30 * NS_PER_SECOND)
/* Events of the tracepoints, and sightings of the sentinel. */
#define WINDOW_HISTORY_KEEP_NS  WINDOW_PROCESS_KEEP_NS
#define WINDOW_SENTINEL_KEEP_NS WINDOW_PROCESS_KEEP_NS
/* The owner of a TCP connection whose socket is in TIME_WAIT: TCP_TIMEWAIT_LEN of Linux. */
#define WINDOW_RECENT_KEEP_NS (60 * NS_PER_SECOND)
/* ICMP errors of no connection: a connect(2) that had one is over by then, mostly after two minutes. */
#define WINDOW_ERRORS_KEEP_NS (300 * NS_PER_SECOND)

_Static_assert(WINDOW_HISTORY_KEEP_NS > WINDOW_RETRY_NS + WINDOW_QUEUED_NS + WINDOW_CAPTURE_NS,
               "the last look at a packet that waited in a shaper finds its sender");
_Static_assert(WINDOW_SENTINEL_KEEP_NS > WINDOW_RETRY_NS + WINDOW_CAPTURE_NS,
               "the last look finds what was sighted");

/*
 * Which process a pid is.
 */

/*
 * Names of a process that is younger than a second are read again after 10 ms, since it is about
 * to execute its program; later once a second. Events report changes sooner.
 */
#define WINDOW_YOUNG_NS        (1 * NS_PER_SECOND)
#define WINDOW_YOUNG_REREAD_NS (10 * NS_PER_MS)
#define WINDOW_REREAD_NS       (1 * NS_PER_SECOND)
/*
 * Where changes of users are not reported, the user of a process that may call setuid(2) is read
 * again when it was read longer than this before what the process did. A server of root that
 * accepts thousands of connections a second is so read a hundred times.
 */
#define WINDOW_IDS_NS (10 * NS_PER_MS)
/*
 * The start of a process in /proc is before the event of its fork by less than this. A start just
 * after a tick of the clock may be of the tick before.
 */
#define WINDOW_START_NS (NS_PER_MS / 2)
/* process.start_ns is rounded down twice, each time to a tick of 10 ms. */
#define WINDOW_START_ROUNDED_NS (20 * NS_PER_MS)
/*
 * The time of a fork and the start time of the same process in /proc: that is in steps of a tick
 * of 10 ms, and taken before the fork is reported: on a busy machine another thread may run in
 * between. In a second no pid is used again.
 */
#define WINDOW_TREE_EARLIER_NS (1 * NS_PER_SECOND)
#define WINDOW_TREE_LATER_NS   (20 * NS_PER_MS)

_Static_assert(WINDOW_YOUNG_REREAD_NS < WINDOW_REREAD_NS, "a young process changes sooner");
_Static_assert(WINDOW_START_NS < 10 * NS_PER_MS, "most starts are of one tick for sure");

/*
 * A server that forks has the connection served by a child.
 */

/* A fork from this long before the connection on may have been for it. */
#define WINDOW_FORK_NS (50 * NS_PER_MS)
/* A server that forks for a connection does so just after accepting it: not after this time. */
#define WINDOW_HANDOVER_NS (1 * NS_PER_SECOND)

_Static_assert(WINDOW_HANDOVER_NS < WINDOW_RETRY_NS, "a handover is over at the last look");

/* Packets of before a process was seen to have a socket no more are read, and asked for, by then. */
#define WINDOW_EXISTING_LOST_NS (2 * WINDOW_RETRY_NS)

_Static_assert(WINDOW_EXISTING_LOST_NS > WINDOW_RETRY_NS + WINDOW_HELD_NS + WINDOW_CAPTURE_NS,
               "the last look at a connection that has ended finds it");

/*
 * The sentinel's threads look at a packet while its sender waits.
 */

/*
 * The holder of a socket is found out after the packet. A port may be another socket's by
 * then: an unconnected UDP socket's at once, a TCP connection's hardly ever; but a thread
 * that is behind catches up only by leaving out what is too late in any case.
 */
#define WINDOW_SENTINEL_UDP_NS (5 * NS_PER_MS)
#define WINDOW_SENTINEL_TCP_NS (10 * NS_PER_MS)
/* A process that may have begun since is not the packet's when a thread looks later than that. */
#define WINDOW_SENTINEL_YOUNG_NS (2 * NS_PER_MS)
/* A sighting is of a packet from this long before the packet's time on. */
#define WINDOW_SENTINEL_AROUND_NS (20 * NS_PER_MS)
/* What was seen of a datagram is true of earlier ones as far as the clocks may differ. */
#define WINDOW_SENTINEL_CLOCKS_NS (1 * NS_PER_MS)
/* A socket that was reported is not reported again, and not sought again when it was not found. */
#define WINDOW_SENTINEL_REPORTED_NS  (1 * NS_PER_SECOND)
#define WINDOW_SENTINEL_NOT_FOUND_NS (20 * NS_PER_MS)
/* A port whose listener is known is not looked at. */
#define WINDOW_SENTINEL_LISTENER_NS (20 * NS_PER_SECOND)
/* Whether an address is of this host is asked again after this time. */
#define WINDOW_SENTINEL_LOCAL_NS (1 * NS_PER_SECOND)
/*
 * The parent is looked at at once, then after this wait, and twice as long each time, 12.8 ms at
 * last. A parent that closes what it accepted later than that has used it for something itself.
 */
#define WINDOW_SENTINEL_CHILD_NS    (NS_PER_MS / 10)
#define WINDOW_SENTINEL_CHILD_TRIES 9

_Static_assert(WINDOW_SENTINEL_UDP_NS <= WINDOW_SENTINEL_TCP_NS &&
                       WINDOW_SENTINEL_TCP_NS < WINDOW_SENTINEL_AROUND_NS,
               "what is not too late for the thread is found by the packet");
_Static_assert(WINDOW_SENTINEL_REPORTED_NS < WINDOW_SENTINEL_KEEP_NS &&
                       WINDOW_SENTINEL_LISTENER_NS < WINDOW_SENTINEL_KEEP_NS,
               "a report is repeated before it is forgotten");
_Static_assert((WINDOW_SENTINEL_CHILD_NS << (WINDOW_SENTINEL_CHILD_TRIES - 1)) < WINDOW_CONFIRM_NS,
               "a child is reported when the holder is confirmed");

/*
 * How old a copy of the kernel's state may be, where asking for each packet would cost too much.
 */

/*
 * A second socket on a port (SO_REUSEPORT) that began after the listing is not seen. A listing of
 * listeners is older than SOON only where it would take a fiftieth of the time, older than this
 * never; one that has no listener that fits is made anew at once.
 */
#define WINDOW_LISTENERS_NS      (500 * NS_PER_MS)
#define WINDOW_LISTENERS_SOON_NS (5 * NS_PER_MS)
/* All sockets from /proc/net, where sock_diag is not to be had; a twentieth of the time at most. */
#define WINDOW_LISTING_NS (100 * NS_PER_MS)
/* Raw and packet sockets; one list is kept, and goes to another namespace after the turn. */
#define WINDOW_RAW_LISTING_NS (50 * NS_PER_MS)
#define WINDOW_RAW_TURN_NS    (20 * NS_PER_MS)
/*
 * Where no tracepoint reports it, a child that closes what it inherited has done so this long after
 * it was forked; one that keeps it is seen with it.
 */
#define WINDOW_INHERITED_NS WINDOW_CAPTURE_NS
/* Packets of before that process had it are read by then. */
#define WINDOW_HANDED_MS (10 * WINDOW_CAPTURE_MS)
/* Both ends of a connection are asked for, and again where no owner is found. */
#define WINDOW_NAT_ANSWER_NS (100 * NS_PER_MS)
/* An address was of this host at a packet's time: that is of another clock, read a moment apart. */
#define WINDOW_ADDRESS_NS (1 * NS_PER_MS)
/* Rests between walks over /proc: over processes that changed, and over all. */
#define WINDOW_WALK_GAP_NS      (20 * NS_PER_MS)
#define WINDOW_FULL_WALK_GAP_NS (500 * NS_PER_MS)

_Static_assert(WINDOW_LISTENERS_SOON_NS < WINDOW_LISTENERS_NS, "sooner is sooner");
_Static_assert(WINDOW_RAW_TURN_NS < WINDOW_RAW_LISTING_NS, "a turn ends before its list is old");
_Static_assert(2 * WINDOW_FULL_WALK_GAP_NS <= WINDOW_RETRY_NS &&
                       WINDOW_LISTING_NS < WINDOW_RETRY_NS,
               "a question that is open is answered before its last look");

#endif
