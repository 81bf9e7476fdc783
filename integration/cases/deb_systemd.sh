#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The packages under a real systemd, process 1 of a Debian in namespaces of its own: units, sockets, readiness, journal,
# services that die, an upgrade under a running container, a power cut, remove and purge.
# limit: 900s
# sanitizers: no, the packages bring their own programs
. "$(dirname "$0")/../lib/common.sh"
. "$HERE/lib/debian_root.sh"
need unshare nsenter
build_packages
debian_root
demo_layout
enter_begin
mkdir "$ROOTFS/debs" "$ROOTFS/next"
cp "$DEBS"/*.deb "$ROOTFS/debs/"
rm -f "$ROOTFS"/debs/*dbgsym*
# what needs a network happens before the boot: the packages' dependencies wait in apt's cache (which an install may empty)
enter_fetch systemd systemd-sysv runc
enter sh -c 'apt-get install -y -qq --no-install-recommends systemd systemd-sysv runc' >"$WORK/systemd.log" 2>&1 ||
    { tail -5 "$WORK/systemd.log" >&2; fail "install systemd"; }
enter_fetch "/debs/*.deb"
kill "$HOLDER"
rm "$ROOTFS/usr/sbin/policy-rc.d"
packages_next "$ROOTFS/debs" "$ROOTFS/next"
cp -r "$WORK/demo" "$ROOTFS/demo"
# nobody logs in here, and the kernel is the host's
for unit in console-getty.service getty@tty1.service systemd-modules-load.service; do ln -sf /dev/null "$ROOTFS/etc/systemd/system/$unit"; done

inside() { nsenter -t "$INIT" --all --wdns=/ env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
answers() { case $(inside systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac; }
boot() {
    "$HERE/lib/boot_systemd.sh" "$ROOTFS" >"$WORK/boot.log" 2>&1 &
    BOOT=$!
    PIDS+=("$BOOT")
    wait_for 20 sh -c "pgrep -x systemd -P \$(pgrep -P $BOOT -x unshare)" || fail "systemd does not start: $(tail -5 "$WORK/boot.log")"
    INIT=$(pgrep -x systemd -P "$(pgrep -P "$BOOT" -x unshare)")
    wait_for 60 answers || fail "systemd does not come up: $(tail -5 "$WORK/boot.log")"
    expect "" inside systemctl --failed --no-legend
}
stopped() { ! kill -0 "$BOOT" 2>/dev/null; }
# the last systemd ends with its namespace, whatever happens
trap 'status=$?; set +e; kill -KILL "${INIT:-none}" 2>/dev/null; wait "${BOOT:-}" 2>/dev/null; (exit $status); cleanup' EXIT
states() { inside systemctl is-active ross-contentd.service ross-snapshotter.service | paste -sd' '; }

# ---- sockets listen, services start with the first client and are active when they said READY
boot
inside sh -c 'apt-get install -y -qq --no-install-recommends /debs/*.deb' >"$WORK/install.log" 2>&1 || { tail -20 "$WORK/install.log" >&2; fail "install"; }
expect "active active active" sh -c "$(declare -f inside); INIT=$INIT; inside systemctl is-active ross-contentd.socket ross-contentd-plugin.socket ross-snapshotter.socket | paste -sd' '"
[ "$(states || true)" = "inactive inactive" ] || fail "a service runs before its first client: $(states)"
inside ross-cli health >"$WORK/health" || fail "health: $(cat "$WORK/health")"
expect "active active" states
expect notify inside systemctl show -p Type --value ross-contentd.service
inside systemd-analyze security --no-pager --threshold=15 ross-contentd.service >"$WORK/security" || fail "ross-contentd is exposed: $(tail -1 "$WORK/security")"
inside systemd-analyze security --no-pager --threshold=40 ross-snapshotter.service >"$WORK/security" || fail "ross-snapshotter is exposed: $(tail -1 "$WORK/security")"
# the journal takes what a service says in its own time
journal_serving() { inside journalctl -q -b --no-pager -o cat -u ross-contentd.service | finds '^level=info msg="serving"'; }
wait_for 10 journal_serving || fail "the journal has no line of ross-contentd: $(inside journalctl -b --no-pager -u ross-contentd.service)"
expect "" inside journalctl -q -b --no-pager -o cat -p warning -u ross-contentd.service -u ross-snapshotter.service

# ---- use, with all the hardening
inside ross-cli load -q --input /demo >/dev/null
expect hello inside ross-cli run --rm --network none demo echo hello
inside ross-cli run -d -q --name kept --network none demo sleep 10000 >/dev/null

# ---- killed services come back; the container does not notice
inside systemctl kill -s KILL ross-contentd.service ross-snapshotter.service
inside ross-cli health >"$WORK/health" || fail "health after kill -9: $(cat "$WORK/health")"
expect here inside ross-cli exec kept echo here

# ---- an upgrade restarts what runs and leaves sockets and containers alone
before=$(inside systemctl show -p MainPID --value ross-contentd.service)
inside sh -c 'apt-get install -y -qq --no-install-recommends /next/*.deb' >"$WORK/upgrade.log" 2>&1 || { tail -20 "$WORK/upgrade.log" >&2; fail "upgrade"; }
expect "active active" states
[ "$(inside systemctl show -p MainPID --value ross-contentd.service)" != "$before" ] || fail "the upgrade did not restart ross-contentd"
expect still inside ross-cli exec kept echo still
expect new inside ross-cli run --rm --network none demo echo new

# ---- the power fails with a container running
kill -KILL "$INIT"
wait_for 20 stopped || fail "the namespaces did not end"
boot
inside ross-cli ps -a --format json | jq -e '.[0].name == "kept" and .[0].state == "exited"' >/dev/null || fail "after the power cut: $(inside ross-cli ps -a)"
expect again inside ross-cli run --rm --network none demo echo again
inside ross-cli rm kept >/dev/null

# ---- remove stops, purge leaves nothing
packages="ross ross-cli ross-contentd ross-snapshotter containerd-shim-ross-v2"
inside sh -c "apt-get remove -y -qq $packages" >"$WORK/remove.log" 2>&1 || { tail -20 "$WORK/remove.log" >&2; fail "remove"; }
expect "" inside systemctl list-units --no-legend --state=active 'ross*'
expect "" inside sh -c 'grep -h -e ^ross -e ^containerd-shim /proc/[0-9]*/comm || true'
inside sh -c "dpkg --purge $packages" >"$WORK/purge.log" 2>&1 || { tail -20 "$WORK/purge.log" >&2; fail "purge"; }
expect "" inside sh -c "systemctl daemon-reload; systemctl list-unit-files --no-legend 'ross*' || true"
inside systemctl --no-block poweroff
wait_for 60 stopped || fail "systemd does not power off"
! find /sys/fs/cgroup -maxdepth 2 -name "ross-boot-$BOOT" | grep . || fail "cgroups are left"
