#!/bin/sh
# The unit and fuzz tests of the sanitizer build; 77 (skipped) where that was not built.
[ -f "$1/CTestTestfile.cmake" ] || { echo "no sanitizer build at $1 (tests/run.sh makes it)"; exit 77; }
ctest --test-dir "$1" -L 'unit|fuzz' --output-on-failure -j "$(nproc)"
