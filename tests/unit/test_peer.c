/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* An outlet to a socket whose reader comes late, dies with unread lines, and comes back. */
#include "output/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/clock.h"
#include "check.h"
#include "output/outlet.h"
#include "put_line.h"

#define LINE       1000u
#define SPOOL      (1u << 20)
#define LINES_MAX  100000
#define PATIENT_NS (20 * NS_PER_SECOND)

static char directory[] = "/tmp/test_peer.XXXXXX";

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static void test_addresses(void)
{
	static char long_path[200] = "unix:";
	const struct {
		const char *address;
		int code;
	} rows[] = {
		{ "unix:/run/x.sock", 0 },
		{ "tcp:127.0.0.1:1", 0 },
		{ "tcp:127.0.0.1:65535", 0 },
		{ "tcp:[::1]:5170", 0 },
		{ "unix:", EINVAL },
		{ "tcp:", EINVAL },
		{ "tcp:localhost", EINVAL },
		{ "tcp::5170", EINVAL },
		{ "tcp:[]:5170", EINVAL },
		{ "tcp:127.0.0.1:", EINVAL },
		{ "tcp:127.0.0.1:0", EINVAL },
		{ "tcp:127.0.0.1:65536", EINVAL },
		{ "tcp:127.0.0.1:http", EINVAL },
		{ long_path, ENAMETOOLONG },
	};

	memset(long_path + 5, 'x', sizeof long_path - 6);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error error = { .text = "" };
		struct peer *peer = NULL;
		int result = peer_new(&peer, rows[i].address, NULL, &error);

		CHECK(result == -rows[i].code && error.code == rows[i].code, "%.40s: %.60s",
		      rows[i].address, error.text);
		peer_free(peer);
	}
	CHECK(peer_is_address("unix:x") && peer_is_address("tcp:x") && !peer_is_address("fd:3") &&
	              !peer_is_address("./unix:x") && !peer_is_address("unix"),
	      "what is an address, and what a file");
	CHECK_TEXT(peer_unix_path("unix:/run/x"), "/run/x", "the path of an address");
	CHECK_TEXT(peer_unix_path("tcp:x:1"), NULL, "which TCP has not");
}

struct scene {
	struct loop *loop;
	struct outlet *outlet;
	struct outlet_changes changes; /* all so far */
	int listener, reader;
	int sent;
	unsigned char *had; /* how often each line came */
	char rest[LINE];    /* of a line */
	size_t rest_length;
	bool open;  /* no failure of a connection ended the output */
	bool whole; /* each line came as it was sent, and each connection began with a line */
};

static int listen_unix(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	need(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 5) == 0,
	     "listen");
	return fd;
}

static int listen_tcp(uint16_t *port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof name;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	need(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0 &&
	             listen(fd, 5) == 0 && getsockname(fd, (struct sockaddr *)&name, &length) == 0,
	     "listen");
	*port = ntohs(name.sin_port);
	return fd;
}

struct once {
	struct loop *loop;
	bool waited;
};

static int stop_second(void *context)
{
	struct once *once = context;

	if (once->waited)
		loop_stop(once->loop, 0);
	once->waited = true;
	return 0;
}

/* What is ready is handled, and the loop goes no further. */
static void handle_ready(struct scene *scene)
{
	struct once once = { .loop = scene->loop };

	loop_set_prepare(scene->loop, stop_second, &once);
	loop_run(scene->loop);
}

static void turn(struct scene *scene)
{
	struct outlet_changes changes;

	handle_ready(scene);
	scene->open = scene->open && outlet_turn(scene->outlet, false) == SINK_OPEN;
	if (!outlet_take_changes(scene->outlet, &changes))
		return;
	scene->changes.opened += changes.opened;
	scene->changes.failed += changes.failed;
	if (changes.failed > 0)
		scene->changes.error = changes.error;
}

static void put(struct scene *scene, int count)
{
	char line[LINE + 1];

	for (int i = 0; i < count; i++, scene->sent++) {
		snprintf(line, sizeof line, "%0*d\n", (int)LINE - 1, scene->sent);
		if (put_line(outlet_sink(scene->outlet), line, LINE) != 0)
			return;
	}
}

