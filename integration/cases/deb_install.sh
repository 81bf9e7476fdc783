#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages as a user meets them: install, run, upgrade under a running container, remove, purge.
# limit: 1500s
# sanitizers: no, the packages bring their own programs
. "$(dirname "$0")/../lib/common.sh"
. "$HERE/lib/debian_root.sh"
build_packages
debian_root
demo_layout
cp -r "$WORK/demo" "$ROOTFS/demo"
mkdir "$ROOTFS/debs"
cp "$DEBS"/*.deb "$ROOTFS/debs/"
rm -f "$ROOTFS"/debs/*dbgsym*

# processes that have our root as theirs
inside() { find /proc -maxdepth 2 -name root -lname "$ROOTFS" 2>/dev/null | cut -d/ -f3; }
# running PROGRAM: its first process in there
running() { for p in $(inside); do [ "$(readlink "/proc/$p/exe" | sed 's/ (deleted)$//; s|.*/||')" != "$1" ] || echo "$p"; done | head -1; }
# also their children, which have another root when they are containers
stop_inside() {
    local p
    for p in $(inside); do
        # shellcheck disable=SC2046
        kill "$@" $(pgrep -P "$p") "$p" 2>/dev/null || true
    done
}
trap 'status=$?; set +e; stop_inside -KILL; (exit $status); cleanup' EXIT
enter_begin

# ---- units
if command -v systemd-analyze >/dev/null; then
    mkdir -p "$WORK/units"
    for d in ross-contentd ross-snapshotter; do
        dpkg-deb -x "$DEBS/$d"_[0-9]*.deb "$WORK/units/$d"
        cp "$(find "$WORK/units/$d" -name "$d.service")" "$WORK/units/$d.service"
        sed -i "s|^ExecStart=/usr/bin/|ExecStart=$BIN/|" "$WORK/units/$d.service"
        find "$WORK/units/$d" -name '*.socket' -exec cp {} "$WORK/units/" \;
    done
    systemd-analyze verify --man=no "$WORK"/units/*.service "$WORK"/units/*.socket >"$WORK/verify" 2>&1 || { cat "$WORK/verify" >&2; fail "systemd-analyze verify"; }
    ! grep -F "$WORK/units" "$WORK/verify" || fail "systemd-analyze complains"
fi

# ---- install
enter_fetch "/debs/*.deb" runc
enter sh -c 'apt-get install -y -qq --no-install-recommends /debs/*.deb runc' >"$WORK/install.log" 2>&1 || { tail -20 "$WORK/install.log" >&2; fail "install"; }
enter dpkg --audit | grep . && fail "dpkg --audit complains"
[ "$(enter stat -c '%a %U' /run/ross 2>/dev/null)" = "" ] || [ "$(enter stat -c '%a %U' /run/ross)" = "711 root" ] || fail "/run/ross"
for u in ross-contentd.socket ross-contentd-plugin.socket ross-snapshotter.socket; do
    [ -L "$ROOTFS/etc/systemd/system/sockets.target.wants/$u" ] || fail "$u is not enabled"
done
[ -L "$ROOTFS/etc/systemd/system/multi-user.target.wants/ross-restore.service" ] || fail "containers do not come back after a boot"
! find "$ROOTFS/etc/systemd" -name 'ross*.service' ! -name ross-restore.service | grep . || fail "a service is enabled"
for page in man1/ross-cli.1 man1/ross-cli-run.1 man8/ross-contentd.8 man8/ross-snapshotter.8 man8/containerd-shim-ross-v2.8; do
    [ -s "$ROOTFS/usr/share/man/$page.gz" ] || fail "no $page"
done
# every setting that --help names is in the file of defaults, and nothing else; "With check: …" belongs to a command
for program in ross-cli ross-contentd ross-snapshotter; do
    file=$ROOTFS/etc/ross/$program.toml
    enter "$program" --help | sed -n -e '/  With `*\(check\|gc\)/d' -e 's/^  \(-.,\|   \) *--\([a-z-]*\).*/\2/p' | grep -vx -e help -e version -e config | sort >"$WORK/options"
    sed -n 's/^#\([a-z][a-z-]*\) = .*/\1/p' "$file" | sort >"$WORK/settings"
    diff "$WORK/options" "$WORK/settings" || fail "/etc/ross/$program.toml and $program --help differ"
    ! grep -v -e '^#' -e '^$' "$file" || fail "$program.toml changes a default"
    sed 's/^#\([a-z][a-z-]* = \)/\1/' "$file" >"$ROOTFS/tmp-$program.toml"
done
enter ross-cli --config /tmp-ross-cli.toml version >/dev/null || fail "the defaults of ross-cli.toml are refused"
bash -n "$ROOTFS/usr/share/bash-completion/completions/ross-cli" || fail "the completion of bash"

# ---- socket activation as systemd does it, with the settings and capabilities that the packages bring
cat >"$WORK/activate.py" <<'P'
import os, pathlib, socket, sys
root, program, config = sys.argv[1:4]
unit = next(pathlib.Path(root).glob("*lib/systemd/system/%s.service" % program), None) or \
    next(pathlib.Path(root).glob("usr/lib/systemd/system/%s.service" % program))
caps = ["-all"] + ["+" + word[4:].lower() for line in unit.read_text().splitlines() if line.startswith("CapabilityBoundingSet=")
                   for word in line.split("=")[1].split()]
listeners, names = [], []
for pair in sys.argv[4:]:
    name, path = pair.split("=")
    s = socket.socket(socket.AF_UNIX)
    s.bind(root + path)
    s.listen(16)
    listeners.append(s); names.append(name)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(root + "/run/notify"); notify.settimeout(30)
