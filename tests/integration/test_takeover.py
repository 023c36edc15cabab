#!/usr/bin/env python3
"""Taking over from KubeRay: what its operator left behind (recorded from it) is put into a cluster, then ours starts. No pod, service, job
or RayCluster may be made, deleted or changed by that, and what was ready stays ready.

The recordings live outside the repository, as those of test_golden.py do; without them the test is skipped."""
import copy, hashlib, yaml
from harness import *
from test_golden import GOLDEN

RESOURCES.setdefault("ingresses", "/apis/networking.k8s.io/v1")
KINDS = ("rayservices", "rayjobs", "rayclusters", "serviceaccounts", "roles", "rolebindings", "secrets", "persistentvolumeclaims", "networkpolicies", "ingresses", "services", "jobs", "pods")
MADE = ("rayclusters", "serviceaccounts", "roles", "rolebindings", "secrets", "networkpolicies", "ingresses", "services", "jobs", "pods")
STATUS = ("rayservices", "rayjobs", "rayclusters", "jobs")
CONTROLLERS = [{"name": n} for n in ("raycluster", "rayjob", "rayservice", "autoscaler", "networkpolicy")]
# Each is one that the reference had brought to its end state: nothing is left to be done.
SETTLED = {"rayclusters": lambda s: s.get("state") == "ready",
           "rayjobs": lambda s: s.get("jobDeploymentStatus") in ("Complete", "Waiting"),
           "rayservices": lambda s: s.get("serviceStatus") == "Running"}
# An operator's own marks: which version of it looks after the object, and its private hash of the spec. KubeRay rewrites them at its own upgrades, too.
MARKS = {"rayvisor.io/pod-spec", "ray.io/kuberay-version", "ray.io/upgrade-strategy-recreate-hash", "ray.io/hash-without-replicas-and-workers-to-delete"}
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def letters(of): return "".join(LETTERS[b % len(LETTERS)] for b in hashlib.sha256(of.encode()).digest()[:5])


class Filled:
    """A recording has placeholders where values are random or of one cluster. The same text gets the same value everywhere in one namespace."""

    def __init__(self, ns): self.ns, self.now = ns, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def text(self, s, extra=""):
        parts = s.split("RAND")
        out = parts[0]
        for i in range(1, len(parts)): out += letters(self.ns + "RAND".join(parts[:i]) + extra) + parts[i]
        return out.replace("NS", self.ns).replace("TIME", self.now)

    def value(self, x):
        if isinstance(x, dict): return {self.text(k): self.value(v) for k, v in x.items()}
        if isinstance(x, list): return [self.value(v) for v in x]
        return self.text(x) if isinstance(x, str) else x


    def times(self, x):
        """A recording has no times; every condition wants one."""
        if isinstance(x, dict):
            for c in x.get("conditions", []): c["lastTransitionTime"] = self.now
        for v in x.values() if isinstance(x, dict) else x if isinstance(x, list) else []: self.times(v)


def kind_of(recorded): return recorded.split(".")[0]


def restore(kube, ns, recording):
    """Makes the recorded objects, owners first, as the reference's operator and a kubelet would have left them."""
    fill, uids, seen = Filled(ns), {}, collections.Counter()
    for o in recording["input"]:  # what the pods mount
        if o["kind"] == "ConfigMap": kube.create("configmaps", ns, o)
    objects = {kind_of(k): v for k, v in recording["objects"].items()}
    for kind in KINDS:
        for o in objects.get(kind, []):
            o = copy.deepcopy(o)
            name = o["metadata"]["name"]
            seen[kind, name] += 1
            again = str(seen[kind, name]) if seen[kind, name] > 1 else ""
            status = fill.value(o.pop("status", {}))
            new = fill.value(o)
            new["metadata"]["name"] = fill.text(name, again)
            owners = new["metadata"].get("ownerReferences", [])
            if any((owner["kind"], owner["name"]) not in uids for owner in owners): continue  # another controller's, such as a Redis deployment's
            for owner in owners: owner["uid"] = uids[owner["kind"], owner["name"]]
            # Addresses are not recorded. The reference makes head services and those of multi-host groups without one.
            if kind == "services" and new["spec"]["type"] == "ClusterIP" and name.endswith(("-head-svc", "-headless")): new["spec"]["clusterIP"] = "None"
            made = kube.create(kind, ns, new)
            uids[made.get("kind") or new["kind"], made["metadata"]["name"]] = made["metadata"]["uid"]
            if kind in STATUS and status:
                fill.times(status)
                if kind.startswith("ray"): status["observedGeneration"] = made["metadata"]["generation"]
                kube.patch(kind, ns, made["metadata"]["name"], {"status": status}, sub="status")


