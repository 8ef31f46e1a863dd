#!/usr/bin/env python3
"""Policies in, connectivity out: tests/reach/NAME.yaml with the rows that it means in NAME.json; bad-NAME.yaml is refused.

Every case with IPv4 blocks and no IPv6 is asked once more with its blocks moved into one IPv6 block.
"""

import csv
import glob
import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap

FOLDER = os.path.join(os.environ["srcdir"], "tests", "reach")
V4_BLOCK = re.compile(r"\b(\d+\.\d+\.\d+\.\d+)/(\d+)\b")
HOME = ipaddress.ip_network("2001:db8:4::/96")  # where the IPv4 addresses are moved


def moat(*args):
    return subprocess.run([os.environ["MOAT"], *args], capture_output=True, text=True, timeout=60)


def rows(path):
    run = moat("reach", "-f", path, "-o", "json", "--external-sources")
    if run.returncode != 0:
        raise AssertionError(f"moat reach -f {path}: status {run.returncode}: {run.stderr}")
    return json.loads(run.stdout)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def moved(address):
    return ipaddress.ip_address(int(HOME[0]) + int(ipaddress.ip_address(address)))


def move_blocks(text):
    return V4_BLOCK.sub(lambda m: f'"{moved(m[1])}/{int(m[2]) + 96}"', text)


def as_range(end):
    """(first, last) of an end that is a range, else None."""
    if end.endswith("]"):
        return None
    first, last = (ipaddress.ip_address(a) for a in end.split("-"))
    return first, last


def in_home(rows, version):
    """Rows as tuples: those of the other family left out; IPv4 moved home, IPv6 cut to what lies there."""
    found = []
    for row in rows:
        ends = []
        for end in (row["src"], row["dst"]):
            span = as_range(end)
            if span and span[0].version != version:
                break
            if span and version == 4:
                span = tuple(moved(str(a)) for a in span)
            if span:
                span = max(span[0], HOME[0]), min(span[1], HOME[-1])
                if span[0] > span[1]:
                    break
            ends.append(span or end)
        else:
            found.append((*ends, row["conns"]))
    return sorted(found, key=str)


class Outcomes(unittest.TestCase):
    maxDiff = None


class IntoIPv6(unittest.TestCase):
    maxDiff = None


class Refused(unittest.TestCase):
    pass


def outcome(path):
    def test(self):
        self.assertEqual(rows(path), json.loads(read(path[:-5] + ".json")))
    return test


