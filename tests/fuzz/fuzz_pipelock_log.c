/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as the log of a Pipelock, line by line. */
#include <string.h>

#include "kube/pipelock_log.h"
#include "tests/fuzz/fuzz.h"

static void
check_log(const struct pipelock_log *l)
{
	size_t hash = strlen(l->hash);

	check(!hash || (hash == 64 && strspn(l->hash, "0123456789abcdef") == 64));
	check(l->loaded || !hash);
	check(l->reload <= RELOAD_REFUSED);
	check(l->detail.len < 2000 && l->warning.len < 2000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct pipelock_log l = {0};

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);

		pipelock_log_line(&l, at, len);
		check_log(&l);
		at += len + 1;
	}
	pipelock_log_free(&l);
	return 0;
}
