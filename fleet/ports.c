/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/ports.h"

#include <string.h>

#include "base/str.h"

#define LAST_PORT 65535

static const struct port_range every[] = {{1, LAST_PORT}};

const struct port_set ports_none;
const struct port_set ports_all = {.at = {every, every, every}, .n = {1, 1, 1}};

static const char *const names[PROTOCOLS] = {"TCP", "UDP", "SCTP"};

const char *
protocol_name(enum protocol p)
{
	return names[p];
}

bool
protocol_parse(const char *name, enum protocol *out)
{
	for (int p = 0; p < PROTOCOLS; p++) {
		if (str_eq(name, names[p])) {
			*out = (enum protocol)p;
			return true;
		}
	}
	return false;
}

struct port_set
ports_one(struct arena *a, enum protocol p, uint16_t first, uint16_t last)
{
	struct port_set s = {0};
	struct port_range r = {first, last};

	s.at[p] = arena_copy(a, &r, sizeof(r));
	s.n[p] = 1;
	return s;
}

struct port_set
ports_protocol(enum protocol p)
{
	struct port_set s = {0};

	s.at[p] = every;
	s.n[p] = 1;
	return s;
}

/* Appends a range that starts behind all earlier ones, or overlaps or touches the last. */
static void
append(struct port_range *out, uint16_t *n, struct port_range r)
{
	if (*n && r.first <= out[*n - 1].last + 1) {
		if (r.last > out[*n - 1].last)
			out[*n - 1].last = r.last;
		return;
	}
	out[(*n)++] = r;
}

static uint16_t
unite(struct port_range *out, const struct port_range *x, size_t nx, const struct port_range *y, size_t ny)
{
	uint16_t n = 0;

	for (size_t i = 0, j = 0; i < nx || j < ny;) {
		if (j == ny || (i < nx && x[i].first <= y[j].first))
			append(out, &n, x[i++]);
		else
			append(out, &n, y[j++]);
	}
	return n;
}

static uint16_t
intersect(struct port_range *out, const struct port_range *x, size_t nx, const struct port_range *y, size_t ny)
{
	uint16_t n = 0;

	for (size_t i = 0, j = 0; i < nx && j < ny;) {
		struct port_range r = {x[i].first > y[j].first ? x[i].first : y[j].first,
				       x[i].last < y[j].last ? x[i].last : y[j].last};

		if (r.first <= r.last)
			out[n++] = r;
		if (x[i].last < y[j].last)
			i++;
		else
			j++;
	}
	return n;
}

static uint16_t
subtract(struct port_range *out, const struct port_range *x, size_t nx, const struct port_range *y, size_t ny)
{
	uint16_t n = 0;

	for (size_t i = 0, j = 0; i < nx; i++) {
		unsigned first = x[i].first;

		while (j < ny && y[j].last < first)
			j++;
		for (size_t k = j; k < ny && y[k].first <= x[i].last && first <= x[i].last; k++) {
			if (y[k].first > first)
				out[n++] = (struct port_range){(uint16_t)first, (uint16_t)(y[k].first - 1)};
			first = y[k].last + 1u;
		}
		if (first <= x[i].last)
			out[n++] = (struct port_range){(uint16_t)first, x[i].last};
	}
	return n;
}

typedef uint16_t operation(struct port_range *, const struct port_range *, size_t, const struct port_range *, size_t);

static struct port_set
combine(struct arena *a, operation *op, const struct port_set *x, const struct port_set *y)
{
	struct port_set s = {0};

	for (int p = 0; p < PROTOCOLS; p++) {
		struct port_range *out;

		if (!x->n[p] && !y->n[p])
			continue;
		out = arena_array(a, (size_t)x->n[p] + y->n[p], sizeof(*out));
		s.n[p] = op(out, x->at[p], x->n[p], y->at[p], y->n[p]);
		s.at[p] = out;
	}
	return s;
}

struct port_set
ports_union(struct arena *a, const struct port_set *x, const struct port_set *y)
{
	if (ports_is_all(x) || ports_empty(y))
		return *x;
	if (ports_is_all(y) || ports_empty(x))
		return *y;
	return combine(a, unite, x, y);
}

struct port_set
ports_intersect(struct arena *a, const struct port_set *x, const struct port_set *y)
{
	if (ports_is_all(y) || ports_empty(x))
		return *x;
	if (ports_is_all(x) || ports_empty(y))
		return *y;
	return combine(a, intersect, x, y);
}

struct port_set
ports_minus(struct arena *a, const struct port_set *x, const struct port_set *y)
{
	if (ports_empty(x) || ports_empty(y))
		return *x;
	if (ports_is_all(y))
		return ports_none;
	return combine(a, subtract, x, y);
}

bool
ports_empty(const struct port_set *s)
{
	return !s->n[PROTOCOL_TCP] && !s->n[PROTOCOL_UDP] && !s->n[PROTOCOL_SCTP];
}

bool
ports_is_all(const struct port_set *s)
{
	for (int p = 0; p < PROTOCOLS; p++)
		if (s->n[p] != 1 || s->at[p][0].first != 1 || s->at[p][0].last != LAST_PORT)
			return false;
	return true;
}

bool
ports_equal(const struct port_set *x, const struct port_set *y)
{
	for (int p = 0; p < PROTOCOLS; p++)
		if (x->n[p] != y->n[p] || (x->n[p] && x->at[p] != y->at[p] &&
					   memcmp(x->at[p], y->at[p], x->n[p] * sizeof(struct port_range)) != 0))
			return false;
	return true;
}

bool
ports_has(const struct port_set *s, enum protocol p, uint16_t port)
{
	for (size_t i = 0; i < s->n[p]; i++)
		if (port >= s->at[p][i].first && port <= s->at[p][i].last)
			return true;
	return false;
}

bool
ports_within(const struct port_set *part, const struct port_set *whole)
{
	for (int p = 0; p < PROTOCOLS; p++) {
		for (size_t i = 0, j = 0; i < part->n[p]; i++) {
			while (j < whole->n[p] && whole->at[p][j].last < part->at[p][i].first)
				j++;
			if (j == whole->n[p] || whole->at[p][j].first > part->at[p][i].first ||
			    whole->at[p][j].last < part->at[p][i].last)
				return false;
		}
	}
	return true;
}

static void
format_range(struct buf *out, struct port_range r)
{
	buf_addf(out, r.first == r.last ? "%u" : "%u-%u", r.first, r.last);
}

void
ports_format(struct buf *out, const struct port_set *s)
{
	bool first = true;

	if (ports_is_all(s) || ports_empty(s)) {
		buf_adds(out, ports_empty(s) ? "No Connections" : "All Connections");
		return;
	}
	for (int p = 0; p < PROTOCOLS; p++) {
		for (size_t i = 0; i < s->n[p]; i++) {
			if (i)
				buf_addc(out, ',');
			else
				buf_addf(out, "%s%s ", first ? "" : ";", names[p]);
			format_range(out, s->at[p][i]);
			first = false;
		}
	}
}

void
ports_format_list(struct buf *out, const struct port_set *s)
{
	size_t start = out->len;

	if (ports_is_all(s)) {
		buf_adds(out, "all");
		return;
	}
	for (int p = 0; p < PROTOCOLS; p++) {
		for (size_t i = 0; i < s->n[p]; i++) {
			buf_addf(out, "%s%s ", out->len > start ? "," : "", names[p]);
			format_range(out, s->at[p][i]);
		}
	}
}
