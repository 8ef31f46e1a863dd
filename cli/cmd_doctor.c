/* SPDX-License-Identifier: Apache-2.0 */
/* moat doctor: does the server answer, as whom, and what may that user do for moat? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/role_yaml.h"
#include "kube/access.h"
#include "kube/certificate.h"
#include "kube/resource.h"

#define SOON_S (7 * 24 * 3600) /* a certificate that ends within a week is warned of */
#define SKEW_S 30 /* seconds between the clocks that are worth a word */

/* ---- what moat needs, and what for */

struct need {
	const char *feature; /* the first column */
	const char *verb, *group, *resource, *subresource;
	const char *cost; /* of doing without */
	unsigned flags;
};

#define CLUSTER_WIDE 1u /* not asked for when one namespace is all that is read */
#define WRITES 2u /* not asked for with --read-only */
#define RECREATES 4u /* asked for with --recreate alone: who may delete pods can do more than restart them */
#define ADDS_CONTAINERS 8u /* asked for with --ephemeral alone */

#define NO_WORKLOAD "agents and companions of this kind are not seen, except by their pods"
#define NOT_LIVE "the console does not follow changes of it"
#define NO_RECREATE "no bare pod can be recreated"
#define NO_LOG \
	"where a ConfigMap changed after its companion started, it is not known which of the two configs runs"
#define NO_HEALTH "/health of companions (--health, moat show, the console) cannot be asked"
#define NO_EPHEMERAL "agents with nothing to dial with cannot be probed"
#define NO_EXEC "bypass probes cannot be run, nor the config file in a companion's pod compared (moat show)"
#define READ(group, resource, cost)                                  \
	{"fleet", "list", group, resource, NULL, cost, 0},           \
	{                                                            \
		"fleet", "watch", group, resource, NULL, NOT_LIVE, 0 \
	}
#define RESTART(resource, cost)                                          \
	{"restart", "get", "apps", resource, NULL, cost, WRITES},        \
	{                                                                \
		"restart", "patch", "apps", resource, NULL, cost, WRITES \
	}

/* Those of one resource and feature stand together: they become one line where the answers are the same. */
static const struct need needs[] = {
	READ("apps", "deployments", NO_WORKLOAD),
	READ("apps", "statefulsets", NO_WORKLOAD),
	READ("apps", "daemonsets", NO_WORKLOAD),
	READ("apps", "replicasets", "pods cannot be told to belong to a Deployment that is hidden"),
	READ("batch", "jobs", NO_WORKLOAD),
	READ("batch", "cronjobs", NO_WORKLOAD),
	READ("", "pods", "nothing is known of what runs: readiness, versions, drift"),
	READ("", "services", "agents cannot be paired with companions by their proxy variables"),
	READ("", "configmaps", "what companions are configured to do is not known"),
	READ("networking.k8s.io", "networkpolicies", "no egress rule can be judged"),
	{"fleet", "list", "", "namespaces", NULL, "policies that select namespaces by label cannot be evaluated",
	 CLUSTER_WIDE},
	{"fleet", "watch", "", "namespaces", NULL, NOT_LIVE, CLUSTER_WIDE},
	{"logs", "get", "", "pods", "log", NO_LOG, 0},
	{"health", "get", "", "pods", "portforward", NO_HEALTH, 0},
	{"health", "create", "", "pods", "portforward", NO_HEALTH " on newer servers", 0},
	{"probe", "get", "", "pods", "exec", NO_EXEC, WRITES},
	{"probe", "create", "", "pods", "exec", NO_EXEC " on newer servers", WRITES},
	{"probe", "get", "", "pods", NULL, NO_EPHEMERAL, WRITES | ADDS_CONTAINERS},
	{"probe", "patch", "", "pods", "ephemeralcontainers", NO_EPHEMERAL, WRITES | ADDS_CONTAINERS},
	RESTART("deployments", "no Deployment can be restarted"),
	RESTART("statefulsets", "no StatefulSet can be restarted"),
	RESTART("daemonsets", "no DaemonSet can be restarted"),
	{"recreate", "create", "", "pods", NULL, NO_RECREATE, WRITES | RECREATES},
	{"recreate", "delete", "", "pods", NULL, NO_RECREATE, WRITES | RECREATES},
};

