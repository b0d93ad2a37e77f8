/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_details.h"

#include "check.h"
#include "process_table_fixture.h"
#include "processes/container.h"

#define ID     "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef"
#define DOCKER "var/lib/docker/containers/"

static struct loop *loop;

static struct process_details *open_details(struct process_table *table, bool hash, bool at_once)
{
	const struct process_details_options options = {
		.loop = loop,
		.processes = table,
		.root = fake_proc,
		.key = key,
		.hash = hash,
		.at_once = at_once,
	};
	struct process_details *details;
	struct error error;

	if (process_details_new(&details, &options, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		exit(EXIT_FAILURE);
	}
	return details;
}

static struct process *new_process(const char *container_id)
{
	struct process *process = calloc(1, sizeof *process);

	if (!process)
		fake_fail("calloc");
	process->references = 1;
	process->strings = container_id ? strdup(container_id) : NULL;
	process->container_id = process->strings;
	return process;
}

static void put_docker(const char *id, const char *name)
{
	char path[256], text[512];

	snprintf(path, sizeof path, DOCKER "%s/config.v2.json", id);
	snprintf(text, sizeof text, "{\"ID\":\"%s\",\"Name\":\"/%s\"}", id, name);
	fake_put(path, text);
}

static bool has_name(const struct process *process, const char *name)
{
	return process_has_added(process) && process->added.container &&
	       is(process->added.container->name, name);
}

static void on_time(void *context, uint32_t expirations)
{
	(void)expirations;
	loop_stop(context, 0);
}

static void run_for(int64_t ns)
{
	struct loop_source *timer = loop_add_timer(loop, ns, 0, on_time, loop);

	loop_run(loop);
	loop_remove(timer);
}

static void check_at_once(void)
{
	struct process_details *details = open_details(NULL, false, true);
	struct process *process = new_process(ID), *other = new_process("machine");
	struct process *none = new_process(NULL);

	put_docker(ID, "web");
	process_details_want(details, process);
	CHECK(has_name(process, "web"), "at once: the container has its name");
	process_details_want(details, other);
	process_details_want(details, none);
	CHECK(!other->added.container && !none->added.container,
	      "what has no id of a runtime has no name");
	process->generation++;
	CHECK(!process_has_added(process), "what was added ends with the program");
	process_details_want(details, process);
	CHECK(has_name(process, "web"), "the next program has it again");
	CHECK(process_details_counters(details)->containers == 1, "the file was read once");
	process_unref(process);
	process_unref(other);
	process_unref(none);
	process_details_free(details);
}

static void check_later(void)
{
	struct process_details *details = open_details(NULL, false, false);
	struct process *first = new_process(ID), *second = new_process(ID), *third;
	uint32_t version;

	put_docker(ID, "web");
	process_details_want(details, first);
	process_details_want(details, second);
	CHECK(!first->added.container, "it is not waited for");
	version = first->added.version;
	second->generation++; /* it executes another program meanwhile */
	for (int tries = 0; tries < 200 && !first->added.container; tries++)
		run_for(10 * NS_PER_MS);
	CHECK(has_name(first, "web"), "the name comes later");
	CHECK(first->added.version != version, "and is seen to be new");
	CHECK(!second->added.container, "an answer for an earlier program is none");
	third = new_process(ID);
	process_details_want(details, third);
	CHECK(has_name(third, "web"), "the next process has it at once");
	process_unref(third);
	process_unref(second);
	process_details_free(details);
	CHECK(has_name(first, "web"), "it outlives the cache");
	process_unref(first);
}

/* More containers than are remembered, and than may wait. */
static void check_bounds(void)
{
	struct process_details *details = open_details(NULL, false, false);
	int named = 0;

	put_docker(ID, "web");
	for (int i = 0; i < 10000; i++) {
		struct process *process;
		char id[65];

		snprintf(id, sizeof id, "%064x", i);
		process = new_process(id);
		process_details_want(details, process);
		process_details_want(details, process);
		named += process->added.container != NULL;
		process_unref(process);
	}
	CHECK(named == 0, "10,000 containers without files have no names");
	run_for(50 * NS_PER_MS);
	process_details_free(details);
}

static void check_hash(void)
{
	struct process_table *table = open_table("/proc", 16);
	struct process_details *details = open_details(table, true, false);
	struct process *self = need(process_table_get(table, (int)getpid(), NULL));
	struct process *parent;

	process_ref(self);
	process_details_want(details, self);
	CHECK(!self->added.has_sha256, "hash: it is not waited for");
	for (int tries = 0; tries < 1000 && !self->added.has_sha256; tries++)
		run_for(10 * NS_PER_MS);
	CHECK(self->added.has_sha256, "hash: it comes later");
	CHECK(process_details_counters(details)->hashed == 1, "hash: of one file");
	self->generation++;
	process_details_want(details, self);
	CHECK(process_has_added(self) && self->added.has_sha256,
	      "hash: the same file has it at once");
	process_unref(self);
	parent = process_table_get(table, 2, NULL); /* a kernel thread has no file */
	if (parent) {
		process_details_want(details, parent);
		CHECK(!parent->added.has_sha256, "hash: what has no file has none");
	}
	process_details_free(details);
	process_table_free(table);
}

int main(void)
{
	fake_begin();
	loop = loop_new();
	check_at_once();
	check_later();
	check_bounds();
	check_hash();
	loop_free(loop);
	fake_remove("");
	return check_done();
}
