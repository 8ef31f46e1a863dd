/* SPDX-License-Identifier: Apache-2.0 */
/* A history of its own for each test, and fleets that name clusters. Include it after cmocka.h. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "decode/files.h"
#include "fleet/fleet.h"
#include "store/db.h"
#include "tests/unit/folder.h"

#define KUBE_SYSTEM(uid) "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: " uid "}\n"

static char path[96];
static struct db *db;

static inline void
open_as(enum db_use use)
{
	struct err e;

	db_close(take(db));
	db = db_open(&(struct db_options){.path = path, .use = use}, &e);
	if (!db)
		fail_msg("%s", e.msg);
}

static inline int
setup(void **state)
{
	if (folder_make(state))
		return -1;
	snprintf(path, sizeof(path), "%s/moat.db", folder);
	open_as(DB_WRITE);
	return 0;
}

static inline int
teardown(void **state)
{
	db_close(take(db));
	return folder_remove(state);
}

/* A cluster at that address, or files where it is "". */
static inline struct fleet *
fleet_at(const char *address, const char *yaml)
{
	static const char *const file = "fleet.yaml";
	struct object_set set = {0};
	struct fleet_input in = {.objects = &set};
	struct fleet *f;
	struct err e;

	if (*address)
		in.source = (struct source){.type = SOURCE_CLUSTER, .context = "prod", .server = address};
	else
		in.source = (struct source){.type = SOURCE_FILES, .paths = &file, .n_paths = 1};
	snprintf(in.source.address, sizeof(in.source.address), "%s", address);
	if (*yaml && !files_read_memory(file, yaml, strlen(yaml), "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&in);
	object_set_free(&set);
	return f;
}

/* What SQLite itself finds: a line for each row, its columns between blanks, NULL as "-". */
static inline void
assert_query(const char *sql, const char *wanted)
{
	AUTO(buf) struct buf got = {0};
	sqlite3_stmt *s;
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			const char *text = (const char *)sqlite3_column_text(s, i);

			buf_addf(&got, "%s%s", text ? text : "-", i + 1 < sqlite3_column_count(s) ? " " : "\n");
		}
	sqlite3_finalize(s);
	sqlite3_close(raw);
	assert_string_equal(buf_str(&got), wanted);
}

/* Changes the file behind our back. */
static inline void
run_sql(const char *sql)
{
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
}

/* As the first version left it. */
static inline void
make_first_version(void)
{
	db_close(take(db));
	run_sql("DROP TABLE probes; DROP TABLE actions; DROP TABLE sightings; DROP TABLE checklist; "
		"ALTER TABLE findings DROP COLUMN uid; ALTER TABLE findings DROP COLUMN generation; "
		"PRAGMA user_version = 1");
}

#endif
