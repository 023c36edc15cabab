#!/usr/bin/env python3
"""The operator dies after every single write of a RayService's life, whose upgrade is rolled back and then repeated to its end.

The simulated Ray serves behind a Gateway, without one, and with upgrades that switch all at once. Another operator makes the pods, and stays. A
proxy lets each write of the operator that acts on RayServices reach its goal (the API server, or Serve where it is a configuration) and loses the
answer; what would follow is held back. Then the process is killed, and a fresh one goes on. The steps must be those of an undisturbed life, in their order: no cluster twice, no configuration
sent to a Serve that has it, no share lost or given twice. The end is the same, and then it is quiet. A client's requests all succeed meanwhile."""
import collections, json, os, re, threading, time
from harness import *
from front import Front
from test_crash import GONE_META, together, write_of
from test_rayservice import Load, cond, edit, service

QUIET = 2.3   # longer than mere progress of a status is gathered for
KINDS = ("rayservices", "rayclusters", "services", "gateways", "httproutes", "endpointslices")
SIM = "ray_deploy_ms=700,ray_build_ms=100,ray_stop_ms=50,ray_drain_ms=300,gateway=1"
SHORT, LONG, NEVER = 1, 6, 3600  # seconds of an interval: passes at once; can be lengthened before it has passed; does not pass
AT_ONCE = {"type": "NewCluster"}


