/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_record.h"

#include <errno.h>

#include "check.h"
#include "random.h"
#include "trace_formats.h"

/* A record as it is being written. */
struct record {
	_Alignas(8) uint8_t bytes[512];
	size_t length;
};

static struct trace_record_layout layout;

static void put(struct record *record, const void *bytes, size_t length)
{
	memcpy(record->bytes + record->length, bytes, length);
	record->length += length;
}

static void put_u16(struct record *record, uint16_t value)
{
	put(record, &value, sizeof value);
}

static void put_u32(struct record *record, uint32_t value)
{
	put(record, &value, sizeof value);
}

static void put_u64(struct record *record, uint64_t value)
{
	put(record, &value, sizeof value);
}

static struct record begin(uint32_t type, uint16_t misc)
{
	struct record record = { .length = 0 };

	put_u32(&record, type);
	put_u16(&record, misc);
	put_u16(&record, 0);
	return record;
}

static void end(struct record *record)
{
	uint16_t size = (uint16_t)record->length;

	memcpy(record->bytes + 6, &size, sizeof size);
}

/* The tail of all records but samples: process and time. */
static void end_side_band(struct record *record, uint32_t pid, uint32_t tid, uint64_t time_ns)
{
	put_u32(record, pid);
	put_u32(record, tid);
	put_u64(record, time_ns);
	end(record);
}

/* The beginning of a sample; raw_size is what its tracepoint writes. */
static struct record begin_sample(uint16_t id, uint8_t flags, uint32_t pid, uint32_t tid,
                                  uint32_t raw_size)
{
	struct record record = begin(PERF_RECORD_SAMPLE, 2);
	uint8_t common[] = { 0, 0, flags, 1, 0, 0, 0, 0 };

	memcpy(common, &id, sizeof id);
	put_u32(&record, pid);
	put_u32(&record, tid);
	put_u64(&record, 123456789);
	put_u32(&record, (raw_size + 4 + 7) / 8 * 8 - 4);
	put(&record, common, sizeof common);
	record.length = 28 + (raw_size + 4 + 7) / 8 * 8; /* the rest stays 0 */
	return record;
}

static void set(struct record *record, size_t raw_offset, const void *bytes, size_t length)
{
	memcpy(record->bytes + 28 + raw_offset, bytes, length);
}

static void set_u16(struct record *record, size_t raw_offset, uint16_t value)
{
	set(record, raw_offset, &value, sizeof value);
}

static void set_u32(struct record *record, size_t raw_offset, uint32_t value)
{
	set(record, raw_offset, &value, sizeof value);
}

static void end_sample(struct record *record)
{
	if (layout.has_cgroup)
		put_u64(record, 4711);
	end(record);
}

static enum trace_record_result decode(const struct record *record, struct trace_event *event)
{
	return trace_record_decode(&layout, (const struct perf_event_header *)record->bytes, event);
}

static bool is_tuple(const struct trace_event *event, uint8_t protocol, const char *local,
                     uint16_t local_port, const char *remote, uint16_t remote_port)
{
	struct inet_address source, destination;

	return inet_parse(local, &source) && inet_parse(remote, &destination) &&
	       inet_equal(&event->tuple.source, &source) &&
	       inet_equal(&event->tuple.destination, &destination) &&
	       event->tuple.source_port == local_port &&
	       event->tuple.destination_port == remote_port && event->tuple.protocol == protocol;
}

static bool is_text(const struct trace_event *event, const char *text)
{
	return event->text_length == strlen(text) &&
	       memcmp(event->text, text, event->text_length) == 0;
}

static int learn(enum trace_record_event event, const char *format)
{
	return trace_record_learn(&layout, event, format, strlen(format));
}

