#!/usr/bin/env python3
"""`kubectl rayvisor plan`: what would change, by the controllers' own rules; compared with what the operator then does, and nothing is written."""
import json, subprocess
from harness import *
from front import Front

PLUGINS = [{"name": n} for n in ("raycluster", "rayjob", "rayservice", "raycronjob")]


class Planner:
    """The command behind a front that notes every request which could change anything."""

    def __init__(self, env):
        self.env, self.writes, self.paths = env, [], []
        self.front = env.keep(Front(env.dir, env.kube, before=self.note))

    def note(self, method, path, body):
        self.paths.append(path)
        if method not in ("GET", "HEAD"): self.writes.append(f"{method} {path}")

    def run(self, ns, *objects, args=(), text=None):
        """(exit status, standard output, standard error) of a plan for these objects; without any: of those that are there."""
        given = text if text is not None else "\n---\n".join(json.dumps(o) for o in objects)
        r = subprocess.run([binary("kubectl-rayvisor"), "plan", *(["-f", "-"] if given else []), *(["-n", ns] if ns else []), *args], input=given, text=True, capture_output=True,
                           timeout=120 * PATIENCE, env={**os.environ, "KUBECONFIG": self.front.kubeconfig, "TERM": "xterm"})
        assert self.writes == [], self.writes
        return r.returncode, r.stdout, r.stderr

    def doc(self, ns, *objects, status=2, args=()):
        code, out, err = self.run(ns, *objects, args=("-o", "json", *args))
        assert code == status, (code, out, err)
        return json.loads(out)

    def same(self, ns, *objects):
        """Nothing changes, and the exit status says so."""
        code, out, err = self.run(ns, *objects)
        assert code == 0 and "Nothing changes." in out and err == "", (code, out, err)
        return out


def changes(doc, **like):
    """(action, kind, group or names) of the objects that change."""
    return sorted((o["action"], o["kind"], o.get("group") or o["names"][0], len(o["names"])) for o in doc["objects"] if o["action"] != "same" and all(o.get(k) == v for k, v in like.items()))


def said(doc, sort): return [s["text"] for s in doc["sentences"] if s["sort"] == sort]
def uids(pods): return sorted(p["metadata"]["uid"] for p in pods)
def with_group(cluster, i, **fields): return {**cluster, "spec": {**cluster["spec"], "workerGroupSpecs": [{**g, **(fields if k == i else {})} for k, g in enumerate(cluster["spec"]["workerGroupSpecs"])]}}


def test_raycluster(env):
    """From nothing to a cluster, scaled, edited, and gone groups: as the operator does it afterwards."""
    env.cluster()
    ns = env.kube.namespace("plan")
    p = Planner(env)
    demo = raycluster("demo", workers=2)
    doc = p.doc(ns, demo)
    assert ("create", "Pod", "head", 1) in changes(doc) and ("create", "Pod", "small", 2) in changes(doc) and ("create", "RayCluster", "demo", 1) in changes(doc), doc
    assert ("create", "Service", "demo-head-svc", 1) in changes(doc), changes(doc)
    assert (doc["before"]["pods"], doc["peak"]["pods"], doc["after"]["pods"], doc["after"]["memory"]) == (0, 3, 3, "192Mi"), doc
    env.operator(plugins=PLUGINS)
    env.kube.create("rayclusters", ns, demo)
    wait_ready(env.kube, ns, "demo", 2)
    env.op.stop()
    p.same(ns, demo)
    p.same(ns)
    # Scaled: the pods that are there stay.
    doc = p.doc(ns, with_group(demo, 0, replicas=4))
    assert changes(doc) == [("create", "Pod", "small", 2), ("update", "RayCluster", "demo", 1)], changes(doc)
    assert doc["objects"][0]["fields"] == [{"path": "spec.workerGroupSpecs[small].replicas", "before": "2", "after": "4"}], doc["objects"][0]
    assert (doc["before"]["pods"], doc["peak"]["pods"], doc["after"]["pods"]) == (3, 5, 5), doc
    doc = p.doc(ns, with_group(demo, 0, replicas=1))
    assert changes(doc) == [("delete", "Pod", "small", 1), ("update", "RayCluster", "demo", 1)], changes(doc)
    # Another group instead of the one that is there.
    other = raycluster("demo", groups={"large": 1})
    doc = p.doc(ns, other)
    assert changes(doc) == [("create", "Pod", "large", 1), ("delete", "Pod", "small", 2), ("update", "RayCluster", "demo", 1)], changes(doc)
    # The operator does what was planned.
    env.op.start()
    env.kube.patch("rayclusters", ns, "demo", {"spec": {"workerGroupSpecs": other["spec"]["workerGroupSpecs"]}})
    wait_ready(env.kube, ns, "demo", 1)
    assert [x["metadata"]["labels"]["ray.io/group"] for x in pods_of(env.kube, ns, "demo")].count("large") == 1


