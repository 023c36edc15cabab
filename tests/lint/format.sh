#!/bin/sh
# Every C file is as clang-format wants it.
git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