static void test_learn(void)
{
	CHECK_EQUAL(learn(TRACE_RECORD_STATE, FORMAT_ROUTE_V4), -EPROTO, "a field is missing");
	CHECK_EQUAL(learn(TRACE_RECORD_ROUTE_V6, FORMAT_ROUTE_V4), -EPROTO,
	            "a field has another size");
	CHECK_EQUAL(learn(TRACE_RECORD_EXIT, ""), -EPROTO, "no number");
	CHECK_EQUAL(learn(TRACE_RECORD_EXIT, "ID: 1\n" FORMAT_FIELD("char comm[16]", 0, 16)),
	            -EPROTO, "a field within the common ones");
	CHECK_EQUAL(learn(TRACE_RECORD_EXIT, "ID: 1\n" FORMAT_FIELD("char comm[16]", 65530, 16)),
	            -EPROTO, "a field behind all records");
	CHECK(!layout.events[TRACE_RECORD_STATE].known && !layout.events[TRACE_RECORD_EXIT].known,
	      "what is not understood changes nothing");
	CHECK(learn(TRACE_RECORD_ROUTE_V4, FORMAT_ROUTE_V4) == 0 &&
	              learn(TRACE_RECORD_ROUTE_V6, FORMAT_ROUTE_V6) == 0 &&
	              learn(TRACE_RECORD_STATE, FORMAT_STATE) == 0 &&
	              learn(TRACE_RECORD_RECEIVE, FORMAT_RECEIVE) == 0 &&
	              learn(TRACE_RECORD_SEND, FORMAT_SEND) == 0 &&
	              learn(TRACE_RECORD_EXIT, FORMAT_EXIT) == 0,
	      "all tracepoints of Linux 6.18");
}

static struct record route_v4(uint8_t flags)
{
	static const uint8_t source[] = { 192, 0, 2, 1 }, destination[] = { 198, 51, 100, 7 };
	struct record record = begin_sample(2264, flags, 42, 43, 76);

	set(&record, 24, "\x11", 1);
	set(&record, 28, source, 4);
	set(&record, 32, destination, 4);
	set_u16(&record, 56, 40000);
	set_u16(&record, 58, 53);
	end_sample(&record);
	return record;
}

static void test_routes(void)
{
	static const uint8_t destination[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct record record = route_v4(0);
	struct trace_event event;

	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_ROUTE &&
	              event.process_context && event.pid == 42 && event.tid == 43 &&
	              event.time_ns == 123456789,
	      "a route lookup");
	CHECK(is_tuple(&event, 17, "192.0.2.1", 40000, "198.51.100.7", 53), "its ends");
	CHECK_EQUAL(event.cgroup_id, (layout.has_cgroup ? 4711 : 0), "its cgroup");
	record = begin_sample(2315, 0, 42, 43, 102);
	set(&record, 47, destination, sizeof destination);
	set_u16(&record, 64, 40001);
	set_u16(&record, 66, 443);
	set(&record, 68, "\x11", 1);
	end_sample(&record);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_ROUTE &&
	              is_tuple(&event, 17, "::", 40001, "2001:db8::1", 443),
	      "a route lookup for IPv6, without local address");
	set(&record, 68, "\x06", 1);
	set_u32(&record, 8, 254);
	set_u32(&record, 12, (uint32_t)-EHOSTUNREACH);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED &&
	              event.kind == TRACE_EVENT_NO_ROUTE && event.table == 254 &&
	              event.error == -EHOSTUNREACH &&
	              is_tuple(&event, 6, "::", 40001, "2001:db8::1", 443),
	      "a TCP socket for which a table has no route");
}

static void test_context(void)
{
	static const uint8_t bystanders[] = { 0x08, 0x10, 0x40, 0x80, 0x18, 0xff };
	struct trace_event event;

	for (size_t i = 0; i < sizeof bystanders; i++) {
		struct record record = route_v4(bystanders[i]);

		CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IRQ,
		            "flags %02x: nobody's lookup", bystanders[i]);
	}

	struct record record = route_v4(0x27); /* interrupts off, preemption due */

	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_DECODED, "flags 27: the process's own");
	record = route_v4(0);
	memset(record.bytes + 8, 0, 4);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_FOREIGN, "pid 0: another pid namespace");
	memset(record.bytes + 8, 0xff, 4);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_FOREIGN, "pid -1: no process any more");
}

