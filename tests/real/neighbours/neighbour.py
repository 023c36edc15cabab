"""What the tests beside a neighbour share. The control plane is that of RAYVISOR_KUBECONFIG, and neighbours.sh has started the neighbour."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "integration"))
from harness import *


def one_cpu_each(o):
    """Each pod of a RayCluster, RayJob or RayService asks for a CPU."""
    spec = o["spec"].get("rayClusterSpec") or o["spec"].get("rayClusterConfig") or o["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        group["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    return o


def pods(kube, ns, cluster=None):
    return [p for p in kube.list("pods", ns) if "ray.io/cluster" in p["metadata"].get("labels", {}) and cluster in (None, p["metadata"]["labels"]["ray.io/cluster"])]


def status(kube, resource, ns, name): return kube.get(resource, ns, name).get("status", {})
def ready(kube, ns, name): return status(kube, "rayclusters", ns, name).get("state") == "ready"
def quiet(seconds, what, fn):
    """It stays so for that long."""
    end = time.time() + seconds
    while time.time() < end:
        assert fn(), what
        time.sleep(0.3)