def test_upgrade_strategy(env):
    """The same edit replaces all pods with Recreate, and has no effect on them without; the head service follows another type."""
    env.cluster()
    ns = env.kube.namespace("plan")
    env.operator(plugins=PLUGINS)
    p = Planner(env)
    image = lambda c: with_group(c, 0, template={"spec": {"containers": [{"name": "ray-worker", "image": "rayproject/ray:2.53.0"}]}})
    stays, goes = raycluster("stays"), raycluster("goes", upgradeStrategy={"type": "Recreate"})
    for c in (stays, goes):
        env.kube.create("rayclusters", ns, c)
        wait_ready(env.kube, ns, c["metadata"]["name"], 1)
    doc = p.doc(ns, image(stays))
    assert changes(doc) == [("update", "RayCluster", "stays", 1)], changes(doc)
    assert any("1 pod was made of an older spec and stays as it is" in w for w in said(doc, "warning")), doc["sentences"]
    doc = p.doc(ns, image(goes))
    assert changes(doc) == [("replace", "Pod", "head", 1), ("replace", "Pod", "small", 1), ("update", "RayCluster", "goes", 1)], changes(doc)
    assert doc["peak"]["pods"] == 2 and said(doc, "warning") == [], doc
    assert sorted(n for o in doc["objects"] if o["action"] == "replace" for n in o["replaces"]) == sorted(x["metadata"]["name"] for x in pods_of(env.kube, ns, "goes"))
    # The condition of the living cluster has the sentence of the plan.
    warned = said(p.doc(ns, image(stays)), "warning")
    before = uids(pods_of(env.kube, ns, "stays")), uids(pods_of(env.kube, ns, "goes"))
    for c in (stays, goes): env.kube.patch("rayclusters", ns, c["metadata"]["name"], {"spec": {"workerGroupSpecs": image(c)["spec"]["workerGroupSpecs"]}})
    condition = wait_for("the condition", lambda: conditions(status_of(env.kube, ns, "stays")).get("PodsOutdated"))
    assert condition["message"] in warned, (condition, warned)
    wait_for("new pods", lambda: len(pods_of(env.kube, ns, "goes")) == 2 and not set(uids(pods_of(env.kube, ns, "goes"))) & set(before[1]))
    assert uids(pods_of(env.kube, ns, "stays")) == before[0]
    service = raycluster("stays")
    service["spec"]["headGroupSpec"]["serviceType"] = "NodePort"
    doc, before = p.doc(ns, service), env.kube.get("services", ns, "stays-head-svc")["metadata"]["uid"]
    assert ("replace", "Service", "stays-head-svc", 1) in changes(doc), changes(doc)
    env.kube.patch("rayclusters", ns, "stays", {"spec": service["spec"]})
    wait_for("another Service", lambda: env.kube.get("services", ns, "stays-head-svc")["metadata"]["uid"] != before)


