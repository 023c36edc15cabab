#!/usr/bin/env python3
"""RayServices on a real Ray: a client at a fixed rate sends its requests through the stable serve Service, by a real kube-proxy, the
whole time through, while configurations and clusters are exchanged. The application's replica takes twenty seconds to construct and
answers in fifty milliseconds. No request may fail, and none may be sent to a cluster that has no ready replica."""
import concurrent.futures
from real import *

CONSTRUCTOR = 20  # seconds
RATE = 8  # requests a second
LATE = 10  # seconds: whoever takes so long has waited for a replica, or the machine has too much to do
QUIET = 6  # seconds between two scenes
SLOWLY = 300


# ---- the client -------------------------------------------------------------------------------------------------

class Request:
    def __init__(self, phase):
        self.phase, self.sent, self.took, self.error, self.answer = phase, time.time(), None, None, {}

    def send(self, address, timeout):
        begin = time.monotonic()
        try:
            c = http.client.HTTPConnection(*(address() if callable(address) else address), timeout=timeout)
            c.request("GET", "/")
            r = c.getresponse()
            body = r.read()
            c.close()
            if r.status == 200: self.answer = json.loads(body)
            else: self.error = f"HTTP {r.status}: {body[:200]!r}"
        except (OSError, http.client.HTTPException, ValueError) as e:
            self.error = repr(e)
        self.took = time.monotonic() - begin


class Load:
    """Requests at a fixed rate, whether earlier ones were answered or not; each on a connection of its own, and none repeated. It goes
    on through all scenes, so that what one leaves behind meets requests too."""

    def __init__(self, address, rate=RATE):
        self.address, self.rate, self.requests, self.phases, self.on = address, rate, [], ["before"], True
        self.pool = concurrent.futures.ThreadPoolExecutor(400)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        next = time.monotonic()
        while self.on:
            r = Request(len(self.phases) - 1)
            self.requests.append(r)
            self.pool.submit(r.send, self.address, 60)
            next += 1 / self.rate
            time.sleep(max(0, next - time.monotonic()))

    def enter(self, phase): self.phases.append(phase)

    def stop(self):
        self.on = False
        self.thread.join()
        self.pool.shutdown()

    def of(self, phase): return [r for r in self.requests if r.phase == phase]

    def tell(self, phase, name):
        mine = [r for r in self.of(phase) if r.took is not None]
        answered = [r for r in mine if r.answer]
        line = f"      {name:9}{len(mine):5} sent, {len(answered):5} answered, {len(mine) - len(answered)} failed"
        if answered:
            took, slowest = [1000 * r.took for r in answered], max(answered, key=lambda r: r.took)
            line += f"; p50 {quantile(took, 0.5):.0f} ms, p99 {quantile(took, 0.99):.0f} ms, slowest {1000 * slowest.took:.0f} ms (after {slowest.sent - mine[0].sent:.0f} s)"
        print(line, flush=True)

    def judge(self):
        """Fails when a request of any phase was not answered, or waited for a replica."""
        done = [r for r in self.requests if r.took is not None]
        first, begin = {}, self.requests[0].sent
        for r in done:
            if r.answer: first[cluster_of(r)] = min(first.get(cluster_of(r), r.answer["since"]), r.answer["since"])
        at = lambda r: (f"{r.sent - begin:.2f} s", self.phases[r.phase], r.took, r.error or r.answer)
        bad = [at(r) for r in done if not r.answer]
        early = [at(r) for r in done if r.answer and r.sent < first[cluster_of(r)]]
        slow = [at(r) for r in done if r.took > LATE]
        assert not bad, f"{len(bad)} requests failed: {bad[:10]}"
        assert not early, f"{len(early)} requests were sent to a cluster without a ready replica: {early[:5]}"
        assert not slow, f"{len(slow)} requests waited for a replica: {slow[:5]}"


def cluster_of(r): return re.sub(r"-(head|w-worker)(-\w+)?$", "", r.answer["pod"])


