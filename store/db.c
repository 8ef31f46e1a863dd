/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/place.h"
#include "base/str.h"
#include "store/sql.h"

/* The write-ahead log grows past this in a large transaction; it is cut back to it afterwards. */
#define LARGEST_WAL (4 * 1024 * 1024)
/*
 * Taken as pages are read. Who writes looks at most of them twice, for the file is checked before; who reads goes through
 * them nearly in order, and memory that was used a moment ago is cheaper than fresh one.
 */
#define CACHE_WRITE_KIB (32 * 1024)
#define CACHE_READ_KIB (8 * 1024)

char *
db_default_path(void)
{
	return place_state("moat.db");
}

static void tell(const struct db *d, const char *fmt, ...) PRINTF(2, 3);

static void
tell(const struct db *d, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	struct err safe;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	err_set(&safe, ERR_NONE, 0, "%s", buf_str(&text));
	log_warn("%s", safe.msg);
	if (d->opt.tell)
		d->opt.tell(d->opt.ctx, safe.msg);
}

/* ---- the file and its folder */

/* SQLite takes names such as ":memory:" and "file:..." for something else: none of them starts with a slash. */
static char *
absolute(const char *path, struct err *e)
{
	AUTO(free) char *here = NULL;

	if (*path == '/')
		return mem_strdup(path);
	here = getcwd(NULL, 0);
	if (here)
		return mem_printf("%s/%s", here, path);
	err_sys(e, ERR_OUTPUT, errno, "%s: the current folder", path);
	return NULL;
}

static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

/* A file that is not there is made here: SQLite would make one that others can read. */
static bool
make_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return err_sys(e, ERR_OUTPUT, errno, "create %s", path);
	if (fd >= 0)
		close(fd);
	return true;
}

static bool
is_file(struct db *d, struct err *e)
{
	enum err_kind kind = d->opt.use == DB_WRITE ? ERR_OUTPUT : ERR_INPUT;
	struct stat st;

	if (stat(d->path, &st) != 0) {
		if (errno == ENOENT && d->opt.use == DB_READ)
			return err_set(e, ERR_INPUT, ENOENT, "no history yet: there is no %s; moat audit writes it",
				       d->path);
		return err_sys(e, kind, errno, "%s", d->path);
	}
	d->device = st.st_dev;
	d->inode = st.st_ino;
	return S_ISREG(st.st_mode) ||
	       err_set(e, kind, 0, "%s is not a file: history cannot be kept there", d->path);
}

/* Where files are shared between machines, and the shared memory that WAL needs is not. */
static bool
is_remote(const char *path)
{
	static const unsigned types[] = {
		0x6969 /* NFS */,	 0x517b /* SMB */,	0xff534d42 /* CIFS */,	0xfe534d42 /* SMB2 */,
		0x65735546 /* FUSE */,	 0x01021997 /* 9P */,	0x00c36400 /* Ceph */,	0x5346414f /* AFS */,
		0x0bd00bd0 /* Lustre */, 0x01161970 /* GFS2 */, 0x7461636f /* OCFS2 */,
	};
	struct statfs fs;

	if (statfs(path, &fs) != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if ((unsigned)fs.f_type == types[i])
			return true;
	return false;
}

/*
 * One process at a time opens for writing: a damaged file is moved once, and a new one set up once. By the
 * folder, which stays when files move. A hint only: where folders cannot be locked, or the other takes too
 * long, it goes on.
 */
static int
lock_folder(const char *path)
{
	AUTO(free) char *folder = folder_of(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t until = clock_ms() + SQL_BUSY_MS;

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR) &&
	       clock_ms() < until)
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	return fd;
}

