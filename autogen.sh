#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure. Needs autoconf, automake and pkg-config.
cd "$(dirname "$0")" && exec autoreconf --install
