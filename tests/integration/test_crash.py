#!/usr/bin/env python3
"""The operator dies after every single write of a RayCluster's life; what comes out is what comes out undisturbed.

The clusters have whatever makes writes: an autoscaler's roles, a Redis, a token, replicas of several hosts, an ingress, a serve
service, and network policies by a second plugin; in lives of their own what excludes some of these: a gang of a batch scheduler, and
the claim of RocksDB. Several clusters live through the same phases in step. In each phase every cluster is stopped at another one of its writes:
a proxy lets that write reach the API server and holds back whatever would follow it. Then the process is killed, once for
all clusters, and everything must go on as if nothing had been: the same objects, none twice, none left over, and then quiet."""
import collections, contextlib, json, os, re, signal, threading, time
from harness import *
from front import Front

QUIET = 2.3   # longer than mere progress of a status is gathered for
KINDS = ("rayclusters", "pods", "services", "serviceaccounts", "roles", "rolebindings", "ingresses", "jobs", "secrets", "persistentvolumeclaims", "networkpolicies")
REPLICA = "ray.io/worker-group-replica-name"
WAITED = ("rayclusters", "pods")
LANE = re.compile(r"(?:ray-)?(c\d\d)")


# ---- what happens to a cluster -----------------------------------------------------------------------------

class Scenario:
    """A kind of life. phases: name, what the user does, when the operator is done. plugins: all of them die at once. begin: what somebody
    else brings before the operator of a namespace starts. held: the cluster stays until the operator lets it go; of one that does not, it may see
    the collector delete an object before it hears of the cluster's end, and make that object anew, for the collector."""

    def __init__(self, name, phases, plugins, kinds=KINDS, begin=lambda life: None, held=True):
        self.name, self.phases, self.plugins, self.kinds, self.begin, self.held = name, phases, plugins, kinds, begin, held
        self.half = 4  # phases; a plugin that dies more often than five times in five minutes is switched off


def manifest(lane):
    rc = raycluster(lane, groups={"a": 2, "m": 1}, enableInTreeAutoscaling=True, upgradeStrategy={"type": "Recreate"},
                    gcsFaultToleranceOptions={"redisAddress": "redis:6379"}, authOptions={"mode": "token"}, networkPolicy={"mode": "DenyAll"})
    rc["spec"]["workerGroupSpecs"][1]["numOfHosts"] = 2
    rc["metadata"]["annotations"] = {"ray.io/enable-serve-service": "true"}
    head = rc["spec"]["headGroupSpec"]
    head["enableIngress"] = True
    head["template"]["spec"]["containers"][0]["ports"] = [{"name": "serve", "containerPort": 8000}]
    return rc


def edit(**fields):
    ops = [{"op": "add", "path": "/spec/" + path, "value": value} for path, value in fields.items()]
    return lambda kube, ns, lane: kube.json_patch("rayclusters", ns, lane, ops)


def replicas(a, m): return edit(**{"workerGroupSpecs/0/replicas": a, "workerGroupSpecs/1/replicas": m})


def ready(workers):
    def done(world):
        status, pods = world["status"], world["pods"]
        return status.get("state") == "ready" and len(pods) == workers + 1 and status.get("readyWorkerReplicas") == workers and \
            all(p["status"].get("phase") == "Running" and "deletionTimestamp" not in p["metadata"] for p in pods)
    return done


def suspended(world): return world["status"].get("state") == "suspended" and not world["pods"] and \
    conditions(world["status"])["RayClusterSuspended"]["status"] == "True"


def new_image(world): return ready(3)(world) and all(
    p["spec"]["containers"][0]["image"].endswith("2.53.0") for p in world["pods"] if p["metadata"]["labels"]["ray.io/node-type"] == "head")


EVERYTHING = Scenario("", [
    ("create", lambda kube, ns, lane: kube.create("rayclusters", ns, manifest(lane)), ready(4)),
    ("scale up", replicas(3, 2), ready(7)),
    ("scale down", replicas(1, 1), ready(3)),
    ("suspend", edit(suspend=True), suspended),
    ("resume", edit(suspend=False), ready(3)),
    ("recreate", edit(**{"headGroupSpec/template/spec/containers/0/image": "rayproject/ray:2.53.0"}), new_image),
    ("delete", lambda kube, ns, lane: kube.delete("rayclusters", ns, lane), lambda w: not w["objects"]),
], [{"name": "raycluster", "settings": {"randomPodDelete": True, "featureGates": {"RayClusterNetworkPolicy": True}}}, {"name": "networkpolicy"}])


