/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_loadavg.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static const struct {
	const char *text;
	int pid;
} texts[] = {
	{ "0.00 0.01 0.05 1/123 4567\n", 4567 },
	{ "1000.00 1000.01 1000.05 4194304/4194304 4194304\n", 4194304 },
	{ "0.00 0.01 0.05 1/123 2147483647\n", 2147483647 },
	{ "0.00 0.01 0.05 1/123 2147483648\n", 0 },
	{ "0.00 0.01 0.05 1/123 -1\n", 0 },
	{ "0.00 0.01 0.05 1/123 0\n", 0 },
	{ "0.00 0.01 0.05 1/123 \n", 0 },
	{ "4567\n", 0 },
	{ "", 0 },
};

int main(void)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		FILE *file = tmpfile();

		CHECK(file && fputs(texts[i].text, file) >= 0 && fflush(file) == 0,
		      "a file to read from");
		if (!file)
			continue;
		CHECK(proc_loadavg_last_pid(fileno(file)) == texts[i].pid &&
		              proc_loadavg_last_pid(fileno(file)) == texts[i].pid,
		      "'%.*s' ends with %d, at any position", (int)strcspn(texts[i].text, "\n"),
		      texts[i].text, texts[i].pid);
		fclose(file);
	}
	CHECK(proc_loadavg_last_pid(-1) == 0, "no descriptor, no pid");
	return check_done();
}
