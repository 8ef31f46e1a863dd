# SPDX-License-Identifier: Apache-2.0
"""Nodes with networks of their own, some walled, on the live server: exec in a pod runs in its node's network.

            node "drop" ──┐
            node "open" ──┼── hub ──┬── companions: CONNECT proxies at COMPANIONS, the cluster's DNS
            ...           ┘         └── outside: TARGETS, which answer, and what does not

Every box is a network namespace, held by this process and what it starts: nothing of the machine's own network is
changed, and all of it is gone when the process is, however it ends. Of a node there is a kwok that runs inside; threads
of this process carry its connections to and from the API server, for a socket stays in the namespace it was made in.
The hub is what a node's host is to a pod: it translates ClusterIPs (as kube-proxy does, publish()) and has the walls (as whatever
enforces policies does), after the translation. Needs root, ip of iproute2, nft of nftables, setpriv of util-linux.
"""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import cluster

# Outside: addresses that answer on TARGET_PORTS, one that refuses, one that is silent.
TARGETS = "1.1.1.1", "203.0.113.7"
TARGET_PORTS = 443, 80, 53
REFUSES, SILENT = "203.0.113.98", "203.0.113.99"
# What companions there are, each on POD_PORT of its address; publish() makes one of them a Service's.
COMPANIONS = {
    "good": "10.77.100.10",
    "refuses": "10.77.100.11",  # every CONNECT with a 403
    "dead": "10.77.100.12",  # nobody listens
    "silent": "10.77.100.13",  # takes the connection, and that is all
    "walled": "10.77.100.14",  # a good one that no wall lets through
    "garbage": "10.77.100.15",  # speaks, but not HTTP
}
POD_PORT, SERVICE_PORT = 8888, 3128
DNS = "10.77.100.53"
TAINT = "moat.dev/test-network"  # keeps all other pods away; live.sh's kwok leaves nodes with this label alone

