/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/egress.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/image.h"

static const char *const shape_names[SHAPES] = {"open",		     "internet",  "web", "cluster",
						"companion+scraper", "companion", "none"};
static const char *const allow_names[] = {
	[ALLOW_ANYWHERE] = "anywhere", [ALLOW_INTERNET] = "internet", [ALLOW_PRIVATE] = "private",
	[ALLOW_PODS] = "pods",	       [ALLOW_POD] = "pod",	      [ALLOW_SCRAPER] = "scraper",
	[ALLOW_COMPANION] = "companion", [ALLOW_DNS] = "dns",
};

/* What is being found out about one workload. */
struct survey {
	struct fleet *fleet;
	struct reach *reach;
	struct arena *a; /* the fleet's */
	struct arena *scratch;
	struct workload *w;
	uint32_t class; /* the one looked at */
	VEC(struct allow) allows;
	VEC(const struct policy *) policies;
	struct port_set public_ports;
	signed char *onward; /* by class: -1 not asked yet, 0, 1: has public egress */
	bool open;
};

static const struct port_range dns_port[] = {{53, 53}};
static const struct port_set dns_ports = {.at = {dns_port, dns_port, dns_port}, .n = {1, 1, 1}};
static const struct port_range web_ports_tcp[] = {{80, 80}, {443, 443}};
const struct port_set egress_web_ports = {.at = {web_ports_tcp}, .n = {2}};

struct port_set
egress_less_dns(struct arena *a, const struct port_set *s)
{
	return ports_minus(a, s, &dns_ports);
}

static bool
only_dns(struct survey *s, const struct port_set *ports)
{
	struct port_set rest = egress_less_dns(s->scratch, ports);

	return ports_empty(&rest);
}

/* Copies a set out of scratch memory. */
static struct port_set
keep_ports(struct arena *a, const struct port_set *s)
{
	struct port_set copy = *s;

	for (int p = 0; p < PROTOCOLS; p++)
		if (copy.n[p])
			copy.at[p] = arena_copy(a, s->at[p], s->n[p] * sizeof(struct port_range));
	return copy;
}

/* Adds to what the same rule is already known to allow to the same peer, or starts a new entry. */
static struct allow *
add_allow(struct survey *s, enum allow_to to, const struct way *way, const struct workload *other, const char *peer,
	  const struct port_set *ports)
{
	for (size_t i = 0; i < s->allows.n; i++) {
		struct allow *a = &s->allows.at[i];

		if (a->to != to || a->policy != way->policy || a->rule != way->rule || a->workload != other ||
		    !str_eq(a->peer, peer))
			continue;
		a->ports = ports_union(s->scratch, &a->ports, ports);
		return a;
	}
	vec_push(&s->allows, (struct allow){
				     .to = to,
				     .workload = other,
				     .peer = peer,
				     .ports = *ports,
				     .policy = way->policy,
				     .rule = way->rule,
				     .line = way->peer	? way->peer->line
					     : way->policy ? way->policy->rules[way->direction][way->rule].line
							   : 0,
			     });
	return &s->allows.at[s->allows.n - 1];
}

static const char *
peer_text(struct survey *s, const struct way *way)
{
	AUTO(buf) struct buf text = {0};

	policy_peer_format(&text, way->policy, way->peer);
	return arena_strdup(s->a, buf_str(&text));
}

/* ---- addresses */

/* What one rule's peer covers, piece by piece; the pieces of both families come together. */
struct coverage {
	struct way way;
	struct port_set public_ports, private_ports;
	bool metadata;
};

struct address_survey {
	struct survey *s;
	enum ip_family family;
	VEC(struct coverage) all;
};

static bool
has_metadata(enum ip_family family, struct ip_range r)
{
	/* 169.254.169.254 and fd00:ec2::254 */
	static const struct ip v4 = {0, 0xa9fea9fe}, v6 = {0xfd000ec200000000, 0x254};
	struct ip ip = family == IP_V4 ? v4 : v6;

	return ip_cmp(r.first, ip) <= 0 && ip_cmp(ip, r.last) <= 0;
}

static struct coverage *
coverage_of(struct address_survey *v, const struct way *w)
{
	for (size_t i = 0; i < v->all.n; i++)
		if (v->all.at[i].way.policy == w->policy && v->all.at[i].way.rule == w->rule &&
		    v->all.at[i].way.peer == w->peer)
			return &v->all.at[i];
	vec_push(&v->all, (struct coverage){.way = *w});
	return &v->all.at[v->all.n - 1];
}

