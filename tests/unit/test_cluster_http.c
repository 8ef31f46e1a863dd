/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster read from a server that is not well: what is asked, how often, and what is known in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "kube/backoff.h"
#include "kube/cluster.h"
#include "tests/unit/http_server.h"

#define ENOUGH_MS 30000 /* a bound for what takes a second or two */

#define POD(name, version)                                                           \
	"{'metadata':{'name':'" name "','namespace':'n','resourceVersion':'" version \
	"'},'spec':{'containers':[{'name':"                                          \
	"'c','image':'i'}]}}"
#define LIST(version, token, items) \
	"{'kind':'List','metadata':{'resourceVersion':'" version "','continue':'" token "'},'items':[" items "]}"
#define KINDS                                                                  \
	"{'path':'/apis','body':{'kind':'APIGroupDiscoveryList','items':[]}}," \
	"{'path':'/version','body':{'major':'1','minor':'30'}},"
#define OTHERS                                                \
	"{'path':'.*watch=1.*','chunks':[],'stall_after':0}," \
	"{'path':'.*limit=500','body':" LIST("5", "", "") "}"

struct test {
	struct loop *loop;
	struct http_server server;
	struct kube *kube;
	struct cluster *cluster;
	char *requests; /* GET /_stats */
};

/* In place of kube/backoff.c: nothing is waited for but what the server asks for. */
int64_t
backoff_between(int64_t low, UNUSED int64_t high)
{
	return low;
}

int64_t
backoff_next(UNUSED struct backoff *b)
{
	return 10;
}

void
backoff_reset(UNUSED struct backoff *b)
{
}

static void
on_changed(UNUSED void *ctx)
{
}

static void
start(struct test *t, const char *routes, bool watch)
{
	AUTO(free) char *script = mem_printf("[%s]", routes);
	AUTO(free) char *text = NULL;
	const struct kube_context *context;
	struct kubeconfig *config;
	struct err e;

	t->server = http_server_start(script);
	text = mem_printf("apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: "
			  "{cluster: c, user: u}}]\n"
			  "users: [{name: u, user: {token: t}}]\nclusters: [{name: c, cluster: {server: "
			  "'http://127.0.0.1:%d'}}]\n",
			  t->server.port);
	config = kubeconfig_parse("config", text, strlen(text), &e);
	context = config ? kubeconfig_context(config, NULL, &e) : NULL;
	t->kube = context ? kube_new(t->loop, config, context, &(struct kube_options){0}, &e) : NULL;
	if (!t->kube)
		fail_msg("%s", e.msg);
	t->cluster = cluster_new(&(struct cluster_options){
		.kube = t->kube, .loop = t->loop, .watch = watch, .ctx = t, .changed = on_changed});
}

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));
	struct err e;

	t->loop = loop_new(&e);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	cluster_free(t->cluster);
	kube_free(t->kube);
	http_server_stop(&t->server);
	loop_free(t->loop);
	free(t->requests);
	free(t);
	return 0;
}

/* Until the condition holds. */
static void
wait_for(struct test *t, bool (*fn)(struct test *t))
{
	int64_t begun = clock_ms();
	struct err e;

	while (!fn(t)) {
		if (clock_ms() - begun > ENOUGH_MS)
			fail_msg("it does not come: %s", cluster_status(t->cluster).err.msg);
		assert_true(loop_once(t->loop, 100, &e));
	}
}

static bool
is_settled(struct test *t)
{
	return cluster_settled(t->cluster);
}

static void
stats_done(void *ctx, const struct kube_answer *a)
{
	struct test *t = ctx;

	assert_true(a->ok);
	t->requests = mem_strdup(a->body);
}

static bool
has_requests(struct test *t)
{
	return t->requests != NULL;
}

/* Requests of just that path; of a watch what stands behind "watch=1" may be anything. */
static size_t
count(struct test *t, const char *path)
{
	AUTO(free) char *part = mem_printf("\"path\": \"%s", path);
	size_t n = 0;

	if (!t->requests) {
		kube_start(t->kube, &(struct kube_call_args){.path = "/_stats", .ctx = t, .done = stats_done});
		wait_for(t, has_requests);
	}
	for (const char *p = t->requests; (p = strstr(p, part)); p += strlen(part))
		n += p[strlen(part)] == (str_ends(path, "watch=1") ? '&' : '"');
	return n;
}

static bool
has(const struct test *t, const char *names)
{
	struct object_set set = {0};
	AUTO(buf) struct buf found = {0};

	cluster_objects(t->cluster, &set);
	for (size_t i = 0; i < set.n; i++)
		buf_addf(&found, "%s ", set.at[i]->name);
	object_set_free(&set);
	return strcmp(buf_str(&found), names) == 0;
}

/* --- once --- */

