#!/bin/sh
# Does what a vendor does: installs the SDK and the test library, moves them, builds the example controller outside the
# tree with CMake and with pkg-config, runs its unit test, and has the host look at both.
# usage: vendor.sh CMAKE BUILD_DIR EXAMPLE_DIR CC "CFLAGS" HOST
set -eu
cmake=$1 build=$2 example=$3 cc=$4 cflags=$5 host=$6
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "vendor.sh: $*" >&2; exit 1; }
loud() { "$@" >"$tmp/log" 2>&1 || { cat "$tmp/log"; fail "$*"; }; }

for component in sdk test; do loud "$cmake" --install "$build" --component $component --prefix "$tmp/first"; done
mv "$tmp/first" "$tmp/moved" # nothing may depend on where it was installed
cp -r "$example" "$tmp/source"
headers=$(find "$tmp/moved" -name '*.h' ! -path '*/include/rayvisor/*')
[ -z "$headers" ] || fail "private headers are installed: $headers"

# The example reads no JSON: it builds where neither yajl nor msgpack can be had.
mkdir -p "$tmp/hidden/yajl" "$tmp/hidden/msgpack"
for header in yajl/yajl_parse.h yajl/yajl_gen.h msgpack.h msgpack/pack.h; do
  echo '#error "a vendor who does not use this library has not got it"' >"$tmp/hidden/$header"
done
cflags="$cflags -I$tmp/hidden -Wall -Wextra -Werror"
loud "$cmake" -S "$tmp/source" -B "$tmp/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$cflags" \
  -DCMAKE_PREFIX_PATH="$tmp/moved" -DCMAKE_INSTALL_PREFIX="$tmp/moved"
loud "$cmake" --build "$tmp/build"
loud "$cmake" -E chdir "$tmp/build" ctest --output-on-failure
grep -q "1 tests\? passed\|100% tests passed, 0 tests failed out of 1" "$tmp/log" || { cat "$tmp/log"; fail "its unit test did not run"; }
loud "$cmake" --install "$tmp/build"

PKG_CONFIG_PATH=$(dirname "$(find "$tmp/moved" -name rayvisor.pc)")
export PKG_CONFIG_PATH
plugins=$(pkg-config --variable=plugindir rayvisor)
[ -f "$plugins/cluster-summary.so" ] || fail "no plugin in $plugins"
[ -f "$plugins/cluster-summary.yaml" ] || fail "no manifest in $plugins"
loud "$cmake" -DMANIFEST="$tmp/source/cluster-summary.yaml" -DHEADER="$tmp/source/cluster-summary_kinds.h" \
  -P "$(pkg-config --variable=kinds rayvisor)"
# shellcheck disable=SC2046,SC2086
"$cc" -std=gnu17 -shared -fPIC -fvisibility=hidden $cflags $(pkg-config --cflags rayvisor) "$tmp/source/summary.c" \
  $(pkg-config --libs rayvisor) -o "$tmp/by-pkg-config.so"
# shellcheck disable=SC2046,SC2086
"$cc" -std=gnu17 $cflags $(pkg-config --cflags rayvisor-test) "$tmp/source/summary.c" "$tmp/source/test_summary.c" \
  $(pkg-config --libs rayvisor-test) -o "$tmp/test_summary"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir rayvisor-test) loud "$tmp/test_summary" "$tmp/source/cluster-summary.yaml"

# What the guide says of the host: it is where pkg-config says, and runs, also under a debugger.
installed=$(pkg-config --variable=host rayvisor)
said=$("$installed" --check "$plugins/cluster-summary.so") || fail "the installed host $installed: $said"
printf '\220' >"$tmp/broken.rec" # no record
if "$installed" --replay "$tmp/broken.rec" "$plugins/cluster-summary.so" >"$tmp/log" 2>&1; then fail "a broken recording was replayed"; fi
grep -q "recording" "$tmp/log" || { cat "$tmp/log"; fail "a broken recording is not named"; }

