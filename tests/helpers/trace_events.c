/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the kernel's tracepoints report, one event a line, tab-separated.
 *
 *	trace_events [OPTION]...
 *	  -t SECONDS   ends after so long; else at the end of standard input
 *	  -i MS        reads the rings so often (100)
 *	  -r KIB       of ring a CPU                 -n  network namespaces are not followed
 *	  -q TRUTH     prints no events; at the end says for each line of the file, as
 *	               gen_flows wrote it, what is known of its local end: the line, then
 *	               answer (found, ambiguous, incomplete, none), pid, how it was seen,
 *	               name, executable, parent, network namespace, start time in ticks, and
 *	               whether that is sure
 *	  -w MS        how far outside the times of the truth a sighting may lie (100)
 *
 * Prints "ready" on standard error when it has begun and the counters when it
 * ends. Exit status 77 when tracepoints are not to be had.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attribution/process_history.h"
#include "attribution/socket_history.h"
#include "base/clock.h"
#include "processes/process_table.h"
#include "tracepoints/tracepoints.h"

#define SIGHTINGS      262144
#define PROCESSES      65536
#define SKIPPED        77
#define TRUTH_LINE_MAX 512

struct events {
	const char *truth;
	int64_t seconds, interval_ms, window_ns;
	struct tracepoints *tracepoints;
	struct socket_history *socket_history;
	struct process_history process_history;
};

static const char *const kind_names[] = {
	[TRACE_EVENT_ROUTE] = "route",
	[TRACE_EVENT_NO_ROUTE] = "no-route",
	[TRACE_EVENT_STATE] = "state",
	[TRACE_EVENT_RECEIVE] = "receive",
	[TRACE_EVENT_SEND] = "send",
	[TRACE_EVENT_FORK] = "fork",
	[TRACE_EVENT_NAME] = "name",
	[TRACE_EVENT_IMAGE] = "image",
	[TRACE_EVENT_NETNS] = "netns",
	[TRACE_EVENT_EXIT] = "exit",
	[TRACE_EVENT_CGROUP] = "cgroup",
	[TRACE_EVENT_SETTLED] = "settled",
	[TRACE_EVENT_LOST_SOCKETS] = "lost-sockets",
	[TRACE_EVENT_LOST_PROCESSES] = "lost-processes",
	[TRACE_EVENT_OTHER] = "other",
};

static void print_event(const struct trace_event *event)
{
	char local[INET_TEXT_MAX], remote[INET_TEXT_MAX];

	printf("%" PRId64 "\t%s\t%d\t%d\t%s", event->time_ns, kind_names[event->kind], event->pid,
	       event->tid, event->process_context ? "process" : "irq");
	if (event->kind == TRACE_EVENT_STATE)
		printf("\t%" PRIx64 "\t%d>%d", event->socket, event->old_state, event->new_state);
	switch (event->kind) {
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
	case TRACE_EVENT_SEND:
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_NO_ROUTE:
		inet_format(&event->tuple.source, local);
		inet_format(&event->tuple.destination, remote);
		printf("\t%d\t%s\t%d\t%s\t%d\n", event->tuple.protocol, local,
		       event->tuple.source_port, remote, event->tuple.destination_port);
		break;
	case TRACE_EVENT_FORK:
		printf("\t%d\n", event->parent_pid);
		break;
	case TRACE_EVENT_NAME:
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_EXIT:
	case TRACE_EVENT_CGROUP:
		printf("\t%s\t%.*s\t%" PRIu64 "\n", event->executed ? "exec" : "-",
		       (int)event->text_length, event->text, event->cgroup_id);
		break;
	case TRACE_EVENT_SETTLED:
		if (!event->has_ids)
			printf("\t-\n");
		else
			printf("\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu64 "\n",
			       event->ids.uid, event->ids.euid, event->ids.gid, event->ids.argc);
		break;
	case TRACE_EVENT_NETNS:
		printf("\t%" PRIu32 "\n", event->netns);
		break;
	case TRACE_EVENT_LOST_SOCKETS:
	case TRACE_EVENT_LOST_PROCESSES:
		printf("\t%" PRIu64 "\n", event->lost);
		break;
	case TRACE_EVENT_OTHER:
		printf("\n");
		break;
	}
}

