#!/usr/bin/env python3
"""Is the sandbox big and quick enough for 20,000 pods? Printed, never asserted.

Pods are created by several clients at once, scheduled and started by the simulated kubelets; then they are listed (whole, in pages of 500),
watched from the beginning (sendInitialEvents), changed one by one, and deleted as a collection.
Run: python3 tests/bench/sandbox.py [pods] (default 20000)
"""
import http.client, json, os, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *

CLIENTS = 4


def rss(pid):
    return next(int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS:")) / 1024


class Session:
    """One kept connection."""

    def __init__(self, kube):
        self.kube = kube
        self.c = http.client.HTTPSConnection(kube.host, kube.port, context=kube.ctx, timeout=120)

    def call(self, method, path, body=None, ctype="application/json"):
        self.c.request(method, path, json.dumps(body) if body is not None else None, {"Authorization": "Bearer " + self.kube.token, "Content-Type": ctype})
        r = self.c.getresponse()
        data = r.read()
        assert r.status < 300, data[:300]
        return data


def pod(i):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{i}", "labels": {"app": f"a{i % 50}", "ray.io/cluster": f"c{i // 4}"}}, "spec": {
        "containers": [{"name": "main", "image": "rayproject/ray:2.52.0", "env": [{"name": f"E{k}", "value": "v" * 20} for k in range(10)],
                        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}}


def parallel(kube, n, fn):
    def work(lane):
        s = Session(kube)
        for i in range(lane, n, CLIENTS): fn(s, i)
    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(CLIENTS)]
    for t in threads: t.start()
    for t in threads: t.join()


def timed(fn):
    t = time.monotonic()
    out = fn()
    return time.monotonic() - t, out


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    env = Env("sandbox-bench")
    try:
        env.sandbox()
        kube, pid, path = env.kube, env.sb.proc.pid, "/api/v1/namespaces/default/pods"
        rows = [("memory before, MiB", round(rss(pid), 1))]
        create, _ = timed(lambda: parallel(kube, n, lambda s, i: s.call("POST", path, pod(i))))
        rows.append((f"create {n} pods, {CLIENTS} clients", f"{create:.1f} s, {n / create:.0f}/s"))
        s = Session(kube)
        running = lambda: sum(1 for p in json.loads(s.call("GET", path))["items"] if p["status"].get("phase") == "Running")
        def all_run():
            while running() < n: time.sleep(0.5)
        rows.append(("until all run", f"{timed(all_run)[0]:.1f} s more"))
        rows.append(("memory with all running, MiB", round(rss(pid), 1)))
        whole, data = timed(lambda: s.call("GET", path))
        rows.append(("list, whole", f"{whole:.2f} s, {len(data) / 2**20:.0f} MiB"))

        def pages():
            token, count = "", 0
            while True:
                page = json.loads(s.call("GET", f"{path}?limit=500&continue={token}"))
                count += len(page["items"])
                token = page["metadata"].get("continue", "")
                if not token: return count
        took, count = timed(pages)
        assert count == n
        rows.append(("list, pages of 500 (with reading the JSON here)", f"{took:.2f} s"))
        took, data = timed(lambda: json.loads(s.call("GET", f"{path}?labelSelector=app%3Da7"))["items"])
        rows.append((f"list by a label ({len(data)} pods)", f"{1000 * took:.0f} ms"))

        def initial():
            c, r = kube.open("GET", f"{path}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan", timeout=120)
            count = 0
            for line in r:
                if b'"ADDED"' in line[:40]: count += 1
                else: break
            c.close()
            return count
        took, count = timed(initial)
        assert count == n
        rows.append(("watch from the beginning, until the bookmark", f"{took:.2f} s"))
        watchers = [Watcher(kube, "pods", "default") for _ in range(10)]
        change, _ = timed(lambda: parallel(kube, 2000, lambda s, i: s.call("PATCH", f"{path}/p{i}", {"metadata": {"annotations": {"x": str(i)}}}, "application/merge-patch+json")))
        took, _ = timed(lambda: wait_for("events", lambda: all(len(w.events) >= 2000 for w in watchers), 120))
        rows.append(("2000 patches with 10 watchers", f"{change:.1f} s, {2000 / change:.0f}/s; the last event {took:.2f} s later"))
        for w in watchers: w.stopped = True
        env.sb.post("drop-watches")
        took, _ = timed(lambda: s.call("DELETE", path))
        gone, _ = timed(lambda: wait_for("the pods to go", lambda: not json.loads(s.call("GET", f"{path}?limit=1"))["items"], 300))
        rows.append(("delete them all (collection, then gone)", f"{took:.2f} s, {gone:.1f} s"))
        rows.append(("memory afterwards, MiB", round(rss(pid), 1)))
        for what, value in rows: print(f"{what}: {value}")
    finally:
        env.close(False)


main()
