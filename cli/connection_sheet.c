/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/connection_sheet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/output.h"

#define FLUSH_AT (256 * 1024)
#define IPV4_RANGE_WIDTH 31 /* 255.255.255.255-255.255.255.255 */

struct sheet_format {
	const char *name;
	void (*quote)(struct buf *out, const struct buf *raw);
	void (*start)(struct sheet *s);
	void (*row)(struct sheet *s, const char *from, const char *to, const char *conns); /* the ends are quoted */
	void (*end)(struct sheet *s);
};

struct sheet {
	const struct sheet_format *format;
	const struct fleet *fleet;
	const struct workload *const *sources;
	size_t n_sources;
	char **names; /* by workload, quoted; NULL until first needed */
	struct buf out, from, to; /* the latter for addresses, quoted */
	size_t rows, from_width, to_width;
	struct err e;
	bool failed;
};

/* ---- table */

static void
quote_table(struct buf *out, const struct buf *raw)
{
	text_safe(out, raw->data, raw->len);
}

static const char *
name_of(struct sheet *s, const struct workload *w)
{
	char **name = &s->names[w - s->fleet->workloads];

	if (!*name) {
		AUTO(buf) struct buf raw = {0};
		AUTO(buf) struct buf quoted = {0};

		connect_end_name(&raw, &(struct connect_end){.workload = w});
		s->format->quote(&quoted, &raw);
		*name = buf_take(&quoted);
	}
	return *name;
}

static void
add_padded(struct buf *out, const char *text, size_t width)
{
	size_t used = text_width(text);

	buf_adds(out, text);
	buf_fill(out, ' ', (used < width ? width - used : 0) + 2);
}

static void
row_table(struct sheet *s, const char *from, const char *to, const char *conns)
{
	add_padded(&s->out, from, s->from_width);
	add_padded(&s->out, to, s->to_width);
	buf_addf(&s->out, "%s\n", conns);
}

/* As wide as the names ask for, since rows are printed before the last one is known. */
static void
start_table(struct sheet *s)
{
	s->to_width = IPV4_RANGE_WIDTH;
	s->from_width = strlen("SRC");
	for (size_t i = 0; i < s->fleet->n_workloads; i++) {
		size_t width = text_width(name_of(s, &s->fleet->workloads[i]));

		s->to_width = width > s->to_width ? width : s->to_width;
	}
	for (size_t i = 0; i < s->n_sources; i++) {
		size_t width = text_width(name_of(s, s->sources[i]));

		s->from_width = width > s->from_width ? width : s->from_width;
	}
	row_table(s, "SRC", "DST", "CONNS");
}

/* ---- JSON, and YAML whose strings are JSON's */

/* In ASCII: names of objects are, and what is not shall not act on a terminal. */
static void
quote_json(struct buf *out, const struct buf *raw)
{
	json_t *value = json_stringn(raw->data, raw->len);
	AUTO(free) char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

	/* Bytes that are no UTF-8 are no JSON either. */
	if (!text) {
		AUTO(buf) struct buf safe = {0};

		text_safe(&safe, raw->data, raw->len);
		json_decref(value);
		value = json_stringn(safe.data, safe.len);
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	}
	json_decref(value);
	if (!text)
		die("out of memory");
	buf_adds(out, text);
}

static void
start_json(struct sheet *s)
{
	buf_addc(&s->out, '[');
}

static void
row_json(struct sheet *s, const char *from, const char *to, const char *conns)
{
	struct buf *out = &s->out;

	buf_adds(out, s->rows ? ",\n  {\"src\": " : "\n  {\"src\": ");
	buf_adds(out, from);
	buf_adds(out, ", \"dst\": ");
	buf_adds(out, to);
	buf_adds(out, ", \"conns\": \"");
	buf_adds(out, conns);
	buf_adds(out, "\"}");
}

static void
end_json(struct sheet *s)
{
	buf_adds(&s->out, s->rows ? "\n]\n" : "]\n");
}

static void
row_yaml(struct sheet *s, const char *from, const char *to, const char *conns)
{
	buf_addf(&s->out, "- src: %s\n  dst: %s\n  conns: \"%s\"\n", from, to, conns);
}

static void
end_yaml(struct sheet *s)
{
	if (!s->rows)
		buf_adds(&s->out, "[]\n");
}

/* ---- CSV */

static void
quote_csv(struct buf *out, const struct buf *raw)
{
	AUTO(buf) struct buf safe = {0};

	text_safe(&safe, raw->data, raw->len);
	output_csv(out, buf_str(&safe));
}

