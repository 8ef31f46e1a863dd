/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/report_page.h"

#include <string.h>

#include "base/text.h"

#define MAX_VALUE 400 /* columns of a value that somebody else wrote */

static const char *const sgr[] = {
	[INK_PLAIN] = "",     [INK_BOLD] = "\033[1m",  [INK_DIM] = "\033[2m",	  [INK_GOOD] = "\033[32m",
	[INK_WARN] = "\033[33m", [INK_BAD] = "\033[31m", [INK_WORST] = "\033[1;31m",
};

const char *
page_ink(const struct page *p, enum ink ink)
{
	return p->color ? sgr[ink] : "";
}

void
page_add(const struct page *p, struct buf *to, const char *s)
{
	AUTO(buf) struct buf safe = {0};
	const char *at, *end;

	if (!p->ascii) {
		text_safe(to, s, strlen(s));
		return;
	}
	text_safe(&safe, s, strlen(s));
	at = buf_str(&safe);
	end = at + safe.len;
	for (uint32_t c; (c = text_next(&at, end));)
		buf_addf(to, c < 0x80 ? "%c" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

void
page_add_value(const struct page *p, struct buf *to, const char *s)
{
	AUTO(buf) struct buf safe = {0};
	size_t fits;

	page_add(p, &safe, s);
	fits = text_fit(buf_str(&safe), MAX_VALUE);
	buf_add(to, buf_str(&safe), fits);
	if (fits < safe.len)
		buf_adds(to, " ...");
}

void
page_paint(const struct page *p, enum ink ink, const char *s)
{
	bool colored = p->color && ink != INK_PLAIN;

	buf_adds(p->out, colored ? sgr[ink] : "");
	buf_adds(p->out, s);
	buf_adds(p->out, colored ? "\033[0m" : "");
}

void
page_wrap(const struct page *p, const struct buf *text, size_t at, size_t indent)
{
	text_wrap(p->out, buf_str(text), p->columns, at, indent);
	buf_addc(p->out, '\n');
}

void
page_field(const struct page *p, const char *label, const char *s)
{
	AUTO(buf) struct buf text = {0};

	if (!s)
		return;
	page_add(p, &text, s);
	buf_adds(p->out, "    ");
	page_paint(p, INK_DIM, label);
	buf_fill(p->out, ' ', 6 - strlen(label));
	page_wrap(p, &text, 10, 10);
}

void
page_heading(const struct page *p, enum ink ink, const char *s)
{
	AUTO(buf) struct buf text = {0};

	buf_adds(&text, s);
	buf_addc(p->out, '\n');
	buf_adds(p->out, p->color ? sgr[ink] : "");
	text_wrap(p->out, buf_str(&text), p->columns, 0, 0);
	buf_adds(p->out, p->color ? "\033[0m" : "");
	buf_addc(p->out, '\n');
}

void
page_item(const struct page *p, const struct buf *text)
{
	buf_adds(p->out, "  ");
	page_wrap(p, text, 2, 4);
}

void
page_and_more(const struct page *p, size_t n)
{
	if (n > PAGE_LISTED)
		buf_addf(p->out, "  and %zu more: -o json has them all\n", n - PAGE_LISTED);
}

const char *
page_plural(size_t n)
{
	return n == 1 ? "" : "s";
}


void
page_counts(const struct page *p, const char *lead, const size_t *counts, const char *const *names, size_t n)
{
	const char *separator = lead;
	AUTO(buf) struct buf text = {0};

	for (size_t i = 0; i < n; i++) {
		if (!counts[i])
			continue;
		buf_addf(&text, "%s%zu %s", separator, counts[i], names[i]);
		separator = ", ";
	}
	if (text.len)
		page_item(p, &text);
}
