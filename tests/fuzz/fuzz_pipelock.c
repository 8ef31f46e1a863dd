/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a Pipelock config, and as the proxy URL and the image that stand in a manifest. */
#include "base/str.h"
#include "fleet/image.h"
#include "fleet/pipelock.h"
#include "fleet/proxy.h"
#include "tests/fuzz/fuzz.h"

/* Is the text safe for a terminal? */
static void
check_message(const char *text)
{
	for (; *text; text++)
		check((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void
check_config(struct arena *a, const uint8_t *data, size_t size)
{
	struct pipelock_config c;

	pipelock_config_parse(a, (const char *)data, size, &c);
	check(c.valid == !c.problem && (c.parsed || !c.valid) && c.mode);
	if (c.problem)
		check_message(c.problem);
	for (size_t i = 0; i < c.n_api_allowlist; i++)
		check(strlen(c.api_allowlist[i]) <= size);
	for (size_t i = 0; i < c.n_agents; i++)
		for (size_t j = 0; j < c.agents[i].n_source_cidrs; j++)
			check(strlen(c.agents[i].source_cidrs[j]) <= size);
}

/* What stands before an @ may be a password and is never shown. */
static void
check_url(struct arena *a, const char *text)
{
	struct proxy_url u = proxy_url_parse(a, text);

	check_message(u.shown);
	check(!u.valid || (u.host && *u.host && u.port >= 1 && u.port <= 65535));
	check(!strchr(text, '@') || (u.valid ? !strchr(u.shown, '@') : str_starts(u.shown, "...@")));
}

static void
check_image(const char *text)
{
	struct image_ref ref = image_parse(text);
	const char *end = text + strlen(text);

	check(ref.name >= text && ref.name + ref.name_len <= end && ref.tag + ref.tag_len <= end);
	check(ref.digest + ref.digest_len <= end && ref.repository + ref.repository_len <= end);
	check(!memchr(ref.name, '/', ref.name_len) && !memchr(ref.name, ':', ref.name_len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = {0};
	const char *text = arena_strndup(&a, (const char *)data, size);

	check_config(&a, data, size);
	check_url(&a, text);
	check_image(text);
	return 0;
}
