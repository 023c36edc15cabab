#!/usr/bin/env python3
"""The embedded cluster's Ray Serve: configurations, replicas, capacity, proxies, drains, misfortune, and requests through Services
and routes. Without an operator. What is asserted here was seen on Serve 2.60."""
import concurrent.futures, time
from harness import *

NS = "default"
RESOURCES.update({k: "/apis/gateway.networking.k8s.io/v1" for k in ("gateways", "httproutes")})
FAST = "ray_deploy_ms=200,ray_build_ms=100,ray_stop_ms=50,ray_drain_ms=300"
PROBE = {"exec": {"command": ["bash", "-c", "wget -T 2 -q -O- http://localhost:8000/-/healthz | grep success"]}}


def start(env, *args, opts=FAST):
    sb = env.sandbox("--sim-opts", opts, *args, why="tests the sandbox itself")
    return sb, sb.kube


def pod(name, cluster="c", head=False, cpus=4, **container):
    return {"metadata": {"name": name, "labels": {"ray.io/cluster": cluster, "ray.io/node-type": "head" if head else "worker", "ray.io/serve": "true"}},
            "spec": {"containers": [{"name": "ray", "image": "rayproject/ray:2.60.0", "args": [f"ray start --num-cpus={cpus}"],
                                     "ports": [{"name": "dashboard", "containerPort": 8265}, {"name": "serve", "containerPort": 8000}], **container}]}}


def service(name, cluster="c", **selector):
    return {"metadata": {"name": name}, "spec": {"selector": {"ray.io/cluster": cluster, **selector},
            "ports": [{"name": "dashboard", "port": 8265}, {"name": "serve", "port": 8000}]}}


class Cluster:
    def __init__(self, sb, name="c", workers=1, head_cpus=0, probe=True):
        self.sb, self.kube, self.name = sb, sb.kube, name
        self.kube.create("pods", NS, pod(name + "-head", name, head=True, cpus=head_cpus))
        for i in range(workers):
            self.kube.create("pods", NS, pod(f"{name}-w{i}", name, **({"readinessProbe": PROBE} if probe else {})))
        self.kube.create("services", NS, service(name + "-head-svc", name, **{"ray.io/node-type": "head"}))
        self.kube.create("services", NS, service(name + "-serve-svc", name, **{"ray.io/serve": "true"}))
        wait_for("Ray", lambda: self.ask("GET", "/api/version")[0] == 200)
        wait_for("the workers", lambda: sum(n["alive"] for n in self.state()["nodes"]) == workers + 1)

    def ask(self, method, path, body=None, target=None):
        c, r = self.kube.open(method, f"/api/v1/namespaces/{NS}/" + (target or f"services/{self.name}-head-svc:dashboard") + "/proxy" + path, body)
        return r.status, r.read().decode()

    def put(self, *apps, ok=200, **more):
        status, text = self.ask("PUT", "/api/serve/applications/", {"applications": list(apps), **more})
        assert status == ok, (status, text)
        return text

    def details(self): return json.loads(self.ask("GET", "/api/serve/applications/?api_type=declarative")[1])

    def app(self, name="app"):
        a = self.details()["applications"].get(name)
        return a and (a["status"], a["message"])

    def replicas(self, app="app"):
        """(state, pod) of each."""
        by_uid = {p["metadata"]["uid"]: p["metadata"]["name"] for p in self.kube.list("pods", NS)}
        return [(r["state"], by_uid.get(r["node_id"])) for d in self.details()["applications"][app]["deployments"].values() for r in d["replicas"]]

    def running(self, n, app="app"):
        wait_for(f"{n} replicas", lambda: self.app(app)[0] == "RUNNING" and sum(r[0] == "RUNNING" for r in self.replicas(app)) == n
                 and len(self.replicas(app)) == n)

    def state(self): return self.kube.call("GET", f"/sandbox/v1/sim/ray/{NS}/{self.name}")
    def healthz(self, name): return self.ask("GET", "/-/healthz", target=f"pods/{name}:8000")


def app(name="app", replicas=1, cpus=1, route="/", **more):
    return {"name": name, "route_prefix": route, "import_path": "m:" + name,
            "deployments": [{"name": "D", "num_replicas": replicas, "ray_actor_options": {"num_cpus": cpus}, **more}]}


def request(sb, **what): return sb.post("sim/request", {"namespace": NS, **what})


def is_ready(kube, name): return any(c["type"] == "Ready" and c["status"] == "True" for c in kube.get("pods", NS, name).get("status", {}).get("conditions", []))


