/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "processes/container.h"
#include "processes/process_args.h"

/* Pieces of a process's snippet. The third and fourth make up the short form. */
enum {
	PIECE_INSIDE,     /* of "process": pid, name, entity_id, executable */
	PIECE_ORIGIN,     /* start, hash and parent */
	PIECE_PROCESS,    /* "process" with what stands inside alone */
	PIECE_AROUND,     /* "user", "container" with its id and name */
	PIECE_ALL_AROUND, /* "user", "group", "container", "orchestrator" */
	PIECE_PEER,       /* "process" and the numbers of its users */
	PIECE_CGROUP,     /* of "sockline" */
};

/* For whom a process works (real), and with whose rights (effective). */
struct users {
	bool has_real, has_effective;
	uint32_t real, effective;
	const struct process *stated; /* which has their names; NULL: they are of this host */
};

/* A user's number, and its name where raw is not RAW_NONE. */
static void write_user(struct writer *writer, const struct users *users, uint32_t uid,
                       enum writer_raw raw)
{
	const char *name;

	if (users->stated)
		name = raw == RAW_EFFECTIVE_USER_NAME ? users->stated->effective_user_name
		                                      : users->stated->user_name;
	else
		name = encode_users_name(writer->record->encoder->users, uid);
	writer_decimal(writer, KEY("id"), uid);
	if (name && raw != RAW_NONE && !writer_cuts(writer, CUT_USER_NAME))
		encode_writer_c_string(writer, KEY("name"), name, raw);
}

static void write_executable(struct writer *writer, const struct process *process,
                             enum writer_cut cut, enum writer_raw raw)
{
	if (process->executable && !writer_cuts(writer, cut))
		encode_writer_c_string(writer, KEY("executable"), process->executable, raw);
}

