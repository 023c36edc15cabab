#!/usr/bin/env python3
"""The sandbox against the real kubectl, whichever version is installed (RAYVISOR_KUBECTL names another)."""
import json, shutil, subprocess, tempfile, time
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")


def setup(env, operator=True):
    if not KUBECTL: raise Skip("no kubectl on this machine (Debian package kubernetes-client)")
    env.sandbox(why="tests the sandbox itself")
    if operator: env.operator()
    cache = tempfile.mkdtemp(dir=env.dir)

    def k(*args, ok=True, inp=None):
        r = subprocess.run([KUBECTL, "--kubeconfig", env.kube.kubeconfig, "--cache-dir", cache, *args], capture_output=True, text=True, input=inp, timeout=60)
        if ok: assert r.returncode == 0, f"kubectl {' '.join(args)}: {r.stderr}"
        return r
    return k


def kubectls(env):
    """The kubectl of this machine, and the oldest that we care for: Debian 12's own, fetched where it is not that."""
    if not KUBECTL: raise Skip("no kubectl on this machine (Debian package kubernetes-client)")
    version = lambda k: json.loads(subprocess.run([k, "version", "--client", "-o", "json"], capture_output=True, text=True).stdout)["clientVersion"]
    found = {version(KUBECTL)["minor"].rstrip("+"): KUBECTL}
    folder = tempfile.mkdtemp(dir=env.dir)
    os.chmod(folder, 0o755)
    if "20" not in found and shutil.which("apt-get") and shutil.which("dpkg"):
        subprocess.run(["apt-get", "download", "kubernetes-client"], cwd=folder, capture_output=True, timeout=120)
        for deb in os.listdir(folder): subprocess.run(["dpkg", "-x", deb, "x"], cwd=folder, check=True)
        old = os.path.join(folder, "x/usr/bin/kubectl")
        if os.path.exists(old): found[version(old)["minor"].rstrip("+")] = old
    return found


def test_dry_run_with_the_oldest_and_the_newest(env):
    """kubectl before 1.27 looks into OpenAPI v2 whether the server takes a dry run of a kind, and else refuses to send one."""
    setup(env, operator=False)
    found = kubectls(env)
    folder = tempfile.mkdtemp(dir=env.dir)
    objects = {"ns.json": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dry"}},
               "cm.json": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dry", "namespace": "default"}, "data": {"a": "b"}},
               "rc.json": {**raycluster("dry"), "metadata": {"name": "dry", "namespace": "default"}}}
    for name, o in objects.items(): open(os.path.join(folder, name), "w").write(json.dumps(o))
    open(os.path.join(folder, "kustomization.yaml"), "w").write("resources: [" + ", ".join(objects) + "]\n")
    for minor, kubectl in found.items():
        cache = tempfile.mkdtemp(dir=env.dir)
        r = subprocess.run([kubectl, "--kubeconfig", env.kube.kubeconfig, "--cache-dir", cache, "apply", "--dry-run=server", "-k", folder], capture_output=True, text=True, timeout=60)
        assert r.returncode == 0 and r.stdout.count("created (server dry run)") == 3, (minor, r.stdout, r.stderr)
        assert env.kube.find("namespaces", None, "dry") is None and env.kube.find("configmaps", "default", "dry") is None, minor
    if "20" not in found: raise Skip("done with kubectl 1." + ", 1.".join(found) + "; Debian 12's 1.20 could not be fetched")


def dump(*objects): return "\n---\n".join(json.dumps(o) for o in objects)


def test_apply_get_describe_delete(env):
    k = setup(env)
    k("apply", "-f", "-", inp=dump(raycluster("demo", workers=1)))
    wait_ready(env.kube, "default", "demo", 1)
    table = k("get", "rayclusters").stdout.splitlines()
    assert table[0].split() == "NAME DESIRED WORKERS AVAILABLE WORKERS CPUS MEMORY GPUS STATUS AGE".split(), table[0]
    assert table[1].split()[:3] == ["demo", "1", "1"] and "ready" in table[1], table[1]
    assert "IP" in k("get", "pods", "-o", "wide").stdout
    assert "Running" in k("get", "pods").stdout
    assert "Head Group Spec" in k("describe", "raycluster", "demo").stdout
    wait_for("kubectl to show the event", lambda: "CreatedHeadPod" in k("describe", "raycluster", "demo").stdout)
    more = raycluster("demo", workers=2)
    more["spec"]["workerGroupSpecs"][0].update(numOfHosts=1, priority=0)  # else these defaults make kubectl patch the list
    k("apply", "-f", "-", inp=dump(more))
    wait_ready(env.kube, "default", "demo", 2)
    assert "unchanged" in k("apply", "-f", "-", inp=dump(more)).stdout
    k("delete", "raycluster", "demo", "--wait=true")
    wait_for("pods gone", lambda: not env.kube.list("pods", "default"))


def test_server_side_apply(env):
    k = setup(env, operator=False)
    k("apply", "--server-side", "-f", "-", inp=dump(raycluster("ssa")))
    assert env.kube.get("rayclusters", "default", "ssa")["spec"]["rayVersion"] == "2.52.0"
    k("apply", "--server-side", "-f", "-", inp=dump(raycluster("ssa", workers=4)))
    assert env.kube.get("rayclusters", "default", "ssa")["spec"]["workerGroupSpecs"][0]["replicas"] == 4


