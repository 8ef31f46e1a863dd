#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat restart and moat doctor against real controllers: rollouts that end and that do not, a yes, a no, what is allowed."""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, ".."), os.path.join(here, "..", "screens")]
import cluster
import tap
from cluster import MOAT, STATE, TOKEN
from console import ConsoleTest
from proxy import Proxy

NS = "restart"
RESTARTED = "kubectl.kubernetes.io/restartedAt"

WORKLOAD = """apiVersion: apps/v1
kind: %(kind)s
metadata: {name: %(name)s, namespace: %(ns)s, labels: {moat.dev/role: %(role)s}}
spec:
%(spec)s
  selector: {matchLabels: {app: %(name)s}}
  template:
    metadata: {labels: {app: %(name)s}}
    spec:
      terminationGracePeriodSeconds: 0
%(pod)s
      containers: [{name: c, image: "i:1"}]
---
"""


def workload(name, kind="Deployment", role="none", spec="  replicas: 1", pod="", ns=NS):
    return WORKLOAD % {"name": name, "kind": kind, "role": role, "spec": spec, "pod": pod, "ns": ns}


def kubectl(*args, ns=NS, **options):
    return cluster.kubectl("-n", ns, *args, **options)


def get(what, path):
    return kubectl("get", what, "-o", f"jsonpath={path}")


def annotation(what):
    return get(what, "{.spec.template.metadata.annotations." + RESTARTED.replace(".", "\\.") + "}")


def moat(*args, user="admin", kubeconfig=None):
    """Status, standard output, standard error."""
    run = cluster.moat(*args, kubeconfig=kubeconfig or f"{STATE}/{user}.kubeconfig")
    return run.status, run.out, run.err


