#!/bin/sh
# The tests of a sanitizer build: folder, labels. 77 (skipped) where that was not built.
[ -f "$1/CTestTestfile.cmake" ] || { echo "no sanitizer build at $1 (tests/run.sh makes it)"; exit 77; }
# The simulated years and the stories take minutes in the thread sanitizer, and have no threads.
case "$1" in *tsan) without='property|raycronjob|schedule|zones' ;; *) without='^$' ;; esac
ctest --test-dir "$1" -L "$2" -E "$without" --output-on-failure -j "$(nproc)"
