/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_inflate.h"

#include <errno.h>
#include <limits.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>
#include <zstd.h>

#include "base/bytes.h"

#define GZIP_ONLY (MAX_WBITS + 16) /* windowBits of zlib: a gzip header, and no other */

enum kind { KIND_GZIP, KIND_ZSTD, KIND_LZ4, KIND_OTHER };

static const struct {
	const char *name;
	enum kind kind;
	uint8_t length;
	uint8_t bytes[CAPTURE_INFLATE_MAGIC_MAX];
} compressions[] = {
	{ "gzip", KIND_GZIP, 2, { 0x1f, 0x8b } },                    /* RFC 1952 2.3.1 */
	{ "zstd", KIND_ZSTD, 4, { 0x28, 0xb5, 0x2f, 0xfd } },        /* RFC 8878 3.1.1 */
	{ "lz4", KIND_LZ4, 4, { 0x04, 0x22, 0x4d, 0x18 } },          /* LZ4 Frame Format */
	{ "xz", KIND_OTHER, 6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 } }, /* xz file format 2.1.1.1 */
	{ "bzip2", KIND_OTHER, 3, { 'B', 'Z', 'h' } },
	{ "lz4 -l", KIND_OTHER, 4, { 0x02, 0x21, 0x4c, 0x18 } }, /* its legacy frame */
	{ "lzip", KIND_OTHER, 4, { 'L', 'Z', 'I', 'P' } },       /* lzip file format 2 */
	{ "compress", KIND_OTHER, 2, { 0x1f, 0x9d } },           /* .Z of compress(1) */
	{ "zip", KIND_OTHER, 4, { 'P', 'K', 0x03, 0x04 } },      /* APPNOTE 4.3.7 */
	{ "7z", KIND_OTHER, 6, { '7', 'z', 0xbc, 0xaf, 0x27, 0x1c } },
};

/* RFC 8878 3.1.2, LZ4 Frame Format: any of 16 numbers, the length of what is to be skipped. */
#define SKIPPABLE      UINT32_C(0x184d2a50)
#define SKIPPABLE_MASK UINT32_C(0xfffffff0)

#define COMPRESSIONS (sizeof compressions / sizeof *compressions)

struct capture_inflate {
	enum kind kind;
	z_stream gzip;
	ZSTD_DStream *zstd;
	LZ4F_dctx *lz4;
	bool may_end;
	bool ended; /* what follows is not of the format, and left alone as gzip(1) does */
	const char *problem;
};

const char *capture_inflate_name(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < COMPRESSIONS; i++)
		if (length >= compressions[i].length &&
		    memcmp(bytes, compressions[i].bytes, compressions[i].length) == 0)
			return compressions[i].name;
	return NULL;
}

uint64_t capture_inflate_skippable(const uint8_t *bytes, size_t length)
{
	if (length < CAPTURE_INFLATE_SKIPPABLE_HEAD ||
	    (bytes_little32(bytes) & SKIPPABLE_MASK) != SKIPPABLE)
		return 0;
	return CAPTURE_INFLATE_SKIPPABLE_HEAD + (uint64_t)bytes_little32(bytes + 4);
}

static enum kind kind_of(const char *name)
{
	for (size_t i = 0; i < COMPRESSIONS; i++)
		if (strcmp(compressions[i].name, name) == 0)
			return compressions[i].kind;
	return KIND_OTHER;
}

static bool begin(struct capture_inflate *inflate)
{
	switch (inflate->kind) {
	case KIND_GZIP:
		return inflateInit2(&inflate->gzip, GZIP_ONLY) == Z_OK;
	case KIND_ZSTD:
		inflate->zstd = ZSTD_createDStream();
		return inflate->zstd != NULL;
	case KIND_LZ4:
		return !LZ4F_isError(LZ4F_createDecompressionContext(&inflate->lz4, LZ4F_VERSION));
	case KIND_OTHER:
		break;
	}
	return false;
}

int capture_inflate_new(struct capture_inflate **inflate, const char *name)
{
	struct capture_inflate *opened;

	if (kind_of(name) == KIND_OTHER)
		return -ENOTSUP;
	opened = calloc(1, sizeof *opened);
	if (!opened)
		return -ENOMEM;
	opened->kind = kind_of(name);
	if (!begin(opened)) {
		free(opened);
		return -ENOMEM;
	}
	*inflate = opened;
	return 0;
}

