/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/outlet.h"

#include <fcntl.h>
#include <signal.h>

#include "check.h"
#include "put_line.h"

#define CAPACITY (4u << 20)
#define LINE     1000u

/* An outlet on standard output, which is a pipe meanwhile: the test's own lines go to a copy. */
struct scene {
	struct loop *loop;
	struct outlet *outlet;
	int reader, saved;
};

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static struct scene begin(int64_t flush_interval_ns)
{
	struct scene scene = { .loop = loop_new(), .saved = dup(STDOUT_FILENO) };
	struct outlet_options options = { .capacity = CAPACITY,
		                          .flush_interval_ns = flush_interval_ns };
	struct error error;
	uint64_t repaired;
	int fds[2];

	fflush(stdout);
	need(scene.loop && scene.saved >= 0 && pipe2(fds, O_CLOEXEC) == 0, "pipe");
	need(dup2(fds[1], STDOUT_FILENO) >= 0, "dup2");
	close(fds[1]);
	scene.reader = fds[0];
	need(fcntl(scene.reader, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	need(outlet_new(&scene.outlet, scene.loop, &options, &repaired, &error) == 0, "outlet_new");
	/* The outlet has a description of its own: the checks can be seen again. */
	need(dup2(scene.saved, STDOUT_FILENO) >= 0, "dup2");
	close(scene.saved);
	return scene;
}

static void end(struct scene *scene)
{
	outlet_free(scene->outlet);
	loop_free(scene->loop);
	if (scene->reader >= 0)
		close(scene->reader);
}

static void put(struct scene *scene, int count)
{
	static char line[LINE];

	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\n';
	while (count-- > 0)
		put_line(outlet_sink(scene->outlet), line, sizeof line);
}

/* What the reader gets now. */
static size_t take(struct scene *scene)
{
	static char bytes[65536];
	size_t sum = 0;
	ssize_t got;

	while ((got = read(scene->reader, bytes, sizeof bytes)) > 0)
		sum += (size_t)got;
	return sum;
}

struct once {
	struct loop *loop;
	int milliseconds;
	bool waited;
};

static int once(void *context)
{
	struct once *wait = context;

	if (wait->waited)
		loop_stop(wait->loop, 0);
	wait->waited = true;
	return wait->milliseconds;
}

/* One wait of the loop and its callbacks. */
static void wait_once(struct scene *scene, int milliseconds)
{
	struct once wait = { .loop = scene->loop, .milliseconds = milliseconds };

	loop_set_prepare(scene->loop, once, &wait);
	loop_run(scene->loop);
}

static void test_policy(void)
{
	struct scene scene = begin(INT64_MAX);

	put(&scene, 3);
	CHECK(outlet_turn(scene.outlet, true) == SINK_OPEN && take(&scene) == 0,
	      "busy: a few records wait");
	CHECK(outlet_turn(scene.outlet, false) == SINK_OPEN && take(&scene) == 3 * LINE,
	      "idle: they are written at once");
	put(&scene, 300);
	CHECK(outlet_turn(scene.outlet, true) == SINK_OPEN && take(&scene) == 300 * LINE &&
	              sink_counters(outlet_sink(scene.outlet)).writes == 2,
	      "busy: many are written, by one write");
	end(&scene);

	scene = begin(1);
	put(&scene, 1);
	CHECK(outlet_turn(scene.outlet, true) == SINK_OPEN && take(&scene) == LINE,
	      "busy: written after the interval");
	end(&scene);
}

static void test_full(void)
{
	struct scene scene = begin(INT64_MAX);
	struct sink *sink = outlet_sink(scene.outlet);
	size_t sum, put_in = 3000;
	uint64_t writes;

	put(&scene, (int)put_in);
	outlet_turn(scene.outlet, false);
	CHECK(sink_pending(sink) > 0, "more than a pipe holds: the rest is kept");
	writes = sink_counters(sink).writes;
	outlet_turn(scene.outlet, false);
	wait_once(&scene, 20);
	CHECK_EQUAL(sink_counters(sink).writes, writes, "nothing is tried while nobody reads");
	sum = take(&scene);
	CHECK(sum > 0 && sum % LINE == 0, "the reader takes whole lines: %zu bytes", sum);
	for (int i = 0; i < 20 && sum < put_in * LINE; i++) {
		wait_once(&scene, 2000);
		outlet_turn(scene.outlet, true);
		sum += take(&scene);
	}
	CHECK(sum == put_in * LINE && sink_pending(sink) == 0,
	      "then the loop writes the rest, busy or not");
	put(&scene, 1);
	outlet_turn(scene.outlet, true);
	CHECK_EQUAL(take(&scene), 0, "and a few records wait again");
	end(&scene);
}

static void test_reader_gone(void)
{
	struct scene scene = begin(INT64_MAX);

	close(scene.reader);
	scene.reader = -1;
	wait_once(&scene, 2000);
	CHECK_EQUAL(outlet_turn(scene.outlet, true), SINK_READER_GONE,
	            "a reader that goes is noticed without a write");
	end(&scene);
}

/* All of a file, as text. */
static const char *content(const char *path, char text[100])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, 99);

	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static struct outlet *open_file(struct loop *loop, const char *path, uint64_t *repaired)
{
	struct outlet_options options = { .path = path, .capacity = CAPACITY };
	struct outlet *outlet = NULL;
	struct error error = { 0 };

	if (outlet_new(&outlet, loop, &options, repaired, &error) != 0)
		printf("# %s\n", error.text);
	need(outlet != NULL, path);
	return outlet;
}

/* Until the run that reports a broken tail writes, the tail is left to the next run. */
static void test_broken_tail(void)
{
	char path[] = "/tmp/test_outlet.XXXXXX", text[100];
	struct loop *loop = loop_new();
	struct outlet *outlet;
	uint64_t repaired = 0;
	int fd = mkstemp(path);

	need(loop && fd >= 0 && write(fd, "{a}\n{\"b", 7) == 7, path);
	close(fd);
	outlet = open_file(loop, path, &repaired);
	CHECK_EQUAL(repaired, 3, "three bytes are not a line");
	outlet_free(outlet);
	CHECK_TEXT(content(path, text), "{a}\n{\"b", "a run that wrote nothing has not cut them");
	outlet = open_file(loop, path, &repaired);
	CHECK_EQUAL(repaired, 3, "the next run reports them, too");
	put_line(outlet_sink(outlet), "{c}\n", 4);
	outlet_turn(outlet, false);
	CHECK_TEXT(content(path, text), "{a}\n{c}\n", "and cuts them when it writes");
	outlet_discard(outlet);
	CHECK_EQUAL(access(path, F_OK), 0, "a file that was there is not discarded");
	outlet_free(outlet);
	unlink(path);
	outlet = open_file(loop, path, &repaired);
	outlet_discard(outlet);
	CHECK(access(path, F_OK) != 0, "an empty one that was made is");
	outlet_free(outlet);
	loop_free(loop);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_policy();
	test_full();
	test_reader_gone();
	test_broken_tail();
	return check_done();
}
