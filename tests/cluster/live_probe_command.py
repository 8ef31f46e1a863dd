#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat probe as a command: what it exits with, prints, writes and keeps, and the rights of deploy/probe-cronjob.yaml, each of them."""

import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from xml.etree import ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster
import tap
from cluster import MOAT, STATE, Rights, environment, kubectl, moat, wait_until_allowed
from proxy import Proxy

NS = "probed"
NIGHTLY = "probed-nightly"
ELSEWHERE = "probed-elsewhere"
TARGET = "127.0.0.9:443"  # nothing listens there: dials are refused, as by a wall that rejects
DEPLOY = os.path.join(os.environ["srcdir"], "deploy")
ADMIN = f"{STATE}/admin.kubeconfig"
ACCOUNT = f"system:serviceaccount:{NIGHTLY}:moat-probe"
PROBES = ["raw-tcp", "env-clear", "no-proxy", "dns-tcp"]


class Sidecar(http.server.ThreadingHTTPServer):
    """Stands for the Pipelock in the agents' pods, whose processes run on this machine: says that it reaches what it is asked for."""

    daemon_threads = True
    silent = False

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self):
            if self.server.silent:
                time.sleep(60)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *unused):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def agent(namespace, name, port, replicas=1):
    proxy = f"http://127.0.0.1:{port}"
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "labels": {"set": NS}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name, "app.kubernetes.io/component": "agent"}},
                "spec": {"containers": [
                    {"name": "pipelock", "image": "pipelock:2", "args": ["run", "--listen", f"127.0.0.1:{port}"]},
                    {"name": "work", "image": "agent:1", "env": [{"name": "HTTPS_PROXY", "value": proxy}]}]}}}}