# ---- a gang, and a claim --------------------------------------------------------------------------------------------

def gang_manifest(lane):
    rc = raycluster(lane, groups={"a": 2}, gcsFaultToleranceOptions={"backend": "rocksdb", "storage": {"size": "1Gi"}})
    rc["metadata"]["labels"] = {"ray.io/gang-scheduling-enabled": "true"}
    return rc


def size_and_policy(a, policy): return edit(**{"workerGroupSpecs/0/replicas": a, "gcsFaultToleranceOptions/storage/deletionPolicy": policy})


def gang(scheduler, groups, begin, **gates):
    """The claim loses its owner and gets it back while the gang grows and shrinks."""
    return Scenario(scheduler, [
        ("create", lambda kube, ns, lane: kube.create("rayclusters", ns, gang_manifest(lane)), ready(2)),
        ("scale up", size_and_policy(4, "Retain"), ready(4)),
        ("scale down", size_and_policy(1, "DeleteWithCluster"), ready(1)),
        ("suspend", edit(suspend=True), suspended),
        ("resume", edit(suspend=False), ready(1)),
        ("delete", lambda kube, ns, lane: kube.delete("rayclusters", ns, lane), lambda w: not w["objects"]),
    ], [{"name": "raycluster", "settings": {"batchScheduler": scheduler, "featureGates": {"GCSFaultToleranceEmbeddedStorage": True, **gates}}}],
        ("rayclusters", "pods", "services", "persistentvolumeclaims", *groups), begin, held=False)


def volumes(life):
    """A real API server has nobody who would make a volume for a claim."""
    if life.env.sb: return
    for lane in life.lanes:
        life.kube.call("POST", "/api/v1/persistentvolumes", {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{life.ns}-{lane}"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nowhere"}, "claimRef": {"namespace": life.ns, "name": f"{lane}-gcs-pvc"}}})
        life.env.keep(Volume(life.kube, f"{life.ns}-{lane}"))


class Volume:
    def __init__(self, kube, name): self.kube, self.name = kube, name
    def stop(self): self.kube.call("DELETE", "/api/v1/persistentvolumes/" + self.name)


class Protection(threading.Thread):
    """Kubernetes' controller that keeps a group from deletion while pods name it; the sandbox has none."""

    def __init__(self, life):
        super().__init__(daemon=True)
        self.kube, self.ns, self.over = life.kube, life.ns, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.2):
            with contextlib.suppress(OSError, ApiError): self.look()

    def look(self):
        groups = self.kube.list(WAS_GROUPS, self.ns)
        if not groups: return
        used = {p["spec"].get("schedulingGroup", {}).get("podGroupName") for p in self.kube.list("pods", self.ns)}
        for meta in (g["metadata"] for g in groups):
            if "deletionTimestamp" not in meta and "finalizers" not in meta: self.set(meta, ["scheduling.k8s.io/podgroup-protection"])
            if "deletionTimestamp" in meta and "finalizers" in meta and meta["name"] not in used: self.set(meta, None)

    def set(self, meta, finalizers): self.kube.patch(WAS_GROUPS, self.ns, meta["name"], {"metadata": {"finalizers": finalizers, "uid": meta["uid"]}})
    def stop(self): self.over.set()


def with_protection(life):
    volumes(life)
    if life.env.sb: life.env.keep(Protection(life))


WAS_GROUPS = "podgroups.scheduling.k8s.io"
WAS = gang("kubernetes-was", ("workloads", WAS_GROUPS), with_protection, KubernetesWAS=True)
VOLCANO = gang("volcano", ("podgroups",), volumes)


# ---- what is there -------------------------------------------------------------------------------------------

GONE_META = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
GONE_STATUS = ("lastUpdateTime", "stateTransitionTimes")


