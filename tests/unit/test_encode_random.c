/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Random and hostile events: both ways say the same, and everything is valid. */
#include "events/encode.h"

#include "check.h"
#include "random_event.h"

/* Everything hostile at once, for each action: it still fits, and the validator takes it. */
static void test_hostile(struct encoder *encoder, struct random random, FILE *out)
{
	static struct scene scene;
	static char texts[SCENE_STRINGS][5000];
	struct buf line;
	bool good = buf_init(&line, ENCODER_ROOM) == 0;

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

/* Random events, both ways, into two files. The numbers go on after *sequence. */
static bool write_both(struct encoder *encoder, struct random random, bool tame, uint64_t *sequence,
                       FILE *first, FILE *second)
{
	static struct scene scene;
	struct buf line;

	if (buf_init(&line, ENCODER_ROOM) != 0)
		return false;
	scene_begin(&scene, random, tame);
	scene.sequence = *sequence;
	for (int i = 0; i < 4000; i++) {
		enum event_action action = random_below(&scene.random, 100) < 60
		                                   ? EVENT_PACKET
		                                   : (enum event_action)random_below(
							     &scene.random, EVENT_ACTION_COUNT);
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

	snprintf(command, sizeof command, "/usr/bin/python3 %s/tests/helpers/%s %s",
	         top ? top : ".", name, arguments);
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
	CHECK(write_both(encoder, random, true, &sequence, first, second),
	      "4,000 random events, both ways");
	random.state++;
	CHECK(write_both(encoder, random, false, &sequence, first, second),
	      "4,000 more, with bytes that are not UTF-8");
	random.state++;
	test_hostile(encoder, random, hostile);
	fclose(first);
	fclose(second);
	fclose(hostile);

	snprintf(arguments, sizeof arguments, "%s %s", paths[0], paths[1]);
	CHECK_EQUAL(helper("same_records", arguments), 0, "both ways say the same");
	for (int i = 0; i < 3; i++) {
		snprintf(arguments, sizeof arguments, "--partial < %s", paths[i]);
		CHECK_EQUAL(helper("validate", arguments), 0, "the records of %s are valid",
		            strrchr(paths[i], '/'));
		unlink(paths[i]);
	}
	rmdir(folder);
}

int main(void)
{
	static const char *const labels[] = { "environment", "produ\"ction\n", "site-1",
		                              "Z\xc3\xbcrich", NULL };
	const struct encoder_options options = {
		.host_name = "web1",
		.host_id = "0123456789abcdef0123456789abcdef",
		.labels = labels,
		.run_id = 1,
	};
	struct encoder *encoder = encoder_new(&options);

	if (!encoder)
		return EXIT_FAILURE;
	test_random(encoder);
	encoder_free(encoder);
	return check_done();
}
