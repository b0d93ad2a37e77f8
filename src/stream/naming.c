/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/naming.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/dns_queries.h"
#include "inspect/domains.h"
#include "inspect/names.h"
#include "stream/stream_private.h"

#define FINDINGS_MAX NAMING_FINDINGS_MAX

struct naming {
	struct naming_queue queue; /* the first, see naming_queue() */
	struct connection_table *connections;
	struct emitter *emitter;
	bool wants_dns;
	struct inspector *inspector;
	struct dns_queries *queries;
	struct domains *domains;
	const struct packet *packet; /* that is looked into */
	uint32_t limit;              /* of tail, for this packet */
	/* The number of the packet that each is of; 0 = it passed. */
	uint64_t packets[FINDINGS_MAX];
	struct dns_queries_place places[FINDINGS_MAX]; /* of those that are of DNS */
	struct inspector_finding findings[FINDINGS_MAX];
	struct inspector_finding spare; /* for what is over the limit */
};

static struct inspector_finding *room_for_next(struct naming *naming)
{
	return naming->queue.tail == naming->limit
	               ? &naming->spare
	               : &naming->findings[naming->queue.tail % FINDINGS_MAX];
}

static struct inspector_finding *on_finding(void *context, struct inspector_finding *finding)
{
	struct naming *naming = context;
	uint32_t i = naming->queue.tail % FINDINGS_MAX;

	if (finding == &naming->spare)
		return finding;
	if (finding->kind == INSPECTOR_DNS)
		naming->places[i] = dns_queries_expect(naming->queries, naming->packet->netns,
		                                       &naming->packet->tuple, &finding->dns);
	naming->packets[i] = naming->packet->number;
	if (naming->queue.head == naming->queue.tail)
		naming->queue.next = naming->packet->number;
	naming->queue.tail++;
	return room_for_next(naming);
}

struct naming *naming_new(const struct hash_key *key, struct connection_table *connections,
                          struct emitter *emitter)
{
	struct naming *naming = calloc(1, sizeof *naming);

	if (!naming)
		return NULL;
	naming->queue.next = UINT64_MAX;
	naming->connections = connections;
	naming->emitter = emitter;
	naming->wants_dns = emitter_wants(emitter, EVENT_DNS_TRANSACTION);
	naming->inspector = inspector_new(key, on_finding, naming);
	naming->queries = dns_queries_new(key);
	naming->domains = domains_new(key);
	if (!naming->inspector || !naming->queries || !naming->domains) {
		naming_free(naming);
		return NULL;
	}
	return naming;
}

void naming_free(struct naming *naming)
{
	if (!naming)
		return;
	domains_free(naming->domains);
	dns_queries_free(naming->queries);
	inspector_free(naming->inspector);
	free(naming);
}

void naming_look(struct naming *naming, const struct packet *packet, const uint8_t *bytes)
{
	naming->packet = packet;
	naming->limit = naming->queue.tail + NAMING_FINDINGS_EACH;
	if (naming->limit - naming->queue.head > FINDINGS_MAX)
		naming->limit = naming->queue.head + FINDINGS_MAX;
	inspector_look(naming->inspector, packet, bytes, room_for_next(naming));
}

static void emit(struct naming *naming, int64_t time_ns, const struct event_dns *dns)
{
	struct event event = { .action = EVENT_DNS_TRANSACTION, .time_ns = time_ns };

	if (!naming->wants_dns)
		return;
	event.dns = *dns;
	emitter_emit(naming->emitter, &event);
}

/* A query without an answer. Its connection may be gone: then there is nothing to name. */
static void emit_unanswered(struct naming *naming, const struct dns_query *query, bool timed_out)
{
	struct event_dns dns = {
		.connection = connection_table_at(naming->connections, query->origin.number,
		                                  query->origin.connection),
		.query = query,
		.query_ns = query->origin.time_ns,
		.timed_out = timed_out,
	};

	if (dns.connection)
		emit(naming, query->origin.time_ns + (timed_out ? DNS_QUERIES_KEEP_NS : 0), &dns);
}

