#!/usr/bin/env python3
"""Each method's own command, as a container would run it, in a network namespace: no wall, a wall that rejects, one that
drops; a live and a dead target; a companion that tunnels, one that refuses, a dead and a silent one. Takes root, unshare, ip
and nft; skipped where one is missing. The methods are those that this machine has."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["srcdir"], "tests"))
import tap  # noqa: E402

ONE = os.path.join(os.environ["builddir"], "tests/probe/probe_one")
HERE = os.path.abspath(__file__)
# In the namespace, all on the loopback device: 10.0.0.1 is the agent, 10.0.0.2 the companions, 10.0.0.3 a target.
TARGET, DEAD = "10.0.0.3:443", "10.0.0.4:443"
COMPANION = {"good": "10.0.0.2:8888", "refusing": "10.0.0.2:8889", "silent": "10.0.0.2:8890", "dead": "10.0.0.2:8891",
             "half-closed": "10.0.0.2:8892", "walled": "10.0.0.2:8893"}
RULES = {"none": "", "reject": "reject with icmp port-unreachable", "reset": "reject with tcp reset", "drop": "drop"}


def programs(*names):
    return {name: path for name in names if (path := shutil.which(name))}


def methods():
    """name: (as probe_one wants it, the programs that its PATH has)"""
    tools = programs("sh", "env", "getent", "sort", "sed", "sleep")
    found = {name: (name, programs(name)) for name in ("bash", "perl", "node") if programs(name)}
    found["python3"] = "python3", {"python3": "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable}
    for program in ("nc.openbsd", "nc.traditional", "ncat"):
        if path := shutil.which(program):
            found[program] = "nc", {**tools, "nc": path}
    if path := shutil.which("busybox"):
        applets = {name: path for name in ("sh", "env", "sort", "sed", "sleep", "nc")}
        found["busybox nc"] = "nc", {**tools, **applets}
    for program in ("curl", "wget"):
        if path := shutil.which(program):
            found[program] = "curl", {**tools, program: path}
    return found


# --- inside the namespace ---

def serve(ready):
    """The target, and the companions: small CONNECT proxies."""
    import socket
    import threading

    def listen(address, work):
        host, port = address.split(":")
        listener = socket.create_server((host, int(port)))

        def accept():
            while True:
                threading.Thread(target=work, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def until_gone(c):
        try:
            c.settimeout(30)
            while c.recv(4096):
                pass
        except OSError:
            pass
        c.close()

    def target(c):
        """What a TLS server does with what is no TLS it likes: an end."""
        try:
            c.settimeout(30)
            if c.recv(4096):
                c.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError:
            pass
        c.close()

    def read_head(c):
        head = b""
        while b"\r\n\r\n" not in head:
            some = c.recv(4096)
            if not some:
                sys.exit()
            head += some
        return head

    def companion(c, hang_up=False):
        head = read_head(c)
        host, port = head.split()[1].decode().split(":")
        if hang_up:  # as Go's server does: a client that has no more to say is gone
            c.settimeout(0.3)
            try:
                if not c.recv(1):
                    return c.close()
            except OSError:
                pass
        try:  # dials before it answers, from an address of its own
            s = socket.create_connection((host, int(port)), 0.5, ("10.0.0.2", 0))
        except OSError:
            c.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return c.close()
        c.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        threading.Thread(target=lambda: pump(s, c), daemon=True).start()
        pump(c, s)

    def pump(a, b):
        try:
            while data := a.recv(4096):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def refusing(c):
        read_head(c)
        c.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        c.close()

    listen(TARGET, target)
    listen("10.0.0.3:53", until_gone)
    listen(COMPANION["good"], companion)
    listen(COMPANION["walled"], companion)
    listen(COMPANION["refusing"], refusing)
    listen(COMPANION["silent"], until_gone)
    listen(COMPANION["half-closed"], lambda c: companion(c, True))
    os.write(ready, b"1")
    time.sleep(600)


def orphans(server):
    left = []
    with open(f"/proc/self/task/{os.getpid()}/children") as f:
        for pid in map(int, f.read().split()):
            if pid != server:
                with open(f"/proc/{pid}/stat") as stat:
                    left.append(" ".join(stat.read().split()[1:3]))
                os.kill(pid, 9)
                os.waitpid(pid, 0)
    return left


def kill_leaves(roots):
    """Those below these processes that have no children of their own: what a method started to make its attempt."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parents[int(pid)] = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    below = set(roots)
    for _ in range(10):
        below |= {pid for pid, parent in parents.items() if parent in below}
    for pid in below - set(roots) - set(parents.values()):
        os.kill(pid, 9)