static void
survey_range(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways, size_t n)
{
	struct address_survey *v = ctx;
	struct survey *s = v->s;
	const struct ip_set *public = ip_public(v->family);
	bool some_public = ip_set_overlaps(public, range), all_public = ip_set_covers(public, range);

	if (some_public)
		s->public_ports = ports_union(s->scratch, &s->public_ports, ports);
	for (size_t i = 0; i < n; i++) {
		struct coverage *c = coverage_of(v, &ways[i]);

		if (some_public)
			c->public_ports = ports_union(s->scratch, &c->public_ports, &ways[i].ports);
		if (!all_public)
			c->private_ports = ports_union(s->scratch, &c->private_ports, &ways[i].ports);
		c->metadata |= has_metadata(v->family, range);
	}
}

/* Only the companion's own ClusterIP: the Service the agent is to use, named by its address. */
static bool
is_own_cluster_ip(const struct survey *s, const struct policy_peer *peer)
{
	const struct service *service = s->w->service;

	if (!service || ip_cmp(peer->block.first, peer->block.last) != 0)
		return false;
	for (size_t i = 0; i < service->n_cluster_ips; i++) {
		enum ip_family family;
		struct ip ip;

		if (ip_parse(service->cluster_ips[i], &family, &ip) && family == peer->family &&
		    ip_cmp(ip, peer->block.first) == 0)
			return true;
	}
	return false;
}

/* One cause, one finding: a rule that covers public addresses is about them, whatever else it covers. */
static void
survey_addresses(struct survey *s)
{
	static const enum ip_family families[] = {IP_V4, IP_V6};
	struct address_survey v = {.s = s};

	for (size_t i = 0; i < COUNT_OF(families); i++) {
		v.family = families[i];
		reach_each_range(s->reach, DIRECTION_EGRESS, s->class, v.family, s->scratch, survey_range, &v);
	}
	for (size_t i = 0; i < v.all.n; i++) {
		const struct coverage *c = &v.all.at[i];
		const struct policy_peer *peer = c->way.peer;
		struct allow *a;

		if (!ports_empty(&c->public_ports)) {
			add_allow(s, ALLOW_INTERNET, &c->way, NULL, peer_text(s, &c->way), &c->public_ports);
		} else if (peer && peer->type == PEER_BLOCK) {
			a = add_allow(s, ALLOW_PRIVATE, &c->way, NULL, peer_text(s, &c->way), &c->private_ports);
			a->metadata |= c->metadata;
			a->exempt = is_own_cluster_ip(s, peer);
		}
	}
	vec_free(&v.all);
}

/* ---- pods */

static void
found_public(void *ctx, struct ip_range range, const struct port_set *ports UNUSED, const struct way *ways UNUSED,
	     size_t n UNUSED)
{
	struct address_survey *v = ctx;

	if (ip_set_overlaps(ip_public(v->family), range))
		v->s->public_ports = ports_union(v->s->scratch, &v->s->public_ports, ports);
}

/* Can pods of the class reach a public address on a port that is not DNS? Asked once a class. */
static bool
has_public_egress(struct survey *s, size_t class)
{
	struct survey probe = {.scratch = s->scratch};
	struct address_survey v = {.s = &probe};

	if (s->onward[class] < 0) {
		v.family = IP_V4;
		reach_each_range(s->reach, DIRECTION_EGRESS, class, v.family, s->scratch, found_public, &v);
		v.family = IP_V6;
		reach_each_range(s->reach, DIRECTION_EGRESS, class, v.family, s->scratch, found_public, &v);
		s->onward[class] = !only_dns(s, &probe.public_ports);
	}
	return s->onward[class];
}

static bool
is_dns_class(const struct survey *s, size_t class)
{
	size_t n;
	const uint32_t *dns = reach_dns(s->reach, &n);

	for (size_t i = 0; i < n; i++)
		if (dns[i] == class)
			return true;
	return false;
}

static const char *
workload_text(struct survey *s, const struct workload *w)
{
	return arena_printf(s->a, "%s/%s", w->namespace, w->name);
}

/* A way to pods of one workload: whose it is says what it is for. */
static void
add_pod(struct survey *s, const struct way *way, size_t class, const struct workload *other, const struct port_set *ports)
{
	enum allow_to to = other == s->w->companion	? ALLOW_COMPANION
			   : other->role == ROLE_SCRAPER ? ALLOW_SCRAPER
							  : ALLOW_POD;
	struct port_set rest = *ports;
	struct allow *a;

	if (to == ALLOW_POD && is_dns_class(s, class)) {
		struct port_set dns = ports_intersect(s->scratch, ports, &dns_ports);

		if (!ports_empty(&dns))
			add_allow(s, ALLOW_DNS, way, other, workload_text(s, other), &dns);
		rest = egress_less_dns(s->scratch, ports);
		if (ports_empty(&rest))
			return;
	}
	/* A rule without peers is about addresses, and listed for them; only what is the agent's own is named again. */
	if (to == ALLOW_POD && !way->peer)
		return;
	a = add_allow(s, to, way, other, workload_text(s, other), &rest);
	if (to == ALLOW_POD && !only_dns(s, &rest) && has_public_egress(s, class))
		a->onward = other;
}

