#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exec, port-forward and logs through a real API server, by the program tests/cluster/streams."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cluster
import tap
from cluster import MOAT, STATE, TOKEN
from proxy import Proxy

PROGRAM = os.path.join(os.path.dirname(MOAT), "tests", "cluster", "streams")
PATH = "/pods/pod/(exec|portforward|log)"


def kubectl(*args):
    return cluster.kubectl("-n", "streams", *args)


def streams(verb, *args, data=b"", kubeconfig=None, timeout=90):
    """How it ended, and what came with it."""
    environment = dict(os.environ, **({"KUBECONFIG": kubeconfig} if kubeconfig else {}))
    run = subprocess.run([PROGRAM, verb, "streams", *args], input=data, capture_output=True, timeout=timeout,
                         env=environment)
    if run.returncode != 0 or run.stderr:
        raise AssertionError(f"status {run.returncode}: {run.stderr.decode()}")
    end, _, rest = run.stdout.decode().partition("\n")
    return end, rest


def may(user, *verbs):
    """The right to these verbs on the streams of pods, and no other."""
    kubectl("delete", "rolebinding,role", "streams", "--ignore-not-found")
    kubectl("create", "role", "streams", *(f"--verb={verb}" for verb in verbs),
            "--resource=pods/exec,pods/portforward")
    kubectl("create", "rolebinding", "streams", "--role=streams", f"--user={user}")


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", "streams")
        kubectl("run", "pod", "--image=x")
        kubectl("wait", "--for=condition=Ready", "pod/pod", "--timeout=30s")

    def test_a_command_runs(self):
        result = streams("run", "pod", "pod", "echo", "a & b", "%41", "\u00e4")
        self.assertEqual(result, ("ran 0", "a & b %41 \u00e4\n"))

    def test_both_kinds_of_output_come(self):
        end, output = streams("run", "pod", "pod", "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((end, sorted(output.split())), ("ran 0", ["err", "out"]))

    def test_input_reaches_the_command(self):
        # One that ends by itself: kwok does not hand on the end of the input.
        self.assertEqual(streams("exec", "pod", "pod", "head", "-n", "1", data=b"one\ntwo\n"), ("ran 0", "one\n"))

    def test_much_output_comes_whole(self):
        end, output = streams("run", "pod", "pod", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
        self.assertEqual(end, "ran 0")
        self.assertEqual(output, "x" * 3000000)

    def test_failures_are_told_apart(self):
        for container, command, want in (
                ("pod", "nosuch", ("unreadable input 0", "executable file not found")),
                ("nope", "ls", ("unreadable input 400", "container nope is not valid for pod pod")),
                ("pod", "false", ("the source failed 0", "exit status 1"))):  # with a kubelet: "ran 1"
            end, _ = streams("run", "pod", container, command)
            self.assertTrue(end.startswith(want[0]) and want[1] in end, end)
        end, _ = streams("run", "none", "pod", "ls")
        self.assertEqual(end, 'unreadable input 404 exec in streams/none: pods "none" not found')

    def test_get_and_create_are_both_needed(self):
        viewer = os.path.join(STATE, "viewer.kubeconfig")
        for verbs in (("get",), ("create",)):
            may("viewer", *verbs)
            end, _ = streams("run", "pod", "pod", "echo", "x", kubeconfig=viewer)
            self.assertTrue(end.startswith("permission denied 403"), end)
            self.assertIn("it takes the verbs get and create on pods/exec in namespace streams", end)
        may("viewer", "get", "create")
        self.assertEqual(streams("run", "pod", "pod", "echo", "x", kubeconfig=viewer), ("ran 0", "x\n"))

    def test_an_unknown_token_is_told(self):
        with Proxy() as proxy:
            end, _ = streams("run", "pod", "pod", "echo", kubeconfig=proxy.kubeconfig("nobody knows it"))
            self.assertTrue(end.startswith("permission denied 401"), end)
            end, _ = streams("log", "pod", "pod", "1", kubeconfig=proxy.kubeconfig("nobody knows it"))
            self.assertTrue(end.startswith("permission denied 401"), end)

    def test_a_port_answers(self):
        self.assertEqual(streams("get", "pod", "8888", "/health"), ("status 200", "GET /health HTTP/1.1"))

    def test_the_log(self):
        self.assertEqual(streams("log", "pod", "pod", "5"), ("log", '{"event":"startup"}\n'))
        end, _ = streams("log", "pod", "nope", "5")
        self.assertIn("400 read the log of streams/pod, container nope: ", end)

    def test_a_cut_connection_is_an_error(self):
        with Proxy() as proxy:
            kubeconfig = proxy.kubeconfig(TOKEN)
            good = streams("run", "pod", "pod", "echo", "hello", kubeconfig=kubeconfig)
            self.assertEqual(good, ("ran 0", "hello\n"))
            for at in range(0, 240, 12):
                proxy.heal()
                proxy.fault(PATH, cut=at)
                result = streams("run", "pod", "pod", "echo", "hello", kubeconfig=kubeconfig)
                if result != good:  # the status had come
                    self.assertTrue(result[0].startswith("the source failed "), (at, result))
                    self.assertTrue(at < 230, (at, result))

    def test_damaged_bytes_do_no_harm(self):
        with Proxy() as proxy:
            kubeconfig = proxy.kubeconfig(TOKEN)
            for at in range(0, 230, 7):
                proxy.heal()
                proxy.fault(PATH, corrupt=at)
                end, _ = streams("run", "pod", "pod", "echo", "hello", kubeconfig=kubeconfig)
                self.assertRegex(end, "^(ran 0|(the source failed|unreadable input|permission denied) [0-9]+ )", at)

    def test_a_server_that_fails(self):
        with Proxy() as proxy:
            kubeconfig = proxy.kubeconfig(TOKEN)
            for what, want in ((dict(drop=True), "the source failed"),
                               (dict(status=503), "the source failed 503"),
                               (dict(status=429), "the source failed 429"),
                               (dict(status=410), "the source failed 410"),
                               (dict(status=404), "unreadable input 404")):
                proxy.heal()
                proxy.fault(PATH, **what)
                end, _ = streams("run", "pod", "pod", "echo", kubeconfig=kubeconfig)
                self.assertTrue(end.startswith(want), (what, end))

    def test_ports_and_logs_that_break(self):
        """All of it or an error, never a part that is taken for all of it; and damaged bytes do no harm."""
        failed = "^(the source failed|unreadable input|permission denied) [0-9]+ "
        for asked in ("get", "pod", "8888", "/health"), ("log", "pod", "pod", "5"):
            with Proxy() as proxy:
                kubeconfig = proxy.kubeconfig(TOKEN)
                good = streams(*asked, kubeconfig=kubeconfig)
                self.assertRegex(good[0], "^(status 200|log)$")
                whole = False
                for at in range(0, 400, 16):
                    proxy.heal()
                    proxy.fault(PATH, cut=at)
                    result = streams(*asked, kubeconfig=kubeconfig)
                    whole = result == good
                    if not whole:
                        self.assertRegex(result[0], failed, (asked, at))
                self.assertTrue(whole, asked)  # the last cut was behind its end
                for at in range(0, 200, 11):
                    proxy.heal()
                    proxy.fault(PATH, corrupt=at)
                    self.assertRegex(streams(*asked, kubeconfig=kubeconfig)[0], failed + "|^(status [0-9]+|log)$", (asked, at))
                for what in dict(drop=True), dict(status=503), dict(status=429), dict(status=410), dict(status=404):
                    proxy.heal()
                    proxy.fault(PATH, **what)
                    self.assertRegex(streams(*asked, kubeconfig=kubeconfig)[0], failed, (asked, what))

    def test_a_silent_server_is_given_up(self):
        with Proxy() as proxy:
            kubeconfig = proxy.kubeconfig(TOKEN)
            proxy.fault(PATH, stall=-1)
            end, _ = streams("get", "pod", "8888", "/health", kubeconfig=kubeconfig)
            self.assertIn("port 8888 of streams/pod: no answer within 10 s", end)

    def test_many_in_a_row(self):
        for n in range(40):
            self.assertEqual(streams("run", "pod", "pod", "echo", str(n)), ("ran 0", f"{n}\n"))


if __name__ == "__main__":
    tap.main()
