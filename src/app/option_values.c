/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/emitter.h"

int option_values_number(const char *name, const char *text, uint64_t minimum, uint64_t maximum,
                         uint64_t *value, struct error *error)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || number < minimum ||
	    number > maximum)
		return error_set(error, EINVAL, "%s: '%.60s' is not a number from %llu to %llu",
		                 name, text, (unsigned long long)minimum,
		                 (unsigned long long)maximum);
	*value = number;
	return 0;
}

/* 'K', 'M', 'G' -> 10, 20, 30, the power of two; 0: another letter. */
static unsigned size_shift(char letter)
{
	return letter == 'K' ? 10 : letter == 'M' ? 20 : letter == 'G' ? 30 : 0;
}

int option_values_size(const char *name, const char *text, uint64_t minimum, uint64_t maximum,
                       uint64_t *bytes, struct error *error)
{
	unsigned long long number;
	unsigned shift;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	shift = size_shift(*end);
	if (shift > 0)
		end++;
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
	    number > maximum >> shift || number << shift < minimum)
		return error_set(error, EINVAL,
		                 "%s: '%.60s' is not a size such as 500K, 100M or 2G, from %llu "
		                 "to %llu bytes",
		                 name, text, (unsigned long long)minimum,
		                 (unsigned long long)maximum);
	*bytes = number << shift;
	return 0;
}

/* Seconds of 'm', 'h', 'd'. */
static uint64_t duration_unit(char letter)
{
	return letter == 'd' ? 86400 : letter == 'h' ? 3600 : letter == 'm' ? 60 : 1;
}

int option_values_duration(const char *name, const char *text, uint64_t minimum, int64_t *value_ns,
                           struct error *error)
{
	static const uint64_t seconds_max = UINT64_C(100) * 365 * 86400;
	unsigned long long number;
	uint64_t unit = 1;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end == 's' || *end == 'm' || *end == 'h' || *end == 'd')
		unit = duration_unit(*end++);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || number < minimum ||
	    number > seconds_max / unit)
		return error_set(error, EINVAL,
		                 "%s: '%.60s' is not a time such as 10, 30s, 5m, 1h or 1d", name,
		                 text);
	*value_ns = (int64_t)(number * unit) * NS_PER_SECOND;
	return 0;
}

/* The place of text among the words, which end with NULL; -EINVAL with a text that lists them. */
int option_values_word(const char *name, const char *text, const char *const *words,
                       struct error *error)
{
	char list[128] = "";
	size_t length = 0;

	for (int i = 0; words[i]; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
		if (length < sizeof list)
			length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
			                           i == 0         ? ""
			                           : words[i + 1] ? ", "
			                                          : " or ",
			                           words[i]);
	}
	return error_set(error, EINVAL, "%s: '%.60s' is not %s", name, text, list);
}

const char *const option_values_event_words[] = {
	"packet",  "connection", "opened",    "updated", "attributed", "closed", "state", "socket",
	"process", "traffic",    "lifecycle", "stats",   "dns",        "all",    NULL,
};
/* In the order of the words. */
static const unsigned word_bits[] = {
	EMITTER_PACKET,    EMITTER_CONNECTION, EMITTER_OPENED, EMITTER_UPDATED, EMITTER_ATTRIBUTED,
	EMITTER_CLOSED,    EMITTER_STATE,      EMITTER_SOCKET, EMITTER_PROCESS, EMITTER_TRAFFIC,
	EMITTER_LIFECYCLE, EMITTER_STATS,      EMITTER_DNS,    EMITTER_ALL,
};
_Static_assert(sizeof word_bits / sizeof *word_bits + 1 ==
                       sizeof option_values_event_words / sizeof *option_values_event_words,
               "bits for each word");

int option_values_event_names(unsigned events, const char **names)
{
	unsigned named = 0;
	int count = 0;

	for (int i = 0; word_bits[i] != EMITTER_ALL; i++) {
		if ((events & word_bits[i]) != word_bits[i] || (named & word_bits[i]) != 0)
			continue;
		named |= word_bits[i];
		names[count++] = option_values_event_words[i];
	}
	return count;
}

/* The bits of a word of a list, which text begins with and which has this length; 0: no word. */
static unsigned event_bits(const char *text, size_t length)
{
	for (int i = 0; option_values_event_words[i]; i++)
		if (strlen(option_values_event_words[i]) == length &&
		    strncmp(option_values_event_words[i], text, length) == 0)
			return word_bits[i];
	return 0;
}

int option_values_events(const char *text, unsigned *events, struct error *error)
{
	unsigned result = 0;

	while (true) {
		size_t length = strcspn(text, ",");
		unsigned bits = event_bits(text, length);

		if (bits == 0)
			return error_set(error, EINVAL,
			                 "--events: '%.*s' is not packet, connection, opened, "
			                 "updated, attributed, closed, state, socket, process, "
			                 "traffic, lifecycle, stats, dns or all",
			                 length > 60 ? 60 : (int)length, text);
		result |= bits;
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	*events = result;
	return 0;
}

/* From # to the end of the line, as in tcpdump(8). */
static void blank_comments(char *text)
{
	for (char *at = strchr(text, '#'); at; at = strchr(at, '#'))
		for (; *at != '\0' && *at != '\n'; at++)
			*at = ' ';
}

int option_values_read_file(const char *path, char **filter, struct error *error)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t capacity = 0;
	ssize_t length;
	char *text = NULL;

	if (!file)
		return error_set(error, errno, "-F %s: %s", path, strerror(errno));
	length = getdelim(&text, &capacity, '\0', file);
	if (length < 0 && ferror(file)) {
		int code = errno;

		free(text);
		if (file != stdin)
			fclose(file);
		return error_set(error, code, "-F %s: %s", path, strerror(code));
	}
	if (file != stdin)
		fclose(file);
	if (length > 0 && memchr(text, '\0', (size_t)length)) {
		free(text);
		return error_set(error, EINVAL, "-F %s: not a text, it has a zero byte", path);
	}
	if (length < 0) { /* an empty file, of which getdelim writes not even a zero */
		free(text);
		text = NULL;
	}
	if (text)
		blank_comments(text);
	free(*filter);
	*filter = text;
	return 0;
}
