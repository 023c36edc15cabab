#!/usr/bin/env python3
"""The embedded cluster's own API: faults, statistics, pauses, and the simulation's controls. Without an operator."""
import socket, time
from harness import *

NS = "default"
POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def start(env, *args):
    sb = env.sandbox(*args, why="tests the sandbox itself")
    return sb, sb.kube


def refused(status, fn):
    try:
        fn()
    except ApiError as e:
        assert e.status == status, e
        return e
    raise AssertionError(f"not answered with {status}")


def test_status(env):
    sb, kube = start(env)
    sb.fault({"verb": "create", "resource": "pods"}, {"status": 429, "retryAfter": 7}, count=1)
    c, r = kube.open("POST", Kube.path("pods", NS), POD)
    body = json.loads(r.read())
    assert (r.status, r.getheader("Retry-After")) == (429, "7") and body["reason"] == "TooManyRequests", (r.status, body)
    assert kube.find("pods", NS, "p") is None, "a refused request was done"
    kube.create("pods", NS, POD)


def test_user_agents_are_told_apart(env):
    sb, kube = start(env)
    sb.fault({"userAgent": "somebody-else"}, {"status": 500})
    kube.create("pods", NS, POD)


def test_connection_drops(env):
    sb, kube = start(env)
    for when, there in (("before", False), ("after", True)):
        sb.fault({"verb": "create"}, {"dropConnection": when}, count=1)
        try:
            kube.create("pods", NS, POD)
            raise AssertionError("answered")
        except (OSError, http.client.HTTPException):
            pass
        assert (kube.find("pods", NS, "p") is not None) == there, when


def test_answers_cut_and_garbled(env):
    sb, kube = start(env)
    for size in (100, 10**9):  # more than there is: still a byte is missing
        sb.fault({"verb": "list", "resource": "pods"}, {"truncate": size}, count=1)
        try:
            kube.call("GET", Kube.path("pods"))
            raise AssertionError("came whole")
        except http.client.IncompleteRead as e:
            assert len(e.partial) <= size and e.expected > 0, e
    sb.fault({"verb": "list"}, {"garbage": True}, count=1)
    assert "items" not in kube.call("GET", Kube.path("pods"))
    assert kube.list("pods") == []


def test_delay_and_stall(env):
    sb, kube = start(env)
    sb.fault({"verb": "create"}, {"delayMs": 700}, count=1)
    t0 = time.monotonic()
    got = {}
    t = threading.Thread(target=lambda: got.update(kube.create("pods", NS, POD)))
    t.start()
    wait_for("the write", lambda: kube.find("pods", NS, "p"))  # done at once, answered late; others are not held up
    t.join()
    assert time.monotonic() - t0 >= 0.7 and got["metadata"]["name"] == "p"
    sb.fault({"verb": "list"}, {"stall": True}, count=1)
    ended = threading.Event()

    def stalled():
        try: kube.list("pods")
        except (OSError, http.client.HTTPException): ended.set()
    t = threading.Thread(target=stalled)
    t.start()
    t.join(0.5)
    assert t.is_alive() and not ended.is_set()
    sb.clear_faults()
    t.join(20)
    assert ended.is_set(), "a stalled request outlives its rule"


def test_watch_faults(env):
    sb, kube = start(env)
    sb.fault({"verb": "watch"}, {"duplicateEvents": True}, count=1)
    sb.fault({"verb": "watch"}, {"garbage": True}, count=1)
    sb.fault({"verb": "watch"}, {"truncate": 30}, count=1)
    sb.fault({"verb": "watch"}, {"stall": True}, count=1)
    streams = [kube.open("GET", Kube.path("configmaps", NS) + "?watch=1&resourceVersion=%s" % kube.call("GET", Kube.path("configmaps"))["metadata"]["resourceVersion"])
               for _ in range(4)]
    kube.create("configmaps", NS, {"metadata": {"name": "m"}})
    twice, garbled, cut, silent = (r for _, r in streams)
    assert twice.readline() == twice.readline() != b""
    try:
        json.loads(garbled.readline())
        raise AssertionError("is JSON")
    except ValueError:
        pass
    assert json.loads(garbled.readline())["object"]["metadata"]["name"] == "m"
    try:
        got = cut.read()
    except http.client.IncompleteRead as e:
        got = e.partial
    assert 0 < len(got) <= 30, got
    streams[3][0].sock.settimeout(0.5)
    try:
        assert silent.readline() is None, "a stalled watch spoke"
    except OSError:
        pass


