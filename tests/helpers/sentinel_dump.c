/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the sentinel sees, a line each, tab-separated.
 *
 *	sentinel_dump [OPTION]...
 *	  -t SECONDS   ends after so long; else at the end of standard input
 *	  -N FILE      a network namespace to watch, may be given more than once; else the own one
 *	  -i MS        takes what is there so often (100), and when the sentinel asks for it
 *	  -l PID       this process listens
 *
 *	socket|port|listener|child|unresolved|unresolved-listener
 *		network namespace, protocol, local address, port, remote address, port,
 *		interface, inode, cookie, uid (-1 = not known), pid, start time in ticks,
 *		CLOCK_MONOTONIC in ns when it was so, ns since the packet, ICMP id
 *	process
 *		pid, parent, start time in ticks, name, executable
 *
 * Prints "ready" and the mode on standard error when it has begun and the counters
 * when it ends.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "sentinel/sentinel.h"
#include "sockets/netns.h"

static const char *const how_names[] = {
	[SENTINEL_SOCKET] = "socket",
	[SENTINEL_PORT] = "port",
	[SENTINEL_LISTENER] = "listener",
	[SENTINEL_CHILD] = "child",
	[SENTINEL_UNRESOLVED] = "unresolved",
	[SENTINEL_UNRESOLVED_LISTENER] = "unresolved-listener",
};

static void print_process(void *context, const struct sentinel_process *process)
{
	(void)context;
	printf("process\t%d\t%d\t%" PRIu64 "\t%s\t%s%s\n", process->pid, process->parent_pid,
	       process->start_ticks, process->name, process->executable,
	       process->executable_deleted ? " (deleted)" : "");
}

/* context: wall clock minus monotonic clock. */
static void print_sighting(void *context, const struct sentinel_sighting *sighting)
{
	const int64_t *offset_ns = context;
	char local[INET_TEXT_MAX], remote[INET_TEXT_MAX];

	inet_format(&sighting->tuple.source, local);
	inet_format(&sighting->tuple.destination, remote);
	printf("%s\t%" PRIu32 "\t%d\t%s\t%d\t%s\t%d\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64
	       "\t%" PRId64 "\t%d\t%" PRIu64 "\t%" PRId64 "\t%" PRId64 "\t%d\n",
	       how_names[sighting->how], sighting->netns, sighting->tuple.protocol, local,
	       sighting->tuple.source_port, remote, sighting->tuple.destination_port,
	       sighting->ifindex, sighting->inode, sighting->cookie,
	       sighting->has_uid ? (int64_t)sighting->uid : -1, sighting->pid,
	       sighting->start_ticks, sighting->time_ns,
	       sighting->time_ns + *offset_ns - sighting->packet_ns, sighting->icmp_id);
}

static void fail(const struct error *error)
{
	fprintf(stderr, "sentinel_dump: %s\n", error->text);
	exit(EXIT_FAILURE);
}

static void watch(struct sentinel *sentinel, const char *path)
{
	struct error error;
	uint32_t number = netns_self();
	int fd = -1;

	if (path)
		fd = netns_open_path(path, &number, &error);
	if ((path && fd < 0) || sentinel_watch(sentinel, fd, number, &error) < 0)
		fail(&error);
	if (fd >= 0)
		close(fd);
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static void run(struct sentinel *sentinel, int64_t seconds, int interval_ms)
{
	int64_t offset_ns = clock_realtime_ns() - clock_monotonic_ns();
	int64_t end_ns = clock_monotonic_ns() + seconds * NS_PER_SECOND;
	struct sentinel_callbacks callbacks = { print_process, print_sighting, &offset_ns };
	struct pollfd wait[] = { { .fd = seconds > 0 ? -1 : STDIN_FILENO, .events = POLLIN },
		                 { .fd = sentinel_fd(sentinel), .events = POLLIN } };
	char byte;

	do {
		wait[0].revents = 0;
		poll(wait, 2, interval_ms);
		sentinel_drain(sentinel, &callbacks);
	} while (seconds > 0 ? clock_monotonic_ns() < end_ns
	                     : wait[0].revents == 0 || read(STDIN_FILENO, &byte, 1) > 0);
	sentinel_drain(sentinel, &callbacks);
}

static void print_counters(const struct sentinel *sentinel, int64_t cpu_ns)
{
	struct sentinel_counters counters;

	sentinel_read_counters(sentinel, &counters);
	fprintf(stderr,
	        "packets %" PRIu64 " resolved %" PRIu64 " unresolved %" PRIu64 " no_socket %" PRIu64
	        " repeated %" PRIu64 " late %" PRIu64 " over_budget %" PRIu64 " paused %" PRIu64
	        " excluded_ports %" PRIu64 " ring_lost %" PRIu64 " kernel_lost %" PRIu64
	        " events_lost %" PRIu64 " children %" PRIu64 " cpu_us %" PRId64 "\n",
	        counters.packets, counters.resolved, counters.unresolved, counters.no_socket,
	        counters.repeated, counters.late, counters.over_budget, counters.paused,
	        counters.excluded_ports, counters.ring_lost, counters.kernel_lost,
	        counters.events_lost, counters.children, cpu_ns / 1000);
}

int main(int argc, char **argv)
{
	int option, interval_ms = 100, watched = 0;
	int64_t seconds = 0, cpu_ns;
	struct sentinel *sentinel;
	struct error error;

	if (sentinel_open(&sentinel, &error) < 0)
		fail(&error);
	while ((option = getopt(argc, argv, "t:N:i:l:")) != -1) {
		switch (option) {
		case 't':
			seconds = number(optarg);
			break;
		case 'N':
			watch(sentinel, optarg);
			watched++;
			break;
		case 'i':
			interval_ms = number(optarg);
			break;
		case 'l':
			sentinel_listener(sentinel, number(optarg));
			break;
		default:
			return 2;
		}
	}
	if (watched == 0)
		watch(sentinel, NULL);
	fprintf(stderr, "ready %s\n", sentinel_mode(sentinel));
	cpu_ns = clock_cpu_ns();
	run(sentinel, seconds, interval_ms);
	print_counters(sentinel, clock_cpu_ns() - cpu_ns);
	sentinel_close(sentinel);
	return EXIT_SUCCESS;
}
