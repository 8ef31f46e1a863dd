/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/egress.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/u32_list.h"
#include "base/vec.h"
#include "fleet/foreign.h"
#include "fleet/outside.h"

static const char *const shape_names[SHAPES] = {"open",	     "internet", "web", "cluster", "companion+scraper",
						"companion", "none"};
static const char *const allow_names[] = {
	[ALLOW_ANYWHERE] = "anywhere",	 [ALLOW_INTERNET] = "internet", [ALLOW_PRIVATE] = "private",
	[ALLOW_PODS] = "pods",		 [ALLOW_POD] = "pod",		[ALLOW_SCRAPER] = "scraper",
	[ALLOW_COMPANION] = "companion", [ALLOW_DNS] = "dns",
};

/* A rule with more blocks than this is one entry, not one a block; so is a policy with more rules than that. */
#define MANY_BLOCKS 16
#define MANY_RULES 64
/* A wide rule's worst pod is looked for this far: each pod asked for its policies costs ten, one passed over one. */
#define PATIENCE 10000
#define ASKING 10

/* What is told of together. */
enum together { ONE_PEER, ONE_RULE, ONE_POLICY };

/* What one peer's blocks cover, or those of a rule or policy with many: then public ones and others apart. */
struct coverage {
	struct way way; /* the first */
	enum together together;
	bool public;
	struct port_set public_ports, private_ports, metadata_ports;
};

/* The addresses that a list of policies lets out to: the same for all pods that these policies select. */
struct addresses {
	UT_hash_handle hh; /* by the list's bytes */
	const struct coverage *coverage;
	size_t n;
	struct port_set public_ports;
	bool unrestricted; /* to public addresses no policy says no */
};

/* A rule on more pods than are listed one by one, and the worst pod that it lets out to. */
struct wide {
	struct way way;
	const struct workload *found;
	bool onward; /* which has public egress of its own */
	struct port_set ports;
};

/* What is being found out about one workload. */
struct survey {
	struct fleet *fleet;
	struct reach *reach;
	struct arena *a; /* the fleet's */
	struct arena memory; /* until all are done */
	struct arena scratch; /* for one workload */
	struct addresses *known; /* hash */
	signed char *public; /* by class: -1 not asked yet, 0, 1: can reach public addresses on a port besides 53 */
	struct workload *w;
	uint32_t class; /* the one looked at */
	VEC(struct allow) allows;
	VEC(const struct policy *) policies;
	struct u32_list classes; /* to look at */
	VEC(struct wide) wide;
	struct port_set public_ports;
	bool open;
};

static const struct port_range dns_port[] = {{53, 53}};
static const struct port_set dns_ports = {.at = {dns_port, dns_port, dns_port}, .n = {1, 1, 1}};
static const struct port_range web_ports_tcp[] = {{80, 80}, {443, 443}};
const struct port_set egress_web_ports = {.at = {web_ports_tcp}, .n = {2}};
static const struct port_range web_dns_tcp[] = {{53, 53}, {80, 80}, {443, 443}};
static const struct port_set web_dns_ports = {.at = {web_dns_tcp, dns_port, dns_port}, .n = {3, 1, 1}};

struct port_set
egress_less_dns(struct arena *a, const struct port_set *s)
{
	return ports_minus(a, s, &dns_ports);
}

bool
egress_only_dns(const struct port_set *s)
{
	return ports_within(s, &dns_ports);
}

