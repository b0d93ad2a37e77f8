/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/forks.h"

#include "check.h"

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
	return check_done();
}