void naming_expire(struct naming *naming, int64_t before_ns)
{
	struct dns_query query;

	while (dns_queries_expire(naming->queries, before_ns, &query))
		emit_unanswered(naming, &query, before_ns != INT64_MAX);
}

static uint64_t owner_of(const struct connection *connection, enum connection_end end)
{
	const struct process *process = connection->owners[end].process;

	return process ? process->entity_id : 0;
}

static void take_answer(struct naming *naming, struct dns_queries_place place,
                        const struct packet *packet, struct connection *connection,
                        enum connection_end from, const struct dns_message *message)
{
	struct event_dns dns = { .connection = connection, .message = message };
	struct domains_client client = {
		.address = packet->tuple.destination,
		.netns = packet->netns,
		.lane = connection->lane & ~CONNECTION_LANE_MAPPED,
		.local = connection->local[!from],
		.owner = owner_of(connection, !from),
	};
	struct dns_query query;

	if (dns_queries_answer(naming->queries, place, packet->netns, &packet->tuple, message,
	                       &query)) {
		dns.query = &query;
		dns.query_ns = query.origin.time_ns;
		domains_add(naming->domains, &client, message, packet->time_ns);
	}
	emit(naming, packet->time_ns, &dns);
}

static void take_query(struct naming *naming, struct dns_queries_place place,
                       const struct packet *packet, const struct connection *connection,
                       const struct dns_message *message)
{
	const struct dns_query_origin origin = {
		.tuple = packet->tuple,
		.netns = packet->netns,
		.number = connection_table_number(connection),
		.connection = connection->id,
		.time_ns = packet->time_ns,
	};
	struct dns_query displaced;

	if (dns_queries_add(naming->queries, place, &origin, message, &displaced))
		emit_unanswered(naming, &displaced, false);
}

static enum names_protocol protocol_of(const struct tuple *tuple)
{
	if (tuple->source_port == DNS_MDNS_PORT || tuple->destination_port == DNS_MDNS_PORT)
		return NAMES_MDNS;
	if (tuple->source_port == DNS_LLMNR_PORT || tuple->destination_port == DNS_LLMNR_PORT)
		return NAMES_LLMNR;
	return NAMES_DNS;
}

static void take_dns(struct naming *naming, struct dns_queries_place place,
                     const struct packet *packet, struct connection *connection,
                     enum connection_end from, const struct dns_message *message)
{
	enum names_protocol protocol = protocol_of(&packet->tuple);
	struct event_dns dns = { .connection = connection, .message = message };

	connection->protocol = protocol;
	if (protocol == NAMES_MDNS) /* a group asks, and a group is answered */
		emit(naming, packet->time_ns, &dns);
	else if (message->response)
		take_answer(naming, place, packet, connection, from, message);
	else
		take_query(naming, place, packet, connection, message);
}

/* A name of letters, digits and what else host names have; addresses are no domains. */
static bool is_domain(const char *name, size_t length)
{
	struct inet_address address;

	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '.' && c != '_')
			return false;
	}
	return length > 0 && !inet_parse(name, &address);
}

/* The client says whom it wants to reach. */
static void set_domain(struct connection *connection, enum names_source source, const void *bytes,
                       size_t length)
{
	char name[DOMAINS_NAME_MAX] = "";

	if (length >= sizeof name)
		return;
	memcpy(name, bytes, length);
	if (!is_domain(name, length))
		return;
	dns_name_lower(name, name, length);
	names_set_domain(&connection->names, source, name);
}

static void take_tls(struct connection *connection, enum names_protocol protocol,
                     const struct tls_hello *hello)
{
	uint8_t versions[2 * TLS_HELLO_VERSIONS_MAX];
	struct names **names = &connection->names;

	for (int i = 0; i < hello->version_count; i++) {
		versions[2 * i] = (uint8_t)(hello->versions[i] >> 8);
		versions[2 * i + 1] = (uint8_t)hello->versions[i];
	}
	connection->protocol = protocol;
	set_domain(connection, NAMES_FROM_TLS, hello->server_name, hello->server_name_length);
	names_set_text(names, NAMES_SERVER_NAME, hello->server_name, hello->server_name_length);
	if (hello->ja4[0] == '\0')
		return;
	names_set_text(names, NAMES_ALPN, hello->alpn, hello->alpn_length);
	names_set_text(names, NAMES_VERSIONS, versions, (size_t)hello->version_count * 2);
	names_set_text(names, NAMES_JA4, hello->ja4, JA4_SIZE - 1);
}

