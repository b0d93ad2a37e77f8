/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "version.h"
#include "events/encode.h"
#include "app/option_help.h"
#include "app/options.h"
#include "app/run.h"
#include "sockets/netlink.h"

enum { EXIT_USAGE = 2 };

static int print_version(void)
{
	printf("sockline %s\n%s\nlibnl version %s\njson-c version %s\n", SOCKLINE_VERSION,
	       capture_library_version(), netlink_library_version(), encoder_library_version());
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
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
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_mode(const struct options *options, const struct log *log)
{
	switch (options->mode) {
	case OPTIONS_HELP:
		option_help_print(stdout);
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	case OPTIONS_VERSION:
		return print_version();
	case OPTIONS_LIST_INTERFACES:
	case OPTIONS_LIST_LINK_TYPES:
		return print_list(options, log);
	case OPTIONS_STREAM:
	case OPTIONS_SNAPSHOT:
		break;
	}
	return run_main(options, log);
}

int app_main(int argc, char **argv)
{
	struct log log = { .level = LOG_WARNING };
	struct options options;
	struct error error = { 0 };
	int status, result = options_parse(&options, argc, argv, &error);

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
