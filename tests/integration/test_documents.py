#!/usr/bin/env python3
"""Every block of commands in a document has a test that types it, or a reason why nothing can; and every program, command and option that
a document, a sample or a guide mentions exists.

README.md, the guides and the vendor's example have tests of their own (test_commands.py, test_guides.py, unit.vendor)."""
import textwrap
from harness import *
from test_commands import KUBECTL, environment, needs_kubectl, shell

BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.M | re.S)
COMMANDS, GUIDES, HERE = "test_commands.py:", "test_guides.py:", "test_documents.py:"
REAL = "test_ray_jobs.py:"  # of tests/real: it enters the operator's pod, which needs a kubelet
# The first line of a block: which test types it. "not typed: " comes with a reason.
TYPED = {
    "README.md": {
        "deploy/quickstart.sh": COMMANDS + "quickstart_and_what_it_prints",  # tests/run.sh is what CI runs
        "kubectl apply -f deploy/crds": COMMANDS + "installing_on_a_cluster",
        "dir=": COMMANDS + "the_operator_from_outside_of_the_cluster"},
    "config/README.md": {"rayvisord --config FILE --check-config": HERE + "rayvisord_by_hand"},
    "deploy/CONTRIBUTING.md": {"cmake --preset asan": "not typed: builds of an hour; tests/run.sh makes them, and " + COMMANDS + "presets_and_files_that_are_named_exist"},
    "deploy/MIGRATION.md": {
        "dir=$(mktemp -d)": "test_twin.py:the_guide",
        "kubectl -n kuberay-system scale": HERE + "from_kuberay_and_back", "kubectl apply --server-side": HERE + "from_kuberay_and_back",
        "kubectl -n rayvisor-system rollout": REAL + "operator_in_the_cluster",
        "kubectl -n rayvisor-system scale": HERE + "from_kuberay_and_back"},
    "deploy/helm/README.md": {"helm install rayvisor": GUIDES + "NAMES", "helm upgrade kuberay-operator": "test_deploy.py:upgrade_of_kuberays_release"},
    "deploy/kustomize/README.md": {
        "kubectl apply -f deploy/crds": COMMANDS + "installing_on_a_cluster",
        "kubectl -n rayvisor-system exec": REAL + "operator_in_the_cluster"},
    "deploy/guides/README.md": {"export PATH=": HERE + "programs_of_the_build"},
    "plugins/example-vendor/README.md": {"cmake -B build": HERE + "the_vendors_example", "cmake -DMANIFEST=": HERE + "the_vendors_example"},
    "plugins/rayjob/submitter/README.md": {"deploy/submitter-image.sh": HERE + "image_of_the_submitter"},
    "tests/bench/README.md": {"tests/run.sh real": "not typed: it measures for half an hour"},
}


def documents():
    out = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, text=True, capture_output=True).stdout.split()
    if not out: raise Skip("this is no checkout")
    return out


def read(path): return open(os.path.join(ROOT, path)).read()


def blocks(path): return [textwrap.dedent(m[2]).strip("\n").splitlines() for m in BLOCK.finditer(read(path))]


def block(path, beginning):
    found = [b for b in blocks(path) if b[0].startswith(beginning)]
    assert found, f"{path}: no block begins with {beginning}"
    return found[0]


def with_programs(env, **more):
    """A shell that finds the build's programs and kubectl."""
    e = environment(env.dir, **more)
    tools = os.path.join(env.dir, "tools")
    os.makedirs(tools, exist_ok=True)
    if KUBECTL and not os.path.lexists(tools + "/kubectl"): os.symlink(KUBECTL, tools + "/kubectl")
    return {**e, "PATH": ":".join([os.path.join(BUILD, "bin"), tools, e["PATH"]])}


def test_each_block_has_its_test(env):
    for path in documents():
        if path.startswith("deploy/guides/") and path != "deploy/guides/README.md": continue  # test_guides.py types each line
        for b in blocks(path):
            by = [v for k, v in TYPED.get(path, {}).items() if b[0].startswith(k)]
            assert by, f"{path}: no test types the block that begins with: {b[0]}"
            file, name = re.search(r"(test_\w+\.py):(\w+)", by[0]).groups() if "test_" in by[0] else (None, None)
            assert file or by[0].startswith("not typed: "), by
            where = "tests/real/" if file and REAL.startswith(file) else "tests/integration/"
            if file: assert re.search(rf"^(def test_{name}\b|{name} = )", read(where + file), re.M), f"{by[0]}: there is no such test"


