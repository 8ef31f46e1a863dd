/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/files.h"

#define NOW INT64_C(1767323045) /* 2026-01-02T03:04:05Z */

/*
 * Fleets out of YAML
 */

struct world {
	struct object_set set; /* its paths outlive the fleet */
	struct settings settings;
	struct audit_settings judging;
	struct gap gaps[4];
	size_t n_gaps;
	struct fleet *fleet;
	struct audit *audit;
};

static void
look(struct world *w, const char *yaml)
{
	struct err e;
	struct fleet_input in = {.objects = &w->set, .settings = &w->settings, .gaps = w->gaps, .n_gaps = w->n_gaps};

	if (!files_read_memory("fleet.yaml", yaml, strlen(yaml), "default", &w->set, &e))
		fail_msg("%s", e.msg);
	w->fleet = fleet_new(&in);
	w->audit = audit_new(w->fleet, &w->judging, NOW);
}

static void
leave(struct world *w)
{
	audit_unref(w->audit);
	fleet_unref(w->fleet);
	object_set_free(&w->set);
}

static void
auto_world(struct world *w)
{
	leave(w);
}

#define WORLD AUTO(world) struct world w = {.settings = {.trust_objects = true}}

static const struct finding *
find(const struct world *w, const char *rule, const char *object)
{
	for (size_t i = 0; i < w->audit->n_findings; i++) {
		const struct finding *f = &w->audit->findings[i];

		if (str_eq(f->rule->id, rule) && (!object || str_eq(f->object.name, object)))
			return f;
	}
	return NULL;
}

static size_t
count(const struct world *w, const char *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < w->audit->n_findings; i++)
		n += str_eq(w->audit->findings[i].rule->id, rule);
	return n;
}

static bool
listed(const struct rule *const *list, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(list[i]->id, id))
			return true;
	}
	return false;
}

/*
 * Manifests in pieces
 */

#define CONFIG(ns, text)                                          \
	"---\n"                                                   \
	"apiVersion: v1\n"                                        \
	"kind: ConfigMap\n"                                       \
	"metadata: {name: pipelock-config, namespace: " ns "}\n" \
	"data:\n"                                                 \
	"  pipelock.yaml: |\n" text

#define GOOD_CONFIG "    forward_proxy: {enabled: true}\n    fetch_proxy: {listen: \"0.0.0.0:8888\"}\n"
#define NO_TUNNEL "    mode: balanced\n    fetch_proxy: {listen: \"0.0.0.0:8888\"}\n"

/* The walls: the agent reaches its companion, the companion the web, both the cluster's DNS; nobody else gets in. */
#define WALL_DNS                                                                                                   \
	"  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]\n"                \
	"    ports: [{port: 53, protocol: UDP}]\n"
#define WALLS(ns, agent, companion)                                                                                \
	"---\n"                                                                                                    \
	"apiVersion: networking.k8s.io/v1\n"                                                                       \
	"kind: NetworkPolicy\n"                                                                                    \
	"metadata: {name: " agent "-wall, namespace: " ns "}\n"                                                    \
	"spec:\n"                                                                                                  \
	"  podSelector: {matchLabels: {app: " agent "}}\n"                                                         \
	"  policyTypes: [Egress]\n"                                                                                \
	"  egress:\n" WALL_DNS "  - to: [{podSelector: {matchLabels: {app: " companion "}}}]\n"                    \
	"    ports: [{port: 8888}]\n"                                                                              \
	"---\n"                                                                                                    \
	"apiVersion: networking.k8s.io/v1\n"                                                                       \
	"kind: NetworkPolicy\n"                                                                                    \
	"metadata: {name: " companion "-wall, namespace: " ns "}\n"                                                \
	"spec:\n"                                                                                                  \
	"  podSelector: {matchLabels: {app: " companion "}}\n"                                                     \
	"  policyTypes: [Ingress, Egress]\n"                                                                       \
	"  ingress:\n"                                                                                             \
	"  - from: [{podSelector: {matchLabels: {app: " agent "}}}]\n"                                             \
	"    ports: [{port: 8888}]\n"                                                                              \
	"  egress:\n" WALL_DNS "  - ports: [{port: 443}, {port: 80}]\n"

