/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_merge.h"

#include "check.h"
#include "random.h"

#define SOURCES 129

/* Each source has random times that never go back. */
struct source {
	int64_t next_ns;
	int left;
};

/* The least time of all but one. */
static int64_t least_of_others(const struct source *sources, int count, const struct source *one)
{
	int64_t least_ns = INT64_MAX;

	for (int i = 0; i < count; i++)
		if (&sources[i] != one && sources[i].left > 0 && sources[i].next_ns < least_ns)
			least_ns = sources[i].next_ns;
	return least_ns;
}

static void test_random_sources(struct random *random, int count)
{
	static struct source sources[SOURCES];
	static struct trace_merge_entry entries[SOURCES];
	struct trace_merge merge = { .entries = entries };
	int64_t last_ns = 0;
	int expected = 0, taken = 0, wrong = 0;

	for (int i = 0; i < count; i++) {
		sources[i] = (struct source){ random_below(random, 1000),
			                      (int)random_below(random, 50) };
		expected += sources[i].left;
		if (sources[i].left > 0)
			trace_merge_add(&merge, sources[i].next_ns, &sources[i]);
	}
	while (merge.count > 0) {
		struct source *source = entries[0].source;

		wrong += source->next_ns != entries[0].time_ns || entries[0].time_ns < last_ns;
		wrong += trace_merge_others_ns(&merge) != least_of_others(sources, count, source);
		last_ns = entries[0].time_ns;
		taken++;
		source->next_ns += random_below(random, 100);
		if (--source->left > 0)
			trace_merge_advance(&merge, source->next_ns);
		else
			trace_merge_remove_first(&merge);
	}
	CHECK(wrong == 0 && taken == expected, "%d sources as one in the order of time", count);
}

int main(void)
{
	static const int counts[] = { 0, 1, 2, 3, 4, 5, 8, 64, SOURCES };
	struct random random = random_begin();

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		test_random_sources(&random, counts[i]);
	return check_done();
}