def test_rayjob(env):
    """A new job with its cluster and its submitter; an edit while it runs has the condition's own sentence."""
    env.cluster()
    ns = env.kube.namespace("plan")
    p = Planner(env)
    job = rayjob("hello")
    doc = p.doc(ns, job)
    assert {("create", "RayJob", 1), ("create", "RayCluster", 1), ("create", "Job", 1), ("create", "Pod", 1)} <= {(a, k, n) for a, k, _, n in changes(doc)}, changes(doc)
    assert doc["peak"]["pods"] == 3, doc["peak"]  # head, worker, submitter
    if not env.sb: raise Skip("a real cluster has no Ray in its pods")
    env.operator(plugins=PLUGINS, proxy=True)
    env.kube.create("rayjobs", ns, rayjob("hello", entrypoint="sleep 1000"))
    wait_job(env.kube, ns, "hello", "Running")
    doc = p.doc(ns, rayjob("hello", entrypoint="sleep 2000"))
    assert changes(doc) == [("update", "RayJob", "hello", 1)], changes(doc)
    warned = said(doc, "warning")
    assert any("the edit takes effect with the next attempt, or after a suspension" in w for w in warned), warned
    env.kube.patch("rayjobs", ns, "hello", {"spec": {"entrypoint": "sleep 2000"}})
    assert wait_for("the condition", lambda: conditions(job_status(env.kube, ns, "hello")).get("AttemptOutdated"))["message"] in warned
    suspended = rayjob("hello", entrypoint="sleep 2000", suspend=True, shutdownAfterJobFinishes=True)
    doc = p.doc(ns, suspended)
    assert ("delete", "RayCluster", 1) in {(a, k, n) for a, k, _, n in changes(doc)} and doc["after"]["pods"] == 0, doc


def test_rayservice(env):
    """In place, or a second cluster: by which strategy, what both need together, and a ResourceQuota in the way."""
    env.cluster()
    ns = env.kube.namespace("plan")
    p = Planner(env)
    service = rayservice("fruit")
    doc = p.doc(ns, service)
    assert {("create", "RayService", 1), ("create", "RayCluster", 1)} <= {(a, k, n) for a, k, _, n in changes(doc)} and doc["peak"]["pods"] == 2, doc
    if not env.sb: raise Skip("a real cluster has no Ray in its pods")
    env.operator(plugins=PLUGINS, proxy=True)
    env.kube.create("rayservices", ns, service)
    wait_for("the service", lambda: env.kube.get("rayservices", ns, "fruit").get("status", {}).get("serviceStatus") == "Running", 60)
    p.same(ns, service)
    new = rayservice("fruit")
    new["spec"]["rayClusterConfig"]["rayVersion"] = "2.53.0"
    doc = p.doc(ns, new)
    assert {("create", "RayCluster", 1), ("update", "RayService", 1)} <= {(a, k, n) for a, k, _, n in changes(doc)}, changes(doc)
    assert (doc["before"]["pods"], doc["peak"]["pods"]) == (2, 4), doc
    assert any("by upgradeStrategy NewCluster" in s for s in said(doc, "says")) and any("needs 2 pods" in s and "beside the first" in s for s in said(doc, "says")), doc["sentences"]
    none = json.loads(json.dumps(new))
    none["spec"]["upgradeStrategy"] = {"type": "None"}
    doc = p.doc(ns, none)
    assert changes(doc) == [("update", "RayService", "fruit", 1)] and any("with upgradeStrategy None it stays as it is" in s for s in said(doc, "says")), doc
    # Another configuration of Serve: in place.
    config = rayservice("fruit", config=service["spec"]["serveConfigV2"].replace("num_replicas: 1", "num_replicas: 2"))
    doc = p.doc(ns, config)
    assert changes(doc) == [("update", "RayService", "fruit", 1)], changes(doc)
    assert [f for f in doc["objects"][0]["fields"]] == [{"path": "spec.serveConfigV2.applications[fruit].deployments[Mango].num_replicas", "before": "1", "after": "2"}], doc["objects"][0]
    assert any("are updated in place" in s for s in said(doc, "says")), doc["sentences"]
    # More workers of a group: the cluster that serves is extended.
    more = rayservice("fruit", workers=3)
    doc = p.doc(ns, more)
    assert ("update", "RayCluster", 1) in {(a, k, n) for a, k, _, n in changes(doc)} and ("create", "Pod", "small", 2) in changes(doc), changes(doc)
    assert not [o for o in doc["objects"] if o["kind"] == "RayCluster" and o["action"] == "create"]
    env.kube.create("resourcequotas", ns, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}}})
    doc = p.doc(ns, new)
    assert not [o for o in doc["objects"] if o["kind"] == "RayCluster" and o["action"] == "create"], changes(doc)
    assert any("ResourceQuota small has no room for a second cluster" in s["text"] for s in doc["sentences"]), doc["sentences"]


