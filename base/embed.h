/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files compiled in by base/embed.sh. A folder's module.am has, for example:
 *
 *     nodist_libmoat_tui_a_SOURCES = tui/skin_files.c
 *     CLEANFILES += tui/skin_files.c
 *     tui/skin_files.c: base/embed.sh themes/default.yaml
 *             $(EMBED) $@ skin_files $(srcdir)/themes default.yaml
 *
 * and the code that reads it `extern const struct embedded_file skin_files[];`.
 */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

#include <stddef.h>

/* An array of these ends with a NULL name. */
struct embedded_file {
	const char *name; /* path below the folder that embed.sh was given */
	const unsigned char *data; /* followed by a NUL byte that len does not count */
	size_t len;
};

#endif