def test_builtin_kinds(env):
    k = setup(env, operator=False)
    k("create", "namespace", "two")
    wait_for("namespace listed", lambda: "two" in k("get", "ns").stdout)
    k("create", "configmap", "c", "--from-literal=a=b", "-n", "two")
    k("patch", "configmap", "c", "-n", "two", "-p", '{"data":{"x":"y"}}')
    assert env.kube.get("configmaps", "two", "c")["data"] == {"a": "b", "x": "y"}
    k("label", "configmap", "c", "-n", "two", "team=red")
    assert "c" in k("get", "configmap", "-n", "two", "-l", "team=red", "-o", "name").stdout
    k("run", "p", "--image=busybox:1", "-n", "two")
    k("wait", "pod/p", "-n", "two", "--for=condition=Ready", "--timeout=30s")
    k("delete", "pod", "p", "-n", "two")
    k("delete", "ns", "two")
    assert k("get", "ns", "two", ok=False).returncode != 0
    assert "rayclusters" in k("api-resources").stdout
    assert "rayclusters.ray.io" in k("get", "crd").stdout


def test_rejections_are_readable(env):
    k = setup(env, operator=False)
    c = raycluster("bad")
    c["spec"]["workerGroupSpecs"][0]["replicas"] = "three"
    r = k("apply", "--validate=false", "-f", "-", inp=dump(c), ok=False)
    assert r.returncode != 0 and "replicas" in r.stderr, r.stderr
    c = raycluster("bad", managedBy="somebody")
    r = k("apply", "-f", "-", inp=dump(c), ok=False)
    assert r.returncode != 0 and "managedBy" in r.stderr, r.stderr


def test_server_side_conflicts(env):
    k = setup(env, operator=False)
    cm = lambda **data: dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data})
    k("apply", "--server-side", "-f", "-", inp=cm(a="1", b="1"))
    version = env.kube.get("configmaps", "default", "c")["metadata"]["resourceVersion"]
    k("apply", "--server-side", "-f", "-", inp=cm(a="1", b="1"))
    assert env.kube.get("configmaps", "default", "c")["metadata"]["resourceVersion"] == version, "the same again is no change"
    r = k("apply", "--server-side", "--field-manager=other", "-f", "-", inp=cm(a="2"), ok=False)
    assert r.returncode != 0 and 'conflict with "kubectl"' in r.stderr and ".data.a" in r.stderr, r.stderr
    k("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", inp=cm(a="2"))
    k("apply", "--server-side", "-f", "-", inp=cm())
    assert env.kube.get("configmaps", "default", "c")["data"] == {"a": "2"}, "what is dropped goes, what another owns stays"


def test_unknown_fields_are_told(env):
    k = setup(env, operator=False)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"strange": 1, "containers": [{"name": "c", "image": "x:1"}]}}
    modern = "strict" in k("create", "--help").stdout  # before 1.25 kubectl judges alone, by OpenAPI v2, which the sandbox does not have
    if modern:
        r = k("create", "--validate=strict", "-f", "-", inp=dump(pod), ok=False)
        assert r.returncode != 0 and "strange" in r.stderr, r.stderr
        assert env.kube.find("pods", "default", "p") is None
    k("create", "--validate=" + ("ignore" if modern else "false"), "-f", "-", inp=dump(pod))
    assert "strange" not in env.kube.get("pods", "default", "p")["spec"]


def test_looking_around(env):
    k = setup(env, operator=False)
    k("run", "p", "--image=busybox:1", "--", "sleep", "9")
    k("wait", "pod/p", "--for=condition=Ready", "--timeout=30s")
    assert k("get", "pods").stdout.splitlines()[0].split() == "NAME READY STATUS RESTARTS AGE".split()
    assert "NOMINATED NODE" in k("get", "pods", "-o", "wide").stdout
    assert "+ sleep 9" in k("logs", "p").stdout and k("logs", "p", "--tail=1").stdout.count("\n") == 1
    assert "Scheduled" in k("get", "events").stdout and "Scheduled" in k("get", "events.events.k8s.io").stdout
    assert "Scheduled" in k("get", "events", "--field-selector", "involvedObject.name=p").stdout
    assert "Scheduled" not in k("get", "events", "--field-selector", "involvedObject.name=q").stdout
    assert k("auth", "can-i", "list", "pods").stdout.strip() == "yes"
    k("create", "deployment", "d", "--image=nginx:1", "--replicas=2")
    assert "0/2" in k("get", "deployments").stdout
    k("create", "secret", "generic", "s", "--from-literal=a=b")
    assert env.kube.get("secrets", "default", "s")["data"] == {"a": "Yg=="}


def test_explain(env):
    k = setup(env, operator=False)
    client = json.loads(k("version", "--client", "-o", "json").stdout)["clientVersion"]
    if int(client["minor"].rstrip("+")) < 27: raise Skip(f"kubectl {client['gitVersion']} explains by OpenAPI v2, which the sandbox does not have")
    head = k("explain", "raycluster.spec.headGroupSpec").stdout
    assert "headGroupSpec <Object>" in head and "rayStartParams\t<map[string]string>" in head and "template\t<Object> -required-" in head, head
    assert "containers\t<[]Container> -required-" in k("explain", "pod.spec").stdout
    assert "maxReplicas" in k("explain", "rayjob.spec.rayClusterSpec.workerGroupSpecs").stdout
    assert "image\t<string>" in k("explain", "raycluster.spec.headGroupSpec.template.spec.containers", "--recursive").stdout


def test_client_certificate(env):
    k = setup(env, operator=False)
    r = subprocess.run([KUBECTL, "--kubeconfig", env.kube.kubeconfig + ".cert", "get", "ns"], capture_output=True, text=True, timeout=60)
    assert "kube-system" in r.stdout, r.stderr


if __name__ == "__main__": main()