def serve(kube, ns, recording):
    """Gives the applications to Ray, as the reference's operator had done."""
    (service,) = next(v for k, v in recording["objects"].items() if kind_of(k) == "rayservices")
    active = Filled(ns).text(service["status"]["activeServiceStatus"]["rayClusterName"])
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    path = f"/api/v1/namespaces/{ns}/services/{active}-head-svc:dashboard/proxy/api/serve/applications/"

    def ask(method, body=None):
        c, r = kube.open(method, path, body)
        return r.status, r.read().decode()
    wait_for("Ray", lambda: ask("GET")[0] == 200)
    status, text = ask("PUT", config)
    assert status == 200, text
    apps = lambda: json.loads(ask("GET")[1])["applications"]
    try: wait_for("the applications", lambda: apps() and all(a["status"] == "RUNNING" for a in apps().values()), 30)
    except AssertionError: raise AssertionError(f"{ns}: {({n: (a['status'], a['message']) for n, a in apps().items()})}")


def image(kube, ns):
    """What matters of each object: all but its status, its bookkeeping and the marks."""
    out = {}
    for kind in MADE:
        for o in kube.list(kind, ns):
            meta = {k: v for k, v in o["metadata"].items() if k not in ("resourceVersion", "managedFields", "generation")}
            if "annotations" in meta: meta["annotations"] = {k: v for k, v in meta["annotations"].items() if k not in MARKS}
            out[kind, o["metadata"]["name"]] = {**{k: v for k, v in o.items() if k not in ("status", "metadata")}, "metadata": meta}
    return out


def changed(before, after):
    for key in sorted(set(before) | set(after)):
        if key not in after: yield f"{key[0]}/{key[1]} was deleted"
        elif key not in before: yield f"{key[0]}/{key[1]} was made"
        elif before[key] != after[key]:
            a, b = (json.dumps(x[key], sort_keys=True) for x in (before, after))
            at = next(i for i, (p, q) in enumerate(zip(a, b)) if p != q)
            yield f"{key[0]}/{key[1]} was changed: {a[at - 60:at + 80]} -> {b[at - 60:at + 80]}"


def recordings():
    if not os.path.isdir(GOLDEN): raise Skip(f"no recordings at {GOLDEN}")
    for file in sorted(glob.glob(os.path.join(GOLDEN, "ray-*.json"))):
        with open(file) as f: r = json.load(f)
        kinds = {kind_of(k): v for k, v in r["objects"].items()}
        if any("google.com/tpu" in json.dumps(p["spec"]) for p in kinds.get("pods", [])): continue  # no node here has any
        if "rayservices" in kinds and len(kinds["pods"]) < 2: continue  # its replicas wait for workers, which only Ray's own autoscaler would ask for
        owner = next((k for k in ("raycronjobs", "rayservices", "rayjobs", "rayclusters") if k in kinds), None)
        if any(o["spec"].get("deletionStrategy") for o in kinds.get("rayjobs", [])): continue  # its workers are due to go
        if owner in SETTLED and all(SETTLED[owner](o.get("status", {})) for o in kinds[owner]): yield os.path.basename(file)[:-5], owner, r


def put(env, chosen):
    """The recorded objects in a sandbox, with pods that run and applications that are served: the namespaces, and their images."""
    env.sandbox("--nodes", "20", "--sim-opts", "node_storage=0,volumes=0", why="its pods come from recordings, which a real scheduler does not take")
    kube, spaces = env.kube, {}
    for name, owner, r in chosen:
        spaces[name] = kube.namespace(re.sub(r"[^a-z0-9-]", "-", f"take-{name}"))
        restore(kube, spaces[name], r)
    waiting = lambda: [f"{ns}/{p['metadata']['name']}" for ns in spaces.values() for p in kube.list("pods", ns) if p["status"].get("phase") not in ("Running", "Succeeded")]
    try: wait_for("the pods to run", lambda: not waiting(), 60)
    finally: assert not waiting(), waiting()
    for name, owner, r in chosen:
        if owner == "rayservices": serve(kube, spaces[name], r)
    return spaces, {name: image(kube, ns) for name, ns in spaces.items()}


