#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-registry with TLS, htpasswd, client certificates and a token server; certs.d, hosts.toml, docker's config and helpers; mirrors.
. "$(dirname "$0")/../lib/common.sh"
need docker-registry openssl perl jq python3 skopeo
export DOCKER_CONFIG=$WORK/docker ROSS_HOSTS_DIRS=$WORK/certs.d
mkdir -p "$DOCKER_CONFIG" "$ROSS_HOSTS_DIRS"
demo_layout
digest=$(jq -r '.manifests[0].digest' "$WORK/demo/index.json")
basic=$(printf 'me:secret' | base64)

# a CA, a certificate for loopback, one for us
make_ca() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$WORK/$1.key" -out "$WORK/$1.pem" 2>/dev/null; }
make_cert() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$WORK/$1.key" -out "$WORK/$1.csr" 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$WORK/$1.ext"
    openssl x509 -req -in "$WORK/$1.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 -extfile "$WORK/$1.ext" -out "$WORK/$1.pem" 2>/dev/null
}
make_ca ca
make_ca other-ca
make_cert server
make_cert client
printf 'me:%s\n' "$(perl -e 'print crypt("secret", "\$2b\$05\$" . "abcdefghijklmnopqrstuu")')" >"$WORK/htpasswd"
grep -q '^me:\$2b' "$WORK/htpasswd" || skip "perl's crypt has no bcrypt here"

# serve NAME EXTRA-CONFIG: a docker-registry with TLS; sets R
serve() {
    local name=$1 port
    port=$(free_port)
    R=127.0.0.1:$port
    {
        printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\n' "$WORK/store"
        printf 'http:\n  addr: "%s"\n  tls:\n    certificate: %s\n    key: %s\n' "$R" "$WORK/server.pem" "$WORK/server.key"
        printf '%s' "$2"
    } >"$WORK/$name.yml"
    docker-registry serve "$WORK/$name.yml" >"$WORK/$name.log" 2>&1 &
    PIDS+=($!)
    wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || fail "$name does not answer: $(tail -3 "$WORK/$name.log")"
}
certs() { rm -rf "$ROSS_HOSTS_DIRS/$R"; mkdir -p "$ROSS_HOSTS_DIRS/$R"; }
pull() { ross image pull -q "$R/$1"; }

# --- the images, by a plain registry over the same store
start_registry_at_store() {
    local port
    port=$(free_port)
    PLAIN=127.0.0.1:$port
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$WORK/store" "$PLAIN" >"$WORK/plain.yml"
    docker-registry serve "$WORK/plain.yml" >"$WORK/plain.log" 2>&1 &
    PIDS+=($!)
    wait_for 10 curl -fs "http://$PLAIN/v2/" || fail "the plain registry does not answer"
}
start_registry_at_store
for name in private/demo public/demo; do skopeo copy -q --dest-tls-verify=false "oci:$WORK/demo:demo:latest" "docker://$PLAIN/$name:latest"; done

# --- htpasswd
serve htpasswd "auth: {htpasswd: {realm: test, path: $WORK/htpasswd}}
"
expect_fail 125 "ross-cli login $R" pull private/demo
printf '{"auths":{"%s":{"auth":"%s"}}}' "$R" "$(printf 'me:wrong' | base64)" >"$DOCKER_CONFIG/config.json"
expect_fail 125 "refuses the login of 'me'" pull private/demo
! grep -q wrong "$WORK/err" || fail "the password is in the message"
printf '{"auths":{"https://%s/v2/":{"auth":"%s"}}}' "$R" "$basic" >"$DOCKER_CONFIG/config.json"
expect "$digest" pull private/demo
# a helper
mkdir -p "$WORK/bin"
printf '#!/bin/sh\nread key\n[ "$key" = "%s" ] || { echo "credentials not found in native keychain"; exit 1; }\nprintf '\''{"ServerURL":"%s","Username":"me","Secret":"secret"}'\''\n' "$R" "$R" >"$WORK/bin/docker-credential-test"
chmod +x "$WORK/bin/docker-credential-test"
printf '{"credHelpers":{"%s":"test"}}' "$R" >"$DOCKER_CONFIG/config.json"
PATH=$WORK/bin:$PATH expect "$digest" pull private/demo
expect_fail 125 "docker-credential-test" pull private/demo
# one that keeps what login is told, and lets go of it: nothing of it is in the file
cat >"$WORK/bin/docker-credential-keep" <<H
#!/bin/sh
case \$1 in
store) cat >"$WORK/kept" ;;
get) [ -s "$WORK/kept" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "$WORK/kept" ;;
erase) rm -f "$WORK/kept" ;;
esac
H
chmod +x "$WORK/bin/docker-credential-keep"
printf '{"credsStore":"keep"}' >"$DOCKER_CONFIG/config.json"
login() { echo secret | PATH=$WORK/bin:$PATH ross login -u me --password-stdin "$R"; }
expect "logged in to $R as me" login
jq -e '.Username == "me" and .Secret == "secret"' "$WORK/kept" >/dev/null || fail "the helper was told: $(cat "$WORK/kept")"
! grep -q -e secret -e "$basic" "$DOCKER_CONFIG/config.json" || fail "the secret is in the file although there is a helper: $(cat "$DOCKER_CONFIG/config.json")"
PATH=$WORK/bin:$PATH expect "$digest" pull private/demo
PATH=$WORK/bin:$PATH expect "logged out of $R" ross logout "$R"
[ ! -e "$WORK/kept" ] || fail "the helper keeps it after logout"
PATH=$WORK/bin:$PATH expect_fail 125 "ross-cli login $R" pull private/demo
rm "$DOCKER_CONFIG/config.json"

