/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "random_event.h"

#define RUN_ID UINT64_C(0xb1946ac92492d234)

static struct encoder *new_encoder(const char *passwd)
{
	const struct encoder_options options = { .host_name = "web1", .run_id = RUN_ID, .passwd = passwd };
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

/* Both ways, and the text of the first; it says where two texts part. */
static bool gives(struct encoder *encoder, const struct event *event, const char *expected)
{
	struct buf line = new_line(EVENT_LINE_MAX), tree = new_line(EVENT_LINE_MAX);
	size_t length = strlen(expected), same = 0;
	bool good;

	good = encoder_encode(encoder, event, &line) == 0 &&
	       encoder_encode_tree(encoder, event, &tree) == 0 && line.length == length + 1 &&
	       memcmp(line.data, expected, length) == 0 && line.data[length] == '\n' &&
	       tree.length == line.length && memcmp(tree.data, line.data, line.length) == 0;
	while (!good && same < line.length && same < length && line.data[same] == expected[same])
		same++;
	if (!good)
		printf("# %.*s# tree: %.*s# differs at %zu: %s\n", (int)line.length, line.data,
		       (int)tree.length, tree.data, same, expected + same);
	buf_free(&line);
	buf_free(&tree);
	return good;
}

/* Numbers of the example lines: 2026-11-22T10:11:12.123456789Z and what belongs to it. */
static const int64_t example_ns = INT64_C(1795342272123456789);

static void set_tuple(struct tuple *tuple)
{
	*tuple = (struct tuple){ .source_port = 51044, .destination_port = 443, .protocol = IPPROTO_TCP };
	inet_parse("10.0.2.15", &tuple->source);
	inet_parse("93.184.216.34", &tuple->destination);
}

struct example {
	struct process curl;
	struct owner owner;
	struct connection connection;
};

static void set_example(struct example *example)
{
	static char curl[] = "curl", path[] = "/usr/bin/curl", bash[] = "bash";

	memset(example, 0, sizeof *example);
	example->curl = (struct process){
		.pid = 4242, .parent_pid = 4100, .entity_id = UINT64_C(0x9f86d081884c7d65), .uid = 1000,
		.has_uid = true, .name = curl, .executable = path, .parent_name = bash,
		.start_ns = example_ns - 253456789,
	};
	example->owner = (struct owner){
		.method = ATTRIBUTION_SOCKET, .process = &example->curl, .inode = 91827, .cookie = 0x4c01,
		.netns = 4026531840,
	};
	example->connection = (struct connection){
		.id = UINT64_C(0x5d41402abc4b2a76), .direction = CONNECTION_EGRESS, .local = { true, false },
		.owners = { example->owner }, .has_community_id = true,
		.community_id = "1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=",
	};
	set_tuple(&example->connection.tuple);
}

static void free_example(struct example *example)
{
	fragment_free(example->curl.fragment);
	fragment_free(example->connection.fragment);
}

#define CORE(time, class, set, action, sequence)                                           \
	"{\"@timestamp\":\"2026-11-22T10:11:" time "\",\"ecs\":{\"version\":\"9.4.0\"},"     \
	"\"event\":{" class ",\"action\":\"" action "\",\"dataset\":\"sockline." set "\","   \
	"\"sequence\":" sequence
#define CLASS(kind, type) "\"kind\":\"" kind "\",\"category\":[\"network\"],\"type\":[" type "]"
#define HOST "},\"host\":{\"name\":\"web1\"},"
#define SOCKLINE "\"sockline\":{\"schema\":\"1.0\",\"run\":\"b1946ac92492d234\","

static void test_packet(struct encoder *encoder)
{
	static const struct interface eth0 = { .ifindex = 2, .name = "eth0" };
	struct packet packet = {
		.number = 9, .length = 74, .captured = 74, .link_type = 276, .direction = PACKET_EGRESS,
		.network = PACKET_IPV4, .has_ports = true, .has_tcp = true, .ttl = 64, .ip_length = 60,
		.tcp_flags = TCP_FLAG_SYN, .tcp_sequence = 1362094817, .tcp_window = 64240,
	};
	struct example example;
	struct event event = {
		.action = EVENT_PACKET, .time_ns = example_ns, .sequence = 17,
		.packet = { .packet = &packet, .interface = &eth0, .from_source = true },
	};

	set_example(&example);
	set_tuple(&packet.tuple);
	event.packet.connection = &example.connection;
	event.packet.source = &example.owner;
	for (int round = 0; round < 2; round++)
		CHECK(gives(encoder, &event,
		CORE("12.123456789Z", CLASS("event", "\"connection\""), "packet", "packet", "17") HOST
		"\"observer\":{\"ingress\":{\"interface\":{\"name\":\"eth0\",\"id\":\"2\"}}},"
		"\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\",\"iana_number\":\"6\","
		"\"direction\":\"egress\",\"community_id\":\"1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=\",\"bytes\":60},"
		"\"source\":{\"ip\":\"10.0.2.15\",\"port\":51044},"
		"\"destination\":{\"ip\":\"93.184.216.34\",\"port\":443},"
		"\"process\":{\"pid\":4242,\"name\":\"curl\",\"entity_id\":\"9f86d081884c7d65\","
		"\"executable\":\"/usr/bin/curl\"},\"user\":{\"id\":\"1000\",\"name\":\"alice\"}," SOCKLINE
		"\"packet\":{\"length\":74,\"captured\":74,\"ttl\":64,\"number\":9},"
		"\"tcp\":{\"flags\":[\"syn\"],\"seq\":1362094817,\"window\":64240,\"payload\":0},"
		"\"connection\":{\"id\":\"5d41402abc4b2a76\"},\"attribution\":{\"method\":\"socket\"}}}"),
		"packet, %s", round == 0 ? "cold" : "warm");

	/* The answer: the same connection from the other end, nobody known here. */
	packet.tuple = tuple_reverse(&packet.tuple);
	packet.direction = PACKET_INGRESS;
	packet.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	packet.tcp_acknowledgement = 1362094818;
	event.packet.from_source = false;
	event.packet.source = NULL;
	event.packet.interface = NULL;
	CHECK(gives(encoder, &event,
		CORE("12.123456789Z", CLASS("event", "\"connection\""), "packet", "packet", "17") HOST
		"\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\",\"iana_number\":\"6\","
		"\"direction\":\"ingress\",\"community_id\":\"1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=\",\"bytes\":60},"
		"\"source\":{\"ip\":\"93.184.216.34\",\"port\":443},"
		"\"destination\":{\"ip\":\"10.0.2.15\",\"port\":51044}," SOCKLINE
		"\"packet\":{\"length\":74,\"captured\":74,\"ttl\":64,\"number\":9},"
		"\"tcp\":{\"flags\":[\"syn\",\"ack\"],\"seq\":1362094817,\"ack\":1362094818,"
		"\"window\":64240,\"payload\":0},"
		"\"connection\":{\"id\":\"5d41402abc4b2a76\"},"
		"\"attribution\":{\"method\":\"unknown\",\"reason\":\"forwarded\"}}}"),
		"packet of the other direction, neither end ours");
	free_example(&example);
}

static void test_connection(struct encoder *encoder)
{
	struct example example;
	struct connection *connection = &example.connection;
	struct event event = {
		.action = EVENT_CONNECTION_CLOSED, .time_ns = example_ns + 880547217, .sequence = 88,
		.connection = { .connection = connection },
	};

	set_example(&example);
	connection->start_ns = example_ns - 455789;
	connection->last_ns = event.time_ns;
	connection->state = SOCKET_CLOSED;
	connection->outcome = CONNECTION_SUCCESS;
	connection->reason = CONNECTION_FIN;
	connection->evidence = CONNECTION_FROM_PACKETS | CONNECTION_FROM_SOCK_DIAG;
	connection->counts[CONNECTION_SOURCE] = (struct connection_count){ .packets = 9, .bytes = 812 };
	connection->counts[CONNECTION_DESTINATION] = (struct connection_count){ .packets = 10, .bytes = 5199 };
	connection->has_tcp_info = true;
	connection->tcp_info = (struct socket_tcp_info){
		.rtt_us = 18211, .bytes_acked = 760, .bytes_received = 5100,
	};
	CHECK(gives(encoder, &event,
		CORE("13.004004006Z", CLASS("event", "\"connection\",\"end\""), "connection",
		     "connection_closed", "88")
		",\"start\":\"2026-11-22T10:11:12.123001000Z\",\"end\":\"2026-11-22T10:11:13.004004006Z\","
		"\"duration\":881003006,\"outcome\":\"success\",\"reason\":\"fin\"" HOST
		"\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\",\"iana_number\":\"6\","
		"\"direction\":\"egress\",\"community_id\":\"1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=\","
		"\"bytes\":6011,\"packets\":19},"
		"\"source\":{\"ip\":\"10.0.2.15\",\"port\":51044,\"bytes\":812,\"packets\":9},"
		"\"destination\":{\"ip\":\"93.184.216.34\",\"port\":443,\"bytes\":5199,\"packets\":10},"
		"\"process\":{\"pid\":4242,\"name\":\"curl\",\"entity_id\":\"9f86d081884c7d65\","
		"\"executable\":\"/usr/bin/curl\",\"start\":\"2026-11-22T10:11:11.870000000Z\","
		"\"parent\":{\"pid\":4100,\"name\":\"bash\"}},\"user\":{\"id\":\"1000\",\"name\":\"alice\"},"
		SOCKLINE "\"connection\":{\"id\":\"5d41402abc4b2a76\",\"state\":\"closed\"},"
		"\"socket\":{\"inode\":\"91827\",\"cookie\":\"4c01\",\"netns\":\"4026531840\"},"
		"\"tcp\":{\"rtt_us\":18211,\"retransmits\":0,\"bytes_acked\":760,\"bytes_received\":5100},"
		"\"evidence\":[\"packets\",\"sock_diag\"],\"attribution\":{\"method\":\"socket\"}}}"),
		"connection_closed");
	free_example(&example);
}

static void test_socket(struct encoder *encoder)
{
	static char sshd[] = "sshd", path[] = "/usr/sbin/sshd", systemd[] = "systemd";
	static int pids[] = { 1, 877 };
	struct process process = {
		.pid = 877, .parent_pid = 1, .entity_id = UINT64_C(0x3b5d5c3712955042), .has_uid = true,
		.name = sshd, .executable = path, .parent_name = systemd,
		.start_ns = INT64_C(1795158001250000000),
	};
	struct owner owner = {
		.method = ATTRIBUTION_SOCKET, .process = &process, .shared_pids = pids, .shared_count = 2,
	};
	struct socket socket = {
		.kind = SOCKET_TCP, .source = SOCKET_FROM_SOCK_DIAG, .state = SOCKET_LISTEN, .family = AF_INET6,
		.type = SOCK_STREAM, .protocol = IPPROTO_TCP, .netns = 4026531840, .inode = 20114, .cookie = 2,
		.send_queue = 128, .tuple = { .source_port = 22, .protocol = IPPROTO_TCP },
	};
	struct event event = {
		.action = EVENT_EXISTING_SOCKET, .time_ns = example_ns, .sequence = 3,
		.socket = { .socket = &socket, .owner = &owner, .snapshot_id = 1, .snapshot_index = 2 },
	};

	CHECK(gives(encoder, &event,
		CORE("12.123456789Z", CLASS("state", "\"info\""), "socket", "existing_socket", "3") HOST
		"\"network\":{\"type\":\"ipv6\",\"transport\":\"tcp\",\"iana_number\":\"6\","
		"\"direction\":\"ingress\"},\"destination\":{\"ip\":\"::\",\"port\":22},"
		"\"process\":{\"pid\":877,\"name\":\"sshd\",\"entity_id\":\"3b5d5c3712955042\","
		"\"executable\":\"/usr/sbin/sshd\",\"start\":\"2026-11-20T07:00:01.250000000Z\","
		"\"parent\":{\"pid\":1,\"name\":\"systemd\"}},\"user\":{\"id\":\"0\",\"name\":\"root\"},"
		SOCKLINE "\"snapshot\":{\"id\":\"1\",\"index\":2},"
		"\"socket\":{\"state\":\"listen\",\"inode\":\"20114\",\"cookie\":\"2\","
		"\"netns\":\"4026531840\",\"backlog\":0,\"backlog_max\":128,\"source\":\"sock_diag\","
		"\"kind\":\"tcp\",\"type\":\"stream\"},"
		"\"attribution\":{\"method\":\"socket\",\"shared_pids\":[1,877]}}}"),
		"existing_socket");
	fragment_free(process.fragment);
}

/* What is cut from too long a record, and that it then fits. */
static void test_limits(struct encoder *encoder)
{
	static char big[40000], deep[4097];
	struct example example;
	const char *args[1] = { big };
	struct packet packet = { .number = 1, .network = PACKET_IPV4 };
	struct event closed = { .action = EVENT_CONNECTION_CLOSED, .time_ns = example_ns, .sequence = 1 };
	struct event event = {
		.action = EVENT_PACKET, .time_ns = example_ns, .sequence = 1,
		.packet = { .packet = &packet, .payload = (const uint8_t *)big, .payload_length = sizeof big },
	};
	struct buf line = new_line(EVENT_LINE_MAX), small = new_line(EVENT_LINE_MAX - 1);
	uint64_t before = encoder_counters(encoder)->truncated;

	memset(big, 'A', sizeof big - 1);
	memset(deep, 0xff, sizeof deep - 1);
	set_example(&example);
	event.packet.source = &example.owner;
	CHECK(encoder_encode(encoder, &event, &line) == 0 && !contains(&line, "truncated") &&
	      line.length > EVENT_PAYLOAD_MAX * 4 / 3,
	      "payload: %d bytes fit", EVENT_PAYLOAD_MAX);

	buf_reset(&line);
	example.curl.executable = deep;
	example.curl.generation++;
	CHECK(encoder_encode(encoder, &event, &line) == 0 && line.length <= EVENT_LINE_MAX &&
	      contains(&line, "\"truncated\":[\"sockline.packet.data\",\"process.executable\"]") &&
	      !contains(&line, "\"data\""), "packet: payload goes first, then the executable");

	buf_reset(&line);
	example.curl.executable = NULL;
	example.curl.generation++;
	closed.connection.connection = &example.connection;
	closed.connection.args = (struct event_args){ .args = args, .count = 1 };
	CHECK(encoder_encode(encoder, &closed, &line) == 0 && contains(&line, "\"args_count\":1") &&
	      contains(&line, "\"truncated\":[\"process.args\"]"), "connection: arguments");
	CHECK(encoder_counters(encoder)->truncated == before + 2, "each such record is counted");

	event.packet.payload = NULL;
	CHECK(encoder_encode(encoder, &event, &small) == -ENOBUFS && small.length == 0 && !small.overflow,
	      "a buffer with less room than a line may need is refused");
	free_example(&example);
	buf_free(&line);
	buf_free(&small);
}

/* Everything hostile at once, for each action: it still fits, and the validator takes it. */
static void test_hostile(struct encoder *encoder, struct random random, FILE *out)
{
	static struct scene scene;
	static char texts[SCENE_STRINGS][5000];
	struct buf line = new_line(EVENT_LINE_MAX);
	bool good = true;

	scene_begin(&scene, random, false);
	for (int i = 0; i < SCENE_STRINGS; i++)
		memset(texts[i], i % 2 ? 0x01 : 0xff, sizeof texts[i] - 1);
	for (int action = 0; action < EVENT_ACTION_COUNT; action++) {
		for (int i = 0; i < 50; i++) {
			struct event event = scene_event(&scene, (enum event_action)action);

			for (int p = 0; p < SCENE_PROCESSES; p++) {
				scene.processes[p].executable = texts[0];
				scene.processes[p].cgroup = texts[1];
				scene.processes[p].container_id = texts[2];
			}
			for (int t = 0; t < 8; t++)
				scene.texts[t] = texts[t % SCENE_STRINGS];
			buf_reset(&line);
			if (encoder_encode(encoder, &event, &line) != 0) {
				printf("# action %d does not fit\n", action);
				good = false;
			}
			fwrite(line.data, 1, line.length, out);
		}
	}
	CHECK(good, "hostile strings of 5,000 bytes everywhere: every record fits");
	scene_end(&scene);
	buf_free(&line);
}

/* Pieces are made anew when what they say has changed. */
static void test_staleness(void)
{
	char path[] = "/tmp/test_encode_passwd.XXXXXX";
	int fd = mkstemp(path);
	static char wget[] = "wget";
	struct example example;
	struct packet packet = { .number = 1, .network = PACKET_IPV4, .has_ports = true };
	struct event event = {
		.action = EVENT_PACKET, .time_ns = example_ns, .sequence = 1,
		.packet = { .packet = &packet, .from_source = true },
	};
	struct buf line = new_line(EVENT_LINE_MAX);
	struct encoder *encoder;

	dprintf(fd, "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:1000:1000::/:/bin/sh\n");
	encoder = new_encoder(path);
	set_example(&example);
	set_tuple(&packet.tuple);
	example.connection.has_community_id = false;
	event.packet.connection = &example.connection;
	event.packet.source = &example.owner;
	encoder_encode(encoder, &event, &line);
	CHECK(contains(&line, "\"curl\"") && contains(&line, "\"alice\"") && !contains(&line, "community"),
	      "first record");

	example.curl.name = wget;
	example.curl.generation++;
	example.connection.has_community_id = true;
	buf_reset(&line);
	encoder_encode(encoder, &event, &line);
	CHECK(contains(&line, "\"wget\"") && !contains(&line, "\"curl\""), "after exec: the new name");
	CHECK(contains(&line, "\"community_id\":\"1:JcV"), "a Community ID that came later");

	if (ftruncate(fd, 0) != 0)
		exit(EXIT_FAILURE);
	lseek(fd, 0, SEEK_SET);
	dprintf(fd, "carol:x:1000:1000::/:/bin/sh\n");
	event.time_ns += 59 * INT64_C(1000000000);
	buf_reset(&line);
	encoder_encode(encoder, &event, &line);
	CHECK(contains(&line, "\"alice\""), "passwd is not looked at within a minute");
	event.time_ns += 2 * INT64_C(1000000000);
	buf_reset(&line);
	encoder_encode(encoder, &event, &line);
	CHECK(contains(&line, "\"carol\""), "after a minute: the new user name");
	unlink(path);
	event.time_ns += 61 * INT64_C(1000000000);
	buf_reset(&line);
	encoder_encode(encoder, &event, &line);
	CHECK(contains(&line, "\"carol\""), "without the file: the names that were known");

	buf_reset(&line);
	encoder_encode(encoder, &event, &line);
	encoder_free(encoder);
	free_example(&example);
	buf_free(&line);
	close(fd);
}

/* Random events, both ways, into two files. The numbers go on after *sequence. */
static bool write_both(struct encoder *encoder, struct random random, bool tame, uint64_t *sequence,
                       FILE *first, FILE *second)
{
	static struct scene scene;
	struct buf line = new_line(EVENT_LINE_MAX);

	scene_begin(&scene, random, tame);
	scene.sequence = *sequence;
	for (int i = 0; i < 4000; i++) {
		enum event_action action = random_below(&scene.random, 100) < 60 ? EVENT_PACKET
		        : (enum event_action)random_below(&scene.random, EVENT_ACTION_COUNT);
		struct event event = scene_event(&scene, action);

		buf_reset(&line);
		if (encoder_encode(encoder, &event, &line) != 0)
			return false;
		fwrite(line.data, 1, line.length, first);
		buf_reset(&line);
		if (encoder_encode_tree(encoder, &event, &line) != 0)
			return false;
		fwrite(line.data, 1, line.length, second);
	}
	*sequence = scene.sequence;
	scene_end(&scene);
	buf_free(&line);
	return true;
}

/* Status of a program of tests/helpers on two files; its output as diagnostics. */
static int helper(const char *name, const char *arguments)
{
	const char *top = getenv("top_srcdir");
	char command[1000], text[2000];
	FILE *stream;

	snprintf(command, sizeof command, "/usr/bin/python3 %s/tests/helpers/%s %s", top ? top : ".",
	         name, arguments);
	stream = popen(command, "r");
	if (!stream)
		return -1;
	while (fgets(text, sizeof text, stream))
		printf("# %s: %s%s", name, text, strchr(text, '\n') ? "" : "\n");
	return pclose(stream);
}

static FILE *open_file(char *path, const char *folder, const char *name)
{
	FILE *stream;

	snprintf(path, 40, "%s/%s", folder, name);
	stream = fopen(path, "w");
	if (!stream)
		exit(EXIT_FAILURE);
	return stream;
}

static void test_random(struct encoder *encoder)
{
	char folder[] = "/tmp/test_encode.XXXXXX", paths[3][40], arguments[200];
	struct random random = random_begin();
	uint64_t sequence = 0;
	FILE *first, *second, *hostile;

	if (!mkdtemp(folder))
		exit(EXIT_FAILURE);
	first = open_file(paths[0], folder, "first");
	second = open_file(paths[1], folder, "second");
	hostile = open_file(paths[2], folder, "hostile");
	/* Without strings that need sockline.raw, so that the cached pieces are in use; then with. */
	CHECK(write_both(encoder, random, true, &sequence, first, second), "4,000 random events, both ways");
	random.state++;
	CHECK(write_both(encoder, random, false, &sequence, first, second),
	      "4,000 more, with bytes that are not UTF-8");
	random.state++;
	test_hostile(encoder, random, hostile);
	fclose(first);
	fclose(second);
	fclose(hostile);

	snprintf(arguments, sizeof arguments, "%s %s", paths[0], paths[1]);
	CHECK(helper("same_records", arguments) == 0, "both ways say the same");
	for (int i = 0; i < 3; i++) {
		snprintf(arguments, sizeof arguments, "--partial < %s", paths[i]);
		CHECK(helper("validate", arguments) == 0, "the records of %s are valid", strrchr(paths[i], '/'));
		unlink(paths[i]);
	}
	rmdir(folder);
}

static void test_classes(void)
{
	for (int action = 0; action < EVENT_ACTION_COUNT; action++) {
		const struct event_class *class = event_class((enum event_action)action);

		CHECK(class->action && class->dataset && class->kind && class->categories[0] &&
		      class->types[0], "action %d has a class: %s", action, class->action);
	}
}

int main(void)
{
	char passwd[] = "/tmp/test_encode_passwd.XXXXXX";
	int fd = mkstemp(passwd);
	struct encoder *encoder;

	dprintf(fd, "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
	encoder = new_encoder(passwd);
	test_classes();
	test_packet(encoder);
	test_connection(encoder);
	test_socket(encoder);
	test_limits(encoder);
	test_staleness();
	test_random(encoder);
	encoder_free(encoder);
	close(fd);
	unlink(passwd);
	return check_done();
}