class scene:
    """What happens between two quiet times of the client."""

    def __init__(self, load, name):
        self.load, self.phase, self.begin = load, len(load.phases), time.monotonic()
        print(f"    {name}", flush=True)
        load.enter(name)

    def __enter__(self): return self

    def __exit__(self, kind, *_):
        print(f"      took {time.monotonic() - self.begin:.0f} s, load {os.getloadavg()[0]:.0f}", flush=True)
        self.load.enter("quiet")
        time.sleep(QUIET)
        wait_for("the requests of the scene to end", lambda: all(r.took is not None for r in self.load.of(self.phase)), 70)
        for i, name in ((-1, "before"), (0, "during"), (1, "after")): self.load.tell(self.phase + i, name)
        self.load.judge()

    def clusters(self): return {cluster_of(r) for r in self.load.of(self.phase) if r.answer}

    def versions(self, seconds):
        """What answered those requests that were sent in the last seconds."""
        return {r.answer.get("version") for r in self.load.of(self.phase) if r.took and r.sent > time.time() - seconds}


# ---- the RayService ---------------------------------------------------------------------------------------------

def config(version="1", replicas=2):
    return json.dumps({"applications": [{"name": "slow", "import_path": "slow:app", "route_prefix": "/", "args": {"version": version},
                                         "deployments": [{"name": "Slow", "num_replicas": replicas, "ray_actor_options": {"num_cpus": 0.1}}]}]})


def cluster_spec():
    """A head that has no replicas, and one worker."""
    spec = real_cluster(1)
    spec["headGroupSpec"]["rayStartParams"] = {"num-cpus": "0"}
    worker = spec["workerGroupSpecs"][0]
    worker |= {"rayStartParams": {"num-cpus": "1"}, "minReplicas": 1, "maxReplicas": 1}
    for group in (spec["headGroupSpec"], worker):
        with_files(group)
        group["template"]["spec"]["terminationGracePeriodSeconds"] = 5
        box = group["template"]["spec"]["containers"][0]
        box["resources"]["limits"]["cpu"] = "2"
        # Ray's workers are nice, and so would wait for everything else that runs on this machine.
        box["env"] += [{"name": "CONSTRUCTOR_SECONDS", "value": str(CONSTRUCTOR)}, {"name": "RAY_worker_niceness", "value": "0"}]
    return {**spec, "enableInTreeAutoscaling": True}


