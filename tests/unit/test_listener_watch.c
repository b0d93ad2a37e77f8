/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of listeners, with a listing and an attribution of this test's own: the steps of a case
 * say what is listed and what is answered.
 */
#include "stream/listener_watch.h"

#include <netinet/in.h>
#include <time.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"
#include "sockets/listener_table.h"

static struct process holder = { .references = 1000000, .pid = 100 };
static const struct socket listener = { .kind = SOCKET_TCP,
	                                .tuple = { .source_port = 80, .protocol = IPPROTO_TCP },
	                                .inode = 7 };

static bool was_listed, is_listed;
static struct owner answer;
static int asked;
static char records[256]; /* "started socket, stopped recent" */

/* Never looked into. */
struct listener_table *listener_table_new(struct lister *lister, unsigned int kinds, bool connected)
{
	(void)kinds;
	(void)connected;
	return (struct listener_table *)lister;
}

void listener_table_free(struct listener_table *table)
{
	(void)table;
}

int listener_table_refresh(struct listener_table *table, listener_callback *callback, void *context)
{
	(void)table;
	if (is_listed != was_listed)
		callback(context, is_listed ? LISTENER_STARTED : LISTENER_STOPPED, &listener);
	was_listed = is_listed;
	return 0;
}

void attribution_resolve_socket(struct attribution *attribution, const struct socket *socket,
                                int64_t asked_ns, struct owner *owner,
                                struct proc_fd_holders *holders)
{
	(void)attribution;
	(void)socket;
	(void)asked_ns;
	(void)holders;
	asked++;
	owner_clear(owner);
	if (owner_copy(owner, &answer) != 0)
		exit(EXIT_FAILURE);
}

void emitter_emit(struct emitter *emitter, struct event *event)
{
	const struct owner *owner = event->socket.owner;
	size_t length = strlen(records);

	(void)emitter;
	snprintf(records + length, sizeof records - length, "%s%s %s", length > 0 ? ", " : "",
	         event->action == EVENT_LISTENING_STARTED ? "started" : "stopped",
	         owner->method == ATTRIBUTION_UNKNOWN ? attribution_reason_name(owner->reason)
	                                              : attribution_method_name(owner->method));
}

/* Each letter is a step: what is answered from there on, or what is done. */
static void do_step(struct listener_watch *watch, char step)
{
	static const struct timespec later = { .tv_nsec = WINDOW_LISTENER_LOOK_NS + NS_PER_MS };

	switch (step) {
	case 'p':
		answer = (struct owner){ .reason = ATTRIBUTION_PENDING };
		break;
	case 'e':
		answer = (struct owner){ .reason = ATTRIBUTION_EXITED };
		break;
	case 'k':
		answer = (struct owner){ .method = ATTRIBUTION_KERNEL };
		break;
	case 'h':
		answer = (struct owner){ .method = ATTRIBUTION_SOCKET, .process = &holder };
		break;
	case '+':
	case '-':
		is_listed = step == '+';
		listener_watch_refresh(watch);
		break;
	case 'l':
		nanosleep(&later, NULL);
		listener_watch_look(watch);
		break;
	}
}

static const struct {
	const char *title, *steps, *records;
	bool waits;
} cases[] = {
	{ "its holder is known", "h+", "started socket", false },
	{ "its holder is looked for", "p+", "", true },
	{ "and found between two listings", "p+lhl", "started socket", false },
	{ "and at the next one", "p+h+", "started socket", false },
	{ "and found before it stops", "p+hl-", "started socket, stopped recent", false },
	{ "it stops before its holder is found", "p+ll-", "started no_socket, stopped no_socket",
	  false },
	{ "no process has it, as it is listed", "p+e+", "started exited", false },
	{ "the kernel has it, as it is listed", "p+k+", "started kernel", false },
	{ "no process has it: perhaps it stopped since it was listed", "p+el", "", true },
	{ "nor is it the kernel's then", "p+kl", "", true },
};

static void test_records(void)
{
	static int lister, emitter;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct listener_watch *watch = listener_watch_new((struct lister *)&lister, NULL,
		                                                  (struct emitter *)&emitter);
		int asked_before;

		if (!watch)
			exit(EXIT_FAILURE);
		records[0] = '\0';
		was_listed = is_listed = false;
		for (const char *step = cases[i].steps; *step; step++)
			do_step(watch, *step);
		CHECK_TEXT(records, cases[i].records, "%s", cases[i].title);
		CHECK((listener_watch_look(watch) >= 0) == cases[i].waits, "%s",
		      cases[i].waits ? "it is looked for again" : "nothing is looked for");
		asked_before = asked;
		listener_watch_look(watch);
		CHECK_EQUAL(asked, asked_before, "nor twice at once");
		listener_watch_free(watch);
	}
}

int main(void)
{
	test_records();
	return check_done();
}
