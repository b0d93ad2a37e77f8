/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Good command lines; bad ones are cases of tests/integration/test_cli.py. */
#include "app/options.h"

#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "check.h"
#include "host/host.h"
#include "stream/emitter.h"

#define WORDS_MAX 24

static char line_words[1024], *line_argv[WORDS_MAX + 1];

static int parse(const char *line, struct options *options, struct error *error)
{
	char *rest = NULL;
	int argc = 0;

	snprintf(line_words, sizeof line_words, "sockline %s", line);
	for (char *word = strtok_r(line_words, " ", &rest); word && argc < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		line_argv[argc++] = word;
	line_argv[argc] = NULL;
	return options_parse(options, argc, line_argv, error);
}

/* What a line sets; everything else is as without it. */
#define FIELD(field) offsetof(struct options, field), sizeof((struct options){ 0 }.field)
#define SETS(line, field, value)                                                                   \
	{                                                                                          \
		(line), #field, FIELD(field), (int64_t)(value)                                     \
	}

static const struct {
	size_t offset, size;
} fields[] = {
	{ FIELD(mode) },
	{ FIELD(interface_count) },
	{ FIELD(events) },
	{ FIELD(listening) },
	{ FIELD(kinds) },
	{ FIELD(count) },
	{ FIELD(duration_ns) },
	{ FIELD(snaplen) },
	{ FIELD(buffer_kib) },
	{ FIELD(promiscuous) },
	{ FIELD(direction) },
	{ FIELD(immediate) },
	{ FIELD(inspect) },
	{ FIELD(payload) },
	{ FIELD(flush_each) },
	{ FIELD(rotation.size) },
	{ FIELD(rotation.interval_ns) },
	{ FIELD(rotation.keep) },
	{ FIELD(flush_interval_ns) },
	{ FIELD(update_interval_ns) },
	{ FIELD(stats_interval_ns) },
	{ FIELD(method) },
	{ FIELD(netns_mode) },
	{ FIELD(netns_path_count) },
	{ FIELD(sockets) },
	{ FIELD(community_id_seed) },
	{ FIELD(max_connections) },
	{ FIELD(max_memory) },
	{ FIELD(drop_when_slow) },
	{ FIELD(log_level) },
	{ FIELD(log_format) },
};

static const struct {
	const char *line, *name;
	size_t offset, size;
	int64_t value;
} settings[] = {
	SETS("-S", mode, OPTIONS_SNAPSHOT),
	SETS("-D", mode, OPTIONS_LIST_INTERFACES),
	SETS("-L", mode, OPTIONS_LIST_LINK_TYPES),
	SETS("-e packet", events, EMITTER_PACKET),
	SETS("--events connection,stats", events, EMITTER_CONNECTION | EMITTER_STATS),
	SETS("-e socket", events, EMITTER_SOCKET),
	SETS("-e closed", events, EMITTER_CLOSED),
	SETS("-e opened,updated,attributed,closed", events, EMITTER_CONNECTION),
	SETS("-e packet,all", events, EMITTER_ALL),
	SETS("-c 1", count, 1),
	SETS("--count 18446744073709551", count, INT64_C(18446744073709551)),
	SETS("-c 7 -c 9", count, 9),
	SETS("-d 10", duration_ns, 10 * NS_PER_SECOND),
	SETS("-d 10s", duration_ns, 10 * NS_PER_SECOND),
	SETS("-d 3m", duration_ns, 180 * NS_PER_SECOND),
	SETS("--duration=2h", duration_ns, 7200 * NS_PER_SECOND),
	SETS("-d 2d", duration_ns, 172800 * NS_PER_SECOND),
	SETS("-o x --rotate-size 65536", rotation.size, 65536),
	SETS("-o x --rotate-size 64K", rotation.size, 65536),
	SETS("-o x --rotate-size 100M", rotation.size, 104857600),
	SETS("-o x --rotate-size 8589934591G", rotation.size, INT64_C(8589934591) << 30),
	SETS("-o x --rotate-interval 1h", rotation.interval_ns, 3600 * NS_PER_SECOND),
	SETS("-s 96", snaplen, 96),
	SETS("-s 0", snaplen, 262144),
	SETS("--snaplen=262144", snaplen, 262144),
	SETS("--snapshot-length 65535", snaplen, 65535),
	SETS("-B 1024", buffer_kib, 1024),
	SETS("-p", promiscuous, false),
	SETS("-Q in", direction, CAPTURE_IN),
	SETS("--direction out", direction, CAPTURE_OUT),
	SETS("--immediate-mode", immediate, true),
	SETS("--no-inspect", inspect, false),
	SETS("--no-tunnels", tunnels, false),
	SETS("-e dns", events, EMITTER_DNS),
	SETS("--payload 0", payload, 0),
	SETS("-l", flush_each, true),
	SETS("-U", flush_each, true),
	SETS("--line-buffered", flush_each, true),
	SETS("--packet-buffered", flush_each, true),
	SETS("--flush-interval 5", flush_interval_ns, 5 * NS_PER_MS),
	SETS("--update-interval 0", update_interval_ns, 0),
	SETS("--update-interval 1m", update_interval_ns, 60 * NS_PER_SECOND),
	SETS("--stats-interval 0", stats_interval_ns, 0),
	SETS("--stats-interval 1", stats_interval_ns, NS_PER_SECOND),
	SETS("--attribution auto", method, HOST_METHOD_AUTO),
	SETS("--attribution tracepoints", method, HOST_METHOD_TRACEPOINTS),
	SETS("--attribution lookup", method, HOST_METHOD_LOOKUP),
	SETS("--sockets netlink", sockets, LISTER_NETLINK),
	SETS("--sockets proc", sockets, LISTER_PROC),
	SETS("--netns all", netns_mode, HOST_NETNS_ALL),
	SETS("--netns self", netns_mode, HOST_NETNS_SELF),
	SETS("--community-id-seed 65535", community_id_seed, 65535),
	SETS("--max-connections 16", max_connections, 16),
	SETS("--max-connections 16777216", max_connections, 16777216),
	SETS("--on-slow-reader drop", drop_when_slow, true),
	SETS("--on-slow-reader block", drop_when_slow, false),
	SETS("-q", log_level, LOG_QUIET),
	SETS("-v", log_level, LOG_DEBUG),
	SETS("--log-format json", log_format, LOG_JSON),
	SETS("-n", mode, OPTIONS_STREAM),
};

static int64_t get(const struct options *options, size_t offset, size_t size)
{
	const char *field = (const char *)options + offset;
	int64_t wide;
	int32_t word;
	uint16_t half;

	if (size == 1)
		return *field;
	if (size == 2)
		return memcpy(&half, field, size), half;
	if (size == 4)
		return memcpy(&word, field, size), word;
	return memcpy(&wide, field, size), wide;
}

static struct options options_of(const char *line)
{
	struct error error = { 0 };
	struct options options;

	memset(&options, 0, sizeof options);
	if (parse(line, &options, &error) != 0)
		CHECK(false, "'%s': %s", line, error.text);
	return options;
}

static void test_settings(void)
{
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		struct options before = options_of(""), options = options_of(settings[i].line);
		bool alone = true;

		before.events = options.mode == OPTIONS_SNAPSHOT ? EMITTER_SOCKET : before.events;
		for (size_t j = 0; j < sizeof fields / sizeof fields[0]; j++)
			alone = alone && (fields[j].offset == settings[i].offset ||
			                  get(&options, fields[j].offset, fields[j].size) ==
			                          get(&before, fields[j].offset, fields[j].size));
		CHECK_EQUAL(get(&options, settings[i].offset, settings[i].size), settings[i].value,
		            "'%s' sets %s", settings[i].line, settings[i].name);
		CHECK(alone, "and nothing else");
		options_free(&options);
	}
}