static struct record state(uint8_t flags, uint32_t pid)
{
	static const uint8_t source[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	struct record record = begin_sample(2287, flags, pid, pid, 72);
	uint64_t socket = 0xffff888100000000;
	uint32_t old_state = 2, new_state = 1;

	set(&record, 8, &socket, 8);
	set(&record, 16, &old_state, 4);
	set(&record, 20, &new_state, 4);
	set_u16(&record, 24, 40000);
	set_u16(&record, 26, 80);
	set(&record, 40, source, 16);
	set(&record, 56, source, 16);
	end_sample(&record);
	return record;
}

static void test_states(void)
{
	struct record record = state(0x10, 0);
	struct trace_event event;

	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_STATE &&
	              !event.process_context && event.socket == 0xffff888100000000 &&
	              event.old_state == 2 && event.new_state == 1 &&
	              is_tuple(&event, 6, "127.0.0.1", 40000, "127.0.0.1", 80),
	      "a transition in an interrupt, whoever ran");
	record = state(0, 42);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.process_context &&
	              event.pid == 42,
	      "a transition by a process");
	record.bytes[28 + 17] = 1;
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_MALFORMED, "a state that is none");
}

/* The size of a pointer is the kernel's, whatever this program was compiled for. */
static void test_pointers(void)
{
	struct record record = state(0, 42);
	const uint32_t address = 0xc1234560;
	struct trace_event event;

	set(&record, 8, &address, sizeof address);
	CHECK(learn(TRACE_RECORD_STATE, FORMAT_STATE_32) == 0 &&
	              decode(&record, &event) == TRACE_RECORD_DECODED && event.socket == address,
	      "a socket of a 32-bit kernel");
	CHECK(learn(TRACE_RECORD_STATE, FORMAT_STATE) == 0 &&
	              decode(&record, &event) == TRACE_RECORD_DECODED && event.socket > UINT32_MAX,
	      "a socket of a 64-bit kernel");
	CHECK_EQUAL(learn(TRACE_RECORD_STATE,
	                  "ID: 2287\n" FORMAT_FIELD("const void * skaddr", 8, 2) FORMAT_STATE_REST),
	            -EPROTO, "a pointer of no known size");
}

static void test_receive(void)
{
	static const uint8_t peer[16] = { 0x20, 0x01, [15] = 2 };
	struct record record = begin_sample(2277, 0, 42, 42, 72);
	uint64_t cookie = 77;
	struct trace_event event;

	set_u16(&record, 16, 443);
	set_u16(&record, 18, 5000);
	set(&record, 30, peer, 16);
	set(&record, 46, peer, 16);
	set(&record, 64, &cookie, 8);
	end_sample(&record);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED &&
	              event.kind == TRACE_EVENT_RECEIVE && event.cookie == 77 &&
	              is_tuple(&event, 6, "2001::2", 443, "2001::2", 5000),
	      "a read");
	record.bytes[28 + 2] = 0x10;
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IRQ, "a read by the kernel");
}

static void test_send(void)
{
	struct record record = begin_sample(2284, 0, 42, 43, 28);
	uint64_t address = 0xffff888012345678;
	uint32_t bytes = 1234;
	struct trace_event event;

	set(&record, 8, &address, 8);
	set(&record, 20, &bytes, 4);
	end_sample(&record);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_SEND &&
	              event.socket == address && event.bytes == bytes && event.pid == 42 &&
	              event.tid == 43,
	      "a send");
	record.bytes[28 + 2] = 0x10;
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IRQ, "a send by the kernel");
}

