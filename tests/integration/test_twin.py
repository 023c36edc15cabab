#!/usr/bin/env python3
"""A twin: an operator that writes nothing and compares what it would do with what another one does. Here the other one is ours too."""
from harness import *
from front import Front
import test_takeover as takeover
from test_commands import environment, shell

PLUGINS = ("raycluster", "rayjob", "rayservice")


class Twin:
    """An operator in twin mode behind a front, which notes every request that could change anything."""

    def __init__(self, env, plugins=PLUGINS, grace=3, **kw):
        self.writes = []
        self.front = env.keep(Front(env.dir, env.kube, before=self.note))
        self.op = env.keep(Operator(env.dir, env.kube, name="twin", account="rayvisor-twin", kubeconfig=self.front.kubeconfig, proxy=True, plugins=[{"name": n} for n in plugins],
                                    extra=f"mode: twin\ntwin: {{graceSeconds: {grace}}}\nleaderElection: {{enabled: true}}", **kw))

    def note(self, method, path, body):
        if method not in ("GET", "HEAD"): self.writes.append(f"{method} {path}")

    def said(self, **which): return self.op.control("twin", **which)
    def lines(self, state="unexplained", **which): return [d for d in self.said(**which)["differences"] if d["state"] == state]

    def quiet(self, timeout=60):
        """No difference that counts, and none that may come to count."""
        def ok():
            s = self.said()
            return s["unexplained"] == 0 and not [d for d in s["differences"] if not d["reason"]]
        try: wait_for("the twin to see no difference", ok, timeout)
        except AssertionError: raise AssertionError("differences:\n" + self.op.ctl("twin"))

    def difference(self, field, timeout=30, **like):
        def find(): return [d for d in self.lines() if d["field"] == field and all(d[k] == v for k, v in like.items())]
        try: return wait_for(f"a difference in {field}", find, timeout)[0]
        except AssertionError: raise AssertionError(f"no difference in {field} {like}:\n" + self.op.ctl("twin"))


def ctl(op, *args):
    r = subprocess.run([binary("rayvisorctl"), "--socket", op.socket_path(), *args], text=True, timeout=60, capture_output=True)
    return r.returncode, r.stdout, r.stderr


def test_beside_another_operator(env):
    """Clusters, jobs and services through their lives: the twin writes nothing at all, and has nothing to say when all is quiet."""
    env.cluster()
    if not env.sb: raise Skip("a real cluster has no Ray in its pods")
    ns = env.kube.namespace("twin")
    env.operator(plugins=[{"name": n} for n in PLUGINS], proxy=True)
    t = Twin(env, grace=15)
    env.kube.create("rayclusters", ns, raycluster("c", workers=2))
    env.kube.create("rayjobs", ns, rayjob("j", shutdownAfterJobFinishes=True))
    env.kube.create("rayjobs", ns, rayjob("h", mode="HTTPMode"))
    env.kube.create("rayservices", ns, rayservice("s"))
    wait_ready(env.kube, ns, "c", 2)
    wait_job(env.kube, ns, "j", "Complete")
    wait_job(env.kube, ns, "h", "Complete")
    wait_for("the service", lambda: env.kube.get("rayservices", ns, "s").get("status", {}).get("serviceStatus") == "Running", 60)
    t.quiet()
    env.kube.patch("rayclusters", ns, "c", {"spec": {"workerGroupSpecs": [{**raycluster("c", workers=1)["spec"]["workerGroupSpecs"][0]}]}})
    wait_ready(env.kube, ns, "c", 1)
    env.kube.delete("pods", ns, pods_of(env.kube, ns, "c", "small")[0]["metadata"]["name"])
    wait_for("another worker", lambda: len(pods_of(env.kube, ns, "c", "small")) == 1)
    wait_ready(env.kube, ns, "c", 1)
    env.kube.patch("rayclusters", ns, "c", {"spec": {"suspend": True}})
    wait_for("no pods", lambda: not pods_of(env.kube, ns, "c"))
    t.quiet()
    env.kube.delete("rayservices", ns, "s")
    wait_for("the service to be gone", lambda: not env.kube.find("rayservices", ns, "s"))
    t.quiet()
    said = t.said()
    assert t.writes == [], t.writes
    assert said["compared"] > 10 and said["leftOut"] == 0, said
    assert t.op.control("status")["actions"]["withheld"] > 10
    assert not t.op.logs("a difference that nothing explains"), t.op.logs("a difference that nothing explains")
    assert not [l for l in env.kube.list("leases", "default") if l["metadata"]["name"] == "rayvisor"]


