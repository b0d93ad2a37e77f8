/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/dns.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <resolv.h>

#include "inspect/dns_cut.h"
#include "inspect/dns_name.h"

#define EDNS_DO        0x8000u /* RFC 3225, in the TTL of OPT */
#define CLASS_BITS     0x7fffu
#define QUESTION_FIXED 4 /* type and class behind the name */
#define COUNTS         4 /* in the header: of the records of each section */
#define LABEL_MAX      63

/* RFC 1035 4.1.1 */
#define HEADER_RESPONSE     0x8000u
#define HEADER_OPCODE_SHIFT 11
#define HEADER_FOUR_BITS    0x0fu /* of the opcode and of the code */

/* One record, and what is the same for all of a message. */
struct reader {
	const uint8_t *bytes;
	size_t length;
	bool multicast;
	struct dns_message *message;
};

/* Takes what was written behind the texts; length without the NUL. */
static uint16_t keep_text(struct dns_message *message, int length)
{
	uint16_t text = message->text_length;

	if (length < 0 || (size_t)length >= DNS_TEXTS_MAX - (size_t)text)
		return DNS_TEXT_NONE;
	message->text_length = (uint16_t)(text + length + 1);
	return text;
}

static uint16_t read_name(const struct reader *reader, size_t offset)
{
	struct dns_message *message = reader->message;

	return keep_text(message, dns_name_read(reader->bytes, reader->length, offset,
	                                        message->texts + message->text_length,
	                                        DNS_TEXTS_MAX - message->text_length));
}

/* Numbers, and then a name that begins behind them. */
static uint16_t read_numbers_and_name(const struct reader *reader, const ns_rr *record, int numbers)
{
	struct dns_message *message = reader->message;
	const uint8_t *data = ns_rr_rdata(*record);
	char text[DNS_NAME_MAX + 32];
	size_t used = 0;
	int length;

	if (ns_rr_rdlen(*record) < 2 * numbers + 1)
		return DNS_TEXT_NONE;
	for (int i = 0; i < numbers; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%u ",
		                         ns_get16(data + (size_t)2 * (size_t)i));
	length = dns_name_read(reader->bytes, reader->length,
	                       (size_t)(data - reader->bytes) + 2 * (size_t)numbers, text + used,
	                       sizeof text - used);
	if (length < 0 || used + (size_t)length >= DNS_TEXTS_MAX - (size_t)message->text_length)
		return DNS_TEXT_NONE;
	used += (size_t)length;
	memcpy(message->texts + message->text_length, text, used + 1);
	return keep_text(message, (int)used);
}

static uint16_t read_address(struct dns_message *message, struct dns_answer *answer,
                             const ns_rr *record)
{
	char text[INET_TEXT_MAX];
	size_t length;

	if (answer->class != DNS_CLASS_IN ||
	    ns_rr_rdlen(*record) != (answer->type == DNS_TYPE_A ? 4 : 16))
		return DNS_TEXT_NONE;
	if (answer->type == DNS_TYPE_A)
		inet_from_v4(&answer->address, ns_rr_rdata(*record));
	else
		inet_from_v6(&answer->address, ns_rr_rdata(*record));
	answer->has_address = true;
	length = answer->type == DNS_TYPE_A ? inet_format(&answer->address, text)
	                                    : inet_format_v6(&answer->address, text);
	if (length >= DNS_TEXTS_MAX - (size_t)message->text_length)
		return DNS_TEXT_NONE;
	memcpy(message->texts + message->text_length, text, length + 1);
	return keep_text(message, (int)length);
}

static uint16_t read_data(const struct reader *reader, struct dns_answer *answer,
                          const ns_rr *record)
{
	switch (ns_rr_type(*record)) {
	case ns_t_a:
	case ns_t_aaaa:
		return read_address(reader->message, answer, record);
	case ns_t_cname:
	case ns_t_ns:
	case ns_t_ptr:
	case ns_t_dname:
		return read_numbers_and_name(reader, record, 0);
	case ns_t_mx:
		return read_numbers_and_name(reader, record, 1);
	case ns_t_srv:
		return read_numbers_and_name(reader, record, 3);
	default:
		return DNS_TEXT_NONE;
	}
}