static void take_event(void *context, const struct trace_event *event)
{
	struct events *events = context;
	const struct process *process = process_history_add(&events->process_history, event);

	if (!events->truth) {
		print_event(event);
		return;
	}
	socket_history_add(events->socket_history, event, event->process_context ? process : NULL);
}

static void seed(struct events *events)
{
	struct process_table *table = events->process_history.processes;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	if (!proc)
		exit(EXIT_FAILURE);
	/* cppcheck-suppress readdirCalled ; there is one thread */
	while ((entry = readdir(proc)) != NULL) {
		int pid = (int)strtol(entry->d_name, NULL, 10);
		struct process *process = pid > 0 ? process_table_get(table, pid, NULL) : NULL;

		if (process)
			process_table_seed(table, process, clock_monotonic_ns());
	}
	closedir(proc);
}

static const char *answer_name(enum socket_history_answer answer)
{
	switch (answer) {
	case SOCKET_HISTORY_NONE:
		return "none";
	case SOCKET_HISTORY_FOUND:
		return "found";
	case SOCKET_HISTORY_AMBIGUOUS:
		return "ambiguous";
	case SOCKET_HISTORY_INCOMPLETE:
		return "incomplete";
	}
	return "?";
}

static void print_process(const struct events *events, const struct socket_history_match *match)
{
	struct process *process =
		process_table_at(events->process_history.processes, match->pid, match->first_ns);
	const struct process *then = process;

	if (!process) {
		puts("\t-\t-\t-\t-\t-\t-");
		return;
	}
	while (then->former && match->last_ns < then->since_ns)
		then = then->former;
	printf("\t%s\t%s\t%d\t%" PRIu32 "\t%" PRIu64 "\t%s\n", then->name ? then->name : "-",
	       then->executable ? then->executable : "-", process->parent_pid, process->netns,
	       process->start_ticks, process->start_unsure ? "unsure" : "sure");
}

/* The next word of a line of the truth, see gen_flows. */
static const char *next_word(char **line)
{
	const char *word = strsep(line, "\t\n");

	if (!word) {
		fputs("trace_events: a line of the truth is too short\n", stderr);
		exit(EXIT_FAILURE);
	}
	return word;
}

static int64_t next_number(char **line)
{
	return strtoll(next_word(line), NULL, 10);
}

static struct socket_history_question parse_truth(const struct events *events, char *line)
{
	struct socket_history_question question = { .netns = 0 };
	bool understood;

	next_word(&line); /* which end */
	question.tuple.protocol = (uint8_t)next_number(&line);
	next_word(&line); /* the pid, which is the question */
	understood = inet_parse(next_word(&line), &question.tuple.source);
	question.tuple.source_port = (uint16_t)next_number(&line);
	understood = inet_parse(next_word(&line), &question.tuple.destination) && understood;
	question.tuple.destination_port = (uint16_t)next_number(&line);
	question.netns = (uint32_t)next_number(&line);
	question.from_ns = next_number(&line) - events->window_ns;
	question.to_ns = next_number(&line) + events->window_ns;
	if (!understood) {
		fputs("trace_events: an address of the truth is none\n", stderr);
		exit(EXIT_FAILURE);
	}
	return question;
}

/* Answers one line of the truth. */
static void answer(const struct events *events, char *line)
{
	char copy[TRUTH_LINE_MAX];
	struct socket_history_question question;
	struct socket_history_match match = { .pid = 0 };

	line[strcspn(line, "\n")] = '\0';
	memcpy(copy, line, strlen(line) + 1);
	question = parse_truth(events, copy);
	/* The process that closed is asked for only where none was seen using the socket. */
	question.kinds = SOCKET_HISTORY_USED;

	enum socket_history_answer answer =
		socket_history_find(events->socket_history, &question, &match);

	question.kinds = SOCKET_HISTORY_CLOSED;
	if (answer == SOCKET_HISTORY_NONE)
		answer = socket_history_find(events->socket_history, &question, &match);
	printf("%s\t%s\t%d\t%s%s%s%s", line, answer_name(answer), match.pid,
	       match.kinds & SOCKET_HISTORY_ROUTED ? "r" : "",
	       match.kinds & SOCKET_HISTORY_OPENED ? "o" : "",
	       match.kinds & SOCKET_HISTORY_RECEIVED ? "i" : "",
	       match.kinds & SOCKET_HISTORY_CLOSED ? "c" : "");
	print_process(events, &match);
}

