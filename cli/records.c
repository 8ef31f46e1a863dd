/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "audit/json_write.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/output.h"

#define SPILL (256 * 1024) /* memory that is used again and again is cheaper than as much as the answer is long */

/* A format without `row` gets all rows at once, and not the columns with `more`. */
struct records_format {
	const char *name;
	void (*head)(struct records *r);
	void (*row)(struct records *r);
	void (*end)(struct records *r, bool ascii);
};

void
records_start(struct records *r, const struct record_column *columns, size_t n, const struct records_format *format)
{
	r->columns = columns;
	r->n_columns = n;
	r->format = format;
	if (format->head)
		format->head(r);
}

static void
push(struct records *r, struct record_cell cell)
{
	if (r->format->row || !r->columns[r->column].more)
		vec_push(&r->cells, cell);
	if (++r->column < r->n_columns)
		return;
	if (r->format->row) {
		r->format->row(r);
		r->cells.n = 0;
		if (r->spill && r->out.len > SPILL)
			r->spill(r->spill_ctx, &r->out);
	}
	r->column = 0;
	r->rows++;
}

void
records_borrow(struct records *r, const char *text)
{
	push(r, (struct record_cell){text ? RECORD_TEXT : RECORD_NULL, text, 0});
}

void
records_text(struct records *r, const char *text)
{
	records_borrow(r, arena_strdup(&r->arena, text));
}

void
records_number(struct records *r, int64_t number)
{
	push(r, (struct record_cell){RECORD_NUMBER, NULL, number});
}

void
records_bool(struct records *r, bool value)
{
	push(r, (struct record_cell){RECORD_BOOL, value ? "true" : "false", value});
}

void
records_time(struct records *r, int64_t seconds)
{
	char text[24];

	if (seconds == CLOCK_UNKNOWN) {
		records_text(r, NULL);
		return;
	}
	clock_format(seconds, text);
	records_text(r, text);
}

/* ---- table */

static bool
is_plain(const char *text, size_t len)
{
	return text_plain(text, len) == len;
}

static void
add_table_text(struct buf *out, const char *text, bool ascii)
{
	size_t len = strlen(text);
	AUTO(buf) struct buf safe = {0};

	if (is_plain(text, len)) {
		buf_add(out, text, len);
		return;
	}
	text_safe(&safe, text, len);
	if (ascii)
		text_ascii(out, buf_str(&safe));
	else
		buf_add(out, safe.data, safe.len);
}

static void
add_cell(struct buf *out, const struct record_cell *c, bool ascii)
{
	if (c->type == RECORD_NUMBER) {
		buf_addf(out, "%" PRId64, c->number);
	} else if (c->type == RECORD_BOOL) {
		buf_adds(out, c->number ? "yes" : "no");
	} else if (c->type == RECORD_TEXT && *c->text) {
		add_table_text(out, c->text, ascii);
	} else {
		buf_addc(out, '-');
	}
}

/* The columns that a table shows. */
static size_t
shown(const struct records *r, const struct record_column **out)
{
	size_t n = 0;

	for (size_t c = 0; c < r->n_columns; c++)
		if (!r->columns[c].more)
			out[n++] = &r->columns[c];
	return n;
}

/* The texts one behind the other, each with its NUL; widths as they ask for, `used` by each of them. */
static void
make_texts(const struct records *r, size_t n, bool ascii, struct buf *texts, size_t *widths, size_t *used)
{
	for (size_t i = 0; i < r->cells.n; i++) {
		size_t start = texts->len;

		add_cell(texts, &r->cells.at[i], ascii);
		buf_addc(texts, '\0');
		used[i] = text_width(texts->data + start);
		if (used[i] > widths[i % n])
			widths[i % n] = used[i];
	}
}

static void
add_padded(struct buf *out, const char *text, size_t used, size_t width, bool last)
{
	buf_adds(out, text);
	if (!last)
		buf_fill(out, ' ', (used < width ? width - used : 0) + 2);
}

static void
add_head(struct buf *out, const struct record_column *c, size_t width, bool last)
{
	AUTO(buf) struct buf head = {0};

	for (const char *p = c->name; *p; p++)
		buf_addc(&head, *p == '_' ? ' ' : (char)toupper((unsigned char)*p));
	add_padded(out, buf_str(&head), head.len, width, last);
}

