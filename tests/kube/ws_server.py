#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An API server as far as exec, port-forward and logs go, good and bad: what it does is the name of the pod.

Prints its port, then lives until its stdin ends. The functions below that are named exec_POD, portforward_POD and
log_POD (- in a name is _ here) are the pods; the first line of each says what it plays. The pod "events" tells what
the server saw clients do: that is how a test asks whether a stream was closed well.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse

events = []
V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"


class Gone(Exception):
    """The client has closed the connection."""


class Request:
    def __init__(self, sock):
        self.sock = sock
        head = b""
        while b"\r\n\r\n" not in head:
            more = sock.recv(65536)
            if not more:
                raise Gone
            head += more
        head, self.rest = head.split(b"\r\n\r\n", 1)
        line, *headers = head.decode("latin-1").split("\r\n")
        target = urllib.parse.urlsplit(line.split(" ")[1])
        self.query = urllib.parse.parse_qs(target.query, keep_blank_values=True)
        parts = target.path.strip("/").split("/")
        self.namespace, self.pod, self.verb = parts[3], parts[5], parts[6] if len(parts) > 6 else "get"
        self.headers = {name.lower(): value.strip() for name, value in (h.split(":", 1) for h in headers)}

    def body(self):
        while len(self.rest) < int(self.headers.get("content-length", 0)):
            self.rest += self.sock.recv(65536)
        return json.loads(self.rest)

    def answer(self, status, body="", kind="text/plain", more=""):
        body = body.encode() if isinstance(body, str) else body
        self.sock.sendall(f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\n{more}"
                          f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def refuse(self, code, reason, message):
        self.answer(code, json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                                      "reason": reason, "message": message}), "application/json")


