#!/usr/bin/env python3
"""RayServices from manifest to served requests, and from one cluster to the next, on the sandbox's simulated Ray. A client sends
requests at a fixed rate the whole time; none of them may fail.

On a real API server pods run nothing: a proxy answers in Serve's place, and no requests are sent. What needs a Gateway's controller or a Ray that
misbehaves is skipped there."""
import concurrent.futures
from front import FakeServe, Front
from harness import *

RESOURCES.update({k: "/apis/gateway.networking.k8s.io/v1" for k in ("gateways", "httproutes", "grpcroutes")})
GRADUAL = {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": {"maxSurgePercent": 50, "stepSizePercent": 50, "intervalSeconds": 1, "gatewayClassName": "sandbox"}}


def setup(env, settings=None, sim="ray_deploy_ms=1500,ray_build_ms=100,ray_stop_ms=50,ray_drain_ms=300,gateway=1", real=False):
    """real: the test can do without the simulated Ray."""
    if real: env.cluster("--sim-opts", sim)
    else: env.sandbox("--sim-opts", sim)
    ns = env.kube.namespace("services")
    front = {"kubeconfig": env.keep(Front(env.dir, env.kube, answer=FakeServe(1.5))).kubeconfig} if env.sb is None else {}
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice", "settings": settings or {}}], proxy=True, **front)
    return env.kube, ns


def service(name, **spec):
    o = rayservice(name, config="applications:\n- {name: fruit, import_path: 'm:fruit', route_prefix: /fruit, deployments: [{name: Mango, num_replicas: 1}]}\n", **spec)
    o["spec"]["rayClusterConfig"]["enableInTreeAutoscaling"] = True
    o["spec"]["rayClusterConfig"]["headGroupSpec"]["rayStartParams"] = {"num-cpus": "0"}  # replicas are on the worker
    g = o["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    g["minReplicas"] = g["replicas"]
    return o


def status(kube, ns, name="s"): return kube.get("rayservices", ns, name).get("status", {})
def active(kube, ns, name="s"): return status(kube, ns, name).get("activeServiceStatus", {}).get("rayClusterName")
def pending(kube, ns, name="s"): return status(kube, ns, name).get("pendingServiceStatus", {}).get("rayClusterName")
def cond(s): return {c["type"]: c for c in s.get("conditions", [])}
def announced(kube, ns, name, *reasons): wait_for(f"the events {reasons}", lambda: {*reasons} <= {e["reason"] for e in events_of(kube, ns, name)})


def wait_serving(kube, ns, name="s", endpoints=1, timeout=60):
    def ok():
        s = status(kube, ns, name)
        return s.get("serviceStatus") == "Running" and s.get("numServeEndpoints", 0) >= endpoints and active(kube, ns, name) and s
    return wait_for(f"RayService {name} to be Ready", ok, timeout)


def wait_replaced(kube, ns, old, timeout=90):
    wait_for("another cluster to serve", lambda: active(kube, ns) not in (None, old) and not pending(kube, ns), timeout)
    return active(kube, ns)


def edit(kube, ns, value, name="s"):
    """Another environment for the head: a change that needs another cluster."""
    spec = kube.get("rayservices", ns, name)["spec"]["rayClusterConfig"]["headGroupSpec"]
    spec["template"]["spec"]["containers"][0]["env"] = [{"name": "VERSION", "value": value}] if value else None
    kube.patch("rayservices", ns, name, {"spec": {"rayClusterConfig": {"headGroupSpec": spec}}})


class Load:
    """Requests at a fixed rate, each accounted for. sb None: there is nobody who would answer them, and none is sent."""

    def __init__(self, sb, ns, rate=10, **target):
        self.sb, self.ns, self.target, self.rate, self.answers, self.on = sb, ns, target, rate, [], True
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.thread = threading.Thread(target=self.run, daemon=True)
        if sb: self.thread.start()

    def run(self):
        while self.on:
            self.pool.submit(self.one)
            time.sleep(1 / self.rate)

    def one(self):
        try:
            self.answers.append(self.sb.post("sim/request", {"namespace": self.ns, "path": "/fruit", **self.target}))
        except OSError as e:
            self.answers.append({"status": 0, "error": repr(e), "tookMs": 30000, "cluster": None})

    def reached(self, *clusters):
        """It ends; all of these answered, and no other."""
        seen = {a["cluster"] for a in self.stop()}
        assert not self.sb or seen == {*clusters}, seen

    def stop(self):
        self.on = False
        if not self.sb: return []
        self.thread.join()
        self.pool.shutdown()
        bad = [a for a in self.answers if a["status"] != 200]
        slowest = max(a["tookMs"] for a in self.answers)
        print(f"    {len(self.answers)} requests, {len(bad)} failed, the slowest took {slowest} ms, to {len({a['cluster'] for a in self.answers})} clusters")
        assert self.answers and not bad, bad[:5]
        assert slowest < 1200, "a request waited for a replica to be constructed"
        return self.answers


def test_first_start(env):
    kube, ns = setup(env, real=True)
    kube.create("rayservices", ns, service("s"))
    s = wait_serving(kube, ns, endpoints=2)
    cluster = active(kube, ns)
    assert re.fullmatch("s-[bcdfghjklmnpqrstvwxz2456789]{5}", cluster), cluster
    assert not pending(kube, ns) and cond(s)["UpgradeInProgress"]["reason"] == "NoPendingCluster", s
    assert s["activeServiceStatus"]["applicationStatuses"]["fruit"]["status"] == "RUNNING", s
    serve, head = kube.get("services", ns, "s-serve-svc"), kube.get("services", ns, "s-head-svc")
    assert serve["spec"]["selector"] == {"ray.io/cluster": cluster, "ray.io/serve": "true"}, serve
    assert head["spec"]["selector"]["ray.io/cluster"] == cluster, head
    announced(kube, ns, "s", "CreatedRayCluster", "CreatedService", "UpdatedServeApplications", "UpdatedHeadPodServeLabel")
    wait_for("no more to reconcile", lambda: "Reconciling" not in cond(status(kube, ns)) and "Stalled" not in cond(status(kube, ns)))
    assert_quiet(env)
    kube.delete("rayservices", ns, "s")
    wait_for("everything to be gone", lambda: not kube.list("rayservices", ns) and not kube.list("rayclusters", ns) and not kube.list("services", ns), 60)


def test_in_place_update(env):
    kube, ns = setup(env, real=True)
    o = service("s")
    group = o["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    group["replicas"] = group["minReplicas"] = 2  # one for each replica
    kube.create("rayservices", ns, o)
    wait_serving(kube, ns, endpoints=2)
    old, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    config = kube.get("rayservices", ns, "s")["spec"]["serveConfigV2"].replace("num_replicas: 1", "num_replicas: 2")
    kube.patch("rayservices", ns, "s", {"spec": {"serveConfigV2": config}})
    wait_for("the configuration to be accepted", lambda: status(kube, ns)["activeServiceStatus"]["acceptedServeConfig"]["text"] == config)
    wait_for("the applications to run", lambda: status(kube, ns)["activeServiceStatus"]["applicationStatuses"]["fruit"]["status"] == "RUNNING")
    time.sleep(4)  # replicas start meanwhile
    load.stop()
    assert active(kube, ns) == old and len(kube.list("rayclusters", ns)) == 1
    kube.patch("rayservices", ns, "s", {"spec": {"serveConfigV2": "applications: 3\n"}})
    wait_for("the complaint", lambda: cond(status(kube, ns)).get("Stalled", {}).get("reason") == "InvalidServeConfig")
    assert status(kube, ns)["serviceStatus"] == "Running"


def test_new_cluster_upgrade(env):
    kube, ns = setup(env, real=True)
    kube.create("rayservices", ns, service("s", rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns, endpoints=2)
    old, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    edit(kube, ns, "2")
    new = wait_replaced(kube, ns, old)
    s = status(kube, ns)
    assert cond(s)["UpgradeInProgress"]["status"] == "False", s
    wait_for("the Service to follow", lambda: kube.get("services", ns, "s-serve-svc")["spec"]["selector"]["ray.io/cluster"] == new)
    wait_for("the old cluster to go", lambda: len(kube.list("rayclusters", ns)) == 1)
    load.reached(old, new)
    announced(kube, ns, "s", "UpgradeStarted", "UpgradeComplete", "DeletedRayCluster")
    wait_serving(kube, ns)
    wait_for("nothing retired", lambda: "retiredClusters" not in status(kube, ns))
    assert_quiet(env)


def with_version(version):
    """Two replicas, one on each of two workers, which another version replaces one by one."""
    return "applications:\n- {name: fruit, import_path: 'm:fruit', route_prefix: /fruit, args: {version: '%s'}, deployments: [{name: Mango, num_replicas: 2}]}\n" % version


def test_in_place_update_that_is_taken_back(env):
    """While Serve exchanges replicas."""
    kube, ns = setup(env)
    o = service("s", serveConfigV2=with_version("1"))
    group = o["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    group["replicas"] = group["minReplicas"] = 2
    kube.create("rayservices", ns, o)
    wait_serving(kube, ns, endpoints=3)
    old, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    runs = lambda: status(kube, ns)["activeServiceStatus"]["applicationStatuses"]["fruit"]["status"] == "RUNNING"
    kube.patch("rayservices", ns, "s", {"spec": {"serveConfigV2": with_version("2")}})
    wait_for("Serve to exchange replicas", lambda: not runs())
    kube.patch("rayservices", ns, "s", {"spec": {"serveConfigV2": with_version("1")}})
    wait_for("the configuration of before", lambda: status(kube, ns)["activeServiceStatus"]["acceptedServeConfig"]["text"] == with_version("1") and runs())
    load.reached(old)
    assert [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [old]
    assert_quiet(env)


def test_new_cluster_upgrade_that_is_taken_back(env):
    """While the new cluster starts: it never gets a request."""
    kube, ns = setup(env)
    kube.create("rayservices", ns, service("s", rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns, endpoints=2)
    old, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    edit(kube, ns, "2")
    wait_for("pods of the new cluster", lambda: pending(kube, ns) and len(pods_of(kube, ns, pending(kube, ns))) == 2)
    edit(kube, ns, None)
    wait_for("one cluster", lambda: not pending(kube, ns) and [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [old])
    load.reached(old)
    announced(kube, ns, "s", "RollbackComplete")
    assert_quiet(env)


def test_a_head_that_dies(env):
    """Its workers serve on, and the next head's Serve finds their replicas. Requests that stand in a head's own proxy would die with it."""
    kube, ns = setup(env)
    o = service("s", excludeHeadPodFromServeSvc=True)
    o["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"] = {"redisAddress": "redis:6379"}
    kube.create("rayservices", ns, o)
    wait_serving(kube, ns)
    cluster, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    heads = lambda: pods_of(kube, ns, cluster, "headgroup")
    workers = lambda: {p["metadata"]["uid"] for p in pods_of(kube, ns, cluster)} - {p["metadata"]["uid"] for p in heads()}
    first, before = heads()[0]["metadata"], workers()
    kube.delete("pods", ns, first["name"], gracePeriodSeconds=0)
    wait_for("another head", lambda: heads() and heads()[0]["metadata"]["uid"] != first["uid"] and conditions(status_of(kube, ns, cluster))["HeadPodReady"]["status"] == "True")
    wait_for("Serve on it to answer", lambda: "Reconciling" not in cond(status(kube, ns)) and status(kube, ns)["activeServiceStatus"]["applicationStatuses"]["fruit"]["status"] == "RUNNING")
    load.reached(cluster)
    assert workers() == before, "the workers are the same"
    assert active(kube, ns) == cluster and not pending(kube, ns)


def test_an_old_cluster_waits_for_a_long_request(env):
    """Also when the proxies no longer count it."""
    kube, ns = setup(env, sim="ray_deploy_ms=500,ray_build_ms=100,ray_stop_ms=50,ray_drain_ms=300,ray_gauge_ms=500")
    kube.create("rayservices", ns, service("s", rayClusterDeletionDelaySeconds=0))
    wait_serving(kube, ns, endpoints=2)
    old = active(kube, ns)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(env.sb.post, "sim/request", {"namespace": ns, "path": "/fruit", "service": "s-serve-svc", "ms": 15000})
        edit(kube, ns, "2")
        wait_replaced(kube, ns, old)
        assert not long.done() and long.result()["status"] == 200, long.result()
    wait_for("the old cluster to go", lambda: len(kube.list("rayclusters", ns)) == 1, 60)


def through(kube, ns): return wait_for("the route", lambda: kube.find("httproutes", ns, "s-httproute"))


def test_incremental_upgrade(env):
    """Through a Gateway, with the operator killed in the middle."""
    kube, ns = setup(env)
    kube.create("rayservices", ns, service("s", upgradeStrategy=GRADUAL, rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns, endpoints=2)
    through(kube, ns)
    old = active(kube, ns)
    load = load_through_the_route(env, ns)
    stable = Load(env.sb, ns, service="s-serve-svc")
    edit(kube, ns, "2")
    half = wait_for("half of the traffic", lambda: (s := status(kube, ns)).get("pendingServiceStatus", {}).get("trafficRoutedPercent") == 50 and s, 60)
    line = cond(half)["Reconciling"]["message"]
    assert "50 % of traffic" in line and "until" in line and "rolled back" in line, line
    env.op.proc.kill()
    env.op.proc.wait()
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice"}], proxy=True)
    new = wait_replaced(kube, ns, old)
    assert status(kube, ns)["activeServiceStatus"]["targetCapacity"] == 100
    load.reached(old, new)
    stable.stop()
    wait_for("the old cluster to go", lambda: len(kube.list("rayclusters", ns)) == 1)


def load_through_the_route(env, ns):
    """Begins when the Gateway's controller sends requests on."""
    wait_for("the Gateway's controller", lambda: env.sb.post("sim/request", {"namespace": ns, "path": "/fruit", "httpRoute": "s-httproute"})["status"] == 200)
    return Load(env.sb, ns, httpRoute="s-httproute")


def test_a_gateway_that_follows_late(env):
    """What it says of the shares before is no proof, and the last capacity of the old cluster stays until the new ones act."""
    kube, ns = setup(env, sim="ray_deploy_ms=500,ray_build_ms=100,ray_stop_ms=50,ray_drain_ms=300,gateway=1,gateway_ms=3000")
    steps = {**GRADUAL["clusterUpgradeOptions"], "maxSurgePercent": 100, "stepSizePercent": 100}
    kube.create("rayservices", ns, service("s", upgradeStrategy={**GRADUAL, "clusterUpgradeOptions": steps}, rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns, endpoints=2)
    through(kube, ns)
    old = active(kube, ns)
    load = load_through_the_route(env, ns)
    edit(kube, ns, "2")
    new = wait_replaced(kube, ns, old)
    assert {a["cluster"] for a in load.stop()} == {old, new}


def take_back(env, kube, ns, load, share, killed=False):
    """An upgrade, taken back when the new cluster has that share of the traffic. Both clusters answered, and then only the old one is there."""
    old = active(kube, ns)
    edit(kube, ns, "2")
    wait_for(f"{share} % of the traffic", lambda: status(kube, ns).get("pendingServiceStatus", {}).get("trafficRoutedPercent") == share, 60)
    new = pending(kube, ns)
    wait_for("the new cluster to answer", lambda: not env.sb or new in {a["cluster"] for a in load.answers})
    edit(kube, ns, None)
    if killed:
        env.op.proc.kill()
        env.op.proc.wait()
        env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice"}], proxy=True)
    wait_for("the rollback", lambda: not pending(kube, ns), 60)
    load.reached(old, new)
    s = status(kube, ns)
    assert active(kube, ns) == old and s["activeServiceStatus"]["trafficRoutedPercent"] == 100 and "RollbackInProgress" not in cond(s), s
    wait_for("the new cluster to go", lambda: len(kube.list("rayclusters", ns)) == 1)
    announced(kube, ns, "s", "RollbackComplete")


def test_rollback(env):
    """Through a Gateway, at half of the traffic."""
    kube, ns = setup(env)
    kube.create("rayservices", ns, service("s", upgradeStrategy=GRADUAL, rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns, endpoints=2)
    through(kube, ns)
    take_back(env, kube, ns, load_through_the_route(env, ns), 50)


def test_rollback_of_the_whole_traffic(env):
    """All traffic went to the new cluster in one step, and the old one still has its capacity."""
    kube, ns = setup(env)
    steps = {**GRADUAL["clusterUpgradeOptions"], "maxSurgePercent": 100, "stepSizePercent": 100}
    kube.create("rayservices", ns, service("s", upgradeStrategy={**GRADUAL, "clusterUpgradeOptions": steps}, rayClusterDeletionDelaySeconds=2))
    wait_serving(kube, ns, endpoints=2)
    through(kube, ns)
    take_back(env, kube, ns, load_through_the_route(env, ns), 100)


def test_rollback_without_a_gateway(env):
    """With the operator killed in the middle of it."""
    kube, ns = setup(env)
    o = service("s", upgradeStrategy=GRADUAL, rayClusterDeletionDelaySeconds=2)
    o["metadata"]["annotations"] = {"rayvisor.io/traffic": "Endpoints"}
    kube.create("rayservices", ns, o)
    wait_serving(kube, ns, endpoints=2)
    take_back(env, kube, ns, Load(env.sb, ns, service="s-serve-svc"), 50, killed=True)


def test_without_a_gateway(env):
    kube, ns = setup(env, real=True)
    o = service("s", upgradeStrategy=GRADUAL, rayClusterDeletionDelaySeconds=2)
    o["metadata"]["annotations"] = {"rayvisor.io/traffic": "Endpoints"}
    kube.create("rayservices", ns, o)
    wait_serving(kube, ns, endpoints=2)
    old, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    assert not kube.get("services", ns, "s-serve-svc")["spec"].get("selector")
    edit(kube, ns, "2")
    new = wait_replaced(kube, ns, old)
    wait_for("the old cluster to go", lambda: len(kube.list("rayclusters", ns)) == 1)
    load.reached(old, new)
    assert_quiet(env)


def test_an_image_that_does_not_exist(env):
    """Past the deadline it is reported with the pod in the way, and rolled back; the same spec is not tried again."""
    kube, ns = setup(env)
    o = service("s")
    o["metadata"]["annotations"] = {"rayvisor.io/upgrade-deadline": "5s"}
    kube.create("rayservices", ns, o)
    wait_serving(kube, ns, endpoints=2)
    old, load = active(kube, ns), Load(env.sb, ns, service="s-serve-svc")
    spec = kube.get("rayservices", ns, "s")["spec"]["rayClusterConfig"]["headGroupSpec"]
    spec["template"]["metadata"] = {"annotations": {"sandbox.rayvisor.io/behavior": "image-pull-error"}}
    kube.patch("rayservices", ns, "s", {"spec": {"rayClusterConfig": {"headGroupSpec": spec}}})
    wait_for("the rollback", lambda: status(kube, ns).get("upgrade", {}).get("failedSpecHash") and not pending(kube, ns), 60)
    why = cond(status(kube, ns))["Stalled"]
    assert why["reason"] == "UpgradeDeadlineExceeded" and re.search("ImagePull|ErrImage", why["message"]), why
    load.stop()
    wait_for("one cluster", lambda: [c["metadata"]["name"] for c in kube.list("rayclusters", ns)] == [old])
    announced(kube, ns, "s", "UpgradeDeadlineExceeded", "RollbackComplete")
    assert_quiet(env)


def test_suspend_and_resume(env):
    kube, ns = setup(env, real=True)
    gateway = ("gateways", "httproutes") if env.sb else ()
    kube.create("rayservices", ns, service("s", **{"upgradeStrategy": GRADUAL} if gateway else {}))
    wait_serving(kube, ns, endpoints=2)
    old = active(kube, ns)
    if gateway: through(kube, ns)
    kube.patch("rayservices", ns, "s", {"spec": {"suspend": True}})
    wait_for("it to be suspended", lambda: cond(status(kube, ns)).get("Suspended", {}).get("status") == "True")
    s = status(kube, ns)
    assert {t: (cond(s)[t]["status"], cond(s)[t]["reason"]) for t in ("Ready", "Suspending", "UpgradeInProgress", "RollbackInProgress")} == \
        {t: ("False", "SuspendComplete") for t in ("Ready", "Suspending", "UpgradeInProgress", "RollbackInProgress")}, s
    assert not any(kube.list(r, ns) for r in ("rayclusters", *gateway)) and not active(kube, ns), s
    assert not [x for x in kube.list("services", ns) if x["metadata"]["name"].startswith("s-serve") or x["metadata"]["name"] == "s-head-svc"]
    assert_quiet(env)
    kube.patch("rayservices", ns, "s", {"spec": {"suspend": False}})
    s = wait_serving(kube, ns, endpoints=2)
    assert active(kube, ns) != old and cond(s)["Suspended"]["reason"] == "RayServiceResumed", s


def test_initializing_timeout(env):
    kube, ns = setup(env, real=True)
    o = service("s")
    o["metadata"]["annotations"] = {"ray.io/initializing-timeout": "3"}
    o["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["nodeSelector"] = {"no": "node"}
    kube.create("rayservices", ns, o)
    s = wait_for("the time-out", lambda: cond(status(kube, ns)).get("Ready", {}).get("reason") == "InitializingTimeout" and status(kube, ns))
    assert not active(kube, ns) and not pending(kube, ns), s
    assert cond(s)["Ready"]["message"].startswith("RayService failed to become ready within the configured timeout of"), s
    announced(kube, ns, "s", "RayServiceInitializingTimeout")
    edit(kube, ns, "2")
    time.sleep(2)
    assert cond(status(kube, ns))["Ready"]["reason"] == "InitializingTimeout", "it is terminal"


def test_invalid(env):
    kube, ns = setup(env, real=True)
    name = "x" * 48
    kube.create("rayservices", ns, service(name))
    s = wait_for("the complaint", lambda: cond(status(kube, ns, name)).get("Ready", {}).get("reason") == "ValidationFailed" and status(kube, ns, name))
    assert "no more than 47 characters" in cond(s)["Ready"]["message"], s
    announced(kube, ns, name, "InvalidRayServiceMetadata")
    o = service("m", managedBy="kueue.x-k8s.io/multikueue")
    kube.create("rayservices", ns, o)
    time.sleep(1)
    o = kube.get("rayservices", ns, "m")
    assert "status" not in o and "finalizers" not in o["metadata"], o


def test_hanging_heads_delay_nobody(env):
    kube, ns = setup(env)
    kube.create("rayservices", ns, service("bad"))
    wait_serving(kube, ns, "bad", endpoints=2)
    before = status(kube, ns, "bad")["activeServiceStatus"]["applicationStatuses"]
    env.sb.post("sim/ray", {"match": {"cluster": "bad-"}, "dashboard": "hang"})
    begin = time.monotonic()
    kube.create("rayservices", ns, service("good"))
    wait_serving(kube, ns, "good", endpoints=2)
    assert time.monotonic() - begin < 20 * PATIENCE
    s = status(kube, ns, "bad")
    assert s["activeServiceStatus"]["applicationStatuses"] == before and s["serviceStatus"] == "Running", s


if __name__ == "__main__": main()