static void
table_end(struct records *r, bool ascii)
{
	const struct record_column **columns = mem_array(r->n_columns, sizeof(*columns));
	size_t *widths = mem_array(r->n_columns, sizeof(*widths)), n = shown(r, columns);
	size_t *used = mem_array(r->cells.n, sizeof(*used));
	AUTO(buf) struct buf texts = {0};
	const char *text;

	for (size_t c = 0; c < n; c++)
		widths[c] = strlen(columns[c]->name);
	make_texts(r, n, ascii, &texts, widths, used);
	for (size_t c = 0; c < n; c++)
		add_head(&r->out, columns[c], widths[c], c == n - 1);
	text = texts.data;
	for (size_t i = 0; i < r->cells.n; i++) {
		if (i % n == 0)
			buf_addc(&r->out, '\n');
		add_padded(&r->out, text, used[i], widths[i % n], i % n == n - 1);
		text += strlen(text) + 1;
	}
	buf_addc(&r->out, '\n');
	free(used);
	free(widths);
	free(columns);
}

/* ---- JSON */

static void
add_json_text(struct buf *out, const char *text)
{
	AUTO(buf) struct buf safe = {0};
	size_t len = strlen(text);
	json_t *value;

	if (is_plain(text, len)) {
		json_write_text(out, text, len);
		return;
	}
	value = json_string(text);
	if (!value) { /* no UTF-8: somebody has written into the file */
		text_safe(&safe, text, len);
		value = json_string(buf_str(&safe));
	}
	json_write(out, value);
	json_decref(value);
}

/* Without a json_t for each row: there may be tens of thousands. */
static void
add_json_cell(struct buf *out, const struct record_cell *c)
{
	if (c->type == RECORD_NUMBER)
		buf_addf(out, "%" PRId64, c->number);
	else if (c->type == RECORD_TEXT)
		add_json_text(out, c->text);
	else
		buf_adds(out, c->type == RECORD_BOOL ? c->text : "null");
}

static void
json_head(struct records *r)
{
	buf_addc(&r->out, '[');
}

static void
json_row(struct records *r)
{
	buf_adds(&r->out, r->rows ? ",\n {" : "\n {");
	for (size_t c = 0; c < r->n_columns; c++) {
		buf_adds(&r->out, c ? ", \"" : "\"");
		buf_adds(&r->out, r->columns[c].name);
		buf_adds(&r->out, "\": ");
		add_json_cell(&r->out, &r->cells.at[c]);
	}
	buf_addc(&r->out, '}');
}

static void
json_end(struct records *r, bool ascii)
{
	(void)ascii; /* it always is */
	buf_adds(&r->out, r->rows ? "\n]\n" : "]\n");
}

/* ---- CSV */

/* A spreadsheet takes text that begins like a formula for one: names come from strangers. */
static void
add_quoted(struct buf *out, const char *text)
{
	AUTO(buf) struct buf safe = {0};
	const char *formula = strchr("=+-@", *text);
	bool is_formula = formula && *formula;

	if (!is_formula && is_plain(text, strlen(text))) {
		output_csv(out, text);
		return;
	}
	if (is_formula)
		buf_addc(&safe, '\'');
	text_safe(&safe, text, strlen(text));
	output_csv(out, buf_str(&safe));
}

static void
csv_head(struct records *r)
{
	for (size_t c = 0; c < r->n_columns; c++)
		buf_addf(&r->out, "%s%s", c ? "," : "", r->columns[c].name);
}

static void
csv_row(struct records *r)
{
	for (size_t c = 0; c < r->n_columns; c++) {
		const struct record_cell *cell = &r->cells.at[c];

		buf_adds(&r->out, c ? "," : "\r\n");
		if (cell->type == RECORD_NUMBER)
			buf_addf(&r->out, "%" PRId64, cell->number);
		else if (cell->type != RECORD_NULL)
			add_quoted(&r->out, cell->text);
	}
}

static void
csv_end(struct records *r, bool ascii)
{
	(void)ascii; /* a file: UTF-8 */
	buf_adds(&r->out, "\r\n");
}

static const struct records_format formats[] = {
	{"table", NULL, NULL, table_end},
	{"json", json_head, json_row, json_end},
	{"csv", csv_head, csv_row, csv_end},
};

const struct records_format *
records_format_find(const char *word, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(formats); i++)
		if (!word || str_eq(word, formats[i].name))
			return &formats[i];
	err_set(e, ERR_USAGE, 0, "-o %s: table, json or csv is expected", word);
	return NULL;
}

bool
records_is_table(const struct records_format *format)
{
	return format == &formats[0];
}

const struct buf *
records_end(struct records *r, bool ascii)
{
	r->format->end(r, ascii);
	return &r->out;
}

void
records_free(struct records *r)
{
	arena_free(&r->arena);
	vec_free(&r->cells);
	buf_free(&r->out);
}
