/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in the second process. It is small on purpose: it parses nothing but tracefs as it begins,
 * allocates nothing and believes nothing of what the first one sends but the numbers that it compares
 * with its own lists.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "output/file.h"
#include "output/peer.h"
#include "security/helper_message.h"
#include "security/privileges.h"
#include "security/syscall_filter.h"

#define NAME "sockline-helper" /* comm has room for as much */

struct process {
	int fd;                               /* to the first process */
	int home;                             /* the namespace that it lives in, or -1 */
	uint16_t traces[TRACE_RECORD_EVENTS]; /* ids */
	const struct helper_options *options;
};

/* Not what ends the first one: this one ends after it. */
static void ignore_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE };

	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		signal(signals[i], SIG_IGN);
}

/* The reader of the records sees their end when the first process is gone, and not later. */
static int occupy_standard_descriptors(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	return null >= 0 ? 0 : -errno;
}

static void close_all(unsigned first, unsigned last)
{
	long most = sysconf(_SC_OPEN_MAX);

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0) /* Linux 5.9 */
		return;
	for (unsigned fd = first; fd <= last && (long)fd < most; fd++)
		close((int)fd);
}

/* It has its own socket and nothing else of the first one: no pipe of a command, no output. */
static int close_others(int *fd)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), result;

	if (moved < 0)
		return -errno;
	result = occupy_standard_descriptors();
	close_all(STDERR_FILENO + 1, (unsigned)moved - 1);
	close_all((unsigned)moved + 1, UINT_MAX);
	*fd = moved;
	return result;
}

static int confine(const struct helper_options *options)
{
	const struct syscall_filter_helper filter = { .namespaces = options->namespaces,
		                                      .traces = options->traces,
		                                      .output = options->output != NULL,
		                                      .peer = options->peer != NULL };
	int result = privileges_limit_thread(options->keep);

	if (result == 0)
		result = privileges_protect_memory();
	if (result == 0) /* a kernel that has no filters is no reason to do without */
		syscall_filter_load_helper(&filter);
	return result;
}

/*
 * Sockets to capture with, to ask the kernel for sockets, interfaces, translations and process events, and those by
 * which libpcap and sockline ask for the number and the abilities of an interface.
 */
static bool is_allowed(const struct helper_request *request)
{
	int type = request->type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);

	switch (request->domain) {
	case AF_PACKET:
		return type == SOCK_RAW || type == SOCK_DGRAM;
	case AF_NETLINK:
		return (type == SOCK_RAW || type == SOCK_DGRAM) &&
		       (request->protocol == NETLINK_ROUTE ||
		        request->protocol == NETLINK_SOCK_DIAG ||
		        request->protocol == NETLINK_CONNECTOR ||
		        request->protocol == NETLINK_NETFILTER);
	case AF_INET:
	case AF_INET6:
		return type == SOCK_DGRAM && request->protocol == 0;
	case AF_UNIX:
		return (type == SOCK_RAW || type == SOCK_DGRAM) && request->protocol == 0;
	default:
		return false;
	}
}

static int make_socket(const struct helper_request *request)
{
	int fd = (int)syscall(SYS_socket, request->domain, request->type | SOCK_CLOEXEC,
	                      request->protocol);

	return fd >= 0 ? fd : -errno;
}

static int open_net(const struct helper_request *request)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/thread-self/net/%s", helper_net_files[request->number]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