#define COMPANION(ns, name, meta)                                                          \
	"---\n"                                                                            \
	"apiVersion: apps/v1\n"                                                            \
	"kind: Deployment\n"                                                               \
	"metadata: {name: " name ", namespace: " ns meta "}\n"                             \
	"spec:\n"                                                                          \
	"  replicas: 2\n"                                                                  \
	"  selector: {matchLabels: {app: " name "}}\n"                                     \
	"  template:\n"                                                                    \
	"    metadata: {labels: {app: " name "}}\n"                                        \
	"    spec:\n"                                                                      \
	"      securityContext: {runAsUser: 65534, runAsNonRoot: true}\n"                  \
	"      containers:\n"                                                              \
	"      - name: pipelock\n"                                                         \
	"        image: ghcr.io/luckypipewrench/pipelock:2.3.0\n"                          \
	"        args: [run, --config, /etc/pipelock/pipelock.yaml]\n"                     \
	"        ports: [{containerPort: 8888}]\n"                                         \
	"        volumeMounts: [{name: c, mountPath: /etc/pipelock}]\n"                    \
	"      volumes: [{name: c, configMap: {name: pipelock-config}}]\n"                 \
	"---\n"                                                                            \
	"apiVersion: v1\n"                                                                 \
	"kind: Service\n"                                                                  \
	"metadata: {name: " name ", namespace: " ns "}\n"                                  \
	"spec: {selector: {app: " name "}, ports: [{port: 8888}]}\n"

#define AGENT(ns, name, meta, spec, env)                                                   \
	"---\n"                                                                            \
	"apiVersion: apps/v1\n"                                                            \
	"kind: Deployment\n"                                                               \
	"metadata: {name: " name ", namespace: " ns meta "}\n"                             \
	"spec:\n"                                                                          \
	"  selector: {matchLabels: {app: " name "}}\n"                                     \
	"  template:\n"                                                                    \
	"    metadata: {labels: {app: " name ", app.kubernetes.io/component: agent}}\n"    \
	"    spec:\n"                                                                      \
	"      " spec "\n"                                                                 \
	"      containers:\n"                                                              \
	"      - name: main\n"                                                             \
	"        image: registry.example.com:5000/agents/" name ":1\n"                     \
	"        env: [" env "]\n"

#define PROXY(host) "{name: HTTPS_PROXY, value: \"http://" host ":8888\"}"
#define IGNORE(rules, reason) \
	", annotations: {moat.dev/ignore: \"" rules "\", moat.dev/ignore-reason: \"" reason "\"}"

/* A fleet in which nothing of these rules is broken. */
#define GOOD                                       \
	CONFIG("research", GOOD_CONFIG)            \
	COMPANION("research", "pipelock", "")      \
	WALLS("research", "scout", "pipelock")     \
	AGENT("research", "scout", "", "hostNetwork: false", PROXY("pipelock"))

/*
 * The runner
 */

static void
a_clean_fleet(void **state)
{
	WORLD;
	size_t by[SEVERITIES], sum;

	(void)state;
	look(&w, GOOD);
	assert_int_equal(w.audit->n_agents, 1);
	assert_int_equal(w.audit->n_companions, 1);
	assert_int_equal(w.audit->suppressed, 0);
	assert_int_equal(w.audit->severities[SEV_CRITICAL] + w.audit->severities[SEV_HIGH], 0);
	assert_true(w.audit->complete);
	assert_int_equal(w.audit->states[STATE_MIGRATED], 1);
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 0);
	sum = audit_count(w.audit, w.audit->agents[0], by);
	assert_int_equal(sum, by[SEV_INFO] + by[SEV_LOW] + by[SEV_MEDIUM] + by[SEV_HIGH] + by[SEV_CRITICAL]);
}

static void
nothing_to_audit(void **state)
{
	WORLD;

	(void)state;
	look(&w, "apiVersion: v1\nkind: Namespace\nmetadata: {name: empty}\n");
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 3);
	assert_int_equal(audit_exit_status(w.audit, SEV_NEVER), 3);
}

