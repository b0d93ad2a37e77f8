/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_details.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/table.h"
#include "base/worker.h"
#include "processes/container_names.h"
#include "processes/executable_hash.h"
#include "security/capabilities.h"
#include "security/privileges.h"

#define ANSWERS_MAX 4096 /* containers and executables that are remembered */
#define WAITERS_MAX 1024 /* processes that wait for answers */
#define JOBS_MAX    64   /* of a thread; each job of an executable holds a descriptor */
#define ABSENT_NS   (10 * NS_PER_SECOND) /* a runtime may write its files a moment later */
#define HASH_NICE   19                   /* it has time, others have not */

enum kind { KIND_CONTAINER, KIND_EXECUTABLE, KIND_COUNT };

/* What is asked for: without padding, the rest zero. */
struct question {
	uint64_t kind;
	union {
		char container[CONTAINER_NAMES_ID];
		struct executable_identity file;
	};
};

struct job {
	struct worker_job base;
	struct question question;
	uint32_t number; /* of the answer */
	const char *root;
	int fd; /* of the executable; owned; -1 = none */
	/* By the thread. */
	bool found;
	struct container_facts *container;
	uint8_t sha256[EXECUTABLE_HASH_SIZE];
};

struct waiter {
	struct waiter *next;
	struct process *process; /* counted reference */
	uint32_t generation;     /* of the process that asked: a later program has other answers */
};

enum state { STATE_FREE, STATE_PENDING, STATE_KNOWN, STATE_ABSENT };

struct answer {
	struct question question;
	enum state state;
	bool used;            /* since the hand passed */
	int64_t until_ns;     /* ABSENT: it is looked for again then */
	struct waiter *first; /* PENDING */
	struct container_facts *container;
	uint8_t sha256[EXECUTABLE_HASH_SIZE];
};

struct process_details {
	struct process_details_options options;
	struct table *index;
	struct answer *answers;
	uint32_t hand; /* the next answer that may be given up */
	uint32_t waiters;
	struct worker *workers[KIND_COUNT]; /* NULL: not begun */
	struct process_details_counters counters;
};

int process_details_new(struct process_details **details,
                        const struct process_details_options *options, struct error *error)
{
	struct process_details *new = calloc(1, sizeof *new);

	if (!new)
		return error_set(error, ENOMEM, "out of memory");
	new->options = *options;
	new->index = table_new(ANSWERS_MAX);
	new->answers = calloc(ANSWERS_MAX, sizeof *new->answers); /* touched as used */
	if (!new->index || !new->answers) {
		process_details_free(new);
		return error_set(error, ENOMEM, "out of memory");
	}
	*details = new;
	return 0;
}

void process_details_free(struct process_details *details)
{
	if (!details)
		return;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		worker_free(details->workers[kind]);
	for (uint32_t i = 0; details->answers && i < ANSWERS_MAX; i++)
		container_facts_unref(details->answers[i].container);
	free(details->answers);
	table_free(details->index);
	free(details);
}

static uint64_t hash_of(const struct process_details *details, const struct question *question)
{
	return hash_bytes(&details->options.key, question, sizeof *question);
}

/* Both were zeroed before they were filled: what lies between members is 0. */
static bool is_same(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct question)) == 0;
}

static struct answer *find(struct process_details *details, const struct question *question)
{
	struct table_cursor cursor = table_cursor(details->index, hash_of(details, question));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (is_same(&details->answers[number].question, question))
			return &details->answers[number];
	return NULL;
}

static void forget(struct process_details *details, struct answer *answer)
{
	table_remove(details->index, hash_of(details, &answer->question),
	             (uint32_t)(answer - details->answers));
	container_facts_unref(answer->container);
	*answer = (struct answer){ 0 };
}

/* A place for an answer, that of one which was not asked for lately. NULL: all are pending. */
static struct answer *make_room(struct process_details *details)
{
	for (int tries = 2 * ANSWERS_MAX; tries > 0; tries--) {
		struct answer *answer = &details->answers[details->hand];

		details->hand = (details->hand + 1) % ANSWERS_MAX;
		if (answer->state == STATE_FREE)
			return answer;
		if (answer->state != STATE_PENDING && !answer->used) {
			forget(details, answer);
			return answer;
		}
		answer->used = false;
	}
	return NULL;
}

static void apply(struct process *process, const struct answer *answer)
{
	struct process_added *added = &process->added;

	if (answer->state != STATE_KNOWN)
		return;
	if (answer->question.kind == KIND_CONTAINER) {
		container_facts_unref(added->container);
		added->container = container_facts_ref(answer->container);
	} else {
		memcpy(added->sha256, answer->sha256, sizeof added->sha256);
		added->has_sha256 = true;
	}
	added->version++;
}

/* Nothing else can be expected: runtimes write their files later, executables stay as they are. */
static bool is_final(const struct answer *answer)
{
	return answer->state == STATE_KNOWN ||
	       (answer->state == STATE_ABSENT && answer->question.kind == KIND_EXECUTABLE);
}

static void run_job(struct worker_job *base, const atomic_bool *stop)
{
	struct job *job = (struct job *)base;
	char id[CONTAINER_NAMES_ID + 1];

	if (job->question.kind == KIND_CONTAINER) {
		memcpy(id, job->question.container, CONTAINER_NAMES_ID);
		id[CONTAINER_NAMES_ID] = '\0';
		job->container = container_names_read(job->root, id);
		job->found = job->container != NULL;
	} else {
		job->found =
			executable_hash_read(job->fd, &job->question.file, stop, job->sha256) == 0;
	}
}

