/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentinel at work in a network namespace of its own. A process that sends here stays until it
 * is stopped, so that what holds does not depend on how quick the threads are.
 */
#include "sentinel/sentinel.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "check.h"
#include "netns.h"
#include "sockets/netns.h"

#define PATIENCE_NS (10 * NS_PER_SECOND)
#define SHORT_NS    (300 * NS_PER_MS)
#define SEEN_MAX    1024

static struct sentinel *sentinel;

static struct {
	int count;
	struct sentinel_sighting sightings[SEEN_MAX];
	struct sentinel_process processes[SEEN_MAX];
	int process_count;
} seen;

static void on_process(void *context, const struct sentinel_process *process)
{
	(void)context;
	if (seen.process_count < SEEN_MAX)
		seen.processes[seen.process_count++] = *process;
}

static void on_sighting(void *context, const struct sentinel_sighting *sighting)
{
	(void)context;
	if (seen.count < SEEN_MAX)
		seen.sightings[seen.count++] = *sighting;
}

/* The first sighting from this local port, by one of these protocols, within a time; NULL: none. */
static const struct sentinel_sighting *await(int protocol, uint16_t port, int pid, int64_t wait_ns)
{
	const struct sentinel_callbacks callbacks = { on_process, on_sighting, NULL };
	int64_t end_ns = clock_monotonic_ns() + wait_ns;

	do {
		sentinel_drain(sentinel, &callbacks);
		for (int i = 0; i < seen.count; i++)
			if (seen.sightings[i].tuple.protocol == protocol &&
			    seen.sightings[i].tuple.source_port == port &&
			    (pid == 0 || seen.sightings[i].pid == pid))
				return &seen.sightings[i];
		poll(NULL, 0, 5);
	} while (clock_monotonic_ns() < end_ns);
	return NULL;
}

static const struct sentinel_process *process_of(const struct sentinel_sighting *sighting)
{
	for (int i = 0; i < seen.process_count; i++)
		if (seen.processes[i].pid == sighting->pid &&
		    seen.processes[i].start_ticks == sighting->start_ticks)
			return &seen.processes[i];
	return NULL;
}

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address = { .sin_port = 0 };
	socklen_t size = sizeof address;

	return getsockname(fd, (void *)&address, &size) == 0 ? ntohs(address.sin_port) : 0;
}

static uint64_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static uint16_t send_udp(int fd, uint16_t port)
{
	struct sockaddr_in address = loopback(port);

	if (sendto(fd, "x", 1, 0, (void *)&address, sizeof address) != 1)
		perror("sendto");
	return port_of(fd);
}

/* Another process, which does what it is asked for and says what it did. */
struct actor {
	int pid, to, from;
};
struct act {
	char what;
	uint16_t port;
};
struct done {
	uint16_t port;
	uint64_t inode;
	int pid;
};

#define TOLD  3 /* descriptors of the actor */
#define TELLS 4

static struct actor start(void (*play)(void))
{
	int to[2], from[2];
	struct actor actor;

	if (pipe(to) != 0 || pipe(from) != 0 || (actor.pid = fork()) < 0)
		abort();
	if (actor.pid == 0) {
		int in = fcntl(to[0], F_DUPFD, 1000), out = fcntl(from[1], F_DUPFD, 1001);

		dup2(in, TOLD);
		dup2(out, TELLS);
		for (int fd = TELLS + 1; fd < 1024; fd++)
			close(fd);
		play();
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	actor.to = to[1];
	actor.from = from[0];
	return actor;
}

static void stop(struct actor actor)
{
	kill(actor.pid, SIGKILL);
	waitpid(actor.pid, NULL, 0);
	close(actor.to);
	close(actor.from);
}

static struct done tell(struct actor actor, char what, uint16_t port)
{
	struct act act = { .what = what, .port = port };
	struct done done = { .port = 0 };

