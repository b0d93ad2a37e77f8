/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "processes/container.h"

#define READ_ATTEMPTS 3

/* Reads the start of a file. Length or -errno; what was freed in between is -ESRCH. */
static ssize_t read_file(int dir, const char *name, char *text, size_t room)
{
	size_t length = 0;
	ssize_t got;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : errno == EPERM ? -EACCES : -errno;
	/* Files of /proc may give less than there is. */
	do {
		got = read(fd, text + length, room - length);
		if (got > 0)
			length += (size_t)got;
	} while ((got > 0 && length < room) || (got < 0 && errno == EINTR));
	got = got < 0 ? -errno : (ssize_t)length;
	close(fd);
	return got;
}

/* The file's text, without what does not fit in size bytes with its NUL; "" when it cannot be read. */
static void read_text(int dir, const char *name, char *text, size_t size)
{
	ssize_t length = read_file(dir, name, text, size - 1);

	text[length > 0 ? length : 0] = '\0';
}

void process_read_init(struct process_reader *reader, int proc_fd)
{
	long per_second = sysconf(_SC_CLK_TCK);
	char offsets[128];

	reader->proc_fd = proc_fd;
	reader->tick_ns = NS_PER_SECOND / (per_second > 0 ? per_second : 100);
	read_text(proc_fd, "sys/kernel/random/boot_id", reader->boot_id, sizeof reader->boot_id);
	read_text(proc_fd, "self/timens_offsets", offsets, sizeof offsets);
	reader->ahead_ns = clock_offset_in(offsets, "boottime");
	reader->mount_namespace = process_read_mount_namespace(proc_fd, "self/ns/mnt");
}

int process_read_open(int proc_fd, int pid)
{
	char name[16];
	int fd;

	snprintf(name, sizeof name, "%d", pid);
	fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

int process_read_stat(int dir, struct process_stat *stat)
{
	char text[2048]; /* 52 numbers of up to 20 digits, and the name */
	ssize_t length = read_file(dir, "stat", text, sizeof text);

	if (length < 0)
		return (int)length;
	return process_parse_stat(text, (size_t)length, stat) ? 0 : -ESRCH;
}

int process_read_stat_of(int proc_fd, int pid, struct process_stat *stat)
{
	int dir = process_read_open(proc_fd, pid), result;

	if (dir < 0)
		return dir;
	result = process_read_stat(dir, stat);
	close(dir);
	return result;
}

static void read_status(int dir, struct process_facts *facts)
{
	char text[2048]; /* the ids are among the first lines, NSpid comes after all groups */
	ssize_t length = read_file(dir, "status", text, sizeof text);

	facts->has_uid =
		length > 0 && process_parse_status(text, (size_t)length, &facts->tgid, &facts->uid);
	facts->has_real_ids =
		length > 0 &&
		process_parse_real_ids(text, (size_t)length, &facts->real_uid, &facts->real_gid);
	facts->container_pid = length > 0 ? process_parse_container_pid(text, (size_t)length) : 0;
	facts->refused |= length == -EACCES;
}

ssize_t process_read_executable(int dir, char *target, size_t room, bool *deleted)
{
	ssize_t length = readlinkat(dir, "exe", target, room);
	size_t kept;

	*deleted = false;
	if (length < 0)
		return errno == ENOENT ? 0 : errno == EPERM ? -EACCES : -errno;
	kept = (size_t)length;
	*deleted = process_strip_deleted(target, &kept);
	return (ssize_t)kept;
}

static void read_cgroup(int dir, struct process_facts *facts)
{
	ssize_t length = read_file(dir, "cgroup", facts->cgroup_text, sizeof facts->cgroup_text);

	facts->refused |= length == -EACCES;
	if (length <= 0 || !container_cgroup_path(facts->cgroup_text, (size_t)length,
	                                          &facts->cgroup, &facts->cgroup_length))
		return;
	container_find(facts->cgroup_text, (size_t)length, &facts->container_id,
	               &facts->container_id_length);
}

static void read_netns(int dir, struct process_facts *facts)
{
	char link[64];
	ssize_t length = readlinkat(dir, "ns/net", link, sizeof link - 1);
	uint64_t inode;

	if (length < 0) {
		facts->refused |= errno == EACCES || errno == EPERM;
		return;
	}
	link[length] = '\0';
	if (process_parse_link(link, "net:[", &inode))
		facts->netns = (uint32_t)inode;
}

/* A process that exits has no executable any more, and is in no cgroup of v1. */
static void forget_lost(struct process_facts *facts)
{
	facts->executable_length = 0;
	facts->executable_deleted = false;
	facts->cgroup = facts->container_id = NULL;
	facts->cgroup_length = facts->container_id_length = 0;
}

int process_read_facts(const struct process_reader *reader, int dir, struct process_facts *facts)
{
	char again[sizeof facts->executable];
	ssize_t length, length_again;
	bool deleted;
	int result;

	/*
	 * An exec in the middle would mix two programs: the executable is read
	 * first and last, and must not have changed.
	 */
	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		memset(facts, 0, offsetof(struct process_facts, executable));
		facts->read_ns = clock_monotonic_ns();
		length = process_read_executable(dir, facts->executable, sizeof facts->executable,
		                                 &facts->executable_deleted);
		facts->executable_refused = length == -EACCES;
		facts->refused = facts->executable_refused;
		facts->executable_length = length > 0 ? (size_t)length : 0;
		read_status(dir, facts);
		read_cgroup(dir, facts);
		read_netns(dir, facts);
		process_read_file(dir, reader->mount_namespace, &facts->file);
		/* After the rest: what is not exiting now was not when that was read. */
		result = process_read_stat(dir, &facts->stat);
		if (result < 0)
			return result;
		if (facts->stat.exiting) {
			forget_lost(facts);
			return 0;
		}
		length_again = process_read_executable(dir, again, sizeof again, &deleted);
		if (length == length_again &&
		    (length <= 0 || memcmp(again, facts->executable, (size_t)length) == 0) &&
		    process_read_file_same(dir, &facts->file))
			break;
	}
	return 0;
}

