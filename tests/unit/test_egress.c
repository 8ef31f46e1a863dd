/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of agents, companions and scrapers: shapes, what is allowed by which rule, DNS, odd clusters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/egress.h"
#include "fleet/foreign.h"

/* --- manifests: an agent "scout" and its companion "lock", in namespace a --- */

#define WORKLOAD_IN(ns, name, labels, more, spec)                                                                  \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: " ns ", name: " name more "}, "        \
	"spec: {selector: {matchLabels: {app: " name "}}, template: {metadata: {labels: {app: " name labels "}}, " \
	"spec: {" spec "}}}}\n"
#define WORKLOAD(name, labels, more) WORKLOAD_IN("a", name, labels, more, "containers: [{name: c, image: i}]")
#define SERVICE(name, more)                                                               \
	"---\n{apiVersion: v1, kind: Service, metadata: {namespace: a, name: " name "}, " \
	"spec: {selector: {app: " name "}, ports: [{port: 8888}]" more "}}\n"
#define ROLE(role) ", labels: {moat.dev/role: " role "}"
#define POD(name, labels, more)                                                                                  \
	"---\n{apiVersion: v1, kind: Pod, metadata: {namespace: a, name: " name ", labels: {" labels "}, "       \
	"ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: scout-1, uid: u, controller: true}]}, " \
	"spec: {" more "containers: [{name: c, image: i}]}, status: {phase: Running}}\n"

#define SCOUT                 \
	WORKLOAD("scout", "", \
		 ", annotations: {pipelock.dev/topology: companion-proxy, pipelock.dev/proxy-name: lock}")
#define LOCK                                                                             \
	WORKLOAD_IN("a", "lock", "", "",                                                 \
		    "containers: [{name: pipelock, image: 'x/pipelock:1', args: [run], " \
		    "ports: [{name: proxy, containerPort: 8888}]}]")                     \
	SERVICE("lock", "")
#define BASE SCOUT LOCK

/* Rules of the policy "out" that selects scout, and of "hold" that selects nobody else. */
#define EGRESS_OF(ns, name, selector, rules)                                                                     \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: " ns ", name: " name \
	"}, "                                                                                                    \
	"spec: {podSelector: " selector ", policyTypes: [Egress], egress: [" rules "]}}\n"
#define EGRESS(rules) EGRESS_OF("a", "out", "{matchLabels: {app: scout}}", rules)
#define INGRESS(ns, name, selector, rules)                                                                       \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: " ns ", name: " name \
	"}, "                                                                                                    \
	"spec: {podSelector: " selector ", policyTypes: [Ingress], ingress: [" rules "]}}\n"
#define TO(peers, ports) "{to: [" peers "], ports: [" ports "]}, "
#define ANYWHERE(ports) "{ports: [" ports "]}, "
#define PODS(app) "{podSelector: {matchLabels: {app: " app "}}}"
#define BLOCK(cidr) "{ipBlock: {cidr: '" cidr "'}}"
#define BUT(cidr, except) "{ipBlock: {cidr: '" cidr "', except: [" except "]}}"
#define EVERY_POD "{namespaceSelector: {}}"
#define NAMESPACE(name) "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: " name "}}}"
#define TCP(port) "{port: " port "}, "
#define UDP(port) "{protocol: UDP, port: " port "}, "
#define DNS_PORTS UDP("53") TCP("53")
#define KUBE_DNS                                                                          \
	"{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, " \
	"podSelector: {matchLabels: {k8s-app: kube-dns}}}"
#define DNS_RULE TO(KUBE_DNS, DNS_PORTS)
#define COMPANION_RULE TO(PODS("lock"), TCP("8888"))
#define PRIVATE_RANGES "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, 100.64.0.0/10"

/* Restricts every pod of its namespace to DNS, so that none has public egress. */
#define HELD(ns) EGRESS_OF(ns, "held", "{}", DNS_RULE)

static struct fleet *fleet;

static void
load_with(const char *yaml, const struct settings *settings, const struct gap *gaps, size_t n_gaps)
{
	struct object_set set = {0};
	struct fleet_input in = {.objects = &set, .settings = settings, .gaps = gaps, .n_gaps = n_gaps};
	struct err e = {0};

	fleet_unref(fleet);
	fleet = NULL;
	if (!files_read_memory("test.yaml", yaml, strlen(yaml), "a", &set, &e))
		fail_msg("%s", e.msg);
	fleet = fleet_new(&in);
	object_set_free(&set);
}

static void
load(const char *yaml)
{
	load_with(yaml, NULL, NULL, 0);
}

static int
unload(void **state)
{
	(void)state;
	fleet_unref(fleet);
	fleet = NULL;
	return 0;
}

static const struct egress *
egress_of(const char *name)
{
	const struct workload *w = fleet_workload(fleet, "a", "Deployment", name);

	assert_non_null(w);
	assert_non_null(w->egress);
	return w->egress;
}

/* "internet 0.0.0.0/0 TCP 443 a/out#3; companion a/lock TCP 8888 a/out#2" */
static char *
allows_text(const struct egress *e)
{
	struct buf text = {0};

	for (size_t i = 0; i < e->n_allows; i++) {
		const struct allow *a = &e->allows[i];

		buf_addf(&text, "%s%s %s ", i ? "; " : "", allow_to_name(a->to), a->peer);
		ports_format_list(&text, &a->ports);
		if (a->policy)
			buf_addf(&text, " %s/%s#%u", a->policy->object.namespace, a->policy->object.name,
				 a->rule + 1);
		buf_adds(&text, a->metadata ? " metadata" : "");
		buf_adds(&text, a->exempt ? " exempt" : "");
		if (a->onward)
			buf_addf(&text, " onward %s/%s", a->onward->namespace, a->onward->name);
	}
	return buf_take(&text);
}

