/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "check.h"
#include "example_event.h"
#include "processes/process_args.h"

static struct encoder *new_encoder(const char *passwd)
{
	const struct encoder_options options = {
		.host_name = "web1",
		.run_id = EXAMPLE_RUN,
		.passwd = passwd,
	};
	struct encoder *encoder = encoder_new(&options);

	if (!encoder)
		exit(EXIT_FAILURE);
	return encoder;
}

static struct buf new_line(size_t capacity)
{
	struct buf line;

	if (buf_init(&line, capacity) != 0)
		exit(EXIT_FAILURE);
	return line;
}

static bool contains(const struct buf *line, const char *text)
{
	return memmem(line->data, line->length, text, strlen(text)) != NULL;
}

/* Encodes into an emptied line; the text must then hold (or, after '!', not hold) each of these. */
static bool says(struct encoder *encoder, const struct event *event, struct buf *line,
                 const char *const *texts)
{
	buf_reset(line);
	if (encoder_encode(encoder, event, line) != 0 || line->length > EVENT_LINE_MAX)
		return false;
	for (; *texts; texts++) {
		if (contains(line, *texts + (**texts == '!')) == (**texts == '!')) {
			printf("# %s: %.*s", *texts, (int)line->length, line->data);
			return false;
		}
	}
	return true;
}
#define SAYS(encoder, event, line, ...)                                                            \
	says((encoder), (event), (line), (const char *const[]){ __VA_ARGS__, NULL })

/* Byte by byte, both ways, and once more from the pieces that are then cached. */
static bool gives(struct encoder *encoder, const struct event *event, const char *expected)
{
	size_t length = strlen(expected);
	bool good = true;

	for (int round = 0; round < 3; round++) {
		struct buf line = new_line(ENCODER_ROOM);
		int result =
			(round == 0 ? encoder_encode_tree : encoder_encode)(encoder, event, &line);

		if (result != 0 || line.length != length ||
		    memcmp(line.data, expected, length) != 0) {
			printf("# round %d: %d\n# %.*s# %s", round, result, (int)line.length,
			       line.data, expected);
			good = false;
		}
		buf_free(&line);
	}
	return good;
}

/* For people: what tests/golden/records.ndjson would be now. */
static void print_examples(struct encoder *encoder)
{
	struct buf line = new_line(ENCODER_ROOM);
	struct example example;

	example_begin(&example);
	for (int action = 0; action < EVENT_ACTION_COUNT; action++) {
		struct event event = example_event(&example, (enum event_action)action);

		buf_reset(&line);
		encoder_encode(encoder, &event, &line);
		fwrite(line.data, 1, line.length, stdout);
	}
	example_end(&example);
	buf_free(&line);
}

static void test_examples(struct encoder *encoder)
{
	const char *top = getenv("top_srcdir");
	char path[1000], expected[EVENT_LINE_MAX + 1];
	struct example example;
	FILE *golden;

	snprintf(path, sizeof path, "%s/tests/golden/records.ndjson", top ? top : ".");
	golden = fopen(path, "r");
	if (!CHECK(golden, "%s is there", path))
		return;
	example_begin(&example);
	for (int action = 0; action < EVENT_ACTION_COUNT; action++) {
		struct event event = example_event(&example, (enum event_action)action);

		if (!fgets(expected, sizeof expected, golden))
			expected[0] = '\0';
		CHECK(gives(encoder, &event, expected), "%s", event_action_name(event.action));
	}
	CHECK(!fgets(expected, sizeof expected, golden), "no more lines in the file");
	fclose(golden);
	example_end(&example);
}

