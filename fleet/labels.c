/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/labels.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "fleet/label_table.h"

const char *
labels_get(const struct labels *l, const char *key)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(key, l->at[mid].key);

		if (order == 0)
			return l->at[mid].value;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool
labels_equal(const struct labels *a, const struct labels *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!str_eq(a->at[i].key, b->at[i].key) || !str_eq(a->at[i].value, b->at[i].value))
			return false;
	return true;
}

/* With its place, as qsort need not keep the order of equals and the last of them counts. */
struct placed {
	struct label label;
	size_t place;
};

static int
placed_cmp(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int order = strcmp(x->label.key, y->label.key);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static bool
is_sorted(const struct label *at, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(at[i - 1].key, at[i].key) >= 0)
			return false;
	return true;
}

void
labels_sort(struct label *at, size_t *n)
{
	struct placed *placed;
	size_t kept = 0;

	if (is_sorted(at, *n)) /* as the API server writes them */
		return;
	placed = mem_array(*n, sizeof(*placed));
	for (size_t i = 0; i < *n; i++)
		placed[i] = (struct placed){at[i], i};
	qsort(placed, *n, sizeof(*placed), placed_cmp);
	for (size_t i = 0; i < *n; i++) {
		if (kept && strcmp(at[kept - 1].key, placed[i].label.key) == 0)
			kept--;
		at[kept++] = placed[i].label;
	}
	*n = kept;
	free(placed);
}

static bool
has_value(const struct requirement *r, const char *value)
{
	for (size_t i = 0; i < r->n_values; i++)
		if (strcmp(r->values[i], value) == 0)
			return true;
	return false;
}

static bool
requirement_holds(const struct requirement *r, const struct labels *l)
{
	const char *value = labels_get(l, r->key);

	switch (r->op) {
	case OP_IN:
		return value && has_value(r, value);
	case OP_NOT_IN:
		return !value || !has_value(r, value);
	case OP_EXISTS:
		return value;
	case OP_DOES_NOT_EXIST:
		return !value;
	}
	return false;
}

bool
selector_matches(const struct selector *s, const struct labels *l)
{
	for (size_t i = 0; i < s->n; i++)
		if (!requirement_holds(&s->at[i], l))
			return false;
	return true;
}

/* What -l is read with. Text points at what is next. */
struct parser {
	const char *text, *next;
	struct arena *arena;
	struct err *e;
};

static bool
refuse(struct parser *p, const char *what)
{
	return err_set(p->e, ERR_USAGE, 0, "selector \"%s\", character %zu: %s", p->text,
		       (size_t)(p->next - p->text) + 1, what);
}

static void
skip_space(struct parser *p)
{
	while (isspace((unsigned char)*p->next))
		p->next++;
}

static bool
take_char(struct parser *p, char c)
{
	skip_space(p);
	if (*p->next != c)
		return false;
	p->next++;
	return true;
}

/* Letters, digits and the marks that keys and values are made of; may be empty. */
static const char *
take_word(struct parser *p)
{
	const char *start;

	skip_space(p);
	start = p->next;
	while (isalnum((unsigned char)*p->next) || (*p->next && strchr("-_./", *p->next)))
		p->next++;
	return arena_strndup(p->arena, start, (size_t)(p->next - start));
}

struct values {
	const char **at;
	size_t n, cap;
};

static bool
parse_values(struct parser *p, struct values *values)
{
	if (!take_char(p, '('))
		return refuse(p, "a list in parentheses was expected, such as in (a,b)");
	if (take_char(p, ')'))
		return refuse(p, "the list is empty");
	do {
		vec_push(values, take_word(p));
	} while (take_char(p, ','));
	return take_char(p, ')') || refuse(p, "a , or ) was expected");
}

static void
set_values(struct parser *p, struct requirement *r, const struct values *values)
{
	r->values = values->n ? arena_copy(p->arena, values->at, values->n * sizeof(values->at[0])) : NULL;
	r->n_values = values->n;
}

static bool
parse_list(struct parser *p, struct requirement *r)
{
	struct values values = {0};
	const char *op = take_word(p);
	bool ok = true;

	if (strcmp(op, "in") == 0)
		r->op = OP_IN;
	else if (strcmp(op, "notin") == 0)
		r->op = OP_NOT_IN;
	else
		ok = refuse(p, "one of = == != in notin was expected");
	ok = ok && parse_values(p, &values);
	if (ok)
		set_values(p, r, &values);
	vec_free(&values);
	return ok;
}