def manifest():
    """deploy/ for this namespace, by kind."""
    folder = tempfile.mkdtemp(dir=cluster.WORK)
    with open(f"{folder}/kustomization.yaml", "w", encoding="utf-8") as f:
        json.dump({"namespace": NIGHTLY, "resources": [os.path.relpath(DEPLOY, os.path.realpath(folder))]}, f)
    yaml = kubectl("kustomize", folder)
    text = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", input=yaml)
    found, at = {}, 0
    while at < len(text):  # one document behind the other
        one, at = json.JSONDecoder().raw_decode(text, at)
        found[one["kind"]] = one
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def denied(since):
    """Requests of the ServiceAccount that the server has refused: their paths."""
    found = []
    with open(f"{STATE}/audit.log", encoding="utf-8") as log:
        for line in log:
            event = json.loads(line)
            who = event.get("impersonatedUser") or event["user"]
            if who.get("username") == ACCOUNT and event["stageTimestamp"] >= since and \
                    event.get("responseStatus", {}).get("code") == 403:
                found.append(event["requestURI"])
    return found


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sidecar = Sidecar()
        kubectl("create", "namespace", NS)
        kubectl("create", "namespace", ELSEWHERE)
        cluster.apply(agent(NS, "scout", cls.sidecar.port, replicas=2), agent(NS, "asleep", cls.sidecar.port, replicas=0),
                      agent(ELSEWHERE, "hidden", cls.sidecar.port))
        kubectl("-n", NS, "rollout", "status", "deployment/scout", "--timeout=60s")
        kubectl("-n", ELSEWHERE, "rollout", "status", "deployment/hidden", "--timeout=60s")
        cls.nodes = sorted(set(kubectl("-n", NS, "get", "pods", "-l", "app=scout", "-o",
                                       "jsonpath={.items[*].spec.nodeName}").split()))

    def setUp(self):
        self.dir = tempfile.mkdtemp(dir=cluster.WORK)
        self.db = f"{self.dir}/moat.db"

    def probe(self, *args, **options):
        return moat("probe", "-n", NS, "--db", self.db, "--target", TARGET, *args, kubeconfig=ADMIN, **options)

    def kept(self, what):
        db = sqlite3.connect(self.db)
        self.addCleanup(db.close)
        return db.execute(f"SELECT {what}").fetchall()

    def test_all_is_blocked(self):
        run = self.probe("scout", "-o", "json")
        self.assertEqual(run.status, 0, run.out + run.err)
        report = json.loads(run.out)
        self.assertEqual(list(report), ["schema", "probes"])
        self.assertEqual(report["schema"], "moat.probe/v1")
        self.assertEqual([p["probe"] for p in report["probes"]], PROBES * len(self.nodes))
        self.assertEqual(sorted({p["node"] for p in report["probes"]}), self.nodes)
        for p in report["probes"]:
            self.assertEqual((p["namespace"], p["agent"], p["container"]), (NS, "scout", "work"))
            self.assertEqual((p["verdict"], p["control"]), ("blocked", "ok"), p)
        self.assertEqual(self.kept("count(*) FROM probes"), [(len(report["probes"]),)])
        [(what, name, outcome, detail)] = self.kept("what, name, outcome, detail FROM actions")
        self.assertEqual((what, name, outcome), ("probe", "scout", "done"))
        self.assertIn(" 0 open", detail)

    def test_what_was_kept_counts(self):
        """Whether one namespace is read or all of them, the probes are made against the same."""
        self.assertEqual(self.probe("scout").status, 0)
        for scope in ("-n", NS), ("-A",):
            run = moat("audit", "-o", "json", "--fail-on", "never", "--db", self.db, *scope, kubeconfig=ADMIN)
            report = json.loads(run.out)
            [scout] = [a for a in report["agents"] if (a["namespace"], a["name"]) == (NS, "scout")]
            for name in PROBES[:3]:
                probe = scout["probes"][name]
                self.assertEqual((probe["verdict"], probe["stale"]), ("blocked", False), scope)
            self.assertNotIn("probe-stale", [f["rule"] for f in report["findings"] if f["agent"] == "scout"])

    def test_a_way_out(self):
        with socket.create_server(("127.0.0.1", 443)):
            run = self.probe("scout", "--target", "127.0.0.1:443")
        self.assertEqual(run.status, 1, run.out + run.err)
        self.assertIn("A way out was found", run.out)
        self.assertRegex(run.out.splitlines()[-2], r"^1 agent on \d nodes?: \d+ blocked, \d+ open, 0 inconclusive$")

    def test_a_way_out_before_the_server_is_lost(self):
        with socket.create_server(("127.0.0.1", 443)), Proxy() as proxy:
            command = [MOAT, "probe", "-n", NS, "--db", self.db, "--target", "127.0.0.1:443", "--parallel", "1", "scout",
                       "--kubeconfig", proxy.kubeconfig(os.environ["CLUSTER_TOKEN"])]
            running = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while running.poll() is None and sum("/exec?" in str(r) for r in proxy.seen()) <= 5:
                time.sleep(0.01)
            proxy.stop()  # the first pod took a look and four probes
            out, err = running.communicate(timeout=60)
        self.assertEqual(len(self.nodes), 2)
        self.assertEqual(running.returncode, 1, out + err)
        self.assertIn("moat: ", err)
        self.assertIn("A way out was found", out)

    def test_without_a_control_nothing_is_blocked(self):
        run = self.probe("scout", "--no-control", "--target", "127.0.0.9:22", "-o", "json")
        self.assertEqual(run.status, 4, run.out + run.err)
        self.assertEqual({p["verdict"] for p in json.loads(run.out)["probes"]}, {"inconclusive"})

    def test_an_agent_without_pods(self):
        run = self.probe("--all", "-o", "json")
        self.assertEqual(run.status, 4, run.out + run.err)
        asleep = [p for p in json.loads(run.out)["probes"] if p["agent"] == "asleep"]
        self.assertEqual([(p["probe"], p["verdict"], p["pod"]) for p in asleep],
                         [(name, "inconclusive", None) for name in PROBES])
        self.assertIn("no pod", asleep[0]["detail"])

    def test_several_files(self):
        run = self.probe("scout", "-o", "table", "-o", f"junit={self.dir}/p.xml", "-o", f"json={self.dir}/p.json")
        self.assertEqual(run.status, 0, run.out + run.err)
        self.assertIn("Every attempt ended at the wall", run.out)
        suites = ElementTree.parse(f"{self.dir}/p.xml").getroot()
        with open(f"{self.dir}/p.json", encoding="utf-8") as f:
            probes = json.load(f)["probes"]
        self.assertEqual(len(suites.findall("testsuite/testcase")), len(probes))
        self.assertEqual(sorted(os.listdir(self.dir)), ["moat.db", "p.json", "p.xml"])

    def test_not_kept_when_not_wanted(self):
        self.assertEqual(self.probe("scout", "--no-store").status, 0)
        self.assertFalse(os.path.exists(self.db))

    def test_a_history_that_cannot_be_written_is_a_warning(self):
        run = self.probe("scout", "--db", "/dev/null/moat.db")
        self.assertEqual(run.status, 0, run.err)
        self.assertIn("not in the history", run.err)

    def test_names(self):
        self.assertEqual(self.probe("nobody").status, 2)
        self.assertIn("no agent", self.probe("nobody").err)
        run = self.probe("scout", f"{NS}/scout", "Deployment/scout", "-o", "json")
        self.assertEqual(len(json.loads(run.out)["probes"]), len(PROBES) * len(self.nodes))
        self.assertEqual(moat("probe", "--all", "-n", "kube-public", "--no-store", kubeconfig=ADMIN).status, 3)

    def test_the_config_file_has_a_target(self):
        path = f"{self.dir}/config.yaml"
        with open(path, "w", encoding="utf-8") as f:
            f.write("probes: {target: '127.0.0.10:80', parallel: 1, timeout: 1s}\n")
        run = moat("probe", "scout", "-n", NS, "--no-store", "--config", path, "-o", "json", kubeconfig=ADMIN)
        self.assertEqual({p["target"] for p in json.loads(run.out)["probes"]}, {"127.0.0.10:80", "127.0.0.10:53"})

    def test_what_is_not_allowed_is_left_out_and_said(self):
        args = ("probe", "--all", "-l", f"set={NS}", "--no-store", "--target", TARGET, "-o", "json")
        viewer = f"{STATE}/viewer.kubeconfig"
        execs = [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]}]
        with Rights("viewer"):
            none = moat(*args, kubeconfig=viewer)
            with Rights("viewer", execs, NS):
                some = moat(*args, kubeconfig=viewer)
        self.assertEqual((none.status, none.out), (3, ""), none.err)
        self.assertRegex(none.err, r"(?s)namespace probed and 1 more.*kind: Role\b.*pods/exec.*\['get', 'create'\]")
        self.assertEqual(some.status, 4, some.out + some.err)
        self.assertRegex(some.err, rf"(?s)in namespace {ELSEWHERE};.*namespace: '{ELSEWHERE}'")
        verdicts = {(p["agent"], p["verdict"]) for p in json.loads(some.out)["probes"]}
        self.assertEqual(verdicts, {("scout", "blocked"), ("asleep", "inconclusive"), ("hidden", "inconclusive")})

    def test_interrupted(self):
        self.sidecar.silent = True
        try:
            run = subprocess.Popen([MOAT, "probe", "scout", "-n", NS, "--db", self.db, "--target", TARGET, "--timeout", "50s", "--kubeconfig", ADMIN],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
            time.sleep(5)
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=20)
        finally:
            self.sidecar.silent = False
        self.assertEqual(run.returncode, 130, err)
        self.assertIn("not run: interrupted", out)
        self.assertIn(f"{len(PROBES) * len(self.nodes)} not run", out)
        self.assertEqual(self.kept("what, outcome FROM actions"), [("probe", "failed")])