def normal(resource, obj, ns, lane):
    """An object without what differs from one life to the next: identities, times, addresses, drawn names."""
    o = json.loads(json.dumps(obj))
    meta = o["metadata"]
    uids = [meta["uid"]] + [r["uid"] for r in meta.get("ownerReferences", [])]
    for key in GONE_META: meta.pop(key, None)
    labels = meta.get("labels", {})
    labels.pop("ray.io/worker-group-replica-index", None)  # who was deleted is a matter of age, and age has no fractions of a second
    if REPLICA in labels: labels[REPLICA] = "DRAWN"
    if resource == "secrets": o["data"] = {k: len(v) for k, v in o["data"].items()}  # drawn, too
    if resource == "pods":
        meta["name"] = re.sub(r"-[a-z0-9]{5}$", "-XXXXX", meta["name"])
        o["status"] = {"phase": o["status"].get("phase")}
        o["spec"] = {"containers": [{k: c.get(k) for k in ("name", "image", "command", "args", "env", "ports", "resources")} for c in o["spec"]["containers"]],
                     "initContainers": [c["name"] for c in o["spec"].get("initContainers", [])], **{k: o["spec"].get(k) for k in ("serviceAccountName", "schedulerName", "schedulingGroup")}}
    elif resource == "rayclusters":
        for key in GONE_STATUS: o["status"].pop(key, None)
        o["status"]["head"] = sorted(o["status"].get("head", {}))
        o["status"]["conditions"] = sorted([c["type"], c["status"], c["reason"]] for c in o["status"].get("conditions", []))
    elif resource == "services":
        o["spec"] = {k: v for k, v in o["spec"].items() if k not in ("clusterIP", "clusterIPs")}
    elif resource == WAS_GROUPS:
        o.pop("status", None)  # the scheduler's
    text = json.dumps(o, sort_keys=True)
    for uid in uids: text = text.replace(uid, "UID")
    return text.replace(ns, "NS").replace(lane, "LANE")


class Life:
    """One operator behind a proxy, and some clusters in step in a namespace of its own."""

    def __init__(self, env, scenario, name, lanes):
        name = "-".join(filter(None, (scenario.name, name)))
        self.env, self.kube, self.ns, self.scenario, self.lanes = env, env.kube, env.kube.namespace(f"crash-{name}-{os.getpid()}"), scenario, lanes
        kube, ns = self.kube, self.ns
        scenario.begin(self)
        self.gate = Freezer()
        folder = os.path.join(env.dir, name)
        os.makedirs(folder)
        front = env.keep(Front(folder, kube, before=self.gate.before, after=self.gate.after))
        self.op = env.keep(Operator(folder, kube, kubeconfig=front.kubeconfig, namespaces=[ns], kubernetes={"maxInFlight": 500, "maxConnections": 500},
                                    plugins=scenario.plugins))
        self.made = {r: Watcher(kube, r, ns) for r in scenario.kinds if r != "rayclusters"}

    def plugins(self): return [self.op.plugin(p["name"]) for p in self.scenario.plugins]

    def world(self, kinds=None):
        """Everything of these kinds, by lane; kinds of interest to who only waits: WAITED."""
        kinds = kinds or self.scenario.kinds
        out = {l: {"objects": [], "pods": [], "status": {}} for l in self.lanes}
        for resource in kinds:
            for o in self.kube.list(resource, self.ns):
                m = LANE.match(o["metadata"]["name"])
                if not m: continue
                w = out[m[1]]
                w["objects"].append(o if kinds == WAITED else normal(resource, o, self.ns, m[1]) if resource != "rayclusters" or "status" in o else "no status")
                if resource == "pods": w["pods"].append(o)
                if resource == "rayclusters": w["status"] = o.get("status", {})
        if kinds != WAITED:
            for w in out.values(): w["objects"].sort()
        return out

    def distinct(self, lane):
        """How many objects of each kind were ever made; hosts of replicas apart from other pods."""
        def of(o, hosts=False): return (m := LANE.match(o["metadata"]["name"])) and m[1] == lane and hosts == (REPLICA in o["metadata"].get("labels", {}))
        return {r: w.count("ADDED", of) for r, w in self.made.items()} | {"hosts": self.made["pods"].count("ADDED", lambda o: of(o, True))}

    def settle(self, phase, done):
        def ok():
            time.sleep(0.2)  # it is the same processor that the operator runs on
            world = self.world(WAITED)
            late = [l for l in self.lanes if not done(world[l])]
            quiet = time.monotonic() - self.gate.last_write > QUIET
            self.late = f"{phase}: not done: {late[:5]} {'' if not late else json.dumps(world[late[0]]['status'])[:400]}; newest write {time.monotonic() - self.gate.last_write:.1f} s ago: {self.gate.newest}; before: {self.gate.tail()}"
            if late or not quiet: return None
            world = self.world()
            return world if all(map(done, world.values())) else None
        try:
            return wait_for(phase, ok, 60)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.late}")

    def run(self, phases, aims=None, kill=None):
        """Through the phases; aims: phase -> the writes to stop at, one for each lane; where there are none the kill comes at once. What was
        seen after each phase."""
        seen = {}
        for name, act, done in phases:
            aim = dict(zip(self.lanes, (aims or {}).get(name, [])))
            self.gate.begin(name, aim)
            for lane in self.lanes: act(self.kube, self.ns, lane)
            if kill:
                self.gate.wait_frozen(lambda: self.idle(done, aim))
                kill(self)
            world = self.settle(name, done)
            seen[name] = {l: {"objects": world[l]["objects"], "made": self.distinct(l)} for l in self.lanes}
            if name == "delete" and not self.scenario.held:
                for lane in seen[name].values(): lane["made"] = {"hosts": 0}
        return seen

    def idle(self, done, aim):
        """The lanes that came to the end of the phase without the write that they were to be stopped at."""
        if time.monotonic() - self.gate.last_write < QUIET: return set()
        world = self.world(WAITED)
        return {l for l in aim if done(world[l])}