/* The ways to a class, narrowed to what its ingress takes in. */
static bool
survey_class(void *ctx, size_t class)
{
	struct survey *s = ctx;
	struct port_set in = reach_end(s->reach, DIRECTION_INGRESS, s->class, class, s->scratch);
	struct way *ways;
	size_t n_ways = reach_ways(s->reach, DIRECTION_EGRESS, s->class, class, s->scratch, &ways), n;
	const struct workload *const *others = reach_class_workloads(s->reach, class, &n);

	for (size_t i = 0; i < n_ways; i++) {
		struct port_set ports = ports_intersect(s->scratch, &ways[i].ports, &in);

		if (ports_empty(&ports))
			continue;
		if (!n) /* the DNS pods that the source does not show */
			add_allow(s, ALLOW_DNS, &ways[i], NULL, "cluster DNS", &ports);
		for (size_t k = 0; k < n; k++)
			if (others[k] != s->w)
				add_pod(s, &ways[i], class, others[k], &ports);
	}
	return true;
}

/* For rules that let in every pod of the cluster: one that is neither companion, scraper nor DNS, the worst of two. */
struct broad_search {
	struct survey *s;
	const struct workload *found;
	bool onward;
	struct port_set ports;
	struct way way;
	size_t looked_at;
};

#define ENOUGH 1000 /* pods without public egress, after which nobody looks on for one with it */

static bool
search_broad(void *ctx, size_t class, const struct port_set *ports)
{
	struct broad_search *b = ctx;
	struct survey *s = b->s;
	size_t n, n_ways;
	const struct workload *const *others = reach_class_workloads(s->reach, class, &n);
	struct way *ways;
	bool onward;

	if (!n || others[0] == s->w || others[0] == s->w->companion || others[0]->role == ROLE_SCRAPER || only_dns(s, ports))
		return true;
	onward = has_public_egress(s, class);
	if (b->found && !onward)
		return ++b->looked_at < ENOUGH;
	n_ways = reach_ways(s->reach, DIRECTION_EGRESS, s->class, class, s->scratch, &ways);
	for (size_t i = 0; i < n_ways; i++) {
		if (!ways[i].peer || ways[i].peer->type != PEER_PODS)
			continue;
		b->found = others[0];
		b->onward = onward;
		b->ports = *ports;
		b->way = ways[i];
		return !onward;
	}
	return true;
}

/* Is there a rule for every pod that says nothing of addresses? (One without peers is about the internet.) */
static bool
names_every_pod(const struct survey *s)
{
	const struct policy *const *policies;
	size_t n = reach_policies(s->reach, DIRECTION_EGRESS, s->class, &policies);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < policies[i]->n_rules[DIRECTION_EGRESS]; k++) {
			const struct policy_rule *rule = &policies[i]->rules[DIRECTION_EGRESS][k];

			for (size_t j = 0; j < rule->n_peers; j++)
				if (rule->peers[j].type == PEER_PODS && rule->peers[j].namespaces.present &&
				    !rule->peers[j].namespaces.n && !rule->peers[j].pods.n)
					return true;
		}
	}
	return false;
}

static void
survey_pods(struct survey *s)
{
	struct broad_search b = {.s = s};
	bool broad;
	size_t n;
	const uint32_t *at;

	reach_each_named(s->reach, DIRECTION_EGRESS, s->class, &broad, survey_class, s);
	if (!broad)
		return;
	/* What a broad rule lets it reach of its own: companion and DNS. The rest of the cluster is one entry. */
	at = s->w->companion ? reach_classes(s->reach, s->w->companion, &n) : NULL;
	for (size_t i = 0; at && i < n; i++)
		survey_class(s, at[i]);
	at = reach_dns(s->reach, &n);
	for (size_t i = 0; i < n; i++)
		survey_class(s, at[i]);
	if (!names_every_pod(s))
		return;
	reach_each(s->reach, DIRECTION_EGRESS, s->class, s->scratch, search_broad, &b);
	if (b.found)
		add_allow(s, ALLOW_PODS, &b.way, b.found, peer_text(s, &b.way), &b.ports)->onward =
			b.onward ? b.found : NULL;
}

/* ---- the whole */

static int
allow_cmp(const void *x, const void *y)
{
	const struct allow *a = x, *b = y;

	if (a->to != b->to)
		return a->to < b->to ? -1 : 1;
	if (a->policy != b->policy)
		return !a->policy ? -1 : !b->policy ? 1 : object_cmp(&a->policy->object, &b->policy->object);
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	return str_cmp(a->peer, b->peer);
}