class Nightly(unittest.TestCase):
    """The CronJob's own command line, as its ServiceAccount, with its Role and with each right taken out of it."""

    @classmethod
    def setUpClass(cls):
        cls.sidecar = Sidecar()
        kubectl("create", "namespace", NIGHTLY)
        cls.objects = manifest()
        cluster.apply(*cls.objects.values(), agent(NIGHTLY, "scout", cls.sidecar.port))
        kubectl("-n", NIGHTLY, "rollout", "status", "deployment/scout", "--timeout=60s")

    def command(self):
        container = self.objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        folder = tempfile.mkdtemp(dir=cluster.WORK)
        mount = container["volumeMounts"][0]["mountPath"]
        args = [a.replace("$(NAMESPACE)", NIGHTLY).replace(mount, folder) for a in container["args"]]
        return moat(*args, "--as", ACCOUNT, "--target", TARGET, kubeconfig=ADMIN), folder

    def allow(self, rules):
        cluster.apply({**self.objects["Role"], "rules": rules})

    def test_the_role_is_enough(self):
        since = now()
        run, folder = self.command()
        self.assertEqual(run.status, 0, run.out + run.err)
        # It looks at the namespace itself where it may: no Role can allow such a list.
        own = (f"/api/v1/namespaces?fieldSelector=metadata.name%3D{NIGHTLY}&", f"/api/v1/namespaces/{NIGHTLY}")
        self.assertEqual([path for path in denied(since) if not path.startswith(own[0]) and path != own[1]], [])
        self.assertEqual(run.err, "")
        self.assertIn("4 blocked", run.out)
        self.assertEqual(len(ElementTree.parse(f"{folder}/probes.xml").getroot().findall("testsuite/testcase")), 4)
        self.assertTrue(os.path.exists(f"{folder}/moat.db"))

    def test_none_of_it_can_be_done_without(self):
        rules = self.objects["Role"]["rules"]
        self.addCleanup(self.allow, rules)
        for i, rule in enumerate(rules):
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    with self.subTest(f"{verb} {resource}"):
                        rest = [{**rule, "resources": [r for r in rule["resources"] if r != resource]},
                                {**rule, "resources": [resource], "verbs": [v for v in rule["verbs"] if v != verb]}]
                        rest = [r for r in rest if r["resources"] and r["verbs"]]
                        self.allow(rules[:i] + rules[i + 1:] + rest)
                        wait_until_allowed("no", ACCOUNT, verb, rule["apiGroups"][0], resource, NIGHTLY)
                        run, _ = self.command()
                        self.assertIn(run.status, (3, 4), run.out + run.err)
                        self.assertIn(resource.split("/")[0].rstrip("s"), run.err.lower())

    def test_the_pod_is_admitted_where_everything_is_restricted(self):
        kubectl("create", "namespace", "probed-restricted")
        kubectl("label", "namespace", "probed-restricted", "pod-security.kubernetes.io/enforce=restricted")
        restricted = json.loads(json.dumps(list(self.objects.values())).replace(f'"{NIGHTLY}"', '"probed-restricted"'))
        cluster.apply(*restricted)
        kubectl("-n", "probed-restricted", "create", "job", "night", "--from=cronjob/moat-probe")
        for _ in range(100):
            if kubectl("-n", "probed-restricted", "get", "pods", "-l", "job-name=night", "-o", "name"):
                return
            time.sleep(0.1)
        self.fail(kubectl("-n", "probed-restricted", "describe", "job", "night"))


if __name__ == "__main__":
    tap.main()
