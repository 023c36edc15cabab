#!/usr/bin/env python3
"""rayvisorctl as `kubectl rayvisor`: installed, called by kubectl, and looking at a cluster with the user's own kubeconfig."""
import json, pty, shutil, subprocess
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")


def test_installed_as_a_plugin_of_kubectl(env):
    """Both names are links, kubectl finds and completes it, and the scripts of the shells are where the shells look."""
    root = os.path.join(env.dir, "root")
    r = subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": root}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert r.returncode == 0, r.stdout
    prefix = os.path.dirname(os.path.dirname(glob.glob(root + "/**/bin/rayvisorctl", recursive=True)[0]))
    for name in ("kubectl-rayvisor", "kubectl_complete-rayvisor"): assert os.readlink(f"{prefix}/bin/{name}") == "rayvisorctl", name
    for path in ("bash-completion/completions/rayvisorctl", "zsh/site-functions/_rayvisorctl", "fish/vendor_completions.d/rayvisorctl.fish"):
        assert "__complete" in open(f"{prefix}/share/{path}").read(), path
    if not KUBECTL: raise Skip("there is no kubectl")
    path = {**os.environ, "PATH": f"{prefix}/bin:{os.environ['PATH']}"}
    run = lambda *args: subprocess.run([KUBECTL, *args], env=path, text=True, capture_output=True, timeout=60)
    r = run("rayvisor", "--version")
    assert r.returncode == 0 and re.match(r"kubectl rayvisor \d", r.stdout), r
    r = run("rayvisor", "sttus")
    assert r.returncode == 64 and 'did you mean "status"?' in r.stderr and "usage: kubectl rayvisor" in r.stderr, r
    r = run("__complete", "rayvisor", "sand")
    if "kubectl_complete-rayvisor" not in r.stderr: raise Skip("done but for completion, which begins with kubectl 1.26")
    assert r.stdout.startswith("sandbox\t") and r.stdout.rstrip().endswith(":4"), r


PLUGINS = [{"name": n} for n in ("raycluster", "rayjob", "rayservice", "raycronjob")]


def ctl(env, *args, ok=True, program="kubectl-rayvisor", **more):
    """As a user types it, with his kubeconfig."""
    r = subprocess.run([binary(program), *args], env={**os.environ, "KUBECONFIG": env.kube.kubeconfig, "TERM": "xterm", **more}, text=True, capture_output=True, timeout=60 * PATIENCE)
    assert not ok or r.returncode == 0, (args, r)
    return r


def why(env, what, ns): return json.loads(ctl(env, "why", what, "-n", ns, "-o", "json").stdout)


def blocked(env, what, ns, kind, text, timeout=40):
    """What blocks it, once it is that."""
    def look():
        doc = why(env, what, ns)
        b = doc.get("blockedBy", {})
        return doc if b.get("kind") == kind and text in b.get("text", "") else None
    return wait_for(f"{what} to be blocked by a {kind}: {text}", look, timeout)


def nowhere(o, group=None):
    """No node takes these pods (of the workers, or of all)."""
    spec = o["spec"].get("rayClusterSpec") or o["spec"].get("rayClusterConfig") or o["spec"]
    for g in spec["workerGroupSpecs"] + ([] if group else [spec["headGroupSpec"]]): g["template"]["spec"]["nodeSelector"] = {"no": "such"}
    return o


