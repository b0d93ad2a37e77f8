/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process: identity is pid and start time, never the pid alone. Shared by
 * reference count; immutable but for the fields named below.
 *
 * What a process may change, its name, executable, user and so on, is kept as
 * it is now, and as it was before each change: a packet is judged by its own
 * time, see process_at.
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_H
#define SOCKLINE_PROCESSES_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct container_facts;
struct process_image;

/* What process_details.h adds, later than the rest. */
struct process_added {
	uint32_t generation; /* of the process, + 1, that all this is about; 0 = nothing yet */
	uint32_t version;    /* grows when something is added */
	uint32_t wanted;     /* private to process_details */
	bool has_sha256;
	uint8_t sha256[32];                /* of the executable */
	struct container_facts *container; /* counted reference; NULL = not known */
};

/*
 * The process has ended with its last thread; its first thread, or an exit of all, gives the
 * status. Private to process_table_events.c but for the first three.
 */
struct process_end {
	int64_t wall_ns; /* since the epoch; 0 = it lives, or the time is not known exactly */
	bool has_code;
	uint8_t code; /* as a shell shows it: that of exit(3), or 128 and the signal */
	bool has_first, has_last;
	int last_tid; /* 0 = not known */
	uint32_t first_status, last_status;
};

/*
 * In another mount namespace than ours any user may put another file in the place of the
 * executable: its path says less than this. Read from /proc while the process runs it.
 */
struct process_file {
	uint64_t
		mount_namespace; /* inode number; 0 = it is ours, or not known, and so is the rest */
	uint64_t inode;          /* of the executable; 0 = not known */
	uint32_t major, minor;   /* of the device with it */
	int64_t read_ns;         /* monotonic; 0 = not read */
};

struct process {
	uint32_t references;  /* process_ref, process_unref */
	int pid;              /* thread group id */
	int parent_pid;       /* as first read; the parent may have exited since */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat: clock ticks since boot */
	/* How many with its pid began before it within the same tick, as far as known. */
	uint8_t turn;
	/* By a capture file: of another host, or of another time. Nothing here is known of it. */
	bool stated;
	bool start_unsure; /* it may be the tick before: an event gave the time. Mutable. */
	/*
	 * The same since the epoch, rounded down to a tick (10 ms). Ticks and
	 * CLOCK_BOOTTIME are both shown with the reader's time namespace offset,
	 * so this is right in any; start_ticks differ between them, and entity_id has
	 * them without it.
	 */
	int64_t start_ns;
	uint64_t entity_id; /* hash of boot id, pid, ticks, turn: process.entity_id; 0 = not sure */
	int64_t exited_ns;  /* monotonic; 0 = alive as far as known. Mutable. */
	/* How it ended, as the kernel's events report it. Mutable; of the newest state alone. */
	struct process_end end;

	/* Read again after exec, and now and then (process_table_get). Mutable. */
	uint32_t generation; /* grows when one of the following changed */
	uint32_t uid;        /* effective */
	bool has_uid;
	bool has_real_uid, has_real_gid;
	bool unconfirmed_ids; /* an exec came since: the real ones are those from before it */
	uint32_t real_uid, real_gid;
	bool executable_deleted;
	int container_pid; /* in its own pid namespace, where that is not ours; 0 = not known */
	uint32_t netns;    /* inode of /proc/PID/ns/net; 0 = not readable */
	uint32_t userns;   /* of its user namespace, by events alone; 0 = not known */
	/* Any bytes; NULL = not known. They lie in `strings`. */
	char *name;        /* comm, at most 15 bytes (64 for kernel threads) */
	char *executable;  /* target of /proc/PID/exe, without " (deleted)" */
	char *parent_name; /* the parent as it was when it forked, or as first read */
	char *parent_executable;
	char *cgroup;                          /* container_cgroup_path */
	char *container_id;                    /* container_find */
	char *user_name, *effective_user_name; /* of a stated process alone */
	char *strings;                         /* owned: one allocation */
	struct process_file file;
	struct process_image *image; /* its arguments, process_args.h; counted; NULL = not known */
	uint64_t parent_entity_id;   /* 0 = not known */
	uint64_t cgroup_id;          /* of v2, as events report it; 0 = not known */

	/*
	 * All above since "Mutable" holds from this time on, monotonic and since the
	 * epoch; 0 = always. `former` is the process as it was before; owned.
	 */
	int64_t since_ns, since_wall_ns;
	struct process *former;
	int64_t image_read_ns;  /* name and executable were read from /proc then; 0 = by events */
	int64_t image_first_ns; /* for the first time, and that was done by then */
	int64_t ids_read_ns;    /* users and group, the same */

