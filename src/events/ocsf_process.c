/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and users of OCSF. */
#include "events/ocsf_parts.h"
#include "processes/container.h"

#define FILE_REGULAR 1
#define HASH_SHA256  3

static struct process *process_then(const struct writer *writer, const struct owner *owner)
{
	return owner_process_at(owner, writer->record->encoder->owner_ns);
}

static void write_hash(struct writer *writer, const struct process *process)
{
	char text[ENCODE_OWNER_SHA256];

	if (!encode_owner_sha256(process, text))
		return;
	writer_array(writer, KEY("hashes"));
	writer_object(writer, ELEMENT);
	writer_u64(writer, KEY("algorithm_id"), HASH_SHA256);
	writer_literal(writer, "algorithm", "SHA-256");
	writer_text(writer, KEY("value"), text, sizeof text);
	writer_object_end(writer);
	writer_array_end(writer);
}

/* process NULL: nothing else is known of it. */
static void write_file(struct writer *writer, const char *path, enum writer_raw raw,
                       const struct process *process)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash && slash[1] ? slash + 1 : path;

	writer_object(writer, KEY("file"));
	encode_writer_c_string(writer, KEY("name"), name, RAW_NONE);
	encode_writer_c_string(writer, KEY("path"), path, raw);
	writer_u64(writer, KEY("type_id"), FILE_REGULAR);
	writer_literal(writer, "type", "Regular File");
	if (process)
		write_hash(writer, process);
	if (process && process->executable_deleted)
		encode_writer_bool(writer, KEY("is_deleted"), true);
	writer_object_end(writer);
}

static void write_user(struct writer *writer, const struct owner *owner, enum writer_raw raw)
{
	const char *name;
	uint32_t uid;

	if (!encode_owner_user(writer, owner, &uid, &name))
		return;
	writer_object(writer, KEY("user"));
	writer_decimal(writer, KEY("uid"), uid);
	if (name && !writer_cuts(writer, CUT_USER_NAME))
		encode_writer_c_string(writer, KEY("name"), name, raw);
	writer_object_end(writer);
}

static const struct container_facts *facts_of(struct writer *writer, const struct process *process)
{
	if (!process->container_id || writer_cuts(writer, CUT_CONTAINER_ID) ||
	    !process_has_added(process))
		return NULL;
	return process->added.container;
}

/* "docker.io/library/nginx@sha256:...": the part behind the sign is an id of the image. */
static const char *image_id(const struct container_facts *facts)
{
	const char *sign = facts && facts->image ? strchr(facts->image, '@') : NULL;

	return sign && sign[1] ? sign + 1 : NULL;
}

static void write_image(struct writer *writer, const char *name, const char *id)
{
	writer_object(writer, KEY("image"));
	encode_writer_string(writer, KEY("name"), name, (size_t)(id - 1 - name), RAW_NONE);
	encode_writer_c_string(writer, KEY("uid"), id, RAW_NONE);
	writer_object_end(writer);
}

void ocsf_process_image(struct writer *writer, const struct owner *owner)
{
	const struct container_facts *facts = facts_of(writer, process_then(writer, owner));

	if (!facts || !facts->image || image_id(facts))
		return;
	writer_object(writer, KEY("container"));
	writer_object(writer, KEY("image"));
	encode_writer_c_string(writer, KEY("name"), facts->image, RAW_NONE);
	writer_object_end(writer);
	writer_object_end(writer);
}

static void write_container(struct writer *writer, const struct process *process)
{
	const struct container_facts *facts = facts_of(writer, process);

	if (process->container_pid > 0)
		encode_writer_i64(writer, KEY("namespace_pid"), process->container_pid);
	if (!process->container_id || writer_cuts(writer, CUT_CONTAINER_ID))
		return;
	writer_object(writer, KEY("container"));
	encode_writer_c_string(writer, KEY("uid"), process->container_id, RAW_CONTAINER_ID);
	if (facts) {
		encode_writer_c_string(writer, KEY("name"), facts->name, RAW_NONE);
		encode_writer_c_string(writer, KEY("runtime"), facts->runtime, RAW_NONE);
	}
	if (image_id(facts))
		write_image(writer, facts->image, image_id(facts));
	writer_object_end(writer);
}

static void write_identity(struct writer *writer, const struct process *process)
{
	encode_writer_i64(writer, KEY("pid"), process->pid);
	if (process->entity_id > 0)
		writer_id(writer, KEY("uid"), process->entity_id);
}

