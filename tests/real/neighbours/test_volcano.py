"""Volcano starts the pods of a RayCluster together or not at all; the operator makes the PodGroup. neighbours.sh has started Volcano's
scheduler and controllers beside the control plane of RAYVISOR_KUBECONFIG. Each pod here asks for a CPU."""
from neighbour import *

SCHEDULING = "/apis/scheduling.volcano.sh/v1beta1"


class Queue:
    def __init__(self, env, ns, cpus):
        self.env, self.name = env, "q-" + ns
        env.kube.call("POST", SCHEDULING + "/queues", {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "Queue", "metadata": {"name": self.name},
                                                       "spec": {"reclaimable": False, "capability": {"cpu": cpus, "memory": "100Gi"}}})

    def stop(self):
        with contextlib.suppress(ApiError): self.env.kube.call("DELETE", f"{SCHEDULING}/queues/{self.name}")

    def cluster(self, name, workers, **labels):
        o = one_cpu_each(raycluster(name, workers=workers))
        o["metadata"]["labels"] = {"volcano.sh/queue-name": self.name, **labels}
        return o


def begin(env, cpus):
    env.cluster()
    env.kube.namespace("volcano")
    ns = env.things[0].namespaces[-1]
    env.operator(plugins=[{"name": "raycluster", "settings": {"batchScheduler": "volcano"}}, {"name": "rayjob"}], namespaces=[ns])
    return env.kube, ns, env.keep(Queue(env, ns, cpus))


def placed(kube, ns, cluster): return [p for p in pods(kube, ns, cluster) if p["spec"].get("nodeName")]
def group(kube, ns, cluster): return kube.call("GET", f"{SCHEDULING}/namespaces/{ns}/podgroups/ray-{cluster}-pg")


def test_gang_that_fits(env):
    """All pods are Volcano's, belong to one group, and run."""
    kube, ns, queue = begin(env, 4)
    kube.create("rayclusters", ns, queue.cluster("a", 2))
    wait_for("a to be ready", lambda: ready(kube, ns, "a"), 60)
    for p in pods(kube, ns, "a"):
        assert p["spec"]["schedulerName"] == "volcano" and p["metadata"]["annotations"]["scheduling.k8s.io/group-name"] == "ray-a-pg", p["metadata"]
    wait_for("the group to run", lambda: group(kube, ns, "a")["status"].get("phase") == "Running")
    assert group(kube, ns, "a")["spec"]["minMember"] == 3


def test_gang_that_does_not_fit_starts_no_pod(env):
    """Three of four CPUs would fit; none is taken. The group says so, and when the queue grows all of them run."""
    kube, ns, queue = begin(env, 3)
    kube.create("rayclusters", ns, queue.cluster("big", 3))
    wait_for("its pods", lambda: len(pods(kube, ns, "big")) == 4)
    quiet(4, "a part of a gang runs", lambda: not placed(kube, ns, "big"))
    assert group(kube, ns, "big")["status"]["phase"] in ("Pending", "Inqueue"), group(kube, ns, "big")["status"]
    kube.call("PATCH", f"{SCHEDULING}/queues/{queue.name}", {"spec": {"capability": {"cpu": 4}}}, "application/merge-patch+json")
    wait_for("big to be ready", lambda: ready(kube, ns, "big"), 60)


def test_queue(env):
    """The second cluster waits for the first one's capacity, whole, and gets it when that is deleted."""
    kube, ns, queue = begin(env, 3)
    kube.create("rayclusters", ns, queue.cluster("first", 1))
    wait_for("first to be ready", lambda: ready(kube, ns, "first"), 60)
    kube.create("rayclusters", ns, queue.cluster("second", 1))
    wait_for("its pods", lambda: len(pods(kube, ns, "second")) == 2)
    quiet(4, "second runs in part", lambda: not placed(kube, ns, "second"))
    kube.delete("rayclusters", ns, "first")
    wait_for("second to be ready", lambda: ready(kube, ns, "second"), 60)


def test_group_follows_the_cluster(env):
    """More workers make a larger gang; a deleted cluster leaves no group behind."""
    kube, ns, queue = begin(env, 5)
    kube.create("rayclusters", ns, queue.cluster("a", 1))
    wait_for("a to be ready", lambda: ready(kube, ns, "a"), 60)
    kube.json_patch("rayclusters", ns, "a", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 3}])
    wait_for("the group to be of four", lambda: group(kube, ns, "a")["spec"]["minMember"] == 4)
    wait_for("four pods to run", lambda: len(placed(kube, ns, "a")) == 4, 60)
    kube.delete("rayclusters", ns, "a")
    wait_for("the group to be gone", lambda: not kube.call("GET", f"{SCHEDULING}/namespaces/{ns}/podgroups")["items"], 60)


def test_preemption(env):
    """A gang of higher priority takes the place of one that may be preempted, which then waits as a whole and is not failed."""
    kube, ns, queue = begin(env, 2)
    for name, value in ("low", 1), ("high", 1000):
        env.keep(PriorityClass(env, f"{name}-{ns}", value))
    low = queue.cluster("low", 1, **{"ray.io/priority-class-name": f"low-{ns}"})
    high = queue.cluster("high", 1, **{"ray.io/priority-class-name": f"high-{ns}"})
    for o, name in (low, "low"), (high, "high"):
        for g in (o["spec"]["headGroupSpec"], *o["spec"]["workerGroupSpecs"]):
            g["template"]["metadata"] = {"annotations": {"volcano.sh/preemptable": "true" if name == "low" else "false"}}
            g["template"]["spec"]["priorityClassName"] = f"{name}-{ns}"
    kube.create("rayclusters", ns, low)
    wait_for("low to be ready", lambda: ready(kube, ns, "low"), 60)
    kube.create("rayclusters", ns, high)
    wait_for("high to be ready", lambda: ready(kube, ns, "high"), 90)
    quiet(3, "low took its place back", lambda: not placed(kube, ns, "low"))
    assert status(kube, "rayclusters", ns, "low").get("state") != "failed"


class PriorityClass:
    def __init__(self, env, name, value):
        self.env, self.name = env, name
        env.kube.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value})

    def stop(self):
        with contextlib.suppress(ApiError): self.env.kube.call("DELETE", "/apis/scheduling.k8s.io/v1/priorityclasses/" + self.name)


if __name__ == "__main__": main()
