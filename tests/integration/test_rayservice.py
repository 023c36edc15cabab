#!/usr/bin/env python3
"""RayServices from manifest to served requests, and from one cluster to the next, on the sandbox's simulated Ray."""
from harness import *


def setup(env, settings=None, sim="ray_deploy_ms=300"):
    env.sandbox("--sim-opts", sim)
    ns = env.kube.namespace("services")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice", "settings": settings or {}}], proxy=True)
    return env.kube, ns


def status(kube, ns, name="s"): return kube.get("rayservices", ns, name).get("status", {})
def active(kube, ns, name="s"): return status(kube, ns, name).get("activeServiceStatus", {}).get("rayClusterName")
def pending(kube, ns, name="s"): return status(kube, ns, name).get("pendingServiceStatus", {}).get("rayClusterName")
def cond(s): return {c["type"]: c for c in s.get("conditions", [])}
def announced(kube, ns, name, *reasons): wait_for(f"the events {reasons}", lambda: {*reasons} <= {e["reason"] for e in events_of(kube, ns, name)})


def wait_serving(kube, ns, name="s", timeout=60):
    return wait_for(f"RayService {name} to be Ready", lambda: (lambda s: s.get("serviceStatus") == "Running" and active(kube, ns, name) and s)(status(kube, ns, name)), timeout)


def edit_env(kube, ns, value, name="s"):
    """Another environment for the head: a change that needs another cluster."""
    spec = kube.get("rayservices", ns, name)["spec"]["rayClusterConfig"]["headGroupSpec"]
    spec["template"]["spec"]["containers"][0]["env"] = [{"name": "VERSION", "value": value}]
    kube.patch("rayservices", ns, name, {"spec": {"rayClusterConfig": {"headGroupSpec": spec}}})


def test_first_start(env):
    kube, ns = setup(env)
    kube.create("rayservices", ns, rayservice("s"))
    s = wait_serving(kube, ns)
    cluster = active(kube, ns)
    assert re.fullmatch("s-[bcdfghjklmnpqrstvwxz2456789]{5}", cluster), cluster
    assert not pending(kube, ns) and cond(s)["UpgradeInProgress"]["reason"] == "NoPendingCluster", s
    assert s["activeServiceStatus"]["applicationStatuses"]["fruit"]["status"] == "RUNNING", s
    assert s["numServeEndpoints"] == 2, s
    serve, head = kube.get("services", ns, "s-serve-svc"), kube.get("services", ns, "s-head-svc")
    assert serve["spec"]["selector"] == {"ray.io/cluster": cluster, "ray.io/serve": "true"}, serve
    assert head["spec"]["selector"]["ray.io/cluster"] == cluster, head
    announced(kube, ns, "s", "CreatedRayCluster", "CreatedService", "UpdatedServeApplications", "UpdatedHeadPodServeLabel")
    wait_for("no more to reconcile", lambda: "Reconciling" not in cond(status(kube, ns)) and "Stalled" not in cond(status(kube, ns)))
    assert_quiet(env)
    kube.delete("rayservices", ns, "s")
    wait_for("everything to be gone", lambda: not kube.list("rayservices", ns) and not kube.list("rayclusters", ns) and not kube.list("services", ns), 60)


def test_new_cluster_upgrade(env):
    kube, ns = setup(env)
    kube.create("rayservices", ns, rayservice("s", rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns)
    old = active(kube, ns)
    edit_env(kube, ns, "2")
    wait_for("another cluster to serve", lambda: active(kube, ns) not in (None, old))
    s = status(kube, ns)
    assert cond(s)["UpgradeInProgress"]["status"] == "False", s
    assert kube.get("services", ns, "s-serve-svc")["spec"]["selector"]["ray.io/cluster"] == active(kube, ns)
    wait_for("the old cluster to go", lambda: len(kube.list("rayclusters", ns)) == 1)
    announced(kube, ns, "s", "UpgradeStarted", "UpgradeComplete", "DeletedRayCluster")
    wait_serving(kube, ns)
    assert "retiredClusters" not in wait_for("nothing retired", lambda: "retiredClusters" not in status(kube, ns) and status(kube, ns))
    assert_quiet(env)


if __name__ == "__main__": main()
