#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bypass probes in networks that are walled and that are not (netlab.py): is the verdict what is true there?"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster
import netlab
import tap
from cluster import kubectl
from netlab import POD_PORT, REFUSES, SERVICE_PORT, SILENT, TARGETS

LABEL = {"app.kubernetes.io/part-of": "test-network"}  # of the agents here, and no others

# What stands between a node and outside. The last has its wall and its programs changed by tests.
WALLS = {"reject": "reject", "drop": "drop", "open": None, "dns": "drop, but for TCP 53", "bench": "drop"}

# Agents, each the only one of a namespace: its companion, of netlab's, and the nodes that carry it.
AGENTS = {
    "by-reject": ("good", ["reject"]),
    "by-drop": ("good", ["drop"]),
    "by-both": ("good", ["reject", "drop"]),
    "no-wall": ("good", ["open"]),
    "half-a-wall": ("good", ["drop", "open"]),
    "dns-open": ("good", ["dns"]),
    "refusing": ("refuses", ["drop"]),
    "dead": ("dead", ["drop"]),
    "silent": ("silent", ["drop"]),
    "garbage": ("garbage", ["drop"]),
    "walled-by-reject": ("walled", ["reject"]),
    "walled-by-drop": ("walled", ["drop"]),
    "nameless": (None, ["drop"]),  # its Service has no name in the DNS
    "bench": ("good", ["bench"]),
}


def proxy_env(namespace):
    url = f"http://pipelock-companion.{namespace}.svc.cluster.local:{SERVICE_PORT}"
    no = "localhost,127.0.0.1,.svc,.cluster.local"
    env = {"HTTPS_PROXY": url, "HTTP_PROXY": url, "NO_PROXY": no}
    return {**env, **{name.lower(): value for name, value in env.items()}}


def policy(namespace, name, labels, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": [k.capitalize() for k in spec], **spec}}


DNS_RULE = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
            "ports": [{"protocol": p, "port": 53} for p in ("UDP", "TCP")]}
PIPELOCK = {"app.kubernetes.io/name": "pipelock", "app.kubernetes.io/instance": "pipelock-companion"}


def deployment(namespace, name, labels, pod, replicas=1, annotations=None):
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations or {}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {
                         "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0, **pod}}}}


def companion(namespace):
    """The objects of a companion; what answers in its stead is netlab's."""
    config = f"""version: 1
mode: balanced
enforce: true
fetch_proxy: {{listen: "0.0.0.0:{POD_PORT}"}}
forward_proxy: {{enabled: true}}
default_agent_identity: {namespace}/agent
bind_default_agent_identity: true
logging: {{format: json, output: stdout}}
"""
    port = [{"protocol": "TCP", "port": POD_PORT}]
    agents = {"matchLabels": {"app.kubernetes.io/component": "agent"}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        deployment(namespace, "pipelock-companion", {**PIPELOCK, "app.kubernetes.io/component": "proxy"}, {
            "containers": [{
                "name": "pipelock", "image": "ghcr.io/luckypipewrench/pipelock:2.3.0",
                "args": ["run", "--config", "/etc/pipelock/pipelock.yaml"],
                "ports": [{"name": "http", "containerPort": POD_PORT}],
                "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}},
                "securityContext": {"runAsNonRoot": True, "runAsUser": 65534},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/pipelock", "readOnly": True}]}],
            "volumes": [{"name": "config", "configMap": {"name": "pipelock-config"}}]}),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pipelock-config", "namespace": namespace},
         "data": {"pipelock.yaml": config}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pipelock-companion", "namespace": namespace},
         "spec": {"selector": PIPELOCK, "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": "http"}]}},
        policy(namespace, "pipelock-companion", PIPELOCK,
               ingress=[{"from": [{"podSelector": agents}], "ports": port}],
               egress=[DNS_RULE, {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
                                  "ports": [{"protocol": "TCP", "port": p} for p in (443, 80)]}]),
        policy(namespace, "agent-egress", {"app.kubernetes.io/component": "agent"},
               egress=[DNS_RULE, {"to": [{"podSelector": {"matchLabels": PIPELOCK}}], "ports": port}]),
    ]


