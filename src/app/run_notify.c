/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What is reported to a service manager through $NOTIFY_SOCKET, as sd_notify(3) has it. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/run_private.h"
#include "base/clock.h"

#define NS_PER_US 1000

static void send_text(const struct run *run, const char *text)
{
	/* A manager that does not read is not waited for: it misses this one. */
	if (run->notify_fd > 0)
		(void)!send(run->notify_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_watchdog(void *context, uint32_t expirations)
{
	(void)expirations;
	send_text(context, "WATCHDOG=1");
}

/* Half of the time after which the manager ends the run; 0 = it does not, or not this process. */
static int64_t watchdog_ns(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us;

	if (!text || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	us = strtoull(text, NULL, 10);
	return errno == 0 && us < INT64_MAX / NS_PER_US ? (int64_t)us * NS_PER_US / 2 : 0;
}

/* A path, or "@" and the name of an abstract socket. */
static int connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd, code;

	if ((name[0] != '/' && name[0] != '@') || name[1] == '\0' ||
	    length >= sizeof address.sun_path)
		return -EINVAL;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const void *)&address,
	            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
		return fd;
	code = errno;
	close(fd);
	return -code;
}

void run_notify_open(struct run *run)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int64_t interval_ns = watchdog_ns();

	run->notify_fd = name ? connect_to(name) : -1;
	if (name && run->notify_fd <= 0)
		log_warning(run->log, "NOTIFY_SOCKET %s: %s", name, strerror(-run->notify_fd));
	if (run->notify_fd > 0 && interval_ns > 0 &&
	    !loop_add_timer(run->loop, interval_ns, interval_ns, on_watchdog, run))
		log_warning(run->log, "the watchdog has no timer: %s", strerror(errno));
}

void run_notify_ready(const struct run *run)
{
	send_text(run, "READY=1\nSTATUS=Everything is open");
}

void run_notify_status(const struct run *run)
{
	const struct packet_counters *stream = run->stream ? stream_counters(run->stream) : NULL;
	char text[160];

	snprintf(text, sizeof text,
	         "STATUS=%" PRIu64 " packets, %" PRIu64 " records written, %" PRIu64 " dropped",
	         stream ? stream->packets : 0, sink_counters(run->sink).taken,
	         emitter_counters(run->emitter)->dropped);
	send_text(run, text);
}

void run_notify_stopping(const struct run *run)
{
	send_text(run, "STOPPING=1");
}

void run_notify_close(const struct run *run)
{
	if (run->notify_fd > 0)
		close(run->notify_fd);
}