bool
egress_only_web(const struct port_set *s)
{
	return ports_within(s, &web_dns_ports);
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

static struct allow *
add_allow(struct survey *s, enum allow_to to, const struct way *way, const struct workload *other, const char *peer,
	  const struct port_set *ports)
{
	vec_push(&s->allows, (struct allow){
				     .to = to,
				     .workload = other,
				     .peer = peer,
				     .ports = *ports,
				     .policy = way->policy,
				     .rule = way->rule,
				     .line = way->peer	   ? way->peer->line
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

struct address_survey {
	struct arena *scratch;
	enum ip_family family;
	VEC(struct coverage) all;
	struct port_set public_ports;
	bool unrestricted;
};

static bool
has_metadata(enum ip_family family, struct ip_range r)
{
	/* 169.254.169.254 and fd00:ec2::254 */
	static const struct ip v4 = {0, 0xa9fea9fe}, v6 = {0xfd000ec200000000, 0x254};
	struct ip ip = family == IP_V4 ? v4 : v6;

	return ip_cmp(r.first, ip) <= 0 && ip_cmp(ip, r.last) <= 0;
}

static enum together
together(const struct way *w)
{
	if (w->policy && w->policy->n_rules[w->direction] > MANY_RULES)
		return ONE_POLICY;
	return w->peer && w->policy->rules[w->direction][w->rule].n_peers > MANY_BLOCKS ? ONE_RULE : ONE_PEER;
}

static bool
covers(const struct coverage *c, const struct way *w, enum together t, bool public)
{
	if (c->way.policy != w->policy || c->together != t)
		return false;
	if (t == ONE_POLICY)
		return c->public == public;
	return c->way.rule == w->rule && (t == ONE_RULE ? c->public == public : c->way.peer == w->peer);
}

/* Pieces of one block come one behind the other, mostly: the last entry is looked at first. */
static struct coverage *
coverage_of(struct address_survey *v, const struct way *w, bool public)
{
	enum together t = together(w);

	for (size_t i = v->all.n; i-- > 0;)
		if (covers(&v->all.at[i], w, t, public))
			return &v->all.at[i];
	vec_push(&v->all, (struct coverage){.way = *w, .together = t, .public = public});
	return &v->all.at[v->all.n - 1];
}

static void
survey_range(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways, size_t n)
{
	struct address_survey *v = ctx;
	const struct ip_set *public = ip_public(v->family);
	bool some_public = ip_set_overlaps(public, range), all_public = ip_set_covers(public, range);

	if (some_public)
		v->public_ports = ports_union(v->scratch, &v->public_ports, ports);
	for (size_t i = 0; i < n; i++) {
		struct coverage *c = coverage_of(v, &ways[i], some_public);

		if (some_public)
			c->public_ports = ports_union(v->scratch, &c->public_ports, &ways[i].ports);
		if (!all_public)
			c->private_ports = ports_union(v->scratch, &c->private_ports, &ways[i].ports);
		if (has_metadata(v->family, range))
			c->metadata_ports = ports_union(v->scratch, &c->metadata_ports, &ways[i].ports);
		v->unrestricted |= !ways[i].policy && some_public && !egress_only_dns(&ways[i].ports);
	}
}

static void
keep_addresses(struct survey *s, struct address_survey *v, struct addresses *out)
{
	for (size_t i = 0; i < v->all.n; i++) {
		struct coverage *c = &v->all.at[i];

		c->public_ports = keep_ports(&s->memory, &c->public_ports);
		c->private_ports = keep_ports(&s->memory, &c->private_ports);
		c->metadata_ports = keep_ports(&s->memory, &c->metadata_ports);
	}
	out->coverage = arena_copy(&s->memory, v->all.at, v->all.n * sizeof(v->all.at[0]));
	out->n = v->all.n;
	out->public_ports = keep_ports(&s->memory, &v->public_ports);
	out->unrestricted = v->unrestricted;
}

static const struct addresses *
addresses_of(struct survey *s, size_t class)
{
	struct address_survey v = {.scratch = &s->scratch};
	const struct policy *const *key;
	size_t len = reach_policies(s->reach, DIRECTION_EGRESS, class, &key) * sizeof(key[0]);
	struct addresses *found;

	HASH_FIND(hh, s->known, key, len, found);
	if (found)
		return found;
	v.family = IP_V4;
	reach_each_range(s->reach, DIRECTION_EGRESS, class, v.family, &s->scratch, survey_range, &v);
	v.family = IP_V6;
	reach_each_range(s->reach, DIRECTION_EGRESS, class, v.family, &s->scratch, survey_range, &v);
	found = ARENA_NEW(&s->memory, struct addresses);
	keep_addresses(s, &v, found);
	HASH_ADD_KEYPTR(hh, s->known, key, len, found);
	vec_free(&v.all);
	return found;
}

static bool
leads_where_it_should(void *ctx, struct workload *w)
{
	struct survey *s = ctx;

	return w == s->w->companion || w->role == ROLE_SCRAPER;
}

struct service_check {
	struct survey *s;
	bool any, all;
};

static bool
check_selected(void *ctx, struct workload *w)
{
	struct service_check *c = ctx;

	c->any = true;
	c->all &= leads_where_it_should(c->s, w);
	return c->all;
}

/* Only the address of its companion's Service: what a pod dials, whatever policies are asked about behind it. */
static bool
is_own_cluster_ip(struct survey *s, const struct policy_peer *peer)
{
	struct service_check c = {.s = s, .all = true};
	const struct service *service;
	char text[46];

	if (ip_cmp(peer->block.first, peer->block.last) != 0)
		return false;
	ip_format(peer->family, peer->block.first, text);
	service = fleet_service_by_ip(s->fleet, text);
	if (!service)
		return false;
	fleet_selected(s->fleet, service, check_selected, &c);
	return c.any && c.all;
}

static const char *
blocks_text(struct survey *s, const struct coverage *c)
{
	const char *first = peer_text(s, &c->way);
	const struct policy *p = c->way.policy;
	enum direction d = c->way.direction;

	if (c->together == ONE_PEER)
		return first;
	if (c->together == ONE_RULE)
		return arena_printf(s->a, "%zu blocks, among them %s", p->rules[d][c->way.rule].n_peers, first);
	return arena_printf(s->a, "%zu rules, among them one with %s", p->n_rules[d], first);
}

/* One cause, one finding: a rule that covers public addresses is about them, whatever else it covers. */
static void
survey_addresses(struct survey *s, const struct addresses *known)
{
	s->public_ports = ports_union(&s->scratch, &s->public_ports, &known->public_ports);
	for (size_t i = 0; i < known->n; i++) {
		const struct coverage *c = &known->coverage[i];
		const struct policy_peer *peer = c->way.peer;
		struct allow *a;

		if (!ports_empty(&c->public_ports)) {
			a = add_allow(s, ALLOW_INTERNET, &c->way, NULL, blocks_text(s, c), &c->public_ports);
			a->more = c->together == ONE_POLICY;
			continue;
		}
		if (!c->way.policy) /* nobody forbids it; what that means for pods is asked below */
			continue;
		a = add_allow(s, ALLOW_PRIVATE, &c->way, NULL, blocks_text(s, c), &c->private_ports);
		a->more = c->together == ONE_POLICY;
		a->metadata = !egress_only_dns(&c->metadata_ports);
		a->exempt =
			peer && peer->type == PEER_BLOCK && c->together == ONE_PEER && is_own_cluster_ip(s, peer);
	}
}

/* ---- pods */

/* Was anything of this namespace not read that its pods' policies hang on? */
static bool
has_gap(const struct fleet *f, const char *namespace)
{
	for (size_t i = 0; i < f->n_gaps; i++)
		if (f->gaps[i].fact & (FACT_POLICIES | FACT_WORKLOADS | FACT_NAMESPACES) &&
		    strcmp(f->gaps[i].namespace, namespace) == 0)
			return true;
	return false;
}

/* Can pods of the class reach a public address on a port that is not DNS, as far as is known? Asked once a class. */
static bool
has_public_egress(struct survey *s, size_t class)
{
	if (s->public[class] < 0)
		s->public[class] = !has_gap(s->fleet, reach_class(s->reach, class)->namespace) &&
				   !egress_only_dns(&addresses_of(s, class)->public_ports);
	return s->public[class];
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

/* A rule without peers, or one on blocks, is known by the addresses that it covers. */
static bool
is_about_pods(const struct way *way)
{
	return way->peer && way->peer->type == PEER_PODS;
}

/* A way to pods of one workload: whose it is says what it is for. */
static void
add_pod(struct survey *s, const struct way *way, size_t class, const struct workload *other,
	const struct port_set *ports)
{
	enum allow_to to = other == s->w->companion	 ? ALLOW_COMPANION
			   : other->role == ROLE_SCRAPER ? ALLOW_SCRAPER
							 : ALLOW_POD;
	struct port_set rest = *ports;
	struct allow *a;

	if (to == ALLOW_POD && is_dns_class(s, class)) {
		struct port_set dns = ports_intersect(&s->scratch, ports, &dns_ports);

		if (!ports_empty(&dns))
			add_allow(s, ALLOW_DNS, way, other, workload_text(s, other), &dns);
		rest = egress_less_dns(&s->scratch, ports);
		if (ports_empty(&rest))
			return;
	}
	if (to == ALLOW_POD && !is_about_pods(way))
		return;
	a = add_allow(s, to, way, other, workload_text(s, other), &rest);
	if (to == ALLOW_POD && !egress_only_dns(&rest) && has_public_egress(s, class))
		a->onward = other;
}

/* The DNS pods that the source does not show. */
static void
add_assumed_dns(struct survey *s, const struct way *way, const struct port_set *ports)
{
	struct port_set dns = ports_intersect(&s->scratch, ports, &dns_ports);

	if (!ports_empty(&dns))
		add_allow(s, ALLOW_DNS, way, NULL, "cluster DNS", &dns);
}

/* The ways to a class, narrowed to what its ingress takes in. */
static void
survey_class(struct survey *s, size_t class)
{
	struct port_set in = reach_end(s->reach, DIRECTION_INGRESS, s->class, class, &s->scratch);
	struct way *ways;
	size_t n_ways = reach_ways(s->reach, DIRECTION_EGRESS, s->class, class, &s->scratch, &ways), n;
	const struct workload *const *others = reach_class_workloads(s->reach, class, &n);

	for (size_t i = 0; i < n_ways; i++) {
		struct port_set ports = ports_intersect(&s->scratch, &ways[i].ports, &in);

		if (ports_empty(&ports))
			continue;
		if (!n)
			add_assumed_dns(s, &ways[i], &ports);
		for (size_t k = 0; k < n; k++)
			if (others[k] != s->w)
				add_pod(s, &ways[i], class, others[k], &ports);
	}
}

static bool
add_class(void *ctx, size_t class)
{
	struct survey *s = ctx;

	vec_push(&s->classes, (uint32_t) class);
	return true;
}

static void
add_classes(struct survey *s, const uint32_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		vec_push(&s->classes, at[i]);
}

/* Those that rules name, and what any rule may be meant for: its companion and DNS. */
static void
survey_named(struct survey *s)
{
	size_t n;
	const uint32_t *at = reach_dns(s->reach, &n);

	s->classes.n = 0;
	add_classes(s, at, n);
	if (s->w->companion) {
		at = reach_classes(s->reach, s->w->companion, &n);
		add_classes(s, at, n);
	}
	reach_each_named(s->reach, DIRECTION_EGRESS, s->class, add_class, s);
	u32_list_sort_unique(&s->classes);
	for (size_t i = 0; i < s->classes.n; i++)
		survey_class(s, s->classes.at[i]);
}

/* ---- rules on every pod, and the like */

struct wide_search {
	struct survey *s;
	size_t spent;
};

/* One that a rule may be too much for: neither itself nor what it is meant to talk to. */
static const struct workload *
bystander(const struct survey *s, size_t class)
{
	size_t n;
	const struct workload *const *others = reach_class_workloads(s->reach, class, &n);

	for (size_t i = 0; i < n; i++)
		if (others[i] != s->w && others[i] != s->w->companion && others[i]->role != ROLE_SCRAPER)
			return others[i];
	return NULL;
}

static void
try_wide(struct survey *s, struct wide *wide, size_t class, const struct workload *other, bool onward)
{
	struct port_set in = reach_end(s->reach, DIRECTION_INGRESS, s->class, class, &s->scratch);
	struct way *ways;
	size_t n = reach_ways(s->reach, DIRECTION_EGRESS, s->class, class, &s->scratch, &ways);

	for (size_t i = 0; i < n; i++) {
		struct port_set ports = ports_intersect(&s->scratch, &ways[i].ports, &in);

		if (ways[i].policy != wide->way.policy || ways[i].rule != wide->way.rule || egress_only_dns(&ports))
			continue;
		wide->found = other;
		wide->onward = onward;
		wide->ports = ports;
		return;
	}
}

static bool
search_wide(void *ctx, size_t class)
{
	struct wide_search *search = ctx;
	struct survey *s = search->s;
	const struct workload *other = bystander(s, class);
	bool onward = other && has_public_egress(s, class), more = false;

	search->spent++;
	for (size_t i = 0; other && i < s->wide.n; i++) {
		struct wide *wide = &s->wide.at[i];

		if (!wide->found || (onward && !wide->onward)) {
			try_wide(s, wide, class, other, onward);
			search->spent += ASKING;
		}
	}
	for (size_t i = 0; i < s->wide.n; i++)
		more |= !s->wide.at[i].onward;
	return more && search->spent < PATIENCE;
}

/* Is the rule known already for the public addresses that it covers, besides DNS? */
static bool
is_public(const struct addresses *known, const struct way *way)
{
	for (size_t i = 0; i < known->n; i++) {
		const struct coverage *c = &known->coverage[i];

		if (c->way.policy == way->policy && (c->way.rule == way->rule || c->together == ONE_POLICY) &&
		    !egress_only_dns(&c->public_ports))
			return true;
	}
	return false;
}

static void
survey_wide(struct survey *s, const struct addresses *known)
{
	struct wide_search search = {.s = s};
	struct way *ways;
	size_t n = reach_wide(s->reach, DIRECTION_EGRESS, s->class, &s->scratch, &ways);

	s->wide.n = 0;
	for (size_t i = 0; i < n; i++)
		if (!egress_only_dns(&ways[i].ports) && (ways[i].peer || !is_public(known, &ways[i])))
			vec_push(&s->wide, (struct wide){.way = ways[i]});
	if (!s->wide.n)
		return;
	reach_each_candidate(s->reach, DIRECTION_EGRESS, s->class, search_wide, &search);
	for (size_t i = 0; i < s->wide.n; i++) {
		const struct wide *w = &s->wide.at[i];

		if (w->found)
			add_allow(s, ALLOW_PODS, &w->way, w->found, peer_text(s, &w->way), &w->ports)->onward =
				w->onward ? w->found : NULL;
	}
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
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return str_cmp(a->peer, b->peer);
}

/* In order; what the same rule lets out to the same peer from several classes of pods is one entry. */
static void
sort_allows(struct survey *s)
{
	size_t n = 0;

	if (s->allows.n > 1)
		qsort(s->allows.at, s->allows.n, sizeof(s->allows.at[0]), allow_cmp);
	for (size_t i = 0; i < s->allows.n; i++) {
		struct allow *a = &s->allows.at[i], *last = n ? &s->allows.at[n - 1] : NULL;

		if (!last || allow_cmp(last, a) != 0) {
			s->allows.at[n++] = *a;
			continue;
		}
		last->ports = ports_union(&s->scratch, &last->ports, &a->ports);
		last->metadata |= a->metadata;
		if (!last->onward)
			last->onward = a->onward;
	}
	s->allows.n = n;
}

static enum egress_shape
shape_of(struct survey *s)
{
	bool has[ALLOW_DNS + 1] = {false};
	struct port_set public_ports = egress_less_dns(&s->scratch, &s->public_ports);

	if (s->open)
		return SHAPE_OPEN;
	if (!ports_empty(&public_ports))
		return ports_within(&public_ports, &egress_web_ports) ? SHAPE_WEB : SHAPE_INTERNET;
	for (size_t i = 0; i < s->allows.n; i++)
		if (!s->allows.at[i].exempt && !egress_only_dns(&s->allows.at[i].ports))
			has[s->allows.at[i].to] = true;
	if (has[ALLOW_PRIVATE] || has[ALLOW_PODS] || has[ALLOW_POD] ||
	    (has[ALLOW_SCRAPER] && !has[ALLOW_COMPANION]))
		return SHAPE_CLUSTER;
	if (has[ALLOW_COMPANION])
		return has[ALLOW_SCRAPER] ? SHAPE_COMPANION_SCRAPER : SHAPE_COMPANION;
	return SHAPE_NONE;
}

static int
policy_cmp(const void *a, const void *b)
{
	return object_cmp(&(*(const struct policy *const *)a)->object, &(*(const struct policy *const *)b)->object);
}

static void
sort_policies(struct survey *s)
{
	size_t n = 0;

	if (s->policies.n > 1)
		qsort(s->policies.at, s->policies.n, sizeof(s->policies.at[0]), policy_cmp);
	for (size_t i = 0; i < s->policies.n; i++)
		if (!n || s->policies.at[i] != s->policies.at[n - 1])
			s->policies.at[n++] = s->policies.at[i];
	s->policies.n = n;
}

static void
survey_class_of(struct survey *s, uint32_t class)
{
	const struct policy *const *p;
	size_t n = reach_policies(s->reach, DIRECTION_EGRESS, class, &p);
	const struct addresses *known = addresses_of(s, class);

	s->class = class;
	for (size_t i = 0; i < n; i++)
		vec_push(&s->policies, p[i]);
	s->open |= known->unrestricted;
	if (s->open)
		return;
	survey_addresses(s, known);
	survey_named(s);
	survey_wide(s, known);
}

static void
close_survey(struct survey *s, struct egress *e)
{
	const struct way nothing = {0};

	if (s->open) {
		s->allows.n = 0;
		add_allow(s, ALLOW_ANYWHERE, &nothing, NULL, "everywhere", &ports_all);
		s->public_ports = ports_all;
	}
	sort_allows(s);
	sort_policies(s);
	e->isolated = !s->open;
	e->shape = shape_of(s);
	e->internet = !egress_only_dns(&s->public_ports);
	e->public_ports = keep_ports(s->a, &s->public_ports);
	for (size_t i = 0; i < s->allows.n; i++)
		s->allows.at[i].ports = keep_ports(s->a, &s->allows.at[i].ports);
	e->n_allows = s->allows.n;
	e->allows = arena_copy(s->a, s->allows.at, s->allows.n * sizeof(s->allows.at[0]));
	e->n_policies = s->policies.n;
	e->policies = arena_copy(s->a, s->policies.at, s->policies.n * sizeof(s->policies.at[0]));
}

static void
note_outside(const struct survey *s, struct egress *e, size_t class)
{
	struct outside_way way = outside_way(s->fleet, DIRECTION_EGRESS, class);

	if (!way.policy || e->outside)
		return;
	e->outside = way.policy;
	e->outside_rule = way.rule;
}

static const struct egress *
survey_workload(struct survey *s)
{
	struct egress *e = ARENA_NEW(s->a, struct egress);
	size_t n;
	const uint32_t *classes = reach_classes(s->reach, s->w, &n);

	s->allows.n = s->policies.n = 0;
	s->public_ports = ports_none;
	s->open = false;
	e->https = true;
	for (size_t i = 0; i < n; i++) {
		e->host_network |= reach_class(s->reach, classes[i])->host_network;
		e->https &= ports_has(&addresses_of(s, classes[i])->public_ports, PROTOCOL_TCP, 443);
		survey_class_of(s, classes[i]);
		note_outside(s, e, classes[i]);
	}
	e->dns = path_to_dns(s->fleet, s->w);
	close_survey(s, e);
	return e;
}

void
egress_evaluate(struct fleet *f)
{
	struct survey s = {.fleet = f, .reach = f->reach, .a = &f->arena};

	s.public = mem_alloc(reach_n_classes(f->reach));
	memset(s.public, -1, reach_n_classes(f->reach));
	for (size_t i = 0; i < f->n_workloads; i++) {
		s.w = &f->workloads[i];
		if (s.w->role == ROLE_NONE || has_gap(f, s.w->namespace))
			continue;
		s.w->foreign = foreign_first(f, s.w);
		if (!s.w->foreign)
			s.w->egress = survey_workload(&s);
		arena_reset(&s.scratch);
	}
	free(s.public);
	HASH_CLEAR(hh, s.known);
	arena_free(&s.memory);
	arena_free(&s.scratch);
	vec_free(&s.allows);
	vec_free(&s.policies);
	vec_free(&s.classes);
	vec_free(&s.wide);
}

int
egress_known_shape(const struct egress *e)
{
	return e->outside && e->shape > SHAPE_WEB ? -1 : (int)e->shape;
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
