#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bypass probes in networks that are walled and that are not (netlab.py): is the verdict what is true there?"""

import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster
import netlab
import tap
from cluster import kubectl
from netlab import POD_PORT, REFUSES, SERVICE_PORT, SILENT, TARGETS

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
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "agent"}
    spread = {"maxSkew": 1, "minDomains": len(nodes), "topologyKey": "kubernetes.io/hostname",
              "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": "Ignore", "matchLabelKeys": ["pod-template-hash"],
              "labelSelector": {"matchLabels": labels}}
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
    lab = netlab.Lab(WALLS, {namespace: proxy_env(namespace) for namespace in AGENTS})
    unittest.addModuleCleanup(lab.close)
    unittest.addModuleCleanup(kubectl, "delete", "namespaces", "--wait=false", "--ignore-not-found", *AGENTS)
    cluster.apply(*(o for namespace, (_, nodes) in AGENTS.items()
                    for o in [*companion(namespace), agent(namespace, nodes)]))
    for namespace, (behind, _) in AGENTS.items():
        lab.publish(behind, namespace)
    rolled_out(AGENTS)


ADMIN = os.environ["KUBECONFIG"]
lab = None
why_skipped = netlab.why_not()
if why_skipped:
    print(f"moat: live_probes.py: SKIPPED: no probe has run in a network that is walled: {why_skipped}", file=sys.stderr)
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
class TheLab(unittest.TestCase):
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
        self.assertEqual(at_once(lambda node, namespace: self.curl(node, namespace, "https://1.1.1.1/"), want), want)
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
            lab.nodes["bench"].image("sh", "echo")
            self.assertEqual(run_in("bench", "bench", "sh", "-c", "command -v curl python3; echo"), "\n")
            run = subprocess.run(["kubectl", "-n", "bench", "exec", pod, "--", "python3"], capture_output=True,
                                 text=True)
            self.assertIn("executable file not found in $PATH", run.stderr)
        finally:
            lab.nodes["bench"].image()

    def test_moat_takes_the_agents_for_migrated(self):
        run = cluster.audit(kubeconfig=ADMIN)
        self.assertIsNotNone(run.report, run.err)
        states = {a["namespace"]: a["state"] for a in run.report["agents"] if a["namespace"] in AGENTS}
        self.assertEqual(states, {namespace: "migrated" for namespace in AGENTS})


if __name__ == "__main__":
    tap.main()