	/* Not as young any more as others that this machine has begun meanwhile. */
	sentinel_hint(sentinel, actor.pid);
	if (write(actor.to, &act, sizeof act) != sizeof act ||
	    read(actor.from, &done, sizeof done) != sizeof done)
		abort();
	return done;
}

/*
 * Has it done until who did it is sighted: on a busy machine a search may take too
 * long, and gives up. NULL: never.
 */
static const struct sentinel_sighting *look_for(struct actor actor, char what, uint16_t port,
                                                struct done *done)
{
	int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
	const struct sentinel_sighting *sighting;

	do {
		*done = tell(actor, what, port);
		sighting = await(what == 't' ? IPPROTO_TCP : IPPROTO_UDP, done->port, actor.pid,
		                 SHORT_NS);
	} while (!sighting && clock_monotonic_ns() < end_ns);
	return sighting;
}

static int open_tcp(char what, uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = loopback(port);

	if (what == 'l' ? bind(fd, (void *)&address, sizeof address) != 0 || listen(fd, 16) != 0
	                : connect(fd, (void *)&address, sizeof address) != 0)
		_exit(1);
	return fd;
}

static int fork_child(void)
{
	int pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

/*
 * u: sends a datagram by a new socket; r: with SO_REUSEADDR; s: by the last one; t: connects;
 * l: listens; a: accepts and forks a child with it; b: and keeps it itself as well.
 */
static void play(void)
{
	int fd = -1, accepted = -1, one = 1;
	struct act act;

	signal(SIGCHLD, SIG_IGN);
	while (read(TOLD, &act, sizeof act) == sizeof act) {
		struct done done = { .pid = getpid() };

		if (fd >= 0 && strchr("urtl", act.what))
			close(fd);
		if (act.what == 'u' || act.what == 'r')
			fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (act.what == 'r')
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (strchr("urs", act.what))
			send_udp(fd, act.port);
		if (act.what == 't' || act.what == 'l')
			fd = open_tcp(act.what, act.port);
		if (act.what == 'a' || act.what == 'b')
			accepted = accept(fd, NULL, NULL);
		done.port = port_of(fd);
		done.inode = inode_of(accepted >= 0 ? accepted : fd);
		if (accepted >= 0)
			done.pid = fork_child();
		if (act.what == 'a')
			close(accepted);
		accepted = -1;
		if (write(TELLS, &done, sizeof done) != sizeof done)
			_exit(1);
	}
}

static void test_udp(void)
{
	struct actor actor = start(play);
	struct done done;
	const struct sentinel_sighting *sighting = look_for(actor, 'u', 9, &done);
	const struct sentinel_process *process;

	CHECK(sighting != NULL, "a datagram is seen");
	if (!sighting)
		return;
	CHECK(sighting->how == SENTINEL_SOCKET && sighting->pid == actor.pid, "and who sent it");
	CHECK(sighting->inode == done.inode && sighting->cookie != 0 && sighting->has_uid &&
	              sighting->uid == geteuid() && sighting->netns == netns_self(),
	      "its socket");
	CHECK(inet_is_loopback(&sighting->tuple.source) && sighting->tuple.destination_port == 9 &&
	              sighting->ifindex == if_nametoindex("lo"),
	      "its tuple");
	CHECK(sighting->time_ns <= clock_monotonic_ns() &&
	              sighting->packet_ns <= clock_realtime_ns() &&
	              sighting->packet_ns > clock_realtime_ns() - PATIENCE_NS,
	      "when");
	process = process_of(sighting);
	CHECK(process && process->parent_pid == getpid() &&
	              strncmp(process->name, "test_sentinel", 13) == 0 &&
	              strstr(process->executable, process->name) != NULL,
	      "and what the process is");

	sighting = look_for(actor, 'r', 9, &done);
	CHECK(sighting && sighting->how == SENTINEL_PORT && sighting->pid == actor.pid,
	      "of a port that may be shared, that is said");
	stop(actor);
}

static void test_tcp(void)
{
	struct actor server = start(play), client = start(play);
	struct done listener = tell(server, 'l', 0), done;
	const struct sentinel_sighting *sighting;

	sighting = look_for(client, 't', listener.port, &done);
	CHECK(sighting && sighting->how == SENTINEL_SOCKET && sighting->pid == client.pid &&
	              sighting->inode == done.inode &&
	              sighting->tuple.destination_port == listener.port,
	      "who connects is seen");
	/* A second time, when there was no time to find it. */
	for (int i = 0; i < 20; i++) {
		sighting = await(IPPROTO_TCP, listener.port, server.pid, SHORT_NS);
		if (sighting)
			break;
		sentinel_hint(sentinel, server.pid);
		tell(client, 't', listener.port);
	}
	CHECK(sighting && sighting->how == SENTINEL_LISTENER && sighting->inode == listener.inode &&
	              sighting->tuple.destination_port == 0,
	      "and who listens");
	sighting = look_for(client, 't', listener.port, &done);
	CHECK(sighting && sighting->pid == client.pid, "again, by another port");
	stop(client);
	stop(server);
}

/* A child that has what its parent accepted and closed; process events are needed for that. */
static void test_child(void)
{
	struct actor server = start(play), client = start(play);
	struct done listener = tell(server, 'l', 0), done, child;
	const struct sentinel_sighting *sighting;
	struct sentinel_counters counters;
	int64_t end_ns;

	if (strstr(sentinel_mode(sentinel), ", no ")) {
		printf("# no children: %s\n", sentinel_mode(sentinel));
		goto stop;
	}
	sentinel_listener(sentinel, server.pid);
	poll(NULL, 0, 50);
	/* A parent that is kept from closing for long is not waited for: the next one is. */
	end_ns = clock_monotonic_ns() + PATIENCE_NS;
	do {
		done = tell(client, 't', listener.port);
		child = tell(server, 'a', 0);
		sighting = await(IPPROTO_TCP, listener.port, child.pid, SHORT_NS);
		kill(child.pid, SIGKILL);
	} while (!sighting && clock_monotonic_ns() < end_ns);
	sentinel_read_counters(sentinel, &counters);
	CHECK(sighting ? sighting->how == SENTINEL_CHILD && sighting->inode == child.inode &&
	                         sighting->tuple.destination_port == done.port
	               : counters.over_budget > 0, /* an emulated machine is too slow */
	      "the child of a listener is seen");
	/* Both have it: that is for others to say. */
	tell(client, 't', listener.port);
	child = tell(server, 'b', 0);
	CHECK(!await(IPPROTO_TCP, listener.port, child.pid, SHORT_NS),
	      "not while its parent has the connection as well");
	kill(child.pid, SIGKILL);
stop:
	stop(client);
	stop(server);
}

static void test_flood(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sentinel_counters before, after;
	int64_t end_ns;

	sentinel_read_counters(sentinel, &before);
	end_ns = clock_monotonic_ns() + PATIENCE_NS;
	do {
		for (int i = 0; i < 1000; i++)
			send_udp(fd, 9);
		sentinel_read_counters(sentinel, &after);
	} while (after.excluded_ports == 0 && clock_monotonic_ns() < end_ns);
	CHECK(after.excluded_ports > 0, "a busy port is left out");
	before = after;
	for (int i = 0; i < 10000; i++)
		send_udp(fd, 9);
	sentinel_read_counters(sentinel, &after);
	CHECK(after.packets - before.packets < 5000u * check_slowdown(),
	      "and costs little: %d packets of 10000", (int)(after.packets - before.packets));
	close(fd);
}

static bool is_seen(struct actor actor, uint32_t netns)
{
	struct done done;
	const struct sentinel_sighting *sighting = look_for(actor, 'u', 9, &done);

	return sighting && sighting->netns == netns && sighting->inode == done.inode;
}

static bool is_unseen(struct actor actor)
{
	struct done done = tell(actor, 'u', 9);

	return !await(IPPROTO_UDP, done.port, actor.pid, SHORT_NS);
}

static void test_namespaces(uint32_t first)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), other;
	struct actor here = start(play), there;
	struct error error;
	uint32_t second;