static bool same_text(const char *string, const char *text, size_t length)
{
	if (!string || !text)
		return !string && !text;
	return strlen(string) == length && memcmp(string, text, length) == 0;
}

bool process_read_is_executable(int dir, const char *target, size_t length, const char *executable)
{
	char root[PATH_MAX];
	ssize_t root_length;

	if (same_text(executable, target, length))
		return true;
	root_length = readlinkat(dir, "root", root, sizeof root);
	return executable && root_length > 1 && (size_t)root_length < length &&
	       memcmp(root, target, (size_t)root_length) == 0 &&
	       same_text(executable, target + root_length, length - (size_t)root_length);
}

int process_read_executable_same(int dir, const struct process *process)
{
	char target[PATH_MAX + 16];
	bool deleted;
	ssize_t length = process_read_executable(dir, target, sizeof target, &deleted);

	if (length < 0)
		return length == -EACCES ? 0 : (int)length;
	return length > 0 &&
	       process_read_is_executable(dir, target, (size_t)length, process->executable);
}

uint64_t process_read_entity_id(const struct process_reader *reader, int pid, uint32_t turn,
                                uint64_t start_ticks)
{
	/* Fixed, so that every run of one boot gives a process the same id, in any time namespace. */
	static const struct hash_key key = { { UINT64_C(0x736f636b6c696e65),
		                               UINT64_C(0x656e746974792d31) } };
	struct {
		uint64_t start_ticks;
		uint64_t pid;
		char boot_id[40];
	} identity = { .start_ticks = start_ticks - (uint64_t)(reader->ahead_ns / reader->tick_ns),
		       .pid = (uint64_t)pid | (uint64_t)turn << 32 };

	memcpy(identity.boot_id, reader->boot_id, sizeof reader->boot_id);
	return hash_bytes(&key, &identity, sizeof identity);
}

/*
 * Wall time of a tick count. The clocks are read now and not once at the start:
 * after a step of the wall clock, new processes count from the right time.
 */
