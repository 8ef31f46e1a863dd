/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/role_yaml.h"

static void
a_cluster_role(void **state)
{
	struct role_yaml r = {.name = "moat", .user = "it's: me"};
	AUTO(buf) struct buf out = {0};

	(void)state;
	role_yaml_add(&r, "apps", "deployments", NULL, "list");
	role_yaml_add(&r, "", "pods", "exec", "get");
	role_yaml_add(&r, "apps", "deployments", NULL, "watch");
	role_yaml_add(&r, "apps", "deployments", NULL, "list");
	role_yaml_add(&r, "", "pods", NULL, "list");
	role_yaml_print(&r, &out);
	role_yaml_free(&r);
	assert_string_equal(buf_str(&out), "apiVersion: rbac.authorization.k8s.io/v1\n"
					   "kind: ClusterRole\n"
					   "metadata:\n"
					   "  name: moat\n"
					   "rules:\n"
					   "- apiGroups: ['apps']\n"
					   "  resources: ['deployments']\n"
					   "  verbs: ['list', 'watch']\n"
					   "- apiGroups: ['']\n"
					   "  resources: ['pods/exec']\n"
					   "  verbs: ['get']\n"
					   "- apiGroups: ['']\n"
					   "  resources: ['pods']\n"
					   "  verbs: ['list']\n"
					   "---\n"
					   "apiVersion: rbac.authorization.k8s.io/v1\n"
					   "kind: ClusterRoleBinding\n"
					   "metadata:\n"
					   "  name: moat\n"
					   "roleRef:\n"
					   "  apiGroup: rbac.authorization.k8s.io\n"
					   "  kind: ClusterRole\n"
					   "  name: moat\n"
					   "subjects:\n"
					   "- kind: User\n"
					   "  apiGroup: rbac.authorization.k8s.io\n"
					   "  name: 'it''s: me'\n");
}

static void
a_role_for_a_service_account(void **state)
{
	struct role_yaml r = {.name = "moat", .namespace = "ops", .user = "system:serviceaccount:tools:moat"};
	AUTO(buf) struct buf out = {0};

	(void)state;
	role_yaml_add(&r, "", "pods", NULL, "list");
	role_yaml_print(&r, &out);
	role_yaml_free(&r);
	assert_string_equal(buf_str(&out), "apiVersion: rbac.authorization.k8s.io/v1\n"
					   "kind: Role\n"
					   "metadata:\n"
					   "  name: moat\n"
					   "  namespace: 'ops'\n"
					   "rules:\n"
					   "- apiGroups: ['']\n"
					   "  resources: ['pods']\n"
					   "  verbs: ['list']\n"
					   "---\n"
					   "apiVersion: rbac.authorization.k8s.io/v1\n"
					   "kind: RoleBinding\n"
					   "metadata:\n"
					   "  name: moat\n"
					   "  namespace: 'ops'\n"
					   "roleRef:\n"
					   "  apiGroup: rbac.authorization.k8s.io\n"
					   "  kind: Role\n"
					   "  name: moat\n"
					   "subjects:\n"
					   "- kind: ServiceAccount\n"
					   "  namespace: 'tools'\n"
					   "  name: 'moat'\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_role),
		cmocka_unit_test(a_role_for_a_service_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
