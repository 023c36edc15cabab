#!/usr/bin/env python3
"""Every manifest of config/samples: the API server takes it as it stands, with no field unknown; the operator, configured as the manifest's
first comment says, finds nothing wrong with it; and where the simulation can run it, it becomes what it is for."""
import concurrent.futures
import yaml
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")
FOLDER = os.path.join(ROOT, "config/samples")
FILES = sorted(f for f in os.listdir(FOLDER) if f.endswith(".yaml"))
NEEDS = "# Needs in the configuration:\n"
# Of other projects: their kinds without their programs.
FOREIGN = [("scheduling.volcano.sh", "v1beta1", "PodGroup"), ("scheduling.x-k8s.io", "v1alpha1", "PodGroup"), ("scheduling.k8s.io", "v1alpha2", "PodGroup"),
           ("scheduling.k8s.io", "v1alpha2", "Workload"), ("cert-manager.io", "v1", "Issuer"), ("cert-manager.io", "v1", "Certificate")]
# What the simulation does not have, and what the operator then says that it waits for.
WAITS = {"raycluster-tpu.yaml": "Insufficient google.com/tpu|node selector|Unschedulable|NotScheduled|did not match|didn't match",
         "raycluster-mtls.yaml": "ertificate"}
LABELS = {"example.com/accelerator": "l4", "example.com/capacity": "spot"}  # of the simulated nodes


def comment(text):
    return re.match(r"(#.*\n)*", text)[0]


def needs(text):
    """The plugins that the first comment asks for, as the configuration's `plugins` has them."""
    head = comment(text)
    if NEEDS not in head: return []
    return yaml.safe_load("".join(l[2:] + "\n" for l in head.split(NEEDS)[1].splitlines()))["plugins"]


def configuration(asked):
    plugins = {n: {"name": n} for n in ("raycluster", "rayjob", "rayservice")}
    plugins.update({p["name"]: p for p in asked})
    return list(plugins.values())


def objects(text): return [o for o in yaml.safe_load_all(text) if o]


def plural(o): return {"NetworkPolicy": "networkpolicies"}.get(o["kind"], o["kind"].lower() + "s")


def path(o, ns):
    api = o["apiVersion"]
    return ("/apis/" if "/" in api else "/api/") + f"{api}/namespaces/{ns}/{plural(o)}"


def test_first_comments(env):
    """They say when to use the manifest, and what they ask of the configuration is a valid configuration."""
    assert len(FILES) >= 40, FILES
    seen = {}
    for f in FILES:
        text = open(os.path.join(FOLDER, f)).read()
        assert comment(text).startswith("# Use this "), f"{f}: its first comment does not say when to use it"
        if needs(text): seen[json.dumps(configuration(needs(text)))] = f
    for plugins, f in seen.items():
        config = os.path.join(env.dir, "rayvisor.yaml")
        open(config, "w").write(f"pluginDirs: [{BUILD}/lib/rayvisor/plugins]\nruntimeDir: {env.dir}/run\nplugins: {plugins}\n")
        r = subprocess.run([binary("rayvisord"), "--config", config, "--check-config", "--offline"], text=True, capture_output=True, timeout=60)
        assert r.returncode == 0 and "warn" not in r.stderr.lower(), (f, r.stdout, r.stderr)


def test_are_listed(env):
    index = open(os.path.join(FOLDER, "README.md")).read()
    assert not [f for f in FILES if f"({f})" not in index]


def test_dry_run(env):
    """By a real API server too: each object is taken, and no field is unknown to it."""
    env.cluster()
    ns = env.kube.namespace(f"samples-{os.getpid()}")
    for f in FILES:
        for o in objects(open(os.path.join(FOLDER, f)).read()):
            try: env.kube.call("POST", path(o, ns) + "?dryRun=All&fieldValidation=Strict", o)
            except ApiError as e: raise AssertionError(f"{f}: {e}")
    broken = objects(open(os.path.join(FOLDER, "raycluster-minimal.yaml")).read())[0]
    broken["spec"]["rayVerison"] = "2"
    try: env.kube.call("POST", path(broken, ns) + "?dryRun=All&fieldValidation=Strict", broken)
    except ApiError as e: assert "rayVerison" in str(e), e
    else: raise AssertionError("an unknown field was taken")


