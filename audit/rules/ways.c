/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/ways.h"

#include "audit/rules/common.h"
#include "base/buf.h"
#include "base/str.h"
#include "fleet/foreign.h"

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

/* All ways of the policy of at[first], which comes first among them. */
static void
report_policy(struct audit_run *run, const struct workload *w, size_t first, ways_wanted *wanted,
	      const struct ways_words *words)
{
	const struct egress *e = w->egress;
	const struct policy *p = e->allows[first].policy;
	const char *subject = p ? ways_policy(run, p) : rule_workload(run, w);
	AUTO(buf) struct buf evidence = {0};
	size_t n = 0;

	for (size_t i = first; i < e->n_allows; i++) {
		if (e->allows[i].policy != p || !wanted(run, &e->allows[i]) || ++n > SHOWN)
			continue;
		buf_adds(&evidence, n > 1 ? "; " : "");
		add_way(&evidence, &e->allows[i]);
	}
	if (n > SHOWN)
		buf_addf(&evidence, "; and %zu more", n - SHOWN);
	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = p ? rule_workload(run, w) : NULL,
		.line = e->allows[first].line,
		.message = audit_printf(run, "%s %s", subject, words->message),
		.evidence = audit_printf(run, "%s", buf_str(&evidence)),
		.fix = p ? audit_printf(run, "In %s, egress rule %u: %s", subject, e->allows[first].rule + 1, words->fix)
			 : words->fix,
	});
}

void
ways_report(struct audit_run *run, const struct workload *w, ways_wanted *wanted, const struct ways_words *words)
{
	const struct egress *e = ways_egress(run, w);

	for (size_t i = 0; e && i < e->n_allows; i++) {
		size_t before = 0;

		if (!wanted(run, &e->allows[i]))
			continue;
		while (before < i && !(e->allows[before].policy == e->allows[i].policy && wanted(run, &e->allows[before])))
			before++;
		if (before == i)
			report_policy(run, w, i, wanted, words);
	}
}

const char *
ways_companion_rule(struct audit_run *run, const struct workload *agent)
{
	const struct workload *c = agent->companion;
	const struct selector *s = agent->service ? &agent->service->selector : NULL;
	AUTO(buf) struct buf labels = {0};

	if (!c)
		return "- to: [{podSelector: {matchLabels: LABELS OF THE COMPANION}}]";
	for (size_t i = 0; s && i < s->n; i++)
		if (s->at[i].n_values == 1)
			buf_addf(&labels, "%s%s: %s", labels.len ? ", " : "", s->at[i].key, s->at[i].values[0]);
	for (size_t i = 0; !labels.len && i < c->template->labels.n; i++)
		buf_addf(&labels, "%s%s: %s", labels.len ? ", " : "", c->template->labels.at[i].key,
			 c->template->labels.at[i].value);
	return audit_printf(run, "- to: [{%s%s%spodSelector: {matchLabels: {%s}}}], ports: [{protocol: TCP, port: %d}]",
			    str_eq(c->namespace, agent->namespace)
				    ? ""
				    : "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ",
			    str_eq(c->namespace, agent->namespace) ? "" : c->namespace,
			    str_eq(c->namespace, agent->namespace) ? "" : "}}, ", buf_str(&labels),
			    c->pipelock && c->pipelock->listen_port ? c->pipelock->listen_port : 8888);
}
