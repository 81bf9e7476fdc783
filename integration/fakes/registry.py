#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback that serves one image of an OCI layout, and misbehaves as a case file says.

  registry.py LAYOUT TAG CASE.json STATE-DIR [PORT]

Writes its port to STATE-DIR/port when it listens, and every request to STATE-DIR/requests. On SIGTERM it compares what came
with what the case expects, writes complaints to STATE-DIR/complaints (empty when there are none) and ends.

A case file is one JSON object:
  what      one sentence
  exit      exit code that the pull shall have
  says      text that its message shall hold (with "exit" other than 0)
  pulls     how often to pull in one go (default 1), all but the last may fail
  budget    seconds that the pulls may take
  rules     in order; the first that fits a request and has times left answers it; without one the image is served properly
    on        "GET manifests/TAG", "HEAD manifests/MANIFEST", "GET blobs/LAYER", "GET /token" …; TAG, MANIFEST, CONFIG, LAYER stand
              for the image's; "*" at the end fits any rest
    has       header lines that the request must hold for the rule to fit ("Range: bytes=1000-"); "!Authorization": must not
    times     how often it answers (default 1); "any"
    status, headers, body   the answer; without status the proper one, changed by:
    cut       only so many bytes of the proper body, then the connection ends
    short     only so many bytes, as if they were all
    extra     so many bytes too many, in chunks without a length
    no_range  true: the whole body although a range was asked for
    flip      the byte at this offset is another one
    hold      sends so many bytes, then waits until STATE-DIR/go exists
    close     true: the connection ends without an answer
    to_other  "/path": redirects to the second origin of this server (another port), which serves the proper blob there
  expect    list of [rule text, count]: how many requests of that kind must have come in all