def agent(namespace, nodes, name="agent"):
    """An agent as after its migration, a pod on each of these nodes."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "agent", **LABEL}
    spread = {"maxSkew": 1, "minDomains": len(nodes), "topologyKey": "kubernetes.io/hostname",
              "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": "Ignore",
              "labelSelector": {"matchLabels": labels}, "matchLabelKeys": ["pod-template-hash"]}
    return deployment(namespace, name, labels, {
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": netlab.TAINT, "operator": "In", "values": nodes}]}]}}},
        "topologySpreadConstraints": [spread],
        "containers": [{"name": "agent", "image": "registry.example.com/agents/agent:1.8.2",
                        "env": [{"name": k, "value": v} for k, v in proxy_env(namespace).items()]}],
    }, replicas=len(nodes), annotations={"pipelock.dev/topology": "companion-proxy"})


def rolled_out(namespaces):
    for namespace in namespaces:
        kubectl("-n", namespace, "wait", "--for=condition=Available", "--timeout=60s", "deployment", "--all")


def setUpModule():
    global lab, why_skipped
    if why_skipped:
        return
    lab = netlab.Lab(WALLS, {namespace: proxy_env(namespace) for namespace in (*AGENTS, "many")})
    unittest.addModuleCleanup(lab.close)
    unittest.addModuleCleanup(kubectl, "delete", "namespaces", "--wait=false", "--ignore-not-found", *AGENTS)
    cluster.apply(*(o for namespace, (_, nodes) in AGENTS.items()
                    for o in [*companion(namespace), agent(namespace, nodes)]))
    for namespace, (behind, _) in AGENTS.items():
        if behind:
            lab.publish(behind, namespace)
    rolled_out(AGENTS)


ADMIN = os.environ["KUBECONFIG"]
lab = None
why_skipped = netlab.why_not()
if why_skipped:
    print(f"moat: live_probes.py: SKIPPED: no probe has run behind a wall: {why_skipped}", file=sys.stderr)
needs_lab = unittest.skipIf(why_skipped, why_skipped)


def at_once(function, cases):
    """What the function returns for each of these tuples of arguments."""
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(cases, pool.map(lambda case: function(*case), cases)))


def pod_on(namespace, node):
    return kubectl("-n", namespace, "get", "pods", "-l", "app.kubernetes.io/component=agent",
                   "--field-selector", f"spec.nodeName={node}", "-o", "jsonpath={.items[0].metadata.name}")


def run_in(namespace, node, *command):
    return kubectl("-n", namespace, "exec", pod_on(namespace, node), "--", *command)


# Prints "open", or the error's name, and the seconds that it took.
DIAL = """
import socket, sys, time
start = time.monotonic()
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
    word = "open"
except OSError as e:
    word = type(e).__name__