def test_raycronjob(env):
    """When it runs next, and what an edit of the schedule means."""
    env.cluster()
    ns = env.kube.namespace("plan")
    p = Planner(env)
    cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": "nightly"}, "spec": {"schedule": "0 3 1 1 *", "jobTemplate": rayjob("x")["spec"]}}
    doc = p.doc(ns, cron)
    assert changes(doc) == [("create", "RayCronJob", "nightly", 1)], changes(doc)
    assert any(re.search(r"the next RayJob is due at \d{4}-01-01T03:00:00Z", s) for s in said(doc, "says")), doc["sentences"]
    assert any(re.search(r"the following ones at \d{4}-01-01T03:00:00Z and \d{4}-01-01", s) for s in said(doc, "says")), doc["sentences"]
    cron["spec"]["schedule"] = "61 3 * * *"
    code, out, err = p.run(ns, cron)
    assert code == 1 and "refused" in err and "schedule" in err, (code, out, err)


def test_refused_manifests(env):
    """Exit status 1, with the path of the field: by the controller's rules, and by the schema before that."""
    env.cluster()
    ns = env.kube.namespace("plan")
    p = Planner(env)
    def refused(obj, *texts):
        code, out, err = p.run(ns, obj)
        assert code == 1 and "is refused" in err and all(t in err for t in texts), (code, out, err)
        assert p.doc(ns, obj, status=1)["refused"] is True
    refused(raycluster("demo", groups={"a": 1, "b": 2}, rayVersion="2.52.0") | {"metadata": {"name": "x" * 70}}, "metadata.name")
    twice = raycluster("demo")
    twice["spec"]["workerGroupSpecs"] *= 2
    refused(twice, "RayCluster/demo", "workerGroupSpecs")
    typo = raycluster("demo")
    typo["spec"]["workerGroupSpecs"][0]["replcas"] = 3
    refused(typo, "spec.workerGroupSpecs[0].replcas: there is no such field")
    kind = raycluster("demo")
    kind["spec"]["workerGroupSpecs"][0]["replicas"] = "three"
    refused(kind, "spec.workerGroupSpecs[0].replicas", "integer")
    refused(rayjob("j", submissionMode="Pigeon"), "RayJob/j", "submissionMode")
    refused(rayjob("j", ttlSecondsAfterFinished=10), "RayJob/j", "shutdownAfterJobFinishes")
    service = rayservice("s")
    service["spec"]["rayClusterConfig"]["workerGroupSpecs"] *= 2
    refused(service, "RayService/s", "rayClusterConfig")


