#!/usr/bin/env python3
"""Many RayClusters on a real control plane, beside what the API server itself needs for their Services and Pods (the floor).

scale.py [CLUSTERS...]       default 500 1000; each: floor, then the operator, each on a control plane of its own
scale.py big [WORKERS]       one cluster from 1 to WORKERS (default 1000) workers, and small ones, alone and created meanwhile

Needs tests/real/cluster.sh's binaries (RAYVISOR_REAL_BIN), aiohttp, and the program that creates the RayClusters, scale.py, in
RAYVISOR_TOOLS (default ../shared/tools). Printed, never asserted."""
import asyncio, json, os, ssl, subprocess, sys, tempfile, time
import aiohttp
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *
from figures import cpu, pss

TOOLS = os.environ.get("RAYVISOR_TOOLS", os.path.join(os.path.dirname(ROOT), "shared", "tools"))
BIN = os.environ.get("RAYVISOR_REAL_BIN", os.path.expanduser("~/.cache/rayvisor-real"))
PORT = 18443


class Plane:
    """A fresh control plane."""
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="rv-scale-")
        subprocess.run([f"{ROOT}/tests/real/cluster.sh", "up", f"{self.dir}/real", str(PORT)], check=True, capture_output=True)
        self.kubeconfig = f"{self.dir}/real/kubeconfig"
        subprocess.run([f"{BIN}/kubectl", "--kubeconfig", self.kubeconfig, "apply", "-f", f"{ROOT}/deploy/crds"], check=True, capture_output=True)
        self.kube = Kube(self.kubeconfig)
        time.sleep(8)  # its caches fill
        return self

    def operator(self, **more):
        self.op = Operator(self.dir, self.kube, plugins=[{"name": "raycluster"}], level="info", **more)
        return self.op

    def __exit__(self, *a):
        if getattr(self, "op", None): self.op.stop()
        subprocess.run([f"{ROOT}/tests/real/cluster.sh", "down", f"{self.dir}/real"], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def tool(name, *args, timeout=300):
    out = subprocess.run([sys.executable, f"{TOOLS}/{name}", "--url", f"https://127.0.0.1:{PORT}", *args], capture_output=True, text=True, timeout=timeout)
    assert out.returncode == 0, out.stderr[-2000:]
    return json.loads(out.stdout.splitlines()[0])


# ---- the floor: the same Services and Pods by a client that does nothing else -------------------------------------

POD = {"containers": [{"name": "c", "image": "rayproject/ray:2.52.0", "env": [{"name": f"E{i}", "value": "v" * 20} for i in range(15)],
                       "resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "1"}}}]}
SERVICE = {"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"name": "p", "port": 8265}]}


async def until_ready(session, pods, total):
    """A watch that a hasty server ends is begun again where it ended."""
    ready, version = set(), None
    while len(ready) < total:
        if version is None:
            async with session.get(pods, params={"limit": "1"}) as r: version = (await r.json())["metadata"]["resourceVersion"]
        async with session.get(pods, params={"watch": "1", "resourceVersion": version}) as r:
            async for line in r.content:
                event = json.loads(line)
                assert event["type"] != "ERROR", event
                o = event["object"]
                version = o["metadata"]["resourceVersion"]
                if any(c["type"] == "Ready" and c["status"] == "True" for c in o.get("status", {}).get("conditions", [])): ready.add(o["metadata"]["name"])
                if len(ready) == total: return


async def create_floor(n, pods_each):
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    base, turns = "/api/v1/namespaces/floor", asyncio.Semaphore(64)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{PORT}", headers={"Authorization": "Bearer admintoken"}, read_bufsize=2**22,
                                     connector=aiohttp.TCPConnector(ssl=tls, limit=68), timeout=aiohttp.ClientTimeout(total=None)) as session:
        async def post(path, name, spec):
            async with turns, session.post(path, json={"metadata": {"name": name}, **({"spec": spec} if spec else {})}) as r:
                assert r.status == 201, await r.text()
        await post("/api/v1/namespaces", "floor", None)
        await asyncio.sleep(1)  # its service account
        begin = time.monotonic()
        seen = asyncio.create_task(until_ready(session, f"{base}/pods", n * pods_each))
        await asyncio.gather(*[post(f"{base}/services", f"s-{i}", SERVICE) for i in range(n)],
                             *[post(f"{base}/pods", f"p-{i}-{k}", POD) for i in range(n) for k in range(pods_each)])
        await seen
        return time.monotonic() - begin


def floor_of(n, pods_each): return asyncio.run(create_floor(n, pods_each))


def mib(pid): return sum(pss(pid).values()) / 1024


def many(n):
    with Plane(): floor = floor_of(n, 4)
    with Plane() as p:
        op = p.operator(extra="")
        time.sleep(3)
        idle = mib(op.proc.pid)
        r = tool("scale.py", "--pid", str(op.proc.pid), "-n", str(n), "-w", "3")
        at_ready = mib(op.proc.pid)
        time.sleep(8)
        shares = ", ".join(f"{k.split(':')[0]} {v / 1024:.1f}" for k, v in pss(op.proc.pid).items())
        later, done = mib(op.proc.pid), op.control("status")["actions"]["done"]
        print(f"{n} x (1+3): floor {floor:.1f} s; all ready {r['all_ready_s']} s = {r['all_ready_s'] / floor:.2f} x floor, p99 {r['latency_p99_s']} s; "
              f"CPU {r['cpu_s']} s = {1000 * r['cpu_s'] / n:.1f} ms a cluster; PSS {idle:.1f} MiB idle, {at_ready:.1f} when ready, {later:.1f} 8 s later ({shares}) "
              f"= {1024 * (later - idle) / n:.1f} KiB a cluster; {done / n:.1f} writes a cluster", flush=True)
        op.stop()
        t0 = time.monotonic()
        op.start()
        ready = time.monotonic() - t0
        settled = wait_for("the queue to be empty", lambda: (lambda x: x and time.monotonic() - t0)(op.plugin("raycluster").get("queued", 0) == 0), 60)
        time.sleep(10)
        print(f"    restart: ready after {ready:.2f} s, all looked at after {settled:.2f} s, writes in the 10 s behind: {op.control('status')['actions']['done']}, "
              f"PSS {mib(op.proc.pid):.1f} MiB", flush=True)
        op.stop()


def cluster_ready(kube, ns, name):
    """Seconds from the creation of a small cluster until it is ready."""
    t0 = time.monotonic()
    kube.create("rayclusters", ns, raycluster(name, workers=1))
    while status_of(kube, ns, name).get("state") != "ready": time.sleep(0.01)
    return time.monotonic() - t0


def pods_ready(kube, ns, name):
    """The same for its Service and its two Pods, made by a client that does nothing else: the floor."""
    t0 = time.monotonic()
    kube.create("services", ns, {"metadata": {"name": name}, "spec": SERVICE})
    for k in ("a", "b"): kube.create("pods", ns, {"metadata": {"name": f"{name}-{k}"}, "spec": POD})
    is_ready = lambda pod: any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))
    while not all(is_ready(kube.get("pods", ns, f"{name}-{k}")) for k in ("a", "b")): time.sleep(0.01)
    return time.monotonic() - t0


def seconds(list): return f"{sorted(list)[len(list) // 2]:.2f} s (" + ", ".join(f"{x:.2f}" for x in list) + ")"


def big(workers):
    with Plane() as p:
        floor = floor_of(1, workers - 1)
    with Plane() as p:
        ns = p.kube.namespace("big")
        op = p.operator()
        cluster_ready(p.kube, ns, "first")
        alone, alone_floor, small, small_floor = [], [], [], []
        for i in range(5):
            time.sleep(1)
            alone.append(cluster_ready(p.kube, ns, f"alone-{i}"))
            time.sleep(1)
            alone_floor.append(pods_ready(p.kube, ns, f"alone-floor-{i}"))
        p.kube.create("rayclusters", ns, raycluster("big", workers=1))
        wait_ready(p.kube, ns, "big", 1)
        t0 = time.monotonic()
        p.kube.json_patch("rayclusters", ns, "big", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": workers}])
        for i in range(5):
            time.sleep(0.5 if i == 0 else 1)
            small.append(cluster_ready(p.kube, ns, f"small-{i}"))
            time.sleep(1)
            small_floor.append(pods_ready(p.kube, ns, f"small-floor-{i}"))
        still = status_of(p.kube, ns, "big").get("readyWorkerReplicas", 0)
        assert still < workers, "it was over before the last small cluster was ready"
        wait_for("big", lambda: (lambda s: s.get("state") == "ready" and s.get("readyWorkerReplicas") == workers)(status_of(p.kube, ns, "big")), 600)
        took = time.monotonic() - t0
        print(f"1 to {workers} workers: floor {floor:.1f} s, ours {took:.1f} s = {took / floor:.2f} x floor\n"
              f"a small cluster is ready after: alone {seconds(alone)}, meanwhile {seconds(small)}\n"
              f"its Service and Pods without an operator: alone {seconds(alone_floor)}, meanwhile {seconds(small_floor)}", flush=True)
        op.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["big"]: big(int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
    else:
        for n in [int(a) for a in sys.argv[1:]] or [500, 1000]: many(n)
