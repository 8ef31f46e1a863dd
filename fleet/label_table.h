/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels as numbers: every key=value has one, in the order in which they were added. Texts lie all over memory, and
 * whoever compares many of them waits for it; numbers lie where they are compared.
 */
#ifndef FLEET_LABEL_TABLE_H
#define FLEET_LABEL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define LABEL_NONE UINT32_MAX /* no label's number */

struct label_table;

/* Room for about that many labels; it grows. Everything lives in the arena, keys and values are borrowed. */
struct label_table *label_table_new(struct arena *a, size_t expected);
/* The label's number, a new one when it was not there. */
uint32_t label_table_add(struct label_table *t, const char *key, const char *value);
/* LABEL_NONE when it is not there. */
uint32_t label_table_find(const struct label_table *t, const char *key, const char *value);
size_t label_table_size(const struct label_table *t);

#endif
