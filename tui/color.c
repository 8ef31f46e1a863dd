/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/color.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct named {
	const char *name;
	uint32_t rgb;
};

static const struct named names[] = {
#define COLOR(name, rgb) {#name, rgb},
#include "tui/color.def"
#undef COLOR
};

static int
compare_name(const void *key, const void *member)
{
	return strcasecmp(key, ((const struct named *)member)->name);
}

static int
hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

/* The digits behind "#": six, or three that count double. */
static bool
parse_hex(const char *s, uint32_t *out)
{
	size_t len = strlen(s);
	uint32_t rgb = 0;

	if (len != 6 && len != 3)
		return false;
	for (; *s; s++) {
		int digit = hex_digit(*s);

		if (digit < 0)
			return false;
		rgb = rgb << 4 | (uint32_t)digit;
		if (len == 3)
			rgb = rgb << 4 | (uint32_t)digit;
	}
	*out = rgb;
	return true;
}

bool
color_parse(const char *text, struct color *out)
{
	const struct named *named;
	uint32_t rgb;

	if (strcmp(text, "default") == 0 || strcmp(text, "-") == 0) {
		*out = (struct color){0};
		return true;
	}
	if (text[0] == '#') {
		if (!parse_hex(text + 1, &rgb))
			return false;
		*out = (struct color){true, rgb};
		return true;
	}
	named = bsearch(text, names, COUNT_OF(names), sizeof(names[0]), compare_name);
	if (!named)
		return false;
	*out = (struct color){true, named->rgb};
	return true;
}

/* The 16 by the names tcell and CSS give them; what a terminal shows for them is for its user to say. */
static const uint32_t first_16[16] = {
	0x000000, 0x800000, 0x008000, 0x808000, 0x000080, 0x800080, 0x008080, 0xc0c0c0,
	0x808080, 0xff0000, 0x00ff00, 0xffff00, 0x0000ff, 0xff00ff, 0x00ffff, 0xffffff,
};

/* xterm's cube of 6 x 6 x 6 and its 24 greys. */
static uint32_t
palette_256(int index)
{
	static const unsigned levels[] = {0, 95, 135, 175, 215, 255};
	unsigned i = (unsigned)index;

	if (i < 16)
		return first_16[i];
	if (i >= 232)
		return (8 + (i - 232) * 10) * 0x010101U;
	i -= 16;
	return levels[i / 36] << 16 | levels[i / 6 % 6] << 8 | levels[i % 6];
}

/* Squares weighted by how the eye takes them ("redmean"). */
static long
distance(uint32_t a, uint32_t b)
{
	long red = (long)(a >> 16 & 255) - (long)(b >> 16 & 255);
	long green = (long)(a >> 8 & 255) - (long)(b >> 8 & 255);
	long blue = (long)(a & 255) - (long)(b & 255);
	long mean = (long)((a >> 16 & 255) + (b >> 16 & 255)) / 2;

	return ((512 + mean) * red * red >> 8) + 4 * green * green + ((767 - mean) * blue * blue >> 8);
}

int
color_nearest(uint32_t rgb, int colors)
{
	int best = colors > 16 ? 16 : 0;

	for (int i = 0; i < 16 && i < colors; i++) {
		if (first_16[i] == rgb)
			return i;
	}
	for (int i = best; i < colors && i < 256; i++) {
		if (distance(palette_256(i), rgb) < distance(palette_256(best), rgb))
			best = i;
	}
	return best;
}

/* 0 to 1; squares stand in for the sRGB curve. */
static double
luminance(uint32_t rgb)
{
	static const double weights[] = {0.0722, 0.7152, 0.2126}; /* blue, green, red */
	double sum = 0;

	for (int i = 0; i < 3; i++) {
		double v = (rgb >> (8 * i) & 255) / 255.0;

		sum += weights[i] * v * v;
	}
	return sum;
}

double
color_contrast(uint32_t a, uint32_t b)
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;

	return x > y ? x / y : y / x;
}
