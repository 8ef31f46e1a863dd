/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "base/yaml.h"
#include "decode/collect.h"

#define NAMED 20 /* in warnings of one sort; the rest is only counted */

/* A folder that was entered: links may lead back to it. The key is a struct of its own, without padding. */
struct folder {
	struct folder_id {
		uint64_t device, inode;
	} id;
	UT_hash_handle hh;
};

struct source {
	struct object_set set;
	struct seen seen;
	const char *default_namespace;
	struct folder *entered; /* below the path that is being read */
	bool stdin_read;
	size_t foreign; /* files in folders that hold something else than objects */
	size_t twice; /* objects in which a key stands twice */
};

/* --- one file --- */

static bool
is_yaml_name(const char *path)
{
	return str_ends(path, ".yaml") || str_ends(path, ".yml") || str_ends(path, ".yaml.gz") ||
	       str_ends(path, ".yml.gz");
}

static bool
is_object_name(const char *path)
{
	return is_yaml_name(path) || str_ends(path, ".json") || str_ends(path, ".json.gz");
}

static char
skip_space(const char **p, const char *end)
{
	while (*p < end && strchr(" \t\r\n", **p) && **p)
		++*p;
	return *p < end ? *(*p)++ : '\0';
}

/*
 * JSON is a part of YAML, and much faster to read as itself. YAML may start with a brace too; its keys then seldom
 * stand in quotes, as those of JSON have to.
 */
static bool
starts_like_json(struct reader *in, bool *json, struct err *e)
{
	const char *p, *end;
	size_t len;
	char c;

	if (!reader_peek(in, &p, &len, e))
		return false;
	end = p + len;
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	c = skip_space(&p, end);
	if (c == '{') {
		c = skip_space(&p, end);
		*json = c == '"' || c == '}';
	} else {
		*json = c == '[';
	}
	return true;
}

static bool
read_json(struct reader *in, struct collector *c, struct err *e)
{
	const struct json_options options = {.raw_keys = decode_raw_keys};
	const struct document_sink sink = collect_sink(c);

	return json_stream(in, &options, &sink, e);
}

static bool
read_yaml(struct reader *in, struct collector *c, struct err *e)
{
	const struct document_sink sink = collect_sink(c);

	return yaml_stream(in, &sink, e);
}

/* What looked like JSON is not, but the name says YAML: once more from the start. */
static bool
read_again(const char *path, struct collector *c, const struct collect_start *start, struct err *e)
{
	AUTO(reader) struct reader *in = reader_open(path, e);

	if (!in)
		return false;
	collect_undo(c, start);
	return read_yaml(in, c, e);
}

static void
note_foreign(struct source *s, const struct collector *c)
{
	if (c->foreign && ++s->foreign <= NAMED)
		object_set_warn(&s->set, "%s:%u: passed over: %s is no Kubernetes object", c->ctx.path, c->foreign_line,
				c->foreign);
}

/* Takes over `in`. `path` is NULL where it cannot be opened again: standard input, memory. */
static bool
read_documents(struct source *s, struct reader *in, const char *path, bool in_folder, struct err *e)
{
	struct collector c = {
		.set = &s->set,
		.ctx = {.path = arena_strdup(&s->set.paths, reader_name(in)),
			.default_namespace = s->default_namespace,
			.seen = &s->seen},
		.in_folder = in_folder,
		.twice = s->twice,
	};
	const struct collect_start start = {s->set.n, s->set.n_warnings, s->twice};
	bool json = false;
	bool ok = starts_like_json(in, &json, e);

	if (ok)
		ok = json ? read_json(in, &c, e) : read_yaml(in, &c, e);
	if (!ok && json && !c.refused && path && is_yaml_name(path))
		ok = read_again(path, &c, &start, e);
	s->twice = c.twice;
	note_foreign(s, &c);
	reader_close(in);
	collect_free(&c);
	return ok;
}

static bool
read_file(struct source *s, const char *path, bool in_folder, struct err *e)
{
	struct reader *in = reader_open(path, e);

	return in && read_documents(s, in, path, in_folder, e);
}

/* --- folders --- */

static bool
enter(struct source *s, const struct stat *st)
{
	struct folder *f = mem_alloc(sizeof(*f)), *known;

	f->id = (struct folder_id){.device = st->st_dev, .inode = st->st_ino};
	HASH_FIND(hh, s->entered, &f->id, sizeof(f->id), known);
	if (known) {
		free(f);
		return false;
	}
	HASH_ADD(hh, s->entered, id, sizeof(f->id), f);
	return true;
}

static void
forget_folders(struct source *s)
{
	struct folder *f, *next;

	HASH_ITER(hh, s->entered, f, next) {
		HASH_DEL(s->entered, f);
		free(f);
	}
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Not by the locale's rules: the order is the same everywhere. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool read_folder(struct source *s, const char *path, const struct stat *st, size_t *files, struct err *e);

static bool
read_entry(struct source *s, const char *path, size_t *files, struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		/* A dead link of another name is nobody's manifest. */
		return !is_object_name(path) || err_sys(e, ERR_INPUT, errno, "open %s", path);
	}
	if (S_ISDIR(st.st_mode))
		return read_folder(s, path, &st, files, e);
	/* A pipe or a device in a folder would be read for ever. */
	if (!S_ISREG(st.st_mode) || !is_object_name(path))
		return true;
	++*files;
	return read_file(s, path, true, e);
}

