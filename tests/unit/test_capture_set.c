/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A capture that grows and shrinks, beside one of the same packets that does not. */
#include "capture/capture_set.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "netns.h"

#define QUEUE_BYTES (32u << 20)
#define RING_KIB    1024
#define AT_ONCE     1500 /* packets, of which a change is not to lose one */
#define TURNS       5000
#define QUIET       61 /* seconds after which it shrinks */

static struct loop *loop;
static struct capture_set *set;
static size_t wanted; /* the loop ends when the second capture's buffer has this size */
static int turns, sender;

static void on_packet(void *context, const struct packet *packet, const uint8_t *bytes)
{
	(void)context;
	(void)packet;
	(void)bytes;
}

static void on_change(void *context, const char *interface, bool back, const char *reason)
{
	(void)context;
	(void)interface;
	(void)back;
	(void)reason;
}

static bool is_ready(void *context)
{
	(void)context;
	return true;
}

static void send_packets(int count)
{
	static const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 9 };

	for (int i = 0; i < count; i++)
		sendto(sender, "packet", 6, 0, (const struct sockaddr *)&to, sizeof to);
}

/* A few packets each turn, so that the change comes among them. */
static int turn(void *context)
{
	struct error error;
	bool ended = false;
	int result = 0;

	(void)context;
	capture_set_dispatch(set, 128, &ended, &result, &error);
	send_packets(3);
	if (capture_set_buffer(set, 1) == wanted || ++turns == TURNS)
		loop_stop(loop, 0);
	return 5;
}

static size_t run_until(size_t buffer)
{
	wanted = buffer;
	turns = 0;
	loop_run(loop);
	return capture_set_buffer(set, 1);
}

static void test_changes(void)
{
	size_t size;

	for (int round = 0; round < 2; round++) {
		send_packets(AT_ONCE);
		size = run_until(RING_KIB * 1024);
		if (size == QUEUE_BYTES && check_slowdown() > 1) {
			printf("# it is too slow to be busy: fewer than 1,000 packets in 0.1 s\n");
			continue;
		}
		CHECK_EQUAL(size, RING_KIB * 1024, "busy: a ring, %d", round);
		for (int i = 0; i < QUIET; i++)
			capture_set_tick(set);
		CHECK_EQUAL(run_until(QUEUE_BYTES), QUEUE_BYTES, "quiet: a queue again, %d", round);
	}
}

static void test_counts(void)
{
	struct capture_counters same, changed;

	capture_set_stop(set, INT64_MAX);
	capture_set_counters(set, 0, &same);
	capture_set_counters(set, 1, &changed);
	CHECK(same.dropped == 0 && changed.dropped == 0, "nothing is dropped");
	CHECK(changed.received == changed.delivered && changed.received >= 2 * AT_ONCE,
	      "what came was read");
	CHECK_EQUAL(changed.received, same.received, "each packet is counted, and once");
}

static bool open_captures(int netns_fd)
{
	const struct capture_set_options options = {
		.capture = { .snaplen = 256, .filter = "udp" },
		.queue_bytes = QUEUE_BYTES,
		.grown_kib = RING_KIB,
		.grown_max = 1,
		.packet = on_packet,
		.change = on_change,
		.ready = is_ready,
	};
	struct error error;

	loop = loop_new();
	set = capture_set_new(loop, &options);
	loop_set_prepare(loop, turn, NULL);
	return capture_set_add_live(set, "any", 1, -1, 0, &error) == 0 &&
	       capture_set_add_live(set, "any", 2, netns_fd, 0, &error) == 0 &&
	       capture_set_buffer(set, 1) == QUEUE_BYTES;
}

int main(void)
{
	int netns_fd;
	bool queued;

	if (!test_netns_enter())
		return EXIT_SUCCESS;
	netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	queued = open_captures(netns_fd);
	if (queued) {
		test_changes();
		test_counts();
	} else {
		printf("1..0 # SKIP no queue of packets here\n");
	}
	capture_set_free(set);
	loop_free(loop);
	close(netns_fd);
	close(sender);
	return queued ? check_done() : EXIT_SUCCESS;
}
