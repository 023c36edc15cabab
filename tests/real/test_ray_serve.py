#!/usr/bin/env python3
"""RayServices on a real Ray: a client at a fixed rate sends its requests through the stable serve Service, by a real kube-proxy, the
whole time through, while configurations and clusters are exchanged. The application's replica takes twenty seconds to construct and
answers in fifty milliseconds. No request may fail, and none may be sent to a cluster that has no ready replica."""
import concurrent.futures
from real import *

CONSTRUCTOR = 20  # seconds
RATE = 8  # requests a second
LATE = 5  # seconds: a request that takes so long has waited for a replica
SLOWLY = 300


# ---- the client -------------------------------------------------------------------------------------------------

class Request:
    def __init__(self, phase):
        self.phase, self.sent, self.took, self.error, self.answer = phase, time.time(), None, None, {}

    def send(self, address, timeout):
        begin = time.monotonic()
        c = http.client.HTTPConnection(*address, timeout=timeout)
        try:
            c.request("GET", "/")
            r = c.getresponse()
            body = r.read()
            if r.status == 200: self.answer = json.loads(body)
            else: self.error = f"HTTP {r.status}: {body[:200]!r}"
        except (OSError, http.client.HTTPException, ValueError) as e:
            self.error = repr(e)
        finally:
            c.close()
        self.took = time.monotonic() - begin


class Load:
    """Requests at a fixed rate, whether earlier ones were answered or not; each on a connection of its own, and none repeated."""

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

    def clusters(self, last):
        """Who answered the requests of the last seconds, and how many each."""
        return collections.Counter(cluster_of(r) for r in list(self.requests) if r.sent > time.time() - last and r.answer)

    def stop(self):
        self.on = False
        self.thread.join()
        self.pool.shutdown()

    def judge(self):
        """Prints what came of the requests, and fails when one was not answered, or waited for a replica."""
        self.stop()
        first, bad = {}, [r for r in self.requests if r.error or not r.answer]
        for r in self.requests:
            if r.answer: first[cluster_of(r)] = min(first.get(cluster_of(r), r.answer["since"]), r.answer["since"])
        early = [r for r in self.requests if r.answer and r.sent < first[cluster_of(r)]]
        slow = [r for r in self.requests if r.took is None or r.took > LATE]
        for phase in dict.fromkeys(self.phases):
            mine = [r for r in self.requests if r.phase == phase]
            took = [r.took for r in mine if r.took is not None and not r.error]
            if not mine: continue
            print(f"      {phase:9}{len(mine):5} sent, {len(took):5} answered, {len([r for r in mine if r in bad])} failed; " +
                  (f"p50 {1000 * quantile(took, 0.5):.0f} ms, p99 {1000 * quantile(took, 0.99):.0f} ms, slowest {1000 * max(took):.0f} ms" if took else ""), flush=True)
        begin = self.requests[0].sent
        assert not bad, [(f"{r.sent - begin:.2f} s", r.phase, r.error, r.took) for r in bad[:10]]
        assert not early, f"{len(early)} requests were sent to a cluster without a ready replica: {[(r.sent - begin, r.took, r.answer) for r in early[:5]]}"
        assert not slow, f"{len(slow)} requests waited for a replica: {[(r.sent - begin, r.took, r.answer) for r in slow[:5]]}"
        return first.keys()


def cluster_of(r): return re.sub(r"-(head|w-worker)(-\w+)?$", "", r.answer["pod"])


# ---- the RayService ---------------------------------------------------------------------------------------------

def config(version="1", replicas=1):
    return json.dumps({"applications": [{"name": "slow", "import_path": "slow:app", "route_prefix": "/", "args": {"version": version},
                                         "deployments": [{"name": "Slow", "num_replicas": replicas, "ray_actor_options": {"num_cpus": 0.1}}]}]})


def cluster_spec():
    """A head that has no replicas, and one worker."""
    spec = real_cluster(1)
    spec["headGroupSpec"]["rayStartParams"] = {"num-cpus": "0"}
    worker = spec["workerGroupSpecs"][0]
    worker["rayStartParams"] = {"num-cpus": "1"}
    for group in (spec["headGroupSpec"], worker):
        with_files(group)
        group["template"]["spec"]["terminationGracePeriodSeconds"] = 5
        group["template"]["spec"]["containers"][0]["env"].append({"name": "CONSTRUCTOR_SECONDS", "value": str(CONSTRUCTOR)})
    return spec


def service(annotations=None, replicas=1, **spec):
    return {"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": "s", "annotations": annotations or {}},
            "spec": {"serveConfigV2": config(replicas=replicas), "rayClusterConfig": cluster_spec(), "rayClusterDeletionDelaySeconds": 2, **spec}}


def setup(env, **settings):
    kube, ns = on_node(env, [{"name": "raycluster"}, {"name": "rayservice", "settings": settings}])
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
    wait_told(env, kube, ns, "the RayService to serve", lambda: cond(kube, ns, "Ready").get("status") == "True" and status(kube, ns).get("numServeEndpoints", 0) >= endpoints)
    print(f"    it serves after {time.monotonic() - begin:.0f} s", flush=True)
    return kube.get("services", ns, "s-serve-svc")["spec"]["clusterIP"], 8000


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
            with contextlib.suppress(AssertionError): self.load.judge()
            return
        print(f"      took {time.monotonic() - self.begin:.0f} s", flush=True)
        self.load.enter("after")
        time.sleep(8)
        self.load.judge()


def edit_cluster(kube, ns, value):
    """Another environment of the head: a change that needs another cluster."""
    spec = kube.get("rayservices", ns, "s")["spec"]["rayClusterConfig"]["headGroupSpec"]
    env = [e for e in spec["template"]["spec"]["containers"][0]["env"] if e["name"] != "VERSION"]
    spec["template"]["spec"]["containers"][0]["env"] = env + ([{"name": "VERSION", "value": value}] if value else [])
    kube.patch("rayservices", ns, "s", {"spec": {"rayClusterConfig": {"headGroupSpec": spec}}})


def wait_replaced(env, kube, ns, old):
    wait_told(env, kube, ns, "another cluster to serve", lambda: active(kube, ns) not in (None, old) and not pending(kube, ns))
    wait_told(env, kube, ns, "the old cluster to go", lambda: [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [active(kube, ns)] and
              not pods_of(kube, ns, old, live=False))
    return active(kube, ns)


# ---- scenes -----------------------------------------------------------------------------------------------------

def test_new_cluster(env):
    kube, ns = setup(env)
    address = start(env, kube, ns, service(replicas=2))
    old = active(kube, ns)
    with scene(env, "in-place update", address) as load:
        kube.patch("rayservices", ns, "s", {"spec": {"serveConfigV2": config("2", replicas=2)}})
        wait_told(env, kube, ns, "the new version alone to answer", lambda: {r.answer.get("version") for r in load.requests if r.took and r.sent > time.time() - 4} == {"2"})
    assert active(kube, ns) == old and len(kube.list("rayclusters", ns)) == 1
    with scene(env, "new-cluster upgrade", address) as load:
        edit_cluster(kube, ns, "2")
        new = wait_replaced(env, kube, ns, old)
    assert {cluster_of(r) for r in load.requests} == {old, new}


if __name__ == "__main__": main()
