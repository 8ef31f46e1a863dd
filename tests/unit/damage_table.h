/* SPDX-License-Identifier: Apache-2.0 */
/* A history is damaged while it is open. Include it after cmocka.h. */
#ifndef TESTS_DAMAGE_TABLE_H
#define TESTS_DAMAGE_TABLE_H

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

/*
 * Behind the back of an open connection: the first page of that table is no page any more, and what the connection remembers of
 * it is worth nothing, for the file has a new version.
 */
static inline void
damage_table(const char *path, const char *table)
{
	sqlite3_stmt *s;
	sqlite3 *other;
	int fd;

	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(other,
				   "SELECT (rootpage - 1) * page_size FROM sqlite_master, pragma_page_size "
				   "WHERE name = ?",
				   -1, &s, NULL),
		SQLITE_OK);
	sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, sqlite3_column_int64(s, 0)), 8);
	close(fd);
	sqlite3_finalize(s);
	sqlite3_exec(other, "UPDATE clusters SET id = id; CREATE TABLE more (x); DROP TABLE more", NULL, NULL,
		     NULL);
	sqlite3_close(other);
}

#endif
