/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Events of OCSF: what each is, those of processes, and random and hostile ones, which are valid. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "events/encode.h"
#include "example_event.h"
#include "processes/container.h"
#include "random_event.h"

struct fixture {
	struct encoder *encoder;
	struct buf line;
	FILE *stream; /* gets all lines */
};

/* Without its end. "" if there is none. */
static const char *encode(struct fixture *fixture, const struct event *event)
{
	buf_reset(&fixture->line);
	if (encoder_encode(fixture->encoder, event, &fixture->line) != 0)
		return "";
	fwrite(fixture->line.data, 1, fixture->line.length, fixture->stream);
	fixture->line.data[fixture->line.length] = '\0';
	return fixture->line.data;
}

static bool says(struct fixture *fixture, const struct event *event, const char *text)
{
	const char *line = encode(fixture, event);
	bool found = strstr(line, text) != NULL;

	if (!found)
		printf("# not '%s' in:\n# %s", text, line);
	return found;
}

static void test_examples(struct fixture *fixture)
{
	struct example example;

	example_begin(&example);
	for (int action = 0; action < EVENT_ACTION_COUNT; action++) {
		struct event event = example_event(&example, (enum event_action)action);

		if (encoder_has(fixture->encoder, event.action))
			CHECK(says(fixture, &event, event_action_name(event.action)), "%s",
			      event_action_name(event.action));
	}
	CHECK(!encoder_has(fixture->encoder, EVENT_CAPTURE_STATS) &&
	              !encoder_has(fixture->encoder, EVENT_EXISTING_SOCKET),
	      "there is no class for statistics and listings");
	example_end(&example);
}

static void test_endings(struct fixture *fixture)
{
	static const struct {
		enum connection_reason reason;
		enum connection_outcome outcome;
		const char *activity;
	} cases[] = {
		{ CONNECTION_FIN, CONNECTION_SUCCESS, "Close" },
		{ CONNECTION_RESET, CONNECTION_SUCCESS, "Reset" },
		{ CONNECTION_REFUSED, CONNECTION_FAILURE, "Refuse" },
		{ CONNECTION_TIMEOUT, CONNECTION_FAILURE, "Fail" },
		{ CONNECTION_UNREACHABLE, CONNECTION_FAILURE, "Fail" },
		{ CONNECTION_BLOCKED, CONNECTION_FAILURE, "Fail" },
		{ CONNECTION_IDLE, CONNECTION_UNKNOWN, "Close" },
		{ CONNECTION_IDLE, CONNECTION_FAILURE, "Fail" },
		{ CONNECTION_SOCKET_CLOSED, CONNECTION_UNKNOWN, "Close" },
		{ CONNECTION_REUSED, CONNECTION_SUCCESS, "Close" },
		{ CONNECTION_EVICTED, CONNECTION_UNKNOWN, "Traffic" },
		{ CONNECTION_SHUTDOWN, CONNECTION_UNKNOWN, "Traffic" },
	};
	struct example example;

	example_begin(&example);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct event event = { .action = EVENT_CONNECTION_CLOSED,
			                     .connection.connection = &example.connection };
		char text[40];

		example.connection.reason = cases[i].reason;
		example.connection.outcome = cases[i].outcome;
		snprintf(text, sizeof text, "\"activity_name\":\"%s\"", cases[i].activity);
		CHECK(says(fixture, &event, text), "%d, %d: %s", cases[i].reason, cases[i].outcome,
		      cases[i].activity);
	}
	example_end(&example);
}

