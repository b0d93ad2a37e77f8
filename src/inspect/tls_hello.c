/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/tls_hello.h"

#include <string.h>

#define RECORD_HEADER    5
#define RECORD_HANDSHAKE 22
#define RECORD_MAX       (16384 + 2048) /* RFC 5246 6.2.3; RFC 8446 allows less */
#define MESSAGE_HEADER   4
#define CLIENT_HELLO     1
#define RANDOM_SIZE      32
#define SESSION_MAX      32
#define SSL3             0x0300
#define TLS13            0x0304

#define EXTENSION_SNI        0
#define EXTENSION_SIGNATURES 13
#define EXTENSION_ALPN       16
#define EXTENSION_VERSIONS   43

/* Bytes that are left; taking more than there are makes it bad, and gives zeros. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static const uint8_t *take(struct cursor *cursor, size_t length)
{
	const uint8_t *at = cursor->at;

	if (length > cursor->left) {
		cursor->bad = true;
		cursor->left = 0;
		return NULL;
	}
	if (length > 0) /* there may be no bytes at all */
		cursor->at += length;
	cursor->left -= length;
	return at;
}

/* A number of one, two or three bytes. */
static uint32_t take_number(struct cursor *cursor, size_t size)
{
	const uint8_t *bytes = take(cursor, size);
	uint32_t number = 0;

	for (size_t i = 0; bytes && i < size; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* Bytes behind a length of that size. */
static struct cursor take_vector(struct cursor *cursor, size_t size)
{
	uint32_t length = take_number(cursor, size);
	const uint8_t *bytes = take(cursor, length);

	return (struct cursor){ bytes, bytes ? length : 0, !bytes };
}

static void read_server_name(struct cursor extension, struct tls_hello *hello)
{
	struct cursor list = take_vector(&extension, 2), name;

	if (take_number(&list, 1) != 0) /* host_name, the only type there is */
		return;
	name = take_vector(&list, 2);
	if (name.bad || name.left > sizeof hello->server_name)
		return;
	memcpy(hello->server_name, name.at, name.left);
	hello->server_name_length = (uint8_t)name.left;
}

static void read_alpn(struct cursor extension, struct ja4_client *client, struct tls_hello *hello)
{
	struct cursor list = take_vector(&extension, 2);
	bool first = true;

	while (!list.bad && list.left > 0) {
		struct cursor name = take_vector(&list, 1);

		if (name.bad)
			return;
		if (first) {
			client->alpn = name.at;
			client->alpn_length = name.left;
		}
		first = false;
		if (name.left + 1 > sizeof hello->alpn - hello->alpn_length)
			return;
		hello->alpn[hello->alpn_length++] = (uint8_t)name.left;
		memcpy(hello->alpn + hello->alpn_length, name.at, name.left);
		hello->alpn_length = (uint16_t)(hello->alpn_length + name.left);
	}
}

static void add_version(struct ja4_client *client, struct tls_hello *hello, uint16_t version)
{
	if (ja4_is_grease(version))
		return;
	if (version > client->version)
		client->version = version;
	if (hello->version_count < TLS_HELLO_VERSIONS_MAX)
		hello->versions[hello->version_count++] = version;
}

static void read_versions(struct cursor extension, struct ja4_client *client,
                          struct tls_hello *hello)
{
	struct cursor list = take_vector(&extension, 1);

	client->version = 0;
	hello->version_count = 0;
	while (list.left >= 2)
		add_version(client, hello, (uint16_t)take_number(&list, 2));
}

static void read_list(struct cursor vector, struct ja4_list *list)
{
	while (vector.left >= 2)
		ja4_add(list, (uint16_t)take_number(&vector, 2));
}

static void read_extension(uint16_t type, struct cursor extension, struct ja4_client *client,
                           struct tls_hello *hello)
{
	ja4_add(&client->extensions, type);
	switch (type) {
	case EXTENSION_SNI:
		client->has_server_name = true;
		read_server_name(extension, hello);
		break;
	case EXTENSION_ALPN:
		read_alpn(extension, client, hello);
		break;
	case EXTENSION_VERSIONS:
		read_versions(extension, client, hello);
		break;
	case EXTENSION_SIGNATURES:
		read_list(take_vector(&extension, 2), &client->signatures);
		break;
	default:
		break;
	}
}

/* Up to the end, or to where it was cut: then the extensions before are good. */
static void read_extensions(struct cursor *body, struct ja4_client *client, struct tls_hello *hello)
{
	while (!body->bad && body->left > 0) {
		uint16_t type = (uint16_t)take_number(body, 2);
		struct cursor extension = take_vector(body, 2);

		if (!extension.bad)
			read_extension(type, extension, client, hello);
	}
}

/* The message without its header; whole: all of it is there. False: it is none. */
static bool read_body(struct cursor body, bool whole, char transport, struct tls_hello *hello)
{
	struct ja4_client client = { .transport = transport };
	uint16_t version = (uint16_t)take_number(&body, 2);
	struct cursor session, ciphers, methods;
	uint32_t length;

	memset(hello, 0, sizeof *hello);
	take(&body, RANDOM_SIZE);
	session = take_vector(&body, 1);
	ciphers = take_vector(&body, 2);
	methods = take_vector(&body, 1);
	if (body.bad || version < SSL3 || version > TLS13 || session.left > SESSION_MAX ||
	    ciphers.left == 0 || ciphers.left % 2 != 0 || methods.left == 0)
		return false;
	read_list(ciphers, &client.ciphers);
	add_version(&client, hello, version);
	if (body.left > 0) { /* SSL 3.0 knows none */
		length = take_number(&body, 2);
		if (whole ? body.bad || length != body.left : length < body.left)
			return false;
		read_extensions(&body, &client, hello);
	}
	if (!whole)
		return hello->server_name_length > 0;
	if (!body.bad)
		ja4_make(&client, hello->ja4);
	return !body.bad;
}

enum tls_hello_status tls_hello_read_message(const uint8_t *bytes, size_t length, bool cut,
                                             char transport, struct tls_hello *hello)
{
	struct cursor message = { bytes, length, false };
	uint32_t size;
	bool whole;

	if (length > 0 && bytes[0] != CLIENT_HELLO)
		return TLS_HELLO_NONE;
	if (length < MESSAGE_HEADER)
		return cut ? TLS_HELLO_NONE : TLS_HELLO_MORE;
	take_number(&message, 1);
	size = take_number(&message, 3);
	if (size > TLS_HELLO_MAX)
		return TLS_HELLO_NONE;
	whole = size <= message.left;
	if (!whole && !cut)
		return TLS_HELLO_MORE;
	if (whole)
		message.left = size;
	return read_body(message, whole, transport, hello) ? TLS_HELLO_FOUND : TLS_HELLO_NONE;
}

bool tls_hello_starts(const uint8_t *bytes, size_t length)
{
	return length > RECORD_HEADER && bytes[0] == RECORD_HANDSHAKE && bytes[1] == 3 &&
	       bytes[2] <= 4 && bytes[RECORD_HEADER] == CLIENT_HELLO;
}

static enum tls_hello_status read_record_header(struct cursor *stream, uint32_t *length)
{
	const uint8_t *header = stream->at;

	if (stream->left > 0 && header[0] != RECORD_HANDSHAKE)
		return TLS_HELLO_NONE;
	if (stream->left > 1 && header[1] != 3)
		return TLS_HELLO_NONE;
	if (stream->left < RECORD_HEADER)
		return TLS_HELLO_MORE;
	*length = (uint32_t)header[3] << 8 | header[4];
	take(stream, RECORD_HEADER);
	return *length > 0 && *length <= RECORD_MAX ? TLS_HELLO_FOUND : TLS_HELLO_NONE;
}

/* A message in several records: their contents, one behind the other. */
static enum tls_hello_status read_joined(struct cursor stream, bool cut, struct tls_hello *hello)
{
	uint8_t message[TLS_HELLO_MAX];
	size_t used = 0;

	while (stream.left > 0) {
		uint32_t length = 0;
		enum tls_hello_status status = read_record_header(&stream, &length);

		if (status == TLS_HELLO_NONE)
			return TLS_HELLO_NONE;
		if (status == TLS_HELLO_MORE)
			break;
		if (length > stream.left)
			length = (uint32_t)stream.left;
		if (length > sizeof message - used)
			length = (uint32_t)(sizeof message - used);
		memcpy(message + used, stream.at, length);
		used += length;
		take(&stream, length);
		if (used >= MESSAGE_HEADER &&
		    used - MESSAGE_HEADER >=
		            ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]))
			break;
	}
	return tls_hello_read_message(message, used, cut, 't', hello);
}

enum tls_hello_status tls_hello_read(const uint8_t *bytes, size_t length, bool cut,
                                     struct tls_hello *hello)
{
	struct cursor stream = { bytes, length, false };
	uint32_t record = 0;
	enum tls_hello_status status = read_record_header(&stream, &record);

	if (status == TLS_HELLO_MORE && cut)
		return TLS_HELLO_NONE;
	if (status != TLS_HELLO_FOUND)
		return status;
	/* Mostly it is in one record. */
	if (stream.left <= record)
		return tls_hello_read_message(stream.at, stream.left, cut, 't', hello);
	status = tls_hello_read_message(stream.at, record, false, 't', hello);
	if (status != TLS_HELLO_MORE)
		return status;
	return read_joined((struct cursor){ bytes, length, false }, cut, hello);
}
