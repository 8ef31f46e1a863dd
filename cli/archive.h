/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's history on a thread of its own: what was done and found is handed over and written there, what the file
 * holds comes back as frozen copies. Nobody who calls this waits for a file, its locks or its disk. What cannot be written is
 * told once, kept for a while and tried again.
 */
#ifndef CLI_ARCHIVE_H
#define CLI_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/history_copy.h"
#include "cli/notices.h"
#include "store/actions.h"

struct archive;

struct archive_options {
	const char *path; /* copied */
	const char *namespace, *selector; /* -n and -l, borrowed; NULL without */
	struct notices *notices; /* borrowed */
	void *ctx;
	void (*news)(void *ctx); /* on its own thread: there is something to take, or a notice */
};

/* Starts the thread. */
struct archive *archive_new(const struct archive_options *opt, struct err *e);
/* Writes what is left first, which another process that holds the file can delay by some seconds. NULL is fine. */
void archive_free(struct archive *a);

/* All of these from one thread, and at once. What is handed over is copied. */

/*
 * What is read and written from now on is of that fleet's cluster or files (a reference is kept until the next). Reads anew,
 * unless the file is as it was and the wanted run (history_wanted) the same. To be called before the rest.
 */
void archive_read(struct archive *a, struct fleet *f, int64_t run);
/* What was read last, once: a reference. NULL: nothing new. */
struct history_copy *archive_take(struct archive *a);

/* Results of probes, written as one. */
void archive_probes(struct archive *a, const struct probe_result *at, size_t n);
/* What running Pipelocks were seen to have, likewise. */
void archive_sightings(struct archive *a, const struct config_sighting *at, size_t n);
/* An action has begun; the number is for archive_end. */
unsigned archive_begin(struct archive *a, const struct action *action);
void archive_end(struct archive *a, unsigned action, const char *outcome, const char *detail, int64_t duration_ms);

#endif