def folder_of_its_own(env):
    """rayvisorctl with a sandbox folder that no other test has, which is down again at the end."""
    dir = os.path.join(env.dir, "own")

    class Down:
        def stop(self): ctl("sandbox", "down")

    def ctl(*args): return subprocess.run([binary("rayvisorctl"), *args], text=True, capture_output=True, timeout=120, env={**os.environ, "RAYVISOR_SANDBOX_DIR": dir})
    env.keep(Down())
    return dir, ctl


def test_up_after_the_cluster_died(env):
    """The operator that is left over knows a cluster that is gone: up starts another one, and a third up changes nothing."""
    if os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip("tests the sandbox itself")
    dir, ctl = folder_of_its_own(env)
    assert ctl("sandbox", "up").returncode == 0
    before = json.loads(ctl("sandbox", "status", "-o", "json").stdout)
    os.kill(before["cluster"]["pid"], signal.SIGKILL)
    wait_for("its end to be seen", lambda: not json.loads(ctl("sandbox", "status", "-o", "json").stdout)["cluster"]["running"])
    up = ctl("sandbox", "up", "-o", "json")
    assert up.returncode == 0, up
    where, now = json.loads(up.stdout), json.loads(ctl("sandbox", "status", "-o", "json").stdout)
    assert now["ready"] and now["operator"]["pid"] != before["operator"]["pid"], (before, now)
    assert where["folder"] == dir and where["controlSocket"].startswith(dir), where
    kube = Kube(where["kubeconfig"])
    kube.create("rayclusters", "default", raycluster("r"))
    wait_ready(kube, "default", "r", 1)
    assert ctl("sandbox", "up").returncode == 0 and json.loads(ctl("sandbox", "status", "-o", "json").stdout) == now


def test_down_where_nothing_is_up(env):
    if os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip("tests the sandbox itself")
    dir, ctl = folder_of_its_own(env)
    assert (ctl("sandbox", "down").returncode, ctl("sandbox", "down").stdout) == (0, "The sandbox is down.\n")
    assert json.loads(ctl("sandbox", "down", "-o", "json").stdout) == {"ok": True}
    assert json.loads(ctl("sandbox", "kubeconfig", "-o", "json").stdout) == {"kubeconfig": f"{dir}/cluster/kubeconfig"}
    assert ctl("sandbox", "kubeconfig").stdout == f"{dir}/cluster/kubeconfig\n"
    status = ctl("-o", "json", "sandbox", "status")
    assert status.returncode == 1 and json.loads(status.stdout) == {
        "cluster": {"running": False, "pid": 0, "ready": False}, "operator": {"running": False, "pid": 0, "ready": False}, "ready": False, "folder": dir}, status