NET = "/proc/thread-self/ns/net"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def system_call(function, *args):
    if function(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def why_not():
    """Why there can be no lab on this machine; None where there can."""
    missing = [name for name in ("ip", "nft", "setpriv") if not shutil.which(name)]
    if missing:
        return f"it takes {' and '.join(missing)} (Debian: iproute2, nftables, util-linux)"
    try:
        with contextlib.closing(Network()) as network, network.inside():
            subprocess.run(["nft", "add table ip try"], check=True, capture_output=True, text=True)
    except OSError as e:
        return f"no network namespace can be made here ({e.strerror}): it takes root"
    except subprocess.CalledProcessError as e:
        return f"nftables cannot be used here: {e.stderr.strip()}"
    return None


def machine(*without):
    """All programs of this machine but those: name to path."""
    folder = "/usr/bin"
    return {name: os.path.join(folder, name) for name in os.listdir(folder) if name not in without}


def busybox(*without):
    """What an image with nothing but BusyBox has."""
    path = shutil.which("busybox")
    names = subprocess.run([path, "--list"], check=True, capture_output=True, text=True).stdout.split()
    return {name: path for name in names if name not in without}


class Network:
    """A network namespace without a name: gone when nobody is in it any more and self.fd is closed."""

    def __init__(self):
        home = os.open(NET, os.O_RDONLY)
        system_call(libc.unshare, CLONE_NEWNET)
        try:
            self.fd = os.open(NET, os.O_RDONLY)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        finally:
            system_call(libc.setns, home, CLONE_NEWNET)
            os.close(home)

    def close(self):
        os.close(self.fd)

    @contextlib.contextmanager
    def inside(self):
        """What this thread does in the block, and the processes that it starts, is done in there."""
        home = os.open(NET, os.O_RDONLY)
        system_call(libc.setns, self.fd, CLONE_NEWNET)
        try:
            yield
        finally:
            system_call(libc.setns, home, CLONE_NEWNET)
            os.close(home)

    def run(self, *command, input=None):
        with self.inside():
            run = subprocess.run(command, input=input, capture_output=True, text=True)
        if run.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {run.stderr}\n{input or ''}")

    def set(self, sysctl, value):
        with self.inside(), open(f"/proc/sys/{sysctl}", "w", encoding="ascii") as f:
            f.write(str(value))

    def wire(self, name, hub, network, *addresses):
        """A cable to the hub, whose end there has that name: .1 there, .2 here, and these addresses beside it."""
        path = f"/proc/{os.getpid()}/fd/{hub.fd}"
        self.run("ip", "-batch", "-", input="\n".join([
            f"link add eth0 type veth peer name {name} netns {path}",
            f"addr add {network}.2/24 dev eth0", *(f"addr add {a} dev eth0" for a in addresses),
            "link set eth0 up", f"route add default via {network}.1"]))
        hub.run("ip", "-batch", "-", input=f"addr add {network}.1/24 dev {name}\nlink set {name} up")

    def connect(self, address, timeout=None):
        with self.inside():
            s = socket.socket()
        s.settimeout(timeout)
        try:
            s.connect(address)
        except OSError:
            s.close()
            raise
        s.settimeout(None)
        return s


class Home(Network):
    """The namespace that the test was started in."""

    def __init__(self):
        self.fd = os.open(NET, os.O_RDONLY)


def thread(function, *args):
    threading.Thread(target=function, args=args, daemon=True).start()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def join(a, b):
    """Passes bytes both ways until both sides have ended."""
    back = threading.Thread(target=pump, args=(b, a), daemon=True)
    back.start()
    pump(a, b)
    back.join()
    a.close()
    b.close()


class Lab:
    """walls: of each node "reject", "drop", "drop, but for TCP 53" or None. close() ends it, and so does the process."""

    def __init__(self, walls, execs):
        self.home, self.hub, self.outside, self.companions = Home(), Network(), Network(), Network()
        self.listeners, self.nodes = [], {}
        self.names = {}  # what the DNS knows: "pipelock-companion.research.svc.cluster.local": "10.96.7.7"
        self.dialled = []  # (from, to) of what came in outside, "203.0.113.7:443"
        self.asked = []  # (companion, "203.0.113.7:443") of what companions were asked for
        self.folder = os.path.join(cluster.WORK, "netlab")
        os.mkdir(self.folder)
        try:
            self._wire(walls)
            self._serve()
            for name in walls:
                self.nodes[name] = Node(self, name, execs)
            cluster.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *(f"node/{name}" for name in walls))
        except BaseException:
            self.close()
            raise

    def close(self):
        for node in self.nodes.values():
            node.close()
        cluster.kubectl("delete", "nodes", "-l", TAINT, "--ignore-not-found")
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for network in self.home, self.hub, self.outside, self.companions:
            network.close()
        shutil.rmtree(self.folder)

    def _wire(self, walls):
        addresses = *COMPANIONS.values(), DNS
        self.companions.wire("companions", self.hub, "10.77.100", *(f"{a}/24" for a in addresses))
        self.outside.wire("outside", self.hub, "10.77.200")
        for address in (*TARGETS, REFUSES):
            self.outside.run("ip", "addr", "add", address, "dev", "lo")
            self.hub.run("ip", "route", "add", address, "via", "10.77.200.2")
        self.hub.run("ip", "route", "add", "blackhole", SILENT)
        self.hub.set("net/ipv4/ip_forward", 1)
        self._nft(*(f"add chain ip hub wall-{name}" for name in walls),
                  "add chain ip hub services { type nat hook prerouting priority -100; }",
                  "add chain ip hub forward { type filter hook forward priority 0; }",
                  "add rule ip hub forward ct state established,related accept",
                  *(f'add rule ip hub forward iifname "{name}" jump wall-{name}' for name in walls))
        for name, wall in walls.items():
            self.wall(name, wall)

    def _nft(self, *commands):
        """All of them or none."""
        self.hub.run("nft", "-f", "-", input="\n".join(["add table ip hub", *commands, ""]))

    def publish(self, companion, *namespaces):
        """The Service pipelock-companion of these namespaces leads to that companion: what kube-proxy and the DNS do."""
        for namespace in namespaces:
            ip = cluster.kubectl("-n", namespace, "get", "service", "pipelock-companion", "-o", "jsonpath={.spec.clusterIP}")
            self._nft(f"add rule ip hub services ip daddr {ip} tcp dport {SERVICE_PORT} dnat to "
                      f"{COMPANIONS[companion]}:{POD_PORT}")
            self.names[f"pipelock-companion.{namespace}.svc.cluster.local"] = ip

    def wall(self, node, kind):
        """Puts that wall before a node, in place of what it had; connections that are open stay so."""
        rules = []
        if kind:
            let_through = ", ".join(address for name, address in COMPANIONS.items() if name != "walled")
            rules = [f"ip daddr {{ {let_through} }} tcp dport {POD_PORT} accept", f"ip daddr {DNS} udp dport 53 accept"]
            if "TCP 53" in kind:
                rules.append("tcp dport 53 accept")
            rules.append("reject with icmp port-unreachable" if kind == "reject" else "drop")
        self._nft(f"flush chain ip hub wall-{node}", *(f"add rule ip hub wall-{node} {rule}" for rule in rules))

    def listen(self, network, address, handle, *args):
        """handle(socket, peer, *args) in a thread for each connection; the address listened on."""
        with network.inside():
            listener = socket.create_server(address, backlog=256)
        self.listeners.append(listener)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    thread(handle, *listener.accept(), *args)
        thread(accept)
        return listener.getsockname()

    def _serve(self):
        for address in TARGETS:
            for port in TARGET_PORTS:
                self.listen(self.outside, (address, port), self._target, f"{address}:{port}", self._certificate(port))
        for name, address in COMPANIONS.items():
            if name != "dead":
                self.listen(self.companions, (address, POD_PORT), self._companion, name)
        with self.companions.inside():
            dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            dns.bind((DNS, 53))
        self.listeners.append(dns)
        thread(self._dns, dns)

    def _certificate(self, port):
        """What stands outside on 443 speaks TLS, with a certificate that nobody trusts."""
        if port != 443:
            return None
        path = os.path.join(self.folder, "outside.pem")
        if not os.path.exists(path):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-subj", "/CN=outside", "-days", "2", "-keyout", path, "-out", path + ".crt"],
                           check=True, capture_output=True)
            with open(path, "a", encoding="ascii") as f, open(path + ".crt", encoding="ascii") as crt:
                f.write(crt.read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _target(self, s, peer, name, tls):
        self.dialled.append((peer[0], name))
        with s, contextlib.suppress(OSError):
            s.settimeout(10)
            if tls:
                s = tls.wrap_socket(s, server_side=True)
            if not name.endswith(":53") and s.recv(4096):
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nhi\n")
            s.recv(4096)

    def _companion(self, s, _, name):
        with s, contextlib.suppress(OSError):
            s.settimeout(20)
            if name == "garbage":
                s.sendall(b"220 mail.example.com ESMTP\r\n")
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 8192 and (data := s.recv(4096)):
                head += data
            method, _, rest = head.decode("latin-1").partition(" ")
            target = rest.split(" ")[0]
            self.asked.append((name, target))
            if name == "silent":
                s.recv(1)  # until the other side gives up
            elif name == "refuses":
                self._answer(s, "403 Forbidden", "blocked: the destination is not allowed")
            elif name != "garbage":
                self._pass_on(s, method, target, head)

    @staticmethod
    def _answer(s, status, body):
        s.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())

    def _pass_on(self, s, method, target, head):
        """As Pipelock does: dials before it answers a CONNECT, and says 502 when that fails."""
        if method != "CONNECT":
            target = target.removeprefix("http://").split("/")[0]
        host, _, port = target.rpartition(":") if ":" in target else (target, "", "80")
        try:
            out = self.companions.connect((host, int(port)), timeout=2)
        except OSError as e:
            self._answer(s, "502 Bad Gateway", f"dial {target}: {e}")
            return
        if method == "CONNECT":
            s.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        else:
            out.sendall(head)
        join(s, out)

    def _dns(self, dns):
        with contextlib.suppress(OSError):
            while True:
                query, peer = dns.recvfrom(512)
                if not query:  # it was shut down
                    break
                labels, at = [], 12
                while query[at]:
                    labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
                    at += 1 + query[at]
                question = query[12:at + 5]
                address = self.names.get(".".join(labels).lower())
                answer = b""
                if address and struct.unpack("!H", question[-4:-2])[0] == 1:  # A
                    answer = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 5, 4, socket.inet_aton(address))
                flags = 0x8580 if address else 0x8583  # NXDOMAIN
                dns.sendto(query[:2] + struct.pack("!HHHHH", flags, 1, bool(answer), 0, 0) + question + answer, peer)


