/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and watches, and what goes wrong with them: what a reflector asks for, and what it tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kube/reflector.h"
#include "tests/unit/calls.h"

#define POD(name, version)                                                                                        \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"resourceVersion\":\"" version "\"},\"spec\":" \
	"{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define BAD_POD(name)                     \
	"{\"metadata\":{\"name\":\"" name \
	"\",\"namespace\":\"n\",\"resourceVersion\":\"9\"},\"spec\":{\"containers\":7}}"
#define PAGE(version, token, items)                                                                \
	"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" version \
	"\",\"continue\":\"" token "\"},\"items\":[" items "]}\n"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version) EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define WHOLE(version)                                                                          \
	EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" version "\",\"annotations\":" \
			  "{\"k8s.io/initial-events-end\":\"true\"}}}")
#define STATUS(code, reason) \
	"{\"kind\":\"Status\",\"code\":" code ",\"reason\":\"" reason "\",\"message\":\"the message\"}"

struct test {
	struct resource resource;
	struct reflector *r;
	struct buf log; /* what it told */
};

/* --- what it tells --- */

static void
on_begin(void *ctx, UNUSED struct reflector *r)
{
	buf_adds(&((struct test *)ctx)->log, "begin ");
}

static void
on_put(void *ctx, UNUSED struct reflector *r, struct object *o, const char *version)
{
	buf_addf(&((struct test *)ctx)->log, "put:%s@%s ", o->name, version);
	object_unref(o);
}

static void
on_gone(void *ctx, UNUSED struct reflector *r, const char *namespace, const char *name)
{
	buf_addf(&((struct test *)ctx)->log, "gone:%s/%s ", namespace, name);
}

static void
on_commit(void *ctx, UNUSED struct reflector *r)
{
	buf_adds(&((struct test *)ctx)->log, "commit ");
}

static void
on_abandon(void *ctx, UNUSED struct reflector *r)
{
	buf_adds(&((struct test *)ctx)->log, "abandon ");
}

static void
on_bad(void *ctx, UNUSED struct reflector *r, const char *namespace, const char *name, const struct err *e)
{
	assert_non_null(strstr(e->msg, name));
	buf_addf(&((struct test *)ctx)->log, "bad:%s/%s ", namespace, name);
}

static void
on_changed(void *ctx, struct reflector *r)
{
	static const char *const states[] = {"LISTING", "LIVE", "DONE", "RETRYING", "FORBIDDEN", "ABSENT"};

	buf_addf(&((struct test *)ctx)->log, "%s ", states[reflector_status(r).state]);
}

/* --- the tests' own --- */

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));

	calls_open();
	t->resource = *resource_by_kind("Pod");
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	reflector_free(t->r);
	calls_close();
	buf_free(&t->log);
	free(t);
	return 0;
}

static void
start(struct test *t, struct reflector_options opt)
{
	opt.loop = calls.loop;
	opt.resource = &t->resource;
	opt.events = (struct reflector_events){.ctx = t,
					       .begin = on_begin,
					       .put = on_put,
					       .gone = on_gone,
					       .commit = on_commit,
					       .abandon = on_abandon,
					       .bad = on_bad,
					       .changed = on_changed};
	t->r = reflector_new(&opt);
}

/* What was told since the last time. */
static void
told(struct test *t, const char *want)
{
	assert_string_equal(buf_str(&t->log), want);
	buf_clear(&t->log);
}

static bool
asked(const struct kube_call *c, const char *part)
{
	return strstr(c->path, part) != NULL;
}

/* A list of one pod is read, and its watch agreed to; returns the watch. */
static struct kube_call *
watched(struct test *t)
{
	struct kube_call *w;

	start(t, (struct reflector_options){.watch = true});
	calls_answer(calls_wait("limit=500"), PAGE("10", "", POD("a", "3")));
	w = calls_wait("watch=1");
	assert_true(asked(w, "resourceVersion=10"));
	calls_started(w);
	told(t, "begin put:a@3 commit LIVE ");
	return w;
}

/* --- lists --- */

static void
test_pages(void **state)
{
	struct test *t = *state;
	struct kube_call *c;

	start(t, (struct reflector_options){.namespace = "x"});
	c = calls_wait("/api/v1/namespaces/x/pods?limit=500");
	assert_false(asked(c, "continue"));
	assert_false(asked(c, "resourceVersion"));
	calls_answer(c, PAGE("10", "t+/=", POD("a", "3") "," POD("b", "12")));
	calls_answer(calls_wait("limit=500&continue=t%2B%2F%3D"), PAGE("10", "", POD("c", "4")));
	told(t, "begin put:a@3 put:b@12 put:c@4 commit DONE ");
	assert_true(reflector_status(t->r).listed);
	assert_int_equal(calls.lists, 2);
	assert_int_equal(calls.watches, 0);
}

