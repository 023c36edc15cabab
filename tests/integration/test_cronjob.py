#!/usr/bin/env python3
"""RayCronJobs: a RayJob for each time of the schedule, each once; missed runs, suspension, what is wrong with them."""
import datetime, yaml
from harness import *

NS = "cron"


def setup(env, **settings):
    env.cluster()
    ns = env.kube.namespace(NS)
    env.operator(plugins=[{"name": "raycronjob", "settings": settings}])
    return env.kube, ns


def cronjob(name, schedule, **spec):
    return {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": name}, "spec": {
        "schedule": schedule, "jobTemplate": {**rayjob("x")["spec"], **spec.pop("template", {})}, **spec}}


def stamp(seconds): return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
def unix(text): return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
def status(kube, ns, name): return kube.get("raycronjobs", ns, name).get("status", {})
def jobs(kube, ns, name): return kube.list("rayjobs", ns, f"ray.io/cronjob-name={name}")


def missed(kube, ns, name, minutes):
    """As if the last run had been so long ago: the status is what the controller goes by."""
    kube.patch("raycronjobs", ns, name, {"status": {"lastScheduleTime": stamp(time.time() // 60 * 60 - 60 * minutes)}}, "status")


def test_runs_are_made_once(env):
    kube, ns = setup(env)
    made = env.keep(Watch(kube, ns))
    own = cronjob("c", "* * * * *", suspend=True, timeZone="Europe/Berlin")
    own["metadata"].update(labels={"team": "t"}, annotations={"note": "n"})  # these are not the RayJob's
    kube.create("raycronjobs", ns, own)
    wait_for("the event", lambda: events_of(kube, ns, "c", "SuspendedRayCronJob"))
    missed(kube, ns, "c", 3)
    kube.patch("raycronjobs", ns, "c", {"spec": {"suspend": False}})
    wait_for("three runs", lambda: len(jobs(kube, ns, "c")) >= 3)
    env.op.proc.kill()
    env.op.proc.wait()
    env.op.start()
    time.sleep(1)
    all = jobs(kube, ns, "c")
    assert 3 <= len(all) <= 4 and made.w.count() == len(all), [j["metadata"]["name"] for j in all]
    for j in all:
        m, c = j["metadata"], kube.get("raycronjobs", ns, "c")
        when = m["annotations"]["ray.io/cronjob-scheduled-timestamp"]
        assert m["name"] == f"c-{int(unix(when)) // 60}" and m["annotations"] == {"ray.io/cronjob-scheduled-timestamp": when}, m
        assert m["ownerReferences"] == [{"apiVersion": "ray.io/v1", "kind": "RayCronJob", "name": "c", "uid": c["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}], m
        assert m["labels"] == {"ray.io/cronjob-name": "c"} and j["spec"] == c["spec"]["jobTemplate"], j
    s = status(kube, ns, "c")
    assert s["lastScheduleTime"] == max(j["metadata"]["annotations"]["ray.io/cronjob-scheduled-timestamp"] for j in all), s
    assert unix(s["nextScheduleTime"]) == unix(s["lastScheduleTime"]) + 60, s


class Watch:
    def __init__(self, kube, ns): self.w = Watcher(kube, "rayjobs", ns)
    def stop(self): self.w.stopped = True


def test_seconds(env):
    """Ticks within one minute are one run: its name says which."""
    kube, ns = setup(env)
    kube.create("raycronjobs", ns, cronjob("c", "@every 2s"))
    wait_for("two ticks", lambda: (lambda s: "lastScheduleTime" in s and unix(s["lastScheduleTime"]) > unix(kube.get("raycronjobs", ns, "c")["metadata"]["creationTimestamp"]) + 3)(status(kube, ns, "c")))
    assert 1 <= len(jobs(kube, ns, "c")) <= 2


def test_time_zone_of_the_operator(env):
    """The setting is for those who name no zone."""
    kube, ns = setup(env, timeZone="Asia/Kolkata")
    for name, hour, spec in (("setting", "03:30", {}), ("own", "09:00", {"timeZone": "UTC"})):
        kube.create("raycronjobs", ns, cronjob(name, "0 9 * * *", **spec))
        s = wait_for("the status", lambda: "nextScheduleTime" in status(kube, ns, name) and status(kube, ns, name))
        assert s["nextScheduleTime"].endswith(f"T{hour}:00Z"), s


def test_a_long_sleep(env):
    kube, ns = setup(env, missedRunsLimit=5)
    kube.create("raycronjobs", ns, cronjob("c", "* * * * *", suspend=True))
    wait_for("the event", lambda: events_of(kube, ns, "c", "SuspendedRayCronJob"))
    missed(kube, ns, "c", 5000)
    kube.patch("raycronjobs", ns, "c", {"spec": {"suspend": False}})
    wait_for("the newest runs", lambda: len(jobs(kube, ns, "c")) >= 5)
    wait_for("the event", lambda: events_of(kube, ns, "c", "TooManyMissedRuns"))
    time.sleep(1)
    assert len(jobs(kube, ns, "c")) <= 6


def test_annotations(env):
    """One at a time, and few are kept: the sample with other times."""
    kube, ns = setup(env)
    sample = yaml.safe_load(open(os.path.join(ROOT, "config", "samples", "raycronjob-minimal.yaml")))
    sample["spec"].update(schedule="* * * * *", suspend=True)
    sample["metadata"]["annotations"]["rayvisor.io/successful-jobs-history-limit"] = "0"
    kube.create("raycronjobs", ns, sample)
    wait_for("the event", lambda: events_of(kube, ns, "report", "SuspendedRayCronJob"))
    missed(kube, ns, "report", 5)
    kube.patch("raycronjobs", ns, "report", {"spec": {"suspend": False}})
    (first,) = wait_for("a run", lambda: jobs(kube, ns, "report"))
    name = first["metadata"]["name"]
    wait_for("the status", lambda: status(kube, ns, "report").get("active") == [name])
    wait_for("the event", lambda: events_of(kube, ns, "report", "TooManyMissedRuns"))  # the newest only
    time.sleep(1)
    assert len(jobs(kube, ns, "report")) == 1
    kube.patch("rayjobs", ns, name, {"status": {"jobDeploymentStatus": "Complete"}}, "status")
    wait_for("its deletion", lambda: name not in [j["metadata"]["name"] for j in jobs(kube, ns, "report")])
    wait_for("the event", lambda: events_of(kube, ns, "report", "DeletedRayJob"))


def test_what_is_wrong(env):
    kube, ns = setup(env)
    for name, words, spec in (("line", "spec.schedule: minute", {"schedule": "61 * * * *"}), ("tz", "spec.timeZone", {"schedule": "TZ=UTC * * * * *"}),
                              ("cron-tz", "spec.timeZone", {"schedule": "CRON_TZ=UTC * * * * *"}),
                              ("zone", "Europe/Nowhere", {"schedule": "* * * * *", "timeZone": "Europe/Nowhere"}),
                              ("template", "spec.jobTemplate: spec.backoffLimit", {"schedule": "* * * * *", "template": {"backoffLimit": -1}})):
        kube.create("raycronjobs", ns, cronjob(name, **spec))
        c = wait_for("the condition", lambda: conditions(status(kube, ns, name)).get("Stalled"))
        assert words in c["message"], c
        wait_for("the event", lambda: events_of(kube, ns, name, "InvalidRayCronJobSpec"))
    late = cronjob("late", "* * * * *")
    late["metadata"]["annotations"] = {"rayvisor.io/starting-deadline-seconds": "10m"}
    kube.create("raycronjobs", ns, late)
    assert "starting-deadline-seconds" in wait_for("the condition", lambda: conditions(status(kube, ns, "late")).get("Stalled"))["message"]
    kube.create("raycronjobs", ns, cronjob("never", "0 0 30 2 *"))
    assert wait_for("the condition", lambda: conditions(status(kube, ns, "never")).get("Stalled"))["reason"] == "NeverDue"
    assert not kube.list("rayjobs", ns)
    assert_quiet(env)
    kube.patch("raycronjobs", ns, "line", {"spec": {"schedule": "@yearly"}})
    s = wait_for("the repair", lambda: "Stalled" not in conditions(status(kube, ns, "line")) and status(kube, ns, "line"))
    assert s["nextScheduleTime"].endswith("-01-01T00:00:00Z")


if __name__ == "__main__": main()
