#!/usr/bin/env python3
"""The plugin autoscaler against the control store of a real Ray: a driver in the head asks for work, and nodes come and go."""
import queue
from real import *

IDLE = 8  # seconds
TRIES = 20


def setup(env):
    kube, ns = on_node(env, [{"name": "raycluster"}, {"name": "autoscaler"}])
    put_file(kube, ns, "driver.py")
    return kube, ns


def group(name, most, cpus, resources=None, **pod):
    params = {"num-cpus": str(cpus), **({"resources": json.dumps(json.dumps(resources))} if resources else {})}
    spec = {"containers": [box("ray-worker", "2Gi")], "terminationGracePeriodSeconds": 5, **pod}
    return {"groupName": name, "replicas": 0, "minReplicas": 0, "maxReplicas": most, "rayStartParams": params, "template": {"spec": spec}}


def cluster(mode="operator"):
    """The second group's pods are placed nowhere: they cost nothing, and show when they were asked for."""
    spec = real_cluster()
    spec["headGroupSpec"]["rayStartParams"] = {"num-cpus": "0"}
    spec["headGroupSpec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 5
    with_files(spec["headGroupSpec"])
    spec["workerGroupSpecs"] = [group("w", 3, 1), group("nowhere", 100, 0, {"nowhere": 1}, nodeSelector={"no": "such-node"})]
    return {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "c", "annotations": {"rayvisor.io/autoscaler": mode}},
            "spec": {**spec, "enableInTreeAutoscaling": True, "autoscalerOptions": {"idleTimeoutSeconds": IDLE}}}


def head(kube, ns):
    """The head that is up, and not one that is going."""
    def ready(p): return any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))
    return wait_for("the head", lambda: next((p for p in pods_of(kube, ns, "c", "headgroup") if ready(p)), None), SLOW)


def workers(kube, ns, group="w"): return pods_of(kube, ns, "c", group)
def names(kube, ns): return {p["metadata"]["name"] for p in workers(kube, ns)}
def explained(env, ns): return json.dumps(env.op.control("explain", kind="raycluster", namespace=ns, name="c"))


class Driver:
    """node/driver.py in the head's pod."""

    def __init__(self, env, kube, ns):
        self.log = open(os.path.join(env.dir, "driver.log"), "ab")
        self.p = subprocess.Popen(kubectl_command("exec", "-i", "-n", ns, head(kube, ns)["metadata"]["name"], "-c", "ray-head", "--", "python", "-u", "/app/driver.py"),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(l) for l in self.p.stdout], daemon=True).start()
        self.read(120)
        env.keep(self)

    def read(self, timeout):
        """The next line that is the driver's own; Ray says something in between."""
        try:
            while not (line := self.lines.get(timeout=timeout * PATIENCE)).startswith(b"{"): pass
            return json.loads(line)
        except (queue.Empty, ValueError) as e:
            raise AssertionError(f"the driver says nothing: {e!r}; {open(self.log.name, errors='replace').read()[-2000:]}")

    def say(self, name, *args):
        self.p.stdin.write(json.dumps([name, *args]).encode() + b"\n")
        self.p.stdin.flush()

    def answer(self, timeout=200):
        a = self.read(timeout)
        assert not (isinstance(a["result"], dict) and "error" in a["result"]), a
        return a

    def do(self, name, *args, timeout=200):
        """The answer's result."""
        self.say(name, *args)
        return self.answer(timeout)["result"]

    def stop(self):
        self.p.kill()
        self.p.wait()
        self.log.close()


def wait_workers(env, kube, ns, n, timeout=SLOW):
    try:
        wait_for(f"{n} workers", lambda: len(workers(kube, ns)) == n, timeout)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{explained(env, ns)}\n{kubectl('get', 'pods', '-n', ns, '-o', 'wide').stdout}")


