/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>

/* All of it, however often it takes. false and errno when it cannot be. */
bool io_write_all(int fd, const void *data, size_t len);

#endif