/* SQLite calls a file system without locks busy, too: the folder is asked. */
static bool
has_locks(const char *path)
{
	AUTO(free) char *name = mem_printf("%s.lock-XXXXXX", path);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = mkostemp(name, O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return true; /* nothing is known */
	locked = fcntl(fd, F_SETLK, &lock) == 0 ||
		 (errno != ENOLCK && errno != ENOTSUP && errno != ENOSYS && errno != EINVAL);
	unlink(name);
	close(fd);
	return locked;
}

static void
explain_locks(const struct db *d, struct err *e)
{
	int code = sqlite3_extended_errcode(d->handle);
	bool refused =
		code == SQLITE_IOERR_LOCK || code == SQLITE_IOERR_RDLOCK || code == SQLITE_IOERR_CHECKRESERVEDLOCK;

	if (refused || ((code & 0xff) == SQLITE_BUSY && !has_locks(d->path)))
		err_set(e, ERR_OUTPUT, code & 0xff,
			"%s: its file system has no locks, without which two processes would damage the history; "
			"--db PATH "
			"puts it on another",
			d->path);
}

/* ---- what is in it */

static bool
whose(struct db *d, int64_t *version, int64_t *tables, struct err *e)
{
	int64_t application;

	if (!sql_ask(d, tables, e, "SELECT count(*) FROM sqlite_master", "") ||
	    !sql_ask(d, &application, e, "PRAGMA application_id", "") ||
	    !sql_ask(d, version, e, "PRAGMA user_version", ""))
		return false;
	if (*tables && application != SCHEMA_APPLICATION)
		return err_set(e, ERR_INPUT, 0, "%s is a database of another program: it is left as it is",
			       d->path);
	if (*version > schema_version)
		return err_set(e, ERR_INPUT, 0,
			       "%s was written by a newer moat (its schema is %lld, this moat knows up to %d): it "
			       "is left as it is; "
			       "upgrade moat, or keep another history by --db PATH",
			       d->path, (long long)*version, schema_version);
	if (d->opt.use == DB_READ && *version < 1)
		return err_set(e, ERR_INPUT, 0, "no history yet: nothing is in %s; moat audit writes it", d->path);
	return true;
}

/* "wal", or what the file system allows in its place. */
static bool
set_journal(struct db *d, struct err *e)
{
	bool remote = is_remote(d->path);
	const char *pragma = remote ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL";
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, pragma, e);
	bool ok = false;

	if (!s || !sql_row(d, s, &ok, e))
		return s && ok;
	if (!str_eq((const char *)sqlite3_column_text(s, 0), "wal"))
		log_info("%s: no write-ahead log on this file system; a rollback journal does it, and writers wait "
			 "for readers",
			 d->path);
	return true;
}

/* Structure alone, not what indexes point to: an audit of a large fleet has a large history. */
static bool
check(struct db *d, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, "PRAGMA quick_check(1)", e);
	bool ok = false;

	if (!s || !sql_row(d, s, &ok, e))
		return s && ok;
	if (str_eq((const char *)sqlite3_column_text(s, 0), "ok"))
		return true;
	d->damaged = true;
	return err_set(e, ERR_OUTPUT, SQLITE_CORRUPT, "%s: it is damaged: %s", d->path, sqlite3_column_text(s, 0));
}

static bool
prepare_write(struct db *d, struct err *e)
{
	int64_t version, tables;
	bool whole;

	if (!whose(d, &version, &tables, e))
		return false;
	/* Before the first table: fewer, larger pages to read; those that pruning frees go to the system. */
	if (!tables && !sql_exec(d, "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL", e))
		return false;
	d->version = schema_version;
	/* A file that is brought up to date is read whole whoever asks. */
	whole = !tables || (d->opt.unchecked && version == schema_version) || check(d, e);
	return whole && set_journal(d, e) && schema_migrate(d, e);
}

static bool
prepare_read(struct db *d, struct err *e)
{
	int64_t tables;

	return whose(d, &d->version, &tables, e) && sql_exec(d, "PRAGMA query_only = ON", e);
}

/* Who closes the file last copies the log into it and removes the log: of a damaged one nothing is to be lost. */
static void
keep_log(struct db *d, bool keep)
{
	sqlite3_db_config(d->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, NULL);
}

/* What is in the file is not trusted: no SQL of its schema runs with side effects. */
static bool
configure(struct db *d, struct err *e)
{
	AUTO(free)
	char *pragmas = mem_printf("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = %d;"
				   "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
				   "PRAGMA journal_size_limit = %d; PRAGMA temp_store = MEMORY;"
				   "PRAGMA cache_size = -%d",
				   d->opt.use == DB_WRITE, LARGEST_WAL,
				   d->opt.use == DB_WRITE ? CACHE_WRITE_KIB : CACHE_READ_KIB);

	sqlite3_extended_result_codes(d->handle, 1);
	sqlite3_busy_timeout(d->handle, SQL_BUSY_MS);
	sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	keep_log(d, true);
	return sql_exec(d, pragmas, e);
}

/* The path as a URI, of a file that is not going to change: read without locks and without the files beside it. */
static char *
frozen_uri(const char *path)
{
	AUTO(buf) struct buf uri = {0};

	buf_adds(&uri, "file://");
	for (const char *c = path; *c; c++) {
		if (strchr("%?#", *c))
			buf_addf(&uri, "%%%02x", (unsigned)*c);
		else
			buf_addc(&uri, *c);
	}
	buf_adds(&uri, "?immutable=1");
	return buf_take(&uri);
}