print(word, round(time.monotonic() - start))
"""


@needs_lab
class Lab(unittest.TestCase):
    """The lab is what it says it is, by kubectl alone."""

    def dial(self, node, host, port, namespace=None):
        namespace = namespace or next(n for n, (_, nodes) in AGENTS.items() if node in nodes)
        return run_in(namespace, node, "python3", "-c", DIAL, host, str(port)).split()

    def curl(self, node, namespace, *args):
        """The exit status of curl, and what the companion answered."""
        command = f"curl -sk -m 4 -o /dev/null -w '%{{http_connect}}' {' '.join(args)}; echo \" $?\""
        code, status = run_in(namespace, node, "sh", "-c", command).split()
        return int(code), int(status)

    def test_pods_are_where_they_should_be(self):
        for namespace, (_, nodes) in AGENTS.items():
            on = kubectl("-n", namespace, "get", "pods", "-l", "app.kubernetes.io/component=agent",
                         "-o", "jsonpath={.items[*].spec.nodeName}").split()
            self.assertEqual(sorted(on), sorted(nodes), namespace)

    def test_without_a_wall(self):
        for host in TARGETS:
            for port in netlab.TARGET_PORTS:
                self.assertEqual(self.dial("open", host, port), ["open", "0"])
                self.assertIn((lab.nodes["open"].address, f"{host}:{port}"), lab.dialled)
        self.assertEqual(self.dial("open", REFUSES, 443), ["ConnectionRefusedError", "0"])
        self.assertEqual(self.dial("open", SILENT, 443), ["TimeoutError", "2"])

    def test_walls(self):
        rejected, dropped = ["ConnectionRefusedError"], ["TimeoutError", "2"]
        want = {("reject", 443): rejected, ("reject", 53): rejected, ("drop", 443): dropped, ("drop", 53): dropped,
                ("dns", 443): dropped, ("dns", 53): ["open", "0"]}
        for (node, port), result in at_once(lambda node, port: self.dial(node, "1.1.1.1", port), want).items():
            self.assertEqual(result[:len(want[node, port])], want[node, port], (node, port))
        came = {source for source, _ in lab.dialled}
        self.assertNotIn(lab.nodes["reject"].address, came)
        self.assertNotIn(lab.nodes["drop"].address, came)
        self.assertNotIn((lab.nodes["dns"].address, "1.1.1.1:443"), lab.dialled)

    def test_companions(self):
        want = {("drop", "by-drop"): (200, 0), ("reject", "by-reject"): (200, 0), ("open", "no-wall"): (200, 0),
                ("drop", "refusing"): (403, 56), ("drop", "dead"): (0, 7), ("drop", "silent"): (0, 28),
                ("drop", "walled-by-drop"): (0, 28), ("reject", "walled-by-reject"): (0, 7)}
        self.assertEqual(at_once(lambda *where: self.curl(*where, "https://1.1.1.1/"), want), want)
        want = {(REFUSES,): (502, 56), (SILENT,): (502, 56)}
        self.assertEqual(at_once(lambda host: self.curl("drop", "by-drop", f"https://{host}/"), want), want)
        companion_asked = [target for name, target in lab.asked if name == "good"]
        self.assertIn("1.1.1.1:443", companion_asked)
        self.assertNotIn("walled", [name for name, _ in lab.asked])

    def test_a_wall_that_comes_later(self):
        try:
            lab.wall("bench", None)
            self.assertEqual(self.dial("bench", "1.1.1.1", 443), ["open", "0"])
        finally:
            lab.wall("bench", "drop")
        self.assertEqual(self.dial("bench", "1.1.1.1", 443), ["TimeoutError", "2"])

    def test_an_image_without_programs(self):
        pod = pod_on("bench", "bench")
        try:
            lab.nodes["bench"].image(netlab.machine("curl", "python3"))
            self.assertEqual(run_in("bench", "bench", "sh", "-c", "command -v curl python3; echo"), "\n")
            run = subprocess.run(["kubectl", "-n", "bench", "exec", pod, "--", "python3"], capture_output=True,
                                 text=True)
            self.assertIn("executable file not found in $PATH", run.stderr)
        finally:
            lab.nodes["bench"].image(netlab.machine())

    def test_moat_takes_the_agents_for_migrated(self):
        run = cluster.audit(kubeconfig=ADMIN)
        self.assertIsNotNone(run.report, run.err)
        states = {a["namespace"]: a["state"] for a in run.report["agents"] if a["namespace"] in AGENTS}
        self.assertEqual(states, {namespace: "migrated" for namespace in AGENTS})


PROBES = "raw-tcp", "env-clear", "no-proxy", "dns-tcp"
QUICK = "--timeout", "3s"  # for a dial
DB = os.path.join(cluster.WORK, "probes.db")


def probe(*args, db=DB, output="json"):
    """moat probe. With -o json there are `probes`, what it says, and `rows`, the same by namespace, node, probe."""
    run = cluster.moat("probe", *args, "-o", output, "--db", db, kubeconfig=ADMIN, timeout=150)
    if output == "json":
        if not run.out:
            raise AssertionError(f"status {run.status}: {run.err}")
        run.probes = json.loads(run.out)["probes"]
        run.rows = {(r["namespace"], r["node"], r["probe"]): r for r in run.probes}
    return run


def judged(rows):
    """Verdict and control of each."""
    return {key: (r["verdict"], r["control"]) for key, r in rows.items()}


RULES = "probe-open", "probe-stale", "probe-missing", "policy-not-enforced"


def audit(db=DB):
    """By namespace: the agent's state, and its findings on probes by rule."""
    run = cluster.audit("--db", db, kubeconfig=ADMIN)
    if not run.report:
        raise AssertionError(run.err)
    states = {a["namespace"]: a["state"] for a in run.report["agents"] if a["namespace"] in AGENTS}
    findings = {namespace: {} for namespace in AGENTS}
    for f in run.report["findings"]:
        if f["namespace"] in AGENTS and f["rule"] in RULES:
            findings[f["namespace"]][f["rule"]] = f
    return states, findings


def new_pods(namespace, *command):
    """What replaces its pods, and that it has."""
    kubectl("-n", namespace, *command)
    kubectl("-n", namespace, "rollout", "status", "deployment/agent", "--timeout=60s")


