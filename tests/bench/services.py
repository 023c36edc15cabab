#!/usr/bin/env python3
"""Many RayServices on the sandbox's simulated Ray, some of whose heads hang: what they cost when they are converged, and how fast
the Service follows a new cluster.

services.py [services] [hanging]    default 500 and 50; prints CPU, memory, writes and requests, and the time from ready to switched"""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *

NS, MANY, HANGING = "serve", int(sys.argv[1]) if len(sys.argv) > 1 else 500, int(sys.argv[2]) if len(sys.argv) > 2 else 50
WINDOW = 60


def cpu(pids): return sum(sum(map(int, open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[11:13])) for p in pids) / os.sysconf("SC_CLK_TCK")
def pss(pids): return sum(int(l.split()[1]) for p in pids for l in open(f"/proc/{p}/smaps_rollup") if l.startswith("Pss:"))
def pids(op): return [op.proc.pid] + [p["pid"] for p in op.control("plugins")["plugins"]]
def ready(kube): return sum(o.get("status", {}).get("serviceStatus") == "Running" for o in kube.list("rayservices", NS))


def switch(kube, name):
    """From the moment that the new cluster has a ready head and runs its applications to the Service that selects it."""
    old = kube.get("rayservices", NS, name)["status"]["activeServiceStatus"]["rayClusterName"]
    spec = kube.get("rayservices", NS, name)["spec"]["rayClusterConfig"]["headGroupSpec"]
    spec["template"]["spec"]["containers"][0]["env"] = [{"name": "V", "value": "2"}]
    kube.patch("rayservices", NS, name, {"spec": {"rayClusterConfig": {"headGroupSpec": spec}}})
    new = wait_for("a name", lambda: kube.get("rayservices", NS, name)["status"].get("pendingServiceStatus", {}).get("rayClusterName"))
    path = f"/api/v1/namespaces/{NS}/services/{new}-head-svc:dashboard/proxy/api/serve/applications/"
    wait_for("its replicas", lambda: [a for a in kube.call("GET", path)["applications"].values() if a["status"] == "RUNNING"], 120)
    t0 = time.monotonic()
    wait_for("the switch", lambda: kube.get("services", NS, name + "-serve-svc")["spec"]["selector"]["ray.io/cluster"] not in (old, None), 60)
    return time.monotonic() - t0


def main():
    env = Env("services")
    try: measure(env)
    finally: env.close(False)


def measure(env):
    env.sandbox("--sim-opts", "ray_deploy_ms=500")
    kube = env.kube
    kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice"}], proxy=True, level="info")
    idle = pss(pids(env.op))
    t0 = time.monotonic()
    for i in range(MANY): kube.create("rayservices", NS, rayservice(f"{'h' if i < HANGING else 's'}{i}", workers=0))
    wait_for("all of them to serve", lambda: ready(kube) >= MANY, 600)
    print(f"{MANY} RayServices serve after {time.monotonic() - t0:.1f} s", flush=True)
    for hanging in (False, True):
        if hanging: env.sb.post("sim/ray", {"match": {"cluster": "h"}, "dashboard": "hang"})
        time.sleep(60)  # what is expected after the start is over
        all, before, wrote, t = pids(env.op), cpu(pids(env.op)), env.sb.stats(), time.monotonic()
        time.sleep(WINDOW)
        used, after = cpu(all) - before, env.sb.stats()
        print(f"{HANGING if hanging else 0} hang: {100 * used / (time.monotonic() - t):.1f} % of a core, {(pss(all) - idle) / MANY:.0f} KiB for each service with its cluster")
        print(f"    API server: {after['writes'] - wrote['writes']} writes; {(after['total'] - wrote['total']) / MANY * 60 / WINDOW:.1f} requests for each service and minute, those to Ray among them", flush=True)
        print(f"    from ready to switched: {switch(kube, f's{MANY - 1 - hanging}'):.2f} s", flush=True)


main()
