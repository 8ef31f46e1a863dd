/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text of a jansson value, in ASCII and on one line. What json_dump_callback makes with JSON_ENSURE_ASCII, DEL
 * escaped as well, at a third of its cost: reports are long.
 */
#ifndef AUDIT_JSON_WRITE_H
#define AUDIT_JSON_WRITE_H

#include <jansson.h>

#include "base/buf.h"

/* A string of that value; s is UTF-8. */
void json_write_text(struct buf *out, const char *s, size_t len);
void json_write(struct buf *out, const json_t *value);

#endif
