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


CHARTS = [[], ["featureGates[0].name=RayCronJob,featureGates[0].enabled=true"], ["batchScheduler.enabled=true", "batchScheduler.name=volcano"], ["useKubernetesProxy=true"],
          ["featureGates[0].name=RayClusterMTLS,featureGates[0].enabled=true", "featureGates[1].name=RayClusterNetworkPolicy,featureGates[1].enabled=true"],
          ["featureGates[0].name=KubernetesWAS,featureGates[0].enabled=true", "settings.raycluster.openshiftRoutes=true"],
          ["featureGates[0].name=AllAlpha,featureGates[0].enabled=true", "featureGates[1].name=RayClusterMTLS,featureGates[1].enabled=false"],
          ["batchScheduler.enabled=true"], ["batchScheduler.name=yunikorn"],
          ["singleNamespaceInstall=true", "watchNamespace={a,b}"], ["singleNamespaceInstall=true"], ["replicas=1", "leaderElectionEnabled=false"],
          ["configuration.enabled=true", "configuration.defaultPodLabels.team=a", "logging.stdoutEncoder=console", "config.kubernetes.maxInFlight=64"], ["config.otherOperator.action=ignore"], ["config.otherOperator.lease=theirs", "probePort=9090"],
          ["singleNamespaceInstall=true", "watchNamespace={a,b}", "config.otherOperator.namespaces={a,k}"], ["config.otherOperator.namespaces={k}"], ["config.mode=twin", "useKubernetesProxy=true"],
          ["config.mode=twin", "featureGates[0].name=RayClusterMTLS,featureGates[0].enabled=true", "batchScheduler.name=volcano"],
          ["admission.enabled=true", "admission.failurePolicy=Fail", "admission.timeoutSeconds=7"], ["admission.enabled=true", "singleNamespaceInstall=true", "watchNamespace={a,b}"], ["admission.enabled=true", "config.mode=twin"]]


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
        roles = [o for o in objects if re.search(r"^kind: (Cluster)?Role$", o, re.M) and not re.search(r"^  name: ray\w+-(editor|viewer)-role$", o, re.M)]
        spaces = sorted(m[1] for o in roles if not re.search("-leader-election|-other-operator|-admission", o) and (m := re.search(r"^  namespace: (\S+)$", o, re.M)))
        assert spaces == (["a", "b"] if "watchNamespace={a,b}" in sets else ["ops"] if "singleNamespaceInstall=true" in sets else []), (sets, spaces)
        assert rules("\n".join(roles)) == rules(r.stdout), (sets, rules("\n".join(roles)), rules(r.stdout))
        where = lambda docs: sorted({m[1] if (m := re.search(r"^  namespace: (\S+)$", o, re.M)) else "" for o in docs if re.search(r"^kind: (Cluster)?Role$", o, re.M) and "resourceNames" in o})
        assert where(roles) == where(r.stdout.split("---\n")), (sets, where(roles), where(r.stdout.split("---\n")))
        hooks = [o for o in objects if "kind: ValidatingWebhookConfiguration" in o]
        assert len(hooks) == ("admission.enabled=true" in sets and "config.mode=twin" not in sets), sets
        if not hooks: continue
        account = re.search(r"kind: ServiceAccount\n    name: (\S+)", "\n".join(objects))[1]
        said = subprocess.run([binary("rayvisord"), "--config", config, "--print-webhook", "--namespace", "ops", "--user", f"system:serviceaccount:ops:{account}"], text=True, capture_output=True, check=True).stdout
        plain = lambda text: [re.sub(r"[\"\s]", "", l) for l in text.partition("webhooks:\n")[2].splitlines() if l.strip() and not l.strip().startswith("#")]
        assert plain(hooks[0]) == plain(said), (sets, plain(hooks[0]), plain(said))
        name = re.search(r"^  name: (\S+)$", hooks[0], re.M)[1]
        assert re.search(r"^  name: (\S+)$", said, re.M)[1] == name and any("kind: Service\n" in o and f"name: {name}\n" in o and "targetPort: admission" in o for o in objects), name


