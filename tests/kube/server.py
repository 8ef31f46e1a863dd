#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted HTTP/1.1 server for the unit tests: server.py SCRIPT.json

The script is a list of routes, or {"tls": true, "client_ca": true, "routes": [...]}; "certificate" names another of
pki/ than "server", "mute" says nothing to anybody, TLS handshake and all. A request is answered by the first route that
fits and is not used up. A route has

  method, path        regular expressions for all of it, the path with its query; without: any
  header              {"Authorization": "Bearer fresh"}: regular expressions that the request's headers have to fit
  times               answers so many requests, then is used up
  status, headers     200; {"Retry-After": "1", "Warning": ["one", "two"]}
  body                text, or JSON, which is written out; "bodyfile" (beside the script), "fill": N for N bytes of x
  chunks              in place of the body, chunked: [text or JSON, {"wait_ms": 50}, ...]; JSON gets a newline (a watch)
  gzip, chunked       compress the body; send it in chunks instead of with a Content-Length
  length              a Content-Length that is not the body's
  delay_ms            before the answer
  cut_after           close the connection after so many bytes of the body
  stall_after         send nothing more after so many bytes of the body, until the client goes; 0: after the headers
  stall               say nothing at all, until the client goes
  reset, drop         end the connection without an answer: by a TCP reset, by closing it
  raw                 send these very characters (latin-1) and close, in place of an answer
  close               "Connection: close" and close after it
  tunnel              for CONNECT: true goes where the client says, "host:port" there; socks does the same for SOCKS5

