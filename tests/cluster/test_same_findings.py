#!/usr/bin/env python3
"""The demo as its files, and as the API server gives it back, in YAML and in JSON: the same agents, the same findings."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

WORK = os.environ["WORK"]
KINDS = "namespaces,pods,deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,services,configmaps,networkpolicies"


def audit(path):
    run = subprocess.run([os.environ["MOAT"], "audit", "-f", path, "-o", "json"], capture_output=True,
                         text=True, timeout=120)
    if run.returncode not in (0, 1, 4):
        raise AssertionError(f"moat audit -f {path}: status {run.returncode}: {run.stderr}")
    return json.loads(run.stdout)


def get(form, *options):
    """What kubectl prints of all kinds that moat reads, as a file."""
    path = f"{WORK}/live{len(options)}.{form}"
    with open(path, "w") as out:
        subprocess.run(["kubectl", "get", KINDS, "-A", "-o", form, *options], stdout=out, check=True)
    return path


def findings(report):
    return sorted((f["rule"], f["severity"], f["object"]["kind"], f["object"]["namespace"], f["object"]["name"],
                   f["object"].get("container") or "", f["agent"] or "", f["fingerprint"]) for f in report["findings"])


def agents(report):
    """All that is said of the agents."""
    return sorted(report["agents"], key=lambda a: (a["namespace"], a["name"]))


class SameFindings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = audit(os.environ["DEMO"])
        cls.live = {form: audit(get(form, "--show-managed-fields")) for form in ("yaml", "json")}

    def test_files_have_agents_and_findings(self):
        self.assertEqual(len(self.files["agents"]), 5)
        self.assertGreater(len(self.files["findings"]), 0)

    def test_yaml_findings(self):
        self.assertEqual(findings(self.live["yaml"]), findings(self.files))

    def test_json_findings(self):
        self.assertEqual(findings(self.live["json"]), findings(self.files))

    def test_yaml_agents(self):
        self.assertEqual(agents(self.live["yaml"]), agents(self.files))

    def test_json_agents(self):
        self.assertEqual(agents(self.live["json"]), agents(self.files))

    def test_as_kubectl_prints_by_itself(self):
        """Without managedFields the time of a ConfigMap is that of its creation, which is now: after the containers
        started. So config-stale says more, and nothing else says anything different."""
        for form in ("yaml", "json"):
            there = set(findings(audit(get(form))))
            wanted = set(findings(self.files))
            self.assertEqual(wanted - there, set())
            self.assertEqual({f[0] for f in there - wanted} - {"config-stale"}, set())


if __name__ == "__main__":
    tap.main()
