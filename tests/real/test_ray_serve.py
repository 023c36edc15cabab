#!/usr/bin/env python3
"""RayServices on a real Ray: a client at a fixed rate sends its requests through the stable serve Service, by a real kube-proxy, the
whole time through, while configurations and clusters are exchanged. The application's replica takes twenty seconds to construct and
answers in fifty milliseconds. No request may fail, and none may be sent to a cluster that has no ready replica."""
import concurrent.futures, random
from real import *

CONSTRUCTOR = 20  # seconds
RATE = 8  # requests a second
LATE = 10  # seconds: whoever takes so long has waited for a replica, or the machine has too much to do
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
    """Requests at a fixed rate, whether earlier ones were answered or not; each on a connection of its own, and none repeated. The
    address may be a function that names one for each request."""

    def __init__(self, address, rate=RATE):
        self.address, self.rate, self.phase, self.phases, self.requests, self.on = address, rate, "before", ["before"], [], True
        self.pool = concurrent.futures.ThreadPoolExecutor(400)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        next = time.monotonic()
        while self.on:
            r = Request(self.phase)
            self.requests.append(r)
            self.pool.submit(r.send, self.address, 60)
            next += 1 / self.rate
            time.sleep(max(0, next - time.monotonic()))

    def enter(self, phase):
        self.phase = phase
        self.phases.append(phase)

    def stop(self):
        self.on = False
        self.thread.join()
        self.pool.shutdown()

    def tell(self, phase, bad):
        mine = [r for r in self.requests if r.phase == phase]
        answered = [r for r in mine if r not in bad]
        line = f"      {phase:9}{len(mine):5} sent, {len(answered):5} answered, {len(mine) - len(answered)} failed"
        if answered:
            took, slowest = [1000 * r.took for r in answered], max(answered, key=lambda r: r.took)
            line += f"; p50 {quantile(took, 0.5):.0f} ms, p99 {quantile(took, 0.99):.0f} ms, slowest {1000 * slowest.took:.0f} ms (after {slowest.sent - mine[0].sent:.0f} s)"
        print(line, flush=True)

    def judge(self):
        """Prints what came of the requests, and fails when one was not answered, or waited for a replica."""
        self.stop()
        first, bad = {}, [r for r in self.requests if r.error or not r.answer]
        for r in self.requests:
            if r.answer: first[cluster_of(r)] = min(first.get(cluster_of(r), r.answer["since"]), r.answer["since"])
        early = [r for r in self.requests if r.answer and r.sent < first[cluster_of(r)]]
        slow = [r for r in self.requests if r.took is None or r.took > LATE]
        for phase in dict.fromkeys(self.phases): self.tell(phase, bad)
        begin = self.requests[0].sent
        assert not bad, [(f"{r.sent - begin:.2f} s", r.phase, r.error, r.took) for r in bad[:10]]
        assert not early, f"{len(early)} requests were sent to a cluster without a ready replica: {[(r.sent - begin, r.took, r.answer) for r in early[:5]]}"
        assert not slow, f"{len(slow)} requests waited for a replica: {[(r.sent - begin, r.took, r.answer) for r in slow[:5]]}"


def cluster_of(r): return re.sub(r"-(head|w-worker)(-\w+)?$", "", r.answer["pod"])


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
        # Ray's workers are nice, and so would wait for everything else that runs on this machine.
        group["template"]["spec"]["containers"][0]["env"] += [{"name": "CONSTRUCTOR_SECONDS", "value": str(CONSTRUCTOR)}, {"name": "RAY_worker_niceness", "value": "0"}]
    return {**spec, "enableInTreeAutoscaling": True}


def service(annotations=None, **spec):
    return {"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": "s", "annotations": {"rayvisor.io/autoscaler": "operator", **(annotations or {})}},
            "spec": {"serveConfigV2": config(), "rayClusterConfig": cluster_spec(), "rayClusterDeletionDelaySeconds": 2, **spec}}


def setup(env, **settings):
    kube, ns = on_node(env, [{"name": "raycluster", "settings": settings}, {"name": "autoscaler"}, {"name": "rayservice", "settings": settings}])
    put_file(kube, ns, "slow.py")
    return kube, ns


def status(kube, ns): return kube.get("rayservices", ns, "s").get("status", {})
def side(kube, ns, which): return status(kube, ns).get(which + "ServiceStatus", {})
def active(kube, ns): return side(kube, ns, "active").get("rayClusterName")
def pending(kube, ns): return side(kube, ns, "pending").get("rayClusterName")
def cond(kube, ns, kind): return next((c for c in status(kube, ns).get("conditions", []) if c["type"] == kind), {})


