/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history file: made, refused, moved aside; file systems without locks or shared memory, by a VFS of our
 * own.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "store/db.h"
#include "tests/unit/folder.h"

#define LARGEST (1024 * 1024)

static struct buf told;

static void
hear(void *ctx, const char *text)
{
	(void)ctx;
	buf_addf(&told, "%s\n", text);
}

static struct db *
open_as(const char *path, enum db_use use, const char *vfs, struct err *e)
{
	buf_clear(&told);
	return db_open(&(struct db_options){.path = path, .use = use, .vfs = vfs, .tell = hear}, e);
}

static struct db *
open_good(const char *path)
{
	struct err e = {0};
	struct db *d = open_as(path, DB_WRITE, NULL, &e);

	if (!d)
		fail_msg("%s", e.msg);
	return d;
}

static void
refused(const char *path, enum db_use use, const char *vfs, const char *words)
{
	struct err e = {0};

	assert_null(open_as(path, use, vfs, &e));
	if (!str_has(e.msg, words))
		fail_msg("no \"%s\" in: %s", words, e.msg);
}

/* As another program would: its own connection. The answer of the last statement, as text. */
static char *
with_sqlite(const char *path, const char *sql)
{
	AUTO(buf) struct buf out = {0};
	const char *rest = sql;
	sqlite3_stmt *s;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	while (*rest) {
		assert_int_equal(sqlite3_prepare_v2(db, rest, -1, &s, &rest), SQLITE_OK);
		buf_clear(&out);
		while (sqlite3_step(s) == SQLITE_ROW)
			buf_addf(&out, "%s", (const char *)sqlite3_column_text(s, 0));
		assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return buf_take(&out);
}

static void
assert_sqlite(const char *path, const char *sql, const char *wanted)
{
	AUTO(free) char *got = with_sqlite(path, sql);

	assert_string_equal(got, wanted);
}

static char *
content(const char *path)
{
	AUTO(buf) struct buf text = {0};
	struct err e;

	if (!reader_slurp(path, LARGEST, &text, &e))
		fail_msg("%s", e.msg);
	return buf_take(&text);
}

/* A file of the folder whose name has such a part; NULL, or the caller's. */
static char *
find(const char *part)
{
	DIR *dir = opendir(folder);
	char *found = NULL;

	for (struct dirent *f; (f = readdir(dir));) {
		if (!str_has(f->d_name, part))
			continue;
		free(found);
		found = folder_path(f->d_name);
	}
	closedir(dir);
	return found;
}

static int
teardown(void **state)
{
	buf_free(&told);
	return folder_remove(state);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
made_for_its_owner_alone(void **state)
{
	AUTO(free)
	char *path = folder_path("state/moat/moat.db"),
	     *moat = folder_path("state/moat"), *above = folder_path("state");
	mode_t mask = umask(0);
	struct db *d = open_good(path);

	(void)state;
	umask(mask);
	assert_string_equal(db_path(d), path);
	db_close(d);
	assert_string_equal(buf_str(&told), "");
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(mode_of(moat), 0700);
	assert_int_equal(mode_of(above), 0700);
	assert_sqlite(path, "PRAGMA journal_mode", "wal");
	assert_sqlite(path, "PRAGMA user_version", "2");
	assert_sqlite(path, "PRAGMA auto_vacuum", "2");
	assert_sqlite(path,
		      "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND "
		      "name NOT LIKE 'sqlite_%' ORDER BY name)",
		      "actions,checklist,clusters,findings,probes,runs,sightings,sources,spans");
	db_close(open_good(path)); /* a second time */
	assert_sqlite(path, "PRAGMA integrity_check", "ok");
}

static void
the_place(void **state)
{
	AUTO(free) char *before = mem_strdup(getenv("HOME"));
	AUTO(free) char *at_home = NULL, *at_state = NULL, *relative = NULL;

	(void)state;
	setenv("HOME", "/home/op", 1);
	unsetenv("XDG_STATE_HOME");
	at_home = db_default_path();
	assert_string_equal(at_home, "/home/op/.local/state/moat/moat.db");
	setenv("XDG_STATE_HOME", "/var/state", 1);
	at_state = db_default_path();
	assert_string_equal(at_state, "/var/state/moat/moat.db");
	setenv("XDG_STATE_HOME", "not/absolute", 1); /* to be ignored, as the XDG specification has it */
	relative = db_default_path();
	assert_string_equal(relative, "/home/op/.local/state/moat/moat.db");
	unsetenv("HOME");
	assert_null(db_default_path());
	unsetenv("XDG_STATE_HOME");
	if (before)
		setenv("HOME", before, 1);
}

static void
names_that_sqlite_would_take_for_others(void **state)
{
	AUTO(free) char *here = getcwd(NULL, 0);

	(void)state;
	assert_int_equal(chdir(folder), 0);
	db_close(open_good(":memory:"));
	db_close(open_good("file:x.db?mode=memory"));
	assert_int_equal(access(":memory:", F_OK), 0);
	assert_int_equal(access("file:x.db?mode=memory", F_OK), 0);
	assert_int_equal(chdir(here), 0);
}

static void
a_newer_file_is_left_alone(void **state)
{
	AUTO(free) char *path = folder_path("moat.db"), *before = NULL, *after = NULL;

	(void)state;
	db_close(open_good(path));
	free(with_sqlite(path, "PRAGMA user_version = 99"));
	before = content(path);
	refused(path, DB_WRITE, NULL, "newer moat (its schema is 99, this moat knows up to 2)");
	refused(path, DB_READ, NULL, "newer moat");
	after = content(path);
	assert_string_equal(before, after);
	assert_sqlite(path, "PRAGMA user_version", "99");
	assert_null(find("damaged"));
}

static void
a_file_of_another_program_is_left_alone(void **state)
{
	AUTO(free) char *path = folder_path("places.sqlite");

	(void)state;
	free(with_sqlite(path, "CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')"));
	refused(path, DB_WRITE, NULL, "another program");
	refused(path, DB_READ, NULL, "another program");
	assert_sqlite(path, "SELECT url FROM bookmarks", "x");
	assert_sqlite(path, "PRAGMA journal_mode", "delete");
}

static void
what_is_no_file_is_refused(void **state)
{
	(void)state;
	refused("/dev/null", DB_WRITE, NULL, "/dev/null is not a file");
	refused(folder, DB_WRITE, NULL, "is not a file");
	refused("/dev/null/moat.db", DB_WRITE, NULL, "/dev/null");
}

static void
nothing_to_read(void **state)
{
	AUTO(free) char *path = folder_path("moat.db");

	(void)state;
	refused(path, DB_READ, NULL, "no history yet");
	assert_int_not_equal(access(path, F_OK), 0);
	free(folder_file("moat.db", ""));
	refused(path, DB_READ, NULL, "no history yet");
}

static void
no_database_is_moved_aside(void **state)
{
	AUTO(free) char *path = folder_path("moat.db");
	AUTO(free) char *text = mem_printf("%4096s", "no database");
	AUTO(free) char *aside = NULL, *aside_wal = NULL, *aside_shm = NULL, *kept = NULL, *kept_wal = NULL;

	(void)state;
	free(folder_file("moat.db", text));
	free(folder_file("moat.db-wal", "log"));
	free(folder_file("moat.db-shm", "index"));
	refused(path, DB_READ, NULL, "no database, or its beginning is damaged"); /* reading moves nothing */
	setenv("MOAT_NOW", "2026-01-02T03:04:05Z", 1);
	db_close(open_good(path));
	unsetenv("MOAT_NOW");
	aside = folder_path("moat.db.damaged-20260102T030405Z");
	aside_wal = folder_path("moat.db.damaged-20260102T030405Z-wal");
	aside_shm = folder_path("moat.db.damaged-20260102T030405Z-shm");
	assert_true(str_has(buf_str(&told), aside));
	kept = content(aside);
	assert_string_equal(kept, text);
	kept_wal = content(aside_wal);
	assert_string_equal(kept_wal, "log");
	assert_int_equal(access(aside_shm, F_OK), 0);
	assert_sqlite(path, "PRAGMA integrity_check", "ok");
}

static void
the_second_of_a_second_has_a_name_too(void **state)
{
	AUTO(free)
	char *path = folder_path("moat.db"),
	     *second = folder_path("moat.db.damaged-20260102T030405Z-2"), *kept = NULL;

	(void)state;
	setenv("MOAT_NOW", "2026-01-02T03:04:05Z", 1);
	for (const char *text = "one............."; text;
	     text = strcmp(text, "two.............") ? "two............." : NULL) {
		free(folder_file("moat.db", text));
		db_close(open_good(path));
	}
	unsetenv("MOAT_NOW");
	kept = content(second);
	assert_string_equal(kept, "two.............");
}

/* A page in the middle of the file, of a table's own tree: only reading all of it shows that. */
static void
a_damaged_page_is_found(void **state)
{
	AUTO(free) char *path = folder_path("moat.db"), *aside = NULL;
	AUTO(free) char *page = NULL;
	struct db *few;
	struct err e;
	int fd;

	(void)state;
	db_close(open_good(path));
	page = with_sqlite(path, "SELECT (rootpage - 1) * page_size FROM sqlite_master, pragma_page_size WHERE "
				 "name = 'spans_finding'");
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, atol(page)), 8);
	close(fd);
	/* Who is going to write a row or two does not look for it. */
	few = db_open(&(struct db_options){.path = path, .use = DB_WRITE, .unchecked = true}, &e);
	assert_non_null(few);
	db_close(few);
	assert_null(find("damaged"));
	db_close(open_good(path));
	assert_true(str_has(buf_str(&told), "moved to"));
	aside = find("damaged");
	assert_non_null(aside);
	assert_sqlite(path, "PRAGMA integrity_check", "ok");
}