def stays(kube, ns, expected, seconds, env):
    """Nothing is removed for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert expected <= names(kube, ns), f"{expected - names(kube, ns)} went: {explained(env, ns)}"
        time.sleep(0.5)


def test_demand(env):
    """How long it takes until a pod is asked for; then tasks, held capacity, a placement group and an actor that needs no CPU."""
    kube, ns = setup(env)
    kube.create("rayclusters", ns, cluster())
    assert [c["name"] for c in head(kube, ns)["spec"]["containers"]] == ["ray-head"], "operator mode needs no sidecar"
    driver = Driver(env, kube, ns)
    measure(env, kube, ns, driver)

    driver.do("tasks", "two", 2, 1, {"num_cpus": 1})
    wait_workers(env, kube, ns, 2)
    ran = driver.do("results", "two")
    assert {*ran} <= names(kube, ns), ran
    driver.do("hold", 1)
    wait_workers(env, kube, ns, 1, 90)
    announced = {e["reason"] for e in events_of(kube, ns, "c")}
    assert {"ScaledUp", "ScaledDown"} <= announced, announced
    held = names(kube, ns)
    stays(kube, ns, held, IDLE + 6, env)
    assert "request_resources() holds its capacity" in explained(env, ns), explained(env, ns)

    assert driver.do("actor_on_a_worker") == 1
    driver.do("hold", 0)
    stays(kube, ns, held, IDLE + 10, env)
    assert driver.do("count") == 2, "it is the same actor"
    driver.do("end_actor")
    wait_workers(env, kube, ns, 0, 90)

    driver.do("group", 2)
    driver.say("group_is_there")
    wait_workers(env, kube, ns, 2)
    assert driver.answer()["result"] is True
    both = names(kube, ns)
    stays(kube, ns, both, IDLE + 4, env)
    driver.do("end_group")
    wait_workers(env, kube, ns, 0, 90)
    kube.delete("rayclusters", ns, "c")
    wait_for("the pods to go", lambda: gone(kube, ns), SLOW)


def measure(env, kube, ns, driver):
    seen, took = Arrivals(kube, ns), []
    for i in range(TRIES):
        driver.say("tasks", f"try{i}", 1, 0, {"num_cpus": 0, "resources": {"nowhere": 1}})
        at = driver.answer()["at"]
        took.append(wait_for("a pod", lambda: seen.times("nowhere", i + 1)) - at)
        time.sleep(0.2 + 0.13 * (i % 7))  # not in step with the polls
    seen.stopped = True
    print(f"    from demand to pod: p50 {quantile(took[1:], 0.5):.2f} s, p99 {quantile(took[1:], 0.99):.2f} s of {len(took) - 1} tries; "
          f"the first, of a quiet cluster, {took[0]:.2f} s", flush=True)
    for i in range(TRIES): driver.do("cancel", f"try{i}")
    wait_for("pods that nobody needs to go", lambda: not workers(kube, ns, "nowhere"), 60)


class Arrivals(Watcher):
    """When pods of each group were first seen, by this machine's clock, which is the driver's too."""

    def __init__(self, kube, ns):
        self.first = {}
        super().__init__(kube, "pods", ns)
        threading.Thread(target=self.note, daemon=True).start()

    def note(self):
        while not self.stopped:
            for kind, o in list(self.events):
                if kind == "ADDED": self.first.setdefault(o["metadata"]["uid"], (o["metadata"]["labels"].get("ray.io/group"), time.time()))
            time.sleep(0.01)

    def times(self, group, n):
        """That of the n-th pod; None before it is there."""
        times = sorted(t for g, t in list(self.first.values()) if g == group)
        return times[n - 1] if len(times) >= n else None


def another_head(env, kube, ns, mode):
    """The head dies at once, and the annotation says who scales under the next one; its containers' names."""
    kube.patch("rayclusters", ns, "c", {"metadata": {"annotations": {"rayvisor.io/autoscaler": mode}}})
    old = head(kube, ns)["metadata"]
    kube.delete("pods", ns, old["name"], gracePeriodSeconds=0)
    wait_for("the old head to go", lambda: (kube.find("pods", ns, old["name"]) or {"metadata": {"uid": ""}})["metadata"]["uid"] != old["uid"], 60)
    return [c["name"] for c in head(kube, ns)["spec"]["containers"]]


def replicas(kube, ns): return kube.get("rayclusters", ns, "c")["spec"]["workerGroupSpecs"][0]["replicas"]


def test_a_head_that_dies(env):
    """While it is away nothing is removed; under the next one scaling goes on."""
    kube, ns = setup(env)
    kube.create("rayclusters", ns, cluster())
    driver = Driver(env, kube, ns)
    driver.do("tasks", "one", 1, 600, {"num_cpus": 1})
    wait_workers(env, kube, ns, 1)
    wait_for("it to run", lambda: "is in use" in explained(env, ns), 120)
    kept, seen = names(kube, ns), Watcher(kube, "rayclusters", ns)
    kube.delete("pods", ns, head(kube, ns)["metadata"]["name"], gracePeriodSeconds=0)
    wait_for("it to be frozen", lambda: "nothing is scaled" in explained(env, ns), 60)
    head(kube, ns)
    assert not [o for _, o in seen.events if o["spec"]["workerGroupSpecs"][0].get("scaleStrategy", {}).get("workersToDelete")], f"{kept} is to go: {explained(env, ns)}"
    seen.stopped = True
    driver = Driver(env, kube, ns)
    driver.do("tasks", "two", 2, 1, {"num_cpus": 1})
    assert len(driver.do("results", "two")) == 2
    wait_workers(env, kube, ns, 0, 120)
    kube.delete("rayclusters", ns, "c")
    wait_for("the pods to go", lambda: gone(kube, ns), SLOW)


def test_a_change_of_mode(env):
    """From the sidecar to the plugin; each time with the head that follows."""
    kube, ns = setup(env)
    kube.create("rayclusters", ns, cluster("sidecar"))
    assert [c["name"] for c in head(kube, ns)["spec"]["containers"]] == ["ray-head", "autoscaler"]
    driver = Driver(env, kube, ns)
    driver.say("tasks", "two", 2, 1, {"num_cpus": 1})
    at = driver.answer()["at"]
    wait_for("the sidecar to ask for workers", lambda: replicas(kube, ns) == 2, 120)
    print(f"    from demand to the sidecar's patch: {time.time() - at:.2f} s", flush=True)
    assert len(driver.do("results", "two")) == 2
    assert another_head(env, kube, ns, "operator") == ["ray-head"]
    driver = Driver(env, kube, ns)
    driver.do("tasks", "three", 3, 1, {"num_cpus": 1})
    wait_for("the plugin to ask for workers", lambda: replicas(kube, ns) == 3, 120)
    assert len(driver.do("results", "three")) == 3
    wait_workers(env, kube, ns, 0, 120)
    kube.delete("rayclusters", ns, "c")
    wait_for("the pods to go", lambda: gone(kube, ns), SLOW)


if __name__ == "__main__": main()