# --- certificates
serve tls ""
certs
expect "$digest" pull private/demo # local, nothing known: TLS that is not checked
cp "$WORK/other-ca.pem" "$ROSS_HOSTS_DIRS/$R/ca.crt"
expect_fail 125 "certificate" pull private/demo
cp "$WORK/ca.pem" "$ROSS_HOSTS_DIRS/$R/ca.crt"
expect "$digest" pull private/demo
certs
printf 'server = "https://%s"\nca = "%s"\n' "$R" "$WORK/other-ca.pem" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
expect_fail 125 "certificate" pull private/demo
printf 'server = "https://%s"\nskip_verify = true\n' "$R" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
expect "$digest" pull private/demo
printf 'server = "https://%s"\nca = "missing.pem"\n' "$R" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
expect_fail 125 "missing.pem" pull private/demo
certs
expect_fail 125 "registry $R" ross image pull -q --plain-http "$R/private/demo" # TLS is spoken there

serve client "    clientcas: [$WORK/ca.pem]
"
certs
cp "$WORK/ca.pem" "$ROSS_HOSTS_DIRS/$R/ca.crt"
expect_fail 125 "certificates of ours come from" pull private/demo
cp "$WORK/client.pem" "$ROSS_HOSTS_DIRS/$R/me.cert"
cp "$WORK/client.key" "$ROSS_HOSTS_DIRS/$R/me.key"
expect "$digest" pull private/demo
expect "$digest" ross push -q "$R/private/demo" "$R/certified/demo:1"

# several certificates of ours: one after the other until one is taken; and when none is
make_ca stranger
certs
printf 'ca = "%s"\nclient = [["%s", "%s"], ["%s", "%s"]]\n' "$WORK/ca.pem" "$WORK/stranger.pem" "$WORK/stranger.key" "$WORK/client.pem" "$WORK/client.key" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
expect "$digest" pull private/demo
cat "$WORK/client.pem" "$WORK/client.key" >"$WORK/both.pem"
printf 'ca = "%s"\nclient = "%s"\n' "$WORK/ca.pem" "$WORK/both.pem" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
expect "$digest" pull private/demo
printf 'ca = "%s"\nclient = [["%s", "%s"], ["%s", "%s"]]\n' "$WORK/ca.pem" "$WORK/stranger.pem" "$WORK/stranger.key" "$WORK/other-ca.pem" "$WORK/other-ca.key" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
expect_fail 125 "certificates of ours come from" pull private/demo

# --- a token server
python3 "$HERE/fakes/token.py" "$WORK/token" "$WORK/ca.pem" "$WORK/ca.key" me secret 2>"$WORK/token.log" &
PIDS+=($!)
wait_for 10 test -s "$WORK/token/port" || fail "the token server does not start: $(cat "$WORK/token.log")"
serve bearer "auth: {token: {realm: \"http://127.0.0.1:$(cat "$WORK/token/port")/token\", service: test, issuer: ross-test, rootcertbundle: $WORK/ca.pem}}
"
certs
cp "$WORK/ca.pem" "$ROSS_HOSTS_DIRS/$R/ca.crt"
expect "$digest" pull public/demo
grep -qx -- '- repository:public/demo:pull' "$WORK/token/granted" || fail "granted: $(cat "$WORK/token/granted")"
[ "$(wc -l <"$WORK/token/granted")" = 1 ] || fail "more than one token for a pull: $(cat "$WORK/token/granted")"
expect_fail 125 "a login is needed" pull private/demo
printf '{"auths":{"%s":{"auth":"%s"}}}' "$R" "$(printf 'me:wrong' | base64)" >"$DOCKER_CONFIG/config.json"
expect_fail 125 "incorrect username or password" pull private/demo
printf '{"auths":{"%s":{"auth":"%s"}}}' "$R" "$basic" >"$DOCKER_CONFIG/config.json"
expect "$digest" pull private/demo
# and pushes: the blobs of one repository are mounted into the other with a token for both
ross load -q --input "$WORK/demo" >/dev/null
expect "$digest" ross push -q demo "$R/pushed/one:1"
: >"$WORK/token/granted"
ross push "$R/private/demo" "$R/pushed/two:1" 2>/dev/null | finds -F "(0 blobs sent, 2 mounted, 0 there before)" || fail "blobs were not mounted: $(cat "$WORK/token/granted")"
grep -qE '^me repository:pushed/two:pull,push repository:private/demo:pull$' "$WORK/token/granted" || fail "granted: $(cat "$WORK/token/granted")"
expect "$digest" ross push -q --chunk-size 100k demo "$R/pushed/three:1"
expect "1" ross image tags "$R/pushed/two"
skopeo inspect --cert-dir "$ROSS_HOSTS_DIRS/$R" --creds me:secret "docker://$R/pushed/two:1" >/dev/null || fail "skopeo cannot read what was mounted"
mv "$DOCKER_CONFIG/config.json" "$WORK/config.json"
expect_fail 125 "a login is needed" ross push -q demo "$R/pushed/four:1"
expect_fail 125 "a login is needed" ross image tags "$R/pushed/two"
mv "$WORK/config.json" "$DOCKER_CONFIG/config.json"
printf '{"auths":{"%s":{"identitytoken":"refresh-me"}}}' "$R" >"$DOCKER_CONFIG/config.json"
expect "$digest" pull private/demo
printf '{"auths":{"%s":{"identitytoken":"forged"}}}' "$R" >"$DOCKER_CONFIG/config.json"
expect_fail 125 "the refresh token is not known" pull private/demo
rm "$DOCKER_CONFIG/config.json"