static void
a_finding(void **state)
{
	WORLD;
	const struct finding *f;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostNetwork: true", PROXY("pipelock")));
	f = find(&w, "agent-host-network", "scout");
	assert_non_null(f);
	assert_int_equal(f->severity, SEV_CRITICAL);
	assert_string_equal(f->object.kind, "Deployment");
	assert_string_equal(f->object.namespace, "research");
	assert_null(f->object.container);
	assert_ptr_equal(f->agent, w.audit->agents[0]);
	assert_string_equal(f->location.path, "fleet.yaml");
	assert_true(f->location.line > 20);
	assert_int_equal(strlen(f->fingerprint), 16);
	assert_int_equal(strspn(f->fingerprint, "0123456789abcdef"), 16);
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 1);
	assert_int_equal(audit_exit_status(w.audit, SEV_NEVER), 0);
	assert_int_equal(w.audit->severities[SEV_CRITICAL], 1);
}

/* Baselines and the store hold fingerprints: this value may never change. */
static void
fingerprints_stay(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostNetwork: true", PROXY("pipelock")));
	assert_string_equal(find(&w, "agent-host-network", "scout")->fingerprint, "75235541a2739ba4");
}

static void
one_config_map_one_finding(void **state)
{
	WORLD;
	const struct finding *f;

	(void)state;
	look(&w, CONFIG("research", NO_TUNNEL) COMPANION("research", "fw-a", "") COMPANION("research", "fw-b", "")
			 AGENT("research", "scout", "", "hostPID: false", PROXY("fw-a"))
				 AGENT("research", "librarian", "", "hostPID: false", PROXY("fw-b")));
	assert_int_equal(count(&w, "companion-no-forward-proxy"), 1);
	f = find(&w, "companion-no-forward-proxy", "pipelock-config");
	assert_string_equal(f->object.kind, "ConfigMap");
	assert_null(f->agent); /* it belongs to both */
	assert_int_equal(f->location.line, 6); /* the key: the field is not written */
}

static void
a_companion_of_one_agent(void **state)
{
	WORLD;
	size_t by[SEVERITIES];

	(void)state;
	look(&w, CONFIG("research", NO_TUNNEL) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostPID: false", PROXY("pipelock")));
	assert_ptr_equal(find(&w, "companion-no-forward-proxy", NULL)->agent, w.audit->agents[0]);
	audit_count(w.audit, w.audit->agents[0], by);
	assert_int_equal(by[SEV_HIGH], w.audit->severities[SEV_HIGH]);
	assert_true(by[SEV_HIGH] >= 1);
}

static void
lines_of_a_config(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG "    # tuning\n    enforce: false\n") COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostPID: false", PROXY("pipelock")));
	assert_int_equal(find(&w, "companion-not-enforcing", NULL)->location.line, 10);
}

static void
worst_first(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("b", NO_TUNNEL) COMPANION("b", "pipelock", "") AGENT(
			 "b", "scout", "", "hostPID: true", PROXY("pipelock"))
			 AGENT("a", "zoe", "", "hostNetwork: true", PROXY("pipelock.b"))
				 AGENT("a", "adam", "", "hostNetwork: true", PROXY("pipelock.b")));
	assert_true(w.audit->n_findings >= 4);
	for (size_t i = 1; i < w.audit->n_findings; i++) {
		const struct finding *f = &w.audit->findings[i - 1], *g = &w.audit->findings[i];

		assert_true(f->severity >= g->severity);
		if (f->severity == g->severity)
			assert_true(strcmp(f->namespace, g->namespace) <= 0);
	}
	assert_string_equal(w.audit->findings[0].object.name, "adam");
	assert_string_equal(w.audit->findings[1].object.name, "zoe");
}

static size_t
place_of(const char *id)
{
	for (size_t i = 0; i < n_rules; i++) {
		if (str_eq(rules[i]->id, id))
			return i;
	}
	fail_msg("no rule %s", id);
	return 0;
}

static void
severities_change(void **state)
{
	WORLD;
	int *set = mem_array(n_rules, sizeof(*set));
	size_t off = place_of("agent-privileged");

	(void)state;
	for (size_t i = 0; i < n_rules; i++)
		set[i] = -1;
	set[place_of("agent-host-network")] = SEV_LOW;
	set[off] = SEVERITIES;
	w.judging.severities = set;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostNetwork: true\n      hostPID: true", PROXY("pipelock")));
	free(set);
	assert_int_equal(find(&w, "agent-host-network", NULL)->severity, SEV_LOW);
	assert_int_equal(count(&w, "agent-privileged"), 0);
	assert_false(listed(w.audit->unknown, w.audit->n_unknown, "agent-privileged"));
	assert_false(listed(w.audit->not_applicable, w.audit->n_not_applicable, "agent-privileged"));
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 0);
}

