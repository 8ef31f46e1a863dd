/* SPDX-License-Identifier: Apache-2.0 */
/* What a YAML 1.1 scalar means, as go-yaml v2 and so Kubernetes has it. */
#ifndef BASE_YAML_SCALAR_H
#define BASE_YAML_SCALAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/node.h"

/*
 * Sets type, text, len, number or real, octal and has_nul of n. `tag` is the full one or NULL; `plain` means neither
 * quoted nor a block. false when the text is not what an explicit tag says it is.
 */
bool yaml_scalar(struct arena *a, struct node *n, const char *tag, bool plain, const char *text,
		 size_t len) MUST_USE;

/*
 * What a scalar stands for as the key of a map: true for yes, 16 for 0x10, a float as it was written. NULL for null,
 * which is no key.
 */
const char *yaml_key(struct arena *a, const struct node *n);

#endif
