/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Narrow records are what is left of whole ones, for each field that there is. */
#include "events/fields.h"

#include <errno.h>
#include <json.h>

#include "check.h"
#include "events/encode.h"
#include "events/field_table.h"
#include "random_event.h"

#define PATHS_MAX 1000

static const char *const core[] = {
	"@timestamp", "event.action", "event.sequence", "sockline.run", "sockline.truncated",
};

/* Every path of the table, in text, which must outlive them. */
static int list_paths(char **text, const char **paths)
{
	size_t size;
	FILE *file = open_memstream(text, &size);
	int count = 0;

	if (!file)
		exit(EXIT_FAILURE);
	field_table_print(file);
	fclose(file);
	for (char *line, *at = *text;
	     count < PATHS_MAX && (line = strsep(&at, "\n")) && *line != '\0';)
		paths[count++] = line;
	return count;
}

/* Is the path the other one, or inside of it? */
static bool is_inside(const char *path, const char *other)
{
	size_t length = strlen(other);

	return strncmp(path, other, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

struct choice {
	const char *path;
	bool without;
};

enum verdict { LEFT_OUT, PART, WHOLE };

static enum verdict verdict_of(const struct choice *choice, const char *path)
{
	bool part = !is_inside(path, choice->path) && is_inside(choice->path, path);
	enum verdict verdict;

	if (choice->without)
		verdict = is_inside(path, choice->path) ? LEFT_OUT : part ? PART : WHOLE;
	else
		verdict = is_inside(path, choice->path) ? WHOLE : part ? PART : LEFT_OUT;
	for (size_t i = 0; i < sizeof core / sizeof *core; i++) {
		if (is_inside(path, core[i]))
			return WHOLE;
		if (verdict == LEFT_OUT && is_inside(core[i], path))
			verdict = PART;
	}
	return verdict;
}

/* What of the value is left, without the slow and clever ways of fields.c; NULL: nothing. */
static struct json_object *left_of(const struct choice *choice, struct json_object *value,
                                   const char *path)
{
	struct json_object *left;
	enum verdict verdict = *path ? verdict_of(choice, path) : PART;
	bool array = json_object_is_type(value, json_type_array);
	bool empty = true;

	if (verdict != PART)
		return verdict == WHOLE ? json_object_get(value) : NULL;
	left = array ? json_object_new_array() : json_object_new_object();
	for (size_t i = 0; array && i < json_object_array_length(value); i++) {
		struct json_object *inner =
			left_of(choice, json_object_array_get_idx(value, i), path);

		empty = empty && !inner;
		if (inner)
			json_object_array_add(left, inner);
	}
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member)
		{
			char inner_path[200];
			struct json_object *inner;

			snprintf(inner_path, sizeof inner_path, "%s%s%s", path, *path ? "." : "",
			         name);
			inner = left_of(choice, member, inner_path);
			empty = empty && !inner;
			if (inner)
				json_object_object_add(left, name, inner);
		}
	}
	if (!empty)
		return left;
	json_object_put(left);
	return NULL;
}

static struct json_object *parse(const struct buf *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *value =
		json_tokener_parse_ex(tokener, line->data, (int)line->length - 1);

	json_tokener_free(tokener);
	return value;
}

/* The narrow record twice: the second one comes from memos and pieces. */
static bool is_what_is_left(const struct choice *choice, struct encoder *whole,
                            struct encoder *narrow, const struct event *event, struct buf *line)
{
	struct json_object *all, *left;
	bool good = true;

	buf_reset(line);
	if (encoder_encode_tree(whole, event, line) != 0)
		return false;
	/* From a narrow record nothing may have to be cut. */
	if (memmem(line->data, line->length, "\"truncated\":[", 13))
		return true;
	all = parse(line);
	left = left_of(choice, all, "");
	for (int round = 0; round < 2 && good; round++) {
		struct json_object *found;

		buf_reset(line);
		if (encoder_encode(narrow, event, line) != 0)
			return false;
		found = parse(line);
		good = found && strcmp(json_object_to_json_string(found),
		                       json_object_to_json_string(left)) == 0;
		if (!good)
			printf("# %s%s, round %d\n# %.*s# %s\n", choice->without ? "without " : "",
			       choice->path, round, (int)line->length, line->data,
			       json_object_to_json_string(left));
		json_object_put(found);
	}
	json_object_put(left);
	json_object_put(all);
	return good;
}

static struct encoder *new_encoder(const struct fields *fields)
{
	static const char *const labels[] = { "site", "north", NULL };
	const struct encoder_options options = {
		.host_name = "web1",
		.host_id = "0123456789abcdef0123456789abcdef",
		.labels = labels,
		.run_id = 1,
		.passwd = "/dev/null",
		.fields = fields,
		.own_fields = fields,
	};
	struct encoder *encoder = encoder_new(&options);

	if (!encoder)
		exit(EXIT_FAILURE);
	return encoder;
}