/*
 * Scope
 */

#define TWO_TEAMS                                                                               \
	CONFIG("a", NO_TUNNEL)                                                                  \
	COMPANION("a", "pipelock", "")                                                          \
	AGENT("a", "one", ", labels: {team: red}", "hostNetwork: true", PROXY("pipelock"))      \
	AGENT("b", "two", ", labels: {team: blue}", "hostNetwork: true", PROXY("pipelock.a"))   \
	COMPANION("b", "idle", "")

static void
everything_by_default(void **state)
{
	WORLD;

	(void)state;
	look(&w, TWO_TEAMS);
	assert_int_equal(w.audit->n_agents, 2);
	assert_int_equal(w.audit->n_companions, 2);
	assert_int_equal(count(&w, "agent-host-network"), 2);
}

static void
one_namespace(void **state)
{
	WORLD;

	(void)state;
	w.judging.namespace = "b";
	look(&w, TWO_TEAMS);
	assert_int_equal(w.audit->n_agents, 1);
	assert_int_equal(w.audit->n_companions, 2); /* its agent's, and the one that is there */
	assert_non_null(find(&w, "agent-host-network", "two"));
	assert_null(find(&w, "agent-host-network", "one"));
	assert_non_null(find(&w, "companion-no-forward-proxy", "pipelock-config"));
}

static void
one_label(void **state)
{
	WORLD;
	AUTO(arena) struct arena a = {0};
	struct err e;

	(void)state;
	assert_true(selector_parse(&a, "team=red", &w.judging.selector, &e));
	look(&w, TWO_TEAMS);
	assert_int_equal(w.audit->n_agents, 1);
	assert_int_equal(w.audit->n_companions, 1);
	assert_null(find(&w, "agent-host-network", "two"));
}

static void
nothing_in_scope(void **state)
{
	WORLD;

	(void)state;
	w.judging.namespace = "c";
	look(&w, TWO_TEAMS);
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 3);
}

/*
 * Facts
 */

static void
files_have_no_pods(void **state)
{
	WORLD;

	(void)state;
	look(&w, GOOD);
	assert_true(listed(w.audit->not_applicable, w.audit->n_not_applicable, "companion-not-ready"));
	assert_true(w.audit->complete);
}

static void
a_forbidden_kind(void **state)
{
	WORLD;

	(void)state;
	w.gaps[w.n_gaps++] = (struct gap){FACT_CONFIG_MAPS, "ConfigMap", "", "forbidden"};
	look(&w, CONFIG("research", NO_TUNNEL) COMPANION("research", "pipelock", "") WALLS("research", "scout", "pipelock")
			 AGENT("research", "scout", "", "hostPID: false", PROXY("pipelock")));
	assert_int_equal(count(&w, "companion-no-forward-proxy"), 0);
	assert_true(listed(w.audit->unknown, w.audit->n_unknown, "companion-no-forward-proxy"));
	assert_false(listed(w.audit->unknown, w.audit->n_unknown, "agent-host-network"));
	assert_false(w.audit->complete);
	assert_int_equal(w.audit->n_gaps, 1);
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 4);
}

static void
findings_outweigh_gaps(void **state)
{
	WORLD;

	(void)state;
	w.gaps[w.n_gaps++] = (struct gap){FACT_CONFIG_MAPS, "ConfigMap", "", "forbidden"};
	look(&w, AGENT("research", "scout", "", "hostNetwork: true", ""));
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 1);
	assert_int_equal(audit_exit_status(w.audit, SEV_NEVER), 4);
}