def strategy(interval):
    return {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": {"maxSurgePercent": 50, "stepSizePercent": 50, "intervalSeconds": interval, "gatewayClassName": "sandbox"}}


# ---- the life -----------------------------------------------------------------------------------------------------

def shares(status):
    """Share and capacity of the active cluster and of the pending one, as the status says."""
    sides = [status.get(k, {}) for k in ("activeServiceStatus", "pendingServiceStatus")]
    return tuple(tuple(s.get(k) for k in ("trafficRoutedPercent", "targetCapacity")) for s in sides)


def serves(world, clusters=1):
    o = world["rayservices"][0]
    s = o.get("status", {})
    return s.get("observedGeneration") == o["metadata"]["generation"] and s.get("serviceStatus") == "Running" and s.get("numServeEndpoints") == 2 and not s.get("pendingServiceStatus", {}).get("rayClusterName") and \
        len(world["rayclusters"]) == clusters and "retiredClusters" not in s and "Reconciling" not in cond(s)


def half_way(world):
    """Half of the traffic is moved; or, all at once, the new cluster's replicas are being constructed."""
    o = world["rayservices"][0]
    gradual = o["spec"]["upgradeStrategy"]["type"] != AT_ONCE["type"]
    apps = o["status"]["pendingServiceStatus"].get("applicationStatuses", {"": {"status": ""}}).values()
    return all(a["status"] == ("RUNNING" if gradual else "DEPLOYING") for a in apps) and (not gradual or shares(o["status"]) == ((50, 50), (50, 100)))


def begin(life):
    o = service("s", upgradeStrategy=life.strategy(LONG), rayClusterDeletionDelaySeconds=1)
    o["metadata"]["annotations"] = {"rayvisor.io/max-drain": "1", **life.annotations}
    life.kube.create("rayservices", life.ns, o)


def begin_upgrade(life):
    """All at once, the new cluster's replicas never come up: the rollback begins at the same place in every life."""
    if life.at_once: life.rule = life.env.sb.post("sim/ray", {"match": {"namespace": life.ns}, "constructorMs": 3600000})["id"]
    edit(life.kube, life.ns, "2")


def stop_half_way(life):
    """The next share never moves, to the same end."""
    if life.at_once: return True
    pending = life.kube.get("rayservices", life.ns, "s").get("status", {}).get("pendingServiceStatus", {})
    if pending.get("trafficRoutedPercent") != 50: return False
    life.kube.patch("rayservices", life.ns, "s", {"spec": {"upgradeStrategy": life.strategy(NEVER)}})
    return True


def take_back(life):
    if life.at_once: life.kube.call("DELETE", f"/sandbox/v1/sim/ray/{life.rule}")
    head = life.kube.get("rayservices", life.ns, "s")["spec"]["rayClusterConfig"]["headGroupSpec"]
    head["template"]["spec"]["containers"][0]["env"] = None
    life.kube.patch("rayservices", life.ns, "s", {"spec": {"upgradeStrategy": life.strategy(SHORT), "rayClusterConfig": {"headGroupSpec": head}}})


PHASES = (
    ("create", begin, serves),
    ("half way", begin_upgrade, half_way),
    ("rollback", take_back, serves),
    ("upgrade", lambda life: edit(life.kube, life.ns, "3"), serves),
    ("delete", lambda life: life.kube.delete("rayservices", life.ns, "s"), lambda w: not any(w.values())),
)


class Gate:
    """Writes pass one after the other. Where it kills, the first one freezes everything behind it, until thaw()."""

    def __init__(self, kills):
        self.cond, self.kills, self.epoch = threading.Condition(), kills, 0
        self.busy = self.frozen = False
        self.log, self.sent, self.last_write, self.phase = [], [], time.monotonic(), ""

    @staticmethod
    def key(*request):
        write = write_of(*request)
        return None if write is None or write[0].endswith(" events") else write[0]

    def before(self, *request):
        if self.key(*request) is None: return True
        with self.cond:
            epoch = self.epoch
            while epoch == self.epoch and (self.busy or self.frozen): self.cond.wait()
            if epoch != self.epoch: return False
            self.busy = True
        return True

    def after(self, method, path, body, status):
        key = self.key(method, path, body)
        if key is None: return True
        with self.cond:
            self.busy, self.last_write = False, time.monotonic()
            self.log.append((self.phase, key, status, path + " " + body.decode()))
            if status < 300 and "/proxy/" in path: self.sent.append((path.split("/")[6].partition("-head-svc")[0], body))
            self.frozen, epoch = self.kills and status < 300, self.epoch
            self.cond.notify_all()
            if not self.frozen: return True
            while epoch == self.epoch: self.cond.wait()  # it hears nothing, and so sends nothing again, until it is dead
        return False

    def thaw(self):
        with self.cond:
            self.epoch += 1
            self.frozen = self.busy = False
            self.last_write = time.monotonic()
            self.cond.notify_all()


class Life:
    def __init__(self, env, name, annotations, kills, at_once):
        self.at_once, self.rule = at_once, None
        self.env, self.kube, self.annotations, self.kills, self.deaths, self.stopped = env, env.kube, annotations, kills, 0, False
        self.name, self.ns, self.gate = name, env.kube.namespace(name), Gate(kills)
        folder = os.path.join(env.dir, name)
        os.makedirs(folder)
        front = env.keep(Front(folder, env.kube, before=self.gate.before, after=self.gate.after))
        self.op = env.keep(Operator(folder, env.kube, kubeconfig=front.kubeconfig, namespaces=[self.ns], plugins=[{"name": "rayservice"}], proxy=True))
        self.seen = {r: Watcher(env.kube, r, self.ns) for r in ("rayservices", "rayclusters", "httproutes", "endpointslices")}

    def strategy(self, interval): return AT_ONCE if self.at_once else strategy(interval)

    def world(self): return {k: self.kube.list(k, self.ns) for k in KINDS[:2]}

    def die(self):
        self.deaths += 1
        self.op.proc.kill()
        self.op.proc.wait()
        self.gate.thaw()
        self.op.start()
        self.gate.last_write = time.monotonic()

    def settle(self, phase, done):
        end = time.monotonic() + 180 * PATIENCE
        while time.monotonic() < end:
            time.sleep(0.05)
            if self.gate.frozen: self.die()
            if phase == "half way" and not self.stopped: self.stopped = stop_half_way(self)
            if time.monotonic() - self.gate.last_write < QUIET or self.gate.frozen: continue
            world = self.world()
            if done(world): return
        raise AssertionError(f"{self.name}, {phase}: not done; {json.dumps([o.get('status') for o in self.world()['rayservices']])[:1500]}; the last writes: {[(p, k, s, text[-200:]) for p, k, s, text in self.gate.log[-12:]]}")

    def run(self):
        """What there is after each phase."""
        out, load = {}, None
        for phase, act, done in PHASES:
            self.gate.phase = phase
            if phase == "delete": load.stop()
            act(self)
            self.settle(phase, done)
            out[phase] = self.objects()
            if phase == "create": load = Load(self.env.sb, self.ns, rate=5, service="s-serve-svc")
        return out

    def objects(self):
        """Without what differs from one life to the next: clusters are C1, C2... in the order of their creation."""
        names = {n: f"C{i}" for i, n in enumerate(self.clusters(), 1)}
        out = []
        for kind in KINDS:
            for o in self.kube.list(kind, self.ns):
                if kind != "endpointslices" or o["metadata"].get("labels", {}).get("endpointslice.kubernetes.io/managed-by") == "rayvisor.io": out.append(normal(kind, o, names, self.ns))
        return sorted(out)

    def clusters(self): return list(dict.fromkeys(o["metadata"]["name"] for t, o in list(self.seen["rayclusters"].events) if t == "ADDED"))

    def shares(self):
        """Which cluster had which share, in the order in which the status had it."""
        names, out = {n: f"C{i}" for i, n in enumerate(self.clusters(), 1)}, []
        for _, o in list(self.seen["rayservices"].events):
            sides = [o.get("status", {}).get(k, {}) for k in ("activeServiceStatus", "pendingServiceStatus")]
            now = [(names.get(s.get("rayClusterName"), ""), s.get("trafficRoutedPercent")) for s in sides]
            if not out or out[-1] != now: out.append(now)
        return out

    def capacities(self):
        """Which cluster was given which capacity, in the order in which Serve was told."""
        names = {n: f"C{i}" for i, n in enumerate(self.clusters(), 1)}
        return [(names[c], json.loads(body).get("target_capacity")) for c, body in self.gate.sent]


TIMES = ("lastUpdateTime", "lastTransitionTime", "lastTrafficMigratedTime", "since", "deadline", "until", "rayClusterStatus", "observedGeneration", "resourceVersion", "generation")


def without(value, keys):
    if isinstance(value, dict): return {k: without(v, keys) for k, v in value.items() if k not in keys}
    return [without(v, keys) for v in value] if isinstance(value, list) else value


def normal(kind, obj, names, ns):
    o = without(obj, (*GONE_META, *TIMES))
    if kind in ("rayclusters", "gateways", "httproutes"): o.pop("status", None)  # others write these
    if kind == "services": o["spec"] = {k: v for k, v in o["spec"].items() if k not in ("clusterIP", "clusterIPs")}
    if kind == "rayservices": o["status"]["conditions"] = sorted([c["type"], c["status"], c["reason"]] for c in o["status"]["conditions"])
    if kind == "endpointslices": o["endpoints"] = sorted(renamed(e["targetRef"]["name"].rpartition("-")[0], names) for e in o["endpoints"])
    return renamed(json.dumps(o, sort_keys=True), {**names, ns: "NS"})


def renamed(text, names):
    for name, other in names.items(): text = text.replace(name, other)
    return text


# ---- what must hold -------------------------------------------------------------------------------------------------

def check_sent(life):
    last = {}
    for cluster, body in life.gate.sent:
        assert last.get(cluster) != body, f"{life.name}: sent again to {cluster}, where it was in force: {body[-200:]}"
        last[cluster] = body


def check_progress(life):
    """What a process did is no news for the next one."""
    if not life.kills: return
    for (_, _, status, text), (phase, key, _, again) in zip(life.gate.log, life.gate.log[1:]):
        assert status >= 300 or text != again, f"{life.name}, {phase}: {key} twice: {text}"


def check_weights(life):
    for _, o in list(life.seen["rayservices"].events):
        (a, _), (b, _) = shares(o.get("status", {}))
        if a is not None and b is not None: assert a + b == 100, f"{life.name}: {o['status']}"
    for _, o in list(life.seen["httproutes"].events):
        weights = [r.get("weight", 1) for r in o["spec"]["rules"][0]["backendRefs"]]
        assert len(weights) == 1 or sum(weights) == 100, f"{life.name}: {o['spec']}"


def check_clusters(life):
    """One that serves, one that is to, one that goes; each was made once."""
    there = {}
    for kind, o in list(life.seen["rayclusters"].events):
        if kind == "DELETED": there.pop(o["metadata"]["uid"], None)
        else: there[o["metadata"]["uid"]] = "deletionTimestamp" in o["metadata"]
        assert sum(not going for going in there.values()) <= 2, f"{life.name}: more than two clusters: {there}"
    assert life.seen["rayclusters"].count() == 3, f"{life.name}: {life.clusters()}"


def live(env, name, annotations, kills, at_once):
    life = Life(env, name, annotations, kills, at_once)
    ends = life.run()
    for check in (check_sent, check_progress, check_weights, check_clusters): check(life)
    writes = collections.Counter(p for p, _, s, _ in life.gate.log if s < 300)
    print(f"    {name}: {life.deaths} deaths; writes {dict(writes)}; {len(life.gate.sent)} configurations sent", flush=True)
    assert not kills or life.deaths == sum(writes.values()), (life.deaths, writes)
    return life, ends


def compare(calm, want, dying, have):
    for phase, _, _ in PHASES:
        assert have[phase] == want[phase], f"{dying.name}, after {phase}:\n" + "\n".join(
            f"{'calm ' if o in want[phase] else 'dying'} {o}" for o in sorted(set(want[phase]) ^ set(have[phase])))
    for steps in (Life.shares, Life.capacities): assert steps(dying) == steps(calm), f"calm:  {steps(calm)}\ndying: {steps(dying)}"


def test_crash_after_every_write(env):
    env.sandbox("--sim-opts", SIM)
    env.keep(Operator(env.dir, env.kube, name="clusters", plugins=[{"name": "raycluster"}]))
    lives = {}
    modes = {"gateway": {}, "endpoints": {"rayvisor.io/traffic": "Endpoints"}, "at-once": {}}
    jobs = [(f"{mode}-{how}", notes, how == "dying", mode == "at-once") for mode, notes in modes.items() for how in ("calm", "dying")]
    together(*(lambda j=j: lives.update({j[0]: live(env, *j)}) for j in jobs))
    for mode in modes: compare(*lives[mode + "-calm"], *lives[mode + "-dying"])


if __name__ == "__main__": main()
