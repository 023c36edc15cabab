#!/usr/bin/env python3
"""KubeRay's operator beside ours: as long as it renews its Lease ours stands by and says so; and a write that another manager undoes again and
again is told once and ends."""
import datetime, os, re, threading, time, urllib.parse
from harness import *

LEASE = "ray-operator-leader"
VERSION = "ray.io/kuberay-version"


class KubeRay(threading.Thread):
    """What is seen of it: a Lease in its own namespace, renewed every half second; lasts says for how long a renewal counts."""

    def __init__(self, kube, ns, holder="kuberay-operator-7d9c_1b2", lasts=3):
        super().__init__(daemon=True)
        self.kube, self.ns, self.holder, self.lasts, self.ended = kube, ns, holder, lasts, threading.Event()
        now = self.now()
        if not kube.find("leases", ns, LEASE):
            kube.create("leases", ns, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE}, "spec": {
                "holderIdentity": holder, "leaseDurationSeconds": lasts, "acquireTime": now, "renewTime": now, "leaseTransitions": 0}})
        self.start()

    @staticmethod
    def now(): return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def run(self):
        while not self.ended.is_set():
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException):
                self.kube.patch("leases", self.ns, LEASE, {"spec": {"holderIdentity": self.holder, "renewTime": self.now()}})
            self.ended.wait(0.5)

    def stop(self):
        self.ended.set()
        self.join()


def begin(env, config="", kuberay=True, **kw):
    env.cluster()
    ns, theirs = env.kube.namespace("two"), env.kube.namespace("kuberay-system")
    other = env.keep(KubeRay(env.kube, theirs)) if kuberay else None
    env.operator(extra=config, wait=False, **kw)
    return ns, theirs, other


def leadership(env): return env.op.control("status")["leadership"]
def stands_by(env): return wait_for("it to stand by", lambda: (lambda l: not l["leader"] and l["otherOperator"]["active"] and l)(leadership(env)))
def acts(env): return wait_for("it to act", lambda: leadership(env)["leader"] and env.op.plugin("raycluster")["state"] == "ready")


def says_so(env, theirs, holder):
    l, text = leadership(env), f"another operator, {holder}, works beside it and renews Lease {theirs}/{LEASE}"
    assert l["otherOperator"]["holder"] == holder and l["otherOperator"]["namespace"] == theirs, l
    assert f"stands by: {text}" in env.op.ctl("status"), env.op.ctl("status")
    wait_for("/readyz to say it", lambda: env.op.http("/readyz") == f"ok, standing by: {text}\n")
    assert "\nrayvisor_other_operator_active 1\n" in env.op.http("/metrics") and "\nrayvisor_leader 0\n" in env.op.http("/metrics")
    told(env, "another operator works beside this one, which stands by", f'"holder":"{holder}"', most=2)
    e = wait_for("its event", lambda: [e for e in env.kube.list("events", theirs) if e["reason"] == "AnotherOperator" and e["regarding"]["name"] == LEASE])
    assert holder in e[0]["note"] and e[0]["type"] == "Warning", e
    explain = env.op.control("explain", kind="raycluster", namespace="default", name="none")
    assert explain["error"] == f"this operator stands by and decides nothing: {text}", explain


def test_stands_by_from_the_start(env):
    """Nothing is written while KubeRay renews its Lease, and everything is done once it does not."""
    ns, theirs, kuberay = begin(env)
    stands_by(env)
    env.op.wait_ready()
    seen = Watcher(env.kube, "pods", ns)
    env.kube.create("rayclusters", ns, raycluster("one", workers=2))
    says_so(env, theirs, kuberay.holder)
    time.sleep(4)  # longer than a renewal counts
    assert seen.count() == 0 and env.op.plugin("raycluster")["state"] == "standby", "it acts beside the other"
    assert not status_of(env.kube, ns, "one") and "finalizers" not in env.kube.get("rayclusters", ns, "one")["metadata"]
    kuberay.stop()
    acts(env)
    wait_ready(env.kube, ns, "one", 2)
    wait_created(seen, 3)
    assert env.op.logs("the other operator renews its lease no longer") and env.op.http("/readyz") == "ok\n"
    assert "\nrayvisor_other_operator_active 0\n" in env.op.http("/metrics")
    wait_for("the end to be told", lambda: [e for e in env.kube.list("events", theirs) if e["reason"] == "OtherOperatorGone"])


def test_comes_and_goes_while_it_works(env):
    """It stops in the middle of its work; what it had decided is not done later, and no pod is made twice."""
    ns, theirs, _ = begin(env, kuberay=False)
    acts(env)
    seen = Watcher(env.kube, "pods", ns)
    env.kube.create("rayclusters", ns, raycluster("one", workers=2))
    wait_ready(env.kube, ns, "one", 2)
    for n in range(2):
        kuberay = env.keep(KubeRay(env.kube, theirs))
        stands_by(env)
        says_so(env, theirs, kuberay.holder)
        before = seen.count()
        env.kube.json_patch("rayclusters", ns, "one", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 4 + n}])
        time.sleep(3)
        assert seen.count() == before, "it acts beside the other"
        kuberay.stop()
        acts(env)
        wait_ready(env.kube, ns, "one", 4 + n)
        wait_created(seen, 5 + n)
    p = env.op.plugin("raycluster")
    assert p["restarts"] == 0 and not p["deaths"], f"standing by is no death: {p}"