MENTIONED = re.compile(r"`?\b(kubectl rayvisor|rayvisorctl|rayvisord)((?: +--?[a-z][a-z-]*| +[a-z|]+(?:-[a-z]+)*)+)")


def test_what_is_mentioned_exists(env):
    """`rayvisorctl WORD`, `kubectl rayvisor WORD` and `rayvisord --OPTION`, wherever they stand in documents and in comments of samples."""
    run = lambda *args: subprocess.run(args, text=True, capture_output=True, timeout=30)
    help_of = run(binary("rayvisorctl"), "help").stdout
    commands = set(re.findall(r"^  ([a-z-]+) ", help_of, re.M))
    options = set(re.findall(r"--[a-z-]+", run(binary("rayvisord"), "--help").stdout))
    files = documents() + subprocess.run(["git", "ls-files", "config/*.yaml", "deploy/quickstart.sh"], cwd=ROOT, text=True, capture_output=True).stdout.split()
    found = 0
    for path in files:
        for code in re.findall(r"`([^`\n]*)`", read(path)) + [l for b in blocks(path) for l in b]:
            for program, rest in MENTIONED.findall(code):
                words = rest.split()
                found += 1
                if program == "rayvisord": assert not [w for w in words if w.startswith("--") and w not in options], (path, code)
                elif not words[0].startswith("-"): assert words[0] in commands | {"explain|why"}, (path, code, commands)
    assert found > 50, found


def test_rayvisord_by_hand(env):
    """config/README.md, with the default configuration for FILE."""
    lines = block("config/README.md", "rayvisord --config FILE --check-config")
    said = shell([l.replace("FILE", "config/rayvisor.yaml") for l in lines], with_programs(env))
    assert "config/rayvisor.yaml: valid" in said and '{"config":{"type":"object"' in said and "kind: ClusterRole" in said, said[:2000]


def test_programs_of_the_build(env):
    lines = [l.replace("$PWD/build", BUILD) for l in block("deploy/guides/README.md", "export PATH=")]
    said = shell(lines + ["rayvisorctl version", "rayvisord --version", "kubectl rayvisor version"] if KUBECTL else lines, environment(env.dir))
    assert said.count("0.1.0") >= 2 or not KUBECTL, said


