/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed captures: the same bytes, however they are cut, and what is damaged is reported. */
#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "capture/capture_inflate.h"
#include "capture/capture_input.h"
#include "check.h"

#define PLAIN 200000
#define ROOM  (2 * PLAIN)

static uint8_t plain[PLAIN], packed[ROOM], unpacked[ROOM];
static char path[] = "/tmp/test_capture_inflate.XXXXXX";

/* Half of it compresses well, half does not. */
static void make_plain(void)
{
	uint32_t number = 1;

	for (size_t i = 0; i < PLAIN; i++) {
		number = number * 1664525 + 1013904223;
		plain[i] = i < PLAIN / 2 ? (uint8_t)(i / 1000) : (uint8_t)(number >> 24);
	}
}

static size_t pack_gzip(uint8_t *to, size_t room, const uint8_t *from, size_t length)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)from,
		            .avail_in = (unsigned)length,
		            .next_out = to,
		            .avail_out = (unsigned)room };

	deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	return stream.total_out;
}

static size_t pack_zstd(uint8_t *to, size_t room, const uint8_t *from, size_t length)
{
	return ZSTD_compress(to, room, from, length, 3);
}

static size_t pack_lz4(uint8_t *to, size_t room, const uint8_t *from, size_t length)
{
	return LZ4F_compressFrame(to, room, from, length, NULL);
}

static const struct {
	const char *name;
	size_t (*pack)(uint8_t *to, size_t room, const uint8_t *from, size_t length);
} formats[] = { { "gzip", pack_gzip }, { "zstd", pack_zstd }, { "lz4", pack_lz4 } };

/* Feeds `in` bytes at a time into room for `out`. Returns the bytes made, or -errno. */
static ssize_t unpack(const char *name, size_t length, size_t in, size_t out, bool *may_end)
{
	struct capture_inflate *inflate = NULL;
	struct capture_inflate_step step = { .in = packed };
	size_t made = 0, left;
	int result = capture_inflate_new(&inflate, name);

	while (result == 0 && step.in < packed + length) {
		left = (size_t)(packed + length - step.in);
		do {
			step.in_length = left < in ? left : in;
			step.out = unpacked + made;
			step.out_length = out < ROOM - made ? out : ROOM - made;
			result = capture_inflate_run(inflate, &step);
			made = (size_t)(step.out - unpacked);
			left = (size_t)(packed + length - step.in);
		} while (result == 0 && step.out_length == 0 && made < ROOM);
		if (step.in_length == 0 && left == 0)
			break;
	}
	*may_end = inflate && capture_inflate_may_end(inflate);
	capture_inflate_free(inflate);
	return result == 0 ? (ssize_t)made : result;
}

static void test_pieces(void)
{
	static const size_t sizes[] = { 1, 7, 1000, ROOM };
	bool may_end;

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const char *name = formats[i].name;
		size_t half = formats[i].pack(packed, ROOM, plain, PLAIN / 2);
		size_t length = half + formats[i].pack(packed + half, ROOM - half,
		                                       plain + PLAIN / 2, PLAIN - PLAIN / 2);

		CHECK(capture_inflate_name(packed, length) != NULL &&
		              strcmp(capture_inflate_name(packed, length), name) == 0,
		      "%s is known by its beginning", name);
		for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
			ssize_t made = unpack(name, length, sizes[j], sizes[3 - j], &may_end);

			CHECK(made == PLAIN && memcmp(plain, unpacked, PLAIN) == 0 && may_end,
			      "%s: two parts, %zu bytes at a time: all of both, %zd", name,
			      sizes[j], made);
		}
		unpack(name, length - 1, ROOM, ROOM, &may_end);
		CHECK(!may_end, "%s: without its last byte it may not end", name);
		unpack(name, half, ROOM, ROOM, &may_end);
		CHECK(may_end, "%s: between two parts it may", name);
	}
}

static void test_damage(void)
{
	bool may_end;

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		size_t length = formats[i].pack(packed, ROOM, plain, PLAIN), wrong = 0;

		for (size_t at = 0; at < length; at += length / 50) {
			ssize_t made;

			packed[at] ^= 0x5a;
			made = unpack(formats[i].name, length, ROOM, ROOM, &may_end);
			wrong += made < -1 || !may_end || made != PLAIN ||
			         memcmp(plain, unpacked, PLAIN) != 0;
			packed[at] ^= 0x5a;
		}
		CHECK(wrong > 0, "%s: damaged anywhere: no harm, %zu of 50 found", formats[i].name,
		      wrong);
	}
}

