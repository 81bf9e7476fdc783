#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/containerd.md as a user follows it: Debian's containerd and our packages installed in a Debian, `ross-cli containerd enable`,
# ctr and nerdctl at their default places, `disable`.
# sanitizers: no, the packages bring their own programs
# limit: 1500s
. "$(dirname "$0")/../lib/common.sh"
. "$HERE/lib/debian_root.sh"
. "$HERE/lib/containerd.sh"
. "$HERE/lib/go_tools.sh"
need skopeo ip unshare nsenter curl docker-registry
need_go_tool nerdctl
build_packages
debian_root
mkdir "$ROOTFS/debs"
cp "$DEBS"/*.deb "$ROOTFS/debs/"
rm -f "$ROOTFS"/debs/*dbgsym*
cp -L "$WORK/tools/nerdctl" "$ROOTFS/usr/local/bin/nerdctl"

# processes that have our root as theirs, and their children, whose roots are containers
inside() { find /proc -maxdepth 2 -name root -lname "$ROOTFS" 2>/dev/null | cut -d/ -f3; }
stop_inside() {
    local p
    for p in $(inside); do
        # shellcheck disable=SC2046
        kill "$@" $(pgrep -P "$p") "$p" 2>/dev/null || true
    done
}
trap 'status=$?; set +e; stop_inside -KILL; (exit $status); cleanup' EXIT
enter_begin

echo "- install"
enter_fetch "/debs/*.deb" containerd runc containernetworking-plugins iptables util-linux
enter sh -c 'apt-get install -y -qq --no-install-recommends /debs/*.deb containerd runc containernetworking-plugins iptables util-linux' >"$WORK/install.log" 2>&1 ||
    { tail -20 "$WORK/install.log" >&2; fail "install"; }

# from here on in a network of its own: bridges and firewall rules end with it
unshare --net sleep 3000 &
NET=$!
PIDS+=("$NET")
wait_for 5 sh -c "[ \"\$(readlink /proc/$NET/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]" || fail "no network namespace"
in_net() { nsenter --net="/proc/$NET/ns/net" "$@"; }
user() { in_net timeout 60 nsenter --mount="/proc/$HOLDER/ns/mnt" chroot "$ROOTFS" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }
in_net ip link set lo up
start_registry_in_net() {
    local port=5000
    REGISTRY=127.0.0.1:$port
    mkdir -p "$WORK/registry"
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "%s"}\n' "$WORK/registry" "$REGISTRY" >"$WORK/registry.yml"
    in_net docker-registry serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 &
    PIDS+=($!)
    wait_for 10 in_net curl -fs "http://$REGISTRY/v2/" || fail "docker-registry does not answer: $(tail -3 "$WORK/registry.log")"
}
start_registry_in_net
demo_layout
in_net skopeo copy -q --dest-tls-verify=false "oci:$WORK/demo:demo:latest" "docker://$REGISTRY/demo:1"

# what systemd does: the services that the page starts
serve() { user_forever "$@" >>"$WORK/${1##*/}.log" 2>&1 & }
user_forever() { in_net nsenter --mount="/proc/$HOLDER/ns/mnt" chroot "$ROOTFS" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
running() { for p in $(inside); do [ "$(readlink "/proc/$p/exe")" != "$ROOTFS/usr/bin/$1" ] || echo "$p"; done | head -1; }
restart_containerd() {
    local p
    p=$(running containerd)
    [ -z "$p" ] || { kill "$p"; wait_for 10 sh -c "! kill -0 $p 2>/dev/null" || fail "containerd does not end"; }
    serve containerd
    wait_for 20 user ctr version || fail "containerd does not answer: $(tail -3 "$WORK/containerd.log")"
}

echo "- enable"
got=0; user ross-cli containerd status >"$WORK/out" || got=$?
[ $got = 1 ] && grep -q 'not enabled' "$WORK/out" || fail "status at first: $got $(cat "$WORK/out")"
user ross-cli containerd enable >"$WORK/out" || fail "enable"
grep -qF '[proxy_plugins.ross]' "$WORK/out" && grep -q 'systemctl restart containerd' "$WORK/out" || fail "enable says: $(cat "$WORK/out")"
user install -d -m 0711 /run/ross
serve ross-snapshotter
wait_for 10 test -S "/proc/$HOLDER/root$ROOTFS/run/ross/snapshotter.sock" || fail "ross-snapshotter: $(tail -3 "$WORK/ross-snapshotter.log")"
restart_containerd
user ross-cli containerd status >"$WORK/out" || fail "status: $(cat "$WORK/out")"
user ctr plugins ls | finds -E '^io.containerd.snapshotter.v1 +ross .*ok' || fail "ctr plugins ls"

echo "- ctr"
pull=(ctr images pull --snapshotter ross --plain-http)
user "${pull[@]}" "$REGISTRY/demo:1" >"$WORK/out" 2>&1 || fail "pull: $(tail -3 "$WORK/out")"
CD_BIN=$ROOTFS/usr/bin prints hello user ctr run --rm --snapshotter ross --runtime io.containerd.ross.v2 "$REGISTRY/demo:1" one echo hello || fail "run does not print"
got=0; user ctr run --rm --snapshotter ross --runtime io.containerd.ross.v2 "$REGISTRY/demo:1" two sh -c 'exit 7' || got=$?
[ $got = 7 ] || fail "exit code $got, not 7"

echo "- ross-cli beside it, with the same snapshotter"
expect alone user ross-cli run --rm --network none "$REGISTRY/demo:1" echo alone
user ross-cli run -d --name kept --network none "$REGISTRY/demo:1" sleep 1000 >/dev/null || fail "ross-cli run -d"
user ctr images rm --sync "$REGISTRY/demo:1" >/dev/null || fail "ctr images rm"
wait_for 20 sh -c "[ \"\$(nsenter --net=/proc/$NET/ns/net nsenter --mount=/proc/$HOLDER/ns/mnt chroot $ROOTFS ctr snapshots --snapshotter ross ls | wc -l)\" = 1 ]" || fail "containerd's snapshots are left"
expect still user ross-cli run --rm --network none --pull never "$REGISTRY/demo:1" echo still
expect running user ross-cli exec kept echo running
user ross-cli rm -f kept >/dev/null || fail "ross-cli rm"

echo "- nerdctl"
mkdir -p "$ROOTFS/etc/nerdctl"
printf 'cni_path = "/usr/lib/cni"\nsnapshotter = "ross"\n' >"$ROOTFS/etc/nerdctl/nerdctl.toml"
run=(nerdctl run --runtime io.containerd.ross.v2)
user nerdctl pull -q "$REGISTRY/demo:1" >/dev/null || fail "nerdctl pull"
expect hello user "${run[@]}" --rm "$REGISTRY/demo:1" echo hello
user "${run[@]}" -d --name web -p 8080:8080 "$REGISTRY/demo:1" httpd -f -p 8080 -h /etc >/dev/null || fail "nerdctl run -d"
wait_for 10 in_net curl -fs http://127.0.0.1:8080/motd || fail "the published port does not answer"
expect inside user nerdctl exec web echo inside
user nerdctl rm -f web >/dev/null || fail "nerdctl rm"

echo "- disable"
user ross-cli containerd disable >"$WORK/out" || fail "disable"
[ -z "$(enter dpkg --verify containerd)" ] || fail "the configuration is not the package's own: $(enter dpkg --verify containerd)"
restart_containerd
! user ctr plugins ls | grep -E '^io.containerd.snapshotter.v1 +ross ' || fail "the plugin is there after disable"
stop_inside -TERM
wait_for 10 sh -c "[ -z \"\$(pgrep -f 'containerd-shim-ross-v2.*-address /run/containerd/containerd.sock' | xargs -r -I{} readlink /proc/{}/root | grep -F $ROOTFS)\" ]" || fail "a shim is left"
