#!/usr/bin/env python3
"""Crash after every write. A cluster goes through its whole life, and after each write of its the plugin is killed, or the
supervisor; either right after, or before it hears that the write was done. The same objects must come out, none made
twice, none left behind, and then nothing more be written.

One run kills at every STRIDE-th write, beginning with the first, second, ...: so each write of the life is followed by a death in
one run, and no run dies so often that it is held back. Runs go on side by side, each in a namespace with an operator of its own.
"""
import collections, concurrent.futures, difflib
from front import Front
from harness import *

LANES = 4
STRIDE = {"plugin": 10, "supervisor": 6}  # a plugin that dies more often than this is switched off for a while
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


def cluster():
    c = raycluster("c", groups={"a": 1, "b": 2}, upgradeStrategy={"type": "Recreate"}, enableInTreeAutoscaling=False,
                   gcsFaultToleranceOptions={"redisAddress": "redis:6379"})
    c["metadata"]["annotations"] = {"ray.io/gcs-ft-deletion-timeout": "60"}
    return c


def replicas(group, n): return [{"op": "replace", "path": f"/spec/workerGroupSpecs/{group}/replicas", "value": n}]
def at(path, value): return [{"op": "add", "path": path, "value": value}]


# What happens to the cluster, and how many workers it has then (None: suspended).
LIFE = [("create", None, 3), ("scale up", replicas(0, 3), 5), ("scale down", replicas(1, 0), 3), ("suspend", at("/spec/suspend", True), None),
        ("resume", at("/spec/suspend", False), 3), ("recreate", at("/spec/headGroupSpec/template/metadata", {"labels": {"v": "2"}}), 3)]
RESOURCES_SEEN = ("pods", "services", "jobs", "secrets", "rayclusters")


class Run:
    """One life in a namespace of its own."""

    def __init__(self, env, ns, victim=None, before=False, first=0):
        self.env, self.ns, self.victim, self.before, self.first = env, ns, victim, before, first
        self.lock, self.writes, self.kills = threading.Lock(), [], 0
        self.dir = os.path.join(env.dir, ns)
        os.makedirs(self.dir, exist_ok=True)
        self.kube = Kube(env.kube.kubeconfig)
        self.kube.namespace(ns)
        self.front = Front(self.dir, self.kube, after=self.after)
        self.pods = Watcher(self.kube, "pods", ns)
        self.op = Operator(self.dir, self.kube, kubeconfig=self.front.kubeconfig, extra="", namespaces=[ns])

    def after(self, method, path, status):
        if method not in WRITES or "/events" in path or status >= 300: return True
        with self.lock:
            n = len(self.writes)
            self.writes.append(f"{method} {path.split('?')[0]}")
            due = self.victim and n >= self.first and (n - self.first) % STRIDE[self.victim] == 0
        if not due: return True
        self.kills += 1
        if self.before:
            self.kill()
            return False
        threading.Timer(0.003, self.kill).start()
        return True

    def kill(self):
        with contextlib.suppress(OSError, ValueError, KeyError, StopIteration):
            pid = self.op.proc.pid if self.victim == "supervisor" else self.op.plugin("raycluster")["pid"]
            os.kill(pid, signal.SIGKILL)

    def alive(self):
        """Whoever was killed comes back: the plugin by itself, the supervisor by us."""
        if not self.op.proc.alive(): self.op.start(wait=False)

    def until(self, what, fn, timeout=90):
        def step():
            self.alive()
            return fn()
        return wait_for(f"{what} in {self.ns} ({self.victim}, before={self.before}, first={self.first}, {len(self.writes)} writes)", step, timeout)

    def converged(self, workers):
        s = status_of(self.kube, self.ns, "c")
        if s.get("observedGeneration") != self.kube.get("rayclusters", self.ns, "c")["metadata"]["generation"]: return False
        live = pods_of(self.kube, self.ns, "c")
        if "Reconciling" in conditions(s): return False
        if workers is None: return s.get("state") == "suspended" and not self.kube.list("pods", self.ns, "ray.io/cluster=c")
        if not all("True" == conditions(p["status"]).get("Ready", {}).get("status") for p in live): return False
        return s.get("state") == "ready" and len(live) == workers + 1 and s.get("readyWorkerReplicas", 0) == workers and \
            len(self.kube.list("pods", self.ns, "ray.io/cluster=c")) == workers + 1

    def live(self):
        """The whole life; what came out of each step, in a form that two runs can be compared by."""
        out = {}
        for step, patch, workers in LIFE:
            if patch is None: self.kube.create("rayclusters", self.ns, cluster())
            else: self.kube.json_patch("rayclusters", self.ns, "c", patch)
            if step == "recreate": # told from the resumed cluster by the label alone
                self.until(step, lambda: all(p["metadata"]["labels"].get("v") == "2" for p in pods_of(self.kube, self.ns, "c", "headgroup")) and
                           len(self.pods.events) and self.recreated())
            self.until(step, lambda: self.converged(workers))
            out[step] = self.objects()
        made = collections.Counter(o["metadata"]["labels"].get("ray.io/group", "cleanup") for o in {o["metadata"]["uid"]: o for t, o in list(self.pods.events)}.values())
        self.kube.delete("rayclusters", self.ns, "c")
        self.until("delete", lambda: not self.kube.find("rayclusters", self.ns, "c") and not self.left())
        self.until("the operator to be there", lambda: self.op.control("status").get("ready"))
        quiet = self.until("quiet", lambda: _quiet(self))
        assert quiet
        out["made"] = dict(made)
        return out

    def recreated(self):
        """The pods of the resumed cluster are gone."""
        old = getattr(self, "resumed", set())
        return not old & {p["metadata"]["uid"] for p in self.kube.list("pods", self.ns, "ray.io/cluster=c")}

    def left(self): return [o for r in RESOURCES_SEEN for o in self.kube.list(r, self.ns) if o["metadata"]["name"] != "default"]

    def objects(self):
        seen = {}
        for r in RESOURCES_SEEN:
            seen[r] = sorted(json.dumps(bare(o, self.ns), sort_keys=True) for o in self.kube.list(r, self.ns))
        self.resumed = {p["metadata"]["uid"] for p in self.kube.list("pods", self.ns, "ray.io/cluster=c")}
        return seen

    def close(self):
        self.pods.stopped = True
        self.op.proc.kill()
        self.front.stop()
        with contextlib.suppress(ApiError): self.kube.delete("namespaces", None, self.ns)