# What another operator would trip over: a finalizer that nobody removes.
FINALIZERS = {"ray.io/rayjob-finalizer", "ray.io/rayservice-finalizer", "ray.io/gcs-ft-redis-cleanup-finalizer", "batch.kubernetes.io/job-tracking", "foregroundDeletion", "kubernetes.io/pvc-protection"}
# Ours, which KubeRay does not read.
ANNOTATIONS = {"rayvisor.io/pod-spec", "rayvisor.io/written"}
# The status by which KubeRay knows what it has done (spec: rayjob, rayservice): the same names as before, or it would begin anew.
NAMES = {"rayjobs": ("jobDeploymentStatus", "jobStatus", "jobId", "rayClusterName"),
         "rayservices": ("serviceStatus", "activeServiceStatus.rayClusterName", "pendingServiceStatus.rayClusterName")}


def at(o, path):
    for key in path.split("."): o = (o or {}).get(key)
    return o or ""


def names(kube, ns): return {(kind, o["metadata"]["name"], f): at(o.get("status"), f) for kind, fields in NAMES.items() for o in kube.list(kind, ns) for f in fields}


def left_behind(kube, ns):
    """What is there that KubeRay does not know, beyond what it does not read."""
    for kind in ("rayjobs", "rayservices", *MADE):
        for o in kube.list(kind, ns):
            meta, where = o["metadata"], f"{ns}: {kind}/{o['metadata']['name']}"
            for f in set(meta.get("finalizers", [])) - FINALIZERS: yield f"{where} has the finalizer {f}"
            for k in meta.get("annotations", {}):
                if "rayvisor" in k and k not in ANNOTATIONS: yield f"{where} has the annotation {k}"
            for k in meta.get("labels", {}):
                if "rayvisor" in k: yield f"{where} has the label {k}"


def kuberay(env):
    """Its operator, if whoever runs the test has it."""
    program = os.environ.get("RAYVISOR_KUBERAY")
    if not program: return None
    os.environ["KUBECONFIG"] = env.kube.kubeconfig
    return env.keep(Process([program, "--enable-leader-election=false", "--metrics-addr=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0"], os.path.join(env.dir, "kuberay.log")))


def test_there_and_back(env):
    """Ours takes over and goes: nothing is left that KubeRay would trip over."""
    chosen = [r for r in recordings() if fnmatch.fnmatch(r[0], os.environ.get("RAYVISOR_GOLDEN_ONLY", "*"))]
    spaces, before = put(env, chosen)
    kube, were = env.kube, {ns: names(env.kube, ns) for ns in spaces.values()}
    env.operator(plugins=[{"name": p["name"]} for p in CONTROLLERS], proxy=True, extra="leaderElection: {enabled: true, namespace: default}")
    time.sleep(10)
    marked = [p for ns in spaces.values() for p in kube.list("pods", ns) if "rayvisor.io/pod-spec" in p["metadata"].get("annotations", {})]
    assert marked, "it has not taken over"
    env.op.stop()
    lease = kube.get("leases", "default", "rayvisor")
    assert not lease["spec"].get("holderIdentity"), lease
    assert not [l for ns in [*spaces.values(), "default"] for l in kube.list("leases", ns) if l["metadata"]["name"] == "ray-operator-leader"]
    theirs = kuberay(env)
    if theirs:
        time.sleep(30)
        assert theirs.alive(), theirs.output()[-3000:]
    wrong = [f"{name}: {line}" for name, ns in spaces.items() for line in changed(before[name], image(kube, ns))]
    wrong += [line for ns in spaces.values() for line in left_behind(kube, ns)]
    wrong += [f"{ns}: {key} was {value}, is {now.get(key)}" for ns in spaces.values() for now in [names(kube, ns)] for key, value in were[ns].items() if now.get(key) != value]
    assert not wrong, "\n  ".join(["left behind:", *wrong])


def test_nothing_is_touched(env):
    chosen = [r for r in recordings() if fnmatch.fnmatch(r[0], os.environ.get("RAYVISOR_GOLDEN_ONLY", "*"))]
    spaces, before = put(env, chosen)
    kube = env.kube
    env.operator(plugins=[{"name": p["name"]} for p in CONTROLLERS], proxy=True)
    time.sleep(10)
    wrong = [f"{name}: {line}" for name, ns in spaces.items() for line in changed(before[name], image(kube, ns))]
    assert not wrong, "\n  ".join(["touched:", *wrong])
    for name, owner, r in chosen:
        for o in kube.list(owner, spaces[name]): assert SETTLED[owner](o["status"]), (name, o["status"])
    assert len(chosen) > 20 or "RAYVISOR_GOLDEN_ONLY" in os.environ, len(chosen)
    print(f"    {len(chosen)} recordings, {sum(map(len, before.values()))} objects")


if __name__ == "__main__": main()