static void
a_gap_of_one_namespace(void **state)
{
	WORLD;

	(void)state;
	w.gaps[w.n_gaps++] = (struct gap){FACT_CONFIG_MAPS, "ConfigMap", "dark", "forbidden"};
	look(&w, CONFIG("dark", NO_TUNNEL) COMPANION("dark", "pipelock", "")
			 AGENT("dark", "one", "", "hostPID: false", PROXY("pipelock"))
				 CONFIG("light", NO_TUNNEL) COMPANION("light", "pipelock", "")
					 AGENT("light", "two", "", "hostPID: false", PROXY("pipelock")));
	assert_int_equal(count(&w, "companion-no-forward-proxy"), 1);
	assert_string_equal(find(&w, "companion-no-forward-proxy", NULL)->namespace, "light");
	assert_true(listed(w.audit->unknown, w.audit->n_unknown, "companion-no-forward-proxy"));
}

static void
a_proxy_in_a_secret(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "") WALLS("research", "scout", "pipelock") AGENT(
			 "research", "scout", "", "hostPID: false",
			 "{name: HTTPS_PROXY, valueFrom: {secretKeyRef: {name: p, key: url}}}"));
	assert_int_equal(count(&w, "proxy-env-missing"), 0);
	assert_false(listed(w.audit->unknown, w.audit->n_unknown, "proxy-env-missing"));
	assert_true(listed(w.audit->unknown, w.audit->n_unknown, "proxy-env-target"));
	assert_int_equal(w.audit->n_gaps, 1); /* said once, though two rules miss it */
	assert_string_equal(w.audit->gaps[0].kind, "Secret");
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 4);
}

#define BYSTANDER(spec) \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: research}\n" \
	"spec:\n  containers:\n  - name: c\n    image: app\n    " spec "\n"

/* What may be an agent for all that was read is said; what nobody has reason to take for one is not. */
static void
an_agent_nobody_sees(void **state)
{
	static const struct {
		const char *spec, *kind; /* kind NULL: nothing is said */
		bool busy; /* the companion has an agent already */
	} cases[] = {
		{"env: [{name: HTTPS_PROXY, valueFrom: {secretKeyRef: {name: s, key: k}}}]", "Secret", true},
		{"env: [{name: N, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}, {name: http_proxy, value: "
		 "'http://$(N):8888'}]", "Pod", true},
		{"env: [{name: HTTPS_PROXY, valueFrom: {configMapKeyRef: {name: no, key: k}}}]", "ConfigMap", true},
		{"envFrom: [{configMapRef: {name: no}}]", "ConfigMap", true},
		{"envFrom: [{configMapRef: {name: no, optional: true}}]", NULL, false},
		{"envFrom: [{secretRef: {name: s}}]", "Secret", false},
		{"envFrom: [{secretRef: {name: s}}]", NULL, true},
		{"envFrom: [{prefix: DB_, secretRef: {name: s}}]", NULL, false},
		{"env: [{name: HTTPS_PROXY, value: 'http://proxy.corp:3128'}]\n    envFrom: [{secretRef: {name: s}}]", NULL,
		 false},
		{"env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: s, key: k}}}]", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		WORLD;
		AUTO(buf) struct buf yaml = {0};

		buf_adds(&yaml, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", ""));
		if (cases[i].busy)
			buf_adds(&yaml, AGENT("research", "scout", "", "hostPID: false", PROXY("pipelock")));
		buf_addf(&yaml, BYSTANDER("%s"), cases[i].spec);
		look(&w, buf_str(&yaml));
		assert_int_equal(w.audit->n_gaps, cases[i].kind ? 1 : 0);
		if (!cases[i].kind)
			continue;
		assert_string_equal(w.audit->gaps[0].kind, cases[i].kind);
		assert_string_equal(w.audit->gaps[0].namespace, "research");
		assert_non_null(strstr(w.audit->gaps[0].reason, "Pod research/x may be an agent"));
		assert_false(w.audit->complete);
	}
}

static void
a_companion_by_label_alone(void **state)
{
	WORLD;

	(void)state;
	look(&w, "apiVersion: apps/v1\n"
		 "kind: Deployment\n"
		 "metadata: {name: gate, namespace: research, labels: {moat.dev/role: companion}}\n"
		 "spec:\n"
		 "  template:\n"
		 "    metadata: {labels: {app: gate}}\n"
		 "    spec: {containers: [{name: fw, image: \"registry.example.com/egress-fw:1\"}]}\n");
	assert_int_equal(w.audit->n_companions, 1);
	assert_false(w.audit->complete); /* what runs in it is not known */
	assert_int_equal(w.audit->exemptions_from_objects, 1);
}

/*
 * Exemptions
 */

static void
an_annotation(void **state)
{
	WORLD;
	const struct finding *f;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", IGNORE("agent-host-network", "needs multicast"), "hostNetwork: true",
			       PROXY("pipelock")));
	f = find(&w, "agent-host-network", NULL);
	assert_non_null(f->suppressed);
	assert_string_equal(f->suppressed->reason, "needs multicast");
	assert_string_equal(f->suppressed->from, "annotation");
	assert_int_equal(f->suppressed->expires_at, CLOCK_UNKNOWN);
	assert_int_equal(w.audit->suppressed, 1);
	assert_int_equal(w.audit->severities[SEV_CRITICAL], 0);
	assert_int_equal(w.audit->exemptions_from_objects, 1);
	assert_string_equal(w.audit->exemptions[0].name, "scout");
	assert_int_equal(count(&w, "suppression-inert"), 0);
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 0);
}