static void test_labels(void)
{
	static const char *const wrong[] = {
		"=x", "x", "x=", "a.b=c", "a=\xff", "x=1 --label x=2"
	};
	char lines[sizeof wrong / sizeof *wrong + 2][700];
	struct options options = options_of("--label env=prod --label site-1=a=b");
	size_t count = sizeof wrong / sizeof *wrong;
	struct error error = { 0 };

	CHECK_TEXT(options.labels[0], "env", "a label's name");
	CHECK_TEXT(options.labels[1], "prod", "and its value");
	CHECK_TEXT(options.labels[3], "a=b", "which may have an equals sign");
	CHECK_TEXT(options.labels[4], NULL, "and no more of them");
	options_free(&options);
	for (size_t i = 0; i < count; i++)
		snprintf(lines[i], sizeof lines[i], "--label %s", wrong[i]);
	snprintf(lines[count], sizeof lines[count], "--label x=%0511d", 1);
	lines[count + 1][0] = '\0';
	for (int i = 0; i <= ENCODER_LABELS_MAX; i++)
		snprintf(lines[count + 1] + strlen(lines[count + 1]), 20, "--label a%d=b ", i);
	for (size_t i = 0; i < count + 2; i++) {
		error = (struct error){ 0 };
		CHECK(parse(lines[i], &options, &error) == -EINVAL && strstr(error.text, "--label"),
		      "'%.30s' is refused: %s", lines[i], error.text);
		options_free(&options);
	}
}

