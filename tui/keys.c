/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/keys.h"

const struct binding *
keys_find(const struct key_group *groups, size_t n, int key)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < groups[i].n; k++) {
			if (groups[i].bindings[k].key == key)
				return &groups[i].bindings[k];
		}
	}
	return NULL;
}

enum keys_verdict
keys_judge(const struct binding *b, const struct keys_state *state, struct err *e)
{
	const char *what = b->help ? b->help : b->name;

	if (b->flags & KEY_WRITES && state->read_only) {
		err_set(e, ERR_DENIED, 0, "read-only: will not %s", what);
		return KEYS_REFUSE;
	}
	if (b->flags & KEY_WRITES && state->files) {
		err_set(e, ERR_USAGE, 0, "what is shown was read from files: cannot %s", what);
		return KEYS_REFUSE;
	}
	if (b->flags & KEY_NEEDS_ROW && !state->has_row) {
		err_set(e, ERR_USAGE, 0, "no row is selected: cannot %s", what);
		return KEYS_REFUSE;
	}
	return b->flags & KEY_WRITES && !(b->flags & KEY_PLANS) ? KEYS_ASK : KEYS_RUN;
}
