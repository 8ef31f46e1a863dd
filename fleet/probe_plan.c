/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/probe_plan.h"

#include <string.h>

#include "base/cidr.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/endpoint.h"
#include "fleet/image.h"
#include "fleet/live.h"
#include "fleet/outside.h"
#include "fleet/proof.h"
#include "fleet/proxy.h"

#define DNS_PORT 53
#define LONGEST_NAME 253 /* of a host in DNS */

/* ---- targets */

static bool
is_address(const char *host)
{
	enum ip_family family;
	struct ip ip;

	return ip_parse(host, &family, &ip);
}

/* A name as DNS has it, or an address; never what a program could take for an option or for an address in disguise. */
static bool
is_host(const char *host)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t len = strlen(host);
	const char *last;

	if (is_address(host))
		return true;
	if (!len || len > LONGEST_NAME || strspn(host, name) != len || *host == '-' || *host == '.' ||
	    strstr(host, ".."))
		return false;
	last = strrchr(host, '.');
	last = last ? last + 1 : host;
	return last[strspn(last, "0123456789")] &&
	       !str_starts(last, "0x"); /* 1.1, 127.0.1 and 0x7f.1 are addresses in disguise */
}

static bool
expected(const char *text, struct err *e)
{
	return err_set(e, ERR_USAGE, 0, "%s: HOST:PORT is expected, such as %s:%d or [2606:4700::1111]:443", text,
		       PROBE_DEFAULT_HOST, PROBE_DEFAULT_PORT);
}

bool
probe_target_parse(const char *text, bool no_control, struct arena *a, struct probe_target *out, struct err *e)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	int64_t port;

	if (!colon || !str_i64(colon + 1, &port) || port < 1 || port > 65535)
		return expected(text, e);
	if (brackets) {
		host++;
		len -= 2;
	}
	host = arena_strndup(a, host, len);
	if (!is_host(host) || (strchr(host, ':') != NULL) != brackets)
		return expected(text, e);
	if (port != 80 && port != 443 && !no_control)
		return err_set(
			e, ERR_USAGE, 0,
			"%s: the control goes through the companion, which lets ports 80 and 443 out: name one of "
			"them, or add --no-control (then nothing counts as blocked)",
			text);
	*out = (struct probe_target){host, (int)port};
	return true;
}

const char *
probe_target_text(const struct probe_target *t, struct arena *a)
{
	return arena_printf(a, strchr(t->host, ':') ? "[%s]:%d" : "%s:%d", t->host, t->port);
}

/* Where would a bypass lead? Names and addresses of the cluster's own are no way out. */
static bool
is_outside(const char *host)
{
	static const char *const inside[] = {".svc", ".local", ".internal", ".localhost"};
	enum ip_family family;
	struct ip ip;

	if (ip_parse(host, &family, &ip))
		return ip_is_public(family, ip);
	for (size_t i = 0; i < COUNT_OF(inside); i++)
		if (str_ends(host, inside[i]))
			return false;
	return strchr(host, '.');
}

/* In strict mode Pipelock refuses all but its allowlist: the first entry that is one host outside; NULL for none. */
static const char *
allowed_host(const struct pipelock *p)
{
	const char *mode;

	if (!p || !p->config_known)
		return NULL;
	mode = p->mode_option ? p->mode_option : p->config.mode;
	if (!str_eq(mode, "strict"))
		return NULL;
	for (size_t i = 0; i < p->config.n_api_allowlist; i++) {
		const char *host = p->config.api_allowlist[i];

		if (is_host(host) && is_outside(host))
			return host;
	}
	return NULL;
}

static const struct pipelock *
firewall_of(const struct workload *w)
{
	return w->companion ? w->companion->pipelock : w->pipelock;
}

static struct probe_target
choose_target(const struct workload *w, const struct probe_plan_options *opt)
{
	const char *host;

	if (opt->target.host)
		return opt->target;
	host = allowed_host(firewall_of(w));
	return (struct probe_target){host ? host : PROBE_DEFAULT_HOST, PROBE_DEFAULT_PORT};
}

