/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <openssl/evp.h>
#include <stdbool.h>

#include "base/mem.h"

/*
 * The implementation, looked for once: with what EVP_sha256() gives, libcrypto looks it up for each hash, which costs
 * as much as hashing a short text.
 */
static const EVP_MD *
sha256(void)
{
	static EVP_MD *found; /* kept until the end */
	EVP_MD *md = __atomic_load_n(&found, __ATOMIC_ACQUIRE), *none = NULL;

	if (md)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!md)
		die("libcrypto gives no SHA-256");
	if (!__atomic_compare_exchange_n(&found, &none, md, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		EVP_MD_free(md); /* another thread was first */
		md = none;
	}
	return md;
}

void
sha256_hex(const void *data, size_t len, char out[65])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[32];

	if (!EVP_Digest(len ? data : "", len, hash, NULL, sha256(), NULL))
		die("libcrypto gives no SHA-256");
	for (size_t i = 0; i < sizeof(hash); i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[64] = '\0';
}
