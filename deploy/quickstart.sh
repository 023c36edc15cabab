#!/usr/bin/env bash
# From a bare Debian 12 to a RayCluster on the embedded sandbox cluster: installs packages, builds, starts, shows it.
#
#   deploy/quickstart.sh           leaves the sandbox running for you to look around
#   deploy/quickstart.sh --check   also verifies what it shows, scales, deletes, stops everything; the exit status tells
#
# RAYVISOR_NO_INSTALL=1 skips the packages, RAYVISOR_BUILD names a build tree to use instead of making build/, KUBECTL a kubectl.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
check=
case "${1:-}" in
--check) check=1 ;;
'') ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac

packages="build-essential cmake ninja-build pkg-config python3 libzmq3-dev libmsgpack-dev libcurl4-openssl-dev libnghttp2-dev libyaml-dev libyajl-dev
 libssl-dev libseccomp-dev libmicrohttpd-dev
 libprotobuf-c-dev protobuf-c-compiler"

install_packages() {
    if [ -n "${RAYVISOR_NO_INSTALL:-}" ]; then
        # shellcheck disable=SC2046
        need_programs "${KUBECTL:-kubectl}" $([ -n "${RAYVISOR_BUILD:-}" ] || echo cmake ninja)
        return 0
    fi
    command -v "${KUBECTL:-kubectl}" >/dev/null || packages+=" kubernetes-client"
    # shellcheck disable=SC2086
    install_debian_packages $packages
}

build() {
    if [ -n "${RAYVISOR_BUILD:-}" ]; then
        bin=$RAYVISOR_BUILD/bin
        return 0
    fi
    say "building (build/)"
    cmake --preset release >/dev/null
    with_progress cmake --build --preset release --target rayvisord rayvisor-host rayvisorctl rayvisor-sandbox plugins
    bin=build/bin
}

# Ctrl-C: what was started goes on running, so it is said how to stop it.
interrupted() {
    trap - INT
    printf '\nquickstart: interrupted.' >&2
    if [ -n "$started" ] && [ -z "$check" ]; then
        printf ' The sandbox cluster and the operator go on running. Stop them with:\n  %q sandbox down\n' "$bin/rayvisorctl" >&2
    elif [ -z "$started" ]; then
        printf ' Nothing was started.\n' >&2
    else
        printf '\n' >&2
    fi
    exit 130
}

field() { kubectl get raycluster minimal -o "jsonpath={.status.$1}"; }
count() { kubectl get "$@" --no-headers -o name 2>/dev/null | wc -l; }

wait_for() { # what, seconds, command...
    local what=$1 limit=$2
    shift 2
    for _ in $(seq $((limit * 4))); do
        "$@" && return 0
        sleep 0.25
    done
    kubectl get rayclusters,pods,services >&2 || true
    "$bin/rayvisorctl" explain raycluster/minimal >&2 || true
    die "waited $limit s for $what"
}

is_ready() { [ "$(field state)" = ready ] && [ "$(field availableWorkerReplicas)" = "$1" ]; }
has_workers() { [ "$(count pods -l ray.io/cluster=minimal,ray.io/node-type=worker)" = "$1" ]; }
job() { kubectl get rayjob hello -o "jsonpath={.status.$1}"; }
has_succeeded() { [ "$(job jobDeploymentStatus)" = Complete ] && [ "$(job jobStatus)" = SUCCEEDED ]; }
job_is_gone() { [ "$(count rayclusters,jobs,pods)" = 0 ]; }
is_gone() { [ "$(count pods,services -l ray.io/cluster=minimal)" = 0 ]; }

verify() {
    say "checking"
    has_workers 1 || die "expected one worker pod"
    [ "$(field head.serviceName)" = minimal-head-svc ] || die "the status names no head service"
    kubectl get service minimal-head-svc >/dev/null || die "there is no head service"
    kubectl patch raycluster minimal --type=json -p '[{"op":"replace","path":"/spec/workerGroupSpecs/0/replicas","value":2}]'
    wait_for "two workers" 60 is_ready 2
    has_workers 2 || die "expected two worker pods"
    kubectl delete raycluster minimal
    wait_for "pods and services to go" 60 is_gone
    [ -n "$(kubectl get jobs hello -o jsonpath='{.status.succeeded}')" ] || die "the job's submitter did not succeed"
    kubectl delete rayjob hello
    wait_for "the job's cluster to go" 60 job_is_gone
    echo "all as expected"
}

started=
trap interrupted INT
install_packages
build
# A check neither uses nor stops a sandbox that somebody works with.
if [ -n "$check" ]; then
    RAYVISOR_SANDBOX_DIR=$(mktemp -d)
    export RAYVISOR_SANDBOX_DIR
    trap '"$bin/rayvisorctl" sandbox down; rm -rf "$RAYVISOR_SANDBOX_DIR"' EXIT
fi
say "starting the sandbox cluster and the operator"
started=1
"$bin/rayvisorctl" sandbox up
KUBECONFIG=$("$bin/rayvisorctl" sandbox kubeconfig)
export KUBECONFIG
kubectl() { command "${KUBECTL:-kubectl}" "$@"; }

say "kubectl apply -f config/samples/raycluster-minimal.yaml"
kubectl apply -f config/samples/raycluster-minimal.yaml
wait_for "the cluster to be ready" 60 is_ready 1
kubectl get rayclusters,pods,services
"$bin/rayvisorctl" explain raycluster/minimal

say "kubectl apply -f config/samples/rayjob-minimal.yaml"
kubectl apply -f config/samples/rayjob-minimal.yaml
wait_for "the job to succeed" 60 has_succeeded
kubectl get rayjobs,jobs
"$bin/rayvisorctl" explain rayjob/hello

if [ -n "$check" ]; then
    verify
    exit
fi
ctl=$(printf %q "$bin/rayvisorctl")
cat <<EOF

Look around:
  export KUBECONFIG=$(printf %q "$KUBECONFIG")${RAYVISOR_SANDBOX_DIR:+ RAYVISOR_SANDBOX_DIR=$(printf %q "$RAYVISOR_SANDBOX_DIR")}
  kubectl get rayclusters
  kubectl get rayjobs,rayclusters,pods        # the job's cluster goes ten seconds after its end
  kubectl get pods -w                         # Ctrl-C ends it
  kubectl edit raycluster minimal
  $ctl status
  $ctl explain raycluster/minimal
Stop:
  $ctl sandbox down
EOF
