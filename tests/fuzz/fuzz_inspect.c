/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: payload of packets, which inspection looks into. Each packet begins with a byte
 * of flags, one that chooses the port, and two of length.
 */
#include <stdlib.h>
#include <string.h>

#include "inspect/inspector.h"

#define HEAD 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct inspector_finding *on_finding(void *context, struct inspector_finding *finding)
{
	const struct dns_message *message = &finding->dns;

	(void)context;
	if (finding->kind == INSPECTOR_DNS &&
	    (message->answer_count > DNS_ANSWERS_MAX || message->text_length > DNS_TEXTS_MAX ||
	     message->further_count > DNS_QUESTIONS_MAX - 1 ||
	     message->answer_count > message->answer_total ||
	     (message->has_question && !memchr(dns_text(message, message->question), '\0',
	                                       DNS_TEXTS_MAX - message->question))))
		abort();
	return finding;
}

/* Returns how many bytes it was. */
static size_t add(struct inspector *inspector, uint32_t *sequence, const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 53, 5353, 5355, 443, 80, 22 };
	size_t length = (size_t)data[2] << 8 | data[3];
	bool tcp = data[0] & 1, back = data[0] & 2;
	struct packet packet = {
		.has_ports = true,
		.has_tcp = tcp,
		.tcp_flags = data[0] & 4 ? TCP_FLAG_SYN : TCP_FLAG_ACK,
		.tcp_sequence = sequence[back] + (data[0] >> 4),
		.tuple = { .source_port = 40000,
		           .destination_port = ports[data[1] % 6],
		           .protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP },
	};
	static struct inspector_finding room;
	uint8_t *copy;

	if (length > size - HEAD)
		length = size - HEAD;
	copy = malloc(length + 1);
	if (!copy)
		abort();
	memcpy(copy, data + HEAD, length);
	packet.captured = (uint32_t)length;
	packet.payload = (uint32_t)length + (data[0] & 8);
	if (back)
		packet.tuple = tuple_reverse(&packet.tuple);
	if (inspector_wants(&packet))
		inspector_look(inspector, &packet, copy, &room);
	sequence[back] += (uint32_t)length + (data[0] & 4 ? 1 : 0);
	free(copy);
	return HEAD + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash_key key = { { 1, 2 } };
	struct inspector *inspector = inspector_new(&key, on_finding, NULL);
	uint32_t sequence[2] = { 0xfffff000, 7 };

	if (!inspector)
		abort();
	for (size_t at = 0; size - at > HEAD;)
		at += add(inspector, sequence, data + at, size - at);
	inspector_free(inspector);
	return 0;
}
