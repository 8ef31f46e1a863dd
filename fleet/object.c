/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/object.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/refs.h"
#include "base/text.h"
#include "base/vec.h"

struct object *
object_new_room(size_t size, enum object_kind type, size_t room)
{
	struct arena memory = {.first = size + alignof(max_align_t) + room};
	struct object *o = arena_alloc(&memory, size);

	o->refs = 1;
	o->type = type;
	o->namespace = "";
	o->name = "";
	o->created_at = CLOCK_UNKNOWN;
	o->memory = memory;
	return o;
}

struct object *
object_new(size_t size, enum object_kind type)
{
	return object_new_room(size, type, 1024);
}

struct object *
object_ref(struct object *o)
{
	refs_take(&o->refs);
	return o;
}

void
object_unref(struct object *o)
{
	struct arena memory;

	if (!o || !refs_drop(&o->refs))
		return;
	memory = o->memory; /* the object lies in its own arena */
	arena_free(&memory);
}

int
object_cmp(const struct object *a, const struct object *b)
{
	int order = strcmp(a->namespace, b->namespace);

	if (!order)
		order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->kind, b->kind);
}

int
object_ptr_cmp(const void *a, const void *b)
{
	return object_cmp(*(const struct object *const *)a, *(const struct object *const *)b);
}

void
object_set_add(struct object_set *set, struct object *o)
{
	vec_push(set, o);
}

void
object_set_warn(struct object_set *set, const char *fmt, ...)
{
	AUTO(buf) struct buf raw = {0};
	struct buf safe = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&raw, fmt, ap);
	va_end(ap);
	text_safe(&safe, buf_str(&raw), raw.len);
	if (set->n_warnings == set->cap_warnings) {
		set->cap_warnings = set->cap_warnings ? set->cap_warnings * 2 : 8;
		set->warnings = mem_grow(set->warnings, set->cap_warnings, sizeof(*set->warnings));
	}
	set->warnings[set->n_warnings++] = buf_take(&safe);
}

void
object_set_free(struct object_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		object_unref(set->at[i]);
	for (size_t i = 0; i < set->n_warnings; i++)
		free(set->warnings[i]);
	free(set->at);
	free(set->warnings);
	arena_free(&set->paths);
	*set = (struct object_set){0};
}
