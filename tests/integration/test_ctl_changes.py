#!/usr/bin/env python3
"""What `kubectl rayvisor` changes: scale, job submit, logs and stop, and session, which forwards ports by kubectl."""
import json, pty, signal, stat, subprocess
from harness import *

PLUGINS = [{"name": n} for n in ("raycluster", "rayjob", "rayservice")]


def ctl(env, *args, ok=True, **more):
    """As a user types it, with his kubeconfig."""
    r = subprocess.run([binary("kubectl-rayvisor"), *args], env={**os.environ, "KUBECONFIG": env.kube.kubeconfig, "TERM": "xterm", **more}, text=True, capture_output=True, timeout=120 * PATIENCE)
    assert not ok or r.returncode == 0, (args, r)
    return r


def refused(env, args, status, *texts):
    r = ctl(env, *args, ok=False)
    assert r.returncode == status and all(t in r.stderr for t in texts), (args, r)


def replicas(env, ns, name): return [g["replicas"] for g in env.kube.get("rayclusters", ns, name)["spec"]["workerGroupSpecs"]]


def test_scale(env):
    """What will happen is said first; then it happens, and the command ends when the workers are ready."""
    env.cluster()
    env.operator(plugins=PLUGINS)
    ns = env.kube.namespace("scale")
    env.kube.create("rayclusters", ns, raycluster("demo", groups={"small": 1, "large": 0}))
    wait_ready(env.kube, ns, "demo", 1)
    r = ctl(env, "scale", "demo", "small", "3", "-n", ns, "--dry-run")
    assert r.stdout == "RayCluster demo, worker group small: replicas 1 -> 3: 2 pods more, which ask for 20m CPU, 128Mi memory.\n", r
    assert replicas(env, ns, "demo") == [1, 0]
    r = ctl(env, "scale", "demo", "small", "3", "-n", ns)
    assert r.stdout.endswith("3 of 3 workers of the cluster are ready.\n"), r
    assert replicas(env, ns, "demo") == [3, 0] and len(pods_of(env.kube, ns, "demo", "small")) == 3
    assert ctl(env, "scale", "rc/demo", "-w", "small", "-r", "3", "-n", ns).stdout.endswith("It is so already.\n")
    r = ctl(env, "scale", "demo", "-w", "large", "--min-replicas", "1", "--max-replicas", "2", "-r", "2", "--no-wait", "-n", ns)
    assert "replicas 0 -> 2, minReplicas 0 -> 1, maxReplicas 5000 -> 2" in r.stdout, r
    assert env.kube.get("rayclusters", ns, "demo")["spec"]["workerGroupSpecs"][1]["maxReplicas"] == 2
    refused(env, ("scale", "demo", "large", "3", "-n", ns), 1, "outside of the group's bounds, 1 to 2")
    refused(env, ("scale", "demo", "larg", "1", "-n", ns), 1, 'did you mean "large"?', "small, large")
    refused(env, ("scale", "demo", "3", "-n", ns), 1, 'no worker group "3"')
    refused(env, ("scale", "dmeo", "small", "3", "-n", ns), 1, 'did you mean "demo"?')
    for args in ((), ("demo", "small", "x"), ("demo", "small"), ("rj/c", "small", "1"), ("demo", "small", "1", "-r", "1"), ("demo", "-r", "-1", "-w", "small"), ("demo", "-r", "1")):
        refused(env, ("scale", *args, "-n", ns), 64)
    assert ctl(env, "__complete", "scale", "-n", ns, "demo", "").stdout.split() == ["small", "large", ":4"]
    assert ctl(env, "__complete", "scale", "-n", ns, "").stdout.split() == ["demo", ":4"]