/* The agent's egress: its shape, and what it may, in words. */
static void
expect(const char *yaml, const char *shape, const char *allows)
{
	const struct egress *e;
	char *text;

	load(yaml);
	e = egress_of("scout");
	text = allows_text(e);
	if (strcmp(egress_shape_name(e->shape), shape) != 0 || strcmp(text, allows) != 0)
		fail_msg("%s: %s\n  and not\n%s: %s\n%s", egress_shape_name(e->shape), text, shape, allows, yaml);
	free(text);
}

/* --- shapes --- */

static void
shapes(void **state)
{
	(void)state;
	expect(BASE, "open", "anywhere everywhere all");
	expect(BASE EGRESS(""), "none", "");
	expect(BASE EGRESS(DNS_RULE), "none", "dns cluster DNS TCP 53,UDP 53 a/out#1");
	expect(BASE EGRESS(DNS_RULE COMPANION_RULE), "companion",
	       "companion a/lock TCP 8888 a/out#2; dns cluster DNS TCP 53,UDP 53 a/out#1");
	expect(BASE EGRESS("{}"), "internet",
	       "internet everywhere all a/out#1; companion a/lock all a/out#1; dns cluster DNS TCP 53,UDP 53,SCTP "
	       "53 a/out#1");
	expect(BASE EGRESS(ANYWHERE(TCP("443") TCP("80"))), "web",
	       "internet everywhere TCP 80,TCP 443 a/out#1; companion a/lock TCP 80,TCP 443 a/out#1");
	expect(BASE EGRESS(ANYWHERE(TCP("443") UDP("443"))), "internet",
	       "internet everywhere TCP 443,UDP 443 a/out#1; companion a/lock TCP 443,UDP 443 a/out#1");
	expect(BASE EGRESS(TO(BLOCK("0.0.0.0/0"), TCP("443"))), "web", "internet 0.0.0.0/0 TCP 443 a/out#1");
	expect(BASE EGRESS(TO(BLOCK("1.2.3.4/32"), "{port: 1, endPort: 79}, ")), "internet",
	       "internet 1.2.3.4/32 TCP 1-79 a/out#1");
	expect(BASE EGRESS(TO(BLOCK("10.0.0.0/8"), "")), "cluster", "private 10.0.0.0/8 all a/out#1");
}

static void
port_53_is_dns_wherever_it_goes(void **state)
{
	(void)state;
	expect(BASE EGRESS(ANYWHERE(DNS_PORTS)), "none",
	       "internet everywhere TCP 53,UDP 53 a/out#1; companion a/lock TCP 53,UDP 53 a/out#1; "
	       "dns cluster DNS TCP 53,UDP 53 a/out#1");
	assert_false(egress_of("scout")->internet);
	expect(BASE EGRESS(TO(BLOCK("8.8.8.8/32"), DNS_PORTS) COMPANION_RULE), "companion",
	       "internet 8.8.8.8/32 TCP 53,UDP 53 a/out#1; companion a/lock TCP 8888 a/out#2");
	expect(BASE EGRESS(TO(BLOCK("169.254.0.0/16"), DNS_PORTS) COMPANION_RULE), "companion",
	       "private 169.254.0.0/16 TCP 53,UDP 53 a/out#1; companion a/lock TCP 8888 a/out#2");
	/* 53 is in the middle of what is allowed: the rest is no DNS */
	expect(BASE EGRESS(TO(BLOCK("1.1.1.0/24"), "{port: 52, endPort: 54}, ")), "internet",
	       "internet 1.1.1.0/24 TCP 52-54 a/out#1");
}

/* --- addresses --- */

