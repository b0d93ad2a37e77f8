/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/names.h"

#include <stdlib.h>
#include <string.h>

void names_free(struct names *names)
{
	free(names);
}

/* With room for so many bytes more. */
static bool grow(struct names **names, size_t more)
{
	size_t length = *names ? (*names)->length : 0;
	struct names *grown;

	if (length + more > UINT16_MAX)
		return false;
	grown = realloc(*names, sizeof *grown + length + more);
	if (!grown)
		return false;
	if (!*names)
		memset(grown, 0, sizeof *grown);
	*names = grown;
	return true;
}

void names_set_text(struct names **names, enum names_text text, const void *bytes, size_t length)
{
	if (length == 0 || (*names && (*names)->texts[text].length > 0) || !grow(names, length))
		return;
	memcpy((*names)->bytes + (*names)->length, bytes, length);
	(*names)->texts[text].offset = (*names)->length;
	(*names)->texts[text].length = (uint16_t)length;
	(*names)->length = (uint16_t)((*names)->length + length);
}

void names_set_domain(struct names **names, enum names_source source, const char *domain)
{
	if (*names && (*names)->source != NAMES_SOURCE_NONE)
		return;
	names_set_text(names, NAMES_DOMAIN, domain, strlen(domain));
	if (*names && (*names)->texts[NAMES_DOMAIN].length > 0)
		(*names)->source = source;
}
