#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TLS proxy between moat and the API server that breaks what a test tells it to break, and counts the requests.

    with Proxy() as proxy:
        proxy.fault(r"/pods\\?", status=503, headers={"Retry-After": "1"}, times=2)
        moat("audit", kubeconfig=proxy.kubeconfig(token))
        proxy.count("LIST", "pods")

It shows the server's own certificate and speaks HTTP/1.1 alone, a thread a connection. A client certificate ends here,
so its users have tokens. Upgraded connections are passed through as bytes. By hand, `proxy.py` prints a kubeconfig's
name, takes faults as JSON from stdin, a line each ({"path": "/pods", "cut": 100}), and prints every request.
"""

import http.client
import io
import json
import os
import re
import select
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
           429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}
COLLECTION = re.compile(r"^/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/([^/]+)$")
OBJECT = re.compile(r"^/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/([^/]+)/[^/]+(?:/.*)?$")
DISCOVERY = re.compile(r"^/(?:version|openapi.*|api|apis|api/v1|apis/[^/]+(?:/[^/]+)?)$")
HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "te", "trailer"}


def status_body(code, message="made up by the test", **more):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": REASONS.get(code, ""), "code": code, **more}


def rv_too_large():
    """What a server says that has not seen that resourceVersion yet, with status 504."""
    return status_body(504, "Too large resource version: 9999, current: 1", details={
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1})


def error_event(code=410, message="too old resource version: 1 (2)"):
    return json.dumps({"type": "ERROR", "object": status_body(code, message)}).encode() + b"\n"


class Request:
    """One request as it came: kind is LIST, WATCH, GET, DISCOVERY or the method."""

    def __init__(self, method, target, headers):
        self.method, self.target, self.headers = method, target, headers
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.status = None  # of the answer; None until there is one
        self.time = time.monotonic()
        self.open = True
        found = COLLECTION.match(self.path) or OBJECT.match(self.path)
        self.resource = found[1] if found else ""
        if self.path.startswith("/api/v1/namespaces/") and self.path.count("/") == 4:
            self.resource = "namespaces"
        self.kind = self._kind()

    def _kind(self):
        if self.method != "GET":
            return self.method
        if DISCOVERY.match(self.path):
            return "DISCOVERY"
        if self.query.get("watch") in ("1", "true"):
            return "WATCH"
        collection = COLLECTION.match(self.path) and self.resource == COLLECTION.match(self.path)[1]
        return "LIST" if collection else "GET"

    def __str__(self):
        return f"{self.kind} {self.target} {self.status}"


class Fault:
    """
    What is done to requests whose target (path and query) the pattern is found in.

    Instead of the server's answer:
      drop=True        the connection is closed without a byte       status=N  with a Status body, or body=, and headers=
      raw=bytes        these bytes, no HTTP, then the end            stall=-1  no answer, the connection stays
      body=bytes       a good answer with this body
    In the server's answer, counted in bytes of its body:
      cut=N            the connection breaks after N                 stall=N   nothing more after N, it stays open
      truncate=N       it ends well-formed after N                   corrupt=N the byte at N is turned into another
      insert=bytes     put in front of the body (a watch's event)    gap=S     S seconds before each piece
    and delay=S waits before anything.
    """

    def __init__(self, path, method=None, kind=None, times=None, skip=0, **what):
        known = {"drop", "status", "headers", "raw", "body", "stall", "cut", "truncate", "corrupt", "insert", "gap", "delay"}
        if not what or set(what) - known:
            raise ValueError(f"not a fault: {what}")
        self.path, self.method, self.kind, self.times, self.skip = re.compile(path), method, kind, times, skip
        self.what = what
        self.hits = 0  # requests that it was done to

    def takes(self, request):
        if self.method not in (None, request.method) or self.kind not in (None, request.kind):
            return False
        if not self.path.search(request.target) or self.times is not None and self.hits >= self.times:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True


class Broken(Exception):
    """The connection ends here."""


class Upstream:
    """A connection to the API server. It gives up as soon as the client that it asks for has gone."""

    def __init__(self, context, address):
        host, port = address.split(":")
        self.address = address
        self.socket = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
        self.data = b""

    def close(self):
        self.socket.close()

    def _more(self, client):
        while not self.socket.pending():
            ready = select.select([self.socket, client], [], [])[0]
            if self.socket in ready:
                break
            if not client.pending() and not client.recv(1):
                raise Broken
        data = self.socket.recv(65536)
        if not data:
            raise Broken
        self.data += data

    def _line(self, client, end=b"\r\n"):
        while end not in self.data:
            self._more(client)
        line, _, self.data = self.data.partition(end)
        return line

    def ask(self, method, target, headers, body, client):
        """Status, reason, headers, and the body's pieces as they come; those have to be taken before the next."""
        self.socket.sendall(f"{method} {target} HTTP/1.1\r\n".encode() +
                            "".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode("latin-1") + b"\r\n" + (body or b""))
        first, _, rest = self._line(client, b"\r\n\r\n").partition(b"\r\n")
        _, status, reason = first.decode().split(" ", 2)
        got = http.client.parse_headers(io.BytesIO(rest + b"\r\n\r\n"))
        pieces = self._chunks(client) if got.get("transfer-encoding") == "chunked" else self._bytes(
            client, int(got.get("content-length", 0)))
        return int(status), reason, got, pieces

    def _bytes(self, client, left):
        while left:
            if not self.data:
                self._more(client)
            piece, self.data = self.data[:left], self.data[left:]
            left -= len(piece)
            yield piece

    def _chunks(self, client):
        while (size := int(self._line(client), 16)):
            yield from self._bytes(client, size)
            self._line(client)
        self._line(client)


class Proxy:
    def __init__(self, host="127.0.0.1"):
        state = os.environ["CLUSTER_STATE"]
        self.upstream = os.environ["CLUSTER_SERVER"].split("//")[1]
        self.ca = f"{state}/pki/ca.crt"
        self.client = ssl.create_default_context(cafile=self.ca)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{state}/pki/apiserver.crt", f"{state}/pki/apiserver.key")
        self.context.set_alpn_protocols(["http/1.1"])
        self.host, self.port = host, 0
        self.lock = threading.RLock()
        self.requests, self.faults, self.sockets = [], [], set()
        self.hanging = threading.Event()
        self.report = None  # called with each answered request
        self.listener = None
        self.files = tempfile.TemporaryDirectory()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()
        self.files.cleanup()

    # --- what a test does ---

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    def kubeconfig(self, token=None, user=None, cluster=None):
        """A file for this proxy; `user` and `cluster` are fields beside or in place of the usual ones."""
        cluster = {"server": self.url, "certificate-authority": self.ca, **(cluster or {})}
        return write_kubeconfig(tempfile.mkstemp(dir=self.files.name)[1], cluster, user or {"token": token})

    def fault(self, path, **what):
        with self.lock:
            self.faults.append(Fault(path, **what))
            return self.faults[-1]

    def heal(self):
        with self.lock:
            self.faults.clear()

    def stop(self):
        """As if the server had ended: connections break, new ones are refused. start() brings it back on its port."""
        with self.lock:
            listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_all()

    def start(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut_all(self):
        """Breaks every connection; new ones are taken."""
        with self.lock:
            for s in list(self.sockets):
                try:
                    socket.socket.shutdown(s, socket.SHUT_RDWR)
                except OSError:
                    pass

    def hang(self, on=True):
        """As if the network had gone away: not a byte passes, no connection ends."""
        self.hanging.set() if on else self.hanging.clear()

    def seen(self, kind=None, resource=None, since=0):
        with self.lock:
            return [r for r in self.requests[since:]
                    if kind in (None, r.kind) and resource in (None, r.resource)]

    def count(self, kind=None, resource=None, since=0):
        return len(self.seen(kind, resource, since))

    def mark(self):
        """A place in the requests, for `since`."""
        with self.lock:
            return len(self.requests)

    def watches(self):
        """Watches that are open now."""
        return [r for r in self.seen("WATCH") if r.open and r.status == 200]

    # --- a connection ---

    def _accept(self, listener):
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(plain,), daemon=True).start()

    def _connection(self, plain):
        try:
            plain.settimeout(20)
            s = self.context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        s.settimeout(None)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.sockets.add(s)
        upstream = [None]
        try:
            with s.makefile("rb") as reader:
                while self._exchange(s, reader, upstream):
                    pass
        except (OSError, Broken, ValueError, http.client.HTTPException):
            pass
        finally:
            with self.lock:
                self.sockets.discard(s)
            s.close()
            if upstream[0]:
                upstream[0].close()

    def _exchange(self, s, reader, upstream):
        line = reader.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = http.client.parse_headers(reader)
        body = self._body(reader, headers)
        request = Request(line[0], line[1], headers)
        with self.lock:
            fault = next((f for f in self.faults if f.takes(request)), None)
            self.requests.append(request)
        self._pause()
        try:
            what = fault.what if fault else {}
            time.sleep(what.get("delay", 0))
            if "upgrade" in headers.get("connection", "").lower() and "status" not in what:
                self._tunnel(s, request, what)
                return False
            if self._instead(s, request, what):
                return True
            return self._forward(s, request, body, what, upstream)
        finally:
            request.open = False
            if self.report:
                self.report(request)

    @staticmethod
    def _body(reader, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while (size := int(reader.readline().split(b";")[0], 16)):
                body += reader.read(size)
                reader.readline()
            reader.readline()
            return body
        length = int(headers.get("content-length", 0))
        return reader.read(length) if length else None

    def _pause(self):
        while self.hanging.is_set():
            time.sleep(0.05)

    @staticmethod
    def _wait_for_end(s):
        """Says nothing until the client goes away."""
        s.settimeout(None)
        while s.recv(65536):
            pass
        raise Broken

    def _instead(self, s, request, what):
        if what.get("drop"):
            raise Broken
        if "raw" in what:
            s.sendall(what["raw"])
            raise Broken
        if what.get("stall") == -1:
            self._wait_for_end(s)
        if "status" not in what and "body" not in what:
            return False
        request.status = what.get("status", 200)
        body = what.get("body", status_body(request.status))
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": len(body), **what.get("headers", {})}
        self._head(s, request.status, "made up", headers)
        s.sendall(body)
        return True

    @staticmethod
    def _head(s, status, reason, headers):
        s.sendall((f"HTTP/1.1 {status} {reason}\r\n" +
                   "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode("latin-1"))

    def _forward(self, s, request, body, what, upstream):
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP}
        if body is not None:
            headers["Content-Length"] = str(len(body))
        if upstream[0] is None:
            upstream[0] = Upstream(self.client, self.upstream)
        status, reason, got, pieces = upstream[0].ask(request.method, request.target, headers, body, s)
        request.status = status
        kept = {k: v for k, v in got.items() if k.lower() not in HOP and k.lower() != "content-length"}
        if status in (204, 304):
            self._head(s, status, reason, kept)
            return True
        self._head(s, status, reason, {**kept, "Transfer-Encoding": "chunked"})
        self._copy(s, pieces, what)
        return True

    def _copy(self, s, pieces, what):
        """The body, as chunks, with what is to happen to it."""
        limit = next((what[k] for k in ("cut", "stall", "truncate") if k in what), None)
        self._chunk(s, what.get("insert"))
        at = 0
        for data in pieces:
            self._pause()
            time.sleep(what.get("gap", 0))
            place = what.get("corrupt", -1) - at
            if 0 <= place < len(data):
                data = data[:place] + bytes([data[place] ^ 0x5a]) + data[place + 1:]
            if limit is not None and at + len(data) >= limit:
                self._chunk(s, data[:limit - at])
                if "stall" in what:
                    self._wait_for_end(s)
                if "truncate" in what:
                    s.sendall(b"0\r\n\r\n")
                raise Broken
            self._chunk(s, data)
            at += len(data)
        s.sendall(b"0\r\n\r\n")

    @staticmethod
    def _chunk(s, data):
        if data:
            s.sendall(b"%x\r\n" % len(data) + data + b"\r\n")

    def _tunnel(self, s, request, what):
        if what.get("drop"):
            raise Broken
        if what.get("stall") == -1:
            self._wait_for_end(s)
        host, port = self.upstream.split(":")
        with self.client.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host) as there:
            there.sendall((f"{request.method} {request.target} HTTP/1.1\r\n" +
                           "".join(f"{k}: {v}\r\n" for k, v in request.headers.items()) + "\r\n").encode("latin-1"))
            request.status = 101
            sent = 0
            while True:
                if not s.pending() and not there.pending():
                    select.select([s, there], [], [])
                self._pause()
                for one, other in ((s, there), (there, s)):
                    if not one.pending() and not select.select([one], [], [], 0)[0]:
                        continue
                    data = one.recv(65536)
                    if not data:
                        return
                    if one is there:
                        if "cut" in what and sent + len(data) >= what["cut"]:
                            s.sendall(data[:what["cut"] - sent])
                            raise Broken
                        if "stall" in what and sent + len(data) >= what["stall"]:
                            self._wait_for_end(s)
                        if sent <= what.get("corrupt", -1) < sent + len(data):
                            place = what["corrupt"] - sent
                            data = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1:]
                        sent += len(data)
                    other.sendall(data)


class ConnectProxy:
    """A plain HTTP proxy that does CONNECT, to this machine whatever the name; `targets` names what was asked for."""

    def __init__(self):
        self.targets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        with s:
            head = b""
            while b"\r\n\r\n" not in head and (data := s.recv(1)):
                head += data
            method, target, _ = (head.decode("latin-1").splitlines() or [""])[0].split(" ")
            if method != "CONNECT":
                return
            self.targets.append(target)
            port = target.rpartition(":")[2]
            with socket.create_connection(("127.0.0.1", int(port))) as there:
                s.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    for one in select.select([s, there], [], [])[0]:
                        data = one.recv(65536)
                        if not data:
                            return
                        (there if one is s else s).sendall(data)


def write_kubeconfig(path, cluster, user):
    """One context, `test`. JSON is YAML."""
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "test",
                   "clusters": [{"name": "test", "cluster": cluster}],
                   "users": [{"name": "test", "user": user}],
                   "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]},
                  out, indent=1)
    return path


def main():
    with Proxy() as proxy:
        proxy.report = lambda request: print(request, flush=True)
        print(f"export KUBECONFIG={proxy.kubeconfig(os.environ['CLUSTER_TOKEN'])}", flush=True)
        for line in sys.stdin:
            what = json.loads(line)
            proxy.fault(**what) if what else proxy.heal()


if __name__ == "__main__":
    main()
