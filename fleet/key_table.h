/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are rows of numbers: each has a place, in the order in which they were added. */
#ifndef FLEET_KEY_TABLE_H
#define FLEET_KEY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/u32_list.h"
#include "fleet/slots.h"

/* Zeroed when empty. */
struct key_table {
	struct u32_list keys; /* one behind the other */
	struct u32_list ends; /* by place: where in `keys` it ends */
	struct slot *slots; /* of places */
	size_t n_slots; /* a power of two, or 0 */
};

/* The key's place; *added says whether it was not there before. */
uint32_t key_table_add(struct key_table *t, const struct u32_list *key, bool *added);
void key_table_free(struct key_table *t);

#endif
