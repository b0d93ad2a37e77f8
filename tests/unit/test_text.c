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
	const struct encoder_options options = { .host_name = "web1", .text = true };
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

int main(void)
{
	test_sockets();
	return check_done();
}
