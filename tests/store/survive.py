#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may happen to the history: kill -9 at any moment, two writers, a full disk, a read-only folder.

After each of them SQLite's own check has to pass, all that was ever committed has to be there as it was, and what a run
says of itself has to be what its findings are. SURVIVE_SECONDS (2 in make check) is how long killing and writing go on.
"""
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["srcdir"], "tests"))
import tap  # noqa: E402

MOAT = os.environ["MOAT"]
WRITE_FACTS = os.path.join(os.environ["builddir"], "tests", "store", "write_facts")
ROWS = 160  # of one round of it
SECONDS = float(os.environ.get("SURVIVE_SECONDS") or 2)

AGENT = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: %s, labels: {app.kubernetes.io/component: agent}}
spec:
  selector: {matchLabels: {app: %s}}
  template:
    metadata: {labels: {app: %s}}
    spec: {hostNetwork: %s, containers: [{name: c, image: "i:1", securityContext: {privileged: true}}]}
"""


def agents(first, last, host_network):
    return "".join(AGENT % (n, "ns%d" % (i % 7), n, n, host_network) for i in range(first, last) for n in ["agent-%d" % i])


class Store(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.db = os.path.join(self.dir, "state", "moat.db")
        self.path = os.path.join(self.dir, "fleet.yaml")
        self.seen = {}  # by run: what it was when it was first seen

    def fleet(self, i):
        """Three fleets in turn, so that each run has findings that come, go, come back and change."""
        text = (agents(0, 60, "false"), agents(20, 90, "false"), agents(20, 70, "true"))[i % 3]
        with open(self.path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(self.path + ".new", self.path)

    def command(self, *args):
        return [MOAT, "audit", "--db", self.db, "-f", self.path, "-o", "json", *args]

    def audit(self, **how):
        p = subprocess.run(self.command(), capture_output=True, check=False, **how)
        self.assertEqual(p.returncode, 1, p.stderr)
        json.loads(p.stdout)
        return p.stderr.decode()

    def check_facts(self, told, most):
        """Rounds and actions that are in the file: all that were told, and no more than may have been under way. All or nothing."""
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
            rounds = db.execute("SELECT sum(count) FROM probes GROUP BY cluster, namespace, agent, kind, node, probe").fetchall()
            newest = db.execute("SELECT count(*), count(DISTINCT pod) FROM probes WHERE ended = 0").fetchone()
            actions = dict(db.execute("SELECT id, outcome FROM actions"))
        self.assertIn(len(set(rounds)), (0, 1))
        self.assertIn(newest, ((0, 0), (ROWS, 1)))
        self.assertEqual(len(rounds), newest[0])
        kept = rounds[0][0] if rounds else 0
        self.assertTrue(told.count("probes") <= kept <= told.count("probes") + most, (told[-3:], kept))
        for line in told:
            if line != "probes":
                what, action = line.split()
                self.assertIn(actions[int(action)], ("done",) if what == "ended" else ("begun", "done"))
        self.assertLessEqual(len(actions), sum(line.startswith("begun") for line in told) + most)
        return kept

    def check(self, path=None):
        """The number of runs."""
        with contextlib.closing(sqlite3.connect(path or self.db)) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
            runs = {r[0]: r for r in db.execute("SELECT * FROM runs")}
            for run, row in runs.items():
                found = db.execute(
                    "SELECT f.fingerprint, f.rule, f.namespace, f.object, s.severity, s.message, s.evidence FROM spans s "
                    "JOIN findings f ON f.id = s.finding WHERE s.source = (SELECT source FROM runs WHERE id = ?1) "
                    "AND s.first_run <= ?1 AND (s.last_run IS NULL OR s.last_run >= ?1) ORDER BY 1", (run,)).fetchall()
                counted = db.execute("SELECT info, low, medium, high, critical FROM runs WHERE id = ?", (run,)).fetchone()
                self.assertEqual([sum(f[4] == s for f in found) for s in range(5)], list(counted), run)
                self.assertEqual(len(found), len({f[0] for f in found}), run)
                self.assertEqual(self.seen.setdefault(run, (row, found)), (row, found))
            self.assertEqual(set(runs), set(self.seen), "a run is lost")
            self.assertEqual(db.execute("SELECT count(*) FROM findings WHERE id NOT IN (SELECT finding FROM spans)").fetchone(), (0,))
        return len(runs)


class Killed(Store):
    def test_at_random_moments(self):
        self.fleet(0)
        started = time.monotonic()
        self.audit()
        longest = (time.monotonic() - started) * 1.3
        kills = ended = 0
        rng = random.Random(1)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            self.fleet(kills)
            # A sanitizer that looks for leaks when its process is killed says that it could not.
            env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
            with subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env) as p:
                time.sleep(rng.random() * longest)
                p.kill()
                err = p.stderr.read()
            kills += 1
            ended += p.returncode == 1
            self.assertIn(p.returncode, (1, -signal.SIGKILL))
            self.assertEqual(err, b"")
            if rng.random() < 0.3:  # else the next moat finds things as they were left
                self.assertGreaterEqual(self.check(), 1 + ended)
        runs = self.check()
        self.assertGreaterEqual(runs, 1 + ended)
        self.assertGreater(kills - ended, 0)
        print("# %d killed of %d, %d runs kept" % (kills - ended, kills, runs), flush=True)
        self.assertEqual(self.audit(), "")
        self.assertEqual(self.check(), runs + 1)


    def test_probes_and_actions(self):
        self.fleet(0)
        self.audit()
        told, kills = [], 0
        rng = random.Random(2)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until or not told:
            with subprocess.Popen([WRITE_FACTS, self.db, "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}) as p:
                time.sleep(rng.random() * 0.2)
                p.kill()
                told += p.stdout.read().decode().split("\n")[:-1]
                self.assertEqual((p.wait(), p.stderr.read()), (-signal.SIGKILL, b""))
            kills += 1
            kept = self.check_facts(told, kills)
        self.check()
        self.assertIn("probes", told)
        print("# %d killed, %d rounds of probes kept" % (kills, kept), flush=True)
        answer = subprocess.run([MOAT, "history", "actions", "--db", self.db, "-o", "json"], capture_output=True, check=True)
        self.assertEqual({r["outcome"] for r in json.loads(answer.stdout)} - {"begun"}, {"done"})


class Together(Store):
    def test_two_writers_and_a_reader(self):
        self.fleet(0)
        until = time.monotonic() + SECONDS
        writers, audits, reads = [None, None], 0, 0
        while time.monotonic() < until or any(writers):
            for i, p in enumerate(writers):
                if p and p.poll() is not None:
                    self.assertEqual((p.returncode, p.stderr.read()), (1, b""))
                    p.stderr.close()
                    writers[i] = p = None
                if not p and time.monotonic() < until:
                    self.fleet(audits)
                    writers[i] = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                    audits += 1
            p = subprocess.run([MOAT, "history", "--db", self.db, "-o", "json"], capture_output=True, check=False)
            if p.returncode == 0:
                json.loads(p.stdout)
                reads += 1
            else:
                self.assertIn(b"no history yet", p.stderr)
        self.assertEqual(self.check(), audits)
        self.assertGreater(reads, 0)
        print("# %d audits by two writers, %d reads" % (audits, reads), flush=True)


    def test_probes_and_actions_beside_audits(self):
        rounds = 5
        self.fleet(0)
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(subprocess.Popen([WRITE_FACTS, self.db, str(rounds)], stdout=subprocess.PIPE,
                                                            stderr=subprocess.PIPE)) for _ in range(2)]
            audits = 0
            while audits < 2 or any(p.poll() is None for p in writers):
                self.fleet(audits)
                self.assertEqual(self.audit(), "")
                audits += 1
            told = "".join(p.stdout.read().decode() for p in writers).split("\n")
            self.assertEqual([(p.returncode, p.stderr.read()) for p in writers], [(0, b"")] * 2)
        told = [line for line in told if line]
        self.assertEqual(self.check_facts(told, 0), 2 * rounds)
        self.assertEqual(self.check(), audits)


class Full(Store):
    def until_it_is_full(self, **how):
        told = ""
        for i in range(200):
            self.fleet(i)
            told = self.audit(**how)
            if told or i == 0:
                self.check()
            if told:
                break
        self.assertIn("moat: warning: this run is not in the history", told)
        self.assertEqual(told.count("\n"), 1, told)
        return told

    def test_a_limit_on_file_size(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))

        self.until_it_is_full(preexec_fn=limit)
        self.assertEqual(self.audit(), "")  # without the limit it goes on
        self.check()

    def test_a_full_file_system(self):
        with self.file_system("size=400k"):
            self.assertIn("the disk is full", self.until_it_is_full())
            p = subprocess.run([MOAT, "history", "--db", self.db, "-o", "json"], capture_output=True, check=False)
            self.assertEqual((p.returncode, p.stderr), (0, b""))
            self.assertEqual(len(json.loads(p.stdout)), len(self.seen))

    def test_probes_and_actions_on_a_full_file_system(self):
        with self.file_system("size=400k"):
            self.until_it_is_full()
            p = subprocess.run([WRITE_FACTS, self.db, "1000"], capture_output=True, check=False)
            self.assertEqual(p.returncode, 3)
            self.assertIn(b"the disk is full", p.stderr)
            self.check_facts(p.stdout.decode().split("\n")[:-1], 0)
            self.check()
            p = subprocess.run([MOAT, "history", "probes", "--db", self.db, "-o", "json"], capture_output=True, check=False)
            self.assertEqual((p.returncode, p.stderr), (0, b""))

    @contextlib.contextmanager
    def file_system(self, options):
        folder = os.path.dirname(self.db)
        os.mkdir(folder)
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "moat-test", folder], check=False,
                                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no right to mount a tmpfs")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=True)

    def test_a_read_only_file_system(self):
        with self.file_system("size=8m") as folder:
            self.fleet(0)
            self.assertEqual(self.audit(), "")
            self.check()
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            self.fleet(1)
            self.assertIn("Read-only file system", self.audit())
            p = subprocess.run([MOAT, "history", "--db", self.db, "-o", "json"], capture_output=True, check=False)
            self.assertEqual((p.returncode, p.stderr), (0, b""))
            self.assertEqual(len(json.loads(p.stdout)), 1)


if __name__ == "__main__":
    tap.main()
