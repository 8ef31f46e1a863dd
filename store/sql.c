/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

/* Primary result codes in the operator's words; others are told in SQLite's. */
static const struct {
	int code;
	const char *text;
} words[] = {
	{SQLITE_BUSY, "another process is writing to it; waited for ten seconds"},
	{SQLITE_FULL, "the disk is full"},
	{SQLITE_READONLY, "it cannot be written: file, folder or file system is read-only"},
	{SQLITE_PERM, "permission denied"},
	{SQLITE_CANTOPEN, "it cannot be opened"},
	{SQLITE_CORRUPT, "it is damaged"},
	{SQLITE_NOTADB, "it is no database, or its beginning is damaged"},
};

/* The errno behind it, where the system said no: of reading, writing and opening. */
static int
system_code(const struct db *d, int code)
{
	return code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(d->handle) : 0;
}

bool
sql_failed(struct db *d, struct err *e)
{
	enum err_kind kind = d->opt.use == DB_WRITE ? ERR_OUTPUT : ERR_INPUT;
	int code = sqlite3_errcode(d->handle) & 0xff, os = system_code(d, code);
	const char *text = sqlite3_errmsg(d->handle);

	if (code == SQLITE_NOMEM)
		die("out of memory");
	d->damaged |= code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (words[i].code == code)
			text = words[i].text;
	if (os)
		return err_set(e, kind, code, "%s: %s: %s", d->path, text, strerror(os));
	return err_set(e, kind, code, "%s: %s", d->path, text);
}

bool
sql_exec(struct db *d, const char *text, struct err *e)
{
	return sqlite3_exec(d->handle, text, NULL, NULL, NULL) == SQLITE_OK || sql_failed(d, e);
}

sqlite3_stmt *
sql_prepare(struct db *d, const char *text, struct err *e)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(d->handle, text, -1, &s, NULL) == SQLITE_OK)
		return s;
	sql_failed(d, e);
	return NULL;
}

bool
sql_row(struct db *d, sqlite3_stmt *s, bool *ok, struct err *e)
{
	int code = sqlite3_step(s);

	if (code == SQLITE_ROW)
		return true;
	*ok = code == SQLITE_DONE || sql_failed(d, e);
	return false;
}

bool
sql_run(struct db *d, sqlite3_stmt *s, struct err *e)
{
	bool ok = sqlite3_step(s) == SQLITE_DONE || sql_failed(d, e);

	sqlite3_reset(s);
	return ok;
}

void
sql_vbind(sqlite3_stmt *s, const char *types, va_list ap)
{
	for (int at = 1; types[at - 1]; at++) {
		if (types[at - 1] == 't')
			sqlite3_bind_text(s, at, va_arg(ap, const char *), -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(s, at, va_arg(ap, int64_t));
	}
}

void
sql_bind(sqlite3_stmt *s, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	sql_vbind(s, types, ap);
	va_end(ap);
}

/* As a blob: SQLite would make a copy of its own to end it with NUL. The file is in UTF-8, as we have made it. */
const char *
sql_column(sqlite3_stmt *s, int at, struct arena *a)
{
	const char *text = sqlite3_column_blob(s, at);

	if (text)
		return arena_strndup(a, text, (size_t)sqlite3_column_bytes(s, at));
	return sqlite3_column_type(s, at) == SQLITE_NULL ? NULL : "";
}

const char *
sql_text(sqlite3_stmt *s, int at, struct arena *a)
{
	const char *text = sql_column(s, at, a);

	return text ? text : "";
}

const char *
sql_str(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text ? text : "";
}

int
sql_number(sqlite3_stmt *s, int at, int numbers)
{
	int64_t n = sqlite3_column_int64(s, at);

	return n >= 0 && n < numbers ? (int)n : numbers - 1;
}

bool
sql_ask(struct db *d, int64_t *out, struct err *e, const char *text, const char *types, ...)
{
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, text, e);
	bool ok = true, row;
	va_list ap;

	if (!s)
		return false;
	va_start(ap, types);
	sql_vbind(s, types, ap);
	va_end(ap);
	row = sql_row(d, s, &ok, e);
	if (ok && out)
		*out = row ? sqlite3_column_int64(s, 0) : 0;
	return ok;
}

bool
sql_begin(struct db *d, struct err *e)
{
	return sql_exec(d, "BEGIN IMMEDIATE", e);
}

bool
sql_commit(struct db *d, struct err *e)
{
	if (sql_exec(d, "COMMIT", e))
		return true;
	sql_rollback(d);
	return false;
}

/* A full disk may have ended the transaction already. */
void
sql_rollback(struct db *d)
{
	if (!sqlite3_get_autocommit(d->handle))
		sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
}

static bool
transact_once(struct db *d, bool (*fn)(struct db *d, void *ctx, struct err *e), void *ctx, struct err *e)
{
	if (!sql_begin(d, e))
		return false;
	if (fn(d, ctx, e))
		return sql_commit(d, e);
	sql_rollback(d);
	return false;
}

bool
sql_transact(struct db *d, bool (*fn)(struct db *d, void *ctx, struct err *e), void *ctx, struct err *e)
{
	return transact_once(d, fn, ctx, e) || (db_renew(d, e) && transact_once(d, fn, ctx, e));
}
