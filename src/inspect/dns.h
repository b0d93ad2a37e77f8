/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS message (RFC 1035 4, mDNS RFC 6762, LLMNR RFC 4795), by libresolv's ns_initparse and
 * ns_parserr. Pure: bytes in, a bounded struct out.
 */
#ifndef SOCKLINE_INSPECT_DNS_H
#define SOCKLINE_INSPECT_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

#define DNS_PORT       53
#define DNS_MDNS_PORT  5353
#define DNS_LLMNR_PORT 5355

#define DNS_ANSWERS_MAX   16
#define DNS_QUESTIONS_MAX 16
#define DNS_TEXTS_MAX     2560 /* bytes of all names and data of a message */
#define DNS_TEXT_NONE     UINT16_MAX

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA  28
#define DNS_CLASS_IN   1

/* Bits of flags, as ECS names them. */
#define DNS_AA 1u
#define DNS_TC 2u
#define DNS_RD 4u
#define DNS_RA 8u
#define DNS_AD 16u
#define DNS_CD 32u
#define DNS_DO 64u

struct dns_question {
	uint16_t name; /* as in an answer */
	uint16_t type, class;
};

struct dns_answer {
	uint16_t name, data; /* where in texts; DNS_TEXT_NONE: not known, or no room */
	uint16_t type, class;
	uint32_t ttl; /* seconds */
	bool has_address;
	struct inet_address address; /* A, AAAA */
};

struct dns_message {
	uint16_t id;
	bool response;
	uint8_t opcode;
	uint8_t flags;
	bool has_code; /* false: it may be extended by what was not captured */
	uint16_t code; /* RCODE, extended by EDNS */
	bool has_question;
	uint16_t question; /* where in texts: the first */
	uint16_t question_type, question_class;
	uint16_t question_total; /* as the header says */
	uint16_t further_count;  /* questions behind the first, as in mDNS, that are here */
	struct dns_question further[DNS_QUESTIONS_MAX - 1];
	uint16_t answer_total; /* as the header says */
	uint16_t answer_count; /* of these, here */
	struct dns_answer answers[DNS_ANSWERS_MAX];
	uint16_t text_length;
	char texts[DNS_TEXTS_MAX]; /* each ends with a NUL */
};

/*
 * False: it is no DNS message. cut: it goes on behind these bytes, and what is whole in them is
 * read; otherwise all of it must be here. multicast: mDNS, where the highest bit of a class means
 * something else (RFC 6762 10.2, 18.12).
 */
bool dns_parse(const uint8_t *bytes, size_t length, bool cut, bool multicast,
               struct dns_message *message);

static inline const char *dns_text(const struct dns_message *message, uint16_t text)
{
	return text == DNS_TEXT_NONE ? NULL : message->texts + text;
}

#endif
