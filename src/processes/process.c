/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/snippet.h"
#include "processes/container.h"
#include "processes/process_args.h"

struct process *process_ref(struct process *process)
{
	process->references++;
	return process;
}

static void free_one(struct process *process)
{
	snippet_free(process->snippet);
	container_facts_unref(process->added.container);
	process_image_unref(process->image);
	free(process->strings);
	free(process);
}

void process_unref(struct process *process)
{
	if (!process || --process->references > 0)
		return;
	while (process) {
		struct process *former = process->former;

		free_one(process);
		process = former;
	}
}

static struct process_text text_of(const char *string)
{
	return (struct process_text){ string, string ? strlen(string) : 0 };
}

struct process_texts process_texts(const struct process *process)
{
	return (struct process_texts){
		.name = text_of(process->name),
		.executable = text_of(process->executable),
		.parent_name = text_of(process->parent_name),
		.parent_executable = text_of(process->parent_executable),
		.cgroup = text_of(process->cgroup),
		.container_id = text_of(process->container_id),
		.user_name = text_of(process->user_name),
		.effective_user_name = text_of(process->effective_user_name),
	};
}

static char *add_text(char **room, struct process_text text)
{
	char *string = *room;

	if (!text.text)
		return NULL;
	memcpy(string, text.text, text.length);
	string[text.length] = '\0';
	*room += text.length + 1;
	return string;
}

int process_set_texts(struct process *process, const struct process_texts *texts)
{
	size_t size = texts->name.length + texts->executable.length + texts->parent_name.length +
	              texts->parent_executable.length + texts->cgroup.length +
	              texts->container_id.length + texts->user_name.length +
	              texts->effective_user_name.length + 8;
	char *strings = malloc(size), *room = strings;

	if (!strings)
		return -ENOMEM;
	process->name = add_text(&room, texts->name);
	process->executable = add_text(&room, texts->executable);
	process->parent_name = add_text(&room, texts->parent_name);
	process->parent_executable = add_text(&room, texts->parent_executable);
	process->cgroup = add_text(&room, texts->cgroup);
	process->container_id = add_text(&room, texts->container_id);
	process->user_name = add_text(&room, texts->user_name);
	process->effective_user_name = add_text(&room, texts->effective_user_name);
	free(process->strings);
	process->strings = strings;
	return 0;
}

void process_forget_image(struct process *process)
{
	process->name = NULL;
	process->executable = NULL;
	process->executable_deleted = false;
	process_image_unref(process->image);
	process->image = NULL;
	process->generation++;
}

/* Nothing that changes is known of times before the states that are kept. */
static void forget_oldest(struct process *process)
{
	int count = 0;

	for (; process->former; process = process->former)
		if (++count == PROCESS_FORMER_MAX) {
			struct process *oldest = process->former;

			process_unref(oldest->former);
			oldest->former = NULL;
			process_forget_image(oldest);
			oldest->has_uid = oldest->has_real_uid = oldest->has_real_gid = false;
			oldest->cgroup = oldest->container_id = NULL;
			return;
		}
}

void process_change(struct process *process, int64_t time_ns)
{
	struct process *former = malloc(sizeof *former);
	struct process_texts texts = process_texts(process);

	if (former) {
		*former = *process;
		former->references = 1;
		former->traffic = 0;
		process->strings = NULL;
		if (process_set_texts(process, &texts) == 0) {
			process->snippet = NULL;
			process->added = (struct process_added){
				.version = former->added.version + 1,
			};
			process->former = former;
			process_image_ref(process->image);
			forget_oldest(process);
		} else {
			process->strings = former->strings;
			free(former);
		}
	}
	process->since_ns = time_ns;
	process->since_wall_ns = time_ns + clock_realtime_offset_ns();
}

bool process_strip_deleted(const char *path, size_t *length)
{
	static const char mark[] = " (deleted)";
	size_t mark_length = sizeof mark - 1;

	if (*length <= mark_length || memcmp(path + *length - mark_length, mark, mark_length) != 0)
		return false;
	*length -= mark_length;
	return true;
}

void process_forget_added(struct process *process)
{
	container_facts_unref(process->added.container);
	process->added = (struct process_added){ .version = process->added.version + 1 };
}

static int64_t length_of_tick(void)
{
	return NS_PER_SECOND / sysconf(_SC_CLK_TCK);
}

int64_t process_age_ns(const struct process *process)
{
	int64_t start_ns;

	if (__builtin_mul_overflow(process->start_ticks, (uint64_t)length_of_tick(), &start_ns))
		return INT64_MAX;
	return clock_boottime_ns() - start_ns;
}

bool process_began_after(const struct process *process, int64_t time_ns)
{
	if (process->forked_ns != 0)
		return process->forked_ns > time_ns;
	return process_age_ns(process) < clock_monotonic_ns() - time_ns;
}

bool process_may_have_begun_after(const struct process *process, int64_t time_ns)
{
	if (process->forked_ns != 0)
		return process->forked_ns > time_ns;
	return process_age_ns(process) - length_of_tick() < clock_monotonic_ns() - time_ns;
}

bool process_is_unborn(const struct process *process, int64_t seen_ns)
{
	return process->forked_ns > seen_ns + WINDOW_TRACE_EXACT_NS;
}

