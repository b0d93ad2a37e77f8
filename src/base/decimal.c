/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/decimal.h"

/* clang-format off */
#define ONE(a, b, c, length)  a, b, c, length
#define TEN(a, b, length)                                                                          \
	ONE(a, b, '0', length), ONE(a, b, '1', length), ONE(a, b, '2', length),                    \
	ONE(a, b, '3', length), ONE(a, b, '4', length), ONE(a, b, '5', length),                    \
	ONE(a, b, '6', length), ONE(a, b, '7', length), ONE(a, b, '8', length),                    \
	ONE(a, b, '9', length)
#define NINETY(a, length)                                                                          \
	TEN(a, '1', length), TEN(a, '2', length), TEN(a, '3', length), TEN(a, '4', length),        \
	TEN(a, '5', length), TEN(a, '6', length), TEN(a, '7', length), TEN(a, '8', length),        \
	TEN(a, '9', length)
#define HUNDRED(a)  TEN(a, '0', 3), NINETY(a, 3)

const char decimal_triples[4 * 1000] = {
	TEN('0', '0', 1), NINETY('0', 2),
	HUNDRED('1'), HUNDRED('2'), HUNDRED('3'), HUNDRED('4'), HUNDRED('5'),
	HUNDRED('6'), HUNDRED('7'), HUNDRED('8'), HUNDRED('9'),
};
/* clang-format on */
