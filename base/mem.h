/* SPDX-License-Identifier: Apache-2.0 */
/* Allocators that never return NULL: without memory moat gives the terminal back and ends. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* Prints "moat: " and the message on stderr and exits with status 70; calls the hook of mem_on_die first. */
NORETURN void die(const char *fmt, ...) PRINTF(1, 2);

/* The console sets this to give the terminal back; NULL takes it away. It may only do what a signal handler may. */
void mem_on_die(void (*hook)(void));

void *mem_alloc(size_t size); /* zeroed; free() it */
void *mem_array(size_t count, size_t size); /* zeroed; dies on overflow of the product */
void *mem_grow(void *old, size_t count, size_t size); /* realloc to count elements; what is new is not zeroed */
char *mem_strdup(const char *s); /* NULL stays NULL */
char *mem_strndup(const char *s, size_t len);
char *mem_printf(const char *fmt, ...) PRINTF(1, 2);

static inline void
auto_free(void *p)
{
	extern void free(void *);
	free(*(void **)p);
}

#endif
