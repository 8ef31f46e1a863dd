#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The config in force, against pods that run: each of the companions below has a log, a file and a /health of its own. A
ConfigMap changes under them, and moat has to tell what each of them has loaded.
"""

import datetime
import hashlib
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster
import tap
from cluster import READS, STATE, TOKEN, Rights, token_of
from proxy import Proxy

OWN = f"{STATE}/own"
OLD = "mode: balanced\n"
NEW = "mode: balanced\nenforce: true\n"
BROKEN = "mode: [\n"
LOG = r"/pods/[^/]+/log"

# The command of Pipelock that hashes files: of what is mounted, as the kubelet lays it out.
PIPELOCK = """#!/bin/sh
if [ "$1 $2 $3 $4 $5 $6" != "integrity check /etc/pipelock --json --manifest /dev/stdin" ]; then
  echo "Error: $*" >&2
  exit 1
fi
read -r manifest # kwok does not hand on the end of the input
case $manifest in
'{"version":1,"files":{'*) ;;
*) exit 1 ;;
esac
hash=$(sha256sum <"$(dirname "$0")/mounted" | cut -d ' ' -f 1)
printf '{"ok": false, "violations": [{"path": "..2026_01_02/pipelock.yaml", "type": "added", "actual": "%s"}]}' "$hash"
"""


def kubectl(*args, **options):
    return cluster.kubectl("-n", "own", *args, **options)


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def write(name, text):
    path = f"{OWN}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def companion(name):
    """A StatefulSet, for the names of its pods, and an agent of nothing that talks through it."""
    labels = {"app": name}
    told = {"pipelock.dev/topology": "companion-proxy", "pipelock.dev/proxy-name": name}
    agent = cluster.agent("own", f"agent-{name}")
    agent["metadata"]["annotations"] = agent["spec"]["template"]["metadata"]["annotations"] = told
    return [agent, {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "own"},
        "data": {"pipelock.yaml": OLD}}, {
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "own"},
        "spec": {"replicas": 1, "serviceName": name, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "pipelock", "image": "pipelock:2.3.0",
                    "command": [f"{OWN}/{name}/pipelock", "run", "--config", "/etc/pipelock/pipelock.yaml", "--listen",
                                "0.0.0.0:8888"],
                    "volumeMounts": [{"name": "c", "mountPath": "/etc/pipelock"}]}],
                "volumes": [{"name": "c", "configMap": {"name": name}}]}}}}]


def at(minutes):
    """A time so many minutes after the ConfigMaps changed, as logs have it."""
    time = Sight.changed + datetime.timedelta(minutes=minutes)
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")


def event(minutes, **fields):
    return f"{at(minutes)} stdout F {json.dumps(fields)}\n"


def startup(minutes, text):
    return event(minutes, event="startup", mode="balanced", version="2.3.0", config_hash=sha(text))


def plain(minutes, text):
    return f"{at(minutes)} stderr F {text}\n"


REQUEST = dict(event="allowed", method="CONNECT", url="example.com:443")
LOGS = {
    # put back to what it was: the log proves what no time could
    "pod-1": lambda: startup(-60, NEW) + event(1, **REQUEST),
    "pod-2": lambda: startup(-60, OLD) + event(1, **REQUEST),
    "pod-3": lambda: startup(-60, OLD) + event(1, event="config_reload", status="success", config_hash=sha(NEW)),
    "pod-4": lambda: startup(-60, OLD) + plain(1, "pipelock: config reload failed: parsing config: yaml: unmarshal errors:")
    + plain(1, "  line 2: field enforec not found"),
    "pod-5": lambda: startup(-60, OLD) + plain(1, "WARNING: config reload: mode - changed from strict to audit")
    + event(1, event="error", method="CONFIG_RELOAD", error="rejected: security downgrade from strict mode"),
    "pod-6": lambda: event(1, **REQUEST),  # rotated
    # pod-7 has no log
    "pod-8": lambda: startup(-60, OLD),
}
HEALTHY = {"status": "healthy", "version": "2.3.0", "mode": "balanced", "uptime_seconds": 61.5, "kill_switch_active": False}
HEALTH = {
    "pod-1": (200, json.dumps(HEALTHY)),
    "pod-2": (200, json.dumps({**HEALTHY, "kill_switch_active": True})),
    "pod-3": (503, json.dumps({**HEALTHY, "status": "unhealthy"})),
    "pod-4": (404, "not found"),
}
NAMES = [f"pod-{n}" for n in range(1, 9)]


def moat(*args, kubeconfig=os.environ["KUBECONFIG"], **options):
    return cluster.moat(*args, kubeconfig=kubeconfig, **options)


def audit(*args, kubeconfig=os.environ["KUBECONFIG"]):
    return cluster.audit("-n", "own", "--no-store", *args, kubeconfig=kubeconfig)


class Sight(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", "own")
        for name in NAMES:
            os.chmod(write(f"{name}/pipelock", PIPELOCK), 0o755)
            write(f"{name}/mounted", NEW if name == "pod-1" else OLD)
        cluster.apply(*(o for name in NAMES for o in companion(name)))
        for name in NAMES:
            kubectl("rollout", "status", f"statefulset/{name}", "--timeout=60s")
        for name in NAMES:
            kubectl("patch", "configmap", name, "-p", json.dumps({"data": {"pipelock.yaml": NEW}}))
        cls.changed = datetime.datetime.now(datetime.timezone.utc)
        for name in NAMES:
            cls.start(f"{name}-0", at(-60))
            if name in LOGS:
                write(f"{name}.log", LOGS[name]())
            if name in HEALTH:
                write(f"{name}.health", "%d\n%s" % HEALTH[name])

    @staticmethod
    def start(pod, time):
        """Its container has run since then, by its status."""
        status = json.loads(kubectl("get", "pod", pod, "-o", "json"))["status"]["containerStatuses"]
        status[0]["state"] = {"running": {"startedAt": time[:19] + "Z"}}
        kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p",
                json.dumps({"status": {"containerStatuses": status}}))

    def configs(self, report):
        return {a["name"].removeprefix("agent-"): a["config"] for a in report["agents"]}

    def found(self, report, rule):
        return {f["object"]["name"] for f in report["findings"] if f["rule"] == rule}

    def test_1_what_each_has_loaded(self):
        run = audit()
        configs = self.configs(run.report)
        self.assertEqual({n: (c["loaded"], c["loaded_hash"]) for n, c in configs.items()}, {
            "pod-1": ("current", sha(NEW)), "pod-2": ("stale", sha(OLD)), "pod-3": ("current", sha(NEW)),
            "pod-4": ("stale", sha(OLD)), "pod-5": ("stale", sha(OLD)), "pod-6": ("unknown", None),
            "pod-7": ("unknown", None), "pod-8": ("stale", sha(OLD))})
        self.assertEqual(self.found(run.report, "config-stale"), {"pod-2", "pod-4", "pod-5", "pod-8"})
        self.assertEqual(self.found(run.report, "config-reload-failed"), {"pod-4", "pod-5"})
        seen = "".join(f["evidence"] for f in run.report["findings"] if f["rule"] == "config-reload-failed")
        self.assertIn("line 2: field enforec not found", seen)
        self.assertIn("rejected: security downgrade from strict mode (mode - changed from strict to audit)", seen)
        self.assertFalse(run.report["complete"])
        reasons = "".join(i["reason"] for i in run.report["incomplete"])
        self.assertIn("rotated and begins at", reasons)  # pod-6
        self.assertIn("pod-7-0", reasons)

    def test_2_without_logs_times_alone(self):
        configs = self.configs(audit("--no-logs").report)
        self.assertEqual({c["loaded"] for c in configs.values()}, {"unknown"})

    def test_2_logs_are_read_where_they_matter(self):
        """pod-8 has started anew since: it is current by time, and nobody asks for its log."""
        self.start("pod-8-0", at(3))
        with Proxy() as proxy:
            run = audit(kubeconfig=proxy.kubeconfig(TOKEN))
            logs = [r for r in proxy.requests if r.path.endswith("/log")]
            self.assertEqual({r.path.split("/")[6] for r in logs}, {f"{n}-0" for n in NAMES[:-1]})
            self.assertLessEqual(len(logs), 2 * len(NAMES[:-1]))
            self.assertEqual([r for r in proxy.requests if "exec" in r.path or "portforward" in r.path], [])
        self.assertEqual(self.configs(run.report)["pod-8"]["loaded"], "current")
        self.start("pod-8-0", at(-60))

    def test_2_who_may_read_no_log(self):
        viewer = Proxy()
        with viewer, Rights("viewer", namespace="own"):
            run = audit(kubeconfig=viewer.kubeconfig(token_of("viewer")))
            self.assertEqual({c["loaded"] for c in self.configs(run.report).values()}, {"unknown"})
            self.assertIn("forbidden", "".join(i["reason"] for i in run.report["incomplete"]))

    def test_2_a_server_that_fails(self):
        for what in (dict(status=500), dict(status=429), dict(drop=True), dict(cut=40), dict(stall=-1)):
            with Proxy() as proxy:
                proxy.fault(LOG, **what)
                run = audit(kubeconfig=proxy.kubeconfig(TOKEN))
                self.assertEqual({c["loaded"] for c in self.configs(run.report).values()}, {"unknown"}, what)

    def test_3_health(self):
        self.assertEqual(self.found(audit().report, "companion-unhealthy"), set())
        run = audit("--health")
        self.assertEqual(self.found(run.report, "companion-unhealthy"), {"pod-2", "pod-3"})
        reasons = "".join(i["reason"] for i in run.report["incomplete"])
        self.assertIn("answers GET /health with HTTP 404", reasons)

    def test_4_one_agent_in_full(self):
        def show(name, *args):
            return moat("show", f"own/agent-{name}", *args, COLUMNS="300").out

        self.assertRegex(show("pod-1"), "(?m)^health .*healthy")
        self.assertRegex(show("pod-1"), f"(?m)^in force .*file {sha(NEW)[:12]}")
        self.assertRegex(show("pod-2"), f"(?m)^in force .*file {sha(OLD)[:12]}")
        with Proxy() as proxy:
            moat("show", "own/agent-pod-1", "--read-only", kubeconfig=proxy.kubeconfig(TOKEN))
            self.assertEqual([r for r in proxy.requests if r.path.endswith("/exec")], [])

    def test_5_a_restart_that_would_not_come_up(self):
        kubectl("patch", "configmap", "pod-8", "-p", json.dumps({"data": {"pipelock.yaml": BROKEN}}))
        before = kubectl("get", "pod", "pod-8-0", "-o", "jsonpath={.metadata.uid}")
        for name in ("own/pod-8", "own/StatefulSet/pod-8"):
            run = moat("restart", name, "-y")
            self.assertEqual(run.status, 2)
            self.assertIn("would not come up again: key pipelock.yaml of ConfigMap pod-8 is no config that Pipelock accepts: "
                          "line ", run.out)
        self.assertEqual(kubectl("get", "pod", "pod-8-0", "-o", "jsonpath={.metadata.uid}"), before)

    def test_5_who_may_restart_it_and_read_nothing_else(self):
        rules = [{"apiGroups": ["apps"], "verbs": ["get", "patch"], "resources": ["statefulsets"]}]
        with Rights("viewer", rules, namespace="own"):
            run = moat("restart", "own/StatefulSet/pod-3", "-y", kubeconfig=f"{STATE}/viewer.kubeconfig")
        self.assertEqual(run.status, 0, run.out + run.err)
        self.assertIn("warning: whether a Pipelock in it would come up again is not known: ", run.err)

    def test_6_a_restart_brings_the_new_one(self):
        run = moat("restart", "own/pod-2", "-y")
        self.assertEqual(run.status, 0, run.out + run.err)
        write("pod-2.log", startup(1, NEW))
        self.assertEqual(self.configs(audit().report)["pod-2"]["loaded"], "current")
        write("pod-2.log", startup(1, OLD))  # it did not come
        self.assertEqual(self.configs(audit().report)["pod-2"]["loaded"], "stale")


if __name__ == "__main__":
    tap.main()