static void write_orchestrator(struct writer *writer, const struct container_facts *facts)
{
	if (!facts->namespace && !facts->pod)
		return;
	writer_object(writer, KEY("orchestrator"));
	encode_writer_c_string(writer, KEY("namespace"), facts->namespace, RAW_NONE);
	if (facts->pod) {
		writer_object(writer, KEY("resource"));
		encode_writer_c_string(writer, KEY("name"), facts->pod, RAW_NONE);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

/* The names are UTF-8: container_names.c takes no others. */
static void write_container(struct writer *writer, const struct process *process, bool all)
{
	const struct container_facts *facts =
		process_has_added(process) ? process->added.container : NULL;

	if (!process->container_id || writer_cuts(writer, CUT_CONTAINER_ID))
		return;
	writer_object(writer, KEY("container"));
	encode_writer_c_string(writer, KEY("id"), process->container_id, RAW_CONTAINER_ID);
	if (facts)
		encode_writer_c_string(writer, KEY("name"), facts->name, RAW_NONE);
	if (facts && all && facts->image) {
		writer_object(writer, KEY("image"));
		encode_writer_c_string(writer, KEY("name"), facts->image, RAW_NONE);
		writer_object_end(writer);
	}
	if (facts && all)
		encode_writer_c_string(writer, KEY("runtime"), facts->runtime, RAW_NONE);
	writer_object_end(writer);
	if (facts && all)
		write_orchestrator(writer, facts);
}

bool encode_owner_sha256(const struct process *process, char text[ENCODE_OWNER_SHA256])
{
	const struct process_added *added = &process->added;
	struct buf digits = { .data = text, .capacity = ENCODE_OWNER_SHA256 };

	_Static_assert(ENCODE_OWNER_SHA256 == 2 * sizeof added->sha256, "two digits a byte");
	if (!process_has_added(process) || !added->has_sha256)
		return false;
	for (size_t i = 0; i < sizeof added->sha256; i++)
		buf_append_hex(&digits, added->sha256[i], 2);
	return true;
}

static void write_hash(struct writer *writer, const struct process *process)
{
	char text[ENCODE_OWNER_SHA256];

	if (!encode_owner_sha256(process, text))
		return;
	writer_object(writer, KEY("hash"));
	writer_text(writer, KEY("sha256"), text, sizeof text);
	writer_object_end(writer);
}

static void write_inside(struct writer *writer, const struct process *process)
{
	encode_writer_i64(writer, KEY("pid"), process->pid);
	encode_writer_c_string(writer, KEY("name"), process->name, RAW_PROCESS_NAME);
	if (process->entity_id > 0)
		writer_id(writer, KEY("entity_id"), process->entity_id);
	write_executable(writer, process, CUT_EXECUTABLE, RAW_PROCESS_EXECUTABLE);
}

static void write_origin(struct writer *writer, const struct process *process)
{
	if (process->start_ns > 0)
		encode_cache_time(writer, KEY("start"), process->start_ns);
	write_hash(writer, process);
	if (process->parent_pid <= 0)
		return;
	writer_object(writer, KEY("parent"));
	encode_writer_i64(writer, KEY("pid"), process->parent_pid);
	encode_writer_c_string(writer, KEY("name"), process->parent_name, RAW_PARENT_NAME);
	if (process->parent_entity_id > 0)
		writer_id(writer, KEY("entity_id"), process->parent_entity_id);
	if (process->parent_executable && !writer_cuts(writer, CUT_PARENT_EXECUTABLE))
		encode_writer_c_string(writer, KEY("executable"), process->parent_executable,
		                       RAW_PARENT_EXECUTABLE);
	writer_object_end(writer);
}

static void write_process(struct writer *writer, const struct process *process)
{
	writer_object(writer, KEY("process"));
	write_inside(writer, process);
	writer_object_end(writer);
}

static struct users users_of(const struct process *process)
{
	return (struct users){
		.has_real = process->has_real_uid,
		.has_effective = process->has_uid,
		.real = process->real_uid,
		.effective = process->uid,
		.stated = process->stated ? process : NULL,
	};
}

static void write_users(struct writer *writer, const struct users *users, bool names)
{
	bool differs =
		users->has_effective && (!users->has_real || users->real != users->effective);

	if (!users->has_real && !users->has_effective)
		return;
	writer_object(writer, KEY("user"));
	if (users->has_real)
		write_user(writer, users, users->real, names ? RAW_USER_NAME : RAW_NONE);
	if (differs) {
		writer_object(writer, KEY("effective"));
		write_user(writer, users, users->effective,
		           names ? RAW_EFFECTIVE_USER_NAME : RAW_NONE);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

static void write_group(struct writer *writer, const struct process *process)
{
	if (!process->has_real_gid)
		return;
	writer_object(writer, KEY("group"));
	writer_decimal(writer, KEY("id"), process->real_gid);
	writer_object_end(writer);
}

static void write_peer(struct writer *writer, const struct process *process)
{
	const struct users users = users_of(process);

	writer_object(writer, KEY("process"));
	encode_writer_i64(writer, KEY("pid"), process->pid);
	encode_writer_c_string(writer, KEY("name"), process->name, RAW_PEER_PROCESS_NAME);
	if (process->entity_id > 0)
		writer_id(writer, KEY("entity_id"), process->entity_id);
	write_executable(writer, process, CUT_PEER_EXECUTABLE, RAW_PEER_PROCESS_EXECUTABLE);
	writer_object_end(writer);
	if (process->has_uid)
		write_users(writer, &users, false);
}

/* What is otherwise in its own namespaces. */
static void write_namespaces(struct writer *writer, const struct process *process)
{
	const struct process_file *file = &process->file;
	char device[32];

	if (process->container_pid == 0 && file->mount_namespace == 0)
		return;
	writer_object(writer, KEY("process"));
	if (process->container_pid > 0)
		encode_writer_i64(writer, KEY("container_pid"), process->container_pid);
	if (file->mount_namespace != 0)
		writer_decimal(writer, KEY("mount_namespace"), file->mount_namespace);
	if (file->inode != 0) {
		snprintf(device, sizeof device, "%" PRIu32 ":%" PRIu32, file->major, file->minor);
		writer_object(writer, KEY("executable"));
		writer_name(writer, KEY("device"), device);
		writer_decimal(writer, KEY("inode"), file->inode);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

static void write_cgroup(struct writer *writer, const struct process *process)
{
	if (process->cgroup && !writer_cuts(writer, CUT_CGROUP))
		encode_writer_c_string(writer, KEY("cgroup"), process->cgroup, RAW_CGROUP);
	write_namespaces(writer, process);
	if (process->executable_deleted)
		encode_writer_bool(writer, KEY("executable_deleted"), true);
}

static void write_piece(struct writer *writer, const void *object, int piece)
{
	const struct process *process = object;
	const struct users users = users_of(process);

	switch (piece) {
	case PIECE_INSIDE:
		write_inside(writer, process);
		break;
	case PIECE_ORIGIN:
		write_origin(writer, process);
		break;
	case PIECE_PROCESS:
		write_process(writer, process);
		break;
	case PIECE_AROUND:
	case PIECE_ALL_AROUND:
		if (process->has_uid)
			write_users(writer, &users, true);
		if (piece == PIECE_ALL_AROUND)
			write_group(writer, process);
		write_container(writer, process, piece == PIECE_ALL_AROUND);
		break;
	case PIECE_PEER:
		write_peer(writer, process);
		break;
	case PIECE_CGROUP:
		write_cgroup(writer, process);
		break;
	}
}

static const char *const places[SNIPPET_PIECES] = {
	[PIECE_INSIDE] = "process",  [PIECE_ORIGIN] = "process", [PIECE_PROCESS] = "",
	[PIECE_AROUND] = "",         [PIECE_ALL_AROUND] = "",    [PIECE_PEER] = "sockline.peer",
	[PIECE_CGROUP] = "sockline",
};

/* The owner as it was when it did what the record is about. */
WRITER_INLINE struct process *process_then(struct writer *writer, const struct owner *owner)
{
	return owner_process_at(owner, writer->record->encoder->owner_ns);
}

/* The snippet is stale when exec changed the process or when passwd(5) changed. */
WRITER_INLINE const struct snippet *snippet_of(struct writer *writer, struct process *process)
{
	uint32_t names = encode_users_refresh(writer->record->encoder->users,
	                                      writer->record->encoder->time_ns);

	return encode_cache_snippet(writer, &process->snippet,
	                            (uint64_t)(process->generation + process->added.version) << 32 |
	                                    names,
	                            write_piece, process, places);
}

/*
 * Where the process's own effective user is not known, the socket shows it: the one with whose
 * rights it was made. The pieces leave both users out then. A record without a process has no
 * other user than the socket's.
 */
static void write_socket_user(struct writer *writer, const struct owner *owner,
                              const struct process *process, bool names)
{
	struct users users = { .has_real = owner->has_uid,
		               .real = owner->uid,
		               .stated = owner_stated_user(owner) };

	if (process) {
		users = users_of(process);
		users.has_effective = owner->has_uid;
		users.effective = owner->uid;
	}
	write_users(writer, &users, names);
}

static void write_around(struct writer *writer, const struct owner *owner,
                         const struct snippet *snippet, int piece)
{
	const struct process *process = process_then(writer, owner);

	if (!process || !process->has_uid)
		write_socket_user(writer, owner, process, true);
	if (process)
		encode_cache_piece(writer, snippet, write_piece, process, piece);
}

void encode_owner_short(struct writer *writer, const struct owner *owner)
{
	struct process *process = process_then(writer, owner);
	const struct snippet *snippet = process ? snippet_of(writer, process) : NULL;

	if (process)
		encode_cache_piece(writer, snippet, write_piece, process, PIECE_PROCESS);
	write_around(writer, owner, snippet, PIECE_AROUND);
}

/* That is of the process, whatever it was at the time. */
static void write_end(struct writer *writer, const struct process_end *end)
{
	if (end->wall_ns > 0)
		encode_cache_time(writer, KEY("end"), end->wall_ns);
	if (end->has_code)
		writer_u64(writer, KEY("exit_code"), end->code);
}

/* NULL: they are not known as of then. */
static const struct process_args *args_of(struct writer *writer, const struct process *process)
{
	const struct process_image *image = process->image;

	return image && writer->record->encoder->owner_ns >= image->since_wall_ns ? image->args
	                                                                          : NULL;
}

void encode_owner_command_line(struct writer *writer, const struct key *key,
                               const struct process *process)
{
	const struct process_args *args = args_of(writer, process);
	char line[PROCESS_ARGS_MAX];

	if (!args || !process_args_complete(args) || writer_cuts(writer, CUT_COMMAND_LINE))
		return;
	for (uint32_t i = 0; i + 1 < args->length; i++)
		line[i] = args->strings[i] ? args->strings[i] : ' ';
	/* The exact bytes are in its parts. */
	encode_writer_string(writer, key, line, args->length - 1, RAW_NONE);
}

/* They are no part of a snippet: they may become known later than it is made. */
static void write_args(struct writer *writer, const struct process *process)
{
	const struct process_args *args = args_of(writer, process);
	const char *at;

	if (!args)
		return;
	if (args->argc > 0)
		writer_u64(writer, KEY("args_count"), args->argc);
	if (!process_args_complete(args))
		writer_marks(writer, CUT_ARGS);
	encode_owner_command_line(writer, KEY("command_line"), process);
	if (args->count == 0 || writer_cuts(writer, CUT_ARGS))
		return;
	writer_array(writer, KEY("args"));
	at = args->strings;
	for (uint32_t i = 0; i < args->count; i++) {
		size_t length = strlen(at);

		encode_writer_string(writer, ELEMENT, at, length, RAW_PROCESS_ARGS);
		at += length + 1;
	}
	writer_array_end(writer);
}

void encode_owner_full(struct writer *writer, const struct owner *owner)
{
	struct process *process = process_then(writer, owner);
	const struct snippet *snippet = process ? snippet_of(writer, process) : NULL;

	if (process) {
		writer_object(writer, KEY("process"));
		encode_cache_piece(writer, snippet, write_piece, process, PIECE_INSIDE);
		encode_cache_piece(writer, snippet, write_piece, process, PIECE_ORIGIN);
		write_end(writer, &owner->process->end);
		if (process->image)
			writer_call(writer, write_args, process);
		writer_object_end(writer);
	}
	write_around(writer, owner, snippet, PIECE_ALL_AROUND);
}

void encode_owner_cgroup(struct writer *writer, const struct owner *owner)
{
	struct process *process = process_then(writer, owner);

	if (process)
		encode_cache_piece(writer, snippet_of(writer, process), write_piece, process,
		                   PIECE_CGROUP);
}

static void write_common(struct writer *writer, const struct owner_common *common)
{
	struct owner_alike alike;

	if (!owner_common_at(common, writer->record->encoder->owner_ns, &alike))
		return;
	writer_object(writer, KEY("common"));
	if (alike.name) {
		writer_object(writer, KEY("process"));
		encode_writer_c_string(writer, KEY("name"), alike.name, RAW_NONE);
		writer_object_end(writer);
	}
	if (alike.uid) {
		writer_object(writer, KEY("user"));
		writer_decimal(writer, KEY("id"), *alike.uid);
		writer_object_end(writer);
	}
	if (alike.cgroup && !writer_cuts(writer, CUT_CGROUP))
		encode_writer_c_string(writer, KEY("cgroup"), alike.cgroup, RAW_NONE);
	writer_object_end(writer);
}

/* owner NULL: nobody, or one process alone. */
void encode_owner_write_attribution(struct writer *writer, const void *object, int which)
{
	enum attribution_method method = (enum attribution_method)(which >> 8);
	enum attribution_reason reason = (enum attribution_reason)(which & 255);
	const struct owner *owner = object;

	writer_object(writer, KEY("attribution"));
	writer_name(writer, KEY("method"), attribution_method_name(method));
	if (method == ATTRIBUTION_UNKNOWN)
		writer_name(writer, KEY("reason"), attribution_reason_name(reason));
	if (owner && owner->shared_count > 0) {
		writer_array(writer, KEY("shared_pids"));
		for (int i = 0; i < owner->shared_count; i++)
			encode_writer_i64(writer, ELEMENT, owner->shared_pids[i]);
		writer_array_end(writer);
	}
	if (owner && owner->has_common && reason == ATTRIBUTION_AMBIGUOUS)
		write_common(writer, owner->common);
	writer_object_end(writer);
}

void encode_owner_peer(struct writer *outside, const struct owner *owner)
{
	struct writer own = writer_own(outside), *const writer = &own;
	struct process *process = process_then(writer, owner);

	writer_object(writer, KEY("peer"));
	if (process)
		encode_cache_piece(writer, snippet_of(writer, process), write_piece, process,
		                   PIECE_PEER);
	if (!process || !process->has_uid)
		writer_call(writer, write_socket_user, owner, process, false);
	encode_owner_attribution(writer, owner, ATTRIBUTION_NO_SOCKET);
	writer_object_end(writer);
	writer_return(outside, &own);
}

bool encode_owner_user(struct writer *writer, const struct owner *owner, uint32_t *uid,
                       const char **name)
{
	struct encoder *encoder = writer->record->encoder;
	const struct process *process = process_then(writer, owner);
	const struct process *stated =
		process ? users_of(process).stated : owner_stated_user(owner);

	if (process ? !process->has_real_uid : !owner->has_uid)
		return false;
	*uid = process ? process->real_uid : owner->uid;
	if (stated) {
		*name = stated->user_name;
		return true;
	}
	encode_users_refresh(encoder->users, encoder->time_ns);
	*name = encode_users_name(encoder->users, *uid);
	return true;
}
