/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/ways.h"

#include <stdlib.h>

#include "audit/rules/common.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/foreign.h"
#include "fleet/outside.h"

#define SHOWN 5 /* ways of one policy in the evidence */

const struct egress *
ways_egress(struct audit_run *run, const struct workload *w)
{
	const struct object *o = w->foreign ? &w->foreign->object : NULL;

	if (o)
		audit_unknown(run, w, o->kind,
			      audit_printf(run, "%s%s%s may select pods that are judged; moat does not evaluate it",
					   o->namespace, *o->namespace ? "/" : "", o->name));
	return w->egress;
}

void
ways_outside(struct audit_run *run, const struct workload *w, enum direction d)
{
	const struct fleet *f = audit_fleet(run);
	size_t n = 0;
	const uint32_t *classes = f->source.namespace && f->reach ? reach_classes(f->reach, w, &n) : NULL;

	for (size_t i = 0; i < n; i++) {
		struct outside_way way = outside_way(f, d, classes[i]);

		if (!way.policy)
			continue;
		audit_unknown(run, w, "Namespace",
			      audit_printf(run, "%s, %s rule %u, lets through pods of other namespaces, and only "
					   "namespace %s was read", ways_policy(run, way.policy), direction_name(d),
					   way.rule + 1, f->source.namespace));
		return;
	}
}

const char *
ways_policy(struct audit_run *run, const struct policy *p)
{
	const struct object *o = &p->object;

	return audit_printf(run, "%s %s%s%s", o->kind, o->namespace, *o->namespace ? "/" : "", o->name);
}

static void
add_way(struct buf *out, const struct allow *a)
{
	AUTO(buf) struct buf ports = {0};

	if (a->policy)
		buf_addf(out, "egress rule %u: ", a->rule + 1);
	ports_format_list(&ports, &a->ports);
	buf_addf(out, "%s on %s", a->peer, str_eq(buf_str(&ports), "all") ? "all ports" : buf_str(&ports));
	if (a->onward && !str_has(a->peer, a->onward->name))
		buf_addf(out, ", among them %s/%s", a->onward->namespace, a->onward->name);
}

/* "egress rule 2", "egress rules 2 and 4": those of the policy of at[first] that open such ways. */
static void
add_rules(struct audit_run *run, struct buf *out, const struct egress *e, size_t first, ways_wanted *wanted)
{
	const struct policy *p = e->allows[first].policy;
	bool *opens = ARENA_ARRAY(audit_scratch(run), bool, p->n_rules[DIRECTION_EGRESS]), more = false;
	size_t n = 0;

	for (size_t i = first; i < e->n_allows; i++) {
		const struct allow *a = &e->allows[i];

		if (a->policy != p || !wanted(run, a) || opens[a->rule])
			continue;
		opens[a->rule] = true;
		more |= a->more;
		n++;
	}
	buf_adds(out, n > 1 || more ? "egress rules" : "egress rule");
	for (size_t i = 0, k = 0; i < p->n_rules[DIRECTION_EGRESS]; i++)
		if (opens[i] && ++k)
			buf_addf(out, "%s %zu", k == 1 ? "" : k == n && !more ? " and" : ",", i + 1);
	buf_adds(out, more ? " and others like it" : "");
}

/* All ways of the policy of at[first], which comes first among them. */
static void
report_policy(struct audit_run *run, const struct workload *w, size_t first, ways_wanted *wanted,
	      const struct ways_words *words)
{
	const struct egress *e = w->egress;
	const struct policy *p = e->allows[first].policy;
	const char *subject = p ? ways_policy(run, p) : rule_workload(run, w);
	AUTO(buf) struct buf evidence = {0};
	AUTO(buf) struct buf opened = {0};
	size_t n = 0;

	for (size_t i = first; i < e->n_allows; i++) {
		if (e->allows[i].policy != p || !wanted(run, &e->allows[i]) || ++n > SHOWN)
			continue;
		buf_adds(&evidence, n > 1 ? "; " : "");
		add_way(&evidence, &e->allows[i]);
	}
	if (n > SHOWN)
		buf_addf(&evidence, "; and %zu more", n - SHOWN);
	if (words->tried)
		buf_addf(&evidence, "; %s", words->tried);
	if (p)
		add_rules(run, &opened, e, first, wanted);
	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = p ? rule_workload(run, w) : NULL,
		.line = e->allows[first].line,
		.message = audit_printf(run, "%s %s", subject, words->message),
		.evidence = buf_str(&evidence),
		.fix = p ? audit_printf(run, "In %s, %s: %s", subject, buf_str(&opened), words->fix) : words->fix,
	});
}

void
ways_report(struct audit_run *run, const struct workload *w, ways_wanted *wanted, ways_say *say)
{
	const struct egress *e = ways_egress(run, w);
	VEC(const struct policy *) told = {0};
	struct ways_words words = {0};

	for (size_t i = 0; e && i < e->n_allows; i++) {
		const struct policy *p = e->allows[i].policy;
		size_t k = 0;

		if (!wanted(run, &e->allows[i]))
			continue;
		while (k < told.n && told.at[k] != p)
			k++;
		if (k < told.n)
			continue;
		if (!told.n)
			words = say(run, w);
		vec_push(&told, p);
		report_policy(run, w, i, wanted, &words);
	}
	vec_free(&told);
}

/* Rather the one for this pod than one for every pod, and rather one that has rules already. */
static int
aptness(const struct policy *p, enum direction d)
{
	return (p->tier == TIER_NETWORK ? 4 : 0) + (p->pods.n ? 2 : 0) + (p->n_rules[d] ? 1 : 0);
}

const struct policy *
ways_to_edit(struct audit_run *run, enum direction d, uint32_t class)
{
	const struct policy *const *at;
	const struct policy *best = NULL;
	size_t n = reach_policies(audit_fleet(run)->reach, d, class, &at);

	for (size_t i = 0; i < n; i++)
		if (!best || aptness(at[i], d) > aptness(best, d))
			best = at[i];
	return best;
}

const struct policy *
ways_in_the_way(struct audit_run *run, enum direction d, const struct path *path, enum protocol p, uint16_t port)
{
	struct way *denials;
	size_t n = reach_denials(audit_fleet(run)->reach, d, path->from, path->to, audit_scratch(run), &denials);

	for (size_t i = 0; i < n; i++)
		if (ports_has(&denials[i].ports, p, port))
			return denials[i].policy;
	return ways_to_edit(run, d, d == DIRECTION_EGRESS ? path->from : path->to);
}
