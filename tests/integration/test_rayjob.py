#!/usr/bin/env python3
"""RayJobs from manifest to end: each way of submitting, retries, deadlines, suspension, what is deleted when."""
import base64, json
from front import FakeRay, Front
from harness import *

LONG = 25000  # ms; the first fifth of it a simulated job is PENDING


def setup(env, run_ms=600, settings=None, sim=""):
    """An API server, whose Ray is the sandbox's or, where pods run nothing at all, one in front of it; and a namespace."""
    env.cluster("--sim-opts", f"ray_run_ms={run_ms}{sim}")
    ns, front = env.kube.namespace("jobs"), None
    if env.sb is None:
        env.ray = FakeRay(run_ms / 1000, env.kube)
        front = env.keep(Front(env.dir, env.kube, answer=env.ray))
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob", "settings": settings or {}}], proxy=True, kubeconfig=front and front.kubeconfig)
    return env.kube, ns


def dashboard(env, ns, service, method, rest, body=None):
    """What Ray behind a service says."""
    path = Kube.path("services", ns, service + ":8265", "proxy/" + rest)
    return env.kube.call(method, path, body) if env.sb else env.ray(method, path, json.dumps(body).encode())[1]


def lies(env, *answers, always=False):
    """The next answers of Ray's dashboard, or all of them: as the sandbox calls such a fault, and what a front says for it."""
    said = {"garbage": (200, "\0{]"), "truncate": (200, '{"sta'), "status": (503, "not now")}
    for fault in answers:
        if env.sb: env.sb.fault({"resource": "services", "subresource": "proxy"}, fault, **({} if always else {"count": 1}))
        elif always: env.ray.always = said[next(iter(fault))]
        else: env.ray.lies.append(said[next(iter(fault))])


def stuck_head(env, job):
    """A head pod that never runs; the pattern of the reason that will be told."""
    template = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    if env.sb: template["metadata"] = {"annotations": {"sandbox.rayvisor.io/behavior": "image-pull-error"}}
    else: template["spec"]["nodeSelector"] = {"no": "such-node"}
    return "ImagePull|ErrImage" if env.sb else "Unschedulable|not scheduled"


def clusters(kube, ns): return [c for c in kube.list("rayclusters", ns) if "deletionTimestamp" not in c["metadata"]]
def announced(kube, ns, name, *reasons): wait_for(f"the events {reasons}", lambda: {*reasons} <= {e["reason"] for e in events_of(kube, ns, name)})