static bool
parse_equality(struct parser *p, struct requirement *r)
{
	struct values values = {0};

	r->op = take_char(p, '!') ? OP_NOT_IN : OP_IN;
	if (!take_char(p, '='))
		return refuse(p, "a = was expected");
	if (r->op == OP_IN && *p->next == '=')
		p->next++;
	vec_push(&values, take_word(p));
	set_values(p, r, &values);
	vec_free(&values);
	return true;
}

static bool
parse_requirement(struct parser *p, struct requirement *r)
{
	bool absent = take_char(p, '!');

	r->key = take_word(p);
	if (!*r->key)
		return refuse(p, "a label's name was expected");
	skip_space(p);
	if (absent || !*p->next || *p->next == ',') {
		r->op = absent ? OP_DOES_NOT_EXIST : OP_EXISTS;
		return true;
	}
	return *p->next == '=' || *p->next == '!' ? parse_equality(p, r) : parse_list(p, r);
}

static bool
parse_requirements(struct parser *p, struct selector *out)
{
	VEC(struct requirement) found = {0};
	bool ok = true;

	do {
		struct requirement r = {0};

		ok = parse_requirement(p, &r);
		vec_push(&found, r);
	} while (ok && take_char(p, ','));
	skip_space(p);
	if (ok && *p->next)
		ok = refuse(p, "a , was expected");
	if (ok)
		*out = (struct selector){true, arena_copy(p->arena, found.at, found.n * sizeof(found.at[0])),
					 found.n};
	vec_free(&found);
	return ok;
}

bool
selector_parse(struct arena *a, const char *text, struct selector *out, struct err *e)
{
	struct parser p = {text, text, a, e};

	skip_space(&p);
	if (*p.next)
		return parse_requirements(&p, out);
	*out = (struct selector){.present = true};
	return true;
}

static void
add_safe(struct buf *out, const char *s)
{
	text_safe(out, s, strlen(s));
}

static void
format_list(struct buf *out, const struct requirement *r, const char *op)
{
	buf_addf(out, " %s (", op);
	for (size_t i = 0; i < r->n_values; i++) {
		if (i)
			buf_addc(out, ',');
		add_safe(out, r->values[i]);
	}
	buf_addc(out, ')');
}

static void
format_requirement(struct buf *out, const struct requirement *r)
{
	bool in = r->op == OP_IN;

	if (r->op == OP_DOES_NOT_EXIST)
		buf_addc(out, '!');
	add_safe(out, r->key);
	if (r->op == OP_EXISTS || r->op == OP_DOES_NOT_EXIST)
		return;
	if (r->n_values != 1) {
		format_list(out, r, in ? "in" : "notin");
		return;
	}
	buf_adds(out, in ? "=" : "!=");
	add_safe(out, r->values[0]);
}

void
selector_format(struct buf *out, const struct selector *s)
{
	if (s->n == 0)
		buf_adds(out, "every pod");
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_addc(out, ',');
		format_requirement(out, &s->at[i]);
	}
}

/*
 * The numbers of each set's labels, and each label's sets. Texts are compared once, when a label is given its number, and
 * for requirements that are no key=value.
 */
struct labels_index {
	const struct labels *const *sets;
	size_t n;
	const struct label_table *table; /* NULL: there are so few sets that each is looked at */
	const uint32_t *first; /* by set: its labels are labels[first[i]] to labels[first[i + 1] - 1] */
	const uint32_t *labels;
	uint32_t *
		first_set; /* by label: its sets are where[first_set[l]] to where[first_set[l + 1] - 1], in order */
	uint32_t *where;
	size_t n_labels;
};

struct labels_index *
labels_index_numbered(struct arena *a, const struct labels_numbered *sets)
{
	struct labels_index *ix = ARENA_NEW(a, struct labels_index);
	size_t total = sets->first[sets->n];

	*ix = (struct labels_index){.sets = sets->sets,
				    .n = sets->n,
				    .table = sets->table,
				    .first = sets->first,
				    .labels = sets->labels,
				    .n_labels = label_table_size(sets->table)};
	ix->first_set = ARENA_ARRAY(a, uint32_t, ix->n_labels + 2);
	ix->where = ARENA_ARRAY(a, uint32_t, total);
	/* counted one place further on, so that filling in moves each start to where it belongs */
	for (size_t i = 0; i < total; i++)
		ix->first_set[ix->labels[i] + 2]++;
	for (size_t i = 0; i < ix->n_labels; i++)
		ix->first_set[i + 2] += ix->first_set[i + 1];
	for (size_t i = 0; i < ix->n; i++)
		for (size_t k = ix->first[i]; k < ix->first[i + 1]; k++)
			ix->where[ix->first_set[ix->labels[k] + 1]++] = (uint32_t)i;
	return ix;
}