def test_why_down_to_the_pod(env):
    """From each kind down to the pod that no node takes; the sentence is the scheduler's own."""
    env.cluster()
    env.operator(plugins=PLUGINS)
    ns = env.kube.namespace("why")
    env.kube.create("rayclusters", ns, nowhere(raycluster("rc"), "workers"))
    env.kube.create("rayjobs", ns, nowhere(rayjob("rj")))
    env.kube.create("rayservices", ns, nowhere(rayservice("rs")))
    cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": "rcj"}, "spec": {"schedule": "0 0 1 1 *", "jobTemplate": nowhere(rayjob("x"))["spec"]}}
    env.kube.create("raycronjobs", ns, cron)
    run = nowhere(rayjob("run"))  # as if it were due now
    run["metadata"]["labels"] = {"ray.io/cronjob-name": "rcj"}
    env.kube.create("rayjobs", ns, run)
    doc = blocked(env, "rc/rc", ns, "worker pod", "not scheduled: 0/")
    assert doc["kind"] == "RayCluster" and doc["state"] == "waits" and doc["blockedBy"]["name"].startswith("rc-small-worker-"), doc
    wait_for("the head to be ready, and counted", lambda: any(n["kind"] == "pods" and n["text"] == "1 other is ready" for n in why(env, "rc/rc", ns)["below"]))
    doc = blocked(env, "RayJobs.ray.io/rj", ns, "head pod", "not scheduled: 0/")
    cluster = doc["below"][0]
    assert [n["kind"] for n in (doc, cluster, cluster["below"][0])] == ["RayJob", "RayCluster", "head pod"] and doc["state"] == cluster["state"] == "waits", doc
    doc = blocked(env, "rs/rs", ns, "head pod", "not scheduled: 0/")
    assert doc["below"][0]["kind"] == "RayCluster", doc
    doc = blocked(env, "rcj/rcj", ns, "head pod", "not scheduled: 0/")
    assert doc["below"][0]["below"][0]["kind"] == "RayCluster" and doc["next"]["then"] == "its next RayJob is started" and doc["next"]["at"] > "2026", doc
    explain = lambda *args, **more: ctl(env, "explain", *args, "--socket", env.op.socket_path(), ok=False, **more)
    assert explain("rc/rc", "-n", ns).returncode == 0
    assert explain("rc/rcx", "-n", ns).stderr.rstrip().endswith(f'knows no rc/rcx in namespace {ns}: did you mean "rc"?')
    assert explain("rc/rc").stderr.rstrip().endswith(f"knows no rc/rc in namespace default; there is one in namespace {ns}")
    assert explain("rc/rc", KUBECONFIG="/nonexistent").stderr.rstrip().endswith("knows no rc/rc in namespace default")
    lines = ctl(env, "why", "rayjob", "rj", "-n", ns).stdout.splitlines()
    assert lines[0].startswith("RayJob rj (waits): ") and lines[1].startswith("  RayCluster rj-") and lines[2].startswith("    head pod rj-"), lines
    assert lines[-1].startswith("blocked by: head pod rj-"), lines
    assert "\033" not in "".join(lines), "colours in a pipe"
    assert ctl(env, "why", "rc/rc", "-n", ns, "-o", "yaml").stdout.startswith("kind: RayCluster\nnamespace: "), "yaml"
    candidates = ctl(env, "__complete", "why", "-n", ns, "rc/").stdout.split()
    assert "rc/rc" in candidates and candidates[-1] == ":4", candidates
    assert ns in ctl(env, "__complete", "why", "-n", ns[:2]).stdout.split()


def test_why_with_the_words_of_the_node(env):
    """An image that cannot be pulled and a container that crashes: the pod's own reason, the warning beside it and when it is tried again."""
    env.sandbox(why="a pod's misfortune is made by the sandbox")
    env.operator(plugins=PLUGINS)
    ns = env.kube.namespace("words")
    for name, behaviour in (("pull", "image-pull-error"), ("crash", {"do": "crash", "exitCode": 3, "reason": "Error", "afterMs": 10, "times": 9})):
        c = raycluster(name)
        c["spec"]["workerGroupSpecs"][0]["template"]["metadata"] = {"annotations": {"sandbox.rayvisor.io/behavior": behaviour if isinstance(behaviour, str) else json.dumps(behaviour)}}
        env.kube.create("rayclusters", ns, c)
    doc = blocked(env, "rc/pull", ns, "worker pod", "ImagePullBackOff")
    assert doc["blockedBy"]["state"] == "faulty" and doc["blockedBy"]["event"].startswith("Failed: Failed to pull image"), doc
    doc = blocked(env, "rc/crash", ns, "worker pod", "CrashLoopBackOff")
    assert "exit code 3" in doc["blockedBy"]["text"] and doc["blockedBy"]["next"]["then"] == "the container is started again", doc
    text = ctl(env, "why", "rc/pull", "-n", ns).stdout
    assert re.search(r"^      event: \w+: .* Last at ", text, re.M), text