# --- mirrors: asked first, with the registry's name; whatever is wrong with one, the next is asked
python3 "$HERE/fakes/registry.py" "$WORK/demo" latest "$HERE/fakes/registry_cases/mirror.json" "$WORK/mirror" 2>"$WORK/mirror.log" &
PIDS+=($!)
wait_for 10 test -s "$WORK/mirror/port" || fail "the mirror does not start: $(cat "$WORK/mirror.log")"
R=registry.invalid
certs
printf '[host."http://127.0.0.1:1"]\n[host."http://127.0.0.1:%s"]\ncapabilities = ["pull", "resolve"]\n[host."http://%s"]\n' "$(cat "$WORK/mirror/port")" "$PLAIN" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
ross image rm "$PLAIN/private/demo" >/dev/null 2>&1 || true
expect "$digest" pull public/demo
grep -q "^HEAD /v2/public/demo/manifests/latest?ns=registry.invalid" "$WORK/mirror/requests" || fail "the mirror was asked: $(cat "$WORK/mirror/requests")"
expect_fail 125 "registry.invalid" pull nowhere/demo

# --- a mirror that does not answer is given up after dial_timeout; another one has its API elsewhere and wants a header
cat >"$WORK/deaf.py" <<'P'
import socket, sys, time
# a queue of one that is full: the kernel leaves further connects without an answer
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0)
full = []
for _ in range(4):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(s.getsockname())
    full.append(c)
print(s.getsockname()[1], flush=True)
time.sleep(600)
P
python3 "$WORK/deaf.py" >"$WORK/deaf.port" &
PIDS+=($!)
wait_for 10 test -s "$WORK/deaf.port" || fail "the deaf server does not start"
cat >"$WORK/proxy.py" <<'P'
import http.server, sys, urllib.request
# /here/is/the/api/… with the header stands for the registry's /v2/…
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        prefix = "/here/is/the/api/"
        if not self.path.startswith(prefix) or self.headers.get("X-Pass") != "open":
            self.send_error(403)
            return
        path = self.path[len(prefix):].split("?")[0]
        rq = urllib.request.Request(f"http://{sys.argv[1]}/v2/{path}", method=self.command, headers={"Accept": self.headers.get("Accept", "*/*")})
        with urllib.request.urlopen(rq) as a:
            body = a.read()
            self.send_response(200)
            for k in ("Content-Type", "Docker-Content-Digest", "Content-Length"):
                if a.headers[k]: self.send_header(k, a.headers[k])
            self.end_headers()
            if self.command == "GET": self.wfile.write(body)
        with open(sys.argv[2], "a") as f: f.write(f"{self.command} {self.path}\n")
    do_HEAD = do_GET
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print(s.server_address[1], flush=True)
s.serve_forever()
P
python3 "$WORK/proxy.py" "$PLAIN" "$WORK/proxied" >"$WORK/proxy.port" &
PIDS+=($!)
wait_for 10 test -s "$WORK/proxy.port" || fail "the server with its API elsewhere does not start"
printf 'server = "http://127.0.0.1:1"\n[host."http://127.0.0.1:%s"]\ndial_timeout = "300ms"\n[host."http://127.0.0.1:%s/here/is/the/api"]\noverride_path = true\n[host."http://127.0.0.1:%s/here/is/the/api".header]\nX-Pass = "open"\n' \
    "$(cat "$WORK/deaf.port")" "$(cat "$WORK/proxy.port")" "$(cat "$WORK/proxy.port")" >"$ROSS_HOSTS_DIRS/$R/hosts.toml"
(
    export ROSS_ROOT=$WORK/root-mirror ROSS_STATE=$WORK/state-mirror
    started=$SECONDS
    expect "$digest" pull public/demo
    # without it a connect is tried for two minutes
    [ $((SECONDS - started)) -le 90 ] || fail "dial_timeout is not obeyed: $((SECONDS - started)) s"
)
grep -q "^GET /here/is/the/api/public/demo/blobs/sha256:" "$WORK/proxied" || fail "override_path: $(cat "$WORK/proxied")"
