#!/usr/bin/env python3
"""Runs against a cluster: known by the uid of its kube-system, by whatever name and address it is reached."""

import json
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
from cluster import WORK, kubectl, moat
from proxy import Proxy

DB = f"{WORK}/history/moat.db"


def audit(*args, kubeconfig=os.environ["KUBECONFIG"]):
    run = moat("audit", "--db", DB, "-o", f"json={WORK}/report.json", *args, kubeconfig=kubeconfig)
    if run.status not in (0, 1, 4):
        raise AssertionError(f"status {run.status}: {run.err}")
    return run


def runs():
    return json.loads(moat("history", "--db", DB, "-o", "json").out)


class History(unittest.TestCase):
    def test_one_cluster_whatever_its_name(self):
        audit()
        with Proxy() as proxy:
            again = audit("--baseline", "last", kubeconfig=proxy.kubeconfig(os.environ["CLUSTER_TOKEN"]))
        self.assertNotIn("no run of this source", again.err)
        self.assertEqual([r["new"] > 0 for r in runs()], [False, True])
        self.assertNotEqual(runs()[0]["server"], None)
        uid = kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
        with sqlite3.connect(DB) as db:
            self.assertEqual(db.execute("SELECT uid FROM clusters").fetchall(), [(uid,)])
            self.assertEqual(db.execute("SELECT count(*) FROM sources").fetchone(), (1,))


if __name__ == "__main__":
    tap.main()