/* ---- other file systems: the system's VFS with other methods in its files */

static sqlite3_vfs *real;
static sqlite3_io_methods methods;
static bool without_locks;

static int
no_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_IOERR_LOCK;
}

static int
open_shim(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	int code = real->xOpen(real, name, f, flags, out);

	(void)vfs;
	if (code != SQLITE_OK || !f->pMethods)
		return code;
	methods = *f->pMethods;
	methods.iVersion = 1; /* no shared memory: no WAL */
	if (without_locks)
		methods.xLock = no_lock;
	f->pMethods = &methods;
	return code;
}

static void
with_shim(bool locks)
{
	static sqlite3_vfs shim;

	real = sqlite3_vfs_find(NULL);
	shim = *real;
	shim.zName = "shim";
	shim.xOpen = open_shim;
	without_locks = !locks;
	sqlite3_vfs_register(&shim, 0);
}

static void
without_shared_memory_a_rollback_journal_does_it(void **state)
{
	AUTO(free) char *path = folder_path("moat.db");
	struct err e = {0};
	struct db *d;

	(void)state;
	with_shim(true);
	d = open_as(path, DB_WRITE, "shim", &e);
	if (!d)
		fail_msg("%s", e.msg);
	db_close(d);
	assert_sqlite(path, "PRAGMA journal_mode", "delete");
	assert_sqlite(path, "PRAGMA user_version", "2");
	d = open_as(path, DB_READ, "shim", &e);
	assert_non_null(d);
	db_close(d);
}

static void
without_locks_it_says_so(void **state)
{
	AUTO(free) char *path = folder_path("moat.db");

	(void)state;
	with_shim(false);
	refused(path, DB_WRITE, "shim", "its file system has no locks");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, teardown)
		TEST(made_for_its_owner_alone),
		TEST(the_place),
		TEST(names_that_sqlite_would_take_for_others),
		TEST(a_newer_file_is_left_alone),
		TEST(a_file_of_another_program_is_left_alone),
		TEST(what_is_no_file_is_refused),
		TEST(nothing_to_read),
		TEST(no_database_is_moved_aside),
		TEST(the_second_of_a_second_has_a_name_too),
		TEST(a_damaged_page_is_found),
		TEST(without_shared_memory_a_rollback_journal_does_it),
		TEST(without_locks_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
