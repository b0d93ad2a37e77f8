/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/children.h"
#include "attribution/forks.h"

#include "check.h"

/* Parent 10 has two children whose places others took, and one that is there. */
static void check_children(void)
{
	static struct children children;

	children_put(&children, 10, 20, 100);
	children_ended(&children, 20, 110);
	CHECK(!children_may_lack(&children, 10, 0, 105), "each child has its place");
	children_put(&children, 11, 20 + CHILDREN_MAX, 120);
	CHECK(children_next(&children, 10, NULL) == NULL, "another process's child took it");
	CHECK(children_may_lack(&children, 10, 100, 110), "a child may be missing that lived");
	CHECK(!children_may_lack(&children, 10, 101, 105), "none that was forked since");
	CHECK(!children_may_lack(&children, 10, 100, 111), "none that lived then");
	CHECK(!children_may_lack(&children, 11, 0, 105), "none of another process");
	children_put(&children, 10, 21, 130);
	children_put(&children, 11, 21 + CHILDREN_MAX, 140);
	CHECK(children_may_lack(&children, 10, 130, 1000), "its end is not known");
	children_put(&children, 12, 22, 150);
	children_put(&children, 12, 22, 160);
	CHECK(children_may_lack(&children, 12, 150, 160) &&
	              !children_may_lack(&children, 12, 150, 161),
	      "one whose pid is another's had ended");
}

int main(void)
{
	static struct forks forks;

	CHECK_EQUAL(forks_latest(&forks, 10), 0, "nobody has forked");
	forks_put(&forks, 10, 100);
	CHECK(forks_latest(&forks, 10) == 100 && forks_latest(&forks, 11) == 0, "one has");
	forks_put(&forks, 10, 90);
	CHECK_EQUAL(forks_latest(&forks, 10), 100,
	            "the latest counts, in whatever order they come");
	forks_put(&forks, 10 + FORKS_PIDS, 200);
	CHECK_EQUAL(forks_latest(&forks, 10), 100, "what another one did is not its own");
	CHECK_EQUAL(forks_latest(&forks, 10 + 2 * FORKS_PIDS), 100,
	            "one that may have been there: never earlier than the truth");
	forks_put(&forks, 10, 150);
	CHECK(forks_latest(&forks, 10) >= 150 && forks_latest(&forks, 10 + FORKS_PIDS) >= 200,
	      "in turn: the same");
	forks_lost(&forks, 160);
	CHECK(forks_latest(&forks, 11) == 160 && forks_latest(&forks, 10) == 200,
	      "after a loss, any may have");
	check_children();
	return check_done();
}
