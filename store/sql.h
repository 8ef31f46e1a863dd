/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite, for the files of this folder: statements that end themselves, and its errors as ours. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "fleet/fleet.h"
#include "store/db.h"

/* How long another process is waited for. */
#define SQL_BUSY_MS 10000

struct db {
	char *path;
	sqlite3 *handle;
	struct db_options opt;
	int64_t version; /* steps of the schema that the file has had: fewer than schema_version when only read */
	bool damaged; /* an answer of SQLite said so */
	dev_t device; /* of the file that is open, which may have another name by now */
	ino_t inode;
};

/* What SQLite said last, as an error: always false. */
bool sql_failed(struct db *d, struct err *e);
/* One or more statements without parameters. */
bool sql_exec(struct db *d, const char *text, struct err *e);
/*
 * One statement, with a value for each letter of `types`: t for const char * (NULL is SQL's), i for int64_t.
 * *out, unless NULL, is the integer of its first row; 0 without a row.
 */
bool sql_ask(struct db *d, int64_t *out, struct err *e, const char *text, const char *types, ...);
/* NULL and an error; else sqlite3_finalize it. */
sqlite3_stmt *sql_prepare(struct db *d, const char *text, struct err *e);
/* The next row: false at the end, and on a failure, when *ok becomes false. */
bool sql_row(struct db *d, sqlite3_stmt *s, bool *ok, struct err *e);
/* Runs a statement that answers nothing, and makes it ready for the next values. */
bool sql_run(struct db *d, sqlite3_stmt *s, struct err *e);
/* Values as in sql_ask; texts are borrowed until the statement has run. */
void sql_bind(sqlite3_stmt *s, const char *types, ...);
void sql_vbind(sqlite3_stmt *s, const char *types, va_list ap);
/* A column's text in the arena; NULL stays NULL. */
const char *sql_column(sqlite3_stmt *s, int at, struct arena *a);
/* The same with "" for NULL. */
const char *sql_text(sqlite3_stmt *s, int at, struct arena *a);
/* Borrowed until the next row. "" for NULL, for a file may hold that where no program puts it. */
const char *sql_str(sqlite3_stmt *s, int at);
/* One of so many numbers, from 0; another, that a stranger has put there, is the last, which has to be no good news. */
int sql_number(sqlite3_stmt *s, int at, int numbers);

/* BEGIN IMMEDIATE; what begins has to end in one of the others. */
bool sql_begin(struct db *d, struct err *e);
bool sql_commit(struct db *d, struct err *e); /* rolls back when it cannot */
void sql_rollback(struct db *d);

/*
 * Runs fn between begin and commit. A file that shows to be damaged is moved aside, and fn runs once more on the new one;
 * on a failure nothing of it is kept.
 */
bool sql_transact(struct db *d, bool (*fn)(struct db *d, void *ctx, struct err *e), void *ctx, struct err *e);

static inline void
auto_stmt(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}

/*
 * source.c: a select of what is kept by cluster, which is its one parameter: of the fleet's cluster. *s is NULL where the
 * history has not seen that, which is no failure; else sqlite3_finalize it.
 */
bool cluster_select(struct db *d, const struct fleet *f, const char *text, sqlite3_stmt **s, struct err *e);

/* schema.c: makes the tables, or brings those of an older file up to date. */
#define SCHEMA_APPLICATION 0x6d6f6174 /* "moat": PRAGMA application_id of our files */
extern const int schema_version; /* PRAGMA user_version of a file that is up to date */
/* The first version that has probes, actions, sightings, the checklist, and which object a finding was about; a file of an older one is read without them. */
#define SCHEMA_PROBES 2
bool schema_migrate(struct db *d, struct err *e);

/* damage.c: moves file, -wal and -shm aside; *moved_to, the file's new path, is the caller's. */
bool damage_set_aside(const char *path, char **moved_to, struct err *e);

#endif