# ---- stopping at a write ---------------------------------------------------------------------------------------

def write_of(method, path, body):
    """("POST pods", "c01-head-x7k2p"), or None for what does not write."""
    m = re.match(r"/(?:api/v1|apis/[^/]+/[^/]+)/(?:namespaces/[^/]+/)?([a-z]+)(?:/([^/?]+))?(?:/([^?]+))?", path)
    if not m or method not in ("POST", "PUT", "PATCH", "DELETE"): return None
    resource, name, sub = m.groups()
    if name is None and body: name = json.loads(body).get("metadata", {}).get("name")
    return f"{method} {resource}" + (f"/{sub}" if sub else ""), name or ""


class Freezer:
    """Writes of one cluster pass one after the other; after the write that it aims at the cluster is frozen."""

    def __init__(self):
        self.cond = threading.Condition()
        self.last_write, self.newest, self.log = time.monotonic(), None, []  # newest: of any write, events among them
        self.busy, self.answered, self.late, self.epoch, self.met = set(), False, 0, 0, set()
        self.begin("", {})

    def begin(self, phase, aim):
        with self.cond:
            self.phase, self.aim, self.frozen, self.counts = phase, aim, set(), collections.Counter()

    def look(self, *request):
        """What is written and whose it is; lane None: nothing that anybody waits for, like events."""
        write = write_of(*request)
        if write is None: return None, None
        event, m, self.newest = write[0].endswith(" events"), LANE.match(write[1]), write
        if not event: self.last_write = time.monotonic()  # events give way to work, and trickle in behind it
        return write[0], m[1] if m and not event else None

    def tail(self): return [f"{p}: {k} {s}" for p, l, k, s in self.log[-12:]]

    def before(self, *request):
        _, lane = self.look(*request)
        if lane is None: return True
        with self.cond:
            epoch = self.epoch
            while epoch == self.epoch and (lane in self.frozen or lane in self.busy): self.cond.wait()
            killed = epoch != self.epoch
            if not killed: self.busy.add(lane)
        if not killed: return True
        if not self.late: return False  # never arrived
        time.sleep(self.late)
        with self.cond:
            while lane in self.busy: self.cond.wait()
            self.busy.add(lane)
        return True

    def after(self, *answered):
        status = answered[-1]
        key, lane = self.look(*answered[:-1])
        if lane is None: return True
        with self.cond:
            if status < 300:
                self.counts[lane, key] += 1
                key += f" #{self.counts[lane, key]}"
            self.log.append((self.phase, lane, key, status))
            hit, epoch = status < 300 and self.aim.get(lane) == key, self.epoch
            if hit: self.frozen.add(lane)
            self.busy.discard(lane)
            self.cond.notify_all()
            while hit and not self.answered and epoch == self.epoch: self.cond.wait()
        if not hit or self.answered: return True
        if self.late: time.sleep(self.late)
        return bool(self.late)  # done, and nobody will ever hear of it

    def wait_frozen(self, idle, timeout=60):
        end = time.monotonic() + timeout * PATIENCE
        while True:
            with self.cond:
                missing = set(self.aim) - self.frozen
                if not missing: return
                self.cond.wait(0.1)
            if time.monotonic() > end or missing <= idle(): return

    def thaw(self):
        """What is held back is lost: its connection ends."""
        with self.cond:
            self.epoch += 1
            self.met |= {(self.phase, self.aim[l]) for l in self.frozen}
            self.frozen, self.aim = set(), {}
            self.cond.notify_all()


