#!/usr/bin/env bash
# A real Kubernetes control plane (etcd, kube-apiserver, controller-manager, scheduler) with KWOK as kubelets, on loopback.
#
#   cluster.sh can              says why the tools are neither there nor can be built (exit status 77)
#   cluster.sh build            compile the tools (about ten minutes cold on two cores; kept in $RAYVISOR_REAL_BIN)
#   cluster.sh up DIR [PORT]    start everything with its state in DIR; prints the kubeconfig's path
#   cluster.sh down DIR         stop it
#
# RAYVISOR_REAL_BIN    where the binaries are kept (default ~/.cache/rayvisor-real)
# RAYVISOR_REAL_NODES  how many simulated nodes (default 20); 0: none, and no KWOK
# RAYVISOR_REAL_ADDRESS  where the API server listens (default 127.0.0.1); another one is advertised to pods
# RAYVISOR_REAL_TOOLS  further programs to build, such as kubelet
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/processes.sh"
bin=${RAYVISOR_REAL_BIN:-$HOME/.cache/rayvisor-real}
version=v1.36.3
# Kubernetes' own gang scheduling is alpha: nothing else than its own kinds and pods that name them is touched by it.
apis=scheduling.k8s.io/v1alpha2=true
gates=GenericWorkload=true,GangScheduling=true
kwok=v0.8.0

cannot() {
    echo "cluster.sh: no real control plane here: $1"
    exit 77
}

can() {
    local tool missing=""
    for tool in kube-apiserver kube-controller-manager kube-scheduler kubectl etcd kwok kwok-stages.yaml; do
        [ -s "$bin/$tool" ] || missing+=" $tool"
    done
    [ -n "$missing" ] || return 0
    command -v go >/dev/null || cannot "$bin lacks$missing, and there is no Go to build with"
    (cd "$here/kubernetes" && go mod download k8s.io/kubernetes) >/dev/null 2>&1 ||
        cannot "$bin lacks$missing, and the Go modules to build from can be neither found nor fetched"
}

build() {
    mkdir -p "$bin"
    export CGO_ENABLED=0
    local flags="-s -w"
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=36"
    done
    # shellcheck disable=SC2086
    for tool in kube-apiserver kube-controller-manager kube-scheduler kubectl ${RAYVISOR_REAL_TOOLS:-}; do
        [ -x "$bin/$tool" ] || (cd "$here/kubernetes" && go build -ldflags "$flags" -o "$bin/$tool" "k8s.io/kubernetes/cmd/$tool")
    done
    [ -x "$bin/etcd" ] || (cd "$here/etcd" && go build -ldflags "-s -w" -o "$bin/etcd" go.etcd.io/etcd/server/v3)
    [ -x "$bin/kwok" ] || GOBIN=$bin go install "sigs.k8s.io/kwok/cmd/kwok@$kwok"
    [ -s "$bin/kwok-stages.yaml" ] || { stages >"$bin/stages.new" && mv "$bin/stages.new" "$bin/kwok-stages.yaml"; }
}

stages() { # KWOK's own definitions of what a simulated kubelet does
    local dir
    dir=$(cd "$here" && go mod download -json "sigs.k8s.io/kwok@$kwok" | sed -n 's/^\s*"Dir": "\(.*\)",$/\1/p')
    for f in "$dir"/kustomize/stage/pod/fast/pod-*.yaml "$dir"/kustomize/stage/node/fast/node-*.yaml \
             "$dir"/kustomize/stage/node/heartbeat-with-lease/node-*.yaml; do
        echo ---
        cat "$f"
    done
}

# What answers on the port is this cluster's etcd, and no other one: it knows the name that was given to ours.
etcd_is_ours() { # port, name
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'POST /v3/cluster/member/list HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}' >&3
        timeout 5 grep -q "\"$2\"" <&3
    ) 2>/dev/null
}

etcd_lives() {
    kill -0 "$(cat "$dir/etcd.pid")" 2>/dev/null && return 0
    echo "cluster.sh: this cluster's etcd has ended; its log is in $dir" >&2
    return 1
}

# An API server writes to whatever etcd it finds, so it is not started before this.
wait_for_own_etcd() { # port, name
    for _ in $(seq 300); do
        etcd_lives || return 1
        etcd_is_ours "$1" "$2" && return 0
        sleep 0.2
    done
    echo "cluster.sh: waited 60 s for this cluster's etcd to answer on port $1; its log is in $dir" >&2
    return 1
}

# A half of a cluster does not stay.
stop_after_failure() {
    local code=$?
    [ $code = 0 ] || down "$dir"
    exit $code
}

