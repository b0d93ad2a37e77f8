/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* DNS Activity of OCSF. */
#include "events/ocsf_parts.h"

/* Response codes from here on have no caption of their own. */
#define CODE_UNASSIGNED 24
#define CODE_RESERVED   25

static struct ocsf_value code_of(uint16_t code)
{
	static const char *const captions[] = {
		"NoError",
		"FormError",
		"ServError",
		"NXDomain",
		"NotImp",
		"Refused",
		"YXDomain",
		"YXRRSet",
		"NXRRSet",
		"NotAuth",
		"NotZone",
		"DSOTYPENI",
		[16] = "BADSIG_VERS",
		[17] = "BADKEY",
		[18] = "BADTIME",
		[19] = "BADMODE",
		[20] = "BADNAME",
		[21] = "BADALG",
		[22] = "BADTRUNC",
		[23] = "BADCOOKIE",
	};

	if (code < sizeof captions / sizeof *captions && captions[code])
		return (struct ocsf_value){ (uint8_t)code, captions[code] };
	if ((code >= 3841 && code <= 4095) || code == UINT16_MAX)
		return (struct ocsf_value){ CODE_RESERVED, "Reserved" };
	return (struct ocsf_value){ CODE_UNASSIGNED, "Unassigned" };
}

static void write_opcode(struct writer *writer, uint8_t opcode)
{
	static const char *const captions[] = { "Query",  "Inverse Query", "Status",     "Reserved",
		                                "Notify", "Update",        "DSO Message" };
	bool known = opcode < sizeof captions / sizeof *captions;

	writer_u64(writer, KEY("opcode_id"), known ? opcode : OCSF_OTHER);
	writer_name(writer, KEY("opcode"), known ? captions[opcode] : "Other");
}

static void write_question(struct writer *writer, const char *name, uint16_t type, uint16_t class)
{
	encode_writer_string(writer, KEY("hostname"), name, strlen(name), RAW_NONE);
	encode_dns_write_type(writer, type);
	encode_dns_write_class(writer, class);
}

/* A query has to have a name. */
static void write_query(struct writer *writer, const struct event_dns *dns)
{
	const struct dns_message *message = dns->message;
	const struct dns_query *query = dns->query;
	bool has_question = message ? message->has_question : query->has_question;

	if (!has_question)
		return;
	writer_object(writer, KEY("query"));
	if (message)
		write_question(writer, dns_text(message, message->question), message->question_type,
		               message->question_class);
	else
		write_question(writer, query->question, query->type, query->class);
	writer_u64(writer, KEY("packet_uid"), message ? message->id : query->id);
	write_opcode(writer, message ? message->opcode : query->opcode);
	writer_object_end(writer);
}

static void write_answer(struct writer *writer, const struct dns_message *message,
                         const struct dns_answer *answer)
{
	const char *data = dns_text(message, answer->data);

	writer_object(writer, ELEMENT);
	encode_writer_string(writer, KEY("rdata"), data, strlen(data), RAW_NONE);
	encode_dns_write_type(writer, answer->type);
	encode_dns_write_class(writer, answer->class);
	writer_u64(writer, KEY("ttl"), answer->ttl);
	writer_object_end(writer);
}

/* An answer has to have data. */
static void write_answers(struct writer *writer, const struct dns_message *message)
{
	bool any = false;

	for (int i = 0; i < message->answer_count; i++) {
		if (!dns_text(message, message->answers[i].data))
			continue;
		if (!any && writer_cuts(writer, CUT_ANSWERS))
			return;
		if (!any)
			writer_array(writer, KEY("answers"));
		any = true;
		write_answer(writer, message, &message->answers[i]);
	}
	if (any)
		writer_array_end(writer);
}

static struct ocsf_value activity_of(const struct event_dns *dns)
{
	if (!dns->message || !dns->message->response)
		return (struct ocsf_value){ 1, "Query" };
	if (dns->query_ns == 0)
		return (struct ocsf_value){ 2, "Response" };
	return (struct ocsf_value){ 6, "Traffic" };
}

static void write_response(struct writer *writer, const struct dns_message *message,
                           int64_t time_ns)
{
	const struct ocsf_value code = code_of(message->code);
	enum connection_outcome outcome = CONNECTION_UNKNOWN;

	if (message->has_code)
		outcome = message->code == 0 ? CONNECTION_SUCCESS : CONNECTION_FAILURE;
	ocsf_status(writer, outcome, NULL);
	ocsf_time(writer, KEY("response_time"), KEY("response_time_dt"), time_ns);
	if (message->has_code) {
		writer_u64(writer, KEY("rcode_id"), code.number);
		writer_name(writer, KEY("rcode"), code.caption);
	}
	write_answers(writer, message);
}

void ocsf_dns_write(struct writer *writer, const struct event *event)
{
	const struct event_dns *dns = &event->dns;
	struct connection *connection = dns->connection;

	ocsf_begin(writer, event, OCSF_DNS_ACTIVITY, activity_of(dns), OCSF_INFORMATIONAL);
	if (dns->query_ns != 0)
		ocsf_time(writer, KEY("query_time"), KEY("query_time_dt"), dns->query_ns);
	write_query(writer, dns);
	if (dns->message && dns->message->response)
		write_response(writer, dns->message, event->time_ns);
	else if (dns->timed_out)
		ocsf_status(writer, CONNECTION_FAILURE, "timeout");
	ocsf_network_connection(writer, connection);
	ocsf_network_unmapped(writer, connection);
	encode_connection_owners(writer, connection);
	ocsf_end(writer);
}