def test_a_service_that_serves_is_not_blocked(env):
    """Workers without replicas are not ready, by design; what serves does not wait for them."""
    env.sandbox(why="a real cluster has no Ray in its pods")
    env.operator(plugins=PLUGINS, proxy=True)
    ns = env.kube.namespace("serves")
    env.kube.create("rayservices", ns, rayservice("rs", workers=2))
    doc = wait_for("it to serve", lambda: (lambda d: d if d["state"] == "well" else None)(why(env, "rs/rs", ns)), 60)
    assert doc["below"][0]["below"][0]["state"] == "waits", doc
    assert "blockedBy" not in doc and "blocked by" not in ctl(env, "why", "rs/rs", "-n", ns).stdout, doc


def test_why_of_a_job_that_is_not_submitted(env):
    """The cluster is ready, and the submitter's pod is what blocks."""
    env.sandbox(why="a real cluster has no Ray in its pods")
    env.operator(plugins=PLUGINS, proxy=True)
    ns = env.kube.namespace("submit")
    template = {"spec": {"restartPolicy": "Never", "nodeSelector": {"no": "such"}, "containers": [{"name": "ray-job-submitter", "image": "rayproject/ray:2.52.0"}]}}
    env.kube.create("rayjobs", ns, rayjob("j", submitterPodTemplate=template))
    blocked(env, "rj/j", ns, "pod", "not scheduled: 0/")
    wait_for("the cluster to be well", lambda: [(n["kind"], n["state"]) for n in why(env, "rj/j", ns)["below"]] == [("RayCluster", "well"), ("submitter Job", "well")])
    wait_for("the job itself to say so", lambda: why(env, "rj/j", ns)["text"].startswith("the job does not run yet"))


def test_why_says_what_it_may_not_read(env):
    """Nothing there, no such kind, no operator, no cluster: one line each, and exit status 1 (64 for a word that is wrong)."""
    env.cluster()
    ns = env.kube.namespace("why-not")
    r = ctl(env, "why", "rc/none", "-n", ns, ok=False)
    assert r.returncode == 1 and 'kubectl rayvisor: cannot read rayclusters/none from http' in r.stderr and "not found" in r.stderr, r
    r = ctl(env, "why", "rayclster/x", ok=False)
    assert r.returncode == 64 and 'there is no kind "rayclster": did you mean "raycluster"?' in r.stderr, r
    r = ctl(env, "why", "rc/x", ok=False, KUBECONFIG="/nonexistent")
    assert r.returncode == 1 and "/nonexistent" in r.stderr, r
    r = ctl(env, "why", "rc/x", "--context", "nobody", ok=False)
    assert r.returncode == 1 and 'there is no context "nobody"' in r.stderr, r
    context = re.search(r"current-context: (\S+)", open(env.kube.kubeconfig).read())[1].strip('"')
    r = ctl(env, "why", "rc/x", "--context", context + "x", ok=False)
    assert f'there is no context "{context}x": did you mean "{context}"?' in r.stderr, r
    env.kube.create("rayclusters", ns, raycluster("alone"))
    for command in ("why", "get"):
        r = ctl(env, command, "rc/alnoe", "-n", ns, ok=False)
        assert r.returncode == 1 and r.stderr.rstrip().endswith('not found: did you mean "alone"?'), r
    r = ctl(env, "why", "rc/alone", "-n", "default", ok=False)
    assert r.stderr.rstrip().endswith(f"not found; there is one in namespace {ns}"), r
    assert "no operator has written a status yet" in why(env, "rc/alone", ns)["text"]
    text = open(env.kube.kubeconfig).read().replace(env.kube.token, "wrong")
    other = os.path.join(env.dir, "other")
    with open(other, "w") as f: f.write(text)
    r = ctl(env, "why", "rc/alone", "-n", ns, "--kubeconfig", other, ok=False)
    assert r.returncode == 1 and len(r.stderr.splitlines()) == 1 and "cannot read rayclusters/alone" in r.stderr and "Bearer" not in r.stderr, r


