/* SPDX-License-Identifier: Apache-2.0 */
/* A page of the text report: lines, wrapped and safe to show, with colours where they are wanted. */
#ifndef AUDIT_REPORT_PAGE_H
#define AUDIT_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"
#include "base/buf.h"

#define PAGE_LISTED 20 /* lines of a list that is not findings */

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_GOOD, INK_WARN, INK_BAD, INK_WORST };

struct page {
	const struct audit *audit;
	struct buf *out;
	size_t columns;
	bool color, ascii;
};

/* Safe to show, and in ASCII where the terminal has no more: other characters as \u2026. */
void page_add(const struct page *p, struct buf *to, const char *s);
/* A value that an object's owner wrote may be as long as he likes: it is cut. */
void page_add_value(const struct page *p, struct buf *to, const char *s);
void page_paint(const struct page *p, enum ink ink, const char *s);
const char *page_ink(const struct page *p, enum ink ink); /* what switches it on; "" without colours */
/* Safe text, wrapped behind what stands in the line up to column `at`, and the end of the line. */
void page_wrap(const struct page *p, const struct buf *text, size_t at, size_t indent);
/* "    fix   Delete ..."; nothing for NULL. */
void page_field(const struct page *p, const char *label, const char *s);
/* A section of the end: an empty line, its heading, and what follows indented by two. */
void page_heading(const struct page *p, enum ink ink, const char *s);
void page_item(const struct page *p, const struct buf *text);
/* "LEAD 3 current, 1 stale": those of which there are some; nothing where there are none. */
void page_counts(const struct page *p, const char *lead, const size_t *counts, const char *const *names, size_t n);
void page_and_more(const struct page *p, size_t n); /* of which PAGE_LISTED were listed */
const char *page_plural(size_t n); /* "s", or "" for one */

/* What probes, logs and /health say (report_proof.c): who is verified; and how much of the fleet each of them covers. */
void page_verified(const struct page *p);
void page_proof(const struct page *p);

#endif
