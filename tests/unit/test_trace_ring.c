/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_ring.h"

#include "check.h"
#include "random.h"

#define SIZE 4096

/* A ring as the kernel would write it, and the test in the kernel's place. */
static struct perf_event_mmap_page page;
static _Alignas(8) uint8_t data[SIZE];
static struct trace_ring ring = { .page = &page, .data = data, .size = SIZE };

/* Headers are aligned to their size, so they never wrap. */
static void write_header(uint64_t position, uint32_t type, uint16_t size)
{
	struct perf_event_header header = { .type = type, .size = size };

	memcpy(data + position % SIZE, &header, sizeof header);
}

/* A record of `size` bytes that are all its number; false when there is no room. */
static bool write_record(uint32_t number, uint16_t size)
{
	if (page.data_head + size - page.data_tail > SIZE)
		return false;
	write_header(page.data_head, number, size);
	for (uint16_t i = sizeof(struct perf_event_header); i < size; i++)
		data[(page.data_head + i) % SIZE] = (uint8_t)number;
	page.data_head += size;
	return true;
}

static bool is_record(const struct perf_event_header *record, uint32_t number)
{
	const uint8_t *bytes = (const uint8_t *)record;

	if (!record || record->type != number || (uintptr_t)record % 8 != 0)
		return false;
	for (uint16_t i = sizeof *record; i < record->size; i++)
		if (bytes[i] != (uint8_t)number)
			return false;
	return true;
}

static void test_order(void)
{
	struct random random = random_begin();
	uint32_t written = 0, taken = 0, wrong = 0;

	/* The kernel's positions have no bound: begin shortly before 32 bits are full. */
	page.data_head = page.data_tail = ring.tail = (UINT64_C(1) << 32) - 8192;
	while (taken < 20000) {
		int burst = (int)random_below(&random, 30);

		while (burst-- > 0 &&
		       write_record(written, (uint16_t)(8 * (1 + random_below(&random, 40)))))
			written++;
		trace_ring_begin(&ring);
		while (random_below(&random, 10) != 0) {
			const struct perf_event_header *record = trace_ring_peek(&ring);

			if (!record)
				break;
			wrong += !is_record(record, taken) ||
			         !is_record(trace_ring_peek(&ring), taken);
			trace_ring_take(&ring);
			taken++;
		}
		trace_ring_end(&ring);
	}
	CHECK(wrong == 0 && ring.broken == 0, "%" PRIu32 " records in order, wrapped ones too",
	      taken);
}

static void empty(void)
{
	page.data_head = page.data_tail = ring.tail = SIZE - 64;
	ring.broken = 0;
}

static void test_snapshot(void)
{
	empty();
	write_record(1, 64);
	trace_ring_begin(&ring);
	write_record(2, 64);
	CHECK(is_record(trace_ring_peek(&ring), 1), "what is there is found");
	trace_ring_take(&ring);
	CHECK(!trace_ring_peek(&ring), "what comes after the beginning waits");
	CHECK_EQUAL(page.data_tail, SIZE - 64, "nothing is given back before the end");
	trace_ring_end(&ring);
	CHECK_EQUAL(page.data_tail, SIZE, "then what was taken is");
	trace_ring_begin(&ring);
	CHECK(is_record(trace_ring_peek(&ring), 2), "and is found the next time");
}

static void test_broken(void)
{
	static const uint16_t sizes[] = { 0, 4, 12, 72, 4096, 65528 };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		empty();
		write_record(1, 64);
		write_header(SIZE - 64, 1, sizes[i]);
		trace_ring_begin(&ring);
		CHECK(!trace_ring_peek(&ring) && ring.broken == 1, "length %u with 64 bytes there",
		      sizes[i]);
		trace_ring_end(&ring);
		write_record(2, 64);
		trace_ring_begin(&ring);
		CHECK(is_record(trace_ring_peek(&ring), 2), "what follows is read");
	}
}

/* How many are missing, the kernel reports with the next record alone. */
static void test_full(void)
{
	empty();
	while (write_record(1, 64) && page.data_head - page.data_tail < SIZE - SIZE / 8)
		;
	trace_ring_begin(&ring);
	CHECK(!ring.full, "there is room for another record");
	while (write_record(1, 64))
		;
	trace_ring_begin(&ring);
	CHECK(ring.full, "there may have been no room for the next one");
	while (trace_ring_peek(&ring))
		trace_ring_take(&ring);
	trace_ring_end(&ring);
	trace_ring_begin(&ring);
	CHECK(!ring.full, "all have been taken");
}

int main(void)
{
	test_order();
	test_snapshot();
	test_broken();
	test_full();
	return check_done();
}