def _quiet(run):
    before = len(run.writes)
    time.sleep(1.0)
    return len(run.writes) == before


def bare(o, ns):
    """Without what is drawn or counted anew in each run."""
    drop = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "clusterIP", "clusterIPs", "podIP", "podIPs", "hostIP", "hostIPs",
            "nodeName", "startTime", "lastTransitionTime", "startedAt", "finishedAt", "containerID", "stateTransitionTimes", "serviceIP", "restartCount",
            "ray.io/upgrade-strategy-recreate-hash", "ray.io/external-storage-namespace", "RAY_external_storage_namespace", "observedGeneration", "message", "lastUpdateTime"}

    def walk(x):
        if isinstance(x, dict):
            if x.get("name") == "RAY_external_storage_namespace": return "uid"
            return {k: walk(v) for k, v in x.items() if k not in drop}
        if isinstance(x, list): return [walk(v) for v in sorted(x, key=lambda v: v.get("type", "") if isinstance(v, dict) else "")]
        if isinstance(x, str): return re.sub(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-RAND", x.replace(ns, "NS"))
        return x
    return walk(o)


def differences(want, have):
    """Line by line, of those objects that have no equal on the other side."""
    lone = lambda a, b: [json.dumps(json.loads(o), indent=1).splitlines() for o in sorted((collections.Counter(a) - collections.Counter(b)).elements())]
    for x, y in zip(lone(want, have), lone(have, want)):
        yield from (l for l in difflib.unified_diff(x, y, "without deaths", "with", n=2, lineterm=""))
    if len(want) != len(have): yield f"{len(want)} wanted, {len(have)} found"


def one(env, ns, *args):
    run = Run(env, ns, *args)
    try:
        out = run.live()
        return out, run.writes, run.kills
    finally:
        run.close()


def crash(env, victim):
    env.cluster()
    plain, writes, _ = one(env, f"{victim}-plain")
    print(f"    a life has {len(writes)} writes")
    assert len(writes) > 25, writes
    jobs = [(f"{victim}-{'before' if before else 'after'}-{first}", victim, before, first) for before in (False, True) for first in range(STRIDE[victim])]
    kills = 0
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        for (ns, *_), (out, done, k) in zip(jobs, pool.map(lambda j: one(env, *j), jobs)):
            kills += k
            assert out["made"] == plain["made"], f"{ns}: pods made {out['made']}, without deaths {plain['made']}"
            for step, _, _ in LIFE:
                for r in RESOURCES_SEEN:
                    assert out[step][r] == plain[step][r], f"{ns}: {r} after {step} differ: " + "\n".join(differences(plain[step][r], out[step][r]))
    print(f"    {kills} deaths in {len(jobs)} runs")
    assert kills >= 2 * len(writes) * 0.8, "not every write was followed by a death"


def test_plugin_dies(env): crash(env, "plugin")
def test_supervisor_dies(env): crash(env, "supervisor")


if __name__ == "__main__": main()
