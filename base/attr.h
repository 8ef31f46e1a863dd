/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes and the few macros that every file may use. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

/*
 * AUTO(buf) struct buf b = {0}; calls auto_buf(&b) when the scope is left. A header that owns a type with
 * something to free defines its auto_TYPE. Leave with `return take(p);` to keep what a pointer owns.
 */
#define AUTO(type) __attribute__((cleanup(auto_##type)))
#define take(p)                       \
	({                            \
		__typeof__(p) t_ = p; \
		(p) = NULL;           \
		t_;                   \
	})

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