def test_from_kuberay_and_back(env):
    """deploy/MIGRATION.md: KubeRay's Deployment is a stand-in. The sandbox serves no deployments/scale, so there only the rest is typed."""
    needs_kubectl()
    env.cluster()
    kube = env.kube
    scales = any(r["name"] == "deployments/scale" for r in kube.call("GET", "/apis/apps/v1")["resources"])
    first, crds, back = ([l for l in block("deploy/MIGRATION.md", b) if scales or " scale " not in l]
                         for b in ("kubectl -n kuberay-system scale", "kubectl apply --server-side", "kubectl -n rayvisor-system scale"))
    assert len(first + crds + back) >= 3
    for ns, name in (("kuberay-system", "kuberay-operator"), ("rayvisor-system", "rayvisor")):
        with contextlib.suppress(ApiError): kube.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
        labels = {"app.kubernetes.io/name": name}
        kube.call("POST", f"/apis/apps/v1/namespaces/{ns}/deployments", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": {
            "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}}}})
    replicas = lambda ns, name: kube.call("GET", f"/apis/apps/v1/namespaces/{ns}/deployments/{name}")["spec"]["replicas"]
    try:
        e = with_programs(env, KUBECONFIG=kube.kubeconfig)
        shell(first + crds, e)
        assert not scales or replicas("kuberay-system", "kuberay-operator") == 0
        shell(back, e)
        assert not scales or replicas("kuberay-system", "kuberay-operator") == 1 and replicas("rayvisor-system", "rayvisor") == 0
    finally:
        for ns, name in (("kuberay-system", "kuberay-operator"), ("rayvisor-system", "rayvisor")): kube.call("DELETE", f"/apis/apps/v1/namespaces/{ns}/deployments/{name}")


def test_the_vendors_example(env):
    """Its README's two blocks, in a copy of the folder, against what `cmake --install` puts into a prefix."""
    prefix, folder = os.path.join(env.dir, "prefix"), os.path.join(env.dir, "example")
    shutil.copytree(os.path.join(ROOT, "plugins/example-vendor"), folder)
    path = "plugins/example-vendor/README.md"
    assert "`cmake --install build --component sdk`" in read(path), "which is what is done next"
    for component in ("sdk", "test"): subprocess.run(["cmake", "--install", BUILD, "--component", component, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL, timeout=120)
    e = environment(env.dir, PKG_CONFIG_PATH=os.path.dirname(glob.glob(f"{prefix}/**/rayvisor.pc", recursive=True)[0]))
    elsewhere = re.search(r"the first command gets `(.*?)`", read(path))[1].replace("/its/prefix", prefix)
    first = [l.replace("cmake -B build", "cmake -B build " + elsewhere, 1) for l in block(path, "cmake -B build")]
    said = shell(first, e, cwd=folder, timeout=300)
    assert "100% tests passed" in said, said[-2000:]
    second = "\n".join(block(path, "cmake -DMANIFEST=")).replace("\\\n", " ").splitlines()
    shell(second, e, cwd=folder, timeout=300)
    assert os.path.exists(os.path.join(folder, "cluster-summary.so"))


def test_a_replay_in_a_debugger(env):
    """The line for gdb, with the recording of a plugin that has run."""
    if not shutil.which("gdb"): raise Skip("there is no gdb")
    env.sandbox(why="needs no other cluster")
    ns, prefix, records = env.kube.namespace("replayed"), os.path.join(env.dir, "prefix"), os.path.join(env.dir, "my records")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "cluster-summary", "grants": "all", "record": records}])
    env.kube.create("rayclusters", ns, raycluster("a"))
    wait_for("the summary", lambda: env.kube.find("configmaps", ns, "a-summary"))
    env.op.stop()
    file = glob.glob(records + "/*.rec")[0]
    subprocess.run(["cmake", "--install", BUILD, "--component", "sdk", "--prefix", prefix], check=True, stdout=subprocess.DEVNULL, timeout=120)
    e = environment(env.dir, PKG_CONFIG_PATH=os.path.dirname(glob.glob(f"{prefix}/**/rayvisor.pc", recursive=True)[0]))
    for path, whole in (("plugins/example-vendor/README.md", r"`(gdb --args .*? --replay FILE cluster-summary.so)`"), ("config/README.md", r"`(\"\$\(pkg-config .*? --replay FILE PLUGIN.so)`")):
        line = re.search(whole, read(path))[1].replace("FILE", f"'{file}'").replace("PLUGIN.so", "cluster-summary.so").replace("cluster-summary.so", glob.glob(f"{BUILD}/lib/rayvisor/*/cluster-summary.so")[0])
        said = shell([f"printf 'set confirm off\\nrun\\nquit\\n' | {line}" if line.startswith("gdb") else line], e)
        assert "exited normally" in said or not line.startswith("gdb"), said


def test_image_of_the_submitter(env):
    if not os.path.exists(binary("rayvisor-submit")): raise Skip("rayvisor-submit is not built here")
    out = os.path.join(env.dir, "submit.tar")
    shell([l.replace(" submit.tar ", f" {out} ") for l in block("plugins/rayjob/submitter/README.md", "deploy/submitter-image.sh")], environment(env.dir))
    assert os.path.getsize(out) > 1 << 16


def test_commands_in_samples(env):
    """Comments of samples: a command stands on one line, and is taken as it stands."""
    needs_kubectl()
    env.cluster()
    text = read("config/samples/rayjob-interactive.yaml")
    line = re.search(r"^#   (kubectl patch .*)$", text, re.M)[1]
    samples = subprocess.run(["git", "ls-files", "config/samples/*.yaml"], cwd=ROOT, text=True, capture_output=True).stdout.split()
    broken = [(p, l) for p in samples for l in re.findall(r"^#.*\bkubectl .*$", read(p), re.M) if l.count("'") % 2 or l.count("`") % 2]
    assert not broken, f"the command goes on in the next line of the comment: {broken}"
    ns = env.kube.namespace("default") if env.sb else env.kube.namespace("samples")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}])
    e = with_programs(env, KUBECONFIG=env.kube.kubeconfig)
    n = f" -n {ns}"
    shell([f"kubectl apply -f config/samples/rayjob-interactive.yaml{n}", line + n], e)
    assert env.kube.get("rayjobs", ns, "by-hand")["spec"]["jobId"] == "ID"


def test_controls_of_the_sandbox(env):
    """deploy/sandbox/README.md: its faults and statistics are asked with curl."""
    if not shutil.which("curl"): raise Skip("there is no curl")
    env.sandbox()
    line = re.search(r"`(curl -sk .*?)`", read("deploy/sandbox/README.md"))[1]
    said = shell([line.replace("https://...", f"{env.kube.scheme}://{env.kube.host}:{env.kube.port}")], environment(env.dir, TOKEN=env.kube.token))
    assert "requests" in json.loads(said), said


if __name__ == "__main__": main()
