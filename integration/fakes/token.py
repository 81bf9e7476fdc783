#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token server for docker-registry: RS256 tokens, anonymous for "public/", with user and password for the rest.

  token.py STATE-DIR CERT.pem KEY.pem USER PASSWORD [LIFETIME]

Writes its port to STATE-DIR/port and every scope that it granted to STATE-DIR/granted. A refresh token "refresh-me" (POST) counts as
the user. Signing is done by the openssl program.
"""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.parse

state, cert, key, user, password = sys.argv[1:6]
lifetime = int(sys.argv[6]) if len(sys.argv) > 6 else 300


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(service, scopes, subject):
    access = []
    for scope in scopes:
        kind, name, actions = scope.rsplit(":", 1)[0].split(":", 1) + [scope.rsplit(":", 1)[1]]
        wanted = actions.split(",")
        granted = wanted if subject else [a for a in wanted if a == "pull" and name.startswith("public/")]
        if granted:
            access.append({"type": kind, "name": name, "actions": granted})
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(open(cert).read())).decode()
    now = int(time.time())
    head = b64(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [der]}).encode())
    body = b64(json.dumps({"iss": "ross-test", "sub": subject, "aud": service, "exp": now + lifetime, "nbf": now - 10, "iat": now,
                           "jti": os.urandom(8).hex(), "access": access}).encode())
    signed = f"{head}.{body}"
    sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
    return f"{signed}.{b64(sig)}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def grant(self, query, subject):
        scopes = [s for v in query.get("scope", []) for s in v.split(" ")]
        with open(f"{state}/granted", "a") as f:
            f.write(f"{subject or '-'} {' '.join(scopes)}\n")
        self.reply(200, {"token": token(query.get("service", [""])[0], scopes, subject), "expires_in": lifetime})

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        given = self.headers.get("Authorization")
        if given is None:
            return self.grant(query, "")
        if given == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode():
            return self.grant(query, user)
        return self.reply(401, {"details": "incorrect username or password"})

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form.get("grant_type") == ["refresh_token"] and form.get("refresh_token") == ["refresh-me"]:
            return self.grant(form, user)
        return self.reply(401, {"error": "invalid_grant", "error_description": "the refresh token is not known"})


os.makedirs(state, exist_ok=True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(f"{state}/port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(f"{state}/port.new", f"{state}/port")
server.serve_forever()
