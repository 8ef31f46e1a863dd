/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a cluster as its kinds are listed and watched: states, gaps, changes, and what lost its owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet/workload.h"
#include "kube/cluster.h"
#include "tests/unit/calls.h"

#define META(name, version)                                                         \
	"\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"uid\":\"u-" name \
	"\",\"resourceVersion\":\"" version "\""
#define OWNED(kind, owner)                                                                          \
	",\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"" kind "\",\"name\":\"" owner \
	"\",\"uid\":\"u\","                                                                         \
	"\"controller\":true}]"
#define SPEC "{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"env\":[{\"name\":\"A\",\"value\":\"b\"}]}]}"
#define TEMPLATE ",\"spec\":{\"template\":{\"spec\":" SPEC "}}"
#define DEPLOYMENT(name, version) "{" META(name, version) "}" TEMPLATE "}"
#define REPLICA_SET(name, version, owner) "{" META(name, version) owner "}}"
#define POD(name, version, owner) "{" META(name, version) owner "},\"spec\":" SPEC "}"
#define LIST(items) "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"100\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

#define DEPLOYMENTS "/apis/apps/v1/deployments"
#define REPLICA_SETS "/apis/apps/v1/replicasets"
#define PODS "/api/v1/pods"

struct test {
	struct cluster *c;
	size_t changed; /* calls */
};

static void
on_changed(void *ctx)
{
	((struct test *)ctx)->changed++;
}

static int
setup(void **state)
{
	calls_open();
	*state = mem_alloc(sizeof(struct test));
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	cluster_free(t->c);
	calls_close();
	free(t);
	return 0;
}

static void
start(struct test *t, const char *namespace, bool watch)
{
	t->c = cluster_new(&(struct cluster_options){
		.loop = calls.loop, .namespace = namespace, .watch = watch, .ctx = t, .changed = on_changed});
}

/* What a server tells that has these groups: their kinds, as JSON. */
static void
discover(const char *groups)
{
	AUTO(free) char *text = mem_printf("{\"kind\":\"APIGroupDiscoveryList\",\"items\":[%s]}", groups);

	calls_answer(calls_wait("=/apis"), text);
	calls_answer(calls_wait("/version"), "{\"major\":\"1\",\"minor\":\"30\"}");
}

static void
turn(void)
{
	struct err e;

	assert_true(loop_once(calls.loop, 0, &e));
}

/* Of each kind what is in the table; the others are empty. Until no list is open any more. */
struct served {
	const char *path, *items; /* items NULL: status */
	int status;
};

static void
serve(const struct served *at, size_t n)
{
	struct kube_call *c;

	calls_wait("limit=500");
	while ((c = calls_find("limit=500"))) {
		size_t len = strcspn(c->path, "?"), i = 0;

		while (i < n && (strlen(at[i].path) != len || memcmp(at[i].path, c->path, len) != 0))
			i++;
		if (i < n && at[i].status)
			calls_refuse(c, at[i].status, "");
		else
			calls_answer(c, i < n ? at[i].items : LIST(""));
		turn();
		turn();
	}
}

static void
agree(void)
{
	for (struct kube_call *c = calls.open; c; c = c->next)
		if (strstr(c->path, "watch=1"))
			calls_started(c);
}

static const struct served owned[] = {
	{DEPLOYMENTS, LIST(DEPLOYMENT("d", "1")), 0},
	{REPLICA_SETS, LIST(REPLICA_SET("d-1", "2", OWNED("Deployment", "d")) "," REPLICA_SET("bare", "3", "")), 0},
	{PODS,
	 LIST(POD("d-1-a", "4", OWNED("ReplicaSet", "d-1")) "," POD("bare-a", "5", OWNED("ReplicaSet", "bare"))),
	 0},
};

static const struct object *
find(const struct object_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->at[i]->name, name))
			return set->at[i];
	return NULL;
}

static bool
is_brief(const struct test *t, const char *pod)
{
	struct object_set set = {0};
	const struct object *o;
	bool brief;

	cluster_objects(t->c, &set);
	o = find(&set, pod);
	assert_non_null(o);
	brief = object_pod(o)->template.brief;
	object_set_free(&set);
	return brief;
}

static struct cluster_changes
changes(struct test *t)
{
	struct cluster_changes ch;

	cluster_take_changes(t->c, &ch);
	return ch;
}

/* --- once --- */