/* A resolver outside is an address; what was named as target answers on 53 as likely as not, the default does. */
static struct probe_target
choose_dns(const struct probe_plan_options *opt)
{
	bool named = opt->target.host && is_address(opt->target.host);

	return (struct probe_target){named ? opt->target.host : PROBE_DEFAULT_HOST, DNS_PORT};
}

/* ---- the way through the companion */

struct proxy_way {
	const char *host; /* NULL: none */
	int port;
};

/* Of an agent whose companion is in a namespace that was not read the name has to do. */
static bool
is_firewall(const struct fleet *f, const struct workload *w, const char *host)
{
	const struct service *s;
	const char *namespace;
	size_t len;

	if (!w->companion)
		return outside_names(f, host, &namespace, &len);
	s = fleet_resolve_host(f, w->namespace, host);
	return s && (s == w->service || fleet_companion_behind(f, s) == w->companion);
}

/* Does a proxy variable of the agent lead to its firewall? Then as written there: that name has to resolve. */
static bool
follow(const struct fleet *f, const struct workload *w, const struct proxy_url *url, struct proxy_way *out)
{
	const char *host = url->host;

	if (!url->valid || (url->loopback ? !w->pipelock : !is_firewall(f, w, host)))
		return false;
	if (url->loopback && !is_address(host))
		host = "127.0.0.1";
	*out = (struct proxy_way){host, url->port};
	return true;
}

static int
port_of_service(const struct workload *w)
{
	if (w->service_port)
		return w->service_port;
	if (w->endpoint && w->endpoint->port)
		return w->endpoint->port->port;
	return w->service->n_ports ? w->service->ports[0].port : 0;
}

static struct proxy_way
find_way(const struct fleet *f, const struct workload *w, const struct container *c, struct arena *a)
{
	struct proxy_way way = {0};
	struct proxy_var vars[2];
	size_t n = proxy_vars(f, w->namespace, c, PROXY_HTTPS, a, vars);

	for (size_t i = 0; i < n; i++)
		if (vars[i].env.state == ENV_SET && follow(f, w, &vars[i].url, &way))
			return way;
	if (w->companion && w->service && port_of_service(w))
		return (struct proxy_way){
			arena_printf(a, "%s.%s.svc", w->service->object.name, w->service->object.namespace),
			port_of_service(w)};
	if (!w->companion && w->pipelock && w->pipelock->listen_port)
		return (struct proxy_way){"127.0.0.1", w->pipelock->listen_port};
	return (struct proxy_way){0};
}

/* ---- pods and containers */

static bool
is_candidate(const struct pod *p)
{
	return live_is_ready(p) && p->node && str_eq(p->phase, "Running");
}

static const struct container_status *
status_of(const struct pod *p, const char *container)
{
	for (size_t i = 0; i < p->n_statuses; i++)
		if (strcmp(p->statuses[i].name, container) == 0)
			return &p->statuses[i];
	return NULL;
}

/* Of an agent that is nothing but what looks like a helper. */
static bool
is_no_pipelock(const struct container *c)
{
	return c->class == CONTAINER_MAIN && !container_is_pipelock(c);
}

/* The first main container that does the agent's work and runs in this pod; NULL when none does. */
static const struct container *
choose_container(const struct workload *w, const struct pod *p)
{
	static bool (*const wanted[])(const struct container *c) = {proxy_is_client, is_no_pipelock};
	const struct pod_spec *spec = p->template.brief ? &w->template->spec : &p->template.spec;

	for (size_t k = 0; k < COUNT_OF(wanted); k++) {
		for (size_t i = 0; i < spec->n_containers; i++) {
			const struct container *c = &spec->containers[i];
			const struct container_status *s = status_of(p, c->name);

			if (wanted[k](c) && s && s->running)
				return c;
		}
	}
	return NULL;
}

/* Node by node, of each the oldest first, then by name: the same pod every time, as long as it is there. */
static int
by_node(const void *x, const void *y)
{
	const struct pod *a = *(const struct pod *const *)x, *b = *(const struct pod *const *)y;
	int c = strcmp(a->node, b->node);

	if (!c)
		c = (a->object.created_at > b->object.created_at) - (a->object.created_at < b->object.created_at);
	return c ? c : strcmp(a->object.name, b->object.name);
}

/* ---- the plan */

