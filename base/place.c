/* SPDX-License-Identifier: Apache-2.0 */
#include "base/place.h"

#include <stdlib.h>

#include "base/mem.h"

char *
place_state(const char *name)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state == '/')
		return mem_printf("%s/moat/%s", state, name);
	return home && *home == '/' ? mem_printf("%s/.local/state/moat/%s", home, name) : NULL;
}