static void
test_once(void **state)
{
	struct test *t = *state;
	struct object_set set = {0};
	struct cluster_status s;
	AUTO(arena) struct arena a = {0};
	struct gap *gaps;

	start(t, NULL, false);
	assert_int_equal(cluster_status(t->c).state, CLUSTER_LOADING);
	discover("");
	assert_false(cluster_settled(t->c));
	serve(owned, COUNT_OF(owned));
	assert_true(cluster_settled(t->c));
	s = cluster_status(t->c);
	assert_int_equal(s.state, CLUSTER_LIVE);
	assert_int_equal(s.kinds, 11);
	assert_int_equal(s.listed, 11);
	assert_int_equal(s.absent, n_resources - 11);
	assert_int_equal(s.objects, 4); /* a bare ReplicaSet's pods speak for it */
	cluster_objects(t->c, &set);
	assert_null(find(&set, "bare"));
	assert_true(object_pod(find(&set, "d-1-a"))->template.brief);
	assert_false(object_pod(find(&set, "bare-a"))->template.brief);
	object_set_free(&set);
	assert_int_equal(cluster_gaps(t->c, &a, &gaps), 0);
	assert_int_equal(calls.watches, 0);
	assert_int_equal(calls.lists, 11); /* no kind that the server does not have was asked for */
}

/* Owners before what they own, and not everything at once. */
static void
test_order(void **state)
{
	struct test *t = *state;
	size_t open = 0;

	start(t, NULL, false);
	discover("");
	calls_wait("limit=500");
	turn();
	for (struct kube_call *c = calls.open; c; c = c->next)
		open++;
	assert_int_equal(open, 4);
	assert_null(calls_find(REPLICA_SETS));
	assert_null(calls_find(PODS));
	serve(NULL, 0);
	assert_true(cluster_settled(t->c));
}

/* --- what may not be read, or cannot be --- */

static const struct gap *
find_gap(const struct gap *gaps, size_t n, const char *kind, enum fact fact)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(gaps[i].kind, kind) && gaps[i].fact == fact)
			return &gaps[i];
	return NULL;
}

static void
test_gaps(void **state)
{
	static const struct served served[] = {
		{"/apis/networking.k8s.io/v1/networkpolicies", NULL, 403},
		{"/api/v1/configmaps",
		 "{\"kind\":\"ConfigMapList\",\"items\":[{\"metadata\":{\"name\":\"m\",\"namespace\":\"x\"},"
		 "\"data\":7}]}",
		 0},
		{"/api/v1/services", NULL, 500},
		{"/apis/cilium.io/v2/ciliumnetworkpolicies", NULL, 403},
	};
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	const struct gap *g;
	struct gap *gaps;
	size_t n;

	start(t, NULL, false);
	discover("{\"metadata\":{\"name\":\"cilium.io\"},\"versions\":[{\"version\":\"v2\",\"resources\":["
		 "{\"resource\":\"ciliumnetworkpolicies\"}]}]}");
	while (!cluster_settled(t->c))
		serve(served, COUNT_OF(served));
	n = cluster_gaps(t->c, &a, &gaps);
	assert_int_equal(n, 4);
	g = find_gap(gaps, n, "NetworkPolicy", FACT_POLICIES);
	assert_string_equal(g->reason, "forbidden: needs list networkpolicies.networking.k8s.io");
	assert_string_equal(g->namespace, "");
	g = find_gap(gaps, n, "CiliumNetworkPolicy", FACT_POLICIES);
	assert_string_equal(g->reason, "forbidden: needs list ciliumnetworkpolicies.cilium.io");
	g = find_gap(gaps, n, "ConfigMap", FACT_CONFIG_MAPS);
	assert_string_equal(g->namespace, "x");
	assert_non_null(strstr(g->reason, "ConfigMap x/m"));
	g = find_gap(gaps, n, "Service", FACT_SERVICES);
	assert_string_equal(g->reason, "status 500");
	assert_int_equal(cluster_status(t->c).forbidden, 2);
	assert_int_equal(cluster_status(t->c).bad, 1);
}

static void
test_forbidden(void **state)
{
	struct test *t = *state;

	start(t, NULL, false);
	calls_refuse(calls_wait("=/apis"), 403, "Forbidden");
	calls_refuse(calls_wait("/version"), 403, "Forbidden");
	/* nothing is known of the server's kinds: each is asked for */
	calls_wait("limit=500");
	while (calls_find("limit=500")) {
		calls_refuse(calls_find("limit=500"), 403, "Forbidden");
		turn();
		turn();
	}
	assert_true(cluster_settled(t->c));
	assert_int_equal(cluster_status(t->c).state, CLUSTER_FORBIDDEN);
	assert_int_equal(cluster_status(t->c).kinds, n_resources);
	assert_int_equal(calls.lists, n_resources);
}