static enum egress_shape
shape_of(struct survey *s)
{
	bool has[ALLOW_DNS + 1] = {false};
	struct port_set public_ports = egress_less_dns(s->scratch, &s->public_ports);

	if (s->open)
		return SHAPE_OPEN;
	if (!ports_empty(&public_ports))
		return ports_within(&public_ports, &egress_web_ports) ? SHAPE_WEB : SHAPE_INTERNET;
	for (size_t i = 0; i < s->allows.n; i++)
		if (!s->allows.at[i].exempt && !only_dns(s, &s->allows.at[i].ports))
			has[s->allows.at[i].to] = true;
	if (has[ALLOW_PRIVATE] || has[ALLOW_PODS] || has[ALLOW_POD] || (has[ALLOW_SCRAPER] && !has[ALLOW_COMPANION]))
		return SHAPE_CLUSTER;
	if (has[ALLOW_COMPANION])
		return has[ALLOW_SCRAPER] ? SHAPE_COMPANION_SCRAPER : SHAPE_COMPANION;
	return SHAPE_NONE;
}

static void
add_policies(struct survey *s)
{
	const struct policy *const *p;
	size_t n = reach_policies(s->reach, DIRECTION_EGRESS, s->class, &p);

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < s->policies.n && s->policies.at[k] != p[i])
			k++;
		if (k == s->policies.n)
			vec_push(&s->policies, p[i]);
	}
	s->open |= !n;
}

/* Port 53 of some DNS pod, by UDP or TCP, from every class of the workload. */
static bool
reaches_dns(struct survey *s, uint32_t class)
{
	size_t n;
	const uint32_t *dns = reach_dns(s->reach, &n);

	for (size_t i = 0; i < n; i++) {
		struct port_set ports = reach_pods(s->reach, class, dns[i], s->scratch);

		if (ports_has(&ports, PROTOCOL_UDP, 53) || ports_has(&ports, PROTOCOL_TCP, 53))
			return true;
	}
	return false;
}

static const struct egress *
survey_workload(struct survey *s)
{
	struct egress *e = ARENA_NEW(s->a, struct egress);
	size_t n;
	const uint32_t *classes = reach_classes(s->reach, s->w, &n);
	struct way nothing = {0};

	s->allows.n = s->policies.n = 0;
	s->public_ports = ports_none;
	s->open = false;
	e->dns = true;
	for (size_t i = 0; i < n; i++) {
		s->class = classes[i];
		e->host_network |= reach_class(s->reach, s->class)->host_network;
		add_policies(s);
		if (!s->open) {
			survey_addresses(s);
			survey_pods(s);
		}
		e->dns &= reaches_dns(s, s->class);
	}
	if (s->open) {
		s->allows.n = 0;
		add_allow(s, ALLOW_ANYWHERE, &nothing, NULL, "everywhere", &ports_all);
		s->public_ports = ports_all;
	}
	if (s->allows.n > 1)
		qsort(s->allows.at, s->allows.n, sizeof(s->allows.at[0]), allow_cmp);
	e->isolated = !s->open;
	e->shape = shape_of(s);
	e->internet = !only_dns(s, &s->public_ports);
	e->public_ports = keep_ports(s->a, &s->public_ports);
	for (size_t i = 0; i < s->allows.n; i++)
		s->allows.at[i].ports = keep_ports(s->a, &s->allows.at[i].ports);
	e->n_allows = s->allows.n;
	e->allows = arena_copy(s->a, s->allows.at, s->allows.n * sizeof(s->allows.at[0]));
	e->n_policies = s->policies.n;
	e->policies = arena_copy(s->a, s->policies.at, s->policies.n * sizeof(s->policies.at[0]));
	return e;
}

void
egress_evaluate(struct fleet *f)
{
	AUTO(arena) struct arena scratch = {0};
	struct survey s = {.fleet = f, .reach = f->reach, .a = &f->arena, .scratch = &scratch};

	s.onward = mem_alloc(reach_n_classes(f->reach));
	memset(s.onward, -1, reach_n_classes(f->reach));
	for (size_t i = 0; i < f->n_workloads; i++) {
		if (f->workloads[i].role == ROLE_NONE)
			continue;
		s.w = &f->workloads[i];
		s.w->egress = survey_workload(&s);
		arena_reset(&scratch);
	}
	free(s.onward);
	vec_free(&s.allows);
	vec_free(&s.policies);
}

const char *
egress_shape_name(enum egress_shape s)
{
	return shape_names[s];
}

const char *
allow_to_name(enum allow_to t)
{
	return allow_names[t];
}
