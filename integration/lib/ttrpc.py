# SPDX-License-Identifier: Apache-2.0
# ttrpc and protobuf by hand, as little as the tests of hostile peers need.
import socket
import struct


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A length-delimited or varint field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """[(number, value)] of a message; ValueError when malformed."""
    out, i = [], 0

    def number():
        nonlocal i
        shift = n = 0
        while True:
            b = data[i]
            i += 1
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                return n
    while i < len(data):
        key = number()
        if key & 7 == 0:
            out.append((key >> 3, number()))
        elif key & 7 == 2:
            n = number()
            out.append((key >> 3, data[i:i + n]))
            i += n
        else:
            raise ValueError("wire type")
    return out


def frame(stream, kind, payload, flags=0, length=None):
    return struct.pack(">IIBB", len(payload) if length is None else length, stream, kind, flags) + payload


def request(service, method, payload=b""):
    return field(1, service) + field(2, method) + (field(3, payload) if payload else b"")


class Client:
    def __init__(self, address, timeout=60):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(timeout)
        self.s.connect(address.removeprefix("unix://"))
        self.stream = 1

    def send(self, data):
        self.s.sendall(data)

    def recv(self):
        """(stream, kind, flags, payload), or None at the end."""
        head = self._exactly(10)
        if head is None:
            return None
        length, stream, kind, flags = struct.unpack(">IIBB", head)
        return stream, kind, flags, self._exactly(length)

    def _exactly(self, n):
        out = b""
        while len(out) < n:
            try:
                part = self.s.recv(n - len(out))
            except ConnectionResetError:  # killed before it took the connection, or with bytes of ours unread
                return None
            if not part:
                return None
            out += part
        return out

    def begin(self, method, payload=b"", service="containerd.task.v2.Task"):
        stream = self.stream
        self.stream += 2
        self.send(frame(stream, 1, request(service, method, payload)))
        return stream

    def call(self, method, payload=b"", service="containerd.task.v2.Task"):
        """(code, message, reply bytes)"""
        stream = self.begin(method, payload, service)
        while True:
            got = self.recv()
            if got is None:
                raise EOFError("closed")
            if got[0] == stream:
                return answer(got[3])

    def close(self):
        self.s.close()


def answer(payload):
    code, message, reply = 0, "", b""
    for number, value in fields(payload):
        if number == 1:
            for n, v in fields(value):
                if n == 1:
                    code = v
                elif n == 2:
                    message = v.decode(errors="replace")
        elif number == 2:
            reply = value
    return code, message, reply
