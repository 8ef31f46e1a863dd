/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/explain.h"

#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "fleet/policy.h"
#include "fleet/reach_index.h"

struct asked {
	const struct compiled_rule *rule;
	struct way way;
	bool matches;
};

/* One pair of classes, or a class and an address. SIZE_MAX stands for the address. */
struct question {
	const struct fleet *fleet;
	const struct connect_end *from, *to;
	size_t from_class, to_class;
	const struct port_set *wanted;
	struct arena arena;
	struct buf *out;
	/* of the end that is asked now */
	VEC(struct asked) asked;
	struct ways ways;
	reach_matches *matches;
	const void *matches_ctx;
};

static void say(struct question *q, unsigned indent, const char *fmt, ...) PRINTF(3, 4);

/* A line, made safe to show. */
static void
say(struct question *q, unsigned indent, const char *fmt, ...)
{
	AUTO(buf) struct buf line = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&line, fmt, ap);
	va_end(ap);
	buf_fill(q->out, ' ', (size_t)indent * 2);
	text_safe(q->out, line.data, line.len);
	buf_addc(q->out, '\n');
}

static void
add_address(struct buf *out, const struct connect_end *end)
{
	char text[46];

	ip_format(end->family, end->range.first, text);
	buf_adds(out, text);
}

static const char *
name_of(struct question *q, const struct connect_end *end)
{
	AUTO(buf) struct buf name = {0};

	if (end->workload)
		connect_end_name(&name, end);
	else
		add_address(&name, end);
	return arena_strdup(&q->arena, buf_str(&name));
}

/* "TCP 80;UDP 53", "every port", "no port" */
static const char *
ports_of(struct question *q, const struct port_set *ports)
{
	AUTO(buf) struct buf text = {0};

	if (ports_is_all(ports))
		return "every port";
	if (ports_empty(ports))
		return "no port";
	ports_format(&text, ports);
	return arena_strdup(&q->arena, buf_str(&text));
}

static const char *
labels_of(struct question *q, const struct labels *l)
{
	AUTO(buf) struct buf text = {0};

	for (size_t i = 0; i < l->n; i++)
		buf_addf(&text, "%s%s=%s", i ? "," : "", l->at[i].key, l->at[i].value);
	return l->n ? arena_strdup(&q->arena, buf_str(&text)) : "no labels";
}

/* ---- why a peer is not the other end */

static const char *
why_not_pods(const struct policy *p, const struct policy_peer *peer, const struct pod_class *c)
{
	if (!c)
		return "an address outside the cluster is no pod";
	if (c->host_network)
		return "selectors do not match pods on the host's network";
	if (!peer->namespaces.present && p->tier == TIER_NETWORK && !str_eq(p->object.namespace, c->namespace))
		return "the pods are in another namespace";
	if (peer->namespaces.present && !selector_matches(&peer->namespaces, c->namespace_labels))
		return "the namespace's labels do not fit";
	return "the pods' labels do not fit";
}

static const char *
why_not_block(const struct policy *p, const struct policy_peer *peer, const struct pod_class *c,
	      const struct connect_end *outside)
{
	if (c)
		return p->tier == TIER_NETWORK
			       ? "a block stands for addresses outside the cluster"
			       : "the pods' addresses are not known, and only all of a family means them for sure";
	if (peer->family != outside->family)
		return "the address is of the other family";
	for (size_t i = 0; i < peer->n_except; i++)
		if (ip_cmp(peer->except[i].first, outside->range.first) <= 0 &&
		    ip_cmp(outside->range.first, peer->except[i].last) <= 0)
			return "the address is in an exception";
	return "the address is not in the block";
}

static const char *
why_not(const struct policy *p, const struct policy_peer *peer, const struct pod_class *c,
	const struct connect_end *outside)
{
	switch (peer->type) {
	case PEER_PODS:
		return why_not_pods(p, peer, c);
	case PEER_BLOCK:
		return why_not_block(p, peer, c, outside);
	case PEER_NODES:
		return "neither pods nor addresses outside are nodes";
	case PEER_DOMAINS:
		return c ? "a domain name stands for addresses outside the cluster"
			 : "only an Accept can be by name";
	case PEER_OTHER:
		break;
	}
	return "a kind of peer that is not known";
}

/* ---- rules */

static const char *
action_text(const struct asked *a)
{
	if (a->way.policy->tier == TIER_NETWORK)
		return "allows";
	switch (a->rule->rule->action) {
	case ACTION_ACCEPT:
		return "accepts";
	case ACTION_DENY:
		return "denies";
	case ACTION_PASS:
		break;
	}
	return "passes on";
}

/* The part of a rule's ports that it decides itself: earlier rules of admin policies may have taken the rest. */
static bool
effective_ports(const struct question *q, const struct asked *a, struct port_set *out)
{
	*out = ports_none;
	if (a->rule->rule->action != ACTION_ACCEPT)
		return false;
	for (size_t i = 0; i < q->ways.n; i++)
		if (q->ways.at[i].policy == a->way.policy && q->ways.at[i].rule == a->way.rule)
			*out = q->ways.at[i].ports;
	return !ports_equal(out, &a->way.ports);
}

