/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads on standard error: what the run is at its start, and its sums at the end. */
#include <string.h>
#include <unistd.h>

#include "app/option_table.h"
#include "app/run_private.h"
#include "base/buf.h"

bool run_is_shown(const struct run *run, enum options_shown shown)
{
	if (run->options->mode != OPTIONS_STREAM || run->log->level < LOG_INFO)
		return false;
	return shown == OPTIONS_SHOWN || (shown == OPTIONS_SHOWN_AUTO && isatty(STDERR_FILENO));
}

static void greet_replay(const struct run *run)
{
	bool is_stdin = strcmp(run->options->read_file, "-") == 0;
	int link_type = capture_set_link_type(run->captures, 0);
	const char *name = link_type >= 0 ? capture_link_type_name(link_type) : NULL;

	log_info(run->log, "reading %s%s%s", is_stdin ? "standard input" : run->options->read_file,
	         name ? ", link type " : "", name ? name : "");
}

static void append_interfaces(const struct options *options, struct buf *text)
{
	if (options->interface_count == 0)
		buf_append_literal(text, "any");
	for (int i = 0; i < options->interface_count; i++) {
		if (i > 0)
			buf_append_literal(text, ", ");
		buf_append_string(text, options->interfaces[i]);
	}
}

/* Those of a namespace were opened one after the other. */
static int count_namespaces(const struct capture_set *set)
{
	int count = 0;

	for (int i = 0; i < capture_set_count(set); i++)
		if (i == 0 || capture_set_netns(set, i) != capture_set_netns(set, i - 1))
			count++;
	return count;
}

/* What is missing, and how to have it, are the warnings before. */
static void greet_live(const struct run *run)
{
	enum host_method method = host_method(run->host);
	int namespaces = count_namespaces(run->captures), degraded;
	char bytes[1024];
	struct buf text = { .data = bytes, .capacity = sizeof bytes - 1 };

	host_degraded(run->host, &degraded);
	append_interfaces(run->options, &text);
	if (namespaces > 1) {
		buf_append_literal(&text, " in ");
		buf_append_u64(&text, (uint64_t)namespaces);
		buf_append_literal(&text, " network namespaces");
	}
	buf_append_literal(&text, ", owners by ");
	buf_append_string(&text, option_table_word("attribution", method));
	if (method != HOST_METHOD_TRACEPOINTS) {
		buf_append_literal(&text, " (");
		buf_append_string(&text, host_method_why(run->host));
		buf_append_literal(&text, ")");
	}
	if (degraded > 0)
		buf_append_literal(&text, ", limited as above");
	bytes[text.length] = '\0';
	log_info(run->log, "capturing on %s", bytes);
}

void run_greet(const struct run *run)
{
	if (!run_is_shown(run, OPTIONS_SHOWN_AUTO))
		return;
	if (run_is_replay(run))
		greet_replay(run);
	else
		greet_live(run);
}

static void print_line(void *context, const char *line)
{
	const struct run *run = context;

	log_info(run->log, "%s", line);
}

void run_sum_up(struct run *run)
{
	if (run->summary)
		summary_print(run->summary, print_line, run);
	if (run->captures)
		report_closing_line(&run->report, run->log);
}