static void take_http(struct connection *connection, const struct http_request *request)
{
	connection->protocol = NAMES_HTTP;
	set_domain(connection, NAMES_FROM_HTTP, request->host, strlen(request->host));
	names_set_text(&connection->names, NAMES_METHOD, request->method, strlen(request->method));
	names_set_text(&connection->names, NAMES_HOST, request->host, strlen(request->host));
}

static void take_ssh(struct connection *connection, enum connection_end from,
                     const struct ssh_version *version)
{
	connection->protocol = NAMES_SSH;
	names_set_text(&connection->names,
	               from == CONNECTION_SOURCE ? NAMES_SSH_CLIENT : NAMES_SSH_SERVER,
	               version->text, strlen(version->text));
}

/* That of this place in the ring. */
static void apply(struct naming *naming, uint32_t i, const struct packet *packet,
                  struct connection *connection, enum connection_end from)
{
	const struct inspector_finding *finding = &naming->findings[i];

	switch (finding->kind) {
	case INSPECTOR_DNS:
		take_dns(naming, naming->places[i], packet, connection, from, &finding->dns);
		break;
	case INSPECTOR_TLS:
		take_tls(connection, NAMES_TLS, &finding->tls);
		break;
	case INSPECTOR_QUIC:
		take_tls(connection, NAMES_QUIC, &finding->tls);
		break;
	case INSPECTOR_HTTP:
		take_http(connection, &finding->http);
		break;
	case INSPECTOR_SSH:
		take_ssh(connection, from, &finding->ssh);
		break;
	}
}

/* What passed has no place any more. */
static void advance(struct naming *naming)
{
	struct naming_queue *queue = &naming->queue;

	while (queue->head != queue->tail && naming->packets[queue->head % FINDINGS_MAX] == 0)
		queue->head++;
	queue->next = naming->packets[queue->head % FINDINGS_MAX];
	if (queue->head == queue->tail) /* what was used last is in the cache */
		*queue = (struct naming_queue){ .next = UINT64_MAX };
}

/* Packets pass nearly in order: those of one that passes before others leave a gap in the ring. */
void naming_found(struct naming *naming, const struct packet *packet, struct connection *connection,
                  enum connection_end from)
{
	for (uint32_t at = naming->queue.head; at != naming->queue.tail; at++) {
		uint32_t i = at % FINDINGS_MAX;

		if (naming->packets[i] > packet->number)
			break;
		if (naming->packets[i] != packet->number)
			continue;
		if (connection)
			apply(naming, i, packet, connection, from);
		naming->packets[i] = 0;
	}
	advance(naming);
}

/* Most packets of a batch have numbers in a row. */
void naming_prefetch(const struct naming *naming, const struct packet *packets, int count,
                     const struct connection *const *connections)
{
	for (uint32_t at = naming->queue.head; at != naming->queue.tail; at++) {
		uint64_t i = naming->packets[at % FINDINGS_MAX] - packets[0].number;

		if (i >= (uint64_t)count)
			continue;
		if (naming->findings[at % FINDINGS_MAX].kind == INSPECTOR_DNS)
			dns_queries_prefetch(naming->queries, naming->places[at % FINDINGS_MAX]);
		if (connections[i])
			connection_prefetch_names(connections[i]);
	}
}

void naming_opened(struct naming *naming, struct connection *connection)
{
	struct domains_client client = {
		.address = connection->tuple.source,
		.netns = connection->netns,
		.lane = connection->lane & ~CONNECTION_LANE_MAPPED,
		.local = connection->local[CONNECTION_SOURCE],
		.owner = owner_of(connection, CONNECTION_SOURCE),
	};
	const char *domain;

	if (connection->midway) /* when it began is not known */
		return;
	domain = domains_find(naming->domains, &client, &connection->tuple.destination,
	                      connection->start_ns);
	if (domain)
		names_set_domain(&connection->names, NAMES_FROM_DNS, domain);
}