static void
say_named_ports(struct question *q, const struct asked *a)
{
	const struct policy_rule *rule = a->rule->rule;

	for (size_t i = 0; i < rule->n_ports; i++) {
		struct port_set ports = ports_none;

		if (!rule->ports[i].name)
			continue;
		if (q->to_class != SIZE_MAX)
			ports = reach_named_ports(q->fleet->reach, &rule->ports[i], q->to_class, &q->arena);
		if (ports_empty(&ports))
			say(q, 4,
			    "port \"%s\" is no port that the destination's containers declare: it matches nothing",
			    rule->ports[i].name);
		else
			say(q, 4, "port \"%s\" is %s there", rule->ports[i].name, ports_of(q, &ports));
	}
}

static void
say_match(struct question *q, const struct asked *a, const char *head)
{
	struct port_set effective, asked = ports_intersect(&q->arena, &a->way.ports, q->wanted);
	const char *to = a->way.direction == DIRECTION_EGRESS ? "to" : "from";
	AUTO(buf) struct buf peer = {0};

	policy_peer_format(&peer, a->way.policy, a->way.peer);
	say(q, 3, "%s: matches, %s %s %s %s%s", head, action_text(a), ports_of(q, &a->way.ports), to,
	    buf_str(&peer),
	    ports_empty(&asked) && !ports_empty(&a->way.ports) ? " (not the port that is asked about)" : "");
	if (effective_ports(q, a, &effective))
		say(q, 4, "of these, %s: the others were decided before", ports_of(q, &effective));
	say_named_ports(q, a);
}

static void
say_rule(struct question *q, const struct asked *a, const struct pod_class *other,
	 const struct connect_end *outside)
{
	const struct policy_rule *rule = a->rule->rule;
	AUTO(buf) struct buf head = {0};

	policy_rule_format(&head, a->way.policy, a->way.direction, a->way.rule);
	if (a->matches) {
		say_match(q, a, buf_str(&head));
		return;
	}
	say(q, 3, "%s: does not match", buf_str(&head));
	for (size_t i = 0; i < rule->n_peers; i++) {
		AUTO(buf) struct buf peer = {0};

		policy_peer_format(&peer, a->way.policy, &rule->peers[i]);
		say(q, 4, "%s %s: %s", a->way.direction == DIRECTION_EGRESS ? "to" : "from", buf_str(&peer),
		    why_not(a->way.policy, &rule->peers[i], other, outside));
	}
}

/* ---- one end */

static bool
record(const void *ctx, const struct compiled_policy *p, const struct compiled_rule *c, struct way *w,
       struct arena *a)
{
	struct question *q = *(struct question *const *)ctx;
	struct asked asked = {.rule = c, .matches = q->matches(q->matches_ctx, p, c, w, a)};

	asked.way = *w;
	vec_push(&q->asked, asked);
	return asked.matches;
}

static void
say_policy(struct question *q, const struct policy *p, enum direction d, const struct pod_class *other,
	   const struct connect_end *outside)
{
	const struct object *o = &p->object;
	AUTO(buf) struct buf where = {0};
	size_t asked = 0;

	if (o->location.path)
		buf_addf(&where, " (%s:%u)", o->location.path, o->location.line);
	if (p->tier == TIER_NETWORK)
		say(q, 2, "%s %s/%s%s selects the pods", o->kind, o->namespace, o->name, buf_str(&where));
	else
		say(q, 2, "%s %s%s selects the pods, priority %lld", o->kind, o->name, buf_str(&where),
		    (long long)p->priority);
	for (size_t i = 0; i < q->asked.n; i++) {
		if (q->asked.at[i].way.policy != p)
			continue;
		say_rule(q, &q->asked.at[i], other, outside);
		asked++;
	}
	if (!asked)
		say(q, 3, "it has no %s rule, so it allows nothing", direction_name(d));
}

static const char *const tier_words[] = {
	[TIER_ADMIN] = "admin tier: by priority, the first rule that matches a port decides it",
	[TIER_NETWORK] = "network policies: what any rule of any of them allows is allowed",
	[TIER_BASELINE] = "baseline tier: the first rule that matches a port decides it",
};

static void
say_policies(struct question *q, enum direction d, size_t subject, const struct pod_class *other,
	     const struct connect_end *outside)
{
	const struct policy *const *policies;
	size_t n = reach_policies(q->fleet->reach, d, subject, &policies);
	bool isolated = reach_isolated(q->fleet->reach, d, subject);

	for (size_t i = 0; i < n; i++) {
		bool first = !i || policies[i]->tier != policies[i - 1]->tier;

		if (policies[i]->tier == TIER_BASELINE && isolated) {
			say(q, 1, "baseline tier: not asked, since network policies select the pods");
			break;
		}
		if (first)
			say(q, 1, "%s", tier_words[policies[i]->tier]);
		say_policy(q, policies[i], d, other, outside);
	}
	if (!n)
		say(q, 1, "no policy selects the pods for %s: everything is allowed", direction_name(d));
	else if (!isolated)
		say(q, 1, "no NetworkPolicy selects the pods for %s: what no rule above denies is allowed",
		    direction_name(d));
}

