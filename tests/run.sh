#!/usr/bin/env bash
# Installs what the tests need, builds, and runs everything; CTest's summary is the last thing printed.
#
#   tests/run.sh                 all: unit, fuzz corpora and a search of some seconds by each fuzz target, integration, lint,
#                                and the unit tests again under sanitizers
#   tests/run.sh unit            only tests whose label matches (unit, fuzz, search, integration, lint, asan, tsan)
#   tests/run.sh real            the integration tests against a real Kubernetes control plane with simulated kubelets (needs
#                                Go; the first time ten minutes to compile it; skipped where it cannot be)
#   tests/run.sh ray             the tests on a real kubelet and a real Ray (needs root and Go; skipped where it cannot be);
#                                "tests/run.sh ray jobs": only test_ray_jobs.py
#
# RAYVISOR_NO_INSTALL=1 skips the packages. Build trees: build/ (gcc, optimised), build-clang/, build-asan/, build-tsan/,
# build-fuzz/ (clang).
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
label=${1:-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

packages="build-essential cmake ninja-build pkg-config clang clang-format clang-tidy python3 python3-yaml openssl curl git ca-certificates tzdata
 libzmq3-dev libmsgpack-dev libcurl4-openssl-dev libnghttp2-dev libyaml-dev libyajl-dev libssl-dev libseccomp-dev
 libmicrohttpd-dev libprotobuf-c-dev protobuf-c-compiler libcunit1-dev libclang-rt-14-dev libmbedtls-dev libhttp-parser-dev"

install_packages() {
    if [ -n "${RAYVISOR_NO_INSTALL:-}" ]; then
        need_programs cmake ninja python3
        return 0
    fi
    command -v kubectl >/dev/null || packages+=" kubernetes-client" # another package may provide it already
    # shellcheck disable=SC2086
    install_debian_packages $packages
}

build() { # preset, target...
    local preset=$1
    shift
    cmake --preset "$preset" >/dev/null
    echo "== building ($preset)"
    NINJA_STATUS= cmake --build --preset "$preset" ${*:+--target "$@"} -- -k 0 2>&1 | tee "$log" | progress || {
        grep -v -E '^(Building|Linking|Generating)' "$log"
        exit 1
    }
}

# Operators see all namespaces: tests side by side, which mostly wait, need a cluster each.
real() {
    local dir i planes=2 port=16443 status=0 configs=()
    tests/real/cluster.sh can || { echo "0 passed, 0 failed, 1 skipped" && return 0; }
    tests/real/cluster.sh build
    dir=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "for i in $(seq -s ' ' $planes); do tests/real/cluster.sh down '$dir'/\$i; done; rm -rf '$dir' '$log'" EXIT
    export RAYVISOR_KUBECONFIG RAYVISOR_KUBECTL=${RAYVISOR_REAL_BIN:-$HOME/.cache/rayvisor-real}/kubectl
    for i in $(seq $planes); do
        while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 100)); done
        configs+=("$(tests/real/cluster.sh up "$dir/$i" "$port" | tail -n 1)")
        "$RAYVISOR_KUBECTL" --kubeconfig "${configs[-1]}" apply -f deploy/crds >/dev/null
    done
    RAYVISOR_KUBECONFIG=$(IFS=: && echo "${configs[*]}")
    run_tests -L integration -j $planes | tee "$dir/log" || status=1
    echo "== skipped on a real API server, and why"
    sed -n 's/^SKIP [a-z0-9_]*: //p' build/Testing/Temporary/LastTest.log | sort | uniq -c
    tally "$dir/log"
    return $status
}

# CTest, with how many integration tests needed a second try (tests/integration/twice.sh) above its summary.
run_tests() {
    rm -f build/Testing/second-tries
    # Line by line, so that one sees how far it is: Debian's awk would wait for a whole block.
    ctest --test-dir build --output-on-failure "$@" | python3 -u -c '
import os, re, sys
for line in sys.stdin:
    if re.match(r"\d+% tests passed, ", line):
        names = open(sys.argv[1]).read().split("\n")[:-1] if os.path.exists(sys.argv[1]) else []
        print(len(names), "second tries" + (": " + ", ".join(names) if names else "") + "\n")
    print(line, end="")' build/Testing/second-tries
}

tally() { # CTest's output, in one line
    local passed failed skipped
    passed=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$1") || true
    skipped=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped ' "$1") || true
    failed=$(($(grep -cE '^ *[0-9]+/[0-9]+ Test +#' "$1") - passed - skipped))
    echo "$passed passed, $failed failed, $skipped skipped"
}

ray() {
    local dir file part=${1:-} status=0
    tests/real/node.sh can || { echo "0 passed, 0 failed, 1 skipped" && return 0; }
    tests/real/node.sh build
    dir=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "tests/real/node.sh down '$dir'; rm -rf '$dir' '$log'" EXIT
    tests/real/node.sh up "$dir" || { echo "the node did not come up" && echo "0 passed, 0 failed, 1 skipped" && return 0; }
    "${RAYVISOR_REAL_BIN:-$HOME/.cache/rayvisor-real}/kubectl" --kubeconfig "$dir/kubeconfig" apply -f deploy/crds >/dev/null
    for file in tests/real/test_ray_${part:-*}.py; do
        echo "== $(basename "$file")"
        RAYVISOR_NODE=$dir python3 "$file" | tee -a "$dir/log" || { [ $? = 77 ] || status=1; }
    done
    sum_up "$dir/log"
    return $status
}

sum_up() { # the output of several test files, in one line
    awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 } END { print p + 0 " passed, " f + 0 " failed, " s + 0 " skipped" }' "$1"
}

install_packages
build release
if [ "$label" = ray ]; then
    ray "${2:-}"
    exit
fi
if [ "$label" = real ]; then
    real
    exit
fi
case "$label" in
'' | asan) build asan ;;&
'' | tsan) build tsan ;;&
'' | search) build fuzz fuzzers ;;
esac
[ -n "$label" ] || build clang
# Twice as many as processors: integration tests mostly wait. The longest begin first.
run_tests ${label:+-L "$label"} -j "$(($(nproc) * 2))"
