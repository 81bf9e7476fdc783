# SPDX-License-Identifier: Apache-2.0
# Sourced where something far away is asked: a mirror may be out of reach for a moment.
# shellcheck shell=bash

# tries COMMAND…: up to four times.
tries() {
    local n
    for n in 1 2 3; do
        "$@" && return
        sleep $((5 * n))
    done
    "$@"
}
# apt takes lists that it could not fetch for a warning only.
WHOLE_LISTS=APT::Update::Error-Mode=any
