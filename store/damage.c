/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged file keeps what is left in it: it is moved out of the way whole, and never written over. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sql.h"

/* In the order in which they are moved: without its -wal in front of it a file is never taken for a whole one. */
static const char *const parts[] = {"-shm", "-wal", ""};

static bool
is_free(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		AUTO(free) char *part = mem_printf("%s%s", path, parts[i]);

		if (faccessat(AT_FDCWD, part, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	}
	return true;
}

/* "moat.db.damaged-20260102T030405Z"; with a number when there is one of that name. */
static char *
free_name(const char *path)
{
	time_t now = (time_t)clock_now();
	char date[32];
	struct tm tm;

	strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	for (int i = 1;; i++) {
		char *name = i == 1 ? mem_printf("%s.damaged-%s", path, date)
				    : mem_printf("%s.damaged-%s-%d", path, date, i);

		if (is_free(name))
			return name;
		free(name);
	}
}

bool
damage_set_aside(const char *path, char **moved_to, struct err *e)
{
	AUTO(free) char *to = free_name(path);

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		AUTO(free) char *old = mem_printf("%s%s", path, parts[i]);
		AUTO(free) char *new = mem_printf("%s%s", to, parts[i]);

		if (rename(old, new) != 0 && errno != ENOENT)
			return err_sys(e, ERR_OUTPUT, errno, "%s is damaged, and cannot be moved to %s", old, new);
	}
	*moved_to = take(to);
	return true;
}