def test_kubectl_takes_them(env):
    """The whole folder at once, several objects in a file and all that YAML allows in it."""
    if not KUBECTL: raise Skip("there is no kubectl")
    env.cluster()
    ns = env.kube.namespace(f"samples-kubectl-{os.getpid()}")
    r = subprocess.run([KUBECTL, "--kubeconfig", env.kube.kubeconfig, "-n", ns, "apply", "--dry-run=server", "-f", FOLDER], text=True, capture_output=True, timeout=300)
    made = sum(len(objects(open(os.path.join(FOLDER, f)).read())) for f in FILES)
    assert r.returncode == 0 and len([l for l in r.stdout.splitlines() if "(server dry run)" in l]) == made, (made, r.stdout, r.stderr)


def problem(env, ns, o):
    """What the operator has against it: a condition Stalled, or a Warning about its spec."""
    now = env.kube.get(plural(o), ns, o["metadata"]["name"])
    stalled = conditions(now.get("status", {})).get("Stalled", {})
    if stalled.get("status") == "True": return f"Stalled: {stalled['reason']}: {stalled['message']}"
    bad = [e for e in events_of(env.kube, ns, o["metadata"]["name"]) if e["type"] == "Warning" and re.match("Invalid|FailedTo|NetworkPolicyNameCollision|NeverDue", e["reason"])]
    return bad and f"{bad[0]['reason']}: {bad[0]['note']}"


def arrived(o, status, spec):
    """Has it become what it is for?"""
    if o["kind"] == "RayCluster": return status.get("state") == ("suspended" if spec.get("suspend") else "ready")
    if o["kind"] == "RayJob": return status.get("jobDeploymentStatus") == ("Waiting" if spec.get("submissionMode") == "InteractiveMode" else "Complete")
    if o["kind"] == "RayCronJob": return spec.get("suspend") or status.get("nextScheduleTime")
    return conditions(status).get("Ready", {}).get("status") == "True"


def run(env, f, ns):
    """Applies one file; afterwards what keeps it from its end, or None."""
    made = objects(open(os.path.join(FOLDER, f)).read())
    for o in made: env.kube.call("POST", path(o, ns), o)
    ours = [o for o in made if o["apiVersion"] == "ray.io/v1"]
    def done():
        for o in ours:
            wrong = problem(env, ns, o)
            assert not wrong, f"{f}: {o['metadata']['name']}: {wrong}"
            status = env.kube.get(plural(o), ns, o["metadata"]["name"]).get("status", {})
            if f in WAITS:
                says = [c["message"] for c in status.get("conditions", [])]
                if not any(re.search(WAITS[f], m) for m in says): return None
            elif not arrived(o, status, o["spec"]): return None
        return True
    wait_for(f"{f}: " + ("to say what it waits for" if f in WAITS else "to become what it is for"), done, 60)


def refused(env):
    """What this test is there to see is seen: a manifest that the operator finds fault with."""
    o = objects(open(os.path.join(FOLDER, "raycluster-minimal.yaml")).read())[0]
    o["metadata"]["name"], o["spec"]["headGroupSpec"]["rayStartParams"] = "broken", {"labels": "a=b"}
    env.kube.call("POST", path(o, "default"), o)
    wait_for("the fault", lambda: problem(env, "default", o))
    env.kube.delete("rayclusters", "default", "broken")


def test_applied(env):
    """One operator for each configuration that is asked for, each manifest in a namespace of its own."""
    env.sandbox("--nodes", "20", "--sim-opts", "gateway=1,job_ms=1500", why="needs the simulated Ray")
    for group, version, kind in FOREIGN: foreign_kind(env.kube, group, version, kind, kind.lower() + "s")
    for n in env.kube.list("nodes"): env.kube.patch("nodes", None, n["metadata"]["name"], {"metadata": {"labels": LABELS}})
    by = {}
    for f in FILES: by.setdefault(json.dumps(configuration(needs(open(os.path.join(FOLDER, f)).read()))), []).append(f)
    for n, (plugins, files) in enumerate(by.items()):
        op = env.operator(plugins=json.loads(plugins), proxy=True, name=f"operator{n}")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(run, env, f, env.kube.namespace(f[:-5])) for f in files]: done.result()
        if n == 0: refused(env)
        for f in files: env.kube.call("DELETE", "/api/v1/namespaces/" + f[:-5])
        wait_for("the namespaces to end", lambda: not any(env.kube.list(k) for k in ("rayclusters", "rayjobs", "rayservices")), 60)
        op.stop()
    print(f"    {len(FILES)} manifests, {len(by)} configurations")


if __name__ == "__main__": main()
