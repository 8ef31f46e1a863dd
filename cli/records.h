/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a data base as a table, JSON or CSV: the same cells for all of them. */
#ifndef CLI_RECORDS_H
#define CLI_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

struct records_format;
/* table, json or csv; NULL and an error for another word. NULL for a word: table. */
const struct records_format *records_format_find(const char *word, struct err *e);

struct record_column {
	const char *name; /* the key in JSON and CSV; in capitals the head of a table's column */
	bool more; /* for JSON and CSV alone: too long, or too many, for a table */
};

enum record_type { RECORD_NULL, RECORD_TEXT, RECORD_NUMBER, RECORD_BOOL };

struct record_cell {
	enum record_type type;
	const char *text; /* raw */
	int64_t number;
};

struct records {
	const struct records_format *format;
	const struct record_column *columns;
	size_t n_columns;
	struct arena arena;
	size_t column, rows; /* of the next cell; finished ones */
	VEC(struct record_cell) cells; /* of the present row; a table's all, for it needs widths first */
	struct buf out;
	/* Takes what there is of a long answer, and empties it; NULL: all of it is kept until the end. */
	void (*spill)(void *ctx, struct buf *out);
	void *spill_ctx;
};

/* Is it for people? */
bool records_is_table(const struct records_format *format);

/* Before the first cell. */
void records_start(struct records *r, const struct record_column *columns, size_t n,
		   const struct records_format *format);
/* The next cell, in the order of the columns; the text is copied, and NULL is null. */
void records_text(struct records *r, const char *text);
void records_borrow(struct records *r, const char *text); /* the same, of a text that outlives the records */
void records_number(struct records *r, int64_t number);
void records_bool(struct records *r, bool value);
void records_time(struct records *r, int64_t seconds); /* CLOCK_UNKNOWN is null */

/* Behind the last cell: all of it as text, borrowed. */
const struct buf *records_end(struct records *r, bool ascii);
void records_free(struct records *r);

#endif
