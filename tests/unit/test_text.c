/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for a person, of events that no replay has. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "events/encode.h"

/* Ends that are no addresses, and what a listing lacks. */
static void test_sockets(void)
{
	const struct encoder_options options = { .host_name = "web1", .format = ENCODER_TEXT };
	struct encoder *encoder = encoder_new(&options);
	const struct socket_details details = { .pair = { .has_local = true,
		                                          .has_peer = true,
		                                          .local = { 3, 1024 },
		                                          .peer = { 2, 22 } } };
	const struct socket socket = { .kind = SOCKET_VSOCK,
		                       .state = SOCKET_ESTABLISHED,
		                       .details = &details };
	struct event event = { .action = EVENT_EXISTING_SOCKET, .socket.socket = &socket };
	struct buf line = { .data = malloc(ENCODER_ROOM), .capacity = ENCODER_ROOM };

	if (!encoder || !line.data)
		exit(EXIT_FAILURE);
	encoder_encode(encoder, &event, &line);
	CHECK(memmem(line.data, line.length, " vsock 3:1024 > 2:22 established\n", 33),
	      "text: both ends of a vsock");
	buf_reset(&line);
	event = (struct event){
		.action = EVENT_SNAPSHOT_COMPLETED,
		.socket = { .snapshot_id = 2,
		            .snapshot_index = 7,
		            .incomplete =
		                    SOCKET_KIND_BIT(SOCKET_RAW) | SOCKET_KIND_BIT(SOCKET_XDP) },
	};
	encoder_encode(encoder, &event, &line);
	CHECK(memmem(line.data, line.length,
	             " snapshot_completed 2: 7 sockets, some may be missing of: raw xdp\n", 65),
	      "text: a listing, with what it lacks");
	free(line.data);
	encoder_free(encoder);
}

/* A process: with its program and parent as it starts, and its status when that is known. */
static void test_processes(void)
{
	const struct encoder_options options = { .host_name = "web1", .format = ENCODER_TEXT };
	struct encoder *encoder = encoder_new(&options);
	char name[] = "curl", executable[] = "/usr/bin/curl", parent[] = "bash";
	struct process process = { .pid = 4242,
		                   .parent_pid = 4100,
		                   .name = name,
		                   .executable = executable,
		                   .parent_name = parent,
		                   .end = { .has_code = true, .code = 7 } };
	const struct {
		enum event_action action;
		const char *text;
	} cases[] = {
		{ EVENT_PROCESS_STARTED, " curl[4242] started: /usr/bin/curl, by bash[4100]\n" },
		{ EVENT_PROCESS_EXECUTED, " curl[4242] executed: /usr/bin/curl\n" },
		{ EVENT_PROCESS_ENDED, " curl[4242] ended: 7\n" },
		{ EVENT_PROCESS_ENDED, " curl[4242] ended\n" },
	};
	struct buf line = { .data = malloc(ENCODER_ROOM), .capacity = ENCODER_ROOM };

	if (!encoder || !line.data)
		exit(EXIT_FAILURE);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct event event = { .action = cases[i].action, .life.process = &process };

		process.end.has_code = i == 2;
		buf_reset(&line);
		encoder_encode(encoder, &event, &line);
		CHECK(memmem(line.data, line.length, cases[i].text, strlen(cases[i].text)),
		      "text:%.20s", cases[i].text);
	}
	free(line.data);
	encoder_free(encoder);
}

int main(void)
{
	test_sockets();
	test_processes();
	return check_done();
}
