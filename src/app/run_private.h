/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What run.c and run_build.c share; nobody else includes it. */
#ifndef SOCKLINE_APP_RUN_PRIVATE_H
#define SOCKLINE_APP_RUN_PRIVATE_H

#include "base/clock_step.h"
#include "app/command.h"
#include "base/loop.h"
#include "capture/capture_set.h"
#include "events/encode.h"
#include "host/host.h"
#include "output/outlet.h"
#include "processes/process_tree.h"
#include "app/report.h"
#include "app/run.h"
#include "security/helper.h"
#include "security/privileges.h"
#include "stream/emitter.h"
#include "stream/listener_watch.h"
#include "stream/process_log.h"
#include "stream/snapshot.h"
#include "stream/stream.h"

struct run {
	const struct options *options;
	const struct log *log;
	struct log terminal_log; /* log, while a terminal has more than messages */
	struct loop *loop;
	struct hash_key key;
	struct outlet *outlet;
	int nowhere_fd;                /* /dev/null, where no records are wanted: the outlet's, */
	char nowhere[32];              /* as its name says */
	struct sink *sink;             /* of the outlet */
	uint64_t repaired;             /* bytes cut from a broken tail of the output file */
	struct outlet *packets_outlet; /* of -w; NULL = none, as the next */
	struct capture_writer *packets;
	struct error output_missing, packets_missing; /* in a self-test; code 0: they are not */
	struct encoder *encoder;
	struct summary *summary; /* NULL: it is not asked for, nor is standard error a terminal */
	struct emitter *emitter;
	struct process_log *process_log; /* NULL: its records are not asked for */
	struct host *host;
	struct stream *stream;
	struct capture_set *captures;
	struct snapshot *snapshot; /* that is being written; NULL = none */
	uint64_t snapshots;        /* taken so far */
	struct run_watch {
		uint32_t netns;
		struct listener_watch *watch;
	} * watches; /* one a namespace, when -e socket asks for it */
	int watch_count;
	int64_t listeners_ns; /* when holders of listeners are looked for again; 0 = none is */
	struct loop_source *signals;
	struct clock_step clock;
	int clock_fd; /* a timer that is cancelled when the wall clock is set; -1: none */
	struct loop_source *clock_source;
	struct command command;
	struct process_tree *tree;    /* of the command; NULL = there is none */
	struct selection selection;   /* of the options, and that */
	bool signalled;               /* the command was sent a signal, and is to end */
	bool command_over;            /* the command has ended, and its last packets are captured */
	struct privileges privileges; /* that stay */
	struct helper *helper;        /* NULL: there is none */
	struct privileges helper_privileges;
	bool helper_opens_output; /* again, and moves it */
	bool helper_enters;       /* network namespaces */
	bool helper_opens_traces;
	bool helper_connects_output; /* to a UNIX socket */
	struct loop_source *helper_source;
	int notify_fd; /* of the service manager; 0 or less = there is none */
	struct report_sources report;
	int64_t stall_reported_ns;    /* of the last warning that the disk is full; 0 = none */
	struct run_top *top;          /* NULL: not asked for */
	struct loop_source *progress; /* NULL: it is not shown */
	int64_t progress_since_ns;
	int64_t held_ns; /* replay: since when a pipe holds packets back; 0 = none */
	enum event_stop stop;
	bool started;          /* run_started is out */
	bool waits_for_reader; /* a slow reader is waited for: nothing else can be lost */
	int status;
};

static inline bool run_is_replay(const struct run *run)
{
	return run->options->read_file != NULL;
}

/* sockline.run; 0 in a replay. */
static inline uint64_t run_id(const struct run *run)
{
	return run_is_replay(run) ? 0 : hash_bytes(&run->key, "run", 3);
}

/* run_packets.c: all do nothing without -w, and in a self-test. */
int run_packets_open(struct run *run, struct error *error);
/* Empties the file. After all that can keep the run from starting. */
int run_packets_begin(struct run *run, struct error *error);
void run_packets_close(struct run *run);
bool run_packets_have_room(const struct run *run);
void run_packets_turn(struct run *run, bool busy);
int64_t run_packets_timeout_ns(const struct run *run); /* as outlet_timeout_ns */
/* Statistics of the interfaces, and what is still buffered: until deadline_ns (monotonic). */
void run_packets_finish(struct run *run, int64_t time_ns, int64_t deadline_ns);

/* run_build.c: makes everything in order; run_free takes what was made down in reverse. */
int run_build(struct run *run, struct error *error);
void run_free(struct run *run);
/* waits_for_reader, and no signal that ends the run is pending. */
bool run_waits_for_reader(void *context);

/* run.c: what the parts call back. context is the run. */
capture_set_packet run_on_packet;
capture_set_change run_on_capture_change;
capture_set_ready run_is_ready;
void run_catch_up(void *context, int64_t packets_ns);
void run_on_overrun(void *context, const char *where, uint64_t lost);
/* The soft limit on open files becomes the hard one. */
void run_raise_limits(void);
/* --max-memory is in force, as far as what is open by now leaves room. 0 or -errno. */
int run_limit_memory(const struct run *run, struct error *error);
void run_explain_failure(const struct log *log, const struct error *error);
void run_on_trace_lost(void *context, uint64_t lost, const struct trace_flood_source *source);
void run_on_limit_reached(void *context, uint32_t uid, int max, uint64_t refused);
void run_on_namespace_found(void *context, uint32_t netns, int fd);
void run_on_namespace_opened(void *context, uint32_t netns, int64_t age_ns, uint64_t missed);
void run_on_namespace_closing(void *context, uint32_t netns);
void run_on_destroyed(void *context, const struct socket *socket);
void run_on_destroyed_lost(void *context, int64_t since_ns);
void run_on_listed(void *context, const struct socket *socket);
void run_on_all_listed(void *context, uint32_t netns, int64_t began_ns);
loop_signal_callback run_on_signal;
loop_callback run_on_stats, run_on_second, run_on_minute, run_on_duration, run_on_interval;

