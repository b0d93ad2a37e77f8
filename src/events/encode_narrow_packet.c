/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a packet's record, compiled once more for narrow ones: these are so many
 * that to ask whether a member is wanted should take a few instructions in place.
 */
#define WRITER_NARROW 1
/* NOLINTNEXTLINE(bugprone-suspicious-include): one description serves both */
#include "events/encode_packet.c"
