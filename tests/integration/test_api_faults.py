#!/usr/bin/env python3
"""The API server misbehaves: the operator converges, creates nothing twice, loses nothing, and says what happened."""
import os, signal, threading, time
from harness import *

NS = "faults"
US = {"userAgent": "rayvisor"}  # faults meet the operator, not the test's own client


BROKE, FAILED = "watches broke and are begun again", "requests to the API server fail and are tried again"
REFUSED = "writes are refused again and again"


def setup(env, *args, **kw):
    env.sandbox(*args, why="injects faults through the sandbox's control endpoint")
    env.kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, TOY], **kw)
    env.second = SecondPlugin(env, NS)
    return env.kube, Watcher(env.kube, "pods", NS)


def check(env, seen, name, workers, created, timeout=90):
    wait_ready(env.kube, NS, name, workers, timeout)
    wait_created(seen, created)
    assert all(p["restarts"] == 0 for p in env.op.control("plugins")["plugins"]), "a fault of the API server must not touch a plugin"


def one_line(env, begins, *needles):
    """However many watches or requests a fault met: it is told in one line, and its end in another."""
    told(env, begins, *needles)
    over = "all watches work again" if begins == BROKE else "requests to the API server work again"
    wait_for("the end of it to be told", lambda: env.op.logs(over), 45)
    assert not env.op.logs("watch state", level="warn"), "one by one"


def nothing_told(env):
    loud = [l["msg"] for l in env.op.logs() if l.get("level") in ("warn", "error")]
    assert not loud, loud


def test_watches_dropped(env):
    kube, seen = setup(env)
    kube.create("rayclusters", NS, raycluster("a", workers=3))
    for n in range(5):
        env.sb.post("drop-watches")
        env.second.give(f"during-{n}")
        time.sleep(0.2)
    check(env, seen, "a", 3, 4)
    env.sb.post("drop-watches")
    kube.create("rayclusters", NS, raycluster("b", workers=3))
    check(env, seen, "b", 3, 8)
    assert_quiet(env)
    one_line(env, BROKE, "ended it at once")
    env.second.is_well()


def test_watch_stalled(env):
    kube, seen = setup(env, kubernetes={"watchStallSeconds": 3})
    env.sb.fault({"verb": "watch", **US}, {"stall": True}, count=4)
    env.sb.post("drop-watches")
    time.sleep(1)
    kube.create("rayclusters", NS, raycluster("a", workers=2))
    env.second.give("during")
    check(env, seen, "a", 2, 3)
    told(env, "watches", "stalled: no byte for too long")
    env.second.is_well()


def test_events_duplicated(env):
    kube, seen = setup(env)
    env.sb.fault({"verb": "watch", **US}, {"duplicateEvents": True})
    env.sb.post("drop-watches")
    kube.create("rayclusters", NS, raycluster("a", workers=5))
    env.second.give("during")
    check(env, seen, "a", 5, 6)
    assert_quiet(env)
    env.second.is_well()
    told(env, BROKE, "ended it at once")  # of the repetitions nothing is said: what is seen twice is only compared, whatever its version
    assert len([l for l in env.op.logs() if l.get("level") in ("warn", "error")]) == 1


def test_compacted(env):
    kube, seen = setup(env)
    kube.create("rayclusters", NS, raycluster("a", workers=2))
    check(env, seen, "a", 2, 3)
    # While the watches are cut off: one cluster goes, one comes, one changes; then their place in history is gone.
    kube.create("rayclusters", NS, raycluster("gone", workers=1))
    check(env, seen, "gone", 1, 5)
    env.sb.fault({"verb": "watch", **US}, {"status": 500}, count=6)
    env.sb.post("drop-watches")
    kube.delete("rayclusters", NS, "gone")
    kube.create("rayclusters", NS, raycluster("new", workers=1))
    kube.json_patch("rayclusters", NS, "a", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 3}])
    env.second.give("during")
    env.sb.post("compact")
    check(env, seen, "new", 1, 8)
    check(env, seen, "a", 3, 8)
    wait_for("collected", lambda: not kube.list("pods", NS, "ray.io/cluster=gone"))
    told(env, "watch", "expired (410): listing again")
    assert_quiet(env)
    env.second.is_well()


def test_definition_updated(env):
    """What an upgrade does: every watch of the kind ends, and the schema is another."""
    kube, seen = setup(env)
    kube.create("rayclusters", NS, raycluster("a", workers=2))
    check(env, seen, "a", 2, 3)
    for names in (["rc"], ["rc", "rcs"], []):
        kube.patch("customresourcedefinitions", None, "rayclusters.ray.io", {"spec": {"names": {"shortNames": names}}})
        env.second.give(f"during-{len(names)}")
    kube.create("rayclusters", NS, raycluster("b", workers=2))
    check(env, seen, "b", 2, 6)
    assert_quiet(env)
    env.second.is_well()
    one_line(env, BROKE, "ended it at once")


