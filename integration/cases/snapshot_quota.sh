#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The label containerd.io/snapshot/max-size holds on filesystems with project quotas: xfs and ext4, mounted from files. On a kernel without quotas the
# same test programs run under Debian's user-mode-linux, where there are some.
# needs: tests
# sanitizers: no, user-mode-linux has 512 GiB of addresses, fewer than they take
# limit: 900s
. "$(dirname "$0")/../lib/common.sh"
tests=$(dirname "$BIN")/test
programs=(snap_quota_test snapshots_local_test)
for p in "${programs[@]}"; do [ -x "$tests/$p" ] || skip "this build has no test programs (a release build?)"; done
filesystems=()
for fs in xfs ext4; do command -v mkfs.$fs >/dev/null && filesystems+=("$fs"); done
[ ${#filesystems[@]} -gt 0 ] || skip "neither mkfs.xfs nor mkfs.ext4 is installed"
for fs in "${filesystems[@]}"; do
    truncate -s 400M "$WORK/$fs.img"
    case $fs in
    xfs) mkfs.xfs -q -f "$WORK/xfs.img" ;;
    ext4) mkfs.ext4 -q -F -O quota,project -E quotatype=usrquota:grpquota:prjquota "$WORK/ext4.img" ;;
    esac
done

# try DIR: the test programs on a filesystem that is mounted there
try() {
    local p
    for p in "${programs[@]}"; do
        mkdir "$1/$p"
        ROSS_TEST_QUOTA_DIR=$1/$p "$tests/$p" >"$1/$p.log" 2>&1 && ! grep -q 'skipped: ROSS_TEST_QUOTA_DIR' "$1/$p.log" || { cat "$1/$p.log"; return 1; }
    done
}

shown=()
for fs in "${filesystems[@]}"; do
    mkdir "$WORK/$fs"
    mount -o loop,prjquota "$WORK/$fs.img" "$WORK/$fs" 2>/dev/null || continue
    if python3 - "$WORK/$fs" <<'P'; then
import ctypes, os, sys
Q_GETINFO, PRJQUOTA = 0x800005, 2
fd = os.open(sys.argv[1], os.O_RDONLY)
sys.exit(ctypes.CDLL(None).syscall(443, fd, Q_GETINFO << 8 | PRJQUOTA, 0, ctypes.create_string_buffer(64)) != 0)
P
        try "$WORK/$fs" || fail "on $fs"
        shown+=("$fs")
    fi
    umount "$WORK/$fs"
done
echo "shown on this kernel: ${shown[*]:-nothing}"
[ ${#shown[@]} -lt ${#filesystems[@]} ] || exit 0

uml=${ROSS_TEST_UML:-} # the folder that holds the unpacked package, or nothing: installed
linux=$(ls "$uml"/usr/bin/linux.uml 2>/dev/null || command -v linux.uml) ||
    { [ ${#shown[@]} -gt 0 ] && exit 0; skip "this kernel has no project quotas (CONFIG_XFS_QUOTA, CONFIG_QFMT_V2), and user-mode-linux is not installed"; }
need busybox
modules=$(ls -d "$uml"/usr/lib/uml/modules/*/kernel/fs)
cat >"$WORK/init" <<S
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /mnt
for m in quota/quota_tree quota/quota_v2 overlayfs/overlay; do busybox insmod "$modules/\$m.ko"; done
mkdir /mnt/programs
cp ${programs[*]/#/$tests/} /mnt/programs/ # /tmp may be where they are
mount -t tmpfs tmp /tmp
try() { $(declare -f try | sed 1,2d | sed '$d')
}
programs=(${programs[*]}) tests=/mnt/programs
for d in ${filesystems[*]}; do
    [ \$d = xfs ] && dev=/dev/ubdb || dev=/dev/ubdc
    mkdir /mnt/\$d
    mount -o prjquota \$dev /mnt/\$d && try /mnt/\$d && echo "QUOTA HOLDS ON \$d"
done
busybox halt -f
S
chmod +x "$WORK/init"
timeout 600 "$linux" mem=512M rootfstype=hostfs rootflags=/ ro "init=$WORK/init" "ubdb=$WORK/xfs.img" "ubdc=$WORK/ext4.img" con=null con0=fd:3,fd:1 3</dev/null >"$WORK/uml.log" 2>&1 ||
    tail -5 "$WORK/uml.log"
grep -q 'Run .*init as init' "$WORK/uml.log" || { [ ${#shown[@]} -gt 0 ] && exit 0; skip "user-mode-linux does not start here: $(tail -1 "$WORK/uml.log")"; }
for fs in "${filesystems[@]}"; do
    grep -q "QUOTA HOLDS ON $fs" "$WORK/uml.log" || { grep -av '^\[' "$WORK/uml.log" | tail -30; fail "on $fs under user-mode-linux"; }
done
echo "shown under user-mode-linux: ${filesystems[*]}"
