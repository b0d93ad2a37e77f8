/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file joined with recorded sockets: the whole way from packets to
 * records, with owners, and no live host in it.
 *
 *	replay_sockets SOCKETS FILE
 *
 * SOCKETS: lines "address ADDRESS" (this host has it), "tunnel ID" (it has an interface for
 * tunnels of that number), "below" (and that is not captured), "traffic" (records of that, too),
 * and tab-separated "protocol local port remote port method pid name executable uid inode", where
 * remote "*" with port 0 is any (a listener, an unconnected socket); method "late" is a socket that
 * is found when the run ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attribution/attribution.h"
#include "base/clock.h"
#include "capture/capture.h"
#include "decode/decode.h"
#include "interfaces/interfaces.h"
#include "stream/stream.h"

#define NETNS 4026531840u
#define MAX   64

struct recorded {
	struct tuple tuple; /* local end first */
	bool any_remote;
	enum attribution_method method;
	bool late;
	struct process process;
	char name[32], executable[128];
	uint32_t uid;
	uint64_t inode;
};

static struct recorded sockets[MAX];
static struct inet_address addresses[MAX];
static int socket_count, address_count;
static bool has_tunnel, everywhere = true, has_traffic, is_ending;
static uint32_t tunnel_id;
static struct attribution_namespace space = { .netns = NETNS };

/* What stream/ asks attribution and the interfaces for, answered from the record. */
const struct attribution_namespace *
attribution_find_namespace(const struct attribution *attribution, uint32_t netns)
{
	return attribution && netns == NETNS ? &space : NULL;
}

bool interfaces_is_local(const struct interfaces *interfaces, const struct inet_address *address)
{
	(void)interfaces;
	for (int i = 0; i < address_count; i++)
		if (inet_equal(&addresses[i], address))
			return true;
	return false;
}

bool interfaces_was_local(const struct interfaces *interfaces, const struct inet_address *address,
                          int64_t at_ns)
{
	(void)at_ns;
	return interfaces_is_local(interfaces, address);
}

uint32_t interfaces_had_address(const struct interfaces *interfaces,
                                const struct inet_address *address, int64_t at_ns)
{
	(void)interfaces;
	(void)address;
	(void)at_ns;
	return 0;
}

const struct interface *interfaces_find(const struct interfaces *interfaces, uint32_t ifindex)
{
	(void)interfaces;
	(void)ifindex;
	return NULL;
}

uint32_t interfaces_link(const struct interfaces *interfaces, uint32_t ifindex,
                         const uint16_t *vlans, int vlan_count)
{
	(void)interfaces;
	(void)ifindex;
	(void)vlans;
	(void)vlan_count;
	return 0;
}

/* The interface of a "tunnel" line; no packet of these files is captured on it by its number. */
const struct interface *interfaces_find_tunnel(const struct interfaces *interfaces,
                                               const struct packet *inner,
                                               const struct tuple *outer)
{
	static const struct interface end = { .ifindex = 9 };

	(void)interfaces;
	(void)outer;
	return has_tunnel && inner->tunnel_id == tunnel_id ? &end : NULL;
}

int interfaces_read(struct interfaces *interfaces)
{
	(void)interfaces;
	return 0;
}

static struct recorded *find(const struct tuple *tuple)
{
	for (int i = 0; i < socket_count; i++) {
		const struct tuple *known = &sockets[i].tuple;

		if (known->protocol == tuple->protocol &&
		    known->source_port == tuple->source_port &&
		    inet_equal(&known->source, &tuple->source) &&
		    (sockets[i].any_remote ||
		     (known->destination_port == tuple->destination_port &&
		      inet_equal(&known->destination, &tuple->destination))))
			return &sockets[i];
	}
	return NULL;
}

void attribution_expect(struct attribution *attribution, const struct tuple *tuple)
{
	(void)attribution;
	(void)tuple;
}

