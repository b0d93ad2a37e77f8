/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_set.h"

#include <errno.h>
#include <string.h>

#include "app/option_values.h"
#include "base/clock.h"
#include "base/utf8.h"

static void store(struct options *options, const struct option_row *row, uint64_t value)
{
	char *field = (char *)options + row->offset;
	uint8_t byte = (uint8_t)value;
	uint16_t half = (uint16_t)value;
	uint32_t word = (uint32_t)value;
	const void *source = row->size == 1   ? (const void *)&byte
	                     : row->size == 2 ? (const void *)&half
	                     : row->size == 4 ? (const void *)&word
	                                      : (const void *)&value;

	memcpy(field, source, row->size);
}

static int set_number(struct options *options, const struct option_row *row, const char *name,
                      const char *argument, struct error *error)
{
	uint64_t number;
	int result =
		option_values_number(name, argument, row->minimum, row->maximum, &number, error);

	if (result == 0)
		store(options, row, number * (row->unit ? row->unit : 1));
	return result;
}

static int set_size(struct options *options, const struct option_row *row, const char *name,
                    const char *argument, struct error *error)
{
	uint64_t bytes;
	int result = option_values_size(name, argument, row->minimum, row->maximum, &bytes, error);

	if (result == 0)
		store(options, row, bytes);
	return result;
}

static int set_duration(struct options *options, const struct option_row *row, const char *name,
                        const char *argument, struct error *error)
{
	int64_t ns;
	int result = option_values_duration(name, argument, row->minimum, &ns, error);

	if (result == 0)
		store(options, row, (uint64_t)ns);
	return result;
}

static int set_word(struct options *options, const struct option_row *row, const char *name,
                    const char *argument, struct error *error)
{
	int place = option_values_word(name, argument, row->words, error);

	if (place < 0)
		return place;
	store(options, row, (uint64_t)place);
	return 0;
}

static int set_text(struct options *options, const struct option_row *row, const char *name,
                    const char *argument, struct error *error)
{
	char *field = (char *)options + row->offset;
	const char *before;

	memcpy(&before, field, sizeof before);
	if (argument[0] == '\0')
		return error_set(error, EINVAL, "%s: the argument is empty", name);
	if (before)
		return error_set(error, EINVAL, "%s %.60s: given twice", name, argument);
	memcpy(field, &argument, sizeof argument);
	return 0;
}

int option_set(struct options *options, const struct option_row *row, const char *argument,
               struct error *error)
{
	uint32_t bits;
	char text[64];
	const char *name = option_table_spelling(row, text);

	options->given[row - option_table] = true;
	switch (row->kind) {
	case OPTION_NOTHING:
		break;
	case OPTION_SET:
		store(options, row, row->value);
		break;
	case OPTION_BIT:
		memcpy(&bits, (const char *)options + row->offset, sizeof bits);
		store(options, row, bits | row->value);
		break;
	case OPTION_NUMBER:
		return set_number(options, row, name, argument, error);
	case OPTION_SIZE:
		return set_size(options, row, name, argument, error);
	case OPTION_DURATION:
		return set_duration(options, row, name, argument, error);
	case OPTION_WORD:
		return set_word(options, row, name, argument, error);
	case OPTION_TEXT:
		return set_text(options, row, name, argument, error);
	case OPTION_CALL:
		return row->parse(options, argument, error);
	}
	return 0;
}

void option_set_defaults(struct options *options)
{
	memset(options, 0, sizeof *options);
	for (int i = 0; i < option_table_count; i++) {
		const struct option_row *row = &option_table[i];
		uint64_t unit = row->kind == OPTION_DURATION ? NS_PER_SECOND
		                : row->unit                  ? row->unit
		                                             : 1;

		if (row->initial)
			store(options, row, row->initial * unit);
	}
}

int option_set_interface(struct options *options, const char *name, struct error *error)
{
	if (name[0] == '\0')
		return error_set(error, EINVAL, "-i: the interface's name is empty");
	for (int i = 0; i < options->interface_count; i++)
		if (strcmp(options->interfaces[i], name) == 0)
			return error_set(error, EINVAL, "-i %.60s: given twice", name);
	if (options->interface_count == OPTIONS_INTERFACES_MAX)
		return error_set(error, EINVAL, "-i %.60s: more than %d interfaces", name,
		                 OPTIONS_INTERFACES_MAX);
	/* Packets would come twice, and be counted twice. */
	if (options->interface_count > 0 &&
	    (strcmp(name, "any") == 0 || strcmp(options->interfaces[0], "any") == 0))
		return error_set(error, EINVAL,
		                 "-i %.60s: any and other interfaces exclude each other", name);
	options->interfaces[options->interface_count++] = name;
	return 0;
}

int option_set_filter_file(struct options *options, const char *path, struct error *error)
{
	if (path[0] == '\0')
		return error_set(error, EINVAL, "-F: the file's name is empty");
	if (options->filter_file)
		return error_set(error, EINVAL, "-F %.60s: given twice", path);
	options->filter_file = path;
	return option_values_read_file(path, &options->filter, error);
}

int option_set_netns(struct options *options, const char *text, struct error *error)
{
	enum host_netns_mode mode = strcmp(text, "all") == 0    ? HOST_NETNS_ALL
	                            : strcmp(text, "self") == 0 ? HOST_NETNS_SELF
	                                                        : HOST_NETNS_PATHS;

	if (text[0] == '\0')
		return error_set(error, EINVAL, "--netns: the path is empty");
	if (options->netns_mode != HOST_NETNS_AUTO && options->netns_mode != mode)
		return error_set(error, EINVAL,
		                 "--netns %.60s: all, self and paths exclude each other", text);
	options->netns_mode = mode;
	if (mode != HOST_NETNS_PATHS)
		return 0;
	if (options->netns_path_count == OPTIONS_INTERFACES_MAX)
		return error_set(error, EINVAL, "--netns %.60s: more than %d namespaces", text,
		                 OPTIONS_INTERFACES_MAX);
	options->netns_paths[options->netns_path_count++] = text;
	return 0;
}

static bool is_label_name(const char *text, size_t length)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return length > 0 && length <= ENCODER_LABEL_NAME_MAX && strspn(text, letters) >= length;
}

int option_set_label(struct options *options, const char *text, struct error *error)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0, sum = strlen(text);
	int count = 0;

	if (!is_label_name(text, length) || equals[1] == '\0' || !utf8_valid(text, sum))
		return error_set(
			error, EINVAL,
			"--label '%.60s': not a name of letters, digits, _ and -, =, and a "
			"text in UTF-8",
			text);
	for (; options->labels[count]; count += 2) {
		sum += strlen(options->labels[count]) + strlen(options->labels[count + 1]);
		if (strlen(options->labels[count]) == length &&
		    memcmp(options->labels[count], text, length) == 0)
			return error_set(error, EINVAL, "--label '%.60s': the name is given twice",
			                 text);
	}
	if (count == 2 * ENCODER_LABELS_MAX || sum > ENCODER_LABELS_LENGTH)
		return error_set(error, EINVAL, "--label '%.60s': more than %d labels, or %d bytes",
		                 text, ENCODER_LABELS_MAX, ENCODER_LABELS_LENGTH);
	options->labels[count] = strndup(text, length);
	options->labels[count + 1] = strdup(equals + 1);
	if (!options->labels[count] || !options->labels[count + 1])
		return error_set(error, ENOMEM, "out of memory");
	return 0;
}

int option_set_events(struct options *options, const char *text, struct error *error)
{
	return option_values_events(text, &options->events, error);
}
