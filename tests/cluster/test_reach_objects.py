#!/usr/bin/env python3
"""The objects of tests/reach, put to a real API server: the good ones are accepted, the malformed policies refused.

Nothing is kept (a server-side dry run), but for the namespaces. Kinds that the server does not know are left out.
"""

import glob
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap

FOLDER = os.path.join(HERE, "..", "reach")
UNKNOWN = "policy.networking.k8s.io"


def documents(path):
    """The documents of a file, as text, less those of unknown kinds."""
    with open(path, encoding="utf-8") as f:
        return [d for d in re.split(r"^---$\n", f.read(), flags=re.M) if UNKNOWN not in d]


def create(text, *args):
    return subprocess.run(["kubectl", "create", *args, "-f", "-"], input=text, capture_output=True, text=True, timeout=120)


def kind_of(document):
    return re.search(r"^kind: (\w+)$", document, re.M)[1]


class ReachObjects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        names = set()
        for path in glob.glob(os.path.join(FOLDER, "*.yaml")):
            for document in documents(path):
                names.update(re.findall(r"\bnamespace: ([\w-]+)", document))
        for name in sorted(names):
            made = create(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n---\n"
                          f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: default, namespace: {name}}}\n")
            if made.returncode != 0:
                raise AssertionError(made.stderr)


def accepted(path):
    def test(self):
        kept = [d for d in documents(path) if kind_of(d) != "Namespace"]
        run = create("---\n".join(kept), "--dry-run=server")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout.count("created (server dry run)"), len(kept), run.stdout)
    return test


def refused(path):
    def test(self):
        policies = [d for d in documents(path) if kind_of(d) == "NetworkPolicy"]
        self.assertEqual(len(policies), 1)
        run = create(policies[0], "--dry-run=server")
        self.assertNotEqual(run.returncode, 0, run.stdout)
        self.assertRegex(run.stderr, r'(?s)NetworkPolicy.* "broken" is invalid')
    return test


for path in sorted(glob.glob(os.path.join(FOLDER, "*.yaml"))):
    name = os.path.basename(path)[:-5].replace("-", "_")
    if not name.startswith("bad_"):
        setattr(ReachObjects, "test_accepted_" + name, accepted(path))
    elif not name.startswith("bad_admin_"):
        setattr(ReachObjects, "test_refused_" + name[4:], refused(path))

if __name__ == "__main__":
    tap.main()
