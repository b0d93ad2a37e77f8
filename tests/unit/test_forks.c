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
	CHECK_EQUAL(forks_latest(&forks, 10), 200, "never earlier than the truth");
	forks_lost(&forks, 150);
	CHECK(forks_latest(&forks, 11) == 150 && forks_latest(&forks, 10) == 200,
	      "after a loss, any may have");
	return check_done();
}