# ---- the tests -------------------------------------------------------------------------------------------------------

def kill_hosts(life):
    old = {p["name"]: p["pid"] for p in life.plugins()}
    for pid in old.values(): os.kill(pid, signal.SIGKILL)
    life.gate.thaw()
    wait_for("new hosts", lambda: all(p["state"] == "ready" and p["pid"] != old[p["name"]] for p in life.plugins()))
    life.gate.last_write = time.monotonic()


def kill_supervisor(life):
    life.op.proc.kill(signal.SIGKILL)
    life.op.proc.wait()
    life.gate.thaw()
    life.op.start()
    wait_for("the plugins", lambda: all(p["state"] == "ready" for p in life.plugins()))
    life.gate.last_write = time.monotonic()


def writes_of(log):
    """The writes of each phase in the order in which they first came."""
    out = collections.defaultdict(list)
    for phase, _, key, status in log:
        if status < 300 and key not in out[phase]: out[phase].append(key)
    return out


def describe(expected, got):
    """Where the texts of the objects first differ; those that have no counterpart, by their beginning."""
    missing, surplus = ([o for o in a if a.count(o) > b.count(o)] for a, b in ((expected, got), (got, expected)))
    out = []
    for a, b in zip(missing, surplus):
        at = len(os.path.commonprefix([a, b]))
        out.append(f"    {json.loads(a)['kind']}: ...{a[max(at - 60, 0):at + 100]}... is ...{b[max(at - 60, 0):at + 100]}...")
    for text, rest in (("missing", missing[len(surplus):]), ("surplus", surplus[len(missing):])):
        out += [f"    {text}: {json.loads(o)['kind']} {json.loads(o)['metadata']['name']}" for o in rest]
    return "\n".join(out)


def compare(calm, seen, who):
    """A replica of two hosts of which one runs when the operator comes back is made anew, as always when one is missing: one
    host more for each death at most."""
    faults = []
    for deaths, (phase, lanes) in enumerate(seen.items(), 1):
        want = next(iter(calm[phase].values()))
        for lane, have in lanes.items():
            if have["objects"] != want["objects"]: faults.append(f"{who}, {phase}, {lane}: other objects\n{describe(want['objects'], have['objects'])}")
            more = have["made"]["hosts"] - want["made"]["hosts"]
            if have["made"] | {"hosts": 0} != want["made"] | {"hosts": 0} or not 0 <= more <= deaths:
                faults.append(f"{who}, {phase}, {lane}: made {have['made']} instead of {want['made']}")
    return faults


