# SPDX-License-Identifier: GPL-2.0-or-later
"""A small raw HTTP client over a Unix socket, for what real clients hide."""

import http.client
import json
import socket
import urllib.parse

_sockets = []


def open_socket(path, timeout=60):
    """A connection that is closed at the test's end at the latest."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    _sockets.append(sock)
    sock.settimeout(timeout)
    sock.connect(str(path))
    return sock


def close_sockets():
    while _sockets:
        _sockets.pop().close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json["message"]

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]


class Api:
    def __init__(self, socket_path, version=None):
        self.socket_path = socket_path
        self.prefix = f"/v{version}" if version else ""

    def request(self, method, path, body=None, headers=None, timeout=60, **query):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if query:
            pairs = {k: json.dumps(v) if isinstance(v, (dict, bool)) else v
                     for k, v in query.items()}
            path += "?" + urllib.parse.urlencode(pairs, doseq=True)
        connection = UnixConnection(self.socket_path, timeout)
        try:
            connection.request(method, self.prefix + path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def connect(self, data=b"", timeout=60):
        """A raw connection, on which those bytes were sent."""
        sock = open_socket(self.socket_path, timeout)
        sock.sendall(data)
        return sock

    def hijack(self, path, body=None, timeout=60):
        """Sends an upgrading POST; returns the raw socket and the head of the answer."""
        data = json.dumps(body).encode() if body is not None else b""
        head = (f"POST {self.prefix}{path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\n"
                f"Upgrade: tcp\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(data)}\r\n\r\n")
        sock = self.connect(head.encode() + data, timeout)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = sock.recv(1)
            if not piece:
                break
            answer += piece
        return sock, answer.decode()


def read_frames(sock):
    """Reads Docker's multiplexed stream to its end: {1: stdout bytes, 2: stderr bytes}."""
    out = {1: bytearray(), 2: bytearray()}
    data, at = memoryview(read_all(sock)), 0
    while at < len(data):
        kind, size = data[at], int.from_bytes(data[at + 4:at + 8], "big")
        assert bytes(data[at + 1:at + 4]) == b"\0\0\0", bytes(data[at:at + 8])
        assert len(data) >= at + 8 + size, "frame cut off"
        out[kind] += data[at + 8:at + 8 + size]
        at += 8 + size
    return {kind: bytes(text) for kind, text in out.items()}


def read_all(sock):
    data = bytearray()
    while True:
        try:
            piece = sock.recv(1 << 20)
        except ConnectionResetError:
            break
        if not piece:
            break
        data += piece
    return bytes(data)