/* The answer to the example's packet: the pieces of the connection the other way round. */
static void test_reply(struct encoder *encoder)
{
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM);
	struct owner user_alone = { .reason = ATTRIBUTION_EXITED, .has_uid = true, .uid = 1234 };

	example_begin(&example);
	event = example_event(&example, EVENT_PACKET);
	example.packet.tuple = tuple_reverse(&example.packet.tuple);
	event.packet.direction = PACKET_INGRESS;
	example.packet.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	example.packet.tcp_acknowledgement = 7;
	event.packet.from_source = false;
	event.packet.destination = event.packet.source;
	event.packet.source = NULL;
	CHECK(SAYS(encoder, &event, &line, "\"source\":{\"ip\":\"93.184.216.34\",\"port\":443},",
	           "\"destination\":{\"ip\":\"10.0.2.15\",\"port\":51044},",
	           "},\"process\":{\"pid\":4242", "\"direction\":\"ingress\"",
	           "\"flags\":[\"syn\",\"ack\"]", "\"ack\":7", "!peer"),
	      "inbound: process is the owner of the receiving end");
	event.packet.source = &example.server;
	CHECK(SAYS(encoder, &event, &line, "},\"process\":{\"pid\":877,",
	           "\"peer\":{\"process\":{\"pid\":4242,",
	           "\"user\":{\"id\":\"1000\"},\"attribution\""),
	      "both ends here: process is the sender's, peer the receiver's");
	event.packet.destination = &user_alone;
	CHECK(SAYS(encoder, &event, &line, "\"peer\":{\"user\":{\"id\":\"1234\"},\"attribution\"",
	           "\"pid\":877,"),
	      "the peer's process is not known, the user of its socket is");
	event.packet.source = &user_alone;
	event.packet.destination = &example.server;
	CHECK(SAYS(encoder, &event, &line, "\"user\":{\"id\":\"1234\"}", "\"peer\":{\"process\""),
	      "the same of the sender");
	event.packet.source = event.packet.destination = NULL;
	CHECK(SAYS(encoder, &event, &line, "{\"method\":\"unknown\",\"reason\":\"forwarded\"}",
	           "!process"),
	      "neither end here");

	/* Things that hang on a connection without having its tuple. */
	example.packet.tuple.protocol = IPPROTO_ICMP;
	example.packet.has_ports = example.packet.has_tcp = false;
	CHECK(SAYS(encoder, &event, &line, "\"transport\":\"icmp\"", "!\"port\"", "!community_id",
	           "\"connection\":{\"id\":\"5d41402abc4b2a76\"}"),
	      "an ICMP error has its own tuple and the connection's id");
	example.packet.tuple.protocol = IPPROTO_TCP;
	example.packet.is_fragment = example.packet.is_later_fragment = true;
	CHECK(SAYS(encoder, &event, &line, "\"transport\":\"tcp\"", "!\"port\"", "!community_id",
	           "\"fragment\":{\"offset\":0}"),
	      "a later fragment has no ports");
	example_end(&example);
	buf_free(&line);
}

/* Real and effective users of a process, and that of its socket where there is no better. */
static void test_users(struct encoder *encoder)
{
	static const struct {
		const char *what;
		bool real, effective, socket;
		uint32_t effective_uid;
		const char *text;
	} cases[] = {
		{ "both are the same", true, true, true, 1000,
		  "},\"user\":{\"id\":\"1000\",\"name\":\"alice\"}," },
		{ "a set-user-ID program", true, true, true, 0,
		  "},\"user\":{\"id\":\"1000\",\"name\":\"alice\",\"effective\":{\"id\":\"0\","
		  "\"name\":\"root\"}}," },
		{ "the effective one is not known, nor is the socket's", true, false, false, 0,
		  "},\"user\":{\"id\":\"1000\",\"name\":\"alice\"}," },
		{ "it is the socket's", true, false, true, 0,
		  "},\"user\":{\"id\":\"1000\",\"name\":\"alice\",\"effective\":{\"id\":\"33\"}}"
		  "," },
		{ "the real one is not known", false, true, true, 0,
		  "},\"user\":{\"effective\":{\"id\":\"0\",\"name\":\"root\"}}," },
		{ "the socket's alone is known", false, false, true, 0,
		  "},\"user\":{\"effective\":{\"id\":\"33\"}}," },
		{ "nothing is known", false, false, false, 0, "!\"user\"" },
	};
	struct buf line = new_line(ENCODER_ROOM);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct example example;
		struct event event;

		example_begin(&example);
		example.curl.has_real_uid = cases[i].real;
		example.curl.has_uid = cases[i].effective;
		example.curl.uid = cases[i].effective_uid;
		example.client.has_uid = cases[i].socket;
		example.client.uid = 33;
		event = example_event(&example, EVENT_PACKET);
		CHECK(SAYS(encoder, &event, &line, cases[i].text, "!\"group\""), "packet: %s",
		      cases[i].what);
		example.connection.owners[0] = example.client;
		event = example_event(&example, EVENT_CONNECTION_OPENED);
		CHECK(SAYS(encoder, &event, &line, cases[i].text, "\"group\":{\"id\":\"1000\"}"),
		      "connection: %s", cases[i].what);
		example_end(&example);
	}
	buf_free(&line);
}