void attribution_resolve(struct attribution *attribution,
                         const struct attribution_question *question, struct owner *owner)
{
	struct recorded *recorded = find(&question->tuple);

	(void)attribution;
	owner_clear(owner);
	owner->netns = NETNS;
	owner->reason = ATTRIBUTION_NO_SOCKET;
	if (!recorded || (recorded->late && !is_ending))
		return;
	owner->method = recorded->method;
	owner->reason = ATTRIBUTION_REASON_NONE;
	owner->process = process_ref(&recorded->process);
	owner->uid = recorded->uid;
	owner->has_uid = true;
	owner->inode = recorded->inode;
}

unsigned attribution_look_at_holders(struct attribution *attribution,
                                     const struct attribution_question *question,
                                     struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return 0;
}

enum socket_role attribution_find_role(struct attribution *attribution, uint32_t netns,
                                       const struct tuple *tuple, uint32_t ifindex)
{
	struct recorded *recorded = find(tuple);

	(void)attribution;
	(void)netns;
	(void)ifindex;
	return recorded && recorded->any_remote ? SOCKET_RESPONDER : SOCKET_ROLE_UNKNOWN;
}

bool attribution_last_holder(struct attribution *attribution,
                             const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return false;
}

uint32_t attribution_changes(struct attribution *attribution)
{
	(void)attribution;
	return 0;
}

bool attribution_changed_since(const struct attribution *attribution, int64_t since_ns)
{
	(void)attribution;
	(void)since_ns;
	return false;
}

bool attribution_forked_after(const struct attribution *attribution, int pid, int64_t seen_ns)
{
	(void)attribution;
	(void)pid;
	(void)seen_ns;
	return false;
}

bool attribution_is_contested(struct attribution *attribution,
                              const struct attribution_question *question)
{
	(void)attribution;
	(void)question;
	return false;
}

bool attribution_find_user(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return false;
}

enum attribution_send attribution_find_send(struct attribution *attribution,
                                            const struct attribution_question *question,
                                            const struct owner *owner, uint32_t *reported)
{
	(void)attribution;
	(void)question;
	(void)owner;
	(void)reported;
	return ATTRIBUTION_SEND_UNCOUNTED;
}

bool attribution_may_share(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return false;
}

bool attribution_may_outlive(const struct attribution *attribution,
                             const struct attribution_question *question,
                             const struct process *process)
{
	(void)attribution;
	(void)question;
	(void)process;
	return false;
}

bool attribution_find_heir(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return false;
}

uint32_t attribution_exits(const struct attribution *attribution)
{
	(void)attribution;
	return 0;
}

int attribution_udp_listed(struct attribution *attribution, uint32_t netns, int64_t since_ns,
                           int64_t *listed_ns)
{
	(void)attribution;
	(void)netns;
	(void)since_ns;
	(void)listed_ns;
	return -ENOENT;
}

bool attribution_udp_is_gone(const struct attribution *attribution, uint32_t netns,
                             const struct tuple *tuple, const struct owner *owner)
{
	(void)attribution;
	(void)netns;
	(void)tuple;
	(void)owner;
	return false;
}

void attribution_find_maker(struct attribution *attribution,
                            const struct attribution_question *question, bool of_link,
                            bool is_by_hand, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)of_link;
	(void)is_by_hand;
	owner_clear(owner);
	owner->reason = ATTRIBUTION_NO_SOCKET;
}

int attribution_echo_is_gone(struct attribution *attribution,
                             const struct attribution_question *question, const struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return false;
}

bool attribution_sees_connects(const struct attribution *attribution)
{
	(void)attribution;
	return false;
}

bool attribution_take_failed_connect(struct attribution *attribution, int64_t before_ns,
                                     struct failed_connect *connect, struct owner *owner)
{
	(void)attribution;
	(void)before_ns;
	(void)connect;
	(void)owner;
	return false;
}

