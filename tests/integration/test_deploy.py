#!/usr/bin/env python3
"""What installs the operator on a cluster: the manifests in deploy/kustomize, the chart in deploy/helm (where there is helm: on PATH, in
~/.cache/rayvisor-real, or as RAYVISOR_HELM names it; one is made by `GOBIN=~/.cache/rayvisor-real go install helm.sh/helm/v3/cmd/helm@latest`),
and the image that they run."""
import os, shutil, subprocess
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")
REAL = os.environ.get("RAYVISOR_REAL_BIN") or os.path.expanduser("~/.cache/rayvisor-real")
HELM = os.environ.get("RAYVISOR_HELM") or shutil.which("helm") or shutil.which("helm", path=REAL)
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
    warnings = [l for l in out.splitlines() if "arning" in l and "last-applied-configuration" not in l]
    assert not warnings, warnings


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


def helm(*sets):
    """The chart with these values: exit status, objects as texts, and what it said."""
    args = [a for v in sets for a in ("--set", v)]
    r = subprocess.run([HELM, "template", "r", os.path.join(ROOT, "deploy/helm"), "--namespace", "ops", "--kube-version", "1.32.0", *args], text=True, capture_output=True, timeout=60)
    return r.returncode, r.stdout.split("\n---\n"), r.stderr


def rules(text):
    """{(group, resource, names): verbs} of all rules in it."""
    out = {}
    for group, resource, names, verbs in re.findall(r'apiGroups: \["(.*)"\]\n +resources: \["(.*)"\]\n(?: +resourceNames: \[(.*)\]\n)? +verbs: \[(.*)\]', text):
        out.setdefault((group, resource, names), set()).update(v.strip(' "') for v in verbs.split(","))
    return out


CHARTS = [[], ["batchScheduler.enabled=true", "batchScheduler.name=volcano"], ["useKubernetesProxy=true"],
          ["featureGates[0].name=RayClusterMTLS,featureGates[0].enabled=true", "featureGates[1].name=RayClusterNetworkPolicy,featureGates[1].enabled=true"],
          ["featureGates[0].name=KubernetesWAS,featureGates[0].enabled=true", "settings.raycluster.openshiftRoutes=true"],
          ["featureGates[0].name=AllAlpha,featureGates[0].enabled=true", "featureGates[1].name=RayClusterMTLS,featureGates[1].enabled=false"],
          ["singleNamespaceInstall=true", "watchNamespace={a,b}"], ["singleNamespaceInstall=true"], ["replicas=1", "leaderElectionEnabled=false"],
          ["configuration.enabled=true", "configuration.defaultPodLabels.team=a", "logging.stdoutEncoder=console", "config.kubernetes.maxInFlight=64"], ["config.otherOperator.action=ignore"], ["config.otherOperator.lease=theirs", "probePort=9090"],
          ["singleNamespaceInstall=true", "watchNamespace={a,b}", "config.otherOperator.namespaces={a,k}"], ["config.otherOperator.namespaces={k}"]]


def test_chart_without_warnings(env):
    """From a checkout, without anything before it."""
    if not HELM: raise Skip("there is no helm")
    chart = os.path.join(ROOT, "deploy/helm")
    for args in (["lint", "--strict", chart], ["template", "r", chart, "--kube-version", "1.32.0"], ["package", chart, "-d", env.dir]):
        r = subprocess.run([HELM, *args], text=True, capture_output=True, timeout=60)
        said = [l for l in (r.stdout + r.stderr).splitlines() if "arning" in l or "WARN" in l or "link" in l]
        assert r.returncode == 0 and not r.stderr and (args[0] == "template" or not said), (args, r.returncode, r.stderr, said)
    packed = next(f for f in os.listdir(env.dir) if f.endswith(".tgz"))
    of = lambda c: subprocess.run([HELM, "template", "r", c, "--kube-version", "1.32.0", "--include-crds"], text=True, capture_output=True, timeout=60, check=True).stdout
    assert of(os.path.join(env.dir, packed)) == of(chart) and "kind: CustomResourceDefinition" in of(chart)


def test_chart(env):
    """Its role is the one that --print-rbac prints for its configuration, and that is a valid one."""
    if not HELM: raise Skip("there is no helm")
    for sets in CHARTS:
        code, objects, said = helm(*sets)
        assert code == 0, (sets, said)
        config = os.path.join(env.dir, "rayvisor.yaml")
        text = next(o for o in objects if "kind: ConfigMap" in o).split("rayvisor.yaml: |\n")[1]
        open(config, "w").write("".join(l[4:] + "\n" for l in text.splitlines()))
        r = subprocess.run([binary("rayvisord"), "--config", config, "--print-rbac", "--namespace", "ops"], text=True, capture_output=True)
        assert r.returncode == 0, (sets, r.stderr, text)
        roles = [o for o in objects if re.search(r"^kind: (Cluster)?Role$", o, re.M)]
        spaces = sorted(m[1] for o in roles if not re.search("-leader-election|-other-operator", o) and (m := re.search(r"^  namespace: (\S+)$", o, re.M)))
        assert spaces == (["a", "b"] if "watchNamespace={a,b}" in sets else ["ops"] if "singleNamespaceInstall=true" in sets else []), (sets, spaces)
        assert rules("\n".join(roles)) == rules(r.stdout), (sets, rules("\n".join(roles)), rules(r.stdout))
        where = lambda docs: sorted(m[1] if (m := re.search(r"^  namespace: (\S+)$", o, re.M)) else "" for o in docs if re.search(r"^kind: (Cluster)?Role$", o, re.M) and "resourceNames" in o)
        assert where(roles) == where(r.stdout.split("---\n")), (sets, where(roles), where(r.stdout.split("---\n")))


def test_chart_values(env):
    if not HELM: raise Skip("there is no helm")
    for value, says in (("reconcileConcurrency=2", "reconcileConcurrency"), ("replicas=many", "replicas"), ("batchScheduler.name=slurm", "batchScheduler"),
                        ("leaderElectionEnabled=false", "several replicas need leaderElectionEnabled"), ("settings.mtls.clusterDomain=x", "this controller does not run"),
                        ("config.plugins=x", "plugins"), ("config.kubernetes.namespaces={a}", "namespaces")):
        code, _, said = helm(value)
        assert code != 0 and says in said, (value, code, said)


def test_chart_is_accepted(env):
    if not HELM or not KUBECTL: raise Skip("there is no helm or kubectl")
    env.cluster()
    Kube.namespace(env.kube, "ops")
    path = os.path.join(env.dir, "chart.yaml")
    open(path, "w").write("\n---\n".join(helm()[1]))
    assert "deployment.apps/rayvisor created" in kubectl(env, "apply", "--dry-run=server", "-f", path)


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
    assert {p["name"] for p in env.op.control("plugins")["plugins"]} == {"raycluster", "rayjob", "rayservice", "autoscaler", "raycronjob"}
    assert "Uid:\t65532\t65532" in open(f"/proc/{env.op.proc.pid}/status").read()


if __name__ == "__main__": main()
