/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of the kinds, as the API server has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "kube/resource.h"

static void
path_is(const char *kind, const char *namespace, const char *name, const char *sub, const char *wanted)
{
	AUTO(buf) struct buf path = {0};

	resource_path(&path, resource_by_kind(kind), namespace, name, sub);
	assert_string_equal(buf_str(&path), wanted);
}

static void
paths(void **state)
{
	(void)state;
	path_is("Pod", NULL, NULL, NULL, "/api/v1/pods");
	path_is("Pod", "a", "x", "exec", "/api/v1/namespaces/a/pods/x/exec");
	path_is("Deployment", "a", "x", NULL, "/apis/apps/v1/namespaces/a/deployments/x");
	path_is("Namespace", "ignored", "a", NULL, "/api/v1/namespaces/a");
	path_is("NetworkPolicy", "a", NULL, NULL, "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies");
	path_is("Pod", "a/../b", "x?y=1", NULL, "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy%3D1");
}

static void
queries(void **state)
{
	AUTO(buf) struct buf path = {0};

	(void)state;
	buf_adds(&path, "/api/v1/pods");
	resource_query(&path, "limit", "500");
	resource_query(&path, "continue", "a+b/c=&");
	assert_string_equal(buf_str(&path), "/api/v1/pods?limit=500&continue=a%2Bb%2Fc%3D%26");
}

static void
unknown_kind(void **state)
{
	(void)state;
	assert_null(resource_by_kind("Secret")); /* never read */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(queries),
		cmocka_unit_test(unknown_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