static void test_connection(struct fixture *fixture)
{
	const struct connection_past past = { .has_totals = false };
	struct example example;
	struct connection *connection = &example.connection;
	const struct event opened = { .action = EVENT_CONNECTION_OPENED,
		                      .connection.connection = connection };
	struct event updated = { .action = EVENT_CONNECTION_UPDATED,
		                 .connection.connection = connection };

	example_begin(&example);
	CHECK(says(fixture, &opened,
	           "\"activity_name\":\"Open\",\"type_uid\":400101,"
	           "\"type_name\":\"Network Activity: Open\""),
	      "a connection that begins");
	CHECK(says(fixture, &opened,
	           "\"actor\":{\"process\":{\"pid\":4242,\"uid\":\"9f86d081884c7d65\","
	           "\"name\":\"curl\",\"file\":{\"name\":\"curl\",\"path\":\"/usr/bin/curl\","
	           "\"type_id\":1,\"type\":\"Regular File\"},"),
	      "its process");
	CHECK(says(fixture, &opened,
	           "\"observation_point_id\":1,\"observation_point\":\"Source\","
	           "\"src_endpoint\":{\"ip\":\"10.0.2.15\",\"port\":51044},"
	           "\"dst_endpoint\":{\"ip\":\"93.184.216.34\",\"port\":443}"),
	      "its ends");
	connection->midway = true;
	CHECK(says(fixture, &opened, "\"activity_name\":\"Traffic\""),
	      "one that began earlier is not opened");
	CHECK(strstr(fixture->line.data, "\"is_src_dst_assignment_known\":false"),
	      "its initiator is not known");
	CHECK(connection_extra_set_past(connection, &past) &&
	              !strstr(encode(fixture, &opened), "assignment_known"),
	      "the sockets of one that was listed may know it");
	connection->counts[0] = (struct connection_count){ 7, 700 };
	connection->counts[1] = (struct connection_count){ 5, 50000 };
	connection_extra(connection)->reported[0] = (struct connection_count){ 4, 300 };
	CHECK(says(fixture, &updated,
	           "\"traffic\":{\"bytes\":50400,\"packets\":8,\"bytes_out\":400,\"packets_out\":3,"
	           "\"bytes_in\":50000,\"packets_in\":5},\"cumulative_traffic\":{\"bytes\":50700,"
	           "\"packets\":12,\"bytes_out\":700,\"packets_out\":7,\"bytes_in\":50000,"
	           "\"packets_in\":5}"),
	      "traffic since the last report, and of all");
	connection->local[CONNECTION_DESTINATION] = true;
	connection->owners[CONNECTION_DESTINATION] = example.server;
	CHECK(says(fixture, &updated,
	           "\"direction_id\":4,\"direction\":\"Local\",\"boundary_id\":1,"
	           "\"boundary\":\"Localhost\""),
	      "within this host");
	CHECK(says(fixture, &updated, "\"peer\":{\"process\":{\"pid\":877,\"name\":\"sshd\""),
	      "the process of the other end");
	connection->evidence = CONNECTION_FROM_TRACEPOINTS;
	connection->routeless = true;
	CHECK(!strstr(encode(fixture, &updated), "traffic\":{") &&
	              !strstr(fixture->line.data, "src_endpoint"),
	      "without packets and without a route nothing is said of them");
	example_end(&example);
}

/* The client runs in a container of this image. */
static void put_into_container(struct example *example, struct container_facts *facts)
{
	static char id[] = "4f2b8c";

	example->curl.container_id = id;
	example->curl.added.generation = example->curl.generation + 1;
	example->curl.added.container = facts;
}

static void test_images(struct fixture *fixture)
{
	struct container_facts facts = { .references = 1, .image = "docker.io/nginx:1.27" };
	struct example example;
	struct event event;

	example_begin(&example);
	put_into_container(&example, &facts);
	for (int action = EVENT_PACKET; action <= EVENT_CONNECTION_CLOSED; action++) {
		event = example_event(&example, (enum event_action)action);
		CHECK(says(fixture, &event,
		           "\"container\":{\"image\":{\"name\":\"docker.io/nginx:1.27\"}},"
		           "\"sockline\":"),
		      "%s: an image that has no id is where OCSF has no place",
		      event_action_name(event.action));
		CHECK(strstr(fixture->line.data, "\"container\":{\"uid\":\"4f2b8c\"}"),
		      "and not in its container");
	}
	facts.image = "docker.io/nginx@sha256:77af4d";
	CHECK(says(fixture, &event,
	           "\"container\":{\"uid\":\"4f2b8c\",\"image\":{\"name\":\"docker.io/nginx\","
	           "\"uid\":\"sha256:77af4d\"}}"),
	      "one that has is in its container");
	CHECK(strstr(fixture->line.data, "\"unmapped\":{\"sockline\""), "and there alone");
	event = (struct event){ .action = EVENT_PROCESS_ENDED, .life.process = &example.curl };
	CHECK(says(fixture, &event, "\"uid\":\"sha256:77af4d\""), "of a process, too");
	example_end(&example);
}

