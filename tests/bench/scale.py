#!/usr/bin/env python3
"""Many RayClusters on a real control plane, beside what the API server itself needs for their Services and Pods (the floor).

scale.py [CLUSTERS...]       default 500 1000; each: floor, then the operator, each on a control plane of its own
scale.py big [WORKERS]       one cluster from 1 to WORKERS (default 1000) workers, and a small one created meanwhile

Needs tests/real/cluster.sh's binaries (RAYVISOR_REAL_BIN), and the two programs that create the load, scale.py and floor.py, in
RAYVISOR_TOOLS (default ../shared/tools; they need aiohttp). Printed, never asserted."""
import json, os, subprocess, sys, tempfile, time
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
        time.sleep(2)
        return self

    def __exit__(self, *a):
        subprocess.run([f"{ROOT}/tests/real/cluster.sh", "down", f"{self.dir}/real"], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def tool(name, *args, timeout=900):
    out = subprocess.run([sys.executable, f"{TOOLS}/{name}", "--url", f"https://127.0.0.1:{PORT}", *args], capture_output=True, text=True, timeout=timeout)
    assert out.returncode == 0, out.stderr[-2000:]
    return json.loads(out.stdout.splitlines()[0])


def mib(pid): return sum(pss(pid).values()) / 1024


def many(n):
    with Plane(): floor = tool("floor.py", "-n", str(n))["all_ready_s"]
    with Plane() as p:
        op = Operator(p.dir, p.kube, plugins=[{"name": "raycluster"}], extra="")
        time.sleep(3)
        idle = mib(op.proc.pid)
        r = tool("scale.py", "--pid", str(op.proc.pid), "-n", str(n), "-w", "3")
        at_ready = mib(op.proc.pid)
        time.sleep(8)
        later, done = mib(op.proc.pid), op.control("status")["actions"]["done"]
        print(f"{n} x (1+3): floor {floor:.1f} s; all ready {r['all_ready_s']} s = {r['all_ready_s'] / floor:.2f} x floor, p99 {r['latency_p99_s']} s; "
              f"CPU {r['cpu_s']} s = {1000 * r['cpu_s'] / n:.1f} ms a cluster; PSS {idle:.1f} MiB idle, {at_ready:.1f} when ready, {later:.1f} 8 s later "
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


def big(workers):
    with Plane() as p:
        t0 = time.monotonic()
        floor = tool("floor.py", "-n", "1", "-w", str(workers - 1))["all_ready_s"]
    with Plane() as p:
        ns = p.kube.namespace("big")
        op = Operator(p.dir, p.kube, plugins=[{"name": "raycluster"}])
        p.kube.create("rayclusters", ns, raycluster("alone", workers=1))
        t0 = time.monotonic()
        wait_ready(p.kube, ns, "alone", 1)
        alone = time.monotonic() - t0
        p.kube.create("rayclusters", ns, raycluster("big", workers=1))
        wait_ready(p.kube, ns, "big", 1)
        t0 = time.monotonic()
        p.kube.json_patch("rayclusters", ns, "big", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": workers}])
        time.sleep(0.5)
        p.kube.create("rayclusters", ns, raycluster("small", workers=1))
        t1 = time.monotonic()
        wait_for("small", lambda: status_of(p.kube, ns, "small").get("state") == "ready", 300)
        small = time.monotonic() - t1
        wait_for("big", lambda: (lambda s: s.get("state") == "ready" and s.get("readyWorkerReplicas") == workers)(status_of(p.kube, ns, "big")), 600)
        took = time.monotonic() - t0
        print(f"1 to {workers} workers: floor {floor:.1f} s, ours {took:.1f} s = {took / floor:.2f} x floor; a small cluster alone {alone:.2f} s, meanwhile {small:.2f} s", flush=True)
        op.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["big"]: big(int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
    else:
        for n in [int(a) for a in sys.argv[1:]] or [500, 1000]: many(n)
