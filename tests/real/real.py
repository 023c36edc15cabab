"""What the tests on a real node share: it is made by node.sh, and RAYVISOR_NODE names its folder."""
import os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *

RAY = os.environ.get("RAYVISOR_RAY", "2.60.0")
NODE = os.environ.get("RAYVISOR_NODE", "")
BIN = os.environ.get("RAYVISOR_REAL_BIN", os.path.expanduser("~/.cache/rayvisor-real"))
DNS = "10.244.7.1"  # of node.sh
SLOW = 240


def need_node():
    if not NODE: raise Skip("no node: RAYVISOR_NODE is not set (tests/run.sh ray makes one)")


def kubectl_command(*args): return [f"{BIN}/kubectl", "--kubeconfig", f"{NODE}/kubeconfig", *args]
def kubectl(*args, **kw): return subprocess.run(kubectl_command(*args), capture_output=True, text=True, timeout=120, **kw)


def box(name, memory="3Gi"):
    return {"name": name, "image": f"rayproject/ray:{RAY}", "imagePullPolicy": "IfNotPresent",
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": memory}}}


def real_cluster(workers=0):
    group = {"groupName": "w", "replicas": workers, "minReplicas": 0, "maxReplicas": 2, "rayStartParams": {}, "template": {"spec": {"containers": [box("ray-worker", "2Gi")]}}}
    return {"rayVersion": RAY, "headGroupSpec": {"rayStartParams": {}, "template": {"spec": {"containers": [box("ray-head")]}}}, "workerGroupSpecs": [group] if workers else []}


def with_files(group):
    """Mounts a ConfigMap of that name at /app, where Python finds it: what an application's image would hold."""
    spec = group["template"]["spec"]
    spec["volumes"] = [{"name": "app", "configMap": {"name": "app"}}]
    for c in spec["containers"]:
        c["volumeMounts"] = [{"name": "app", "mountPath": "/app"}]
        c.setdefault("env", []).append({"name": "PYTHONPATH", "value": "/opt/ray:/app"})


def put_file(kube, ns, name):
    """The ConfigMap for it, of a file of node/."""
    text = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "node", name)).read()
    kube.create("configmaps", ns, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {name: text}})


def on_node(env, plugins, proxy=False, **operator):
    """A namespace of its own and an operator. It reaches Ray through the API server (proxy), or as in a pod: by the cluster's DNS, Services and
    pods' addresses. It runs on this machine, so it gets a resolv.conf that nobody else sees."""
    need_node()
    env.sb = None
    env.kube = env.keep(External(f"{NODE}/kubeconfig")).kube
    env.kube.namespace("ray")
    env.ns = env.things[0].namespaces[-1]
    within = []
    if not proxy:
        resolv = os.path.join(env.dir, "resolv.conf")
        with open(resolv, "w") as f: f.write(f"nameserver {DNS}\noptions timeout:2\n")
        within = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolv]
    env.operator(plugins=plugins, proxy=proxy, within=within, namespaces=[env.ns], **operator)
    return env.kube, env.ns


def gone(kube, ns): return not kube.list("rayclusters", ns) and not [p for p in kube.list("pods", ns) if "ray.io/cluster" in p["metadata"].get("labels", {})]


def quantile(numbers, q):
    """The smallest that is not exceeded by that part of them."""
    s = sorted(numbers)
    return s[min(len(s) - 1, int(q * len(s)))]
