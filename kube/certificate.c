/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/certificate.h"

#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#include "base/buf.h"
#include "base/reader.h"

#define LARGEST (1024 * 1024)

static bool
read_end(const char *pem, size_t len, int64_t *ends)
{
	BIO *in = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	struct tm tm = {0};
	bool ok = cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1;

	if (ok)
		*ends = (int64_t)timegm(&tm);
	X509_free(cert);
	BIO_free(in);
	return ok;
}

bool
certificate_end(const char *pem, size_t len, const char *path, int64_t *ends)
{
	AUTO(buf) struct buf text = {0};
	struct err e;

	if (pem)
		return read_end(pem, len, ends);
	return path && reader_slurp(path, LARGEST, &text, &e) && text.len && read_end(text.data, text.len, ends);
}
