#!/usr/bin/env python3
"""What KubeRay's kubectl plugin (`kubectl ray`) asks of the API server and of Ray, request by request, as its commands do it. The plugin itself
cannot be had from the Go module proxy; where it is on PATH as kubectl-ray, its own commands run too."""
from harness import *

PLUGIN, KUBECTL = shutil.which("kubectl-ray"), os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")
MANAGER = "fieldManager=ray-kubectl-plugin&force=true"


def provisioned(kube, ns, name): return conditions(status_of(kube, ns, name)).get("RayClusterProvisioned", {}).get("status") == "True"


def cluster(env, ns, name, **spec):
    """As `kubectl ray create cluster NAME --wait`: a server-side apply."""
    o = raycluster(name, groups={"default-group": 1}, **spec)
    env.kube.call("PATCH", f"{Kube.path('rayclusters', ns, name)}?{MANAGER}", o, "application/apply-patch+yaml")
    wait_for(f"{name} to be provisioned", lambda: provisioned(env.kube, ns, name), 60)


def update(kube, ns, name, change):
    """The plugin reads and writes the whole object. Where its status was written in between, its user types the command again."""
    def once():
        now = kube.get("rayclusters", ns, name)
        change(now["spec"])
        return kube.replace("rayclusters", ns, name, now)
    wait_for("the update", once)


def test_clusters(env):
    """create cluster, create workergroup, scale cluster, get, get token, session, delete."""
    env.cluster()
    kube, ns = env.kube, env.kube.namespace(f"plugin-{os.getpid()}")
    env.operator()
    cluster(env, ns, "c", authOptions={"mode": "token"})
    update(kube, ns, "c", lambda spec: spec["workerGroupSpecs"].append(raycluster("x", groups={"more": 1})["spec"]["workerGroupSpecs"][0]))
    wait_for("the new group", lambda: len(pods_of(kube, ns, "c", "more")) == 1)
    update(kube, ns, "c", lambda spec: spec["workerGroupSpecs"][0].update(replicas=3))
    wait_for("the new size", lambda: status_of(kube, ns, "c").get("availableWorkerReplicas") == 4, 60)
    status = status_of(kube, ns, "c")
    assert status["desiredWorkerReplicas"] == 4 and status["state"] == "ready" and status["desiredCPU"] and status["desiredMemory"] and status["desiredGPU"] == "0" and status["desiredTPU"] == "0", status
    nodes = kube.list("pods", ns, "ray.io/is-ray-node=yes,ray.io/cluster=c")
    assert {(p["metadata"]["labels"]["ray.io/node-type"], p["metadata"]["labels"]["ray.io/group"]) for p in nodes} == {("head", "headgroup"), ("worker", "default-group"), ("worker", "more")} and len(nodes) == 5
    assert len(base64.b64decode(kube.get("secrets", ns, "c")["data"]["auth_token"])) > 20
    assert {8265, 10001} <= {p["port"] for p in kube.get("services", ns, "c-head-svc")["spec"]["ports"]}
    kube.delete("rayclusters", ns, "c")
    wait_for("the pods to go", lambda: not pods_of(kube, ns, "c"))


def test_job_submit(env):
    """job submit: an InteractiveMode RayJob that names its job beforehand; the plugin's user submits it to the head's Service."""
    env.sandbox("--sim-opts", "job_ms=500", why="needs the simulated Ray")
    kube, ns = env.kube, env.kube.namespace("plugin-job")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}], proxy=True)
    kube.create("rayjobs", ns, rayjob("j", mode="InteractiveMode", entrypoint="", jobId="raysubmit_abcdefghijklmnop"))
    name = wait_for("the cluster's name", lambda: job_status(kube, ns, "j").get("rayClusterName"))
    wait_for("the cluster", lambda: provisioned(kube, ns, name), 60)
    dashboard = f"/api/v1/namespaces/{ns}/services/{name}-head-svc:8265/proxy/api/jobs/"
    kube.call("POST", dashboard, {"entrypoint": "python x.py", "submission_id": "raysubmit_abcdefghijklmnop"})
    wait_for("the job's status", lambda: job_status(kube, ns, "j").get("jobStatus") == "SUCCEEDED", 60)
    wait_job(kube, ns, "j", "Complete")


def test_session_of_a_service(env):
    env.sandbox(why="needs the simulated Ray")
    kube, ns = env.kube, env.kube.namespace("plugin-serve")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayservice"}], proxy=True)
    kube.create("rayservices", ns, rayservice("s"))
    wait_for("the service", lambda: conditions(kube.get("rayservices", ns, "s").get("status", {})).get("Ready", {}).get("status") == "True", 60)
    assert {8265, 8000} <= {p["port"] for p in kube.get("services", ns, "s-head-svc")["spec"]["ports"]}
    assert kube.get("rayservices", ns, "s")["status"]["activeServiceStatus"]["rayClusterName"]


def test_the_plugin_itself(env):
    if not PLUGIN or not KUBECTL: raise Skip("there is no kubectl-ray on PATH")
    env.cluster()
    ns = env.kube.namespace(f"plugin-real-{os.getpid()}")
    env.operator()
    run = lambda *args: subprocess.run([KUBECTL, "ray", *args, "-n", ns], env={**os.environ, "KUBECONFIG": env.kube.kubeconfig}, text=True, capture_output=True, timeout=300, check=True).stdout
    run("create", "cluster", "c", "--worker-cpu", "1", "--head-cpu", "1", "--wait")
    run("scale", "cluster", "c", "-w", "default-group", "-r", "2")
    wait_ready(env.kube, ns, "c", 2)
    assert "default-group" in run("get", "workergroup") and "c-head" in run("get", "node")
    run("delete", "c", "-y")


if __name__ == "__main__": main()