def test_truncated_and_garbage_answers(env):
    kube, seen = setup(env)
    env.sb.fault({"verb": "list", **US}, {"truncate": 200}, count=3)
    env.sb.fault({"verb": "watch", **US}, {"garbage": True}, count=3)
    env.sb.post("compact")
    env.sb.post("drop-watches")
    kube.create("rayclusters", NS, raycluster("a", workers=2))
    check(env, seen, "a", 2, 3)
    env.sb.fault({"verb": "create", "resource": "pods", **US}, {"truncate": 50}, count=3)
    kube.create("rayclusters", NS, raycluster("b", workers=4))
    env.second.give("during")
    check(env, seen, "b", 4, 8)
    told(env, "watches", "JSON: ")
    told(env, FAILED, "create pods")
    env.second.is_well()


def storm(env, status, probability=0.5, **action):
    kube, seen = setup(env)
    for verb in ("create", "patch", "delete", "get", "list", "watch"):
        env.sb.fault({"verb": verb, **US}, {"status": status, "message": f"storm of {status}", **action}, probability=probability)
    for i in range(5): kube.create("rayclusters", NS, raycluster(f"s{i}", workers=4))
    env.second.give("during")
    time.sleep(5)
    wait_for("the second plugin's child in the storm", lambda: env.second.done("during"), 60)
    env.sb.clear_faults()
    for i in range(5): check(env, seen, f"s{i}", 4, 25, 120)
    assert_quiet(env)
    env.second.is_well()
    if status != 409: return one_line(env, FAILED, f"storm of {status}")
    told(env, REFUSED, "HTTP 409")
    wait_for("the end of it to be told", lambda: env.op.logs("writes are no longer refused"), 45)


def test_storm_409(env): storm(env, 409)
def test_storm_429(env): storm(env, 429, retryAfter=1)
def test_storm_500(env): storm(env, 500)


def test_answers_lost_after_the_write(env):
    """The write happened, the answer did not arrive: the case that makes duplicates."""
    kube, seen = setup(env)
    env.sb.fault({"verb": "create", **US}, {"dropConnection": "after"}, probability=0.85)  # the HTTP library itself tries again, where the connection was not new
    for i in range(4): kube.create("rayclusters", NS, raycluster(f"l{i}", workers=4))
    env.second.give("during")
    wait_for("the second plugin's child meanwhile", lambda: env.second.done("during"), 60)
    time.sleep(4)
    env.sb.clear_faults()
    for i in range(4): check(env, seen, f"l{i}", 4, 20, 120)
    one_line(env, FAILED, "create ")
    for i in range(4): assert len(kube.list("services", NS, f"ray.io/cluster=l{i}")) == 1
    env.second.is_well()


def test_slow_answers(env):
    kube, seen = setup(env)
    env.sb.fault({"verb": "create", **US}, {"delayMs": 1500}, probability=0.3)
    kube.create("rayclusters", NS, raycluster("a", workers=8))
    env.second.give("during")
    check(env, seen, "a", 8, 9)
    env.second.is_well()
    nothing_told(env)  # slow is not wrong: nothing is tried again, and how long requests take is a metric


def test_connections_lost(env):
    kube, seen = setup(env)
    for n in range(4):
        kube.create("rayclusters", NS, raycluster(f"c{n}", workers=5))
        env.second.give(f"during-{n}")
        env.sb.post("pause", {"ms": 300})
        time.sleep(0.6)
    for n in range(4): check(env, seen, f"c{n}", 5, 24)
    one_line(env, BROKE)
    env.second.is_well()


def test_quota(env):
    kube, seen = setup(env)
    kube.create("resourcequotas", NS, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "3"}}})
    kube.create("rayclusters", NS, raycluster("q", workers=6))
    c = wait_for("ReplicaFailure", lambda: conditions(status_of(kube, NS, "q")).get("ReplicaFailure"))
    assert c["status"] == "True" and c["reason"] == "FailedCreateWorkerPod" and "quota" in c["message"], c
    wait_for("event", lambda: events_of(kube, NS, "q", "FailedToCreateWorkerPod"))
    creates = lambda: sum(n for k, n in env.sb.stats()["requests"].items() if k.startswith("create pods"))
    before = creates()
    env.second.give("during")
    wait_for("the second plugin's child meanwhile", lambda: env.second.done("during"))
    time.sleep(4)
    assert creates() - before < 40, f"{creates() - before} attempts in 4 s: a quota is no reason to run hot"
    kube.patch("resourcequotas", NS, "q", {"spec": {"hard": {"pods": "50"}}})
    check(env, seen, "q", 6, 7, 120)
    wait_for("ReplicaFailure gone", lambda: "ReplicaFailure" not in conditions(status_of(kube, NS, "q")))
    env.second.is_well()


if __name__ == "__main__": main()
