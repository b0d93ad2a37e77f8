/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* --max-memory: what the other options have of it. */
#ifndef SOCKLINE_APP_OPTION_MEMORY_H
#define SOCKLINE_APP_OPTION_MEMORY_H

#include "app/options.h"
#include "base/error.h"

/*
 * Where they are not given, --buffer-size and --max-connections become as small as --max-memory
 * wants them. 0; -EINVAL: --buffer-size is given, and leaves too little.
 */
int option_memory_divide(struct options *options, struct error *error);

#endif
