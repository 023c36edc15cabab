#!/usr/bin/env python3
"""The headline figures, measured against the sandbox and printed, never asserted.

idle PSS of the process tree, time from process start to first reconcile, memory per RayCluster (1 head + 3 workers), CPU per cluster, and
the number of writes by a converged system. Run: python3 tests/bench/figures.py [clusters] (default 500)

Memory per cluster is what the processes allocated (Pss_Anon): the shared part of PSS changes with whatever else runs on the machine.
"""
import glob, json, os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *


def tree(pid):
    kids, todo, out = {}, [pid], []
    for d in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            kids.setdefault(int(open(d).read().rsplit(")", 1)[1].split()[1]), []).append(int(d.split("/")[2]))
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def pss(pid, what="Pss"):
    """PSS of the tree in KiB, per process name."""
    out = {}
    for p in tree(pid):
        with contextlib.suppress(OSError):
            name = open(f"/proc/{p}/comm").read().strip()
            kib = next(int(l.split()[1]) for l in open(f"/proc/{p}/smaps_rollup") if l.startswith(what + ":"))
            out[f"{name}:{p}"] = kib
    return out


def cpu(pid):
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for p in tree(pid):
        with contextlib.suppress(OSError):
            f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            total += int(f[11]) + int(f[12])
    return total / tick


def started_at(pid):
    boot = next(int(l.split()[1]) for l in open("/proc/stat") if l.startswith("btime"))
    uptime = float(open("/proc/uptime").read().split()[0])
    ticks = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19])
    return time.time() - (uptime - ticks / os.sysconf("SC_CLK_TCK"))


def decided(op, ns, name):
    e = op.control("explain", kind="raycluster", namespace=ns, name=name)
    return e.get("decidedAt") if e.get("found") else None


def epoch(text):
    if isinstance(text, (int, float)): return text / 1e9
    base, _, frac = text.rstrip("Z").partition(".")
    import calendar
    return calendar.timegm(time.strptime(base, "%Y-%m-%dT%H:%M:%S")) + (float("0." + frac) if frac else 0)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    env = Env("bench")
    try:
        env.sandbox()
        kube = env.kube
        env.operator()
        env.op.write_config(open(env.op.config).read().replace("level: debug", "level: warn"))
        env.op.stop()
        kube.create("rayclusters", "default", raycluster("first", workers=0))
        firsts = []
        for _ in range(5):
            env.op.start(wait=False)
            wait_for("first reconcile", lambda: decided(env.op, "default", "first"))
            # The log's own clock: the control socket is asked too late to tell.
            firsts.append(1000 * (epoch(decided(env.op, "default", "first")) - started_at(env.op.proc.pid)))
            wait_for("ready", lambda: env.op.control("status").get("ready"))
            time.sleep(0.5)
            env.op.stop()
        kube.delete("rayclusters", "default", "first")
        wait_for("gone", lambda: not kube.list("pods"))
        env.op.start()
        time.sleep(3)
        idle, idle_own = pss(env.op.proc.pid), pss(env.op.proc.pid, "Pss_Anon")
        c0, t0 = cpu(env.op.proc.pid), time.monotonic()
        for i in range(n): kube.create("rayclusters", "default", raycluster(f"c{i}", workers=3))
        created = time.monotonic() - t0
        def done(): return sum(1 for c in kube.list("rayclusters", "default") if c.get("status", {}).get("state") == "ready") == n
        while not done(): time.sleep(0.5)
        ready = time.monotonic() - t0
        at_once = pss(env.op.proc.pid, "Pss_Anon")
        time.sleep(8)
        full, own, c1 = pss(env.op.proc.pid), pss(env.op.proc.pid, "Pss_Anon"), cpu(env.op.proc.pid)
        writes = lambda: sum(v for k, v in env.sb.stats()["requests"].items() if k.split()[0] in ("create", "update", "patch", "delete"))
        w0 = writes()
        time.sleep(10)
        rows = [("idle PSS of the tree, KiB", sum(idle.values()), idle),
                ("start to first reconcile, ms (5 runs)", [round(x) for x in firsts], "process start from /proc has 10 ms steps"),
                (f"PSS with {n} clusters, KiB", sum(full.values()), full),
                ("memory per cluster, KiB (when the last one is ready, 8 s later)",
                 [round((sum(m.values()) - sum(idle_own.values())) / n, 2) for m in (at_once, own)], own),
                ("CPU per cluster, ms", round(1000 * (c1 - c0) / n, 2), ""),
                ("created in / all ready after, s", [round(created, 1), round(ready, 1)], ""),
                ("writes in 10 s by the converged system", writes() - w0, "")]
        for what, value, note in rows: print(f"{what}: {value} {note}")
        print(json.dumps({w: v for w, v, _ in rows}))
    finally:
        env.close(False)


if __name__ == "__main__": main()
