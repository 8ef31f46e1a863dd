/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handling of what must not be seen: base64, small files of tokens and keys, PEM pairs. What goes wrong is said
 * without a byte of the content.
 */
#ifndef KUBE_SECRET_H
#define KUBE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "kube/kubeconfig.h"

#define SECRET_FILE_MAX (1024 * 1024) /* bytes of a token, a certificate or a key */

/* Standard base64 with its padding; white space is passed over. false: it is none. NUL-terminated behind len. */
bool secret_base64_decode(struct arena *a, const char *text, size_t len, struct kube_blob *out);
void secret_base64_encode(struct buf *out, const void *data, size_t len);

/*
 * A regular file, appended to out; a FIFO or a device would hang or never end. ERR_INPUT for what is not there, is
 * larger or may not be read.
 */
bool secret_file(const char *path, struct buf *out, struct err *e);

/* Is there a PEM block in it at all? */
bool secret_is_pem(const char *text, size_t len);
/* Are these a certificate and the key to it? What is wrong, for a message; NULL: nothing. */
const char *secret_pair_problem(struct kube_blob cert, struct kube_blob key);

/* May it stand in a header's value: no control character in it. */
bool secret_fits_header(const char *text, size_t len);

/* buf_free that leaves nothing behind in memory. */
void secret_wipe(struct buf *b);

static inline void
auto_secret(struct buf *b)
{
	secret_wipe(b);
}

#endif
