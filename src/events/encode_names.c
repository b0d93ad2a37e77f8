/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

static const char *const protocols[] = {
	[NAMES_DNS] = "dns",   [NAMES_MDNS] = "mdns", [NAMES_LLMNR] = "llmnr", [NAMES_TLS] = "tls",
	[NAMES_QUIC] = "quic", [NAMES_HTTP] = "http", [NAMES_SSH] = "ssh",
};

static const char *const sources[] = {
	[NAMES_FROM_DNS] = "dns",
	[NAMES_FROM_TLS] = "tls",
	[NAMES_FROM_HTTP] = "http",
};

static void write_text(struct writer *writer, const struct key *key, const struct names *names,
                       enum names_text text, enum writer_raw raw)
{
	if (names->texts[text].length > 0)
		encode_writer_string(writer, key, names->bytes + names->texts[text].offset,
		                     names->texts[text].length, raw);
}

const char *encode_names_protocol(enum names_protocol protocol)
{
	return protocols[protocol];
}

void encode_names_network(struct writer *writer, enum names_protocol protocol)
{
	writer_name(writer, KEY("protocol"), encode_names_protocol(protocol));
}

void encode_names_domain(struct writer *writer, const struct key *key, const struct names *names)
{
	write_text(writer, key, names, NAMES_DOMAIN, RAW_NONE);
}

void encode_names_text(struct writer *writer, const struct key *key, const struct names *names,
                       enum names_text text)
{
	write_text(writer, key, names, text, RAW_NONE);
}

const uint8_t *encode_names_bytes(const struct names *names, enum names_text text, size_t *length)
{
	*length = names->texts[text].length;
	return (const uint8_t *)names->bytes + names->texts[text].offset;
}

static bool has(const struct names *names, enum names_text text)
{
	return names->texts[text].length > 0;
}

void encode_names_contents(struct writer *writer, const struct names *names)
{
	if (has(names, NAMES_SERVER_NAME)) {
		writer_object(writer, KEY("tls"));
		writer_object(writer, KEY("client"));
		write_text(writer, KEY("server_name"), names, NAMES_SERVER_NAME, RAW_SERVER_NAME);
		writer_object_end(writer);
		writer_object_end(writer);
	}
	if (has(names, NAMES_METHOD)) {
		writer_object(writer, KEY("http"));
		writer_object(writer, KEY("request"));
		write_text(writer, KEY("method"), names, NAMES_METHOD, RAW_NONE);
		writer_object_end(writer);
		writer_object_end(writer);
	}
	if (has(names, NAMES_HOST)) {
		writer_object(writer, KEY("url"));
		write_text(writer, KEY("domain"), names, NAMES_HOST, RAW_NONE);
		writer_object_end(writer);
	}
}

static void write_version(struct writer *writer, unsigned version)
{
	static const char *const known[] = { "ssl3.0", "1.0", "1.1", "1.2", "1.3" };
	char text[8] = "0x";
	struct buf room = { .data = text, .capacity = sizeof text, .length = 2 };

	if (version >= 0x0300 && version <= 0x0304) {
		writer_name(writer, ELEMENT, known[version - 0x0300]);
		return;
	}
	buf_append_hex(&room, version, 4);
	writer_text(writer, ELEMENT, text, room.length);
}

void encode_names_alpn(struct writer *writer, const struct key *key, const struct names *names,
                       enum writer_raw raw)
{
	size_t length;
	const uint8_t *alpn = encode_names_bytes(names, NAMES_ALPN, &length);

	if (length == 0)
		return;
	writer_array(writer, key);
	for (size_t i = 0; i < length; i += 1u + alpn[i])
		encode_writer_string(writer, ELEMENT, (const char *)alpn + i + 1, alpn[i], raw);
	writer_array_end(writer);
}

static void write_tls(struct writer *writer, const struct names *names)
{
	size_t length;
	const uint8_t *versions = encode_names_bytes(names, NAMES_VERSIONS, &length);

	writer_object(writer, KEY("tls"));
	writer_array(writer, KEY("versions"));
	for (size_t i = 0; i < length; i += 2)
		write_version(writer, (unsigned)versions[i] << 8 | versions[i + 1]);
	writer_array_end(writer);
	encode_names_alpn(writer, KEY("alpn"), names, RAW_ALPN);
	writer_object_end(writer);
}

static void write_ssh(struct writer *writer, const struct names *names)
{
	writer_object(writer, KEY("ssh"));
	write_text(writer, KEY("client"), names, NAMES_SSH_CLIENT, RAW_NONE);
	write_text(writer, KEY("server"), names, NAMES_SSH_SERVER, RAW_NONE);
	writer_object_end(writer);
}

void encode_names_sockline(struct writer *writer, const struct names *names)
{
	if (names->source != NAMES_SOURCE_NONE) {
		writer_object(writer, KEY("domain"));
		writer_name(writer, KEY("source"), sources[names->source]);
		writer_object_end(writer);
	}
	if (has(names, NAMES_VERSIONS))
		write_tls(writer, names);
	write_text(writer, KEY("ja4"), names, NAMES_JA4, RAW_NONE);
	if (has(names, NAMES_SSH_CLIENT) || has(names, NAMES_SSH_SERVER))
		write_ssh(writer, names);
}
