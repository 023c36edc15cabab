#!/usr/bin/env bash
# Runs an integration test, and once more if it fails: dozens of real processes on two cores sometimes miss a deadline.
# Every second try is noted in $RAYVISOR_BUILD/Testing/second-tries, and tests/run.sh prints how many there were.
#
#   twice.sh NAME SECONDS COMMAND...
set -u
name=$1 seconds=$2
shift 2
timeout -k 20 "$seconds" "$@"
status=$?
case $status in 0 | 77) exit $status ;; esac
echo "== $name failed with status $status and gets its second try"
mkdir -p "$RAYVISOR_BUILD/Testing"
echo "$name" >>"$RAYVISOR_BUILD/Testing/second-tries"
exec timeout -k 20 "$seconds" "$@"