/* clang-format off */
static const char unwell_lists[] = KINDS
	"{'path':'/api/v1/pods.limit=500','times':1,'status':503},"
	"{'path':'/api/v1/pods.limit=500','times':1,'status':429,'headers':{'Retry-After':'1'}},"
	"{'path':'/api/v1/pods.limit=500','gzip':true,'body':" LIST("9", "two", POD("a", "1")) "},"
	"{'path':'/api/v1/pods.limit=500&continue=two','times':1,'cut_after':60,'body':" LIST("9", "three", POD("b", "2")) "},"
	"{'path':'/api/v1/pods.limit=500&continue=two','times':1,'reset':true},"
	"{'path':'/api/v1/pods.limit=500&continue=two','times':1,'status':500},"
	"{'path':'/api/v1/pods.limit=500&continue=two','gzip':true,'chunked':true,'body':" LIST("9", "three", POD("b", "2")) "},"
	"{'path':'/api/v1/pods.limit=500&continue=three','body':" LIST("9", "", POD("c", "3")) "},"
	"{'path':'/apis/batch/v1/jobs.*','status':403,'body':'no'},"
	"{'path':'/apis/batch/v1/cronjobs.*','status':404,'body':'none'},"
	OTHERS;
/* clang-format on */

static void
test_list_from_an_unwell_server(void **state)
{
	struct test *t = *state;

	start(t, unwell_lists, false);
	wait_for(t, is_settled);
	assert_true(has(t, "a b c "));
	assert_int_equal(cluster_status(t->cluster).state, CLUSTER_LIVE);
	assert_int_equal(cluster_status(t->cluster).forbidden, 1);
	assert_int_equal(count(t, "/api/v1/pods?limit=500"), 3);
	assert_int_equal(count(t, "/api/v1/pods?limit=500&continue=two"), 4);
	assert_int_equal(count(t, "/api/v1/pods?limit=500&continue=three"), 1);
	assert_int_equal(count(t, "/apis/batch/v1/jobs?limit=500"), 1);
	assert_int_equal(count(t, "/apis/batch/v1/cronjobs?limit=500"), 1);
	assert_int_equal(count(t, "/apis"), 1);
}

static void
test_no_server(void **state)
{
	struct test *t = *state;

	start(t, "{'reset':true}", false);
	wait_for(t, is_settled);
	assert_int_equal(cluster_status(t->cluster).state, CLUSTER_FAILED);
	assert_int_equal(cluster_status(t->cluster).err.kind, ERR_SOURCE);
	assert_true(kube_counts(t->kube).requests <= 6); /* the list of kinds and the version, three times */
}

static void
test_unknown_user(void **state)
{
	struct test *t = *state;

	start(t,
	      "{'status':401,'body':{'kind':'Status','message':'Unauthorized','reason':'Unauthorized','code':401}}",
	      false);
	wait_for(t, is_settled);
	assert_int_equal(cluster_status(t->cluster).state, CLUSTER_FORBIDDEN);
	assert_int_equal(cluster_status(t->cluster).err.kind, ERR_DENIED);
}

/* --- watched --- */

static bool
has_second(struct test *t)
{
	return cluster_status(t->cluster).state == CLUSTER_LIVE && has(t, "a second ");
}

static bool
has_all(struct test *t)
{
	return cluster_status(t->cluster).state == CLUSTER_LIVE && has(t, "a third ");
}

/* clang-format off */
static const char unwell_watches[] = KINDS
	"{'path':'/api/v1/pods.limit=500','times':1,'body':" LIST("9", "", POD("a", "1")) "},"
	"{'path':'/api/v1/pods.limit=500','body':" LIST("20", "", POD("a", "1") "," POD("third", "14")) "},"
	"{'path':'/api/v1/pods.watch=1.*resourceVersion=9','chunks':["
		"'{\\'type\\':\\'ADDED\\',\\'obj',{'wait_ms':50},"
		"'ect\\':{\\'metadata\\':{\\'name\\':\\'second\\',\\'namespace\\':\\'n\\',\\'resourceVersion\\':\\'11\\'},"
		"\\'spec\\':{\\'containers\\':[{\\'name\\':\\'c\\',\\'image\\':\\'i\\'}]}}}',"
		"{'type':'BOOKMARK','object':{'metadata':{'resourceVersion':'12'}}},{'wait_ms':500}],'cut_after':0},"
	"{'path':'/api/v1/pods.watch=1.*resourceVersion=12','times':1,'status':500},"
	"{'path':'/api/v1/pods.watch=1.*resourceVersion=12','chunks':["
		"{'type':'ERROR','object':{'kind':'Status','code':410,'reason':'Expired','message':'too old'}}]},"
	OTHERS;
/* clang-format on */

/*
 * A watch brings a pod in two pieces and is cut off, goes on from the bookmark, and says in a 200 that its version is
 * too old: one more list, of that kind alone.
 */
static void
test_watch_of_an_unwell_server(void **state)
{
	struct test *t = *state;

	start(t, unwell_watches, true);
	wait_for(t, has_second);
	wait_for(t, has_all);
	assert_int_equal(count(t, "/api/v1/pods?limit=500"), 2);
	assert_int_equal(count(t, "/api/v1/pods?watch=1"), 4);
	/* while their watches live the others are not listed again */
	assert_int_equal(count(t, "/api/v1/services?limit=500"), 1);
	assert_int_equal(count(t, "/api/v1/services?watch=1"), 1);
	assert_int_equal(count(t, "/apis/apps/v1/deployments?limit=500"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(list_from_an_unwell_server),
		TEST(no_server),
		TEST(unknown_user),
		TEST(watch_of_an_unwell_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