static void
explain_end(struct question *q, enum direction d)
{
	struct reach *r = q->fleet->reach;
	bool egress = d == DIRECTION_EGRESS;
	size_t subject = egress ? q->from_class : q->to_class, other = egress ? q->to_class : q->from_class;
	const struct connect_end *own = egress ? q->from : q->to, *outside = egress ? q->to : q->from;
	struct pod_question pods = {r, other, q->to_class};
	struct address_question address = {r, outside->family, outside->range.first,
					   egress ? SIZE_MAX : q->to_class};
	const struct pod_class *c;
	struct port_set ports;

	if (subject == SIZE_MAX) {
		say(q, 0, "%s of %s: an address outside the cluster, which no policy selects",
		    egress ? "Egress" : "Ingress", name_of(q, own));
		return;
	}
	c = reach_class(r, subject);
	q->asked.n = 0;
	q->ways = (struct ways){0};
	q->matches = other == SIZE_MAX ? reach_match_address : reach_match_pods;
	q->matches_ctx = other == SIZE_MAX ? (const void *)&address : (const void *)&pods;
	ports = reach_ask(r, d, subject, record, &(struct question *){q}, &q->arena, &q->ways);
	say(q, 0, "%s of %s, pods with %s: %s", egress ? "Egress" : "Ingress", name_of(q, own),
	    labels_of(q, c->labels), ports_of(q, &ports));
	if (c->host_network)
		say(q, 1, "the pods are on the host's network: no policy applies to them");
	else
		say_policies(q, d, subject, other == SIZE_MAX ? NULL : reach_class(r, other), outside);
}

/* ---- the pair */

static void
explain_classes(struct question *q)
{
	explain_end(q, DIRECTION_EGRESS);
	explain_end(q, DIRECTION_INGRESS);
}

static const uint32_t *
classes_of(const struct question *q, const struct connect_end *end, size_t *n)
{
	static const uint32_t address[1];

	if (end->workload)
		return reach_classes(q->fleet->reach, end->workload, n);
	*n = 1;
	return address;
}

/* Does that end alone forbid all that is asked about, whichever pods are taken? */
static bool
end_forbids(struct question *q, enum direction d)
{
	size_t n_sources, n_targets;
	const uint32_t *sources = classes_of(q, q->from, &n_sources), *targets = classes_of(q, q->to, &n_targets);

	if (!q->from->workload || !q->to->workload)
		return (d == DIRECTION_EGRESS ? q->from : q->to)->workload != NULL;
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < n_targets; k++) {
			struct port_set ports = reach_end(q->fleet->reach, d, sources[i], targets[k], &q->arena);

			ports = ports_intersect(&q->arena, &ports, q->wanted);
			if (!ports_empty(&ports))
				return false;
		}
	}
	return true;
}

static void
say_culprit(struct question *q)
{
	bool egress = end_forbids(q, DIRECTION_EGRESS), ingress = end_forbids(q, DIRECTION_INGRESS);

	if (egress)
		say(q, 0, "Egress of %s does not let it out.", name_of(q, q->from));
	if (ingress)
		say(q, 0, "Ingress of %s does not let it in.", name_of(q, q->to));
	if (!egress && !ingress)
		say(q, 0, "What egress of the one lets out, ingress of the other does not let in.");
}

static void
say_verdict(struct question *q)
{
	struct port_set ports = connect_pair(q->fleet, q->from, q->to, &q->arena);
	struct port_set allowed = ports_intersect(&q->arena, &ports, q->wanted);

	if (ports_empty(&allowed)) {
		say(q, 0, "NOT ALLOWED: %s may not talk to %s on %s", name_of(q, q->from), name_of(q, q->to),
		    ports_is_all(q->wanted) ? "any port" : ports_of(q, q->wanted));
		say_culprit(q);
	} else {
		say(q, 0, "ALLOWED: %s may talk to %s on %s", name_of(q, q->from), name_of(q, q->to),
		    ports_of(q, &allowed));
	}
	if (q->from->workload && q->from->workload == q->to->workload)
		say(q, 0, "A pod may always talk to itself; this is about several pods of one workload.");
}

void
explain_pair(const struct fleet *f, const struct connect_end *from, const struct connect_end *to,
	     const struct port_set *wanted, struct buf *out)
{
	struct question q = {.fleet = f, .from = from, .to = to, .wanted = wanted, .out = out};
	size_t n_sources, n_targets;
	const uint32_t *sources = classes_of(&q, from, &n_sources), *targets = classes_of(&q, to, &n_targets);

	say_verdict(&q);
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < n_targets; k++) {
			buf_addc(out, '\n');
			q.from_class = from->workload ? sources[i] : SIZE_MAX;
			q.to_class = to->workload ? targets[k] : SIZE_MAX;
			explain_classes(&q);
		}
	}
	vec_free(&q.asked);
	arena_free(&q.arena);
}
