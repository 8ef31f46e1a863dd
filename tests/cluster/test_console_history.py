#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console and its history: what others write is seen, what is done is kept, and a file that is in the way is not waited for."""

import json
import os
import signal
import sqlite3
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "screens")]
import console
import tap
from cluster import MOAT, SANITIZERS, TOKEN, WORK, agent, apply, kubectl, moat
from console import ConsoleTest
from proxy import Proxy

SPACE = "console-history"
LOOKS = 15  # seconds: it looks every ten whether another moat has written


class History(ConsoleTest):
    @classmethod
    def setUpClass(cls):
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})

    def setUp(self):
        apply(agent(SPACE, "first"))
        self.proxy = Proxy()
        self.addCleanup(self.proxy.__exit__)
        self.kubeconfig = self.proxy.kubeconfig(TOKEN)
        self.db = f"{WORK}/{self.id().rsplit('.', 1)[-1]}/moat.db"

    def tearDown(self):
        kubectl("delete", "deployments", "-n", SPACE, "--all")

    def open(self, *args):
        argv = [MOAT, "-n", SPACE, "--kubeconfig", self.kubeconfig, "--db", self.db, *args]
        c = self.run_on_terminal(argv, rows=24, columns=140, MOAT_NOW="", **SANITIZERS)
        return c.wait("first").wait("live", row=0)

    def audit(self):
        run = moat("audit", "-n", SPACE, "--db", self.db, kubeconfig=self.kubeconfig)
        self.assertIn(run.status, (0, 1, 4), run.err)

    def actions(self):
        run = moat("history", "actions", "--db", self.db, "-o", "json")
        return json.loads(run.out) if run.status == 0 else []

    def restart_first(self, c):
        """Nothing rolls it out here: it goes on until it is dropped."""
        c.send("r").wait("[ Restart ]").send("\t\r").wait("running").send("\x1b").wait("(r shows it)")

    def wait_for(self, value, seconds=console.PATIENCE):
        deadline = time.monotonic() + seconds
        while not (got := value()):
            if time.monotonic() > deadline:
                raise AssertionError("it did not come")
            time.sleep(0.1)
        return got

    def wait_long(self, c, what):
        deadline = time.monotonic() + LOOKS
        while what not in c.text() and time.monotonic() < deadline:
            c.pump(0.2)
        return c.wait(what)

    def test_to_look_makes_no_file(self):
        c = self.open()
        c.send(":runs\r").wait("runs", row=1).send("q")
        self.given_back(c, 0)
        self.assertFalse(os.path.exists(self.db))

    def test_what_another_moat_writes(self):
        c = self.open()
        self.audit()
        self.wait_long(c, "as in the last audit")
        apply(agent(SPACE, "second"))
        c.wait("second").wait(" new")
        kubectl("delete", "deployment", "-n", SPACE, "second")
        c.wait("as in the last audit")
        c.send(":runs\r").wait("critical").send("q")
        self.given_back(c, 0)

    def test_a_restart_is_kept_though_it_is_killed(self):
        c = self.open()
        self.restart_first(c)
        self.wait_for(self.actions)
        c.kill(signal.SIGKILL)
        self.assertEqual(c.end(), -signal.SIGKILL)
        self.assertEqual([(a["what"], a["kind"], a["name"], a["outcome"]) for a in self.actions()],
                         [("restart", "Deployment", "first", "begun")])
        self.assertIn("@", self.actions()[0]["who"])
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])

    def test_who_leaves_a_restart_is_kept(self):
        c = self.open()
        self.restart_first(c)
        c.send(":q\r")
        self.given_back(c, 0)
        self.assertEqual([(a["outcome"], a["detail"]) for a in self.actions()],
                         [("begun", "not waited for: its rollout goes on")])

    def test_no_store_keeps_nothing(self):
        c = self.open("--no-store")
        self.restart_first(c)
        c.send(":q\r")
        self.given_back(c, 0)
        self.assertFalse(os.path.exists(self.db))

    def test_a_file_that_another_holds(self):
        """Its lock is waited for elsewhere: keys and what the cluster says are not late; what was done is written after it."""
        self.audit()
        c = self.open()
        with sqlite3.connect(self.db) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            self.restart_first(c)
            start = time.monotonic()
            apply(agent(SPACE, "second"))
            c.wait("second")
            c.send("?").wait("this page").send("\x1b").wait("this page", gone=True)
            self.assertLess(time.monotonic() - start, 3)
            c.wait("is not in the history")  # after ten seconds of waiting
            holder.rollback()
        self.wait_for(self.actions, 30)
        c.send(":q\r")
        self.given_back(c, 0)

    def test_a_file_that_cannot_be_written(self):
        os.makedirs(os.path.dirname(self.db), exist_ok=True)
        self.db = f"{WORK}/a-file/moat.db"
        with open(f"{WORK}/a-file", "w", encoding="utf-8"):
            pass
        c = self.open()
        c.send("r").wait("[ Restart ]").send("\t\r").wait("is not in the history")
        c.send("\x1b").wait("(r shows it)")
        apply(agent(SPACE, "second"))
        c.wait("second")
        c.send(":q\r")
        self.given_back(c, 0)

    def test_a_damaged_file(self):
        os.makedirs(os.path.dirname(self.db))
        with open(self.db, "wb") as f:
            f.write(b"SQLite format 3\0" + bytes(range(256)) * 64)
        c = self.open()
        self.restart_first(c)
        self.wait_for(self.actions)
        self.assertEqual(len([f for f in os.listdir(os.path.dirname(self.db)) if ".damaged-" in f]), 1)
        c.send(":q\r")
        self.given_back(c, 0)


if __name__ == "__main__":
    tap.main()
