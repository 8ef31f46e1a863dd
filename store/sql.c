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

bool
sql_number(struct db *d, const char *text, int64_t *out, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, text, e);
	bool ok = false;

	if (!s)
		return false;
	if (!sql_row(d, s, &ok, e)) {
		*out = 0;
		return ok;
	}
	*out = sqlite3_column_int64(s, 0);
	return true;
}

void
sql_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

void
sql_int(sqlite3_stmt *s, int at, int64_t value)
{
	sqlite3_bind_int64(s, at, value);
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
