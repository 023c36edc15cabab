#!/usr/bin/env python3
"""A thousand RayClusters that the plugin autoscaler scales, each with a control store of its own on loopback.

autoscaler_heads.py [clusters] [seconds]    then the same with a tenth of the heads hanging: they read nothing any more

Quiet clusters are asked every 5 s. Pods are the sandbox's; a head's service is asked for as NAME.NAMESPACE.svc.localhost."""
import os, subprocess, sys, time
HEADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 30
sys.argv = sys.argv[:1]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *

NS = "heads"


def pss(pid): return sum(int(l.split()[1]) for l in open(f"/proc/{pid}/smaps_rollup") if l.startswith("Pss:")) / 1024


def cpu(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


class Heads:
    def __init__(self, n):
        self.proc = subprocess.Popen([f"{BUILD}/tests/grpc_heads", str(n), "ray"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = self.proc.stdout.readline().split()

    def say(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()
        return self.proc.stdout.readline()

    def requests(self): return int(self.say("stats").split()[2])


def cluster(i, port):
    c = raycluster(f"c{i}", 0)
    c["metadata"]["annotations"] = {"rayvisor.io/autoscaler": "operator"}
    c["spec"]["enableInTreeAutoscaling"] = True
    c["spec"]["headGroupSpec"]["rayStartParams"] = {"port": port}
    return c


def measure(env, heads, what):
    pids = {"supervisor": env.op.proc.pid, "autoscaler": env.op.plugin("autoscaler")["pid"], "raycluster": env.op.plugin("raycluster")["pid"]}
    r0, c0, a0, t0 = heads.requests(), {k: cpu(p) for k, p in pids.items()}, actions_done(env), time.monotonic()
    time.sleep(SECONDS)
    t = time.monotonic() - t0
    share = {k: (cpu(p) - c0[k]) / t * 100 for k, p in pids.items()}
    print(f"{what:12} {(heads.requests() - r0) / t:6.1f} requests/s to heads; CPU " + ", ".join(f"{k} {v:.1f} %" for k, v in share.items()) + " of a core; PSS " +
          ", ".join(f"{k} {pss(p):.1f} MiB" for k, p in pids.items()) + f"; {actions_done(env) - a0} actions in all", flush=True)


def main():
    env, heads = Env("autoscaler_heads"), Heads(HEADS)
    env.sandbox()
    env.kube.namespace(NS)
    domain = {"clusterDomain": "localhost"}
    env.operator(plugins=[{"name": "raycluster", "settings": {**domain, "deterministicHeadName": True}}, {"name": "autoscaler", "settings": domain}], level="info")
    t0 = time.monotonic()
    for i, port in enumerate(heads.ports): env.kube.create("rayclusters", NS, cluster(i, port))
    wait_for("every head to be asked", lambda: heads.requests() >= 2 * HEADS, 300)
    print(f"{HEADS} clusters after {time.monotonic() - t0:.1f} s", flush=True)
    time.sleep(45) # they are quiet now
    measure(env, heads, "all answer")
    print(heads.say(f"hang {HEADS // 10}").strip())
    time.sleep(15)
    measure(env, heads, "some hang")
    env.op.proc.kill()
    heads.proc.kill()
    env.close(False)


main()
