#!/usr/bin/env python3
"""One plugin misbehaves: the others go on, nothing is lost, and one log line says what happened."""
import os, signal, time
from harness import *

NS = ""  # a namespace for each test: setup()
FAST = {"limits": {"memory": "128Mi"}}


def setup(env, *plugins, extra="", wait=False):
    global NS
    env.cluster()
    NS = env.kube.namespace(f"pf-{env.name.replace('_', '-')[:30]}-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster"}, *plugins], extra=extra, wait=wait)
    wait_for("raycluster plugin", lambda: env.op.plugin("raycluster")["state"].lower() == "ready")
    return env.kube


def toy(name="toy", **kw):
    return {"name": name, "grants": [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["create", "delete", "patch"]},
                                     {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}], **kw}


def configmap(name, mode="", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": mode, **data}}


def child(env, name): return lambda: env.kube.find("configmaps", NS, name + "-child")


def others_work(env, name="other", workers=2):
    env.kube.create("rayclusters", NS, raycluster(name, workers=workers))
    wait_ready(env.kube, NS, name, workers)
    assert env.op.plugin("raycluster")["restarts"] == 0


def test_toy_works(env):
    kube = setup(env, toy())
    kube.create("configmaps", NS, configmap("good"))
    wait_for("child", child(env, "good"))


def test_crash_on_one_key_only(env):
    kube = setup(env, toy())
    kube.create("configmaps", NS, configmap("bad", "crash"))
    q = wait_for("quarantine", lambda: env.op.plugin("toy")["quarantined"], 40)
    assert [x["name"] for x in q] == ["bad"], q
    died = env.op.plugin("toy")["deaths"]
    assert len(died) == 2 and all((d["cause"], d["signal"], d["while"], d["key"]) == ("signal", 6, "reconcile", f"{NS}/bad") for d in died), died
    assert died[0]["at"] >= died[1]["at"] > "2000", died
    assert f"in reconcile of {NS}/bad" in env.op.ctl("plugins"), env.op.ctl("plugins")
    kube.create("configmaps", NS, configmap("good"))
    wait_for("the others of the same plugin", child(env, "good"))
    others_work(env)
    wait_for("event on the object", lambda: [e for e in kube.list("events", NS) if e["reason"] == "Quarantined" and e["regarding"]["name"] == "bad"])
    assert env.op.logs("bad", "quarantine"), "no log line names the quarantined key"
    explain = env.op.control("explain", kind="configmap", namespace=NS, name="bad")
    assert explain["state"] == "quarantined", explain
    kube.patch("configmaps", NS, "bad", {"data": {"mode": ""}})
    assert env.op.control("release", plugin="toy", namespace=NS, name="bad").get("ok")
    wait_for("freed key", child(env, "bad"))


def test_hang(env):
    kube = setup(env, toy(), extra="heartbeat: {intervalMs: 200, timeoutMs: 1500}")
    kube.create("configmaps", NS, configmap("bad", "hang"))
    others_work(env)
    wait_for("quarantine", lambda: [x for x in env.op.plugin("toy")["quarantined"] if x["name"] == "bad"], 60)
    kube.create("configmaps", NS, configmap("good"))
    wait_for("child", child(env, "good"), 60)
    assert env.op.logs("toy", "heartbeat") or env.op.logs("toy", "hang") or env.op.logs("toy", "silent")


def test_leak(env):
    kube = setup(env, toy(**FAST), extra="heartbeat: {intervalMs: 200, timeoutMs: 10000}")
    kube.create("configmaps", NS, configmap("bad", "leak"))
    others_work(env)
    wait_for("the limit was noticed", lambda: env.op.plugin("toy")["restarts"] >= 1, 60)
    wait_for("quarantine", lambda: env.op.plugin("toy")["quarantined"], 90)
    kube.create("configmaps", NS, configmap("good"))
    wait_for("child", child(env, "good"), 60)


def test_flood(env):
    kube = setup(env, toy())
    kube.create("configmaps", NS, configmap("bad", "flood"))
    others_work(env, workers=5)
    assert env.op.proc.alive()


def test_not_granted(env):
    kube = setup(env, toy())
    kube.create("configmaps", NS, configmap("bad", "deny"))
    wait_for("denied", lambda: env.op.control("status")["actions"]["denied"] >= 1)
    wait_for("event", lambda: [e for e in kube.list("events", NS) if e["reason"] == "ActionDenied"])
    assert not kube.list("secrets", NS), "a refused action was carried out"
    assert env.op.logs("toy", "secrets"), "the log does not say what was refused to whom"
    others_work(env)


def test_crash_at_load(env):
    setup(env, {"name": "crash-load", "grants": []})
    others_work(env)
    wait_for("restarts", lambda: env.op.plugin("crash-load")["restarts"] >= 2 or env.op.plugin("crash-load")["state"].lower() in ("broken", "backoff"))
    assert not env.op.plugin("crash-load")["quarantined"]


def test_crash_in_init(env):
    setup(env, {"name": "crash-init", "grants": []})
    others_work(env)
    wait_for("noticed", lambda: env.op.plugin("crash-init")["restarts"] >= 1 or env.op.plugin("crash-init")["state"].lower() in ("broken", "backoff"))


def test_old_abi(env):
    setup(env, {"name": "old-abi", "grants": []})
    others_work(env)
    p = env.op.plugin("old-abi")
    assert p["state"].lower() not in ("ready", "syncing"), p
    assert env.op.logs("old-abi", "ABI") or env.op.logs("old-abi", "abi")
    restarts = p["restarts"]
    time.sleep(3)
    assert env.op.plugin("old-abi")["restarts"] == restarts, "what cannot fit is not started again and again"


def test_repeated_action_ids(env):
    """A host that asks with ids 7, 7, 3, 8: the two in the middle are refused, and nothing is done twice."""
    global NS
    env.cluster()
    NS = env.kube.namespace("rogue")
    env.operator(plugins=[toy()], extra=f"hostBinary: {binary('rogue-host')}")
    answers = wait_for("four results", lambda: (lambda a: a if len(a) == 4 else None)([l["msg"] for l in env.op.logs("result id=", plugin="toy")]))
    assert sorted(answers) == ["result id=3 code=-3003 reason=RepeatedActionId", "result id=7 code=-3003 reason=RepeatedActionId",
                               "result id=7 code=0 reason=", "result id=8 code=0 reason="], answers
    assert len([c for c in env.kube.list("configmaps", NS) if c["metadata"]["name"].startswith("once-")]) == 2
    assert len(env.op.logs("used the id of an action again")) == 2
    p = env.op.plugin("toy")
    assert p["state"] == "ready" and p["restarts"] == 0, p


def test_host_killed_from_outside(env):
    kube = setup(env, toy())
    seen = Watcher(kube, "pods", NS)
    kube.create("rayclusters", NS, raycluster("a", workers=200))
    wait_for("some pods", lambda: seen.count() > 10)
    os.kill(env.op.plugin("raycluster")["pid"], signal.SIGKILL)
    kube.create("configmaps", NS, configmap("good"))
    wait_for("the other plugin", child(env, "good"))
    wait_ready(kube, NS, "a", 200, 120)
    assert seen.count() == 201, f"{seen.count()} pods were created for 201"
    wait_for("the restart", lambda: env.op.plugin("raycluster")["restarts"] == 1)  # the pods may be done before it


def test_switched_off_and_on_by_config(env):
    kube = setup(env, toy())
    pid = env.op.plugin("raycluster")["pid"]
    text = open(env.op.config).read()
    env.op.write_config(text.replace('"name": "toy"', '"name": "toy", "enabled": false'))
    wait_for("toy off", lambda: env.op.plugin("toy")["state"].lower() in ("disabled", "stopped"))
    kube.create("configmaps", NS, configmap("later"))
    time.sleep(1)
    assert not child(env, "later")()
    env.op.write_config(text)
    wait_for("child", child(env, "later"))
    assert env.op.plugin("raycluster")["pid"] == pid, "the other plugin was touched"
    env.op.write_config(text.replace("runtimeDir", "runtimDir"))
    line = wait_for("refusal with line", lambda: env.op.logs("runtimDir"))
    assert "rayvisor.yaml" in json.dumps(line), line
    others_work(env)
    env.op.write_config(text)
    os.kill(env.op.proc.pid, signal.SIGHUP)
    others_work(env, "again")
    assert env.op.plugin("raycluster")["pid"] == pid


if __name__ == "__main__": main()