# What each of these says, of the chart's values; and where rayvisord reads it too, the same in its configuration file.
REFUSED = [("reconcileConcurrency=2", "reconcileConcurrency: take it away", None), ("replicas=many", "replicas", None), ("batchScheduler.name=slurm", "batchScheduler", None),
           ("leaderElectionEnabled=false", "several replicas need leaderElectionEnabled", None), ("settings.mtls.clusterDomain=x", "this controller does not run", None),
           ("config.plugins=x", "plugins", None), ("config.admission.enabled=true", "admission", None), ("admission.failurePolicy=Maybe", "failurePolicy", "admission: {failurePolicy: Maybe}"),
           ("admission.timeoutSeconds=1", "timeoutSeconds", "admission: {timeoutSeconds: 1}"), ("config.kubernetes.namespaces={a}", "namespaces", None), ("noSuchValue=1", "noSuchValue", None),
           ("config.kubernetes.maxInFlihgt=3", "maxInFlihgt", "kubernetes: {maxInFlihgt: 3}"), ("config.kubernetes.maxInFlight=5000", "maximum: got 5,000, want 4,096", "kubernetes: {maxInFlight: 5000}"),
           ("config.hostSandbox=some", "hostSandbox", "hostSandbox: some"), ("config.otherOperator.action=fight", "action", "otherOperator: {action: fight}"),
           ("config.leaderElection.renewSeconds=20", "renewSeconds (20) < leaseSeconds (15)", "leaderElection: {renewSeconds: 20}"),
           ("config.heartbeat.intervalMs=6000", "at least twice intervalMs (6000)", "heartbeat: {intervalMs: 6000}"),
           ("settings.raycluster.requeueSeconds=0", "requeueSeconds", "plugins: [{name: raycluster, settings: {requeueSeconds: 0}}]"),
           ("settings.raycluster.autoscalerMode=none", "autoscalerMode", "plugins: [{name: raycluster, settings: {autoscalerMode: none}}]"),
           ("settings.rayjob.noSuch=1", "noSuch", "plugins: [{name: rayjob, settings: {noSuch: 1}}]"),
           ("featureGates[0].name=NoSuch,featureGates[0].enabled=true", "NoSuch|must be one of", "plugins: [{name: raycluster, settings: {featureGates: {NoSuch: true}}}]"),
           ("featureGates[0].name=RayClusterStatusConditions,featureGates[0].enabled=false", "cannot be switched off", "plugins: [{name: raycluster, settings: {featureGates: {RayClusterStatusConditions: false}}}]"),
           ("featureGates[0].name=AllBeta,featureGates[0].enabled=false", "cannot be switched off", "plugins: [{name: raycluster, settings: {featureGates: {AllBeta: false}}}]"),
           ("batchScheduler.name=kubernetes-was", "needs the feature gate KubernetesWAS", "plugins: [{name: raycluster, settings: {batchScheduler: kubernetes-was}}]")]


def test_chart_values(env):
    """What rayvisord would refuse, and what has no meaning here, is refused before anything is installed."""
    if not HELM: raise Skip("there is no helm")
    for value, says, file in REFUSED:
        code, _, said = helm(value)
        assert code != 0 and re.search(re.escape(says).replace("\\|", "|"), said), (value, code, said)
        if not file: continue
        config = os.path.join(env.dir, "rayvisor.yaml")
        open(config, "w").write(file + "\n")
        r = subprocess.run([binary("rayvisord"), "--config", config, "--check-config", "--offline"], text=True, capture_output=True, timeout=60)
        assert r.returncode == 78, (file, r.returncode, r.stderr)


