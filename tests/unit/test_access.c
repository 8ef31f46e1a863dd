/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_kube.h"
#include "kube/access.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

struct asked {
	struct arena arena;
	int done;
};

static void
done(void *ctx)
{
	((struct asked *)ctx)->done++;
}

static void
answer(const char *wants, const char *status)
{
	fake_rule((struct fake_rule){"POST", REVIEWS, 201, status, wants, 0});
}

static void
ask(struct access_question *at, size_t n, struct asked *asked)
{
	struct err e;

	access_ask(&(struct access_args){.at = at, .n = n, .arena = &asked->arena, .ctx = asked, .done = done});
	assert_int_equal(asked->done, 0);
	while (!asked->done)
		assert_true(loop_once(fake.loop, 1000, &e));
}

static void
test_answers(void **state)
{
	struct access_question at[] = {
		{.verb = "patch", .group = "apps", .resource = "deployments", .namespace = "a", .name = "x"},
		{.verb = "get", .group = "", .resource = "pods", .subresource = "exec"},
		{.verb = "list", .group = "", .resource = "pods"},
		{.verb = "watch", .group = "", .resource = "pods"},
		{.verb = "get", .group = "", .resource = "services"},
		{.verb = "list", .group = "", .resource = "services"},
	};
	struct asked asked = {0};

	(void)state;
	answer("\"patch\"", "{\"status\":{\"allowed\":true,\"reason\":\"RBAC: allowed by x\\u001b[2J\"}}");
	answer("\"exec\"", "{\"status\":{\"allowed\":false}}");
	answer("\"watch\"", "{\"status\":{\"allowed\":false,\"evaluationError\":\"webhook is down\"}}");
	fake_rule((struct fake_rule){"POST", REVIEWS, 403, "forbidden", "\"services\"", 1});
	answer("\"services\"", "{\"status\":{}}");
	answer("\"list\"", "not JSON");
	ask(at, COUNT_OF(at), &asked);
	assert_int_equal(asked.done, 1);
	assert_int_equal(at[0].answer, ACCESS_YES);
	assert_string_equal(at[0].reason, "RBAC: allowed by x\\x1b[2J");
	assert_int_equal(at[1].answer, ACCESS_NO);
	assert_null(at[1].reason);
	assert_int_equal(at[2].answer, ACCESS_UNKNOWN);
	assert_int_equal(at[3].answer, ACCESS_UNKNOWN);
	assert_string_equal(at[3].reason, "webhook is down");
	assert_int_equal(at[4].answer, ACCESS_UNKNOWN);
	assert_string_equal(at[4].reason, "forbidden");
	assert_int_equal(at[5].answer, ACCESS_UNKNOWN);
	assert_non_null(at[5].reason);
	assert_non_null(strstr(buf_str(&fake.log),
			       "\"resourceAttributes\":{\"verb\":\"patch\",\"group\":\"apps\","
			       "\"resource\":\"deployments\",\"namespace\":\"a\",\"name\":\"x\"}"));
	assert_non_null(strstr(buf_str(&fake.log), "\"resource\":\"pods\",\"subresource\":\"exec\"}"));
	arena_free(&asked.arena);
}

static void
test_many_go_a_few_at_a_time(void **state)
{
	struct access_question at[50];
	struct asked asked = {0};
	struct err e;
	size_t most = 0;

	(void)state;
	answer(NULL, "{\"status\":{\"allowed\":true}}");
	for (size_t i = 0; i < COUNT_OF(at); i++)
		at[i] = (struct access_question){.verb = "get", .group = "", .resource = "pods"};
	access_ask(&(struct access_args){
		.at = at, .n = COUNT_OF(at), .arena = &asked.arena, .ctx = &asked, .done = done});
	while (!asked.done) {
		most = fake.under_way > most ? fake.under_way : most;
		assert_true(loop_once(fake.loop, 1000, &e));
	}
	assert_true(most > 1 && most < 20);
	for (size_t i = 0; i < COUNT_OF(at); i++)
		assert_int_equal(at[i].answer, ACCESS_YES);
	arena_free(&asked.arena);
}

static void
test_cancel(void **state)
{
	struct access_question at[20];
	struct asked asked = {0};
	struct access *a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(at); i++)
		at[i] = (struct access_question){.verb = "get", .group = "", .resource = "pods"};
	a = access_ask(&(struct access_args){
		.at = at, .n = COUNT_OF(at), .arena = &asked.arena, .ctx = &asked, .done = done});
	assert_true(loop_once(fake.loop, 1000, &e));
	access_cancel(a);
	assert_int_equal(fake.under_way, 0);
	assert_int_equal(asked.done, 0);
	access_cancel(NULL);
	arena_free(&asked.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, fake_open, fake_close),
		cmocka_unit_test_setup_teardown(test_many_go_a_few_at_a_time, fake_open, fake_close),
		cmocka_unit_test_setup_teardown(test_cancel, fake_open, fake_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
