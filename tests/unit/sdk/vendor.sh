#!/bin/sh
# Does what a vendor does: installs the SDK, moves it, builds the example controller outside the tree with CMake and
# with pkg-config, and runs both against a scripted host.
# usage: vendor.sh CMAKE BUILD_DIR EXAMPLE_DIR CC "CFLAGS" DRIVER
set -eu
cmake=$1 build=$2 example=$3 cc=$4 cflags=$5 driver=$6
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "vendor.sh: $*" >&2; exit 1; }

"$cmake" --install "$build" --component sdk --prefix "$tmp/first" >/dev/null
mv "$tmp/first" "$tmp/moved" # nothing may depend on where it was installed
cp -r "$example" "$tmp/source"

"$cmake" -S "$tmp/source" -B "$tmp/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$cflags" \
  -DCMAKE_PREFIX_PATH="$tmp/moved" -DCMAKE_INSTALL_PREFIX="$tmp/moved" >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "configure"; }
"$cmake" --build "$tmp/build" >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "build"; }
"$cmake" --install "$tmp/build" >/dev/null

PKG_CONFIG_PATH=$(dirname "$(find "$tmp/moved" -name rayvisor.pc)")
export PKG_CONFIG_PATH
plugins=$(pkg-config --variable=plugindir rayvisor)
[ -f "$plugins/cluster-summary.so" ] || fail "no plugin in $plugins"
[ -f "$plugins/cluster-summary.yaml" ] || fail "no manifest in $plugins"
"$cmake" -DMANIFEST="$tmp/source/cluster-summary.yaml" -DHEADER="$tmp/source/cluster-summary_kinds.h" \
  -P "$(pkg-config --variable=kinds rayvisor)"
# shellcheck disable=SC2046,SC2086
"$cc" -std=gnu17 -shared -fPIC -fvisibility=hidden $cflags $(pkg-config --cflags rayvisor) "$tmp/source/summary.c" \
  $(pkg-config --libs rayvisor) -o "$tmp/by-pkg-config.so"

for so in "$plugins/cluster-summary.so" "$tmp/by-pkg-config.so"; do
  exported=$(nm -D --defined-only "$so" | awk '{print $3}' | grep -v '^__' | tr '\n' ' ')
  [ "$exported" = "rv_plugin_v2 " ] || fail "$so exports: $exported"
  "$driver" "$so"
done