def incremental(surge, step, interval, gateway_class="none"):
    numbers = {"maxSurgePercent": surge, "stepSizePercent": step, "intervalSeconds": interval, "gatewayClassName": gateway_class}
    return {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": numbers}


def cond_of(o, kind): return next((c for c in o.get("status", {}).get("conditions", []) if c["type"] == kind), {})


class Served:
    """A RayService that serves, in a namespace of its own with an operator of its own."""

    def __init__(self, env, endpoints=2, **spec):
        settings = {"featureGates": {"GCSFaultToleranceEmbeddedStorage": True}}
        self.env, self.load, self.begin = env, None, time.monotonic()
        self.kube, self.ns = on_node(env, [{"name": "raycluster", "settings": settings}, {"name": "autoscaler"}, {"name": "rayservice", "settings": settings}])
        put_file(self.kube, self.ns, "slow.py")
        self.kube.create("rayservices", self.ns, {
            "apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": "s", "annotations": {"rayvisor.io/autoscaler": "operator"}},
            "spec": {"serveConfigV2": config(), "rayClusterConfig": cluster_spec(), "rayClusterDeletionDelaySeconds": 2, **spec}})
        self.wait("the RayService to serve", lambda: self.cond("Stalled") or self.cond("Ready").get("status") == "True" and self.status().get("numServeEndpoints", 0) >= endpoints)
        assert not self.cond("Stalled"), self.cond("Stalled")

    def object(self): return self.kube.get("rayservices", self.ns, "s")
    def status(self): return self.object().get("status", {})
    def cond(self, kind): return cond_of(self.object(), kind)
    def side(self, which): return self.status().get(which + "ServiceStatus", {})
    def active(self): return self.side("active").get("rayClusterName")
    def pending(self): return self.side("pending").get("rayClusterName")
    def share(self): return self.side("pending").get("trafficRoutedPercent")
    def running(self): return self.side("active").get("applicationStatuses", {}).get("slow", {}).get("status") == "RUNNING"
    def clusters(self): return [c["metadata"]["name"] for c in self.kube.list("rayclusters", self.ns)]
    def patch(self, o): self.kube.patch("rayservices", self.ns, "s", o)
    def told(self): return {e["reason"] for e in events_of(self.kube, self.ns, "s")}

    def wait(self, what, fn, timeout=SLOWLY):
        """wait_for(), with the state of everything when it is in vain."""
        try:
            return wait_for(what, fn, timeout)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{json.dumps(self.status())}\n{self.env.op.ctl('explain', 'rayservice/s', '-n', self.ns)}\n{kubectl('get', 'pods', '-n', self.ns, '-o', 'wide').stdout}")

    def send(self, address):
        """The client begins, once a first request is answered."""
        self.wait("a first answer", lambda: first_answer(address), 60)
        print(f"    it serves after {time.monotonic() - self.begin:.0f} s", flush=True)
        self.load = self.env.keep(Load(address))
        time.sleep(QUIET)

    def edit(self, version, image=None, store=None):
        """Another environment of the head (or image, or claim for its control store): a change that needs another cluster."""
        cluster = self.object()["spec"]["rayClusterConfig"]
        box = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]
        box["env"] = [e for e in box["env"] if e["name"] != "VERSION"] + [{"name": "VERSION", "value": version}]
        if image: box["image"] = image
        cluster["gcsFaultToleranceOptions"] = {"backend": "rocksdb", "storage": {"claimName": store}} if store else None
        self.patch({"spec": {"rayClusterConfig": cluster}})

    def wait_promoted(self, old):
        """The old cluster may still be draining."""
        self.wait("another cluster to serve", lambda: self.active() not in (None, old) and not self.pending())
        return self.active()

    def wait_alone(self):
        self.wait("one cluster", lambda: self.clusters() == [self.active()])

    def undo(self, there, half_way, back, pause=3, **edit):
        """An upgrade that is taken back some seconds after that condition holds."""
        active = self.active()
        self.edit(there)
        self.wait("the upgrade to be half way", half_way)
        time.sleep(pause)
        self.edit(back, **edit)
        self.wait("the rollback", lambda: not self.pending())
        assert self.active() == active


def first_answer(address):
    r = Request("first")
    r.send(address, 60)
    return r.answer


class Seen:
    """What a kind of object said of the old and of another cluster, one after the other."""

    def __init__(self, s, resource, name, read):
        self.watcher, self.name, self.read = s.env.keep(Watcher(s.kube, resource, s.ns)), name, read
        self.watcher.stop = lambda: setattr(self.watcher, "stopped", True)

    def of(self, old):
        """(of that cluster, of another one), as it changed."""
        out = []
        for kind, o in list(self.watcher.events):
            if kind == "DELETED" or o["metadata"]["name"] != self.name: continue
            numbers = self.read(o, old)
            if not out or out[-1] != numbers: out.append(numbers)
        return out


def told_in_a_line(numbers): return " ".join(f"{a}:{b}" for a, b in numbers)


def endpoints_of(o, old):
    names = [e["targetRef"]["name"] for e in o["endpoints"] or []]
    n = sum(name.startswith(old + "-") for name in names)
    return n, len(names) - n


def weights_of(o, old):
    weights = {b["name"]: b.get("weight", 1) for b in o["spec"]["rules"][0]["backendRefs"]}
    return weights.pop(f"{old}-serve-svc", 0), sum(weights.values())


# ---- scenes through the stable Service ----------------------------------------------------------------------------

def in_place(s):
    old = s.active()
    with scene(s.load, "in-place update") as now:
        s.patch({"spec": {"serveConfigV2": config("2")}})
        s.wait("the new version alone to answer", lambda: now.versions(4) == {"2"})
        s.wait("its replicas", s.running)
    with scene(s.load, "in-place update that is taken back") as now:
        s.patch({"spec": {"serveConfigV2": config("3")}})
        s.wait("Serve to exchange replicas", lambda: not s.running())
        time.sleep(5)
        s.patch({"spec": {"serveConfigV2": config("2")}})
        s.wait("the replicas", s.running)
    assert now.versions(60) == {"2"}
    assert s.active() == old and s.clusters() == [old]