static void read_line(const char *line)
{
	char local[64], remote[64], method[32], address[64];
	struct recorded *entry = &sockets[socket_count];
	unsigned protocol, port, remote_port, pid, uid;
	unsigned long long inode;

	if (sscanf(line, "address %63s", address) == 1) {
		if (!inet_parse(address, &addresses[address_count++]))
			exit(EXIT_FAILURE);
		return;
	}
	if (sscanf(line, "tunnel %u", &tunnel_id) == 1) {
		has_tunnel = true;
		return;
	}
	if (strncmp(line, "traffic", 7) == 0) {
		has_traffic = true;
		return;
	}
	if (strncmp(line, "below", 5) == 0) {
		everywhere = false;
		return;
	}
	if (sscanf(line, "%u\t%63s\t%u\t%63s\t%u\t%31s\t%u\t%31s\t%127s\t%u\t%llu", &protocol,
	           local, &port, remote, &remote_port, method, &pid, entry->name, entry->executable,
	           &uid, &inode) != 11 ||
	    !inet_parse(local, &entry->tuple.source))
		exit(EXIT_FAILURE);
	entry->any_remote = strcmp(remote, "*") == 0;
	if (!entry->any_remote && !inet_parse(remote, &entry->tuple.destination))
		exit(EXIT_FAILURE);
	entry->tuple.protocol = (uint8_t)protocol;
	entry->tuple.source_port = (uint16_t)port;
	entry->tuple.destination_port = (uint16_t)remote_port;
	entry->method = strcmp(method, "listener") == 0 ? ATTRIBUTION_LISTENER : ATTRIBUTION_SOCKET;
	entry->late = strcmp(method, "late") == 0;
	entry->process = (struct process){
		.references = 1000000, /* static: never freed */
		.pid = (int)pid,
		.start_ns = INT64_C(1700000000) * NS_PER_SECOND,
		.entity_id = 0x1000 + pid,
		.has_uid = true,
		.uid = uid,
		.has_real_uid = true,
		.real_uid = uid,
		.name = entry->name,
		.executable = entry->executable,
	};
	entry->uid = uid;
	entry->inode = inode;
	socket_count++;
}

static void on_packet(void *context, const struct capture_packet *captured)
{
	static uint64_t number;
	struct packet packet = { .time_ns = captured->time_ns, .netns = NETNS };

	packet.number = ++number;
	decode_packet(DECODE_LINK_ETHERNET, captured->bytes, captured->captured, captured->length,
	              &packet);
	stream_add_packet(context, &packet, captured->bytes);
	stream_pass_packets(context);
}

int main(int argc, char **argv)
{
	/* No user has a name, whoever has which number on this machine. */
	struct encoder_options encoder = { .host_name = "test", .passwd = "/dev/null" };
	struct emitter_options emitter = { .events = EMITTER_PACKET | EMITTER_CONNECTION };
	struct stream_options options = { .max_connections = 1024,
		                          .netns = NETNS,
		                          .replay = true,
		                          .tunnels = true,
		                          .dedupe = true };
	struct capture_options capture_options = { .snaplen = 0 };
	struct capture *capture;
	struct stream *stream;
	struct error error = { 0 };
	FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
	char line[512];

	if (!file)
		return 2;
	while (fgets(line, sizeof line, file) && socket_count < MAX && address_count < MAX)
		read_line(line);
	fclose(file);
	if (has_traffic)
		emitter.events |= EMITTER_TRAFFIC;
	if (capture_open_file(&capture, argv[2], &capture_options, &error) != 0 ||
	    sink_new(&emitter.sink, STDOUT_FILENO, 1 << 22, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return EXIT_FAILURE;
	}
	emitter.encoder = encoder_new(&encoder);
	options.emitter = emitter_new(&emitter);
	options.sees_all = everywhere;
	/* Neither is looked into: the functions above answer. */
	options.attribution = (struct attribution *)&space;
	space.interfaces = (struct interfaces *)&space;
	if (stream_new(&stream, &options, &error) != 0)
		return EXIT_FAILURE;
	while (capture_dispatch(capture, 1000, on_packet, stream, &error) > 0)
		;
	is_ending = true;
	stream_finish(stream);
	sink_drain(emitter.sink, clock_monotonic_ns() + 10 * NS_PER_SECOND);
	stream_free(stream);
	emitter_free(options.emitter);
	encoder_free(emitter.encoder);
	sink_free(emitter.sink);
	capture_close(capture);
	return EXIT_SUCCESS;
}
