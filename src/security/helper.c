/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/helper.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "security/helper_message.h"

/* The kernel may load a module for a socket; longer than that is no answer. */
#define ANSWER_SECONDS 10
#define END_STEPS      100 /* of 5 ms */
#define END_STEP_NS    5000000

struct helper {
	int fd;
	pid_t pid; /* 0: its status has been taken */
	pthread_mutex_t lock;
	atomic_bool ended;
};

static int fork_process(struct helper *helper, const struct helper_options *options,
                        struct error *error)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return error_set(error, errno, "privilege separation: socketpair: %s",
		                 strerror(errno));
	helper->pid = fork();
	if (helper->pid == 0) { /* never comes back */
		close(ends[0]);
		helper_process_run(ends[1], options);
	}
	close(ends[1]);
	helper->fd = ends[0];
	return helper->pid > 0
	               ? 0
	               : error_set(error, errno, "privilege separation: fork: %s", strerror(errno));
}

static void mark_ended(struct helper *helper)
{
	atomic_store(&helper->ended, true);
	shutdown(helper->fd, SHUT_RDWR); /* one that still runs ends */
}

/* For the thread that started it alone. */
static void reap(struct helper *helper)
{
	if (helper->pid > 0 && waitpid(helper->pid, NULL, WNOHANG) != 0)
		helper->pid = 0;
}

/* An answer that comes later would be taken for that to the next question. */
static int receive(struct helper *helper, struct helper_answer *answer, int *fd)
{
	long got = helper_message_receive(helper->fd, answer, sizeof *answer, fd);

	if (got == (long)sizeof *answer && (answer->has_fd != 0) == (*fd >= 0))
		return answer->result;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	mark_ended(helper);
	return -EPIPE;
}

/* It serves, and holds no more than it is to. */
static int wait_until_ready(struct helper *helper, struct error *error)
{
	struct helper_answer answer = { 0 };
	int fd;
	long got = helper_message_receive(helper->fd, &answer, sizeof answer, &fd);

	if (fd >= 0)
		close(fd);
	if (got == (long)sizeof answer && answer.result == 0)
		return 0;
	return error_set(error, answer.result < 0 ? -answer.result : EPIPE,
	                 "privilege separation: the helper process cannot be confined: %s",
	                 strerror(answer.result < 0 ? -answer.result : EPIPE));
}

/* The result, or with 0 the descriptor that was asked for. */
static int ask_all(struct helper *helper, const struct helper_request *request, int passed,
                   struct helper_answer *answer)
{
	int fd = -1, result = -EPIPE;

	error_set(&answer->error, EPIPE, "the helper process has ended");
	pthread_mutex_lock(&helper->lock);
	if (!atomic_load(&helper->ended)) {
		if (helper_message_send(helper->fd, request, sizeof *request, passed) ==
		    (long)sizeof *request)
			result = receive(helper, answer, &fd);
		else
			mark_ended(helper);
	}
	pthread_mutex_unlock(&helper->lock);
	return result == 0 && fd >= 0 ? fd : result;
}

static int ask(struct helper *helper, const struct helper_request *request, int passed)
{
	struct helper_answer answer;

	return ask_all(helper, request, passed, &answer);
}

int helper_start(struct helper **result, const struct helper_options *options, struct error *error)
{
	const struct timeval longest = { .tv_sec = ANSWER_SECONDS };
	struct helper *helper = calloc(1, sizeof *helper);
	int code;

	if (!helper)
		return error_set(error, ENOMEM, "out of memory");
	helper->fd = -1;
	pthread_mutex_init(&helper->lock, NULL);
	code = fork_process(helper, options, error);
	if (code == 0 &&
	    setsockopt(helper->fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest) != 0)
		code = error_set(error, errno, "privilege separation: %s", strerror(errno));
	if (code == 0)
		code = wait_until_ready(helper, error);
	if (code != 0) {
		helper_stop(helper);
		return code;
	}
	*result = helper;
	return 0;
}

void helper_give_up(struct helper *helper)
{
	mark_ended(helper);
	reap(helper);
}

void helper_stop(struct helper *helper)
{
	static const struct timespec step = { .tv_nsec = END_STEP_NS };

	if (!helper)
		return;
	if (helper->fd >= 0)
		close(helper->fd);
	for (int i = 0; i < END_STEPS && helper->pid > 0; i++) {
		reap(helper);
		if (helper->pid > 0)
			nanosleep(&step, NULL);
	}
	pthread_mutex_destroy(&helper->lock);
	free(helper);
}

int helper_pid(const struct helper *helper)
{
	return (int)helper->pid;
}

int helper_fd(const struct helper *helper)
{
	return helper->fd;
}

bool helper_has_ended(const struct helper *helper)
{
	return atomic_load(&helper->ended);
}

int helper_socket(struct helper *helper, int netns_fd, int domain, int type, int protocol)
{
	struct helper_request request = {
		.kind = HELPER_SOCKET,
		.domain = domain,
		.type = type,
		.protocol = protocol,
	};

	return ask(helper, &request, netns_fd);
}

int helper_open_net(struct helper *helper, int netns_fd, const char *name)
{
	struct helper_request request = { .kind = HELPER_OPEN_NET };

	while (helper_net_files[request.number] &&
	       strcmp(helper_net_files[request.number], name) != 0)
		request.number++;
	return helper_net_files[request.number] ? ask(helper, &request, netns_fd) : -EACCES;
}

int helper_open_trace(struct helper *helper, const struct trace_open *wanted)
{
	const struct helper_request request = { .kind = HELPER_OPEN_TRACE, .trace = *wanted };

	return ask(helper, &request, -1);
}

int helper_open_output(struct helper *helper, bool *created, struct error *error)
{
	const struct helper_request request = { .kind = HELPER_OPEN_OUTPUT };
	struct helper_answer answer;
	int fd = ask_all(helper, &request, -1, &answer);

	if (fd >= 0)
		*created = answer.created != 0;
	else if (error)
		*error = answer.error;
	return fd;
}

int helper_move_output(struct helper *helper, int fd, struct error *error)
{
	const struct helper_request request = { .kind = HELPER_MOVE_OUTPUT };
	struct helper_answer answer;
	int result = ask_all(helper, &request, fd, &answer);

	if (result < 0 && error)
		*error = answer.error;
	return result;
}

void helper_undo_output(struct helper *helper)
{
	const struct helper_request request = { .kind = HELPER_UNDO_OUTPUT };

	ask(helper, &request, -1);
}

int helper_connect_output(struct helper *helper)
{
	const struct helper_request request = { .kind = HELPER_CONNECT_OUTPUT };

	return ask(helper, &request, -1);
}
