#!/usr/bin/env bash
# The completion scripts offer in bash (and in zsh and fish, where they are) what rayvisorctl has, and go on behind it. $1:
# rayvisorctl.
set -euo pipefail
ctl=$1
PATH=$(dirname "$ctl"):$PATH
# shellcheck source=/dev/null
source <("$ctl" completion bash)

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
complete -p rayvisorctl kubectl-rayvisor >/dev/null
all=$("$ctl" help | awk '/^  [a-z]/ { print $1 }' | uniq | xargs)
expect "$all" rayvisorctl ""
expect "$all" "$ctl" ""
expect "scale session status sandbox" rayvisorctl -o json s
expect "submit stop" rayvisorctl job s
expect "--head-cpu --head-memory --head-gpu" rayvisorctl job submit --name x --head
expect "explain" rayvisorctl help ex
expect "up" rayvisorctl sandbox u
expect "table json" rayvisorctl status -o ""
expect "json" rayvisorctl status --output = j
expect "" rayvisorctl status ""
expect "--socket" rayvisorctl --so
expect "raycluster/ raycronjob/" kubectl-rayvisor explain rayc
cd "$(dirname "$0")"
expect "completion.sh" rayvisorctl sandbox up --config comp

if command -v zsh >/dev/null; then
    got=$(zsh -fc 'compdef() { :; }; source <("$1" completion zsh); _describe() { print -r -- "${(P)2}"; }; words=(rayvisorctl sandbox u); CURRENT=3; _rayvisorctl' _ "$ctl")
    [ "$got" = "up:up" ] || { echo "zsh offers \"$got\"" >&2; exit 1; }
fi
if command -v fish >/dev/null; then
    got=$(HOME=$(mktemp -d) fish -N -c "'$ctl' completion fish | source; complete -C 'rayvisorctl sandbox u'")
    [ "$got" = up ] || { echo "fish offers \"$got\"" >&2; exit 1; }
fi
