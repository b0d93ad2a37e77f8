/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages, byte by byte: names, answers, and every prefix at the end of a page. */
#include "inspect/dns.h"

#include <errno.h>

#include "check.h"
#include "inspect/dns_name.h"

/* www.example.com A?: a CNAME to web.example.net, whose address is 192.0.2.1; and OPT. */
static const uint8_t
	answer[] = {
		0xbe, 0xef, 0x81, 0x80, 0, 1,    0,   2,    0,   0,    0,   1, /* QR RD RA */
		3,    'w',  'w',  'w',  7, 'e',  'x', 'a',  'm', 'p',  'l', 'e',
		3,    'c',  'o',  'm',  0, 0,    1,   0,    1,   0xc0, 12,  0,
		5,    0,    1,    0,    0, 1,    44,  0,    17, /* CNAME, 300 s */
		3,    'w',  'e',  'b',  7, 'e',  'x', 'a',  'm', 'p',  'l', 'e',
		3,    'n',  'e',  't',  0, 0xc0, 45,  0,    1,   0,    1,   0,
		0,    0,    60,   0,    4, 192,  0,   2,    1,            /* A, 60 s */
		0,    0,    41,   16,   0, 0,    0,   0x80, 0,   0,    0, /* OPT with DO */
	};

static void test_answer(void)
{
	static struct dns_message message;

	if (!CHECK(dns_parse(answer, sizeof answer, false, false, &message), "an answer is one"))
		return;
	CHECK(message.id == 0xbeef && message.response && message.opcode == 0 && message.code == 0,
	      "its header");
	CHECK_EQUAL(message.flags, DNS_RD | DNS_RA | DNS_DO, "flags, that of EDNS too");
	CHECK_TEXT(dns_text(&message, message.question), "www.example.com", "the question");
	CHECK(message.question_type == DNS_TYPE_A && message.question_class == DNS_CLASS_IN &&
	              message.answer_total == 2 && message.answer_count == 2,
	      "its type and class, and two answers");
	CHECK_TEXT(dns_text(&message, message.answers[0].name), "www.example.com", "CNAME: owner");
	CHECK_TEXT(dns_text(&message, message.answers[0].data), "web.example.net", "CNAME: target");
	CHECK_TEXT(dns_text(&message, message.answers[1].name), "web.example.net", "A: owner");
	CHECK_TEXT(dns_text(&message, message.answers[1].data), "192.0.2.1", "A: address");
	CHECK(message.answers[0].ttl == 300 && message.answers[1].ttl == 60 &&
	              message.answers[1].has_address && !message.answers[0].has_address,
	      "times to live, and which has an address");
}

/* Cut anywhere it is no message; no byte behind it is read, whatever its bytes are. */
static void test_prefixes(void)
{
	static struct dns_message message;
	bool whole = false, silent = true;

	for (size_t length = 0; length <= sizeof answer; length++) {
		uint8_t *bytes = check_guarded(answer, length);

		whole = dns_parse(bytes, length, false, false, &message);
		silent &= whole == (length == sizeof answer);
		for (size_t i = 0; i < length; i++) {
			uint8_t before = bytes[i];

			for (int value = 0; value < 256; value += 15) {
				bytes[i] = (uint8_t)value;
				dns_parse(bytes, length, false, true, &message);
			}
			bytes[i] = before;
		}
	}
	CHECK(whole && silent, "a message that is cut is none, at each of %zu places",
	      sizeof answer);
}

/* Cut anywhere, what is whole is read: the question, then each answer; at the end the code. */
static void test_cut(void)
{
	static const size_t question = 33, first = 62, second = 78;
	static struct dns_message message;
	bool right = true;

	for (size_t length = 0; length <= sizeof answer; length++) {
		bool is = dns_parse(check_guarded(answer, length), length, true, false, &message);
		int answers = (length >= first) + (length >= second);

		right &= is == (length >= question);
		right &= !is ||
		         (message.answer_count == answers && message.answer_total == 2 &&
		          message.question_total == 1 &&
		          message.has_code == (length == sizeof answer) &&
		          strcmp(dns_text(&message, message.question), "www.example.com") == 0);
	}
	CHECK(right, "the beginning of a message that is cut, at each of %zu places",
	      sizeof answer);
}