def test_says_that_it_is_one(env):
    env.cluster()
    t = Twin(env, plugins=("raycluster",))
    assert t.op.http("/readyz") == "ok, a twin: it writes nothing\n", t.op.http("/readyz")
    assert "a twin: it writes nothing and compares" in t.op.ctl("status"), t.op.ctl("status")
    s = t.op.control("status")
    assert s["mode"] == "twin" and not s["leadership"]["leader"] and not s["leadership"]["enabled"], s
    metrics = t.op.http("/metrics")
    for line in ("rayvisor_twin 1", "rayvisor_leader 0", "rayvisor_twin_unexplained 0", "rayvisor_twin_last_unexplained_timestamp_seconds 0"):
        assert f"\n{line}\n" in metrics, line
    code, out, err = ctl(t.op, "twin")
    assert code == 0 and "0 unexplained" in out and "last unexplained difference never" in out, (code, out, err)
    roles = subprocess.run([binary("rayvisord"), "--config", t.op.config, "--print-rbac"], text=True, capture_output=True, check=True).stdout
    verbs = set(re.findall(r"\w+", " ".join(re.findall(r"verbs: \[(.*)\]", roles))))
    assert verbs == {"get", "list", "watch"}, verbs
    assert not re.search(r"leases|events|finalizers|/status", roles), roles
    other = env.operator(plugins=[{"name": "raycluster"}])
    code, out, err = ctl(other, "twin")
    assert code == 1 and "is no twin" in err, (code, out, err)


def test_differences_are_shown_by_field(env):
    """What stands otherwise than the twin would have it, while nobody puts it right; and again nothing when somebody has."""
    env.cluster()
    ns = env.kube.namespace("twin")
    env.operator(plugins=[{"name": "raycluster"}])
    env.kube.create("rayclusters", ns, raycluster("c", workers=2))
    wait_ready(env.kube, ns, "c", 2)
    t = Twin(env, plugins=("raycluster",))
    t.quiet()
    env.op.stop()
    port = next(p for p in env.kube.get("services", ns, "c-head-svc")["spec"]["ports"] if p["name"] == "client")["port"]
    ports = [{**p, **({"port": 4711} if p["name"] == "client" else {})} for p in env.kube.get("services", ns, "c-head-svc")["spec"]["ports"]]
    env.kube.patch("services", ns, "c-head-svc", {"spec": {"ports": ports}})
    env.kube.patch("rayclusters", ns, "c", {"status": {"desiredWorkerReplicas": 9}}, sub="status")
    env.kube.delete("pods", ns, pods_of(env.kube, ns, "c", "small")[0]["metadata"]["name"])
    d = t.difference("spec.ports[client].port", resource="services", object="c-head-svc")
    assert (d["ours"], d["theirs"]) == (str(port), "4711"), d
    d = t.difference("(object)", resource="pods", verb="create")
    assert (d["ours"], d["theirs"], d["name"]) == ("made", "not there", "c"), d
    d = t.difference("status.desiredWorkerReplicas", resource="rayclusters", subresource="status")
    assert (d["ours"], d["theirs"]) == ("2", "9"), d
    # They count when they are older than the grace.
    wait_for("unexplained differences", lambda: ctl(t.op, "twin", "rc/c", "-n", ns)[0] == 1 and 'field="spec.ports[].port",explained="false"} 1' in t.op.http("/metrics"), 40)
    code, out, err = ctl(t.op, "twin", "rc/c", "-n", ns)
    assert code == 1 and "spec.ports[client].port" in out and "theirs: 4711" in out and "not clean" in out and "unexplained" in err, (code, out, err)
    code, out, err = ctl(t.op, "twin", "rc/other", "-n", ns)
    assert "spec.ports" not in out, out
    metrics = t.op.http("/metrics")
    assert 'rayvisor_twin_differences{plugin="raycluster",resource="services",field="spec.ports[].port",explained="false"} 1\n' in metrics, metrics
    assert "\nrayvisor_twin_clean_seconds 0\n" in metrics
    assert t.op.logs("a difference that nothing explains", field="spec.ports[client].port")
    env.op.start()
    wait_ready(env.kube, ns, "c", 2)
    t.quiet()
    said = t.said()
    assert said["lastUnexplained"] and said["cleanSince"] >= said["lastUnexplained"], said
    assert t.writes == [], t.writes