static int64_t start_time(const struct process_reader *reader, uint64_t start_ticks)
{
	int64_t offset = clock_realtime_ns() - clock_boottime_ns();
	int64_t start_ns;

	if (__builtin_mul_overflow(start_ticks, reader->tick_ns, &start_ns) ||
	    __builtin_add_overflow(start_ns, offset, &start_ns))
		return 0;
	return start_ns - start_ns % reader->tick_ns;
}

struct process *process_read_new(const struct process_reader *reader, int pid, uint64_t start_ticks)
{
	struct process *process = calloc(1, sizeof *process);

	if (!process)
		return NULL;
	process->references = 1;
	process->pid = pid;
	process->lost_from_ns = INT64_MAX;
	process_read_start(reader, process, start_ticks);
	return process;
}

void process_read_start(const struct process_reader *reader, struct process *process,
                        uint64_t start_ticks)
{
	process->start_ticks = start_ticks;
	process->start_unsure = false;
	process->start_ns = start_time(reader, start_ticks);
	process->entity_id =
		process_read_entity_id(reader, process->pid, process->turn, start_ticks);
}

/* What facts say of a process; of one that is exiting it is without executable and cgroup. */
static struct process_texts texts_of(const struct process_facts *facts)
{
	return (struct process_texts){
		.name = { facts->stat.name, strlen(facts->stat.name) },
		.executable = { facts->executable_length > 0 ? facts->executable : NULL,
		                facts->executable_length },
		.cgroup = { facts->cgroup, facts->cgroup_length },
		.container_id = { facts->container_id, facts->container_id_length },
	};
}

static void set_numbers(struct process *process, const struct process_facts *facts)
{
	if (facts->has_uid)
		process->uid = facts->uid;
	process->has_uid |= facts->has_uid;
	if (facts->has_uid) {
		process->ids_read_ns = facts->read_ns;
		process->unconfirmed_ids = false;
	}
	if (facts->has_real_ids) {
		process->real_uid = facts->real_uid;
		process->real_gid = facts->real_gid;
		process->has_real_uid = process->has_real_gid = true;
	}
	if (facts->netns != 0)
		process->netns = facts->netns;
}

/* It has that for its whole life. */
static void set_container_pid(struct process *process, int pid)
{
	for (; process && pid != 0 && process->container_pid != pid; process = process->former) {
		process->container_pid = pid;
		process->generation++;
	}
}

static struct process_text text_of(const char *string)
{
	return (struct process_text){ string, string ? strlen(string) : 0 };
}

struct process *process_read_make(const struct process_reader *reader, int pid,
                                  const struct process_facts *facts,
                                  const struct process_parent *parent)
{
	struct process *process = process_read_new(reader, pid, facts->stat.start_ticks);
	struct process_texts texts = texts_of(facts);

	if (!process)
		return NULL;
	process->parent_pid = facts->stat.parent_pid;
	process->executable_deleted = facts->executable_deleted;
	process->container_pid = facts->container_pid;
	set_numbers(process, facts);
	process->parent_entity_id = parent->entity_id;
	texts.parent_name = text_of(parent->name);
	texts.parent_executable = text_of(parent->executable);
	if (process_set_texts(process, &texts) < 0) {
		process_unref(process);
		return NULL;
	}
	process->image_read_ns = facts->read_ns;
	process->image_first_ns = clock_monotonic_ns();
	process_read_apply_file(process, facts);
	return process;
}

bool process_read_matches(const struct process *process, const struct process_facts *facts)
{
	bool same_name = same_text(process->name, facts->stat.name, strlen(facts->stat.name));
	const char *executable = facts->executable_length > 0 ? facts->executable : NULL;

	if (facts->stat.exiting)
		return same_name && process_started_at(process, facts->stat.start_ticks);
	/* What is refused today (the process changed its user) and has its name still is no change. */
	if (!(facts->executable_refused && same_name) &&
	    (!same_text(process->executable, executable, facts->executable_length) ||
	     process->executable_deleted != facts->executable_deleted))
		return false;
	return same_name && process_started_at(process, facts->stat.start_ticks) &&
	       (!facts->has_uid || (process->has_uid && process->uid == facts->uid)) &&
	       (!facts->has_real_ids ||
	        (process->has_real_uid && process->real_uid == facts->real_uid &&
	         process->has_real_gid && process->real_gid == facts->real_gid)) &&
	       (facts->netns == 0 || process->netns == facts->netns) &&
	       same_text(process->cgroup, facts->cgroup, facts->cgroup_length) &&
	       same_text(process->container_id, facts->container_id, facts->container_id_length);
}

