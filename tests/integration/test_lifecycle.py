#!/usr/bin/env python3
"""A RayCluster's whole life, seen through the API server. Runs against the sandbox or a real kube-apiserver."""
import os, signal, time
from harness import *


def setup(env, ns="life", **kw):
    env.cluster()
    ns = env.kube.namespace(f"{ns}-{os.getpid()}" if env.sb is None else ns)
    env.operator(**kw)
    return env.kube, ns


def test_create(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("demo", workers=2))
    status = wait_ready(kube, ns, "demo", 2)
    cluster, head = kube.get("rayclusters", ns, "demo"), pods_of(kube, ns, "demo", "headgroup")[0]
    assert status["observedGeneration"] == cluster["metadata"]["generation"], status
    assert status["desiredCPU"] == "30m" or status["desiredCPU"], status
    assert status["head"]["podName"] == head["metadata"]["name"] and status["head"]["serviceName"] == "demo-head-svc", status
    assert status["endpoints"]["dashboard"] == "8265", status
    c = wait_for("conditions", lambda: (lambda c: c if c.get("RayClusterProvisioned", {}).get("status") == "True" else None)(conditions(status_of(kube, ns, "demo"))))
    assert c["HeadPodReady"]["status"] == "True" and c["RayClusterSuspended"]["status"] == "False", c
    owner = head["metadata"]["ownerReferences"][0]
    assert owner["uid"] == cluster["metadata"]["uid"] and owner["controller"] and owner["blockOwnerDeletion"], owner
    svc = kube.get("services", ns, "demo-head-svc")
    assert svc["spec"]["clusterIP"] == "None" and svc["spec"]["publishNotReadyAddresses"], svc["spec"]
    for reason in ("CreatedService", "CreatedHeadPod", "CreatedWorkerPod"):
        wait_for(f"event {reason}", lambda: events_of(kube, ns, "demo", reason))
    assert_quiet(env)
    assert {type(l[k]) for l in env.op.logs("changing the cluster's objects") for k in ("creates", "deletes")} == {int}, "numbers of plugins are numbers"


def test_service_follows_the_head(env):
    """An edit that no pod follows takes no head off its service."""
    kube, ns = setup(env)
    rc = raycluster("lab", workers=1)
    template = rc["spec"]["headGroupSpec"]["template"]
    template.setdefault("metadata", {})["labels"] = {"app.kubernetes.io/name": "first"}
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "lab", 1)
    def way():
        spec = kube.get("services", ns, "lab-head-svc")["spec"]
        return spec["selector"]["app.kubernetes.io/name"], {p["name"]: p["port"] for p in spec["ports"]}["dashboard"]
    kube.patch("rayclusters", ns, "lab", {"spec": {"headGroupSpec": {"template": {"metadata": {"labels": {"app.kubernetes.io/name": "second"}}, "spec": {
        "containers": [{**template["spec"]["containers"][0], "ports": [{"name": "dashboard", "containerPort": 9265}]}]}}}}})
    wait_for("the edit to be seen", lambda: status_of(kube, ns, "lab")["observedGeneration"] == 2)
    time.sleep(2)
    assert way() == ("first", 8265), way()
    assert status_of(kube, ns, "lab")["state"] == "ready" and "follow" in conditions(status_of(kube, ns, "lab"))["PodsOutdated"]["message"]
    kube.delete("pods", ns, pods_of(kube, ns, "lab", "headgroup")[0]["metadata"]["name"])
    wait_for("the new head's way", lambda: way() == ("second", 9265))
    wait_ready(kube, ns, "lab", 1)


def test_scale(env):
    kube, ns = setup(env)
    seen = Watcher(kube, "pods", ns)
    kube.create("rayclusters", ns, raycluster("s", groups={"a": 1, "b": 1}))
    wait_ready(kube, ns, "s", 2)
    kube.json_patch("rayclusters", ns, "s", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 12}])
    wait_ready(kube, ns, "s", 13)
    keep = {p["metadata"]["name"] for p in pods_of(kube, ns, "s", "b")}
    kube.json_patch("rayclusters", ns, "s", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 3}])
    wait_ready(kube, ns, "s", 4)
    assert {p["metadata"]["name"] for p in pods_of(kube, ns, "s", "b")} == keep, "another group lost a pod"
    assert seen.count() == 1 + 2 + 11, f"{seen.count()} pods were created"