static void
test_unreachable(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	struct gap *gaps;

	start(t, NULL, false);
	for (int i = 0; i < 3; i++) {
		calls_break(calls_wait("=/apis"), 0);
		calls_break(calls_wait("/version"), 0);
		turn();
		assert_int_equal(cluster_status(t->c).state, CLUSTER_FAILED);
		assert_string_equal(cluster_status(t->c).err.msg, "connection lost");
	}
	assert_true(cluster_settled(t->c));
	assert_int_equal(calls.lists, 0);
	assert_true(find_gap(gaps, cluster_gaps(t->c, &a, &gaps), "Deployment", FACT_WORKLOADS) != NULL);
}

/* One namespace: no request outside of it but for what has none, and its own Namespace by name. */
static void
test_namespace(void **state)
{
	static const char ns[] = "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies";
	static const struct served served[] = {{ns, NULL, 403}};
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	struct gap *gaps;
	size_t n;

	start(t, "n", false);
	discover("");
	calls_wait("/apis/apps/v1/namespaces/n/deployments?limit=500");
	assert_null(calls_find(PODS));
	calls_refuse(calls_wait("/api/v1/namespaces?fieldSelector=metadata.name%3Dn"), 403, "Forbidden");
	calls_refuse(calls_wait("/api/v1/namespaces/n"), 403, "Forbidden");
	serve(served, COUNT_OF(served));
	assert_true(cluster_settled(t->c));
	n = cluster_gaps(t->c, &a, &gaps);
	assert_int_equal(n, 1); /* the Namespace's name is known anyway */
	assert_string_equal(gaps[0].kind, "NetworkPolicy");
	assert_string_equal(gaps[0].namespace, "n");
}

/* Who may read one namespace and not the Namespace itself misses nothing, and hears nothing of it. */
static void
test_namespace_alone(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	struct gap *gaps;

	start(t, "n", false);
	discover("");
	calls_refuse(calls_wait("/api/v1/namespaces?fieldSelector=metadata.name%3Dn"), 403, "Forbidden");
	calls_refuse(calls_wait("/api/v1/namespaces/n"), 403, "Forbidden");
	serve(NULL, 0);
	assert_int_equal(cluster_status(t->c).state, CLUSTER_LIVE);
	assert_int_equal(cluster_status(t->c).err.kind, ERR_NONE);
	assert_int_equal(cluster_gaps(t->c, &a, &gaps), 0);
}

/* What may be listed but not watched is minutes old: that is not live. */
static void
test_unwatched(void **state)
{
	struct test *t = *state;

	start(t, NULL, true);
	discover("");
	serve(owned, COUNT_OF(owned));
	agree();
	calls_refuse(calls_wait(DEPLOYMENTS "?watch=1"), 403, "Forbidden");
	calls_answer(calls_wait(DEPLOYMENTS "?limit=500"), LIST(DEPLOYMENT("d", "1")));
	calls_refuse(calls_wait(DEPLOYMENTS "?watch=1"), 403, "Forbidden");
	assert_int_equal(cluster_status(t->c).state, CLUSTER_STALE);
	assert_int_equal(cluster_status(t->c).err.code, 403);
	assert_true(cluster_settled(t->c));
}

/* --- discovery --- */

static void
test_versions(void **state)
{
	struct test *t = *state;

	start(t, NULL, false);
	discover("{\"metadata\":{\"name\":\"policy.networking.k8s.io\"},\"versions\":["
		 "{\"version\":\"v1beta1\",\"resources\":[{\"resource\":\"clusternetworkpolicies\"}]},"
		 "{\"version\":\"v1alpha1\",\"resources\":[{\"resource\":\"adminnetworkpolicies\"}]}]},"
		 "{\"metadata\":{\"name\":\"projectcalico.org\"},\"versions\":[{\"version\":\"v3\",\"freshness\":"
		 "\"Stale\"}]}");
	while (!cluster_settled(t->c)) {
		struct kube_call *c = calls_wait("limit=500");

		if (strstr(c->path, "policy.networking"))
			assert_true(strstr(c->path, "/v1beta1/clusternetworkpolicies") ||
				    strstr(c->path, "/v1alpha1/adminnetworkpolicies"));
		calls_answer(c, LIST(""));
		turn();
		turn();
	}
	/* a group whose own server does not answer now may have any of its kinds */
	assert_int_equal(cluster_status(t->c).kinds, 11 + 2 + 2);
}