static void
public_and_private(void **state)
{
	static const struct {
		const char *cidr;
		bool public;
	} blocks[] = {
		{"0.0.0.0/0", true},
		{"10.0.0.0/8", false},
		{"8.0.0.0/6", true},
		{"172.16.0.0/12", false},
		{"172.16.0.0/11", true},
		{"192.168.0.0/16", false},
		{"100.64.0.0/10", false},
		{"100.0.0.0/8", true},
		{"169.254.0.0/16", false},
		{"127.0.0.0/8", false},
		{"224.0.0.0/4", false},
		{"240.0.0.0/4", false},
		{"9.255.255.255/32", true},
		{"11.0.0.0/32", true},
		{"::/0", true},
		{"fd00::/8", false},
		{"fc00::/7", false},
		{"fe80::/10", false},
		{"2600::/16", true},
		{"ff00::/8", false},
		{"2001:db8::/32", false},
		{"::ffff:10.0.0.0/104", false},
		{"::1/128", false},
		{"2000::/3", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		char *yaml = mem_printf(BASE EGRESS("{to: [{ipBlock: {cidr: '%s'}}]}"), blocks[i].cidr);
		const struct egress *e;

		load(yaml);
		free(yaml);
		e = egress_of("scout");
		assert_int_equal(e->n_allows, 1);
		if (e->internet != blocks[i].public || (e->allows[0].to == ALLOW_INTERNET) != blocks[i].public)
			fail_msg("%s is taken for %s", blocks[i].cidr, blocks[i].public ? "private" : "public");
	}
}

static void
exceptions(void **state)
{
	(void)state;
	expect(BASE EGRESS(TO(BUT("10.0.0.0/7", "10.0.0.0/8, 11.0.0.0/8"), "")), "none", "");
	expect(BASE EGRESS(TO(BUT("10.0.0.0/7", "11.0.0.0/8"), "")), "cluster",
	       "private 10.0.0.0/7 except 11.0.0.0/8 all a/out#1");
	expect(BASE EGRESS(
		       TO(BUT("10.0.0.0/7", "11.0.0.0/9, 11.128.0.0/10, 11.192.0.0/11, 11.224.0.0/12"), TCP("1"))),
	       "internet",
	       "internet 10.0.0.0/7 except 11.0.0.0/9, 11.128.0.0/10, 11.192.0.0/11, "
	       "11.224.0.0/12 TCP 1 a/out#1");
	/* two that overlap, out of order, at the very ends of the address space */
	expect(BASE EGRESS(TO(BUT("0.0.0.0/0", "128.0.0.0/1, 0.0.0.0/1, 64.0.0.0/2"), "")), "none", "");
	expect(BASE EGRESS(TO(BUT("::/0", "'8000::/1', '::/1'"), "")), "none", "");
}

/* What one block of a rule covers is not told again of a block inside it. */
static void
blocks_that_overlap(void **state)
{
	(void)state;
	expect(BASE EGRESS(TO(BLOCK("10.0.0.0/8") ", " BLOCK("0.0.0.0/0"), TCP("443"))), "web",
	       "internet 0.0.0.0/0 TCP 443 a/out#1");
	expect(BASE EGRESS(TO(BUT("0.0.0.0/0", "10.0.0.0/8") ", " BLOCK("10.0.0.0/8"), TCP("443"))), "web",
	       "internet 0.0.0.0/0 except 10.0.0.0/8 TCP 443 a/out#1; private 10.0.0.0/8 TCP 443 a/out#1");
	expect(BASE EGRESS(TO(BLOCK("10.0.0.0/8"), TCP("1")) TO(BLOCK("10.1.0.0/16"), TCP("2"))), "cluster",
	       "private 10.0.0.0/8 TCP 1 a/out#1; private 10.1.0.0/16 TCP 2 a/out#2");
}

static void
many_blocks_are_one_entry(void **state)
{
	AUTO(buf) struct buf yaml = {0};
	const struct egress *e;

	(void)state;
	buf_adds(&yaml, BASE "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out}, "
			     "spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [");
	for (unsigned i = 0; i < 40; i++)
		buf_addf(&yaml, "{ipBlock: {cidr: '%u.%u.0.0/16'}}, ", i % 2 ? 10u : 20u, i);
	buf_adds(&yaml, "]}]}}\n");
	load(buf_str(&yaml));
	e = egress_of("scout");
	assert_int_equal(e->n_allows, 2);
	assert_int_equal(e->allows[0].to, ALLOW_INTERNET);
	assert_string_equal(e->allows[0].peer, "40 blocks, among them 20.0.0.0/16");
	assert_int_equal(e->allows[1].to, ALLOW_PRIVATE);
	assert_string_equal(e->allows[1].peer, "40 blocks, among them 10.1.0.0/16");
}

/* One rule a block is how programs write them. */
static void
many_rules_are_one_entry(void **state)
{
	AUTO(buf) struct buf yaml = {0};
	const struct egress *e;

	(void)state;
	buf_adds(&yaml, BASE "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out}, "
			     "spec: {podSelector: {}, policyTypes: [Egress], egress: [");
	for (unsigned i = 0; i < 100; i++)
		buf_addf(&yaml, "{to: [{ipBlock: {cidr: '%u.%u.0.0/16'}}], ports: [{port: %u}]}, ",
			 i % 2 ? 10u : 20u, i, 1000 + i % 4);
	buf_adds(&yaml, "]}}\n");
	load(buf_str(&yaml));
	e = egress_of("scout");
	assert_int_equal(e->n_allows, 2);
	assert_string_equal(e->allows[0].peer, "100 rules, among them one with 20.0.0.0/16");
	assert_true(ports_has(&e->allows[0].ports, PROTOCOL_TCP, 1002));
	assert_false(ports_has(&e->allows[0].ports, PROTOCOL_TCP, 1003));
	assert_true(ports_has(&e->allows[1].ports, PROTOCOL_TCP, 1003));
	assert_true(e->allows[0].more);
}

static void
metadata(void **state)
{
	(void)state;
	expect(BASE EGRESS(TO(BLOCK("169.254.169.254/32"), TCP("80"))), "cluster",
	       "private 169.254.169.254/32 TCP 80 a/out#1 metadata");
	expect(BASE EGRESS(TO(BLOCK("169.254.0.0/16"), "")), "cluster",
	       "private 169.254.0.0/16 all a/out#1 metadata");
	expect(BASE EGRESS(TO(BUT("169.254.0.0/16", "169.254.169.254/32"), "")), "cluster",
	       "private 169.254.0.0/16 except 169.254.169.254/32 all a/out#1");
	expect(BASE EGRESS(TO(BLOCK("fd00::/8"), TCP("80"))), "cluster",
	       "private fd00::/8 TCP 80 a/out#1 metadata");
	expect(BASE EGRESS(TO(BLOCK("fd00:ec3::/32"), TCP("80"))), "cluster",
	       "private fd00:ec3::/32 TCP 80 a/out#1");
	/* some clouds serve DNS there */
	expect(BASE EGRESS(TO(BLOCK("169.254.169.254/32"), DNS_PORTS)), "none",
	       "private 169.254.169.254/32 TCP 53,UDP 53 a/out#1");
	/* said of the internet already */
	expect(BASE EGRESS(TO(BLOCK("0.0.0.0/0"), TCP("80"))), "web", "internet 0.0.0.0/0 TCP 80 a/out#1");
}

static void
own_cluster_ip_is_no_extra(void **state)
{
	(void)state;
	expect(SCOUT WORKLOAD("lock", "", ROLE("companion"))
		       SERVICE("lock", ", clusterIP: 10.96.1.1, clusterIPs: [10.96.1.1, 'fd00::1']") EGRESS(
			       COMPANION_RULE TO(BLOCK("10.96.1.1/32") ", " BLOCK("fd00::1/128"), TCP("8888"))),
	       "companion",
	       "private 10.96.1.1/32 TCP 8888 a/out#2 exempt; private fd00::1/128 TCP 8888 a/out#2 exempt; "
	       "companion a/lock TCP 8888 a/out#1");
	expect(SCOUT WORKLOAD("lock", "", ROLE("companion"))
		       SERVICE("lock", ", clusterIP: 10.96.1.1, clusterIPs: [10.96.1.1]")
			       EGRESS(TO(BLOCK("10.96.1.0/31"), TCP("8888"))),
	       "cluster", "private 10.96.1.0/31 TCP 8888 a/out#1");
	/* another's */
	expect(BASE WORKLOAD("db", "", "") SERVICE("db", ", clusterIP: 10.96.1.2, clusterIPs: [10.96.1.2]")
		       EGRESS(TO(BLOCK("10.96.1.2/32"), TCP("8888"))),
	       "cluster", "private 10.96.1.2/32 TCP 8888 a/out#1");
}

/* --- pods --- */

static void
whose_pod_it_is(void **state)
{
	(void)state;
	expect(BASE WORKLOAD("db", "", "") EGRESS(TO(PODS("db"), TCP("5432"))), "cluster",
	       "pod a/db TCP 5432 a/out#1 onward a/db");
	expect(BASE WORKLOAD("db", "", "") EGRESS(TO(PODS("db"), TCP("5432")))
		       EGRESS_OF("a", "db", "{matchLabels: {app: db}}", ""),
	       "cluster", "pod a/db TCP 5432 a/out#1");
	expect(BASE WORKLOAD("db", "", "") EGRESS(TO(PODS("db"), DNS_PORTS)), "none",
	       "pod a/db TCP 53,UDP 53 a/out#1");
	expect(BASE WORKLOAD("web", "", ROLE("scraper")) EGRESS(COMPANION_RULE TO(PODS("web"), TCP("3000"))),
	       "companion+scraper", "scraper a/web TCP 3000 a/out#2; companion a/lock TCP 8888 a/out#1");
	expect(BASE WORKLOAD("web", "", ROLE("scraper")) EGRESS(TO(PODS("web"), TCP("3000"))), "cluster",
	       "scraper a/web TCP 3000 a/out#1");
	/* nobody is there */
	expect(BASE EGRESS(COMPANION_RULE TO(PODS("gone"), "")), "companion", "companion a/lock TCP 8888 a/out#1");
	/* its own other pods */
	expect(BASE EGRESS(COMPANION_RULE TO(PODS("scout"), "")), "companion", "companion a/lock TCP 8888 a/out#1");
	/* another's companion goes out */
	expect(BASE WORKLOAD("other", "", ROLE("companion")) EGRESS(COMPANION_RULE TO(PODS("other"), TCP("8888"))),
	       "cluster", "pod a/other TCP 8888 a/out#2 onward a/other; companion a/lock TCP 8888 a/out#1");
}

/* Two workloads whose pods carry the same labels are one to policies, and two to people. */
static void
two_workloads_of_one_class(void **state)
{
	(void)state;
	expect(BASE
	       "---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: twin}, spec: {selector: "
	       "{matchLabels: {app: scout}}, "
	       "template: {metadata: {labels: {app: scout}}, spec: {containers: [{name: c, image: i}]}}}}\n" EGRESS(
		       TO(PODS("scout"), TCP("7000"))),
	       "cluster", "pod a/twin TCP 7000 a/out#1");
}

static void
both_ends_are_asked(void **state)
{
	(void)state;
	expect(BASE WORKLOAD("db", "", "") EGRESS(TO(PODS("db"), ""))
		       INGRESS("a", "db", "{matchLabels: {app: db}}", ""),
	       "none", "");
	expect(BASE WORKLOAD("db", "", "") EGRESS(TO(PODS("db"), "")) HELD("a")
		       INGRESS("a", "db", "{matchLabels: {app: db}}",
			       "{from: [" PODS("scout") "], ports: [" TCP("5432") "]}"),
	       "cluster", "pod a/db TCP 5432 a/out#1; dns cluster DNS TCP 53,UDP 53 a/held#1");
	expect(BASE EGRESS(COMPANION_RULE)
		       INGRESS("a", "in", "{matchLabels: {app: lock}}", "{from: [" PODS("other") "]}"),
	       "none", "");
}

/* --- rules on every pod --- */

static void
broad_rules(void **state)
{
	(void)state;
	/* only its companion is there */
	expect(BASE EGRESS(TO(EVERY_POD, TCP("8888"))), "companion", "companion a/lock TCP 8888 a/out#1");
	expect(BASE WORKLOAD("db", "", "") HELD("a") EGRESS(TO(EVERY_POD, TCP("8888"))), "cluster",
	       "pods every pod in every namespace TCP 8888 a/out#1; companion a/lock TCP 8888 a/out#1; "
	       "dns cluster DNS TCP 53,UDP 53 a/held#1");
	/* one of two goes out: that one is named, wherever it stands in the list */
	expect(BASE WORKLOAD_IN("b", "db", "", "", "containers: [{name: c, image: i}]")
		       WORKLOAD_IN("b", "zz", "", "", "containers: [{name: c, image: i}]")
			       EGRESS_OF("b", "db", "{matchLabels: {app: db}}", "")
				       EGRESS(TO(EVERY_POD, TCP("8888"))),
	       "cluster",
	       "pods every pod in every namespace TCP 8888 a/out#1 onward b/zz; companion a/lock TCP 8888 a/out#1");
	/* DNS for everybody is what most people write */
	expect(BASE WORKLOAD("db", "", "") EGRESS(TO(EVERY_POD, DNS_PORTS) COMPANION_RULE), "companion",
	       "companion a/lock TCP 53,UDP 53 a/out#1; companion a/lock TCP 8888 a/out#2; dns cluster DNS TCP "
	       "53,UDP 53 a/out#1");
	/* nobody takes it in */
	expect(BASE WORKLOAD("db", "", "") INGRESS("a", "closed", "{matchLabels: {app: db}}", "")
		       EGRESS(TO(EVERY_POD, TCP("1"))),
	       "companion", "companion a/lock TCP 1 a/out#1");
	/* without peers, but only on a named port: pods alone can have one */
	expect(BASE WORKLOAD_IN("a", "db", "", "",
				"containers: [{name: c, image: i, ports: [{name: sql, containerPort: 5432}]}]")
		       EGRESS(ANYWHERE("{port: sql}")),
	       "cluster", "pods everywhere TCP 5432 a/out#1 onward a/db");
}

/* More pods than are listed one by one: one entry, the worst of them named. */
static void
large_sets(void **state)
{
	AUTO(buf) struct buf yaml = {0};
	const struct egress *e;

	(void)state;
	buf_adds(&yaml, BASE EGRESS("{to: [{podSelector: {matchLabels: {tier: many}}}], ports: [{port: 7000}]}"));
	for (unsigned i = 0; i < 100; i++)
		buf_addf(&yaml,
			 "---\n{apiVersion: v1, kind: Pod, metadata: {name: p%03u, labels: {tier: many, n: n%u, "
			 "open: '%u'}}, "
			 "spec: {containers: [{name: c, image: i}]}}\n",
			 i, i, i == 77);
	buf_adds(&yaml, EGRESS_OF("a", "held", "{matchLabels: {open: '0'}}", ""));
	load(buf_str(&yaml));
	e = egress_of("scout");
	assert_int_equal(e->n_allows, 1);
	assert_int_equal(e->allows[0].to, ALLOW_PODS);
	assert_string_equal(e->allows[0].peer, "pods tier=many in namespace a");
	assert_string_equal(e->allows[0].onward->name, "p077");
	assert_int_equal(e->shape, SHAPE_CLUSTER);
}

/* --- DNS --- */

#define COREDNS(ns, labels)                                                      \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: " ns \
	", name: coredns}, spec: {selector: {}, "                                \
	"template: {metadata: {labels: {" labels "}}, spec: {containers: [{name: c, image: i}]}}}}\n"

static bool
has_dns(const char *yaml)
{
	load(yaml);
	return egress_of("scout")->dns.egress && egress_of("scout")->dns.ingress;
}

static void
dns_pods(void **state)
{
	(void)state;
	assert_true(has_dns(BASE));
	assert_true(has_dns(BASE EGRESS(DNS_RULE)));
	assert_false(has_dns(BASE EGRESS(COMPANION_RULE)));
	assert_true(has_dns(BASE EGRESS(TO(KUBE_DNS, UDP("53")))));
	assert_true(has_dns(BASE EGRESS(TO(KUBE_DNS, TCP("53")))));
	assert_false(has_dns(BASE EGRESS(TO(KUBE_DNS, UDP("5353")))));
	assert_true(has_dns(BASE EGRESS(TO(NAMESPACE("kube-system"), ""))));
	assert_true(has_dns(BASE EGRESS(TO(KUBE_DNS, "{protocol: UDP, port: dns}"))));
	assert_false(has_dns(BASE EGRESS(TO(NAMESPACE("dns"), ""))));
	/* shown ones: k8s-app does not have to be all that they carry */
	expect(BASE COREDNS("kube-system", "k8s-app: kube-dns, x: y") EGRESS(DNS_RULE), "none",
	       "dns kube-system/coredns TCP 53,UDP 53 a/out#1");
	/* all of the DNS pods, and not only DNS */
	expect(BASE COREDNS("kube-system", "k8s-app: kube-dns") HELD("kube-system")
		       EGRESS(TO(KUBE_DNS, TCP("53") TCP("9153"))),
	       "cluster", "pod kube-system/coredns TCP 9153 a/out#1; dns kube-system/coredns TCP 53 a/out#1");
	/* the cluster's side refuses */
	assert_false(has_dns(BASE COREDNS("kube-system", "k8s-app: kube-dns") EGRESS(DNS_RULE)
				     INGRESS("kube-system", "in", "{}", "{from: [" PODS("x") "]}")));
	assert_true(egress_of("scout")->dns.egress);
	assert_false(egress_of("scout")->dns.ingress);
}

static void
dns_by_settings(void **state)
{
	static const char *const values[] = {"unbound"};
	static const struct requirement r = {.key = "app", .op = OP_IN, .values = values, .n_values = 1};
	static const struct settings settings = {
		.dns_namespace = "dns", .dns_pods = {true, &r, 1}, .trust_objects = true};

	(void)state;
	load_with(BASE EGRESS(DNS_RULE), &settings, NULL, 0);
	assert_false(egress_of("scout")->dns.egress);
	load_with(BASE EGRESS(TO(NAMESPACE("dns"), DNS_PORTS)), &settings, NULL, 0);
	assert_true(egress_of("scout")->dns.egress);
	load_with(BASE COREDNS("dns", "app: unbound") EGRESS(TO(NAMESPACE("dns"), DNS_PORTS)), &settings, NULL, 0);
	assert_true(egress_of("scout")->dns.egress);
	assert_int_equal(egress_of("scout")->allows[0].to, ALLOW_DNS);
}

/* NodeLocal DNSCache: on the host's network, at a link-local address, so only a block or a rule without peers meets it. */
static void
dns_by_address(void **state)
{
	(void)state;
	assert_true(has_dns(BASE EGRESS(ANYWHERE(DNS_PORTS))));
	assert_true(has_dns(BASE EGRESS(TO(BLOCK("169.254.20.10/32"), DNS_PORTS))));
	assert_false(has_dns(BASE EGRESS(TO(BLOCK("169.254.20.10/32"), TCP("80")))));
	assert_true(has_dns(BASE EGRESS(TO(BLOCK("10.0.0.0/8"), DNS_PORTS))));
	assert_true(has_dns(BASE EGRESS(TO(BLOCK("fd00::/8"), DNS_PORTS))));
	assert_false(has_dns(BASE EGRESS(TO(BUT("0.0.0.0/0", PRIVATE_RANGES), DNS_PORTS))));
	assert_false(has_dns(BASE EGRESS(TO(BLOCK("8.8.8.8/32"), DNS_PORTS))));
	/* a Service's address is exchanged for a pod's before policies are asked */
	assert_false(has_dns(
		BASE "---\n{apiVersion: v1, kind: Service, metadata: {namespace: kube-system, name: kube-dns}, "
		     "spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], selector: {k8s-app: kube-dns}, "
		     "ports: [{port: 53}]}}\n" EGRESS(TO(BLOCK("10.96.0.10/32"), DNS_PORTS))));
	/* known addresses of the pods decide */
#define DNS_POD                                                                                           \
	"---\n{apiVersion: v1, kind: Pod, metadata: {namespace: kube-system, name: d, labels: {k8s-app: " \
	"kube-dns}}, "                                                                                    \
	"spec: {containers: [{name: c, image: i}]}, status: {phase: Running, podIPs: [{ip: 10.2.0.9}]}}\n"
	assert_true(has_dns(BASE DNS_POD EGRESS(TO(BLOCK("10.2.0.0/16"), DNS_PORTS))));
	assert_false(has_dns(BASE DNS_POD EGRESS(TO(BLOCK("10.3.0.0/16"), DNS_PORTS))));
}

static void
dns_on_the_host_network(void **state)
{
	(void)state;
#define HOST_DNS                                                                                                \
	"---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {namespace: kube-system, name: dns}, spec: "     \
	"{selector: {}, "                                                                                       \
	"template: {metadata: {labels: {k8s-app: kube-dns}}, spec: {hostNetwork: true, containers: [{name: c, " \
	"image: i}]}}}}\n"
	assert_false(has_dns(BASE HOST_DNS EGRESS(DNS_RULE)));
	assert_true(has_dns(BASE HOST_DNS EGRESS(ANYWHERE(DNS_PORTS))));
}

/* --- policies of administrators --- */

#define ADMIN(tier, subject, rules)                                                                          \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: " \
	"admin}, spec: {"                                                                                    \
	"tier: " tier ", priority: 1, subject: " subject ", egress: [" rules "]}}\n"
#define ALL_NAMESPACES "{namespaces: {}}"
#define NET(action, cidr) "{action: " action ", to: [{networks: ['" cidr "']}]}, "

static void
admin_policies(void **state)
{
	(void)state;
	/* what nobody forbids is open, one policy or none */
	expect(BASE ADMIN("Admin", ALL_NAMESPACES, NET("Deny", "1.2.3.0/24")), "open", "anywhere everywhere all");
	assert_int_equal(egress_of("scout")->n_policies, 1);
	/* all that is public forbidden, the rest left open: the companion and DNS, and whoever else is there */
	expect(BASE HELD("b") ADMIN("Admin", ALL_NAMESPACES, NET("Deny", "0.0.0.0/0") NET("Deny", "::/0"))
		       EGRESS(COMPANION_RULE),
	       "none", "");
	expect(BASE ADMIN("Baseline", ALL_NAMESPACES,
			  "{action: Deny, to: [{namespaces: {}}]}, " NET("Deny", "0.0.0.0/0") NET("Deny", "::/0")),
	       "none", "");
	expect(BASE ADMIN("Admin", ALL_NAMESPACES, NET("Deny", "0.0.0.0/0") NET("Deny", "::/0")) EGRESS("{}"),
	       "none", "");
	expect(BASE ADMIN("Admin", ALL_NAMESPACES, NET("Accept", "1.2.3.4/32")) EGRESS(COMPANION_RULE), "internet",
	       "internet 1.2.3.4/32 all /admin#1; companion a/lock all /admin#1; " /* whose blocks may meet pods */
	       "dns cluster DNS TCP 53,UDP 53,SCTP 53 /admin#1");
	expect(BASE ADMIN("Admin", ALL_NAMESPACES, "{action: Accept, to: [{domainNames: ['*.example.com']}]}")
		       EGRESS(COMPANION_RULE),
	       "internet", "internet the domain *.example.com all /admin#1; companion a/lock TCP 8888 a/out#1");
	expect(BASE WORKLOAD_IN("b", "db", "", "", "containers: [{name: c, image: i}]") HELD("b")
		       ADMIN("Admin", ALL_NAMESPACES,
			     "{action: Accept, to: [{namespaces: {}}], protocols: [{tcp: {destinationPort: "
			     "{number: 99}}}]}") EGRESS(COMPANION_RULE),
	       "cluster",
	       "pods every pod in every namespace TCP 99 /admin#1; companion a/lock TCP 99 /admin#1; companion "
	       "a/lock TCP 8888 a/out#1");
}

/* --- several classes of pods --- */

static void
worst_class_counts(void **state)
{
	(void)state;
	/* the pods of the next revision lack a label that the policy wants */
	expect(BASE POD("scout-1-x", "app: scout, held: yes", "") POD("scout-1-y", "app: scout", "")
		       EGRESS_OF("a", "out", "{matchLabels: {held: 'yes'}}", COMPANION_RULE),
	       "open", "anywhere everywhere all");
	assert_false(egress_of("scout")->isolated);
	expect(BASE POD("scout-1-x", "app: scout, held: yes", "")
		       EGRESS_OF("a", "out", "{matchLabels: {held: 'yes'}}", COMPANION_RULE),
	       "companion", "companion a/lock TCP 8888 a/out#1");
	/* one entry of both, with the ports of both */
	expect(BASE POD("scout-1-x", "app: scout, n: x", "") POD("scout-1-y", "app: scout, n: y", "")
		       EGRESS(COMPANION_RULE)
			       EGRESS_OF("a", "more", "{matchLabels: {n: x}}", TO(BLOCK("1.1.1.1/32"), TCP("443"))),
	       "web", "internet 1.1.1.1/32 TCP 443 a/more#1; companion a/lock TCP 8888 a/out#1");
	assert_int_equal(egress_of("scout")->n_policies, 2);
	/* DNS is wanted by each */
	assert_false(has_dns(BASE POD("scout-1-x", "app: scout, n: x", "") POD("scout-1-y", "app: scout, n: y", "")
				     EGRESS(COMPANION_RULE)
					     EGRESS_OF("a", "dns", "{matchLabels: {n: x}}", DNS_RULE)));
}

static void
host_network(void **state)
{
	(void)state;
	expect(WORKLOAD_IN("a", "scout", "", ROLE("agent"), "hostNetwork: true, containers: [{name: c, image: i}]")
		       EGRESS(""),
	       "open", "anywhere everywhere all");
	assert_true(egress_of("scout")->host_network);
	assert_true(egress_of("scout")->internet);
	/* one pod still has it */
	expect(BASE POD("scout-1-x", "app: scout", "hostNetwork: true, ") POD("scout-1-y", "app: scout", "")
		       EGRESS(COMPANION_RULE),
	       "open", "anywhere everywhere all");
	assert_true(egress_of("scout")->host_network);
	/* a companion there is met by no peer, only by a rule without one */
	expect(SCOUT WORKLOAD_IN("a", "lock", "", ROLE("companion"),
				 "hostNetwork: true, containers: [{name: c, image: i}]") EGRESS(COMPANION_RULE),
	       "none", "");
}

/* --- other roles --- */

static void
companions_and_scrapers_have_ways_too(void **state)
{
	const struct egress *e;

	(void)state;
	load(BASE WORKLOAD("web", "", ROLE("scraper")) WORKLOAD("db", "", "")
		     EGRESS_OF("a", "lock", "{matchLabels: {app: lock}}", DNS_RULE ANYWHERE(TCP("443") TCP("80"))));
	e = egress_of("lock");
	assert_int_equal(e->shape, SHAPE_WEB);
	assert_true(ports_has(&e->public_ports, PROTOCOL_TCP, 443));
	assert_true(e->isolated);
	assert_int_equal(egress_of("web")->shape, SHAPE_OPEN);
	assert_null(fleet_workload(fleet, "a", "Deployment", "db")->egress);
}

static enum role
role_of(const char *name)
{
	return fleet_workload(fleet, "a", "Deployment", name)->role;
}

#define BROWSER(name, more)                                                              \
	WORKLOAD_IN("a", name, "", more,                                                 \
		    "containers: [{name: c, image: 'ghcr.io/browserless/chromium:v2'}, " \
		    "{name: logs, image: 'fluent/fluent-bit:3'}]")

static void
browsers_that_an_agent_may_use_are_scrapers(void **state)
{
	(void)state;
	load(BASE BROWSER("web", "") EGRESS(COMPANION_RULE TO(PODS("web"), TCP("3000"))));
	assert_int_equal(role_of("web"), ROLE_SCRAPER);
	assert_int_equal(fleet->n_scrapers, 1);
	assert_int_equal(egress_of("scout")->shape, SHAPE_COMPANION_SCRAPER);
	/* no agent's policy lets it out to the browser */
	load(BASE BROWSER("web", "") EGRESS(COMPANION_RULE));
	assert_int_equal(role_of("web"), ROLE_NONE);
	/* an agent without a policy says nothing */
	load(BASE BROWSER("web", ""));
	assert_int_equal(role_of("web"), ROLE_NONE);
	/* the other end refuses */
	load(BASE BROWSER("web", "") EGRESS(TO(PODS("web"), ""))
		     INGRESS("a", "in", "{matchLabels: {app: web}}", ""));
	assert_int_equal(role_of("web"), ROLE_NONE);
	/* somebody said what it is */
	load(BASE BROWSER("web", ROLE("none")) EGRESS(TO(PODS("web"), "")));
	assert_int_equal(role_of("web"), ROLE_NONE);
	/* it does something else as well */
	load(BASE WORKLOAD_IN("a", "web", "", "",
			      "containers: [{name: c, image: browserless/chromium}, {name: d, image: app}]")
		     EGRESS(TO(PODS("web"), "")));
	assert_int_equal(role_of("web"), ROLE_NONE);
}

/* --- what is not known --- */

static void
gaps(void **state)
{
	static const struct gap here = {FACT_POLICIES, "NetworkPolicy", "a", "forbidden"};
	static const struct gap there = {FACT_POLICIES, "NetworkPolicy", "b", "forbidden"};
	static const struct gap everywhere = {FACT_POLICIES, "NetworkPolicy", "", "forbidden"};

	(void)state;
	load_with(BASE EGRESS(""), NULL, &here, 1);
	assert_null(fleet_workload(fleet, "a", "Deployment", "scout")->egress);
	assert_int_equal(fleet_missing_facts(fleet, FACT_EGRESS, FACT_READ), FACT_EGRESS);
	load_with(BASE EGRESS(""), NULL, &everywhere, 1);
	assert_null(fleet->reach);
	assert_int_equal(fleet_missing_facts(fleet, FACT_EGRESS, FACT_UNREADABLE), FACT_EGRESS);
	/* whether pods go out whose policies were not read is not known: nothing is claimed */
	load_with(BASE WORKLOAD_IN("b", "db", "", "", "containers: [{name: c, image: i}]")
			  EGRESS(TO(NAMESPACE("b"), TCP("1"))),
		  NULL, &there, 1);
	assert_int_equal(egress_of("scout")->shape, SHAPE_CLUSTER);
	assert_null(egress_of("scout")->allows[0].onward);
}

#define FOREIGN(version, kind, more, spec) \
	"---\n{apiVersion: " version ", kind: " kind ", metadata: {name: f" more "}, spec: {" spec "}}\n"
#define CILIUM(spec) FOREIGN("cilium.io/v2", "CiliumNetworkPolicy", ", namespace: a", spec)
#define CLUSTERWIDE(spec) FOREIGN("cilium.io/v2", "CiliumClusterwideNetworkPolicy", "", spec)
#define CALICO(spec) FOREIGN("projectcalico.org/v3", "NetworkPolicy", ", namespace: a", spec)
#define GLOBAL(spec) FOREIGN("crd.projectcalico.org/v1", "GlobalNetworkPolicy", "", spec)
#define ANTREA(spec) FOREIGN("crd.antrea.io/v1beta1", "ClusterNetworkPolicy", "", spec)

static void
policies_of_other_engines(void **state)
{
	static const struct {
		const char *yaml;
		bool selects;
	} cases[] = {
		{CILIUM("endpointSelector: {matchLabels: {app: scout}}"), true},
		{CILIUM("endpointSelector: {matchLabels: {'k8s:app': scout}}"), true},
		{CILIUM("endpointSelector: {matchLabels: {'any:app': scout}}"), true},
		{CILIUM("endpointSelector: {matchLabels: {app: other}}"), false},
		{CILIUM("endpointSelector: {}"), true},
		{CILIUM("endpointSelector: {matchExpressions: [{key: app, operator: In, values: [scout, x]}]}"),
		 true},
		{CILIUM("endpointSelector: {matchExpressions: [{key: app, operator: NotIn, values: [scout, x]}]}"),
		 false},
		{CILIUM("endpointSelector: {matchExpressions: [{key: app, operator: Exists}]}"), true},
		{CILIUM("endpointSelector: {matchExpressions: [{key: app, operator: Odd, values: [y]}]}"), true},
		{CILIUM("endpointSelector: {matchLabels: [odd]}"), true},
		{CILIUM("endpointSelector: {matchLabels: {'reserved:world': ''}}"), true},
		{FOREIGN("cilium.io/v2", "CiliumNetworkPolicy", ", namespace: b", "endpointSelector: {}"), false},
		{"---\n{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: f, namespace: a}, "
		 "specs: "
		 "[{endpointSelector: {matchLabels: {app: x}}}, {endpointSelector: {matchLabels: {app: "
		 "scout}}}]}\n",
		 true},
		{CLUSTERWIDE("endpointSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': a}}"), true},
		{CLUSTERWIDE("endpointSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': b}}"), false},
		{CLUSTERWIDE("endpointSelector: {matchLabels: {io.cilium.k8s.namespace.labels.team: x}}"), false},
		{CLUSTERWIDE("nodeSelector: {}"), false},
		{CALICO("selector: \"app == 'scout'\""), true},
		{CALICO("selector: \"app == 'x'\""), false},
		{CALICO("selector: \"has(app) && app in {'x', \\\"scout\\\"} && !has(tier)\""), true},
		{CALICO("selector: \"app not in { 'x','scout' }\""), false},
		{CALICO("selector: \"app != 'scout'\""), false},
		{CALICO("selector: \"app == 'x' || app == 'y'\""), true}, /* not read: it may */
		{CALICO("selector: \"app contains 'zz'\""), true},
		{CALICO("selector: 'all()'"), true},
		{CALICO("types: [Egress]"), true},
		{CALICO("selector: \"app == 'scout\""), true},
		{GLOBAL("namespaceSelector: \"kubernetes.io/metadata.name == 'b'\""), false},
		{GLOBAL("namespaceSelector: \"kubernetes.io/metadata.name in {'a','b'}\", selector: \"app == "
			"'scout'\""),
		 true},
		{GLOBAL("order: 1"), true},
		{ANTREA("appliedTo: [{podSelector: {matchLabels: {app: scout}}}]"), true},
		{ANTREA("appliedTo: [{podSelector: {matchLabels: {app: x}}}, {namespaceSelector: {matchLabels: {x: "
			"y}}}]"),
		 false},
		{ANTREA("appliedTo: [{group: g}]"), true},
		{ANTREA("priority: 1"), true},
		{FOREIGN("k8s.ovn.org/v1", "EgressFirewall", ", namespace: a", "egress: []"), true},
		{FOREIGN("k8s.ovn.org/v1", "EgressFirewall", ", namespace: b", "egress: []"), false},
		{FOREIGN("networking.gke.io/v1alpha1", "FQDNNetworkPolicy", ", namespace: a",
			 "podSelector: {matchLabels: {app: scout}}"),
		 true},
		{FOREIGN("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy", "",
			 "subject: {pods: {podSelector: {matchLabels: {app: x}}}}"),
		 false},
		{FOREIGN("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy", "", "subject: {namespaces: {}}"),
		 true},
		{FOREIGN("example.org/v1", "NetworkPolicy", ", namespace: a", "podSelector: {}"),
		 false}, /* nobody knows it */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *yaml = mem_printf("%s%s", BASE EGRESS(COMPANION_RULE), cases[i].yaml);
		const struct workload *w;

		load(yaml);
		free(yaml);
		w = fleet_workload(fleet, "a", "Deployment", "scout");
		assert_true(!w->egress == !!w->foreign);
		if (!!w->foreign != cases[i].selects)
			fail_msg("%s: it %s", cases[i].yaml,
				 cases[i].selects ? "may select the agent" : "does not select it");
	}
	load(BASE CALICO("selector: 'all()'"));
	assert_string_equal(fleet_workload(fleet, "a", "Deployment", "scout")->foreign->object.kind,
			    "NetworkPolicy.projectcalico.org");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(shapes, unload),
		cmocka_unit_test_teardown(port_53_is_dns_wherever_it_goes, unload),
		cmocka_unit_test_teardown(public_and_private, unload),
		cmocka_unit_test_teardown(exceptions, unload),
		cmocka_unit_test_teardown(blocks_that_overlap, unload),
		cmocka_unit_test_teardown(many_blocks_are_one_entry, unload),
		cmocka_unit_test_teardown(many_rules_are_one_entry, unload),
		cmocka_unit_test_teardown(metadata, unload),
		cmocka_unit_test_teardown(own_cluster_ip_is_no_extra, unload),
		cmocka_unit_test_teardown(whose_pod_it_is, unload),
		cmocka_unit_test_teardown(two_workloads_of_one_class, unload),
		cmocka_unit_test_teardown(both_ends_are_asked, unload),
		cmocka_unit_test_teardown(broad_rules, unload),
		cmocka_unit_test_teardown(large_sets, unload),
		cmocka_unit_test_teardown(dns_pods, unload),
		cmocka_unit_test_teardown(dns_by_settings, unload),
		cmocka_unit_test_teardown(dns_by_address, unload),
		cmocka_unit_test_teardown(dns_on_the_host_network, unload),
		cmocka_unit_test_teardown(admin_policies, unload),
		cmocka_unit_test_teardown(worst_class_counts, unload),
		cmocka_unit_test_teardown(host_network, unload),
		cmocka_unit_test_teardown(companions_and_scrapers_have_ways_too, unload),
		cmocka_unit_test_teardown(browsers_that_an_agent_may_use_are_scrapers, unload),
		cmocka_unit_test_teardown(gaps, unload),
		cmocka_unit_test_teardown(policies_of_other_engines, unload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
