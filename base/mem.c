/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*die_hook)(void);

void
mem_on_die(void (*hook)(void))
{
	die_hook = hook;
}

void
die(const char *fmt, ...)
{
	va_list ap;

	if (die_hook)
		die_hook();
	fputs("moat: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(70);
}

static void *
checked(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

void *
mem_alloc(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *
mem_array(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		die("out of memory");
	return checked(realloc(old, count && size ? count * size : 1));
}

char *
mem_strdup(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

char *
mem_strndup(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *
mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	return checked(len < 0 ? NULL : text);
}
