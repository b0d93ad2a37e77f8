/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No allocation for a packet: the packets of connections that are open take no
 * memory, and what an open one takes, its fragment, is taken once and given back.
 */
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NOT_COUNTED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define NOT_COUNTED
#endif

#define FLOWS     1024 /* so many that all tables have grown by then */
#define PACKETS   100000
#define CAPACITY  (1u << 21) /* an update of each */
#define START_NS  (INT64_C(1763800000) * 1000000000)
#define SPACED_NS (200 * INT64_C(1000)) /* of 100,000 packets: 20 seconds, so that timers run */

#ifdef NOT_COUNTED
int main(void)
{
	printf("1..0 # SKIP another allocator than that of glibc\n");
	return EXIT_SUCCESS;
}
#else

/* The allocator of the C library, counted: also what libraries take. */
static uint64_t allocations;
static int64_t held; /* of them: not given back */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *old);

void *malloc(size_t size)
{
	allocations++;
	held++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	held++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	held += !old;
	return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	allocations++;
	held++;
	return __libc_memalign(alignment, size);
}

void free(void *old)
{
	held -= old != NULL;
	__libc_free(old);
}

struct scene {
	struct encoder *encoder;
	struct sink *sink;
	struct emitter *emitter;
	struct stream *stream;
	uint64_t packets;
};

static void begin(struct scene *scene, int fd, unsigned events)
{
	const struct encoder_options encoder_options = { .host_name = "h", .run_id = 1 };
	struct emitter_options emitter_options = { .events = events };
	struct stream_options options = {
		.max_connections = 2 * FLOWS,
		.update_interval_ns = NS_PER_SECOND,
		.replay = true,
	};
	struct error error;

	*scene = (struct scene){ .encoder = encoder_new(&encoder_options) };
	if (!scene->encoder || sink_new(&scene->sink, fd, CAPACITY, &error) != 0)
		exit(EXIT_FAILURE);
	emitter_options.encoder = scene->encoder;
	emitter_options.sink = scene->sink;
	options.emitter = scene->emitter = emitter_new(&emitter_options);
	if (!scene->emitter || stream_new(&scene->stream, &options, &error) != 0)
		exit(EXIT_FAILURE);
}

static void end(struct scene *scene)
{
	stream_free(scene->stream);
	emitter_free(scene->emitter);
	sink_free(scene->sink);
	encoder_free(scene->encoder);
}

/* Packets of an open connection over IPv4 or IPv6; the first `syns` begin one. */
static struct packet next_packet(struct scene *scene, uint64_t syns)
{
	uint32_t flow = (uint32_t)(scene->packets % FLOWS);
	struct packet packet = {
		.time_ns = START_NS + (int64_t)scene->packets * SPACED_NS,
		.number = ++scene->packets,
		.length = 1514,
		.captured = 128,
		.link_type = 1,
		.network = flow % 2 ? PACKET_IPV4 : PACKET_IPV6,
		.has_mac = true,
		.has_destination_mac = true,
		.has_ports = true,
		.has_tcp = true,
		.ttl = 64,
		.ip_length = 1500,
		.payload = 1448,
		.tcp_flags = syns > 0 ? TCP_FLAG_SYN : TCP_FLAG_ACK,
		.tcp_window = 502,
		.tcp_sequence = (uint32_t)(scene->packets / FLOWS * 1448 + (syns == 0)),
		.tuple = { .protocol = IPPROTO_TCP,
		           .source_port = (uint16_t)(10000 + flow),
		           .destination_port = 443 },
	};

	inet_parse(flow % 2 ? "10.20.30.40" : "2001:db8::40", &packet.tuple.source);
	inet_parse(flow % 2 ? "93.184.216.34" : "2001:db8::34", &packet.tuple.destination);
	return packet;
}

/* Allocations that count packets made. */
static uint64_t pass(struct scene *scene, uint64_t count, uint64_t syns)
{
	uint64_t before = allocations;

	for (uint64_t i = 0; i < count; i += STREAM_BATCH) {
		for (int j = 0; j<STREAM_BATCH; j++, syns -= syns> 0) {
			struct packet packet = next_packet(scene, syns);

			stream_add_packet(scene->stream, &packet, NULL);
		}
		sink_drain(scene->sink, clock_monotonic_ns() + NS_PER_SECOND);
	}
	return allocations - before;
}

/* What is given back when all are closed. The packets after that, a second later, are late ones. */
static int64_t close_all(struct scene *scene)
{
	int64_t before = held;

	for (int i = 0; i < FLOWS; i++) {
		struct packet packet = next_packet(scene, 0);

		packet.tcp_flags = TCP_FLAG_RST;
		stream_add_packet(scene->stream, &packet, NULL);
	}
	scene->packets += NS_PER_SECOND / SPACED_NS / FLOWS * FLOWS + FLOWS;
	pass(scene, STREAM_BATCH, 0);
	return before - held;
}

static void test_events(const char *name, int fd, unsigned events)
{
	int64_t before = held;
	struct scene scene;
	uint64_t opening, first_update, others;
	int64_t closing;

	begin(&scene, fd, events);
	opening = pass(&scene, FLOWS, FLOWS);
	first_update = pass(&scene, 3 * NS_PER_SECOND / SPACED_NS, 0);
	others = pass(&scene, PACKETS, 0);
	CHECK(stream_counters(scene.stream)->packets == scene.packets &&
	              connection_table_count(stream_connections(scene.stream)) == FLOWS &&
	              emitter_counters(scene.emitter)->dropped == 0,
	      "%s: %d connections are open, nothing is dropped", name, FLOWS);
	CHECK(opening >= FLOWS && opening < FLOWS + 16,
	      "%s: one fragment for each, made once: %llu allocations", name,
	      (unsigned long long)opening);
	CHECK_EQUAL(first_update, FLOWS, "%s: what was reported is kept: %llu allocations", name,
	            (unsigned long long)first_update);
	CHECK_EQUAL(others, 0, "%s: %d packets more: %llu allocations", name, PACKETS,
	            (unsigned long long)others);
	closing = close_all(&scene);
	CHECK(closing >= FLOWS - 2 * STREAM_BATCH, "%s: closed ones keep no fragment: %lld less",
	      name, (long long)closing);
	end(&scene);
	CHECK_EQUAL(held, before, "%s: and all is given back", name);
}

int main(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return EXIT_FAILURE;
	printf("# the buffer of standard output is there now\n");
	test_events("-e packet,connection", fd, EMITTER_PACKET | EMITTER_CONNECTION);
	test_events("-e packet", fd, EMITTER_PACKET);
	test_events("-e connection", fd, EMITTER_CONNECTION);
	close(fd);
	return check_done();
}
#endif