static uint16_t class_of(const struct reader *reader, const ns_rr *record)
{
	unsigned class = ns_rr_class(*record);

	return (uint16_t)(reader->multicast ? class & CLASS_BITS : class);
}

/* Most messages have one. ns_initparse() has skipped it, and nothing else of ns_parserr() is needed. */
static bool keep_question(const struct reader *reader, const uint8_t *fixed)
{
	struct dns_message *message = reader->message;
	unsigned class = ns_get16(fixed + 2);

	message->question = read_name(reader, DNS_HEADER_SIZE);
	message->has_question = message->question != DNS_TEXT_NONE;
	message->question_type = (uint16_t)ns_get16(fixed);
	message->question_class = (uint16_t)(reader->multicast ? class & CLASS_BITS : class);
	return message->has_question;
}

static void keep_further(const struct reader *reader, size_t offset, const ns_rr *record)
{
	struct dns_message *message = reader->message;

	if (message->further_count == DNS_QUESTIONS_MAX - 1)
		return;
	message->further[message->further_count++] = (struct dns_question){
		.name = read_name(reader, offset),
		.type = (uint16_t)ns_rr_type(*record),
		.class = class_of(reader, record),
	};
}

/* Returns where the first answer begins; 0: a question is malformed. */
static size_t read_questions(const struct reader *reader, ns_msg *handle)
{
	const uint8_t *end = reader->bytes + reader->length;
	const uint8_t *at = reader->bytes + DNS_HEADER_SIZE;
	ns_rr record;

	for (int i = 0; i < ns_msg_count(*handle, ns_s_qd); i++) {
		int skipped = dn_skipname(at, end);

		if (skipped < 0 || end - at < skipped + QUESTION_FIXED)
			return 0;
		if (i == 0) {
			if (!keep_question(reader, at + skipped))
				return 0;
		} else {
			if (ns_parserr(handle, ns_s_qd, i, &record) != 0)
				return 0;
			keep_further(reader, (size_t)(at - reader->bytes), &record);
		}
		at += skipped + QUESTION_FIXED;
	}
	return (size_t)(at - reader->bytes);
}

static bool read_answers(const struct reader *reader, ns_msg *handle, size_t offset)
{
	struct dns_message *message = reader->message;

	for (int i = 0; i < ns_msg_count(*handle, ns_s_an) && i < DNS_ANSWERS_MAX; i++) {
		struct dns_answer *answer = &message->answers[i];
		ns_rr record;

		if (ns_parserr(handle, ns_s_an, i, &record) != 0)
			return false;
		*answer = (struct dns_answer){
			.name = read_name(reader, offset),
			.type = (uint16_t)ns_rr_type(record),
			.class = class_of(reader, &record),
			.ttl = ns_rr_ttl(record),
		};
		answer->data = read_data(reader, answer, &record);
		message->answer_count++;
		offset = (size_t)(ns_rr_rdata(record) - reader->bytes) + ns_rr_rdlen(record);
	}
	return true;
}

/* RFC 6891 6.1.3: OPT, one of the additional records. */
static void read_edns(ns_msg *handle, struct dns_message *message)
{
	ns_rr record;

	for (int i = 0; i < ns_msg_count(*handle, ns_s_ar); i++) {
		if (ns_parserr(handle, ns_s_ar, i, &record) != 0)
			return;
		if (ns_rr_type(record) != ns_t_opt)
			continue;
		message->code |= (uint16_t)(ns_rr_ttl(record) >> 24 << 4);
		if (ns_rr_ttl(record) & EDNS_DO)
			message->flags |= DNS_DO;
		message->has_code = true;
		return;
	}
}

static uint8_t flags_of(unsigned bits)
{
	static const struct {
		uint16_t mask;
		uint8_t flag;
	} flags[] = {
		/* RFC 1035 4.1.1, RFC 4035 3 */
		{ 0x0400, DNS_AA }, { 0x0200, DNS_TC }, { 0x0100, DNS_RD },
		{ 0x0080, DNS_RA }, { 0x0020, DNS_AD }, { 0x0010, DNS_CD },
	};
	uint8_t result = 0;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (bits & flags[i].mask)
			result |= flags[i].flag;
	return result;
}

