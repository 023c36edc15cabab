"""Kueue decides when a RayCluster, a RayJob or a RayService may run; the operator creates and deletes the pods. neighbours.sh has started
Kueue beside the control plane of RAYVISOR_KUBECONFIG. The queue has room for two CPUs: each object here needs both."""
from neighbour import *

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
LABEL = "kueue.x-k8s.io/queue-name"
PRIORITY = "kueue.x-k8s.io/priority-class"
PLUGINS = [{"name": n} for n in ("raycluster", "rayjob", "rayservice")]


def call(env, method, path, body=None, kind="application/json"): return env.kube.call(method, path, body, kind)


class Queue:
    """A cluster queue of this test's own, and a local queue in its namespace. Its flavor is free of node labels."""

    def __init__(self, env, ns, cpus=2):
        self.env, self.name = env, "cq-" + ns
        flavor = {"name": self.name, "resources": [{"name": "cpu", "nominalQuota": cpus}, {"name": "memory", "nominalQuota": "100Gi"}]}
        for kind, path, meta, spec in (
                ("ResourceFlavor", "/resourceflavors", {}, {}),
                ("ClusterQueue", "/clusterqueues", {}, {"namespaceSelector": {}, "preemption": {"withinClusterQueue": "LowerPriority"},
                                                        "resourceGroups": [{"coveredResources": ["cpu", "memory"], "flavors": [flavor]}]}),
                ("LocalQueue", f"/namespaces/{ns}/localqueues", {"namespace": ns}, {"clusterQueue": self.name})):
            call(env, "POST", KUEUE + path, {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": {"name": self.name, **meta}, "spec": spec})

    def policy(self, stop): call(self.env, "PATCH", f"{KUEUE}/clusterqueues/{self.name}", {"spec": {"stopPolicy": stop}}, "application/merge-patch+json")

    def stop(self):
        """Nothing of it outlives the test."""
        for path in (f"/clusterqueues/{self.name}", f"/resourceflavors/{self.name}"):
            with contextlib.suppress(ApiError): call(self.env, "DELETE", KUEUE + path)

    def put(self, o, **labels):
        """The object with this queue's label."""
        one_cpu_each(o)
        o["metadata"]["labels"] = {LABEL: self.name, **labels}
        return o


def begin(env):
    env.cluster()
    env.kube.namespace("kueue")
    ns = env.things[0].namespaces[-1]
    env.operator(plugins=PLUGINS, namespaces=[ns])
    return env.kube, ns, env.keep(Queue(env, ns))


def test_cluster_waits_for_room_and_gets_it(env):
    """The first has the quota. The second one waits without pods, and says that it is suspended; it runs when the first is gone."""
    kube, ns, queue = begin(env)
    kube.create("rayclusters", ns, queue.put(raycluster("a")))
    wait_for("a to be ready", lambda: ready(kube, ns, "a"))
    kube.create("rayclusters", ns, queue.put(raycluster("b")))
    wait_for("b to say that it is suspended", lambda: status(kube, "rayclusters", ns, "b").get("state") == "suspended")
    quiet(3, "b has pods", lambda: not pods(kube, ns, "b"))
    kube.delete("rayclusters", ns, "a")
    wait_for("b to be ready", lambda: ready(kube, ns, "b"), 60)
    assert not pods(kube, ns, "a")


def test_quota_comes_back_when_the_pods_are_gone(env):
    """A cluster of higher priority evicts one whose worker cannot end: it starts after that pod is gone, not when it was told to go."""
    kube, ns, queue = begin(env)
    high = "high-" + ns
    call(env, "POST", KUEUE + "/workloadpriorityclasses", {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "WorkloadPriorityClass", "metadata": {"name": high}, "value": 100})
    low = queue.put(raycluster("low"))
    low["spec"]["workerGroupSpecs"][0]["template"]["metadata"] = {"finalizers": []}
    kube.create("rayclusters", ns, low)
    wait_for("low to be ready", lambda: ready(kube, ns, "low"))
    worker = next(p for p in pods(kube, ns, "low") if p["metadata"]["labels"]["ray.io/node-type"] == "worker")["metadata"]["name"]
    kube.patch("pods", ns, worker, {"metadata": {"finalizers": ["example.com/hold"]}})
    kube.create("rayclusters", ns, queue.put(raycluster("high"), **{PRIORITY: high}))
    wait_for("the worker to be told to go", lambda: kube.get("pods", ns, worker)["metadata"].get("deletionTimestamp"), 60)
    quiet(5, "high runs beside a pod of low", lambda: not pods(kube, ns, "high"))
    kube.patch("pods", ns, worker, {"metadata": {"finalizers": None}})
    wait_for("high to be ready", lambda: ready(kube, ns, "high"), 60)
    assert status(kube, "rayclusters", ns, "low")["state"] == "suspended" and not pods(kube, ns, "low")


def test_evicted_cluster_comes_back(env):
    """The queue is drained and opened again: the same cluster, new pods."""
    kube, ns, queue = begin(env)
    kube.create("rayclusters", ns, queue.put(raycluster("a")))
    wait_for("a to be ready", lambda: ready(kube, ns, "a"))
    before = {p["metadata"]["uid"] for p in pods(kube, ns)}
    queue.policy("HoldAndDrain")
    wait_for("a to be suspended", lambda: status(kube, "rayclusters", ns, "a")["state"] == "suspended" and not pods(kube, ns), 60)
    queue.policy("None")
    wait_for("a to be ready again", lambda: ready(kube, ns, "a"), 60)
    after = {p["metadata"]["uid"] for p in pods(kube, ns)}
    assert len(after) == 2 and not before & after, (before, after)


def test_job_is_suspended_admitted_evicted_and_admitted_again(env):
    """A suspended RayJob has no cluster. Evicted, its cluster goes; admitted again, it begins anew with another job id."""
    kube, ns, queue = begin(env)
    queue.policy("Hold")
    kube.create("rayjobs", ns, queue.put(rayjob("j")))
    job = lambda: status(kube, "rayjobs", ns, "j")
    wait_for("j to be suspended", lambda: job().get("jobDeploymentStatus") == "Suspended")
    quiet(3, "a suspended job has a cluster", lambda: not kube.list("rayclusters", ns))
    queue.policy("None")
    first = wait_for("its cluster to be ready", lambda: job().get("rayClusterName") and ready(kube, ns, job()["rayClusterName"]) and job(), 60)
    queue.policy("HoldAndDrain")
    wait_for("j to be suspended again, without anything left", lambda: job().get("jobDeploymentStatus") == "Suspended" and not kube.list("rayclusters", ns) and not pods(kube, ns), 60)
    queue.policy("None")
    second = wait_for("another cluster to be ready", lambda: job().get("rayClusterName") and ready(kube, ns, job()["rayClusterName"]) and job(), 60)
    assert second["rayClusterName"] != first["rayClusterName"] and second["jobId"] != first["jobId"], (first, second)


def test_service_is_suspended_admitted_and_evicted(env):
    """Suspension is a state of a RayService, not an error: no pods, no warning, and it goes on when it is admitted."""
    kube, ns, queue = begin(env)
    queue.policy("Hold")
    kube.create("rayservices", ns, queue.put(rayservice("s")))
    wait_for("s to be suspended by Kueue", lambda: kube.get("rayservices", ns, "s")["spec"]["rayClusterConfig"].get("suspend"))
    quiet(3, "a suspended service has pods", lambda: not pods(kube, ns))
    queue.policy("None")
    wait_for("its pods", lambda: len(pods(kube, ns)) == 2, 60)
    queue.policy("HoldAndDrain")
    wait_for("its pods to be gone", lambda: not pods(kube, ns), 60)
    queue.policy("None")
    wait_for("its pods to be back", lambda: len(pods(kube, ns)) == 2, 60)
    warnings = [e for e in kube.list("events", ns) if e["type"] == "Warning" and e["involvedObject"]["kind"] == "RayService"]
    assert not warnings, [(e["reason"], e["message"]) for e in warnings]


if __name__ == "__main__": main()
