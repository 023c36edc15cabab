#!/usr/bin/env python3
"""A thousand gRPC servers on loopback, each asked every 5 s by one plugin: connections, CPU, memory, latency.

grpc_heads.py [heads] [seconds]    then the same with a tenth of them hanging: they read nothing any more

Latency is what the plugin sees, from its request to the pass that has the answer."""
import os, re, subprocess, sys, time, urllib.request
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *

HEADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 30
NS = "heads"


def pss(pid):
    return sum(int(l.split()[1]) for l in open(f"/proc/{pid}/smaps_rollup") if l.startswith("Pss:")) / 1024


def cpu(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


class Heads:
    def __init__(self, n):
        self.proc = subprocess.Popen([f"{BUILD}/tests/grpc_heads", str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = self.proc.stdout.readline().split()

    def say(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()
        return self.proc.stdout.readline()

    def stats(self):
        return [int(x) for x in self.say("stats").split()]


def metrics(op):
    text = urllib.request.urlopen(f"http://127.0.0.1:{op.control('status')['httpPort']}/metrics", timeout=10).read().decode()
    one = lambda name: next((float(v) for v in re.findall(rf"^rayvisor_plugin_{name}\S* (\S+)$", text, re.M)), 0.0)
    took = {q: float(v) for q, v in re.findall(r'^rayvisor_plugin_took_ms\{[^}]*quantile="([^"]*)"[^}]*\} (\S+)$', text, re.M)}
    return one("answers_total"), one("failures_total"), took


def measure(env, heads, what):
    pids = [env.op.proc.pid, env.op.plugin("poller")["pid"]]
    (a0, _, r0), c0, m0, t0 = heads.stats(), [cpu(p) for p in pids], metrics(env.op), time.monotonic()
    time.sleep(SECONDS)
    (a1, o1, r1), c1, m1, t = heads.stats(), [cpu(p) for p in pids], metrics(env.op), time.monotonic() - t0
    share = [(b - a) / t * 100 for a, b in zip(c0, c1)]
    print(f"{what:12} {(r1 - r0) / t:6.1f} requests/s  {a1 - a0:4} connections made ({(a1 - a0) / t:.1f}/s), {o1} open  "
          f"CPU {share[0]:.1f} + {share[1]:.1f} % of a core  PSS {pss(pids[0]):.1f} + {pss(pids[1]):.1f} MiB (supervisor + plugin)  "
          f"failed {m1[1] - m0[1]:.0f}  latency ms p50 {m1[2].get('0.5', 0):.1f} p99 {m1[2].get('0.99', 0):.1f} max {m1[2].get('1', 0):.1f}", flush=True)


def main():
    env, heads = Env("grpc_heads"), Heads(HEADS)
    env.sandbox()
    env.kube.namespace(NS)
    env.operator(plugins=[{"name": "poller", "http": ["http://127.0.0.1:*/ok"], "grants": "all"}], level="info")
    print(f"idle: PSS {pss(env.op.proc.pid):.1f} + {pss(env.op.plugin('poller')['pid']):.1f} MiB")
    t0 = time.monotonic()
    for i, port in enumerate(heads.ports):
        env.kube.create("configmaps", NS, {"metadata": {"name": f"h{i}", "labels": {"poll": "yes"}}, "data": {"url": f"http://127.0.0.1:{port}/ok"}})
    wait_for("every head to be asked", lambda: heads.stats()[1] >= HEADS, 120)
    print(f"{HEADS} heads after {time.monotonic() - t0:.1f} s: {heads.stats()[0]} connections made", flush=True)
    time.sleep(6)
    measure(env, heads, "all answer")
    print(heads.say(f"hang {HEADS // 10}").strip())
    time.sleep(6)
    measure(env, heads, "some hang")
    env.op.proc.kill()
    heads.proc.kill()
    env.close(False)


main()
