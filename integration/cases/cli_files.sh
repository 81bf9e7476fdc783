#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The files of containers from outside: cp in both directions, diff, export; running and stopped; a hostile container.
. "$(dirname "$0")/../lib/common.sh"
need jq python3
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
cd "$WORK"

ross run -d --name box demo sh -c '
    echo hi >/tmp/x; rm /etc/motd; mkdir -p /opt/d/e; echo deep >/opt/d/e/f; ln -s /etc/passwd /opt/link; ln /opt/d/e/f /opt/twin
    touch /opt/.wh.file; mkfifo /opt/fifo; mknod /opt/dev c 1 3; touch /opt/suid; chown 5 /opt/suid; chmod 4755 /opt/suid; touch /ready
    trap "exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
wait_for 10 ross exec box test -e /ready || fail "the container is not ready"

check_diff() {
    ross diff box >"$WORK/diff"
    for line in "C /etc" "D /etc/motd" "A /opt" "A /opt/d/e/f" "A /opt/link" "C /tmp" "A /tmp/x" "A /ready"; do
        grep -qx "$line" "$WORK/diff" || fail "diff lacks '$line': $(cat "$WORK/diff")"
    done
    ! grep -E ' /(proc|sys|dev)|/etc/(hosts|hostname|resolv.conf)' "$WORK/diff" || fail "diff tells of mount points"
    [ "$(ross diff --format json box | jq -r '.[] | select(.path == "/etc/motd") | .kind')" = D ] || fail "diff as json"
}

