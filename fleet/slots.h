/* SPDX-License-Identifier: Apache-2.0 */
/* What tables with open addressing consist of: whoever has one keeps more slots than are ever taken. */
#ifndef FLEET_SLOTS_H
#define FLEET_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot {
	uint32_t hash, next; /* next: the number of what it stands for + 1; 0 for a free slot */
};

/* Takes what is in n slots over into n_to free ones, of which there are more; n_to is a power of two. */
static inline void
slots_move(const struct slot *from, size_t n, struct slot *to, size_t n_to)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = from[i].hash & (n_to - 1);

		if (!from[i].next)
			continue;
		while (to[at].next)
			at = (at + 1) & (n_to - 1);
		to[at] = from[i];
	}
}

#endif
