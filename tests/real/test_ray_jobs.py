#!/usr/bin/env python3
"""RayJobs on a real Ray: pods by a real kubelet, jobs that really run. Needs a node made by node.sh: RAYVISOR_NODE names its folder.

One core a cluster and two clusters at a time is what a small machine can bear, so the jobs go in pairs."""
from real import *

SUBMIT = "rayvisor.test/submit:1"


def job(name, code, **spec):
    """Like the manifests of users: the entrypoint is a shell line."""
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": name}, "spec": {
        "entrypoint": f'python -c "{code}"', "shutdownAfterJobFinishes": True, "rayClusterSpec": real_cluster(), **spec}}


def setup(env, **settings): return on_node(env, [{"name": "raycluster"}, {"name": "rayjob", "settings": settings}], proxy=True)


def submitter_log(ns, name): return kubectl("logs", "-n", ns, "-l", f"job-name={name}", "--tail=-1").stdout


def test_cluster(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "c"}, "spec": real_cluster(1)})
    wait_ready(kube, ns, "c", 1, SLOW)
    head = pods_of(kube, ns, "c", "headgroup")[0]["metadata"]["name"]
    out = wait_for("the worker to join", lambda: (lambda o: "1 w" in o and "1 headgroup" in o and o)(kubectl("exec", "-n", ns, head, "--", "ray", "status").stdout), 60)
    assert "0.0/2.0 CPU" in out, out
    kube.delete("rayclusters", ns, "c")
    wait_for("the pods to go", lambda: gone(kube, ns), SLOW)


def test_success_and_failure(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, job("good", "import ray, os; ray.init(); print('hello from', len(ray.nodes()), 'node', os.environ['A'])", runtimeEnvYAML="env_vars:\n  A: <1>\n", metadata={"k": "v"}))
    kube.create("rayjobs", ns, job("bad", "raise SystemExit('my message')", submissionMode="HTTPMode"))
    s = wait_job(kube, ns, "bad", "Failed", SLOW, jobStatus="FAILED", reason="AppFailed")
    assert "my message" in s["message"], s["message"]
    s = wait_job(kube, ns, "good", "Complete", SLOW, jobStatus="SUCCEEDED")
    log = submitter_log(ns, "good")
    assert "hello from 1 node <1>" in log, log[-2000:]
    wait_for("the clusters to be deleted", lambda: gone(kube, ns), SLOW)
    assert job_status(kube, ns, "good")["succeeded"] == 1 and "succeeded" in log


def test_suspended_and_lost(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, job("later", "print('at last')", submissionMode="HTTPMode", suspend=True))
    kube.create("rayjobs", ns, job("lost", "import time; print('begun', flush=True); time.sleep(600)", submissionMode="HTTPMode"))
    wait_job(kube, ns, "later", "Suspended", SLOW)
    s = wait_job(kube, ns, "lost", "Running", SLOW, jobStatus="RUNNING")
    kube.delete("pods", ns, pods_of(kube, ns, s["rayClusterName"], "headgroup")[0]["metadata"]["name"], gracePeriodSeconds=1)
    kube.patch("rayjobs", ns, "later", {"spec": {"suspend": False}})
    s = wait_job(kube, ns, "lost", "Failed", SLOW, reason="AppFailed", jobStatus="RUNNING")
    assert "head" in s["message"], s["message"]
    wait_job(kube, ns, "later", "Complete", SLOW, jobStatus="SUCCEEDED")
    wait_for("the clusters to be deleted", lambda: gone(kube, ns), SLOW)


def test_small_submitter_and_sidecar(env):
    need_node()
    if not os.path.exists(binary("rayvisor-submit")): raise Skip("rayvisor-submit is not built here")
    folder = os.path.join(env.dir, "image")
    os.makedirs(folder)
    shutil.copy(binary("rayvisor-submit"), folder)
    subprocess.run([sys.executable, os.path.join(ROOT, "deploy/image.py"), f"{env.dir}/submit.tar", SUBMIT, "--entrypoint", "/rayvisor-submit", folder], check=True)
    subprocess.run(["ctr", "--address", f"{NODE}/containerd.sock", "-n", "k8s.io", "images", "import", f"{env.dir}/submit.tar"], check=True, capture_output=True)
    kube, ns = setup(env, submitterImage=SUBMIT)
    kube.create("rayjobs", ns, job("small", "import time; [print('line', i, flush=True) or time.sleep(1) for i in range(5)]"))
    kube.create("rayjobs", ns, job("beside", "print('from the side')", submissionMode="SidecarMode"))
    wait_job(kube, ns, "small", "Complete", SLOW, jobStatus="SUCCEEDED")
    log = submitter_log(ns, "small")
    assert [l for l in log.splitlines() if l.startswith("line")] == [f"line {i}" for i in range(5)], log
    wait_job(kube, ns, "beside", "Complete", SLOW, jobStatus="SUCCEEDED")


def test_sidecar_that_ends_before_the_workers_are_ready(env):
    """Its head is not Ready from then on, and must be reached all the same: also by a service that publishes ready addresses only."""
    kube, ns = setup(env)
    cluster = real_cluster(1)
    cluster["workerGroupSpecs"][0]["template"]["spec"]["nodeSelector"] = {"no": "such-node"}
    cluster["headGroupSpec"]["serviceType"] = "ClusterIP"
    kube.create("rayjobs", ns, job("short", "print('done')", submissionMode="SidecarMode", rayClusterSpec=cluster))
    typed = real_cluster()
    typed["headGroupSpec"]["serviceType"] = "NodePort"
    kube.create("rayjobs", ns, job("typed", "print('done')", submissionMode="SidecarMode", rayClusterSpec=typed))
    for name in ("short", "typed"): wait_job(kube, ns, name, "Complete", SLOW, jobStatus="SUCCEEDED")
    wait_for("the clusters to be deleted", lambda: gone(kube, ns), SLOW)