static void test_vlans(struct fixture *fixture)
{
	struct example example;
	struct connection *connection = &example.connection;
	struct event event;

	example_begin(&example);
	event = example_event(&example, EVENT_CONNECTION_OPENED);
	connection->lane = 7;
	CHECK(says(fixture, &event, "\"port\":51044,\"vlan_uid\":\"7\"},\"dst_endpoint\"") &&
	              !strstr(fixture->line.data, "\"port\":443,\"vlan_uid\""),
	      "the end that is of this host is in the VLAN");
	CHECK(strstr(fixture->line.data, "\"unmapped\":{\"network\":{\"vlan\":{\"id\":\"7\"}},"),
	      "the packets are, too");
	connection->lane = 7 | 8 << 12;
	CHECK(says(fixture, &event,
	           "\"network\":{\"vlan\":{\"id\":\"7\"},\"inner\":{\"vlan\":{\"id\":\"8\"}}},") &&
	              !strstr(fixture->line.data, "vlan_uid"),
	      "of two, neither is the end's");
	connection->lane = 0;
	event = example_event(&example, EVENT_PACKET);
	example.packet.vlan_count = 1;
	example.packet.vlans[0] = 7;
	CHECK(says(fixture, &event, "\"port\":51044,\"vlan_uid\":\"7\"},\"dst_endpoint\"") &&
	              strstr(fixture->line.data, "\"network\":{\"vlan\":{\"id\":\"7\"}},"),
	      "the same of a packet");
	event.packet.either_end = true;
	CHECK(!strstr(encode(fixture, &event), "vlan_uid"),
	      "unless it is not known which end is local");
	example_end(&example);
}

static void test_translated(struct fixture *fixture)
{
	struct example example;
	struct event event;
	struct tuple own;

	example_begin(&example);
	event = example_event(&example, EVENT_CONNECTION_OPENED);
	own = example.connection.tuple;
	inet_parse("172.17.0.2", &own.source);
	own.source_port = 40000;
	CHECK(owner_set_translated(&example.connection.owners[CONNECTION_SOURCE], &own) == 0 &&
	              says(fixture, &event,
	                   "\"src_endpoint\":{\"ip\":\"10.0.2.15\",\"port\":51044,\"proxy_"
	                   "endpoint\":"
	                   "{\"ip\":\"172.17.0.2\",\"port\":40000}},\"dst_endpoint\":{\"ip\":"
	                   "\"93.184.216.34\",\"port\":443}"),
	      "an end behind NAT has what OCSF has for that");
	free(example.connection.owners[CONNECTION_SOURCE].translated);
	example_end(&example);
}

static void test_listener(struct fixture *fixture)
{
	struct example example;
	struct event event;

	example_begin(&example);
	event = example_event(&example, EVENT_LISTENING_STARTED);
	CHECK(says(fixture, &event, "\"activity_name\":\"Listen\",\"type_uid\":400107"),
	      "a listener is there");
	CHECK(says(fixture, &event, "\"dst_endpoint\":{\"ip\":\"::\",\"port\":22}"), "its address");
	event.action = EVENT_LISTENING_STOPPED;
	CHECK(says(fixture, &event, "\"activity_id\":99,\"activity_name\":\"listening_stopped\""),
	      "it has gone");
	example.socket = (struct socket){ .kind = SOCKET_UNIX, .path_length = 4, .path = "/a/b" };
	CHECK(says(fixture, &event,
	           "\"protocol_name\":\"unix\"},\"dst_endpoint\":{\"name\":\"/a/b\"}"),
	      "the path of a Unix socket");
	example.socket = (struct socket){ .kind = SOCKET_VSOCK, .inode = 77 };
	CHECK(says(fixture, &event, "\"dst_endpoint\":{\"uid\":\"77\"}"), "the number of another");
	example_end(&example);
}

static void test_lives(struct fixture *fixture)
{
	struct example example;
	struct event event = { .action = EVENT_PROCESS_STARTED };

	example_begin(&example);
	event.life.process = &example.curl;
	CHECK(says(fixture, &event,
	           "\"activity_name\":\"Launch\",\"type_uid\":100701,"
	           "\"type_name\":\"Process Activity: Launch\""),
	      "a process starts");
	CHECK(says(fixture, &event, "\"actor\":{\"process\":{\"pid\":4100,"), "by its parent");
	event.action = EVENT_PROCESS_EXECUTED;
	CHECK(says(fixture, &event,
	           "\"launch_type_id\":3,\"launch_type\":\"Exec\",\"actor\":{\"process\":"
	           "{\"pid\":4242,\"uid\":\"9f86d081884c7d65\"}},\"process\":{\"pid\":4242,"),
	      "it executes another program");
	event.action = EVENT_PROCESS_ENDED;
	example.curl.end = (struct process_end){ .has_code = true, .code = 7 };
	CHECK(says(fixture, &event, "\"activity_name\":\"Terminate\",\"type_uid\":100702") &&
	              strstr(fixture->line.data, "\"exit_code\":7,"),
	      "it ends, with a status");
	event.action = EVENT_PROCESS_STARTED;
	example.curl.parent_pid = 0;
	CHECK(says(fixture, &event, "\"actor\":{\"user\":{\"uid\":\"1000\"}},\"process\""),
	      "without a parent the actor is the user");
	example.curl.has_real_uid = false;
	CHECK(says(fixture, &event, "\"actor\":{\"app_name\":\"Unknown\"}"),
	      "and without a user what OCSF has for that");
	example_end(&example);
}