def test_scale_and_who_else_decides(env):
    """A number that an autoscaler owns is refused; a suspended cluster is not waited for; what never comes ends with its reason."""
    env.cluster()
    env.operator(plugins=PLUGINS)
    ns = env.kube.namespace("scale-who")
    env.kube.create("rayclusters", ns, raycluster("auto", enableInTreeAutoscaling=True))
    refused(env, ("scale", "auto", "small", "3", "-n", ns), 1, "Ray's autoscaler owns the replicas", "enableInTreeAutoscaling")
    assert "the autoscaler decides" in ctl(env, "scale", "auto", "--max-replicas", "9", "-n", ns).stdout
    assert env.kube.get("rayclusters", ns, "auto")["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 9
    env.kube.create("rayclusters", ns, raycluster("rests", suspend=True))
    assert "the cluster is suspended" in ctl(env, "scale", "rests", "small", "2", "-n", ns).stdout
    stuck = raycluster("stuck", workers=0)
    stuck["spec"]["workerGroupSpecs"][0]["template"]["spec"]["nodeSelector"] = {"no": "such"}
    env.kube.create("rayclusters", ns, stuck)
    wait_ready(env.kube, ns, "stuck", 0)
    r = ctl(env, "scale", "stuck", "small", "1", "-n", ns, "--timeout", "3s", ok=False)
    assert r.returncode == 1 and "it is not done, and goes on" in r.stderr, r
    assert replicas(env, ns, "stuck") == [1]


def jobs(env, run_ms=1500):
    env.sandbox("--sim-opts", f"ray_run_ms={run_ms}", why="a real cluster has no Ray in its pods")
    env.operator(plugins=PLUGINS, proxy=True)
    return env.kube.namespace("jobs")


def test_job_submit_makes_a_rayjob(env):
    """A manifest without a cluster to ask; and what the operator would refuse, or nobody could do, is told before anything is made."""
    env.cluster()
    ns, env_file = env.kube.namespace("submit-dry"), os.path.join(env.dir, "env.yaml")
    with open(env_file, "w") as f: f.write("pip: [requests]\n")
    args = ("job", "submit", "-n", ns, "--name", "train")
    dry = ctl(env, *args, "--dry-run", "--worker-replicas", "3", "--worker-gpu", "1", "--ttl-seconds-after-finished", "60", "--working-dir", "https://example.com/a.zip", "--runtime-env", env_file,
              "--", "python", "a.py", "--say", "it's", KUBECONFIG="/nonexistent").stdout
    for text in ("entrypoint: \"python a.py --say 'it'\\\"'\\\"'s'\"", "replicas: 3", "nvidia.com/gpu: \"1\"", "shutdownAfterJobFinishes: true", "ttlSecondsAfterFinished: 60", "rayproject/ray:2.53.0"):
        assert text in dry, (text, dry)
    created = ctl(env, *args, "--no-wait", "--cluster", "mine", "--submission-mode", "HTTPMode", "--entrypoint-num-cpus", "0.5", "--working-dir", "s3://b/a.zip", "--runtime-env", env_file, "--", "echo a && echo b")
    assert created.stdout == "rayjob.ray.io/train created\n", created
    spec = env.kube.get("rayjobs", ns, "train")["spec"]
    assert spec["clusterSelector"] == {"ray.io/cluster": "mine"} and "rayClusterSpec" not in spec and spec["submissionMode"] == "HTTPMode" and spec["entrypoint"] == "echo a && echo b", spec
    assert json.loads(spec["runtimeEnvYAML"]) == {"pip": ["requests"], "working_dir": "s3://b/a.zip"} and spec["entrypointNumCpus"] == 0.5, spec
    refused(env, (*args, "--cluster", "mine", "--", "true"), 1, "already exists")
    for more, texts in ((("--working-dir", ".", "--", "x"), ("a folder of this machine",)), (("python", "a.py"), ("stands behind --",)), ((), ("behind --",)), (("--head-cpu", "many", "--", "x"), ("--head-cpu", "500m")),
                        (("--cluster", "c", "--image", "i", "--", "x"), ("leave out what would shape",)), (("--submission-mode", "HTTPMod", "--", "x"), ('did you mean "HTTPMode"?',)),
                        (("--worker-replicas", "x", "--", "x"), ("--worker-replicas",)), (("--timeout", "soon", "--", "x"), ("5m",)), (("--entrypoint-num-cpus", "-1", "--", "x"), ("entrypoint-num-cpus",))):
        refused(env, (*args, *more), 64, *texts)
    refused(env, ("job", "submit", "-n", ns, "--name", "Wrong_Name", "--", "x"), 1, "the operator would refuse it")
    refused(env, ("job", "sbmit"), 64, 'did you mean "submit"?')
    refused(env, ("job",), 64, "job takes one of submit, logs and stop")
    assert "usage: kubectl rayvisor job stop" in ctl(env, "help", "job").stdout and "--keep-cluster" in ctl(env, "help", "job", "submit").stdout
    assert ctl(env, "__complete", "job", "s").stdout.split("\t")[0] == "submit" and ctl(env, "__complete", "job", "logs", "-n", ns, "").stdout.split() == ["train", ":4"]
    assert ctl(env, "__complete", "job", "submit", "--", "").stdout == ":0\n"


def test_job_submit_waits_and_shows_the_log(env):
    """From the pod that submits, by the dashboard, and of a job that fails: the log is on standard output, the state beside it."""
    ns = jobs(env)
    r = ctl(env, "job", "submit", "-n", ns, "--name", "pod", "--", "python", "a.py")
    assert "simulated: ray-job-submitter of" in r.stdout and r.stdout.count("simulated: ray-job-submitter of") == 1, r
    assert "rayjob.ray.io/pod created" in r.stderr and "SUCCEEDED" in r.stderr, r
    r = ctl(env, "job", "submit", "-n", ns, "--name", "http", "--submission-mode", "HTTPMode", "--keep-cluster", "--", "python b.py")
    assert "simulated run of: python b.py" in r.stdout, r
    r = ctl(env, "job", "submit", "-n", ns, "--submission-mode", "SidecarMode", "--", "python", "fail.py", ok=False)
    assert r.returncode == 1 and "FAILED" in r.stderr and re.search(r"rayjob.ray.io/job-\w{5} created", r.stderr), r
    assert "simulated run of: python b.py" in ctl(env, "job", "logs", "http", "-n", ns).stdout
    assert "simulated run of: python b.py" in ctl(env, "job", "logs", "rayjob/http", "-f", "-n", ns).stdout
    refused(env, ("job", "logs", "htpt", "-n", ns), 1, 'did you mean "http"?')
    for args in (("job", "logs"), ("job", "logs", "rc/x"), ("job", "stop")): refused(env, (*args, "-n", ns), 64)
    main, other = pty.openpty()
    p = subprocess.Popen([binary("rayvisorctl"), "job", "submit", "-n", ns, "--submission-mode", "HTTPMode", "--", "x"], stdout=other, stderr=other, env={**os.environ, "KUBECONFIG": env.kube.kubeconfig, "TERM": "xterm"})
    os.close(other)
    data = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(main, 65536): data += chunk
    assert p.wait(60) == 0 and b"\r\033[K" in data and b"simulated run of: x" in data, data


def test_job_stop(env):
    """Ray stops the job, and the RayJob keeps its record; one that Ray has not got is suspended; one that can be neither says so."""
    ns = jobs(env, run_ms=600000)
    ctl(env, "job", "submit", "-n", ns, "--name", "runs", "--submission-mode", "HTTPMode", "--no-wait", "--", "x")
    wait_job(env.kube, ns, "runs", "Running", jobStatus="PENDING")
    r = ctl(env, "job", "stop", "runs", "-n", ns)
    assert "Ray is asked to stop the job" in r.stdout, r
    s = job_status(env.kube, ns, "runs")
    assert s["jobStatus"] == "STOPPED" and s["jobDeploymentStatus"] == "Complete" and s["jobId"] and s["endTime"], s
    assert "it has ended: STOPPED" in ctl(env, "job", "stop", "runs", "-n", ns).stdout
    ctl(env, "job", "submit", "-n", ns, "--name", "early", "--worker-cpu", "900000", "--no-wait", "--", "x")
    wait_job(env.kube, ns, "early", "Initializing")
    r = ctl(env, "job", "stop", "early", "-n", ns)
    assert "it is suspended" in r.stdout and job_status(env.kube, ns, "early")["jobDeploymentStatus"] == "Suspended", r
    ctl(env, "job", "submit", "-n", ns, "--name", "kept", "--worker-cpu", "900000", "--keep-cluster", "--no-wait", "--", "x")
    wait_job(env.kube, ns, "kept", "Initializing")
    refused(env, ("job", "stop", "kept", "-n", ns), 1, "cannot be suspended", "kubectl delete rayjob kept")
    ctl(env, "job", "submit", "-n", ns, "--name", "again", "--submission-mode", "HTTPMode", "--no-wait", "--", "x")
    wait_job(env.kube, ns, "again", "Running", jobStatus="PENDING")
    env.sb.fault({"verb": "create", "resource": "services", "subresource": "proxy"}, {"status": 503})
    refused(env, ("job", "stop", "again", "-n", ns), 1, "cannot ask Ray to stop the job", "--suspend")
    env.sb.clear_faults()
    ctl(env, "job", "stop", "again", "--suspend", "-n", ns)
    assert job_status(env.kube, ns, "again")["jobDeploymentStatus"] == "Suspended"


STUB = """#!/bin/sh
echo "$*" >> "$STUB_DIR/calls"
[ -e "$STUB_DIR/refuse" ] && { echo "unable to listen on port 8265" >&2; exit 1; }
n=$(grep -c "$4" "$STUB_DIR/calls")
[ "$n" = 1 ] && exec sleep 3
exec sleep 600
"""


def test_session(env):
    """kubectl forwards what the Services have, is started again when it ends, and ends with the session."""
    env.sandbox(why="a real cluster has no Ray in its pods")
    env.operator(plugins=PLUGINS, proxy=True)
    ns, folder = env.kube.namespace("session"), os.path.join(env.dir, "stub")
    os.mkdir(folder)
    path = os.path.join(folder, "kubectl")
    with open(path, "w") as f: f.write(STUB)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    calls = lambda: open(folder + "/calls").read().splitlines() if os.path.exists(folder + "/calls") else []
    more = {"PATH": folder + ":" + os.environ["PATH"], "STUB_DIR": folder}
    refused(env, ("session", "nobody", "-n", ns), 1, "rayclusters/nobody")
    refused(env, ("session",), 64, "KIND/NAME")
    env.kube.create("rayclusters", ns, raycluster("c"))
    env.kube.create("rayservices", ns, rayservice("s"))
    wait_ready(env.kube, ns, "c", 1)
    r = ctl(env, "session", "c", "-n", ns, ok=False, PATH="/nonexistent")
    assert r.returncode == 1 and "session needs kubectl" in r.stderr, r
    args = lambda service, ports: f"--namespace {ns} port-forward service/{service} {ports}"

    def session(what, *wanted):
        p = subprocess.Popen([binary("rayvisorctl"), "session", what, "-n", ns], env={**os.environ, "KUBECONFIG": env.kube.kubeconfig, **more}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try: wait_for(f"kubectl to be started twice for {wanted}", lambda: all(calls().count(w) == 2 for w in wanted))
        finally: p.send_signal(signal.SIGTERM)
        out, err = p.communicate(timeout=30 * PATIENCE)
        assert p.returncode == 0 and "is lost; it is made again in 1 s" in err, (p.returncode, err)
        return out
    out = session("c", args("c-head-svc", "8265:8265 10001:10001 8000:8000"))
    assert "http://127.0.0.1:8265" in out and "ray://127.0.0.1:10001" in out, out
    wait_for("the service to be there", lambda: env.kube.find("services", ns, "s-serve-svc"), 60)
    out = session("rs/s", args("s-serve-svc", "8000:8000"), args("s-head-svc", "8265:8265 10001:10001"))
    assert re.search(r"^serve +http://127.0.0.1:8000$", out, re.M), out
    open(folder + "/refuse", "w").close()
    r = ctl(env, "session", "c", "-n", ns, ok=False, **more)
    assert r.returncode == 1 and "unable to listen on port 8265" in r.stderr and "ended at once, with status 1" in r.stderr, r
    env.kube.create("rayjobs", ns, rayjob("j", suspend=True, shutdownAfterJobFinishes=True))
    refused(env, ("session", "rj/j", "-n", ns), 1, "has no cluster yet")
    refused(env, ("session", "rcj/j", "-n", ns), 64, "a RayCronJob has no cluster")


if __name__ == "__main__":
    main()