def test_workers_to_delete(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("w", workers=3))
    wait_ready(kube, ns, "w", 3)
    kube.create("pods", ns, {"metadata": {"name": "bystander"}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}})
    victim = pods_of(kube, ns, "w", "small")[1]["metadata"]["name"]
    kube.json_patch("rayclusters", ns, "w", [
        {"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 2},
        {"op": "add", "path": "/spec/workerGroupSpecs/0/scaleStrategy", "value": {"workersToDelete": [victim, "bystander"]}}])
    wait_for("victim gone", lambda: kube.find("pods", ns, victim) is None)
    wait_ready(kube, ns, "w", 2)
    time.sleep(1)
    assert kube.find("pods", ns, "bystander"), "a pod of somebody else was deleted"


def test_pod_failure(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("f", workers=2))
    wait_ready(kube, ns, "f", 2)
    for group in ("small", "headgroup"):
        pod = pods_of(kube, ns, "f", group)[0]["metadata"]
        kube.patch("pods", ns, pod["name"], {"status": {"phase": "Failed", "reason": "Evicted"}}, "status")
        wait_for(f"failed {group} pod replaced", lambda: pod["uid"] not in {p["metadata"]["uid"] for p in pods_of(kube, ns, "f")})
        wait_ready(kube, ns, "f", 2)


def test_deleted_pod_comes_back(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("d", workers=2))
    wait_ready(kube, ns, "d", 2)
    old = {p["metadata"]["uid"] for p in pods_of(kube, ns, "d")}
    for p in pods_of(kube, ns, "d"): kube.delete("pods", ns, p["metadata"]["name"])
    wait_for("three new pods", lambda: len([p for p in pods_of(kube, ns, "d") if p["metadata"]["uid"] not in old]) == 3, 60)
    wait_ready(kube, ns, "d", 2)


def test_suspend_resume(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("p", workers=2))
    wait_ready(kube, ns, "p", 2)
    kube.patch("rayclusters", ns, "p", {"spec": {"suspend": True}})
    s = wait_for("suspended", lambda: (lambda s: s if s.get("state") == "suspended" else None)(status_of(kube, ns, "p")), 60)
    c = conditions(s)
    assert c["RayClusterSuspended"]["status"] == "True" and c["RayClusterSuspending"]["status"] == "False", c
    assert not pods_of(kube, ns, "p", live=False)
    assert kube.find("services", ns, "p-head-svc"), "suspend keeps the service"
    kube.patch("rayclusters", ns, "p", {"spec": {"suspend": False}})
    wait_ready(kube, ns, "p", 2)


def test_recreate(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("r", workers=1, upgradeStrategy={"type": "Recreate"}))
    wait_ready(kube, ns, "r", 1)
    old = {p["metadata"]["uid"] for p in pods_of(kube, ns, "r")}
    kube.json_patch("rayclusters", ns, "r", [{"op": "replace", "path": "/spec/headGroupSpec/template/spec/containers/0/image", "value": "rayproject/ray:2.53.0"}])
    wait_for("all pods replaced", lambda: len(n := {p["metadata"]["uid"] for p in pods_of(kube, ns, "r", live=False)}) == 2 and not n & old, 60)
    wait_ready(kube, ns, "r", 1)
    assert pods_of(kube, ns, "r", "headgroup")[0]["spec"]["containers"][0]["image"] == "rayproject/ray:2.53.0"
    old = {p["metadata"]["uid"] for p in pods_of(kube, ns, "r")}
    kube.json_patch("rayclusters", ns, "r", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 2}])
    wait_ready(kube, ns, "r", 2)
    assert old <= {p["metadata"]["uid"] for p in pods_of(kube, ns, "r")}, "a change of replicas must not recreate"


def test_an_edit_that_reaches_no_pod(env):
    """Without upgradeStrategy pods stay as they are. It is said; and Recreate, set afterwards, still replaces them."""
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("edited", workers=2))
    wait_ready(kube, ns, "edited", 2)
    old = {p["metadata"]["uid"] for p in pods_of(kube, ns, "edited")}
    kube.json_patch("rayclusters", ns, "edited", [{"op": "add", "path": "/spec/workerGroupSpecs/0/template/spec/containers/0/env", "value": [{"name": "NEW", "value": "1"}]}])
    told = wait_for("PodsOutdated", lambda: conditions(status_of(kube, ns, "edited")).get("PodsOutdated"))
    assert told["status"] == "True" and told["message"].startswith("2 pods") and "Recreate" in told["message"], told
    assert "Reconciling" not in conditions(status_of(kube, ns, "edited")), "nothing is on its way"
    assert {p["metadata"]["uid"] for p in pods_of(kube, ns, "edited")} == old
    kube.patch("rayclusters", ns, "edited", {"spec": {"upgradeStrategy": {"type": "Recreate"}}})
    wait_for("new pods", lambda: not old & {p["metadata"]["uid"] for p in pods_of(kube, ns, "edited")})
    wait_ready(kube, ns, "edited", 2)
    wait_for("PodsOutdated to go", lambda: "PodsOutdated" not in conditions(status_of(kube, ns, "edited")))
    assert_quiet(env)