/* Events know better which image it ran when; where they do not, it is the one read. */
static void keep_image(const struct process *process, const struct process_facts *facts,
                       struct process_texts *texts, bool *deleted)
{
	bool by_events = process->followed && process->name && !process->image_read_ns;
	struct process_texts known = process_texts(process);

	if (by_events)
		texts->name = known.name;
	if ((by_events && known.executable.text) ||
	    (known.executable.text && facts->executable_refused &&
	     same_text(process->name, facts->stat.name, strlen(facts->stat.name)))) {
		texts->executable = known.executable;
		*deleted = process->executable_deleted;
	}
}

static bool contradicts(const char *known, struct process_text read)
{
	return known && !same_text(known, read.text, read.length);
}

/* What was known of a process and is otherwise now; what was not known is no change. */
struct difference {
	bool image, cgroup, ids;
};

static struct difference difference_of(const struct process *process,
                                       const struct process_facts *facts,
                                       const struct process_texts *texts)
{
	return (struct difference){
		.image = contradicts(process->name, texts->name) ||
		         contradicts(process->executable, texts->executable),
		.cgroup = contradicts(process->cgroup, texts->cgroup),
		.ids = (process->has_uid && facts->has_uid && process->uid != facts->uid) ||
		       (process->has_real_uid && facts->has_real_ids &&
		        process->real_uid != facts->real_uid) ||
		       (process->has_real_gid && facts->has_real_ids &&
		        process->real_gid != facts->real_gid),
	};
}

/*
 * It changed at some time since it was read before, no event reported when: until then it was
 * what was read, from now on it is what is read now, and in between either.
 */
static void forget_between(struct process *process, const struct difference *difference)
{
	struct process_texts texts;

	process_change(process, process->image_read_ns > process->since_ns ? process->image_read_ns
	                                                                   : process->since_ns);
	if (difference->image)
		process_forget_image(process);
	if (difference->ids)
		process->has_uid = process->has_real_uid = process->has_real_gid = false;
	texts = process_texts(process);
	if (difference->cgroup) {
		texts.cgroup = texts.container_id = (struct process_text){ NULL, 0 };
		process_set_texts(process, &texts);
	}
}

int process_read_apply(struct process *process, const struct process_facts *facts)
{
	struct process_texts texts = texts_of(facts), known = process_texts(process);
	bool deleted = facts->executable_deleted;
	struct difference difference;
	int result;

	set_container_pid(process, facts->container_pid);
	if (process_read_matches(process, facts)) {
		process_read_apply_file(process, facts);
		if (facts->has_uid && process->ids_read_ns != 0)
			process->ids_read_ns = facts->read_ns;
		if (!process->followed && !facts->stat.exiting)
			process->image_read_ns = facts->read_ns;
		return 0;
	}
	/* Its image and its cgroup are gone already, but for the name. */
	if (facts->stat.exiting && process->name && process->followed)
		return 0;
	texts.parent_name = known.parent_name;
	texts.parent_executable = known.parent_executable;
	keep_image(process, facts, &texts, &deleted);
	if (!texts.cgroup.text) {
		texts.cgroup = known.cgroup;
		texts.container_id = known.container_id;
	}
	difference = difference_of(process, facts, &texts);
	if (difference.image || difference.cgroup || difference.ids) {
		if (!process->followed)
			forget_between(process, &difference);
		process_change(process, clock_monotonic_ns());
	}
	result = process_set_texts(process, &texts);
	if (result < 0)
		return result;
	process->executable_deleted = deleted;
	set_numbers(process, facts);
	if (!process->followed) {
		process->image_read_ns = facts->read_ns;
		process->image_first_ns = clock_monotonic_ns();
	}
	process->generation++;
	process_read_apply_file(process, facts);
	return 0;
}
