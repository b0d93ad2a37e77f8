/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Lines with Zeek's names. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "events/encode.h"
#include "events/zeek_state.h"
#include "example_event.h"

/* Histories and states of the test baselines of Zeek, and one for each step of its analyzer. */
static void test_tcp_states(void)
{
	static const struct {
		const char *history, *state;
	} cases[] = {
		{ "S", "S0" },         { "SS", "S0" },         { "Sr", "REJ" },
		{ "SaR", "RSTOS0" },   { "SR", "RSTOS0" },     { "SDR", "RSTOS0" },
		{ "SAR", "OTH" },      { "R", "OTH" },         { "^r", "RSTRH" },
		{ "^hr", "RSTRH" },    { "^hR", "RSTO" },      { "ShR", "RSTO" },
		{ "ShAr", "RSTR" },    { "ShADdR", "RSTO" },   { "ShADdrR", "RSTR" },
		{ "ShrR", "REJ" },     { "ShA", "S1" },        { "Sh", "S1" },
		{ "^hA", "S1" },       { "^h", "OTH" },        { "ShADadF", "S2" },
		{ "ShADadf", "S3" },   { "ShADadfF", "SF" },   { "ShADadFfR", "SF" },
		{ "ShADadFRf", "SF" }, { "ShADadFr", "RSTR" }, { "SF", "SH" },
		{ "^hf", "SHR" },      { "Ss", "S1" },         { "H", "OTH" },
		{ "Hr", "REJ" },       { "ADad", "OTH" },      { "ADadFf", "SF" },
		{ "ADadF", "SH" },     { "DS", "S0" },         { "ShAI", "RSTO" },
		{ "ShTtGgWw", "S1" },  { "Q", NULL },          { "", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct connection connection = {
			.tuple.protocol = IPPROTO_TCP,
			.evidence = CONNECTION_FROM_PACKETS,
			.flow.length = (uint8_t)strlen(cases[i].history),
		};

		memcpy(connection.flow.history, cases[i].history, connection.flow.length);
		CHECK_TEXT(zeek_state(&connection), cases[i].state, "conn_state of '%s'",
		           cases[i].history);
		connection.flow.unmeasured = true;
		CHECK(!zeek_state(&connection), "none where a segment was cut");
		connection.flow.unmeasured = false;
		connection.evidence = CONNECTION_FROM_SOCK_DIAG;
		CHECK(!zeek_state(&connection), "none without packets");
	}
}

/* After 32 letters others may have been left out. */
static void test_full_history(void)
{
	struct tcp_trouble trouble = { .length = sizeof trouble.history };
	struct connection_extra extra = { .trouble = &trouble };
	struct connection connection = { .tuple.protocol = IPPROTO_TCP,
		                         .evidence = CONNECTION_FROM_PACKETS,
		                         .extra = &extra,
		                         .flow.length = sizeof connection.flow.history };

	memcpy(connection.flow.history, "ShATtTtTtTtT", sizeof connection.flow.history);
	memset(trouble.history, 'T', sizeof trouble.history);
	CHECK(!zeek_state(&connection), "no state where the history is full");
	trouble.length--;
	CHECK_TEXT(zeek_state(&connection), "S1", "the state where it is not");
}

static void test_other_states(void)
{
	static const struct {
		uint8_t protocol;
		int there, back;
		const char *state;
	} cases[] = {
		{ IPPROTO_UDP, 1, 1, "SF" },   { IPPROTO_UDP, 1, 0, "S0" },
		{ IPPROTO_UDP, 0, 1, "SHR" },  { IPPROTO_UDP, 0, 0, "OTH" },
		{ IPPROTO_ICMP, 1, 1, "OTH" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct connection connection = {
			.tuple.protocol = cases[i].protocol,
			.evidence = CONNECTION_FROM_PACKETS,
			.counts = { { .packets = (uint64_t)cases[i].there },
			            { .packets = (uint64_t)cases[i].back } },
		};

		CHECK_TEXT(zeek_state(&connection), cases[i].state, "protocol %u: %d, %d packets",
		           cases[i].protocol, cases[i].there, cases[i].back);
	}
}

struct fixture {
	struct encoder *encoder;
	struct buf line;
};

static const char *encode(struct fixture *fixture, const struct event *event)
{
	buf_reset(&fixture->line);
	if (encoder_encode(fixture->encoder, event, &fixture->line) != 0)
		return "";
	fixture->line.data[fixture->line.length] = '\0';
	return fixture->line.data;
}

static void test_owner(struct fixture *fixture)
{
	struct example example;
	struct event event = { .action = EVENT_CONNECTION_CLOSED,
		               .connection.connection = &example.connection };

	example_begin(&example);
	example.connection.last_ns = example.connection.start_ns + 1500000999;
	example.connection.reason = CONNECTION_IDLE;
	CHECK_TEXT(encode(fixture, &event),
	           "{\"_path\":\"conn\",\"_system_name\":\"web1\",\"ts\":1795342272.123001,"
	           "\"uid\":\"5d41402abc4b2a76\",\"id.orig_h\":\"10.0.2.15\",\"id.orig_p\":51044,"
	           "\"id.resp_h\":\"93.184.216.34\",\"id.resp_p\":443,\"proto\":\"tcp\","
	           "\"duration\":1.500000,\"local_orig\":true,\"local_resp\":false,"
	           "\"orig_pkts\":1,\"orig_ip_bytes\":60,\"resp_pkts\":0,\"resp_ip_bytes\":0,"
	           "\"ip_proto\":6,\"community_id\":\"1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=\","
	           "\"sockline.reason\":\"idle\",\"sockline.orig.method\":\"socket\","
	           "\"sockline.orig.pid\":4242,\"sockline.orig.process\":\"curl\","
	           "\"sockline.orig.entity_id\":\"9f86d081884c7d65\","
	           "\"sockline.orig.user_id\":\"1000\"}\n",
	           "a connection with its owner");
	example.connection.evidence = CONNECTION_FROM_TRACEPOINTS;
	example.connection.routeless = true;
	example.connection.start_ns = example.connection.last_ns = -1500000999;
	example.connection.owners[0] = (struct owner){ .reason = ATTRIBUTION_EXITED };
	CHECK_TEXT(encode(fixture, &event),
	           "{\"_path\":\"conn\",\"_system_name\":\"web1\",\"ts\":-1.500000,"
	           "\"uid\":\"5d41402abc4b2a76\","
	           "\"id.resp_h\":\"93.184.216.34\",\"id.resp_p\":443,\"proto\":\"tcp\","
	           "\"local_orig\":true,\"local_resp\":false,"
	           "\"ip_proto\":6,\"community_id\":\"1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=\","
	           "\"sockline.reason\":\"idle\",\"sockline.orig.method\":\"unknown\","
	           "\"sockline.orig.reason\":\"exited\"}\n",
	           "what is not known is absent");
	example_end(&example);
}

/* A connection of TLS has a second line. */
static void test_ssl(struct fixture *fixture)
{
	struct example example;
	struct event event = { .action = EVENT_CONNECTION_CLOSED,
		               .connection.connection = &example.connection };

	example_begin(&example);
	CHECK(encoder_lines(fixture->encoder, &event) == 1, "a connection without names");
	example.connection.protocol = NAMES_HTTP;
	names_set_text(&example.connection.names, NAMES_HOST, "www.example.com", 15);
	CHECK(encoder_lines(fixture->encoder, &event) == 1, "a connection of HTTP");
	names_set_text(&example.connection.names, NAMES_SERVER_NAME, "www.example.com", 15);
	names_set_text(&example.connection.names, NAMES_ALPN, "\2h2\10http/1.1", 12);
	names_set_text(&example.connection.names, NAMES_VERSIONS, "\3\4\3\0\x7f\x1c\4\1", 8);
	CHECK(encoder_lines(fixture->encoder, &event) == 2, "a connection of TLS");
	event.part = 1;
	CHECK_TEXT(
		encode(fixture, &event),
		"{\"_path\":\"ssl\",\"_system_name\":\"web1\",\"ts\":1795342272.123001,"
		"\"uid\":\"5d41402abc4b2a76\",\"id.orig_h\":\"10.0.2.15\",\"id.orig_p\":51044,"
		"\"id.resp_h\":\"93.184.216.34\",\"id.resp_p\":443,"
		"\"server_name\":\"www.example.com\",\"orig_alpn\":[\"h2\",\"http/1.1\"],"
		"\"sockline.versions\":[\"TLSv13\",\"SSLv3\",\"TLSv13-draft28\",\"unknown-1025\"],"
		"\"sockline.orig.method\":\"socket\","
		"\"sockline.orig.pid\":4242,\"sockline.orig.process\":\"curl\","
		"\"sockline.orig.entity_id\":\"9f86d081884c7d65\","
		"\"sockline.orig.user_id\":\"1000\"}\n",
		"what its client said first");
	event.action = EVENT_RECORDS_DROPPED;
	CHECK(encoder_lines(fixture->encoder, &event) == 1, "an event of no connection");
	example_end(&example);
}

static void test_reports(struct fixture *fixture)
{
	struct event event = { .action = EVENT_RECORDS_DROPPED,
		               .time_ns = 1000000,
		               .log = { .level = "warning", .message = "3 \"records\" dropped" } };
	char *message;

	CHECK_TEXT(encode(fixture, &event),
	           "{\"_path\":\"reporter\",\"_system_name\":\"web1\",\"ts\":0.001000,"
	           "\"level\":\"Reporter::WARNING\",\"message\":\"3 \\\"records\\\" dropped\","
	           "\"sockline.action\":\"records_dropped\"}\n",
	           "a warning");
	message = calloc(1, EVENT_LINE_MAX + 1);
	if (!message)
		exit(EXIT_FAILURE);
	memset(message, 'x', EVENT_LINE_MAX);
	event.log = (struct event_log){ .level = "error", .message = message };
	CHECK_TEXT(encode(fixture, &event),
	           "{\"_path\":\"reporter\",\"_system_name\":\"web1\",\"ts\":0.001000,"
	           "\"level\":\"Reporter::ERROR\",\"sockline.action\":\"records_dropped\","
	           "\"sockline.truncated\":true}\n",
	           "an error whose message fits no line");
	free(message);
}

int main(void)
{
	const struct encoder_options options = { .host_name = "web1",
		                                 .passwd = "/dev/null",
		                                 .format = ENCODER_ZEEK };
	struct fixture fixture = {
		.encoder = encoder_new(&options),
		.line = { .data = malloc(ENCODER_ROOM + 1), .capacity = ENCODER_ROOM },
	};

	if (!fixture.encoder || !fixture.line.data)
		exit(EXIT_FAILURE);
	test_tcp_states();
	test_full_history();
	test_other_states();
	test_owner(&fixture);
	test_ssl(&fixture);
	test_reports(&fixture);
	CHECK(encoder_has(fixture.encoder, EVENT_CONNECTION_CLOSED) &&
	              !encoder_has(fixture.encoder, EVENT_PACKET) &&
	              !encoder_has(fixture.encoder, EVENT_RUN_STOPPED) &&
	              encoder_has(fixture.encoder, EVENT_CLOCK_STEP),
	      "which records there are");
	free(fixture.line.data);
	encoder_free(fixture.encoder);
	return check_done();
}