/* What comes behind the last part of a gzip file, as gzip(1) leaves it alone. */
static void test_rest(void)
{
	size_t length = pack_gzip(packed, ROOM, plain, 1000);
	bool may_end;

	memset(packed + length, 0, 512);
	CHECK(unpack("gzip", length + 512, ROOM, ROOM, &may_end) == 1000 && may_end,
	      "gzip: zeros behind the end are left alone");
}

static void write_file(size_t length)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(packed, 1, length, file) != length || fclose(file) != 0)
		exit(EXIT_FAILURE);
}

/* A skippable frame of `length` bytes. Returns its bytes with its head. */
static size_t put_skippable(uint8_t *to, uint8_t number, uint32_t length)
{
	to[0] = 0x50 | number;
	to[1] = 0x2a;
	to[2] = 0x4d;
	to[3] = 0x18;
	for (int i = 0; i < 4; i++)
		to[4 + i] = (uint8_t)(length >> 8 * i);
	memset(to + 8, 0x28, length);
	return 8 + length;
}

static ssize_t read_whole(struct error *error)
{
	struct capture_input *input = NULL;
	size_t available = 0;
	const uint8_t *window;
	int result = capture_input_open(&input, path, error);

	if (result == 0) {
		result = capture_input_fill(input, PLAIN + 1, true, error);
		window = capture_input_window(input, &available);
		memcpy(unpacked, window, available);
		if (capture_input_offset(input) != 0)
			result = -ERANGE;
	}
	capture_input_close(input);
	return result == 0 ? (ssize_t)available : result;
}

/* What pzstd(1) writes: a skippable frame before each frame. The format is that of the frame. */
static void test_skippable(void)
{
	static const uint32_t lengths[] = { 0, 4, 100000 };
	struct error error = { 0 };

	for (size_t i = 1; i < sizeof formats / sizeof *formats; i++) {
		size_t at = 0;

		for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
			at += put_skippable(packed + at, (uint8_t)(5 * j), lengths[j]);
			write_file(at + formats[i].pack(packed + at, ROOM - at, plain, PLAIN));
			CHECK(read_whole(&error) == PLAIN && memcmp(plain, unpacked, PLAIN) == 0,
			      "%s: behind %zu skippable frames, the last of %u bytes: %s",
			      formats[i].name, j + 1, lengths[j], error.text);
		}
	}
	write_file(put_skippable(packed, 15, 1000) - 1);
	CHECK(read_whole(&error) == -EIO && strstr(error.text, "in the middle"),
	      "cut in a skippable frame: %s", error.text);
	write_file(put_skippable(packed, 15, 1000));
	CHECK(read_whole(&error) == -EIO && strstr(error.text, "empty"),
	      "nothing behind a skippable frame: %s", error.text);
	memcpy(packed + put_skippable(packed, 0, 4), plain, 1000);
	write_file(12 + 1000);
	CHECK(read_whole(&error) == -EINVAL && strstr(error.text, "skippable"),
	      "a skippable frame before what is not compressed: %s", error.text);
}

/* Through a window, as readers see it. */
static void test_input(void)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		size_t length = formats[i].pack(packed, ROOM, plain, PLAIN), available;
		struct capture_input *input = NULL;
		struct error error = { 0 };

		write_file(length);
		if (!CHECK_EQUAL(capture_input_open(&input, path, &error), 0, "%s opens",
		                 formats[i].name))
			continue;
		CHECK(capture_input_fill(input, PLAIN / 2, true, &error) == 0 &&
		              memcmp(capture_input_window(input, &available), plain, PLAIN / 2) ==
		                      0 &&
		              available >= PLAIN / 2,
		      "%s: the window grows", formats[i].name);
		capture_input_skip(input, PLAIN / 2);
		CHECK(capture_input_offset(input) == PLAIN / 2 &&
		              capture_input_fill(input, PLAIN, true, &error) == 0 &&
		              capture_input_ended(input) &&
		              memcmp(capture_input_window(input, &available), plain + PLAIN / 2,
		                     PLAIN / 2) == 0 &&
		              available == PLAIN / 2,
		      "%s: and ends", formats[i].name);
		capture_input_close(input);

		write_file(length - 1);
		if (capture_input_open(&input, path, &error) != 0)
			continue;
		CHECK(capture_input_fill(input, PLAIN + 1, true, &error) == -EIO &&
		              strstr(error.text, path) && strstr(error.text, "in the middle") &&
		              strstr(error.text, formats[i].name),
		      "%s: %s", formats[i].name, error.text);
		capture_input_close(input);
	}
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	make_plain();
	test_pieces();
	test_damage();
	test_rest();
	test_input();
	test_skippable();
	unlink(path);
	return check_done();
}
