/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* bench_decode: nanoseconds a packet, the best of many rounds, for some cases of decode_cases.h. */
#include "decode/decode.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "decode_cases.h"

#define ROUNDS  200
#define PACKETS 20000

static const char *const names[] = {
	"Ethernet", "service VLAN",    "SLL, to this host", "SLL2", "TCP options and data",
	"UDP",      "port unreachable"
};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void bench(const struct decode_case *bench)
{
	uint8_t bytes[1024];
	uint32_t size = decode_case_bytes(bench, bytes, sizeof(bytes));
	struct packet packet = { 0 };
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double begin = now_ns(), took;

		for (int i = 0; i < PACKETS; i++) {
			decode_packet(bench->link_type, bytes, size, size, &packet);
			/* The result is used, for all the compiler knows. */
			__asm__ volatile("" : : "r"(&packet) : "memory");
		}
		took = (now_ns() - begin) / PACKETS;
		best = round == 0 || took < best ? took : best;
	}
	printf("%-24s %6.1f ns\n", bench->name, best);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t j = 0; j < sizeof(decode_cases) / sizeof(decode_cases[0]); j++)
			if (strcmp(names[i], decode_cases[j].name) == 0)
				bench(&decode_cases[j]);
	return 0;
}
