#!/usr/bin/env python3
"""What we make of real manifests, against recordings of what the reference operator made of them.

The recordings and the tool that compares live outside the repository: in ../shared, or where RAYVISOR_GOLDEN (the
recordings' folder) points; without them, or without kubectl, the test reports itself skipped. Differences that are meant
stand in golden_accepted.txt with their reasons; anything else fails.
"""
import contextlib, json, os, re, shutil, subprocess, sys
from front import FakeRay, FakeServe, Front
from harness import *

GOLDEN = os.environ.get("RAYVISOR_GOLDEN") or os.path.join(os.path.dirname(ROOT), "shared", "golden")
TOOL = os.path.join(os.path.dirname(GOLDEN), "tools", "golden.py")
KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")
LANES = 8
GATES = ("RayClusterNetworkPolicy", "RayClusterHistoryServer", "GCSFaultToleranceEmbeddedStorage")


def accepted(section):
    """The rules of a section and of those before it; which are the section's own."""
    rules, own, at = [], set(), "clusters"
    for line in open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden_accepted.txt")):
        line = line.strip()
        if not line or line.startswith("#"): continue
        if line.startswith("["):
            if at == section: break
            at = line.strip("[]")
            continue
        pattern, _, reason = line.partition(" :: ")
        assert reason, f"no reason given: {line}"
        rules.append(re.compile(pattern))
        if at == section and not reason.startswith("sandbox:"): own.add(pattern)
    return rules, own


