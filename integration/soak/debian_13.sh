#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The packages on Debian 13: built in a root of it, installed, used under its systemd, upgraded, removed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
ROSS_SUITE=trixie ./run.sh deb_install deb_systemd
