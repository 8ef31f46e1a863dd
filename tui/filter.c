/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/filter.h"

#include <string.h>

#include "base/str.h"

void
filter_fold(char *s)
{
	for (; *s; s++) {
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	}
}

struct filter
filter_parse(const char *text, struct arena *a)
{
	struct filter f = {.kind = FILTER_TEXT};
	char *copy;

	text += strspn(text, " ");
	if (text[0] == '!') {
		f.kind = FILTER_INVERSE;
		text++;
	} else if (strncmp(text, "-f", 2) == 0 && (text[2] == ' ' || !text[2])) {
		f.kind = FILTER_FUZZY;
		text += 2;
	}
	text += strspn(text, " ");
	copy = arena_strdup(a, text);
	filter_fold(copy);
	f.text = copy;
	if (!*copy)
		f.kind = FILTER_NONE; /* only begun: "!" alone hides nothing yet */
	return f;
}

static bool
matches_fuzzy(const char *letters, const char *row)
{
	const char *want = letters;

	for (; *row; row++) {
		if (*row == '\n')
			want = letters;
		else if (*row == *want && !*++want)
			return true;
	}
	return false;
}

bool
filter_matches(const struct filter *f, const char *row)
{
	switch (f->kind) {
	case FILTER_TEXT:
		return str_has(row, f->text);
	case FILTER_INVERSE:
		return !str_has(row, f->text);
	case FILTER_FUZZY:
		return matches_fuzzy(f->text, row);
	case FILTER_NONE:
		break;
	}
	return true;
}
