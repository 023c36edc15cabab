#!/usr/bin/env bash
# Programs that our users run beside us, compiled from their Go modules, beside a control plane that cluster.sh has started.
#
#   neighbours.sh can NAME        says what is missing, if anything (exit status 77)
#   neighbours.sh build NAME      the program and its manifests (kept in $RAYVISOR_REAL_BIN; minutes when cold)
#   neighbours.sh up NAME DIR     start it beside the control plane whose state is in DIR
#   neighbours.sh down NAME DIR   stop it
#
# NAME: kueue, volcano
# RAYVISOR_REAL_BIN   where the binaries are kept (default ~/.cache/rayvisor-real)
#
# They run as processes of this machine, as the control plane does. So their webhooks are reached by URL: local_webhooks.py rewrites
# the manifests, and leaves out what would run in pods.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../processes.sh"
bin=${RAYVISOR_REAL_BIN:-$HOME/.cache/rayvisor-real}

can() { # name
    local missing="" files
    case "$1" in volcano) files="vc-scheduler vc-controller-manager volcano.yaml" ;; *) files="$1 $1.yaml" ;; esac
    for file in $files; do [ -s "$bin/$file" ] || missing+=" $file"; done
    [ -n "$missing" ] || return 0
    command -v go >/dev/null || { echo "neighbours.sh: no $1 here: $bin lacks$missing, and there is no Go to build with" && exit 77; }
    (cd "$here/$1" && go mod download) >/dev/null 2>&1 ||
        { echo "neighbours.sh: no $1 here: $bin lacks$missing, and the Go modules to build from can be neither found nor fetched" && exit 77; }
}

module() { (cd "$here/$1" && go list -m -f '{{.Dir}}' "$2"); } # name, module

build() { # name
    mkdir -p "$bin"
    "build_$1"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A certificate for 127.0.0.1, from an authority of its own: $dir/NAME/{ca.crt,tls.crt,tls.key}
certificates() { # name
    local at=$dir/$1
    mkdir -p "$at"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=neighbour-ca -keyout "$at/ca.key" -out "$at/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=neighbour -keyout "$at/tls.key" -out "$at/tls.csr" 2>/dev/null
    openssl x509 -req -in "$at/tls.csr" -CA "$at/ca.crt" -CAkey "$at/ca.key" -CAcreateserial -days 2 -out "$at/tls.crt" \
        -extfile <(echo subjectAltName=IP:127.0.0.1) 2>/dev/null
}

# ---- Kueue: quotas for jobs --------------------------------------------------------------------------------------------

build_kueue() {
    [ -x "$bin/kueue" ] ||
        (cd "$here/kueue" && CGO_ENABLED=0 go build -ldflags "-s -w" -o "$bin/kueue" sigs.k8s.io/kueue/cmd/kueue)
    [ -s "$bin/kueue.yaml" ] || {
        "$bin/kubectl" kustomize "$(module kueue sigs.k8s.io/kueue)/config/default" >"$bin/kueue.new"
        mv "$bin/kueue.new" "$bin/kueue.yaml"
    }
}

up_kueue() {
    local webhooks metrics health
    webhooks=$(free_port) metrics=$(free_port) health=$(free_port)
    certificates kueue
    cat >"$dir/kueue/config.yaml" <<EOF
apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
namespace: kueue-system
health: {healthProbeBindAddress: "127.0.0.1:$health"}
metrics: {bindAddress: "127.0.0.1:$metrics"}
webhook: {host: 127.0.0.1, port: $webhooks, certDir: "$dir/kueue"}
internalCertManagement: {enable: false}
leaderElection: {leaderElect: false}
manageJobsWithoutQueueName: false
integrations:
  frameworks: [batch/job, ray.io/rayjob, ray.io/raycluster, ray.io/rayservice]
EOF
    python3 "$here/local_webhooks.py" "https://127.0.0.1:$webhooks" "$dir/kueue/ca.crt" kueue.x-k8s.io ray.io batch <"$bin/kueue.yaml" >"$dir/kueue/objects.yaml"
    $k apply --server-side -f "$dir/kueue/objects.yaml" >"$dir/kueue/apply.log"
    start kueue env KUBECONFIG="$dir/kubeconfig" "$bin/kueue" --config "$dir/kueue/config.yaml"
    wait_until "Kueue to be ready" python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$health/readyz')"
    # Its webhooks answer.
    wait_until "Kueue's webhooks" $k create --dry-run=server -f - <<<"{apiVersion: kueue.x-k8s.io/v1beta2, kind: ResourceFlavor, metadata: {name: probe}}"
}

# ---- Volcano: gangs and queues -----------------------------------------------------------------------------------------

build_volcano() {
    for tool in scheduler controller-manager; do
        [ -x "$bin/vc-$tool" ] ||
            (cd "$here/volcano" && CGO_ENABLED=0 go build -ldflags "-s -w" -o "$bin/vc-$tool" "volcano.sh/volcano/cmd/$tool")
    done
    [ -s "$bin/volcano.yaml" ] || {
        for file in "$(module volcano volcano.sh/volcano)"/config/crd/*/bases/*.yaml; do echo --- && cat "$file"; done >"$bin/volcano.new"
        mv "$bin/volcano.new" "$bin/volcano.yaml"
    }
}

# Without its webhooks, which only default and check Volcano's own kinds.
up_volcano() {
    mkdir -p "$dir/volcano"
    cat >"$dir/volcano/scheduler.yaml" <<EOF
actions: "enqueue, allocate, preempt, backfill"
tiers:
- plugins: [{name: priority}, {name: gang}, {name: conformance}]
- plugins: [{name: overcommit}, {name: predicates}, {name: proportion}, {name: nodeorder}]
EOF
    $k apply --server-side -f "$bin/volcano.yaml" >"$dir/volcano/apply.log"
    wait_until "Volcano's kinds" $k get queues.scheduling.volcano.sh,podgroups.scheduling.volcano.sh
    $k create namespace volcano-system >/dev/null
    start volcano "$bin/vc-scheduler" --kubeconfig "$dir/kubeconfig" --scheduler-conf "$dir/volcano/scheduler.yaml" --leader-elect=false \
        --schedule-period 200ms --listen-address "127.0.0.1:$(free_port)" --enable-healthz=false
    start volcano-controllers "$bin/vc-controller-manager" --kubeconfig "$dir/kubeconfig" --leader-elect=false --enable-healthz=false
    wait_until "the default queue of Volcano" $k get queue.scheduling.volcano.sh/default
}

case "${1:-}" in
can) can "$2" ;;
build) build "$2" ;;
up | down)
    dir=$(cd "$3" && pwd)
    # shellcheck disable=SC2034
    k="$bin/kubectl --kubeconfig $dir/kubeconfig"
    if [ "$1" = up ]; then "up_$2"; else for process in "$dir/$2"*.pid; do stop "$(basename "$process" .pid)"; done; fi
    ;;
*) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
