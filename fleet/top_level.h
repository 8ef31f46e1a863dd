/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of public names: what tells github.com from redis.data, a Service of a namespace that nobody has shown. */
#ifndef FLEET_TOP_LEVEL_H
#define FLEET_TOP_LEVEL_H

#include <stdbool.h>

/*
 * Is the label, in lower case, a top-level domain that people fetch from: a country's, or one of the common ones? Of the
 * rest (over a thousand, most of them brands) a name of two labels is far likelier a Service and its namespace.
 */
bool top_level_known(const char *label);

/* Two labels of which the last is no such domain and no number: "redis.data". */
bool top_level_missing(const char *host);

#endif
