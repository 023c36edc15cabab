#!/usr/bin/env bash
# The bash completion offers exactly the commands that rayvisorctl has, and goes on behind them. $1: rayvisorctl.
set -euo pipefail
# shellcheck source=/dev/null
source "$(dirname "$0")/../../deploy/completion/rayvisorctl"

complete_line() { # words...; the last one is being typed
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _rayvisorctl
    echo "${COMPREPLY[*]:-}"
}
expect() { # wanted, words...
    local want=$1 got
    shift
    got=$(complete_line "$@")
    [ "$got" = "$want" ] || { echo "\"$*\" offers \"$got\", not \"$want\"" >&2; exit 1; }
}
all=$("$1" help | awk '/^  [a-z]/ { print $1 }' | sort | xargs)
offered=$(complete_line rayvisorctl "" | tr ' ' '\n' | sort | xargs)
[ "$all" = "$offered" ] || { echo "rayvisorctl has: $all; offered are: $offered" >&2; exit 1; }
expect "status sandbox" rayvisorctl -o json s
expect "explain" rayvisorctl help ex
expect "up" rayvisorctl sandbox u
expect "json table" rayvisorctl status -o ""
expect "" rayvisorctl status ""
expect "--socket" rayvisorctl --s
