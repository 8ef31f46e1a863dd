#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an audit costs, beside floors measured in the same run: `make bench`.

Seeded fleets (tests/fleet/genfleet.py) of BENCH_SIZES agents ("100 1000 10000") are made below BENCH_DIR, where they stay
for the next run (10,000 agents: 2 GB); each row is the best of BENCH_RUNS runs (3), by CPU time. The floors: jansson's
json_load_file of the same bytes, and libyaml's events with nothing done with them. Not part of make check.
"""

import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATOR = os.path.join(os.path.dirname(HERE), "fleet", "genfleet.py")
BUILD = os.environ.get("builddir") or "."
MOAT = os.environ.get("MOAT") or os.path.join(BUILD, "moat")
FLEETS = os.environ.get("BENCH_DIR") or os.path.join(BUILD, "tests", "bench", "fleets")
SIZES = [int(n) for n in (os.environ.get("BENCH_SIZES") or "100 1000 10000").split()]
RUNS = int(os.environ.get("BENCH_RUNS") or 3)
REACH_SIZES = (100, 1000)  # its output grows with agents times what they reach

JSON, YAML = "bench_jansson_load", "bench_yaml_events"
# What is read, its path below the fleet, the floor it is held against, and the limit on the ratio for the largest fleet.
INPUTS = (
    ("JSON, indented", "snapshot.json", JSON, 0.5),
    ("JSON, compact", "compact/snapshot.json", JSON, 0.5),
    ("YAML, one file", "fleet.yaml", YAML, 1.7),
    ("YAML, a folder", "manifests", YAML, 1.7),
)
STAGES = ("read", "model", "evaluate", "judge", "report")


class Cost:
    """One run of a program: seconds of CPU and of wall, and the most memory it had, in MB.

    Below 12 MB the last is this script's own: the kernel counts what a process had before it became another program. So
    of what the program writes only the start is kept.
    """

    def __init__(self, argv, accept=(0,)):
        start = time.monotonic()
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env=dict(os.environ, LC_ALL="C.UTF-8")) as child:
            self.out, self.written = b"", 0
            for piece in iter(lambda: child.stdout.read(65536), b""):
                self.out = self.out or piece
                self.written += len(piece)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in accept:
            sys.exit("bench: %s: exit status %d" % (" ".join(argv[:6]), child.returncode))
        self.wall = time.monotonic() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss / 1024


def cost(argv, accept=(0,)):
    return min((Cost(argv, accept) for _ in range(RUNS)), key=lambda c: c.cpu)


def tool(name):
    return os.path.join(BUILD, "tests", "bench", name)


def fleet(n):
    """The folder of a fleet of n agents, made unless it is there."""
    folder = os.path.join(FLEETS, str(n))
    made = folder + ".part"
    if os.path.isdir(folder):
        return folder
    print("making a fleet of %d agents ..." % n, flush=True)
    shutil.rmtree(made, ignore_errors=True)
    for more in (["--out", made], ["--only", "json", "--compact", "--out", os.path.join(made, "compact")]):
        done = subprocess.run([sys.executable, GENERATOR, "-n", str(n)] + more, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode:
            sys.exit("bench: %s: %s" % (GENERATOR, done.stderr.decode()))
    os.rename(made, folder)
    return folder


def files(path):
    return [os.path.join(path, name) for name in sorted(os.listdir(path))] if os.path.isdir(path) else [path]


def audit(n, folder):
    """The rows of one fleet; returns moat's seconds of CPU and the verdicts of the limits."""
    print("\n%d agents" % n)
    print("  %-16s %8s %8s %8s   %8s %8s   %7s %9s" % (
        "", "CPU s", "wall s", "peak MB", "floor s", "floor MB", "ratio", "us/agent"))
    seconds, verdicts = {}, []
    for what, name, floor_name, limit in INPUTS:
        path = os.path.join(folder, name)
        moat = cost([MOAT, "audit", "--no-store", "-f", path, "-o", "json=" + os.devnull], accept=(0, 1))
        floor = cost([tool(floor_name)] + files(path))
        ratio = moat.cpu / floor.cpu if floor.cpu else 0
        print("  %-16s %8.3f %8.3f %8.1f   %8.3f %8.1f   %7.2f %9.1f" % (
            what, moat.cpu, moat.wall, moat.peak, floor.cpu, floor.peak, ratio, moat.cpu * 1e6 / n), flush=True)
        seconds[what] = moat.cpu
        verdicts.append(("%s: CPU beside %s" % (what, floor_name), ratio, limit))
        verdicts.append(("%s: peak MB" % what, moat.peak, 200))
    return seconds, verdicts