	CHECK_EQUAL(sentinel_watch(sentinel, -1, first, &error), -EEXIST, "a namespace twice");
	if (unshare(CLONE_NEWNET) != 0 || !test_netns_set_link("lo", true))
		abort();
	second = netns_self();
	other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	there = start(play);
	CHECK(is_unseen(there), "what is not watched is not seen");
	if (setns(home, CLONE_NEWNET) != 0)
		abort();
	CHECK(sentinel_watch(sentinel, other, second, &error) == 0 && netns_self() == first,
	      "a second namespace");
	poll(NULL, 0, 100);
	CHECK(is_seen(there, second), "what is sent there is seen");
	sentinel_unwatch(sentinel, second);
	poll(NULL, 0, 100);
	CHECK(is_unseen(there), "not any more");
	for (int i = 0; i < 5; i++) {
		poll(NULL, 0, 50);
		if (sentinel_watch(sentinel, other, second, &error) != 0)
			break;
		poll(NULL, 0, i * 10);
		sentinel_unwatch(sentinel, second);
	}
	CHECK(is_seen(here, first), "the first is watched all the time");
	stop(here);
	stop(there);
	close(other);
	close(home);
}

/* Locked memory of this process, in kB. */
static long locked_memory(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long locked = -1;

	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "VmLck: %ld", &locked) == 1)
			break;
	if (status)
		fclose(status);
	return locked;
}