struct planning {
	const struct fleet *f;
	const struct probe_plan_options *opt;
	struct arena *a;
	VEC(struct probe_job) jobs;
	VEC(struct probe_skip) skipped;
	VEC(const struct pod *) pods; /* of the agent at hand */
};

static struct workload_key
copy_key(struct arena *a, const struct workload *w)
{
	struct workload_key key = workload_key_of(w);

	return workload_key_copy(a, &key);
}

static void
skip(struct planning *p, const struct workload *w, const char *reason)
{
	vec_push(&p->skipped, (struct probe_skip){copy_key(p->a, w), reason});
}

static void
add_job(struct planning *p, const struct workload *w, const struct pod *pod, const struct container *c)
{
	struct proxy_way way = find_way(p->f, w, c, p->a);
	struct probe_target target = choose_target(w, p->opt), dns = choose_dns(p->opt);
	const char *against = proof_against(p->f, w, p->a);

	vec_push(&p->jobs, (struct probe_job){
				   .agent = copy_key(p->a, w),
				   .pod = arena_strdup(p->a, pod->object.name),
				   .pod_uid = arena_strdup(p->a, pod->object.uid),
				   .node = arena_strdup(p->a, pod->node),
				   .container = arena_strdup(p->a, c->name),
				   .image = arena_strdup(p->a, c->image),
				   .started_at = status_of(pod, c->name)->started_at,
				   .target = {arena_strdup(p->a, target.host), target.port},
				   .dns = {arena_strdup(p->a, dns.host), dns.port},
				   .proxy_host = arena_strdup(p->a, way.host),
				   .proxy_port = way.port,
				   .no_control = p->opt->no_control,
				   .against = against ? against : "",
			   });
}

static const char *
why_no_pod(const struct planning *p, const struct live *live)
{
	if (fleet_missing_facts(p->f, FACT_PODS, FACT_UNREADABLE))
		return "its pods could not be read";
	if (!live->n_pods)
		return "it has no pod now";
	return arena_printf(p->a, "no pod of it is running and ready (%zu seen)", live->n_pods);
}

/* One pod a node: the oldest in which the agent's container runs. */
static void
plan_pods(struct planning *p, const struct workload *w)
{
	const char *done = NULL;
	size_t before = p->jobs.n;

	for (size_t i = 0; i < p->pods.n; i++) {
		const struct pod *pod = p->pods.at[i];
		const struct container *c = str_eq(done, pod->node) ? NULL : choose_container(w, pod);

		if (!c)
			continue;
		add_job(p, w, pod, c);
		done = pod->node;
	}
	if (p->jobs.n == before)
		skip(p, w, "no container but Pipelock runs in its pods");
}

static void
plan_agent(struct planning *p, const struct workload *w)
{
	const struct live *live = fleet_live(p->f, w);

	p->pods.n = 0;
	for (size_t i = 0; i < live->n_pods; i++)
		if (is_candidate(live->pods[i]))
			vec_push(&p->pods, live->pods[i]);
	if (!p->pods.n) {
		skip(p, w, why_no_pod(p, live));
		return;
	}
	qsort(p->pods.at, p->pods.n, sizeof(*p->pods.at), by_node);
	plan_pods(p, w);
}

void
probe_plan_make(const struct fleet *f, struct workload *const *agents, size_t n,
		const struct probe_plan_options *opt, struct arena *a, struct probe_plan *out)
{
	struct planning p = {.f = f, .opt = opt, .a = a};

	for (size_t i = 0; i < n; i++)
		plan_agent(&p, agents[i]);
	*out = (struct probe_plan){
		.jobs = arena_array(a, p.jobs.n, sizeof(*p.jobs.at)),
		.n_jobs = p.jobs.n,
		.skipped = arena_array(a, p.skipped.n, sizeof(*p.skipped.at)),
		.n_skipped = p.skipped.n,
	};
	if (p.jobs.n)
		memcpy(out->jobs, p.jobs.at, p.jobs.n * sizeof(*p.jobs.at));
	if (p.skipped.n)
		memcpy(out->skipped, p.skipped.at, p.skipped.n * sizeof(*p.skipped.at));
	vec_free(&p.jobs);
	vec_free(&p.skipped);
	vec_free(&p.pods);
}