static bool is_socket(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* The namespace of fd, or that of the socket fd; to what else it may be no request is sent. 0 or -errno. */
static int enter(int fd)
{
	int namespace, result;

	if (!is_socket(fd))
		return setns(fd, CLONE_NEWNET) == 0 ? 0 : -errno;
	namespace = ioctl(fd, SIOCGSKNS);
	if (namespace < 0)
		return errno == EPERM ? -EPERM : -EINVAL;
	result = setns(namespace, CLONE_NEWNET) == 0 ? 0 : -errno;
	close(namespace);
	return result;
}

/* Nothing is done anywhere but in the namespace that was asked for. */
static int do_inside(const struct process *process, const struct helper_request *request,
                     int namespace_fd)
{
	int result = process->home >= 0 ? enter(namespace_fd) : -EPERM, fd;

	if (result != 0)
		return result;
	fd = request->kind == HELPER_SOCKET ? make_socket(request) : open_net(request);
	/* It would keep a container's namespace alive, and act in the wrong one. */
	if (setns(process->home, CLONE_NEWNET) != 0)
		_exit(1);
	return fd;
}

static bool is_known(const struct helper_request *request)
{
	uint32_t count = 0;

	while (helper_net_files[count])
		count++;
	return (request->kind == HELPER_SOCKET && is_allowed(request)) ||
	       (request->kind == HELPER_OPEN_NET && request->number < count);
}

static int open_inside(const struct process *process, const struct helper_request *request,
                       int passed)
{
	if (!process->options->namespaces || !is_known(request))
		return -EACCES;
	return passed >= 0 ? do_inside(process, request, passed) : -EBADF;
}

/* The path and the names beside it are those of the start. What the file holds is not looked at. */
static int open_output(const struct process *process, struct helper_answer *answer)
{
	bool created = false;
	int fd = file_open_unread(process->options->output, &created, &answer->error);

	answer->created = created;
	return fd;
}

/* Where files are kept, older ones go for each that moves; elsewhere none may move. */
static bool may_move(const struct process *process)
{
	return process->options->output && rotation_is_wanted(&process->options->rotation);
}

static int move_output(const struct process *process, int passed, struct helper_answer *answer)
{
	return rotation_move(&process->options->rotation, process->options->output, passed,
	                     &answer->error);
}

/* Fills the answer; a descriptor that goes with it, or -1. */
static int carry_out(const struct process *process, const struct helper_request *request,
                     int passed, struct helper_answer *answer)
{
	int fd = -1;

	switch (request->kind) {
	case HELPER_SOCKET:
	case HELPER_OPEN_NET:
		fd = open_inside(process, request, passed);
		answer->result = fd < 0 ? fd : 0;
		break;
	case HELPER_OPEN_TRACE:
		fd = process->options->traces ? helper_traces_open(process->traces, &request->trace)
		                              : -EACCES;
		answer->result = fd < 0 ? fd : 0;
		break;
	case HELPER_OPEN_OUTPUT:
		fd = process->options->output ? open_output(process, answer) : -EACCES;
		answer->result = fd < 0 ? fd : 0;
		break;
	case HELPER_CONNECT_OUTPUT:
		fd = process->options->peer ? peer_connect_unix(process->options->peer) : -EACCES;
		answer->result = fd < 0 ? fd : 0;
		break;
	case HELPER_MOVE_OUTPUT:
		answer->result = may_move(process) && passed >= 0
		                         ? move_output(process, passed, answer)
		                         : -EACCES;
		break;
	case HELPER_UNDO_OUTPUT:
		if (may_move(process))
			rotation_undo(process->options->output);
		break;
	default:
		answer->result = -EACCES;
		break;
	}
	return fd;
}

/* False at the end. What has another form ends it, too: the first process sends nothing such. */
static bool serve(const struct process *process)
{
	struct helper_answer answer = { 0 };
	struct helper_request request;
	int passed, fd;
	long got = helper_message_receive(process->fd, &request, sizeof request, &passed);

	if (got != (long)sizeof request)
		return false;
	fd = carry_out(process, &request, passed, &answer);
	if (passed >= 0)
		close(passed);
	answer.has_fd = fd >= 0;
	got = helper_message_send(process->fd, &answer, sizeof answer, fd);
	if (fd >= 0)
		close(fd);
	return got == (long)sizeof answer;
}

void helper_process_run(int fd, const struct helper_options *options)
{
	struct process process = { .fd = fd, .home = -1, .options = options };
	struct helper_answer answer = { 0 };

	ignore_signals();
	prctl(PR_SET_NAME, NAME, 0, 0, 0);
	answer.result = close_others(&process.fd);
	if (options->namespaces)
		process.home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (options->traces)
		helper_traces_learn(process.traces);
	if (answer.result == 0)
		answer.result = confine(options);
	if (helper_message_send(process.fd, &answer, sizeof answer, -1) != (long)sizeof answer ||
	    answer.result != 0)
		_exit(1);
	while (serve(&process))
		;
	_exit(0);
}
