/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_select.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "app/option_values.h"

#define PASSWD_PATH "/etc/passwd"

static int add(struct options *options, enum selection_kind kind, const char *name,
               const char *text, uint32_t number, struct error *error)
{
	struct selection_list *list = &options->selection.lists[kind];

	if (text[0] == '\0')
		return error_set(error, EINVAL, "%s: the argument is empty", name);
	if (list->count == SELECTION_MAX)
		return error_set(error, EINVAL, "%s %.60s: more than %d values", name, text,
		                 SELECTION_MAX);
	list->texts[list->count] = text;
	list->numbers[list->count++] = number;
	return 0;
}

static int add_number(struct options *options, enum selection_kind kind, const char *name,
                      const char *text, uint64_t minimum, uint64_t maximum, struct error *error)
{
	uint64_t number;
	int result = option_values_number(name, text, minimum, maximum, &number, error);

	return result == 0 ? add(options, kind, name, text, (uint32_t)number, error) : result;
}

int option_select_pid(struct options *options, const char *text, struct error *error)
{
	return add_number(options, SELECTION_PID, "--pid", text, 1, INT32_MAX, error);
}

int option_select_process(struct options *options, const char *text, struct error *error)
{
	return add(options, SELECTION_PROCESS, "--process", text, 0, error);
}

/* 0 or -errno; -ENOENT: there is no such name. */
static int find_user(const char *name, uint32_t *uid)
{
	FILE *file = fopen(PASSWD_PATH, "re");
	const struct passwd *entry;
	int result = -ENOENT;

	if (!file)
		return -errno;
	while (result == -ENOENT && (entry = fgetpwent(file))) {
		if (strcmp(entry->pw_name, name) == 0) {
			*uid = entry->pw_uid;
			result = 0;
		}
	}
	fclose(file);
	return result;
}

int option_select_user(struct options *options, const char *text, struct error *error)
{
	uint32_t uid = 0;

	if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text))
		return add_number(options, SELECTION_USER, "--user", text, 0, UINT32_MAX - 1,
		                  error);
	if (text[0] != '\0' && find_user(text, &uid) != 0)
		return error_set(error, EINVAL, "--user %.60s: no such user in " PASSWD_PATH, text);
	return add(options, SELECTION_USER, "--user", text, uid, error);
}

int option_select_container(struct options *options, const char *text, struct error *error)
{
	return add(options, SELECTION_CONTAINER, "--container", text, 0, error);
}

int option_select_cgroup(struct options *options, const char *text, struct error *error)
{
	if (text[0] != '/')
		return error_set(error, EINVAL,
		                 "--cgroup %.60s: a path begins with '/', as in /proc/PID/cgroup",
		                 text);
	return add(options, SELECTION_CGROUP, "--cgroup", text, 0, error);
}

int option_select_port(struct options *options, const char *text, struct error *error)
{
	return add_number(options, SELECTION_PORT, "--port", text, 0, UINT16_MAX, error);
}