pid = os.fork()
if pid == 0:
    fds = [os.dup(s.fileno()) for s in listeners]
    for i, fd in enumerate(fds):
        high = os.dup2(fd, 100 + i)
    for i in range(len(fds)):
        os.dup2(100 + i, 3 + i, inheritable=True)
    log = os.open(root + "/service.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chroot(root); os.chdir("/")
    env = {"PATH": "/usr/bin:/bin", "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(names),
           "NOTIFY_SOCKET": "/run/notify"}
    os.execve("/usr/bin/setpriv", ["setpriv", "--no-new-privs", "--bounding-set", ",".join(caps), "/usr/bin/" + program,
                                   "--config", config], env)
try:
    said = notify.recv(4096).decode()
except TimeoutError:
    said = "nothing"
print(pid, said.split("\n")[0])
os.unlink(root + "/run/notify")
P
activate() { nsenter --mount="/proc/$HOLDER/ns/mnt" python3 "$WORK/activate.py" "$ROOTFS" "$@" 2>>"$WORK/activate.log"; }
enter install -d -m 0711 /run/ross
read -r contentd said <<<"$(activate ross-contentd /tmp-ross-contentd.toml contentd=/run/ross/contentd.sock contentd-plugin=/run/ross/contentd-plugin.sock)"
[ "$said" = READY=1 ] || fail "ross-contentd said '$said': $(cat "$WORK/activate.log")"
read -r snapshotter said <<<"$(activate ross-snapshotter /tmp-ross-snapshotter.toml snapshotter=/run/ross/snapshotter.sock)"
[ "$said" = READY=1 ] || fail "ross-snapshotter said '$said': $(cat "$WORK/activate.log")"

# ---- use
enter ross-cli health >"$WORK/health" || fail "health"
[ "$(grep -c serving "$WORK/health")" = 2 ] || fail "health: $(cat "$WORK/health")"
enter ross-cli load -q --input /demo >/dev/null
expect hello enter ross-cli run --rm --network none demo echo hello
kill "$contentd" "$snapshotter"
wait_for 10 sh -c "! kill -0 $contentd && ! kill -0 $snapshotter" || fail "the services do not end"
enter rm -f /run/ross/contentd.sock /run/ross/contentd-plugin.sock /run/ross/snapshotter.sock

# without activation ross-cli starts them
expect again enter ross-cli run --rm --network none demo echo again

# ---- upgrade with a running container
(got=0; enter ross-cli run --name kept --network none demo sh -c 'echo up; while [ ! -e /stop ]; do usleep 50000; done; exit 5' >"$WORK/kept" 2>&1 || got=$?; echo $got >"$WORK/kept.rc") &
wait_for 20 grep -qx up "$WORK/kept" || fail "the container does not start: $(cat "$WORK/kept")"
shim=$(running containerd-shim-ross-v2)
[ -n "$shim" ] || fail "no shim is found"
packages_next "$ROOTFS/debs" "$ROOTFS/debs"
enter sh -c 'apt-get install -y -qq --no-install-recommends /debs/*+next1_*.deb' >"$WORK/upgrade.log" 2>&1 || { tail -20 "$WORK/upgrade.log" >&2; fail "upgrade"; }
[ "$(enter dpkg-query -W -f '${Version}' ross-contentd | grep -c next1)" = 1 ] || fail "the upgrade did not upgrade"
kill -0 "$shim" || fail "the shim did not survive the upgrade"
enter ross-cli ps >"$WORK/ps" || fail "ps after the upgrade"
grep -q kept "$WORK/ps" || fail "the container is gone after the upgrade: $(cat "$WORK/ps")"
expect new enter ross-cli run --rm --network none demo echo new
target=$(pgrep -P "$shim" -x sh | head -1)
[ -n "$target" ] || fail "the container's process is not found: $(pgrep -P "$shim" -a)"
touch "/proc/$target/root/stop"
wait_for 20 test -s "$WORK/kept.rc" || fail "the container does not end"
[ "$(cat "$WORK/kept.rc")" = 5 ] || fail "the container's exit code is $(cat "$WORK/kept.rc"), not 5"
enter ross-cli rm kept >/dev/null

# ---- remove keeps data and settings, purge leaves nothing
packages="ross ross-cli ross-contentd ross-snapshotter containerd-shim-ross-v2"
enter sh -c "apt-get remove -y -qq $packages" >"$WORK/remove.log" 2>&1 || { tail -20 "$WORK/remove.log" >&2; fail "remove"; }
[ -d "$ROOTFS/var/lib/ross/content" ] && [ -e "$ROOTFS/etc/ross/ross-cli.toml" ] || fail "remove took data or settings"
[ ! -e "$ROOTFS/usr/bin/ross-cli" ] || fail "remove left programs"
for program in ross-contentd ross-snapshotter; do
    p=$(running $program)
    [ -z "$p" ] || { kill "$p"; wait_for 10 sh -c "! kill -0 $p 2>/dev/null" || fail "$program does not end"; }
done
enter sh -c "dpkg --purge $packages" >"$WORK/purge.log" 2>&1 || { tail -20 "$WORK/purge.log" >&2; fail "purge"; }
for place in /etc/ross /var/lib/ross /run/ross; do
    ! enter test -e "$place" || fail "purge left $place: $(enter find "$place")"
done
! find "$ROOTFS/etc/systemd" "$ROOTFS/usr/lib/systemd" "$ROOTFS/var/lib/systemd" -name '*ross*' 2>/dev/null | grep . || fail "purge left units"
