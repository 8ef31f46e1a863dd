/* SPDX-License-Identifier: Apache-2.0 */
#include "store/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "store/sql.h"

/* A cluster's own identity: this namespace is made with it and never deleted. */
static const char *
uid_of(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_namespaces; i++)
		if (str_eq(f->namespaces[i]->name, "kube-system"))
			return f->namespaces[i]->uid;
	return NULL;
}

struct cluster_key
cluster_key_of(const struct fleet *f)
{
	return (struct cluster_key){uid_of(f), f->source.address, f->source.server};
}

bool
cluster_known(const struct cluster_key *k)
{
	return k->uid || *k->address;
}

/*
 * By uid; a cluster whose uid was not read before (no right to read namespaces) is known by its address, and
 * so is one whose uid is not read now: then the newest at that address.
 */
bool
cluster_find(struct db *d, const struct cluster_key *k, int64_t *id, struct err *e)
{
	*id = 0;
	if (k->uid && !sql_ask(d, id, e, "SELECT id FROM clusters WHERE uid = ?", "t", k->uid))
		return false;
	if (*id || !*k->address)
		return true;
	return sql_ask(d, id, e,
		       "SELECT id FROM clusters WHERE address = ? AND (uid IS NULL OR ? IS NULL) ORDER BY id DESC "
		       "LIMIT 1",
		       "tt", k->address, k->uid);
}

bool
cluster_find_read(struct db *d, const struct fleet *f, int64_t *id, struct err *e)
{
	struct cluster_key key = cluster_key_of(f);

	*id = 0;
	return d->version < SCHEMA_PROBES || cluster_find(d, &key, id, e);
}

bool
cluster_select(struct db *d, const struct fleet *f, const char *text, sqlite3_stmt **s, struct err *e)
{
	int64_t cluster;

	*s = NULL;
	if (!cluster_find_read(d, f, &cluster, e))
		return false;
	if (!cluster)
		return true;
	*s = sql_prepare(d, text, e);
	if (!*s)
		return false;
	sql_bind(*s, "i", cluster);
	return true;
}

bool
cluster_keep(struct db *d, const struct cluster_key *k, int64_t *id, struct err *e)
{
	if (!cluster_known(k))
		return err_set(
			e, ERR_INPUT, 0,
			"%s: which cluster it is about cannot be known: it has neither kube-system's uid nor an "
			"address",
			db_path(d));
	if (!cluster_find(d, k, id, e))
		return false;
	if (*id)
		return sql_ask(
			d, NULL, e,
			"UPDATE clusters SET uid = ifnull(?, uid), address = ifnull(nullif(?, ''), address), "
			"server = ifnull(?, server) WHERE id = ?",
			"ttti", k->uid, k->address, k->server, *id);
	return sql_ask(d, NULL, e, "INSERT INTO clusters (uid, address, server) VALUES (?, ?, ifnull(?, ''))",
		       "ttt", k->uid, k->address, k->server) &&
	       sql_ask(d, id, e, "SELECT last_insert_rowid()", "");
}

static int
path_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Standard input is known by the folder in which it was read: there a script pipes the same things again. */
static char *
real_path(const char *path)
{
	AUTO(free) char *real = realpath(str_eq(path, "-") ? "." : path, NULL);

	if (!real)
		return mem_strdup(path);
	return str_eq(path, "-") ? mem_printf("%s/-", real) : take(real);
}

/* The same files in whatever order and from whatever folder they are named. */
static void
hash_paths(const struct source *s, char out[65])
{
	char **paths = mem_array(s->n_paths, sizeof(*paths));
	AUTO(buf) struct buf all = {0};

	for (size_t i = 0; i < s->n_paths; i++)
		paths[i] = real_path(s->paths[i]);
	if (s->n_paths)
		qsort(paths, s->n_paths, sizeof(*paths), path_cmp);
	for (size_t i = 0; i < s->n_paths; i++) {
		buf_add(&all, paths[i], strlen(paths[i]) + 1);
		free(paths[i]);
	}
	free(paths);
	sha256_hex(buf_str(&all), all.len, out);
}

/* The row of that cluster or of those files. */
static bool
find_row(struct db *d, const struct run_scope *scope, int64_t cluster, const char *files, int64_t *id,
	 struct err *e)
{
	return sql_ask(d, id, e,
		       "SELECT id FROM sources WHERE ifnull(cluster, 0) = ? AND ifnull(files, '') = ? AND "
		       "namespace = ? AND "
		       "selector = ?",
		       "ittt", cluster, files, scope->namespace ? scope->namespace : "",
		       scope->selector ? scope->selector : "");
}

bool
source_find(struct db *d, const struct run_scope *scope, int64_t *id, struct err *e)
{
	struct cluster_key key = cluster_key_of(scope->fleet);
	bool live = scope->fleet->source.type == SOURCE_CLUSTER;
	char files[65] = "";
	int64_t cluster = 0;

	*id = 0;
	if (live && !cluster_find(d, &key, &cluster, e))
		return false;
	if (live && !cluster)
		return true;
	if (!live)
		hash_paths(&scope->fleet->source, files);
	return find_row(d, scope, cluster, files, id, e);
}

static char *
name_of(const struct source *s)
{
	AUTO(buf) struct buf name = {0};

	if (s->type == SOURCE_CLUSTER)
		return mem_strdup(s->context ? s->context : s->server);
	for (size_t i = 0; i < s->n_paths; i++)
		buf_addf(&name, "%s%s", i ? ", " : "", s->paths[i]);
	return buf_take(&name);
}

bool
source_keep(struct db *d, const struct run_scope *scope, int64_t *id, struct err *e)
{
	const struct source *s = &scope->fleet->source;
	struct cluster_key key = cluster_key_of(scope->fleet);
	AUTO(free) char *name = name_of(s);
	bool live = s->type == SOURCE_CLUSTER;
	char files[65] = "";
	int64_t cluster = 0;

	if (live && !cluster_keep(d, &key, &cluster, e))
		return false;
	if (!live)
		hash_paths(s, files);
	if (!find_row(d, scope, cluster, files, id, e))
		return false;
	if (*id)
		return sql_ask(d, NULL, e, "UPDATE sources SET name = ? WHERE id = ?", "ti", name, *id);
	return sql_ask(d, NULL, e,
		       "INSERT INTO sources (cluster, files, namespace, selector, name) VALUES (nullif(?, 0), "
		       "nullif(?, ''), ?, ?, ?)",
		       "itttt", cluster, files, scope->namespace ? scope->namespace : "",
		       scope->selector ? scope->selector : "", name) &&
	       sql_ask(d, id, e, "SELECT last_insert_rowid()", "");
}