/* As most namespaces have: a table would take more room than their labels. */
#define FEW_SETS 8

static struct labels_index *
index_few(struct arena *a, const struct labels *const *sets, size_t n)
{
	struct labels_index *ix = ARENA_NEW(a, struct labels_index);

	ix->sets = arena_copy(a, sets, n * sizeof(sets[0]));
	ix->n = n;
	return ix;
}

static struct labels_index *
index_many(struct arena *a, const struct labels *const *sets, size_t n)
{
	struct labels_numbered numbered = {.sets = arena_copy(a, sets, n * sizeof(sets[0])), .n = n};
	uint32_t *first = ARENA_ARRAY(a, uint32_t, n + 1), *labels, next = 0;
	struct label_table *table;
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += sets[i]->n;
	labels = ARENA_ARRAY(a, uint32_t, total);
	table = label_table_new(a, total);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sets[i]->n; k++)
			labels[next++] = label_table_add(table, sets[i]->at[k].key, sets[i]->at[k].value);
		first[i + 1] = next;
	}
	numbered.table = table;
	numbered.first = first;
	numbered.labels = labels;
	return labels_index_numbered(a, &numbered);
}

struct labels_index *
labels_index_new(struct arena *a, const struct labels *const *sets, size_t n)
{
	return n > FEW_SETS ? index_many(a, sets, n) : index_few(a, sets, n);
}

#define MOST_LABELS 8 /* of a selector: more are compared as texts */

/* What a selector asks for by key=value. */
struct wanted {
	uint32_t labels[MOST_LABELS + 1]; /* the rarest first */
	size_t n;
	bool more; /* besides: texts have to be looked at */
};

/* false: no set has the label. */
static bool
add_wanted(const struct labels_index *ix, struct wanted *w, uint32_t label)
{
	const uint32_t *first = ix->first_set;

	if (label == LABEL_NONE || label >= ix->n_labels)
		return false;
	w->labels[w->n++] = label;
	if (first[label + 1] - first[label] < first[w->labels[0] + 1] - first[w->labels[0]]) {
		w->labels[w->n - 1] = w->labels[0];
		w->labels[0] = label;
	}
	return true;
}

/* Is it the next of those that are compared by number? */
static bool
is_numbered(const struct requirement *r, size_t *n)
{
	return r->op == OP_IN && r->n_values == 1 && (*n)++ < MOST_LABELS;
}

/* false: there is a label that no set has. */
static bool
find_wanted(const struct labels_index *ix, const struct selector *s, struct wanted *w)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct requirement *r = &s->at[i];

		if (!is_numbered(r, &n))
			w->more = true;
		else if (!add_wanted(ix, w, label_table_find(ix->table, r->key, r->values[0])))
			return false;
	}
	return true;
}

static bool
has_label(const struct labels_index *ix, size_t set, uint32_t label)
{
	for (size_t i = ix->first[set]; i < ix->first[set + 1]; i++)
		if (ix->labels[i] == label)
			return true;
	return false;
}

/* For a set that has the rarest label. */
static bool
is_match(const struct labels_index *ix, const struct selector *s, const struct wanted *w, size_t set)
{
	size_t n = 0;

	for (size_t i = 1; i < w->n; i++)
		if (!has_label(ix, set, w->labels[i]))
			return false;
	for (size_t i = 0; w->more && i < s->n; i++)
		if (!is_numbered(&s->at[i], &n) && !requirement_holds(&s->at[i], ix->sets[set]))
			return false;
	return true;
}

void
labels_index_select_with(const struct labels_index *ix, uint32_t label, const struct selector *s,
			 bool (*fn)(void *ctx, size_t pos), void *ctx)
{
	struct wanted w = {.n = 0};
	size_t first = 0, end = ix->n;

	if ((label != LABEL_NONE && !add_wanted(ix, &w, label)) || !find_wanted(ix, s, &w))
		return;
	if (w.n) {
		first = ix->first_set[w.labels[0]];
		end = ix->first_set[w.labels[0] + 1];
	}
	for (size_t i = first; i < end; i++) {
		size_t pos = w.n ? ix->where[i] : i;

		if (is_match(ix, s, &w, pos) && !fn(ctx, pos))
			return;
	}
}

void
labels_index_select(const struct labels_index *ix, const struct selector *s, bool (*fn)(void *ctx, size_t pos),
		    void *ctx)
{
	if (ix->table) {
		labels_index_select_with(ix, LABEL_NONE, s, fn, ctx);
		return;
	}
	for (size_t i = 0; i < ix->n; i++)
		if (selector_matches(s, ix->sets[i]) && !fn(ctx, i))
			return;
}