static void
objects_not_trusted(void **state)
{
	WORLD;

	(void)state;
	w.settings.trust_objects = false;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", IGNORE("agent-host-network, agent-privileged", "needs multicast"),
			       "hostNetwork: true", PROXY("pipelock")));
	assert_null(find(&w, "agent-host-network", NULL)->suppressed);
	assert_int_equal(w.audit->exemptions_from_objects, 1);
	assert_true(w.audit->exemptions[0].ignored);
	assert_int_equal(count(&w, "suppression-inert"), 0);
	assert_int_equal(audit_exit_status(w.audit, SEV_HIGH), 1);
}

static void
an_annotation_of_a_config_map(void **state)
{
	WORLD;

	(void)state;
	look(&w, "apiVersion: v1\n"
		 "kind: ConfigMap\n"
		 "metadata:\n"
		 "  name: pipelock-config\n"
		 "  namespace: research\n"
		 "  annotations: {moat.dev/ignore: companion-no-forward-proxy, moat.dev/ignore-reason: fetch only}\n"
		 "data:\n"
		 "  pipelock.yaml: |\n" NO_TUNNEL COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostPID: false", PROXY("pipelock")));
	assert_non_null(find(&w, "companion-no-forward-proxy", NULL)->suppressed);
	assert_int_equal(count(&w, "suppression-inert"), 0);
}

/* The agent's owner has no say over the companion. */
static void
an_annotation_elsewhere(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", NO_TUNNEL) COMPANION("research", "pipelock", "") AGENT(
			 "research", "scout", IGNORE("companion-no-forward-proxy", "I like it"), "hostPID: false",
			 PROXY("pipelock")));
	assert_null(find(&w, "companion-no-forward-proxy", NULL)->suppressed);
	assert_int_equal(count(&w, "suppression-inert"), 1);
	assert_ptr_equal(find(&w, "suppression-inert", NULL)->agent, w.audit->agents[0]);
}

static void
inert_annotations(void **state)
{
	static const char *const metas[] = {
		", annotations: {moat.dev/ignore: agent-host-network}",
		IGNORE("agent-host-network", " \\t"),
		IGNORE("agent-privileged", "nothing is"),
		IGNORE("agent-host-netwerk", "misspelt"),
		IGNORE("*", "everything"),
		IGNORE("", "nothing"),
		IGNORE("suppression-inert", "be quiet"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(metas); i++) {
		WORLD;
		AUTO(buf) struct buf yaml = {0};

		buf_addf(&yaml, "%s%s%s", GOOD "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: research",
			 metas[i],
			 ", labels: {moat.dev/role: agent}}\nspec: {hostNetwork: true, containers: [{name: main, image: a, "
			 "env: [" PROXY("pipelock") "]}]}\n");
		look(&w, buf_str(&yaml));
		if (!find(&w, "agent-host-network", "p") || find(&w, "agent-host-network", "p")->suppressed ||
		    count(&w, "suppression-inert") != 1)
			fail_msg("%s", metas[i]);
		assert_int_equal(find(&w, "suppression-inert", NULL)->severity, SEV_LOW);
	}
}

/* A rule that was not judged may be broken for all we know. */
static void
not_inert_when_not_judged(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock",
							     IGNORE("companion-not-ready", "it sleeps at night"))
			 AGENT("research", "scout", "", "hostPID: false", PROXY("pipelock")));
	assert_int_equal(count(&w, "suppression-inert"), 0);
}

