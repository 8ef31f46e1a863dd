/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "fleet/modes.h"

#define NONE ID_UNSET

static struct mode_user
user(int64_t uid, int64_t gid, int64_t fs_group)
{
	return (struct mode_user){.uid = uid, .gid = gid, .fs_group = fs_group};
}

static enum secret_verdict
judge(int declared, struct mode_user u)
{
	AUTO(arena) struct arena a = {0};
	const char *reason = NULL;
	enum secret_verdict verdict = mode_judge(
		&a, mode_effective((struct file_mode){.value = declared, .set = true}, u.fs_group), u, &reason);

	assert_true(reason && *reason);
	return verdict;
}

/* The table measured on a node: mode, then without and with fsGroup as effective, then who reads it. */
static void
as_measured(void **state)
{
	static const struct {
		int declared, plain, grouped;
		enum secret_verdict user_1000, user_1000_fs_group;
	} rows[] = {
		{0400, 0400, 0440, SECRET_UNREADABLE, SECRET_OK},
		{0440, 0440, 0440, SECRET_UNREADABLE, SECRET_OK},
		{0600, 0600, 0640, SECRET_UNREADABLE, SECRET_OK},
		{0640, 0640, 0640, SECRET_UNREADABLE, SECRET_OK},
		{0444, 0444, 0444, SECRET_EXPOSED, SECRET_EXPOSED},
		{0644, 0644, 0644, SECRET_EXPOSED, SECRET_EXPOSED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct file_mode mode = {.value = rows[i].declared, .set = true};

		assert_int_equal(mode_effective(mode, NONE), rows[i].plain);
		assert_int_equal(mode_effective(mode, 2000), rows[i].grouped);
		assert_int_equal(judge(rows[i].declared, user(1000, 1000, NONE)), rows[i].user_1000);
		assert_int_equal(judge(rows[i].declared, user(1000, NONE, 2000)), rows[i].user_1000_fs_group);
	}
}

/* Which bits Pipelock refuses: of 0000 to 0777 only these four and less pass. */
static void
refused_modes(void **state)
{
	(void)state;
	for (int mode = 0; mode <= 0777; mode++) {
		bool exposed = judge(mode, user(0, 0, NONE)) == SECRET_EXPOSED;

		assert_int_equal(exposed, (mode & ~0640) != 0);
	}
	assert_int_equal(judge(440, user(65534, NONE, 65534)), SECRET_EXPOSED); /* a decimal 440 is 0670 */
	assert_int_equal(judge(0500, user(65534, NONE, 65534)), SECRET_EXPOSED);
	assert_int_equal(judge(0604, user(65534, NONE, 65534)), SECRET_EXPOSED);
}

static void
root_reads_everything(void **state)
{
	(void)state;
	assert_int_equal(judge(0400, user(0, NONE, NONE)), SECRET_OK);
	assert_int_equal(judge(0440, user(0, 1000, NONE)), SECRET_OK);
	assert_int_equal(judge(0600, user(0, NONE, 2000)), SECRET_OK);
}

static void
group_zero(void **state)
{
	struct mode_user member = user(1000, 1000, NONE);

	(void)state;
	assert_int_equal(judge(0440, user(1000, 0, NONE)), SECRET_OK);
	assert_int_equal(judge(0400, user(1000, 0, NONE)), SECRET_UNREADABLE);
	assert_int_equal(judge(0440, user(1000, NONE, NONE)), SECRET_DEPENDS);
	assert_int_equal(judge(0400, user(1000, NONE, NONE)), SECRET_UNREADABLE);
	assert_int_equal(judge(0440, user(1000, NONE, 0)), SECRET_OK);
	member.in_root_group = true;
	assert_int_equal(judge(0640, member), SECRET_OK);
	assert_int_equal(judge(0600, member), SECRET_UNREADABLE);
}

static void
unknown_users(void **state)
{
	struct mode_user non_root = user(NONE, NONE, NONE);

	(void)state;
	assert_int_equal(judge(0400, non_root), SECRET_DEPENDS);
	assert_int_equal(judge(0440, non_root), SECRET_DEPENDS);
	assert_int_equal(judge(0440, user(NONE, 1000, NONE)), SECRET_DEPENDS);
	assert_int_equal(judge(0440, user(NONE, NONE, 2000)), SECRET_OK);
	non_root.non_root = true;
	assert_int_equal(judge(0400, non_root), SECRET_UNREADABLE);
	assert_int_equal(judge(0440, non_root), SECRET_DEPENDS);
	non_root.gid = 1000;
	assert_int_equal(judge(0440, non_root), SECRET_UNREADABLE);
	non_root.fs_group = 2000;
	assert_int_equal(judge(0400, non_root), SECRET_OK);
}

static void
reasons(void **state)
{
	AUTO(arena) struct arena a = {0};
	const char *reason;

	(void)state;
	mode_judge(&a, 0400, user(65534, NONE, NONE), &reason);
	assert_string_equal(reason, "0400 root:root, no fsGroup: uid 65534 is neither owner nor group");
	mode_judge(&a, 0444, user(65534, NONE, 2000), &reason);
	assert_string_equal(reason, "0444 root:2000: everybody can read it, which Pipelock refuses");
	mode_judge(&a, 0660, user(65534, NONE, 2000), &reason);
	assert_string_equal(reason, "0660 root:2000: its group can write it, which Pipelock refuses");
	mode_judge(&a, 0500, user(65534, NONE, NONE), &reason);
	assert_string_equal(reason, "0500 root:root, no fsGroup: it is executable, which Pipelock refuses");
	mode_judge(&a, 0440, user(65534, NONE, NONE), &reason);
	assert_string_equal(reason, "0440 root:root, no fsGroup: readable if the image gives uid 65534 gid 0, "
				    "as it does for a uid it does not know");
	mode_judge(&a, 0440, user(1000, 2000, NONE), &reason);
	assert_string_equal(reason,
			    "0440 root:root, no fsGroup: uid 1000 with gid 2000 is neither owner nor group");
	mode_judge(&a, 0440, user(1000, NONE, 2000), &reason);
	assert_string_equal(reason, "0440 root:2000: readable by the fsGroup");
}

static void
whose_context_counts(void **state)
{
	static const int64_t groups[] = {5, 0};
	struct pod_spec pod = {.security = {.run_as_user = 1000, .run_as_group = 1001, .run_as_non_root = 1},
			       .fs_group = 2000,
			       .supplemental_groups = groups,
			       .n_supplemental_groups = 1};
	struct container c = {.security = {.run_as_user = NONE, .run_as_group = NONE, .run_as_non_root = -1}};
	struct mode_user u = mode_user(&pod, &c);

	(void)state;
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 1001);
	assert_int_equal(u.fs_group, 2000);
	assert_true(u.non_root);
	assert_false(u.in_root_group);
	pod.n_supplemental_groups = 2;
	c.security = (struct security){.run_as_user = 0, .run_as_group = 0, .run_as_non_root = 0};
	u = mode_user(&pod, &c);
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 0);
	assert_false(u.non_root);
	assert_true(u.in_root_group);
}

static void
whose_mode_counts(void **state)
{
	struct volume v = {.default_mode = {.value = 0644}};
	struct volume_item item = {.mode = {.value = 0644}};

	(void)state;
	assert_int_equal(mode_declared(&v, NULL).value, 0644);
	assert_false(mode_declared(&v, NULL).set);
	v.default_mode = (struct file_mode){.value = 0440, .set = true, .octal = true, .line = 3};
	assert_int_equal(mode_declared(&v, &item).value, 0440);
	item.mode = (struct file_mode){.value = 0400, .set = true, .line = 7};
	assert_int_equal(mode_declared(&v, &item).value, 0400);
	assert_int_equal(mode_declared(&v, &item).line, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_measured),		 cmocka_unit_test(refused_modes),
		cmocka_unit_test(root_reads_everything), cmocka_unit_test(group_zero),
		cmocka_unit_test(unknown_users),	 cmocka_unit_test(reasons),
		cmocka_unit_test(whose_context_counts),	 cmocka_unit_test(whose_mode_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