@needs_lab
class Verdicts(unittest.TestCase):
    """All agents probed at once, and what it means for them."""

    GOOD, OPEN, UNKNOWN = ("blocked", "ok"), ("open", "ok"), ("inconclusive", "failed")
    # Where the control fails, what is said of it.
    FAILURES = {
        "refusing": r"the companion refused CONNECT to 1.1.1.1:443 \(403\): its own rules",
        "dead": "refused the connection: it is not running, or a policy rejects it",
        "silent": "took the CONNECT and did not answer",
        "garbage": "is no HTTP proxy",
        "walled-by-reject": "(refused the connection|cannot be reached).*polic",
        "walled-by-drop": "cannot be reached from the pod: no answer within.*polic",
        "nameless": "name cannot be resolved",
    }

    @classmethod
    def setUpClass(cls):
        cls.db = os.path.join(cluster.WORK, "verdicts.db")
        cls.before = audit(cls.db)
        del lab.dialled[:], lab.asked[:]
        cls.run_of_all = probe("--all", "-l", "app.kubernetes.io/part-of=test-network", db=cls.db)
        for (namespace, node, name), r in cls.run_of_all.rows.items():
            print(f"# {namespace:17}{node:8}{name:10}{r['verdict']:13}{r['control']:8}{r['method']:8}"
                  f"{r['duration_ms']:5} ms  {r['detail']}")

    def test_every_verdict(self):
        want = {}
        for namespace, (_, nodes) in AGENTS.items():
            for node in nodes:
                result = self.UNKNOWN if namespace in self.FAILURES else self.OPEN if node == "open" else self.GOOD
                want.update({(namespace, node, name): result for name in PROBES})
        want["dns-open", "dns", "dns-tcp"] = self.OPEN
        self.assertEqual(judged(self.run_of_all.rows), want)
        self.assertEqual(self.run_of_all.status, 1, "a way out was found")

    def test_what_failed_is_said(self):
        for namespace, words in self.FAILURES.items():
            for (where, _, _), r in self.run_of_all.rows.items():
                if where == namespace:
                    self.assertRegex(r["detail"], words, namespace)

    def test_it_was_really_dialled(self):
        """Who is open came to the target itself; who is blocked did not, while its companion was asked for it."""
        came = {name: {to for source, to in lab.dialled if source == node.address}
                for name, node in lab.nodes.items()}
        self.assertEqual(came, {"reject": set(), "drop": set(), "bench": set(), "dns": {"1.1.1.1:53"},
                                "open": {"1.1.1.1:443", "1.1.1.1:53"}})
        self.assertEqual({target for _, target in lab.asked}, {"1.1.1.1:443"})

    def test_what_it_proves(self):
        states, findings = self.before
        self.assertEqual(set(states.values()), {"migrated"})
        self.assertTrue(all(set(f) == {"probe-missing"} for f in findings.values()), findings)

        states, findings = audit(self.db)
        proven = {n for n, (_, nodes) in AGENTS.items() if n not in self.FAILURES and "open" not in nodes}
        self.assertEqual({n for n, state in states.items() if state == "verified"}, proven)
        for namespace in AGENTS:
            rules = set(findings[namespace])
            if namespace in ("no-wall", "half-a-wall"):
                self.assertEqual(rules, {"probe-open", "policy-not-enforced"}, namespace)
            else:
                self.assertEqual(rules, {"policy-not-enforced"} if namespace == "dns-open" else set(), namespace)
        words = json.dumps(findings["half-a-wall"])
        self.assertIn("node open", words)
        self.assertNotIn("node drop", words)


@needs_lab
class Proof(unittest.TestCase):
    """What was blocked proves nothing any more once something has changed that it was made against."""

    def check(self, namespace, change):
        self.assertEqual(set(judged(probe(f"{namespace}/agent").rows).values()), {Verdicts.GOOD})
        states, findings = audit()
        self.assertEqual((states[namespace], findings[namespace]), ("verified", {}))
        change()
        states, findings = audit()
        self.assertEqual((states[namespace], set(findings[namespace])), ("migrated", {"probe-stale"}))
        self.assertEqual(set(judged(probe(f"{namespace}/agent").rows).values()), {Verdicts.GOOD})
        self.assertEqual(audit()[0][namespace], "verified")

    def test_after_another_policy(self):
        patch = '[{"op": "remove", "path": "/spec/egress/0/ports/0"}]'
        self.check("by-reject", lambda: kubectl("-n", "by-reject", "patch", "networkpolicy/agent-egress",
                                                "--type=json", "-p", patch))

    def test_after_a_rollout(self):
        self.check("by-both", lambda: new_pods("by-both", "rollout", "restart", "deployment/agent"))


