/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of small things: numbers, durations, globs, lists. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

static inline bool
str_eq(const char *a, const char *b) /* two NULLs are equal */
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_has(const char *s, const char *part); /* NULL has nothing */
int str_cmp(const char *a, const char *b); /* strcmp in which NULL comes first */
/* Is word one of the comma- or space-separated words of list? */
bool str_in_list(const char *list, const char *word);

/* The whole of s as a number; base 10 only. */
bool str_i64(const char *s, int64_t *out) MUST_USE;
/* "90s" "15m" "12h" "30d" "2w" and sums such as "1h30m", in seconds. A bare number is refused. */
bool str_duration(const char *s, int64_t *seconds) MUST_USE;
/* "3h", "12m", "2d", "5s": the largest unit, for a table. Writes at most 8 bytes with the NUL. */
void str_age(int64_t seconds, char out[8]);
/* Shell pattern, * and ? (one character); the whole of s has to match. No recursion, no exponential case. */
bool str_glob(const char *pattern, const char *s);
/* Does s contain word at word boundaries (letters, digits and _ count as word characters)? */
bool str_has_word(const char *s, const char *word);
/* 64-bit FNV-1a, for tables only: not for anything that has to resist an attacker. */
uint64_t str_hash(const void *data, size_t len);
/* Levenshtein distance, for "did you mean"; stops counting at limit + 1. */
size_t str_distance(const char *a, const char *b, size_t limit);

/*
 * "Did you mean": the nearest to a word among the names offered one after another; of equals the first. Start with the
 * word and the distance that is too far. The name is borrowed; NULL: none is near enough.
 */
struct nearest {
	const char *word;
	size_t too_far;
	const char *name;
};
void nearest_offer(struct nearest *n, const char *name);

#endif