# copy_out TEXT: out of the container, where /tmp/x says TEXT
copy_out() {
    rm -rf "$WORK/tree" "$WORK/opt"
    expect "" ross cp box:/opt "$WORK/tree"
    [ "$(cat tree/d/e/f)" = deep ] && [ "$(readlink tree/link)" = /etc/passwd ] || fail "cp of a directory to a new name"
    [ "$(stat -c %i tree/d/e/f)" = "$(stat -c %i tree/twin)" ] || fail "cp breaks a hard link"
    [ -f tree/.wh.file ] && [ -p tree/fifo ] && [ ! -e tree/dev ] || fail "cp of special names: $(ls -la out)"
    [ "$(stat -c '%u %a' tree/suid)" = "0 755" ] || fail "cp brings a setuid file of root: $(stat -c '%u %a' tree/suid)"
    ross cp -a box:/opt "$WORK" && [ "$(stat -c '%u %a' opt/suid)" = "5 4755" ] || fail "cp -a to a directory that is there"
    rm -rf here && mkdir here && ross cp box:/opt/. here && [ -f here/d/e/f ] && [ ! -e here/opt ] || fail "cp of contents"
    ross cp box:/tmp/x y && [ "$(cat y)" = "$1" ] || fail "cp of a file"
    ross cp box:tmp/x here && [ "$(cat here/x)" = "$1" ] || fail "cp of a relative path into a directory"
    rm -f l && ross cp box:/opt/link l && [ -L l ] && rm l && ross cp -L box:/opt/link l && grep -q ^root: l && [ ! -L l ] || fail "cp -L"
    cmp l "$ROSS_ROOT"/snapshots/*/fs/etc/passwd || fail "cp -L read a file of this machine"
    [ "$(ross cp box:/opt/d - | tar tf - | tr '\n' ' ')" = "d/ d/e/ d/e/f " ] || fail "cp to -"
    [ "$(ross cp box:/tmp/x - | tar xOf -)" = "$1" ] || fail "cp of a file to -"
}

# into it
copy_in() {
    rm -rf src && mkdir -p src/sub && echo "in $1" >src/sub/f && chown 7:8 src/sub/f
    ross cp src "box:/opt/new$1" && ross cp src box:/tmp && ross cp src/. "box:/opt/new$1" && ross cp src/sub/f box:/tmp/x
    ross cp -a src box:/root
    tar cf - -C src sub | ross cp - box:/root
    rm -rf back && ross cp -a box:/opt/new$1 back && [ "$(cat back/sub/f)" = "in $1" ] && [ "$(stat -c %u:%g back/sub/f)" = 0:0 ] || fail "cp in: $(ls -lR back)"
    rm -rf back && ross cp -a box:/root back && [ "$(stat -c %u:%g back/src/sub/f)" = 7:8 ] && [ -f back/sub/f ] || fail "cp -a in"
    ross cp box:/tmp/x y && [ "$(cat y)" = "in $1" ] || fail "cp over a file"
    ross cp box:/tmp/src/sub/f y || fail "cp in below a directory that is there"
    expect_fail 125 "does not exist in the container" ross cp box:/nosuch .
    expect_fail 125 "does not exist on this machine" ross cp /nosuch box:/
    expect_fail 125 "one cannot become the other" ross cp src box:/tmp/x
    expect_fail 125 "no directory '/nodir/' in the container" ross cp y box:/nodir/
    expect_fail 125 "no directory" ross cp y box:/nodir/f
    expect_fail 125 "is no directory" ross cp box:/tmp/x/. .
    expect_fail 125 "no directory '/nodir' in the container" ross cp - box:/nodir
}
export_all() {
    ross export box >all.tar && tar tf all.tar >names || fail "export"
    grep -qx opt/d/e/f names && ! grep -q 'proc/1\|motd' names || fail "export has the wrong files: $(cat names)"
    ross export -o all2.tar box && cmp all.tar all2.tar || fail "export -o"
}
check_diff
copy_out hi
export_all
copy_in running
expect "in running" ross exec box cat /root/src/sub/f
ross stop box >/dev/null
check_diff
copy_out "in running"
export_all
copy_in stopped
assert_clean
ross start box >/dev/null
expect "in stopped" ross exec box cat /root/src/sub/f
ross rm -f box >/dev/null

# links that lead out, inside and below the target, and paths with ".."
echo secret >"$WORK/secret"
ross run -d --name evil demo sh -c "ln -s $WORK /out; ln -s / /root/up; mkdir /d; ln -s $WORK/secret /d/leak; ln -s /tmp/here /rel; mkdir /tmp/here
    echo done >/ready; sleep 1000" >/dev/null
wait_for 10 ross exec evil test -e /ready || fail "the container is not ready"
hostile() {
    mkdir -p in && echo planted >in/planted
    expect_fail 125 "does not exist in the container" ross cp -L evil:/d/leak got
    expect_fail 125 "'/out/secret'" ross cp "evil:/out/secret" got
    expect_fail 125 "does not exist in the container" ross cp "evil:../../../..$WORK/secret" got
    ross cp in/planted evil:/out >/dev/null 2>&1 || true
    ross cp in/planted evil:/out/planted >/dev/null 2>&1 || true
    ross cp in/planted evil:/rel
    ross cp in/planted evil:/root/up/../../..
    [ ! -e "$WORK/planted" ] && [ ! -e /planted ] && [ "$(cat secret)" = secret ] || fail "cp wrote outside"
    rm -rf got && ross cp evil:/tmp/here got && [ "$(cat got/planted)" = planted ] || fail "a link inside does not lead inside"
    rm -rf got && ross cp evil:/planted got && [ -f got ] || fail ".. does not end at the root"
}
hostile
# a directory that turns into a link and back while it is written to
ross exec -d evil sh -c "mkdir /race; while :; do mv /race /r2; ln -s $WORK /race; rm /race; mv /r2 /race; done"
for _ in $(seq 40); do ross cp in/planted evil:/race/ >/dev/null 2>&1 || true; done
[ ! -e "$WORK/planted" ] || fail "cp lost a race"
ross stop -t 0 evil >/dev/null
hostile
ross rm evil >/dev/null

# a tar from outside cannot leave either
python3 - <<'P'
import io, tarfile
with tarfile.open("bad.tar", "w") as t:
    i = tarfile.TarInfo("l"); i.type = tarfile.SYMTYPE; i.linkname = "/"; t.addfile(i)
    i = tarfile.TarInfo("l/planted"); i.size = 1; t.addfile(i, io.BytesIO(b"x"))
P
ross create --name quiet demo true >/dev/null
ross cp - quiet:/tmp <bad.tar 2>/dev/null || true
[ ! -e /planted ] || fail "a tar wrote outside"
expect_fail 125 "between containers" ross cp quiet:/a quiet:/b
expect_fail 125 "CONTAINER:PATH" ross cp a b
expect_fail 125 "no container has the name" ross cp nobody:/a b
expect_fail 2 "argument is missing" ross cp quiet:/a
expect_fail 125 "no container has the name" ross diff nobody
expect_fail 125 "no container has the name" ross export -o "$WORK/never" nobody
[ ! -e "$WORK/never" ] || fail "a failed export leaves a file"
expect_fail 125 "nodir" ross export -o /nodir/x quiet
ross rm quiet >/dev/null
assert_clean