static struct record exit_of(uint32_t pid, uint32_t tid, char group_dead)
{
	struct record record = begin_sample(369, 0, pid, tid, 36);

	set(&record, 8, "fifteen letters", 16);
	set(&record, 32, &group_dead, 1);
	end_sample(&record);
	return record;
}

static void test_exit(void)
{
	struct record record = exit_of(42, 42, 1);
	struct trace_event event;

	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_EXIT &&
	              is_text(&event, "fifteen letters"),
	      "a process ends");
	record = exit_of(42, 42, 0);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED,
	            "its first thread ends, others live on");
	record = exit_of(42, 43, 1);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.text_length == 0,
	      "another thread ends last, its name is not the process's");
	learn(TRACE_RECORD_EXIT, FORMAT_EXIT_OLD);
	record = exit_of(42, 42, 0);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_DECODED,
	            "before Linux 6.16 the first thread counts");
	record = exit_of(42, 43, 0);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED, "and no other");
	learn(TRACE_RECORD_EXIT, FORMAT_EXIT);
}

static struct record fork_of(uint32_t pid, uint32_t parent, uint32_t tid)
{
	struct record record = begin(PERF_RECORD_FORK, 0);

	put_u32(&record, pid);
	put_u32(&record, parent);
	put_u32(&record, tid);
	put_u32(&record, parent);
	put_u64(&record, 999);
	end_side_band(&record, parent, parent, 1000);
	return record;
}

static struct record named(uint32_t type, uint16_t misc, uint32_t pid, uint32_t tid,
                           const char *text)
{
	struct record record = begin(type, misc);
	char padded[64] = "";

	put_u32(&record, pid);
	put_u32(&record, tid);
	for (int i = 0; type == PERF_RECORD_MMAP && i < 3; i++)
		put_u64(&record, 0x1000);
	memcpy(padded, text, strlen(text) + 1);
	put(&record, padded, (strlen(text) + 8) / 8 * 8);
	end_side_band(&record, pid, tid, 1000);
	return record;
}

static void test_processes(void)
{
	struct record record = fork_of(42, 41, 42);
	struct trace_event event;

	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_FORK &&
	              event.pid == 42 && event.parent_pid == 41 && event.time_ns == 1000,
	      "a fork");
	record = fork_of(42, 42, 43);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED, "a new thread");
	record = fork_of(0, 41, 0);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_FOREIGN,
	            "a fork into another pid namespace");
	record = named(PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC, 42, 42, "curl");
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_NAME &&
	              event.executed && is_text(&event, "curl"),
	      "an exec");
	record = named(PERF_RECORD_COMM, 0, 42, 42, "seven77");
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && !event.executed &&
	              is_text(&event, "seven77"),
	      "a new name, as long as there is room");
	record = named(PERF_RECORD_COMM, 0, 42, 43, "worker");
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED, "a thread's name");
	record = named(PERF_RECORD_MMAP, 2, 42, 42, "/usr/bin/curl");
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_IMAGE &&
	              is_text(&event, "/usr/bin/curl"),
	      "a mapping");
	record = named(PERF_RECORD_MMAP, 2, 42, 42, "[vdso]");
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED, "a mapping of no file");
	record = named(PERF_RECORD_MMAP, 2, 42, 42, "//anon");
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED, "an anonymous mapping");
	record = begin(PERF_RECORD_EXIT, 0);
	put_u32(&record, 42);
	put_u32(&record, 0);
	end_side_band(&record, 42, 42, 1000);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_IGNORED,
	            "what the tracepoint has better");
}

