/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the records of a run go, or its packets: a sink on standard output, a file or a
 * socket, watched in the loop, flushed by policy, opened anew on demand.
 */
#ifndef SOCKLINE_OUTPUT_OUTLET_H
#define SOCKLINE_OUTPUT_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "output/rotation.h"
#include "output/sink.h"

#define OUTLET_DESCRIPTOR "fd:"

struct helper;
struct outlet;

struct outlet_options {
	/* Borrowed; NULL: standard output; "fd:N": this descriptor; see peer.h; else of a file. */
	const char *path;
	size_t capacity;           /* of the sink */
	size_t spool;              /* the same of one to a socket */
	int64_t flush_interval_ns; /* lines wait so long at most */
	int compress_level;        /* of a file that file_is_compressed() */
	struct rotation rotation;  /* of a file */
	/*
	 * Opens the file again and moves it, or connects to the UNIX socket, in place of this process.
	 * NULL: this process does.
	 */
	struct helper *helper;
	bool blocks; /* of a pcapng file in place of lines: a plain one, or standard output */
};

/* Is path well-formed, as far as that can be known without opening it? 0 or -EINVAL. */
int outlet_check(const char *path, struct error *error);
/* False for standard output (NULL), descriptors and addresses. */
bool outlet_is_file(const char *path);

/*
 * A file is opened by file_open; *repaired = bytes of its broken tail, which the first
 * write cuts. Lines are written when the caller is idle, when many wait, or after the interval; those of
 * a compressed file wait when the caller is idle, too: short frames compress badly. So
 * do blocks: none is read as it comes.
 * 0 or -errno.
 */
int outlet_new(struct outlet **result, struct loop *loop, const struct outlet_options *options,
               uint64_t *repaired, struct error *error);
void outlet_free(struct outlet *outlet);
/* The run does not begin: a file that outlet_new made is removed, if it is empty. NULL is fine. */
void outlet_discard(struct outlet *outlet);

/*
 * Empties the file of an outlet of blocks, which has what it had before until then. Before the
 * first turn. 0 or -errno.
 */
int outlet_begin_anew(struct outlet *outlet, struct error *error);

struct sink *outlet_sink(struct outlet *outlet);
/* After each turn. busy: more records are about to come at once. The state afterwards. */
enum sink_state outlet_turn(struct outlet *outlet, bool busy);
/* For how long the caller may wait before the next turn; -1 = for any time. */
int64_t outlet_timeout_ns(const struct outlet *outlet);
/* Do lines wait that a reader could have now? */
bool outlet_is_late(const struct outlet *outlet);
/*
 * Opens the path again, after logrotate has moved the old file away: what is
 * buffered goes to the old one. 0, also for what is no file, where there is
 * nothing to do; or -errno, and the old file stays in use.
 */
int outlet_reopen(struct outlet *outlet, uint64_t *repaired, struct error *error);

/* What became of rotations and connections since the last call. */
struct outlet_changes {
	int opened; /* a new file is in use, or a new connection, as often as this */
	/*
	 * The old file stayed in use, and is tried again after a second; or a connection has
	 * ended or could not be made: of attempts in a row the first is counted.
	 */
	int failed;
	uint64_t repaired;  /* bytes that were cut off a file that another process had made */
	struct error error; /* the last one */
};

/* False: there were none. Opening in outlet_new and outlet_reopen is none. */
bool outlet_take_changes(struct outlet *outlet, struct outlet_changes *changes);

#endif
