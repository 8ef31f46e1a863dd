/* SPDX-License-Identifier: Apache-2.0 */
/* An audit written down: one renderer a format. */
#ifndef AUDIT_REPORT_H
#define AUDIT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"
#include "base/buf.h"

struct report_options {
	bool color; /* ANSI colours, for text on a terminal */
	size_t columns; /* width of the text; 80 when unknown */
	bool ascii; /* no UTF-8 */
	/*
	 * Takes what is in the buffer and empties it; called between two agents or findings, so that the text of a large
	 * fleet is never in memory as a whole. NULL: it all stays in the buffer.
	 */
	void (*spill)(void *ctx, struct buf *out);
	void *spill_ctx;
};

struct report_format {
	const char *name; /* as in -o NAME */
	const char *help;
	void (*render)(const struct audit *a, const struct report_options *opt, struct buf *out);
};

extern const struct report_format report_formats[];
extern const size_t n_report_formats;
const struct report_format *report_find(const char *name);

#endif