static void
test_empty(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){0});
	calls_answer(calls_wait("limit=500"),
		     "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":null}");
	told(t, "begin commit DONE ");
}

/* What was read of a page before it broke off is read again. */
static void
test_damaged_page(void **state)
{
	static const char page[] = PAGE("10", "", POD("b", "12"));
	struct test *t = *state;
	struct kube_call *c;

	start(t, (struct reflector_options){0});
	calls_answer(calls_wait("limit=500"), PAGE("10", "more", POD("a", "3")));
	c = calls_wait("continue=more");
	assert_true(calls_data(c, page, sizeof(page) - 4));
	calls_break(c, 200);
	calls_answer(calls_wait("continue=more"), "<html>");
	calls_answer(calls_wait("continue=more"), "{\"kind\":\"Status\",\"items\":[]}");
	calls_answer(calls_wait("continue=more"), page);
	told(t, "begin put:a@3 put:b@12 put:b@12 commit DONE ");
}

static void
test_damage_without_end(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){.watch = true});
	for (int i = 0; i < 4; i++)
		calls_answer(calls_wait("limit=500"), "{\"kind\":\"PodList\",\"items\":[{]");
	told(t, "begin abandon RETRYING ");
	calls_answer(calls_wait("limit=500"), PAGE("10", "", ""));
	calls_started(calls_wait("watch=1"));
	told(t, "begin commit LIVE ");
}

/* The list went out of date between two pages: from the start, and if that happens again without pages. */
static void
test_expired_page(void **state)
{
	struct test *t = *state;
	struct kube_call *c;

	start(t, (struct reflector_options){0});
	calls_answer(calls_wait("limit=500"), PAGE("10", "more", POD("a", "3")));
	calls_refuse(calls_wait("continue=more"), 410, "Expired");
	calls_answer(calls_wait("limit=500"), PAGE("11", "again", POD("a", "3")));
	calls_refuse(calls_wait("continue=again"), 410, "Expired");
	c = calls_wait("/pods");
	assert_string_equal(c->path, "/api/v1/pods");
	calls_answer(c, PAGE("12", "", POD("b", "4")));
	told(t, "begin put:a@3 put:a@3 put:b@4 commit DONE ");
}

static void
test_bad_item(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){0});
	calls_answer(calls_wait("limit=500"), PAGE("10", "", POD("a", "3") "," BAD_POD("b") "," POD("c", "4")));
	told(t, "begin put:a@3 bad:n/b put:c@4 commit DONE ");
}

static void
test_forbidden(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){.watch = true});
	calls_refuse(calls_wait("limit=500"), 403, "Forbidden");
	told(t, "begin abandon FORBIDDEN ");
	assert_int_equal(reflector_status(t->r).err.code, 403);
	/* asked for again: what was wrong stays the state until something else is known */
	reflector_relist(t->r);
	calls_answer(calls_wait("limit=500"), PAGE("10", "", ""));
	calls_started(calls_wait("watch=1"));
	told(t, "begin commit LIVE ");
}

static void
test_absent(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){.watch = true});
	calls_refuse(calls_wait("limit=500"), 404, "NotFound");
	told(t, "begin commit ABSENT ");
	assert_false(reflector_status(t->r).listed);
}

/* Nobody watches: a server that is not well is not waited for without end. */
static void
test_gives_up(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){0});
	for (int i = 0; i < 5; i++) {
		assert_false(reflector_status(t->r).gave_up);
		calls_refuse(calls_wait("limit=500"), 503, "");
	}
	assert_true(reflector_status(t->r).gave_up);
	assert_int_equal(reflector_status(t->r).state, REFLECTOR_RETRYING);
	told(t, "begin abandon RETRYING begin abandon begin abandon begin abandon begin abandon ");
}

static void
test_retry_after(void **state)
{
	struct test *t = *state;
	struct kube_answer a = {.status = 429, .retry_after_ms = 60};
	int64_t begun;

	start(t, (struct reflector_options){0});
	begun = clock_ms();
	calls_end(calls_wait("limit=500"), &a);
	calls_answer(calls_wait("limit=500"), PAGE("10", "", ""));
	assert_true(clock_ms() - begun >= 60);
}

