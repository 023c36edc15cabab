#!/bin/sh
# The tests of a sanitizer build: folder, labels. 77 (skipped) where that was not built.
[ -f "$1/CTestTestfile.cmake" ] || { echo "no sanitizer build at $1 (tests/run.sh makes it)"; exit 77; }
case "$1" in *tsan) export RAYVISOR_PROPERTY_RUNS=15 ;; esac # ten times slower, and these have no threads
ctest --test-dir "$1" -L "$2" --output-on-failure -j "$(nproc)"