def test_two_side_by_side(env):
    """rayvisorctl sandbox up, twice on one machine: nothing is shared, no port is fixed."""
    def ctl(name, *args):
        return subprocess.run([binary("rayvisorctl"), *args], env={**os.environ, "RAYVISOR_SANDBOX_DIR": os.path.join(env.dir, name)}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    try:
        for name in ("one", "two"):
            up = ctl(name, "sandbox", "up")
            assert up.returncode == 0, up.stdout
        ports = set()
        for name in ("one", "two"):
            status = ctl(name, "status").stdout
            ports.add(re.search(r"health and metrics on port (\d+)", status)[1])
            kube = Kube(ctl(name, "sandbox", "kubeconfig").stdout.strip())
            kube.create("rayclusters", "default", raycluster(name))
            wait_ready(kube, "default", name, 1)
            assert len(kube.list("rayclusters")) == 1
        assert len(ports) == 2, ports
    finally:
        for name in ("one", "two"): ctl(name, "sandbox", "down")


def test_watcher_that_does_not_read(env):
    """What it does not take is kept up to a bound; then its watch ends, and it can go on from where it was."""
    env.sandbox(why="tests the sandbox itself")
    kube = env.kube
    kube.create("configmaps", "default", {"metadata": {"name": "big"}, "data": {"x": "y" * 900_000}})
    c, r = kube.open("GET", Kube.path("configmaps", "default") + "?watch=1&resourceVersion=1", timeout=60)
    for i in range(150): kube.patch("configmaps", "default", "big", {"metadata": {"annotations": {"n": str(i)}}})
    seen = [json.loads(l)["object"] for l in r]
    c.close()
    assert 60 < len(seen) < 151, f"{len(seen)} events before the end"


def test_rules_are_listed_and_forgotten(env):
    sb, kube = start(env)
    n = sb.fault({"verb": "list"}, {"status": 503})["id"]
    refused(503, lambda: kube.list("pods"))
    item = kube.call("GET", "/sandbox/v1/faults")["items"][0]
    assert (item["id"], item["hits"], item["rule"]["action"]) == (n, 1, {"status": 503}), item
    kube.call("DELETE", f"/sandbox/v1/faults/{n}")
    refused(404, lambda: kube.call("DELETE", f"/sandbox/v1/faults/{n}"))
    kube.list("pods")
    e = refused(400, lambda: sb.fault({"resouce": "pods"}, {"status": 500}))
    assert "resouce" in str(e), e


def test_stats(env):
    sb, kube = start(env)
    kube.call("DELETE", "/sandbox/v1/stats")
    kube.create("pods", NS, POD)
    kube.list("pods")
    s = sb.stats()
    assert s["requests"] == {"create pods": 1, "list pods": 1} and s["answers"] == {"201": 1, "200": 1}, s
    assert s["userAgents"]["integration-test"]["writes"] == 1 and s["objects"]["pods"] == 1, s
    assert s["bytes"]["in"] > 50 and s["bytes"]["out"] > 500, s
    w = Watcher(kube, "pods", NS)
    wait_for("the watch", lambda: sb.stats()["watches"]["byResource"].get("pods") == 1)
    sb.post("drop-watches")
    wait_for("another", lambda: sb.stats()["watches"]["opened"] == 2 and sb.stats()["watches"]["open"] == 1)
    w.stopped = True


def listens(kube):
    try:
        socket.create_connection((kube.host, kube.port)).close()
        return True
    except ConnectionRefusedError:
        return False


def test_pause(env):
    sb, kube = start(env)
    kube.create("pods", NS, POD)
    c, r = kube.open("GET", Kube.path("pods", NS) + "?watch=1")
    r.readline()
    sb.post("pause", {"ms": 2500})
    t0 = time.monotonic()
    while r.readline(): pass  # it ends
    wait_for("nobody to listen", lambda: not listens(kube), 3)
    wait_for("it to be back", lambda: kube.find("pods", NS, "p"))
    assert time.monotonic() - t0 > 1
    refused(400, lambda: sb.post("pause", {"ms": 0}))


def head(name="c-head", cluster="c"):
    return {"metadata": {"name": name, "labels": {"ray.io/cluster": cluster, "ray.io/node-type": "head", "app": cluster}},
            "spec": {"containers": [{"name": "ray-head", "image": "rayproject/ray:2.52.0", "ports": [{"name": "dashboard", "containerPort": 8265}]}]}}


def service(name="c-head-svc", cluster="c"):
    return {"metadata": {"name": name}, "spec": {"selector": {"app": cluster}, "ports": [{"name": "dashboard", "port": 8265}, {"name": "serve", "port": 8000}]}}


def phase(kube, name): return kube.get("pods", NS, name).get("status", {}).get("phase")


def is_ready(kube, name):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in kube.get("pods", NS, name).get("status", {}).get("conditions", []))


def test_proxy_to_ray(env):
    sb, kube = start(env, "--sim-opts", "ray_run_ms=300,ray_deploy_ms=100")
    base = f"/api/v1/namespaces/{NS}/services/c-head-svc:dashboard/proxy"
    refused(404, lambda: kube.call("GET", base + "/api/version"))
    kube.create("services", NS, service())
    e = refused(503, lambda: kube.call("GET", base + "/api/version"))
    assert e.body["kind"] == "Status" and "no endpoints" in e.body["message"], e.body
    kube.create("pods", NS, head())
    version = wait_for("Ray", lambda: kube.call("GET", base + "/api/version"))
    assert version["ray_version"] == "2.52.0", version
    for other in ("c-head-svc:8265", "http:c-head-svc:8265", "http:c-head-svc:dashboard"):
        assert kube.call("GET", f"/api/v1/namespaces/{NS}/services/{other}/proxy/api/version") == version
    refused(503, lambda: kube.call("GET", f"/api/v1/namespaces/{NS}/services/c-head-svc:9/proxy/api/version"))
    assert kube.call("GET", f"/api/v1/namespaces/{NS}/pods/c-head:8265/proxy/api/version") == version
    refused(404, lambda: kube.call("GET", f"/api/v1/namespaces/{NS}/pods/nobody:8265/proxy/api/version"))
    job = kube.call("POST", base + "/api/jobs/", {"entrypoint": "python x.py", "submission_id": "s1", "metadata": {"k": "v"}})
    assert job["submission_id"] == "s1", job
    wait_for("the job's end", lambda: kube.call("GET", base + "/api/jobs/s1")["status"] == "SUCCEEDED")
    refused(404, lambda: kube.call("GET", base + "/api/jobs/other"))
    config = {"applications": [{"name": "app", "import_path": "m.app", "route_prefix": "/"}]}
    c, r = kube.open("PUT", base + "/api/serve/applications/", config)
    assert r.status == 200, r.read()
    wait_for("the application", lambda: kube.call("GET", base + "/api/serve/applications/")["applications"]["app"]["status"] == "RUNNING")
    s = sb.stats()["requests"]
    assert s["create services/proxy"] == 1 and s["update services/proxy"] == 1, s
    sb.fault({"resource": "services", "subresource": "proxy", "verb": "get"}, {"status": 500}, count=1)
    refused(500, lambda: kube.call("GET", base + "/api/version"))
    kube.delete("pods", NS, "c-head", gracePeriodSeconds=0)
    wait_for("no endpoints", lambda: refused(503, lambda: kube.call("GET", base + "/api/version")))