/* The first reason stands. */
void run_stop(struct run *run, enum event_stop reason);

/* run_command.c: all of these do nothing where there is no command. Start before run_build. */
int run_command_start(struct run *run, struct error *error);
int run_command_follow(struct run *run, struct error *error); /* its processes are selected */
void run_command_begin(struct run *run);                      /* everything is captured now */
void run_command_look(struct run *run); /* stops the run soon if it has ended */
void run_command_signal(struct run *run, int signal_number); /* which ends both */
int run_command_end(struct run *run);                        /* the exit status of both */
int64_t run_drain_ns(const struct run *run); /* for reading what the capture rings still hold */

/* run_processes.c: what the host reports of processes becomes records. */
int run_processes_open(struct run *run, struct error *error);
void run_on_process(void *context, enum host_life life, struct process *process, int64_t time_ns);
void run_on_process_named(void *context, struct process *process, int64_t wall_ns);
int64_t run_processes_write(const struct run *run); /* ns until it has to be called again; or -1 */
int64_t run_processes_timeout_ns(const struct run *run); /* to the next look for events; or -1 */
void run_processes_finish(const struct run *run);        /* waits a moment for what is incomplete */

/* An event of dataset sockline.log, of now. */
void run_emit_log(struct run *run, enum event_action action, struct event_log *content);

/* run_output.c: a record of the file that is open; SIGHUP; and each turn. */
void run_output_opened(struct run *run, uint64_t repaired);
void run_output_reopen(struct run *run);
/* busy: more records are about to come at once. */
void run_output_turn(struct run *run, bool busy);

/* run_terminal.c: what is on standard error for a person, where that is a terminal or asked for. */
bool run_is_shown(const struct run *run, enum options_shown shown);
void run_greet(const struct run *run); /* once everything is open */
void run_sum_up(struct run *run);

/* run_progress.c: both do nothing but where the file of -r is so long that it shows. */
int run_progress_open(struct run *run, struct error *error);
void run_progress_close(struct run *run);

/* run_top.c: all do nothing without --top. Open comes before threads are made. */
int run_top_open(struct run *run, struct error *error);
void run_top_begin(struct run *run); /* once everything is open: it takes the terminal */
void run_top_close(struct run *run); /* and gives it back */

/*
 * run_helper.c: the second process, where one is needed. Start comes before threads are made, and
 * after the command is, which must not inherit it.
 */
int run_helper_start(struct run *run, struct error *error);
int run_helper_watch(struct run *run, struct error *error); /* its end is reported */
void run_helper_release(struct run *run); /* once it is known that nothing will be asked of it */
void run_helper_look(struct run *run);    /* a child has ended */
void run_helper_stop(struct run *run);

/* run_confine.c: a file is opened again at SIGHUP, and a socket is connected when its reader is back. */
bool run_output_needs_override(const char *path);
/* Drops what is not used any more. After run_build, before any packet is looked at. */
int run_confine(struct run *run, struct error *error);

/* run_self_test.c: prints what is open and what is missing; the exit status. After run_confine. */
int run_self_test(struct run *run);

/* run_notify.c: all but open do nothing where there is no service manager. */
void run_notify_open(
	struct run *run); /* the last of run_build: its timer reports that the loop turns */
void run_notify_ready(const struct run *run);
void run_notify_status(const struct run *run);
void run_notify_stopping(const struct run *run);
void run_notify_close(const struct run *run);

/* run_snapshot.c: lists all sockets, and writes what there is room for. */
int run_take_snapshot(struct run *run, struct error *error);
void run_advance_snapshot(struct run *run, size_t room);

/* run_clock.c: a record when the wall clock was set; not in a replay. */
void run_open_clock(struct run *run);
void run_close_clock(struct run *run);
void run_check_clock(struct run *run);

/*
 * run_replay.c: opens the file of -r, which may last for ever where that is a pipe: a signal ends
 * the program meanwhile.
 */
int run_open_file(struct run *run, struct error *error);
/* Milliseconds to the next turn that the captures need, -1 = none. */
int run_captures_timeout(struct run *run);

/* run_namespaces.c: captures and listeners of one namespace. 0 or -errno. */
/*
 * All rings share --buffer-size. Where other namespaces are captured, one part of it in so many is
 * for those that are busy, and as many of these have one.
 */
#define RUN_OTHERS_PART 4
#define RUN_GROWN_MAX   4
/* By --buffer-size: what the queues of other namespaces may hold, and the size of each ring. */
size_t run_queue_bytes(const struct options *options);
int run_ring_kib(const struct options *options);
int run_add_captures(struct run *run, uint32_t netns, int fd, struct error *error);
void run_add_existing(struct run *run, uint32_t netns); /* its sockets of now; after its captures */
/* Before the first record: the owners of those that exist, as far as that lasts not long. */
void run_find_existing(struct run *run);
int run_add_watch(struct run *run, uint32_t netns, struct error *error);

#endif