void capture_inflate_free(struct capture_inflate *inflate)
{
	if (!inflate)
		return;
	if (inflate->kind == KIND_GZIP)
		inflateEnd(&inflate->gzip);
	ZSTD_freeDStream(inflate->zstd);
	LZ4F_freeDecompressionContext(inflate->lz4);
	free(inflate);
}

static unsigned at_most(size_t length)
{
	return length < UINT_MAX ? (unsigned)length : UINT_MAX;
}

/* A further member, or something else, which gzip(1) leaves alone. */
static bool begin_member(struct capture_inflate *inflate, const struct capture_inflate_step *step)
{
	inflate->ended = step->in[0] != compressions[0].bytes[0];
	return !inflate->ended && inflateReset(&inflate->gzip) == Z_OK;
}

static int run_gzip(struct capture_inflate *member, struct capture_inflate_step *step)
{
	z_stream *gzip = &member->gzip;
	unsigned in = at_most(step->in_length), out = at_most(step->out_length);
	int result;

	if (member->may_end && !begin_member(member, step))
		return 0;
	member->may_end = false;
	gzip->next_in = step->in;
	gzip->avail_in = in;
	gzip->next_out = step->out;
	gzip->avail_out = out;
	result = inflate(gzip, Z_NO_FLUSH);
	step->in += in - gzip->avail_in;
	step->in_length -= in - gzip->avail_in;
	step->out += out - gzip->avail_out;
	step->out_length -= out - gzip->avail_out;
	member->may_end = result == Z_STREAM_END;
	if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
		return 0;
	member->problem = gzip->msg ? gzip->msg : "not the data of gzip";
	return -EBADMSG;
}

static int run_zstd(struct capture_inflate *inflate, struct capture_inflate_step *step)
{
	ZSTD_inBuffer in = { step->in, step->in_length, 0 };
	ZSTD_outBuffer out = { step->out, step->out_length, 0 };
	size_t result = ZSTD_decompressStream(inflate->zstd, &out, &in);

	step->in += in.pos;
	step->in_length -= in.pos;
	step->out += out.pos;
	step->out_length -= out.pos;
	inflate->may_end = result == 0;
	if (!ZSTD_isError(result))
		return 0;
	inflate->problem = ZSTD_getErrorName(result);
	return -EBADMSG;
}

static int run_lz4(struct capture_inflate *inflate, struct capture_inflate_step *step)
{
	size_t in = step->in_length, out = step->out_length;
	size_t result = LZ4F_decompress(inflate->lz4, step->out, &out, step->in, &in, NULL);

	if (LZ4F_isError(result)) {
		inflate->problem = LZ4F_getErrorName(result);
		return -EBADMSG;
	}
	step->in += in;
	step->in_length -= in;
	step->out += out;
	step->out_length -= out;
	inflate->may_end = result == 0;
	return 0;
}

static int run_once(struct capture_inflate *inflate, struct capture_inflate_step *step)
{
	if (inflate->may_end && step->in_length == 0)
		return 0;
	switch (inflate->kind) {
	case KIND_GZIP:
		return run_gzip(inflate, step);
	case KIND_ZSTD:
		return run_zstd(inflate, step);
	case KIND_LZ4:
		return run_lz4(inflate, step);
	case KIND_OTHER:
		break;
	}
	return -EBADMSG;
}

int capture_inflate_run(struct capture_inflate *inflate, struct capture_inflate_step *step)
{
	size_t in_before, out_before;
	int result;

	do {
		in_before = step->in_length;
		out_before = step->out_length;
		result = run_once(inflate, step);
		if (inflate->ended) {
			step->in += step->in_length;
			step->in_length = 0;
		}
	} while (result == 0 && step->out_length > 0 &&
	         (step->in_length < in_before || step->out_length < out_before));
	return result;
}

const char *capture_inflate_problem(const struct capture_inflate *inflate)
{
	return inflate->problem;
}

bool capture_inflate_may_end(const struct capture_inflate *inflate)
{
	return inflate->may_end;
}