static void test_deleted(struct encoder *encoder)
{
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM);

	example_begin(&example);
	event = example_event(&example, EVENT_CONNECTION_OPENED);
	CHECK(SAYS(encoder, &event, &line, "\"pid\":4242", "!executable_deleted"),
	      "a program whose file is there");
	example.curl.generation++;
	example.curl.executable_deleted = true;
	example.curl.container_pid = 7;
	example.curl.file = (struct process_file){ 9, 10, 8, 1, 0 };
	CHECK(SAYS(encoder, &event, &line, "\"pid\":4242", "\"executable_deleted\":true",
	           "\"process\":{\"container_pid\":7,\"mount_namespace\":\"9\","
	           "\"executable\":{\"device\":\"8:1\",\"inode\":\"10\"}}"),
	      "a program whose file was removed, in a container");
	example_end(&example);
	buf_free(&line);
}

/* What is cut from too long a record, and that it then fits. */
static void test_limits(struct encoder *encoder)
{
	static char big[40000], deep[4097];
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM), small = new_line(ENCODER_ROOM - 1);
	uint64_t before = encoder_counters(encoder)->truncated;

	memset(big, 'A', sizeof big - 1);
	memset(deep, 0xff, sizeof deep - 1);
	example_begin(&example);
	event = example_event(&example, EVENT_PACKET);
	event.packet.payload = (const uint8_t *)big;
	event.packet.payload_length = sizeof big;
	CHECK(SAYS(encoder, &event, &line, "!truncated", "QUFB") &&
	              line.length > EVENT_PAYLOAD_MAX * 4 / 3,
	      "payload: %d bytes fit", EVENT_PAYLOAD_MAX);
	CHECK(contains(&line, "\"data\":\"") &&
	              !contains(&line, "\"packet\":{\"length\":74,\"captured\":"
	                               "74,\"ttl\":64,\"number\":9},"),
	      "payload stands at the end of the record");

	example.curl.executable = deep;
	example.curl.generation++;
	CHECK(SAYS(encoder, &event, &line, "!\"data\"",
	           "\"truncated\":[\"sockline.packet.data\",\"process.executable\"]"),
	      "packet: payload goes first, then the executable");
	deep[1000] = '\0';
	example.curl.generation++;
	event.packet.payload = NULL;
	CHECK(SAYS(encoder, &event, &line, "!truncated", "\"executable\":\"\xef\xbf\xbd",
	           "\"raw\":{\"process_executable\":\"////"),
	      "packet: bytes that are not UTF-8 are replaced, and kept in base64");

	example.curl.executable = NULL;
	example.curl.generation++;
	CHECK_EQUAL(encoder_counters(encoder)->truncated, before + 1,
	            "each such record is counted");

	CHECK(encoder_encode(encoder, &event, &small) == -ENOBUFS && small.length == 0 &&
	              !small.overflow,
	      "a buffer with less room than a line may need is refused");
	example_end(&example);
	buf_free(&line);
	buf_free(&small);
}

#define SET_ARGS(...) process_args_free(image.args), image.args = process_args_new(__VA_ARGS__)

