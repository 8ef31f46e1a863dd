#!/usr/bin/env python3
"""The demo as its files, as kubectl prints it from the API server, and as moat reads it there: the same findings."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
from cluster import WORK, audit, get_all, judged, kubectl, moat, KINDS
from proxy import Proxy

DEMO = os.environ["DEMO"]
KUBECONFIG = os.environ["KUBECONFIG"]


def read(*args, **options):
    run = audit(*args, "--no-store", **options)  # no history: what it has of probes is no matter of objects
    if run.status not in (0, 1, 4):
        raise AssertionError(f"moat audit {' '.join(args)}: status {run.status}: {run.err}")
    return run.report


def get_yaml(*options):
    path = f"{WORK}/live{len(options)}.yaml"
    with open(path, "w", encoding="utf-8") as out:
        out.write(kubectl("get", KINDS, "-A", "-o", "yaml", *options))
    return path


def findings(report):
    return sorted((f["rule"], f["severity"], f["object"]["kind"], f["object"]["namespace"], f["object"]["name"],
                   f["object"].get("container") or "", f["agent"] or "", f["fingerprint"]) for f in report["findings"])


class SameFindings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = read("-f", DEMO)
        cls.json = get_all(f"{WORK}/live.json")
        cls.live = {"json": read("-f", cls.json), "yaml": read("-f", get_yaml("--show-managed-fields"))}

    def test_files_have_agents_and_findings(self):
        self.assertEqual(len(self.files["agents"]), 5)
        self.assertGreater(len(self.files["findings"]), 0)

    def test_findings(self):
        for form in self.live:
            with self.subTest(form):
                self.assertEqual(findings(self.live[form]), findings(self.files))

    def test_agents(self):
        for form in self.live:
            with self.subTest(form):
                self.assertEqual(judged(self.live[form])["agents"], judged(self.files)["agents"])

    def test_as_kubectl_prints_by_itself(self):
        """Without managedFields the time of a ConfigMap is that of its creation, which is now: after the containers
        started. So config-stale says more, and nothing else says anything different."""
        there = set(findings(read("-f", get_yaml())))
        wanted = set(findings(self.files))
        self.assertEqual(wanted - there, set())
        self.assertEqual({f[0] for f in there - wanted} - {"config-stale"}, set())


class Cluster(unittest.TestCase):
    """
    The server itself as the source, beside what kubectl prints of it, where no log is: none of its pods runs, so that moat
    could not read one either.
    """

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.file = get_all(f"{WORK}/all.json")

    def test_audit(self):
        report = read("--no-logs", kubeconfig=KUBECONFIG)
        self.assertEqual(judged(report), judged(read("-f", self.file)))
        self.assertEqual(report["source"], {"type": "cluster", "context": "test",
                                            "server": os.environ["CLUSTER_SERVER"], "paths": []})

    def test_audit_of_a_namespace(self):
        report = read("-n", "research", "--no-logs", kubeconfig=KUBECONFIG)
        self.assertEqual({a["namespace"] for a in report["agents"]}, {"research"})
        self.assertEqual(findings(report), findings(read("-f", self.file, "-n", "research")))

    def test_kubeconfig_of_the_environment(self):
        self.assertEqual(judged(read("--no-logs", KUBECONFIG=KUBECONFIG)), judged(read("-f", self.file)))

    def test_over_http_1(self):
        with Proxy() as proxy:
            report = read("--no-logs", kubeconfig=proxy.kubeconfig(os.environ["CLUSTER_TOKEN"]))
            self.assertEqual(judged(report), judged(read("-f", self.file)))
            # Read once: every kind listed once, nothing watched, no Secret asked for.
            lists = [r.path for r in proxy.seen("LIST")]
            self.assertEqual(sorted(lists), sorted(set(lists)))
            self.assertEqual(proxy.count("WATCH"), 0)
            self.assertEqual([r.target for r in proxy.requests if "secrets" in r.target], [])

    def tables(self, *args, live_args=(), seen=None):
        """`seen`: lines that are about what only a live one is asked."""
        live = moat(*args, *live_args, kubeconfig=KUBECONFIG, COLUMNS="500")
        file = moat(*args, "-f", self.file, COLUMNS="500")
        self.assertEqual(live.err, "")
        out = re.sub(r"(?m)^  at  .*\n", "", file.out)  # where in the file
        if seen:
            self.assertRegex(live.out, seen)
            live.out, out = re.sub(seen, "", live.out), re.sub(seen, "", out)
        self.assertEqual((live.status, live.out), (file.status, out))
        self.assertTrue(live.out)

    def test_fleet(self):
        self.tables("fleet", "-o", "wide", live_args=["--no-logs"])

    def test_show(self):
        self.tables("show", "research/scout", seen=r"(?m)^(in force|health) .*\n")

    def test_reach(self):
        for args in (["-o", "json"], ["research/scout"]):
            with self.subTest(args):
                self.tables("reach", *args)


if __name__ == "__main__":
    tap.main()