def new_cluster(s):
    """The next one keeps its control store on a volume, for the scene of the head that dies."""
    old = s.active()
    with scene(s.load, "new-cluster upgrade") as now:
        s.edit("2", store="gcs")
        new = s.wait_promoted(old)
    assert now.clusters() <= {old, new}
    with scene(s.load, "new-cluster upgrade that is taken back") as now:
        s.undo("3", lambda: s.pending() and len(pods_of(s.kube, s.ns, s.pending())) == 2, "2", store="gcs")
        s.wait_alone()
    assert now.clusters() == {new}

    s.patch({"metadata": {"annotations": {"rayvisor.io/upgrade-deadline": "20s"}}})
    with scene(s.load, "upgrade to an image that does not exist") as now:
        s.edit("4", image="rayproject/ray:no-such-tag")
        s.wait("the rollback", lambda: s.status().get("upgrade", {}).get("failedSpecHash") and not s.pending())
    why = s.cond("Stalled")
    assert why["reason"] == "UpgradeDeadlineExceeded" and re.search("ImagePull|ErrImage", why["message"]), why
    assert now.clusters() == {new}
    assert {"UpgradeDeadlineExceeded", "RollbackComplete"} <= s.told()
    s.edit("2", image=f"rayproject/ray:{RAY}", store="gcs")
    s.patch({"metadata": {"annotations": {"rayvisor.io/upgrade-deadline": None}}})
    s.wait("the failed edit to be forgotten", lambda: not s.cond("Stalled") and s.clusters() == [new])


def a_head_that_dies(s):
    """Requests go to the worker's proxy alone: those that stand in the head's would die with it."""
    cluster, heads = s.active(), lambda: [p for p in pods_of(s.kube, s.ns, s.active(), "headgroup")]
    s.patch({"spec": {"excludeHeadPodFromServeSvc": True}})
    s.wait("the head to be left out", lambda: s.status().get("numServeEndpoints") == 1)
    time.sleep(3)
    first = heads()[0]["metadata"]
    with scene(s.load, "a head that dies") as now:
        s.kube.delete("pods", s.ns, first["name"], gracePeriodSeconds=0)
        s.wait("another head", lambda: heads() and heads()[0]["metadata"]["uid"] != first["uid"] and cond_of(s.kube.get("rayclusters", s.ns, cluster), "HeadPodReady").get("status") == "True")
        s.wait("Serve on it to answer", lambda: s.running() and not s.cond("Reconciling"))
        time.sleep(10)
    answers = {(r.answer["pod"], r.answer["since"]) for r in s.load.of(now.phase)}
    assert s.active() == cluster and len(answers) == 2, f"the same two replicas answer: {answers}"
    s.patch({"spec": {"excludeHeadPodFromServeSvc": False}})
    s.wait("both proxies to take requests", lambda: s.status().get("numServeEndpoints") == 2)


def without_a_gateway(s):
    """The share of endpoints moves in steps, although the operator is killed half way; then half way and back."""
    s.patch({"metadata": {"annotations": {"rayvisor.io/traffic": "Endpoints"}}, "spec": {"upgradeStrategy": incremental(100, 50, 5)}})
    old, half = s.active(), lambda: s.share() == 50
    with scene(s.load, "incremental upgrade without a Gateway (100, 50, 5), with an operator that is killed half way") as now:
        seen = Seen(s, "endpointslices", "s-serve-svc-shared", endpoints_of)
        s.edit("5")
        s.wait("half of the traffic", half)
        restart_killed(s.env)
        new = s.wait_promoted(old)
        s.wait("the new cluster's endpoints alone", lambda: seen.of(old)[-1][0] == 0)
        moved = seen.of(old)
        print(f"      endpoints of the old and the new cluster: {told_in_a_line(moved)}", flush=True)
    assert now.clusters() == {old, new}
    assert any(a and b for a, b in moved) and all(a + b for a, b in moved), moved

    with scene(s.load, "rollback of an incremental upgrade without a Gateway") as now:
        s.undo("6", half, "5")
        s.wait_alone()
    assert len(now.clusters()) == 2 and s.active() == new


