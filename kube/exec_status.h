/* SPDX-License-Identifier: Apache-2.0 */
/* The Status that ends an exec. */
#ifndef KUBE_EXEC_STATUS_H
#define KUBE_EXEC_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * As the server sends it. true: the command ran, and ended with *code. false: ERR_INPUT where the container has
 * no such program, else ERR_SOURCE, with the server's words.
 */
bool exec_status(const char *text, size_t len, int *code, struct err *e);

#endif