static void
test_metadata(void **state)
{
	struct test *t = *state;
	struct kube_call *c;

	t->resource = *resource_by_kind("ReplicaSet");
	start(t, (struct reflector_options){.watch = true});
	c = calls_wait("/apis/apps/v1/replicasets?limit=500");
	assert_non_null(strstr(c->accept, "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"));
	calls_answer(
		c, "{\"kind\":\"PartialObjectMetadataList\",\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[{"
		   "\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/"
		   "v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"2\"}}]}");
	c = calls_wait("watch=1");
	assert_non_null(strstr(c->accept, "as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"));
	told(t, "begin put:a@2 commit ");
}

/* --- one object by its name --- */

static void
test_name(void **state)
{
	struct test *t = *state;

	t->resource = *resource_by_kind("Namespace");
	start(t, (struct reflector_options){.name = "x", .watch = true});
	calls_answer(calls_wait("/api/v1/namespaces?fieldSelector=metadata.name%3Dx&limit=500"),
		     "{\"kind\":\"NamespaceList\",\"metadata\":{\"resourceVersion\":\"10\"},\"items\":["
		     "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"2\"}}]}");
	calls_started(calls_wait("/api/v1/namespaces?fieldSelector=metadata.name%3Dx&watch=1"));
	told(t, "begin put:x@2 commit LIVE ");
}

static void
test_name_by_get(void **state)
{
	struct test *t = *state;

	t->resource = *resource_by_kind("Namespace");
	start(t, (struct reflector_options){.name = "x", .watch = true});
	calls_refuse(calls_wait("limit=500"), 403, "Forbidden");
	calls_answer(calls_wait("/api/v1/namespaces/x"),
		     "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\","
		     "\"resourceVersion\":\"2\"}}");
	told(t, "begin put:x@2 commit DONE ");
	reflector_relist(t->r);
	calls_refuse(calls_wait("limit=500"), 403, "Forbidden");
	calls_refuse(calls_wait("/api/v1/namespaces/x"), 404, "NotFound");
	told(t, "begin commit ");
	reflector_relist(t->r);
	calls_refuse(calls_wait("limit=500"), 403, "Forbidden");
	calls_refuse(calls_wait("/api/v1/namespaces/x"), 403, "Forbidden");
	told(t, "begin abandon FORBIDDEN ");
}

/* --- watches --- */

static void
test_events(void **state)
{
	static const char events[] = EVENT("ADDED", POD("b", "11")) EVENT("MODIFIED", POD("a", "12"))
		EVENT("MODIFIED", BAD_POD("c")) BOOKMARK("15") EVENT("DELETED", POD("b", "16"));
	struct test *t = *state;
	struct kube_call *w = watched(t);

	/* a byte at a time: lines are cut anywhere */
	for (size_t i = 0; i < sizeof(events) - 1; i++)
		assert_true(calls_data(w, events + i, 1));
	told(t, "put:b@11 put:a@12 bad:n/c gone:n/b ");
	assert_true(reflector_status(t->r).heard_ms > 0);
	/* the server ends it, as it does now and then: it goes on from the last version, and nobody hears of it */
	calls_whole(w);
	w = calls_wait("watch=1");
	assert_true(asked(w, "resourceVersion=16"));
	assert_true(asked(w, "allowWatchBookmarks=true"));
	calls_started(w);
	calls_text(w, BOOKMARK("20"));
	calls_whole(w);
	assert_true(asked(calls_wait("watch=1"), "resourceVersion=20"));
	told(t, "");
	assert_int_equal(calls.lists, 1);
}

static void
test_large_line(void **state)
{
	struct test *t = *state;
	struct kube_call *w = watched(t);
	AUTO(buf) struct buf line = {0};

	buf_adds(&line, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"big\",\"resourceVersion\":\"11\","
			"\"annotations\":"
			"{\"x\":\"");
	buf_fill(&line, '}', 3 << 20);
	buf_adds(&line, "\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}\n" BOOKMARK("12"));
	for (size_t at = 0; at < line.len; at += 16384)
		assert_true(calls_data(w, line.data + at, line.len - at < 16384 ? line.len - at : 16384));
	told(t, "put:big@11 ");
}

static void
test_broken(void **state)
{
	struct test *t = *state;
	struct kube_call *w = watched(t);
	static const char half[] = EVENT("ADDED", POD("b", "13"));

	calls_text(w, BOOKMARK("12"));
	assert_true(calls_data(w, half, sizeof(half) / 2));
	calls_break(w, 200);
	told(t, "RETRYING ");
	w = calls_wait("watch=1");
	assert_true(asked(w, "resourceVersion=12"));
	calls_break(w, 0);
	w = calls_wait("watch=1");
	calls_started(w);
	calls_text(w, half);
	told(t, "LIVE put:b@13 ");
	assert_int_equal(calls.lists, 1);
}