class Restart(ConsoleTest):
    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", NS)
        kubectl("apply", "-f", "-", input=(
            workload("scout", role="agent") + workload("pipelock", role="companion") + workload("web", spec="  replicas: 3")
            + workload("db", "StatefulSet", spec="  replicas: 2\n  serviceName: db")
            + workload("each", "DaemonSet", spec="  minReadySeconds: 0")
            + workload("nowhere", pod="      nodeSelector: {moon: base}", spec="  replicas: 0")
            + workload("paused", spec="  paused: true")))
        kubectl("run", "bare", "--image=i:1", "--env=TOKEN=hush", "--labels=moat.dev/role=none",
                "--overrides", '{"spec":{"terminationGracePeriodSeconds":0}}')
        for name in "deployment/scout", "deployment/pipelock", "deployment/web", "statefulset/db", "daemonset/each":
            kubectl("rollout", "status", name, "--timeout=60s")
        kubectl("wait", "--for=condition=Ready", "pod/bare", "--timeout=60s")

    def names(self, app):
        return set(get("pods", '{.items[?(@.metadata.labels.app=="%s")].metadata.name}' % app).split())

    def test_every_kind(self):
        before = {app: self.names(app) for app in ("web", "each")}
        uids = get("pods", '{.items[?(@.metadata.labels.app=="db")].metadata.uid}').split()
        status, out, err = moat("restart", "-y", f"{NS}/web", f"{NS}/db", f"{NS}/each", "-o", "json")
        self.assertEqual(status, 0, err)
        steps = json.loads(out)["steps"]
        self.assertEqual([(s["name"], s["state"]) for s in steps], [("web", "done"), ("db", "done"), ("each", "done")])
        self.assertEqual(steps[0]["available"], 3)
        for app, old in before.items():
            kubectl("wait", "--for=delete", "--timeout=30s", *(f"pod/{name}" for name in old))
            self.assertEqual(len(self.names(app)), len(old))
        self.assertFalse(set(uids) & set(get("pods", "{.items[*].metadata.uid}").split()))
        self.assertIn("planned  Deployment restart/web, 3 pods", err)

    def test_the_companion_comes_first(self):
        status, out, err = moat("restart", "-y", f"{NS}/scout", f"{NS}/pipelock")
        self.assertEqual(status, 0, err)
        self.assertLess(out.index("done     Deployment restart/pipelock"), out.index("running  Deployment restart/scout"))

    def test_it_is_in_the_history(self):
        db = os.path.join(cluster.WORK, "restarts.db")
        self.assertEqual(moat("restart", "-y", f"{NS}/scout", f"Deployment/{NS}/web", "--db", db)[0], 2)
        self.assertFalse(os.path.exists(db))  # nothing was begun
        self.assertEqual(moat("restart", "-y", f"{NS}/scout", f"{NS}/web", "--db", db)[0], 0)
        self.assertEqual(moat("restart", "-y", f"{NS}/Deployment/web", "--db", db)[0], 0)
        self.assertEqual(moat("restart", "-y", f"{NS}/web", "--no-store", "--db", db)[0], 0)
        rows = json.loads(moat("history", "actions", "--db", db, "-o", "json")[1])
        self.assertEqual([(r["what"], r["name"], r["outcome"]) for r in rows],
                         [("restart", "web", "done"), ("restart", "web", "done"), ("restart", "scout", "done")])

    def test_field_manager(self):
        self.assertEqual(moat("restart", "-y", f"{NS}/web", "--field-manager", "flux-client-side-apply")[0], 0)
        managers = json.loads(kubectl("get", "deployment/web", "-o", "json", "--show-managed-fields"))["metadata"]["managedFields"]
        mine = [m["manager"] for m in managers if RESTARTED in json.dumps(m)]
        self.assertIn("flux-client-side-apply", mine)

    def test_nothing_is_done_without_a_yes(self):
        before = annotation("deployment/scout")
        status, out, err = moat("restart", f"{NS}/scout")
        self.assertEqual(status, 2)
        self.assertIn("planned  Deployment restart/scout", out)
        self.assertIn("--yes", err)
        self.assertEqual(moat("restart", f"{NS}/scout", "--read-only", "-y")[0], 2)
        self.assertEqual(annotation("deployment/scout"), before)

    def test_a_no_and_a_yes_on_a_terminal(self):
        env = {"KUBECONFIG": os.environ["KUBECONFIG"], "MOAT_NOW": ""}
        before = annotation("deployment/scout")
        for answer in "\n", "n\n", "yep\n", "Y\n":
            c = self.run_on_terminal([MOAT, "restart", f"{NS}/scout"], **env).wait("Restart it? [y/N]").send(answer)
            self.assertEqual(c.wait("nothing was restarted").end(), 2)
        self.assertEqual(annotation("deployment/scout"), before)
        c = self.run_on_terminal([MOAT, "restart", f"{NS}/scout"], **env).wait("Restart it? [y/N]").send("y\n")
        self.assertEqual(c.wait("done     Deployment restart/scout").end(), 0)
        self.assertNotEqual(annotation("deployment/scout"), before)

    def test_what_is_refused(self):
        before = annotation("deployment/web")
        status, out, err = moat("restart", "-y", f"{NS}/paused", f"{NS}/web")
        self.assertEqual(status, 2, err)
        self.assertIn("refused  Deployment restart/paused: it is paused", out)
        self.assertEqual(annotation("deployment/web"), before)
        pod = next(iter(self.names("web")))
        status, out, _ = moat("restart", "-y", f"{NS}/Pod/{pod}")
        self.assertEqual(status, 2)
        self.assertIn("it belongs to ReplicaSet web-", out)

    def test_a_rollout_that_stalls(self):
        kubectl("scale", "deployment/nowhere", "--replicas=1")
        before = annotation("deployment/web")
        start = time.monotonic()
        status, out, err = moat("restart", "-y", "--timeout", "6s", f"{NS}/nowhere", f"{NS}/web")
        self.assertEqual(status, 1, err)
        self.assertLess(time.monotonic() - start, 30)
        self.assertIn("failed   Deployment restart/nowhere: no progress for 6 s", out)
        self.assertIn("Unschedulable", out)
        self.assertIn("skipped  Deployment restart/web", out)
        self.assertEqual(annotation("deployment/web"), before)
        kubectl("scale", "deployment/nowhere", "--replicas=0")

    def test_an_interrupt_ends_the_waiting_alone(self):
        kubectl("scale", "deployment/nowhere", "--replicas=1")
        p = subprocess.Popen([MOAT, "restart", "-y", f"{NS}/nowhere", f"{NS}/web"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        self.assertTrue(any("patched" in line for line in iter(p.stdout.readline, "")))
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 130)
        self.assertIn("Deployment restart/nowhere: its rollout goes on in the cluster", err)
        self.assertIn("Deployment restart/web was not restarted", err)
        kubectl("scale", "deployment/nowhere", "--replicas=0")

    def test_a_gitops_tool_that_takes_it_back(self):
        stop = threading.Event()

        def reconcile():
            while not stop.wait(0.05):
                if annotation("deployment/scout"):
                    kubectl("patch", "deployment/scout", "--type=json", "-p", json.dumps(
                        [{"op": "remove", "path": "/spec/template/metadata/annotations/" + RESTARTED.replace("/", "~1")}]))
        kubectl("patch", "deployment/scout", "-p", '{"spec":{"template":{"metadata":{"annotations":{"%s":null}}}}}' % RESTARTED)
        kubectl("rollout", "status", "deployment/scout", "--timeout=60s")
        kubectl("patch", "deployment/scout", "-p", '{"spec":{"minReadySeconds":3}}')
        thread = threading.Thread(target=reconcile)
        thread.start()
        try:
            status, out, err = moat("restart", "-y", f"{NS}/scout")
        finally:
            stop.set()
            thread.join()
            kubectl("patch", "deployment/scout", "-p", '{"spec":{"minReadySeconds":0}}')
        self.assertEqual(status, 1, out + err)
        self.assertIn("--field-manager", out)

    def test_a_bare_pod(self):
        status, out, _ = moat("restart", "-y", f"{NS}/bare")
        self.assertEqual(status, 2)
        self.assertIn("--recreate", out)
        before = get("pod/bare", "{.metadata.uid}")
        status, out, err = moat("restart", "-y", f"{NS}/bare", "--recreate", "-o", "json")
        self.assertEqual(status, 0, err)
        step = json.loads(out)["steps"][0]
        self.assertEqual(step["state"], "done")
        self.assertNotEqual(get("pod/bare", "{.metadata.uid}"), before)
        self.assertEqual(get("pod/bare", "{.spec.containers[0].env[0].value}"), "hush")
        self.assertEqual(os.stat(step["saved"]).st_mode & 0o777, 0o600)
        self.assertNotIn("hush", out + err)
        kubectl("delete", "pod/bare", "--wait")
        kubectl("create", "-f", step["saved"])
        kubectl("wait", "--for=condition=Ready", "pod/bare", "--timeout=60s")

    def console(self, *args):
        return self.run_on_terminal([MOAT, "-n", NS, *args], KUBECONFIG=os.environ["KUBECONFIG"], MOAT_NOW="").wait("scout")

    def test_from_the_console(self):
        before = annotation("deployment/pipelock"), annotation("deployment/scout")
        c = self.console().send("r")
        c.wait("[ Cancel ]  [ companion, then agent ]").send("y\r").wait("What is to be restarted", gone=True)
        self.assertEqual((annotation("deployment/pipelock"), annotation("deployment/scout")), before)
        c.send("r").wait("[ companion, then agent ]").send("\t\r").wait("[ Restart ]").wait("planned  restart/pipelock")
        c.send("\t\r").wait("done     restart/scout").wait("done     restart/pipelock").send("\r")
        c.wait("[ Close ]", gone=True).send(":q\r")
        self.given_back(c, 0)
        after = annotation("deployment/pipelock"), annotation("deployment/scout")
        self.assertNotEqual(after[0], before[0])
        self.assertLessEqual(after[0], after[1])

    def test_marked_in_the_console(self):
        """Their companion once and first, then they, one after another; the one between them is left alone."""
        ns, names = NS + "-marked", ("pipelock", "alpha", "beta", "gamma")
        kubectl("create", "namespace", ns)
        kubectl("apply", "-f", "-", ns=ns, input="".join(
            workload(name, role="companion" if name == "pipelock" else "agent", ns=ns) for name in names))
        for name in names:
            kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s", ns=ns)
        c = self.run_on_terminal([MOAT, "-n", ns], KUBECONFIG=os.environ["KUBECONFIG"], MOAT_NOW="").wait("gamma")
        c.send(" ").wait("<1 marked>").send("jj ").wait("<2 marked>").send("r").wait("[ companions, then agents ]")
        c.send("\t\r").wait("[ Restart ]").wait(f"planned  {ns}/pipelock")
        shown = re.findall(r"planned  \S+/(\S+)", c.text())
        self.assertEqual(shown, ["pipelock", "alpha", "gamma"])
        c.send("\t\r").wait(f"done     {ns}/gamma").send("\r").wait("[ Close ]", gone=True).send(":q\r")
        self.given_back(c, 0)
        at = {name: kubectl("get", f"deployment/{name}", "-o", "jsonpath={.spec.template.metadata.annotations}", ns=ns)
              for name in names}
        self.assertEqual(at.pop("beta"), "")
        self.assertTrue(at["pipelock"] <= at["alpha"] <= at["gamma"] and RESTARTED in at["pipelock"], at)

    def test_a_console_that_is_left(self):
        kubectl("patch", "deployment/pipelock", "-p", '{"spec":{"minReadySeconds":5}}')
        c = self.console().send("r")
        c.wait("[ companion, then agent ]").send("\t\r").wait("[ Restart ]").send("\t\r").wait("running  restart/pipelock")
        c.send("\x1b").wait("restart of restart/pipelock running").send("\x03")
        c.wait("moat: Deployment restart/pipelock: its rollout goes on").wait("moat: Deployment restart/scout was not restarted")
        self.given_back(c, 0)
        kubectl("patch", "deployment/pipelock", "-p", '{"spec":{"minReadySeconds":0}}')
        kubectl("rollout", "status", "deployment/pipelock", "--timeout=60s")

    def test_from_a_console_that_only_reads(self):
        c = self.console("--read-only").send("r")
        c.wait("read-only: will not restart").send(":q\r")
        self.given_back(c, 0)


# Where a restart talks to the server: pattern, method, how many of these requests go by before. The object is read for the
# plan and before the patch; after that it is waited for.
PLACES = {
    "plan": (r"/deployments/frail", "GET", 0),
    "permission": (r"/selfsubjectaccessreviews", "POST", 0),
    "second look": (r"/deployments/frail", "GET", 1),
    "patch": (r"/deployments/frail", "PATCH", 0),
    "waiting": (r"/deployments/frail", "GET", 2),
}
FAULTS = {
    "dropped": {"drop": True},
    "no HTTP": {"raw": b"\x00\x01 what?\r\n\r\n"},
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "504": {"status": 504},
    "401": {"status": 401},
    "403": {"status": 403},
    "410": {"status": 410},
    "garbage": {"body": b"<html>hello</html>"},
    "another object": {"body": b'{"kind":"Deployment","metadata":{"uid":7}}'},
    "truncated": {"truncate": 100},
    "cut": {"cut": 100},
    "stalled": {"stall": 100},
    "silent": {"stall": -1},
}
AGAIN = {"dropped", "429", "500", "503", "504", "cut"}  # what is asked again


class Faults(unittest.TestCase):
    """Through a proxy that breaks one answer at a time: done once or not at all, and never said to be what it is not."""

    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", NS + "-faults")
        kubectl("apply", "-f", "-", ns=NS + "-faults", input=workload("frail", ns=NS + "-faults"))
        kubectl("rollout", "status", "deployment/frail", "--timeout=60s", ns=NS + "-faults")

    def generation(self):
        return int(kubectl("get", "deployment/frail", "-o", "jsonpath={.metadata.generation}", ns=NS + "-faults"))

    def restart(self, proxy, *args):
        return moat("restart", "-y", f"{NS}-faults/Deployment/frail", "--request-timeout", "1s", *args,
                    kubeconfig=proxy.kubeconfig(TOKEN))

    def test_one_broken_answer(self):
        for place, (path, method, skip) in PLACES.items():
            for name, fault in FAULTS.items():
                with Proxy() as proxy:
                    before = self.generation()
                    broken = proxy.fault(path, method=method, skip=skip, times=1, **fault)
                    status, out, err = self.restart(proxy)
                    what = f"{name} at {place}: {status}\n{out}{err}"
                    self.assertEqual(broken.hits, 1, what)
                    self.assertIn(status, (0, 1, 2, 3), what)
                    self.assertEqual(self.generation() - before, 1 if status == 0 else 0, what)
                    if name in AGAIN or place == "waiting" or place == "patch" and name not in ("401", "403", "410"):
                        self.assertEqual(status, 0, what)

    def test_a_server_that_goes_away_and_comes_back(self):
        with Proxy() as proxy:
            gone = threading.Timer(0, lambda: None)

            def report(request):
                nonlocal gone
                if request.method == "PATCH":
                    proxy.stop()
                    gone = threading.Timer(3, proxy.start)
                    gone.start()
            proxy.report = report
            status, out, err = self.restart(proxy)
            gone.join()
            self.assertEqual(status, 0, out + err)

    def test_a_server_that_stays_away(self):
        with Proxy() as proxy:
            proxy.fault(r"/deployments/frail", method="GET", skip=2, drop=True)
            status, out, err = self.restart(proxy, "--timeout", "3s")
            self.assertEqual(status, 3, out + err)
            self.assertIn("how it went is not known", out)


# What a pod that is created again meets: every answer once broken where it would hurt.
POD_FAULTS = {
    "deletion not heard": ("DELETE", {"drop": True}),
    "deletion refused for a moment": ("DELETE", {"status": 503}),
    "deletion heard, answer cut": ("DELETE", {"cut": 50}),
    "deletion heard, answer stalled": ("DELETE", {"stall": 50}),
    "garbage for a deletion": ("DELETE", {"body": b"{}"}),
    "creation not heard": ("POST", {"drop": True}),
    "creation throttled": ("POST", {"status": 429, "headers": {"Retry-After": "1"}}),
    "creation heard, answer cut": ("POST", {"cut": 50}),
    "creation heard, answer stalled": ("POST", {"stall": 50}),
    "garbage for a creation": ("POST", {"body": b"<html>"}),
}


class PodFaults(unittest.TestCase):
    """A bare pod is there once at the end, and a new one, whatever answer was lost."""
    ns = NS + "-pods"

    def test_one_broken_answer(self):
        kubectl("create", "namespace", self.ns)
        kubectl("run", "bare", "--image=i:1", "--overrides", '{"spec":{"terminationGracePeriodSeconds":0}}', ns=self.ns)
        kubectl("wait", "--for=condition=Ready", "pod/bare", "--timeout=60s", ns=self.ns)
        for name, (method, fault) in POD_FAULTS.items():
            uid = kubectl("get", "pod/bare", "-o", "jsonpath={.metadata.uid}", ns=self.ns)
            with Proxy() as proxy:
                broken = proxy.fault(r"/namespaces/%s/pods" % self.ns, method=method, times=1, **fault)
                status, out, err = moat("restart", "-y", f"{self.ns}/Pod/bare", "--recreate", "--request-timeout", "1s",
                                        kubeconfig=proxy.kubeconfig(TOKEN))
                what = f"{name}: {status}\n{out}{err}"
                self.assertEqual((broken.hits, status), (1, 0), what)
                new = kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}", ns=self.ns).split()
                self.assertEqual(len(new), 1, what)
                self.assertNotEqual(new[0], uid, what)


