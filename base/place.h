/* SPDX-License-Identifier: Apache-2.0 */
/* Where moat keeps what it writes. */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include <stdbool.h>

#include "base/err.h"

/*
 * $XDG_STATE_HOME/moat/NAME, else ~/.local/state/moat/NAME; a variable that is no absolute path counts as not set. NULL
 * when there is no such place.
 */
char *place_state(const char *name);
/* A folder with all above it that are missing, for nobody else to look into. ERR_OUTPUT. */
bool place_make_folders(const char *folder, struct err *e);

#endif