def test_get(env):
    """One table for all kinds; the same as JSON and YAML, and a name alone."""
    env.cluster()
    env.operator(plugins=PLUGINS)
    ns, other = env.kube.namespace("get"), env.kube.namespace("get-other")
    env.kube.create("rayclusters", ns, raycluster("ok"))
    env.kube.create("rayjobs", ns, nowhere(rayjob("stuck")))
    env.kube.create("rayclusters", other, raycluster("elsewhere", suspend=True))
    cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": "yearly"}, "spec": {"schedule": "0 0 1 1 *", "jobTemplate": rayjob("x")["spec"]}}
    env.kube.create("raycronjobs", ns, cron)
    wait_ready(env.kube, ns, "ok", 1)
    blocked(env, "rj/stuck", ns, "head pod", "not scheduled")
    items = lambda *args: {f"{i['kind']}/{i['name']}": i for i in json.loads(ctl(env, "get", *args, "-o", "json").stdout)["items"]}
    wait_for("the next run", lambda: items("rcj", "-n", ns)["RayCronJob/yearly"].get("next"))
    wait_for("the suspension", lambda: items("-n", other)["RayCluster/elsewhere"]["state"] == "at rest")
    wait_for("the job's words for it", lambda: "not scheduled" in items("rj", "-n", ns)["RayJob/stuck"]["text"])
    table = ctl(env, "get", "-n", ns).stdout.splitlines()
    assert table[0].split() == "NAME STATUS READY AGE WAITS FOR".split(), table
    rows = {l.split()[0]: l for l in table[1:]}
    assert len(rows) == 4, table  # with the cluster of the job
    assert re.search(r" ready +1/1 workers .* -$", rows["raycluster/ok"]) and re.search(r" Initializing .* head pod .*not scheduled", rows["rayjob/stuck"]), table
    assert " Scheduled " in rows["raycronjob/yearly"] and "\033" not in "".join(table), table
    wide = ctl(env, "get", "rj", "-n", ns, "-o", "wide").stdout.splitlines()
    assert wide[0].split() == "NAME STATUS READY AGE CLUSTER CPUS GPUS MEMORY NEXT WAITS FOR".split() and " stuck-" in wide[1] and len(wide) == 2, wide
    assert wide[1].endswith(items("rj", "-n", ns)["RayJob/stuck"]["text"]), "wide is not cut"
    everywhere = ctl(env, "get", "rayclusters", "-A").stdout.splitlines()
    assert everywhere[0].startswith("NAMESPACE ") and any(l.startswith(other) and "raycluster/elsewhere" in l and "it is suspended" in l for l in everywhere), everywhere
    for args in (("rc/ok",), ("RayCluster", "ok")): assert list(items(*args, "-n", ns)) == ["RayCluster/ok"], args
    assert items("rc/ok", "-n", ns)["RayCluster/ok"]["cpus"] == env.kube.get("rayclusters", ns, "ok")["status"]["desiredCPU"]
    assert ctl(env, "get", "rc/ok", "-n", ns, "-o", "yaml").stdout.startswith("items:\n  - kind: RayCluster\n    namespace: ")
    for args, status, text in ((("rc/none", "-n", ns), 1, "not found"), (("rayclustrs",), 64, 'did you mean "rayclusters"?'), (("-n", "x", "-A"), 64, "exclude each other"),
                               (("-o", "wdie"), 64, 'did you mean "wide"?'), (("rc/ok", "-A"), 64, "--all-namespaces"), (("rc/", "-n", ns), 64, "KIND/NAME")):
        r = ctl(env, "get", *args, ok=False)
        assert r.returncode == status and text in r.stderr and not r.stdout, (args, r)
    r = ctl(env, "get", "rs", "-n", ns)
    assert not r.stdout and r.stderr == f"nothing found in namespace {ns}\n", r
    assert "\033[32mraycluster/ok" in on_a_terminal(env, "get", "-n", ns).replace("\r", "") and "\033" not in on_a_terminal(env, "get", "-n", ns, NO_COLOR="1")