static void test_cut_others(void)
{
	static const uint8_t group[] = { 0, 0,  0,    0, 0, 3,   0, 0, 0,  0,   0,
		                         0, 1,  'a',  0, 0, 1,   0, 1, 1,  'b', 0,
		                         0, 28, 0x80, 1, 1, 'c', 0, 0, 16, 0,   1 };
	static const uint8_t refused[] = { 0, 7, 0x81, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1 };
	static uint8_t bytes[sizeof refused];
	static struct dns_message message;
	const struct dns_question *further = message.further;

	CHECK(dns_parse(group, sizeof group, false, true, &message) &&
	              message.question_total == 3 && message.further_count == 2 &&
	              further[0].type == 28 && further[0].class == DNS_CLASS_IN &&
	              strcmp(dns_text(&message, further[0].name), "b") == 0 &&
	              strcmp(dns_text(&message, further[1].name), "c") == 0,
	      "three questions");
	CHECK(dns_parse(group, sizeof group - 1, true, true, &message) &&
	              message.question_total == 3 && message.further_count == 1,
	      "and those that are whole where it is cut");
	CHECK(dns_parse(refused, sizeof refused, true, false, &message) && message.has_code &&
	              message.code == 5,
	      "no record can follow that extends the code");
	memcpy(bytes, refused, sizeof bytes);
	bytes[sizeof bytes - 1] = 77;
	CHECK(!dns_parse(bytes, sizeof bytes, true, false, &message),
	      "a class that no one uses, where no length shows that it is DNS");
}

/* Most queries are one question, with nothing behind it. */
static void test_lone_question(void)
{
	static const uint8_t query[] = { 0, 7,   1, 0, 0,   1,   0,   0, 0, 0,  0, 0,
		                         2, 'A', 0, 3, 'c', 'o', 'm', 0, 0, 28, 0, 1 };
	static struct dns_message message;
	uint8_t longer[sizeof query + 1] = { 0 };
	bool right = true;

	for (size_t length = 0; length <= sizeof query; length++) {
		const uint8_t *bytes = check_guarded(query, length);

		for (int cut = 0; cut < 2; cut++)
			right &= dns_parse(bytes, length, cut, false, &message) ==
			         (length == sizeof query);
	}
	CHECK(right && message.id == 7 && message.flags == DNS_RD && !message.response &&
	              message.has_code && message.question_type == DNS_TYPE_AAAA &&
	              message.question_class == DNS_CLASS_IN && message.question_total == 1 &&
	              message.answer_count == 0,
	      "read once all of it is there");
	CHECK_TEXT(dns_text(&message, message.question), "A\\000.com", "its name");
	memcpy(longer, query, sizeof query);
	CHECK(!dns_parse(longer, sizeof longer, false, false, &message), "a byte that is too much");
	CHECK(dns_parse(longer, sizeof longer, true, false, &message),
	      "where it is cut, what follows is not known");
	longer[12] = 64;
	CHECK(!dns_parse(longer, sizeof query, false, false, &message), "no label is so long");
}