/* As they are known, and none in the short form of an owner. */
static void test_args(struct encoder *encoder)
{
	static char big[4000];
	struct process_image image = { .since_wall_ns = 0 };
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM);

	example_begin(&example);
	example.curl.image = &image;
	event = example_event(&example, EVENT_CONNECTION_CLOSED);
	SET_ARGS("curl\0-s\xff x", 11, 2);
	CHECK(SAYS(encoder, &event, &line, "\"args\":[\"curl\",\"-s\xef\xbf\xbd x\"]",
	           "\"args_count\":2,\"command_line\":\"curl -s\xef\xbf\xbd x\"",
	           "\"process_args\":[\"LXP/IHg=\"]", "!truncated"),
	      "all of them, and the bytes of those that are not UTF-8");
	image.since_wall_ns = INT64_MAX;
	CHECK(SAYS(encoder, &event, &line, "!args", "!command_line"), "not known for its time");
	image.since_wall_ns = 0;
	SET_ARGS("curl\0-s", 5, 2);
	CHECK(SAYS(encoder, &event, &line, "\"args_count\":2,\"args\":[\"curl\"]", "!command_line",
	           "\"truncated\":[\"process.args\"]"),
	      "some of them");
	memset(big, 'A', sizeof big - 1);
	SET_ARGS(big, sizeof big, 1);
	CHECK(SAYS(encoder, &event, &line, "!\"command_line\"", "\"args\":[\"AAA",
	           "\"truncated\":[\"process.command_line\"]"),
	      "the command line is cut first");
	memset(big, '\1', sizeof big - 1);
	SET_ARGS(big, sizeof big, 1);
	CHECK(SAYS(encoder, &event, &line, "\"args_count\":1",
	           "!\"args\":", "\"truncated\":[\"process.command_line\",\"process.args\"]"),
	      "then the arguments");
	event = example_event(&example, EVENT_PACKET);
	CHECK(SAYS(encoder, &event, &line, "!args", "!truncated"), "not in packets");
	example.curl.image = NULL;
	process_args_free(image.args);
	example_end(&example);
	buf_free(&line);
}

/* Every length around the limit, both ways: the last byte that fits is the last that is used. */
static void test_edge(struct encoder *encoder)
{
	static char path[EVENT_LINE_MAX];
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM), tree = new_line(ENCODER_ROOM);
	size_t longest = 0;
	bool same = true;

	example_begin(&example);
	event = example_event(&example, EVENT_PACKET);
	example.curl.executable = path;
	for (size_t length = EVENT_LINE_MAX - 1000; length < EVENT_LINE_MAX - 700; length++) {
		memset(path, 'x', length);
		path[length] = '\0';
		example.curl.generation++;
		buf_reset(&line);
		buf_reset(&tree);
		same = same && encoder_encode(encoder, &event, &line) == 0 &&
		       encoder_encode_tree(encoder, &event, &tree) == 0 &&
		       line.length == tree.length && memcmp(line.data, tree.data, line.length) == 0;
		longest = line.length > longest ? line.length : longest;
	}
	CHECK(same, "both ways cut at the same length");
	CHECK_EQUAL(longest, EVENT_LINE_MAX, "a line of %zu bytes is whole", longest);
	example_end(&example);
	buf_free(&line);
	buf_free(&tree);
}

static void write_passwd(int fd, const char *text)
{
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
		exit(EXIT_FAILURE);
}

/* Pieces are made anew when what they say has changed. */
static void test_staleness(void)
{
	char path[] = "/tmp/test_encode_passwd.XXXXXX", wget[] = "wget";
	int fd = mkstemp(path);
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM);
	struct encoder *encoder;

	write_passwd(fd, "+::::::\n#nobody:x:1000:1:\nx:y\n\nneg:x:-1:1::\nbig:x:99999999999:1:\n"
	                 "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n"
	                 "bob:x:1000:1000::/:/bin/sh\n");
	encoder = new_encoder(path);
	example_begin(&example);
	event = example_event(&example, EVENT_PACKET);
	CHECK(SAYS(encoder, &event, &line, "\"curl\"", "\"alice\""), "at first");
	example.curl.name = wget;
	example.curl.generation++;
	CHECK(SAYS(encoder, &event, &line, "\"wget\"", "!\"curl\""), "after exec: the new name");

	write_passwd(fd, "carol:x:1000:1000::/:/bin/sh\n");
	event.time_ns += 59 * INT64_C(1000000000);
	CHECK(SAYS(encoder, &event, &line, "\"alice\""),
	      "passwd is not read again within a minute");
	event.time_ns += 2 * INT64_C(1000000000);
	CHECK(SAYS(encoder, &event, &line, "\"carol\""), "after a minute: the new user name");
	unlink(path);
	event.time_ns += 61 * INT64_C(1000000000);
	CHECK(SAYS(encoder, &event, &line, "\"carol\""),
	      "without the file: the names that were known");
	encoder_free(encoder);
	example_end(&example);
	buf_free(&line);
	close(fd);
}

