#!/usr/bin/env python3
"""Kinds that no enabled plugin works on: one event on each object, a line in the status, and the rights for it."""
import json, subprocess
from harness import *


def told(env, ns, name): return events_of(env.kube, ns, name, "NoController")


def unattended(env): return {u["resource"]: u for u in env.op.control("status")["unattended"]}


def test_each_object_is_told_once(env):
    """Objects from before and from after the start, of kinds that are switched off by an entry and by none; a restart tells nobody again."""
    env.cluster()
    ns = env.kube.namespace("nobody")
    env.kube.create("rayservices", ns, rayservice("before"))
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice", "enabled": False}])
    wait_for("the first to be told", lambda: told(env, ns, "before"))
    env.kube.create("rayservices", ns, rayservice("after"))
    env.kube.create("rayjobs", ns, rayjob("job", suspend=True, shutdownAfterJobFinishes=True))
    env.kube.create("rayclusters", ns, raycluster("cluster"))
    for name in ("after", "job"): wait_for(f"{name} to be told", lambda: told(env, ns, name))
    e = told(env, ns, "job")[0]
    about = e.get("regarding") or e["involvedObject"]
    assert about["kind"] == "RayJob" and about["uid"] == env.kube.get("rayjobs", ns, "job")["metadata"]["uid"] and e["type"] == "Warning", e
    assert "Enable the plugin rayjob" in (e.get("note") or e["message"]), e
    seen = unattended(env)
    assert set(seen) == {"rayjobs", "rayservices", "raycronjobs"} and seen["rayservices"]["objects"] == 2 and seen["rayservices"]["plugin"] == "rayservice", seen
    status = env.op.ctl("status")
    assert "nobody works on RayServices: plugin rayservice is not enabled; objects that wait for it: 2" in status, status
    assert re.search(r'^rayvisor_unattended_objects\{resource="rayjobs"[^}]*\} 1$', env.op.http("/metrics"), re.M)
    env.kube.patch("rayjobs", ns, "job", {"metadata": {"labels": {"a": "b"}}})
    env.op.stop()
    env.op.start()
    wait_for("the objects to be known again", lambda: unattended(env).get("rayservices", {}).get("objects") == 2)
    time.sleep(2)  # events are written five times a second
    for name in ("before", "after", "job"): assert len(told(env, ns, name)) == 1, name
    wait_ready(env.kube, ns, "cluster", 1)
    assert not told(env, ns, "cluster")


def test_switched_on_and_off(env):
    """A reload counts: a kind that is switched on is told no more, one that is switched off is from then on."""
    env.cluster()
    ns = env.kube.namespace("nobody-reload")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}])
    assert set(unattended(env)) == {"rayservices", "raycronjobs"}
    env.kube.create("rayjobs", ns, rayjob("job", suspend=True, shutdownAfterJobFinishes=True))
    wait_job(env.kube, ns, "job", "Suspended")
    assert not told(env, ns, "job")
    env.op.plugins = [{"name": "raycluster"}, {"name": "rayservice"}]
    env.op.write_config()
    wait_for("the new kinds", lambda: set(unattended(env)) == {"rayjobs", "raycronjobs"})
    wait_for("the job to be told", lambda: told(env, ns, "job"))


def test_rights_and_what_may_not_be_read(env):
    """--print-rbac has the lists; without them the operator works, and says in the log what it cannot do."""
    env.sandbox(why="a fault stands for the missing right")
    env.sb.fault({"resource": "rayjobs", "verb": "list"}, {"status": 403, "message": "no"})
    ns = env.kube.namespace("nobody-rights")
    env.operator(plugins=[{"name": "raycluster"}])
    r = subprocess.run([binary("rayvisord"), "--config", env.op.config, "--print-rbac"], text=True, capture_output=True)
    for resource in ("rayjobs", "rayservices", "raycronjobs"):
        assert re.search(rf'resources: \["{resource}"\]\n    verbs: \[get, list, watch\]', r.stdout), r.stdout
    wait_for("the log", lambda: env.op.logs("objects that no controller works on are not told so", resource="rayjobs"))
    env.kube.create("rayclusters", ns, raycluster("c"))
    wait_ready(env.kube, ns, "c", 1)
    assert env.op.control("status")["ready"] and unattended(env)["rayjobs"]["state"] == "forbidden"
    assert "its objects are not counted (forbidden)" in env.op.ctl("status")


if __name__ == "__main__":
    main()
