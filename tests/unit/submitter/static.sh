#!/usr/bin/env bash
# The submitter needs nothing of its image and stays small: static.sh PROGRAM
set -euo pipefail
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
strip -o "$tmp" "$1"
size=$(stat -c %s "$tmp")
readelf -lW "$1" | grep -q INTERP && { echo "$1 is not static"; exit 1; }
[ "$size" -le $((3 << 20)) ] || { echo "$1 has $size bytes stripped, more than 3 MiB"; exit 1; }
echo "static, $size bytes stripped"
