#!/usr/bin/env python3
"""An open console while workloads are rolled out again and again: memory stays flat, and it ends with the truth."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "screens")]
import tap
from cluster import MOAT, SANITIZERS, WORK, agent, apply, get_all, kubectl
from console import ConsoleTest

SPACE = "churn"
SECONDS = int(os.environ.get("CHURN", "30"))
N = 12


def deployment(i):
    return agent(SPACE, f"agent-{i:02}", replicas=3)


def memory(pid):
    """Resident, in KiB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class Churn(ConsoleTest):
    def rows(self, c):
        return [line for line in c.text().splitlines() if line.strip().startswith(f"{SPACE} ")]

    def open(self, *args):
        return self.run_on_terminal([MOAT, *args], rows=40, columns=160, MOAT_NOW="", **SANITIZERS)

    def test_soak(self):
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
        apply(*(deployment(i) for i in range(N)))
        c = self.open("-n", SPACE, "--kubeconfig", os.environ["KUBECONFIG"]).wait("live", row=0).wait(f"agent-{N - 1:02}")
        kilobytes = []
        start = time.monotonic()
        rollouts = 0
        while time.monotonic() - start < SECONDS:
            kubectl("rollout", "restart", "-n", SPACE, f"deployment/agent-{rollouts % N:02}")
            rollouts += 1
            if rollouts % 7 == 0:
                kubectl("delete", "-n", SPACE, "deployment", f"agent-{rollouts % N:02}")
                apply(deployment(rollouts % N))
            end = time.monotonic() + 0.25
            while time.monotonic() < end:
                c.pump(end - time.monotonic())
            kilobytes.append(memory(c.pid))
        third = len(kilobytes) // 3
        early, late = max(kilobytes[third:2 * third]), max(kilobytes[2 * third:])
        print(f"# {rollouts} rollouts in {SECONDS} s; memory {kilobytes[0]}, at most {early} and then {late} KiB")
        self.assertLess(late, early * 1.1 + 2048)
        kubectl("rollout", "status", "-n", SPACE, "deployment", "--timeout=60s")
        # The truth, shown by the same program on what kubectl prints.
        want = self.rows(self.open("-n", SPACE, "-f", get_all(f"{WORK}/churn.json")).wait(f"agent-{N - 1:02}"))
        self.assertEqual(len(want), N)
        deadline = time.monotonic() + 5
        while self.rows(c) != want and time.monotonic() < deadline:
            c.pump(0.1)
        self.assertEqual(self.rows(c), want)
        c.send("q")
        self.given_back(c, 0)


if __name__ == "__main__":
    tap.main()
