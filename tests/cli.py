#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as users and scripts meet it: exit status, messages, formats, and input that means no good."""
import contextlib
import csv
import gzip
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest
from xml.etree import ElementTree

import tap

MOAT = os.environ["MOAT"]
DEMO = os.path.join(os.environ["srcdir"], "demo")
# What a terminal would act on, or a reader be misled by: C0 but newline, DEL, C1, bidi controls.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

STATE = tempfile.TemporaryDirectory()  # the history of all runs that name none

AGENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: a, labels: {app.kubernetes.io/component: agent}}
spec:
  selector: {matchLabels: {x: y}}
  template:
    metadata: {labels: {x: y}}
    spec: {containers: [{name: c, image: "i:1"}]}
"""


def run(*args, stdin=None, env=None, seconds=20):
    """Status, standard output, standard error."""
    full = dict(os.environ, XDG_STATE_HOME=STATE.name, **(env or {}))
    p = subprocess.run([MOAT, *args], input=stdin if stdin is not None else b"", capture_output=True, env=full,
                       timeout=seconds)
    return p.returncode, p.stdout.decode("utf-8"), p.stderr.decode("utf-8")


class Files(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def refused(self, path, status, *words, stdin=None):
        """One clear line that names the thing, the right status, no report, nothing a terminal would act on."""
        got, out, err = run("audit", "-f", path, stdin=stdin)
        self.assertEqual(got, status, err)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("moat: "), err)
        self.assertIsNone(UNSAFE.search(err), err)
        for word in words:
            self.assertIn(word, err)


class BesideTheObjects(Files):
    """What the history knows of the cluster that files are of."""

    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.dir, "moat.db")
        self.path = self.write("x.yaml", (AGENT % "x") + """---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system, uid: 11111111-1111-1111-1111-111111111111}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: x-1, namespace: a, uid: r, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: x, uid: d,
  controller: true}]}