/* Every form in which a server says that a version is too old, or not there yet. */
static void
test_expired(void **state)
{
	static const char *const errors[] = {
		EVENT("ERROR", STATUS("410", "Expired")),
		EVENT("ERROR", STATUS("410", "Gone")),
		EVENT("ERROR", "{\"kind\":\"Status\",\"code\":504,\"reason\":\"Timeout\",\"details\":{\"causes\":["
			       "{\"reason\":\"ResourceVersionTooLarge\"}]}}"),
	};
	struct test *t = *state;
	struct kube_call *w = watched(t);
	struct kube_answer too_large = {.status = 504, .rv_too_large = true};

	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		assert_false(calls_data(w, errors[i], strlen(errors[i])));
		told(t, "RETRYING ");
		calls_answer(calls_wait("limit=500"), PAGE("30", "", ""));
		w = calls_wait("resourceVersion=30");
		calls_started(w);
		told(t, "begin commit LIVE ");
	}
	calls_refuse(w, 410, "Expired");
	calls_answer(calls_wait("limit=500"), PAGE("40", "", ""));
	calls_end(calls_wait("resourceVersion=40"), &too_large);
	calls_answer(calls_wait("limit=500"), PAGE("50", "", ""));
	calls_wait("resourceVersion=50");
	told(t, "RETRYING begin commit RETRYING begin commit ");
	assert_int_equal(calls.lists, 6);
}

/* An error that says nothing of the version: the watch goes on from where it was. */
static void
test_other_errors(void **state)
{
	static const char internal[] = EVENT("ERROR", STATUS("500", "InternalError"));
	struct test *t = *state;
	struct kube_call *w = watched(t);

	calls_text(w, BOOKMARK("12"));
	assert_false(calls_data(w, internal, sizeof(internal) - 1));
	told(t, "RETRYING ");
	assert_non_null(strstr(reflector_status(t->r).err.msg, "the message"));
	w = calls_wait("resourceVersion=12");
	calls_refuse(w, 429, "TooManyRequests");
	w = calls_wait("resourceVersion=12");
	calls_started(w);
	assert_int_equal(calls.lists, 1);
}

static void
test_garbage(void **state)
{
	static const char *const garbage[] = {
		"<html>",
		"{\"type\":\"ADDED\"}\n",
		"{\"type\":\"DANCED\",\"object\":{}}",
		EVENT("ADDED", "{\"metadata\":{\"name\":\"x\"}}"),
		"{\"type\":\"ADDED\",\"object\":{\"a\":}}",
		"[]",
		"{}}",
	};
	struct test *t = *state;
	struct kube_call *w = watched(t);

	for (size_t i = 0; i < COUNT_OF(garbage); i++) {
		calls_text(w, BOOKMARK("12"));
		buf_clear(&t->log);
		assert_false(calls_data(w, garbage[i], strlen(garbage[i])));
		w = calls_wait("resourceVersion=12"); /* first from where it was good */
		calls_started(w);
		assert_false(calls_data(w, garbage[i], strlen(garbage[i])));
		calls_answer(calls_wait("limit=500"), PAGE("10", "", "")); /* then from the start */
		w = calls_wait("resourceVersion=10");
		calls_started(w);
		told(t, "RETRYING LIVE RETRYING begin commit LIVE ");
	}
}

/* The right to read was taken away; what was read is kept, and said to be forbidden. */
static void
test_forbidden_later(void **state)
{
	struct test *t = *state;

	calls_refuse(watched(t), 403, "Forbidden");
	calls_refuse(calls_wait("limit=500"), 403, "Forbidden");
	told(t, "begin LISTING abandon FORBIDDEN ");
}

/* The kind was taken away. */
static void
test_absent_later(void **state)
{
	struct test *t = *state;

	t->resource.optional = true;
	calls_refuse(watched(t), 404, "NotFound");
	calls_refuse(calls_wait("limit=500"), 404, "NotFound");
	told(t, "begin LISTING commit ABSENT ");
}

/* No server is without pods: what stands before one that is away says so, and what was read of it is kept. */
static void
test_never_absent(void **state)
{
	struct test *t = *state;

	calls_refuse(watched(t), 404, "NotFound");
	calls_refuse(calls_wait("limit=500"), 404, "NotFound");
	told(t, "begin LISTING abandon RETRYING ");
	assert_int_equal(reflector_status(t->r).err.code, 404);
	calls_answer(calls_wait("limit=500"), PAGE("12", "", POD("a", "3")));
	calls_started(calls_wait("resourceVersion=12"));
	told(t, "begin put:a@3 commit LIVE ");
}