def test_kubernetes_job(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", runtimeEnvYAML="pip: [requests]", metadata={"a": "<b>"}))
    s = wait_job(kube, ns, "j", "Complete")
    assert s["jobStatus"] == "SUCCEEDED" and s["succeeded"] == 1 and s["failed"] == 0 and s["endTime"], s
    assert s["rayJobInfo"]["endTime"] and s["dashboardURL"] == f"{s['rayClusterName']}-head-svc.{ns}.svc.cluster.local:8265", s
    assert re.fullmatch("j-[bcdfghjklmnpqrstvwxz2456789]{5}", s["jobId"]) and s["observedGeneration"] == 1, s
    assert conditions(s)["Complete"]["status"] == "True" and "Reconciling" not in conditions(s), s
    assert len(clusters(kube, ns)) == 1, "nothing asked for its deletion"
    service = kube.get("services", ns, "j-head-svc")
    assert service["spec"]["selector"]["ray.io/cluster"] == s["rayClusterName"]
    announced(kube, ns, "j", "CreatedRayCluster", "CreatedRayJobSubmitter", "CreatedService", "RayJobRunning", "RayJobComplete")
    wait_for("the finalizer to go", lambda: not kube.get("rayjobs", ns, "j")["metadata"].get("finalizers"))
    assert_quiet(env)
    kube.delete("rayjobs", ns, "j")
    # A garbage collector that has just started looks for new kinds twice a minute.
    wait_for("everything to be gone", lambda: not kube.list("rayjobs", ns) and not kube.list("rayclusters", ns) and not kube.list("pods", ns), 90)


def test_http(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", jobId="mine", shutdownAfterJobFinishes=True, ttlSecondsAfterFinished=3))
    wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED", jobId="mine")
    s = wait_for("the plan", lambda: (lambda s: "plannedDeletion" in s and s)(job_status(kube, ns, "j")))
    assert s["plannedDeletion"]["policy"] == "DeleteCluster" and s["plannedDeletion"]["time"] > s["endTime"], s
    wait_for("the cluster to be gone", lambda: not clusters(kube, ns))
    assert "plannedDeletion" not in wait_for("the plan to be done", lambda: "plannedDeletion" not in job_status(kube, ns, "j") and job_status(kube, ns, "j"))
    announced(kube, ns, "j", "DeletedRayCluster")
    assert not kube.list("jobs", ns)


def test_http_with_a_token(env):
    """The supervisor reads the cluster's Secret and adds the header; it goes to the dashboard of that cluster and nowhere else."""
    env.cluster()
    kube, ns, ray, seen = env.kube, env.kube.namespace("jobs"), FakeRay(0.6, env.kube), []

    def answer(method, path, body):
        said = ray(method, path, body)

        def tell(h):
            seen.append((path, h.headers.get("x-ray-authorization")))
            data = (said[1] if isinstance(said[1], str) else json.dumps(said[1])).encode()
            h.send_response(said[0])
            h.send_header("Content-Type", "text/plain" if isinstance(said[1], str) else "application/json")
            h.send_header("Content-Length", str(len(data)))
            h.end_headers()
            h.wfile.write(data)
        return said and tell
    front = env.keep(Front(env.dir, kube, answer=answer))
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}], proxy=True, kubeconfig=front.kubeconfig)
    job = rayjob("j", mode="HTTPMode")
    job["spec"]["rayClusterSpec"]["authOptions"] = {"mode": "token"}
    kube.create("rayjobs", ns, job)
    cluster = wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED")["rayClusterName"]
    token = base64.b64decode(kube.get("secrets", ns, cluster)["data"]["auth_token"]).decode()
    assert seen and all(f"/services/{cluster}-head-svc:8265/proxy/api/jobs/" in p and t == f"Bearer {token}" for p, t in seen), seen
    assert not events_of(kube, ns, "j", "ActionDenied") and token not in open(env.op.log).read()