# The values of KubeRay's operator chart 1.7.0, all of them at their defaults.
KUBERAY = {
    "nameOverride": "kuberay-operator", "fullnameOverride": "kuberay-operator", "componentOverride": "kuberay-operator", "replicas": 1,
    "image": {"repository": "quay.io/kuberay/operator", "tag": "v1.7.0", "pullPolicy": "IfNotPresent"},
    "imagePullSecrets": [], "nodeSelector": {}, "affinity": {}, "tolerations": [], "priorityClassName": "", "labels": {}, "annotations": {},
    "serviceAccount": {"create": True, "name": "kuberay-operator"}, "logging": {"stdoutEncoder": "json", "fileEncoder": "json", "baseDir": "", "fileName": "", "sizeLimit": ""},
    "batchScheduler": {"enabled": False, "name": ""},
    "configuration": {"enabled": False, "defaultContainerEnvs": [], "defaultPodAnnotations": {}, "defaultPodLabels": {}, "headSidecarContainers": [], "workerSidecarContainers": []},
    "featureGates": [{"name": n, "enabled": on} for n, on in (("RayClusterStatusConditions", True), ("RayJobDeletionPolicy", True), ("RayMultiHostIndexing", True), ("RayServiceIncrementalUpgrade", True),
                                                              ("RayCronJob", False), ("RayClusterMTLS", False), ("RayClusterNetworkPolicy", False), ("RayClusterHistoryServer", False))],
    "metrics": {"enabled": True, "serviceMonitor": {"enabled": False, "interval": "30s", "honorLabels": True, "additionalLabels": {}, "namespace": ""}},
    "operatorCommand": "/manager", "leaderElectionEnabled": True, "reconcileConcurrency": 1, "kubeClient": {"qps": 100.0, "burst": 200},
    "rbacEnable": True, "crNamespacedRbacEnable": True, "singleNamespaceInstall": False, "env": None, "resources": {"limits": {"cpu": "100m", "memory": "512Mi"}},
    "livenessProbe": {"initialDelaySeconds": 10, "periodSeconds": 5, "failureThreshold": 5}, "readinessProbe": {"initialDelaySeconds": 10, "periodSeconds": 5, "failureThreshold": 5},
    "podSecurityContext": {}, "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "service": {"type": "ClusterIP", "port": 8080}}
IMAGE = "image.repository=registry.example.com/rayvisor,image.tag="
KUBERAY_ONLY = [("reconcileConcurrency=4", "maxInFlight bounds"), ("operatorCommand=/bin/x", "operatorCommand"), ("componentOverride=x", "componentOverride"), ("logging.fileEncoder=console", "go to stderr"),
                ("logging.baseDir=/log", "log agent"), ("metrics.enabled=false", "NetworkPolicy"), ('env=[{"name": "CLUSTER_DOMAIN", "value": "a.b"}]', "settings.raycluster.clusterDomain, settings.rayjob.clusterDomain"),
                ('env=[{"name": "ENABLE_LOGIN_SHELL", "value": "true"}]', "settings.rayjob.loginShell to true"), ('env=[{"name": "HTTP_PROXY"}]', "reads no variables")]


def test_chart_takes_kuberays_values(env):
    """At their defaults they have no effect; what has no meaning here is refused, with what to do instead; so is KubeRay's image."""
    if not HELM: raise Skip("there is no helm")
    values = os.path.join(env.dir, "values.json")
    json.dump(KUBERAY, open(values, "w"))
    run = lambda *args: subprocess.run([HELM, "template", "r", os.path.join(ROOT, "deploy/helm"), "--kube-version", "1.32.0", "-f", values, *[a for v in args for a in ("--set-json" if v.startswith("env=") else "--set", v)]], text=True, capture_output=True, timeout=60)
    for given, says in (((), "image.repository quay.io/kuberay/operator is another operator's"), (("image.repository=reg/mirror/kuberay-operator",), "image.repository"), (("image.repository=reg/rayvisor",), "image.tag v1.7.0 is another operator's")):
        r = run(*given)
        assert r.returncode != 0 and says in r.stderr, (given, r.stderr)
    r = run(IMAGE)
    assert r.returncode == 0 and "registry.example.com/rayvisor:0.1.0" in r.stdout and "/manager" not in r.stdout and "qps: 0" in r.stdout and "burst: 0" in r.stdout, (r.stdout, r.stderr)
    assert "qps: 100" in run(IMAGE, "kubeClient.burst=300").stdout  # a limit that somebody chose
    for given, says in KUBERAY_ONLY:
        r = run(IMAGE, given)
        assert r.returncode != 0 and says in r.stderr, (given, r.stderr)


# Stands for KubeRay's chart: its values, and of its objects those whose names meet ours.
STAND_IN = """apiVersion: apps/v1
kind: Deployment
metadata: {name: kuberay-operator, namespace: {{ .Release.Namespace }}}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector:
    matchLabels: &labels {app.kubernetes.io/name: kuberay-operator, app.kubernetes.io/instance: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: kuberay-operator, app.kubernetes.io/instance: {{ .Release.Name }}, app.kubernetes.io/component: kuberay-operator}
    spec:
      serviceAccountName: kuberay-operator
      containers:
      - {name: kuberay-operator, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}", command: [/manager], args: [--enable-leader-election=true]}
{{- range list "rayjob" "rayservice" "raycronjob" }}{{ range list "editor" "viewer" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ printf "%s-%s-role" $ . }}}
rules: []
{{- end }}{{ end }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: kuberay-operator, namespace: {{ .Release.Namespace }}}
"""


class Release:
    def __init__(self, env, ns):
        self.env, self.ns = env, ns
        self.e = {**os.environ, "KUBECONFIG": env.kube.kubeconfig, "HOME": env.dir}

    def __call__(self, *args):
        return subprocess.run([HELM, *args, "-n", self.ns], text=True, capture_output=True, timeout=120, env=self.e)

    def must(self, *args):
        r = self(*args)
        assert r.returncode == 0, (args, r.stdout, r.stderr)
        return r.stdout


def stand_in(env):
    chart = os.path.join(env.dir, "kuberay")
    os.makedirs(os.path.join(chart, "templates"))
    open(os.path.join(chart, "Chart.yaml"), "w").write("apiVersion: v2\nname: kuberay-operator\nversion: 1.7.0\n")
    json.dump(KUBERAY, open(os.path.join(chart, "values.yaml"), "w"))
    open(os.path.join(chart, "templates/all.yaml"), "w").write(STAND_IN.replace('printf "%s-%s-role" $ .', 'printf "%s-%s-role" $kind .').replace('range list "rayjob"', 'range $kind := list "rayjob"'))
    return chart


def test_upgrade_of_kuberays_release(env):
    """With its own values: the Deployment goes over, the users' roles stay the same objects, and the notes say what changes."""
    if not HELM: raise Skip("there is no helm")
    env.cluster()
    ns = env.kube.namespace(f"kuberay-{os.getpid()}")
    helm, chart, ours = Release(env, ns), stand_in(env), os.path.join(ROOT, "deploy/helm")
    role = lambda name: env.kube.call("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/" + name)
    deployment = lambda name="kuberay-operator": env.kube.call("GET", f"/apis/apps/v1/namespaces/{ns}/deployments/{name}")
    try:
        helm.must("install", "kuberay-operator", chart)
        before, uid = deployment(), role("rayjob-editor-role")["metadata"]["uid"]
        r = helm("upgrade", "kuberay-operator", ours, "--reuse-values")
        assert r.returncode != 0 and "is another operator's" in r.stderr and deployment()["spec"] == before["spec"], r.stderr
        notes = helm.must("upgrade", "kuberay-operator", ours, "--reuse-values", "--set", IMAGE)
        assert "RayCronJobs: NOBODY works on them" in notes and "apply --server-side --force-conflicts -f deploy/crds" in notes and "operatorCommand, componentOverride, reconcileConcurrency, kubeClient" in notes and "One replica" in notes, notes
        now = deployment()
        assert now["metadata"]["uid"] == before["metadata"]["uid"] and [c["name"] for c in now["spec"]["template"]["spec"]["containers"]] == ["rayvisord"], now["spec"]
        assert role("rayjob-editor-role")["metadata"]["uid"] == uid and role("rayjob-editor-role")["rules"] and role("raycluster-viewer-role")["rules"]
        sum_of = lambda: deployment()["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        first = sum_of()
        helm.must("upgrade", "kuberay-operator", ours, "--reuse-values")
        assert sum_of() == first
        helm.must("upgrade", "kuberay-operator", ours, "--reuse-values", "--set", "config.kubernetes.maxInFlight=64")
        assert sum_of() != first
        helm.must("rollback", "kuberay-operator", "1")
        assert [c["name"] for c in deployment()["spec"]["template"]["spec"]["containers"]] == ["kuberay-operator"]
        # Beside it, as a release of its own: the roles stay with KubeRay's until that is gone.
        notes = helm.must("install", "rayvisor", ours, "--set", IMAGE)
        assert "2 replicas, of which one acts" in notes and "NOBODY" not in notes and "KubeRay's defaults" not in notes, notes
        owner = lambda name: role(name)["metadata"]["annotations"]["meta.helm.sh/release-name"]
        assert owner("rayjob-editor-role") == "kuberay-operator" and owner("raycluster-editor-role") == "rayvisor"
        helm.must("uninstall", "kuberay-operator")
        helm.must("upgrade", "rayvisor", ours, "--reuse-values")
        assert owner("rayjob-editor-role") == "rayvisor"
    finally:
        helm("uninstall", "kuberay-operator")
        helm("uninstall", "rayvisor")


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
