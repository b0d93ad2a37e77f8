/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/selection.h"

#include "check.h"
#include "example_event.h"
#include "processes/container.h"

#define ID "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef"

static void select_text(struct selection *selection, enum selection_kind kind, const char *text)
{
	struct selection_list *list = &selection->lists[kind];

	list->texts[list->count] = text;
	list->numbers[list->count++] = (uint32_t)strtoul(text, NULL, 10);
}

/* The example's curl (4242, uid 1000) owns the source of 10.0.2.15:51044 -> :443. */
static const struct {
	const char *title;
	struct {
		enum selection_kind kind;
		const char *text;
	} values[3];
	int count;
	bool fits;
} cases[] = {
	{ "its pid", { { SELECTION_PID, "4242" } }, 1, true },
	{ "another pid", { { SELECTION_PID, "4243" } }, 1, false },
	{ "one of two pids", { { SELECTION_PID, "1" }, { SELECTION_PID, "4242" } }, 2, true },
	{ "its name", { { SELECTION_PROCESS, "curl" } }, 1, true },
	{ "a part of its name", { { SELECTION_PROCESS, "cur" } }, 1, false },
	{ "its executable", { { SELECTION_PROCESS, "/usr/bin/curl" } }, 1, true },
	{ "an executable of the same name", { { SELECTION_PROCESS, "/bin/curl" } }, 1, false },
	{ "its user", { { SELECTION_USER, "1000" } }, 1, true },
	{ "another user", { { SELECTION_USER, "33" } }, 1, false },
	{ "its container", { { SELECTION_CONTAINER, ID } }, 1, true },
	{ "twelve digits of its container", { { SELECTION_CONTAINER, "1f2e3d4c5b6a" } }, 1, true },
	{ "eleven digits of it", { { SELECTION_CONTAINER, "1f2e3d4c5b6" } }, 1, false },
	{ "the name of its container", { { SELECTION_CONTAINER, "web" } }, 1, true },
	{ "another container", { { SELECTION_CONTAINER, "db" } }, 1, false },
	{ "its control group", { { SELECTION_CGROUP, "/a/b" } }, 1, true },
	{ "one above it", { { SELECTION_CGROUP, "/a/" } }, 1, true },
	{ "the root of all", { { SELECTION_CGROUP, "/" } }, 1, true },
	{ "one below it", { { SELECTION_CGROUP, "/a/b/c" } }, 1, false },
	{ "one with a longer name", { { SELECTION_CGROUP, "/a/bc" } }, 1, false },
	{ "the beginning of its name",
	  { { SELECTION_CGROUP, "/a/" }, { SELECTION_PID, "2" } },
	  2,
	  false },
	{ "its remote port", { { SELECTION_PORT, "443" } }, 1, true },
	{ "its own port", { { SELECTION_PORT, "51044" } }, 1, true },
	{ "another port", { { SELECTION_PORT, "80" } }, 1, false },
	{ "pid and port", { { SELECTION_PID, "4242" }, { SELECTION_PORT, "443" } }, 2, true },
	{ "pid and another port",
	  { { SELECTION_PID, "4242" }, { SELECTION_PORT, "80" } },
	  2,
	  false },
	{ "port and another pid", { { SELECTION_PORT, "443" }, { SELECTION_PID, "2" } }, 2, false },
	{ "the peer's pid and its user",
	  { { SELECTION_PID, "877" }, { SELECTION_USER, "1000" } },
	  2,
	  false },
};

static struct selection make(int number)
{
	struct selection selection = { 0 };

	for (int i = 0; i < cases[number].count; i++)
		select_text(&selection, cases[number].values[i].kind, cases[number].values[i].text);
	return selection;
}

static void put_into_container(struct process *process, struct container_facts *facts)
{
	static char cgroup[] = "/a/b", id[] = ID;

	process->cgroup = cgroup;
	process->container_id = id;
	process->added.generation = process->generation + 1;
	process->added.container = facts;
}

static void test_cases(void)
{
	struct container_facts facts = { .references = 1, .name = "web" };
	struct example example;

	example_begin(&example);
	put_into_container(&example.curl, &facts);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct selection selection = make((int)i);
		bool all = true;

		for (int action = EVENT_PACKET; action <= EVENT_CONNECTION_CLOSED; action++) {
			struct event event = example_event(&example, (enum event_action)action);

			if (action != EVENT_PACKET) /* on loopback: the peer is sshd */
				event.connection.connection->local[CONNECTION_DESTINATION] = true;
			example.connection.owners[CONNECTION_SOURCE] = example.client;
			example.connection.owners[CONNECTION_DESTINATION] = example.server;
			all &= selection_matches(&selection, &event) == cases[i].fits;
		}
		CHECK(all, "%s: %s", cases[i].title, cases[i].fits ? "fits" : "does not fit");
	}
	example_end(&example);
}

static void test_unknown(void)
{
	struct selection pid = { 0 }, port = { 0 }, none = { 0 };
	struct example example;
	struct event event;

	select_text(&pid, SELECTION_PID, "4242");
	select_text(&port, SELECTION_PORT, "443");
	CHECK(selection_is_empty(&none) && !selection_is_empty(&pid) && !selection_is_empty(&port),
	      "no value is no selection");
	CHECK(selection_needs_owner(&pid) && !selection_needs_owner(&port), "a port has no owner");
	example_begin(&example);
	event = example_event(&example, EVENT_CONNECTION_OPENED);
	event.connection.connection->owners[CONNECTION_SOURCE] =
		(struct owner){ .reason = ATTRIBUTION_PENDING };
	CHECK(!selection_matches(&pid, &event), "an owner that is not known yet fits nothing");
	CHECK(selection_matches(&port, &event), "but its port does");
	for (int action = 0; action < EVENT_ACTION_COUNT; action++) {
		const char *dataset = event_class((enum event_action)action)->dataset;

		if (strcmp(dataset, "sockline.run") != 0 && strcmp(dataset, "sockline.log") != 0 &&
		    strcmp(dataset, "sockline.stats") != 0)
			continue;
		event = example_event(&example, (enum event_action)action);
		CHECK(selection_matches(&pid, &event) && selection_matches(&port, &event),
		      "%s always comes", event_action_name((enum event_action)action));
	}
	example_end(&example);
}

/* A listening socket of 1 and 877, whose record names 877. */
static void test_shared(void)
{
	struct selection first = { 0 }, other = { 0 };
	struct example example;
	struct event event;

	select_text(&first, SELECTION_PID, "1");
	select_text(&other, SELECTION_PID, "2");
	example_begin(&example);
	event = example_event(&example, EVENT_EXISTING_SOCKET);
	CHECK(selection_matches(&first, &event), "one who shares the socket fits");
	CHECK(!selection_matches(&other, &event), "one who does not share it fits not");
	example_end(&example);
}

int main(void)
{
	test_cases();
	test_unknown();
	test_shared();
	return check_done();
}
