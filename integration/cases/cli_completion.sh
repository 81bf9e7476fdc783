#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The completion scripts as the shells load them: words typed, the completion key pressed, what stands there then.
. "$(dirname "$0")/../lib/common.sh"
need zsh fish python3
mkdir "$WORK/shells" "$WORK/path"
for shell in bash zsh fish; do ross completion $shell >"$WORK/shells/$shell"; done
cp "$WORK/shells/zsh" "$WORK/shells/_ross-cli"
ln -s "$BIN/ross-cli" "$WORK/path/ross-cli"
export PATH=$WORK/path:$PATH
demo_layout
ross load -q --input "$WORK/demo" >/dev/null

# complete_bash WORD…: what bash offers for the last word, on one line
complete_bash() {
    bash --norc -c '. "$1"; shift
        function=$(complete -p ross-cli | sed "s/.*-F \([^ ]*\).*/\1/")
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$*
        COMP_POINT=${#COMP_LINE}
        "$function" ross-cli "${@: -1}" "${@: -2:1}"
        echo "${COMPREPLY[*]}"' bash "$WORK/shells/bash" "$@"
}
expect "image images import" complete_bash ross-cli im
expect "--read-only" complete_bash ross-cli run --read
expect "always missing never" complete_bash ross-cli run --pull ""
expect "demo:latest" complete_bash ross-cli run dem
expect "pull push" complete_bash ross-cli image pu

# fish prints candidate and description
complete_fish() { fish --no-config -c "source $WORK/shells/fish; complete -C '$1'" | cut -f1 | sort | paste -sd' '; }
expect "image images import" complete_fish "ross-cli im"
expect "--read-only" complete_fish "ross-cli run --read"
expect "always missing never" complete_fish "ross-cli run --pull "
expect "pull push" complete_fish "ross-cli image pu"

# zsh completes only on a terminal: a command that it has completed is run, and prints its words
cat >"$WORK/zsh.py" <<'P'
import os, pty, select, sys
folder = sys.argv[1]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", HOME=folder)
    os.execlp("zsh", "zsh", "-f", "-i")
seen = b""


def until(word):
    global seen
    while word not in seen:
        if not select.select([fd], [], [], 100)[0]:
            sys.exit("zsh does not say %r, but %r" % (word, seen))
        seen += os.read(fd, 65536)
    seen = seen[seen.index(word) + len(word):]


os.write(fd, b"PS1= RPS1=; unsetopt zle_bracketed_paste; fpath=(%s $fpath); autoload -U compinit; compinit -u -D; " % folder.encode() +
         b"ross-cli() { print -r -- \"<$*>\" }; print REA''DY\n")
until(b"READY")
for typed, want in zip(sys.argv[2::2], sys.argv[3::2]):
    os.write(fd, typed.encode() + b"\t\n")
    until(b"<" + want.encode() + b">")
os.write(fd, b"exit\n")
os.waitpid(pid, 0)
P
timeout 400 python3 "$WORK/zsh.py" "$WORK/shells" "ross-cli versi" version "ross-cli run --read" "run --read-only" "ross-cli image pul" "image pull" ||
    fail "zsh"
