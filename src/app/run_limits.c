/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The limit on open files. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "app/run_private.h"

/* A namespace takes some descriptors, and any user may make many; only select(2) minds. */
void run_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* What libpcap says has no code. */
static bool lacks_descriptors(const struct error *error)
{
	return error->code == EMFILE || strstr(error->text, strerror(EMFILE));
}

void run_explain_failure(const struct log *log, const struct error *error)
{
	struct rlimit limit;

	if (lacks_descriptors(error) && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		log_error(log,
		          "%s: RLIMIT_NOFILE is %llu, which is too few; raise it, as with `ulimit "
		          "-n 1024'",
		          error->text, (unsigned long long)limit.rlim_cur);
	else
		log_error(log, "%s", error->text);
}