def stages(folder):
    """Where the CPU goes; returns the verdicts on the share of evaluating and judging."""
    verdicts = []
    print("  CPU s of which   %s   evaluate + judge" % "".join("%9s" % s for s in STAGES))
    for what, name in (("JSON, indented", "snapshot.json"), ("YAML, one file", "fleet.yaml")):
        runs = [[float(x) for x in Cost([tool("bench_stages"), os.path.join(folder, name)]).out.split()[:len(STAGES)]]
                for _ in range(RUNS)]
        best = min(runs, key=sum)
        share = (best[STAGES.index("evaluate")] + best[STAGES.index("judge")]) / (sum(best) or 1)
        print("  %-16s %s   %16.0f%%" % (what, "".join("%9.3f" % s for s in best), 100 * share), flush=True)
        verdicts.append(("%s: evaluating and judging" % what, share, 0.2))
    return verdicts


def reach(n, folder):
    help_text = subprocess.run([MOAT, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    if n not in REACH_SIZES or "\n  reach" not in help_text:
        return []
    r = cost([MOAT, "reach", "-f", os.path.join(folder, "snapshot.json"), "-o", "json"])
    print("  moat reach       %8.3f %8.3f %8.1f   %d bytes of JSON" % (r.cpu, r.wall, r.peak, r.written), flush=True)
    return [("moat reach of 1,000: CPU s", r.cpu, 2)] if n == 1000 else []


def history(n):
    """A year of nightly runs, probes and restarts, in a file of its own; then every answer that moat history gives on it."""
    path = os.path.join(FLEETS, "history-%d.db" % n)
    for part in ("", "-wal", "-shm"):
        if os.path.exists(path + part):
            os.remove(path + part)
    made = Cost([tool("bench_store"), path, str(n), "365"])
    size = sum(os.path.getsize(path + part) for part in ("", "-wal", "-shm") if os.path.exists(path + part)) / 1e6
    print("\na year of nights of %d agents: %.1f MB, a night takes %.0f ms" % (n, size, made.wall * 1e3 / 365))
    verdicts = [("history: MB after a year", size, 200)]
    for args in (["runs"], ["runs", "-o", "csv"], ["findings"], ["findings", "100"], ["findings", "-o", "json"],
                 ["findings", "-o", "csv"], ["diff"], ["diff", "364", "1"], ["diff", "1", "365", "-o", "json"],
                 ["probes"], ["probes", "-o", "json"], ["probes", "-n", "agents-00007"], ["probes", "agents-00007/castor-0000007"],
                 ["actions"], ["actions", "-o", "json"]):
        best = min((Cost([MOAT, "history"] + args + ["--db", path]) for _ in range(RUNS)), key=lambda c: c.wall)
        what = "moat history " + " ".join(args)
        print("  %-40s %6.1f ms %9d bytes" % (what, best.wall * 1e3, best.written), flush=True)
        verdicts.append((what + ": ms", best.wall * 1e3, 100))
    return verdicts


def main():
    verdicts, flat, reached = [], {}, []
    os.makedirs(FLEETS, exist_ok=True)
    for n in SIZES:
        folder = fleet(n)
        flat[n], verdicts = audit(n, folder)
        verdicts += stages(folder)
        reached += reach(n, folder)
    verdicts += history(SIZES[-1])
    print("\nthe limits, at %d agents" % SIZES[-1])
    for what, value, limit in verdicts + reached:
        print("  %-50s %8.2f of %5.1f  %s" % (what, value, limit, "ok" if value <= limit else "MISSED"))
    if len(SIZES) > 1:
        for what, _, _, _ in INPUTS:
            print("  %-50s %8.2f" % (what + ": cost per agent, %d beside %d" % (SIZES[-1], SIZES[-2]),
                                     flat[SIZES[-1]][what] / SIZES[-1] / (flat[SIZES[-2]][what] / SIZES[-2])))


if __name__ == "__main__":
    main()
