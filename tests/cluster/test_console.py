#!/usr/bin/env python3
"""The console on a cluster: live, loading, stale, forbidden, failed and empty are six screens, and it heals by itself."""

import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "screens")]
import tap
from cluster import MOAT, SANITIZERS, TOKEN, WORK, Rights, agent, apply, kubectl, token_of
from console import ConsoleTest
from proxy import ConnectProxy, Proxy, error_event, rv_too_large, status_body, write_kubeconfig

SPACE = "console"
READY = "<?> help"


def deployment(name):
    return agent(SPACE, name)


class Cluster(ConsoleTest):
    @classmethod
    def setUpClass(cls):
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})

    def setUp(self):
        self.proxy = Proxy()
        self.addCleanup(self.proxy.__exit__)
        apply(deployment("first"))

    def tearDown(self):
        kubectl("delete", "deployments", "-n", SPACE, "--all")

    def open(self, *args, token=TOKEN, rows=24, columns=120):
        argv = [MOAT, "-n", SPACE, "--kubeconfig", self.proxy.kubeconfig(token), "--request-timeout", "5s", *args]
        return self.run_on_terminal(argv, rows=rows, columns=columns, MOAT_NOW="", **SANITIZERS)

    def live(self, *args, **options):
        c = self.open(*args, **options).wait("first").wait("live", row=0)
        self.wait_for(self.settled)
        return c

    def settled(self):
        """Every kind that is there is watched."""
        watched = {r.resource for r in self.proxy.watches()}
        return {"deployments", "pods", "services", "configmaps", "networkpolicies"} <= watched

    def wait_for(self, true, seconds=15):
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError("it did not come: " + "\n".join(map(str, self.proxy.requests[-40:])))
            time.sleep(0.05)

    # --- six states ---

    def test_loading_then_live(self):
        self.proxy.fault(r"/deployments\?", delay=3, times=1)
        c = self.open().wait("loading", row=0).wait(READY)
        self.assertNotIn("live", c.line(0))
        c.wait("first").wait("live", row=0)

    def test_failed_then_live(self):
        self.proxy.stop()
        c = self.open().wait("failed", row=0).wait(f"127.0.0.1:{self.proxy.port}")
        self.proxy.start()
        c.wait("first").wait("live", row=0)

    def test_forbidden_then_live(self):
        c = self.open(token=token_of("nobody")).wait("forbidden", row=0).wait("moat doctor")
        with Rights("nobody", namespace=SPACE):
            c.send("\x12").wait("first").wait("live", row=0)

    def test_empty_then_live(self):
        kubectl("delete", "deployments", "-n", SPACE, "--all")
        c = self.open().wait("empty", row=0).wait("no agent")
        apply(deployment("second"))
        c.wait("second").wait("live", row=0)

    def test_stale_then_live(self):
        c = self.live()
        self.proxy.stop()
        c.wait("stale", row=0)
        self.assertIn("first", c.text())
        # The age goes on, on a server that is away.
        before = re.search(r"stale (\d+)s", c.line(0))
        deadline = time.monotonic() + 8
        while not (after := re.search(r"stale ([2-9]|\d\d+)s", c.line(0))) and time.monotonic() < deadline:
            c.pump(0.2)
        self.assertTrue(after, f"{before}: {c.line(0)}")
        apply(deployment("third"))
        self.proxy.start()
        c.wait("third").wait("live", row=0)

    def test_a_dead_network_is_noticed(self):
        """No connection ends, not a byte comes: what is shown must not stay live for ever."""
        c = self.live("--request-timeout", "2s")
        self.proxy.hang()
        # Watches are silent by nature; a bookmark a minute is all that comes. An operator's own refresh finds out.
        c.send("\x12")
        c.wait("stale", row=0)
        self.proxy.hang(False)
        c.wait("live", row=0)

    # --- what is live ---

    def test_watches_share_one_connection(self):
        """HTTP/2 on the server itself: lists and watches of every kind, and a list of each anew."""
        with ConnectProxy() as tunnel:
            cluster = {"server": os.environ["CLUSTER_SERVER"], "certificate-authority": os.environ["CLUSTER_CA"],
                       "proxy-url": tunnel.url}
            config = write_kubeconfig(f"{WORK}/console.kubeconfig", cluster, {"token": TOKEN})
            c = self.run_on_terminal([MOAT, "-n", SPACE, "--kubeconfig", config], rows=24, columns=120, MOAT_NOW="",
                                     **SANITIZERS)
            c.wait("first").wait("live", row=0).send("\x12")
            apply(deployment("second"))
            c.wait("second").wait("live", row=0)
            self.assertEqual(len(tunnel.targets), 1)

    def test_changes_show_within_a_second(self):
        c = self.live()
        apply(deployment("soon"))
        start = time.monotonic()
        c.wait("soon")
        self.assertLess(time.monotonic() - start, 1.5)
        kubectl("delete", "deployment", "-n", SPACE, "first")
        c.wait("first", gone=True)

    def test_no_list_while_watches_live(self):
        c = self.live()
        mark = self.proxy.mark()
        for i in range(5):
            apply(deployment(f"more{i}"))
            c.wait(f"more{i}")
        lists = [str(r) for r in self.proxy.seen("LIST", since=mark)]
        self.assertEqual(lists, [])
        self.assertEqual([str(r) for r in self.proxy.requests if "secrets" in r.target], [])
        # One watch for each kind, in that namespace.
        watched = [r.path for r in self.proxy.watches()]
        self.assertEqual(sorted(watched), sorted(set(watched)))
        self.assertTrue(all(f"/namespaces/{SPACE}" in r.path or r.query.get("fieldSelector") == f"metadata.name={SPACE}"
                            for r in self.proxy.watches()), watched)

    def test_watches_that_end_are_resumed_without_a_list(self):
        c = self.live()
        mark = self.proxy.mark()
        self.proxy.cut_all()
        self.wait_for(self.settled)
        apply(deployment("resumed"))
        c.wait("resumed").wait("live", row=0)
        self.assertEqual([str(r) for r in self.proxy.seen("LIST", since=mark)], [])
        for r in self.proxy.seen("WATCH", since=mark):
            self.assertTrue(r.query.get("resourceVersion"), r.target)

    def heals(self, times=2, **what):
        """Watches break this way when they begin; then they do not, and what happened meanwhile shows."""
        c = self.live()
        fault = self.proxy.fault(r"/deployments\?.*watch=", kind="WATCH", times=times, **what)
        self.proxy.cut_all()
        apply(deployment("meanwhile"))
        self.wait_for(lambda: fault.hits == times, 30)
        kubectl("delete", "deployment", "-n", SPACE, "first")
        c.wait("meanwhile").wait("first", gone=True).wait("live", row=0)
        return c

    def test_watch_410_event(self):
        self.heals(insert=error_event())

    def test_watch_410_status(self):
        self.heals(status=410)

    def test_watch_500_event(self):
        self.heals(insert=error_event(500, "etcd is away"))

    def test_watch_429(self):
        self.heals(status=429, headers={"Retry-After": "1"})

    def test_watch_503(self):
        self.heals(status=503)

    def test_watch_504(self):
        self.heals(status=504, body=rv_too_large())

    def test_watch_401(self):
        self.heals(times=1, status=401)

    def test_watch_403(self):
        """Rights that were taken away are not asked for again at once; ctrl-r asks."""
        c = self.live()
        self.proxy.fault(r"/deployments\?", status=403, body=status_body(403, "deployments.apps is forbidden: no more"))
        self.proxy.cut_all()
        self.wait_for(lambda: self.proxy.faults[0].hits > 0)
        c.wait("forbidden")
        self.proxy.heal()
        c.send("\x12").wait("first").wait("live", row=0)

    def test_watch_404(self):
        """What stands before a server that is away says so: what was shown is stale, and gone it is not."""
        c = self.live()
        self.proxy.fault(r"/deployments\?", status=404)
        self.proxy.cut_all()
        self.wait_for(lambda: self.proxy.faults[0].hits > 1)
        c.wait("stale", row=0).wait("first")
        self.proxy.heal()
        c.wait("live", row=0).wait("first")

    def test_watch_garbage(self):
        self.heals(insert=b"\x00\xff<html>{\n")

    def test_watch_line_without_an_end(self):
        self.heals(times=1, insert=b'{"type":"ADDED","object":{"metadata":{"name":"' + b"a" * 100000)

    def test_watch_unknown_type(self):
        self.heals(times=1, insert=b'{"type":"SOMETHING","object":{"metadata":{"name":"x"}}}\n')

    def ends_inside_an_event(self, **what):
        c = self.live()
        fault = self.proxy.fault(r"/deployments\?.*watch=", kind="WATCH", times=2, **what)
        self.proxy.cut_all()
        apply(deployment("inside"))
        self.wait_for(lambda: fault.hits == 2, 30)
        c.wait("inside").wait("live", row=0)
        self.assertIn("first", c.text())

    def test_watch_cut_inside_an_event(self):
        self.ends_inside_an_event(cut=150)

    def test_watch_truncated_inside_an_event(self):
        self.ends_inside_an_event(truncate=150)

    def test_back_off(self):
        """A server that refuses every watch at once is not hammered."""
        self.proxy.fault("watch=", kind="WATCH", status=503)
        c = self.open().wait("first")
        time.sleep(5)
        self.assertLess(self.proxy.count(None, "deployments"), 20)
        self.proxy.heal()
        c.wait("live", row=0)

    # --- as whom ---

    def test_tls_that_is_not_verified_is_said_for_as_long_as_it_lasts(self):
        cluster = {"server": self.proxy.url, "insecure-skip-tls-verify": True}
        config = write_kubeconfig(f"{WORK}/insecure.kubeconfig", cluster, {"token": TOKEN})
        c = self.run_on_terminal([MOAT, "-n", SPACE, "--kubeconfig", config], rows=24, columns=120, MOAT_NOW="", **SANITIZERS)
        c.wait("first").wait("live", row=0).wait("TLS is not verified")
        c.send(":findings\r").wait("findings", row=1).wait("TLS is not verified")
        self.proxy.stop()
        c.wait("stale", row=0).wait("TLS is not verified")

    def plugin(self, name, script, mode):
        """A console whose user's credential comes of this script, which says its token as $token."""
        path, api = f"{WORK}/{name}", "client.authentication.k8s.io/v1"
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n%s\necho '%s' | sed \"s/TOKEN/$token/\"\n" % (script, json.dumps(
                {"apiVersion": api, "kind": "ExecCredential", "status": {"token": "TOKEN"}})))
        os.chmod(path, 0o700)
        config = self.proxy.kubeconfig(user={"exec": {"apiVersion": api, "command": path, "interactiveMode": mode}})
        return self.run_on_terminal([MOAT, "-n", SPACE, "--kubeconfig", config], rows=24, columns=120, MOAT_NOW="", **SANITIZERS)

    def test_a_plugin_that_asks_gets_the_terminal(self):
        c = self.plugin("asks", "printf 'code? ' >&2; read -r token", "IfAvailable")
        c.wait("code? ").send(f"{TOKEN}\n").wait("first").wait("live", row=0)
        self.assertNotIn(TOKEN, c.text())
        c.send("?").wait("this page").send("\x1b").wait("this page", gone=True).send(":q\r")
        self.given_back(c, 0)

    def test_a_plugin_that_takes_its_time_holds_no_key_up(self):
        c = self.plugin("waits", f"echo 'open login.example, code ABCD' >&2; sleep 4; token={TOKEN}", "Never")
        start = time.monotonic()
        c.wait("code ABCD").send("?").wait("this page").send("\x1b").wait("this page", gone=True)
        self.assertLess(time.monotonic() - start, 4)
        c.wait("first").wait("live", row=0)

    def test_it_ends_at_once_whatever_the_server_does(self):
        for what in ({"stall": -1}, {"stall": 10}, {"drop": True}):
            with self.subTest(what):
                self.proxy.fault(".", **what)
                c = self.open().wait(READY)
                start = time.monotonic()
                c.send("q")
                self.given_back(c, 0)
                self.assertLess(time.monotonic() - start, 2)
                self.proxy.heal()


if __name__ == "__main__":
    tap.main()
