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
    return {"name": name, "grants": [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
                                     {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}], **kw}


def configmap(name, mode="", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": mode, **data}}


def child(env, name): return lambda: env.kube.find("configmaps", NS, name + "-child")


class Bystanders:
    """Others who are at work while a plugin goes wrong: a cluster of another plugin, half made when it happens, and another key of the same.
    In the end both are whole, everything was made once, and the other plugin's process never ended."""

    def __init__(self, env, workers=20):
        self.env, self.workers = env, workers
        self.pods, self.configmaps = Watcher(env.kube, "pods", NS), Watcher(env.kube, "configmaps", NS)
        self.pid = env.op.plugin("raycluster")["pid"]
        env.kube.create("rayclusters", NS, raycluster("other", workers=workers))

    def are_well(self, own_key=True):
        env = self.env
        if own_key:
            env.kube.create("configmaps", NS, configmap("good"))
            wait_for("another key of the same plugin", child(env, "good"), 60)
        wait_ready(env.kube, NS, "other", self.workers, 90)
        wait_created(self.pods, self.workers + 1)
        env.kube.create("rayclusters", NS, raycluster("later"))
        wait_ready(env.kube, NS, "later", 1)
        wait_created(self.pods, self.workers + 3)
        made = collections.Counter(o["metadata"]["name"] for t, o in self.configmaps.events if t == "ADDED")
        assert all(n == 1 for n in made.values()), f"made more than once: {made}"
        other = env.op.plugin("raycluster")
        assert other["restarts"] == 0 and other["pid"] == self.pid, f"another plugin was touched: {other}"


def quarantined(env, name="bad", timeout=60):
    q = wait_for("quarantine", lambda: env.op.plugin("toy")["quarantined"], timeout)
    assert [x["name"] for x in q] == [name], q
    told(env, "quarantined", f'"name":"{name}"', most=1)
    wait_for("event on the object", lambda: events_of(env.kube, NS, name, "Quarantined"))


def test_toy_works(env):
    kube = setup(env, toy())
    kube.create("configmaps", NS, configmap("good"))
    wait_for("child", child(env, "good"))


def test_crash_on_one_key_only(env):
    kube = setup(env, toy())
    others = Bystanders(env)
    kube.create("configmaps", NS, configmap("bad", "crash"))
    quarantined(env)
    died = env.op.plugin("toy")["deaths"]
    assert len(died) == 2 and all((d["cause"], d["signal"], d["while"], d["key"]) == ("signal", 6, "reconcile", f"{NS}/bad") for d in died), died
    assert died[0]["at"] >= died[1]["at"] > "2000", died
    assert f"in reconcile of {NS}/bad" in env.op.ctl("plugins"), env.op.ctl("plugins")
    told(env, "plugin died", f'"key":"{NS}/bad"', most=2)
    explain = env.op.control("explain", kind="configmap", namespace=NS, name="bad")
    assert explain["state"] == "quarantined", explain
    others.are_well()
    kube.patch("configmaps", NS, "bad", {"data": {"mode": ""}})
    kube.create("configmaps", NS, configmap("marker"))
    wait_for("what came after the change", child(env, "marker"))  # so the change itself has come too
    assert env.op.control("release", plugin="toy", namespace=NS, name="bad").get("ok")
    wait_for("freed key", child(env, "bad"))
    assert env.op.plugin("toy")["restarts"] == 2


def test_many_bad_objects(env):
    """Each is put away after two deaths; that is no reason to switch the plugin off for the others."""
    kube = setup(env, toy())
    others = Bystanders(env, workers=3)
    bad = [f"bad{i}" for i in range(5)]
    for name in bad: kube.create("configmaps", NS, configmap(name, "crash"))
    wait_for("all of them to be put away", lambda: sorted(q["name"] for q in env.op.plugin("toy")["quarantined"]) == bad, 90)
    others.are_well()
    p = env.op.plugin("toy")
    assert p["state"] == "ready" and p["restarts"] == 10, p
    assert not env.op.logs("died too often"), "the breaker counted what quarantine had dealt with"


def test_crash_in_map(env):
    """A secondary object that kills map() is put away itself, and nothing else is."""
    kube = setup(env, toy())
    others = Bystanders(env, workers=3)
    note = configmap("bad", "crash", of="good")
    note["metadata"]["labels"] = {"toy-note": "yes"}
    kube.create("configmaps", NS, note)
    quarantined(env)
    assert [(d["while"], d["key"]) for d in env.op.plugin("toy")["deaths"]] == [("map", f"{NS}/bad")] * 2, env.op.plugin("toy")["deaths"]
    others.are_well()
    assert env.op.plugin("toy")["restarts"] == 2 and env.op.plugin("toy")["quarantined"][0]["kind"] == "ConfigMap"
    decided = lambda: env.op.control("explain", kind="configmap", namespace=NS, name="good")["decidedAt"]
    before = decided()
    kube.patch("configmaps", NS, "bad", {"data": {"mode": ""}})
    wait_for("release by the change", lambda: not env.op.plugin("toy")["quarantined"])
    wait_for("a pass over what it concerns", lambda: decided() != before)
    assert env.op.plugin("toy")["restarts"] == 2


def test_hang(env):
    kube = setup(env, toy(), extra="heartbeat: {intervalMs: 200, timeoutMs: 1500}")
    others = Bystanders(env)
    kube.create("configmaps", NS, configmap("bad", "hang"))
    quarantined(env)
    assert [d["cause"] for d in env.op.plugin("toy")["deaths"]] == ["hang"] * 2, env.op.plugin("toy")
    told(env, "plugin hung", f'"key":"{NS}/bad"', most=2)
    others.are_well()


def test_supervisor_stands_still(env):
    """Stopped, swapped out, or held up: that its hosts said nothing meanwhile is not their fault."""
    setup(env, toy(), extra="heartbeat: {intervalMs: 200, timeoutMs: 1500}")
    others = Bystanders(env)
    time.sleep(1)
    os.kill(env.op.proc.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(env.op.proc.pid, signal.SIGCONT)
    time.sleep(1)
    assert all(p["restarts"] == 0 for p in env.op.control("plugins")["plugins"]), env.op.control("plugins")["plugins"]
    others.are_well()


def test_leak(env):
    kube = setup(env, toy(**FAST), extra="heartbeat: {intervalMs: 200, timeoutMs: 10000}")
    others = Bystanders(env)
    kube.create("configmaps", NS, configmap("bad", "leak"))
    quarantined(env)
    assert {d["cause"] for d in env.op.plugin("toy")["deaths"]} == {"memory"}, env.op.plugin("toy")["deaths"]
    told(env, "memory limit", f'"key":"{NS}/bad"', most=2)
    others.are_well()


def test_flood(env):
    kube = setup(env, toy())
    others = Bystanders(env)
    kube.create("configmaps", NS, configmap("bad", "flood"))
    told(env, "flood", '"name":"bad"')
    others.are_well()
    wait_for("the flooding key itself", child(env, "bad"), 90)
    kube.patch("configmaps", NS, "bad", {"data": {"mode": ""}})
    assert env.op.plugin("toy")["restarts"] == 0, "a flood is bounded, not punished"
    notes = sum(e.get("series", {}).get("count", 1) for e in events_of(kube, NS, "bad", "Flood"))
    assert len(events_of(kube, NS, "bad", "Flood")) <= 10, f"{notes} events were told one by one"


def test_not_granted(env):
    kube = setup(env, toy())
    others = Bystanders(env)
    kube.create("configmaps", NS, configmap("bad", "deny"))
    wait_for("denied", lambda: env.op.control("status")["actions"]["denied"] >= 1)
    wait_for("event", lambda: events_of(kube, NS, "bad", "ActionDenied"))
    assert not kube.list("secrets", NS), "a refused action was carried out"
    told(env, "action refused by policy", '"plugin":"toy"', '"name":"bad"', "create secrets", most=1)
    others.are_well()


def never_runs(env, name, *needles, most=8):
    """A plugin that does not come up beside others that are at work: they do not notice. A reload would refuse it."""
    setup(env, toy(), {"name": name, "grants": "all"})
    others = Bystanders(env)
    found = told(env, f'"plugin":"{name}"', *needles, most=most)
    others.are_well()
    now = env.op.plugin(name)  # between its tries, or at one
    assert now["state"] != "ready" and not now["quarantined"], now
    return found


def test_crash_at_load(env):
    never_runs(env, "crash-load", "plugin died", '"while":"load"')
    told(env, "died too often", '"plugin":"crash-load"', most=1)


def test_crash_in_init(env):
    never_runs(env, "crash-init", "plugin died", '"while":"init"')


def misfit(env, name, says):
    """Not started again, and why is told where people look."""
    never_runs(env, name, says, most=2)  # by the host itself, and by what it sent if that came before its end
    p = env.op.plugin(name)
    assert p["restarts"] == 0 and p["state"] == "misfit" and says in p["reason"], p
    for where in (env.op.ctl("status"), env.op.ctl("plugins"), env.op.http("/readyz")): assert says in where, where


def test_misfit_of_another_abi(env): misfit(env, "old-abi", "built for plugin ABI 0")


def test_misfit_of_another_name(env): misfit(env, "bad-name", "another-name")


def test_malformed_messages(env):
    """What a host sends that makes no sense ends that host, with a line that says what was wrong; the others go on."""
    global NS
    env.cluster()
    NS = env.kube.namespace(f"pf-babble-{os.getpid()}")
    for what, says in (("random", "reserved byte"), ("truncated", "truncated"), ("oversized", "bytes"), ("unknown", "99"), ("gap", "expected 2"), ("frames", "frames"), ("batch", "batch"),
                       ("twice", "a second HELLO"), ("token", "a wrong token"), ("early", "SYNCED")):
        link = os.path.join(env.dir, what)
        os.symlink(binary("babbling-host"), link)
        env.operator(plugins=[{"name": "raycluster"}, toy()], extra=f"hostBinary: {link}", wait=False, name=f"operator-{what}")
        wait_for("raycluster plugin", lambda: env.op.plugin("raycluster")["state"] == "ready")
        wait_for(f"the end of the host that sends {what}", lambda: env.op.plugin("toy")["restarts"] >= 1)
        others = Bystanders(env, workers=3)
        told(env, '"plugin":"toy"', "it is stopped" if what in ("twice", "token") else "host is stopped" if what == "early" else "malformed message", says, most=6)  # one for each start, of which there are so many
        assert {d["cause"] for d in env.op.plugin("toy")["deaths"]} == {"protocol"}, env.op.plugin("toy")["deaths"]
        others.are_well(own_key=False)
        assert not [c for c in env.kube.list("configmaps", "default") if c["metadata"]["name"].startswith("behind-")], \
            f"{what}: what came behind a violation was carried out"
        env.op.stop()
        for c in ("other", "later"): env.kube.delete("rayclusters", NS, c)
        wait_for("the pods to go", lambda: not env.kube.list("pods", NS))


def test_stopped_before_its_greeting(env):
    """A plugin that is switched off while it starts says HELLO to somebody who does not want it any more: no error."""
    env.cluster()
    link = os.path.join(env.dir, "late")
    os.symlink(binary("babbling-host"), link)
    env.operator(plugins=[{"name": "raycluster"}, toy()], extra=f"hostBinary: {link}", wait=False)
    wait_for("its start", lambda: env.op.plugin("toy")["state"] == "starting")
    env.op.write_config(open(env.op.config).read().replace('"name": "toy"', '"name": "toy", "enabled": false'))
    wait_for("its stop", lambda: env.op.plugin("toy")["state"] == "draining")
    open(os.path.join(env.dir, "go"), "w").close()
    wait_for("its end", lambda: env.op.plugin("toy")["state"] == "disabled")
    assert not env.op.logs("HELLO") and env.op.plugin("toy")["restarts"] == 0, env.op.logs("HELLO")


def test_chatter(env):
    """A plugin that logs without end is heard for a while, and then counted."""
    kube = setup(env, toy(limits={"memory": "2Gi"}))  # sanitizers keep what was freed
    kube.create("configmaps", NS, configmap("bad", "chatter"))
    n = sum(int(l["suppressed"]) for l in told(env, "logs too much", '"plugin":"toy"', most=5))
    wait_for("the pass to end", child(env, "bad"), 60)
    wait_for("all lines to be told or counted", lambda: sum(int(l["suppressed"]) for l in env.op.logs("logs too much")) + len(env.op.logs("one of many", plugin="toy")) == 20000)
    assert n > 1000 and len(env.op.logs("one of many", plugin="toy")) < 15000
    assert env.op.plugin("toy")["restarts"] == 0


def rogue_namespace(env):
    """The host knows this name alone; an earlier one is gone before."""
    with contextlib.suppress(ApiError): env.kube.delete("namespaces", None, "rogue")
    wait_for("the namespace to be gone", lambda: env.kube.find("namespaces", None, "rogue") is None, 60)
    return Kube.namespace(env.kube, "rogue")


def test_repeated_action_ids(env):
    """A host that asks with ids 7, 7, 3, 8: the two in the middle are refused, and nothing is done twice."""
    global NS
    env.cluster()
    NS = rogue_namespace(env)
    env.operator(plugins=[toy()], extra=f"hostBinary: {binary('rogue-host')}")
    answers = wait_for("four results", lambda: (lambda a: a if len(a) == 4 else None)([l["msg"] for l in env.op.logs("result id=", plugin="toy") if "id=1" not in l["msg"]]))
    assert sorted(answers) == ["result id=3 code=-3003 reason=RepeatedActionId", "result id=7 code=-3003 reason=RepeatedActionId",
                               "result id=7 code=0 reason=", "result id=8 code=0 reason="], answers
    assert len([c for c in env.kube.list("configmaps", NS) if c["metadata"]["name"].startswith("once-")]) == 2
    assert len(env.op.logs("used the id of an action again")) == 2
    p = env.op.plugin("toy")
    assert p["state"] == "ready" and p["restarts"] == 0, p
    if env.sb is None: env.kube.delete("namespaces", None, NS)


def test_names_that_are_paths(env):
    """A host asks for deletions that it was granted, under names that would lead elsewhere: nothing of it is sent."""
    global NS
    env.cluster()
    NS = rogue_namespace(env)
    for name in ("keep", "and-this"): env.kube.create("configmaps", NS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    env.operator(plugins=[toy()], extra=f"hostBinary: {binary('rogue-host')}")
    answers = wait_for("all results", lambda: (lambda a: a if len(a) == 13 else None)([l["msg"] for l in env.op.logs("result id=1", plugin="toy")]))
    assert all(re.fullmatch(r"result id=1\d\d code=-3005 reason=\S*", a) for a in answers), answers
    assert {"keep", "and-this"} <= {c["metadata"]["name"] for c in env.kube.list("configmaps", NS)}
    assert env.op.control("status")["actions"]["denied"] >= 13 and env.op.plugin("toy")["restarts"] == 0
    if env.sb is None: env.kube.delete("namespaces", None, NS)


def test_host_killed_from_outside(env):
    kube = setup(env, toy())
    seen = Watcher(kube, "pods", NS)
    pid = env.op.plugin("raycluster")["pid"]
    kube.create("rayclusters", NS, raycluster("a", workers=200))
    wait_for("some pods", lambda: seen.count() > 10)
    os.kill(pid, signal.SIGKILL)
    kube.create("configmaps", NS, configmap("good"))
    wait_for("the other plugin", child(env, "good"))
    wait_ready(kube, NS, "a", 200, 120)
    wait_created(seen, 201)
    wait_for("the restart", lambda: env.op.plugin("raycluster")["restarts"] == 1)  # the pods may be done before it
    told(env, "plugin died", "signal 9", '"plugin":"raycluster"', most=1)
    assert env.op.plugin("toy")["restarts"] == 0


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
    kube.create("rayclusters", NS, raycluster("other"))
    wait_ready(kube, NS, "other", 1)
    env.op.write_config(text)
    os.kill(env.op.proc.pid, signal.SIGHUP)
    kube.create("rayclusters", NS, raycluster("again"))
    wait_ready(kube, NS, "again", 1)
    assert env.op.plugin("raycluster")["pid"] == pid


if __name__ == "__main__": main()
