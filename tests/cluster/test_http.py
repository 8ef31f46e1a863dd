#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes over the wire: how many connections, which HTTP, whether bodies come compressed."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
from cluster import TOKEN, WORK, audit, judged
from proxy import ConnectProxy, Proxy, write_kubeconfig


def by_tunnel(tunnel):
    """A kubeconfig for the server itself, every connection of which goes through the tunnel and is counted there."""
    cluster = {"server": os.environ["CLUSTER_SERVER"], "certificate-authority": os.environ["CLUSTER_CA"],
               "proxy-url": tunnel.url}
    return write_kubeconfig(f"{WORK}/tunnel.kubeconfig", cluster, {"token": TOKEN})


class Http(unittest.TestCase):
    def test_one_connection_carries_all_lists(self):
        """HTTP/2: four lists at a time would be four connections without."""
        with ConnectProxy() as tunnel:
            run = audit("--no-store", kubeconfig=by_tunnel(tunnel))
        self.assertTrue(run.report["complete"], run.err)
        self.assertEqual(len(tunnel.targets), 1)

    def test_without_http2_there_are_several(self):
        """What the other test counts is there to be counted."""
        connections = []
        with Proxy() as proxy:
            accept = proxy._connection
            proxy._connection = lambda plain: (connections.append(plain), accept(plain))
            run = audit("--no-store", kubeconfig=proxy.kubeconfig(TOKEN))
        self.assertTrue(run.report["complete"], run.err)
        self.assertGreater(len(connections), 1)

    def test_bodies_come_compressed_unless_that_is_disabled(self):
        reports = []
        for disabled in (False, True):
            with Proxy() as proxy:
                kubeconfig = proxy.kubeconfig(TOKEN, cluster={"disable-compression": disabled})
                run = audit("--no-store", kubeconfig=kubeconfig)
                lists = proxy.seen("LIST")
            self.assertTrue(run.report["complete"], run.err)
            self.assertTrue(lists)
            asked = {"gzip" in r.headers.get("accept-encoding", "") for r in lists}
            self.assertEqual(asked, {not disabled})
            reports.append(judged(run.report))
        self.assertEqual(*reports)


if __name__ == "__main__":
    tap.main()