class Doctor(unittest.TestCase):
    """The Role that doctor prints for a user without rights is all that this user needs."""
    ns = "doctor"

    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", cls.ns)
        kubectl("apply", "-f", "-", ns=cls.ns, input=workload("scout", role="agent", ns=cls.ns))
        kubectl("rollout", "status", "deployment/scout", "--timeout=60s", ns=cls.ns)

    def doctor(self, *args, user):
        status, out, err = moat("doctor", "-o", "json", *args, user=user)
        self.assertTrue(out, err)
        value = json.loads(out)
        return status, value, {(p["verb"], p["resource"], p["subresource"]): p["allowed"] for p in value["permissions"]}

    def test_admin(self):
        status, value, allowed = self.doctor(user="admin")
        self.assertEqual((status, value["missing"], set(allowed.values())), (0, 0, {"yes"}))
        self.assertEqual((value["tls"], value["user"]), ("verified", "admin"))
        self.assertIn("client certificate, good until 20", value["credential"])
        self.assertNotIn("secrets", [p["resource"] for p in value["permissions"]])

    def test_one_namespace(self):
        status, value, allowed = self.doctor("-n", self.ns, user="nobody")
        self.assertEqual((status, set(allowed.values())), (4, {"no"}))
        self.assertEqual(value["missing"], len(allowed))
        status, out, _ = moat("restart", "-y", f"{self.ns}/Deployment/scout", user="nobody")
        self.assertEqual(status, 2)
        self.assertIn("cannot get resource", out)

        _, out, _ = moat("doctor", "-n", self.ns, user="nobody")
        self.assertIn("kind: Role\n", out)
        kubectl("apply", "-f", "-", input=out[out.index("apiVersion:"):], ns=self.ns)
        for _ in range(50):  # the authorizer hears of it a moment later
            status, value, allowed = self.doctor("-n", self.ns, user="nobody")
            if status == 0:
                break
            time.sleep(0.1)
        self.assertEqual((status, set(allowed.values())), (0, {"yes"}))
        status, out, err = moat("restart", "-y", f"{self.ns}/scout", user="nobody")
        self.assertEqual(status, 0, out + err)
        self.assertEqual(self.doctor(user="nobody")[0], 4)  # elsewhere it still has no right

    def test_the_whole_cluster(self):
        _, out, _ = moat("doctor", "--read-only", user="viewer")
        self.assertIn("kind: ClusterRole\n", out)
        self.assertNotIn("patch", out)
        self.assertNotIn("pods/exec", out)
        kubectl("apply", "-f", "-", input=out[out.index("apiVersion:"):])
        for _ in range(50):
            status, value, _ = self.doctor("--read-only", user="viewer")
            if status == 0:
                break
            time.sleep(0.1)
        self.assertEqual((status, value["missing"]), (0, 0))
        status, value, allowed = self.doctor(user="viewer")
        self.assertEqual((status, allowed["patch", "deployments", None]), (4, "no"))
        self.assertEqual(value["credential"], "token")
        kubectl("delete", "clusterrole/moat", "clusterrolebinding/moat")

    def through(self, *faults):
        with Proxy() as proxy:
            for path, fault in faults:
                proxy.fault(path, **fault)
            status, out, err = moat("doctor", "-o", "json", "--request-timeout", "1s", kubeconfig=proxy.kubeconfig(TOKEN))
            return status, json.loads(out or "null"), err

    def test_an_answer_that_is_none_is_unknown(self):
        status, value, err = self.through((r"/selfsubjectaccessreviews", {"body": b"{\"status\":{}}", "times": 3}))
        self.assertEqual((status, value["missing"]), (4, 3), err)
        self.assertEqual([p["allowed"] for p in value["permissions"]].count("unknown"), 3)
        status, value, err = self.through((r"/selfsubjectaccessreviews", {"status": 503, "times": 3}))
        self.assertEqual((status, value["missing"]), (0, 0), err)  # asked again
        status, value, err = self.through((r"/selfsubjectreviews", {"status": 404}), (r"/version", {"body": b"<html>"}))
        self.assertEqual((status, value["missing"], value["version"]), (0, 0, "unknown"), err)
        status, value, err = self.through((r"/apis/cilium.io", {"body": b"[[["}), (r"/apis/k8s.ovn.org", {"stall": -1}))
        self.assertEqual((status, value["missing"]), (0, 0), err)
        asked = {p["group"] for p in value["permissions"]}  # what may be there is asked for; what is not there is not
        self.assertTrue({"cilium.io", "k8s.ovn.org"} <= asked and "crd.antrea.io" not in asked, asked)
        status, value, err = self.through((r"/version", {"status": 401}))
        self.assertEqual((status, value), (3, None), err)

    def test_a_server_that_is_not_there(self):
        path = os.path.join(os.environ["WORK"], "dead.kubeconfig")
        with open(os.environ["KUBECONFIG"], encoding="utf-8") as f, open(path, "w", encoding="utf-8") as out:
            out.write(f.read().replace(os.environ["CLUSTER_SERVER"], "https://127.0.0.1:1"))
        status, out, err = moat("doctor", kubeconfig=path)
        self.assertEqual((status, out), (3, ""))
        self.assertIn("127.0.0.1:1", err)


if __name__ == "__main__":
    tap.main()