def test_files(env):
    """Several documents, other kinds, namespaces from the file, and what is no manifest; secrets are not shown."""
    env.cluster()
    ns, other = env.kube.namespace("plan"), env.kube.namespace("plan-b")
    p = Planner(env)
    a, b = raycluster("a"), raycluster("b")
    b["metadata"]["namespace"] = other
    a["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": "tiger"}]
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    code, out, err = p.run(None, a | {"metadata": {"name": "a", "namespace": ns}}, config, b, text=None)
    assert code == 2 and f"RayCluster/a in namespace {ns} is created" in out and f"RayCluster/b in namespace {other} is created" in out, (code, out, err)
    assert "note: ConfigMap/x is not of ray.io" in out and "at the peak 4 pods" in out, out
    env.kube.create("rayclusters", ns, a)
    a["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "lion"
    for form in ("table", "wide", "json", "yaml"):
        code, out, err = p.run(ns, a, args=("-o", form))
        assert code == 2 and "TOKEN" in out and "lion" not in out and "tiger" not in out, (form, code, out, err)
    # A list in one document; and what belongs to somebody else's object is looked at without a file, too.
    code, out, err = p.run(ns, {"apiVersion": "v1", "kind": "List", "items": [raycluster("l1"), raycluster("l2")]})
    assert code == 2 and "RayCluster/l1" in out and "RayCluster/l2" in out, (code, out, err)
    owned = raycluster("owned")
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": env.kube.create("configmaps", ns, config)["metadata"]["uid"], "controller": True}]
    env.kube.create("rayclusters", ns, owned)
    assert "RayCluster/owned in namespace" in p.run(ns)[1], p.run(ns)
    # What kubectl apply would keep, and what it would remove.
    applied = raycluster("k", workers=1, suspend=False)
    applied["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(raycluster("k", workers=1, suspend=False))}
    env.kube.create("rayclusters", ns, applied)
    env.kube.patch("rayclusters", ns, "k", {"spec": {"enableInTreeAutoscaling": False}})
    fields = [f["path"] for o in p.doc(ns, raycluster("k", workers=1))["objects"] if o["planned"] for f in o["fields"]]
    assert fields == ["spec.suspend"], fields
    for text, status, why in (("kind: [", 1, "standard input:2: "), ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}", 1, "has no object of ray.io"), ("apiVersion: ray.io/v1alpha1\nkind: RayCluster", 1, "accepted is ray.io/v1"),
                              ("apiVersion: ray.io/v1\nkind: RayClutser\nmetadata: {name: x}", 1, "did you mean"), ("apiVersion: ray.io/v1\nkind: RayCluster", 1, "metadata.name")):
        code, out, err = p.run(ns, text=text)
        assert code == status and why in err, (text, code, out, err)
    code, out, err = p.run("elsewhere", b)
    assert code == 64 and "is of namespace" in err, (code, out, err)
    code, out, err = p.run(ns, args=("-A", "-f", "x"))
    assert code == 64, (code, out, err)
    # With the operator's configuration: other settings, and other plugins.
    path = os.path.join(env.dir, "operator.yaml")
    open(path, "w").write("plugins: [{name: raycluster, settings: {featureGates: {RayClusterNetworkPolicy: true}}}, {name: networkpolicy}]\n")
    guarded = raycluster("guarded", networkPolicy={"mode": "DenyAll"})
    assert "NetworkPolicy" in {k for _, k, _, _ in changes(p.doc(ns, guarded, args=("--config", path)))}
    assert "NetworkPolicy" not in {k for _, k, _, _ in changes(p.doc(ns, raycluster("guarded")))}
    open(path, "w").write("plugins: [{name: rayclutser}]\n")
    code, out, err = p.run(ns, guarded, args=("--config", path))
    assert code == 1 and "operator.yaml:1:" in err, (code, out, err)
    for word, offered in (("-f", ":0"), ("--filename", ":0"), ("-o", ":4")):
        r = subprocess.run([binary("rayvisorctl"), "__complete", "plan", word, ""], text=True, capture_output=True)
        assert r.stdout.split()[-1] == offered, (word, r)
    r = subprocess.run([binary("rayvisorctl"), "plna"], text=True, capture_output=True)
    assert r.returncode == 64 and 'did you mean "plan"?' in r.stderr, r
    # The operator need not run, and Secrets need not be readable: what is not seen is said.
    front = env.keep(Front(env.dir, env.kube, answer=lambda method, path, body: (403, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "secrets is forbidden"}) if "/secrets" in path else None))
    p.front = front
    code, out, err = p.run(ns, raycluster("n"))
    assert code == 2 and "note: cannot read secrets" in out, (code, out, err)


if __name__ == "__main__": main()
