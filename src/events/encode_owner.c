/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"
#include "processes/container.h"

/* Pieces of a process's snippet. The third and fourth make up the short form. */
enum {
	PIECE_INSIDE,     /* of "process": pid, name, entity_id, executable */
	PIECE_ORIGIN,     /* start, hash and parent */
	PIECE_PROCESS,    /* "process" with what stands inside alone */
	PIECE_AROUND,     /* "user", "container" with its id and name */
	PIECE_ALL_AROUND, /* "user", "container", "orchestrator" */
	PIECE_PEER,       /* "process" and the number of the user */
	PIECE_CGROUP,     /* of "sockline" */
};

static void write_user_name(struct writer *writer, uint32_t uid)
{
	const char *name = encode_users_name(writer->record->encoder->users, uid);

	if (name && !writer_cuts(writer, CUT_USER_NAME))
		encode_writer_c_string(writer, KEY("name"), name, RAW_USER_NAME);
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

static void write_hash(struct writer *writer, const struct process *process)
{
	const struct process_added *added = &process->added;
	char text[2 * sizeof added->sha256];
	struct buf digits = { .data = text, .capacity = sizeof text };

	if (!process_has_added(process) || !added->has_sha256)
		return;
	for (size_t i = 0; i < sizeof added->sha256; i++)
		buf_append_hex(&digits, added->sha256[i], 2);
	writer_object(writer, KEY("hash"));
	writer_text(writer, KEY("sha256"), text, digits.length);
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
	writer_object_end(writer);
}

static void write_process(struct writer *writer, const struct process *process)
{
	writer_object(writer, KEY("process"));
	write_inside(writer, process);
	writer_object_end(writer);
}

static void write_user(struct writer *writer, uint32_t uid)
{
	writer_object(writer, KEY("user"));
	writer_decimal(writer, KEY("id"), uid);
	write_user_name(writer, uid);
	writer_object_end(writer);
}

static void write_peer_user(struct writer *writer, uint32_t uid)
{
	writer_object(writer, KEY("user"));
	writer_decimal(writer, KEY("id"), uid);
	writer_object_end(writer);
}

static void write_peer(struct writer *writer, const struct process *process)
{
	writer_object(writer, KEY("process"));
	encode_writer_i64(writer, KEY("pid"), process->pid);
	encode_writer_c_string(writer, KEY("name"), process->name, RAW_PEER_PROCESS_NAME);
	if (process->entity_id > 0)
		writer_id(writer, KEY("entity_id"), process->entity_id);
	write_executable(writer, process, CUT_PEER_EXECUTABLE, RAW_PEER_PROCESS_EXECUTABLE);
	writer_object_end(writer);
	if (process->has_uid)
		write_peer_user(writer, process->uid);
}

static void write_cgroup(struct writer *writer, const struct process *process)
{
	if (process->cgroup && !writer_cuts(writer, CUT_CGROUP))
		encode_writer_c_string(writer, KEY("cgroup"), process->cgroup, RAW_CGROUP);
	if (process->executable_deleted)
		encode_writer_bool(writer, KEY("executable_deleted"), true);
}

static void write_piece(struct writer *writer, const void *object, int piece)
{
	const struct process *process = object;

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
			write_user(writer, process->uid);
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

/* The owner as it was when it did what the record is about. */
WRITER_INLINE struct process *process_then(struct writer *writer, const struct owner *owner)
{
	struct process *process = owner->process;

	return process ? process_at(process, writer->record->encoder->owner_ns) : NULL;
}

/* The snippet is stale when exec changed the process or when passwd(5) changed. */
WRITER_INLINE const struct snippet *snippet_of(struct writer *writer, struct process *process)
{
	uint32_t names = encode_users_refresh(writer->record->encoder->users,
	                                      writer->record->encoder->time_ns);

	return encode_cache_snippet(writer, &process->snippet,
	                            (uint64_t)(process->generation + process->added.version) << 32 |
	                                    names,
	                            write_piece, process);
}

/* The user is the process's, else the one who owns the socket. */
static void write_around(struct writer *writer, const struct owner *owner,
                         const struct snippet *snippet, int piece)
{
	const struct process *process = process_then(writer, owner);

	if (owner->has_uid && !(process && process->has_uid))
		write_user(writer, owner->uid);
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

static void write_args(struct writer *writer, const struct event_args *args)
{
	if (!args || !args->args)
		return;
	writer_u64(writer, KEY("args_count"), (uint64_t)args->count);
	if (writer_cuts(writer, CUT_ARGS))
		return;
	writer_array(writer, KEY("args"));
	for (int i = 0; i < args->count; i++)
		encode_writer_string(writer, ELEMENT, args->args[i], strlen(args->args[i]),
		                     RAW_PROCESS_ARGS);
	writer_array_end(writer);
}

void encode_owner_full(struct writer *writer, const struct owner *owner,
                       const struct event_args *args)
{
	struct process *process = process_then(writer, owner);
	const struct snippet *snippet = process ? snippet_of(writer, process) : NULL;

	if (process) {
		writer_object(writer, KEY("process"));
		encode_cache_piece(writer, snippet, write_piece, process, PIECE_INSIDE);
		encode_cache_piece(writer, snippet, write_piece, process, PIECE_ORIGIN);
		write_args(writer, args);
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
	if (owner) {
		writer_array(writer, KEY("shared_pids"));
		for (int i = 0; i < owner->shared_count; i++)
			encode_writer_i64(writer, ELEMENT, owner->shared_pids[i]);
		writer_array_end(writer);
	}
	writer_object_end(writer);
}

void encode_owner_peer(struct writer *outside, const struct owner *owner)
{
	struct writer own = *outside, *const writer = &own; /* in a register: see struct writer */
	struct process *process = process_then(writer, owner);

	writer_object(writer, KEY("peer"));
	if (process)
		encode_cache_piece(writer, snippet_of(writer, process), write_piece, process,
		                   PIECE_PEER);
	if (owner->has_uid && !(process && process->has_uid))
		writer_call(writer, write_peer_user, owner->uid);
	encode_owner_attribution(writer, owner, ATTRIBUTION_NO_SOCKET);
	writer_object_end(writer);
	outside->at = own.at;
}
