/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

static const char *const protocols[] = {
	[NAMES_DNS] = "dns",
	[NAMES_MDNS] = "mdns",
	[NAMES_LLMNR] = "llmnr",
};

static const char *const sources[] = {
	[NAMES_FROM_DNS] = "dns",
};

static void write_text(struct writer *writer, const struct key *key, const struct names *names,
                       enum names_text text, enum writer_raw raw)
{
	if (names->texts[text].length > 0)
		encode_writer_string(writer, key, names->bytes + names->texts[text].offset,
		                     names->texts[text].length, raw);
}

void encode_names_network(struct writer *writer, const struct names *names)
{
	writer_name(writer, KEY("protocol"), protocols[names->protocol]);
}

void encode_names_destination(struct writer *writer, const struct names *names)
{
	write_text(writer, KEY("domain"), names, NAMES_DOMAIN, RAW_NONE);
}

void encode_names_sockline(struct writer *writer, const struct names *names)
{
	if (names->source == NAMES_SOURCE_NONE)
		return;
	writer_object(writer, KEY("domain"));
	writer_name(writer, KEY("source"), sources[names->source]);
	writer_object_end(writer);
}