DOCUMENTED = {"deploy/kustomize/README.md": "kubectl -n rayvisor-system exec", "deploy/MIGRATION.md": "kubectl -n rayvisor-system rollout",
              "deploy/guides/install.md": "kubectl -n rayvisor-system rollout", "deploy/guides/README.md": "`kubectl -n rayvisor-system exec"}


def documented_lines():
    """Each line of these documents that enters the operator's pod, and what stands in its block before it."""
    out = []
    for path, beginning in DOCUMENTED.items():
        text = open(os.path.join(ROOT, path)).read()
        found = [l.strip() for b in re.findall(r"```sh\n(.*?)```", text, re.S) for l in b.splitlines() if " exec " in b] if beginning[0] != "`" else re.findall(r"`(kubectl [^`]* exec [^`]*)`", text)
        assert found and any(" exec " in l for l in found) and found[0].startswith(beginning.strip("`")), (path, found)
        out += [(path, l) for l in found if l]
    notes = "deploy/helm/templates/NOTES.txt"  # what `helm install` prints, with the names that the installation here has
    printed = [l.strip() for l in open(os.path.join(ROOT, notes)).read().splitlines() if " exec " in l]
    assert printed, notes
    return out + [(notes, re.sub(r"\{\{ \$name \}\}", "rayvisor", re.sub(r"\{\{ \.Release\.Namespace \}\}", "rayvisor-system", l))) for l in printed]


def type_documented_lines(env, ns, name):
    """As they stand there, but for NAME and NAMESPACE. `deployment/rayvisor` may be the replica that stands by: then it names the pod to ask."""
    tools = os.path.join(env.dir, "tools")
    os.makedirs(tools, exist_ok=True)
    os.symlink(f"{BIN}/kubectl", f"{tools}/kubectl")
    shell = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "KUBECONFIG": f"{NODE}/kubeconfig"}
    for path, line in documented_lines():
        line = re.sub(r"\bNAMESPACE\b", ns, line)
        line = re.sub(r"\bNAME\b", name, line)
        r = subprocess.run(["sh", "-c", line], env=shell, capture_output=True, text=True, timeout=120)
        asked = re.search(r"this replica stands by and decides nothing: ask (\S+?),", r.stdout + r.stderr)
        if asked:
            assert r.returncode != 0 and " explain " in line, (path, line, r)
            r = subprocess.run(["sh", "-c", re.sub(r"deploy(ment)?/rayvisor", f"pod/{asked[1]}", line)], env=shell, capture_output=True, text=True, timeout=120)
        assert r.returncode == 0, (path, line, r.stdout + r.stderr)
        want = "raycluster" if " exec " in line else "successfully rolled out"
        assert want in r.stdout, (path, line, r.stdout)
        if " explain " in line: assert name in r.stdout, (path, line, r.stdout)


def test_operator_in_the_cluster(env):
    """As deploy/kustomize installs it: two replicas of the image, of which one acts, and the other goes on when that one is gone. What the
    documents type into its pods is typed."""
    need_node()
    subprocess.run([os.path.join(ROOT, "deploy/image.sh"), "docker.io/library/rayvisor:0.1.0", f"{env.dir}/rayvisor.tar"], check=True, env={**os.environ, "RAYVISOR_BUILD": BUILD})
    subprocess.run(["ctr", "--address", f"{NODE}/containerd.sock", "-n", "k8s.io", "images", "import", f"{env.dir}/rayvisor.tar"], check=True, capture_output=True)
    env.sb = None
    kube = env.kube = env.keep(External(f"{NODE}/kubeconfig")).kube
    kube.namespace("installed")
    ns, home = env.things[0].namespaces[-1], "rayvisor-system"
    ready = lambda: [p["metadata"]["name"] for p in kube.list("pods", home) if "deletionTimestamp" not in p["metadata"] and
                     any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))]
    holder = lambda: kube.get("leases", home, "rayvisor")["spec"].get("holderIdentity", "")
    try:
        r = kubectl("apply", "-k", os.path.join(ROOT, "deploy/kustomize"))
        assert r.returncode == 0, r.stdout + r.stderr
        try:
            wait_for("two pods to be ready", lambda: len(ready()) == 2, 90)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{kubectl('describe', 'pods', '-n', home).stdout[-3000:]}\n{kubectl('logs', '-n', home, 'deploy/rayvisor').stdout[-3000:]}")
        kube.create("rayclusters", ns, {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "c"}, "spec": real_cluster()})
        wait_ready(kube, ns, "c", 0, SLOW)
        type_documented_lines(env, ns, "c")
        first = next(p for p in ready() if holder().startswith(p))
        kube.delete("pods", home, first)
        wait_for("the other to act", lambda: holder() and not holder().startswith(first), 60)
        kube.delete("rayclusters", ns, "c")
        wait_for("the pods to go", lambda: gone(kube, ns), SLOW)
        assert "plugin died" not in kubectl("logs", "-n", home, "deploy/rayvisor").stdout
    finally:
        kubectl("delete", "--wait=false", "-k", os.path.join(ROOT, "deploy/kustomize"))


if __name__ == "__main__": main()
