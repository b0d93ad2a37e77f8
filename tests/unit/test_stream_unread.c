/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a live run wait for packets that are not read yet. */
#include <fcntl.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"
#include "stream/stream.h"

#define CAPACITY (1u << 21)

/* Passed on as soon as it was captured. */
static void add(struct stream *stream, bool back, uint8_t flags, uint32_t sequence)
{
	struct packet packet = {
		.time_ns = clock_realtime_ns(),
		.length = 54,
		.captured = 54,
		.link_type = 1,
		.network = PACKET_IPV4,
		.has_ports = true,
		.has_tcp = true,
		.ip_length = 40,
		.tcp_flags = flags,
		.tcp_sequence = sequence,
		.tuple = { .protocol = IPPROTO_TCP,
		           .source_port = back ? 443 : 10000,
		           .destination_port = back ? 10000 : 443 },
	};

	inet_parse(back ? "192.0.2.2" : "192.0.2.1", &packet.tuple.source);
	inet_parse(back ? "192.0.2.1" : "192.0.2.2", &packet.tuple.destination);
	stream_add_packet(stream, &packet, NULL);
	stream_pass_packets(stream);
}

static void test_closed(struct stream *stream, const struct sink *sink)
{
	const struct timespec longer = { .tv_nsec = WINDOW_HELD_NS + 10 * NS_PER_MS };
	size_t before;

	add(stream, false, TCP_FLAG_SYN, 1);
	add(stream, true, TCP_FLAG_SYN | TCP_FLAG_ACK, 1);
	add(stream, false, TCP_FLAG_RST, 2);
	before = sink_pending(sink);
	nanosleep(&longer, NULL);
	stream_tick(stream, true);
	CHECK_EQUAL(sink_pending(sink), before,
	            "no end is reported while packets of its time may wait to be read");
	stream_tick(stream, false);
	CHECK(sink_pending(sink) > before, "it is as soon as all have passed");
}

int main(void)
{
	const struct encoder_options encoder_options = { .host_name = "h", .run_id = 1 };
	struct emitter_options emitter_options = { .events = EMITTER_CONNECTION };
	struct stream_options options = { .max_connections = 16 };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct encoder *encoder = encoder_new(&encoder_options);
	struct stream *stream;
	struct sink *sink;
	struct error error;

	if (fd < 0 || !encoder || sink_new(&sink, fd, CAPACITY, &error) != 0)
		return EXIT_FAILURE;
	emitter_options.encoder = encoder;
	emitter_options.sink = sink;
	options.emitter = emitter_new(&emitter_options);
	if (!options.emitter || stream_new(&stream, &options, &error) != 0)
		return EXIT_FAILURE;
	test_closed(stream, sink);
	stream_free(stream);
	emitter_free(options.emitter);
	sink_free(sink);
	encoder_free(encoder);
	close(fd);
	return check_done();
}
