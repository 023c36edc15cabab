#!/usr/bin/env python3
"""Each invalid RayJob is told to whoever can mend it: by a condition and an event that name the field, or by the API server at once."""
from harness import *

OK, FAILED = {"jobStatus": "SUCCEEDED"}, {"jobDeploymentStatus": "Failed"}
SELECT = {"rayClusterSpec": None, "clusterSelector": {"ray.io/cluster": "shared"}}
SELF, NONE = {"policy": "DeleteSelf"}, {"policy": "DeleteNone"}


def scaling(**more): return {"rayClusterSpec": raycluster("x", enableInTreeAutoscaling=True)["spec"], **more}
def rules(*rows, **more): return {"deletionStrategy": {"deletionRules": [{"policy": p, "condition": c} for p, c in rows], **more}}


def head(change):
    spec = raycluster("x")["spec"]
    change(spec["headGroupSpec"]["template"]["spec"], spec)
    return spec


# what is wrong with it, and the words that tell
OPERATOR = [
    ({"suspend": True}, "spec.suspend"),
    ({"ttlSecondsAfterFinished": 1}, "spec.ttlSecondsAfterFinished"),
    ({"ttlSecondsAfterFinished": -1, "shutdownAfterJobFinishes": True}, "spec.ttlSecondsAfterFinished"),
    ({**SELECT, "suspend": True, "shutdownAfterJobFinishes": True}, "spec.clusterSelector"),
    ({"rayClusterSpec": None}, "spec.rayClusterSpec"),
    ({"rayClusterSpec": None, "clusterSelector": {"other": "x"}}, "ray.io/cluster"),
    ({**SELECT, "submissionMode": "SidecarMode"}, "SidecarMode"),
    ({**SELECT, "backoffLimit": 1}, "spec.backoffLimit"),
    ({"submissionMode": "InteractiveMode", "backoffLimit": 1}, "InteractiveMode"),
    ({"submissionMode": "SidecarMode", "submitterPodTemplate": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}, "spec.submitterPodTemplate"),
    ({"submissionMode": "SidecarMode", "submitterConfig": {"backoffLimit": 1}}, "spec.submitterConfig"),
    ({"submissionMode": "SidecarMode", "rayClusterSpec": head(lambda pod, spec: pod.update(restartPolicy="Always"))}, "restartPolicy"),
    ({"submissionMode": "httpmode"}, "K8sJobMode, HTTPMode, InteractiveMode, SidecarMode"),
    ({"rayClusterSpec": head(lambda pod, spec: spec["workerGroupSpecs"].append(spec["workerGroupSpecs"][0]))}, "workerGroupSpecs[1]"),
    ({"runtimeEnvYAML": "- a"}, "spec.runtimeEnvYAML"),
    ({"runtimeEnvYAML": "a: ["}, "spec.runtimeEnvYAML"),
    ({"activeDeadlineSeconds": 0}, "spec.activeDeadlineSeconds"),
    ({"backoffLimit": -1}, "spec.backoffLimit"),
    ({"jobId": "a b"}, "spec.jobId"),
    ({"jobId": "$(id)"}, "spec.jobId"),
    ({"entrypointResources": "{"}, "spec.entrypointResources"),
    ({"deletionStrategy": {"onSuccess": SELF, "onFailure": NONE}, "shutdownAfterJobFinishes": True}, "spec.deletionStrategy"),
    ({**SELECT, "deletionStrategy": {"onSuccess": {"policy": "DeleteCluster"}, "onFailure": SELF}}, "clusterSelector"),
    ({**SELECT, **rules(("DeleteWorkers", OK))}, "clusterSelector"),
    (scaling(deletionStrategy={"onSuccess": {"policy": "DeleteWorkers"}, "onFailure": SELF}), "enableInTreeAutoscaling"),
    (scaling(**rules(("DeleteWorkers", OK))), "enableInTreeAutoscaling"),
    ({**rules(("DeleteSelf", OK)), "shutdownAfterJobFinishes": True}, "shutdownAfterJobFinishes"),
    (rules(("DeleteSelf", OK), ("DeleteSelf", OK)), "deletionRules[1]"),
    (rules(("DeleteCluster", {**OK, "ttlSeconds": 5}), ("DeleteWorkers", {**OK, "ttlSeconds": 9})), "spec.deletionStrategy.deletionRules"),
]
SERVER = [
    ({"deletionStrategy": {}}, "deletionStrategy"),
    ({"deletionStrategy": {"onSuccess": SELF}}, "deletionStrategy"),
    ({"deletionStrategy": {"onSuccess": {"policy": "Everything"}, "onFailure": SELF}}, "spec.deletionStrategy.onSuccess.policy"),
    (rules(("DeleteSelf", {})), "spec.deletionStrategy.deletionRules[0].condition"),
    (rules(("DeleteSelf", {**OK, **FAILED})), "spec.deletionStrategy.deletionRules[0].condition"),
    (rules(("DeleteSelf", {**OK, "ttlSeconds": -1})), "spec.deletionStrategy.deletionRules[0].condition.ttlSeconds"),
    (rules(("DeleteSelf", {"jobStatus": "RUNNING"})), "spec.deletionStrategy.deletionRules[0].condition.jobStatus"),
    ({"managedBy": "me"}, "spec.managedBy"),
    ({"preRunningDeadlineSeconds": 0}, "spec.preRunningDeadlineSeconds"),
]


def test_condition_and_event(env):
    env.cluster()
    kube, ns = env.kube, env.kube.namespace("invalid")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}], proxy=True)
    for i, (change, _) in enumerate(OPERATOR): kube.create("rayjobs", ns, rayjob(f"j{i}", **change))
    kube.create("rayjobs", ns, rayjob("a" * 48))
    for name, reason, words in [(f"j{i}", "InvalidRayJobSpec", w) for i, (_, w) in enumerate(OPERATOR)] + [("a" * 48, "InvalidRayJobMetadata", "47")]:
        s = wait_job(kube, ns, name, "ValidationFailed", reason="ValidationFailed")
        stalled = conditions(s)["Stalled"]
        assert words in s["message"] and words in stalled["message"] and stalled["status"] == "True", (name, words, s)
        e = wait_for(f"the event of {name}", lambda: events_of(kube, ns, name, reason))[0]
        assert e["type"] == "Warning" and words in e["note"], (words, e)
    assert not kube.list("rayclusters", ns) and not kube.list("jobs", ns) and not kube.list("pods", ns)
    assert_quiet(env)
    kube.patch("rayjobs", ns, "j0", {"spec": {"suspend": None}})
    wait_for("the repaired one to begin", lambda: any(c["metadata"]["name"].startswith("j0-") for c in kube.list("rayclusters", ns)))


def test_refused_at_once(env):
    env.cluster()
    kube, ns = env.kube, env.kube.namespace("refused")
    for i, (change, words) in enumerate(SERVER):
        try:
            kube.create("rayjobs", ns, rayjob(f"j{i}", **change))
            raise AssertionError(f"{change} was accepted")
        except ApiError as e:
            assert e.status == 422 and words in str(e), (change, str(e))


if __name__ == "__main__": main()
