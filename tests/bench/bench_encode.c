/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one record costs: nanoseconds by kind, as a json-c tree, appended without
 * and with cached pieces. The memcpy of a line is the floor. "cold": all snippets
 * are gone, so each record makes its own.
 *
 * What json-c makes in any case is a tree all three times.
 *
 *	bench_encode [ROUNDS]     the median of so many (15, which is the most)
 */
#include "events/encode.h"

#include <time.h>

#include "random_event.h"

#define ROUNDS_MAX 15
#define RECORDS    4000

enum way { TREE, COLD, WARM, WAYS };

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int rounds)
{
	qsort(values, (size_t)rounds, sizeof *values, ascending);
	return values[rounds / 2];
}

static void drop_snippet(struct snippet **snippet)
{
	snippet_free(*snippet);
	*snippet = NULL;
}

/* The usual packet: TCP over IPv4, one local end, an owner, an interface. */
static void usual(struct scene *scene, struct event *event)
{
	static char name[] = "firefox-esr", executable[] = "/usr/lib/firefox-esr/firefox-esr";
	struct packet *packet = &scene->packet;
	struct connection *connection = &scene->connections[0];
	struct process *process = &scene->processes[0];

	drop_snippet(&connection->snippet);
	drop_snippet(&process->snippet);
	*process = (struct process){
		.pid = 41234,
		.entity_id = 1,
		.uid = 0,
		.has_uid = true,
		.name = name,
		.executable = executable,
		.generation = 1,
	};
	*connection = (struct connection){
		.id = 1,
		.tuple = { .protocol = IPPROTO_TCP, .source_port = 51044, .destination_port = 443 },
		.community_id = "1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=",
		.local = { true, false },
		.direction = CONNECTION_EGRESS,
		.evidence = CONNECTION_FROM_PACKETS,
		.start_ns = SCENE_TIME_NS,
		.last_ns = SCENE_TIME_NS + 12345678,
		.state = SOCKET_ESTABLISHED,
	};
	inet_parse("10.20.30.40", &connection->tuple.source);
	inet_parse("93.184.216.34", &connection->tuple.destination);
	connection->owners[0] = (struct owner){ .method = ATTRIBUTION_SOCKET,
		                                .process = process,
		                                .inode = 91827,
		                                .cookie = 0x4c01,
		                                .netns = 4026531840 };
	*packet = (struct packet){
		.number = 123456,
		.length = 1514,
		.captured = 128,
		.network = PACKET_IPV4,
		.has_ports = true,
		.has_tcp = true,
		.tuple = connection->tuple,
		.ttl = 64,
		.ip_length = 1500,
		.payload = 1448,
		.tcp_flags = TCP_FLAG_ACK,
		.tcp_sequence = 1362094817,
		.tcp_acknowledgement = 3012345678,
		.tcp_window = 502,
	};
	memcpy(scene->interfaces[0].name, "eth0", 5);
	if (event->action == EVENT_PACKET)
		event->packet = (struct event_packet){
			.packet = packet,
			.direction = PACKET_EGRESS,
			.interface = &scene->interfaces[0],
			.connection = connection,
			.from_source = true,
			.source = &connection->owners[0],
		};
	else
		event->connection = (struct event_connection){ .connection = connection };
}

static double run(struct encoder *encoder, enum way way, struct scene *scene, struct event *event,
                  struct buf *line)
{
	double start = now_ns();

	for (int i = 0; i < RECORDS; i++) {
		event->sequence++;
		event->time_ns += 12345;
		scene->packet.number++;
		buf_reset(line);
		if (way == COLD) {
			drop_snippet(&scene->connections[0].snippet);
			for (int p = 0; p < 4; p++)
				drop_snippet(&scene->processes[p].snippet);
		}
		if ((way == TREE ? encoder_encode_tree : encoder_encode)(encoder, event, line) != 0)
			exit(EXIT_FAILURE);
		__asm__ volatile("" : : "r"(line->data) : "memory");
	}
	return (now_ns() - start) / RECORDS;
}

static void measure(struct encoder *encoder, struct scene *scene, struct event *event, int rounds,
                    struct buf *line)
{
	double times[WAYS][ROUNDS_MAX];

	for (int round = 0; round < rounds; round++) {
		for (int way = TREE; way < WAYS; way++)
			times[way][round] = run(encoder, (enum way)way, scene, event, line);
	}
	printf("%-26s %6zu %10.0f %10.0f %10.0f\n", event_action_name(event->action), line->length,
	       median(times[TREE], rounds), median(times[COLD], rounds),
	       median(times[WARM], rounds));
}

static void measure_floor(int rounds, struct buf *line)
{
	double times[ROUNDS_MAX];
	static char copy[EVENT_LINE_MAX];

	for (int round = 0; round < rounds; round++) {
		double start = now_ns();

		for (int i = 0; i < RECORDS; i++) {
			memcpy(copy, line->data, line->length);
			__asm__ volatile("" : : "r"(copy) : "memory");
		}
		times[round] = (now_ns() - start) / RECORDS;
	}
	printf("%-26s %6zu %32.0f\n", "memcpy of that line", line->length, median(times, rounds));
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS_MAX;
	const struct encoder_options options = { .host_name = "web1", .run_id = 1 };
	struct encoder *encoder = encoder_new(&options);
	static struct scene scene;
	struct event event;
	struct buf line;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 2;
	if (!encoder || buf_init(&line, ENCODER_ROOM) != 0)
		return EXIT_FAILURE;
	scene_begin(&scene, (struct random){ .state = 1 }, true);
	printf("%-26s %6s %10s %10s %10s\n", "ns a record", "bytes", "tree", "cold", "warm");
	event = scene_event(&scene, EVENT_PACKET);
	usual(&scene, &event);
	measure(encoder, &scene, &event, rounds, &line);
	measure_floor(rounds, &line);
	event = scene_event(&scene, EVENT_CONNECTION_OPENED);
	usual(&scene, &event);
	event.connection.previous = SOCKET_SYN_RECEIVED;
	for (int action = EVENT_CONNECTION_OPENED; action <= EVENT_CONNECTION_CLOSED; action++) {
		event.action = (enum event_action)action;
		measure(encoder, &scene, &event, rounds, &line);
	}
	for (int action = EVENT_EXISTING_SOCKET; action < EVENT_ACTION_COUNT; action++) {
		event = scene_event(&scene, (enum event_action)action);
		measure(encoder, &scene, &event, rounds, &line);
	}
	scene_end(&scene);
	buf_free(&line);
	encoder_free(encoder);
	return EXIT_SUCCESS;
}