static bool
read_folder(struct source *s, const char *path, const struct stat *st, size_t *files, struct err *e)
{
	struct dirent **entries;
	bool ok = true;
	int n;

	if (!enter(s, st))
		return true;
	n = scandir(path, &entries, is_visible, by_name);
	if (n < 0)
		return err_sys(e, ERR_INPUT, errno, "read folder %s", path);
	for (int i = 0; i < n; i++) {
		AUTO(free) char *entry = mem_printf("%s%s%s", path, str_ends(path, "/") ? "" : "/", entries[i]->d_name);

		ok = ok && read_entry(s, entry, files, e);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

static bool
read_top_folder(struct source *s, const char *path, const struct stat *st, struct err *e)
{
	size_t files = 0;
	bool ok = read_folder(s, path, st, &files, e);

	/* Only below one path: a folder that is named once more is read once more, for the last one wins. */
	forget_folders(s);
	if (ok && !files)
		object_set_warn(&s->set, "%s: no .yaml, .yml or .json file in this folder", path);
	return ok;
}

/* --- the same object twice --- */

struct entry {
	uint64_t hash;
	size_t at; /* in the set */
	struct object *object;
};

static uint64_t
hash_of(const struct object *o)
{
	return str_hash(o->name, strlen(o->name)) * 31 + str_hash(o->namespace, strlen(o->namespace));
}

/* The hash first, since it is at hand; names that collide cost a comparison, whoever made them. */
static int
by_object(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = (x->hash > y->hash) - (x->hash < y->hash);

	if (!order)
		order = object_cmp(x->object, y->object);
	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The same file read twice, because it was named twice: nothing is lost. Each reading has a copy of the path. */
static bool
is_same_place(const struct location *a, const struct location *b)
{
	return a->path != b->path && a->line == b->line && str_eq(a->path, b->path);
}

static void
warn_duplicate(struct object_set *set, const struct object *lost, const struct object *kept)
{
	object_set_warn(set, "%s %s%s%s stands twice: %s:%u counts, %s:%u is passed over", lost->kind, lost->namespace,
			*lost->namespace ? "/" : "", lost->name, kept->location.path, kept->location.line,
			lost->location.path, lost->location.line);
}

/* Leaves the holes of what was dropped behind. */
static void
close_holes(struct object_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		if (set->at[i])
			set->at[n++] = set->at[i];
	set->n = n;
}

static void
drop_duplicates(struct object_set *set)
{
	struct entry *all = mem_array(set->n, sizeof(*all));
	size_t duplicates = 0;

	for (size_t i = 0; i < set->n; i++)
		all[i] = (struct entry){.hash = hash_of(set->at[i]), .at = i, .object = set->at[i]};
	qsort(all, set->n, sizeof(*all), by_object);
	for (size_t i = 0; i + 1 < set->n; i++) {
		struct object *o = all[i].object, *next = all[i + 1].object;

		if (all[i].hash != all[i + 1].hash || object_cmp(o, next) != 0)
			continue;
		if (!is_same_place(&o->location, &next->location) && ++duplicates <= NAMED)
			warn_duplicate(set, o, next);
		set->at[all[i].at] = NULL;
		object_unref(o);
	}
	if (duplicates > NAMED)
		object_set_warn(set, "%zu more objects stand twice; the last of each counts",
				duplicates - NAMED);
	free(all);
	close_holes(set);
}

/* --- sources --- */

static bool
read_stdin(struct source *s, struct err *e)
{
	struct reader *in;

	if (s->stdin_read)
		return err_set(e, ERR_USAGE, 0, "-f -: standard input can be read only once");
	s->stdin_read = true;
	in = reader_open("-", e);
	return in && read_documents(s, in, NULL, false, e);
}

static bool
read_path(struct source *s, const char *path, struct err *e)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return read_stdin(s, e);
	if (stat(path, &st) != 0)
		return err_sys(e, ERR_INPUT, errno, "open %s", path);
	if (S_ISDIR(st.st_mode))
		return read_top_folder(s, path, &st, e);
	return read_file(s, path, false, e);
}

/* Hands the set over, or frees it. */
static bool
finish(struct source *s, bool ok, struct object_set *out)
{
	seen_free(&s->seen);
	if (!ok) {
		object_set_free(&s->set);
		return false;
	}
	if (s->foreign > NAMED)
		object_set_warn(&s->set, "%zu more files hold what is no Kubernetes object", s->foreign - NAMED);
	if (s->twice > COLLECT_NAMED)
		object_set_warn(&s->set, "%zu more objects have a key twice in one map", s->twice - COLLECT_NAMED);
	drop_duplicates(&s->set);
	*out = s->set;
	return true;
}

bool
files_read(const char *const *paths, size_t n, const char *default_namespace, struct object_set *out, struct err *e)
{
	struct source s = {.seen = {.set = &s.set}, .default_namespace = default_namespace};
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = read_path(&s, paths[i], e);
	return finish(&s, ok, out);
}

bool
files_read_memory(const char *name, const void *data, size_t len, const char *default_namespace,
		  struct object_set *out, struct err *e)
{
	struct source s = {.seen = {.set = &s.set}, .default_namespace = default_namespace};

	return finish(&s, read_documents(&s, reader_open_memory(name, data, len), NULL, false, e), out);
}

bool
files_read_embedded(const struct embedded_file *files, const char *default_namespace, struct object_set *out, struct err *e)
{
	struct source s = {.seen = {.set = &s.set}, .default_namespace = default_namespace};
	bool ok = true;

	for (const struct embedded_file *f = files; ok && f->name; f++)
		ok = read_documents(&s, reader_open_memory(f->name, f->data, f->len), NULL, false, e);
	return finish(&s, ok, out);
}
