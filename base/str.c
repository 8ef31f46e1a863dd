/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

bool
str_starts(const char *s, const char *prefix)
{
	return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_ends(const char *s, const char *suffix)
{
	size_t len = s ? strlen(s) : 0, n = strlen(suffix);

	return s && len >= n && memcmp(s + len - n, suffix, n) == 0;
}

bool
str_has(const char *s, const char *part)
{
	return s && strstr(s, part);
}

int
str_cmp(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

bool
str_in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t n = strcspn(list, ", ");

		if (n && n == len && memcmp(list, word, n) == 0)
			return true;
		list += n;
		list += strspn(list, ", ");
	}
	return false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *s, which moves behind them. false without a digit and on overflow. */
static bool
digits(const char **s, bool negative, int64_t *out)
{
	int64_t n = 0;

	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); ++*s) {
		int digit = **s - '0';

		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, negative ? -digit : digit, &n))
			return false;
	}
	*out = n;
	return true;
}

bool
str_i64(const char *s, int64_t *out)
{
	int64_t n;
	bool negative;

	if (!s)
		return false;
	negative = *s == '-';
	s += negative;
	if (!digits(&s, negative, &n) || *s)
		return false;
	*out = n;
	return true;
}

static int64_t
unit_seconds(char c)
{
	switch (c) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

bool
str_duration(const char *s, int64_t *seconds)
{
	int64_t sum = 0, n;

	if (!s || !*s)
		return false;
	while (*s) {
		int64_t unit;

		if (!digits(&s, false, &n))
			return false;
		unit = unit_seconds(*s);
		if (!unit || __builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(sum, n, &sum))
			return false;
		s++;
	}
	*seconds = sum;
	return true;
}

void
str_age(int64_t seconds, char out[8])
{
	static const struct {
		int64_t below, unit; /* seconds */
		char letter;
	} steps[] = {
		{60, 1, 's'},
		{3600, 60, 'm'},
		{86400, 3600, 'h'},
		{730 * 86400LL, 86400, 'd'},
	};
	int64_t years = seconds / (365 * 86400LL);

	if (seconds < 0) /* a clock ahead of ours */
		seconds = 0;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		if (seconds < steps[i].below) {
			snprintf(out, 8, "%d%c", (int)(seconds / steps[i].unit), steps[i].letter);
			return;
		}
	}
	snprintf(out, 8, "%dy", years > 99999 ? 99999 : (int)years);
}

/* The next character: names come in UTF-8, and ? stands for one character, not for one byte. */
static const char *
step(const char *s)
{
	s++;
	while (((unsigned char)*s & 0xc0) == 0x80)
		s++;
	return s;
}

/* Only the last star needs to be tried again, so there is no recursion and no exponential case. */
bool
str_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *retry = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = s;
		} else if (*pattern == '?') {
			pattern++;
			s = step(s);
		} else if (*pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = retry = step(retry);
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool
str_has_word(const char *s, const char *word)
{
	size_t len = strlen(word);

	if (!s || !len)
		return false;
	for (const char *at = s; (at = strstr(at, word)); at++) {
		if ((at == s || !is_word(at[-1])) && !is_word(at[len]))
			return true;
	}
	return false;
}

uint64_t
str_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3;
	return hash;
}

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* row[j] is the distance between the part of a read so far and the first j bytes of b. */
static size_t
distance(size_t *row, const char *a, size_t na, const char *b, size_t nb, size_t limit)
{
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0], best = row[0] = i;

		for (size_t j = 1; j <= nb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = least(change, row[j] + 1, row[j - 1] + 1);
			if (row[j] < best)
				best = row[j];
		}
		if (best > limit)
			return limit + 1;
	}
	return row[nb] > limit ? limit + 1 : row[nb];
}

size_t
str_distance(const char *a, const char *b, size_t limit)
{
	size_t na = strlen(a), nb = strlen(b), found;
	size_t *row;

	if ((na > nb ? na - nb : nb - na) > limit)
		return limit + 1;
	row = mem_array(nb + 1, sizeof(*row));
	found = distance(row, a, na, b, nb, limit);
	free(row);
	return found;
}

void
nearest_offer(struct nearest *n, const char *name)
{
	size_t distance = n->too_far ? str_distance(name, n->word, n->too_far) : 0;

	if (distance >= n->too_far)
		return;
	n->too_far = distance;
	n->name = name;
}