def test_a_leftover_is_no_operator(env):
    """A Lease that nobody renews, whatever it says, and one that was given up."""
    env.cluster()
    theirs, ns = env.kube.namespace("kuberay-system"), env.kube.namespace("two")
    env.kube.create("leases", theirs, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE}, "spec": {
        "holderIdentity": "long-gone_1", "leaseDurationSeconds": 15, "renewTime": "2024-01-01T00:00:00.000000Z"}})
    env.operator()
    acts(env)
    env.kube.create("rayclusters", ns, raycluster("one"))
    wait_ready(env.kube, ns, "one", 1)
    assert not env.op.logs("another operator")


def test_warn_and_ignore(env):
    ns, theirs, kuberay = begin(env, "otherOperator: {action: warn}")
    acts(env)
    wait_for("the other to be seen", lambda: leadership(env)["otherOperator"]["active"])
    env.kube.create("rayclusters", ns, raycluster("one"))
    wait_ready(env.kube, ns, "one", 1)
    told(env, "another operator works beside this one, and both act", most=1)
    assert f"acts although another operator, {kuberay.holder}, renews Lease {theirs}/{LEASE}" in env.op.ctl("status"), env.op.ctl("status")
    assert "\nrayvisor_other_operator_active 1\n" in env.op.http("/metrics") and "\nrayvisor_leader 1\n" in env.op.http("/metrics")
    env.op.stop()
    env.op.extra = "otherOperator: {action: ignore}"
    env.op.write_config()
    env.op.start()
    assert "otherOperator" not in leadership(env) and leadership(env)["leader"]


def test_only_where_it_is_configured(env):
    """A Lease in a namespace that does not count, and then in one that does; with an election of ours beside it."""
    env.cluster()
    theirs, counts, ns = env.kube.namespace("tenant"), env.kube.namespace("kuberay-system"), env.kube.namespace("two")
    env.keep(KubeRay(env.kube, theirs))
    env.operator(extra=f"otherOperator: {{namespaces: [{counts}]}}\nleaderElection: {{enabled: true, namespace: {ns}, name: ours, leaseSeconds: 3, renewSeconds: 2, retrySeconds: 1}}")
    acts(env)
    kuberay = env.keep(KubeRay(env.kube, counts))
    stands_by(env)
    wait_for("our own Lease still to be held", lambda: env.kube.get("leases", ns, "ours")["spec"]["holderIdentity"] == leadership(env)["identity"])
    kuberay.stop()
    acts(env)
    assert env.op.starts == 1 and env.op.proc.alive()


def test_where_only_some_namespaces_are_watched(env):
    """It is looked for in them and in our own namespace, with the rights that --print-rbac prints; elsewhere it does not count."""
    env.cluster()
    ns, more, elsewhere = env.kube.namespace("two"), env.kube.namespace("more"), env.kube.namespace("elsewhere")
    env.keep(KubeRay(env.kube, elsewhere))
    op = env.operator(namespaces=[ns, more], extra=f"leaderElection: {{enabled: true, namespace: {ns}, name: ours, leaseSeconds: 3, renewSeconds: 2, retrySeconds: 1}}")
    acts(env)
    for theirs in (more, op.account.NS if op.account else "default"):
        kuberay = env.keep(KubeRay(env.kube, theirs))
        try:
            stands_by(env)
            says_so(env, theirs, kuberay.holder)
        finally:
            kuberay.stop()
            env.kube.delete("leases", theirs, LEASE)
        acts(env)
    assert not op.logs("cannot be seen") and not re.search("forbidden|FORBIDDEN", op.proc.output())


def test_a_namespace_where_it_may_not_look(env):
    """The others are looked at all the same; which one it is stands in the log."""
    env.sandbox(why="the sandbox refuses in place of roles")
    refused, theirs = env.kube.namespace("refused"), env.kube.namespace("two")
    env.sb.fault({"resource": "leases", "namespace": refused}, {"status": 403, "reason": "Forbidden"})
    kuberay = env.keep(KubeRay(env.kube, theirs))
    env.operator(namespaces=[refused, theirs], wait=False)
    stands_by(env)
    told(env, "whether another operator works beside this one cannot be seen", most=1)
    kuberay.stop()
    acts(env)


# ---- writes that are undone -----------------------------------------------------------------------------------