static void take_line(struct scene *scene)
{
	int number = atoi(scene->rest);

	scene->rest_length = 0;
	if (scene->rest[LINE - 1] != '\n' || number < 0 || number >= scene->sent)
		scene->whole = false;
	else
		scene->had[number]++;
}

/* What there is to read; false: nothing now. */
static bool take(struct scene *scene)
{
	ssize_t got = recv(scene->reader, scene->rest + scene->rest_length,
	                   LINE - scene->rest_length, MSG_DONTWAIT);

	if (got <= 0)
		return false;
	scene->rest_length += (size_t)got;
	if (scene->rest_length == LINE)
		take_line(scene);
	return true;
}

static void accept_reader(struct scene *scene)
{
	int64_t end = clock_monotonic_ns() + PATIENT_NS;

	while ((scene->reader = accept(scene->listener, NULL, NULL)) < 0 &&
	       clock_monotonic_ns() < end) {
		turn(scene);
		usleep(1000);
	}
	scene->rest_length = 0;
	need(scene->reader >= 0, "accept");
}

static int missing(const struct scene *scene)
{
	int count = 0;

	for (int i = 0; i < scene->sent; i++)
		count += scene->had[i] == 0;
	return count;
}

static void take_all(struct scene *scene)
{
	int64_t end = clock_monotonic_ns() + PATIENT_NS;

	while ((missing(scene) > 0 || sink_pending(outlet_sink(scene->outlet)) > 0) &&
	       clock_monotonic_ns() < end) {
		turn(scene);
		while (take(scene))
			;
	}
}

static struct scene begin(const char *address, int listener, size_t spool)
{
	struct scene scene = { .loop = loop_new(),
		               .listener = listener,
		               .reader = -1,
		               .had = calloc(LINES_MAX, 1),
		               .open = true,
		               .whole = true };
	struct outlet_options options = { .path = address, .spool = spool };
	struct error error;
	uint64_t repaired;

	need(scene.loop && scene.had &&
	             outlet_new(&scene.outlet, scene.loop, &options, &repaired, &error) == 0,
	     "outlet_new");
	return scene;
}

static void end(struct scene *scene, const char *what)
{
	CHECK(scene->open, "%s: no failure of a connection ends the output", what);
	outlet_free(scene->outlet);
	loop_free(scene->loop);
	free(scene->had);
	close(scene->reader);
	close(scene->listener);
}

/* A reader that dies with unread lines, while more come than one buffer of the kernel has. */
static void test_reader_dies(const char *address, int listener, const char *what)
{
	struct scene scene = begin(address, listener, 32 * SPOOL);

	put(&scene, 3);
	accept_reader(&scene);
	take_all(&scene);
	CHECK(missing(&scene) == 0 && scene.changes.opened == 1, "%s: lines of before it", what);
	for (int i = 0; i < 10; i++) {
		put(&scene, 50);
		turn(&scene);
	}
	for (int i = 0; i < 25; i++)
		take(&scene);
	close(scene.reader);
	put(&scene, 100);
	accept_reader(&scene);
	take_all(&scene);
	CHECK_EQUAL(missing(&scene), 0, "%s: no line of %d is lost with a reader", what,
	            scene.sent);
	CHECK(scene.whole, "%s: lines are whole, and so is the first of each connection", what);
	CHECK(scene.changes.opened == 2 && scene.changes.failed == 1 &&
	              strstr(scene.changes.error.text, "has ended"),
	      "%s: its end and the new connection are reported", what);
	close(scene.reader);
	accept_reader(&scene);
	put(&scene, 1);
	take_all(&scene);
	CHECK(scene.changes.opened == 3 && scene.changes.failed == 2 && missing(&scene) == 0,
	      "%s: a reader that ends while nothing is written is noticed, too", what);
	end(&scene, what);
}

