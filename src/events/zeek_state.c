/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/zeek_state.h"

#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "connections/tcp_quality.h"

/*
 * An end of a TCP connection as Zeek's analyzer sees it. The history has each step: its letters
 * are in the order of the first packets of each kind, and later ones of a kind change nothing.
 */
enum end_state {
	END_INACTIVE, /* it has sent nothing */
	END_SYN_SENT,
	END_SYN_ACK_SENT,
	END_PARTIAL, /* it was met midway */
	END_ESTABLISHED,
	END_CLOSED, /* FIN */
	END_RESET,
};

struct ends {
	enum end_state state[2], before[2];
	bool data; /* one of them has sent some */
};

static void set(struct ends *ends, enum connection_end end, enum end_state state)
{
	ends->before[end] = ends->state[end];
	ends->state[end] = state;
}

static void take_syn(struct ends *ends, enum connection_end end, bool ack)
{
	enum end_state peer = ends->state[!end];

	if (ends->state[end] == END_PARTIAL && peer == END_INACTIVE && !ack)
		set(ends, end, END_SYN_SENT);
	if (ends->state[end] != END_INACTIVE)
		return;
	if (end == CONNECTION_SOURCE) {
		set(ends, end, ack ? END_SYN_ACK_SENT : END_SYN_SENT);
		return;
	}
	if (peer == END_SYN_SENT)
		set(ends, !end, END_ESTABLISHED);
	set(ends, end, END_ESTABLISHED);
}

static void take_fin(struct ends *ends, enum connection_end end)
{
	enum end_state now = ends->state[end];

	if (now == END_CLOSED || now == END_RESET)
		return;
	/* FIN and RST of one end, and then the FIN of the other: an ordinary end. */
	if ((now == END_ESTABLISHED || now == END_PARTIAL) && ends->state[!end] == END_RESET &&
	    ends->before[!end] == END_CLOSED)
		set(ends, !end, END_CLOSED);
	set(ends, end, END_CLOSED);
}

static void take_rst(struct ends *ends, enum connection_end end)
{
	if (ends->state[end] == END_RESET ||
	    (ends->state[end] == END_CLOSED && ends->state[!end] == END_CLOSED))
		return;
	set(ends, end, END_RESET);
}

/* An acknowledgement alone, or data. */
static void take_plain(struct ends *ends, enum connection_end end, bool data)
{
	ends->data |= data;
	if (ends->state[end] != END_INACTIVE)
		return;
	if (end == CONNECTION_DESTINATION && !data && ends->state[!end] == END_SYN_SENT)
		return; /* an answer that opens nothing */
	set(ends, end, ends->state[!end] == END_ESTABLISHED ? END_ESTABLISHED : END_PARTIAL);
}

static void take_letter(struct ends *ends, char letter)
{
	enum connection_end end =
		islower((unsigned char)letter) ? CONNECTION_DESTINATION : CONNECTION_SOURCE;

	switch (toupper((unsigned char)letter)) {
	case 'S':
	case 'H':
		take_syn(ends, end, toupper((unsigned char)letter) == 'H');
		break;
	case 'F':
		take_fin(ends, end);
		break;
	case 'I': /* FIN and RST */
	case 'R':
		take_rst(ends, end);
		break;
	case 'A':
	case 'D':
		take_plain(ends, end, toupper((unsigned char)letter) == 'D');
		break;
	}
}

static bool is_quiet(enum end_state state)
{
	return state == END_INACTIVE || state == END_PARTIAL;
}

/* A SYN and a RST of the initiator, and nothing between that answers or goes on. */
static bool is_given_up(const char *history, size_t length)
{
	size_t start = length > 0 && history[0] == '^';
	size_t end = start;

	while (end < length && !strchr("HAFGIQR", history[end]))
		end++;
	return start < length && history[start] == 'S' && end < length && history[end] == 'R';
}

static const char *reset_by_responder(const struct ends *ends)
{
	enum end_state source = ends->state[CONNECTION_SOURCE];

	if (source == END_SYN_SENT || source == END_SYN_ACK_SENT ||
	    (source == END_RESET && !ends->data))
		return "REJ";
	return is_quiet(source) ? "RSTRH" : "RSTR";
}

static const char *name_of(const struct ends *ends, bool given_up)
{
	enum end_state source = ends->state[CONNECTION_SOURCE];
	enum end_state destination = ends->state[CONNECTION_DESTINATION];

	if (destination == END_RESET)
		return reset_by_responder(ends);
	if (source == END_RESET) {
		if (!is_quiet(destination))
			return "RSTO";
		return given_up ? "RSTOS0" : "OTH";
	}
	if (source == END_CLOSED && destination == END_CLOSED)
		return "SF";
	if (source == END_CLOSED)
		return is_quiet(destination) ? "SH" : "S2";
	if (destination == END_CLOSED)
		return is_quiet(source) ? "SHR" : "S3";
	if (source == END_SYN_SENT && destination == END_INACTIVE)
		return "S0";
	return source == END_ESTABLISHED && destination == END_ESTABLISHED ? "S1" : "OTH";
}

static const char *tcp_state(const struct connection *connection)
{
	struct ends ends = { 0 };
	char history[TCP_HISTORY_MAX];
	size_t length = tcp_quality_history(connection, history);

	/* A full one may lack steps, and what Q stands for is one of two. */
	if (connection->flow.unmeasured || length == 0 || length == sizeof history ||
	    memchr(history, 'Q', length) || memchr(history, 'q', length))
		return NULL;
	for (size_t i = 0; i < length; i++)
		take_letter(&ends, history[i]);
	return name_of(&ends, is_given_up(history, length));
}

static const char *udp_state(const struct connection *connection)
{
	if (connection->counts[CONNECTION_SOURCE].packets > 0)
		return connection->counts[CONNECTION_DESTINATION].packets > 0 ? "SF" : "S0";
	return connection->counts[CONNECTION_DESTINATION].packets > 0 ? "SHR" : "OTH";
}

const char *zeek_state(const struct connection *connection)
{
	if (!(connection->evidence & CONNECTION_FROM_PACKETS))
		return NULL;
	switch (connection->tuple.protocol) {
	case IPPROTO_TCP:
		return tcp_state(connection);
	case IPPROTO_UDP:
		return udp_state(connection);
	default:
		return "OTH";
	}
}
