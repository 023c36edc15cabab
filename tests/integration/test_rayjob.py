#!/usr/bin/env python3
"""RayJobs from manifest to end: each way of submitting, retries, deadlines, suspension, what is deleted when."""
from harness import *

NS = "jobs"
LONG = 25000  # ms; the first fifth of it a simulated job is PENDING


def setup(env, run_ms=600, settings=None, *more):
    env.sandbox("--sim-opts", f"ray_run_ms={run_ms}", *more)
    env.kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob", "settings": settings or {}}], proxy=True)
    return env.kube


def clusters(kube): return [c for c in kube.list("rayclusters", NS) if "deletionTimestamp" not in c["metadata"]]
def reasons(kube, name): return {e["reason"] for e in events_of(kube, NS, name)}


def test_kubernetes_job(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", runtimeEnvYAML="pip: [requests]", metadata={"a": "<b>"}))
    s = wait_job(kube, NS, "j", "Complete")
    assert s["jobStatus"] == "SUCCEEDED" and s["succeeded"] == 1 and s["failed"] == 0 and s["endTime"], s
    assert s["rayJobInfo"]["endTime"] and s["dashboardURL"] == f"{s['rayClusterName']}-head-svc.{NS}.svc.cluster.local:8265", s
    assert re.fullmatch("j-[bcdfghjklmnpqrstvwxz2456789]{5}", s["jobId"]) and s["observedGeneration"] == 1, s
    assert conditions(s)["Complete"]["status"] == "True" and "Reconciling" not in conditions(s), s
    assert len(clusters(kube)) == 1, "nothing asked for its deletion"
    service = kube.get("services", NS, "j-head-svc")
    assert service["spec"]["selector"]["ray.io/cluster"] == s["rayClusterName"]
    assert {"CreatedRayCluster", "CreatedRayJobSubmitter", "CreatedService", "RayJobRunning", "RayJobComplete"} <= reasons(kube, "j")
    assert kube.get("rayjobs", NS, "j")["metadata"]["finalizers"] == ["ray.io/rayjob-finalizer"]
    assert_quiet(env)
    kube.delete("rayjobs", NS, "j")
    wait_for("everything to be gone", lambda: not kube.list("rayjobs", NS) and not kube.list("rayclusters", NS) and not kube.list("pods", NS))


def test_http(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", jobId="mine", shutdownAfterJobFinishes=True, ttlSecondsAfterFinished=2))
    s = wait_job(kube, NS, "j", "Complete", jobStatus="SUCCEEDED", jobId="mine")
    assert s["plannedDeletion"]["policy"] == "DeleteCluster" and s["plannedDeletion"]["time"] > s["endTime"], s
    wait_for("the cluster to be gone", lambda: not clusters(kube))
    assert "plannedDeletion" not in wait_for("the plan to be done", lambda: "plannedDeletion" not in job_status(kube, NS, "j") and job_status(kube, NS, "j"))
    assert not kube.list("jobs", NS) and "DeletedRayCluster" in reasons(kube, "j")


def test_interactive(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", entrypoint=None, mode="InteractiveMode"))
    s = wait_job(kube, NS, "j", "Waiting")
    assert not s.get("jobId") and conditions(s)["Reconciling"]["reason"] == "WaitingForJobId", s
    kube.call("POST", Kube.path("services", NS, s["rayClusterName"] + "-head-svc:8265", "proxy/api/jobs/"), {"entrypoint": "true", "submission_id": "by-hand"})
    kube.patch("rayjobs", NS, "j", {"spec": {"jobId": "by-hand"}})
    wait_job(kube, NS, "j", "Complete", jobStatus="SUCCEEDED", jobId="by-hand")


def test_sidecar(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", mode="SidecarMode"))
    s = wait_job(kube, NS, "j", "Running")
    head = pods_of(kube, NS, s["rayClusterName"], "headgroup")[0]
    assert [c["name"] for c in head["spec"]["containers"]] == ["ray-head", "ray-job-submitter"] and head["spec"]["restartPolicy"] == "Never"
    wait_job(kube, NS, "j", "Running", jobStatus="SUCCEEDED")


def test_failure_is_told_and_retried(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", "python fail.py", mode="HTTPMode", backoffLimit=1))
    first = wait_job(kube, NS, "j", "Running")["rayClusterName"]
    s = wait_job(kube, NS, "j", "Failed", jobStatus="FAILED", failed=2)
    assert s["reason"] == "AppFailed" and s["message"] and s["rayClusterName"] != first, s
    assert conditions(s)["Failed"]["reason"] == "AppFailed" and [c["metadata"]["name"] for c in clusters(kube)] == [s["rayClusterName"]]
    assert {"Retrying", "RayJobFailed"} <= reasons(kube, "j")


def test_suspended_at_birth_and_resumed(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", suspend=True, shutdownAfterJobFinishes=True))
    s = wait_job(kube, NS, "j", "Suspended")
    assert not s.get("rayClusterName") and not s.get("jobId") and not clusters(kube), s
    kube.patch("rayjobs", NS, "j", {"spec": {"suspend": False}})
    wait_job(kube, NS, "j", "Complete", jobStatus="SUCCEEDED")


def test_suspended_while_it_runs(env):
    kube = setup(env, LONG)
    kube.create("rayjobs", NS, rayjob("j", shutdownAfterJobFinishes=True))
    wait_job(kube, NS, "j", "Running", jobStatus="RUNNING", timeout=60)
    kube.patch("rayjobs", NS, "j", {"spec": {"suspend": True}})
    s = wait_job(kube, NS, "j", "Suspended")
    assert not kube.list("jobs", NS) and not kube.list("rayclusters", NS) and s["startTime"] and not s.get("jobStatus"), s


def test_deadlines(env):
    kube = setup(env, LONG)
    kube.create("rayjobs", NS, rayjob("active", mode="HTTPMode", activeDeadlineSeconds=3, backoffLimit=3))
    stuck = rayjob("pre", preRunningDeadlineSeconds=2)
    stuck["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["metadata"] = {"annotations": {"sandbox.rayvisor.io/behavior": "image-pull-error"}}
    kube.create("rayjobs", NS, stuck)
    s = wait_job(kube, NS, "active", "Failed", reason="DeadlineExceeded")
    assert s["failed"] == 1 and "activeDeadlineSeconds" in s["message"], s
    s = wait_job(kube, NS, "pre", "Failed", reason="PreRunningDeadlineExceeded")
    assert "ImagePull" in s["message"] or "ErrImage" in s["message"], s


def test_says_why_it_does_not_begin(env):
    kube = setup(env)
    j = rayjob("j")
    j["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["metadata"] = {"annotations": {"sandbox.rayvisor.io/behavior": "image-pull-error"}}
    kube.create("rayjobs", NS, j)
    s = wait_for("the reason", lambda: "ImagePull" in job_status(kube, NS, "j").get("message", "") and job_status(kube, NS, "j"))
    c = conditions(s)["Reconciling"]
    assert "ImagePull" in c["reason"] and "head pod" in c["message"], c
    wait_for("the event", lambda: [e for e in events_of(kube, NS, "j") if "ImagePull" in e["reason"]])
    assert s["jobDeploymentStatus"] == "Initializing"


def test_selected_cluster(env):
    kube = setup(env, LONG)
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", rayClusterSpec=None, clusterSelector={"ray.io/cluster": "shared"}, activeDeadlineSeconds=14))
    wait_for("the event", lambda: events_of(kube, NS, "j", "RayClusterNotFound"))
    kube.create("rayclusters", NS, raycluster("shared", workers=0))
    s = wait_job(kube, NS, "j", "Running", jobStatus="RUNNING")
    assert s["rayClusterName"] == "shared" and not kube.find("services", NS, "j-head-svc")
    s = wait_job(kube, NS, "j", "Failed", reason="DeadlineExceeded")
    def stopped(): return kube.call("GET", Kube.path("services", NS, "shared-head-svc:8265", "proxy/api/jobs/" + s["jobId"]))["status"] == "STOPPED"
    wait_for("the job to be stopped in the cluster that lives on", stopped)
    kube.delete("rayjobs", NS, "j")
    wait_for("the RayJob to be gone", lambda: not kube.list("rayjobs", NS))
    assert len(clusters(kube)) == 1


def test_deletion_stops_the_job(env):
    kube = setup(env, LONG)
    kube.create("rayclusters", NS, raycluster("shared", workers=0))
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", rayClusterSpec=None, clusterSelector={"ray.io/cluster": "shared"}))
    s = wait_job(kube, NS, "j", "Running", jobStatus="RUNNING")
    kube.delete("rayjobs", NS, "j")
    wait_for("the RayJob to be gone", lambda: not kube.list("rayjobs", NS))
    assert kube.call("GET", Kube.path("services", NS, "shared-head-svc:8265", "proxy/api/jobs/" + s["jobId"]))["status"] == "STOPPED"


def test_lost_head(env):
    kube = setup(env, LONG)
    for name, more in (("fails", {}), ("retries", {"backoffLimit": 1})):
        kube.create("rayjobs", NS, rayjob(name, mode="HTTPMode", **more))
    for name in ("fails", "retries"):
        s = wait_job(kube, NS, name, "Running", jobStatus="RUNNING")
        assert s["submittedTo"]["podName"].startswith(s["rayClusterName"]), s
        kube.delete("pods", NS, pods_of(kube, NS, s["rayClusterName"], "headgroup")[0]["metadata"]["name"])
    s = wait_job(kube, NS, "fails", "Failed", reason="AppFailed", jobStatus="FAILED")
    assert "was replaced by" in s["message"] or "no longer knows" in s["message"], s
    s = wait_job(kube, NS, "retries", "Running", failed=1, jobStatus="RUNNING")
    assert {"RayJobLost", "Retrying"} <= reasons(kube, "retries")


def test_deletion_rules(env):
    kube = setup(env)
    rule = lambda policy, ttl, **c: {"policy": policy, "condition": {**(c or {"jobStatus": "SUCCEEDED"}), "ttlSeconds": ttl}}
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", deletionStrategy={"deletionRules": [
        rule("DeleteWorkers", 1), rule("DeleteCluster", 4), rule("DeleteSelf", 7), rule("DeleteSelf", 0, jobDeploymentStatus="Failed")]}))
    s = wait_job(kube, NS, "j", "Complete")
    name = s["rayClusterName"]
    wait_for("the workers to go", lambda: all(g.get("suspend") for g in kube.get("rayclusters", NS, name)["spec"]["workerGroupSpecs"]) and not pods_of(kube, NS, name, "small"))
    assert pods_of(kube, NS, name, "headgroup") and job_status(kube, NS, "j")["plannedDeletion"]["policy"] == "DeleteCluster"
    wait_for("the cluster to go", lambda: not clusters(kube))
    assert kube.find("rayjobs", NS, "j")
    wait_for("the RayJob to go", lambda: not kube.find("rayjobs", NS, "j"))


def test_invalid(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", suspend=True))
    s = wait_job(kube, NS, "j", "ValidationFailed", reason="ValidationFailed")
    assert "spec.suspend" in s["message"] and conditions(s)["Stalled"]["message"] == s["message"], s
    assert "InvalidRayJobSpec" in reasons(kube, "j") and not clusters(kube)
    kube.patch("rayjobs", NS, "j", {"spec": {"suspend": False}})
    s = wait_job(kube, NS, "j", "Complete")
    kube.patch("rayjobs", NS, "j", {"spec": {"backoffLimit": -1}})
    s = wait_for("the complaint", lambda: "Stalled" in conditions(job_status(kube, NS, "j")) and job_status(kube, NS, "j"))
    assert s["jobDeploymentStatus"] == "Complete" and s["jobStatus"] == "SUCCEEDED", "a result is not lost to an edit"


def test_dashboard_that_lies(env):
    """Garbage, errors and hang-ups change nothing but the time of the first failure; when Ray answers again, all is well."""
    kube = setup(env, 1500)
    for action in ({"garbage": True}, {"truncate": 5}, {"status": 503}):
        env.sb.fault({"resource": "services", "subresource": "proxy"}, action, count=1)
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode"))
    s = wait_for("the failure to be noted", lambda: job_status(kube, NS, "j").get("jobStatusCheckFailureStartTime") and job_status(kube, NS, "j"))
    assert s["jobDeploymentStatus"] == "Running" and conditions(s)["Reconciling"]["reason"] == "DashboardUnreachable", s
    s = wait_job(kube, NS, "j", "Complete", timeout=90, jobStatus="SUCCEEDED", failed=0)
    assert "jobStatusCheckFailureStartTime" not in s


def test_dashboard_that_never_answers(env):
    kube = setup(env, 600, {"statusCheckTimeoutSeconds": 4})
    env.sb.fault({"resource": "services", "subresource": "proxy"}, {"status": 503})
    kube.create("rayjobs", NS, rayjob("j", mode="HTTPMode", backoffLimit=2))
    s = wait_job(kube, NS, "j", "Failed", reason="JobStatusCheckTimeoutExceeded")
    assert s["failed"] == 1 and "did not answer" in s["message"], s


def test_managed_by_another(env):
    kube = setup(env)
    kube.create("rayjobs", NS, rayjob("j", managedBy="kueue.x-k8s.io/multikueue"))
    time.sleep(1)
    assert not job_status(kube, NS, "j") and not clusters(kube)


def test_name_that_is_taken(env):
    kube = setup(env)
    kube.create("jobs", NS, {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}}})
    kube.create("rayjobs", NS, rayjob("j"))
    e = wait_for("the event", lambda: events_of(kube, NS, "j", "FailedToCreateRayJobSubmitter"))[0]
    assert "not controlled by this RayJob" in e["note"], e


if __name__ == "__main__": main()
