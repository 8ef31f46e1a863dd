/* SPDX-License-Identifier: Apache-2.0 */
#include "base/place.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"

char *
place_state(const char *name)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state == '/')
		return mem_printf("%s/moat/%s", state, name);
	return home && *home == '/' ? mem_printf("%s/.local/state/moat/%s", home, name) : NULL;
}

bool
place_make_folders(const char *folder, struct err *e)
{
	AUTO(free) char *path = mem_strdup(folder);

	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST && access(path, X_OK) != 0)
			return err_sys(e, ERR_OUTPUT, errno, "make folder %s", path);
		if (c == '\0')
			return true;
		*p = c;
	}
}
