/* SPDX-License-Identifier: Apache-2.0 */
/* What the console is to be told once, put down by any thread and taken by the one that has the screen. */
#ifndef CLI_NOTICES_H
#define CLI_NOTICES_H

#include <stdbool.h>

#include "base/attr.h"
#include "tui/source.h"

struct notices;

struct notices *notices_new(void);
void notices_free(struct notices *n); /* once no other thread uses it; NULL is fine */

/*
 * Any thread. Who does not take them loses the oldest: there is room for sixteen. Who adds one wakes the other
 * thread.
 */
void notices_add(struct notices *n, enum style style, const char *fmt, ...) PRINTF(3, 4);
/* The oldest, for one thread alone; the text is borrowed until it asks again. false: there is none. */
bool notices_take(struct notices *n, struct app_notice *out);

#endif