for so in "$plugins/cluster-summary.so" "$tmp/by-pkg-config.so"; do
  exported=$(nm -D --defined-only "$so" | awk '{print $3}' | grep -v '^__' | tr '\n' ' ')
  [ "$exported" = "rv_plugin_v3 " ] || fail "$so exports: $exported"
  needed=$(readelf -d "$so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -v '^lib\(c\|m\|asan\|ubsan\|tsan\|gcc_s\)\.so' || true)
  [ -z "$needed" ] || fail "$so needs $needed"
  said=$("$host" --check "$so")
  [ "$said" = '{"name":"cluster-summary","version":"1.0.0","abi":"3.1"}' ] || fail "the host says of $so: $said"
done

# Where it was installed makes it no plugin of Rayvisor's own: beside those it needs the configuration's consent too.
mkdir -p "$tmp/own/bin" "$tmp/own/lib/rayvisor"
cp "$(dirname "$host")/rayvisord" "$host" "$tmp/own/bin/"
cp -r "$plugins" "$tmp/own/lib/rayvisor/plugins"
judge() { printf 'plugins:\n- name: cluster-summary\n%s' "$1" >"$tmp/config.yaml"; "$tmp/own/bin/rayvisord" --config "$tmp/config.yaml" --check-config 2>&1 || true; }
case $(judge "") in *"config.yaml:2:3: plugin cluster-summary is not one of Rayvisor's own"*) ;; *) fail "without grants: $(judge "")" ;; esac
case $(judge "  grants: []") in *"do not cover: add {apiVersion: ray.io/v1, resource: rayclusters, verbs: [read]}"*) ;; *) fail "with none: $(judge "  grants: []")" ;; esac
case $(judge "  grants: all") in *": valid") ;; *) fail "with all: $(judge "  grants: all")" ;; esac

# What the plugin does not find is missed when it is linked.
echo 'int missing(void); int use(void); int use(void) { return missing(); }' >>"$tmp/source/summary.c"
if "$cmake" --build "$tmp/build" --target cluster-summary >"$tmp/log" 2>&1; then
  case $cflags in *-fsanitize=*) ;; *) fail "a plugin with a missing symbol was linked" ;; esac
fi

# A manifest that the generator cannot read, or that has two kinds of one name, is refused.
refused() {
  if "$cmake" -DMANIFEST="$1" -DHEADER="$tmp/kinds.h" -P "$(pkg-config --variable=kinds rayvisor)" >"$tmp/log" 2>&1; then
    fail "accepted: $(cat "$1")"
  fi
  tr '\n' ' ' <"$tmp/log" | tr -s ' ' | grep -q "$2" || { cat "$tmp/log"; fail "no \"$2\""; }
}
head="name: x\nversion: 1\nabi: 3\nprimary: {apiVersion: v1, resource: pods, kind: Pod}\n"
printf '%breads: [{apiVersion: v1, resource: nodes, kind: Node}]\n' "$head" >"$tmp/x.yaml"
refused "$tmp/x.yaml" "line of its own"
printf '%breads:\n- apiVersion: v1\n  resource: pods\n  kind: Pod\n' "$head" >"$tmp/x.yaml"
refused "$tmp/x.yaml" 'has the name "pod"'
printf '%breads:\n- apiVersion: v1\n  kind: Node\n' "$head" >"$tmp/x.yaml"
refused "$tmp/x.yaml" "no apiVersion, resource and kind"
printf '%breads:\n- apiVersion: v1\n  fields:\n  - metadata.name\n  resource: nodes # all\n  kind: "Node"\n\n# a remark\n- {name: second, apiVersion: v1, resource: pods, kind: Pod}\nwrites: []\n' \
  "$head" >"$tmp/x.yaml"
loud "$cmake" -DMANIFEST="$tmp/x.yaml" -DHEADER="$tmp/kinds.h" -P "$(pkg-config --variable=kinds rayvisor)"
tr -d ' \n' <"$tmp/kinds.h" | grep -q 'KIND_POD,KIND_NODE,KIND_SECOND,KIND_COUNT' || { cat "$tmp/kinds.h"; fail "its kinds"; }