static bool
connect_db(struct db *d, bool frozen, struct err *e)
{
	AUTO(free) char *name = frozen ? frozen_uri(d->path) : mem_strdup(d->path);
	int flags = frozen ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE;

	int code = sqlite3_open_v2(name, &d->handle, flags | SQLITE_OPEN_NOMUTEX, d->opt.vfs);

	if (!d->handle)
		die("out of memory");
	if (code != SQLITE_OK) {
		sql_failed(d, e);
	} else if (configure(d, e) && (d->opt.use == DB_WRITE ? prepare_write(d, e) : prepare_read(d, e))) {
		keep_log(d, false);
		return true;
	}
	explain_locks(d, e);
	sqlite3_close(take(d->handle));
	return false;
}

/* In a folder that cannot be written SQLite lacks the files beside the history that several readers share. */
static bool
open_read(struct db *d, struct err *e)
{
	AUTO(free) char *folder = folder_of(d->path), *wal = mem_printf("%s-wal", d->path);
	struct stat st;

	if (!is_file(d, e))
		return false;
	if (connect_db(d, false, e))
		return true;
	if ((e->code != SQLITE_CANTOPEN && e->code != SQLITE_READONLY) || access(folder, W_OK) == 0)
		return false;
	if (stat(wal, &st) == 0 && st.st_size > 0)
		tell(d, "%s is read without its last changes: they are in %s, and its folder cannot be written",
		     d->path, wal);
	return connect_db(d, true, e);
}

/* The damaged file out of the way, unless another process was faster; then a new one. */
static bool
begin_anew(struct db *d, struct err *e)
{
	AUTO(free) char *aside = NULL;
	struct stat st;

	if (stat(d->path, &st) == 0 && st.st_dev == d->device && st.st_ino == d->inode) {
		if (!damage_set_aside(d->path, &aside, e))
			return false;
		tell(d,
		     "the history is damaged, and was moved to %s (with -wal and -shm, where they were); a new one "
		     "begins",
		     aside);
	}
	d->damaged = false;
	return make_file(d->path, e) && is_file(d, e) && connect_db(d, false, e);
}

/* SQLite misses the files that it cannot make beside the history: the operator's cause is the folder. */
static bool
explain_folder(const struct db *d, struct err *e)
{
	AUTO(free) char *folder = folder_of(d->path);

	if ((e->code == SQLITE_CANTOPEN || e->code == SQLITE_READONLY) && access(folder, W_OK) != 0)
		err_sys(e, ERR_OUTPUT, errno, "%s: its folder cannot be written", d->path);
	return false;
}

static bool
open_write(struct db *d, struct err *e)
{
	if (!make_file(d->path, e) || !is_file(d, e))
		return false;
	if (connect_db(d, false, e))
		return true;
	return d->damaged ? begin_anew(d, e) : explain_folder(d, e);
}

bool
db_renew(struct db *d, struct err *e)
{
	bool ok;
	int lock;

	if (!d->damaged || d->opt.use != DB_WRITE)
		return false;
	keep_log(d, true);
	sqlite3_close(take(d->handle));
	lock = lock_folder(d->path);
	ok = begin_anew(d, e);
	if (lock >= 0)
		close(lock);
	return ok;
}

struct db *
db_open(const struct db_options *opt, struct err *e)
{
	struct db *d = mem_alloc(sizeof(*d));
	AUTO(free) char *folder = NULL;
	int lock = -1;
	bool ok;

	d->opt = *opt;
	d->path = absolute(opt->path, e);
	if (opt->use == DB_WRITE) {
		folder = d->path ? folder_of(d->path) : NULL;
		ok = folder && place_make_folders(folder, e);
		lock = ok ? lock_folder(d->path) : -1;
		ok = ok && open_write(d, e);
	} else {
		ok = d->path && open_read(d, e);
	}
	if (lock >= 0)
		close(lock);
	if (ok)
		return d;
	db_close(d);
	return NULL;
}

void
db_close(struct db *d)
{
	if (!d)
		return;
	if (d->handle && d->damaged)
		keep_log(d, true);
	sqlite3_close(d->handle);
	free(d->path);
	free(d);
}

const char *
db_path(const struct db *d)
{
	return d->path;
}