static const char exec_warning[] = "who may get pods/exec can run commands in every pod of that scope, on many "
				   "servers without create: a role that is "
				   "meant for reading should not have it";

struct doctor {
	struct cli *cli;
	struct loop *loop;
	struct kube *kube;
	struct arena arena;
	enum table_format format;
	size_t waiting; /* answers */

	const char *version; /* "v1.36.3" */
	int64_t latency_ms;
	const char *user; /* NULL: the server does not say */
	struct err failed; /* of the connection */

	VEC(struct need) needs;
	struct access_question *questions; /* one a need */
};

/* ---- asking */

static bool
wait_all(struct doctor *d, struct err *e)
{
	while (d->waiting)
		if (!loop_once(d->loop, -1, e))
			return false;
	return true;
}

static const char *
answer_text(struct doctor *d, const struct kube_answer *a, const char *path)
{
	AUTO(arena) struct arena scratch = {0};
	struct node *root;
	struct err e;

	if (!a->ok || !json_parse(&scratch, "the answer", a->body, a->body_len, 1, NULL, &root, &e))
		return NULL;
	return arena_strdup(&d->arena, node_str(node_path(root, path)));
}

static void
got_version(void *ctx, const struct kube_answer *a)
{
	struct doctor *d = ctx;

	d->waiting--;
	d->latency_ms += clock_ms();
	d->version = answer_text(d, a, "gitVersion");
	if (!a->ok && a->status != 403) /* a server that tells its version to nobody answers too */
		d->failed = a->err;
}

static void
got_user(void *ctx, const struct kube_answer *a)
{
	struct doctor *d = ctx;

	d->waiting--;
	d->user = answer_text(d, a, "status.userInfo.username");
}

/* Does the server have that kind of policy? Without it there is nothing to be allowed. */
struct discovery {
	struct doctor *d;
	const struct resource *resource;
};

/* A server that would not say may have it. */
static bool
may_have(const struct kube_answer *a, const char *plural)
{
	AUTO(arena) struct arena scratch = {0};
	struct node *root;
	struct err e;

	if (a->status == 404)
		return false;
	if (!a->ok || !json_parse(&scratch, "the answer", a->body, a->body_len, 1, NULL, &root, &e) ||
	    !node_get(root, "resources"))
		return true;
	node_each(r, node_get(root, "resources"))
		if (str_eq(node_get_str(r, "name"), plural))
			return true;
	return false;
}

static void
add_policy_needs(struct doctor *d, const struct resource *r)
{
	struct need need = {"fleet",
			    "list",
			    r->group,
			    r->plural,
			    NULL,
			    "agents that these select have no known egress",
			    r->namespaced ? 0 : CLUSTER_WIDE};

	if (need.flags & CLUSTER_WIDE && d->cli->namespace)
		return;
	vec_push(&d->needs, need);
	need.verb = "watch";
	need.cost = NOT_LIVE;
	vec_push(&d->needs, need);
}

static void
got_resources(void *ctx, const struct kube_answer *a)
{
	struct discovery *v = ctx;

	v->d->waiting--;
	if (may_have(a, v->resource->plural))
		add_policy_needs(v->d, v->resource);
}

static void
ask(struct doctor *d, struct kube_call_args args)
{
	d->waiting++;
	kube_start(d->kube, &args);
}

static bool
connect(struct doctor *d, struct err *e)
{
	d->latency_ms = -clock_ms();
	ask(d, (struct kube_call_args){.path = "/version", .ctx = d, .done = got_version});
	if (!wait_all(d, e))
		return false;
	if (d->failed.kind == ERR_NONE)
		return true;
	*e = d->failed;
	return false;
}

