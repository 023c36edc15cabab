#!/usr/bin/env bash
# A real Kubernetes node on this machine, and Ray on it: kubelet, kube-proxy, containerd, runc, CNI, cluster DNS, under the real
# control plane of cluster.sh.
#
#   node.sh can                 says whether this machine can run it, and why not (exit status 77)
#   node.sh build               packages, binaries and the Ray image (kept in $RAYVISOR_REAL_BIN; about fifteen minutes when
#                               cold); Envoy Gateway, too, where it can be had (gateway.sh)
#   node.sh up DIR [PORT]       start everything with its state in DIR; prints the kubeconfig's path
#   node.sh down DIR            stop it and leave nothing behind
#
# RAYVISOR_REAL_BIN   where binaries and images are kept (default ~/.cache/rayvisor-real)
# RAYVISOR_RAY        the Ray release in the image (default 2.60.0), which answers to every tag of rayproject/ray in RAYVISOR_RAY_TAGS
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/processes.sh"
bin=${RAYVISOR_REAL_BIN:-$HOME/.cache/rayvisor-real}
ray=${RAYVISOR_RAY:-2.60.0}
tags=${RAYVISOR_RAY_TAGS:-2.46.0 2.52.0 2.53.0 $ray}
bridge=rv0 net=10.244.7
packages="containerd runc containernetworking-plugins iptables iproute2 debootstrap python3 gcc libc6-dev ca-certificates"
export RAYVISOR_REAL_BIN=$bin

cannot() {
    echo "node.sh: no real node here: $1"
    exit 77
}

can() {
    [ "$(uname -m)" = x86_64 ] || cannot "the Ray image is for x86_64"
    [ "$(id -u)" = 0 ] || cannot "this needs root"
    command -v go >/dev/null || cannot "this needs Go"
    local probe=/sys/fs/cgroup/rayvisor-probe
    [ -d /sys/fs/cgroup/memory ] && probe=/sys/fs/cgroup/memory/rayvisor-probe
    mkdir -p "$probe" 2>/dev/null && rmdir "$probe" 2>/dev/null || cannot "cgroups cannot be made"
    ip link add rv-probe type bridge 2>/dev/null && ip link del rv-probe || cannot "network bridges cannot be made"
}

