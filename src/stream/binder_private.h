/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of binder share; no other file includes it. */
#ifndef SOCKLINE_STREAM_BINDER_PRIVATE_H
#define SOCKLINE_STREAM_BINDER_PRIVATE_H

#include "base/ring.h"
#include "stream/binder.h"

#define LEVELS 8 /* of waiting for the next attempt */

struct waiting {
	uint64_t id;
	uint32_t number;
	int64_t due_ns;
};

struct queue {
	struct waiting *entries; /* QUEUE_MAX of them, made when first needed */
	struct ring ring;
};

#define REPORTED_SENDS 512 /* connections; a power of two */

/* How much of what a connection's ends sent is reported. */
struct reported_sends {
	uint64_t id;      /* of the connection; 0 = none */
	uint32_t next[2]; /* [end]: the sequence number behind it */
	bool known[2];
};

struct binder {
	struct binder_options options;
	struct queue levels[LEVELS];
	struct binder_counters counters;
	struct reported_sends reported[REPORTED_SENDS]; /* by their ids, the latest */
};

struct attribution_question binder_question(const struct binder *binder,
                                            const struct connection *connection,
                                            enum connection_end end);
/* The same in two steps: destroyed sockets are dear to count, and not all answers need them. */
struct attribution_question binder_question_alone(const struct connection *connection,
                                                  enum connection_end end);
/* The first step, about an end at a packet: `sender` is whether it sent that. */
struct attribution_question binder_question_of_packet(const struct connection *connection,
                                                      enum connection_end end, bool sender,
                                                      const struct packet *packet, int64_t seen_ns);
/* Where NAT gives the end's packets another tuple: the question is about its socket's. */
void binder_ask_of_socket(const struct connection *connection, enum connection_end end,
                          struct attribution_question *question);
void binder_count_destroyed(const struct binder *binder, const struct connection *connection,
                            struct attribution_question *question);
/*
 * True when the reader must hear of what is found. spoke_ns: when this end sent the data at hand;
 * 0 = it did not.
 */
bool binder_ask_again(struct binder *binder, struct connection *connection, enum connection_end end,
                      int64_t spoke_ns);
/* An answer that the next look may improve. */
bool binder_worth_asking(const struct connection *connection, enum connection_end end);
/* The end received datagrams that no socket took: one that opens later has not received them. */
bool binder_is_unreceived(const struct connection *connection, enum connection_end end);
/* Another process has the same socket: NAT does with it what it did. */
void binder_keep_socket(struct connection *connection, enum connection_end end);
int64_t binder_level_wait_ns(int level);
/* Asks again when the wait of that level is over. */
void binder_enqueue(struct binder *binder, int level, const struct connection *connection,
                    int64_t now_ns);
/* At the next level after that one (-1: none) at which it is of use. */
void binder_ask_later(struct binder *binder, struct connection *connection, int level,
                      int64_t now_ns);
/* One connection whose wait is over. */
void binder_look_again(struct binder *binder, int level, const struct waiting *waiting,
                       int64_t now_ns);

#endif
