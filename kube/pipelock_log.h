/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log of a Pipelock says of its config: what it loaded last, and how its last reload ended. Lines are fed one by
 * one, as the API server gives them; they are not believed to be anything.
 */
#ifndef KUBE_PIPELOCK_LOG_H
#define KUBE_PIPELOCK_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "fleet/evidence.h"

/* A zeroed struct has seen nothing. Times are seconds, CLOCK_UNKNOWN where a line has none. */
struct pipelock_log {
	bool loaded; /* a startup or a reload that succeeded was seen */
	char hash[65]; /* of the last of them: bare hex; "" where it says none, as those of old versions do */
	int64_t loaded_at;
	enum reload reload; /* the last one */
	struct buf detail; /* Pipelock's words on one that failed or was refused, raw; empty */
	bool seen; /* any line at all */
	int64_t first_at; /* of the first line */
	int64_t last_at; /* of the last one that has a time */

	bool detail_goes_on; /* the next line, where it is indented, belongs to the detail */
	struct buf warning; /* the last warning on a reload: why one was refused */
	struct arena scratch;
};

/*
 * One whole line, with or without the time that the server puts in front of it. A line that came in pieces is none of
 * these events: feed none of them.
 */
void pipelock_log_line(struct pipelock_log *l, const char *line, size_t len);
void pipelock_log_free(struct pipelock_log *l);

#endif
