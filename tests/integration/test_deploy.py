#!/usr/bin/env python3
"""What installs the operator on a cluster: the manifests in deploy/kustomize, and the image that they run."""
import os, shutil, subprocess
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")
KUSTOMIZE = os.path.join(ROOT, "deploy/kustomize")
NS = "rayvisor-system"


def kubectl(env, *args):
    r = subprocess.run([KUBECTL, "--kubeconfig", env.kube.kubeconfig, *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert r.returncode == 0, f"kubectl {args}: {r.stdout}"
    return r.stdout


def test_manifests_are_accepted(env):
    if not KUBECTL: raise Skip("there is no kubectl")
    env.cluster()
    kubectl(env, "apply", "-f", os.path.join(KUSTOMIZE, "namespace.yaml"))
    out = kubectl(env, "apply", "--dry-run=server", "-k", KUSTOMIZE)
    for thing in ("serviceaccount/rayvisor", "role.rbac.authorization.k8s.io/rayvisor", "clusterrole.rbac.authorization.k8s.io/rayvisor",
                  "clusterrolebinding.rbac.authorization.k8s.io/rayvisor", "configmap/rayvisor", "deployment.apps/rayvisor",
                  "poddisruptionbudget.policy/rayvisor", "service/rayvisor-metrics"):
        assert f"{thing} " in out, (thing, out)
    assert "arning" not in out, out


def test_pods_are_admitted(env):
    """Namespaces of security level restricted take the pods, and the role is all that their account has."""
    if not os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip("the sandbox has no controller of Deployments")
    env.cluster()
    try:
        kubectl(env, "apply", "-k", KUSTOMIZE)
        pods = wait_for("two pods", lambda: (lambda l: l if len(l) == 2 else None)(env.kube.list("pods", NS)))
        assert all(p["spec"]["containers"][0]["image"].startswith("rayvisor:") for p in pods)
        may = lambda *what: subprocess.run([KUBECTL, "--kubeconfig", env.kube.kubeconfig, "auth", "can-i", *what, "--as", f"system:serviceaccount:{NS}:rayvisor"],
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
        wait_for("the role is in force", lambda: may("create", "pods", "-n", "default") == "yes")
        assert may("patch", "leases.coordination.k8s.io", "-n", NS) == "yes" and may("patch", "leases.coordination.k8s.io", "-n", "default") == "no"
        assert may("delete", "namespaces") == "no" and may("delete", "secrets", "-n", "default") == "no"
    finally:
        kubectl(env, "delete", "--wait=false", "-k", KUSTOMIZE)


# The file system is read only but for /run; the user is nobody's.
ENTER = """set -e
mount --make-rprivate / && mount --bind "$1" "$1" && mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs -o mode=0777 run "$1/run"
mount -o remount,ro,bind "$1"
exec chroot --userspec=65532:65532 "$1" /usr/local/sbin/rayvisord --config /etc/rayvisor/rayvisor.yaml --kubeconfig /etc/rayvisor/kubeconfig --proxy-http --http-bind 127.0.0.1:0
"""


class Contained(Operator):
    """rayvisord in the image's file system."""
    account = None

    def __init__(self, dir, kube):
        self.dir, self.kube = os.path.join(dir, "root"), kube
        self.log = os.path.join(dir, "operator.log")
        subprocess.run([os.path.join(ROOT, "deploy/image.sh"), "--root", self.dir], check=True, env={**os.environ, "RAYVISOR_BUILD": BUILD})
        os.makedirs(os.path.join(self.dir, "etc/rayvisor"))
        shutil.copy(os.path.join(KUSTOMIZE, "rayvisor.yaml"), os.path.join(self.dir, "etc/rayvisor/rayvisor.yaml"))
        shutil.copy(kube.kubeconfig, os.path.join(self.dir, "etc/rayvisor/kubeconfig"))
        os.chmod(os.path.join(self.dir, "etc/rayvisor/kubeconfig"), 0o644)
        self.proc = Process(["unshare", "--mount", "sh", "-c", ENTER, "sh", self.dir], self.log)
        self.root, self.dir = self.dir, f"/proc/{self.proc.pid}/root/run/rayvisor"
        self.wait_ready()

    def socket_path(self): return os.path.join(self.dir, "control.sock")


def test_image(env):
    env.sandbox()
    if os.getuid() != 0 or subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode: raise Skip("mounts need root")
    ns = env.kube.namespace("contained")
    env.op = env.keep(Contained(env.dir, env.kube))
    env.kube.create("rayclusters", ns, raycluster("r", workers=2))
    wait_ready(env.kube, ns, "r", 2)
    assert {p["name"] for p in env.op.control("plugins")["plugins"]} == {"raycluster", "rayjob", "raycronjob"}
    assert "Uid:\t65532\t65532" in open(f"/proc/{env.op.proc.pid}/status").read()


if __name__ == "__main__": main()
