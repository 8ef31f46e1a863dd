#!/usr/bin/env python3
"""
A fleet of FLEET agents (300) read from the server, beside a bare download of the very pages that moat asks for: how many
times as long, and how much memory. The figures are printed; what is held to are limits that only a real fault passes.
It is the last on the quiet server, which is full afterwards.
"""

import http.client
import os
import ssl
import subprocess
import sys
import time
import unittest
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap
from cluster import MOAT, TOKEN, WORK, audit, environment, judged, get_all
from proxy import Proxy

N = int(os.environ.get("FLEET", "300"))
KUBECONFIG = os.environ["KUBECONFIG"]


def timed(*args):
    """Seconds, CPU seconds and peak memory in MiB of a run of moat."""
    start = time.monotonic()
    with open(f"{WORK}/out", "wb") as out:
        child = subprocess.Popen([MOAT, *args], stdout=out, env=environment())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def download(requests):
    """Seconds that the same requests take on one connection, and the bytes of the bodies once unpacked."""
    context = ssl.create_default_context(cafile=os.environ["CLUSTER_CA"])
    server = http.client.HTTPSConnection(os.environ["CLUSTER_SERVER"].split("//")[1], context=context)
    size, start = 0, time.monotonic()
    for r in requests:
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": r.headers.get("accept", "application/json"),
                   "Accept-Encoding": r.headers.get("accept-encoding", "identity")}
        server.request("GET", r.target, headers=headers)
        reply = server.getresponse()
        unpack = zlib.decompressobj(31) if reply.getheader("Content-Encoding") == "gzip" else None
        while data := reply.read(1 << 20):
            size += len(unpack.decompress(data) if unpack else data)
    return time.monotonic() - start, size


class Scale(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        folder = f"{WORK}/fleet"
        subprocess.run([sys.executable, os.path.join(HERE, "..", "fleet", "genfleet.py"), "-n", str(N), "--only", "json", "--out",
                        folder], check=True, capture_output=True)
        start = time.monotonic()
        subprocess.run([sys.executable, os.path.join(HERE, "load.py"), "-j4", f"{folder}/snapshot.json"], check=True,
                       stdout=subprocess.DEVNULL)
        print(f"# loaded {N} agents in {time.monotonic() - start:.0f} s")

    def test_list_beside_a_bare_download(self):
        with Proxy() as proxy:
            self.assertEqual(audit("--no-logs", kubeconfig=proxy.kubeconfig(TOKEN), timeout=300).status, 1)
            lists = [r for r in proxy.seen("LIST") if r.status == 200]
        bare, size = min(download(lists) for _ in range(2))
        (status, seconds, cpu, memory) = min((timed("fleet", "--no-logs", "-o", "name", "--kubeconfig", KUBECONFIG) for _ in range(2)),
                                             key=lambda t: t[1])
        self.assertEqual(status, 0)
        print(f"# {N} agents, {len(lists)} lists, {size / 1e6:.1f} MB: bare download {bare:.2f} s, moat fleet "
              f"{seconds:.2f} s ({seconds / bare:.2f} times), {cpu:.2f} s of CPU, peak {memory:.0f} MiB")
        self.assertLess(seconds / bare, 4)
        self.assertLess(memory, 60 + 1.0 * size / 1e6)

    def test_same_as_kubectl(self):
        live = audit("--no-logs", kubeconfig=KUBECONFIG, timeout=300)
        file = audit("-f", get_all(f"{WORK}/scale.json"), timeout=300)
        self.assertEqual(live.status, file.status, live.err)
        self.assertGreaterEqual(len(live.report["agents"]), N)
        self.assertEqual(judged(live.report) == judged(file.report), True)


if __name__ == "__main__":
    tap.main()
