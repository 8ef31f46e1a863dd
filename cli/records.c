/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "audit/json_write.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/text.h"

struct records_format {
	const char *name;
	void (*print)(const struct records *r, bool ascii, struct buf *out);
};

void
records_start(struct records *r, const struct record_column *columns, size_t n, const struct records_format *format)
{
	r->columns = columns;
	r->n_columns = n;
	r->format = format;
}

void
records_borrow(struct records *r, const char *text)
{
	vec_push(&r->cells, (struct record_cell){text ? RECORD_TEXT : RECORD_NULL, text, 0});
}

void
records_text(struct records *r, const char *text)
{
	records_borrow(r, arena_strdup(&r->arena, text));
}

void
records_number(struct records *r, int64_t number)
{
	vec_push(&r->cells, (struct record_cell){RECORD_NUMBER, NULL, number});
}

void
records_bool(struct records *r, bool value)
{
	vec_push(&r->cells, (struct record_cell){RECORD_BOOL, value ? "true" : "false", value});
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

static size_t
rows_of(const struct records *r)
{
	return r->cells.n / r->n_columns;
}

/* ---- table */

static void
add_cell(struct buf *out, const struct record_cell *c, bool ascii)
{
	AUTO(buf) struct buf safe = {0};

	if (c->type == RECORD_NUMBER) {
		buf_addf(out, "%" PRId64, c->number);
	} else if (c->type == RECORD_BOOL) {
		buf_adds(out, c->number ? "yes" : "no");
	} else if (c->type == RECORD_TEXT && *c->text) {
		text_safe(&safe, c->text, strlen(c->text));
		if (ascii)
			text_ascii(out, buf_str(&safe));
		else
			buf_add(out, safe.data, safe.len);
	} else {
		buf_addc(out, '-');
	}
}

/* The texts one behind the other, each with its NUL; widths as they ask for. */
static void
make_texts(const struct records *r, bool ascii, struct buf *texts, size_t *widths)
{
	for (size_t c = 0; c < r->n_columns; c++)
		widths[c] = strlen(r->columns[c].name);
	for (size_t i = 0; i < r->cells.n; i++) {
		size_t start = texts->len, column = i % r->n_columns, width;

		if (r->columns[column].more)
			continue;
		add_cell(texts, &r->cells.at[i], ascii);
		buf_addc(texts, '\0');
		width = text_width(texts->data + start);
		if (width > widths[column])
			widths[column] = width;
	}
}

static void
add_padded(struct buf *out, const char *text, size_t width, bool last)
{
	size_t used = text_width(text);

	buf_adds(out, text);
	if (!last)
		buf_fill(out, ' ', (used < width ? width - used : 0) + 2);
}

static void
add_head(const struct records *r, const size_t *widths, size_t last, struct buf *out)
{
	for (size_t c = 0; c <= last; c++) {
		AUTO(buf) struct buf head = {0};

		if (r->columns[c].more)
			continue;
		for (const char *p = r->columns[c].name; *p; p++)
			buf_addc(&head, *p == '_' ? ' ' : (char)toupper((unsigned char)*p));
		add_padded(out, buf_str(&head), widths[c], c == last);
	}
	buf_addc(out, '\n');
}

static void
print_table(const struct records *r, bool ascii, struct buf *out)
{
	size_t *widths = mem_array(r->n_columns, sizeof(*widths)), last = r->n_columns - 1;
	AUTO(buf) struct buf texts = {0};
	const char *text;

	while (last && r->columns[last].more)
		last--;
	make_texts(r, ascii, &texts, widths);
	add_head(r, widths, last, out);
	text = texts.data;
	for (size_t i = 0; i < rows_of(r); i++) {
		for (size_t c = 0; c <= last; c++) {
			if (r->columns[c].more)
				continue;
			add_padded(out, text, widths[c], c == last);
			text += strlen(text) + 1;
		}
		buf_addc(out, '\n');
	}
	free(widths);
}

/* ---- JSON */

static void
add_json_text(struct buf *out, const char *text)
{
	AUTO(buf) struct buf safe = {0};
	json_t *value = json_string(text);

	if (!value) { /* no UTF-8: somebody has written into the file */
		text_safe(&safe, text, strlen(text));
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
print_json(const struct records *r, bool ascii, struct buf *out)
{
	(void)ascii; /* it always is */
	buf_addc(out, '[');
	for (size_t i = 0; i < rows_of(r); i++) {
		buf_adds(out, i ? ",\n {" : "\n {");
		for (size_t c = 0; c < r->n_columns; c++) {
			buf_addf(out, "%s\"%s\": ", c ? ", " : "", r->columns[c].name);
			add_json_cell(out, &r->cells.at[i * r->n_columns + c]);
		}
		buf_addc(out, '}');
	}
	buf_adds(out, rows_of(r) ? "\n]\n" : "]\n");
}

/* ---- CSV, as RFC 4180 has it */

/* A spreadsheet takes text that begins like a formula for one: names come from strangers. */
static void
add_quoted(struct buf *out, const char *text)
{
	AUTO(buf) struct buf safe = {0};
	const char *formula = strchr("=+-@", *text);

	if (formula && *formula)
		buf_addc(&safe, '\'');
	text_safe(&safe, text, strlen(text));
	if (!strpbrk(buf_str(&safe), ",\"")) {
		buf_adds(out, buf_str(&safe));
		return;
	}
	buf_addc(out, '"');
	for (const char *p = buf_str(&safe); *p; p++) {
		if (*p == '"')
			buf_addc(out, '"');
		buf_addc(out, *p);
	}
	buf_addc(out, '"');
}

static void
print_csv(const struct records *r, bool ascii, struct buf *out)
{
	(void)ascii; /* a file: UTF-8 */
	for (size_t c = 0; c < r->n_columns; c++)
		buf_addf(out, "%s%s", c ? "," : "", r->columns[c].name);
	for (size_t i = 0; i < r->cells.n; i++) {
		const struct record_cell *cell = &r->cells.at[i];

		buf_adds(out, i % r->n_columns ? "," : "\r\n");
		if (cell->type == RECORD_NUMBER)
			buf_addf(out, "%" PRId64, cell->number);
		else if (cell->type != RECORD_NULL)
			add_quoted(out, cell->text);
	}
	buf_adds(out, "\r\n");
}

static const struct records_format formats[] = {
	{"table", print_table},
	{"json", print_json},
	{"csv", print_csv},
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

void
records_print(const struct records *r, bool ascii, struct buf *out)
{
	r->format->print(r, ascii, out);
}

void
records_free(struct records *r)
{
	arena_free(&r->arena);
	vec_free(&r->cells);
}