def test_report_has_no_secrets(env):
    """Secrets in every place where people put them, and the whole bundle searched for them. What support needs is there."""
    env.cluster()
    env.operator(plugins=PLUGINS)
    ns, secret = env.kube.namespace("report"), "S3CR3T-" + os.urandom(8).hex()
    env.kube.create("secrets", ns, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"password": secret + "-0"}})
    c = raycluster("c")
    c["metadata"]["annotations"] = {"example.com/token": secret + "-1", "ray.io/ft-enabled": "false", "kubectl.kubernetes.io/last-applied-configuration": secret + "-2"}
    head = c["spec"]["headGroupSpec"]
    head["rayStartParams"] = {"redis-password": secret + "-3"}
    head["template"]["metadata"] = {"annotations": {"vault.example.com/inject": secret + "-4"}}
    head["template"]["spec"]["containers"][0].update(
        env=[{"name": "PLAIN", "value": secret + "-5"}, {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "password"}}}],
        lifecycle={"preStop": {"exec": {"command": ["sh", "-c", f"curl -H 'Authorization: Bearer {secret}-6' https://u:{secret}-7@example.com"]}}})
    env.kube.create("rayclusters", ns, c)
    env.kube.create("rayjobs", ns, rayjob("j", entrypoint=f"HF_TOKEN={secret}-8 python run.py --api-key {secret}-9", runtimeEnvYAML=f"env_vars:\n  ANY: {secret}-10\n"))
    env.kube.create("rayservices", ns, rayservice("s", config=f"applications:\n- name: a\n  import_path: a:b\n  route_prefix: /\n  runtime_env: {{env_vars: {{ANY: {secret}-11}}}}\n"))
    for what, name in (("rayclusters", "c"), ("rayjobs", "j"), ("rayservices", "s")): wait_for(f"{name} to have a status", lambda: env.kube.get(what, ns, name).get("status"))
    out = os.path.join(env.dir, "bundle")
    r = ctl(env, "report", "--out", out, "-n", ns, "--socket", env.op.socket_path(), RAYVISOR_SANDBOX_DIR="/nonexistent")
    assert r.stdout == out + "\n", r
    files = {os.path.relpath(f, out): open(f).read() for f in glob.glob(out + "/**", recursive=True) if os.path.isfile(f)}
    for name, text in files.items():
        assert secret not in text and env.kube.token not in text, f"{name} has a secret: {re.findall('.*' + secret + '.*', text)}"
        assert os.stat(os.path.join(out, name)).st_mode & 0o77 == 0, name
    assert os.stat(out).st_mode & 0o77 == 0
    for name in ("raycluster", "c"), ("rayjob", "j"), ("rayservice", "s"):
        base = f"{name[0]}.{ns}.{name[1]}"
        assert f"objects/{base}.yaml" in files and json.loads(files[f"explain/{base}.json"])["found"], base
        assert json.loads(files[f"history/{base}.json"])["entries"], base
    told = files[f"objects/raycluster.{ns}.c.yaml"]
    assert all(t in told for t in ("name: mine", "key: password", "name: PLAIN", "ray.io/ft-enabled: \"false\"", "rayproject/ray")), told
    assert "entrypoint: \"HF_TOKEN=(masked) python run.py --api-key (masked)\"" in files[f"objects/rayjob.{ns}.j.yaml"]
    assert json.loads(files["status.json"])["ready"] and json.loads(files["plugins.json"])["plugins"] and "- name: raycluster" in files["config.yaml"]
    assert json.loads(files["leaks.json"]) == {"standsBy": False, "series": []}
    v = json.loads(files["versions.json"])
    assert v["rayvisord"] == v["rayvisorctl"] and v["kubernetes"]["major"] == "1", v
    assert "not in this report: operator.log: the operator is neither the sandbox's nor in a pod" in files["README.txt"], files["README.txt"]
    r = ctl(env, "report", "--out", out, ok=False)
    assert r.returncode == 1 and "cannot make the folder" in r.stderr and "File exists" in r.stderr, r