def into_ipv6(path):
    def test(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(move_blocks(read(path)))
            f.flush()
            self.assertEqual(in_home(rows(f.name), 6), in_home(rows(path), 4))
    return test


def refused(path):
    def test(self):
        for command in ("reach", "audit"):
            run = moat(command, "-f", path)
            self.assertEqual((run.returncode, run.stdout), (2, ""), command)
            self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
            self.assertIn(os.path.basename(path), run.stderr)
            self.assertRegex(run.stderr, r"Policy (shop/)?broken, line \d+: spec\.")
    return test


class Command(unittest.TestCase):
    """Formats, names, pairs."""

    CASE = os.path.join(FOLDER, "documentation.yaml")

    def test_csv_says_the_same(self):
        run = moat("reach", "-f", self.CASE, "-o", "csv", "--external-sources")
        self.assertEqual([dict(r) for r in csv.DictReader(run.stdout.splitlines())], rows(self.CASE))

    def test_table_says_the_same(self):
        run = moat("reach", "-f", self.CASE, "--external-sources")
        got = [re.split(r"  +", line) for line in run.stdout.splitlines()[1:]]
        self.assertEqual(got, [[r["src"], r["dst"], r["conns"]] for r in rows(self.CASE)])

    def test_dot_has_every_edge(self):
        run = moat("reach", "-f", self.CASE, "-o", "dot", "--external-sources")
        got = re.findall(r'^\t"(.*)" -> "(.*)" \[label="(.*)"\];$', run.stdout, re.M)
        self.assertEqual(got, [(r["src"], r["dst"], r["conns"]) for r in rows(self.CASE)])

    def test_names_choose_sources(self):
        run = moat("reach", "-f", self.CASE, "-o", "json", "data/db")
        self.assertEqual(json.loads(run.stdout),
                         [{"src": "data/db[Pod]", "dst": "10.0.0.0-10.0.0.255", "conns": "TCP 5978"}])

    def test_namespace_and_labels_choose_sources(self):
        run = moat("reach", "-f", self.CASE, "-o", "json", "-n", "data", "-l", "role in (frontend,db)")
        self.assertEqual({r["src"] for r in json.loads(run.stdout)}, {"data/db[Pod]", "data/front[Pod]"})

    def test_name_that_fits_two(self):
        run = moat("reach", "-f", self.CASE, "front")
        self.assertEqual(run.returncode, 2)
        self.assertIn("data/Pod/front, else/Pod/front", run.stderr)

    def test_no_workload(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
            f.flush()
            self.assertEqual(moat("reach", "-f", f.name).returncode, 3)

    def pair(self, *args):
        run = moat("reach", "-f", self.CASE, *args)
        self.assertEqual(run.stderr, "")
        return run.returncode, run.stdout

    def test_pair_allowed(self):
        status, text = self.pair("--from", "data/front", "--to", "data/db", "-o", "json")
        self.assertEqual((status, json.loads(text)),
                         (0, [{"src": "data/front[Pod]", "dst": "data/db[Pod]", "conns": "TCP 6379"}]))

    def test_pair_on_another_port(self):
        status, text = self.pair("--from", "data/front", "--to", "data/db", "--port", "TCP/6380", "-o", "json")
        self.assertEqual((status, json.loads(text)), (1, []))

    def test_pair_with_an_address(self):
        self.assertEqual(self.pair("--from", "db", "--to", "10.0.0.7", "--port", "5978")[0], 0)
        self.assertEqual(self.pair("--from", "db", "--to", "10.0.1.7", "--port", "5978")[0], 1)
        self.assertEqual(self.pair("--from", "172.17.0.1", "--to", "db")[0], 0)
        self.assertEqual(self.pair("--from", "172.17.1.1", "--to", "db")[0], 1)

    def test_explain_allowed(self):
        status, text = self.pair("--from", "data/front", "--to", "data/db", "--explain")
        self.assertEqual(status, 0)
        self.assertTrue(text.startswith("ALLOWED: data/front[Pod] may talk to data/db[Pod] on TCP 6379\n"), text)
        self.assertIn("no policy selects the pods for egress: everything is allowed", text)
        self.assertRegex(text, r"NetworkPolicy data/db \(.*documentation\.yaml:\d+\) selects the pods")
        self.assertRegex(text, r"ingress rule 1 \(line \d+\): matches, allows TCP 6379 from pods role=frontend in namespace data")

    def test_explain_denied(self):
        status, text = self.pair("--from", "172.17.1.1", "--to", "data/db", "--explain")
        self.assertEqual(status, 1)
        self.assertTrue(text.startswith("NOT ALLOWED: 172.17.1.1 may not talk to data/db[Pod] on any port\n"
                                        "Ingress of data/db[Pod] does not let it in.\n"), text)
        self.assertIn("the address is in an exception", text)
        self.assertIn("an address outside the cluster is no pod", text)

    def explained(self, case, source, target):
        return moat("reach", "-f", os.path.join(FOLDER, case + ".yaml"), "--from", source, "--to", target,
                    "--explain").stdout

    def test_explain_named_ports(self):
        self.assertIn('port "http" is TCP 8080 there', self.explained("named-port", "web", "api"))
        self.assertIn('port "http" is no port that the destination\'s containers declare',
                      self.explained("named-port", "web", "bare"))

    def test_explain_host_network(self):
        self.assertIn("the pods are on the host's network: no policy applies", self.explained("host-network", "node", "web"))
        self.assertIn("selectors do not match pods on the host's network", self.explained("host-network", "web", "node"))

    def test_explain_tiers(self):
        text = self.explained("admin-pass", "tool", "web")
        self.assertIn("admin tier: by priority", text)
        self.assertIn("passes on TCP 80-90", text)
        self.assertIn("denies every port", text)
        self.assertIn("baseline tier: not asked", self.explained("baseline", "api", "web"))

    def test_address_of_a_pod_is_the_pod(self):
        case = os.path.join(FOLDER, "finished-pods.yaml")
        run = moat("reach", "-f", case, "--from", "shop/web", "--to", "10.0.0.4", "-o", "json")
        self.assertEqual(json.loads(run.stdout),
                         [{"src": "shop/web[Pod]", "dst": "shop/api[Pod]", "conns": "All Connections"}])

    def test_address_of_a_service(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(read(self.CASE) + "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: data}\n"
                    "spec: {clusterIP: 10.96.0.7, selector: {role: db}, ports: [{port: 6379}]}\n")
            f.flush()
            run = moat("reach", "-f", f.name, "--from", "data/front", "--to", "10.96.0.7")
            self.assertEqual(run.returncode, 2)
            self.assertIn("Service data/db", run.stderr)

    def test_other_engines_make_it_incomplete(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(read(self.CASE) + "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
                    "metadata: {name: other, namespace: data}\nspec: {endpointSelector: {matchLabels: {role: db}}}\n")
            f.flush()
            run = moat("reach", "-f", f.name, "-o", "json", "--external-sources")
            self.assertEqual((run.returncode, json.loads(run.stdout)), (4, rows(self.CASE)))
            self.assertIn("CiliumNetworkPolicy data/other, which moat does not evaluate, may select data/db", run.stderr)
            self.assertEqual(moat("reach", "-f", f.name, "--from", "data/batch", "--to", "db").returncode, 4)
            self.assertEqual(moat("reach", "-f", f.name, "--from", "data/batch", "--to", "data/front").returncode, 0)

    def test_hostile_names(self):
        name, namespace = 'a"b\x1b[31m\n,c\\', "n\u202ex"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            for metadata in ({"name": name, "namespace": namespace}, {"name": "q", "namespace": "n"}):
                json.dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                           "spec": {"containers": [{"name": "c", "image": "i"}]}}, f)
            f.flush()
            for form in ("table", "json", "yaml", "csv", "dot"):
                run = moat("reach", "-f", f.name, "-o", form)
                self.assertEqual((run.returncode, run.stderr), (0, ""), form)
                self.assertNotRegex(run.stdout, r"[^\t\n -~]", form)
            self.assertIn(f"{namespace}/{name}[Pod]", [r["dst"] for r in rows(f.name)])
            run = moat("reach", "-f", f.name, "--from", "n/q", "--to", name, "--explain")
            self.assertTrue(run.stdout.startswith("ALLOWED: n/q[Pod] may talk to"), run.stdout)
            self.assertNotRegex(run.stdout, r"[^\n -~]")

    def test_wrong_usage(self):
        for args in (["--from", "db"], ["--port", "1"], ["--explain"], ["--from", "db", "--to", "front", "--port", "x"],
                     ["--from", "1.2.3.4", "--to", "1.2.3.5"], ["-o", "html"], ["--from", "db", "--to", "db", "db"]):
            with self.subTest(args=args):
                self.assertEqual(moat("reach", "-f", self.CASE, *args).returncode, 2)


for path in sorted(glob.glob(os.path.join(FOLDER, "*.yaml"))):
    name = os.path.basename(path)[:-5].replace("-", "_")
    if name.startswith("bad_"):
        setattr(Refused, "test_" + name[4:], refused(path))
        continue
    setattr(Outcomes, "test_" + name, outcome(path))
    text = read(path)
    if V4_BLOCK.search(text) and "::" not in text:
        setattr(IntoIPv6, "test_" + name, into_ipv6(path))

if __name__ == "__main__":
    tap.main()