/* "parent_process", and the process of an actor: what the child knows of it. */
static void write_parent(struct writer *writer, const struct key *key,
                         const struct process *process, bool raw)
{
	if (process->parent_pid <= 0)
		return;
	writer_object(writer, key);
	encode_writer_i64(writer, KEY("pid"), process->parent_pid);
	if (process->parent_entity_id > 0)
		writer_id(writer, KEY("uid"), process->parent_entity_id);
	encode_writer_c_string(writer, KEY("name"), process->parent_name,
	                       raw ? RAW_PARENT_NAME : RAW_NONE);
	if (process->parent_executable && *process->parent_executable &&
	    !writer_cuts(writer, CUT_PARENT_EXECUTABLE))
		write_file(writer, process->parent_executable,
		           raw ? RAW_PARENT_EXECUTABLE : RAW_NONE, NULL);
	writer_object_end(writer);
}

static void write_process(struct writer *writer, const struct owner *owner)
{
	const struct process *process = process_then(writer, owner);

	writer_object(writer, KEY("process"));
	write_identity(writer, process);
	encode_writer_c_string(writer, KEY("name"), process->name, RAW_PROCESS_NAME);
	if (process->executable && *process->executable && !writer_cuts(writer, CUT_EXECUTABLE))
		write_file(writer, process->executable, RAW_PROCESS_EXECUTABLE, process);
	encode_owner_command_line(writer, KEY("cmd_line"), process);
	if (process->start_ns > 0)
		ocsf_time(writer, KEY("created_time"), KEY("created_time_dt"), process->start_ns);
	if (owner->process->end.wall_ns > 0)
		ocsf_time(writer, KEY("terminated_time"), KEY("terminated_time_dt"),
		          owner->process->end.wall_ns);
	write_user(writer, owner, RAW_USER_NAME);
	write_container(writer, process);
	write_parent(writer, KEY("parent_process"), process, true);
	writer_object_end(writer);
}

static bool has_user(struct writer *writer, const struct owner *owner)
{
	const char *name;
	uint32_t uid;

	return encode_owner_user(writer, owner, &uid, &name);
}

void ocsf_process_actor(struct writer *writer, const struct owner *owner)
{
	if (!owner->process && !has_user(writer, owner))
		return;
	writer_object(writer, KEY("actor"));
	if (owner->process)
		write_process(writer, owner);
	else
		write_user(writer, owner, RAW_USER_NAME);
	writer_object_end(writer);
}

/*
 * The class asks for one: of a start, the parent; of another program or an end, the process
 * itself. Where there is no parent to name, the user, or what OCSF has for what is not known.
 */
static void write_life_actor(struct writer *writer, const struct owner *owner,
                             enum event_action action)
{
	const struct process *process = process_then(writer, owner);

	writer_object(writer, KEY("actor"));
	if (action != EVENT_PROCESS_STARTED) {
		writer_object(writer, KEY("process"));
		write_identity(writer, process);
		writer_object_end(writer);
	} else if (process->parent_pid > 0) {
		write_parent(writer, KEY("process"), process, false);
	} else if (has_user(writer, owner)) {
		write_user(writer, owner, RAW_NONE);
	} else {
		writer_literal(writer, "app_name", "Unknown");
	}
	writer_object_end(writer);
}

void ocsf_process_write(struct writer *writer, const struct event *event)
{
	const struct owner owner = { .process = event->life.process };
	const struct process_end *end = &owner.process->end;
	bool ended = event->action == EVENT_PROCESS_ENDED;
	struct ocsf_value activity = { ended ? 2 : 1, ended ? "Terminate" : "Launch" };

	ocsf_begin(writer, event, OCSF_PROCESS_ACTIVITY, activity, OCSF_INFORMATIONAL);
	if (event->action == EVENT_PROCESS_EXECUTED) {
		writer_u64(writer, KEY("launch_type_id"), 3);
		writer_literal(writer, "launch_type", "Exec");
	}
	if (ended && end->has_code)
		writer_u64(writer, KEY("exit_code"), end->code);
	write_life_actor(writer, &owner, event->action);
	write_process(writer, &owner);
	ocsf_unmapped(writer, &owner, NULL, 0);
	encode_owner_cgroup(writer, &owner);
	ocsf_end(writer);
}
