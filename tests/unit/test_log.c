/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "check.h"

/*
 * stderr is one end of a datagram pair here: each write(2) is one datagram, so
 * that a line written in two pieces would be seen.
 */
static int reader = -1;

static size_t read_line(char *line, size_t size)
{
	ssize_t length = recv(reader, line, size - 1, MSG_DONTWAIT);

	line[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

static void expect(const char *expected, const char *name)
{
	char line[8192];

	read_line(line, sizeof line);
	if (!CHECK_TEXT(line, expected, "%s", name))
		printf("# got %s", line);
}

static void keep(void *context, const char *line, size_t length)
{
	snprintf(context, 64, "%.*s", (int)length, line);
}

static void test_taken(void)
{
	char kept[64] = "", line[64];
	const struct log log = {
		.level = LOG_INFO, .format = LOG_TEXT, .take = keep, .context = kept
	};

	log_info(&log, "message");
	CHECK_TEXT(kept, "sockline: message\n", "somebody else takes the line");
	CHECK(read_line(line, sizeof line) == 0, "and standard error has none");
	log_debug(&log, "another");
	CHECK_TEXT(kept, "sockline: message\n", "levels hold there, too");
}

static void test_levels(void)
{
	static const enum log_level levels[] = { LOG_QUIET, LOG_ERROR, LOG_WARNING, LOG_INFO,
		                                 LOG_DEBUG };
	static const enum log_level messages[] = { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	char line[256];

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct log log = { .level = levels[i], .format = LOG_TEXT };

		for (size_t k = 0; k < sizeof messages / sizeof *messages; k++) {
			bool printed;

			log_print(&log, messages[k], "message");
			printed = read_line(line, sizeof line) > 0;
			CHECK_EQUAL(printed, (messages[k] == LOG_ERROR || messages[k] <= levels[i]),
			            "level %d, message %d", (int)levels[i], (int)messages[k]);
		}
	}
}

static void test_text(void)
{
	struct log log = { .level = LOG_DEBUG, .format = LOG_TEXT };
	char line[8192], long_text[3000];

	log_error(&log, "%s: cannot open: %s", "eth0", "No such device");
	expect("sockline: eth0: cannot open: No such device\n", "text");
	log_warning(&log, "name \x1b[31m\n\xff\xe2\x80\xae \\ \"x\"");
	expect("sockline: name \\u001b[31m\\u000a\\xff\\u202e \\ \"x\"\n",
	       "control bytes are escaped");
	errno = EPIPE;
	log_info(&log, "%s", "");
	CHECK_EQUAL(errno, EPIPE, "errno is kept");
	expect("sockline: \n", "an empty message is a line too");

	memset(long_text, '\x01', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	log_debug(&log, "%s", long_text);
	CHECK(read_line(line, sizeof line) == strlen("sockline: \n") + 6 * 1023 &&
	              line[strlen(line) - 1] == '\n',
	      "a long message is cut, and still one line");
}

static void test_json(void)
{
	struct log log = { .level = LOG_DEBUG, .format = LOG_JSON };
	char line[8192], long_text[3000];

	log_error(&log, "%s", "a \"quoted\" \\ \n\xff");
	expect("{\"level\":\"error\",\"message\":\"a \\\"quoted\\\" \\\\ \\u000a\xef\xbf\xbd\"}\n",
	       "JSON");
	log_warning(&log, "w");
	expect("{\"level\":\"warning\",\"message\":\"w\"}\n", "warning");
	log_info(&log, "i");
	expect("{\"level\":\"info\",\"message\":\"i\"}\n", "info");
	log_debug(&log, "d");
	expect("{\"level\":\"debug\",\"message\":\"d\"}\n", "debug");
	memset(long_text, '\x01', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	log_error(&log, "%s", long_text);
	CHECK(read_line(line, sizeof line) > 6 * 1023 &&
	              strcmp(line + strlen(line) - 3, "\"}\n") == 0,
	      "a long message is cut, and still an object");
}

int main(void)
{
	struct log log = { .level = LOG_INFO, .format = LOG_TEXT };
	int pair[2], original = dup(STDERR_FILENO);

	if (original < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0 ||
	    dup2(pair[0], STDERR_FILENO) < 0) {
		perror("socketpair");
		return EXIT_FAILURE;
	}
	reader = pair[1];
	test_levels();
	test_taken();
	test_text();
	test_json();
	close(STDERR_FILENO);
	log_error(&log, "nobody hears this");
	CHECK(true, "stderr closed: no crash");
	dup2(original, STDERR_FILENO);
	return check_done();
}