/* A reader that stops reading, so that the kernels of both ends hold what they can, and then dies. */
static void test_reader_hangs(const char *address, int listener, const char *what)
{
	struct scene scene = begin(address, listener, SPOOL);

	put(&scene, 3);
	accept_reader(&scene);
	take_all(&scene);
	for (int i = 0; i < 200; i++) {
		put(&scene, 100);
		turn(&scene);
	}
	CHECK(sink_pending(outlet_sink(scene.outlet)) > SPOOL / 2, "%s: %d lines, and no more",
	      what, scene.sent);
	close(scene.reader);
	while (!sink_is_absent(outlet_sink(scene.outlet)))
		turn(&scene);
	CHECK_EQUAL(sink_room(outlet_sink(scene.outlet)), 0, "%s: what is kept waits, too", what);
	accept_reader(&scene);
	take_all(&scene);
	CHECK_EQUAL(missing(&scene), 0, "%s: whatever its size, a spool loses none of them", what);
	CHECK(scene.whole, "%s: and they are whole", what);
	put(&scene, 1);
	take_all(&scene);
	CHECK(missing(&scene) == 0 && sink_room(outlet_sink(scene.outlet)) == SPOOL,
	      "%s: what is kept takes nothing of the spool", what);
	end(&scene, what);
}

static void test_late_reader(void)
{
	struct scene scene = begin("unix:late", -1, SPOOL);
	int most;

	for (int i = 0; i < 5; i++)
		turn(&scene);
	CHECK(scene.changes.failed == 1 && strstr(scene.changes.error.text, strerror(ENOENT)),
	      "no listener: reported once (%s)", scene.changes.error.text);
	CHECK(outlet_timeout_ns(scene.outlet) >= 0 &&
	              outlet_timeout_ns(scene.outlet) <= 10 * NS_PER_SECOND,
	      "and it is tried again");
	put(&scene, 2 * SPOOL / LINE);
	most = scene.sent;
	CHECK(most >= (int)(SPOOL / LINE - 1) && most <= (int)(SPOOL / LINE),
	      "%d lines wait, no more", most);
	scene.listener = listen_unix("late");
	accept_reader(&scene);
	take_all(&scene);
	CHECK(missing(&scene) == 0 && scene.whole && scene.changes.failed == 1,
	      "the reader that comes late has them all");
	put(&scene, 3 * (int)(SPOOL / LINE) / 4);
	take_all(&scene);
	CHECK(missing(&scene) == 0 && scene.whole, "and those after");
	end(&scene, "a late reader");
}

/* Each wait is twice as long as the one before, up to five seconds. */
static void test_waits(void)
{
	static const int expected_ms[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct peer *peer = NULL;
	struct error error = { .text = "" };
	int64_t now_ns = NS_PER_SECOND;

	need(peer_new(&peer, "unix:absent", NULL, &error) == 0, error.text);
	for (size_t i = 0; i < sizeof expected_ms / sizeof *expected_ms; i++) {
		int result = peer_connect(peer, now_ns);
		int64_t wait_ns = peer_timeout_ns(peer, now_ns);

		CHECK(result == -ENOENT && wait_ns == expected_ms[i] * NS_PER_MS,
		      "no reader, attempt %zu: the next one after %d ms", i, expected_ms[i]);
		CHECK_EQUAL(peer_connect(peer, now_ns + wait_ns - 1), -EAGAIN, "and not before");
		now_ns += wait_ns;
	}
	peer_free(peer);
}

int main(void)
{
	char address[64];
	uint16_t port;
	int listener;

	signal(SIGPIPE, SIG_IGN);
	need(mkdtemp(directory) && chdir(directory) == 0, directory);
	test_addresses();
	test_waits();
	test_reader_dies("unix:reader", listen_unix("reader"), "unix(7)");
	listener = listen_tcp(&port);
	snprintf(address, sizeof address, "tcp:127.0.0.1:%u", port);
	test_reader_dies(address, listener, "tcp(7)");
	test_reader_hangs("unix:hangs", listen_unix("hangs"), "unix(7)");
	listener = listen_tcp(&port);
	snprintf(address, sizeof address, "tcp:127.0.0.1:%u", port);
	test_reader_hangs(address, listener, "tcp(7)");
	test_late_reader();
	unlink("reader");
	unlink("hangs");
	unlink("late");
	need(chdir("/") == 0 && rmdir(directory) == 0, directory);
	return check_done();
}
