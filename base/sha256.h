/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by libcrypto, as bare lower-case hex. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

void sha256_hex(const void *data, size_t len, char out[65]);

#endif