/* The second word of the header. */
static void read_header_bits(struct dns_message *message, unsigned bits)
{
	message->response = bits & HEADER_RESPONSE;
	message->opcode = bits >> HEADER_OPCODE_SHIFT & HEADER_FOUR_BITS;
	message->code = bits & HEADER_FOUR_BITS;
	message->flags = flags_of(bits);
}

static void read_header(const struct reader *reader, bool has_code)
{
	struct dns_message *message = reader->message;
	const uint8_t *bytes = reader->bytes;

	message->id = (uint16_t)ns_get16(bytes);
	message->has_code = has_code;
	read_header_bits(message, ns_get16(bytes + 2));
	message->has_question = false;
	message->question_total = (uint16_t)ns_get16(bytes + COUNTS);
	message->further_count = 0;
	message->answer_total = (uint16_t)ns_get16(bytes + COUNTS + 2);
	message->answer_count = 0;
	message->text_length = 0;
}

static bool parse_whole(const struct reader *reader, bool cut)
{
	struct dns_message *message = reader->message;
	ns_msg handle;
	size_t answers;

	if (ns_initparse(reader->bytes, (int)reader->length, &handle) != 0)
		return false;
	read_header(reader, !cut);
	answers = read_questions(reader, &handle);
	if (answers == 0 || !read_answers(reader, &handle, answers))
		return false;
	read_edns(&handle, message);
	/* A header alone could be anything; a server may refuse with no more than that. */
	return message->has_question || message->answer_total > 0 ||
	       (message->response && message->code != 0 && !cut);
}

static bool is_known_class(uint16_t class)
{
	return class == ns_c_in || class == ns_c_chaos || class == ns_c_hs || class == ns_c_none ||
	       class == ns_c_any;
}

/* The length of a message that is whole is evidence, which one that is cut does not have. */
static bool is_likely(const struct dns_message *message)
{
	return is_known_class(message->has_question ? message->question_class
	                                            : message->answers[0].class);
}

static bool parse_cut(const uint8_t *bytes, size_t length, bool multicast,
                      struct dns_message *message)
{
	uint8_t whole[DNS_CUT_MAX];
	struct reader reader = { whole, 0, multicast, message };
	struct dns_cut_counts counts;

	reader.length = dns_cut(bytes, length, whole, &counts);
	if (reader.length == 0 || !parse_whole(&reader, true))
		return false;
	message->question_total = counts.questions;
	message->answer_total = counts.answers;
	if (counts.additional == 0)
		message->has_code = true;
	return is_likely(message);
}

/*
 * Where the question ends that is all of a message, as of most queries, or all that its header
 * promises of one that is cut. 0: it is not so, or the name has a pointer.
 */
static size_t end_of_lone_question(const uint8_t *bytes, size_t length, bool cut)
{
	static const uint8_t counts[] = { 0, 1, 0, 0, 0, 0, 0, 0 };
	size_t at = DNS_HEADER_SIZE;

	if (memcmp(bytes + COUNTS, counts, sizeof counts) != 0)
		return 0;
	while (at < length && bytes[at] > 0 && bytes[at] <= LABEL_MAX)
		at += 1u + bytes[at];
	if (at >= length || bytes[at] != 0)
		return 0;
	at += 1 + QUESTION_FIXED;
	return (cut ? at <= length : at == length) ? at : 0;
}

/* libresolv would go over the name four times. */
static bool parse_lone_question(const struct reader *reader, size_t end, bool cut)
{
	read_header(reader, true);
	return keep_question(reader, reader->bytes + end - QUESTION_FIXED) &&
	       (!cut || is_likely(reader->message));
}

bool dns_parse(const uint8_t *bytes, size_t length, bool cut, bool multicast,
               struct dns_message *message)
{
	const struct reader reader = { bytes, length, multicast, message };
	size_t end;

	if (length < DNS_HEADER_SIZE || length > UINT16_MAX)
		return false;
	end = end_of_lone_question(bytes, length, cut);
	if (end > 0)
		return parse_lone_question(&reader, end, cut);
	return cut ? parse_cut(bytes, length, multicast, message) : parse_whole(&reader, false);
}