static void
entries_of_the_config(void **state)
{
	static const struct exemption_setting entries[] = {
		{.rule = "agent-host-network", .match = {.name = "sc*"}, .reason = "until the move", .owner = "ops",
		 .expires_at = NOW + 1, .line = 3},
		{.rule = "agent-privileged", .match = {.name = "scout"}, .reason = "expired", .expires_at = NOW - 1,
		 .line = 8},
		{.rule = "companion-no-forward-proxy", .match = {.kind = "ConfigMap", .name = "pipelock-config"},
		 .reason = "fetch only", .expires_at = CLOCK_UNKNOWN, .line = 12},
		{.rule = "agent-privileged", .match = {.namespace = "research"}, .expires_at = CLOCK_UNKNOWN, .line = 16},
		{.rule = "*", .match = {.name = "nobody"}, .reason = "gone", .expires_at = CLOCK_UNKNOWN, .line = 20},
		{.rule = "companion-root", .match = {.kind = "Deployment"}, .reason = "was so once",
		 .expires_at = CLOCK_UNKNOWN, .line = 24},
		{.rule = "no-such-rule", .match = {.kind = "Deployment"}, .reason = "typo", .expires_at = CLOCK_UNKNOWN,
		 .line = 28},
		{.rule = "companion-not-ready", .match = {.kind = "Deployment"}, .reason = "not judged in files",
		 .expires_at = CLOCK_UNKNOWN, .line = 32},
	};
	static const unsigned inert[] = {8, 16, 20, 24, 28};
	WORLD;
	size_t seen = 0;

	(void)state;
	w.judging.exemptions = entries;
	w.judging.n_exemptions = COUNT_OF(entries);
	w.judging.config_path = "/home/op/.config/moat/config.yaml";
	look(&w, CONFIG("research", NO_TUNNEL) COMPANION("research", "pipelock", "") AGENT(
			 "research", "scout", "", "hostNetwork: true\n      hostPID: true", PROXY("pipelock")));
	assert_string_equal(find(&w, "agent-host-network", NULL)->suppressed->owner, "ops");
	assert_string_equal(find(&w, "agent-host-network", NULL)->suppressed->from, "config");
	assert_non_null(find(&w, "companion-no-forward-proxy", NULL)->suppressed);
	assert_null(find(&w, "agent-privileged", NULL)->suppressed);
	assert_int_equal(w.audit->exemptions_from_config, COUNT_OF(entries));
	assert_int_equal(w.audit->exemptions_from_objects, 0);
	assert_int_equal(count(&w, "suppression-inert"), COUNT_OF(inert));
	for (size_t i = 0; i < w.audit->n_findings; i++) {
		const struct finding *f = &w.audit->findings[i];

		if (!str_eq(f->rule->id, "suppression-inert"))
			continue;
		assert_string_equal(f->object.kind, "Config");
		assert_string_equal(f->object.name, w.judging.config_path);
		assert_string_equal(f->location.path, w.judging.config_path);
		assert_null(f->agent);
		for (size_t j = 0; j < COUNT_OF(inert); j++)
			seen += f->location.line == inert[j];
	}
	assert_int_equal(seen, COUNT_OF(inert));
}

/* With -n only a part is looked at: an entry for the rest may well be of use. */
static void
entries_out_of_scope(void **state)
{
	static const struct exemption_setting entries[] = {
		{.rule = "agent-privileged", .match = {.namespace = "elsewhere"}, .reason = "x", .expires_at = CLOCK_UNKNOWN},
	};
	WORLD;

	(void)state;
	w.judging.exemptions = entries;
	w.judging.n_exemptions = COUNT_OF(entries);
	w.judging.namespace = "research";
	look(&w, GOOD);
	assert_int_equal(count(&w, "suppression-inert"), 0);
}

/*
 * One cause, one finding
 */

