#!/usr/bin/env python3
"""Many RayServices on the sandbox's simulated Ray, some of whose heads hang: what they cost when they are converged, and how fast
the Service follows a new cluster.

services.py [services] [hanging]    default 500 and 50; prints CPU, memory, writes and requests, and the time from ready to switched

Memory is that of supervisor and plugins beside the operator that has nothing to do. That of a pod is measured, too: clusters get another
one in the end."""
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


def window(env, when):
    """What a minute costs."""
    all, stats, t = pids(env.op), env.sb.stats(), time.monotonic()
    used = cpu(all)
    time.sleep(WINDOW)
    used, after, took = cpu(all) - used, env.sb.stats(), time.monotonic() - t
    print(f"{when}: {100 * used / took:.1f} % of a core; {after['writes'] - stats['writes']} writes to the API server; requests for each service and minute: "
          f"{(after['total'] - stats['total']) / MANY * 60 / took:.2f}, namely {kinds(stats, after, took)}", flush=True)


def kinds(before, after, took):
    n = {what: count - before["requests"].get(what, 0) for what, count in after["requests"].items()}
    return ", ".join(f"{what} {v / MANY * 60 / took:.2f}" for what, v in sorted(n.items(), key=lambda kv: -kv[1]) if v)


def settled(env, name):
    """The cluster that was replaced has gone, so that its end is not counted."""
    wait_for("one cluster", lambda: len(env.kube.list("rayclusters", NS)) == MANY and not env.kube.get("rayservices", NS, name)["status"].get("retiredClusters"), 300)


def pod_memory(env):
    """KiB: each cluster whose head answers gets one more pod."""
    before, names = pss(pids(env.op)), [f"s{i}" for i in range(HANGING, MANY)]
    group = env.kube.get("rayservices", NS, names[0])["spec"]["rayClusterConfig"]["workerGroupSpecs"][0] | {"replicas": 1, "minReplicas": 1, "maxReplicas": 1}
    for name in names: env.kube.patch("rayservices", NS, name, {"spec": {"rayClusterConfig": {"workerGroupSpecs": [group]}}})
    wait_for("another pod of each", lambda: len([p for p in env.kube.list("pods", NS) if p["status"].get("phase") == "Running"]) >= MANY + len(names), 600)
    time.sleep(60)
    return (pss(pids(env.op)) - before) / len(names)


def main():
    env = Env("services")
    try: measure(env)
    finally: env.close(False)


def measure(env):
    env.sandbox("--sim-opts", "ray_deploy_ms=500")
    kube = env.kube
    kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice"}], proxy=True, level="info")
    idle, t0 = pss(pids(env.op)), time.monotonic()
    for i in range(MANY): kube.create("rayservices", NS, rayservice(f"{'h' if i < HANGING else 's'}{i}", workers=0))
    wait_for("all of them to serve", lambda: ready(kube) >= MANY, 600)
    print(f"{MANY} RayServices serve after {time.monotonic() - t0:.1f} s", flush=True)
    for hanging in (0, HANGING):
        if hanging: env.sb.post("sim/ray", {"match": {"cluster": "h"}, "dashboard": "hang"})
        if not hanging: time.sleep(60)  # what is expected after the start is over
        window(env, f"{hanging} hang" + (", from that moment on" if hanging else ""))
        if hanging: window(env, f"{hanging} hang, a minute later")
        name = f"s{MANY - 1 - (hanging > 0)}"
        print(f"    from ready to switched: {switch(kube, name):.2f} s", flush=True)
        settled(env, name)
    whole = (pss(pids(env.op)) - idle) / MANY
    pod = pod_memory(env)
    print(f"memory for each service with its cluster, pod, Services and slices: {whole:.1f} KiB; a pod: {pod:.1f} KiB; without it {whole - pod:.1f} KiB", flush=True)


main()
