/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static const struct {
	int status;
	const char *word;
} kinds[] = {
#define ERR(name, status, word) [ERR_##name] = {status, word},
#include "base/err.def"
#undef ERR
};

/* Cuts at a character's start: a message never ends in half of one. */
static void
store(struct err *e, const struct buf *text)
{
	size_t len = text->len;

	if (len >= sizeof(e->msg)) {
		len = sizeof(e->msg) - 1;
		while (len && ((unsigned char)text->data[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(e->msg, text->data ? text->data : "", len);
	e->msg[len] = '\0';
}

static bool
set(struct err *e, enum err_kind kind, int code, const char *suffix, const char *fmt, va_list ap)
{
	AUTO(buf) struct buf raw = {0};
	AUTO(buf) struct buf safe = {0};

	if (!e)
		return false;
	buf_addv(&raw, fmt, ap);
	if (suffix)
		buf_addf(&raw, ": %s", suffix);
	text_safe(&safe, raw.data ? raw.data : "", raw.len);
	e->kind = kind;
	e->code = code;
	store(e, &safe);
	return false;
}

bool
err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, kind, code, NULL, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_sys(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, kind, code, strerror(code), fmt, ap);
	va_end(ap);
	return false;
}

bool
err_wrap(struct err *e, const char *fmt, ...)
{
	AUTO(buf) struct buf raw = {0};
	AUTO(buf) struct buf safe = {0};
	va_list ap;

	if (!e)
		return false;
	va_start(ap, fmt);
	buf_addv(&raw, fmt, ap);
	va_end(ap);
	text_safe(&safe, raw.data, raw.len);
	buf_addf(&safe, ": %s", e->msg);
	store(e, &safe);
	return false;
}

int
err_exit_status(enum err_kind kind)
{
	return kinds[kind].status;
}

const char *
err_word(enum err_kind kind)
{
	return kinds[kind].word;
}