@needs_lab
class Targets(unittest.TestCase):
    def test_a_dead_target_proves_nothing(self):
        for host, words in (REFUSES, r"could not reach .* \(502\)"), (SILENT, r"\(502\)|did not answer"):
            run = probe("by-drop/agent", "by-reject/agent", "no-wall/agent", "--target", f"{host}:443", *QUICK)
            self.assertEqual((run.status, len(run.rows)), (4, 12), run.err)
            for key, r in run.rows.items():
                self.assertEqual((r["verdict"], r["control"]), Verdicts.UNKNOWN, (key, r["detail"]))
                self.assertRegex(r["detail"], words)

    def test_another_target(self):
        run = probe("by-drop/agent", "no-wall/agent", "--target", f"{TARGETS[1]}:80", *QUICK)
        self.assertEqual({(n, r["verdict"]) for (n, _, _), r in run.rows.items()},
                         {("by-drop", "blocked"), ("no-wall", "open")})

    def test_without_a_control_nothing_is_blocked(self):
        self.assertEqual(probe("by-drop/agent", "--target", "1.1.1.1:8443", output="table").status, 2)
        run = probe("by-drop/agent", "no-wall/agent", "--target", "1.1.1.1:53", "--no-control", *QUICK)
        self.assertEqual({(n, r["verdict"], r["control"]) for (n, _, _), r in run.rows.items()},
                         {("by-drop", "inconclusive", "skipped"), ("no-wall", "open", "skipped")})

    def test_for_a_ci(self):
        run = probe("by-both/agent", "no-wall/agent", "refusing/agent", *QUICK, output="junit")
        self.assertEqual(run.status, 1, run.err)
        suite = xml.etree.ElementTree.fromstring(run.out)
        outcomes = {}
        for case in suite.iter("testcase"):
            outcomes.setdefault(case.get("classname"), []).extend([child.tag for child in case] or ["passed"])
        self.assertEqual(outcomes, {"by-both.agent": ["passed"] * 8, "no-wall.agent": ["failure"] * 4,
                                    "refusing.agent": ["error"] * 4})


METHODS = "python3", "bash", "nc", "curl", "wget", "perl", "node"


@needs_lab
class Methods(unittest.TestCase):
    def test_every_method(self):
        nodes = [lab.nodes[name] for name in ("reject", "drop", "open")]
        for node in nodes:
            self.addCleanup(node.image, netlab.machine())
        for method in METHODS:
            if method not in netlab.machine():
                print(f"# SKIPPED: this machine has no {method}, so it has not been tried", flush=True)
                continue
            for node in nodes:
                node.image(netlab.machine(*(m for m in METHODS if m != method)))
            rows = probe("by-reject/agent", "by-drop/agent", "no-wall/agent", *QUICK).rows
            self.assertEqual({(r["node"], r["method"], r["verdict"], r["control"]) for r in rows.values()},
                             {("reject", method, "blocked", "ok"), ("drop", method, "blocked", "ok"),
                              ("open", method, "open", "ok")}, [r["detail"] for r in rows.values()])