def inside():
    """Sets the namespace up and answers lines of JSON [wall, kill, [argv, PATH]...]: what came of each, run side by side, and the
    processes that one of them left behind. Those come here, as in a container they go to its first process."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    run = lambda command: subprocess.run(command, shell=True, check=True)  # noqa: E731
    run("ip link set lo up; for i in 1 2 3; do ip address add 10.0.0.$i/32 dev lo; done; "
        "ip route add 10.0.0.4/32 dev lo src 10.0.0.1")
    a, b = os.pipe()
    server = os.fork()
    if server == 0:
        serve(b)
    os.read(a, 1)
    for line in sys.stdin:
        wall, kill, *commands = json.loads(line)
        rule = RULES[wall]
        # The agent is who has no address of the others; its companion alone may be reached, but for one of them.
        rules = ["flush ruleset", "add table ip t", "add chain ip t out { type filter hook output priority 0; }",
                 "add rule ip t out ip daddr 10.0.0.4 drop", *([f"add rule ip t out tcp dport 8893 {rule}"] if rule else []),
                 "add rule ip t out tcp sport { 443, 53, 8888-8893 } accept",
                 "add rule ip t out ip saddr 10.0.0.2 accept"]
        if rule:
            rules += [f"add rule ip t out tcp dport {{ 443, 53 }} {rule}"]
        run("nft '" + "; ".join(rules) + "'")
        children = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={
            "PATH": path, "HOME": "/nonexistent", "HTTPS_PROXY": "http://10.0.0.2:8888", "HTTP_PROXY": "http://10.0.0.2:8888",
            "https_proxy": "http://10.0.0.2:8888", "NO_PROXY": "localhost"}) for argv, path in commands]
        if kill:
            time.sleep(1)
            kill_leaves([child.pid for child in children])
        answers = [child.communicate()[0] for child in children]
        print(json.dumps([answers, orphans(server)]), flush=True)
    os.kill(server, 9)


# --- the tests ---

def why_not():
    missing = [name for name in ("unshare", "ip", "nft") if not shutil.which(name)]
    if missing:
        return f"no {' and '.join(missing)} on this machine"
    if subprocess.run(["unshare", "-n", "nft", "add table ip t"], capture_output=True).returncode:
        return "no right to make a network namespace with a packet filter"
    return None


REASON = None if sys.argv[1:] == ["inside"] else why_not()


@unittest.skipIf(REASON, REASON)
class Methods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.paths = {}
        for name, (_, tools) in methods().items():
            path = cls.paths[name] = os.path.join(cls.folder.name, name.replace(" ", "-"))
            os.mkdir(path)
            for tool, file in tools.items():
                os.symlink(file, os.path.join(path, tool))
        cls.space = subprocess.Popen(["unshare", "-n", sys.executable, HERE, "inside"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)

        cls.busybox_wget(os.path.join(cls.folder.name, "busybox-wget"))

    @classmethod
    def busybox_wget(cls, path):
        """Not among the others, for it can make no control. This build of it may know no -T."""
        if not (busybox := shutil.which("busybox")):
            return
        cls.paths["busybox wget"] = path
        os.mkdir(path)
        for tool in ("sh", "env", "sed", "sort"):
            os.symlink(busybox, os.path.join(path, tool))
        with open(os.path.join(path, "wget"), "w") as f:
            f.write(f'#!{busybox} sh\n[ "$1" != -T ] || shift 2\nexec {busybox} wget "$@"\n')
        os.chmod(os.path.join(path, "wget"), 0o755)

    @classmethod
    def tearDownClass(cls):
        cls.space.stdin.close()
        cls.space.wait(10)
        cls.folder.cleanup()

    def probe(self, names, wall, probe, target, companion, seconds=1, kill=False):
        to = COMPANION[companion] if companion else "-"
        kinds = {**{name: kind for name, (kind, _) in methods().items()}, "busybox wget": "curl"}
        commands = [([ONE, kinds[name], probe, target, to, str(seconds)], self.paths[name]) for name in names]
        self.space.stdin.write(json.dumps([wall, kill, *commands]) + "\n")
        self.space.stdin.flush()
        answers, left = json.loads(self.space.stdout.readline())
        self.assertEqual(left, [], (names, wall, probe, companion))
        return answers

    def every(self, verdict, control, words, *how):
        for name, out in zip(methods(), self.probe(list(methods()), *how)):
            with self.subTest(method=name, how=how):
                self.assertEqual(out.split()[1:3], [verdict, control], out)
                self.assertEqual(out.split()[0], "nc" if "nc" in name else name, out)
                self.assertIn(words, out)

    def test_no_wall(self):
        for probe in ("raw-tcp", "env-clear", "no-proxy"):
            self.every("open", "ok", ": connected", "none", probe, TARGET, "good")

    def test_wall_that_rejects(self):
        for probe in ("raw-tcp", "env-clear", "no-proxy"):
            self.every("blocked", "ok", ": refused", "reset", probe, TARGET, "good")
            # Refused too, or nothing at all: the kernel sends few such answers in a second.
            self.every("blocked", "ok", "", "reject", probe, TARGET, "good")

    def test_wall_that_drops(self):
        for probe in ("raw-tcp", "env-clear", "no-proxy"):
            self.every("blocked", "ok", "no answer within the time limit", "drop", probe, TARGET, "good")

    def test_dns(self):
        self.every("open", "ok", "10.0.0.3:53", "none", "dns-tcp", "10.0.0.3:53", "good")
        self.every("blocked", "ok", "reaches 10.0.0.3:443", "drop", "dns-tcp", "10.0.0.3:53", "good")

    def test_dead_target(self):
        self.every("inconclusive", "failed", "could not reach 10.0.0.4:443 (502)", "none", "raw-tcp", DEAD, "good")

    def test_companion_that_refuses(self):
        self.every("inconclusive", "failed", "refused CONNECT to 10.0.0.3:443 (403)", "drop", "raw-tcp", TARGET, "refusing")
        self.every("open", "failed", "(403)", "none", "no-proxy", TARGET, "refusing")

    def test_dead_companion(self):
        self.every("inconclusive", "failed", "10.0.0.2:8891 refused the connection", "drop", "raw-tcp", TARGET, "dead")

    def test_silent_companion(self):
        self.every("inconclusive", "failed", "took the CONNECT", "reject", "raw-tcp", TARGET, "silent")

    def test_companion_behind_a_wall(self):
        self.every("inconclusive", "failed", "cannot be reached from the pod", "drop", "raw-tcp", TARGET, "walled")

    def test_companion_that_hears_the_end_of_input(self):
        self.every("blocked", "ok", "reaches", "reject", "raw-tcp", TARGET, "half-closed")

    def test_client_that_is_killed(self):
        """By the kernel, of a container that is short of memory: it waited for an answer, and no wall is what ended it."""
        self.every("inconclusive", "ok", "it could not be made", "drop", "env-clear", TARGET, "good", 3, True)

    def test_no_control(self):
        self.every("inconclusive", "skipped", "without a control", "drop", "raw-tcp", TARGET, None)

    def test_busybox_wget(self):
        """It overlooks NO_PROXY: what answers then is the companion, and no way out."""
        if "busybox wget" not in self.paths:
            self.skipTest("no busybox on this machine")
        for probe, verdict, words in (("raw-tcp", "open", ": connected"), ("env-clear", "open", ": connected"),
                                      ("no-proxy", "inconclusive", "went to the companion all the same")):
            out = self.probe(["busybox wget"], "none", probe, TARGET, "refusing")[0]
            self.assertEqual(out.split()[:3], ["wget", verdict, "failed"], out)
            self.assertIn(words, out)

    def test_python_writes_nothing(self):
        """Its library in an image has no compiled files, and gets none."""
        python = methods()["python3"][1]["python3"]
        library = subprocess.run([python, "-c", "import os; print(os.path.dirname(os.__file__))"], check=True,
                                 capture_output=True, text=True).stdout.strip()
        prefix = os.path.join(self.folder.name, "image")
        copied = os.path.join(prefix, "lib", os.path.basename(library))
        shutil.copytree(library, copied, ignore=shutil.ignore_patterns("__pycache__", "test", "*-packages", "config-*"))
        os.mkdir(os.path.join(prefix, "bin"))
        shutil.copy(os.path.realpath(python), os.path.join(prefix, "bin", "python3"))
        self.paths["python3"], usual = os.path.join(prefix, "bin"), self.paths["python3"]
        self.addCleanup(self.paths.__setitem__, "python3", usual)
        for probe in ("raw-tcp", "env-clear", "no-proxy"):
            out = self.probe(["python3"], "reset", probe, TARGET, "good")[0]
            self.assertEqual(out.split()[:3], ["python3", "blocked", "ok"], out)
        self.assertEqual([path for path, *_ in os.walk(prefix) if path.endswith("__pycache__")], [])

    def test_takes_one_limit_not_a_sum(self):
        """Neither side answers."""
        for name in methods():
            with self.subTest(method=name):
                ms = int(self.probe([name], "drop", "raw-tcp", TARGET, "silent", 3)[0].split()[3])
                self.assertTrue(2000 <= ms <= 5500, ms)

    def test_a_name_that_cannot_be_resolved(self):
        self.every("inconclusive", "failed", "could not be resolved", "none", "raw-tcp", "nosuch.invalid:443", "good")


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        tap.main()