def test_report_of_a_sandbox_and_of_nothing(env):
    """The log of the sandbox's operator is in it, masked; and where nothing answers, README.txt says so."""
    env.sandbox(why="looks at a sandbox")
    folder = os.path.join(env.dir, "sb")
    os.makedirs(folder)
    with open(os.path.join(folder, "operator.log"), "w") as f: f.write("x" * 300000 + "\nlast line, token=S3CR3T\n")
    out = os.path.join(env.dir, "bundle")
    r = ctl(env, "report", "--out", out, "--socket", f"{folder}/run/control.sock", RAYVISOR_SANDBOX_DIR=folder, KUBECONFIG="/nonexistent", program="rayvisorctl")
    assert "some parts could not be read" in r.stderr, r
    assert open(out + "/operator.log").read() == "last line, token=(masked)\n"
    readme = open(out + "/README.txt").read()
    for part in ("objects: cannot read /nonexistent", "status.json: no rayvisord answers", "plugins.json: ", "config.yaml: "): assert "not in this report: " + part in readme, (part, readme)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "rayvisor-0", "labels": {"app.kubernetes.io/name": "rayvisor"}}, "spec": {"containers": [{"name": "c", "image": "x", "args": ["--token=S3CR3T"]}]}}
    env.kube.create("pods", "default", pod)
    wait_for("the pod to run", lambda: env.kube.get("pods", "default", "rayvisor-0")["status"].get("phase") == "Running")
    r = ctl(env, "report", "-o", "json", "--out", out + "2", "--socket", "/nonexistent")
    assert json.loads(r.stdout) == {"folder": out + "2"}, r
    log = open(out + "2/operator.log").read()
    assert log.startswith("==> pod default/rayvisor-0 <==\n") and "--token=(masked)" in log and "S3CR3T" not in log, log


def test_what_objects_say_is_not_obeyed_by_a_terminal(env):
    """Names and messages that tenants write are shown, with what a terminal would obey as escapes, and forge no line."""
    env.cluster()
    ns, evil = env.kube.namespace("evil"), "\x1b]0;x\x07\u202e\rX\nforged"
    env.kube.create("rayservices", ns, rayservice("s"))
    status = {"activeServiceStatus": {"applicationStatuses": {evil: {"status": "DEPLOY_FAILED", "message": evil}}}, "numServeEndpoints": 0,
              "conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": evil, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    env.kube.patch("rayservices", ns, "s", {"status": status}, "status")
    for args in (("why", "rs/s"), ("get",), ("get", "-o", "wide"), ("get", "-o", "json"), ("why", "rs/s", "-o", "yaml")):
        r = ctl(env, *args, "-n", ns)
        assert "]0;x" in r.stdout, (args, r)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", r.stdout) and not re.search("^forged", r.stdout, re.M), (args, r)
    assert "application " in ctl(env, "why", "rs/s", "-n", ns).stdout.splitlines()[-1]


def on_a_terminal(env, *args, **more):
    """What is written to a terminal."""
    main, other = pty.openpty()
    p = subprocess.Popen([binary("rayvisorctl"), *args], stdout=other, stderr=other, env={**os.environ, "KUBECONFIG": env.kube.kubeconfig, "TERM": "xterm", **more})
    os.close(other)
    data = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(main, 65536): data += chunk
    p.wait(60)
    return data.decode()


def test_colours_only_on_a_terminal(env):
    env.cluster()
    ns = env.kube.namespace("colours")
    env.kube.create("rayclusters", ns, raycluster("c"))
    args = ("why", "rc/c", "-n", ns)
    assert on_a_terminal(env, *args).startswith("\033[33mRayCluster c (waits)")
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}): assert "\033" not in on_a_terminal(env, *args, **more), more
    assert "\033" not in on_a_terminal(env, *args, "-o", "json")


if __name__ == "__main__":
    main()
