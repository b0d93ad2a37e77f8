/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One option of the command line -> struct options. 0 or -errno with one line that names it. */
#ifndef SOCKLINE_APP_OPTION_SET_H
#define SOCKLINE_APP_OPTION_SET_H

#include "app/option_table.h"

/* argument is NULL where the row takes none. */
int option_set(struct options *options, const struct option_row *row, const char *argument,
               struct error *error);
/* The defaults of all rows; every other field is zero. */
void option_set_defaults(struct options *options);

/* Rows of OPTION_CALL. */
int option_set_interface(struct options *options, const char *name, struct error *error);
int option_set_filter_file(struct options *options, const char *path, struct error *error);
int option_set_netns(struct options *options, const char *text, struct error *error);
/* "NAME=VALUE", see encode.h for what fits. -ENOMEM, -EINVAL. */
int option_set_label(struct options *options, const char *text, struct error *error);
int option_set_events(struct options *options, const char *text, struct error *error);

#endif