#define FLAG_EXITING 0x4 /* PF_EXITING, include/linux/sched.h */

/* Decimal digits at *text, at most up to end; false when there is none or it overflows. */
static bool parse_u64(const char **text, const char *end, uint64_t *value)
{
	const char *at = *text;
	uint64_t result = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(result, 10, &result) ||
		    __builtin_add_overflow(result, (uint64_t)(*at - '0'), &result))
			return false;
	}
	if (at == *text)
		return false;
	*text = at;
	*value = result;
	return true;
}

static bool parse_int(const char **text, const char *end, int *value)
{
	uint64_t number;

	if (!parse_u64(text, end, &number) || number > INT_MAX)
		return false;
	*value = (int)number;
	return true;
}

/* Moves over `count` blanks and the fields between them. */
static bool skip_fields(const char **text, const char *end, int count)
{
	for (; count > 0; count--) {
		const char *blank = memchr(*text, ' ', (size_t)(end - *text));

		if (!blank)
			return false;
		*text = blank + 1;
	}
	return true;
}

bool process_parse_stat(const char *text, size_t length, struct process_stat *stat)
{
	/* The name may hold any byte but NUL, ") S 1 (" too. */
	const char *open = memchr(text, '(', length);
	const char *close = memrchr(text, ')', length);
	const char *end = text + length;
	struct process_stat new = { 0 };
	size_t name_length;
	uint64_t flags;

	if (!open || !close || close < open || end - close < 4 || close[1] != ' ' ||
	    close[3] != ' ')
		return false;
	name_length = (size_t)(close - open - 1);
	if (name_length > sizeof new.name - 1)
		name_length = sizeof new.name - 1;
	memcpy(new.name, open + 1, name_length);
	new.state = close[2];
	text = close + 4; /* field 4; 9 is the flags, 20 the number of threads */
	if (!parse_int(&text, end, &new.parent_pid) || !skip_fields(&text, end, 5) ||
	    !parse_u64(&text, end, &flags) || !skip_fields(&text, end, 11) ||
	    !parse_int(&text, end, &new.threads) || !skip_fields(&text, end, 2) ||
	    !parse_u64(&text, end, &new.start_ticks))
		return false;
	new.exiting = new.state == 'Z' || new.state == 'X' || (flags & FLAG_EXITING);
	*stat = new;
	return true;
}

bool process_stat_exited(const struct process_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

/* The text after "\nname:"; NULL when there is no such line. The name's LF is escaped in it. */
static const char *find_line(const char *text, const char *end, const char *name)
{
	size_t length = strlen(name);

	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		if ((size_t)(end - text) > length && memcmp(text, name, length) == 0)
			return text + length;
		if (!line_end)
			return NULL;
		text = line_end + 1;
	}
	return NULL;
}

static const char *skip_blanks(const char *text, const char *end)
{
	while (text < end && (*text == '\t' || *text == ' '))
		text++;
	return text;
}

bool process_parse_status(const char *text, size_t length, int *tgid, uint32_t *uid)
{
	const char *end = text + length;
	const char *at = find_line(text, end, "Tgid:");
	uint64_t real, effective;
	int group;

	if (!at)
		return false;
	at = skip_blanks(at, end);
	if (!parse_int(&at, end, &group))
		return false;
	at = find_line(text, end, "Uid:");
	if (!at)
		return false;
	at = skip_blanks(at, end);
	if (!parse_u64(&at, end, &real))
		return false;
	at = skip_blanks(at, end);
	if (!parse_u64(&at, end, &effective) || effective > UINT32_MAX)
		return false;
	*tgid = group;
	*uid = (uint32_t)effective;
	return true;
}

static bool parse_real_id(const char *text, size_t length, const char *name, uint32_t *id)
{
	const char *end = text + length, *at = find_line(text, end, name);
	uint64_t number;

	if (!at)
		return false;
	at = skip_blanks(at, end);
	if (!parse_u64(&at, end, &number) || number > UINT32_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

bool process_parse_real_ids(const char *text, size_t length, uint32_t *uid, uint32_t *gid)
{
	uint32_t real_uid, real_gid;

	if (!parse_real_id(text, length, "Uid:", &real_uid) ||
	    !parse_real_id(text, length, "Gid:", &real_gid))
		return false;
	*uid = real_uid;
	*gid = real_gid;
	return true;
}

int process_parse_container_pid(const char *text, size_t length)
{
	const char *end = text + length, *at = find_line(text, end, "NSpid:");
	int pid = 0, count = 0;

	while (at) {
		at = skip_blanks(at, end);
		if (at == end) /* the line is cut off: there may be more */
			return 0;
		if (*at == '\n')
			return count > 1 ? pid : 0;
		if (!parse_int(&at, end, &pid))
			return 0;
		count++;
	}
	return 0;
}

bool process_parse_link(const char *link, const char *kind, uint64_t *inode)
{
	size_t length = strlen(kind);
	const char *end = link + strlen(link);
	uint64_t number;

	if (strncmp(link, kind, length) != 0)
		return false;
	link += length;
	if (!parse_u64(&link, end, &number) || strcmp(link, "]") != 0)
		return false;
	*inode = number;
	return true;
}