def test_interactive(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", entrypoint=None, mode="InteractiveMode"))
    wait_job(kube, ns, "j", "Waiting")
    s = wait_for("the reason", lambda: (lambda s: conditions(s)["Reconciling"]["reason"] == "WaitingForJobId" and s)(job_status(kube, ns, "j")))
    assert not s.get("jobId"), s
    dashboard(env, ns, s["rayClusterName"] + "-head-svc", "POST", "api/jobs/", {"entrypoint": "true", "submission_id": "by-hand"})
    kube.patch("rayjobs", ns, "j", {"spec": {"jobId": "by-hand"}})
    wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED", jobId="by-hand")


def test_sidecar(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", mode="SidecarMode"))
    s = wait_job(kube, ns, "j", "Running")
    head = pods_of(kube, ns, s["rayClusterName"], "headgroup")[0]
    assert [c["name"] for c in head["spec"]["containers"]] == ["ray-head", "ray-job-submitter"] and head["spec"]["restartPolicy"] == "Never"
    # The submitter ends as its job does; a container of KWOK, behind the real API server, never ends.
    wait_job(kube, ns, "j", "Complete" if env.sb else "Running", jobStatus="SUCCEEDED")


def test_failure_is_told_and_retried(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", "python fail.py", mode="HTTPMode", backoffLimit=1))
    first = wait_job(kube, ns, "j", "Running")["rayClusterName"]
    s = wait_job(kube, ns, "j", "Failed", jobStatus="FAILED", failed=2)
    assert s["reason"] == "AppFailed" and s["message"] and s["rayClusterName"] != first, s
    assert conditions(s)["Failed"]["reason"] == "AppFailed" and [c["metadata"]["name"] for c in clusters(kube, ns)] == [s["rayClusterName"]]
    announced(kube, ns, "j", "Retrying", "RayJobFailed")


def test_suspended_at_birth_and_resumed(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", suspend=True, shutdownAfterJobFinishes=True))
    s = wait_job(kube, ns, "j", "Suspended")
    assert not s.get("rayClusterName") and not s.get("jobId") and not clusters(kube, ns), s
    kube.patch("rayjobs", ns, "j", {"spec": {"suspend": False}})
    wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED")


def test_version_moves_unseen(env):
    """What the plugin does not read changes, and with it the version that its next step depends on."""
    kube, ns = setup(env, 8000)
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode"))
    wait_job(kube, ns, "j", "Running", jobStatus="RUNNING")
    for n in range(3):  # the first may come so soon that it is told together with the status
        kube.patch("rayjobs", ns, "j", {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": str(n)}}})
        time.sleep(0.5)
    asked = lambda: sum(n for k, n in env.sb.stats()["requests"].items() if k.startswith("patch rayjobs")) if env.sb else 0
    before = asked()
    wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED")
    assert asked() - before < 10, f"{asked() - before} attempts: one that is refused is not made again without knowing why"
    assert_quiet(env)


def test_suspended_while_it_runs(env):
    kube, ns = setup(env, LONG)
    kube.create("rayjobs", ns, rayjob("j", shutdownAfterJobFinishes=True))
    wait_job(kube, ns, "j", "Running", jobStatus="RUNNING", timeout=60)
    kube.patch("rayjobs", ns, "j", {"spec": {"suspend": True}})
    s = wait_job(kube, ns, "j", "Suspended")
    assert not kube.list("jobs", ns) and not kube.list("rayclusters", ns) and s["startTime"] and not s.get("jobStatus"), s


def test_deadlines(env):
    kube, ns = setup(env, LONG)
    kube.create("rayjobs", ns, rayjob("active", mode="HTTPMode", activeDeadlineSeconds=3, backoffLimit=3))
    stuck = rayjob("pre", preRunningDeadlineSeconds=6)
    why = stuck_head(env, stuck)
    kube.create("rayjobs", ns, stuck)
    s = wait_job(kube, ns, "active", "Failed", reason="DeadlineExceeded")
    assert s["failed"] == 1 and "activeDeadlineSeconds" in s["message"], s
    s = wait_job(kube, ns, "pre", "Failed", reason="PreRunningDeadlineExceeded")
    assert re.search(why, s["message"]), s


def test_says_why_it_does_not_begin(env):
    kube, ns = setup(env)
    j = rayjob("j")
    why = stuck_head(env, j)
    kube.create("rayjobs", ns, j)
    s = wait_for("the reason", lambda: re.search(why, job_status(kube, ns, "j").get("message", "")) and job_status(kube, ns, "j"))
    c = conditions(s)["Reconciling"]
    assert re.search(why, c["reason"]) and "head pod" in c["message"], c
    wait_for("the event", lambda: [e for e in events_of(kube, ns, "j") if re.search(why, e["reason"])])
    assert s["jobDeploymentStatus"] == "Initializing"


def test_selected_cluster(env):
    kube, ns = setup(env, LONG)
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", rayClusterSpec=None, clusterSelector={"ray.io/cluster": "shared"}, activeDeadlineSeconds=14))
    wait_for("the event", lambda: events_of(kube, ns, "j", "RayClusterNotFound"))
    kube.create("rayclusters", ns, raycluster("shared", workers=0))
    s = wait_job(kube, ns, "j", "Running", jobStatus="RUNNING")
    assert s["rayClusterName"] == "shared" and not kube.find("services", ns, "j-head-svc")
    s = wait_job(kube, ns, "j", "Failed", reason="DeadlineExceeded")
    def stopped(): return dashboard(env, ns, "shared-head-svc", "GET", "api/jobs/" + s["jobId"])["status"] == "STOPPED"
    wait_for("the job to be stopped in the cluster that lives on", stopped)
    kube.delete("rayjobs", ns, "j")
    wait_for("the RayJob to be gone", lambda: not kube.list("rayjobs", ns))
    assert len(clusters(kube, ns)) == 1


def test_deletion_stops_the_job(env):
    kube, ns = setup(env, LONG)
    kube.create("rayclusters", ns, raycluster("shared", workers=0))
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", rayClusterSpec=None, clusterSelector={"ray.io/cluster": "shared"}))
    s = wait_job(kube, ns, "j", "Running", jobStatus="RUNNING")
    kube.delete("rayjobs", ns, "j")
    wait_for("the RayJob to be gone", lambda: not kube.list("rayjobs", ns))
    assert dashboard(env, ns, "shared-head-svc", "GET", "api/jobs/" + s["jobId"])["status"] == "STOPPED"


def test_lost_head_of_a_submitter(env):
    """Its next pod would submit the job on the new head."""
    kube, ns = setup(env, LONG, sim=",job_ms=600000")
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    if not env.sb: pod["spec"]["nodeSelector"] = {"no": "such-node"}  # there it would end at once
    kube.create("rayjobs", ns, rayjob("j", submitterPodTemplate=pod))
    s = wait_job(kube, ns, "j", "Running", jobStatus="RUNNING", timeout=60)
    kube.delete("pods", ns, pods_of(kube, ns, s["rayClusterName"], "headgroup")[0]["metadata"]["name"])
    wait_job(kube, ns, "j", "Failed", reason="AppFailed", jobStatus="RUNNING", timeout=60)
    wait_for("the submitter to be suspended", lambda: kube.get("jobs", ns, "j")["spec"].get("suspend"))
    announced(kube, ns, "j", "RayJobLost", "SuspendedRayJobSubmitter")
    def active(p): return p["status"].get("phase") in ("Pending", "Running") and "deletionTimestamp" not in p["metadata"]
    wait_for("its pods to be gone", lambda: not [p for p in kube.list("pods", ns) if p["metadata"].get("labels", {}).get("job-name") == "j" and active(p)])


def test_lost_head(env):
    kube, ns = setup(env, LONG)
    for name, more in (("fails", {}), ("retries", {"backoffLimit": 1})):
        kube.create("rayjobs", ns, rayjob(name, mode="HTTPMode", **more))
    for name in ("fails", "retries"):
        s = wait_job(kube, ns, name, "Running", jobStatus="RUNNING")
        assert s["submittedTo"]["podName"].startswith(s["rayClusterName"]), s
        kube.delete("pods", ns, pods_of(kube, ns, s["rayClusterName"], "headgroup")[0]["metadata"]["name"])
    s = wait_job(kube, ns, "fails", "Failed", reason="AppFailed")
    assert "was replaced by" in s["message"] or "no longer knows" in s["message"], s
    s = wait_job(kube, ns, "retries", "Running", failed=1, jobStatus="RUNNING")
    announced(kube, ns, "retries", "RayJobLost", "Retrying")


def test_job_outlives_its_submitter(env):
    kube, ns = setup(env, 12000, sim=",job_ms=13000")
    if not env.sb: raise Skip("the sandbox ends containers when told")
    env.sb.post("sim/pods", {"match": {"labelSelector": "job-name=j"}, "do": "succeed", "afterMs": 2000})
    kube.create("rayjobs", ns, rayjob("j"))
    announced(kube, ns, "j", "LogNotFollowed")
    assert job_status(kube, ns, "j")["jobDeploymentStatus"] == "Running"
    wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED", timeout=40)


def test_sidecar_ends_before_workers_are_ready(env):
    kube, ns = setup(env)
    if not env.sb: raise Skip("the sandbox ends containers when told")
    env.sb.post("sim/pods", {"match": {"labelSelector": "ray.io/node-type=worker"}, "do": "delay", "readyMs": 60000})
    kube.create("rayjobs", ns, rayjob("j", mode="SidecarMode"))
    wait_job(kube, ns, "j", "Complete", jobStatus="SUCCEEDED", timeout=40)


def test_job_id_that_is_taken(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("shared", workers=0))
    more = {"rayClusterSpec": None, "clusterSelector": {"ray.io/cluster": "shared"}, "jobId": "nightly"}
    kube.create("rayjobs", ns, rayjob("one", mode="HTTPMode", **more))
    wait_job(kube, ns, "one", "Complete", jobStatus="SUCCEEDED")
    kube.create("rayjobs", ns, rayjob("two", mode="HTTPMode", **more))
    s = wait_job(kube, ns, "two", "Failed", reason="SubmissionFailed")
    assert "already has a job nightly" in s["message"] and not s.get("jobStatus"), s


def test_suspended_when_its_pods_are_gone(env):
    kube, ns = setup(env, LONG)
    if not env.sb: raise Skip("the sandbox delays pods when told")
    env.sb.post("sim/pods", {"match": {}, "do": "delay", "terminateMs": 6000})
    kube.create("rayjobs", ns, rayjob("j", shutdownAfterJobFinishes=True))
    wait_job(kube, ns, "j", "Running")
    kube.patch("rayjobs", ns, "j", {"spec": {"suspend": True}})
    wait_job(kube, ns, "j", "Suspending")
    wait_for("the pod in the way", lambda: "not gone yet" in conditions(job_status(kube, ns, "j")).get("Reconciling", {}).get("message", ""))
    wait_job(kube, ns, "j", "Suspended", timeout=40)
    assert not kube.list("pods", ns)


def test_deletion_rules(env):
    kube, ns = setup(env)
    rule = lambda policy, ttl, **c: {"policy": policy, "condition": {**(c or {"jobStatus": "SUCCEEDED"}), "ttlSeconds": ttl}}
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", deletionStrategy={"deletionRules": [
        rule("DeleteWorkers", 1), rule("DeleteCluster", 4), rule("DeleteSelf", 7), rule("DeleteSelf", 0, jobDeploymentStatus="Failed")]}))
    s = wait_job(kube, ns, "j", "Complete")
    name = s["rayClusterName"]
    wait_for("the workers to go", lambda: all(g.get("suspend") for g in kube.get("rayclusters", ns, name)["spec"]["workerGroupSpecs"]) and not pods_of(kube, ns, name, "small"))
    assert pods_of(kube, ns, name, "headgroup") and job_status(kube, ns, "j")["plannedDeletion"]["policy"] == "DeleteCluster"
    wait_for("the cluster to go", lambda: not clusters(kube, ns))
    assert kube.find("rayjobs", ns, "j")
    wait_for("the RayJob to go", lambda: not kube.find("rayjobs", ns, "j"))


def test_invalid(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", suspend=True))
    s = wait_job(kube, ns, "j", "ValidationFailed", reason="ValidationFailed")
    assert "spec.suspend" in s["message"] and conditions(s)["Stalled"]["message"] == s["message"], s
    announced(kube, ns, "j", "InvalidRayJobSpec")
    assert not clusters(kube, ns)
    kube.patch("rayjobs", ns, "j", {"spec": {"suspend": False}})
    s = wait_job(kube, ns, "j", "Complete")
    kube.patch("rayjobs", ns, "j", {"spec": {"backoffLimit": -1}})
    s = wait_for("the complaint", lambda: "Stalled" in conditions(job_status(kube, ns, "j")) and job_status(kube, ns, "j"))
    assert s["jobDeploymentStatus"] == "Complete" and s["jobStatus"] == "SUCCEEDED", "a result is not lost to an edit"


def test_dashboard_that_lies(env):
    """Garbage, errors and hang-ups change nothing but the time of the first failure; when Ray answers again, all is well."""
    kube, ns = setup(env, 1500)
    lies(env, {"garbage": True}, {"truncate": 5}, {"status": 503})
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode"))
    s = wait_for("the failure to be noted", lambda: job_status(kube, ns, "j").get("jobStatusCheckFailureStartTime") and job_status(kube, ns, "j"))
    assert s["jobDeploymentStatus"] == "Running" and conditions(s)["Reconciling"]["reason"] == "DashboardUnreachable", s
    s = wait_job(kube, ns, "j", "Complete", timeout=90, jobStatus="SUCCEEDED", failed=0)
    assert "jobStatusCheckFailureStartTime" not in s


def test_dashboard_that_never_answers(env):
    kube, ns = setup(env, 600, {"statusCheckTimeoutSeconds": 4})
    lies(env, {"status": 503}, always=True)
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode", backoffLimit=2))
    s = wait_job(kube, ns, "j", "Failed", reason="JobStatusCheckTimeoutExceeded")
    assert s["failed"] == 1 and "did not answer" in s["message"], s


def test_dashboard_that_is_slow(env):
    """The way through the API server is longer: an answer after four seconds is one."""
    kube, ns = setup(env)
    if env.sb: env.sb.fault({"resource": "services", "subresource": "proxy"}, {"delayMs": 4000})
    else: env.ray.slow = 4
    kube.create("rayjobs", ns, rayjob("j", mode="HTTPMode"))
    wait_job(kube, ns, "j", "Complete", timeout=60, jobStatus="SUCCEEDED", failed=0)
    assert not [e for e in events_of(kube, ns, "j") if e["type"] == "Warning"]
    assert not env.op.logs("DashboardUnreachable")


def test_auth_secret_that_is_missing(env):
    kube, ns = setup(env, LONG, {"statusCheckTimeoutSeconds": 2})
    secret = {"metadata": {"name": "mine"}, "stringData": {"auth_token": "t"}}
    kube.create("secrets", ns, secret)
    j = rayjob("j", mode="HTTPMode")
    j["spec"]["rayClusterSpec"].update(rayVersion="2.52.0", authOptions={"mode": "token", "secretName": "mine"})
    kube.create("rayjobs", ns, j)
    wait_job(kube, ns, "j", "Running", jobStatus="RUNNING")
    kube.delete("secrets", ns, "mine")
    s = wait_for("the reason", lambda: (lambda s: conditions(s).get("Reconciling", {}).get("reason") == "DashboardNotAsked" and s)(job_status(kube, ns, "j")))
    assert "Secret " + ns + "/mine" in conditions(s)["Reconciling"]["message"] and "jobStatusCheckFailureStartTime" not in s, s
    time.sleep(5)
    kube.create("secrets", ns, secret)
    wait_job(kube, ns, "j", "Complete", timeout=60, jobStatus="SUCCEEDED", failed=0)


def test_submitter_that_cannot_start(env):
    kube, ns = setup(env)
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    if env.sb: pod["metadata"] = {"annotations": {"sandbox.rayvisor.io/behavior": "image-pull-error"}}
    else: pod["spec"]["nodeSelector"] = {"no": "such-node"}
    if not env.sb: env.ray.submitted = lambda *a: False
    kube.create("rayjobs", ns, rayjob("j", submitterPodTemplate=pod))
    why = "ImagePull|ErrImage" if env.sb else "Unschedulable|not scheduled"
    s = wait_for("the reason", lambda: re.search(why, job_status(kube, ns, "j").get("message", "")) and job_status(kube, ns, "j"))
    assert s["jobDeploymentStatus"] == "Running" and "submitter pod j-" in conditions(s)["Reconciling"]["message"], s
    wait_for("the event", lambda: [e for e in events_of(kube, ns, "j") if re.search(why, e["reason"])])


def test_submitter_that_cannot_be_created(env):
    """Its template lacks what a Job needs."""
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", submitterPodTemplate={"spec": {"containers": [{"name": "c", "image": "x"}]}}))
    if env.sb: env.sb.fault({"resource": "jobs", "verb": "create"}, {"status": 422})
    s = wait_for("the reason", lambda: (lambda s: "Failed to create submitter Job" in s.get("message", "") and s)(job_status(kube, ns, "j")))
    assert s["jobDeploymentStatus"] == "Initializing" and conditions(s)["Reconciling"]["reason"] == "FailedToCreateRayJobSubmitter", s


def test_managed_by_another(env):
    kube, ns = setup(env)
    kube.create("rayjobs", ns, rayjob("j", managedBy="kueue.x-k8s.io/multikueue"))
    time.sleep(1)
    assert not job_status(kube, ns, "j") and not clusters(kube, ns)


def test_name_that_is_taken(env):
    kube, ns = setup(env)
    kube.create("jobs", ns, {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}}})
    kube.create("rayjobs", ns, rayjob("j"))
    e = wait_for("the event", lambda: events_of(kube, ns, "j", "FailedToCreateRayJobSubmitter"))[0]
    assert "not controlled by this RayJob" in e["note"], e


if __name__ == "__main__": main()