/* Who one is, and which policies of other engines there are: none of it is needed to go on. */
static bool
discover(struct doctor *d, struct err *e)
{
	static const char review[] = "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}";

	ask(d, (struct kube_call_args){.method = "POST",
				       .path = "/apis/authentication.k8s.io/v1/selfsubjectreviews",
				       .body = review,
				       .body_len = strlen(review),
				       .flags = KUBE_RETRY,
				       .ctx = d,
				       .done = got_user});
	for (size_t i = 0; i < n_resources; i++) {
		const struct resource *r = &resources[i];
		struct discovery *v;

		if (!r->optional)
			continue;
		v = ARENA_NEW(&d->arena, struct discovery);
		*v = (struct discovery){d, r};
		ask(d, (struct kube_call_args){
			       .path = arena_printf(&d->arena, "/apis/%s/%s", r->group, r->version),
			       .ctx = v,
			       .done = got_resources,
		       });
	}
	return wait_all(d, e);
}

static void
answered(void *ctx)
{
	((struct doctor *)ctx)->waiting--;
}

static bool
ask_permissions(struct doctor *d, struct err *e)
{
	unsigned left_out = 0;

	if (d->cli->namespace)
		left_out |= CLUSTER_WIDE;
	if (d->cli->read_only)
		left_out |= WRITES;
	if (!d->cli->recreate)
		left_out |= RECREATES;
	if (!d->cli->ephemeral)
		left_out |= ADDS_CONTAINERS;
	for (size_t i = 0; i < COUNT_OF(needs); i++)
		if (!(needs[i].flags & left_out))
			vec_push(&d->needs, needs[i]);
	if (!discover(d, e))
		return false;
	d->questions = ARENA_ARRAY(&d->arena, struct access_question, d->needs.n);
	for (size_t i = 0; i < d->needs.n; i++) {
		const struct need *need = &d->needs.at[i];

		d->questions[i] = (struct access_question){
			.verb = need->verb,
			.group = need->group,
			.resource = need->resource,
			.subresource = need->subresource,
			.namespace = need->flags & CLUSTER_WIDE ? NULL : d->cli->namespace,
		};
	}
	d->waiting = 1;
	access_ask(&(struct access_args){.kube = d->kube,
					 .at = d->questions,
					 .n = d->needs.n,
					 .arena = &d->arena,
					 .ctx = d,
					 .done = answered});
	return wait_all(d, e);
}

/* ---- what is said of the connection */

static const char *
credential_text(struct doctor *d, bool *warn)
{
	const struct kube_user *u = kube_context(d->kube)->user;
	int64_t ends;
	char when[24];

	if (!u)
		return "none: anonymous";
	if (u->exec)
		return arena_printf(&d->arena, "plugin %s", u->exec->command);
	if (u->token_path)
		return arena_printf(&d->arena, "token from %s", u->token_path);
	if (u->token)
		return "token";
	if (u->username)
		return arena_printf(&d->arena, "user %s with a password", u->username);
	if (!u->cert.data && !u->cert_path)
		return "none: anonymous";
	if (!certificate_end(u->cert.data, u->cert.len, u->cert_path, &ends))
		return "client certificate, whose end cannot be read";
	clock_format(ends, when);
	*warn = ends - clock_now() < SOON_S;
	return arena_printf(&d->arena, "client certificate, %s %s",
			    ends < clock_now() ? "which ended at" : "good until", when);
}

struct line {
	const char *name, *key, *text; /* key: in JSON */
	bool warn;
};