static void
test_list_only(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){.watch = true});
	calls_answer(calls_wait("limit=500"), PAGE("10", "", POD("a", "3")));
	calls_refuse(calls_wait("watch=1"), 403, "Forbidden");
	told(t, "begin put:a@3 commit DONE ");
	assert_int_equal(reflector_status(t->r).err.code, 403);
}

static void
test_relist(void **state)
{
	struct test *t = *state;

	watched(t);
	reflector_relist(t->r);
	assert_null(calls.open);
	calls_answer(calls_wait("limit=500"), PAGE("20", "", POD("b", "15")));
	calls_started(calls_wait("resourceVersion=20"));
	told(t, "begin LISTING put:b@15 commit LIVE ");
}

/* --- streaming lists --- */

static void
test_stream(void **state)
{
	struct test *t = *state;
	struct kube_call *w;

	start(t, (struct reflector_options){.watch = true, .stream = true});
	w = calls_wait("watch=1");
	assert_true(asked(w, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
	assert_false(asked(w, "resourceVersion="));
	calls_started(w);
	calls_text(w, EVENT("ADDED", POD("a", "3")) BOOKMARK("4") EVENT("ADDED", POD("b", "2")));
	told(t, "begin put:a@3 put:b@2 ");
	calls_text(w, WHOLE("10"));
	told(t, "commit LIVE ");
	calls_text(w, EVENT("MODIFIED", POD("b", "11")));
	calls_whole(w);
	w = calls_wait("resourceVersion=11");
	assert_false(asked(w, "sendInitialEvents"));
	told(t, "put:b@11 ");
	assert_int_equal(calls.lists, 0);
}

/* What was streamed was watched as well: rights that are taken away later are asked for at once, not in minutes. */
static void
test_stream_refused_later(void **state)
{
	struct test *t = *state;
	struct kube_call *w;

	start(t, (struct reflector_options){.watch = true, .stream = true});
	w = calls_wait("sendInitialEvents");
	calls_started(w);
	calls_text(w, EVENT("ADDED", POD("a", "3")) WHOLE("10"));
	calls_whole(w);
	calls_refuse(calls_wait("resourceVersion=10"), 403, "Forbidden");
	calls_refuse(calls_wait("sendInitialEvents"), 403, "Forbidden");
	calls_refuse(calls_wait("limit=500"), 403, "Forbidden");
	told(t, "begin put:a@3 commit LIVE begin LISTING abandon FORBIDDEN ");
}

/* Whatever is wrong with it: pages, and no second attempt. */
static void
test_no_stream(void **state)
{
	struct test *t = *state;
	struct kube_call *w;

	start(t, (struct reflector_options){.watch = true, .stream = true});
	w = calls_wait("sendInitialEvents");
	calls_started(w);
	calls_text(w, EVENT("ADDED", POD("x", "3")));
	calls_whole(w);
	calls_answer(calls_wait("limit=500"), PAGE("10", "", POD("a", "3")));
	w = calls_wait("resourceVersion=10");
	calls_started(w);
	told(t, "begin put:x@3 put:a@3 commit LIVE ");
	reflector_relist(t->r);
	calls_wait("limit=500");
}

static void
test_stream_refused(void **state)
{
	struct test *t = *state;

	start(t, (struct reflector_options){.watch = true, .stream = true});
	calls_refuse(calls_wait("sendInitialEvents"), 422, "Invalid");
	calls_answer(calls_wait("limit=500"), PAGE("10", "", POD("a", "3")));
	calls_started(calls_wait("resourceVersion=10"));
	told(t, "begin put:a@3 commit LIVE ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages),	    TEST(empty),	  TEST(damaged_page), TEST(damage_without_end),
		TEST(expired_page), TEST(bad_item),	  TEST(forbidden),    TEST(absent),
		TEST(gives_up),	    TEST(retry_after),	  TEST(metadata),     TEST(name),
		TEST(name_by_get),  TEST(events),	  TEST(large_line),   TEST(broken),
		TEST(expired),	    TEST(other_errors),	  TEST(garbage),      TEST(forbidden_later),
		TEST(absent_later), TEST(list_only),	  TEST(relist),	      TEST(stream),
		TEST(no_stream),    TEST(stream_refused), TEST(never_absent),
		TEST(stream_refused_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