"""
import hashlib
import http.server
import json
import os
import signal
import socketserver
import sys
import threading
import time

layout, tag, case_file, state = sys.argv[1:5]
port = int(sys.argv[5]) if len(sys.argv) > 5 else 0
case = json.load(open(case_file))


def blob(digest):
    return open(f"{layout}/blobs/{digest.replace(':', '/')}", "rb").read()


index = json.load(open(f"{layout}/index.json"))
manifest_desc = index["manifests"][0]
manifest_bytes = blob(manifest_desc["digest"])
manifest = json.loads(manifest_bytes)
names = {
    "TAG": tag,
    "MANIFEST": manifest_desc["digest"],
    "CONFIG": manifest["config"]["digest"],
    "LAYER": manifest["layers"][0]["digest"],
}
lock = threading.Lock()
seen = []
other_port = 0


def expand(text):
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def fits(text, request):
    text = expand(text)
    if not text.split(" ", 1)[1].startswith("/"):
        verb, rest = text.split(" ", 1)
        text = f"{verb} /v2/img/{rest}"
    return request.startswith(text[:-1]) if text.endswith("*") else request.split("?")[0] == text


def header_fits(line, headers):
    if line.startswith("!"):
        return headers.get(line[1:]) is None
    name, value = line.split(": ", 1)
    have = headers.get(name, "")
    return have.startswith(value[:-1]) if value.endswith("*") else have == expand(value)


def find_rule(request, headers):
    with lock:
        seen.append(request)
        with open(f"{state}/requests", "a") as f:
            f.write(request + "".join(f" [{k}: {v}]" for k, v in headers.items() if k in ("Range", "Authorization")) + "\n")
        for rule in case.get("rules", []):
            if not fits(rule["on"], request) or not all(header_fits(h, headers) for h in rule.get("has", [])):
                continue
            left = rule.setdefault("left", rule.get("times", 1))
            if left == "any":
                return rule
            if left > 0:
                rule["left"] = left - 1
                return rule
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, headers, body):
        self.send_response(status)
        if not any(k.lower() in ("content-length", "transfer-encoding") for k in headers):
            headers["Content-Length"] = str(len(body))
        for k, v in headers.items():
            self.send_header(k, expand(v).replace("$URL", f"http://127.0.0.1:{port}"))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def proper(self):
        """(status, headers, whole body, offset of what is sent) of a good registry."""
        path = self.path.split("?")[0]
        if path in ("/v2/", "/v2"):
            return 200, {}, b"{}", 0
        if path.startswith("/v2/img/manifests/") and path.rsplit("/", 1)[1] in (tag, names["MANIFEST"]):
            return 200, {"Content-Type": manifest_desc["mediaType"], "Docker-Content-Digest": names["MANIFEST"]}, manifest_bytes, 0
        if path.startswith("/v2/img/blobs/") or path.startswith("/other/"):
            try:
                body = blob(path.rsplit("/", 1)[1])
            except OSError:
                return 404, {}, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}', 0
            start = self.headers.get("Range", "")
            if start.startswith("bytes=") and start.endswith("-"):
                at = int(start[6:-1])
                return 206, {"Content-Range": f"bytes {at}-{len(body) - 1}/{len(body)}"}, body, at
            return 200, {"Content-Type": "application/octet-stream"}, body, 0
        return 404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}', 0

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        rule = find_rule(f"{self.command} {self.path}", self.headers)
        status, headers, body, at = self.proper()
        if rule is None:
            return self.send(status, headers, body[at:])
        if rule.get("close"):
            self.close_connection = True
            return None
        if "to_other" in rule:
            where = expand(rule["to_other"])
            return self.send(307, {"Location": f"http://127.0.0.1:{other_port}{where}"}, b"")
        if "status" in rule:
            text = rule.get("body", "")
            text = text if isinstance(text, str) else json.dumps(text)
            return self.send(rule["status"], dict(rule.get("headers", {})), expand(text).encode())
        headers.update(rule.get("headers", {}))
        if rule.get("no_range"):
            status, at = 200, 0
            headers.pop("Content-Range", None)
        if "flip" in rule:
            body = bytearray(body)
            body[rule["flip"]] ^= 0xFF
            body = bytes(body)
        part = body[at:]
        if "short" in rule:
            part = part[: rule["short"]]
        if "cut" in rule:
            headers["Content-Length"] = str(len(part))
            part = part[: rule["cut"]]
            self.close_connection = True
        if "extra" in rule:
            part += b"\0" * rule["extra"]
        if "extra" in rule or rule.get("chunked"):
            headers["Transfer-Encoding"] = "chunked"
            part = b"%x\r\n%s\r\n0\r\n\r\n" % (len(part), part)
        if "hold" in rule:
            headers["Content-Length"] = str(len(part))
            self.send(status, headers, part[: rule["hold"]])
            self.wfile.flush()
            open(f"{state}/held", "w").close()
            while not os.path.exists(f"{state}/go"):
                time.sleep(0.02)
            part = part[rule["hold"]:]
            try:
                self.wfile.write(part)
            except OSError:
                self.close_connection = True
            return None
        return self.send(status, headers, part)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


def finish(*_):
    complaints = []
    for rule in case.get("rules", []):
        left = rule.get("left", rule.get("times", 1))
        if left != "any" and left > 0 and not rule.get("maybe"):
            complaints.append(f"rule '{rule['on']}' was needed {left} times less than expected")
    for text, count in case.get("expect", []):
        got = sum(fits(text, r) for r in seen)
        if got != count:
            complaints.append(f"'{text}' came {got} times, not {count}")
    with open(f"{state}/complaints", "w") as f:
        f.write("".join(c + "\n" for c in complaints))
    os._exit(0)


os.makedirs(state, exist_ok=True)
assert "sha256:" + hashlib.sha256(manifest_bytes).hexdigest() == names["MANIFEST"]
signal.signal(signal.SIGTERM, finish)
other = Server(("127.0.0.1", 0), Handler)
other_port = other.server_address[1]
threading.Thread(target=other.serve_forever, daemon=True).start()
server = Server(("127.0.0.1", port), Handler)
port = server.server_address[1]
with open(f"{state}/port.new", "w") as f:
    f.write(str(port))
os.rename(f"{state}/port.new", f"{state}/port")
server.serve_forever()
