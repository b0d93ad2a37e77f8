/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* --help, from the table of options. */
#ifndef SOCKLINE_APP_OPTION_HELP_H
#define SOCKLINE_APP_OPTION_HELP_H

#include <stdio.h>

void option_help_print(FILE *stream);

#endif