static void test_namespaces(void)
{
	struct record record = begin(PERF_RECORD_NAMESPACES, 0);
	struct trace_event event;

	put_u32(&record, 42);
	put_u32(&record, 43);
	put_u64(&record, 2);
	for (uint64_t i = 0; i < 2; i++) {
		put_u64(&record, 4);
		put_u64(&record, 4026531840 + i);
	}
	end_side_band(&record, 42, 43, 1000);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED && event.kind == TRACE_EVENT_NETNS &&
	              event.pid == 42 && event.tid == 43 && event.netns == 4026531840,
	      "a network namespace");
	memset(record.bytes + 16, 0, 8);
	CHECK_EQUAL(decode(&record, &event), TRACE_RECORD_MALFORMED, "no namespace at all");
}

static void test_lost(void)
{
	struct record record = begin(PERF_RECORD_LOST, 0);
	struct trace_event event;

	put_u64(&record, 1);
	put_u64(&record, 5000);
	end_side_band(&record, 0, 0, 1000);
	CHECK(decode(&record, &event) == TRACE_RECORD_DECODED &&
	              event.kind == TRACE_EVENT_LOST_SOCKETS && event.lost == 5000 &&
	              event.time_ns == 1000,
	      "lost records, whoever runs");
	CHECK_EQUAL(trace_record_time((const void *)record.bytes), 1000, "their time");
}

/* Every record cut to every length: nothing is read behind the end. */
static void test_truncated(void)
{
	struct record records[] = { route_v4(0),
		                    state(0, 42),
		                    exit_of(42, 42, 1),
		                    fork_of(42, 41, 42),
		                    named(PERF_RECORD_COMM, 0, 42, 42, "curl"),
		                    named(PERF_RECORD_MMAP, 0, 42, 42, "/usr/bin/curl"),
		                    named(PERF_RECORD_NAMESPACES, 0, 42, 42, "12345678"),
		                    named(PERF_RECORD_LOST, 0, 42, 42, "12345678") };
	size_t events = 0;

	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		for (size_t length = 0; length + 8 <= records[i].length; length += 8) {
			struct record cut = records[i];
			struct trace_event event;

			cut.length = length + 8;
			end(&cut);
			const void *bytes = check_guarded(cut.bytes, cut.length);

			trace_record_time(bytes);
			events +=
				trace_record_decode(&layout, bytes, &event) == TRACE_RECORD_DECODED;
			events += event.text_length > cut.length;
		}
	}
	/* The whole ones; a COMM or MMAP whose end is taken for its text; LOST without its reason. */
	CHECK(events >= 6 && events < 20, "records cut to every length: %zu events", events);
}

static void test_random(void)
{
	struct random random = random_begin();
	size_t results = 0;

	for (int i = 0; i < 200000; i++) {
		struct record record =
			begin(random_below(&random, 24), (uint16_t)random_u64(&random));
		struct trace_event event;

		record.length = 8 + 8 * random_below(&random, 20);
		random_bytes(&random, record.bytes + 8, record.length - 8);
		if (record.length > 36 && random_below(&random, 2)) {
			/* A known tracepoint, and a raw part that fits. */
			uint16_t id = layout.events[random_below(&random, TRACE_RECORD_EVENTS)].id;
			uint32_t raw_size =
				(uint32_t)record.length - 28 - (layout.has_cgroup ? 8 : 0);

			memcpy(record.bytes + 28, &id, sizeof id);
			memcpy(record.bytes + 24, &raw_size, sizeof raw_size);
		}
		end(&record);
		results += decode(&record, &event) <= TRACE_RECORD_MALFORMED &&
		           (event.text_length == 0 ||
		            ((const uint8_t *)event.text >= record.bytes &&
		             (const uint8_t *)event.text + event.text_length <=
		                     record.bytes + record.length));
	}
	CHECK_EQUAL(results, 200000, "random records: text stays within them");
}

int main(void)
{
	test_learn();
	for (int i = 0; i < 2; i++) {
		layout.has_cgroup = i == 1;
		test_routes();
		test_context();
		test_states();
		test_pointers();
		test_receive();
		test_send();
		test_exit();
		test_processes();
		test_namespaces();
		test_lost();
		test_truncated();
		test_random();
	}
	return check_done();
}