static void test_codes(struct fixture *fixture)
{
	static const struct {
		uint16_t code;
		const char *text;
	} cases[] = {
		{ 0, "\"status\":\"Success\"" },
		{ 3, "\"rcode_id\":3,\"rcode\":\"NXDomain\"" },
		{ 12, "\"rcode_id\":24,\"rcode\":\"Unassigned\"" },
		{ 23, "\"rcode_id\":23,\"rcode\":\"BADCOOKIE\"" },
		{ 24, "\"rcode_id\":24,\"rcode\":\"Unassigned\"" },
		{ 3841, "\"rcode_id\":25,\"rcode\":\"Reserved\"" },
		{ 4095, "\"rcode_id\":25,\"rcode\":\"Reserved\"" },
		{ 4096, "\"rcode_id\":24,\"rcode\":\"Unassigned\"" },
		{ 65535, "\"rcode_id\":25,\"rcode\":\"Reserved\"" },
	};
	struct example example;
	struct event event;

	example_begin(&example);
	event = example_event(&example, EVENT_DNS_TRANSACTION);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		example.answer.code = cases[i].code;
		CHECK(says(fixture, &event, cases[i].text), "response code %u", cases[i].code);
	}
	event.dns.query_ns = 0;
	CHECK(says(fixture, &event, "\"activity_name\":\"Response\""), "an answer alone");
	example_end(&example);
}

/* Strings that fill a line each: they are cut, and the event is marked. */
static void test_long_texts(struct fixture *fixture)
{
	struct example example;
	const struct event event = { .action = EVENT_CONNECTION_OPENED,
		                     .connection.connection = &example.connection };
	static char path[EVENT_LINE_MAX + 1];

	memset(path, 1, sizeof path - 1);
	example_begin(&example);
	example.curl.executable = path;
	CHECK(says(fixture, &event, "\"is_truncated\":true"), "an event that is cut says so");
	CHECK(strstr(fixture->line.data, "\"truncated\":[\"process."), "and what");
	example_end(&example);
}

static bool write_random(struct fixture *fixture, struct random random, bool tame)
{
	static struct scene scene;
	bool good = true;

	scene_begin(&scene, random, tame);
	for (int i = 0; i < 4000; i++) {
		enum event_action action =
			(enum event_action)random_below(&scene.random, EVENT_ACTION_COUNT);
		struct event event;

		if (!encoder_has(fixture->encoder, action))
			continue;
		event = scene_event(&scene, action);
		good &= *encode(fixture, &event) != '\0';
	}
	scene_end(&scene);
	return good;
}

static int check_file(const char *path)
{
	const char *top = getenv("top_srcdir");
	char command[1000], text[2000];
	FILE *stream;

	snprintf(command, sizeof command, "/usr/bin/python3 %s/tests/helpers/ocsf.py --check %s",
	         top ? top : ".", path);
	stream = popen(command, "r");
	if (!stream)
		return -1;
	while (fgets(text, sizeof text, stream))
		printf("# %s%s", text, strchr(text, '\n') ? "" : "\n");
	return pclose(stream);
}

int main(void)
{
	static const char *const labels[] = { "environment", "produ\"ction\n", NULL };
	const struct encoder_options options = { .host_name = "web1",
		                                 .host_id = "0123456789abcdef",
		                                 .labels = labels,
		                                 .run_id = 1,
		                                 .passwd = "/dev/null",
		                                 .format = ENCODER_OCSF };
	char path[] = "/tmp/test_ocsf.XXXXXX";
	int fd = mkstemp(path);
	struct random random = random_begin();
	struct fixture fixture = {
		.encoder = encoder_new(&options),
		.line = { .data = malloc(ENCODER_ROOM + 1), .capacity = ENCODER_ROOM },
		.stream = fd >= 0 ? fdopen(fd, "w") : NULL,
	};

	if (!fixture.encoder || !fixture.line.data || !fixture.stream)
		return EXIT_FAILURE;
	test_examples(&fixture);
	test_endings(&fixture);
	test_connection(&fixture);
	test_images(&fixture);
	test_vlans(&fixture);
	test_translated(&fixture);
	test_listener(&fixture);
	test_lives(&fixture);
	test_codes(&fixture);
	test_long_texts(&fixture);
	CHECK(write_random(&fixture, random, true), "random events");
	random.state++;
	CHECK(write_random(&fixture, random, false), "with bytes that are not UTF-8");
	fclose(fixture.stream);
	CHECK_EQUAL(check_file(path), 0, "each of them is valid");
	unlink(path);
	free(fixture.line.data);
	encoder_free(fixture.encoder);
	return check_done();
}
