/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/labels.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"

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
 * One label of one set. Sorted by the label's hash, then position: a label's sets stand together, in order. The texts
 * themselves lie all over memory, and comparing them was half of what the index cost; two labels with one hash share
 * a list, of which the look-up takes what matches.
 */
struct posting {
	uint64_t label;
	size_t pos;
};

struct labels_index {
	const struct labels *const *sets;
	size_t n;
	struct posting *postings;
	size_t n_postings;
};

static uint64_t
label_hash(const char *key, const char *value)
{
	return str_hash(key, strlen(key)) * 31 + str_hash(value, strlen(value));
}

static int
posting_cmp(const void *a, const void *b)
{
	const struct posting *x = a, *y = b;
	int order = (x->label > y->label) - (x->label < y->label);

	return order ? order : (x->pos > y->pos) - (x->pos < y->pos);
}

struct labels_index *
labels_index_new(struct arena *a, const struct labels *const *sets, size_t n)
{
	struct labels_index *ix = ARENA_NEW(a, struct labels_index);
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += sets[i]->n;
	ix->sets = arena_copy(a, sets, n * sizeof(sets[0]));
	ix->n = n;
	ix->postings = ARENA_ARRAY(a, struct posting, total);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i]->n; k++)
			ix->postings[ix->n_postings++] =
				(struct posting){label_hash(sets[i]->at[k].key, sets[i]->at[k].value), i};
	qsort(ix->postings, total, sizeof(ix->postings[0]), posting_cmp);
	return ix;
}

/* The first posting that does not stand before (label, pos). */
static size_t
lower_bound(const struct labels_index *ix, const struct posting *key)
{
	size_t low = 0, high = ix->n_postings;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (posting_cmp(&ix->postings[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct span {
	size_t first, end;
};

static struct span
find_postings(const struct labels_index *ix, const struct requirement *r)
{
	uint64_t label = label_hash(r->key, r->values[0]);
	struct posting from = {label, 0}, to = {label, SIZE_MAX};

	return (struct span){lower_bound(ix, &from), lower_bound(ix, &to)};
}

/* The shortest list of sets that a match has to be on; false when no requirement gives one. */
static bool
rarest(const struct labels_index *ix, const struct selector *s, struct span *out)
{
	bool found = false;

	for (size_t i = 0; i < s->n; i++) {
		struct span span;

		if (s->at[i].op != OP_IN || s->at[i].n_values != 1)
			continue;
		span = find_postings(ix, &s->at[i]);
		if (!found || span.end - span.first < out->end - out->first)
			*out = span;
		found = true;
	}
	return found;
}

void
labels_index_select(const struct labels_index *ix, const struct selector *s, bool (*fn)(void *ctx, size_t pos),
		    void *ctx)
{
	struct span span = {0, ix->n};
	bool listed = rarest(ix, s, &span);

	for (size_t i = span.first; i < span.end; i++) {
		size_t pos = listed ? ix->postings[i].pos : i;

		if (selector_matches(s, ix->sets[pos]) && !fn(ctx, pos))
			return;
	}
}