static void test_modes_at_once(void)
{
	struct options options = options_of("-V -Z");

	CHECK_EQUAL(options.mode, OPTIONS_VERSION, "-V, whatever follows");
	options = options_of("--help --nosuch");
	CHECK_EQUAL(options.mode, OPTIONS_HELP, "--help, whatever follows");
}

static void test_defaults(void)
{
	struct options options = options_of("");

	CHECK(options.mode == OPTIONS_STREAM && options.interface_count == 0 &&
	              !options.read_file && !options.output_file && !options.filter &&
	              options.count == 0 && options.duration_ns == 0,
	      "a stream of all interfaces, without end");
	CHECK_EQUAL(options.events, (EMITTER_PACKET | EMITTER_CONNECTION | EMITTER_STATS),
	            "packets, connections, stats");
	CHECK(options.snaplen == 256 && options.buffer_kib == 32768 && options.promiscuous &&
	              options.direction == CAPTURE_INOUT && !options.immediate,
	      "capture");
	CHECK(options.update_interval_ns == 60 * NS_PER_SECOND &&
	              options.stats_interval_ns == 10 * NS_PER_SECOND &&
	              options.flush_interval_ns == 100 * NS_PER_MS,
	      "intervals");
	CHECK(options.method == HOST_METHOD_AUTO && options.netns_mode == HOST_NETNS_AUTO &&
	              options.sockets == LISTER_AUTO && !options.drop_when_slow &&
	              options.max_connections == 65536,
	      "and the rest");
	options_free(&options);
}