class Stream:
    """The server's side of a WebSocket."""

    def __init__(self, request, protocol=None, accept=None):
        self.sock, self.rest, self.pings = request.sock, request.rest, 0
        offered = [p.strip() for p in request.headers["sec-websocket-protocol"].split(",")]
        self.protocol = protocol or offered[0]
        if accept is None:
            key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        assert request.headers["upgrade"] == "websocket" and request.headers["sec-websocket-version"] == "13"
        self.raw(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {self.protocol}\r\n\r\n".encode())

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone from None

    def frame(self, opcode, data, fin=True):
        head = bytes([opcode | (0x80 if fin else 0)])
        if len(data) < 126:
            head += bytes([len(data)])
        elif len(data) < 65536:
            head += b"\x7e" + struct.pack(">H", len(data))
        else:
            head += b"\x7f" + struct.pack(">Q", len(data))
        return head + data

    def send(self, channel, data=b""):
        self.raw(self.frame(2, bytes([channel]) + data))

    def status(self, **fields):
        self.send(3, json.dumps({"metadata": {}, **fields}).encode())

    def exit(self, code, close=True):
        if code == 0:
            self.status(status="Success")
        else:
            self.status(status="Failure", reason="NonZeroExitCode",
                        message=f"command terminated with non-zero exit code: exit code {code}",
                        details={"causes": [{"reason": "ExitCode", "message": str(code)}]})
        if close:
            self.close()

    def close(self, code=1000, reason=b""):
        self.raw(self.frame(8, struct.pack(">H", code) + reason))

    def take(self, n):
        while len(self.rest) < n:
            more = self.sock.recv(65536)
            if not more:
                raise Gone
            self.rest += more
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def receive(self, pong=True):
        """The next message of the client, as (channel, data); pings are answered."""
        while True:
            first, second = self.take(2)
            if not second & 0x80:
                events.append("a frame without a mask")
            size = second & 0x7f
            if size == 126:
                size, = struct.unpack(">H", self.take(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.take(8))
            mask = self.take(4)
            data = bytes(b ^ mask[i & 3] for i, b in enumerate(self.take(size)))
            if first == 0x82:
                return data[0], data[1:]
            if first == 0x88:
                events.append(f"closed {int.from_bytes(data[:2], 'big')}")
                raise Gone
            if first == 0x89:
                self.pings += 1
                if pong:
                    self.raw(self.frame(10, data))

    def until_gone(self, pong=True):
        while True:
            self.receive(pong)


# --- exec ---

def exec_exit0(r):
    """Says what was to run, on stdout, and where, on stderr."""
    s = Stream(r)
    s.send(1)
    s.send(1, "\n".join(r.query["command"]).encode())
    s.send(2, r.query["container"][0].encode())
    s.exit(0)


def exec_exit7(r):
    s = Stream(r)
    s.send(1)
    s.exit(7)


def exec_signal(r):
    s = Stream(r)
    s.exit(137)


def exec_stdin(r):
    """Gives its input back once that has ended."""
    s, data = Stream(r), b""
    assert r.query["stdin"] == ["true"]
    while True:
        channel, some = s.receive()
        if (channel, some) == (255, b"\0"):
            break
        data += some
    for at in range(0, len(data), 32768):
        s.send(1, data[at:at + 32768])
    s.exit(0)


def exec_big(r):
    s = Stream(r)
    for _ in range(100):
        s.send(1, b"x" * 32768)
    s.send(2, b"end")
    s.exit(0)


def exec_noprog(r):
    s = Stream(r)
    s.send(1)
    s.status(status="Failure", reason="InternalError", code=500,
             message='Internal error occurred: exec: "nosuch": executable file not found in $PATH')
    s.close()


def exec_runtime(r):
    s = Stream(r)
    s.status(status="Failure", reason="InternalError", code=500, message="the runtime is \x1b[31mbroken")
    s.close()


def exec_old(r):
    """A server that knows only v4: it chooses that of the list."""
    s = Stream(r, V4)
    s.send(1, b"old")
    s.exit(0)


def exec_strict(r):
    """One that refuses a list which begins with a protocol that it does not know."""
    if r.headers["sec-websocket-protocol"] != V4:
        r.answer(403)
        return
    exec_old(r)


def exec_older(r):
    r.answer(403)


def exec_renewed(r):
    """Takes the second credential."""
    if r.headers.get("authorization") == "Bearer fresh":
        exec_exit0(r)
    else:
        r.refuse(401, "Unauthorized", "Unauthorized")


def exec_unauthorized(r):
    events.append("401")
    r.refuse(401, "Unauthorized", "Unauthorized")


def exec_forbidden(r):
    r.refuse(403, "Forbidden", 'pods "x" is forbidden: User "eve" cannot create resource "pods/exec"')


def exec_half_allowed(r):
    """What a server says to who may get pods/exec and not create it."""
    r.refuse(403, "Forbidden", 'pods "x" is forbidden: ')


def exec_wrong_container(r):
    r.refuse(400, "BadRequest", "container nope is not valid for pod x")


def exec_no_pod(r):
    r.refuse(404, "NotFound", 'pods "x" not found')


def exec_not_running(r):
    """As the kubelet says it: plain text, and the end of the connection is the end of the text."""
    r.sock.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n"
                   b'container not found ("x")\n')


def exec_endless_refusal(r):
    """A refusal that never ends."""
    r.sock.sendall(b"HTTP/1.1 503 x\r\n\r\nno node")
    r.sock.recv(1)


def exec_moved(r):
    r.answer(302, "", more="Location: https://elsewhere/\r\n")


def exec_mute(r):
    """Does not answer the upgrade."""
    r.sock.recv(1)
    events.append("mute one left")


def exec_dead(r):
    """Opens, then neither says a thing nor answers pings."""
    Stream(r).until_gone(pong=False)


def exec_pinged(r):
    """Waits for five pings."""
    s = Stream(r)
    while s.pings < 5:
        s.sock.settimeout(10)
        s.rest += s.sock.recv(65536)
        while len(s.rest) >= 6 and s.rest[0] == 0x89:
            s.rest = s.rest[6:]
            s.pings += 1
            s.raw(s.frame(10, b""))
    s.exit(0)


def exec_busy(r):
    """Talks all the time, for half a second; a ping in between is a bad end."""
    s = Stream(r)
    s.sock.settimeout(0.001)
    for _ in range(50):
        s.send(1, b"x")
        time.sleep(0.01)
    try:
        pinged = bool(s.sock.recv(1))
    except socket.timeout:
        pinged = False
    s.close(1011 if pinged else 1000)


def exec_asleep(r):
    """A command that does not end; the server answers pings."""
    s = Stream(r)
    s.send(1, b"so far")
    s.until_gone()


def exec_cut(r):
    """The connection ends in the middle of a frame."""
    s = Stream(r)
    s.send(1, b"whole")
    s.raw(b"\x82\x7e\x10\x00\x01half")


def exec_reset(r):
    s = Stream(r)
    s.raw(b"\x82\x7e\x10\x00\x01half")
    s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def exec_garbage(r):
    Stream(r).raw(b"\xff" * 1000)


def exec_text(r):
    s = Stream(r)
    s.raw(s.frame(1, b"1text"))
    s.until_gone()


def exec_no_websocket(r):
    r.sock.sendall(b"220 mail.example.org ESMTP\r\n")
    r.sock.recv(1)


def exec_wrong_accept(r):
    Stream(r, accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    r.sock.recv(1)


def exec_closes(r):
    """A good end, but the command's status never came."""
    Stream(r).close()


def exec_fails(r):
    Stream(r).close(1011, b"node went away")


def exec_leaves(r):
    """The status, then the connection ends without a close frame."""
    Stream(r).exit(5, close=False)


def exec_lingers(r):
    """The status, then nothing."""
    s = Stream(r)
    s.exit(6, close=False)
    s.until_gone()


def exec_bad_status(r):
    s = Stream(r)
    s.send(3, b"not JSON \x1b[2J")
    s.close()


def exec_unknown_channels(r):
    s = Stream(r)
    s.send(9, b"later")
    s.send(255, b"\1")
    s.send(1, b"out")
    s.exit(0)


def exec_slow(r):
    """Byte by byte, in fragments, pings between them."""
    s = Stream(r)
    data = (s.frame(2, b"\1on", fin=False) + s.frame(9, b"ping") + s.frame(0, b"e ", fin=False)
            + s.frame(0, b"piece") + s.frame(2, b'\3{"status":"Success"}') + s.frame(8, b"\3\xe8"))
    for b in data:
        s.raw(bytes([b]))
        time.sleep(0.002)


def exec_events(r):
    """What clients did so far."""
    s = Stream(r)
    s.send(1, "\n".join(events).encode())
    s.exit(0)


# --- exec of a probe ---

def probe(r):
    """What the program is asked: the method, and the kind of probe."""
    command = r.query["command"]
    method = command[0]
    if method == "sh":
        method = "nc" if "methods=nc" in command[2] else "curl"
    events.append(f"{r.pod} {method} {command[-8]}")
    return method, command[-8]


def answer_probe(r, attempt="failed ECONNREFUSED", control="200", methods=("python3",), more="", status=True):
    method, kind = probe(r)
    s = Stream(r)
    if method not in methods:
        s.status(status="Failure", reason="InternalError",
                 message=f'exec: "{method}": executable file not found in $PATH')
        s.close()
        return
    out = f"Welcome!\nmoat-probe method={method}\n"
    if kind != "look":
        out += f"moat-probe attempt={attempt}\n" + (f"moat-probe control={control}\n" if control else "") + more
    s.send(1, out.encode())
    if status:
        s.exit(0)
    else:
        s.close()


def exec_probe_blocked(r):
    answer_probe(r)


def exec_probe_open(r):
    answer_probe(r, "connected")


def exec_probe_curl_only(r):
    """An image with curl alone; its sh says nothing where nc is not."""
    method, _ = probe(r)
    if method == "nc":
        s = Stream(r)
        s.exit(0)
        return
    events.pop()
    answer_probe(r, "connected", methods=("curl",))


def exec_probe_nothing(r):
    answer_probe(r, methods=())


def exec_probe_babble(r):
    answer_probe(r, control=None)


def exec_probe_lies(r):
    answer_probe(r, more="moat-probe attempt=connected\n")


def exec_probe_flood(r):
    answer_probe(r, more="x" * 20000)


def exec_probe_dead_companion(r):
    answer_probe(r, control="failed ECONNREFUSED")


def exec_probe_no_status(r):
    answer_probe(r, status=False)


def exec_probe_lost_once(r):
    """The connection is reset, the first time."""
    if "lost" not in events:
        events.append("lost")
        r.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        r.sock.close()
        return
    answer_probe(r)


settled = set()


def exec_probe_settles(r):
    """Lets everything out, the first time."""
    kind = r.query["command"][-8]
    first = kind != "look" and kind not in settled
    if first:
        settled.add(kind)
    answer_probe(r, "connected" if first else "timeout")


def exec_probe_gone(r):
    """Lets everything out the first time, and says nothing that can be read from then on."""
    kind = r.query["command"][-8]
    first = kind != "look" and "gone" not in settled
    if first:
        settled.add("gone")
    answer_probe(r, "connected" if first or kind == "look" else "nonsense")


def exec_probe_ephemeral(r):
    """No method in the container, nc in the one that is added."""
    answer_probe(r, methods=("nc",) if r.query["container"][0].startswith("moat-probe-") else ())


added = {}


def pod_with(r, state):
    name, image = added.get(r.pod, (None, None))
    containers = [{"name": name, "image": image}] if name else []
    statuses = [{"name": name, "state": state}] if name else []
    r.answer(200, json.dumps({"metadata": {"name": r.pod}, "spec": {"ephemeralContainers": containers},
                              "status": {"ephemeralContainerStatuses": statuses}}), "application/json",
             "Connection: close\r\n")


def add_container(r):
    container = r.body()["spec"]["ephemeralContainers"][0]
    security = container["securityContext"]
    assert r.headers["content-type"] == "application/strategic-merge-patch+json"
    assert security["capabilities"] == {"drop": ["ALL"]} and security["privileged"] is False
    assert security["runAsNonRoot"] is True and security["allowPrivilegeEscalation"] is False
    assert "targetContainerName" not in container and "restartPolicy" not in container
    added[r.pod] = container["name"], container["image"]


def ephemeralcontainers_probe_ephemeral(r):
    add_container(r)
    get_probe_ephemeral(r)


def get_probe_ephemeral(r):
    pod_with(r, {"running": {}})


exec_probe_no_patch = exec_probe_bad_image = exec_probe_nothing


def get_probe_no_patch(r):
    pod_with(r, {})


def ephemeralcontainers_probe_no_patch(r):
    r.refuse(403, "Forbidden", 'cannot patch resource "pods/ephemeralcontainers"')


get_probe_nothing, ephemeralcontainers_probe_nothing = get_probe_no_patch, ephemeralcontainers_probe_no_patch


def ephemeralcontainers_probe_bad_image(r):
    add_container(r)
    get_probe_bad_image(r)


def get_probe_bad_image(r):
    pod_with(r, {"terminated": {"exitCode": 1}})


# --- port-forward ---

class Forward(Stream):
    def __init__(self, r):
        super().__init__(r)
        assert self.protocol == V4
        self.port = struct.pack("<H", int(r.query["ports"][0]))
        self.send(0, self.port)
        self.send(1, self.port)

    def request(self):
        data = b""
        while b"\r\n\r\n" not in data:
            channel, some = self.receive()
            assert channel == 0
            data += some
        return data

    def answer(self, data, end=True):
        self.request()
        self.send(0, data)
        if end:
            self.close()


def portforward_health(r):
    """Says what it was asked."""
    f = Forward(r)
    body = f.request()
    f.send(0, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    f.until_gone()


def portforward_chunked(r):
    Forward(r).answer(b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsick\r\n4\r\nness\r\n0\r\n\r\n")


def portforward_until_close(r):
    Forward(r).answer(b"HTTP/1.0 200 OK\r\n\r\nall of it")


def portforward_bytewise(r):
    f = Forward(r)
    f.request()
    for b in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello":
        f.send(0, bytes([b]))
    f.until_gone()


def portforward_large(r):
    Forward(r).answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70000)


def portforward_cut(r):
    Forward(r).answer(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello")


def portforward_no_answer(r):
    Forward(r).answer(b"")


def portforward_garbage(r):
    Forward(r).answer(b"\1\2\3\r\n" * 100)


def portforward_closed(r):
    """Nothing listens there."""
    f = Forward(r)
    f.send(1, b"error forwarding port 8888 to pod x: connect: connection refused\n")
    f.until_gone()


def portforward_mute(r):
    Forward(r).until_gone()


def portforward_other_port(r):
    s = Stream(r)
    s.send(0, b"\1\0")
    s.send(0, b"HTTP/1.1 200 OK\r\n")
    s.until_gone()


def portforward_forbidden(r):
    r.refuse(403, "Forbidden", "no pods/portforward for you")


# --- logs ---

def log_query(r):
    """The query, a line a parameter."""
    r.answer(200, "".join(f"{name}={value[0]}\n" for name, value in sorted(r.query.items())))


def log_unended(r):
    r.answer(200, "one\n\ntwo")


def log_long(r):
    r.answer(200, "a" * 65536 + "\n" + "b" * 65537 + "\n" + "c" * 200000)


def log_endless(r):
    """A log that goes on and on."""
    r.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    try:
        n = 0
        while True:
            r.sock.sendall(f"line {n}\n".encode())
            n += 1
    except OSError:
        events.append("log left")


def log_follow(r):
    """Parts of lines, with pauses."""
    r.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for part in (b"o", b"ne\ntw", b"o\n", b"three"):
        r.sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        time.sleep(0.05)
    r.sock.sendall(b"0\r\n\r\n")


def log_cut(r):
    r.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none\ntw")


def log_broken(r):
    events.append("log asked")
    r.answer(500, "the runtime has lost the file")


def log_none(r):
    r.refuse(404, "NotFound", 'pods "x" not found')


def log_no_previous(r):
    r.refuse(400, "BadRequest", 'previous terminated container "c" in pod "x" not found')


def serve(sock):
    try:
        request = Request(sock)
        globals()[f"{request.verb}_{request.pod.replace('-', '_')}"](request)
    except (Gone, ConnectionError, socket.timeout):
        pass
    finally:
        try:
            # Not at once: what is unread would turn the end into a reset, and undo what was sent.
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(5)
            while sock.recv(65536):
                pass
        except OSError:
            pass
        sock.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
