#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An audit of a generated fleet held against the truth: every seeded defect is found where it was put, and nowhere else.

The fleet (genfleet.py) has FLEET agents, 100 unless the environment says otherwise; `make check-fleet N=1000` sets it.
It is audited three times: as a snapshot, as one file and as a folder of manifests. A rule that this build does not have
yet is left out, so that the table below can be ahead of the program.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

AGENTS = int(os.environ.get("FLEET") or 100)
MOAT = os.environ.get("MOAT", "moat")

# Defect in truth.json: the rules it breaks. identity-conflict is about two companions and has a function of its own.
RULES = {
    "legacy-sidecar": ("sidecar-in-pod", "agent-egress-internet"),  # its policy opens 443 and 80 to anywhere
    "subpath-config": ("config-subpath",),
    "init-wget": ("init-fetch",),
    "secret-mode-0444": ("secret-mode-exposed",),
    "secret-mode-0644": ("secret-mode-exposed",),  # written, or left to the default
    "secret-mode-0400": ("secret-unreadable",),  # without an fsGroup
    "egress-wide-open": ("agent-egress-internet",),
    "policy-missing": ("agent-egress-open",),
    "vpn-sidecar": ("companion-vpn",),
    "noproxy-wildcard": ("no-proxy-wide",),
    "proxy-loopback": ("proxy-env-loopback",),
    "svc-targetport-mismatch": ("companion-unreachable",),
}
# What a snapshot shows of a secret that Pipelock refuses, or cannot read.
CRASHES = "companion-not-ready"
GRAVE = ("critical", "high", "medium")


def same_identity(agents):
    """Those whose companions bind an identity that another one binds too."""
    bound = collections.defaultdict(list)
    for agent in agents:
        if agent["companion"]:
            bound[agent["identity"]].append(agent)
    return [agent for group in bound.values() if len(group) > 1 for agent in group]


def wanted(agents):
    """Rule: the (namespace, name) of each agent that breaks it."""
    out = collections.defaultdict(set)
    for rules in RULES.values():
        for rule in rules:
            out[rule] = set()
    for agent in agents:
        for defect in agent["defects"]:
            for rule in RULES.get(defect, ()):
                out[rule].add((agent["namespace"], agent["agent"]))
    out[CRASHES] = {(a["namespace"], a["agent"]) for a in agents if "companion-crashloop" in a["implied"]}
    out["identity-duplicate"] = {(a["namespace"], a["agent"]) for a in same_identity(agents)}
    return out


def owners(agents):
    """The agent that an object belongs to, for findings that name none."""
    out = {}
    for agent in agents:
        for name in (agent["agent"], agent["companion"], agent["configmap"]):
            out[agent["namespace"], name] = agent["agent"]
        for name in (agent["agent"], agent["companion"]):
            out[agent["namespace"], "%s-egress" % name] = agent["agent"]
    return out


class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="moat-fleet-")
        subprocess.run([sys.executable, os.path.join(HERE, "genfleet.py"), "-n", str(AGENTS), "--out", cls.folder.name],
                       check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(cls.folder.name, "truth.json")) as f:
            cls.agents = json.load(f)["fleet"]
        cls.wanted = wanted(cls.agents)
        cls.owner = owners(cls.agents)
        known = subprocess.run([MOAT, "rules", "-o", "name"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        cls.rules = [rule for rule in sorted(cls.wanted) if rule in known]
        print("# not in this build: %s" % ", ".join(sorted(set(cls.wanted) - set(known))))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def audit(self, source):
        command = [MOAT, "audit", "-o", "json", "-f", os.path.join(self.folder.name, source)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.monotonic()
            run = subprocess.Popen(command, env=dict(os.environ, HOME=self.folder.name, XDG_STATE_HOME=self.folder.name),
                                   stdout=out, stderr=err)
            usage = os.wait4(run.pid, 0)  # its own time and memory, not those of all children
            status = run.returncode = os.waitstatus_to_exitcode(usage[1])
            print("# %s, %d agents: %.2f s, %.2f s of CPU, at most %d MB" % (
                source, AGENTS, time.monotonic() - started, usage[2].ru_utime + usage[2].ru_stime,
                usage[2].ru_maxrss / 1024), flush=True)
            out.seek(0)
            err.seek(0)
            self.assertIn(status, (0, 1), err.read().decode())
            return json.load(out), status

    def place(self, finding):
        """(namespace, agent) of a finding."""
        namespace = finding["namespace"]
        return namespace, finding["agent"] or self.owner.get((namespace, finding["object"]["name"]), "?")

    def found(self, report):
        out = collections.defaultdict(set)
        for finding in report["findings"]:
            out[finding["rule"]].add(self.place(finding))
        return out

    def check_rules(self, report, live):
        found = self.found(report)
        problems = []
        for rule in self.rules:
            places = self.wanted[rule] if live or rule != CRASHES else set()
            for word, wrong in (("missed", places - found[rule]), ("wrongly found", found[rule] - places)):
                if wrong:
                    problems.append("%s %s %d times: %s" % (rule, word, len(wrong), sorted(wrong)[:5]))
        self.assertEqual(problems, [])

    def check_agents(self, report):
        companions = {(a["namespace"], a["name"]): a["companion"] and a["companion"]["name"] for a in report["agents"]}
        self.assertEqual(companions, {(a["namespace"], a["agent"]): a["companion"] for a in self.agents})
        legacy = {(a["namespace"], a["name"]) for a in report["agents"] if a["state"] == "legacy"}
        self.assertEqual(legacy, {(a["namespace"], a["agent"]) for a in self.agents if a["topology"] == "legacy"})

    def check_clean(self, report):
        """What has no defect has no finding to lose sleep over."""
        clean = {(a["namespace"], a["agent"]) for a in self.agents if not a["defects"]}
        clean -= self.wanted["identity-duplicate"]
        noise = [(f["rule"],) + self.place(f) for f in report["findings"]
                 if f["severity"] in GRAVE and self.place(f) in clean]
        self.assertEqual(noise[:5], [])

    def check(self, source, live=False):
        report, status = self.audit(source)
        self.check_agents(report)
        self.check_rules(report, live)
        self.check_clean(report)
        grave = any(f["severity"] in ("critical", "high") and not f["suppressed"] for f in report["findings"])
        self.assertEqual(status, 1 if grave else 0)

    def test_snapshot(self):
        self.check("snapshot.json", live=True)

    def test_one_file(self):
        self.check("fleet.yaml")

    def test_folder(self):
        self.check("manifests")


if __name__ == "__main__":
    tap.main()