static void test_copies(void)
{
	static const struct {
		const char *line;
		bool dedupe;
	} cases[] = {
		{ "", true },
		{ "-r file", false },
		{ "--no-dedupe", false },
		{ "-r file --dedupe", true },
		{ "--no-dedupe --dedupe", true },
		{ "--dedupe --no-dedupe -r file", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct options options = options_of(cases[i].line);

		CHECK_EQUAL(options.dedupe, cases[i].dedupe, "'%s': copies are %s", cases[i].line,
		            cases[i].dedupe ? "left out" : "written");
		options_free(&options);
	}
}

/* What is asked for is captured, too, unless -s says how much. */
static void test_payload(void)
{
	static const struct {
		const char *line;
		unsigned payload;
		int snaplen;
	} cases[] = {
		{ "--payload 100", 100, 356 },
		{ "--payload 4096", 4096, 4352 },
		{ "--payload 100 -s 300", 100, 300 },
		{ "--payload 100 -s 0", 100, 262144 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct options options = options_of(cases[i].line);

		CHECK(options.payload == cases[i].payload && options.snaplen == cases[i].snaplen,
		      "'%s': %u of %d bytes", cases[i].line, options.payload, options.snaplen);
		options_free(&options);
	}
}

static void test_texts(void)
{
	struct error error = { 0 };
	struct options options =
		options_of("-i eth0 --interface=lo -o out.ndjson tcp port 80 or udp -i wlan0");

	CHECK(options.interface_count == 3 && strcmp(options.interfaces[0], "eth0") == 0 &&
	              strcmp(options.interfaces[1], "lo") == 0 &&
	              strcmp(options.interfaces[2], "wlan0") == 0,
	      "interfaces, also after the filter");
	CHECK_TEXT(options.output_file, "out.ndjson", "output");
	CHECK(options.filter && strcmp(options.filter, "tcp port 80 or udp") == 0,
	      "words of a filter are joined");
	options_free(&options);
	CHECK(!options.filter, "freed");

	options = options_of("-i lo tcp port 80 -- curl -i url");
	CHECK_EQUAL(options.interface_count, 1, "after -- there are no options");
	CHECK_TEXT(options.filter, "tcp port 80", "before -- is the filter");
	CHECK(options.command && strcmp(options.command[0], "curl") == 0 &&
	              strcmp(options.command[2], "url") == 0,
	      "behind it a command");
	options_free(&options);
	CHECK(parse("tcp --", &options, &error) == -EINVAL && strstr(error.text, "command"),
	      "behind -- has to be one");
	options_free(&options);
	options = options_of("-o --");
	CHECK(!options.command && strcmp(options.output_file, "--") == 0,
	      "unless it is the argument of an option");
	options_free(&options);

	options = options_of("-r file -e all");
	CHECK_EQUAL(options.events, (EMITTER_ALL & ~EMITTER_SOCKET), "a file has no sockets");
	options_free(&options);

	options = options_of("--netns /run/netns/a --netns /proc/1/ns/net");
	CHECK(options.netns_mode == HOST_NETNS_PATHS && options.netns_path_count == 2 &&
	              strcmp(options.netns_paths[1], "/proc/1/ns/net") == 0,
	      "namespaces by path");
	options_free(&options);
}

static void test_snapshot(void)
{
	static const char *const names[SOCKET_KIND_COUNT] = {
		[SOCKET_TCP] = "--tcp",         [SOCKET_UDP] = "--udp",
		[SOCKET_UDPLITE] = "--udplite", [SOCKET_RAW] = "--raw",
		[SOCKET_ICMP] = "--icmp",       [SOCKET_UNIX] = "--unix",
		[SOCKET_PACKET] = "--packet",   [SOCKET_NETLINK] = "--netlink",
		[SOCKET_MPTCP] = "--mptcp",     [SOCKET_SCTP] = "--sctp",
		[SOCKET_DCCP] = "--dccp",       [SOCKET_VSOCK] = "--vsock",
		[SOCKET_XDP] = "--xdp",         [SOCKET_TIPC] = "--tipc",
		[SOCKET_SMC] = "--smc",
	};
	struct options options = options_of("-S");
	char line[64];

	CHECK(options.kinds == SOCKET_KINDS_ALL && options.events == EMITTER_SOCKET,
	      "-S: sockets of every kind, and nothing else");
	for (int kind = 0; kind < SOCKET_KIND_COUNT; kind++) {
		snprintf(line, sizeof line, "-S %s", names[kind]);
		options = options_of(line);
		CHECK_EQUAL(options.kinds, SOCKET_KIND_BIT(kind), "%s", line);
		snprintf(line, sizeof line, "-S --tcp %s --listening", names[kind]);
		options = options_of(line);
		CHECK(options.kinds == (SOCKET_KIND_BIT(kind) | SOCKET_KIND_BIT(SOCKET_TCP)) &&
		              options.listening,
		      "%s", line);
	}
	options = options_of("-S --interval 2m -d 1h");
	CHECK(options.snapshot_interval_ns == 120 * NS_PER_SECOND &&
	              options.duration_ns == 3600 * NS_PER_SECOND,
	      "-S --interval, which -d ends");
}

static void test_filter_file(void)
{
	char path[] = "/tmp/sockline-test-XXXXXX", line[64];
	const char text[] = "udp port 53\n";
	int fd = mkstemp(path);
	struct options options;

	if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	close(fd);
	snprintf(line, sizeof line, "-F %s", path);
	options = options_of(line);
	CHECK(options.filter && strncmp(options.filter, text, strlen("udp port 53")) == 0,
	      "a filter from a file");
	options_free(&options);
	unlink(path);
}

/* What --max-memory leaves for buffers and connections that are not given. */
static void test_memory(void)
{
	static const struct {
		const char *line;
		int buffer_kib; /* 0: refused */
		uint32_t max_connections;
	} cases[] = {
		{ "--max-memory 1G", 32768, 65536 },
		{ "--max-memory 200M", 25600, 62 << 10 },
		{ "--max-memory 128M", 16384, 8 << 10 },
		{ "--max-memory 64M", 8192, 1024 },
		{ "--max-memory 128M -B 32768", 32768, 1024 },
		{ "--max-memory 128M -B 32769", 0, 0 },
		{ "--max-memory 128M --max-connections 500000", 16384, 500000 },
		{ "--max-memory 128M -r x", 32768, 40 << 10 },
		{ "--max-memory 128M -r x --max-connections 17", 32768, 17 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct options options;
		struct error error;
		int result = parse(cases[i].line, &options, &error);

		CHECK(cases[i].buffer_kib == 0
		              ? result == -EINVAL && strstr(error.text, "--max-memory")
		              : result == 0 && options.buffer_kib == cases[i].buffer_kib &&
		                        options.max_connections == cases[i].max_connections,
		      "%s", cases[i].line);
		options_free(&options);
	}
}

/* Options that would have no effect. */
static void test_without_effect(void)
{
	static const struct {
		const char *line, *refused; /* NULL: accepted */
	} cases[] = {
		{ "--rotate-keep 10", "--rotate-keep" },
		{ "-o x --rotate-keep 10", "--rotate-keep" },
		{ "-o x --rotate-interval 1h --rotate-keep 10", NULL },
		{ "--spool-size 64M", "--spool-size" },
		{ "-o x --spool-size 64M", "--spool-size" },
		{ "-o fd:3 --spool-size 64M", "--spool-size" },
		{ "-o unix:/x --spool-size 64M", NULL },
		{ "-o tcp:127.0.0.1:9 --spool-size 64M", NULL },
		{ "--compress-level 1", "--compress-level" },
		{ "-o x --compress-level 1", "--compress-level" },
		{ "-o unix:x.zst --compress-level 1", "--compress-level" },
		{ "-w x.zst --compress-level 1", "--compress-level" },
		{ "-o x.zst --compress-level 1", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct options options;
		struct error error = { 0 };
		int result = parse(cases[i].line, &options, &error);

		if (cases[i].refused)
			CHECK(result == -EINVAL && strstr(error.text, cases[i].refused),
			      "'%s' is refused: %s", cases[i].line, error.text);
		else
			CHECK_EQUAL(result, 0, "'%s' is accepted", cases[i].line);
		options_free(&options);
	}
	CHECK_EQUAL(options_of("-o x --rotate-size 1M --rotate-keep 999").rotation.keep, 999,
	            "--rotate-keep with --rotate-size");
}

static void test_again(void)
{
	struct error error = { 0 };
	struct options options;

	CHECK(parse("-c 5 -Z", &options, &error) == -EINVAL && strstr(error.text, "-Z"),
	      "a usage error names the option");
	options_free(&options);
	options = options_of("-c 5");
	CHECK_EQUAL(options.count, 5, "and the next call starts anew");
}

int main(void)
{
	test_defaults();
	test_copies();
	test_payload();
	test_settings();
	test_labels();
	test_modes_at_once();
	test_texts();
	test_snapshot();
	test_filter_file();
	test_memory();
	test_without_effect();
	test_again();
	return check_done();
}