static void
start_csv(struct sheet *s)
{
	buf_adds(&s->out, "src,dst,conns\n");
}

static void
row_csv(struct sheet *s, const char *from, const char *to, const char *conns)
{
	const char *quote = strchr(conns, ',') ? "\"" : "";

	buf_addf(&s->out, "%s,%s,%s%s%s\n", from, to, quote, conns, quote);
}

/* ---- DOT: the sources in a box for each namespace, an edge for each connection */

static void
quote_dot(struct buf *out, const struct buf *raw)
{
	AUTO(buf) struct buf safe = {0};

	text_safe(&safe, raw->data, raw->len);
	buf_addc(out, '"');
	for (const char *p = buf_str(&safe); *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *p);
	}
	buf_addc(out, '"');
}

static void
start_cluster(struct sheet *s, size_t number, const char *namespace)
{
	AUTO(buf) struct buf raw = {0};

	buf_adds(&raw, namespace);
	buf_addf(&s->out, "\tsubgraph cluster_%zu {\n\t\tlabel=", number);
	quote_dot(&s->out, &raw);
	buf_adds(&s->out, ";\n");
}

static void
start_dot(struct sheet *s)
{
	buf_adds(&s->out, "digraph moat {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < s->n_sources; i++) {
		const char *namespace = s->sources[i]->namespace;

		if (!i || !str_eq(namespace, s->sources[i - 1]->namespace))
			start_cluster(s, i, namespace);
		buf_addf(&s->out, "\t\t%s;\n", name_of(s, s->sources[i]));
		if (i + 1 == s->n_sources || !str_eq(namespace, s->sources[i + 1]->namespace))
			buf_adds(&s->out, "\t}\n");
	}
}

static void
row_dot(struct sheet *s, const char *from, const char *to, const char *conns)
{
	buf_addf(&s->out, "\t%s -> %s [label=\"%s\"];\n", from, to, conns);
}

static void
end_dot(struct sheet *s)
{
	buf_adds(&s->out, "}\n");
}

/* ---- all of them */

static const struct sheet_format formats[] = {
	{"table", quote_table, start_table, row_table, NULL}, {"json", quote_json, start_json, row_json, end_json},
	{"yaml", quote_json, NULL, row_yaml, end_yaml},	      {"csv", quote_csv, start_csv, row_csv, NULL},
	{"dot", quote_dot, start_dot, row_dot, end_dot},
};

const struct sheet_format *
sheet_format_find(const char *word, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(formats); i++)
		if (str_eq(formats[i].name, word))
			return &formats[i];
	err_set(e, ERR_USAGE, 0, "-o %s: table, json, yaml, csv or dot is expected", word);
	return NULL;
}

static bool
flush(struct sheet *s)
{
	s->failed |= !output_stdout(&s->out, &s->e);
	buf_clear(&s->out);
	return !s->failed;
}

struct sheet *
sheet_new(const struct sheet_format *format, const struct fleet *f, const struct workload *const *sources,
	  size_t n_sources)
{
	struct sheet *s = mem_alloc(sizeof(*s));

	s->format = format;
	s->fleet = f;
	s->sources = sources;
	s->n_sources = n_sources;
	s->names = mem_array(f->n_workloads + 1, sizeof(*s->names));
	if (format->start)
		format->start(s);
	return s;
}

static const char *
end_text(struct sheet *s, const struct connect_end *end, struct buf *scratch)
{
	AUTO(buf) struct buf raw = {0};

	if (end->workload)
		return name_of(s, end->workload);
	connect_end_name(&raw, end);
	buf_clear(scratch);
	s->format->quote(scratch, &raw);
	return buf_str(scratch);
}

bool
sheet_row(struct sheet *s, const struct connect_end *from, const struct connect_end *to, const char *conns)
{
	s->format->row(s, end_text(s, from, &s->from), end_text(s, to, &s->to), conns);
	s->rows++;
	return s->out.len < FLUSH_AT || flush(s);
}

bool
sheet_end(struct sheet *s, struct err *e)
{
	bool ok;

	if (s->format->end)
		s->format->end(s);
	ok = !s->failed && flush(s);
	if (!ok)
		*e = s->e;
	for (size_t i = 0; i < s->fleet->n_workloads; i++)
		free(s->names[i]);
	free(s->names);
	buf_free(&s->out);
	buf_free(&s->from);
	buf_free(&s->to);
	free(s);
	return ok;
}