def restart_killed(env):
    """Nobody is there for some seconds."""
    env.op.proc.kill()
    env.op.proc.wait()
    time.sleep(5)
    env.op.start()


def claim(kube, ns, name, folder):
    """A claim on a folder of this machine."""
    kube.call("POST", "/api/v1/persistentvolumes", {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{ns}-{name}"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
        "hostPath": {"path": folder, "type": "DirectoryOrCreate"}, "claimRef": {"namespace": ns, "name": name}}})
    kube.create("persistentvolumeclaims", ns, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": f"{ns}-{name}", "resources": {"requests": {"storage": "1Gi"}}}})


def test_stable_service(env):
    """One RayService under every strategy that needs no Gateway, with one client at the cluster IP of its serve Service."""
    s = Served(env)
    claim(s.kube, s.ns, "gcs", os.path.join(env.dir, "gcs"))
    s.send((s.kube.get("services", s.ns, "s-serve-svc")["spec"]["clusterIP"], 8000))
    in_place(s)
    new_cluster(s)
    a_head_that_dies(s)
    without_a_gateway(s)


# ---- scenes through a Gateway --------------------------------------------------------------------------------------

RESOURCES.update({k: "/apis/gateway.networking.k8s.io/v1" for k in ("gateways", "httproutes", "grpcroutes")})


def through_a_route(s, surge, step, interval, version):
    old = s.active()
    s.patch({"spec": {"upgradeStrategy": incremental(surge, step, interval, "envoy")}})
    with scene(s.load, f"incremental upgrade through an HTTPRoute, surge, step and interval ({surge}, {step}, {interval})") as now:
        seen = Seen(s, "httproutes", "s-httproute", weights_of)
        s.edit(version)
        new = s.wait_promoted(old)
        weights = seen.of(old)
        print(f"      weights of the old and the new cluster: {told_in_a_line(weights)}", flush=True)
    assert now.clusters() == {old, new}
    assert list(dict.fromkeys(w for w in weights if w[1])) == [(100 - b, b) for b in range(step, 101, step)], weights


def back_through_a_route(s, surge, step, interval, version, share, pause):
    """An upgrade that is taken back when the new cluster has that share of the traffic. What it leaves goes beside the next scene."""
    active = s.active()
    s.patch({"spec": {"upgradeStrategy": incremental(surge, step, interval, "envoy")}})
    with scene(s.load, f"rollback of an incremental upgrade through an HTTPRoute, ({surge}, {step}, {interval}), at {share} % of the traffic") as now:
        seen = Seen(s, "httproutes", "s-httproute", weights_of)
        s.undo("undone", lambda: s.share() == share, version, pause)
        weights = s.wait("the traffic to be back", lambda: (w := seen.of(active))[-1] == (100, 0) and w)
        print(f"      weights of the old and the new cluster: {told_in_a_line(weights)}", flush=True)
    assert len(now.clusters()) == 2 and s.active() == active, now.clusters()
    there = [(100 - b, b) for b in range(step, share + 1, step)]
    assert list(dict.fromkeys(weights)) == [(100, 0), *there], weights


def test_gateway(env):
    """Incremental upgrades through Envoy Gateway, all at once and in quarters, and each of them back again."""
    need_node()
    if not os.path.exists(f"{NODE}/gateway.pid"): raise Skip("no Gateway API implementation: gateway.sh could not build or start Envoy Gateway (tests/real/README.md)")
    s = Served(env, upgradeStrategy=incremental(100, 100, 1, "envoy"))
    gateway = s.wait("an address of the Gateway", lambda: s.kube.get("gateways", s.ns, "s-gateway").get("status", {}).get("addresses"))
    s.send((gateway[0]["value"], 80))
    through_a_route(s, 100, 100, 1, "2")
    back_through_a_route(s, 100, 100, 1, "2", share=100, pause=1)  # the old cluster's capacity stays for five seconds
    through_a_route(s, 50, 25, 5, "3")
    back_through_a_route(s, 50, 25, 5, "3", share=50, pause=3)
    s.wait_alone()


if __name__ == "__main__": main()