/* Events of any action; each second one is about a packet or a connection. */
static bool check_choice(const struct choice *choice, struct encoder *whole, struct random random)
{
	static struct scene scene;
	struct fields *fields = fields_new(choice->without ? NULL : choice->path,
	                                   choice->without ? choice->path : NULL, NULL);
	struct encoder *narrow = new_encoder(fields);
	struct buf line;
	bool good = fields && buf_init(&line, ENCODER_ROOM) == 0;

	if (!good)
		exit(EXIT_FAILURE);
	scene_begin(&scene, random, true);
	for (int i = 0; i < 16 && good; i++) {
		uint32_t below = i % 2 ? EVENT_DNS_TRANSACTION : EVENT_ACTION_COUNT;
		enum event_action action = (enum event_action)random_below(&scene.random, below);
		struct event event = scene_event(&scene, action);

		good = is_what_is_left(choice, whole, narrow, &event, &line);
	}
	scene_end(&scene);
	buf_free(&line);
	encoder_free(narrow);
	fields_free(fields);
	return good;
}

static void test_each(const char *const *paths, int count)
{
	struct random random = random_begin();
	struct encoder *whole = new_encoder(NULL);

	for (int without = 0; without < 2; without++) {
		int bad = 0;

		for (int i = 0; i < count; i++) {
			const struct choice choice = { .path = paths[i], .without = without };

			bad += !check_choice(&choice, whole, random);
			random_u64(&random);
		}
		CHECK_EQUAL(bad, 0, "%s each path: what is left of the record",
		            without ? "without" : "of");
	}
	encoder_free(whole);
}

static size_t parent_length(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? (size_t)(dot - path) : 0;
}

static uint32_t tag_of(const char *path)
{
	size_t parent = parent_length(path);
	char name[FIELD_TABLE_PATH_MAX + 4];

	snprintf(name, sizeof name, "%s\":\"", path + parent + (parent > 0));
	return fields_tag(name, strlen(name) - 3);
}

/* fields_member() compares no names. */
static void test_tags(const char *const *paths, int count)
{
	int same = 0, zero = 0;

	for (int i = 0; i < count; i++) {
		size_t parent = parent_length(paths[i]);

		zero += tag_of(paths[i]) == 0;
		for (int j = 0; j < i; j++)
			same += parent_length(paths[j]) == parent &&
			        memcmp(paths[i], paths[j], parent) == 0 &&
			        tag_of(paths[i]) == tag_of(paths[j]);
	}
	CHECK_EQUAL(same, 0, "the members of each object have tags of their own");
	CHECK_EQUAL(zero, 0, "none of which is 0");
}

static void test_lists(void)
{
	static const struct {
		const char *wanted, *unwanted, *yes, *no;
	} rows[] = {
		{ "source", NULL, "source.ip", "destination.ip" },
		{ "source.ip,process", NULL, "process.parent.pid", "source.port" },
		{ "source.ip,source", NULL, "source.port", "user" },
		{ "source,source.ip", NULL, "source.port", "user" },
		{ "source", "source.mac", "source.ip", "source.mac" },
		{ NULL, "source,process.parent", "process.pid", "process.parent.pid" },
		{ NULL, "event,sockline", "event.action", "event.kind" },
		{ "network", "network", "event.sequence", "network.bytes" },
		{ "sockline.tcp", NULL, "sockline.run", "sockline.connection.id" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fields *fields = fields_new(rows[i].wanted, rows[i].unwanted, NULL);

		CHECK(fields && fields_want(fields, rows[i].yes) &&
		              !fields_want(fields, rows[i].no),
		      "%s without %s: %s, not %s", rows[i].wanted ? rows[i].wanted : "all",
		      rows[i].unwanted ? rows[i].unwanted : "none", rows[i].yes, rows[i].no);
		fields_free(fields);
	}
}

static void test_unknown(void)
{
	static const struct {
		const char *wanted, *unwanted, *message;
	} rows[] = {
		{ "source.ipp", NULL,
		  "--fields: unknown field 'source.ipp'; the nearest is "
		  "'source.ip' (see sockline --list-fields)" },
		{ NULL, "rtt_us",
		  "--without: unknown field 'rtt_us'; the nearest is "
		  "'sockline.tcp.rtt_us' (see sockline --list-fields)" },
		{ "source.ip,", NULL, "--fields: a field is empty" },
		{ "", NULL, "--fields: a field is empty" },
		{ ".", NULL, NULL },
		{ "source.", NULL, NULL },
		{ ".source", NULL, NULL },
		{ "source.ip.x", NULL, NULL },
		{ "source ip", NULL, NULL },
		{ "Source.ip", NULL, NULL },
	};
	char endless[500];
	struct error error;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		error = (struct error){ 0 };
		CHECK(!fields_new(rows[i].wanted, rows[i].unwanted, &error) && error.code == EINVAL,
		      "'%s' is refused", rows[i].wanted ? rows[i].wanted : rows[i].unwanted);
		if (rows[i].message)
			CHECK_TEXT(error.text, rows[i].message, "and why");
	}
	memset(endless, 'x', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	CHECK(!fields_new(endless, NULL, &error) && error.code == EINVAL, "one of 499 letters");
}

int main(void)
{
	static const char *paths[PATHS_MAX];
	char *text = NULL;
	int count = list_paths(&text, paths);

	test_lists();
	test_unknown();
	test_tags(paths, count);
	test_each(paths, count);
	free(text);
	return check_done();
}