def wait_told(env, kube, ns, what, fn, timeout=SLOWLY):
    """wait_for(), with the state of everything when it is in vain."""
    try:
        return wait_for(what, fn, timeout)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{json.dumps(status(kube, ns))}\n{env.op.ctl('explain', 'rayservice/s', '-n', ns)}\n{kubectl('get', 'pods', '-n', ns, '-o', 'wide').stdout}")


def start(env, kube, ns, o, endpoints=2):
    """The address of its serve Service, once it serves with so many pods."""
    kube.create("rayservices", ns, o)
    begin = time.monotonic()
    wait_told(env, kube, ns, "the RayService to serve", lambda: cond(kube, ns, "Ready").get("status") == "True" and status(kube, ns).get("numServeEndpoints", 0) >= endpoints or
              cond(kube, ns, "Stalled").get("status") == "True")
    assert not cond(kube, ns, "Stalled"), cond(kube, ns, "Stalled")
    address = kube.get("services", ns, "s-serve-svc")["spec"]["clusterIP"], 8000
    wait_told(env, kube, ns, "kube-proxy to know the endpoints", lambda: first_answer(address), 30)
    print(f"    it serves after {time.monotonic() - begin:.0f} s", flush=True)
    return address


def first_answer(address):
    r = Request("first")
    r.send(address, 60)
    return r.answer


class scene:
    """With a client from some seconds before what happens to some seconds after it."""

    def __init__(self, env, name, address):
        print(f"    {name}", flush=True)
        self.load = Load(address)
        env.keep(self.load)
        time.sleep(8)
        self.load.enter("during")
        self.begin = time.monotonic()

    def __enter__(self): return self.load

    def __exit__(self, kind, *_):
        if kind:
            try:
                self.load.judge()
            except AssertionError as e:
                print(f"      {e}", flush=True)
            return
        print(f"      took {time.monotonic() - self.begin:.0f} s, load {os.getloadavg()[0]:.0f}", flush=True)
        self.load.enter("after")
        time.sleep(8)
        self.load.judge()


def edit_cluster(kube, ns, value, image=None):
    """Another environment of the head: a change that needs another cluster."""
    spec = kube.get("rayservices", ns, "s")["spec"]["rayClusterConfig"]["headGroupSpec"]
    box = spec["template"]["spec"]["containers"][0]
    box["env"] = [e for e in box["env"] if e["name"] != "VERSION"] + [{"name": "VERSION", "value": value}]
    if image: box["image"] = image
    kube.patch("rayservices", ns, "s", {"spec": {"rayClusterConfig": {"headGroupSpec": spec}}})