def test_configurations_are_refused_in_serves_words(env):
    sb, kube = start(env)
    c = Cluster(sb)
    assert c.details() == {"controller_info": {}, "proxies": {}, "applications": {}, "target_capacity": None}, c.details()
    status, text = c.ask("PUT", "/api/serve/applications/", {})
    assert status == 400 and text.startswith("1 validation error for ServeDeploySchema\napplications\n  Field required [type=missing"), text
    for config, words in (({"applications": "x"}, "Input should be a valid list"), ({"applications": [{"name": "a"}]}, "applications.0.import_path\n  Field required"),
                          ({"applications": [], "target_capacity": 101}, "target_capacity\n  Input should be less than or equal to 100"),
                          ({"applications": [app("a"), app("b")]}, 'Found duplicate applications for route prefix "/". Please'),
                          ({"applications": [app("a"), app("a", route="/b")]}, 'Found multiple configs for application "a". Please'),
                          ({"applications": [{"import_path": "nodots"}]}, 'Got invalid import path "nodots"'),
                          ({"applications": [], "proxy_location": "Nowhere"}, "proxy_location\n  Input should be"), ("text", "Input should be a valid dictionary")):
        status, text = c.ask("PUT", "/api/serve/applications/", config)
        assert status == 400 and words in text, (config, status, text)
    assert c.details()["applications"] == {}
    assert c.ask("GET", "/api/serve/applications")[0] == 404 and c.ask("POST", "/api/serve/applications/", {})[0] == 405
    assert c.ask("GET", "/api/serve/applications/?api_type=x")[0] == 400
    c.put(app(), unknown=1)


def test_life_of_an_application(env):
    sb, kube = start(env, opts=FAST.replace("ray_deploy_ms=200", "ray_deploy_ms=800"))
    c = Cluster(sb, workers=2)
    assert c.healthz("c-head")[0] == 503 and "refused" in c.healthz("c-head")[1], "no configuration, no proxy"
    c.put(app(replicas=2))
    assert c.app() == ("DEPLOYING", "") and c.healthz("c-head") == (503, "Route table is not populated yet.")
    wait_for("replicas that start", lambda: [r[0] for r in c.replicas()] == ["STARTING"] * 2)
    assert c.healthz("c-head") == (200, "success"), "the head's proxy is well without a replica"
    assert c.healthz("c-w0") == (503, "No replicas are available yet.") and not is_ready(kube, "c-w0")
    assert "refused" in c.healthz("c-w1")[1], "a worker without replicas has no proxy"
    d = c.details()["applications"]["app"]["deployments"]["D"]
    assert (d["status"], d["status_trigger"], d["target_num_replicas"]) == ("UPDATING", "CONFIG_UPDATE_STARTED", 2), d
    c.running(2)
    assert c.replicas() == [("RUNNING", "c-w0")] * 2 and c.healthz("c-w0") == (200, "success")
    wait_for("its worker to be ready", lambda: is_ready(kube, "c-w0"))
    assert not is_ready(kube, "c-w1")
    assert c.ask("GET", "/-/routes", target="pods/c-head:8000") == (200, '{"/":"app"}')
    assert c.ask("GET", "/x", target="pods/c-head:8000") == (200, "simulated answer of app\n")
    assert {p["status"] for p in c.details()["proxies"].values()} == {"HEALTHY"} and len(c.details()["proxies"]) == 2
    assert c.details()["applications"]["app"]["deployments"]["D"]["status_trigger"] == "CONFIG_UPDATE_COMPLETED"
    c.put()
    assert c.app()[0] == "DELETING"
    wait_for("it to go", lambda: c.app() is None)
    assert c.healthz("c-w0") == (503, "This node is being drained.")
    wait_for("the proxy to go", lambda: "refused" in c.healthz("c-w0")[1])
    wait_for("the worker not to be ready", lambda: not is_ready(kube, "c-w0"))


