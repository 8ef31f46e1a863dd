/* SPDX-License-Identifier: Apache-2.0 */
/* What a client certificate says of itself. */
#ifndef KUBE_CERTIFICATE_H
#define KUBE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When it ends, in seconds since the epoch: of PEM text, or of a file when there is none. false: it cannot be read. */
bool certificate_end(const char *pem, size_t len, const char *path, int64_t *ends);

#endif
