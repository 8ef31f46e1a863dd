/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history file: opened, created, brought up to date, and what is wrong with it said in words. SQLite
 * behind it is met in this folder alone. One thread at a time; processes may share the file.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>

#include "base/err.h"

struct db;

enum db_use {
	DB_READ, /* the file has to be there already; nothing is changed, created or moved */
	DB_WRITE, /* created with its folder; checked, brought up to date; a damaged one is moved aside */
};

struct db_options {
	const char *path;
	enum db_use use;
	/* For a row or two, DB_WRITE does not read the whole file for damage before: what is damaged is found when it is met. */
	bool unchecked;
	const char *vfs; /* one of SQLite's, for tests; NULL: the system's */
	/* What the operator has to be told though it is no failure: a sentence, safe to show. May be NULL. */
	void (*tell)(void *ctx, const char *text);
	void *ctx;
};

/* $XDG_STATE_HOME/moat/moat.db, else ~/.local/state/moat/moat.db; the caller's. NULL without a home. */
char *db_default_path(void);

/*
 * NULL and an error: ERR_INPUT for a file that is not ours to read (a newer moat's, another program's),
 * ERR_OUTPUT when it cannot be written, and for DB_READ ERR_INPUT when there is none. Waits up to ten seconds
 * for other processes.
 */
struct db *db_open(const struct db_options *opt, struct err *e);
void db_close(struct db *d); /* NULL is fine */
/*
 * Behind a failure: when the file has shown to be damaged it is moved aside, and d is a new one; what failed
 * can be tried again. false, and e as it was, when it is not damaged or was opened to read.
 */
bool db_renew(struct db *d, struct err *e);
const char *db_path(const struct db *d); /* absolute */

static inline void
auto_db(struct db **d)
{
	db_close(*d);
}

#endif
