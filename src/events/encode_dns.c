/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

#include "inspect/dns.h"

static const char *const codes[] = {
	"NOERROR",        "FORMERR",        "SERVFAIL",       "NXDOMAIN",        "NOTIMP",
	"REFUSED",        "YXDOMAIN",       "YXRRSET",        "NXRRSET",         "NOTAUTH",
	"NOTZONE",        "DSOTYPENI",      [16] = "BADVERS", [17] = "BADKEY",   [18] = "BADTIME",
	[19] = "BADMODE", [20] = "BADNAME", [21] = "BADALG",  [22] = "BADTRUNC", [23] = "BADCOOKIE",
};

static const char *const operations[] = {
	[0] = "QUERY", [1] = "IQUERY", [2] = "STATUS", [4] = "NOTIFY", [5] = "UPDATE", [6] = "DSO",
};

/* Types in use, of the registry "Resource Record (RR) TYPEs". */
static const struct {
	uint16_t number;
	const char *name;
} types[] = {
	{ 1, "A" },       { 2, "NS" },      { 5, "CNAME" },       { 6, "SOA" },
	{ 10, "NULL" },   { 12, "PTR" },    { 13, "HINFO" },      { 15, "MX" },
	{ 16, "TXT" },    { 17, "RP" },     { 18, "AFSDB" },      { 24, "SIG" },
	{ 25, "KEY" },    { 28, "AAAA" },   { 29, "LOC" },        { 33, "SRV" },
	{ 35, "NAPTR" },  { 37, "CERT" },   { 39, "DNAME" },      { 41, "OPT" },
	{ 43, "DS" },     { 44, "SSHFP" },  { 46, "RRSIG" },      { 47, "NSEC" },
	{ 48, "DNSKEY" }, { 50, "NSEC3" },  { 51, "NSEC3PARAM" }, { 52, "TLSA" },
	{ 53, "SMIMEA" }, { 59, "CDS" },    { 60, "CDNSKEY" },    { 61, "OPENPGPKEY" },
	{ 62, "CSYNC" },  { 63, "ZONEMD" }, { 64, "SVCB" },       { 65, "HTTPS" },
	{ 99, "SPF" },    { 249, "TKEY" },  { 250, "TSIG" },      { 251, "IXFR" },
	{ 252, "AXFR" },  { 255, "ANY" },   { 256, "URI" },       { 257, "CAA" },
};

static const struct {
	uint16_t number;
	const char *name;
} classes[] = { { 1, "IN" }, { 3, "CH" }, { 4, "HS" }, { 254, "NONE" }, { 255, "ANY" } };

/* RFC 3597 5: TYPE and CLASS with a number, where there is no name. */
static void write_numbered(struct writer *writer, const struct key *key, const char *prefix,
                           uint16_t number)
{
	char text[16];
	struct buf room = { .data = text, .capacity = sizeof text };

	buf_append(&room, prefix, strlen(prefix));
	buf_append_u64(&room, number);
	writer_text(writer, key, text, room.length);
}

const char *encode_dns_type(uint16_t type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].number == type)
			return types[i].name;
	return NULL;
}

const char *encode_dns_code(uint16_t code)
{
	return code < sizeof codes / sizeof *codes ? codes[code] : NULL;
}

void encode_dns_write_type(struct writer *writer, uint16_t type)
{
	const char *name = encode_dns_type(type);

	if (name)
		writer_name(writer, KEY("type"), name);
	else
		write_numbered(writer, KEY("type"), "TYPE", type);
}

void encode_dns_write_class(struct writer *writer, uint16_t class)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		if (classes[i].number == class) {
			writer_name(writer, KEY("class"), classes[i].name);
			return;
		}
	}
	write_numbered(writer, KEY("class"), "CLASS", class);
}

/* A number that stands for a name, or for itself. */
static void write_word(struct writer *writer, const struct key *key, const char *const *words,
                       size_t count, uint16_t number)
{
	if (number < count && words[number])
		writer_name(writer, key, words[number]);
	else
		writer_decimal(writer, key, number);
}

static void write_flags(struct writer *writer, uint8_t flags)
{
	static const char *const names[] = { "AA", "TC", "RD", "RA", "AD", "CD", "DO" };

	writer_array(writer, KEY("header_flags"));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (flags & 1u << i)
			writer_name(writer, ELEMENT, names[i]);
	writer_array_end(writer);
}

static void write_question(struct writer *writer, const struct key *key, const char *name,
                           uint16_t type, uint16_t class)
{
	writer_object(writer, key);
	encode_writer_c_string(writer, KEY("name"), name, RAW_NONE);
	encode_dns_write_type(writer, type);
	encode_dns_write_class(writer, class);
	writer_object_end(writer);
}

