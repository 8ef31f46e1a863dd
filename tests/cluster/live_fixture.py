#!/usr/bin/env python3
"""What the other live tests lean on: controllers make pods, pods run, and answer to exec and logs."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster
import tap

# Two domains at least: until the scheduler knows of the second node a second pod waits for it.
WEB = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "web"}], "topologySpreadConstraints": [{
            "maxSkew": 1, "minDomains": 2, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}}, "matchLabelKeys": ["pod-template-hash"]}]}}}}


def kubectl(*args, **options):
    return cluster.kubectl("-n", "fixture", *args, **options)


class Fixture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", "fixture")
        kubectl("create", "-f", "-", input=json.dumps(WEB))
        kubectl("rollout", "status", "deployment/web", "--timeout=30s")

    def test_pods_run_on_every_node(self):
        nodes = kubectl("get", "pods", "-l", "app=web", "--field-selector=status.phase=Running",
                        "-o", "jsonpath={.items[*].spec.nodeName}").split()
        self.assertEqual(len(nodes), 4)
        self.assertEqual(set(nodes), {"node-1", "node-2"})

    def test_exec_runs_a_command(self):
        self.assertEqual(kubectl("exec", "deployment/web", "--", "echo", "here"), "here\n")

    def test_logs_are_served(self):
        self.assertEqual(kubectl("logs", "deployment/web"), '{"event":"startup"}\n')

    def test_a_restart_replaces_the_pods(self):
        names = "-o", "jsonpath={.items[*].metadata.name}"
        before = set(kubectl("get", "pods", *names).split())
        kubectl("rollout", "restart", "deployment/web")
        kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        kubectl("wait", "--for=delete", "--timeout=30s", *(f"pod/{name}" for name in before))
        self.assertEqual(len(kubectl("get", "pods", *names).split()), 4)


if __name__ == "__main__":
    tap.main()