class Undoer(threading.Thread):
    """Another manager that wants a pod's annotation to be otherwise, and looks fifty times a second."""

    def __init__(self, kube, ns, pod, value):
        super().__init__(daemon=True)
        self.kube, self.ns, self.pod, self.value, self.n, self.ended = kube, ns, pod, value, 0, threading.Event()
        self.start()

    def run(self):
        path = Kube.path("pods", self.ns, self.pod)
        while not self.ended.wait(0.02):
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException):
                if self.kube.get("pods", self.ns, self.pod)["metadata"]["annotations"].get(VERSION) == self.value: continue
                self.kube.call("PATCH", path + "?fieldManager=kuberay-operator", {"metadata": {"annotations": {VERSION: self.value}}}, "application/merge-patch+json")
                self.n += 1

    def stop(self):
        self.ended.set()
        self.join()


def test_a_write_that_is_undone_ends(env):
    env.cluster()
    ns = env.kube.namespace("undone")
    env.operator()
    env.kube.create("rayclusters", ns, raycluster("one"))
    wait_ready(env.kube, ns, "one", 1)
    head = pods_of(env.kube, ns, "one", "headgroup")[0]
    ours = head["metadata"]["annotations"][VERSION]
    other = env.keep(Undoer(env.kube, ns, head["metadata"]["name"], "v1.7.0"))
    time.sleep(10)
    assert 3 <= other.n <= 6, f"{other.n} writes were undone in 10 s"
    who = "kuberay-operator" if head["metadata"].get("managedFields") else ""  # the sandbox notes no managers of what is created
    line = told(env, "another manager undoes a write again and again", head["metadata"]["name"], most=1)[0]
    assert line["manager"] == who and line["field"] == f"metadata.annotations[{VERSION}]", line
    events = events_of(env.kube, ns, "one", "WriteUndone")
    assert len(events) == 1 and who in events[0]["note"] and VERSION in events[0]["note"], events
    assert int(re.search(r"^rayvisor_writes_undone_total (\d+)", env.op.http("/metrics"), re.M)[1]) >= 1
    env.kube.json_patch("rayclusters", ns, "one", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 3}])
    wait_ready(env.kube, ns, "one", 3)  # nothing else waits for it
    other.stop()
    wait_for("our own value, in the end", lambda: env.kube.get("pods", ns, head["metadata"]["name"])["metadata"]["annotations"][VERSION] == ours, 90)
    assert len(events_of(env.kube, ns, "one", "WriteUndone")) == 1


class Deleter(threading.Thread):
    """Another manager that does not want an object, and looks fifty times a second."""

    def __init__(self, kube, resource, ns, names):
        super().__init__(daemon=True)
        self.kube, self.resource, self.ns, self.names, self.n, self.ended = kube, resource, ns, names, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            with contextlib.suppress(OSError, ApiError, http.client.HTTPException):
                for name in self.names():
                    self.kube.call("DELETE", Kube.path(self.resource, self.ns, name), {"gracePeriodSeconds": 0})
                    self.n += 1

    def stop(self):
        self.ended.set()
        self.join()


def deleted_again_and_again(env, resource, names):
    """Told once, made more and more rarely; everything else goes on, and in the end it is there."""
    env.cluster()
    ns = env.kube.namespace("undone")
    env.operator()
    env.kube.create("rayclusters", ns, raycluster("one"))
    wait_ready(env.kube, ns, "one", 1)
    other = env.keep(Deleter(env.kube, resource, ns, lambda: names(ns)))
    line = told(env, "another manager deletes what is made, again and again", most=1)[0]
    assert line["resource"] == resource and line["plugin"] == "raycluster", line
    n = other.n
    time.sleep(8)
    assert other.n <= n + 1, f"{other.n - n} were made within 8 s"
    event = wait_for("the event", lambda: events_of(env.kube, ns, "one", "WriteUndone"))
    assert len(event) == 1 and f"deletes {resource} one-" in event[0]["note"], event
    assert "another manager deletes" in env.op.ctl("explain", "raycluster/one", "-n", ns), env.op.ctl("explain", "raycluster/one", "-n", ns)
    assert int(re.search(r"^rayvisor_writes_undone_total (\d+)", env.op.http("/metrics"), re.M)[1]) == 1
    time.sleep(15)
    assert other.n <= n + 4, f"{other.n - n} were made within 23 s"
    other.stop()
    wait_for("it to be there in the end", lambda: names(ns), 90)
    wait_ready(env.kube, ns, "one", 1, 90)
    assert len(events_of(env.kube, ns, "one", "WriteUndone")) == 1


def test_a_service_that_is_deleted_again_and_again(env):
    deleted_again_and_again(env, "services", lambda ns: [s["metadata"]["name"] for s in env.kube.list("services", ns) if s["metadata"]["name"] == "one-head-svc"])


def test_workers_that_are_deleted_again_and_again(env):
    deleted_again_and_again(env, "pods", lambda ns: [p["metadata"]["name"] for p in env.kube.list("pods", ns, "ray.io/node-type=worker")])


if __name__ == "__main__": main()