# What a recording does not have, or has otherwise than the sandbox, and no operator is the reason: (field, theirs, why).
ARTEFACTS = [(r"status\.(.*\.)?observedGeneration|status\.conditions\[.*\]\.observedGeneration", "-", "left out of recordings"),
             (r"status\.head\.podIP", "-", "left out of recordings"),
             (r"status\.head\.serviceIP", "IP", "a placeholder"),
             (r"status\.state|status\.readyWorkerReplicas|status\.numServeEndpoints", r"ready|\d+", "the sandbox's workers of a service are Ready by the answer of a Serve, those of KWOK always"),
             (r"status\.conditions\[HeadPodReady\]\..*", ".*", "the simulated nodes had just become NotReady in that recording"),
             (r"status\.readyWorkerReplicas", "-", "the simulated nodes had just become NotReady in that recording")]


def artefact(d): return d["resource"].startswith("ray") and any(re.fullmatch(f, d["field"]) and re.fullmatch(theirs, d["theirs"]) for f, theirs, _ in ARTEFACTS)


def test_recordings(env):
    """Over what KubeRay left behind (test_takeover.py): a twin would write nothing that has no reason."""
    chosen = [r for r in takeover.recordings() if fnmatch.fnmatch(r[0], os.environ.get("RAYVISOR_GOLDEN_ONLY", "*"))]
    spaces, before = takeover.put(env, chosen)
    t = Twin(env, plugins=[p["name"] for p in takeover.CONTROLLERS], grace=5)
    time.sleep(20)
    differences = t.lines()
    unexplained = [f"{d['namespace']}: {d['verb']} {d['resource']}/{d['subresource']} {d['object']} {d['field']}: {d['ours'][:150]} | {d['theirs'][:150]}" for d in differences if not artefact(d)]
    for field, theirs, why in ARTEFACTS: assert any(artefact(d) and re.fullmatch(field, d["field"]) for d in differences) or "RAYVISOR_GOLDEN_ONLY" in os.environ, f"no longer needed: {field}"
    assert not unexplained, "\n  ".join(["unexplained:", *sorted(unexplained)])
    said = t.said()
    assert said["explained"] > 0 and said["leftOut"] == 0 and t.writes == [], (said["leftOut"], t.writes)
    wrong = [f"{name}: {line}" for name, ns in spaces.items() for line in takeover.changed(before[name], takeover.image(env.kube, ns))]
    assert not wrong, "\n  ".join(["touched:", *wrong])


def test_the_guide(env):
    """deploy/MIGRATION.md, "Look first": its commands as they stand."""
    env.cluster()
    text = open(os.path.join(ROOT, "deploy/MIGRATION.md")).read()
    (block,) = [b for b in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S) if "mode: twin" in b]
    e = {**environment(env.dir), "KUBECONFIG": env.kube.kubeconfig}
    e["PATH"] = ":".join([os.path.join(BUILD, "bin"), e["PATH"]])
    said = shell(block.splitlines(), e, timeout=120)
    assert "kind: ClusterRole" in said and "a twin: it writes nothing" in said and "0 unexplained" in said, said[-3000:]


if __name__ == "__main__": main()