static void
test_old_discovery(void **state)
{
	struct test *t = *state;

	start(t, NULL, false);
	calls_answer(calls_wait("=/apis"),
		     "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"cilium.io\",\"versions\":["
		     "{\"groupVersion\":\"cilium.io/v2\",\"version\":\"v2\"}]}]}");
	calls_refuse(calls_wait("/version"), 500, "");
	serve(NULL, 0);
	assert_true(cluster_settled(t->c));
	assert_int_equal(cluster_status(t->c).kinds, 11 + 2);
}

/* --- watched --- */

static struct kube_call *
live(struct test *t, const char *path)
{
	struct cluster_changes ch;
	AUTO(free) char *watch = mem_printf("%s?watch=1", path);

	start(t, NULL, true);
	discover("");
	serve(owned, COUNT_OF(owned));
	agree();
	assert_int_equal(cluster_status(t->c).state, CLUSTER_LIVE);
	ch = changes(t);
	assert_true(ch.too_many); /* the first time everything is new */
	assert_int_equal(ch.n, 0);
	cluster_changes_free(&ch);
	return calls_wait(watch);
}

static void
test_changes(void **state)
{
	struct test *t = *state;
	struct kube_call *w = live(t, PODS);
	struct cluster_changes ch;
	size_t before = t->changed;

	calls_text(w, EVENT("MODIFIED", POD("bare-a", "6", OWNED("ReplicaSet", "bare"))));
	calls_text(w, EVENT("MODIFIED", POD("bare-a", "7", OWNED("ReplicaSet", "bare"))));
	calls_text(w, EVENT("ADDED", POD("new", "8", "")));
	calls_text(w, EVENT("ADDED", POD("short", "9", "")) EVENT("DELETED", POD("short", "10", "")));
	assert_true(t->changed > before);
	ch = changes(t);
	assert_false(ch.too_many);
	assert_int_equal(ch.n, 2); /* each once; what came and went between is not among them */
	assert_string_equal(ch.at[0].before->name, "bare-a");
	assert_string_equal(ch.at[0].after->name, "bare-a");
	assert_ptr_not_equal(ch.at[0].before, ch.at[0].after);
	assert_null(ch.at[1].before);
	assert_string_equal(ch.at[1].after->name, "new");
	cluster_changes_free(&ch);

	/* a version that is known already is no change, nor is what is not there taken away */
	before = t->changed;
	calls_text(w, EVENT("MODIFIED", POD("new", "8", "")) EVENT("DELETED", POD("short", "10", "")));
	assert_int_equal(t->changed, before);
	calls_text(w, EVENT("DELETED", POD("new", "11", "")));
	ch = changes(t);
	assert_int_equal(ch.n, 1);
	assert_string_equal(ch.at[0].before->name, "new");
	assert_null(ch.at[0].after);
	cluster_changes_free(&ch);
	assert_int_equal(calls.lists, 11); /* none but the first of each */
	assert_int_equal(calls.watches, 11);
}

/* A list that is read anew changes what is different, and takes away what is not in it. */
static void
test_relist(void **state)
{
	static const struct served served[] = {
		owned[0],
		owned[1],
		{PODS, LIST(POD("d-1-a", "4", OWNED("ReplicaSet", "d-1")) "," POD("x", "20", "")), 0}};
	struct test *t = *state;
	struct cluster_changes ch;

	live(t, PODS);
	cluster_refresh(t->c);
	discover("");
	assert_int_equal(cluster_status(t->c).objects, 4); /* nothing is gone until the new lists are here */
	serve(served, COUNT_OF(served));
	agree();
	assert_int_equal(cluster_status(t->c).state, CLUSTER_LIVE);
	ch = changes(t);
	assert_false(ch.too_many);
	assert_int_equal(ch.n, 2);
	cluster_changes_free(&ch);
}

static void
test_bad_change(void **state)
{
	struct test *t = *state;
	struct kube_call *w = live(t, PODS);

	calls_text(w, EVENT("MODIFIED", "{" META("bare-a", "6") "},\"spec\":{\"containers\":1}}"));
	assert_int_equal(cluster_status(t->c).bad, 1);
	assert_int_equal(cluster_status(t->c).objects, 3);
	calls_text(w, EVENT("MODIFIED", POD("bare-a", "7", "")));
	assert_int_equal(cluster_status(t->c).bad, 0);
	assert_int_equal(cluster_status(t->c).objects, 4);
	calls_text(w, EVENT("MODIFIED", "{" META("bare-a", "8") "},\"spec\":{\"containers\":1}}"));
	calls_text(w, EVENT("DELETED", "{" META("bare-a", "9") "}}"));
	assert_int_equal(cluster_status(t->c).bad, 0);
}

