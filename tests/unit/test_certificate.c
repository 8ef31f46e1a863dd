/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kube/certificate.h"
#include "tests/unit/folder.h"

/* Self-signed; its key was thrown away. */
static const char pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbjCCAROgAwIBAgIUOMZGrpbQ+lvxgFgfydH2VraNTcUwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBeDAeFw0yNjExMjQwODE4MDRaFw0zNjExMjEwODE4MDRaMAwx\n"
	"CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARlhoWPO7JCqzQg\n"
	"a/b8Pl+r5WQlnCohJFDJRZGmeZu0jxjeJHUwJPse/uU1mYhB4SP004LY4u3/rUwN\n"
	"SEsLVzDmo1MwUTAdBgNVHQ4EFgQUg+iohTt8aYOV+IRZjgPsmmISR1owHwYDVR0j\n"
	"BBgwFoAUg+iohTt8aYOV+IRZjgPsmmISR1owDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
	"hkjOPQQDAgNJADBGAiEAuGjsMY30lcbs76TwP/m4bC8Ap/FnmngvAH4M1E1WClkC\n"
	"IQDGr25RHRJSdk4hmlh+K3RzvS9DbVJRmePHRuytf2sH4A==\n"
	"-----END CERTIFICATE-----\n";
#define ENDS INT64_C(2110868284)

static void
of_text(void **state)
{
	int64_t ends = 0;

	(void)state;
	assert_true(certificate_end(pem, strlen(pem), NULL, &ends));
	assert_int_equal(ends, ENDS);
}

static void
of_a_file(void **state)
{
	AUTO(free) char *path = folder_file("certificate", pem);
	int64_t ends = 0;

	(void)state;
	assert_true(certificate_end(NULL, 0, path, &ends));
	assert_int_equal(ends, ENDS);
	unlink(path);
	assert_false(certificate_end(NULL, 0, path, &ends));
}

static void
of_none(void **state)
{
	int64_t ends = 7;

	(void)state;
	assert_false(certificate_end("", 0, NULL, &ends));
	assert_false(certificate_end("no PEM", 6, NULL, &ends));
	for (size_t len = 0; len < strlen(pem) - 60; len += 7)
		assert_false(certificate_end(pem, len, NULL, &ends));
	assert_false(certificate_end(NULL, 0, NULL, &ends));
	assert_int_equal(ends, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_text),
		cmocka_unit_test_setup_teardown(of_a_file, folder_make, folder_remove),
		cmocka_unit_test(of_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
