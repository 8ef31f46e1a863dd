#!/usr/bin/env python3
"""moat doctor: what is missing, what that costs, and never a clean bill from a broken answer."""

import concurrent.futures
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
from cluster import READS, STATE, TOKEN, Rights, moat
from proxy import Proxy

VIEWER, NOBODY = (f"{STATE}/{user}.kubeconfig" for user in ("viewer", "nobody"))


class Doctor(unittest.TestCase):
    def test_all_is_well(self):
        run = moat("doctor", kubeconfig=os.environ["KUBECONFIG"])
        self.assertEqual(run.status, 0, run.out + run.err)

    def test_a_missing_kind(self):
        rules = [{**r, "resources": [x for x in r["resources"] if x != "networkpolicies"]} for r in READS]
        with Rights("viewer", rules):
            run = moat("doctor", kubeconfig=VIEWER)
        self.assertEqual(run.status, 4, run.out + run.err)
        self.assertIn("networkpolicies", run.out)
        self.assertRegex(run.out, r"kind: ClusterRole")

    def test_bare_pods_are_asked_about_only_when_wanted(self):
        with Rights("viewer"):
            plain = moat("doctor", kubeconfig=VIEWER)
            asked = moat("doctor", "--recreate", kubeconfig=VIEWER)
            never = moat("doctor", "--recreate", "--read-only", kubeconfig=VIEWER)
        self.assertRegex(asked.out, r"recreate +create, delete pods +NO +no bare pod can be recreated")
        self.assertIn("verbs: ['create', 'delete']", asked.out)
        for run in (plain, never):
            self.assertNotIn("recreate", run.out)
            self.assertNotIn("delete", run.out)

    def test_nothing_is_allowed(self):
        run = moat("doctor", kubeconfig=NOBODY)
        self.assertIn(run.status, (3, 4), run.out + run.err)
        self.assertRegex(run.out, r"kind: ClusterRole")

    def test_rights_that_cannot_be_asked(self):
        faults = {"500": {"status": 500}, "drop": {"drop": True}, "garbage": {"body": b"<html>"}, "stall": {"stall": -1},
                  "404": {"status": 404}}

        def run(what):
            with Proxy() as proxy:
                fault = proxy.fault("selfsubject", method="POST", **what)
                return moat("doctor", "--request-timeout", "2s", kubeconfig=proxy.kubeconfig(TOKEN), timeout=90), fault.hits

        with concurrent.futures.ThreadPoolExecutor(len(faults)) as pool:  # they mostly wait
            for name, (got, hits) in zip(faults, pool.map(run, faults.values())):
                with self.subTest(name):
                    self.assertIn(got.status, (3, 4), got.out + got.err)
                    self.assertGreater(hits, 0)


if __name__ == "__main__":
    tap.main()