@needs_lab
class Bench(unittest.TestCase):
    """The node whose wall and programs change."""

    def setUp(self):
        self.node = lab.nodes["bench"]
        self.addCleanup(lab.wall, "bench", "drop")
        self.addCleanup(self.node.image, netlab.machine())

    def verdicts(self):
        rows = probe("bench/agent").rows
        return {name: (r["method"], r["verdict"], r["control"]) for (_, _, name), r in rows.items()}, rows

    def test_no_method(self):
        for image in netlab.machine("sh", *METHODS), {}:
            self.node.image(image)
            got, rows = self.verdicts()
            self.assertEqual({(v, c) for _, v, c in got.values()}, {("inconclusive", "skipped")})
            for r in rows.values():
                self.assertIn("--ephemeral", r["detail"])

    def test_an_ephemeral_container(self):
        """Only when asked; one for all probes, which run in it."""
        new_pods("bench", "rollout", "restart", "deployment/agent")
        self.node.image({})
        self.verdicts()
        self.assertEqual(self.ephemeral(), [])
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(probe, "bench/agent", "--ephemeral", "tools:1")
            while not (made := self.ephemeral()):
                self.assertFalse(result.done(), "none was made")
                time.sleep(0.1)
            self.node.image(netlab.machine("python3"))  # what its image has
            self.starts(made[0])
            rows = result.result().rows
        self.assertEqual(set(judged(rows).values()), {("blocked", "ok")}, rows)
        for r in rows.values():
            self.assertEqual(r["container"], made[0]["name"])
            self.assertIn("stays in the pod", r["detail"])
        self.assertFalse(made[0]["securityContext"]["privileged"])
        self.assertEqual(len(self.ephemeral()), 1)

    def ephemeral(self):
        pods = json.loads(kubectl("-n", "bench", "get", "pods", "-o", "json"))["items"]
        return [c for pod in pods for c in pod["spec"].get("ephemeralContainers", [])]

    def starts(self, container):
        """As its kubelet would say of it."""
        state = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False, "restartCount": 0,
                 "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        kubectl("-n", "bench", "patch", "pod", pod_on("bench", "bench"), "--subresource=status", "--type=merge",
                "-p", json.dumps({"status": {"ephemeralContainerStatuses": [state]}}))

    def test_a_pod_that_is_open_at_first(self):
        lab.wall("bench", None)
        new_pods("bench", "rollout", "restart", "deployment/agent")
        timer = threading.Timer(2, lab.wall, ("bench", "drop"))
        timer.start()
        got, rows = self.verdicts()
        timer.join()
        self.assertEqual(set(got.values()), {("python3", "blocked", "ok")}, rows)

    def test_a_wall_that_comes_while_it_is_looked(self):
        """What a young pod lets out is asked again: here all of its first dials get through."""
        lab.wall("bench", None)
        new_pods("bench", "rollout", "restart", "deployment/agent")
        del lab.dialled[:]
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(self.verdicts)
            while [source for source, _ in lab.dialled].count(self.node.address) < len(PROBES):
                self.assertFalse(result.done(), "it has not dialled")
                time.sleep(0.01)
            lab.wall("bench", "drop")
            got, rows = result.result()
        self.assertEqual(set(got.values()), {("python3", "blocked", "ok")}, rows)
        for r in rows.values():
            self.assertRegex(r["detail"], "got out, but not any more when asked again")

    def test_an_interrupt(self):
        command = [cluster.MOAT, "probe", "bench/agent", "-o", "json", "--db", DB, "--kubeconfig", ADMIN]
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=cluster.environment())
        while len(self.processes()) < 4:
            time.sleep(0.05)
        p.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = p.communicate(timeout=20)
        self.assertLess(time.monotonic() - start, 2)
        self.assertEqual(p.returncode, 130, err)
        for r in json.loads(out)["probes"]:
            self.assertEqual((r["verdict"], r["detail"]), ("inconclusive", "not run: interrupted"))
        while self.processes():
            self.assertLess(time.monotonic() - start, 12, self.processes())
            time.sleep(0.1)

    def processes(self):
        """What runs in the node's network beside kwok."""
        found, network = [], os.fstat(self.node.network.fd).st_ino
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{pid}/ns/net").st_ino == network and int(pid) != self.node.kwok.pid:
                    found.append(int(pid))
            except OSError:
                pass
        return found


@needs_lab
class Many(unittest.TestCase):
    """What it takes to probe many agents."""

    def test_many_agents(self):
        number = int(os.environ.get("AGENTS", "30"))
        names = [f"agent-{i}" for i in range(number)]
        self.addCleanup(kubectl, "delete", "namespace", "many", "--wait=false")
        cluster.create(*companion("many"), *(agent("many", ["bench"], name) for name in names))
        lab.publish("good", "many")
        rolled_out(["many"])
        self.addCleanup(lab.wall, "bench", "drop")
        # All of them run on this machine: by the method that takes the least of it.
        self.addCleanup(lab.nodes["bench"].image, netlab.machine())
        lab.nodes["bench"].image(netlab.machine("python3"))
        # How many refusals a second: that is for each address, and pods of a cluster have their own.
        lab.hub.set("net/ipv4/icmp_ratelimit", 0)
        for wall in "drop", "reject":
            lab.wall("bench", wall)
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            run = probe("--all", "-n", "many", db=os.path.join(cluster.WORK, f"many-{wall}.db"))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            took = time.monotonic() - start
            print(f"# {number} agents behind a wall that has {wall}: {took:.1f} s, {cpu:.2f} s of CPU", flush=True)
            self.assertEqual([r["detail"] for r in run.probes if (r["verdict"], r["control"]) != Verdicts.GOOD], [])
            self.assertEqual((run.status, len(run.probes)), (0, number * len(PROBES)))


if __name__ == "__main__":
    tap.main()
