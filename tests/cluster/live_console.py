#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console and running Pipelocks: what they have loaded after a ConfigMap's change and after a restart, and what is refused."""

import hashlib
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "screens")]
import cluster
import tap
from cluster import MOAT, SANITIZERS, STATE, WORK, apply, moat
from console import ConsoleTest

NS = "console"
LOG = f"{STATE}/pod.log"  # of every container
GOOD = """mode: balanced
fetch_proxy: {listen: 0.0.0.0:8888}
forward_proxy: {enabled: true}
default_agent_identity: scout
bind_default_agent_identity: true
"""
OTHER = GOOD.replace("balanced", "audit")


def kubectl(*args, **options):
    return cluster.kubectl("-n", NS, *args, **options)


def log_event(**event):
    """As a container runtime writes it, at this second."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    with open(LOG, "a", encoding="utf-8") as f:
        f.write(f"{now}.000000000Z stdout F {json.dumps(event)}\n")


def loads(config, event="config_reload"):
    log_event(event=event, status="success", config_hash=hashlib.sha256(config.encode()).hexdigest())


def config_map(text):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pipelock-config", "namespace": NS},
            "data": {"pipelock.yaml": text}}


def deployment(name, labels, pod, annotations=None):
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": NS, "labels": labels},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name, **labels}, "annotations": annotations or {}},
                "spec": {"terminationGracePeriodSeconds": 0, **pod}}}}


PIPELOCK = {"app.kubernetes.io/name": "pipelock", "app.kubernetes.io/component": "proxy"}
OBJECTS = [
    config_map(GOOD),
    deployment("companion", PIPELOCK, {
        "containers": [{"name": "pipelock", "image": "ghcr.io/luckypipewrench/pipelock:2.3.0",
                        "args": ["run", "--config", "/etc/pipelock/pipelock.yaml", "--listen", "0.0.0.0:8888"],
                        "ports": [{"containerPort": 8888}],
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/pipelock"}]}],
        "volumes": [{"name": "config", "configMap": {"name": "pipelock-config"}}]}),
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "companion", "namespace": NS},
     "spec": {"selector": {"app": "companion"}, "ports": [{"port": 8888, "targetPort": 8888}]}},
    deployment("scout", {"app.kubernetes.io/component": "agent"}, {
        "containers": [{"name": "agent", "image": "agent:1",
                        "env": [{"name": "HTTPS_PROXY", "value": "http://companion:8888"}]}]}),
]


class Running(ConsoleTest):
    @classmethod
    def setUpClass(cls):
        cluster.kubectl("create", "namespace", NS)
        size = os.path.getsize(LOG)  # other tests read it, too
        cls.addClassCleanup(lambda: os.truncate(LOG, size))

    def setUp(self):
        loads(GOOD, "startup")
        apply(*OBJECTS)
        for name in ("companion", "scout"):
            kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
        self.db = f"{WORK}/{self.id().rsplit('.', 1)[-1]}/moat.db"
        argv = [MOAT, "-n", NS, "--kubeconfig", os.environ["KUBECONFIG"], "--db", self.db]
        self.console = self.run_on_terminal(argv, rows=40, columns=140, MOAT_NOW="", **SANITIZERS)
        self.console.wait("scout").wait("live", row=0)

    def leave(self):
        self.console.send(":q\r")
        self.given_back(self.console, 0)

    def wait_long(self, what, seconds):
        deadline = time.monotonic() + seconds
        while what not in self.console.text() and time.monotonic() < deadline:
            self.console.pump(0.2)
        return self.console.wait(what)

    def restart_companion(self):
        """The first button does nothing, the second is for both, the third for the companion."""
        self.console.send("r").wait("[ companion ]").send("\t\t\r").wait("planned").send("\t\r")
        self.wait_long("Done:", 30)
        self.console.send("\x1b").wait("Done:", gone=True)

    def test_a_restart_comes_up_with_the_present_config(self):
        apply(config_map(OTHER))
        loads(OTHER, "startup")
        self.restart_companion()
        loads(OTHER, "startup")
        self.wait_long("has come up with the present config", 30)
        actions = json.loads(moat("history", "actions", "--db", self.db, "-o", "json").out)
        self.assertEqual([(a["what"], a["name"], a["outcome"]) for a in actions], [("restart", "companion", "done")])
        self.leave()

    def test_a_changed_config_is_awaited(self):
        """A first look finds the old one, which is not told: the kubelet takes its time. A later one finds the new."""
        apply(config_map(OTHER))
        time.sleep(6)
        self.assertNotIn("has loaded", self.console.text())
        loads(OTHER)
        self.wait_long("has loaded its changed config", 30)
        self.leave()

    def test_a_restart_into_a_config_that_is_refused(self):
        apply(config_map("mode: [nonsense\n"))
        time.sleep(2)
        self.console.send("r").wait("[ companion ]").send("\t\t\r").wait("would not come up again")
        self.console.wait("[ Close ]")
        self.assertNotIn("[ Restart ]", self.console.text())
        self.console.send("\x1b").wait("[ Close ]", gone=True)
        self.leave()

    def test_probes(self):
        """What they find depends on the network that this runs in: that all of it is shown and kept does not."""
        self.console.send("p").wait("[ Probe ]").wait("1.1.1.1:443 from 1 node").send("\t\r").wait("[ Stop ]")
        self.wait_long("[ Close ]", 60)
        self.console.send("\x1b").wait("[ Close ]", gone=True)
        deadline = time.monotonic() + 5
        while not re.search(r"scout .* [✔✘?]{3} \d+s", self.console.text()) and time.monotonic() < deadline:
            self.console.pump(0.2)
        self.assertRegex(self.console.text(), r"scout .* [✔✘?]{3} \d+s")
        kept = json.loads(moat("history", "probes", "--db", self.db, "-o", "json").out)
        self.assertEqual({p["agent"] for p in kept}, {"scout"}, kept)
        actions = json.loads(moat("history", "actions", "--db", self.db, "-o", "json").out)
        self.assertEqual([(a["what"], a["name"]) for a in actions], [("probe", "scout")])
        self.assertIn(actions[0]["outcome"], ("done", "failed"))
        self.leave()

    def test_who_leaves_in_the_middle_of_probes(self):
        self.console.send("p").wait("[ Probe ]").send("\t\r").wait("[ Stop ]").send("\x1b").wait("[ Stop ]", gone=True)
        self.leave()
        self.assertIn(b"moat: 1 of 1 agents were not probed to the end", self.console.raw)
        actions = json.loads(moat("history", "actions", "--db", self.db, "-o", "json").out)
        self.assertEqual([(a["outcome"], a["detail"]) for a in actions], [("failed", "broken off")])

    def test_the_agent_on_the_screen(self):
        """Its companion's health is asked, and what listens there is no Pipelock: said, and not taken for health."""
        self.console.send("d").wait("health").wait("not as Pipelock does")
        self.leave()


if __name__ == "__main__":
    tap.main()