/* What the threads got is what is said of them. */
static void test_mode(void)
{
	const char *mode = sentinel_mode(sentinel);
	int cpus = (int)sysconf(_SC_NPROCESSORS_CONF), urgent = 0, pinned = 0, nice = 0;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	while (tasks && (entry = readdir(tasks))) {
		int tid = atoi(entry->d_name);
		cpu_set_t set;

		if (tid == 0 || tid == getpid())
			continue;
		urgent += sched_getscheduler(tid) == SCHED_FIFO;
		nice += getpriority(PRIO_PROCESS, (id_t)tid) == -20;
		pinned += sched_getaffinity(tid, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
	}
	if (tasks)
		closedir(tasks);
	CHECK(urgent == (strncmp(mode, "SCHED_FIFO", 10) == 0 ? cpus : 0),
	      "%d threads of real time: %s", urgent, mode);
	CHECK(strncmp(mode, "nice -20", 8) != 0 || nice == cpus, "%d of nice -20", nice);
	CHECK(pinned >= cpus || strstr(mode, "not on its CPU"), "%d on a CPU each", pinned);
	CHECK(locked_memory() > 256 * cpus || strstr(mode, "memory not locked"),
	      "%ld kB are locked, stacks and all", locked_memory());
}

int main(void)
{
	const bool unprivileged = geteuid() != 0;
	struct error error;
	uint32_t number;

	/* Process events are in the initial namespace; a user namespace is not for who has threads. */
	if (unprivileged && !test_netns_enter())
		return 0;
	if (sentinel_open(&sentinel, &error) < 0) {
		printf("1..0 # SKIP %s\n", error.text);
		return 0;
	}
	if (!unprivileged && !test_netns_enter())
		return 0;
	number = netns_self();
	if (sentinel_watch(sentinel, -1, number, &error) < 0) {
		printf("1..0 # SKIP %s\n", error.text);
		return 0;
	}
	printf("# %s\n", sentinel_mode(sentinel));
	poll(NULL, 0, 100);
	test_mode();
	test_udp();
	test_tcp();
	test_child();
	test_flood();
	test_namespaces(number);
	sentinel_close(sentinel);
	sentinel_close(NULL);
	return check_done();
}
