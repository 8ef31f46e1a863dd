#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""More companions that may be stale than moat reads logs of, and others that are current: the requests counted."""

import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import cluster
import tap
from cluster import TOKEN, WORK
from proxy import Proxy

SPACES = [f"many-{i}" for i in range(4)]
STALE, CURRENT = 530, 70
MOST = 500  # TIERS_MOST_LOGS


def config_map(space):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "config", "namespace": space, "uid": "x", "managedFields": [{
            "manager": "test", "operation": "Update", "apiVersion": "v1", "time": "2026-05-21T12:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}}]},
        "data": {"pipelock.yaml": "mode: balanced\n"}}


def pod(space, name, started):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space}, "spec": {
        "automountServiceAccountToken": False,
        "containers": [{"name": "pipelock", "image": "pipelock:2.3.0",
                        "args": ["run", "--config", "/etc/pipelock/pipelock.yaml"],
                        "volumeMounts": [{"name": "c", "mountPath": "/etc/pipelock"}]}],
        "volumes": [{"name": "c", "configMap": {"name": "config"}}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{
            "name": "pipelock", "ready": True, "restartCount": 0, "image": "x", "imageID": "", "started": True,
            "state": {"running": {"startedAt": f"2026-05-21T{started}Z"}}}]}}


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": s}} for s in SPACES]
        items += [config_map(s) for s in SPACES]
        items += [pod(SPACES[i % 4], f"stale-{i}", "11:00:00") for i in range(STALE)]
        items += [pod(SPACES[i % 4], f"current-{i}", "12:30:00") for i in range(CURRENT)]
        path = f"{WORK}/many.json"
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"apiVersion": "v1", "kind": "List", "items": items}, out)
        subprocess.run([sys.executable, os.path.join(HERE, "load.py"), "-j4", path], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        for space in SPACES:
            cluster.kubectl("delete", "--raw", f"/api/v1/namespaces/{space}/pods")

    def test_logs_of_so_many_and_no_more(self):
        with Proxy() as proxy:
            run = cluster.audit(kubeconfig=proxy.kubeconfig(TOKEN), timeout=180)
            logs = [r.path for r in proxy.requests if r.path.endswith("/log")]
            self.assertEqual(len(set(logs)), MOST)
            self.assertLessEqual(len(logs), 2 * MOST)  # since the change, and the head of what is empty
            self.assertEqual([path for path in logs if "/current-" in path], [])
            self.assertLess(len(proxy.requests) - len(logs), 60)
        self.assertFalse(run.report["complete"])
        # The demo may have some, too: of all that matter so many are not read.
        left_out = re.findall(r"there are (\d+) that matter, and moat reads 500", json.dumps(run.report["incomplete"]))
        self.assertEqual({len(left_out)}, {int(n) - MOST for n in left_out})

    def test_how_long_it_takes(self):
        """Printed: what 500 logs cost beside the same audit without."""
        with_logs, without = (cluster.audit(*args, kubeconfig=os.environ["KUBECONFIG"], timeout=180).seconds
                              for args in ([], ["--no-logs"]))
        print(f"# {MOST} logs: {with_logs:.1f} s; without {without:.1f} s")
        self.assertLess(with_logs, 60)

    def test_none_without_logs(self):
        with Proxy() as proxy:
            cluster.audit("--no-logs", kubeconfig=proxy.kubeconfig(TOKEN), timeout=180)
            self.assertEqual([r.path for r in proxy.requests if r.path.endswith("/log")], [])


if __name__ == "__main__":
    tap.main()