static size_t
connection_facts(struct doctor *d, struct line *out)
{
	const struct kube_context *c = kube_context(d->kube);
	int64_t skew = kube_clock_skew(d->kube);
	size_t n = 0;
	bool warn = false;
	const char *credential = credential_text(d, &warn);

	out[n++] = (struct line){"context", "context", c->name, false};
	out[n++] = (struct line){"server", "server", kube_server(d->kube), false};
	out[n++] = (struct line){"version", "version", d->version ? d->version : "unknown", false};
	if (!str_starts(c->cluster->server, "https:"))
		out[n++] = (struct line){"TLS", "tls", "none: everything goes in the clear", true};
	else if (c->cluster->insecure)
		out[n++] = (struct line){"TLS", "tls",
					 "INSECURE: insecure-skip-tls-verify, the server may be anybody", true};
	else
		out[n++] = (struct line){"TLS", "tls", "verified", false};
	out[n++] = (struct line){"answered", "latency",
				 arena_printf(&d->arena, "in %" PRId64 " ms, connecting included", d->latency_ms),
				 false};
	out[n++] = (struct line){"clocks", "clockSkew",
				 skew ? arena_printf(&d->arena, "%" PRId64 " s apart, the server's is %s",
						     skew < 0 ? -skew : skew, skew < 0 ? "behind" : "ahead")
				      : "agree",
				 skew > SKEW_S || skew < -SKEW_S};
	out[n++] = (struct line){"credential", "credential", credential, warn};
	out[n++] = (struct line){"user", "user", d->user ? d->user : "not told by the server", false};
	out[n++] = (struct line){"scope", "scope",
				 d->cli->namespace ? arena_printf(&d->arena, "namespace %s", d->cli->namespace)
						   : "all namespaces",
				 false};
	return n;
}

#define MOST_FACTS 12

/* ---- what is said of permissions */

static const char *
answer_word(enum access_answer a)
{
	return a == ACCESS_YES ? "yes" : a == ACCESS_NO ? "NO" : "unknown";
}

static size_t
count_missing(const struct doctor *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->needs.n; i++)
		n += d->questions[i].answer != ACCESS_YES;
	return n;
}

static bool
same_line(const struct doctor *d, size_t i, size_t k)
{
	const struct need *a = &d->needs.at[i], *b = &d->needs.at[k];

	return d->questions[i].answer == d->questions[k].answer && str_eq(a->feature, b->feature) &&
	       str_eq(a->group, b->group) && str_eq(a->resource, b->resource) &&
	       str_eq(a->subresource, b->subresource);
}

/* "list, watch deployments.apps" of those from the i-th on that have one answer; returns how many they are. */
static size_t
add_need(const struct doctor *d, struct buf *out, size_t i)
{
	const struct need *need = &d->needs.at[i];
	const struct access_question *q = &d->questions[i];
	AUTO(buf) struct buf may = {0};
	size_t n = 0;

	do
		buf_addf(&may, "%s%s", n ? ", " : "", d->needs.at[i + n].verb);
	while (i + ++n < d->needs.n && same_line(d, i, i + n));
	buf_addf(&may, " %s%s%s%s%s", need->resource, *need->group ? "." : "", need->group,
		 need->subresource ? "/" : "", need->subresource ? need->subresource : "");
	buf_addf(out, "%-8s %-46s ", need->feature, buf_str(&may));
	if (q->answer == ACCESS_YES)
		buf_adds(out, "yes\n");
	else
		buf_addf(out, "%-7s  %s\n", answer_word(q->answer), need->cost);
	if (q->answer == ACCESS_UNKNOWN && q->reason)
		buf_addf(out, "%-8s %s\n", "", q->reason);
	return n;
}

/* The rules of what is missing, each verb of one resource together. */
static void
missing_rules(const struct doctor *d, struct role_yaml *role)
{
	for (size_t i = 0; i < d->needs.n; i++) {
		const struct need *need = &d->needs.at[i];

		if (d->questions[i].answer != ACCESS_YES)
			role_yaml_add(role, need->group, need->resource, need->subresource, need->verb);
	}
}

