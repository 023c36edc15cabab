#!/bin/sh
# The tests of a sanitizer build: folder, labels. 77 (skipped) where that was not built.
[ -f "$1/CTestTestfile.cmake" ] || { echo "no sanitizer build at $1 (tests/run.sh makes it)"; exit 77; }
ctest --test-dir "$1" -L "$2" --output-on-failure -j "$(nproc)"