up() {
    dir=$1
    local port=${2:-16443}
    mkdir -p "$dir"
    local address=${RAYVISOR_REAL_ADDRESS:-127.0.0.1} advertised=${RAYVISOR_REAL_ADDRESS:-10.255.255.1}
    local etcd=http://127.0.0.1:$((port + 10000)) k="$bin/kubectl --kubeconfig $dir/kubeconfig"
    openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null
    openssl rsa -in "$dir/sa.key" -pubout -out "$dir/sa.pub" 2>/dev/null
    echo 'admintoken,admin,admin,"system:masters"' >"$dir/tokens.csv"
    # The test's own client reads one key a line.
    cat >"$dir/kubeconfig" <<EOF
apiVersion: v1
kind: Config
current-context: real
clusters:
- name: real
  cluster:
    server: https://$address:$port
    insecure-skip-tls-verify: true
users:
- name: admin
  user:
    token: admintoken
contexts:
- name: real
  context:
    cluster: real
    user: admin
EOF
    # Another cluster's etcd would take what this API server writes.
    for taken in $((port + 10000)) $((port + 10001)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then
            echo "cluster.sh: port $taken, for this cluster's etcd, belongs to somebody else; choose another PORT" >&2 && return 1
        fi
    done
    trap stop_after_failure EXIT
    local name=rayvisor-$$-$RANDOM
    start etcd "$bin/etcd" --name "$name" --initial-cluster "$name=http://127.0.0.1:$((port + 10001))" \
        --initial-advertise-peer-urls "http://127.0.0.1:$((port + 10001))" --data-dir "$dir/etcd" --unsafe-no-fsync --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
        --listen-peer-urls "http://127.0.0.1:$((port + 10001))" --log-level error
    wait_for_own_etcd $((port + 10000)) "$name"
    start apiserver "$bin/kube-apiserver" --etcd-servers "$etcd" --cert-dir "$dir/certs" --secure-port "$port" \
        --bind-address $address --advertise-address $advertised --service-cluster-ip-range 10.96.0.0/12 \
        --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$dir/sa.pub" \
        --service-account-signing-key-file "$dir/sa.key" --token-auth-file "$dir/tokens.csv" \
        --authorization-mode RBAC --enable-admission-plugins OwnerReferencesPermissionEnforcement --runtime-config "$apis" --feature-gates "$gates" \
        --allow-privileged --kubelet-preferred-address-types InternalIP
    wait_until "the API server" $k get --raw /readyz
    etcd_lives
    kill -0 "$(cat "$dir/apiserver.pid")" 2>/dev/null || { echo "cluster.sh: port $port belongs to somebody else's API server" >&2 && return 1; }
    start controllers "$bin/kube-controller-manager" --kubeconfig "$dir/kubeconfig" --use-service-account-credentials \
        --service-account-private-key-file "$dir/sa.key" --root-ca-file "$dir/certs/apiserver.crt" --leader-elect=false --node-monitor-grace-period 30m \
        --secure-port $((port + 2)) --kube-api-qps 2000 --kube-api-burst 4000 --feature-gates "$gates"
    start scheduler "$bin/kube-scheduler" --kubeconfig "$dir/kubeconfig" --leader-elect=false --secure-port $((port + 3)) \
        --feature-gates "$gates"
    wait_until "the default service account" $k get serviceaccount default
    [ "${RAYVISOR_REAL_NODES:-20}" != 0 ] || {
        echo "$dir/kubeconfig"
        return
    }
    if [ -s "$bin/kwok-stages.yaml" ]; then cp "$bin/kwok-stages.yaml" "$dir/stages.yaml"; else stages >"$dir/stages.yaml"; fi
    start kwok "$bin/kwok" --kubeconfig "$dir/kubeconfig" --config "$dir/stages.yaml" --manage-all-nodes \
        --node-lease-duration-seconds 200
    for i in $(seq "${RAYVISOR_REAL_NODES:-20}"); do
        cat <<EOF
---
apiVersion: v1
kind: Node
metadata: {name: node-$i, annotations: {kwok.x-k8s.io/node: fake}, labels: {kubernetes.io/hostname: node-$i, kubernetes.io/os: linux, kubernetes.io/arch: amd64}}
status:
  allocatable: {cpu: 10k, memory: 100Ti, pods: 100k, nvidia.com/gpu: 10k}
  capacity: {cpu: 10k, memory: 100Ti, pods: 100k, nvidia.com/gpu: 10k}
EOF
    done | $k apply -f - >/dev/null
    wait_until "a ready node" sh -c "$k get nodes | grep -q ' Ready'"
    echo "$dir/kubeconfig"
}

down() {
    dir=$1
    for name in kwok scheduler controllers apiserver etcd; do stop $name; done
}

case "${1:-}" in
can) can ;;
build) build ;;
up) up "$2" "${3:-16443}" ;;
down) down "$2" ;;
*) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
