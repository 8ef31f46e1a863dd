/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans over bytes, 16 at a time where the machine has SSE2, for the JSON scanner. They stop by themselves at a NUL
 * and may read up to BYTES_PAD bytes from where they stop: a text ends in that many zero bytes.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BYTES_PAD 32

#if defined(__SSE2__) && !defined(BYTES_PLAIN)
#include <emmintrin.h>
#define BYTES_SSE2 1

static inline __m128i
bytes_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i
bytes_equal(__m128i block, char c)
{
	return _mm_cmpeq_epi8(block, _mm_set1_epi8(c));
}
#endif

static inline bool
bytes_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The first byte that is no JSON white space. Most often that is p itself, or the next one. */
static inline char *
bytes_skip_space(char *p)
{
	if ((unsigned char)*p > ' ')
		return p;
	if (*p == ' ' && (unsigned char)p[1] > ' ')
		return p + 1;
#ifdef BYTES_SSE2
	for (;; p += 16) {
		__m128i block = bytes_load(p);
		__m128i usual = _mm_or_si128(bytes_equal(block, ' '), bytes_equal(block, '\n'));
		__m128i other = _mm_or_si128(bytes_equal(block, '\r'), bytes_equal(block, '\t'));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(usual, other));

		if (mask != 0xffff)
			return p + __builtin_ctz(~mask);
	}
#else
	while (bytes_is_space(*p))
		p++;
	return p;
#endif
}

/* The first byte of a string that means something: a quote, a backslash, a control, or not ASCII. */
static inline char *
bytes_skip_plain(char *p)
{
#ifdef BYTES_SSE2
	for (;; p += 16) {
		__m128i block = bytes_load(p);
		__m128i low = _mm_set1_epi8(0x1f);
		__m128i found = _mm_or_si128(bytes_equal(block, '"'), bytes_equal(block, '\\'));
		unsigned mask;

		found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_max_epu8(block, low), low));
		/* movemask takes the high bits: of the block itself, what is not ASCII. */
		mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(found, block));
		if (mask)
			return p + __builtin_ctz(mask);
	}
#else
	while (*p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
		p++;
	return p;
#endif
}

/* The first quote, backslash or NUL. */
static inline char *
bytes_skip_string(char *p)
{
#ifdef BYTES_SSE2
	for (;; p += 16) {
		__m128i block = bytes_load(p);
		__m128i found = _mm_or_si128(bytes_equal(block, '"'), bytes_equal(block, '\\'));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(found, bytes_equal(block, '\0')));

		if (mask)
			return p + __builtin_ctz(mask);
	}
#else
	while (*p != '"' && *p != '\\' && *p)
		p++;
	return p;
#endif
}

/* The first quote, bracket, brace or NUL. */
static inline char *
bytes_skip_flat(char *p)
{
#ifdef BYTES_SSE2
	for (;; p += 16) {
		__m128i block = bytes_load(p);
		__m128i folded = _mm_or_si128(block, _mm_set1_epi8(0x20)); /* [ is { and ] is } */
		__m128i found = _mm_or_si128(bytes_equal(folded, '{'), bytes_equal(folded, '}'));
		unsigned mask;

		found = _mm_or_si128(found, _mm_or_si128(bytes_equal(block, '"'), bytes_equal(block, '\0')));
		mask = (unsigned)_mm_movemask_epi8(found);
		if (mask)
			return p + __builtin_ctz(mask);
	}
#else
	while (*p != '"' && *p != '{' && *p != '}' && *p != '[' && *p != ']' && *p)
		p++;
	return p;
#endif
}

/* Newlines in [p, end). */
static inline size_t
bytes_count_lines(const char *p, const char *end)
{
	size_t count = 0;

#ifdef BYTES_SSE2
	for (; end - p >= 16; p += 16) {
		/* A match is -1: subtract it, then add up the bytes of both halves. */
		__m128i ones = _mm_sub_epi8(_mm_setzero_si128(), bytes_equal(bytes_load(p), '\n'));
		__m128i sums = _mm_sad_epu8(ones, _mm_setzero_si128());

		count += (size_t)_mm_cvtsi128_si32(sums) + (size_t)_mm_extract_epi16(sums, 4);
	}
#endif
	for (; p < end; p++)
		count += *p == '\n';
	return count;
}

#endif
