/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_tree.h"

#include "process_table_fixture.h"

static uint64_t ticks_of(int64_t boottime_ns)
{
	return (uint64_t)(boottime_ns / (NS_PER_SECOND / sysconf(_SC_CLK_TCK)));
}

/* A process that began so long after now. */
static struct process process_began(int pid, int64_t later_ns)
{
	return (struct process){ .references = 1,
		                 .pid = pid,
		                 .start_ticks = ticks_of(clock_boottime_ns() + later_ns) };
}

static bool has(struct process_tree *tree, int pid)
{
	const struct process process = process_began(pid, 0);

	return process_tree_has(tree, &process);
}

static void fork_now(struct process_tree *tree, int parent_pid, int pid)
{
	process_tree_forked(tree, parent_pid, pid, clock_monotonic_ns());
}

static void test_forks(void)
{
	struct process_tree *tree = process_tree_new(100, &key);
	struct process later, sooner;

	CHECK(has(tree, 100), "the root belongs to it");
	CHECK(!has(tree, 101), "another process does not");
	fork_now(tree, 100, 101);
	fork_now(tree, 101, 102);
	fork_now(tree, 99, 103);
	CHECK(has(tree, 101) && has(tree, 102), "children and their children do");
	CHECK(!has(tree, 103), "the child of another does not");
	fork_now(tree, 102, 104);
	fork_now(tree, 99, 102);
	CHECK(!has(tree, 102), "a pid that is used again belongs to another");
	CHECK(has(tree, 104), "who was its child stays");
	later = process_began(104, NS_PER_SECOND);
	sooner = process_began(104, -NS_PER_SECOND);
	CHECK(!process_tree_has(tree, &later) && !process_tree_has(tree, &sooner),
	      "a process with the pid that began at another time does not");
	process_tree_free(tree);
	process_tree_free(NULL);
}

static void test_bound(void)
{
	struct process_tree *tree = process_tree_new(1, &key);
	const struct process root = process_began(1, 0);

	for (int pid = 2; pid < 200000; pid++)
		fork_now(tree, 1, pid);
	CHECK(process_tree_has(tree, &root), "the root stays");
	CHECK(has(tree, 199999) && !has(tree, 2), "of very many the oldest are forgotten");
	process_tree_free(tree);
}

/* Forks, says the pid of its child and waits. */
static void have_child(void *pid)
{
	volatile int *said = pid;
	pid_t parent = getpid(), child = fork();

	/* The parent may be dead already: then the signal never comes. */
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
			pause();
		_exit(0);
	}
	*said = (int)child;
	pause();
}

/* Forks are not heard of: the chain of parents leads to the root. */
static void test_chain(void)
{
	struct process_table *table = open_table("/proc", 64);
	int *said =
		mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t root = child_begin(have_child, said);
	struct process_tree *tree = process_tree_new((int)root, &key);
	struct process *process, *self;

	for (int tries = 0; tries < 5000 && *(volatile int *)said == 0; tries++)
		usleep(1000);
	process = need(process_table_get(table, *said, NULL));

	CHECK(!process_tree_has(tree, process),
	      "where all forks are heard of, an unheard one is none");
	process_tree_set_table(tree, table);
	process_tree_forks_lost(tree);
	CHECK(process_tree_has(tree, process), "otherwise its parent decides");
	self = need(process_table_get(table, (int)getpid(), NULL));
	CHECK(!process_tree_has(tree, self), "the root's parent does not belong to it");
	child_end(root);
	process_tree_free(tree);
	process_table_free(table);
}

int main(void)
{
	test_forks();
	test_bound();
	test_chain();
	return check_done();
}
