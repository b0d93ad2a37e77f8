/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/quic.h"

#include <errno.h>
#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>

#define VERSION_1   0x00000001u
#define VERSION_2   0x6b3343cfu
#define ID_MAX      20 /* RFC 9000 17.2 */
#define SAMPLE_SIZE 16
#define NUMBER_MAX  4   /* bytes of a packet number */
#define HEADER_MAX  512 /* to the packet number; longer ones have a token that we do not need */
#define KEY_SIZE    AES128_KEY_SIZE

#define FRAME_PADDING 0x00
#define FRAME_PING    0x01
#define FRAME_ACK     0x02
#define FRAME_ACK_ECN 0x03
#define FRAME_CRYPTO  0x06

/* What differs between versions. */
struct version {
	uint32_t number;
	uint8_t initial; /* the type bits of an Initial packet */
	uint8_t salt[20];
	const char *key, *iv, *hp; /* labels */
};

static const struct version versions[] = {
	{ VERSION_1,
	  0,
	  { 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	    0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
	  "quic key",
	  "quic iv",
	  "quic hp" },
	{ VERSION_2,
	  1,
	  { 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	    0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 },
	  "quicv2 key",
	  "quicv2 iv",
	  "quicv2 hp" },
};

struct keys {
	uint8_t key[KEY_SIZE], iv[GCM_IV_SIZE], hp[KEY_SIZE];
};

/* A long header, up to the packet number. */
struct header {
	const struct version *version;
	const uint8_t *id; /* of the destination */
	size_t id_length;
	size_t number;  /* where it is */
	size_t payload; /* bytes from there on */
};

/* RFC 9000 16. False: it ends behind the bytes. */
static bool read_number(const uint8_t *bytes, size_t length, size_t *at, uint64_t *number)
{
	size_t size;

	if (*at >= length)
		return false;
	size = (size_t)1 << (bytes[*at] >> 6);
	if (size > length - *at)
		return false;
	*number = bytes[*at] & 0x3f;
	for (size_t i = 1; i < size; i++)
		*number = *number << 8 | bytes[*at + i];
	*at += size;
	return true;
}

static const struct version *version_of(const uint8_t *bytes)
{
	uint32_t number = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
	                  (uint32_t)bytes[3] << 8 | bytes[4];

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		if (versions[i].number == number)
			return &versions[i];
	return NULL;
}

/* A connection id behind its length. */
static bool skip_id(const uint8_t *bytes, size_t length, size_t *at, size_t *id_length)
{
	if (*at >= length)
		return false;
	*id_length = bytes[(*at)++];
	if (*id_length > ID_MAX || *id_length > length - *at)
		return false;
	*at += *id_length;
	return true;
}

static bool read_header(const uint8_t *bytes, size_t length, struct header *header)
{
	uint64_t token, payload;
	size_t at = 5, source;

	if (length < at || (bytes[0] & 0xc0) != 0xc0)
		return false;
	header->version = version_of(bytes);
	if (!header->version || (bytes[0] >> 4 & 3) != header->version->initial)
		return false;
	if (!skip_id(bytes, length, &at, &header->id_length))
		return false;
	header->id = bytes + at - header->id_length;
	if (!skip_id(bytes, length, &at, &source) || !read_number(bytes, length, &at, &token) ||
	    token > length - at)
		return false;
	at += (size_t)token;
	if (!read_number(bytes, length, &at, &payload) || payload > length - at)
		return false;
	header->number = at;
	header->payload = (size_t)payload;
	return at <= HEADER_MAX && payload >= NUMBER_MAX + SAMPLE_SIZE;
}

/* HKDF-Expand-Label of TLS 1.3 (RFC 8446 7.1), without context. */
static void expand(const struct hmac_sha256_ctx *secret, const char *label, uint8_t *out,
                   size_t length)
{
	static const char prefix[] = "tls13 ";
	struct hmac_sha256_ctx context = *secret;
	uint8_t info[64];
	size_t used = 0, name = sizeof prefix - 1 + strlen(label);

	info[used++] = 0;
	info[used++] = (uint8_t)length;
	info[used++] = (uint8_t)name;
	memcpy(info + used, prefix, sizeof prefix - 1);
	memcpy(info + used + sizeof prefix - 1, label, strlen(label));
	used += name;
	info[used++] = 0;
	hkdf_expand(&context, (nettle_hash_update_func *)hmac_sha256_update,
	            (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, used, info,
	            length, out);
}

/* RFC 9001 5.2 */
static void make_keys(const struct header *header, struct keys *keys)
{
	uint8_t secret[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx context;

	hmac_sha256_set_key(&context, sizeof header->version->salt, header->version->salt);
	hkdf_extract(&context, (nettle_hash_update_func *)hmac_sha256_update,
	             (nettle_hash_digest_func *)hmac_sha256_digest, sizeof secret,
	             header->id_length, header->id, secret);
	hmac_sha256_set_key(&context, sizeof secret, secret);
	expand(&context, "client in", secret, sizeof secret);
	hmac_sha256_set_key(&context, sizeof secret, secret);
	expand(&context, header->version->key, keys->key, sizeof keys->key);
	expand(&context, header->version->iv, keys->iv, sizeof keys->iv);
	expand(&context, header->version->hp, keys->hp, sizeof keys->hp);
}

/* RFC 9001 5.4: copies the header without its protection; its length with the packet number. */
static size_t unprotect(const uint8_t *bytes, const struct header *header, const struct keys *keys,
                        uint8_t plain[HEADER_MAX + NUMBER_MAX])
{
	const uint8_t *sample = bytes + header->number + NUMBER_MAX;
	uint8_t mask[SAMPLE_SIZE];
	struct aes128_ctx aes;
	size_t size;

	aes128_set_encrypt_key(&aes, keys->hp);
	aes128_encrypt(&aes, sizeof mask, mask, sample);
	memcpy(plain, bytes, header->number + NUMBER_MAX);
	plain[0] ^= mask[0] & 0x0f;
	size = (plain[0] & 3u) + 1;
	for (size_t i = 0; i < size; i++)
		plain[header->number + i] ^= mask[1 + i];
	return header->number + size;
}

int quic_open_initial(const uint8_t *bytes, size_t length, uint8_t plain[QUIC_PLAIN_MAX])
{
	uint8_t front[HEADER_MAX + NUMBER_MAX], nonce[GCM_IV_SIZE], digest[GCM_DIGEST_SIZE];
	struct gcm_aes128_ctx gcm;
	struct header header;
	struct keys keys;
	size_t front_length, size;

	if (!read_header(bytes, length, &header))
		return -EINVAL;
	make_keys(&header, &keys);
	front_length = unprotect(bytes, &header, &keys, front);
	size = header.number + header.payload - front_length;
	if (size < GCM_DIGEST_SIZE || size - GCM_DIGEST_SIZE > QUIC_PLAIN_MAX)
		return -EINVAL;
	size -= GCM_DIGEST_SIZE;
	/* The packet number is short, and the first ones are what it says (RFC 9000 A.3). */
	memcpy(nonce, keys.iv, sizeof nonce);
	for (size_t i = 0; i < front_length - header.number; i++)
		nonce[sizeof nonce - 1 - i] ^= front[front_length - 1 - i];
	gcm_aes128_set_key(&gcm, keys.key);
	gcm_aes128_set_iv(&gcm, sizeof nonce, nonce);
	gcm_aes128_update(&gcm, front_length, front);
	gcm_aes128_decrypt(&gcm, size, plain, bytes + front_length);
	gcm_aes128_digest(&gcm, sizeof digest, digest);
	if (!memeql_sec(digest, bytes + front_length + size, sizeof digest))
		return -EINVAL;
	return (int)size;
}

static bool skip_numbers(const uint8_t *plain, size_t length, size_t *at, uint64_t count)
{
	uint64_t number;

	for (; count > 0; count--)
		if (!read_number(plain, length, at, &number))
			return false;
	return true;
}

/* RFC 9000 19.3: the largest, the delay, how many ranges follow the first; then the counts of ECN. */
static bool skip_ack(const uint8_t *plain, size_t length, size_t *at, bool ecn)
{
	uint64_t ranges;

	return skip_numbers(plain, length, at, 2) && read_number(plain, length, at, &ranges) &&
	       ranges < length && skip_numbers(plain, length, at, 1 + 2 * ranges) &&
	       skip_numbers(plain, length, at, ecn ? 3 : 0);
}

bool quic_next_crypto(const uint8_t *plain, size_t length, size_t *at, struct quic_crypto *crypto)
{
	uint64_t type, size;

	while (read_number(plain, length, at, &type)) {
		switch (type) {
		case FRAME_PADDING:
		case FRAME_PING:
			break;
		case FRAME_ACK:
		case FRAME_ACK_ECN:
			if (!skip_ack(plain, length, at, type == FRAME_ACK_ECN))
				return false;
			break;
		case FRAME_CRYPTO:
			if (!read_number(plain, length, at, &crypto->offset) ||
			    !read_number(plain, length, at, &size) || size > length - *at)
				return false;
			crypto->bytes = plain + *at;
			crypto->length = (size_t)size;
			*at += (size_t)size;
			return true;
		default: /* CONNECTION_CLOSE, and what an Initial packet must not have */
			return false;
		}
	}
	return false;
}