class Node:
    """A node: its network, the kwok inside, and the programs that its pods have, links in self.programs."""

    def __init__(self, lab, name, execs):
        number = len(lab.nodes) + 1
        self.network, self.kwok, self.address = Network(), None, f"10.77.{number}.2"
        self.network.wire(name, lab.hub, f"10.77.{number}")
        self.folder = os.path.join(lab.folder, name)
        self.programs = os.path.join(self.folder, "bin")
        os.makedirs(self.programs)
        self.image(machine())
        server = ("127.0.0.1", int(os.environ["CLUSTER_SERVER"].rpartition(":")[2]))
        lab.listen(self.network, server, lambda s, _: join(s, lab.home.connect(server)))
        kubelet = lab.listen(lab.home, ("127.0.0.1", 0), lambda s, _: join(s, self.network.connect(kubelet)))
        self._start(name, number, kubelet[1], execs)
        cluster.apply({"apiVersion": "v1", "kind": "Node",
                       "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, TAINT: name}},
                       "spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}]},
                       "status": {what: {"cpu": "999", "memory": "999Gi", "pods": "20000"}
                                  for what in ("allocatable", "capacity")}})

    def image(self, programs):
        """Pods have these programs from now on, and no other: a dict of machine() or busybox()."""
        shutil.rmtree(self.programs)
        os.mkdir(self.programs)
        for name, path in programs.items():
            os.symlink(path, os.path.join(self.programs, name))

    def _start(self, name, number, port, execs):
        config = [{"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration",
                   "options": {"manageSingleNode": name}}]
        for namespace, env in execs.items():
            config.append({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "ClusterExec", "metadata": {"name": namespace},
                           "spec": {"selector": {"matchNamespaces": [namespace]}, "execs": [{"local": {
                               "workDir": self.folder, "envs": [{"name": k, "value": v} for k, v in env.items()]}}]}})
        path = os.path.join(self.folder, "kwok.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write("\n---\n".join(json.dumps(document) for document in config))
        resolver = os.path.join(self.folder, "resolv.conf")
        with open(resolver, "w", encoding="ascii") as f:
            f.write(f"nameserver {DNS}\noptions timeout:1 attempts:2\n")
        # In a mount namespace with that resolv.conf; it dies when this process does.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "sh", "-c",
                   'mount --bind "$1" /etc/resolv.conf && shift && exec env -i "$@"', "sh", resolver,
                   f"PATH={self.programs}", "HOME=/", "LC_ALL=C.UTF-8", shutil.which("kwok"), "--config", path,
                   "--kubeconfig", os.path.join(cluster.STATE, "admin.kubeconfig"),
                   "--node-ip", "127.0.0.1", "--node-port", str(port), "--server-address", f"127.0.0.1:{port}",
                   "--tls-cert-file", f"{cluster.STATE}/pki/kwok.crt", "--tls-private-key-file",
                   f"{cluster.STATE}/pki/kwok.key", "--cidr", f"10.99.{100 + number}.0/24"]
        with self.network.inside(), open(os.path.join(cluster.STATE, f"kwok-{name}.log"), "wb") as log:
            self.kwok = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def close(self):
        if self.kwok:
            self.kwok.kill()
            self.kwok.wait()
        self.network.close()