class Lives:
    """Of one scenario: the undisturbed one, whose writes are the places to stop at, and what the others are to come to."""

    def __init__(self, env, scenario):
        self.env, self.scenario = env, scenario
        life = Life(env, scenario, "calm", ["c00", "c01", "c02"])
        self.calm = life.run(scenario.phases)
        assert not (faults := compare(self.calm, self.calm, "undisturbed")), "two undisturbed lives differ: " + "\n".join(faults)
        self.writes = writes_of(life.gate.log)
        if not scenario.held: self.writes["delete"] = []
        print(f"     {scenario.name or 'everything'}: {sum(map(len, self.writes.values()))} writes: " +
              "; ".join(f"{p} {len(w)}" for p, w in self.writes.items()), flush=True)

    def disturbed(self, variant, kill, answered=False, late=0):
        """A job for together()."""
        return lambda: disturbed(self.env, self.scenario, self.calm, self.writes, variant, kill, answered, late)


def disturbed(env, scenario, calm, writes, variant, kill, answered, late):
    lanes = [f"c{i:02}" for i in range(max(len(w) for w in writes.values()))]
    life = Life(env, scenario, variant, lanes)
    life.gate.answered, life.gate.late = answered, late
    seen = life.run(scenario.phases[:scenario.half], writes, kill)
    life.op.stop()
    life.op.start()
    seen |= life.run(scenario.phases[scenario.half:], writes, kill)
    assert_quiet_at(life)
    wanted = {(p, k) for p, keys in writes.items() for k in keys}
    missed = wanted - life.gate.met
    variant = f"{scenario.name} {variant}".strip()
    print(f"     {variant}: stopped after {len(life.gate.met)} of {len(wanted)} writes; not met: {sorted(missed) or 'none'}", flush=True)
    hard = [m for m in missed if "rayclusters/status" not in m[1]]  # how much progress one status tells is a matter of timing
    assert not hard, f"{variant}: these writes were never met: {hard}"
    faults = compare(calm, seen, variant)
    assert not faults, f"{len(faults)} differences\n" + "\n".join(faults[:20])


def assert_quiet_at(life):
    before = life.gate.last_write
    time.sleep(2)
    assert life.gate.last_write == before, f"the operator still writes: {life.gate.tail()}"


def together(*jobs):
    """Runs them at once; the first failure is the test's."""
    errors = []

    def guard(job):
        try: job()
        except BaseException as e: errors.append(e)
    threads = [threading.Thread(target=guard, args=(j,)) for j in jobs]
    for t in threads: t.start()
    for t in threads: t.join()
    if errors: raise errors[0]


def test_crash_after_every_write(env):
    env.cluster()
    lives = Lives(env, EVERYTHING)
    if env.sb is None:  # It takes minutes for each, and what differs between the five is not the API server's part.
        return together(lives.disturbed("host-late", kill_hosts, late=2), lives.disturbed("supervisor-unanswered", kill_supervisor, False))
    together(lives.disturbed("host-answered", kill_hosts, True),
             lives.disturbed("host-unanswered", kill_hosts, False),
             lives.disturbed("host-late", kill_hosts, late=2))
    together(lives.disturbed("supervisor-answered", kill_supervisor, True),
             lives.disturbed("supervisor-unanswered", kill_supervisor, False))


def test_crash_with_a_gang_and_a_claim(env):
    """Groups that are changed and groups that are made anew, side by side. Fewer deaths than above: what they have in common is shown there."""
    env.cluster()
    scenarios = [WAS, VOLCANO]
    if env.sb:
        foreign_kind(env.kube, "scheduling.volcano.sh", "v1beta1", "PodGroup", "podgroups")
        for kind in ("Workload", "PodGroup"): foreign_kind(env.kube, "scheduling.k8s.io", "v1alpha2", kind, kind.lower() + "s")
    else:
        scenarios.remove(VOLCANO)
        print("SKIP crash_with_a_gang_and_a_claim: no Volcano runs here that would bind its pods; Kubernetes' own gangs are done", flush=True)
        try: env.kube.call("GET", "/apis/scheduling.k8s.io/v1alpha2")
        except ApiError: raise Skip("this API server does not serve scheduling.k8s.io/v1alpha2")
    lives = []
    together(*(lambda s=s: lives.append(Lives(env, s)) for s in scenarios))
    together(*(job for l in lives for job in (
        l.disturbed("host-unanswered", kill_hosts), l.disturbed("host-late", kill_hosts, late=2), l.disturbed("supervisor-answered", kill_supervisor, True))))


if __name__ == "__main__": main()