def test_simulated_misfortune(env):
    sb, kube = start(env)
    sb.post("sim/pods", {"match": {"namespace": NS, "name": "stuck"}, "do": "never-schedule"})
    kube.create("pods", NS, {**POD, "metadata": {"name": "stuck-1"}})
    kube.create("pods", NS, POD)
    wait_for("a pod to run", lambda: is_ready(kube, "p"))
    assert phase(kube, "stuck-1") == "Pending"
    assert len(kube.call("GET", "/sandbox/v1/sim/pods")["rules"]) == 1
    sb.post(f"sim/pods/{NS}/p/unready")
    wait_for("unready", lambda: not is_ready(kube, "p"))
    sb.post(f"sim/pods/{NS}/p/evict")
    wait_for("eviction", lambda: phase(kube, "p") == "Failed")
    node = kube.list("nodes")[0]["metadata"]["name"]
    sb.post(f"sim/nodes/{node}/cordon")
    assert kube.get("nodes", None, node)["spec"]["unschedulable"] is True
    assert kube.call("GET", "/sandbox/v1/sim/state")["nodes"] == 3
    refused(404, lambda: sb.post(f"sim/pods/{NS}/nobody/crash"))
    refused(400, lambda: sb.post(f"sim/pods/{NS}/p/explode"))
    refused(405, lambda: kube.call("DELETE", f"/sandbox/v1/sim/nodes/{node}/drain"))
    refused(404, lambda: kube.call("GET", "/sandbox/v1/nothing"))


def test_controllers(env):
    """Those beside the operator, in the real process: Jobs, EndpointSlices and Endpoints, volume claims."""
    sb, kube = start(env, "--sim-opts", "job_ms=50")
    kube.create("services", NS, service())
    kube.create("pods", NS, head())
    slices = lambda: [e for s in kube.list("endpointslices", NS, "kubernetes.io/service-name=c-head-svc") for e in s.get("endpoints") or []]
    wait_for("an endpoint", lambda: [e for e in slices() if e["conditions"]["ready"]])
    assert kube.get("endpoints", NS, "c-head-svc")["subsets"][0]["addresses"][0]["targetRef"]["name"] == "c-head"
    sb.post(f"sim/pods/{NS}/c-head/unready")
    wait_for("no ready endpoint", lambda: not [e for e in slices() if e["conditions"]["ready"]])
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    kube.create("jobs", NS, {"metadata": {"name": "j"}, "spec": {"template": template, "completions": 2}})
    wait_for("the job", lambda: kube.get("jobs", NS, "j")["status"].get("succeeded") == 2)
    assert "Complete" in [c["type"] for c in kube.get("jobs", NS, "j")["status"]["conditions"]]
    sb.post("sim/pods", {"match": {"name": "bad"}, "do": "fail"})
    kube.create("jobs", NS, {"metadata": {"name": "bad"}, "spec": {"template": template, "backoffLimit": 0}})
    wait_for("its failure", lambda: [c for c in kube.get("jobs", NS, "bad")["status"].get("conditions", []) if c["type"] == "Failed"])
    kube.create("persistentvolumeclaims", NS, {"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
    kube.create("pods", NS, {"metadata": {"name": "w"}, "spec": {**POD["spec"], "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "v"}}]}})
    wait_for("the claim", lambda: kube.get("persistentvolumeclaims", NS, "v")["status"].get("phase") == "Bound")
    wait_for("the pod on it", lambda: is_ready(kube, "w"))
    kube.delete("jobs", NS, "j", propagationPolicy="Background")
    wait_for("the job's pods to go", lambda: not kube.list("pods", NS, "job-name=j"))


if __name__ == "__main__": main()
