#!/usr/bin/env bash
# Lets one fuzz target search for some seconds, beginning with its corpus and the empty input.
#
#   search.sh BINARY CORPUS SECONDS
#
# What it finds is printed as base64; put it into the corpus with the mend. Skipped where the binary was not built.
set -u
[ -x "$1" ] || { echo "$1 is not there: tests/run.sh search builds it"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/new" "$dir/found"
: >"$dir/new/empty"
"$1" -max_total_time="$3" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$dir/found/" \
    "$dir/new" "$2" >"$dir/log" 2>&1
status=$?
grep -E '^stat::(number_of_executed_units|average_exec_per_sec)|^#[0-9]+.DONE' "$dir/log"
[ "$status" != 0 ] || exit 0
tail -n 60 "$dir/log"
for found in "$dir"/found/*; do
    [ -f "$found" ] && echo "$(basename "$found"), base64 -d:" && base64 "$found"
done
exit 1
