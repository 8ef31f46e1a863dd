/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/views.h"

const struct view *const views[] = {
#define VIEW(name) &view_##name,
#include "tui/views.def"
#undef VIEW
	NULL,
};
