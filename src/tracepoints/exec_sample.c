/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/exec_sample.h"

#include "base/bytes.h"

/* u64 abi; u64 registers[1] unless abi is 0; u64 size, char stack[size], u64 valid unless size is 0. */
enum exec_sample_result exec_sample_find_stack(const uint8_t *body, size_t length,
                                               struct exec_sample *sample)
{
	uint64_t abi, size, valid;

	if (length < 8)
		return EXEC_SAMPLE_MALFORMED;
	abi = bytes_native64(body);
	if (abi == PERF_SAMPLE_REGS_ABI_NONE)
		return EXEC_SAMPLE_NONE;
	if (length < 24)
		return EXEC_SAMPLE_MALFORMED;
	size = bytes_native64(body + 16);
	if (size == 0)
		return EXEC_SAMPLE_NONE;
	if (size > length || length - size < 32)
		return EXEC_SAMPLE_MALFORMED;
	valid = bytes_native64(body + 24 + size);
	if (valid > size)
		return EXEC_SAMPLE_MALFORMED;
	sample->pointer = bytes_native64(body + 8);
	sample->bytes = body + 24;
	sample->length = (size_t)valid;
	sample->word = abi == PERF_SAMPLE_REGS_ABI_32 ? 4 : 8;
	return EXEC_SAMPLE_FOUND;
}

/* u32 pid, tid; u64 time; u32 size; char raw[size], so that all is a multiple of 8 */
enum exec_sample_result exec_sample_decode(const struct perf_event_header *record,
                                           struct exec_sample *sample)
{
	const uint8_t *body = (const uint8_t *)(record + 1);
	size_t length, raw;

	if (record->type != PERF_RECORD_SAMPLE)
		return EXEC_SAMPLE_NONE;
	if (record->size < sizeof *record + 20)
		return EXEC_SAMPLE_MALFORMED;
	length = record->size - sizeof *record - 20;
	raw = bytes_native32(body + 16);
	if (raw > length)
		return EXEC_SAMPLE_MALFORMED;
	sample->pid = (int)bytes_native32(body);
	sample->time_ns = (int64_t)bytes_native64(body + 8);
	if (sample->pid <= 0)
		return EXEC_SAMPLE_NONE;
	return exec_sample_find_stack(body + 20 + raw, length - raw, sample);
}