static void answer_all(const struct events *events)
{
	FILE *truth = fopen(events->truth, "r");
	char line[TRUTH_LINE_MAX];

	if (!truth) {
		perror(events->truth);
		exit(EXIT_FAILURE);
	}
	while (fgets(line, sizeof line, truth))
		answer(events, line);
	fclose(truth);
}

static void run(struct events *events)
{
	struct pollfd wait[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		                 { .fd = tracepoints_fd(events->tracepoints), .events = POLLIN } };
	int64_t end_ns = clock_monotonic_ns() + events->seconds * NS_PER_SECOND;
	char byte;

	if (events->seconds > 0)
		wait[0].fd = -1;
	do {
		wait[0].revents = 0;
		poll(wait, 2, (int)events->interval_ms);
		tracepoints_drain(events->tracepoints, take_event, events);
		/* The truth is read at the end, and however long that takes, all is to be there. */
		if (!events->truth) {
			socket_history_expire(events->socket_history, clock_monotonic_ns());
			process_table_expire(events->process_history.processes,
			                     clock_monotonic_ns());
		}
	} while (wait[0].fd < 0 ? clock_monotonic_ns() < end_ns
	                        : wait[0].revents == 0 || read(STDIN_FILENO, &byte, 1) > 0);
	/* What is going on as the last reading begins stays in the rings. */
	tracepoints_drain(events->tracepoints, take_event, events);
}

static void print_counters(const struct events *events)
{
	const struct tracepoints_counters *trace = tracepoints_counters(events->tracepoints);
	const struct socket_history_counters *socket_history =
		socket_history_counters(events->socket_history);
	const struct process_history *history = &events->process_history;

	fprintf(stderr,
	        "samples %" PRIu64 " events %" PRIu64 " lost %" PRIu64 " irq %" PRIu64
	        " foreign %" PRIu64 " malformed %" PRIu64 " filtered_ports %" PRIu64
	        " pauses %" PRIu64 " added %" PRIu64 " merged %" PRIu64 " unjoined %" PRIu64
	        " expired %" PRIu64 " evicted %" PRIu64 " forks %" PRIu64 " exits %" PRIu64
	        " orphans %" PRIu64 " processes_evicted %" PRIu64 " cpu_us %" PRId64 "\n",
	        trace->samples, trace->events, trace->lost, trace->dropped_irq,
	        trace->dropped_foreign, trace->malformed, trace->filtered_ports, trace->pauses,
	        socket_history->added, socket_history->merged, socket_history->unjoined,
	        socket_history->expired, socket_history->evicted, history->forks, history->exits,
	        history->orphans, process_table_counters(history->processes)->evicted,
	        clock_cpu_ns() / 1000);
}

int main(int argc, char **argv)
{
	struct events events = { .interval_ms = 100, .window_ns = 100 * NS_PER_MS };
	struct tracepoints_options options = { .namespaces = true, .ids = true };
	struct hash_key key = { { 3, 4 } };
	struct error error;
	int option;

	while ((option = getopt(argc, argv, "t:i:r:nq:w:")) != -1) {
		switch (option) {
		case 't':
			events.seconds = strtol(optarg, NULL, 10);
			break;
		case 'i':
			events.interval_ms = strtol(optarg, NULL, 10);
			break;
		case 'r':
			options.ring_kib = (int)strtol(optarg, NULL, 10);
			break;
		case 'n':
			options.namespaces = false;
			break;
		case 'q':
			events.truth = optarg;
			break;
		case 'w':
			events.window_ns = strtol(optarg, NULL, 10) * NS_PER_MS;
			break;
		default:
			return 2;
		}
	}
	events.socket_history = socket_history_new(SIGHTINGS, &key);
	events.process_history.follows_namespaces = options.namespaces;
	if (!events.socket_history || process_table_new(&events.process_history.processes, "/proc",
	                                                PROCESSES, &key, NULL) < 0)
		return EXIT_FAILURE;
	if (tracepoints_open(&events.tracepoints, &options, &error) < 0) {
		fprintf(stderr, "trace_events: %s\n", error.text);
		return SKIPPED;
	}
	seed(&events);
	fputs("ready\n", stderr);
	run(&events);
	if (events.truth)
		answer_all(&events);
	print_counters(&events);
	tracepoints_close(events.tracepoints);
	socket_history_free(events.socket_history);
	process_table_free(events.process_history.processes);
	return EXIT_SUCCESS;
}
