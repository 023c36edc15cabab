"""A hostile host beside a plugin that works: for test_hostile.py and tests/bench/flood.py."""
import datetime, os, statistics, threading, time
from harness import *

NAMESPACE = "default"
ELECTION = f"leaderElection: {{enabled: true, namespace: {NAMESPACE}, name: flooded, leaseSeconds: 5, renewSeconds: 4, retrySeconds: 1}}"
CONFIGMAPS = {"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "get"]}
EVENTS = {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"], "namespaces": [NAMESPACE]}


class Flood:
    def __init__(self, env, what):
        self.env, self.what, self.n = env, what, 0
        if getattr(env, "sandbox_", None) is None: env.cluster()
        self.ns = env.kube.namespace(f"flood-{what}-{os.getpid()}")
        link = os.path.join(env.dir, what)
        os.symlink(binary("hostile-host"), link)
        self.toy = {"name": "toy", "grants": [CONFIGMAPS, EVENTS], "limits": {"memory": "256Mi"}, "enabled": False}
        self.op = env.operator(plugins=[{"name": "raycluster"}, self.toy], name=f"operator-{what}", wait=False, level="info",
                               extra=f"hostBinary: {link}\n{ELECTION}\nheartbeat: {{intervalMs: 500, timeoutMs: 3000}}")
        wait_for("raycluster plugin", lambda: self.op.plugin("raycluster")["state"] == "ready")

    def __enter__(self): return self
    def __exit__(self, *a): self.op.stop()

    def status(self, field):
        return next(int(l.split()[1]) / 1024 for l in open(f"/proc/{self.op.proc.pid}/status") if l.startswith(field + ":"))

    def create_to_pods(self):
        """ms from the creation of a RayCluster of one worker until both its pods are there."""
        self.n += 1
        name = f"c{self.n}"
        t = time.monotonic()
        self.env.kube.create("rayclusters", self.ns, raycluster(name))
        while len(self.env.kube.list("pods", self.ns, f"ray.io/cluster={name}")) < 2:
            assert time.monotonic() - t < 60, "no pods after a minute"
            time.sleep(0.005)
        took = (time.monotonic() - t) * 1000
        self.env.kube.delete("rayclusters", self.ns, name)
        return took

    def watch_lease(self):
        last, at = None, time.monotonic()
        while not self.ended:
            lease = self.env.kube.find("leases", NAMESPACE, "flooded")
            renewed = lease and lease["spec"].get("renewTime")
            now = time.monotonic()
            if renewed != last: last, at = renewed, now
            self.lease_gap = max(self.lease_gap, now - at)
            time.sleep(0.1)

    def measure(self, seconds):
        """Sets: grown (MiB of the supervisor at its peak), before and during (median ms of create_to_pods), lease_gap (s), logged (MiB)."""
        self.before = statistics.median(self.create_to_pods() for _ in range(5))
        small, log = self.status("VmRSS"), os.path.getsize(self.op.log)
        with open(f"/proc/{self.op.proc.pid}/clear_refs", "w") as f: f.write("5")  # the peak begins anew
        self.ended, self.lease_gap = False, 0
        thread = threading.Thread(target=self.watch_lease)
        thread.start()
        try:
            self.toy["enabled"] = True
            self.op.write_config()
            wait_for("the start of the hostile host", lambda: self.op.plugin("toy")["state"] != "disabled")
            end, took = time.monotonic() + seconds, []
            while time.monotonic() < end: took.append(self.create_to_pods())
        finally:
            self.ended = True
            thread.join()
        self.during, self.worst = statistics.median(took), max(took)
        self.grown, self.logged = self.status("VmHWM") - small, (os.path.getsize(self.op.log) - log) / 2**20