static void take_answer(struct process_details *details, struct answer *answer, struct job *job)
{
	answer->state = job->found ? STATE_KNOWN : STATE_ABSENT;
	answer->until_ns = clock_monotonic_ns() + ABSENT_NS;
	answer->container = job->container;
	memcpy(answer->sha256, job->sha256, sizeof answer->sha256);
	if (!job->found)
		details->counters.failed++;
	else if (answer->question.kind == KIND_CONTAINER)
		details->counters.containers++;
	else
		details->counters.hashed++;
}

/* In the worker, which may be made before the loop has dropped what it does not need. */
static int limit_worker(void)
{
	return privileges_limit_thread(PRIVILEGES_LOOK);
}

static void on_done(void *context, struct worker_job *base, bool ran)
{
	struct process_details *details = context;
	struct job *job = (struct job *)base;
	struct answer *answer = &details->answers[job->number];
	struct waiter *waiter;

	if (ran)
		take_answer(details, answer, job);
	while ((waiter = answer->first)) {
		struct process *process = waiter->process;

		answer->first = waiter->next;
		if (process->generation == waiter->generation) {
			apply(process, answer);
			if (!is_final(answer))
				process->added.wanted |= 1u << answer->question.kind;
		}
		process_unref(process);
		free(waiter);
		details->waiters--;
	}
	if (!ran)
		forget(details, answer);
	if (job->fd >= 0)
		close(job->fd);
	free(job);
}

/* Takes the job, whatever happens. False: it could not be handed over. */
static bool submit(struct process_details *details, struct job *job)
{
	static const atomic_bool never;
	enum kind kind = (enum kind)job->question.kind;
	struct worker_options options = {
		.name = kind == KIND_CONTAINER ? "containers" : "hashes",
		.nice = kind == KIND_CONTAINER ? 0 : HASH_NICE,
		.max_jobs = JOBS_MAX,
		.begin = limit_worker,
		.run = run_job,
		.done = on_done,
		.context = details,
	};

	if (details->options.at_once) {
		run_job(&job->base, &never);
		on_done(details, &job->base, true);
		return true;
	}
	if (!details->workers[kind])
		details->workers[kind] = worker_new(details->options.loop, &options);
	if (details->workers[kind] && worker_submit(details->workers[kind], &job->base) == 0)
		return true;
	on_done(details, &job->base, false);
	return false;
}

static bool add_waiter(struct process_details *details, struct answer *answer,
                       struct process *process)
{
	struct waiter *waiter;

	if (details->waiters == WAITERS_MAX || !(waiter = malloc(sizeof *waiter)))
		return false;
	details->waiters++;
	waiter->process = process_ref(process);
	waiter->generation = process->generation;
	waiter->next = answer->first;
	answer->first = waiter;
	return true;
}

/* Begins to look for a new answer; takes fd. False: there is no room. */
static bool look(struct process_details *details, const struct question *question,
                 struct process *process, int fd)
{
	struct answer *answer = make_room(details);
	struct job *job = answer ? calloc(1, sizeof *job) : NULL;
	uint32_t number;
	bool waits;

	if (!job) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	number = (uint32_t)(answer - details->answers);
	job->question = *question;
	job->root = details->options.root;
	job->number = number;
	job->fd = fd;
	if (table_insert(details->index, hash_of(details, question), number) != 0) {
		if (fd >= 0)
			close(fd);
		free(job);
		return false;
	}
	answer->question = *question;
	answer->state = STATE_PENDING;
	waits = add_waiter(details, answer, process);
	return submit(details, job) && waits;
}

/* Takes fd. True: there is nothing to be asked for any more, now. */
static bool ask(struct process_details *details, const struct question *question,
                struct process *process, int fd)
{
	struct answer *answer = find(details, question);

	if (answer && answer->state == STATE_ABSENT && clock_monotonic_ns() > answer->until_ns) {
		forget(details, answer);
		answer = NULL;
	}
	if (!answer)
		return look(details, question, process, fd);
	if (fd >= 0)
		close(fd);
	answer->used = true;
	if (answer->state == STATE_PENDING)
		return add_waiter(details, answer, process);
	apply(process, answer);
	return is_final(answer);
}

static bool want_container(struct process_details *details, struct process *process)
{
	struct question question = { .kind = KIND_CONTAINER };

	if (!process->container_id || !container_names_is_id(process->container_id))
		return true;
	memcpy(question.container, process->container_id, CONTAINER_NAMES_ID);
	return ask(details, &question, process, -1);
}

static bool want_hash(struct process_details *details, struct process *process)
{
	struct question question = { .kind = KIND_EXECUTABLE };
	int dir, fd;

	if (!process->executable)
		return true;
	dir = process_table_dir(details->options.processes, process);
	if (dir < 0)
		return true;
	fd = executable_hash_open(dir, process->executable, &question.file);
	return fd < 0 || ask(details, &question, process, fd);
}

void process_details_want(struct process_details *details, struct process *process)
{
	struct process_added *added = &process->added;
	uint32_t wanted;

	if (added->generation != process->generation + 1) {
		process_forget_added(process);
		added->generation = process->generation + 1;
		added->wanted = 1u << KIND_CONTAINER;
		if (details->options.hash)
			added->wanted |= 1u << KIND_EXECUTABLE;
	}
	/* An answer may ask again. So what is wanted is taken first. */
	wanted = added->wanted;
	added->wanted = 0;
	process_ref(process);
	if (wanted & 1u << KIND_CONTAINER && !want_container(details, process))
		added->wanted |= 1u << KIND_CONTAINER;
	if (wanted & 1u << KIND_EXECUTABLE && !want_hash(details, process))
		added->wanted |= 1u << KIND_EXECUTABLE;
	process_unref(process);
}

const struct process_details_counters *
process_details_counters(const struct process_details *details)
{
	return &details->counters;
}