/* What records share is made with the first of them, and hangs on what it describes. */
static void test_fragments(struct encoder *encoder)
{
	struct example example;
	struct event packet, opened;
	struct buf line = new_line(ENCODER_ROOM);
	const struct snippet *process, *connection;
	uint64_t generation;

	example_begin(&example);
	packet = example_event(&example, EVENT_PACKET);
	opened = example_event(&example, EVENT_CONNECTION_OPENED);
	CHECK(!example.curl.snippet && !example.connection.snippet, "no snippets yet");
	encoder_encode(encoder, &packet, &line);
	process = example.curl.snippet;
	connection = example.connection.snippet;
	CHECK(process && process->length > 0 && connection && connection->length > 0,
	      "one for the process, one for the connection");
	generation = process ? process->generation : 0;
	for (int i = 0; i < 3; i++) {
		buf_reset(&line);
		encoder_encode(encoder, i == 1 ? &opened : &packet, &line);
	}
	CHECK(example.curl.snippet == process && example.connection.snippet == connection,
	      "the same for later records of any kind");
	example.curl.generation++;
	buf_reset(&line);
	encoder_encode(encoder, &packet, &line);
	CHECK(example.curl.snippet && example.curl.snippet->generation != generation &&
	              example.connection.snippet == connection,
	      "after exec the process has a new one, the connection keeps its own");
	example_end(&example);
	buf_free(&line);
}

static void test_numbers(struct encoder *encoder)
{
	struct example example;
	struct event event;
	struct buf line = new_line(ENCODER_ROOM);

	example_begin(&example);
	event = example_event(&example, EVENT_CONNECTION_UPDATED);
	example.connection.counts[0].bytes = UINT64_MAX;
	event.time_ns = -1;
	CHECK(SAYS(encoder, &event, &line, "\"bytes\":9007199254740991", "!18446744073709551615"),
	      "counts end at 2^53 - 1");
	CHECK(contains(&line, "\"@timestamp\":\"1969-12-31T23:59:59.999999999Z\"") &&
	              contains(&line, "\"duration_ns\":0,"),
	      "time before the epoch; no negative duration");
	event = example_event(&example, EVENT_PROCESS_TRAFFIC);
	event.process.interval_ns = INT64_C(3) * 3600 * NS_PER_SECOND + 1;
	event.process.interval_sent.bytes = INT64_C(1) << 50; /* 10^9 times that has 80 bits */
	CHECK(SAYS(encoder, &event, &line, "\"bytes_per_s\":104249991374,"),
	      "a rate of more bytes than 64 bits hold in nanoseconds");
	example_end(&example);
	buf_free(&line);
}

int main(int argc, char **argv)
{
	char passwd[] = "/tmp/test_encode_passwd.XXXXXX";
	int fd = mkstemp(passwd);
	struct encoder *encoder;

	write_passwd(fd, "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
	encoder = new_encoder(passwd);
	close(fd);
	unlink(passwd);
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		print_examples(encoder);
	} else {
		test_examples(encoder);
		test_reply(encoder);
		test_users(encoder);
		test_deleted(encoder);
		test_limits(encoder);
		test_args(encoder);
		test_edge(encoder);
		test_staleness();
		test_fragments(encoder);
		test_numbers(encoder);
	}
	encoder_free(encoder);
	return argc > 1 ? EXIT_SUCCESS : check_done();
}