def replay(env, files, settle):
    """What we make of the samples, each in a namespace of its own; several at a time, for most of it is waiting."""
    out = os.path.join(env.dir, "ours")
    e = dict(os.environ, KUBECONFIG=env.kube.kubeconfig, KUBECTL=KUBECTL, HOME=env.dir)
    lanes = [files[i::LANES] for i in range(LANES)] if settle > 5 else [files]
    runs = [subprocess.Popen([sys.executable, TOOL, "replay", out, *[os.path.join(GOLDEN, f) for f in lane], "--settle", str(settle)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=e) for lane in lanes if lane]
    for run in runs: assert run.communicate(timeout=900) and run.returncode == 0, "the recording tool failed"
    return out


def compare(env, files, plugins, section, settle=None, **more):
    """The differences that no rule accepts, and the rules that accepted some."""
    op = env.operator(plugins=plugins, **more)
    out = replay(env, files, settle or (15 if env.sb is None else 2))
    (rules, _), bad, used = accepted(section), [], set()
    for f in files:
        d = subprocess.run([sys.executable, TOOL, "diff", os.path.join(GOLDEN, f), os.path.join(out, f)], capture_output=True, text=True)
        for line in d.stdout.splitlines():
            if line == "same": continue
            hit = next((r for r in rules if r.search(line)), None)
            if hit: used.add(hit.pattern)
            else: bad.append(f"{f}: {line}")
    print(f"    {len(files)} samples compared")
    wait_for("the samples to be gone", lambda: not [o for kind in ("rayjobs", "rayservices") for o in env.kube.list(kind)])  # finalizers want the operator
    op.stop()
    for o in env.kube.list("rayclusters"):  # their Redis cannot be emptied any more: the namespace takes no new job
        env.kube.patch("rayclusters", o["metadata"]["namespace"], o["metadata"]["name"], {"metadata": {"finalizers": None}})
    return bad, used


def samples(env, prefix, least, sim=""):
    """The recordings of one kind, and whether only some of them are wanted."""
    if not os.path.isdir(GOLDEN) or not os.path.exists(TOOL): raise Skip(f"no recordings at {GOLDEN}")
    if not KUBECTL: raise Skip("no kubectl on this machine (Debian package kubernetes-client)")
    only = os.environ.get("RAYVISOR_GOLDEN_ONLY", "")
    files = [f for f in sorted(os.listdir(GOLDEN)) if f.startswith(prefix) and only in f]
    assert only or len(files) >= least, files
    if not files: raise Skip(f"no sample called {only}")
    # The recorded cluster offered no ephemeral storage and no volumes.
    if os.environ.get("RAYVISOR_KUBECONFIG"): env.cluster()
    else: env.sandbox("--nodes", "20", "--sim-opts", "node_storage=0,volumes=0" + (sim and "," + sim))
    return files, bool(only)


def without_deployments(files):
    """The sandbox has none: samples with a Redis."""
    return [f for f in files if '"Deployment"' not in open(os.path.join(GOLDEN, f)).read()]


def judge(env, section, bad, used, some):
    assert not bad, f"{len(bad)} unexplained differences:\n" + "\n".join(bad[:160])
    unused = accepted(section)[1] - used
    # The sandbox is spared some of the differences that a real cluster makes.
    assert some or env.sb or not unused, f"accepted differences that no longer occur: {unused}"


def test_clusters(env):
    files, some = samples(env, "ray-cluster", 25)
    if env.sb: files = without_deployments(files)
    gated = [f for f in files if ".gates." in f]
    gates = {"featureGates": {g: True for g in GATES}}
    bad, used = compare(env, [f for f in files if f not in gated], [{"name": "raycluster"}], "clusters")
    more, also = compare(env, gated, [{"name": "raycluster", "settings": gates}, {"name": "networkpolicy", "settings": {}}], "clusters")
    judge(env, "clusters", bad + more, used | also, some)


# What operator mode leaves out beside a recording with a sidecar, and what it sets where the recording names no version. All else is equal.
HEAD = r"^pods/[^/]+-head-RAND/"
LEFT_OUT = [HEAD + r"spec/containers/autoscaler: missing: ", HEAD + r"spec/containers/ray-head/volumeMounts/ray-logs: missing: ", HEAD + r"spec/volumes/ray-logs: missing: ",
            HEAD + r'spec/serviceAccount: "[^"]+" != "default"$', HEAD + r'spec/serviceAccountName: "[^"]+" != "default"$', HEAD + r"status/containerStatuses/autoscaler: missing: ",
            r"^serviceaccounts: 1 expected, 0 found$", r"^roles: 1 expected, 0 found$", r"^rolebindings: 1 expected, 0 found$",
            *[rf"^event missing: \('RayCluster', 'Normal', 'Created{kind}'\)$" for kind in ("ServiceAccount", "Role", "RoleBinding")]]
VERSION_2 = [HEAD + r"spec/containers/ray-head/env/RAY_enable_autoscaler_v2: only ours: ", HEAD + r'spec/restartPolicy: "Always" != "Never"$']
OF_WORKERS = r'^pods/[^/]+-worker-RAND/spec/restartPolicy: "Always" != "Never"$'


def test_operator_mode_leaves_the_sidecar_out(env):
    """The same samples with the setting autoscalerMode: operator: exactly the lines above differ, each of them once, and that of workers once for each."""
    files, _ = samples(env, "ray-cluster", 0)
    texts = {f: open(os.path.join(GOLDEN, f)).read() for f in files}
    files = [f for f in files if re.search(r'"enableInTreeAutoscaling": ?true', texts[f])]
    if not files: raise Skip("none of the samples has an autoscaler")
    op = env.operator(plugins=[{"name": "raycluster", "settings": {"autoscalerMode": "operator"}}])
    out, (rules, _), bad = replay(env, files, 15 if env.sb is None else 2), accepted("clusters"), []
    for f in files:
        lines = subprocess.run([sys.executable, TOOL, "diff", os.path.join(GOLDEN, f), os.path.join(out, f)], capture_output=True, text=True).stdout.splitlines()
        second = re.search(r'"version": ?"v2"', texts[f])
        workers = sum("-worker-" in pod["metadata"]["name"] for pod in json.loads(texts[f])["objects"]["pods"])
        want = {**{w: 1 for w in LEFT_OUT + ([] if second else VERSION_2)}, OF_WORKERS: 0 if second else workers}
        for w, times in want.items():
            n = sum(bool(re.search(w, line)) for line in lines)
            if n != times: bad.append(f"{f}: {n} lines, not {times}, like {w}")
        bad += [f"{f}: {line}" for line in lines if line != "same" and not any(re.search(r, line) for r in want) and not any(r.search(line) for r in rules)]
    op.stop()
    assert not bad, "\n".join(bad)


def test_cronjobs(env):
    files, some = samples(env, "ray-cronjob", 1)
    front = env.keep(Front(env.dir, env.kube, answer=FakeRay()))
    plugins = [{"name": "raycluster"}, {"name": "rayjob"}, {"name": "raycronjob"}]
    settle = 60 - time.time() % 60 + 30  # one minute begins, and its job ends
    bad, used = compare(env, files, plugins, "cronjobs", settle=round(settle), proxy=True, kubeconfig=front.kubeconfig)
    judge(env, "cronjobs", bad, used, some)


def test_jobs(env):
    """With a Ray behind every head service that answers as that of the recording did."""
    files, some = samples(env, "ray-job", 10)
    front = env.keep(Front(env.dir, env.kube, answer=FakeRay()))
    bad, used = compare(env, files, [{"name": "raycluster"}, {"name": "rayjob"}], "jobs", settle=28, proxy=True, kubeconfig=front.kubeconfig)
    judge(env, "jobs", bad, used, some)


@contextlib.contextmanager
def gateway_api(env):
    """The kinds of the Gateway API, as the recorded cluster had them, without a controller. The sandbox has its own."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    names = []
    try:
        for plural, kind in (("gateways", "Gateway"), ("httproutes", "HTTPRoute")) if env.sb is None else ():
            anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
            env.kube.call("POST", path, {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.gateway.networking.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
                "spec": {"group": "gateway.networking.k8s.io", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                         "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}]}})
            names.append(f"{plural}.gateway.networking.k8s.io")
        for name in names: wait_for(name, lambda: conditions(env.kube.call("GET", f"{path}/{name}").get("status", {})).get("Established", {}).get("status") == "True")
        yield
    finally:
        for name in names: env.kube.call("DELETE", f"{path}/{name}")
        for name in names: wait_for(f"{name} to go", lambda: missing(lambda: env.kube.call("GET", f"{path}/{name}")))


def missing(call):
    try: call()
    except ApiError as e: return e.status == 404
    return False


def test_services(env):
    """With a Serve behind every head service that answers as that of the recording did. The pods of the sandbox have its own,
    without applications: its workers are not Ready."""
    files, some = samples(env, "ray-service", 9, "gateway=1")
    if env.sb: files = without_deployments(files)
    front = env.keep(Front(env.dir, env.kube, answer=FakeServe()))
    with gateway_api(env):
        bad, used = compare(env, files, [{"name": "raycluster"}, {"name": "rayservice"}], "services", settle=25, proxy=True, kubeconfig=front.kubeconfig)
    judge(env, "services", bad, used, some)


if __name__ == "__main__": main()
