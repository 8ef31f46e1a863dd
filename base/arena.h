/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once. What it gives is zeroed and aligned for any type. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

struct arena_chunk;

/* A zeroed struct is an empty arena. */
struct arena {
	struct arena_chunk *head;
	size_t first; /* size of the first chunk, however large; 0 means a default. Later ones double up to 64 KiB */
};

void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size); /* dies on overflow */
char *arena_strdup(struct arena *a, const char *s); /* NULL stays NULL */
char *arena_strndup(struct arena *a, const char *s, size_t len); /* always NUL-terminated */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF(2, 0);
void *arena_copy(struct arena *a, const void *p, size_t size);

/* All that was allocated in `from` is a's from now on, where it is; `from` is empty. */
void arena_join(struct arena *a, struct arena *from);

/* Bytes taken from the system. */
size_t arena_size(const struct arena *a);
/* Bytes handed out: in one chunk of that size, the same allocations in the same order find room. */
size_t arena_used(const struct arena *a);
/* Forgets all that was allocated but keeps one chunk, for scratch memory in a loop. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_array((a), (n), sizeof(type)))

static inline void
auto_arena(struct arena *a)
{
	arena_free(a);
}

#endif
