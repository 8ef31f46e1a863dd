#!/usr/bin/env python3
"""
The proxy breaks what moat reads, everywhere it reads. Never a crash, never a hang, never a clean report from a broken
read: each run either recovers in full, or says what is missing (exit 4) or why there is nothing (exit 3).
"""

import concurrent.futures
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
from cluster import TOKEN, apply, audit, judged, kubectl
from proxy import Proxy, rv_too_large

MANY = "faults"  # a namespace with more ConfigMaps than a page has
# Where: the first page of pods, the second of ConfigMaps, everything that is asked for.
PLACES = {"first-list": r"/api/v1/pods\?", "second-page": r"/configmaps\?.*continue=", "anything": "."}
# What, how often (None: always), and whether it has to be as if nothing had happened.
FAULTS = {
    "401": ({"status": 401}, None, False),
    "403": ({"status": 403}, None, False),
    "404": ({"status": 404}, None, False),
    "410-once": ({"status": 410}, 1, True),
    "410": ({"status": 410}, None, False),
    "429-once": ({"status": 429, "headers": {"Retry-After": "1"}}, 1, True),
    "429": ({"status": 429, "headers": {"Retry-After": "1"}}, None, False),
    "500-once": ({"status": 500}, 1, True),
    "500": ({"status": 500}, None, False),
    "503-once": ({"status": 503, "headers": {"Retry-After": "1"}}, 1, True),
    "503-text": ({"status": 503, "body": b"upstream connect error \x1b[31m\n"}, None, False),
    "504-once": ({"status": 504, "body": rv_too_large()}, 1, True),
    "504": ({"status": 504, "body": rv_too_large()}, None, False),
    "drop-once": ({"drop": True}, 1, True),
    "drop": ({"drop": True}, None, False),
    "cut-once": ({"cut": 1000}, 1, True),
    "cut": ({"cut": 1000}, None, False),
    "cut-head": ({"cut": 0}, None, False),
    "truncate": ({"truncate": 1000}, None, False),
    "truncate-nothing": ({"truncate": 0}, None, False),
    "corrupt": ({"corrupt": 0}, None, False),
    "corrupt-later": ({"corrupt": 3000}, None, None),  # that may be a byte of a text that does not matter
    "stall": ({"stall": -1}, None, False),
    "stall-in-body": ({"stall": 1000}, None, False),
    "slow": ({"gap": 0.05}, None, True),
    "late": ({"delay": 1}, 3, True),
    "no-http": ({"raw": b"SSH-2.0-OpenSSH_9.2\r\n"}, None, False),
    "half-head": ({"raw": b"HTTP/1.1 200 OK\r\nContent-Le"}, None, False),
    "html": ({"body": b"<html><body>Please log in</body></html>", "headers": {"Content-Type": "text/html"}}, None, False),
    "empty": ({"body": b""}, None, False),
    "null": ({"body": b"null"}, None, False),
    "other-json": ({"body": b'{"kind":"Status","apiVersion":"v1","status":"Success"}'}, None, False),
    "items-of-text": ({"body": b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":["a",1,null,{}]}'}, None, False),
    "deep": ({"body": b'{"items":' + b"[" * 100000}, None, False),
    "redirect": ({"status": 302, "headers": {"Location": "https://127.0.0.1:1/"}}, None, False),
    "bad-gzip": ({"body": b"\x1f\x8b\x08garbage", "headers": {"Content-Encoding": "gzip"}}, None, False),
}
# A list that is lost for good takes its time: what the first page shows need not be seen everywhere.
CASES = [(p, f) for p in PLACES for f in FAULTS
         if p == "first-list" or f not in ("403", "503-text", "cut-head", "null", "deep", "half-head", "no-http", "empty",
                                           "other-json", "items-of-text", "bad-gzip", "corrupt-later")]
LIMIT = 90  # seconds for one run; most take less than one


def run(place, fault):
    """One audit through a proxy of its own that does this there."""
    what, times, _ = FAULTS[fault]
    with Proxy() as proxy:
        proxy.fault(PLACES[place], times=times, **what)
        result = audit("--request-timeout", "3s", kubeconfig=proxy.kubeconfig(TOKEN), timeout=LIMIT)
        result.hits = proxy.faults[0].hits
        result.requests = len(proxy.requests)
        return result


class Faults(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        blob = os.urandom(300).hex()
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MANY}})
        kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{i}", "namespace": MANY},
             "data": {"text": blob}} for i in range(520)]}))
        cls.whole = audit(kubeconfig=os.environ["KUBECONFIG"])
        # They mostly wait, so they wait together.
        cls.pool = concurrent.futures.ThreadPoolExecutor(40)
        cls.runs = {(p, f): cls.pool.submit(run, p, f) for p, f in CASES}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()
        kubectl("delete", "configmaps", "-n", MANY, "--all")

    def check(self, got, recovers):
        self.assertGreater(got.hits, 0, "nothing was broken")
        self.assertIn(got.status, (0, 1, 3, 4), got.err)
        self.assertNotIn("\x1b", got.err + got.out)
        self.assertLess(got.requests, 300)
        if got.status == 3 and got.report:
            self.assertEqual((got.report["complete"], got.report["agents"]), (False, []))
        elif got.status == 3:
            self.assertEqual(got.out, "")
            self.assertRegex(got.err, r"\Amoat: [^\n]{10,}\n\Z")
            self.assertFalse(recovers, got.err)
        elif got.report["complete"]:
            if recovers is not None:
                self.assertTrue(recovers, "a broken read, and a report that is complete")
            self.assertEqual(judged(got.report), judged(self.whole.report))
        else:
            self.assertFalse(recovers, got.report["incomplete"])
            # Findings that count are worse than a gap: exit 1, and the report is marked all the same.
            self.assertIn(got.status, (1, 4))
            for gap in got.report["incomplete"]:
                self.assertTrue(gap["reason"])


def case(place, fault):
    def test(self):
        recovers = FAULTS[fault][2]
        if (place, fault) == ("second-page", "410"):
            recovers = True  # the list is read anew, in the end without pages
        self.check(self.runs[place, fault].result(), recovers)
    return test


for place, fault in CASES:
    setattr(Faults, f"test_{place}_{fault}".replace("-", "_"), case(place, fault))


if __name__ == "__main__":
    tap.main()