static void
test_stale(void **state)
{
	struct test *t = *state;
	struct kube_call *w = live(t, PODS);

	assert_true(cluster_status(t->c).heard_ms > 0);
	calls_break(w, 0);
	assert_int_equal(cluster_status(t->c).state, CLUSTER_STALE);
	assert_string_equal(cluster_status(t->c).err.msg, "connection lost");
	calls_started(calls_wait(PODS "?watch=1"));
	assert_int_equal(cluster_status(t->c).state, CLUSTER_LIVE);
}

/* After an outage nobody waits out a wait of its own: the first that gets through wakes the others. */
static void
test_together_again(void **state)
{
	struct test *t = *state;
	struct kube_call *pods = live(t, PODS), *replica_sets = calls_wait(REPLICA_SETS "?watch=1");

	calls.wait_ms = INT64_C(3600000);
	calls_break(calls_wait(DEPLOYMENTS "?watch=1"), 0);
	calls_end(replica_sets, &(struct kube_answer){.status = 429,
						      .err = {.kind = ERR_SOURCE, .code = 429, .msg = "too many"},
						      .retry_after_ms = 25000});
	calls.wait_ms = 0;
	assert_null(calls_find(DEPLOYMENTS "?watch=1"));
	calls_break(pods, 0);
	calls_started(calls_wait(PODS "?watch=1"));
	calls_started(calls_wait(DEPLOYMENTS "?watch=1"));
	assert_null(calls_find(REPLICA_SETS "?watch=1")); /* the server asked for that wait */
	assert_int_equal(cluster_status(t->c).retrying, 1);
}

/* --- what lost its owner --- */

static void
test_orphan(void **state)
{
	static const char pod[] = "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"," META("d-1-a", "4")
		OWNED("ReplicaSet", "d-1") "},\"spec\":" SPEC "}";
	struct test *t = *state;
	struct kube_call *w = live(t, DEPLOYMENTS);
	struct cluster_changes ch;

	assert_true(is_brief(t, "d-1-a"));
	calls_text(w, EVENT("DELETED", DEPLOYMENT("d", "30")));
	calls_answer(calls_wait("/api/v1/namespaces/n/pods/d-1-a"), pod);
	assert_false(is_brief(t, "d-1-a"));
	ch = changes(t);
	assert_int_equal(ch.n, 2); /* the Deployment, and the pod although its version is the same */
	cluster_changes_free(&ch);
	assert_int_equal(calls.lists, 11);
}

/* While it was read once more a watch took it away, or brought another one of that name: that holds. */
static void
test_orphan_gone(void **state)
{
	static const char pod[] = "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"," META("d-1-a", "4")
		OWNED("ReplicaSet", "d-1") "},\"spec\":" SPEC "}";
	struct test *t = *state;
	struct kube_call *w = live(t, DEPLOYMENTS), *get;
	size_t objects;

	calls_text(w, EVENT("DELETED", DEPLOYMENT("d", "30")));
	get = calls_wait("/api/v1/namespaces/n/pods/d-1-a");
	calls_text(calls_wait(PODS "?watch=1"), EVENT("DELETED", POD("d-1-a", "31", "")));
	objects = cluster_status(t->c).objects;
	calls_answer(get, pod);
	assert_int_equal(cluster_status(t->c).objects, objects);
}

/* A ReplicaSet is let go by its Deployment (kubectl delete --cascade=orphan). */
static void
test_let_go(void **state)
{
	struct test *t = *state;
	struct kube_call *w = live(t, REPLICA_SETS);

	calls_text(w, EVENT("MODIFIED", REPLICA_SET("d-1", "30", "")));
	calls_refuse(calls_wait("/api/v1/namespaces/n/pods/d-1-a"), 404, "NotFound");
	assert_true(is_brief(t, "d-1-a")); /* the watch will tell that it is gone */
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(once),	   TEST(order),		  TEST(gaps),		TEST(forbidden),
		TEST(unreachable), TEST(namespace_alone), TEST(unwatched),	TEST(namespace),
		TEST(versions),	   TEST(old_discovery),	  TEST(changes),	TEST(relist),
		TEST(bad_change),  TEST(stale),		  TEST(together_again), TEST(orphan),
		TEST(orphan_gone), TEST(let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
