/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "version.h"
#include "events/encode.h"
#include "events/field_table.h"
#include "app/option_help.h"
#include "app/options.h"
#include "app/run.h"
#include "sockets/netlink.h"

enum { EXIT_USAGE = 2 };

/*
 * A standard descriptor that the caller closed would be the next one that is opened: a message
 * would land in the output file. Reading 0 and writing 1 fail as they would have.
 */
static void occupy_standard_descriptors(void)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* cppcheck-suppress leakReturnValNotUsed */
			(void)!open("/dev/null", flags[fd]);
}

/* What was printed has reached standard output. */
static int end_printing(const struct log *log)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	log_error(log, "cannot write the output: %s", strerror(errno));
	return EXIT_FAILURE;
}

static void print_version(void)
{
	printf("sockline %s\n%s\nlibnl version %s\njson-c version %s\n", SOCKLINE_VERSION,
	       capture_library_version(), netlink_library_version(), encoder_library_version());
}

static int print_list(const struct options *options, const struct log *log)
{
	const char *interface = options->interface_count > 0 ? options->interfaces[0] : "any";
	struct error error = { 0 };
	int result = options->mode == OPTIONS_LIST_INTERFACES
	                     ? capture_print_interfaces(stdout, &error)
	                     : capture_print_link_types(stdout, interface, &error);

	if (result != 0) {
		log_error(log, "%s", error.text);
		return EXIT_FAILURE;
	}
	return end_printing(log);
}

/* What a self-test found, unless that could not be said. */
static int run(const struct options *options, const struct log *log)
{
	int status = run_main(options, log);

	if (options->self_test && end_printing(log) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return status;
}

static int run_mode(const struct options *options, const struct log *log)
{
	switch (options->mode) {
	case OPTIONS_HELP:
		option_help_print(stdout);
		return end_printing(log);
	case OPTIONS_VERSION:
		print_version();
		return end_printing(log);
	case OPTIONS_LIST_FIELDS:
		field_table_print(stdout);
		return end_printing(log);
	case OPTIONS_LIST_INTERFACES:
	case OPTIONS_LIST_LINK_TYPES:
		return print_list(options, log);
	case OPTIONS_STREAM:
	case OPTIONS_SNAPSHOT:
		break;
	}
	return run(options, log);
}

int app_main(int argc, char **argv)
{
	struct log log = { .level = LOG_WARNING };
	struct options options;
	struct error error = { 0 };
	int status, result;

	occupy_standard_descriptors();
	result = options_parse(&options, argc, argv, &error);

	log.level = options.log_level;
	log.format = options.log_format;
	if (result == 0 && options.filter)
		result = capture_check_filter(options.filter, &error);
	if (result != 0) {
		log_error(&log, "%s", error.text);
		options_free(&options);
		/* A filter file that cannot be read is a failure, everything else here is usage. */
		return result == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	}
	status = run_mode(&options, &log);
	options_free(&options);
	return status;
}