static void test_names(void)
{
	static const struct {
		uint8_t bytes[16];
		size_t length, offset;
		const char *text; /* NULL: -EINVAL */
	} names[] = {
		{ { 0 }, 1, 0, "." },
		{ { 1, 'a', 0 }, 3, 0, "a" },
		{ { 3, 'a', '.', '\\', 1, 0, 0 }, 7, 0, "a\\.\\\\.\\000" },
		{ { 2, 0xff, ' ', 0 }, 4, 0, "\\255\\032" },
		{ { 1, 'a', 0, 1, 'b', 0xc0, 0 }, 7, 3, "b.a" },
		{ { 1, 'a' }, 2, 0, NULL },
		{ { 2, 'a' }, 2, 0, NULL },
		{ { 0xc0, 0 }, 2, 0, NULL },         /* at itself */
		{ { 1, 'a', 0xc0, 0 }, 4, 2, NULL }, /* at a name that ends with this pointer */
		{ { 0xc0, 2, 0 }, 3, 0, NULL },      /* forward */
		{ { 0xc0 }, 1, 0, NULL },
		{ { 0x40, 'a', 0 }, 3, 0, NULL }, /* RFC 6891 5: no such label */
		{ { 0 }, 1, 1, NULL },
	};
	char text[DNS_NAME_MAX];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const uint8_t *bytes = check_guarded(names[i].bytes, names[i].length);
		int length =
			dns_name_read(bytes, names[i].length, names[i].offset, text, sizeof text);

		if (names[i].text)
			CHECK(length == (int)strlen(names[i].text) &&
			              strcmp(text, names[i].text) == 0,
			      "name %zu is %s", i, names[i].text);
		else
			CHECK_EQUAL(length, -EINVAL, "name %zu is none", i);
	}
}

static void test_longest_name(void)
{
	uint8_t bytes[256];
	char text[DNS_NAME_MAX];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i % 2 ? 0xff : 1;
	bytes[254] = 0;
	CHECK_EQUAL(dns_name_read(bytes, 255, 0, text, sizeof text), 127 * 5 - 1,
	            "a name of 255 octets");
	CHECK_EQUAL(dns_name_read(bytes, 255, 0, text, 127 * 5 - 1), -ENOSPC,
	            "without room for it");
	bytes[254] = 1;
	bytes[255] = 0;
	CHECK_EQUAL(dns_name_read(bytes, 256, 1, text, sizeof text), -EINVAL, "no label of 255");
	CHECK(dns_name_read((const uint8_t *)"\3Www\3x-9", 9, 0, text, 8) == 7 &&
	              strcmp(text, "Www.x-9") == 0 &&
	              dns_name_read((const uint8_t *)"\3Www\3x-9", 9, 0, text, 7) == -ENOSPC,
	      "a host name that fits, and one that does not by a byte");
	CHECK(dns_name_equal("WWW.Example.com", "www.eXAMPLE.COM") &&
	              !dns_name_equal("www.example.com", "www.example.co") &&
	              !dns_name_equal("a", "b"),
	      "capitals are no difference, anything else is");
	dns_name_lower(text, "A.Z-a[@", 8);
	CHECK_TEXT(text, "a.z-a[@", "small letters");
}

/* More answers and longer texts than are kept. */
static void test_bounds(void)
{
	static uint8_t bytes[12 + 40 * (12 + 255)];
	static struct dns_message message;
	size_t length = 12, kept = 0;

	memcpy(bytes, (const uint8_t[]){ 0, 1, 0x80, 0, 0, 0, 0, 40, 0, 0, 0, 0 }, 12);
	for (int i = 0; i < 40; i++) {
		memcpy(bytes + length, (const uint8_t[]){ 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 251 }, 11);
		length += 11;
		for (int j = 0; j < 250; j++)
			bytes[length++] = j % 50 == 0 ? 49 : 0xff;
		bytes[length++] = 0;
	}
	CHECK(dns_parse(bytes, length, false, false, &message) && message.answer_total == 40 &&
	              message.answer_count == DNS_ANSWERS_MAX,
	      "of 40 answers %d are kept", DNS_ANSWERS_MAX);
	for (int i = 0; i < message.answer_count; i++)
		kept += message.answers[i].data != DNS_TEXT_NONE;
	CHECK(kept == 2 && message.text_length <= DNS_TEXTS_MAX,
	      "and their texts as far as there is room: %zu", kept);
}

int main(void)
{
	test_answer();
	test_prefixes();
	test_cut();
	test_cut_others();
	test_lone_question();
	test_names();
	test_longest_name();
	test_bounds();
	return check_done();
}