def test_delete(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("x", workers=2))
    wait_ready(kube, ns, "x", 2)
    kube.delete("rayclusters", ns, "x")
    wait_for("everything collected", lambda: not kube.list("pods", ns, "ray.io/cluster=x") and kube.find("services", ns, "x-head-svc") is None, 60)


def test_managed_by_someone_else(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("m", managedBy="kueue.x-k8s.io/multikueue"))
    kube.create("rayclusters", ns, raycluster("ours"))
    wait_ready(kube, ns, "ours", 1)
    assert not kube.list("pods", ns, "ray.io/cluster=m") and not status_of(kube, ns, "m")


def test_many_at_once(env):
    kube, ns = setup(env)
    seen = Watcher(kube, "pods", ns)
    for i in range(30): kube.create("rayclusters", ns, raycluster(f"c{i}", workers=3))
    for i in range(30): wait_ready(kube, ns, f"c{i}", 3, 120)
    wait_created(seen, 120)
    assert_quiet(env)


def test_restart_of_the_operator_writes_nothing(env):
    kube, ns = setup(env)
    for i in range(5): kube.create("rayclusters", ns, raycluster(f"q{i}", workers=2))
    for i in range(5): wait_ready(kube, ns, f"q{i}", 2)
    assert_quiet(env, 0.5)
    env.op.stop()
    env.op.start()
    looked_at = lambda i: env.op.control("explain", kind="raycluster", namespace=ns, name=f"q{i}").get("decidedAt")
    wait_for("first pass over all", lambda: all(looked_at(i) for i in range(5)))
    time.sleep(1)
    assert actions_done(env) == 0, f"{actions_done(env)} actions after a restart"


def stop_amid_creates(env, delay_ms):
    """Stops the operator when it was asked for 30 head pods, of which it makes four at a time. How many there are in the end."""
    env.sandbox(why="makes the API server slow")
    ns = env.kube.namespace("slow-stop")
    env.operator(kubernetes={"maxInFlight": 4})
    env.sb.fault({"verb": "create", "resource": "pods", "userAgent": "rayvisor"}, {"delayMs": delay_ms})
    for i in range(30): env.kube.create("rayclusters", ns, raycluster(f"slow-{i}"))
    wait_for("all to be asked for", lambda: len(env.kube.list("pods", ns)) >= 4 and len(env.op.logs("changing the cluster's objects")) == 30)
    env.op.stop()
    return len(env.kube.list("pods", ns))


def test_what_was_asked_for_is_finished_before_the_end(env):
    pods = stop_amid_creates(env, 1200)
    assert pods == 30, f"{pods} pods; " + env.op.proc.output()[-1500:]
    assert not env.op.logs("are dropped") and not env.op.logs("unfinished") and not env.op.logs("did not end by itself"), env.op.proc.output()[-1500:]


def test_what_takes_too_long_is_reported_at_the_end(env):
    pods = stop_amid_creates(env, 8000)
    assert 4 <= pods < 30, pods
    dropped = told(env, "are dropped", '"plugin":"raycluster"', most=1)
    assert 30 - pods <= int(dropped[0]["actions"]) < 30, (pods, dropped)
    told(env, "stopping although", most=1)


def test_sigkill_of_the_supervisor_while_creating(env):
    kube, ns = setup(env, plugins=[{"name": "raycluster"}, TOY])
    seen, second = Watcher(kube, "pods", ns), SecondPlugin(env, ns)
    kube.create("rayclusters", ns, raycluster("k", workers=150))
    wait_for("some pods", lambda: seen.count() > 10)
    second.give("during")
    env.op.proc.kill(signal.SIGKILL)
    env.op.proc.wait()
    env.op.start()
    wait_ready(kube, ns, "k", 150, 120)
    wait_created(seen, 151)  # the creates in flight at the moment of death included
    wait_for("services", lambda: len(kube.list("services", ns, "ray.io/cluster=k")) >= 1)
    assert_quiet(env)
    second.is_well(same_process=False)


if __name__ == "__main__": main()
