/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define READ_AT_ONCE 16384

static int
base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Of what libcrypto lets pass, this refuses what kubectl refuses: padding that is missing, or not at the end. */
bool
secret_base64_decode(struct arena *a, const char *text, size_t len, struct kube_blob *out)
{
	char *data = arena_alloc(a, len / 4 * 3 + 4);
	size_t n = 0, characters = 0, padding = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++) {
		int value = base64_value((unsigned char)text[i]);

		if (is_space(text[i]))
			continue;
		characters++;
		if (text[i] == '=' && ++padding <= 2)
			continue;
		if (value < 0 || padding)
			return false;
		bits = (bits << 6 | (unsigned)value) & 0xffffff;
		if (characters % 4 != 1)
			data[n++] = (char)(bits >> (8 - characters % 4 * 2) % 8);
	}
	if (characters % 4)
		return false;
	*out = (struct kube_blob){data, n};
	return true;
}

void
secret_base64_encode(struct buf *out, const void *data, size_t len)
{
	char *to = buf_reserve(out, len / 3 * 4 + 5);

	out->len += (size_t)EVP_EncodeBlock((unsigned char *)to, data, (int)len);
}

static bool
read_all(int fd, const char *path, struct buf *out, struct err *e)
{
	size_t before = out->len;
	ssize_t got;

	do {
		got = read(fd, buf_reserve(out, READ_AT_ONCE), READ_AT_ONCE);
		if (got < 0 && errno != EINTR)
			return err_sys(e, ERR_INPUT, errno, "read %s", path);
		out->len += got > 0 ? (size_t)got : 0;
		if (out->len - before > SECRET_FILE_MAX)
			return err_set(e, ERR_INPUT, 0, "%s: larger than %d bytes", path, SECRET_FILE_MAX);
	} while (got);
	buf_reserve(out, 1)[0] = '\0';
	return true;
}

bool
secret_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool ok;

	if (fd < 0)
		return err_sys(e, ERR_INPUT, errno, "open %s", path);
	if (fstat(fd, &st) < 0)
		ok = err_sys(e, ERR_INPUT, errno, "read %s", path);
	else if (!S_ISREG(st.st_mode))
		ok = err_set(e, ERR_INPUT, 0, "%s is no regular file", path);
	else
		ok = read_all(fd, path, out, e);
	close(fd);
	return ok;
}

bool
secret_is_pem(const char *text, size_t len)
{
	return text && memmem(text, len, "-----BEGIN ", strlen("-----BEGIN "));
}

/* In place of libcrypto's own, which would ask on the terminal. */
static int
no_passphrase(char *out, int size, int writing, void *ctx)
{
	(void)out, (void)size, (void)writing, (void)ctx;
	return 0;
}

static X509 *
read_cert(struct kube_blob pem)
{
	BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509 *cert = in ? PEM_read_bio_X509(in, NULL, no_passphrase, NULL) : NULL;

	BIO_free(in);
	return cert;
}

static EVP_PKEY *
read_key(struct kube_blob pem)
{
	BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;

	BIO_free(in);
	return key;
}

static bool
is_encrypted(struct kube_blob key)
{
	return memmem(key.data, key.len, "ENCRYPTED", strlen("ENCRYPTED"));
}

const char *
secret_pair_problem(struct kube_blob cert, struct kube_blob key)
{
	X509 *x = read_cert(cert);
	EVP_PKEY *k = read_key(key);
	const char *problem = NULL;

	if (!x)
		problem = "the certificate is no PEM certificate";
	else if (!k && is_encrypted(key))
		problem = "the key is encrypted, which kubectl cannot use either: store it without a passphrase";
	else if (!k)
		problem = "the key is no PEM private key";
	else if (!X509_check_private_key(x, k))
		problem = "the key does not belong to the certificate";
	X509_free(x);
	EVP_PKEY_free(k);
	ERR_clear_error();
	return problem;
}

bool
secret_fits_header(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

void
secret_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}