static void
add_text(struct doctor *d, struct buf *out)
{
	struct role_yaml role = {.name = "moat", .namespace = d->cli->namespace, .user = d->user};
	struct line facts[MOST_FACTS];
	size_t n = connection_facts(d, facts), missing = count_missing(d);

	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "%-11s ", facts[i].name);
		text_safe(out, facts[i].text, strlen(facts[i].text));
		buf_adds(out, facts[i].warn ? "  (!)\n" : "\n");
	}
	buf_addf(out, "\n%-8s %-46s %-7s  %s\n", "FOR", "PERMISSION", "ALLOWED", "WITHOUT IT");
	for (size_t i = 0; i < d->needs.n;)
		i += add_need(d, out, i);
	buf_adds(out, "Secrets are never read, and no permission for them is wanted.\n");
	if (!d->cli->read_only)
		buf_addf(out, "Beware: %s.\n", exec_warning);
	if (!missing)
		return;
	missing_rules(d, &role);
	buf_addf(out, "\n%zu %s missing. This grants %s (leave out what is not wanted):\n\n", missing,
		 missing == 1 ? "permission is" : "permissions are", missing == 1 ? "it" : "them");
	role_yaml_print(&role, out);
	role_yaml_free(&role);
}

static json_t *
value(struct doctor *d)
{
	json_t *permissions = json_array(), *root = json_object();
	struct line facts[MOST_FACTS];
	size_t n = connection_facts(d, facts);

	for (size_t i = 0; i < n; i++)
		json_object_set_new(root, facts[i].key, json_string(facts[i].text));
	json_object_set_new(root, "latencyMs", json_integer(d->latency_ms));
	json_object_set_new(root, "clockSkewSeconds", json_integer(kube_clock_skew(d->kube)));
	for (size_t i = 0; i < d->needs.n; i++) {
		const struct need *need = &d->needs.at[i];
		const struct access_question *q = &d->questions[i];
		json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s, s:s}", "feature", need->feature,
				      "verb", need->verb, "group", need->group, "resource", need->resource,
				      "subresource", need->subresource, "namespace", q->namespace, "allowed",
				      q->answer == ACCESS_YES  ? "yes"
				      : q->answer == ACCESS_NO ? "no"
							       : "unknown",
				      "without", need->cost);

		if (q->reason)
			json_object_set_new(o, "reason", json_string(q->reason));
		json_array_append_new(permissions, o);
	}
	json_object_set_new(root, "permissions", permissions);
	json_object_set_new(root, "missing", json_integer((json_int_t)count_missing(d)));
	return root;
}

static bool
print(struct doctor *d, struct err *e)
{
	AUTO(buf) struct buf out = {0};

	if (d->format == TABLE_TEXT)
		add_text(d, &out);
	else
		output_value(&out, d->format, value(d));
	return output_stdout(&out, e);
}

static int
run(struct doctor *d, struct err *e)
{
	if (!connect(d, e) || !ask_permissions(d, e) || !print(d, e))
		return cli_fail(e);
	return count_missing(d) ? err_exit_status(ERR_INCOMPLETE) : 0;
}

static bool
check(struct doctor *d, struct err *e)
{
	if (!cli_no_args(d->cli, e) || !cli_table_format(d->cli, &d->format, e))
		return false;
	if (!cli_is_live(d->cli))
		return err_set(e, ERR_USAGE, 0, "moat doctor looks at a cluster: files (-f) need no permission");
	if (d->format == TABLE_WIDE || d->format == TABLE_NAME)
		return err_set(e, ERR_USAGE, 0, "moat doctor -o: table, json or yaml");
	return true;
}

int
cmd_doctor(struct cli *cli)
{
	struct doctor d = {.cli = cli};
	struct err e = {0};
	int status;

	if (!check(&d, &e))
		return cli_fail(&e);
	d.kube = cli_connect(cli, &d.loop, &e);
	if (d.kube)
		cli_end_by_signals(d.loop, d.kube);
	status = d.kube ? run(&d, &e) : cli_fail(&e);
	kube_free(d.kube);
	loop_free(d.loop);
	vec_free(&d.needs);
	arena_free(&d.arena);
	return status;
}
