/* SPDX-License-Identifier: Apache-2.0 */
/* A list of connections on standard output, row by row as it is found: a large fleet has millions of them. */
#ifndef CLI_CONNECTION_SHEET_H
#define CLI_CONNECTION_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "fleet/connect.h"

struct sheet_format;
/* table, json, yaml, csv or dot; NULL and an error for another word. */
const struct sheet_format *sheet_format_find(const char *word, struct err *e);

struct sheet;
/* `sources` are those that rows may start at; both outlive the sheet. */
struct sheet *sheet_new(const struct sheet_format *format, const struct fleet *f,
			const struct workload *const *sources, size_t n_sources);
/* Sources and destinations are written as safe text; `conns` is printable. false: nobody reads on, or an error. */
bool sheet_row(struct sheet *s, const struct connect_end *from, const struct connect_end *to, const char *conns);
/* Ends the list and frees the sheet. false when not everything could be written. */
bool sheet_end(struct sheet *s, struct err *e);

#endif