Nothing fits: 404 with a text that says so. GET /_stats answers {"connections", "open", "requests": [{"method", "path",
"headers", "body", "connection"}]}, itself not counted. The port is the first line on stdout; it ends when stdin does.
"""
import gzip
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time

REASONS = {200: "OK", 201: "Created", 301: "Moved Permanently", 307: "Temporary Redirect", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 410: "Gone",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
           504: "Gateway Timeout"}
PKI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pki")


class Gone(Exception):
    """The connection is to be closed."""


class Server:
    def __init__(self, script, folder):
        self.folder = folder
        self.options = script if isinstance(script, dict) else {"routes": script}
        self.routes = self.options["routes"]
        self.left = [r.get("times", -1) for r in self.routes]
        self.lock = threading.Lock()
        self.connections = self.open = 0
        self.requests = []
        self.tls = self.make_tls() if self.options.get("tls") else None

    def make_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = self.options.get("certificate", "server")
        context.load_cert_chain(os.path.join(PKI, name + ".crt"), os.path.join(PKI, name + ".key"))
        if self.options.get("client_ca"):
            context.load_verify_locations(os.path.join(PKI, "ca.crt"))
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def serve(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()
        os.read(0, 1)
        os._exit(0) # whatever its threads are waiting for

    def accept(self, listener):
        while True:
            client, _ = listener.accept()
            with self.lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self.run, args=(client, number), daemon=True).start()

    def run(self, client, number):
        with self.lock:
            self.open += 1
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Connection(self, client, number).run()
        except (Gone, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open -= 1

    def route(self, method, path, headers):
        with self.lock:
            for i, route in enumerate(self.routes):
                if self.left[i] and fits(route, method, path, headers):
                    self.left[i] -= 1
                    return route
        return {"status": 404, "body": f"the script has no answer to {method} {path}"}

    def stats(self):
        with self.lock:
            return {"body": {"connections": self.connections, "open": self.open, "requests": self.requests}}


def fits(route, method, path, headers):
    return (re.fullmatch(route.get("method", ".*"), method) and re.fullmatch(route.get("path", ".*"), path) and
            all(re.fullmatch(want, headers.get(name.lower(), "")) for name, want in route.get("header", {}).items()))


class Connection:
    def __init__(self, server, client, number):
        self.server, self.raw, self.number = server, client, number
        self.socket = client
        if server.tls:
            self.socket = server.tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        self.input = self.socket.makefile("rb")

    def handshake(self):
        """What is wrong with a client's certificate has to reach it: no reset while its last words are unread."""
        try:
            self.socket.do_handshake()
        except ssl.SSLError:
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(4096):
                pass
            raise Gone from None

    def run(self):
        try:
            if self.server.options.get("mute"):
                while self.raw.recv(4096):
                    pass
            if self.server.tls:
                self.handshake()
            if self.input.peek(1)[:1] == b"\x05":
                self.socks()
            while self.request():
                pass
        finally:
            self.input.close()
            self.socket.close()

    def request(self):
        line = self.input.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        method, path, _ = line
        headers = {}
        while (text := self.input.readline().decode("latin-1").strip()):
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = self.input.read(int(headers.get("content-length", 0)))
        if path == "/_stats":
            self.answer(self.server.stats())
            return True
        with self.server.lock:
            self.server.requests.append({"method": method, "path": path, "headers": headers,
                                         "body": body.decode("utf-8", "replace"), "connection": self.number})
        self.answer(self.server.route(method, path, headers), path)
        return True

    def send(self, data):
        self.socket.sendall(data)

    def wait_for_the_end(self):
        while self.input.read(4096):
            pass
        raise Gone

    def end_unanswered(self, route):
        if "reset" in route:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif "raw" in route:
            self.send(route["raw"].encode("latin-1"))
        elif "stall" in route:
            self.wait_for_the_end()
        raise Gone

    def answer(self, route, path=""):
        time.sleep(route.get("delay_ms", 0) / 1000)
        if any(name in route for name in ("reset", "drop", "raw", "stall")):
            self.end_unanswered(route)
        if "tunnel" in route:
            self.tunnel(path if route["tunnel"] is True else route["tunnel"], b"HTTP/1.1 200 Connected\r\n\r\n")
        if "chunks" in route:
            self.send(self.head(route, "Transfer-Encoding: chunked"))
            self.send_chunks(route)
        else:
            self.send_body(route)
        if "close" in route:
            raise Gone

    def head(self, route, *more):
        status = route.get("status", 200)
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        for name, value in {"Content-Type": "application/json", **route.get("headers", {})}.items():
            lines += [f"{name}: {v}" for v in (value if isinstance(value, list) else [value])]
        if "close" in route:
            lines.append("Connection: close")
        return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")

    def body(self, route):
        if "bodyfile" in route:
            with open(os.path.join(self.server.folder, route["bodyfile"]), "rb") as f:
                data = f.read()
        elif "fill" in route:
            data = b"x" * route["fill"]
        else:
            data = as_bytes(route.get("body", ""))
        return gzip.compress(data, 1) if route.get("gzip") else data

    def send_body(self, route):
        data = self.body(route)
        more = ["Content-Encoding: gzip"] if route.get("gzip") else []
        if route.get("chunked"):
            more.append("Transfer-Encoding: chunked")
        else:
            more.append(f"Content-Length: {route.get('length', len(data))}")
        self.send(self.head(route, *more))
        end = route.get("cut_after", route.get("stall_after"))
        part = data[:end]
        self.send(chunk(part) if route.get("chunked") and part else part)
        if "stall_after" in route:
            self.wait_for_the_end()
        if "cut_after" in route:
            raise Gone
        if route.get("chunked"):
            self.send(b"0\r\n\r\n")

    def send_chunks(self, route):
        for item in route["chunks"]:
            if isinstance(item, dict) and "wait_ms" in item:
                time.sleep(item["wait_ms"] / 1000)
            else:
                self.send(chunk(as_bytes(item) + (b"" if isinstance(item, str) else b"\n")))
        if "stall_after" in route:
            self.wait_for_the_end()
        if "cut_after" in route:
            raise Gone
        self.send(b"0\r\n\r\n")

    def socks(self):
        """SOCKS5 without a password, CONNECT alone; counted as a request of method SOCKS5."""
        _, n = self.input.read(2)
        self.input.read(n)
        self.send(b"\x05\x00")
        _, _, _, kind = self.input.read(4)
        host = self.input.read(self.input.read(1)[0] if kind == 3 else 4)
        host = host.decode() if kind == 3 else socket.inet_ntoa(host)
        port = struct.unpack("!H", self.input.read(2))[0]
        path = f"{host}:{port}"
        with self.server.lock:
            self.server.requests.append({"method": "SOCKS5", "path": path, "headers": {}, "body": "",
                                         "connection": self.number})
        route = self.server.route("SOCKS5", path, {})
        if "tunnel" not in route:
            self.send(b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00") # not allowed by the rules
            raise Gone
        self.tunnel(path if route["tunnel"] is True else route["tunnel"], b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    def tunnel(self, target, greeting):
        host, _, port = target.rpartition(":")
        there = socket.create_connection((host, int(port)))
        self.send(greeting)
        threading.Thread(target=pump, args=(there, self.socket), daemon=True).start()
        while (data := self.input.read1(65536)):
            there.sendall(data)
        there.close()
        raise Gone


def pump(source, sink):
    try:
        while (data := source.recv(65536)):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def as_bytes(value):
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        script = json.load(f)
    Server(script, os.path.dirname(os.path.abspath(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