install_packages() {
    local missing="" p
    for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || missing+=" $p"; done
    [ -n "$missing" ] || return 0
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

build_image() {
    local work=$bin/image-work
    [ -f "$bin/ray-$ray.tar" ] && return 0
    rm -rf "$work"
    mkdir -p "$work/pause" "$work/site"
    gcc -static -Os -s -o "$work/pause/pause" "$here/node/pause.c"
    python3 "$here/../../deploy/image.py" "$bin/pause.tar" rayvisor.test/pause:1 --entrypoint /pause "$work/pause"
    debootstrap --variant=minbase --include=python3,wget,ca-certificates,procps bookworm "$work/root" >"$work/debootstrap.log" 2>&1
    rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists" "$work/root/dev" "$work/root/usr/share/doc"
    mkdir -p "$work/root/dev" "$work/root/home/ray/samples"
    ln -s python3 "$work/root/usr/bin/python"
    python3 -m pip install --quiet --root-user-action=ignore --target "$work/site" --python-version 3.11 --only-binary=:all: "ray[default,serve]==$ray"
    sed -i '1s|^#!.*|#!/usr/bin/python3|' "$work"/site/bin/*
    python3 "$here/../../deploy/image.py" "$bin/ray-$ray.tar" "docker.io/rayproject/ray:$ray" --env PYTHONPATH=/opt/ray --env HOME=/home/ray \
        --env PATH=/opt/ray/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$work/root" "$work/site=opt/ray"
    rm -rf "$work"
}

build() {
    can
    install_packages
    RAYVISOR_REAL_TOOLS="kubelet kube-proxy" "$here/cluster.sh" build
    build_image
    "$here/gateway.sh" build || echo "node.sh: no Envoy Gateway; tests that need it are skipped"
}

configure() {
    mkdir -p "$dir/cni" "$dir/kubelet" "$dir/logs"
    cat >"$dir/cni/10-rayvisor.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "rayvisor", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$dir/ipam", "ranges": [[{"subnet": "$net.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "loopback"}]}
EOF
    # What a sandboxed machine forbids (lowering oom_score_adj) runc must not try.
    cat >"$dir/containerd.toml" <<EOF
version = 2
root = "$dir/containerd"
state = "$dir/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "rayvisor.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
EOF
    cat >"$dir/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
cgroupRoot: /
containerRuntimeEndpoint: unix://$dir/containerd.sock
clusterDNS: [$net.1]
clusterDomain: cluster.local
resolvConf: /dev/null
podLogsDir: $dir/logs
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
port: $((port + 20))
readOnlyPort: 0
healthzPort: 0
volumePluginDir: $dir/kubelet/plugins
systemReserved: {cpu: 50m}
EOF
    cat >"$dir/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: $net.0/24
hostnameOverride: rayvisor-node
healthzBindAddress: 127.0.0.1:$((port + 21))
metricsBindAddress: 127.0.0.1:$((port + 22))
clientConnection: {kubeconfig: $dir/kubeconfig}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
}

up() {
    dir=$(mkdir -p "$1" && cd "$1" && pwd)
    port=${2:-17443}
    can
    sysctl -q net.ipv4.ip_forward >"$dir/ip_forward" && sysctl -qw net.ipv4.ip_forward=1
    ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
    ip addr replace "$net.1/24" dev "$bridge"
    ip link set "$bridge" up
    RAYVISOR_REAL_NODES=0 RAYVISOR_REAL_ADDRESS=$net.1 "$here/cluster.sh" up "$dir" "$port" >/dev/null
    configure
    start dns python3 "$here/node/dns.py" "$dir/kubeconfig" "$net.1"
    start containerd containerd --config "$dir/containerd.toml"
    local ctr="ctr --address $dir/containerd.sock -n k8s.io"
    wait_until containerd $ctr version
    $ctr images import "$bin/pause.tar" >/dev/null
    $ctr images import "$bin/ray-$ray.tar" >/dev/null
    for tag in $tags; do $ctr images tag "docker.io/rayproject/ray:$ray" "docker.io/rayproject/ray:$tag" >/dev/null 2>&1 || true; done
    start kubelet "$bin/kubelet" --config "$dir/kubelet.yaml" --kubeconfig "$dir/kubeconfig" --root-dir "$dir/kubelet" \
        --hostname-override rayvisor-node --node-ip "$net.1"
    start proxy "$bin/kube-proxy" --config "$dir/proxy.yaml"
    wait_until "the node to be ready" sh -c "$bin/kubectl --kubeconfig $dir/kubeconfig get nodes | grep -q ' Ready'"
    if "$here/gateway.sh" can >&2; then "$here/gateway.sh" up "$dir" >&2 || "$here/gateway.sh" down "$dir"; fi
    echo "$dir/kubeconfig"
}

down() {
    dir=$(cd "$1" && pwd)
    "$here/gateway.sh" down "$dir"
    stop kubelet
    stop proxy
    "$bin/kube-proxy" --cleanup --config "$dir/proxy.yaml" >/dev/null 2>&1 || true
    local ctr="ctr --address $dir/containerd.sock -n k8s.io"
    for c in $($ctr tasks list -q 2>/dev/null); do $ctr tasks kill -s SIGKILL "$c" >/dev/null 2>&1 || true; done
    sleep 1
    for c in $($ctr tasks list -q 2>/dev/null); do $ctr tasks delete -f "$c" >/dev/null 2>&1 || true; done
    for c in $($ctr containers list -q 2>/dev/null); do $ctr containers delete "$c" >/dev/null 2>&1 || true; done
    stop containerd
    stop dns
    pkill -9 -f "containerd-shim.*$dir/containerd.sock" 2>/dev/null || true
    "$here/cluster.sh" down "$dir"
    grep " $dir/" /proc/mounts | cut -d' ' -f2 | sort -r | while read -r m; do umount -l "$m" 2>/dev/null || true; done || true
    for ns in $(ip netns list 2>/dev/null | cut -d' ' -f1 | grep '^cni-'); do ip netns del "$ns" 2>/dev/null || true; done || true
    ip link del "$bridge" 2>/dev/null || true
    for table in nat filter mangle; do
        iptables-save -t "$table" 2>/dev/null | grep -v -E "CNI-|rayvisor|KUBE-" | iptables-restore -T "$table" 2>/dev/null || true
    done
}

case "${1:-}" in
can) can && echo "a real node can run here" ;;
build) build ;;
up) up "$2" "${3:-17443}" ;;
down) down "$2" ;;
*) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
