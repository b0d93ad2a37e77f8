/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that any program on libpcap costs: counts packets, looks at none.
 *
 *	null_capture -r FILE
 *	null_capture -i INTERFACE [-B KIB]     until SIGTERM or SIGINT; TPACKET_V3
 *
 * Prints {"packets":N,"dropped":N}. Live, "ready" stands on standard error first.
 */
#include <pcap/pcap.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* Linux 4.20 */
#endif

static pcap_t *capture;

static void stop(int signal_number)
{
	(void)signal_number;
	pcap_breakloop(capture);
}

static void count(u_char *packets, const struct pcap_pkthdr *header, const u_char *bytes)
{
	(void)header;
	(void)bytes;
	++*(uint64_t *)(void *)packets;
}

static int fail(const char *what)
{
	fprintf(stderr, "null_capture: %s\n", what);
	return EXIT_FAILURE;
}

/* As sockline captures: the same snapshot length, ring and delay; on lo, each packet once. */
static int open_live(const char *interface, int buffer_kib)
{
	const int on = 1;
	char message[PCAP_ERRBUF_SIZE];

	capture = pcap_create(interface, message);
	if (!capture)
		return fail(message);
	if (pcap_set_snaplen(capture, 256) != 0 ||
	    pcap_set_buffer_size(capture, buffer_kib * 1024) != 0 ||
	    pcap_set_timeout(capture, 100) != 0)
		return fail("the capture is active already");
	if (pcap_activate(capture) < 0)
		return fail(pcap_geterr(capture));
	if (strcmp(interface, "lo") == 0)
		setsockopt(pcap_fileno(capture), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
		           sizeof on);
	fputs("ready\n", stderr);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	struct pcap_stat stats = { 0 };
	const char *file = NULL, *interface = NULL;
	char message[PCAP_ERRBUF_SIZE];
	int buffer_kib = 32768, option;
	uint64_t packets = 0;

	while ((option = getopt(argc, argv, "r:i:B:")) != -1) {
		if (option == 'r')
			file = optarg;
		else if (option == 'i')
			interface = optarg;
		else if (option == 'B')
			buffer_kib = atoi(optarg);
		else
			return 2;
	}
	if (!file == !interface)
		return fail("either -r FILE or -i INTERFACE");
	if (file) {
		capture = pcap_open_offline(file, message);
		if (!capture)
			return fail(message);
	} else if (open_live(interface, buffer_kib) != 0) {
		return EXIT_FAILURE;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	pcap_loop(capture, -1, count, (u_char *)&packets);
	if (interface)
		pcap_stats(capture, &stats);
	printf("{\"packets\":%" PRIu64 ",\"dropped\":%u}\n", packets, stats.ps_drop);
	pcap_close(capture);
	return EXIT_SUCCESS;
}
