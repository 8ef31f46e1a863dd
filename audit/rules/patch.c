/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/patch.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/str.h"
#include "fleet/endpoint.h"

#define MANY_AGENTS 8 /* of a companion: more are not written out */

#define TCP "{protocol: TCP, port: %d}"

const char patch_to_web[] = "{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
			    "100.64.0.0/10, 169.254.0.0/16]}}], "
			    "ports: [{protocol: TCP, port: 443}, {protocol: TCP, port: 80}]}";

/* Would YAML take the plain text for something else than a string? */
static bool
needs_quotes(const char *s)
{
	static const char words[] = "true false yes no on off null y n";
	size_t plain = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./");
	char lower[8] = "";

	if (!*s || s[plain] || !isalpha((unsigned char)*s))
		return true;
	for (size_t i = 0; i < sizeof(lower) - 1 && s[i]; i++)
		lower[i] = (char)tolower((unsigned char)s[i]);
	return strlen(s) < sizeof(lower) && str_in_list(words, lower);
}

static void
add_scalar(struct buf *out, const char *s)
{
	if (!needs_quotes(s)) {
		buf_adds(out, s);
		return;
	}
	buf_addc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_addc(out, '\'');
		buf_addc(out, *s);
	}
	buf_addc(out, '\'');
}

static void
add_label(struct buf *out, const char *key, const char *value)
{
	if (out->len)
		buf_adds(out, ", ");
	add_scalar(out, key);
	buf_adds(out, ": ");
	add_scalar(out, value);
}

/* Labels that controllers give each pod or revision: a policy that names them is wrong tomorrow. */
static bool
is_fleeting(const char *key)
{
	static const char *const keys[] = {"pod-template-hash", "controller-revision-hash", "job-name",
					   "controller-uid", "pod-template-generation"};
	static const char *const prefixes[] = {"statefulset.kubernetes.io/", "batch.kubernetes.io/",
					       "apps.kubernetes.io/"};

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (str_starts(key, prefixes[i]))
			return true;
	return false;
}

/* What the controller selects its pods by; else the pods' labels that last. */
static void
add_labels(struct buf *out, const struct workload *w)
{
	const struct object *o = w->object;
	const struct selector *s = o->type == OBJECT_CONTROLLER ? &object_controller(o)->selector : NULL;
	const struct labels *labels = &w->template->labels;

	for (size_t i = 0; s && i < s->n; i++)
		if (s->at[i].op == OP_IN && s->at[i].n_values == 1 && !is_fleeting(s->at[i].key))
			add_label(out, s->at[i].key, s->at[i].values[0]);
	if (out->len)
		return;
	for (size_t i = 0; i < labels->n; i++)
		if (!is_fleeting(labels->at[i].key))
			add_label(out, labels->at[i].key, labels->at[i].value);
}

const char *
patch_labels(struct audit_run *run, const struct workload *w)
{
	AUTO(buf) struct buf labels = {0};

	add_labels(&labels, w);
	return audit_printf(run, "{%s}", buf_str(&labels));
}

/* The same inside a policy's spec: "podSelector: {matchLabels: {app: x}}". */
static const char *
patch_selector(struct audit_run *run, const struct workload *w)
{
	return audit_printf(run, "podSelector: {matchLabels: %s}", patch_labels(run, w));
}

const char *
patch_pods(struct audit_run *run, const struct workload *w, const char *namespace)
{
	if (str_eq(w->namespace, namespace))
		return audit_printf(run, "{%s}", patch_selector(run, w));
	return audit_printf(run, "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}, %s}",
			    w->namespace, patch_selector(run, w));
}

const char *
patch_to_pods(struct audit_run *run, const struct workload *w, const char *namespace, int port)
{
	const char *ports = port ? audit_printf(run, ", ports: [" TCP "]", port) : "";

	return audit_printf(run, "{to: [%s]%s}", patch_pods(run, w, namespace), ports);
}

const char *
patch_to_companion(struct audit_run *run, const struct workload *agent)
{
	int port;

	if (!agent->companion)
		return "{to: [{podSelector: {matchLabels: {LABELS OF ITS COMPANION}}}], ports: [{protocol: TCP, "
		       "port: 8888}]}";
	port = endpoint_of_agent(agent).pod_port;
	return patch_to_pods(run, agent->companion, agent->namespace, port ? port : 8888);
}

const char *
patch_to_dns(struct audit_run *run)
{
	const struct settings *s = audit_fleet(run)->settings;
	AUTO(buf) struct buf labels = {0};

	for (size_t i = 0; s->dns_namespace && i < s->dns_pods.n; i++)
		if (s->dns_pods.at[i].op == OP_IN && s->dns_pods.at[i].n_values == 1)
			add_label(&labels, s->dns_pods.at[i].key, s->dns_pods.at[i].values[0]);
	if (!s->dns_namespace)
		add_label(&labels, "k8s-app", "kube-dns");
	return audit_printf(run,
			    "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}, "
			    "podSelector: {matchLabels: "
			    "{%s}}}], ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}",
			    s->dns_namespace ? s->dns_namespace : "kube-system", buf_str(&labels));
}

const char *
patch_from_agents(struct audit_run *run, const struct workload *companion, int port)
{
	AUTO(buf) struct buf from = {0};

	for (size_t i = 0; i < companion->n_agents && companion->n_agents <= MANY_AGENTS; i++)
		buf_addf(&from, "%s%s", i ? ", " : "", patch_pods(run, companion->agents[i], companion->namespace));
	if (!from.len)
		buf_adds(&from, "{podSelector: {matchLabels: {LABELS OF ITS AGENTS}}}");
	return audit_printf(run, "{from: [%s], ports: [" TCP "]}", buf_str(&from), port);
}

const char *
patch_policy(struct audit_run *run, const struct workload *w, const char *suffix, const char *what)
{
	return audit_printf(run,
			    "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: %s-%s, "
			    "namespace: %s}, spec: "
			    "{%s, %s}}",
			    w->name, suffix, w->namespace, patch_selector(run, w), what);
}
