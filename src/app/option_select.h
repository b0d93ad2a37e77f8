/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The options that select records by owner and port: rows of OPTION_CALL, see option_set.h. */
#ifndef SOCKLINE_APP_OPTION_SELECT_H
#define SOCKLINE_APP_OPTION_SELECT_H

#include "app/options.h"

int option_select_pid(struct options *options, const char *text, struct error *error);
int option_select_process(struct options *options, const char *text, struct error *error);
/* A name is looked up in /etc/passwd alone, as for records. */
int option_select_user(struct options *options, const char *text, struct error *error);
int option_select_container(struct options *options, const char *text, struct error *error);
int option_select_cgroup(struct options *options, const char *text, struct error *error);
int option_select_port(struct options *options, const char *text, struct error *error);

#endif
