/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One run: the live stream, a replay or a snapshot, from run_started to run_stopped. */
#ifndef SOCKLINE_APP_RUN_H
#define SOCKLINE_APP_RUN_H

#include "base/log.h"
#include "app/options.h"

/* Returns the exit status. */
int run_main(const struct options *options, const struct log *log);

#endif