def wait_replaced(env, kube, ns, old):
    wait_told(env, kube, ns, "another cluster to serve", lambda: active(kube, ns) not in (None, old) and not pending(kube, ns))
    wait_told(env, kube, ns, "the old cluster to go", lambda: [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [active(kube, ns)] and
              not pods_of(kube, ns, old, live=False))
    return active(kube, ns)


# ---- routes ---------------------------------------------------------------------------------------------------------

GATEWAY_API = "gateway.networking.k8s.io"
GATEWAY_KINDS = {"gateways": "Gateway", "httproutes": "HTTPRoute", "grpcroutes": "GRPCRoute"}
RESOURCES.update({k: f"/apis/{GATEWAY_API}/v1" for k in GATEWAY_KINDS})


class DataPlane:
    """A Gateway's controller and its data plane in one: accepts what is there, and sends each request to a Service that the route
    names, as often as its weight says. A route that it has not accepted yet has no effect."""

    def __init__(self, env, kube, ns):
        self.kube, self.ns, self.backends, self.seen, self.stopped = kube, ns, [], [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        env.keep(self)

    def run(self):
        while not self.stopped:
            with contextlib.suppress(OSError, http.client.HTTPException, ApiError): self.look()
            time.sleep(0.2)

    def look(self):
        for o in self.kube.list("gateways", self.ns): self.accept("gateways", o, lambda ok: {"conditions": [ok("Accepted"), ok("Programmed")]})
        for o in self.kube.list("httproutes", self.ns):
            backends = [(self.kube.get("services", self.ns, b["name"])["spec"]["clusterIP"], b["port"], b.get("weight", 1), b["name"]) for b in o["spec"]["rules"][0]["backendRefs"]]
            if backends != self.backends: self.seen.append({name: weight for _, _, weight, name in backends})
            self.backends = backends
            self.accept("httproutes", o, lambda ok: {"parents": [{"parentRef": o["spec"]["parentRefs"][0], "controllerName": "rayvisor.test/gateway", "conditions": [ok("Accepted"), ok("ResolvedRefs")]}]})

    def accept(self, resource, o, status):
        generation = o["metadata"]["generation"]
        ok = lambda kind: {"type": kind, "status": "True", "reason": kind, "message": "", "observedGeneration": generation, "lastTransitionTime": o["metadata"]["creationTimestamp"]}
        if o.get("status") != status(ok): self.kube.patch(resource, self.ns, o["metadata"]["name"], {"status": status(ok)}, "status")

    def pick(self):
        """The address for one request."""
        backends = self.backends
        return random.choices([b[:2] for b in backends], [b[2] for b in backends])[0]

    def stop(self): self.stopped = True


# ---- scenes -----------------------------------------------------------------------------------------------------

def test_new_cluster(env):
    """The default strategy: a configuration changes in place, another cluster takes all at once, and one whose image does not exist takes nothing."""
    kube, ns = setup(env)
    address = start(env, kube, ns, service())
    old = active(kube, ns)
    with scene(env, "in-place update", address) as load:
        kube.patch("rayservices", ns, "s", {"spec": {"serveConfigV2": config("2")}})
        wait_told(env, kube, ns, "the new version alone to answer", lambda: {r.answer.get("version") for r in load.requests if r.took and r.sent > time.time() - 4} == {"2"})
        wait_told(env, kube, ns, "its replicas", lambda: side(kube, ns, "active")["applicationStatuses"]["slow"]["status"] == "RUNNING")
    assert active(kube, ns) == old and len(kube.list("rayclusters", ns)) == 1

    with scene(env, "new-cluster upgrade", address) as load:
        edit_cluster(kube, ns, "2")
        new = wait_replaced(env, kube, ns, old)
    assert {cluster_of(r) for r in load.requests} == {old, new}

    kube.patch("rayservices", ns, "s", {"metadata": {"annotations": {"rayvisor.io/upgrade-deadline": "20s"}}})
    with scene(env, "upgrade to an image that does not exist", address) as load:
        edit_cluster(kube, ns, "3", image="rayproject/ray:no-such-tag")
        wait_told(env, kube, ns, "the rollback", lambda: status(kube, ns).get("upgrade", {}).get("failedSpecHash") and not pending(kube, ns))
        wait_told(env, kube, ns, "one cluster", lambda: [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [new])
    why = cond(kube, ns, "Stalled")
    assert why["reason"] == "UpgradeDeadlineExceeded" and re.search("ImagePull|ErrImage", why["message"]), why
    assert {cluster_of(r) for r in load.requests} == {new}
    assert {"UpgradeDeadlineExceeded", "RollbackComplete"} <= {e["reason"] for e in events_of(kube, ns, "s")}


class Shares:
    """How many endpoints of each cluster stood behind the stable Service, one after the other."""

    def __init__(self, env, kube, ns):
        self.seen = env.keep(Watcher(kube, "endpointslices", ns))
        self.seen.stop = lambda: setattr(self.seen, "stopped", True)

    def of(self, old):
        """(of that cluster, of another one), as it changed."""
        out = []
        for kind, o in list(self.seen.events):
            if kind == "DELETED" or o["metadata"]["name"] != "s-serve-svc-shared": continue
            names = [e["targetRef"]["name"] for e in o["endpoints"] or []]
            n = sum(name.startswith(old + "-") for name in names)
            if not out or out[-1] != (n, len(names) - n): out.append((n, len(names) - n))
        return out


def test_incremental_without_a_gateway(env):
    """The share of endpoints moves in steps: forward, half way and back, and with an operator that is killed half way."""
    kube, ns = setup(env)
    steps = {"maxSurgePercent": 50, "stepSizePercent": 50, "intervalSeconds": 5, "gatewayClassName": "none"}
    o = service({"rayvisor.io/traffic": "Endpoints"}, upgradeStrategy={"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": steps})
    address = start(env, kube, ns, o)
    old = active(kube, ns)
    half = lambda: side(kube, ns, "pending").get("trafficRoutedPercent") == 50

    with scene(env, "incremental upgrade without a Gateway", address) as load:
        seen = Shares(env, kube, ns)
        edit_cluster(kube, ns, "2")
        new = wait_replaced(env, kube, ns, old)
        moved = seen.of(old)
        print(f"      endpoints of the old and the new cluster: {' '.join(f'{a}:{b}' for a, b in moved)}", flush=True)
    assert {cluster_of(r) for r in load.requests} == {old, new}
    assert any(a and b for a, b in moved) and all(a + b for a, b in moved) and not moved[-1][0], moved

    with scene(env, "rollback of an incremental upgrade", address) as load:
        edit_cluster(kube, ns, "3")
        wait_told(env, kube, ns, "half of the traffic", half)
        time.sleep(3)
        edit_cluster(kube, ns, "2")
        wait_told(env, kube, ns, "the rollback", lambda: not pending(kube, ns))
        wait_told(env, kube, ns, "one cluster", lambda: [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [new])
    assert active(kube, ns) == new and len({cluster_of(r) for r in load.requests}) == 2
    assert "RollbackComplete" in {e["reason"] for e in events_of(kube, ns, "s")}

    with scene(env, "incremental upgrade with an operator that is killed", address) as load:
        edit_cluster(kube, ns, "4")
        wait_told(env, kube, ns, "half of the traffic", half)
        restart_killed(env)
        last = wait_replaced(env, kube, ns, new)
    assert {cluster_of(r) for r in load.requests} == {new, last}


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


def test_a_head_that_dies(env):
    """Its control store is on a volume, and requests go to the worker's proxy alone: those that stand in the head's would die with it."""
    kube, ns = setup(env, featureGates={"GCSFaultToleranceEmbeddedStorage": True})
    claim(kube, ns, "gcs", os.path.join(env.dir, "gcs"))
    o = service(excludeHeadPodFromServeSvc=True)
    o["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"] = {"backend": "rocksdb", "storage": {"claimName": "gcs"}}
    address = start(env, kube, ns, o, 1)
    cluster, uid = active(kube, ns), lambda: [p["metadata"]["uid"] for p in pods_of(kube, ns, active(kube, ns), "headgroup")]
    first = uid()
    with scene(env, "a head that dies", address) as load:
        kube.delete("pods", ns, pods_of(kube, ns, cluster, "headgroup")[0]["metadata"]["name"], gracePeriodSeconds=0)
        wait_told(env, kube, ns, "another head", lambda: uid() and uid() != first and cond_of(kube.get("rayclusters", ns, cluster), "HeadPodReady") == "True")
        wait_told(env, kube, ns, "Serve on it to answer", lambda: side(kube, ns, "active")["applicationStatuses"]["slow"]["status"] == "RUNNING" and "Reconciling" not in [c["type"] for c in status(kube, ns)["conditions"]])
        time.sleep(10)
    assert active(kube, ns) == cluster and len({(r.answer["pod"], r.answer["since"]) for r in load.requests}) == 2, "the same two replicas answer"


def cond_of(o, kind): return next((c["status"] for c in o.get("status", {}).get("conditions", []) if c["type"] == kind), "")


def test_incremental_through_a_route(env):
    """All at once, and in quarters."""
    need_node()
    for plural, kind in GATEWAY_KINDS.items(): foreign_kind(Kube(f"{NODE}/kubeconfig"), GATEWAY_API, "v1", kind, plural)
    kube, ns = setup(env)
    plane = DataPlane(env, kube, ns)
    steps = lambda surge, step, interval: {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": {"maxSurgePercent": surge, "stepSizePercent": step, "intervalSeconds": interval, "gatewayClassName": "test"}}
    start(env, kube, ns, service(upgradeStrategy=steps(100, 100, 1)))
    wait_told(env, kube, ns, "the route", lambda: plane.backends)
    old = active(kube, ns)
    for i, numbers in enumerate([(100, 100, 1), (25, 25, 5)]):
        kube.patch("rayservices", ns, "s", {"spec": {"upgradeStrategy": steps(*numbers)}})
        with scene(env, f"incremental upgrade through an HTTPRoute, surge, step and interval {numbers}", plane.pick) as load:
            before = len(plane.seen)
            edit_cluster(kube, ns, str(i))
            new = wait_replaced(env, kube, ns, old)
        weights = list(dict.fromkeys((w.get(f"{old}-serve-svc", 0), w.get(f"{new}-serve-svc", 0)) for w in plane.seen[before:]))
        print(f"      weights of the old and the new cluster: {' '.join(f'{a}:{b}' for a, b in weights)}", flush=True)
        assert {cluster_of(r) for r in load.requests} == {old, new}
        assert [w for w in weights if w[1]] == [(100 - b, b) for b in range(numbers[1], 101, numbers[1])], weights
        old = new


if __name__ == "__main__": main()
