/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/selection.h"

#include <string.h>

#include "processes/container.h"

#define CONTAINER_PREFIX 12 /* digits of an id, as `docker ps' shows it */

bool selection_is_empty(const struct selection *selection)
{
	return selection->lists[SELECTION_PORT].count == 0 && !selection_needs_owner(selection);
}

bool selection_needs_owner(const struct selection *selection)
{
	for (int kind = 0; kind < SELECTION_PORT; kind++)
		if (selection->lists[kind].count > 0)
			return true;
	return selection->tree != NULL;
}

static bool has_number(const struct selection_list *list, uint32_t number)
{
	for (int i = 0; i < list->count; i++)
		if (list->numbers[i] == number)
			return true;
	return false;
}

/* With shared_pids the process is one of them. */
static bool fits_pid(const struct selection_list *list, const struct owner *owner,
                     const struct process *process)
{
	if (process && has_number(list, (uint32_t)process->pid))
		return true;
	for (int i = 0; owner && i < owner->shared_count; i++)
		if (has_number(list, (uint32_t)owner->shared_pids[i]))
			return true;
	return false;
}

static bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static bool fits_program(const struct selection_list *list, const struct process *process)
{
	const char *slash = process->executable ? strrchr(process->executable, '/') : NULL;

	for (int i = 0; i < list->count; i++) {
		const char *text = list->texts[i];

		if (strchr(text, '/')
		            ? equal(process->executable, text)
		            : equal(process->name, text) || (slash && equal(slash + 1, text)))
			return true;
	}
	return false;
}

static bool fits_user(const struct selection_list *list, const struct owner *owner,
                      const struct process *process)
{
	if (process && process->has_real_uid && has_number(list, process->real_uid))
		return true;
	if (process && process->has_uid)
		return has_number(list, process->uid);
	return owner && owner->has_uid && has_number(list, owner->uid);
}

static bool fits_container(const struct selection_list *list, const struct process *process)
{
	const struct container_facts *facts =
		process_has_added(process) ? process->added.container : NULL;
	const char *id = process->container_id;

	for (int i = 0; id && i < list->count; i++) {
		const char *text = list->texts[i];
		size_t length = strlen(text);

		if (equal(id, text) || (facts && equal(facts->name, text)) ||
		    (length >= CONTAINER_PREFIX && strncmp(id, text, length) == 0))
			return true;
	}
	return false;
}

static bool fits_cgroup(const struct selection_list *list, const struct process *process)
{
	for (int i = 0; process->cgroup && i < list->count; i++) {
		const char *text = list->texts[i];
		size_t length = strlen(text);

		while (length > 0 && text[length - 1] == '/')
			length--;
		if (strncmp(process->cgroup, text, length) == 0 &&
		    (process->cgroup[length] == '\0' || process->cgroup[length] == '/'))
			return true;
	}
	return false;
}

static bool fits_kind(const struct selection *selection, enum selection_kind kind,
                      const struct owner *owner, const struct process *process)
{
	const struct selection_list *list = &selection->lists[kind];

	switch (kind) {
	case SELECTION_PID:
		return fits_pid(list, owner, process);
	case SELECTION_PROCESS:
		return process && fits_program(list, process);
	case SELECTION_USER:
		return fits_user(list, owner, process);
	case SELECTION_CONTAINER:
		return process && fits_container(list, process);
	case SELECTION_CGROUP:
		return process && fits_cgroup(list, process);
	case SELECTION_PORT:
	case SELECTION_KINDS:
		break;
	}
	return true;
}

/* With shared_pids some process of the tree is one of them. */
static bool fits_tree(struct process_tree *tree, const struct owner *owner,
                      const struct process *process)
{
	if (process && process_tree_has(tree, process))
		return true;
	for (int i = 0; owner && i < owner->shared_count; i++)
		if (process_tree_has_pid(tree, owner->shared_pids[i]))
			return true;
	return false;
}

static bool fits_owner(const struct selection *selection, const struct owner *owner,
                       const struct process *process)
{
	for (int kind = 0; kind < SELECTION_PORT; kind++)
		if (selection->lists[kind].count > 0 &&
		    !fits_kind(selection, (enum selection_kind)kind, owner, process))
			return false;
	return !selection->tree || fits_tree(selection->tree, owner, process);
}

/* The connection's, so that a later fragment has the ports of its first. NULL: there is none. */
static const struct tuple *tuple_of(const struct event *event)
{
	switch (event->action) {
	case EVENT_PACKET:
		if (event->packet.connection)
			return &event->packet.connection->tuple;
		return event->packet.packet->has_ports ? &event->packet.packet->tuple : NULL;
	case EVENT_EXISTING_SOCKET:
	case EVENT_LISTENING_STARTED:
	case EVENT_LISTENING_STOPPED:
		return &event->socket.socket->tuple;
	case EVENT_DNS_TRANSACTION:
		return &event->dns.connection->tuple;
	default:
		return &event->connection.connection->tuple;
	}
}

static bool fits_port(const struct selection_list *ports, const struct event *event)
{
	const struct tuple *tuple;

	if (ports->count == 0)
		return true;
	tuple = tuple_of(event);
	return tuple && inet_has_ports(tuple->protocol) &&
	       (has_number(ports, tuple->source_port) ||
	        has_number(ports, tuple->destination_port));
}

/* All who hold the socket count, not the first alone. */
static bool fits_holder(const struct selection *selection, const struct event_socket *socket)
{
	for (int i = 0; i < socket->holder_count; i++)
		if (fits_owner(selection, NULL, socket->holders[i]))
			return true;
	return false;
}

bool selection_matches(const struct selection *selection, const struct event *event)
{
	struct event_owners owners;

	switch (event->action) {
	case EVENT_PACKET:
	case EVENT_CONNECTION_OPENED:
	case EVENT_CONNECTION_STATE_CHANGED:
	case EVENT_CONNECTION_UPDATED:
	case EVENT_CONNECTION_ATTRIBUTED:
	case EVENT_CONNECTION_CLOSED:
	case EVENT_DNS_TRANSACTION:
	case EVENT_EXISTING_SOCKET:
	case EVENT_LISTENING_STARTED:
	case EVENT_LISTENING_STOPPED:
		break;
	case EVENT_PROCESS_TRAFFIC: /* of all its ports */
	case EVENT_PROCESS_STARTED:
	case EVENT_PROCESS_EXECUTED:
	case EVENT_PROCESS_ENDED:
		return !selection_needs_owner(selection) ||
		       fits_owner(selection, NULL, event_owners(event).process);
	default:
		return true;
	}
	if (!fits_port(&selection->lists[SELECTION_PORT], event))
		return false;
	if (!selection_needs_owner(selection))
		return true;
	owners = event_owners(event);
	for (int end = 0; end < 2; end++)
		if (owners.owners[end] &&
		    fits_owner(selection, owners.owners[end], owners.owners[end]->process))
			return true;
	return event->action >= EVENT_EXISTING_SOCKET && fits_holder(selection, &event->socket);
}
