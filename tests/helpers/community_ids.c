/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines "protocol source destination source_port destination_port" on standard
 * input, one Community ID each on standard output. Ports "-": there are none.
 */
#include "events/community_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char line[256];

	while (fgets(line, sizeof line, stdin)) {
		char source[64], destination[64], ports[2][8], id[COMMUNITY_ID_SIZE];
		struct tuple tuple = { .protocol = (uint8_t)strtoul(line, NULL, 10) };
		bool has_ports;

		if (sscanf(line, "%*s %63s %63s %7s %7s", source, destination, ports[0],
		           ports[1]) != 4 ||
		    !inet_parse(source, &tuple.source) ||
		    !inet_parse(destination, &tuple.destination)) {
			fprintf(stderr, "community_ids: %s", line);
			return EXIT_FAILURE;
		}
		has_ports = strcmp(ports[0], "-") != 0;
		tuple.source_port = (uint16_t)strtoul(ports[0], NULL, 10);
		tuple.destination_port = (uint16_t)strtoul(ports[1], NULL, 10);
		community_id(0, &tuple, has_ports, id);
		puts(id);
	}
	return EXIT_SUCCESS;
}
