/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as /proc/net prints them: words of 32 bits in the byte order of the machine. */
#ifndef SOCKLINE_TESTS_PROC_NET_WORDS_H
#define SOCKLINE_TESTS_PROC_NET_WORDS_H

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PROC_NET_WORD(a, b, c, d) d c b a
#else
#define PROC_NET_WORD(a, b, c, d) a b c d
#endif

#define PROC_NET_ANY4      "00000000"
#define PROC_NET_LOOPBACK4 PROC_NET_WORD("7F", "00", "00", "01")
#define PROC_NET_ANY6      "00000000000000000000000000000000"
/* ::ffff:127.0.0.1 */
#define PROC_NET_MAPPED6 "0000000000000000" PROC_NET_WORD("00", "00", "FF", "FF") PROC_NET_LOOPBACK4

#endif