def test_capacity(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=2)
    c.put(app(replicas=5), target_capacity=0)
    wait_for("it to run", lambda: c.app()[0] == "RUNNING")
    assert c.replicas() == [] and c.details()["target_capacity"] == 0 and c.healthz("c-head")[0] == 200
    for capacity, n in ((1, 1), (50, 3), (49, 2), (100, 5)):  # half up, never 0
        c.put(app(replicas=5), target_capacity=capacity)
        assert c.app()[0] == "DEPLOYING", "at once"
        c.running(n)
    t = c.details()["applications"]["app"]["deployments"]["D"]
    assert t["status_trigger"] == "UPSCALE_COMPLETED" and t["target_num_replicas"] == 5, t
    c.put(app(replicas=5), target_capacity=0)
    c.running(0)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(request, sb, service="c-head-svc", path="/")
        time.sleep(0.3)
        assert not waiting.done(), waiting.result()
        c.put(app(replicas=5), target_capacity=20)
        r = waiting.result(20)
        assert r["status"] == 200 and r["waitedMs"] >= 300 and r["app"] == "app", r


def test_replicas_need_room(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=1)
    c.put(app(replicas=3, cpus=2))
    wait_for("two of three", lambda: sorted(r[0] for r in c.replicas()) == ["RUNNING", "RUNNING", "STARTING"])
    assert c.app()[0] == "DEPLOYING" and (("STARTING", None) in c.replicas()), c.replicas()
    kube.create("pods", NS, pod("c-w9"))
    c.running(3)
    assert ("RUNNING", "c-w9") in c.replicas()


def test_changes(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=2)
    c.put(app(replicas=2))
    c.running(2)
    ids = lambda: {r["replica_id"] for r in c.details()["applications"]["app"]["deployments"]["D"]["replicas"]}
    first = ids()
    c.put(app(replicas=2))  # the same again: nothing restarts
    c.running(2)
    assert ids() == first
    c.put(app(replicas=3))
    c.running(3)
    assert ids() > first
    before, least = ids(), 9
    c.put({**app(replicas=3), "runtime_env": {"env_vars": {"A": "1"}}})
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (c.app()[0] == "RUNNING" and not ids() & before):
        if c.details()["applications"]["app"]["deployments"]: least = min(least, sum(r[0] == "RUNNING" for r in c.replicas()))
    assert c.app()[0] == "RUNNING" and not ids() & before and least == 2, (c.app(), least)