spec: {selector: {matchLabels: {x: y}}, template: {metadata: {labels: {x: y}}, spec: {containers: [{name: c, image: "i:1"}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: x-1, namespace: a, labels: {x: y}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet,
  name: x-1, uid: r, controller: true}]}
spec: {nodeName: node-1, containers: [{name: c, image: "i:1"}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
""")

    def audit(self, *args):
        status, out, err = run("audit", "-f", self.path, "--db", self.db, "--fail-on", "never", "-o", "json", *args)
        self.assertIn(status, (0, 4), err)
        return json.loads(out)

    def keep_probe(self, uid):
        with contextlib.closing(sqlite3.connect(self.db)) as db, db:
            db.execute("INSERT INTO clusters (uid, address, server) VALUES (?, 'x', 'x')", (uid,))
            cluster = db.execute("SELECT id FROM clusters WHERE uid = ?", (uid,)).fetchone()[0]
            db.execute("INSERT INTO probes VALUES (?, 0, 'a', 'x', 'Deployment', 'node-1', 0, 1, 'c', '1.1.1.1:443', 1, 0, 'curl', "
                       "1, 1767225600, 1767225600, 'x-1', 'it answered', 5, '')", (cluster,))

    def raw_tcp(self, *args):
        return self.audit(*args)["agents"][0]["probes"]["raw-tcp"]

    def test_probes_count_where_the_files_are_of_that_cluster(self):
        self.assertIsNone(self.raw_tcp())  # no history yet; it is made
        self.keep_probe("22222222-2222-2222-2222-222222222222")
        self.assertIsNone(self.raw_tcp())
        self.keep_probe("11111111-1111-1111-1111-111111111111")
        self.assertEqual(self.raw_tcp()["verdict"], "open")
        self.assertIsNone(self.raw_tcp("--no-store"))

    def test_a_history_that_cannot_be_read_may_hold_bad_news(self):
        with open(self.db, "wb") as f:
            f.write(b"no database" * 500)
        report = self.audit()
        self.assertFalse(report["complete"])
        self.assertIn("probe", [i["kind"] for i in report["incomplete"]])
        self.assertNotIn("probe", [i["kind"] for i in self.audit("--no-store")["incomplete"]])

    def test_health_takes_a_cluster(self):
        status, _, err = run("audit", "-f", self.path, "--health")
        self.assertEqual((status, "--health" in err), (2, True), err)


class BadInput(Files):
    def test_a_missing_path(self):
        self.refused(os.path.join(self.dir, "gone.yaml"), 2, "gone.yaml", "No such file")

    def test_an_empty_folder_holds_no_agent(self):
        got, _, err = run("audit", "-f", self.dir)
        self.assertEqual(got, 3, err)

    def test_an_empty_file_holds_no_agent(self):
        self.assertEqual(run("audit", "-f", self.write("x.yaml", ""))[0], 3)

    def test_truncated_json(self):
        self.refused(self.write("x.json", '{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","meta'), 2, "x.json:1")

    def test_truncated_gzip(self):
        data = gzip.compress((AGENT % "x").encode() * 50)
        self.refused(self.write("x.yaml.gz", data[:-20]), 2, "x.yaml.gz")

    def test_bad_yaml(self):
        self.refused(self.write("x.yaml", "kind: Pod\n  a: [\n"), 2, "x.yaml:")

    def test_a_bad_file_in_a_folder_of_good_ones(self):
        self.write("a.yaml", AGENT % "x")
        self.write("sub/b.yaml", "a: [")
        self.refused(self.dir, 2, "sub/b.yaml")

    def test_a_billion_laughs(self):
        text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for i in range(1, 10):
            text += "a%d: &a%d [%s]\n" % (i, i, ", ".join(["*a%d" % (i - 1)] * 10))
        self.refused(self.write("x.yaml", text), 2, "x.yaml:")

    def test_a_hundred_thousand_brackets(self):
        self.refused(self.write("x.yaml", "[" * 100000), 2, "x.yaml:")
        self.refused(self.write("x.json", "[" * 100000), 2, "x.json:")

    def test_a_helm_chart(self):
        self.refused(self.write("x.yaml", "spec:\n  replicas: {{ .Values.replicas }}\n"), 2, "x.yaml:2", "helm template")

    def test_binary_noise(self):
        self.refused(self.write("x.yaml", bytes(range(256)) * 10), 2, "x.yaml")

    def test_a_hostile_file_name(self):
        self.refused(self.write("a\x1b[2J\u202ex.yaml", "a: ["), 2, "\\x1b[2J\\u202ex.yaml")

    def test_an_object_that_cannot_be_one(self):
        self.refused(self.write("x.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: three}\n"),
                     2, "x.yaml", "Deployment", "replicas")

    def test_standard_input_that_is_cut(self):
        self.refused("-", 2, stdin=b'{"kind": "List", "items": [')


class HostileNames(Files):
    NAME = "x\x1b]0;owned\x07\u202eevil"

    def test_no_report_carries_them_raw(self):
        item = {"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": self.NAME + "\x7f", "namespace": "n\x9b2J", "annotations": {"moat.dev/ignore": "\x1b[1m"},
                             "labels": {"app.kubernetes.io/component": "agent"}},
                "spec": {"template": {"metadata": {"labels": {"x": "y"}},
                                      "spec": {"containers": [{"name": "c\x1b[5m", "image": "i\x07:1"}]}}}}
        path = self.write("x.json", json.dumps(item))
        for args in (["audit"], ["audit", "-o", "json"], ["fleet"], ["fleet", "-o", "wide"], ["fleet", "-o", "name"],
                     ["fleet", "-o", "yaml"], ["fleet", "-o", "json"]):
            status, out, err = run(*args, "-f", path)
            self.assertIn(status, (0, 1), err)
            self.assertIsNone(UNSAFE.search(out), args)
            self.assertIsNone(UNSAFE.search(err), args)


class History(Files):
    """A store of its own for each test: --db."""

    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.dir, "state", "moat.db")
        self.path = self.write("x.yaml", AGENT % "x")

    def audit(self, *args):
        return run("audit", "--db", self.db, "-f", self.path, *args)

    def history(self, *args):
        status, out, err = run("history", "--db", self.db, *args, "-o", "json")
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)

    def test_an_audit_is_a_run(self):
        _, out, err = self.audit("-o", "json")
        self.assertEqual(err, "")
        report = json.loads(out)
        runs = self.history()
        self.assertEqual([r["run"] for r in runs], [1])
        self.assertEqual(runs[0]["new"], len(report["findings"]))
        self.assertEqual(runs[0]["critical"], report["summary"]["severities"]["critical"])
        key = lambda f: (f["fingerprint"], f["rule"], f["severity"], f["message"], f["evidence"])
        self.assertEqual(sorted(map(key, self.history("findings"))), sorted(map(key, report["findings"])))
        self.assertEqual(oct(os.stat(self.db).st_mode & 0o777), "0o600")

    def test_what_touches_no_store(self):
        self.assertEqual(self.audit("--no-store")[0], 1)
        self.assertEqual(run("demo", "--db", self.db)[0], 0)
        self.assertEqual(run("fleet", "--db", self.db, "-f", self.path)[0], 0)
        self.assertEqual(run("audit", "--db", self.db, "-f", self.write("none.yaml", ""))[0], 3)
        self.assertFalse(os.path.exists(os.path.dirname(self.db)))
        status, out, err = run("history", "--db", self.db)
        self.assertEqual((status, out), (2, ""))
        self.assertIn("no history yet", err)

    def test_a_store_that_fails_is_a_warning(self):
        for db in (self.path + "/x/moat.db", "/dev/null", "/proc/moat/moat.db"):
            status, out, err = run("audit", "--db", db, "-f", self.path)
            self.assertEqual(status, 1, err)
            self.assertIn("no-companion", out)
            self.assertIn("moat: warning: this run is not in the history", err)
            self.assertEqual(err.count("\n"), 1)

    def test_a_damaged_file_is_moved_aside_and_named(self):
        self.audit()
        with open(self.db, "r+b") as f:
            f.write(b"nonsense")
        status, _, err = run("history", "--db", self.db)
        self.assertEqual(status, 2)
        self.assertIn("damaged", err)
        status, _, err = self.audit()
        self.assertEqual(status, 1)
        aside = [n for n in os.listdir(os.path.dirname(self.db)) if "damaged" in n]
        self.assertEqual(len(aside), 1)
        self.assertIn(aside[0], err)
        self.assertEqual(len(self.history()), 1)

    def test_the_last_run_as_baseline(self):
        status, out, err = self.audit("--baseline", "last", "--fail-on-new")
        self.assertEqual(status, 1)
        self.assertIn("no run of this source", err)
        status, out, err = self.audit("--baseline", "last", "--fail-on-new", "-o", "json")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual({f["novelty"] for f in json.loads(out)["findings"]}, {"known"})
        self.write("x.yaml", AGENT % "x" + "---\n" + AGENT % "y")
        self.assertEqual(self.audit("--baseline", "last", "--fail-on-new")[0], 1)

    def test_no_baseline_in_a_damaged_file(self):
        self.audit()
        with open(self.db, "r+b") as f:
            f.write(b"nonsense")
        status, _, err = self.audit("--baseline", "last", "--no-store")
        self.assertEqual(status, 2)
        self.assertIn("--baseline last", err)
        status, _, err = self.audit("--baseline", "last")
        self.assertEqual(status, 1)
        self.assertIn("moved to", err)
        self.assertIn("no run of this source", err)
        self.assertEqual(len(self.history()), 1)

    def test_the_same_files_by_another_name(self):
        self.audit()
        link = os.path.join(self.dir, "link.yaml")
        os.symlink(self.path, link)
        run("audit", "--db", self.db, "-f", link)
        run("audit", "--db", self.db, "-f", self.path, "-n", "a")
        self.assertEqual([r["new"] > 0 for r in self.history()], [True, False, True])  # -n is a source of its own

    def test_diff(self):
        self.audit()
        self.write("x.yaml", AGENT % "y")
        self.audit()
        changes = self.history("diff")
        self.assertEqual({(c["change"], c["object"]) for c in changes}, {("fixed", "x"), ("new", "y")})
        back = self.history("diff", "2", "1")
        self.assertEqual({(c["change"], c["object"]) for c in back}, {("new", "x"), ("fixed", "y")})
        self.assertEqual(self.history("diff", "last", "last"), [])
        self.assertEqual({f["object"] for f in self.history("findings", "1")}, {"x"})

    def test_what_moved(self):
        self.audit()
        config = self.write("config.yaml", "severities: {no-companion: low}\n")
        self.audit("--config", config)
        self.assertEqual([(c["change"], c["rule"], c["moved"]) for c in self.history("diff")],
                         [("changed", "no-companion", "critical to low")])

    def test_prune(self):
        for _ in range(4):
            self.audit()
        self.assertEqual(self.history("prune", "--keep", "2"), 
                         [{"removed_runs": 2, "removed_probes": 0, "removed_actions": 0, "removed_sightings": 0}])
        self.assertEqual([r["run"] for r in self.history()], [4, 3])
        self.assertNotEqual(self.history("findings"), [])

    def fill(self):
        """What probing and restarting write of a cluster."""
        self.audit()
        with contextlib.closing(sqlite3.connect(self.db)) as db, db:
            db.execute("INSERT INTO clusters (id, uid, address, server) VALUES (1, 'u-1', '', 'https://prod')")
            span = ("INSERT INTO probes (cluster, namespace, agent, kind, node, probe, nr, ended, verdict, count, first_at, last_at,"
                    " container, target, control, method, pod, detail, duration_ms, against)"
                    " VALUES (1, ?, ?, 'Deployment', 'node-1', ?, ?, ?, ?, ?, ?, ?, 'c', '1.1.1.1:443', 0, 'curl', 'p-1', '=1+1', 5, '')")
            db.execute(span, ("a", "x", 0, 1, 1, 1, 2, 86400, 172800))
            db.execute(span, ("a", "x", 0, 2, 0, 0, 3, 259200, 432000))
            db.execute(span, ("a", "x", 3, 1, 0, 2, 1, 432000, 432000))
            db.execute(span, ("b", "\x1b[1my", 1, 1, 0, 0, 30, 0, 2592000))
            db.executemany("INSERT INTO actions (cluster, at, who, what, namespace, kind, name, outcome, detail, duration_ms)"
                           " VALUES (1, ?, 'admin@prod (op)', 'restart', ?, 'Deployment', ?, ?, ?, ?)",
                           [(1000, "a", "x", "done", "", 1500), (2000, "b", "y", "begun", "", None)])

    def test_probes(self):
        self.fill()
        rows = self.history("probes")
        self.assertEqual([(r["namespace"], r["agent"], r["raw_tcp"], r["env_clear"], r["no_proxy"], r["dns_tcp"], r["last_at"])
                          for r in rows],
                         [("a", "x", "oobbb", None, None, "i", "1970-01-06T00:00:00Z"),
                          ("b", "\x1b[1my", None, "b" * 12, None, None, "1970-01-31T00:00:00Z")])
        self.assertEqual(self.history("probes", "-n", "a"), rows[:1])
        self.assertEqual(rows[0]["server"], "https://prod")
        text = run("history", "probes", "--db", self.db, "--color", "never", env={"LC_ALL": "C.UTF-8"})[1]
        self.assertIn("\u2718\u2718\u2714\u2714\u2714", text)
        self.assertNotIn("\x1b", text)
        text = run("history", "probes", "--db", self.db, env={"LC_ALL": "C"})[1]
        self.assertIn("xx+++", text)
        self.assertTrue(text.isascii())

    def test_probes_of_an_agent(self):
        self.fill()
        for name in ("x", "a/x", "a/Deployment/x"):
            rows = self.history("probes", name)
            self.assertEqual([(r["probe"], r["verdict"], r["times"], r["newest"]) for r in rows],
                             [("raw-tcp", "blocked", 3, True), ("raw-tcp", "open", 2, False),
                              ("dns-tcp", "inconclusive", 1, True)], name)
        self.assertEqual((rows[0]["first_at"], rows[0]["last_at"]), ("1970-01-04T00:00:00Z", "1970-01-06T00:00:00Z"))
        status, out, _ = run("history", "probes", "x", "--db", self.db, "-o", "csv")
        self.assertEqual(status, 0)
        self.assertEqual({r["detail"] for r in csv.DictReader(io.StringIO(out, newline=""))}, {"'=1+1"})
        for name in ("b/x", "a/StatefulSet/x", "nobody"):
            status, out, err = run("history", "probes", name, "--db", self.db)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("no probe of", err)

    def test_actions(self):
        self.fill()
        rows = self.history("actions")
        self.assertEqual([(r["what"], r["namespace"], r["name"], r["outcome"], r["duration_ms"], r["who"]) for r in rows],
                         [("restart", "b", "y", "begun", None, "admin@prod (op)"),
                          ("restart", "a", "x", "done", 1500, "admin@prod (op)")])
        self.assertEqual(self.history("actions", "-n", "a"), rows[1:])
        status, out, _ = run("history", "actions", "--db", self.db, "-o", "csv")
        self.assertEqual([r["name"] for r in csv.DictReader(io.StringIO(out, newline=""))], ["y", "x"])

    def test_a_namespace(self):
        self.write("x.yaml", AGENT % "x" + ("---\n" + AGENT % "y").replace("namespace: a", "namespace: b"))
        self.audit()
        self.audit("-n", "a")
        self.assertEqual([r["run"] for r in self.history("-n", "a")], [2])
        self.assertEqual(self.history("-n", "b"), [])
        for namespace, name in (("a", "x"), ("b", "y")):
            self.assertEqual({f["object"] for f in self.history("findings", "1", "-n", namespace)}, {name})
        self.write("x.yaml", AGENT % "z")
        self.audit()
        self.assertEqual({(c["change"], c["object"]) for c in self.history("diff", "1", "3", "-n", "b")}, {("fixed", "y")})

    def test_a_selector(self):
        self.audit("-l", "app.kubernetes.io/component=agent")
        self.audit()
        self.assertEqual([r["run"] for r in self.history("-l", "app.kubernetes.io/component=agent")], [1])
        for what in ("findings", "diff", "probes", "actions", "prune"):
            keep = ["--keep", "9"] if what == "prune" else []
            status, out, err = run("history", what, "--db", self.db, "-l", "app.kubernetes.io/component=agent", *keep)
            self.assertEqual((status, out), (2, ""), what)
            self.assertIn("-l", err)
        self.assertEqual(run("history", "prune", "--keep", "9", "-n", "a", "--db", self.db)[0], 2)

    def test_csv(self):
        """The rows of JSON, in every column, for a spreadsheet: what would be a formula there is text, and no terminal is steered."""
        def cell(value):
            if value is None or isinstance(value, bool):
                return {None: "", True: "true", False: "false"}[value]
            return str(value) if isinstance(value, int) else re.sub("^([=+@-])", r"'\1", value).replace("\x1b", "\\x1b")

        self.fill()
        self.write("x.yaml", AGENT % "z")
        self.audit()
        for what in (["runs"], ["findings"], ["findings", "1"], ["diff"], ["probes"], ["probes", "x"], ["actions"]):
            status, out, err = run("history", *what, "--db", self.db, "-o", "csv")
            self.assertEqual((status, err), (0, ""))
            rows = self.history(*what)
            self.assertTrue(rows)
            self.assertEqual(list(csv.DictReader(io.StringIO(out, newline=""))),
                             [{key: cell(value) for key, value in row.items()} for row in rows], what)

    def test_wrong_usage(self):
        self.audit()
        for args in (["nonsense"], ["findings", "x"], ["findings", "99"], ["diff", "1"], ["prune"], ["runs", "--keep", "1"],
                     ["prune", "--keep", "0"], ["runs", "-o", "yaml"], ["prune", "--keep", "1", "--read-only"], ["diff"]):
            status, out, err = run("history", "--db", self.db, *args)
            self.assertEqual((status, out), (2, ""), args)
            self.assertEqual(err.count("\n"), 1, args)


class Audit(Files):
    def test_status_follows_fail_on(self):
        path = self.write("x.yaml", AGENT % "x")
        self.assertEqual(run("audit", "-f", path)[0], 1)
        self.assertEqual(run("audit", "-f", path, "--fail-on", "never")[0], 0)
        self.assertEqual(run("audit", "-f", path, "--fail-on", "critical")[0], 1)
        self.assertEqual(run("audit", "-f", path, "--fail-on", "nonsense")[0], 2)

    def test_json_has_all_keys(self):
        _, out, _ = run("audit", "-f", DEMO, "-o", "json", env={"MOAT_NOW": "2026-05-21T13:00:00Z"})
        report = json.loads(out)
        self.assertEqual(report["schema"], "moat.audit/v1")
        self.assertEqual(report["started_at"], "2026-05-21T13:00:00Z")
        self.assertEqual(report["summary"]["agents"], 5)
        for key in ("version", "source", "duration_ms", "complete", "incomplete", "not_applicable", "exemptions", "findings"):
            self.assertIn(key, report)
        for agent in report["agents"]:
            self.assertEqual(list(agent), ["namespace", "name", "kind", "state", "companion", "egress", "config", "secrets",
                                           "identity", "probes"])

    def test_every_source_gives_the_same_findings(self):
        def prints(*args, stdin=None):
            report = json.loads(run("audit", "-o", "json", *args, stdin=stdin)[1])
            return sorted(f["fingerprint"] for f in report["findings"])
        texts = b"---\n".join(open(os.path.join(DEMO, f), "rb").read() for f in sorted(os.listdir(DEMO)) if f.endswith(".yaml"))
        one = self.write("one.yaml", texts)
        want = prints("-f", DEMO)
        self.assertTrue(want)
        self.assertEqual(prints("-f", one), want)
        self.assertEqual(prints("-f", self.write("one.yaml.gz", gzip.compress(texts))), want)
        self.assertEqual(prints("-f", "-", stdin=texts), want)
        self.assertEqual(prints("-f", self.write("crlf.yaml", texts.replace(b"\n", b"\r\n"))), want)

    def test_fingerprints_do_not_change(self):
        a, b = (run("audit", "-f", DEMO, "-o", "json")[1] for _ in range(2))
        self.assertEqual([f["fingerprint"] for f in json.loads(a)["findings"]],
                         [f["fingerprint"] for f in json.loads(b)["findings"]])

    def test_several_outputs_in_one_run(self):
        path = os.path.join(self.dir, "out.json")
        status, out, err = run("audit", "-f", DEMO, "-o", "text", "-o", "json=" + path)
        self.assertEqual(status, 1, err)
        self.assertTrue(out.startswith("5 agents"))
        self.assertEqual(json.load(open(path))["summary"]["agents"], 5)
        self.assertEqual(os.listdir(self.dir), ["out.json"])

    def test_a_report_that_cannot_be_written(self):
        status, _, err = run("audit", "-f", DEMO, "-o", "json=" + os.path.join(self.dir, "no", "x.json"))
        self.assertEqual(status, 2)
        self.assertIn("x.json", err)

    def test_text_fits_80_columns_and_has_no_colour(self):
        _, out, _ = run("audit", "-f", DEMO)
        self.assertNotIn("\x1b", out)
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_a_namespace_alone(self):
        report = json.loads(run("audit", "-f", DEMO, "-n", "research", "-o", "json")[1])
        self.assertEqual(sorted(a["name"] for a in report["agents"]), ["librarian", "scout"])
        report = json.loads(run("audit", "-f", DEMO, "-l", "app.kubernetes.io/name=buyer", "-o", "json")[1])
        self.assertEqual([a["name"] for a in report["agents"]], ["buyer"])

    def test_demo_exits_0_and_needs_no_home(self):
        status, out, _ = run("demo", env={"HOME": "/nonexistent"})
        self.assertEqual(status, 0)
        self.assertTrue(out.startswith("5 agents"))

    def test_every_gotcha_of_the_field_report_is_in_the_demo(self):
        report = json.loads(run("demo", "-o", "json")[1])
        rules = {f["rule"] for f in report["findings"]}
        for rule in ("config-subpath", "config-stale", "init-fetch", "browser-in-agent", "identity-shared", "secret-mode-exposed",
                     "companion-vpn", "sidecar-in-pod"):
            self.assertIn(rule, rules)

    def test_one_agent_of_the_demo_is_verified(self):
        agents = {a["name"]: a for a in json.loads(run("demo", "-o", "json")[1])["agents"]}
        self.assertEqual([n for n in agents if agents[n]["state"] == "verified"], ["scout"])
        self.assertEqual(agents["builder"]["probes"]["raw-tcp"]["verdict"], "open")
        self.assertEqual(agents["reviewer"]["probes"]["no-proxy"]["verdict"], "inconclusive")
        self.assertIsNone(agents["buyer"]["probes"]["raw-tcp"])
        # They belong to the demo alone: the same objects as files prove nothing.
        files = json.loads(run("audit", "-f", DEMO, "-o", "json")[1])["agents"]
        self.assertNotIn("verified", [a["state"] for a in files])


class Baseline(Files):
    def setUp(self):
        super().setUp()
        self.base = os.path.join(self.dir, "base.json")
        run("audit", "-f", DEMO, "-o", "json=" + self.base)

    def test_nothing_new_is_fine(self):
        status, out, err = run("audit", "-f", DEMO, "--baseline", self.base, "--fail-on-new")
        self.assertEqual(status, 0, err)
        self.assertIn(": 0 new, ", out)
        self.assertEqual(run("audit", "-f", DEMO, "--baseline", self.base)[0], 1)

    def test_new_known_and_fixed(self):
        shutil.copytree(DEMO, os.path.join(self.dir, "demo"))
        path = os.path.join(self.dir, "demo", "coding.yaml")
        text = open(path).read()
        self.assertIn("defaultMode: 0444\n", text)
        new = text.replace("wget -O /opt/bin/pipelock", "cp /pipelock /opt/bin/pipelock #") + "---\n" + AGENT % "stray"
        open(path, "w").write(new)
        status, out, err = run("audit", "-f", os.path.dirname(path), "--baseline", self.base, "--fail-on-new", "-o", "json")
        report = json.loads(out)
        self.assertEqual(status, 1, err)
        self.assertIn("init-fetch", [f["rule"] for f in report["baseline"]["fixed"]])
        self.assertEqual(report["baseline"]["new"], sum(f["novelty"] == "new" for f in report["findings"]))
        self.assertIn(("no-companion", "new"), [(f["rule"], f["novelty"]) for f in report["findings"]])
        self.assertIn(("sidecar-in-pod", "known"), [(f["rule"], f["novelty"]) for f in report["findings"]])

    def test_what_is_not_looked_at_is_not_fixed(self):
        report = json.loads(run("audit", "-f", DEMO, "-n", "research", "--baseline", self.base, "-o", "json")[1])
        self.assertEqual(report["baseline"]["fixed"], [])

    def test_a_baseline_that_is_none(self):
        for text in ("", "{}", "[]", '{"schema": "moat.audit/v2", "findings": []}', '{"schema": "moat.audit/v1", "findings": [{}]}'):
            self.assertEqual(run("audit", "-f", DEMO, "--baseline", self.write("x.json", text))[0], 2)
        self.assertEqual(run("audit", "-f", DEMO, "--baseline", os.path.join(self.dir, "gone"))[0], 2)
        self.assertEqual(run("audit", "-f", DEMO, "--fail-on-new")[0], 2)


class Config(Files):
    def audit(self, config):
        path = self.write("config.yaml", config)
        status, out, err = run("audit", "-f", DEMO, "--config", path, "-o", "json")
        self.assertIn(status, (0, 1), err)
        return json.loads(out)

    def test_mistakes_are_named_with_their_line(self):
        for text, words in (("rols: []\n", (":1:", "roles")),
                            ("roles:\n- name: x\n  role: boss\n", (":3:", "agent, companion")),
                            ("roles:\n- name: x\n", (":2:", "role")),
                            ("severities:\n  no-such: low\n", (":2:", "no-such")),
                            ("severities:\n  init-fetch: bad\n", (":2:", "severities")),
                            ("exemptions:\n- rule: nope\n", (":2:", "nope")),
                            ("exemptions:\n- rule: init-fetch\n  expires: soon\n", (":3:", "date")),
                            ("dns: {namespace: x}\n", (":1:", "selector")),
                            ("trust_objects: maybe\n", (":1:", "true or false")),
                            ("probes: 3\n", (":1:", "mapping")),
                            ("probes:\n  targets: x\n", (":2:", "target")),
                            ("probes:\n  target: example.com\n", (":2:", "HOST:PORT")),
                            ("probes:\n  target: example.com:22\n", (":2:", "80 and 443")),
                            ("probes:\n  max_age: week\n", (":2:", "7d")),
                            ("probes:\n  max_age: 0d\n", (":2:", "7d")),
                            ("probes:\n  parallel: 0\n", (":2:", "1 to 100")),
                            ("probes:\n  timeout: 5m\n", (":2:", "60s")),
                            ("roles: []\nroles: []\n", (":2:", "roles")),
                            ("roles: [\n", ("config.yaml",))):
            path = self.write("config.yaml", text)
            for args in (["config", "check"], ["audit", "-f", DEMO]):
                status, out, err = run(*args, "--config", path)
                self.assertEqual((status, out), (2, ""), text)
                for word in words:
                    self.assertIn(word, err)

    def test_check_looks_at_the_skin(self):
        status, _, err = run("config", "check", "--config", self.write("config.yaml", "skin: nope\n"))
        self.assertEqual(status, 2)
        self.assertIn("nope", err)

    def test_check_says_when_it_is_fine(self):
        for text in ("skin: mono\n", "probes:\n", "probes: {target: '[2606:4700::1111]:443', max_age: 1d12h, parallel: 100, timeout: 4s}\n"):
            status, out, err = run("config", "check", "--config", self.write("config.yaml", text))
            self.assertEqual(status, 0, err)
            self.assertIn("fine", out)
        self.assertEqual(run("config", "check", "--config", os.path.join(self.dir, "gone"))[0], 2)

    def test_severities_and_exemptions(self):
        report = self.audit("severities: {companion-single: off, companion-vpn: critical}\n"
                            "exemptions:\n- {rule: init-fetch, name: builder, reason: until noon, owner: me, expires: 2999-01-01}\n")
        by_rule = {}
        for f in report["findings"]:
            by_rule.setdefault(f["rule"], []).append(f)
        self.assertNotIn("companion-single", by_rule)
        self.assertEqual(by_rule["companion-vpn"][0]["severity"], "critical")
        self.assertEqual(by_rule["init-fetch"][0]["suppressed"]["reason"], "until noon")
        self.assertEqual(report["exemptions"]["from_config"], 1)

    def test_an_expired_exemption_suppresses_nothing_and_is_reported(self):
        report = self.audit("exemptions:\n- {rule: init-fetch, reason: r, expires: 2020-01-01}\n")
        self.assertTrue(all(f["suppressed"] is None for f in report["findings"] if f["rule"] == "init-fetch"))
        self.assertTrue(any(f["rule"] == "suppression-inert" for f in report["findings"]))

    def test_roles(self):
        report = self.audit("roles:\n- {namespace: market, role: none}\n")
        self.assertNotIn("buyer", [a["name"] for a in report["agents"]])


class Usage(unittest.TestCase):
    def test_wrong_usage_is_2_and_one_line(self):
        for args in (["frobnicate"], ["audit", "--nope"], ["audit", "-f"], ["audit", "extra", "-f", DEMO], ["audit"],
                     ["audit", "-f", DEMO, "-o", "nope"], ["audit", "-f", DEMO, "-o", "json", "-o", "text"],
                     ["audit", "-f", DEMO, "-o", "json="], ["fleet", "--fail-on", "high", "-f", DEMO], ["explain"],
                     ["explain", "no-such-rule"], ["show", "-f", DEMO], ["show", "nobody", "-f", DEMO], ["config"],
                     ["audit", "-f", DEMO, "-l", "a=("], ["audit", "-f", DEMO, "--color", "pink"], ["console", "-f", DEMO]):
            status, out, err = run(*args)
            self.assertEqual((status, out), (2, ""), args)
            self.assertEqual(err.count("\n"), 1, err)

    def test_a_near_miss_is_offered(self):
        self.assertIn('"audit"', run("adit")[2])
        self.assertIn("config-subpath", run("explain", "config-subpat")[2])

    def test_help_and_version(self):
        self.assertEqual(run("--version")[0], 0)
        for args in (["--help"], ["audit", "--help"], ["-h"]):
            status, out, _ = run(*args)
            self.assertEqual(status, 0)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 90, line)

    def test_rules_in_every_format(self):
        status, out, _ = run("rules", "-o", "name")
        names = out.split()
        self.assertEqual(status, 0)
        self.assertEqual([r["id"] for r in json.loads(run("rules", "-o", "json")[1])], names)
        for name in names:
            status, out, _ = run("explain", name)
            self.assertEqual(status, 0)
            for heading in ("Why", "Evidence", "Fix", "Judged from", "Reference"):
                self.assertIn("\n" + heading + "\n", out)
        self.assertIn("chromium", run("rules", "--lists")[1])


class Tables(unittest.TestCase):
    def test_fleet_has_a_row_an_agent(self):
        lines = run("fleet", "-f", DEMO)[1].splitlines()
        self.assertEqual(len(lines), 6)
        self.assertEqual(lines[0].split()[:4], ["NAMESPACE", "AGENT", "STATE", "COMPANION"])
        self.assertEqual(run("fleet", "-f", DEMO, "-o", "name")[1].splitlines()[0], "coding/Deployment/builder")
        self.assertEqual(len(json.loads(run("fleet", "-f", DEMO, "-o", "json")[1])), 5)

    def test_without_utf8_there_is_ascii(self):
        for args in (["fleet"], ["show", "builder"], ["audit"]):
            run(*args, "-f", DEMO, env={"LC_ALL": "C"})[1].encode("ascii")

    def test_show(self):
        for name in ("buyer", "market/buyer", "Deployment/buyer", "market/Deployment/buyer"):
            status, out, err = run("show", name, "-f", DEMO)
            self.assertEqual(status, 0, err)
            self.assertIn("same pod: advisory", out)
            self.assertIn("sidecar-in-pod", out)
        self.assertEqual(json.loads(run("show", "buyer", "-f", DEMO, "-o", "json")[1])["name"], "buyer")

    def test_a_name_that_fits_two_agents(self):
        text = AGENT % "x" + "---\n" + (AGENT % "x").replace("Deployment", "StatefulSet")
        status, out, err = run("show", "x", "-f", "-", stdin=text.encode())
        self.assertEqual((status, out), (2, ""))
        self.assertIn("a/Deployment/x, a/StatefulSet/x", err)


class Refusals(unittest.TestCase):
    """What commands for a cluster say before they ask anybody: there is none here."""

    def refused(self, *args):
        status, out, err = run(*args)
        self.assertEqual((status, out), (2, ""), err)
        self.assertEqual(err.count("\n"), 1, err)
        return err


class Probe(Refusals):
    def test_agents_are_needed(self):
        self.assertIn("moat probe [NS/]AGENT..., or --all", self.refused("probe"))
        self.assertIn("not both", self.refused("probe", "--all", "a/x"))
        self.assertIn("--all", self.refused("probe", "-l", "app=x", "a/x"))

    def test_read_only(self):
        self.assertIn("--read-only", self.refused("probe", "--read-only", "--all"))

    def test_files_have_nothing_to_run_in(self):
        self.assertIn("files", self.refused("probe", "-f", DEMO, "--all"))

    def test_options(self):
        for args, word in ((["--target", "example.com"], "HOST:PORT"), (["--target", "example.com:22"], "--no-control"),
                           (["--parallel", "0"], "1 to 100"), (["--timeout", "2m"], "60s"), (["-o", "csv"], "junit"),
                           (["-o", "json", "-o", "table"], "standard output")):
            self.assertIn(word, self.refused("probe", "--all", *args))
        self.assertIn("no option of moat audit", self.refused("audit", "--ephemeral", "i", "-f", DEMO))

    def test_no_cluster(self):
        self.assertIn("--kubeconfig", self.refused("probe", "--all", "--no-control", "--target", "example.com:22"))

    def test_the_junit_report_has_the_schemas_shape(self):
        """Of the report that test_probe_report holds the program to. MOAT_SCHEMAS names a folder with JUnit.xsd, for all of it."""
        path = os.path.join(os.environ["srcdir"], "tests/report/probes.xml")
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "testsuites")
        kinds = set()
        for i, suite in enumerate(root):
            self.assertEqual([c.tag for c in suite if c.tag != "testcase"], ["properties", "system-out", "system-err"])
            self.assertEqual(set(suite.keys()), {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors",
                                                 "time"})
            self.assertEqual(suite.get("id"), str(i))
            self.assertRegex(suite.get("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
            cases = suite.findall("testcase")
            for name, tag in (("tests", None), ("failures", "failure"), ("errors", "error")):
                self.assertEqual(int(suite.get(name)), len([c for c in cases if tag is None or c.find(tag) is not None]))
            for case in cases:
                self.assertEqual(set(case.keys()), {"name", "classname", "time"})
                self.assertLessEqual(len(case), 1)
                for child in case:
                    self.assertEqual(set(child.keys()), {"message", "type"})
                    kinds.add(child.tag)
        self.assertEqual(kinds, {"failure", "error"})
        if "MOAT_SCHEMAS" in os.environ:
            schema = os.path.join(os.environ["MOAT_SCHEMAS"], "JUnit.xsd")
            check = subprocess.run(["xmllint", "--noout", "--schema", schema, path], capture_output=True, text=True)
            self.assertEqual(check.returncode, 0, check.stderr)


class Restart(Refusals):
    """What moat restart and moat doctor say before they ask anybody."""

    def test_a_name_is_needed(self):
        self.assertIn("moat restart [NS/]NAME", self.refused("restart"))

    def test_read_only(self):
        self.assertIn("--read-only", self.refused("restart", "--read-only", "-y", "a/x"))

    def test_files_cannot_be_restarted(self):
        self.assertIn("files", self.refused("restart", "-f", DEMO, "buyer"))
        self.assertIn("files", self.refused("doctor", "-f", DEMO))

    def test_options(self):
        self.assertIn("--timeout", self.refused("restart", "--timeout", "soon", "a/x"))
        self.assertIn("no option of moat audit", self.refused("audit", "--recreate", "-f", DEMO))
        self.assertIn("takes no arguments", self.refused("doctor", "x"))
        self.assertIn("table, json or yaml", self.refused("doctor", "-o", "name"))
        self.assertIn("table, json or yaml", self.refused("restart", "-o", "wide", "a/x"))

    def test_no_cluster(self):
        self.assertIn("--kubeconfig", self.refused("restart", "-y", "a/x"))
        self.assertIn("--kubeconfig", self.refused("doctor"))


if __name__ == "__main__":
    tap.main()