static void
a_legacy_agent(void **state)
{
	WORLD;

	(void)state;
	look(&w, AGENT("coding", "builder", "", "hostPID: false", "{name: HTTPS_PROXY, value: \"http://127.0.0.1:8888\"}")
		 "      - {name: pipelock, image: \"ghcr.io/luckypipewrench/pipelock:2.3.0\", args: [run]}\n");
	assert_int_equal(w.audit->states[STATE_LEGACY], 1);
	assert_int_equal(count(&w, "sidecar-in-pod"), 1);
	assert_int_equal(count(&w, "no-companion"), 0);
	assert_int_equal(count(&w, "proxy-env-missing"), 0);
	assert_int_equal(count(&w, "proxy-env-loopback"), 0);
	assert_int_equal(count(&w, "proxy-env-target"), 0);
}

static void
secrets_of_a_proxy_url_stay_secret(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "") AGENT(
			 "research", "scout", "", "hostPID: false",
			 "{name: HTTPS_PROXY, value: \"http://user:hunter2@squid.infra.svc:3128\"},"
			 "{name: https_proxy, value: \"http://user:hunter2@[::bad\"},"
			 "{name: API_KEY, value: hunter2}"));
	assert_int_equal(count(&w, "proxy-env-target"), 2);
	for (size_t i = 0; i < w.audit->n_findings; i++) {
		const struct finding *f = &w.audit->findings[i];

		assert_false(str_has(f->message, "hunter2"));
		assert_false(str_has(f->evidence, "hunter2"));
		assert_false(str_has(f->fix, "hunter2"));
	}
}

static void
the_fix_names_what_is_there(void **state)
{
	WORLD;

	(void)state;
	look(&w, CONFIG("research", GOOD_CONFIG) COMPANION("research", "pipelock", "")
			 AGENT("research", "scout", "", "hostPID: false", ""));
	assert_string_equal(find(&w, "proxy-env-missing", NULL)->fix,
			    "In container main of Deployment research/scout: env: [{name: HTTPS_PROXY, value: "
			    "\"http://pipelock.research.svc:8888\"}]");
}

/* Every rule says what `moat explain` prints, and ids are unique. */
static void
rules_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule *r = rules[i];

		if (!r->id || !r->title || !r->why || !r->evidence || !r->fix || !r->reference || !r->needs ||
		    r->severity >= SEVERITIES || strlen(r->why) < 100 || strlen(r->title) > 76)
			fail_msg("%s", r->id ? r->id : "a rule without an id");
		assert_ptr_equal(rule_find(r->id), r);
		assert_false(str_ends(r->title, "."));
	}
	assert_null(rule_find("no-such-rule"));
	assert_null(rule_find(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_fleet),
		cmocka_unit_test(nothing_to_audit),
		cmocka_unit_test(a_finding),
		cmocka_unit_test(fingerprints_stay),
		cmocka_unit_test(one_config_map_one_finding),
		cmocka_unit_test(a_companion_of_one_agent),
		cmocka_unit_test(lines_of_a_config),
		cmocka_unit_test(worst_first),
		cmocka_unit_test(severities_change),
		cmocka_unit_test(everything_by_default),
		cmocka_unit_test(one_namespace),
		cmocka_unit_test(one_label),
		cmocka_unit_test(nothing_in_scope),
		cmocka_unit_test(files_have_no_pods),
		cmocka_unit_test(a_forbidden_kind),
		cmocka_unit_test(findings_outweigh_gaps),
		cmocka_unit_test(a_gap_of_one_namespace),
		cmocka_unit_test(a_proxy_in_a_secret),
		cmocka_unit_test(an_agent_nobody_sees),
		cmocka_unit_test(a_companion_by_label_alone),
		cmocka_unit_test(an_annotation),
		cmocka_unit_test(objects_not_trusted),
		cmocka_unit_test(an_annotation_of_a_config_map),
		cmocka_unit_test(an_annotation_elsewhere),
		cmocka_unit_test(inert_annotations),
		cmocka_unit_test(not_inert_when_not_judged),
		cmocka_unit_test(entries_of_the_config),
		cmocka_unit_test(entries_out_of_scope),
		cmocka_unit_test(a_legacy_agent),
		cmocka_unit_test(secrets_of_a_proxy_url_stay_secret),
		cmocka_unit_test(the_fix_names_what_is_there),
		cmocka_unit_test(rules_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