def test_autoscaling(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=2)
    scaling = {"min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 1, "downscale_delay_s": 0.5}
    a = app()
    a["deployments"][0].pop("num_replicas")
    a["deployments"][0].update(autoscaling_config=scaling, max_ongoing_requests=1)
    c.put(a)
    c.running(1)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        all = [pool.submit(request, sb, service="c-serve-svc", ms=1500) for _ in range(5)]
        wait_for("three replicas", lambda: sum(r[0] == "RUNNING" for r in c.replicas()) == 3)
        assert c.app()[0] == "RUNNING", "scaling by load is no deployment"
        assert [r.result(30)["status"] for r in all] == [200] * 5
    c.running(1)


def test_failures(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=2)
    sb.post("sim/ray", {"match": {"cluster": "c", "app": "bad"}, "constructorError": "RuntimeError: no model here"})
    c.put(app(), app("bad", route="/bad"), {"name": "worse", "route_prefix": "/worse", "import_path": "fail.app"})
    wait_for("failure", lambda: c.app("bad") == ("DEPLOY_FAILED", "Failed to update the deployments ['D']."))
    d = c.details()["applications"]["bad"]["deployments"]["D"]
    assert d["status"] == "DEPLOY_FAILED" and d["status_trigger"] == "REPLICA_STARTUP_FAILED", d
    assert d["message"].startswith("The deployment failed to start 3 times in a row.") and "no model here" in d["message"], d
    assert c.app("worse")[0] == "DEPLOY_FAILED" and c.app("worse")[1].startswith("Deploying app 'worse' failed with exception:"), c.app("worse")
    assert c.app()[0] == "RUNNING"
    kube.call("DELETE", "/sandbox/v1/sim/ray")
    c.put(app(), app("bad", route="/bad"))
    c.running(1, "bad")
    home = c.replicas()[0][1]
    kube.delete("pods", NS, home, gracePeriodSeconds=0)
    c.running(1)
    assert c.replicas()[0][1] not in (home, None)
    sb.post("sim/ray", {"match": {"cluster": "c", "app": "app"}, "status": "UNHEALTHY", "message": "the model is gone"})
    assert c.app() == ("UNHEALTHY", "the model is gone")


def test_dashboards_that_misbehave(env):
    sb, kube = start(env)
    c = Cluster(sb)
    c.put(app())
    c.running(1)
    rule = lambda **what: sb.post("sim/ray", {"match": {"cluster": "c"}, "path": "/api/serve/", **what})
    get = lambda: c.ask("GET", "/api/serve/applications/")
    rule(dashboard="error", status=503, count=1)
    assert get()[0] == 503 and get()[0] == 200
    rule(dashboard="garbage", count=1)
    s, text = get()
    try: json.loads(text); raise AssertionError(text)
    except ValueError: assert s == 200
    rule(dashboard="huge", bytes=3000000, count=1)
    assert len(get()[1]) > 3000000
    rule(dashboard="late", ms=700, count=1)
    t = time.monotonic()
    assert get()[0] == 200 and time.monotonic() - t >= 0.7
    rule(dashboard="hang")
    try: c.kube.open("GET", f"/api/v1/namespaces/{NS}/services/c-head-svc:dashboard/proxy/api/serve/applications/", timeout=1); raise AssertionError("answered")
    except (TimeoutError, OSError): pass
    assert c.ask("GET", "/api/version")[0] == 200, "only the path that the rule names"
    assert len(kube.call("GET", "/sandbox/v1/sim/ray")["rules"]) == 5
    kube.call("DELETE", "/sandbox/v1/sim/ray")
    assert get()[0] == 200
    for what, seen in (("unhealthy", 503), ("dead", 503)):
        sb.post("sim/ray", {"match": {"cluster": "c"}, "proxy": what})
        assert c.healthz("c-head")[0] == seen
        wait_for("the worker not to be ready", lambda: not is_ready(kube, "c-w0"))
        kube.call("DELETE", "/sandbox/v1/sim/ray")
        wait_for("the worker to be ready", lambda: is_ready(kube, "c-w0"))
    refused_rule = lambda body: kube.open("POST", "/sandbox/v1/sim/ray", body)[1].status
    assert refused_rule({"dashboard": "sings"}) == 400 and refused_rule({"dashbord": "hang"}) == 400


def test_head_that_restarts(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=1)
    c.put(app())
    c.running(1)
    sb.post(f"sim/pods/{NS}/c-head/crash")
    wait_for("a new head", lambda: c.ask("GET", "/api/serve/applications/")[0] == 200 and c.app() is None)
    assert c.details()["applications"] == {} and c.details()["proxies"] == {}
    kept = Cluster(sb, "k", workers=1)
    kube.delete("pods", NS, "k-head", gracePeriodSeconds=0)
    p = pod("k-head2", "k", head=True, cpus=0, env=[{"name": "RAY_REDIS_ADDRESS", "value": "redis:6379"}])
    kube.create("pods", NS, p)
    wait_for("the head", lambda: kept.ask("GET", "/api/version")[0] == 200)
    kept.put(app())
    kept.running(1)
    kube.delete("pods", NS, "k-head2", gracePeriodSeconds=0)
    r = request(sb, service="k-serve-svc")
    assert r["status"] == 200 and r["pod"] == "k-w0", r  # workers serve without a head
    p["metadata"]["name"] = "k-head3"
    kube.create("pods", NS, p)
    wait_for("the next head", lambda: kept.ask("GET", "/api/version")[0] == 200)
    kept.running(1)


def test_proxy_location(env):
    sb, kube = start(env)
    for location, proxies in (("HeadOnly", ["l-head"]), ("Disabled", [])):
        name = location.lower()
        c = Cluster(sb, name, workers=1)
        c.put(app(), proxy_location=location)
        c.running(1)
        assert [n["pod"] for n in c.state()["nodes"] if n["proxy"]] == [p.replace("l-", name + "-") for p in proxies], c.state()
        assert not is_ready(kube, name + "-w0"), "its probe asks a proxy that is not there"


def test_requests_are_counted_and_drain(env):
    sb, kube = start(env)
    c = Cluster(sb, workers=2)
    c.put(app(replicas=8, cpus=1))
    c.running(8)
    wait_for("the endpoints", lambda: all(is_ready(kube, p) for p in ("c-w0", "c-w1")))
    wait_for("the slices", lambda: {request(sb, service="c-serve-svc", ms=0)["pod"] for _ in range(30)} == {"c-head", "c-w0", "c-w1"})
    assert request(sb, service="c-serve-svc", path="/x")["status"] == 200
    assert request(sb, service="nobody")["status"] == 0
    ongoing = lambda p: [l for l in c.ask("GET", "/metrics", target=f"pods/{p}:8080")[1].splitlines() if l.startswith("ray_serve_num_ongoing_http_requests{")]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        long = [pool.submit(request, sb, service="c-serve-svc", ms=2000) for _ in range(8)]
        wait_for("eight at once", lambda: sum(n["ongoing"] for n in c.state()["nodes"]) == 8)
        assert sum(float(l.rsplit(" ", 1)[1]) for p in ("c-head", "c-w0", "c-w1") for l in ongoing(p)) == 8
        c.put(app(replicas=8), target_capacity=0)  # nobody is cut off
        assert [r.result(30)["status"] for r in long] == [200] * 8
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        c.put(app(replicas=1))
        c.running(1)
        doomed = pool.submit(request, sb, service="c-serve-svc", ms=5000)
        wait_for("it to be there", lambda: sum(n["ongoing"] for n in c.state()["nodes"]) == 1)
        kube.delete("pods", NS, c.replicas()[0][1], gracePeriodSeconds=0)
        assert doomed.result(30)["status"] in (0, 500), doomed.result()


def test_slices_of_somebody_else(env):
    """A Service without selector whose EndpointSlices a controller writes: endpoints are found by address, by share."""
    sb, kube = start(env)
    a, b = Cluster(sb, "a"), Cluster(sb, "b")
    for c in (a, b):
        c.put(app())
        c.running(1)
    kube.create("services", NS, {"metadata": {"name": "both"}, "spec": {"ports": [{"name": "serve", "port": 8000}]}})
    ip = lambda p: kube.get("pods", NS, p)["status"]["podIP"]
    for name, addresses in (("a", [ip("a-head"), ip("a-w0")]), ("b", [ip("b-w0")])):
        kube.create("endpointslices", NS, {"metadata": {"name": "both-" + name, "labels": {"kubernetes.io/service-name": "both"}}, "addressType": "IPv4",
                    "endpoints": [{"addresses": [x], "conditions": {"ready": True}} for x in addresses], "ports": [{"name": "serve", "port": 8000}]})
    seen = [request(sb, service="both", ms=0)["cluster"] for _ in range(300)]
    assert 150 < seen.count("a") < 250 and seen.count("a") + seen.count("b") == 300, seen.count("a")


def test_gateway(env):
    sb, kube = start(env, opts=FAST + ",gateway=1")
    a, b = Cluster(sb, "a"), Cluster(sb, "b")
    for c in (a, b):
        c.put(app())
        c.running(1)
    kube.create("gateways", NS, {"metadata": {"name": "g"}, "spec": {"gatewayClassName": "sandbox", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
    kube.create("gateways", NS, {"metadata": {"name": "other"}, "spec": {"gatewayClassName": "unknown", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
    true = lambda conditions: {c["type"] for c in conditions if c["status"] == "True"}
    wait_for("the gateway", lambda: true(kube.get("gateways", NS, "g").get("status", {}).get("conditions", [])) == {"Accepted", "Programmed"})
    backend = lambda n, w: {"name": n + "-serve-svc", "port": 8000, "weight": w}
    kube.create("httproutes", NS, {"metadata": {"name": "r"}, "spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [backend("a", 75), {"name": "b-serve-svc", "port": 8000, "weight": 25}]}]}})
    rule = kube.get("httproutes", NS, "r")["spec"]["rules"][0]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}] and rule["backendRefs"][0]["kind"] == "Service" and rule["backendRefs"][0]["group"] == "", rule
    parent = lambda: (kube.get("httproutes", NS, "r").get("status", {}).get("parents") or [{"conditions": []}])[0]["conditions"]
    wait_for("the route", lambda: true(parent()) == {"Accepted", "ResolvedRefs"})
    seen = [request(sb, httpRoute="r", ms=0)["cluster"] for _ in range(400)]
    assert 250 < seen.count("a") < 350 and seen.count("a") + seen.count("b") == 400, seen.count("a")
    kube.patch("httproutes", NS, "r", {"spec": {"rules": [{"backendRefs": [backend("a", 0), backend("b", 100)]}]}})
    wait_for("the weights to be seen", lambda: {c["observedGeneration"] for c in parent()} == {kube.get("httproutes", NS, "r")["metadata"]["generation"]})
    assert {request(sb, httpRoute="r", ms=0)["cluster"] for _ in range(50)} == {"b"}
    kube.patch("httproutes", NS, "r", {"spec": {"rules": [{"backendRefs": [backend("gone", 100)]}]}})
    wait_for("the missing backend", lambda: "ResolvedRefs" not in true(parent()))
    assert not kube.get("gateways", NS, "other").get("status", {}).get("conditions")
    assert request(sb, httpRoute="nobody")["status"] == 0


if __name__ == "__main__": main()
