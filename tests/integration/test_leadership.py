#!/usr/bin/env python3
"""Two operators, one Lease: one acts, the other one stands by with everything loaded, and takes over without a second pod."""
import os, signal, time, urllib.error, urllib.request
from harness import *

ELECTION = "leaderElection: {enabled: true, namespace: %s, name: operator, leaseSeconds: 3, renewSeconds: 2, retrySeconds: 1}"


def setup(env):
    env.cluster()
    ns = env.kube.namespace(f"lead-{env.name.replace('_', '-')[:30]}-{os.getpid()}")
    start = lambda name, **kw: env.keep(Operator(env.dir, env.kube, extra=ELECTION % ns, name=name, **kw))
    a = start("a")
    env.op = a
    wait_for("first one leads", lambda: leads(a))
    b = start("b")
    wait_for("second one stands by", lambda: b.plugin("raycluster")["state"] == "standby")
    return env.kube, ns, a, b


def leads(op): return op.control("status")["leadership"]["leader"]
def lease(kube, ns): return kube.get("leases", ns, "operator")["spec"]
def identity(op): return op.control("status")["leadership"]["identity"]


def test_the_second_one_writes_nothing_and_knows_everything(env):
    kube, ns, a, b = setup(env)
    kube.create("rayclusters", ns, raycluster("one", workers=3))
    wait_ready(kube, ns, "one", 3)
    assert leads(a) and not leads(b) and lease(kube, ns)["holderIdentity"] == identity(a) == b.control("status")["leadership"]["holder"]
    s = wait_for("mirror of the standby", lambda: (lambda s: s if s["plugins"][0]["objects"] >= 5 else None)(b.control("status")))
    assert s["ready"] and s["plugins"][0]["state"] == "standby" and s["actions"]["done"] == 0 and s["actions"]["queued"] == 0, s
    assert "stands by" in b.ctl("status") and "leads as" in a.ctl("status"), b.ctl("status")
    explain = b.control("explain", kind="raycluster", namespace=ns, name="one")  # it decides nothing: whom to ask instead
    assert explain == {"error": f"this replica stands by and decides nothing: ask {socket.gethostname()}, which leads"}, explain


def test_given_up_on_sigterm(env):
    kube, ns, a, b = setup(env)
    seen = Watcher(kube, "pods", ns)
    kube.create("rayclusters", ns, raycluster("one", workers=3))
    wait_ready(kube, ns, "one", 3)
    before = lease(kube, ns)["leaseTransitions"]
    lists = b.control("status")["store"]["rev"]
    a.stop()
    assert lease(kube, ns)["holderIdentity"] in ("", identity(b)), "not given up"
    wait_for("the other one leads", lambda: leads(b) and b.plugin("raycluster")["state"] == "ready")
    assert lease(kube, ns)["leaseTransitions"] == before + 1 and b.control("status")["store"]["rev"] >= lists
    kube.json_patch("rayclusters", ns, "one", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 5}])
    wait_ready(kube, ns, "one", 5)
    assert seen.count() == 6, f"{seen.count()} pods were created for 6"
    a.start()
    wait_for("back as standby", lambda: a.plugin("raycluster")["state"] == "standby" and not leads(a))
    env.op = b
    assert_quiet(env, 1)


def test_taken_over_after_a_crash(env):
    kube, ns, a, b = setup(env)
    seen = Watcher(kube, "pods", ns)
    kube.create("rayclusters", ns, raycluster("one", workers=100))
    wait_for("some pods", lambda: seen.count() > 10)
    a.proc.kill(signal.SIGKILL)
    a.proc.wait()
    wait_for("the other one leads", lambda: leads(b))
    wait_ready(kube, ns, "one", 100, 120)
    assert seen.count() == 101, f"{seen.count()} pods were created for 101"
    a.start()  # stop() at the end expects a running one
    assert not leads(a)


def test_one_that_was_stopped_for_a_while_does_nothing_more(env):
    kube, ns, a, b = setup(env)
    seen = Watcher(kube, "pods", ns)
    kube.create("rayclusters", ns, raycluster("one", workers=2))
    wait_ready(kube, ns, "one", 2)
    done = a.control("status")["actions"]["done"]
    os.kill(a.proc.pid, signal.SIGSTOP)
    try:
        wait_for("the other one leads", lambda: leads(b))
        kube.json_patch("rayclusters", ns, "one", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 20}])
        wait_ready(kube, ns, "one", 20)
    finally:
        os.kill(a.proc.pid, signal.SIGCONT)
    assert a.proc.wait() == 75, "an instance that lost its lease must end"
    assert a.logs("the lease is lost"), "and say why"
    assert seen.count() == 21, f"{seen.count()} pods were created for 21"
    assert len(pods_of(kube, ns, "one", "headgroup")) == 1 and done > 0
    a.start()
    assert not leads(a)


def test_ends_when_somebody_takes_its_lease(env):
    kube, ns, a, b = setup(env)
    kube.call("PATCH", kube.path("leases", ns, "operator"), {"spec": {"holderIdentity": "somebody"}}, "application/merge-patch+json")
    assert a.proc.wait() == 75
    wait_for("who renews not loses it again", lambda: leads(b))
    a.start()
    assert not leads(a)


def test_readyz_of_a_standby(env):
    kube, ns, a, b = setup(env)
    get = lambda op, path: urllib.request.urlopen(f"http://127.0.0.1:{op.control('status')['httpPort']}{path}", timeout=10).read().decode()
    assert get(a, "/readyz").strip() == "ok" and get(b, "/readyz").strip() == "ok, standing by"
    assert "\nrayvisor_leader 1\n" in get(a, "/metrics") and "\nrayvisor_leader 0\n" in get(b, "/metrics")


def test_nobody_may_lead(env):
    """An account without rights on leases: it is said, with what to do, and nobody takes it for a standby that is well."""
    env.sandbox(why="injects faults through the sandbox's control endpoint")
    ns = env.kube.namespace("lead")
    env.sb.fault({"resource": "leases", "userAgent": "rayvisor"}, {"status": 403})
    env.operator(extra=ELECTION % ns, wait=False)
    status = wait_for("the reason", lambda: (lambda s: "leases lead/operator: HTTP 403" in s["reason"] and s)(env.op.control("status")))
    assert not status["ready"], status
    told(env, "leader election: the lease cannot be read or written", "get leases lead/operator", "HTTP 403", most=1)
    url = f"http://127.0.0.1:{status['httpPort']}/readyz"
    try: assert False, urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as e: assert e.code == 503 and b"HTTP 403" in e.read()
    env.sb.clear_faults()
    env.op.wait_ready()
    wait_for("it leads", lambda: leads(env.op))
    wait_for("the end of it to be told", lambda: env.op.logs("the lease can be read and written again"))


if __name__ == "__main__": main()
