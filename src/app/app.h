/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: builds every module in order, runs, tears down in reverse. */
#ifndef SOCKLINE_APP_APP_H
#define SOCKLINE_APP_APP_H

/* Returns the exit status: 0, 1 failure at run time or lost output, 2 usage. */
int app_main(int argc, char **argv);

#endif