	/* Where the kernel's events are followed; process_history. Mutable. Times are monotonic. */
	bool followed;                /* name and executable come from events */
	int64_t executed_ns;          /* of its last exec; 0 = none was seen */
	int64_t settled_ns;           /* its program had the ids of that exec; before it: not yet */
	bool expects_image;           /* it ran exec: the next code mapped is its executable */
	bool mixed_netns;             /* its threads are in different ones */
	int64_t forked_ns;            /* 0 = it was there before events were followed */
	int64_t known_ns;             /* nothing is known from before */
	int64_t lost_from_ns;         /* events are missing from here; INT64_MAX = none */
	int64_t lost_to_ns;           /* up to here; INT64_MAX = it was not read since */
	int64_t sole_holder_since_ns; /* older descriptors it may share with a process it forked */

	struct process_added added; /* Mutable. */

	/* Its place in stream/traffic.h; 0 = none. Mutable. */
	uint32_t traffic;
	bool reported; /* its record of stream/process_log.h is made. Mutable. */

	/* Encoded JSON of this owner, made once by the encoder; see events/snippet.h. Mutable. */
	struct snippet *snippet;
};

struct process *process_ref(struct process *process);
void process_unref(struct process *process); /* NULL is fine; frees at 0, the snippet too */

/* What was added is still about the program that the process runs. */
static inline bool process_has_added(const struct process *process)
{
	return process->added.generation == process->generation + 1;
}

/*
 * Takes " (deleted)" off the end, with which d_path() marks an unlinked file and
 * proc_cgroup_show() a removed cgroup. False: it does not end so, or is nothing else.
 */
bool process_strip_deleted(const char *path, size_t *length);

void process_forget_added(struct process *process);

/*
 * The process as it was at a time since the epoch. The name, executable, user and
 * cgroup are those of then; whether and how it ended stands in `process` itself.
 */
static inline struct process *process_at(struct process *process, int64_t wall_ns)
{
	while (process->former && wall_ns < process->since_wall_ns)
		process = process->former;
	return process;
}

/* How many former states are kept; of times before them name, user and so on are not known. */
#define PROCESS_FORMER_MAX 8

/*
 * What is set from now on holds since time_ns (monotonic): what was is kept as
 * `former`. Short of memory: it is forgotten.
 */
void process_change(struct process *process, int64_t time_ns);
/* Name, executable and arguments are not known. */
void process_forget_image(struct process *process);

/* Its texts; not NUL-terminated, NULL = not known. */
struct process_text {
	const char *text;
	size_t length;
};
struct process_texts {
	struct process_text name, executable, parent_name, parent_executable, cgroup, container_id;
	struct process_text user_name, effective_user_name;
};
struct process_texts process_texts(const struct process *process); /* valid until they are set */
/* Replaces all; they may be the present ones. The generation is the caller's. 0 or -ENOMEM. */
int process_set_texts(struct process *process, const struct process_texts *texts);

/* It began at that time as /proc/PID/stat shows it. */
static inline bool process_started_at(const struct process *process, uint64_t start_ticks)
{
	return process->start_ticks == start_ticks ||
	       (process->start_unsure && process->start_ticks == start_ticks + 1);
}

/* How long ago it began, in ns, or up to a tick more. Steps of the wall clock do not matter. */
int64_t process_age_ns(const struct process *process);
/* Surely not before that monotonic time. */
bool process_began_after(const struct process *process, int64_t time_ns);
/* Perhaps not before that monotonic time. */
bool process_may_have_begun_after(const struct process *process, int64_t time_ns);
/* Is the fork that began it reported to be of after a packet of that time (monotonic)? */
bool process_is_unborn(const struct process *process, int64_t seen_ns);

/* Pure: fields of /proc/PID/stat (proc(5)), from the last ')' on. False: not such a text. */
struct process_stat {
	char name[65];
	char state;
	bool exiting; /* it has lost its executable and cgroup, or is about to */
	int parent_pid;
	int threads;
	uint64_t start_ticks;
};
bool process_parse_stat(const char *text, size_t length, struct process_stat *stat);
/* A zombie whose threads have all ended, or less. One whose leader alone has ended still runs. */
bool process_stat_exited(const struct process_stat *stat);

/* Pure: "Tgid:" and the effective one of "Uid:" of /proc/PID/status. False: one is missing. */
bool process_parse_status(const char *text, size_t length, int *tgid, uint32_t *uid);

/* Pure: the real ones of "Uid:" and "Gid:" of the same file. False: one is missing. */
bool process_parse_real_ids(const char *text, size_t length, uint32_t *uid, uint32_t *gid);

/*
 * Pure: the last of "NSpid:" of the same file, the pid in the process's own pid namespace.
 * 0: it has no other number than the first, or there is no such line.
 */
int process_parse_container_pid(const char *text, size_t length);

/* Pure: "net:[4026531840]" -> 4026531840; kind "net:[" or "socket:[". False: something else. */
bool process_parse_link(const char *link, const char *kind, uint64_t *inode);

#endif