static void write_answer(struct writer *writer, const struct dns_message *message,
                         const struct dns_answer *answer)
{
	writer_object(writer, ELEMENT);
	encode_writer_c_string(writer, KEY("name"), dns_text(message, answer->name), RAW_NONE);
	encode_dns_write_type(writer, answer->type);
	encode_dns_write_class(writer, answer->class);
	writer_u64(writer, KEY("ttl"), answer->ttl);
	encode_writer_c_string(writer, KEY("data"), dns_text(message, answer->data), RAW_NONE);
	writer_object_end(writer);
}

static void write_addresses(struct writer *writer, const struct dns_message *message)
{
	bool any = false;

	for (int i = 0; i < message->answer_count; i++) {
		const struct dns_answer *answer = &message->answers[i];

		if (!answer->has_address || !dns_text(message, answer->data))
			continue;
		if (!any)
			writer_array(writer, KEY("resolved_ip"));
		any = true;
		writer_name(writer, ELEMENT, dns_text(message, answer->data));
	}
	if (any)
		writer_array_end(writer);
}

static void write_answers(struct writer *writer, const struct dns_message *message)
{
	if (message->answer_count == 0 || writer_cuts(writer, CUT_ANSWERS))
		return;
	writer_array(writer, KEY("answers"));
	for (int i = 0; i < message->answer_count; i++)
		write_answer(writer, message, &message->answers[i]);
	writer_array_end(writer);
	write_addresses(writer, message);
}

static void write_message(struct writer *writer, const struct dns_message *message)
{
	writer_name(writer, KEY("type"), message->response ? "answer" : "query");
	writer_decimal(writer, KEY("id"), message->id);
	write_word(writer, KEY("op_code"), operations, sizeof operations / sizeof *operations,
	           message->opcode);
	write_flags(writer, message->flags);
	if (message->has_question)
		write_question(writer, KEY("question"), dns_text(message, message->question),
		               message->question_type, message->question_class);
	if (message->response && message->has_code)
		write_word(writer, KEY("response_code"), codes, sizeof codes / sizeof *codes,
		           message->code);
	write_answers(writer, message);
}

static void write_query(struct writer *writer, const struct dns_query *query)
{
	writer_name(writer, KEY("type"), "query");
	writer_decimal(writer, KEY("id"), query->id);
	write_word(writer, KEY("op_code"), operations, sizeof operations / sizeof *operations,
	           query->opcode);
	write_flags(writer, query->flags);
	if (query->has_question)
		write_question(writer, KEY("question"), query->question, query->type, query->class);
}

static void write_event(struct writer *writer, const struct event_dns *dns, int64_t time_ns)
{
	bool answered = dns->message && dns->message->response;

	if (dns->query_ns != 0) {
		encode_cache_time(writer, KEY("start"), dns->query_ns);
		if (answered) {
			encode_cache_time(writer, KEY("end"), time_ns);
			writer_ns(writer, KEY("duration"), time_ns - dns->query_ns);
		}
	}
	if (answered && dns->message->has_code) {
		writer_name(writer, KEY("outcome"),
		            dns->message->code == 0 ? "success" : "failure");
	} else if (!answered && dns->timed_out) {
		writer_name(writer, KEY("outcome"), "failure");
		writer_name(writer, KEY("reason"), "timeout");
	}
}

static void write_dns(struct writer *writer, const struct event_dns *dns)
{
	writer_object(writer, KEY("dns"));
	if (dns->message)
		write_message(writer, dns->message);
	else
		write_query(writer, dns->query);
	writer_object_end(writer);
}

/* Returns how many are in the record then. */
static unsigned write_questions(struct writer *writer, const struct dns_message *message)
{
	if (message->further_count == 0 || writer_cuts(writer, CUT_ANSWERS))
		return message->has_question;
	writer_array(writer, KEY("questions"));
	write_question(writer, ELEMENT, dns_text(message, message->question),
	               message->question_type, message->question_class);
	for (int i = 0; i < message->further_count; i++)
		write_question(writer, ELEMENT, dns_text(message, message->further[i].name),
		               message->further[i].type, message->further[i].class);
	writer_array_end(writer);
	return 1u + message->further_count;
}

/* What dns has no field for: more than one question, and how many there are in all. */
static void write_more(struct writer *writer, const struct event_dns *dns)
{
	const struct dns_message *message = dns->message;
	unsigned questions = message ? message->question_total : dns->query->question_total;
	bool more_answers = message && message->answer_total > message->answer_count;

	if (questions <= 1 && !more_answers)
		return;
	writer_object(writer, KEY("dns"));
	if (questions > 1 && questions > (message ? write_questions(writer, message) : 1))
		writer_u64(writer, KEY("question_count"), questions);
	if (more_answers)
		writer_u64(writer, KEY("answer_count"), message->answer_total);
	writer_object_end(writer);
}

void encode_dns_event(struct writer *writer, const struct event *any)
{
	const struct event_dns *dns = &any->dns;

	write_event(writer, dns, any->time_ns);
	encode_record_host(writer, NULL);
	encode_connection_ends(writer, dns->connection);
	write_dns(writer, dns);
	encode_record_sockline(writer);
	encode_connection_owners(writer, dns->connection);
	write_more(writer, dns);
}
