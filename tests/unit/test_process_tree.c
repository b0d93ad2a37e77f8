/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_tree.h"

#include "process_table_fixture.h"

static uint64_t ticks_of(int64_t boottime_ns)
{
	return (uint64_t)(boottime_ns / (NS_PER_SECOND / sysconf(_SC_CLK_TCK)));
}

/* A process of which /proc says that it began so long after now. */
static struct process process_began(int pid, int64_t later_ns)
{
	return (struct process){ .references = 1,
		                 .pid = pid,
		                 .start_ticks = ticks_of(clock_boottime_ns() + later_ns) };
}

/* This process, as /proc shows it. */
static struct process process_self(void)
{
	struct process_table *table = open_table("/proc", 64);
	struct process self = {
		.references = 1,
		.pid = (int)getpid(),
		.start_ticks = need(process_table_get(table, (int)getpid(), NULL))->start_ticks,
	};

	process_table_free(table);
	return self;
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
	struct process self = process_self(), later, sooner;
	int base = self.pid + 1000000; /* no pid of a process that is there */
	struct process_tree *tree;

	usleep(100000);
	tree = process_tree_new(self.pid, &key);
	CHECK(process_tree_has(tree, &self), "the root belongs to it, however long it is there");
	self.start_ticks++;
	CHECK(!process_tree_has(tree, &self), "another one that had its pid does not");
	CHECK(!has(tree, base), "another process does not");
	fork_now(tree, self.pid, base + 1);
	fork_now(tree, base + 1, base + 2);
	fork_now(tree, base, base + 3);
	CHECK(has(tree, base + 1) && has(tree, base + 2), "children and their children do");
	CHECK(!has(tree, base + 3), "the child of another does not");
	fork_now(tree, base + 2, base + 4);
	fork_now(tree, base, base + 2);
	CHECK(!has(tree, base + 2), "a pid that is used again belongs to another");
	CHECK(has(tree, base + 4), "who was its child stays");
	later = process_began(base + 4, NS_PER_SECOND);
	sooner = process_began(base + 4, -2 * NS_PER_SECOND);
	CHECK(!process_tree_has(tree, &later) && !process_tree_has(tree, &sooner),
	      "a process with the pid that began at another time does not");
	process_tree_free(tree);
	process_tree_free(NULL);
}

/* The fork's event may come long after the start that /proc shows: another thread ran between. */
static void test_times(void)
{
	struct process root = process_self(), process;
	struct process_tree *tree = process_tree_new(root.pid, &key);
	int64_t now_ns = clock_monotonic_ns();
	int pid = root.pid + 1000000;

	process_tree_forked(tree, root.pid, pid, now_ns);
	process = process_began(pid, -500 * NS_PER_MS);
	CHECK(process_tree_has(tree, &process), "half a second later is the same");
	process.exited_ns = now_ns - 1;
	CHECK(!process_tree_has(tree, &process), "but not where that one had ended by then");
	process = process_began(pid, -500 * NS_PER_MS);
	process.forked_ns = now_ns;
	CHECK(process_tree_has(tree, &process), "the time of its fork decides");
	process.forked_ns = now_ns - 1;
	CHECK(!process_tree_has(tree, &process), "an earlier fork was of another");
	process_tree_free(tree);
}

static void test_bound(void)
{
	const struct process root = process_self();
	struct process_tree *tree = process_tree_new(root.pid, &key);
	int base = root.pid + 1000000;

	for (int i = 2; i < 200000; i++)
		fork_now(tree, root.pid, base + i);
	CHECK(process_tree_has(tree, &root), "the root stays");
	CHECK(has(tree, base + 199999) && !has(tree, base + 2),
	      "of very many the oldest are forgotten");
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
	CHECK(process_tree_has_pid(tree, *said) && !process_tree_has_pid(tree, (int)getpid()),
	      "by the pid alone as well");
	child_end(root);
	process_tree_free(tree);
	process_table_free(table);
}

int main(void)
{
	test_forks();
	test_times();
	test_bound();
	test_chain();
	return check_done();
}
