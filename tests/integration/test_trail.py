#!/usr/bin/env python3
"""What the operator tells of what it does: the history of each object, the tap, and how long things took. Nobody's content is in it."""
import base64, signal, stat, subprocess
from harness import *

PLUGINS = [{"name": "raycluster", "grants": "all"}, {"name": "rayjob", "grants": "all"}]
SMALL = "history: {perObject: 2Ki, total: 64Ki, keepSeconds: 2}\n"
TAP = "tap: {enabled: true, queue: 100}\n"


def history(op, object, ns):
    kind, name = object.split("/")
    return op.control("history", kind=kind, namespace=ns, name=name)


def entries(op, object, ns, **fields):
    found = history(op, object, ns).get("entries", [])
    return [e for e in found if all(e.get(k) == v for k, v in fields.items())]


def test_history_of_a_cluster(env):
    """Causes, decisions and requests of an object in order; also after its deletion, and for whoever asks by another name of the kind."""
    env.cluster()
    op = env.operator()
    ns = env.kube.namespace("history")
    env.kube.create("rayclusters", ns, raycluster("demo", workers=2))
    wait_ready(env.kube, ns, "demo", 2)
    doc = wait_for("the last pass", lambda: entries(op, "raycluster/demo", ns, what="pass") and history(op, "RayClusters/demo", ns))
    assert doc["kind"] == "RayCluster" and doc["name"] == "demo" and doc["deletedSecondsAgo"] is None, doc
    all = doc["entries"]
    assert [e["time"] for e in all] == sorted(e["time"] for e in all), "in the order in which it happened"
    first = next(e for e in all if e["what"] == "pass")
    assert first["plugin"] == "raycluster" and first["actions"] > 0 and set(first["causes"]) & {"start", "changed"}, first
    made = [e for e in all if e.get("verb") == "create" and e.get("resource") == "pods"]
    assert len(made) == 3 and all_ok(made), made
    assert {e["target"] for e in made} == {p["metadata"]["name"] for p in pods_of(env.kube, ns, "demo")}
    related = [e["related"] for e in all if "related" in e]
    assert any(r["kind"] == "Pod" and r["name"].startswith("demo-") for r in related), related
    assert any(e.get("verb") == "event" and "demo" in e["target"] for e in all), "its Kubernetes events"
    assert any(e.get("resource") == "rayclusters/status" for e in all)
    assert any("said" in e for e in all if e["what"] == "pass")
    text = op.ctl("history", "rc/demo", "-n", ns)
    assert "RayCluster history/demo" in text.replace(ns, "history") and "create pods demo-" in text and "because" in text, text
    assert json.loads(op.ctl("history", "rc", "demo", "-n", ns, "-o", "json"))["name"] == "demo"
    env.kube.delete("rayclusters", ns, "demo")
    wait_for("the cluster to be gone", lambda: env.kube.find("rayclusters", ns, "demo") is None)
    doc = wait_for("the history to know", lambda: (d := history(op, "raycluster/demo", ns)).get("deletedSecondsAgo") is not None and d)
    assert any(e.get("verb") == "create" for e in doc["entries"]), "what was is still there"
    assert "deleted" in op.ctl("history", "rc/demo", "-n", ns).splitlines()[0]
    r = op.ctl("history", "rc/none", "-n", ns)
    assert "nothing is known of raycluster/none" in r, r


def all_ok(list): return all(e["code"] == "OK" and e["httpStatus"] == 201 and e["tookMs"] > 0 for e in list)


def test_history_is_bounded(env):
    """An object, all objects together, and how long after a deletion: each has its bound, and a reload changes it."""
    env.sandbox()
    op = env.operator(extra=SMALL)
    ns = env.kube.namespace("bounded")
    for i in range(40): env.kube.create("rayclusters", ns, raycluster(f"c{i}", workers=1))
    for i in range(40): wait_ready(env.kube, ns, f"c{i}", 1)
    st = op.control("status")["history"]
    assert 0 < st["bytes"] <= 64 << 10 and st["dropped"] > 0, st
    for i in range(40): env.kube.delete("rayclusters", ns, f"c{i}")
    wait_for("all of it to be forgotten", lambda: op.control("status")["history"]["entries"] == 0, 60)
    env.kube.create("rayclusters", ns, raycluster("last", workers=0))
    wait_for("something to be known", lambda: entries(op, "rc/last".replace("rc", "raycluster"), ns))
    op.extra = "history: {total: 0}\n"
    op.write_config()
    wait_for("a reload to end it", lambda: op.control("status")["history"]["bytes"] == 0)


def test_history_of_requests_and_failures(env):
    """Requests to Ray without their query, a failure with its reason; of a Secret no text at all."""
    sandbox = env.sandbox()
    op = env.operator(plugins=PLUGINS, proxy=True)
    ns = env.kube.namespace("requests")
    env.kube.create("rayjobs", ns, rayjob("job", mode="HTTPMode"))
    wait_job(env.kube, ns, "job", "Complete")
    http = wait_for("requests to Ray", lambda: entries(op, "rayjob/job", ns, verb="http"))
    assert any(e["target"].startswith(("GET http", "POST http")) and e["httpStatus"] == 200 and e["tookMs"] > 0 for e in http), http
    assert not any("?" in e["target"] for e in http), http


def listen(env, op, *args):
    """rayvisorctl tap, once it is connected."""
    out = open(os.path.join(env.dir, "tap.out"), "w+")
    p = subprocess.Popen([binary("rayvisorctl"), "--socket", op.socket_path(), "tap", "-o", "json", *args], stdout=out, stderr=subprocess.PIPE, text=True)
    env.keep(type("Tap", (), {"stop": lambda self: p.poll() is None and (p.kill(), p.wait())})())
    assert "listening to" in p.stderr.readline()
    def lines():
        out.flush()
        return [json.loads(l) for l in open(out.name).read().splitlines(True) if l.endswith("\n")]
    return p, lines


def test_tap(env):
    """Who listens hears of changes, passes, requests and results, numbered; nothing of Secrets; the file is this user's alone."""
    env.cluster()
    op = env.operator(extra=TAP)
    path = op.control("status")["tap"]["endpoint"].removeprefix("ipc://")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, "nobody else may listen"
    p, lines = listen(env, op)
    ns = env.kube.namespace("tap")
    def heard():  # a subscription takes a moment
        env.kube.patch("rayclusters", ns, "early", {"metadata": {"labels": {"n": str(time.time_ns())}}})
        return lines()
    env.kube.create("rayclusters", ns, raycluster("early", workers=0))
    wait_for("the subscription", heard)
    env.kube.create("rayclusters", ns, raycluster("demo", workers=1))
    wait_ready(env.kube, ns, "demo", 1)
    all = wait_for("all topics", lambda: {m["what"] for m in lines() if m["name"].startswith("demo")} >= {"change", "pass", "request", "result"} and lines())
    assert [m["seq"] for m in all] == sorted(m["seq"] for m in all)
    for topic in ("change", "pass", "request", "result"):
        own = [m["topicSeq"] for m in all if m["what"] == topic]
        assert own == list(range(own[0], own[0] + len(own))), f"{topic}: nothing is lost to one who reads"
    pod = next(m for m in all if m["what"] == "change" and m["kind"] == "Pod")
    assert pod["resourceVersion"] and set(pod) == {"epoch", "seq", "topicSeq", "time", "what", "kind", "namespace", "name", "resourceVersion", "deleted"}, pod
    assert not any(m["kind"] == "Secret" for m in all if m["what"] == "change")
    asked = next(m for m in all if m["what"] == "request" and m["verb"] == "create" and m.get("resource") == "pods")
    env.kube.create("rayclusters", ns, raycluster("locked", workers=0, authOptions={"mode": "token"}))
    secret = wait_for("its token", lambda: next((s for s in env.kube.list("secrets", ns) if s.get("data")), None))
    made = wait_for("the tap to tell of it", lambda: [m for m in lines() if m["name"] == "locked" and m.get("resource") == "secrets"])
    assert made[-1]["target"] == secret["metadata"]["name"] and "text" not in made[-1], made
    told = json.dumps(lines()) + json.dumps(history(op, "raycluster/locked", ns)) + op.ctl("history", "rc/locked", "-n", ns)
    for value in secret["data"].values(): assert value not in told and base64.b64decode(value).decode() not in told, "the content of a Secret"
    assert any(m["what"] == "result" and m["seq"] > asked["seq"] and m["verb"] == "create" and m["code"] == "OK" for m in all)


def test_tap_that_nobody_reads(env):
    """An observer that stands still costs neither time nor memory, loses messages, and is told how many when it goes on."""
    env.sandbox()
    op = env.operator(extra="tap: {enabled: true, queue: 10}\nhistory: {total: 0}\n")
    p, lines = listen(env, op, "change")
    ns = env.kube.namespace("slow")
    def heard():
        env.kube.create("rayclusters", ns, raycluster(f"w{time.time_ns()}", workers=0))
        return lines()
    wait_for("the subscription", heard)
    assert all(m["what"] == "change" for m in lines())
    rss = lambda: next(int(l.split()[1]) for l in open(f"/proc/{op.proc.pid}/status") if l.startswith("VmRSS:"))
    p.send_signal(signal.SIGSTOP)
    for i in range(800): env.kube.patch("rayclusters", ns, "big", {"metadata": {"labels": {"n": str(i)}}}) if i else env.kube.create("rayclusters", ns, raycluster("big", workers=0))
    before = len(lines())
    wait_for("the operator to have told of all", lambda: op.control("status")["tap"]["told"] > 800)
    p.send_signal(signal.SIGCONT)
    wait_for("it to go on", lambda: env.kube.patch("rayclusters", ns, "big", {"metadata": {"labels": {"n": str(time.time_ns())}}}) and len(lines()) > before)
    wait_for("the gap", lambda: (m := re.search(r'(\d+) messages of "change" were lost', p.stderr.readline())) and int(m[1]) > 0)
    assert rss() < 80 << 10, f"{rss()} KiB"


def test_tap_is_off_by_default(env):
    env.cluster()
    op = env.operator()
    assert op.control("status")["tap"] == {"open": False}
    assert not os.path.exists(os.path.join(op.dir, "run", "tap.sock"))
    assert "there is no tap: set tap.enabled" in op.ctl("tap")
    assert 'no topic "chnge"' in env.operator(name="second", extra=TAP).ctl("tap", "chnge")


def leaks(op, ns): return {(l["cluster"], l["reason"]): l for l in json.loads(op.ctl("leaks", "-n", ns, "-o", "json"))}


def test_leaks(env):
    """A cluster whose job has ended, and workers without a head: with what they hold, in the table and as metrics; gone when they are."""
    sandbox = env.sandbox()
    op = env.operator(plugins=PLUGINS, proxy=True)
    ns = env.kube.namespace("leaks")
    assert "no cluster is known to hold anything" in op.ctl("leaks")
    env.kube.create("rayjobs", ns, rayjob("job", mode="HTTPMode"))
    env.kube.create("rayclusters", ns, raycluster("headless", workers=2))
    wait_ready(env.kube, ns, "headless", 2)
    wait_job(env.kube, ns, "job", "Complete")
    cluster = job_status(env.kube, ns, "job")["rayClusterName"]
    kept = wait_for("the job's cluster", lambda: leaks(op, ns).get((cluster, "job-ended")))
    said = status_of(env.kube, ns, cluster)["desiredCPU"]
    cpus = float(said[:-1]) / 1000 if said.endswith("m") else float(said)
    assert abs(kept["cpus"] - cpus) < 1e-9 and cpus > 0 and kept["gpus"] == 0 and kept["cpuMinutes"] >= 0 and kept["since"].endswith("Z"), kept
    assert len(leaks(op, ns)) == 1, leaks(op, ns)
    sandbox.fault({"verb": "create", "resource": "pods"}, {"status": 500}, count=1000)
    head = next(p["metadata"]["name"] for p in pods_of(env.kube, ns, "headless") if p["metadata"]["labels"]["ray.io/node-type"] == "head")
    env.kube.delete("pods", ns, head)
    lost = wait_for("the workers without a head", lambda: leaks(op, ns).get(("headless", "head-lost")))
    assert 0 < lost["cpus"], lost
    text = op.ctl("leaks")
    assert "head-lost" in text and cluster in text and text.splitlines()[-1].startswith("all"), text
    page = op.http("/metrics")
    assert re.search(r'^rayvisor_leaked_cpus{[^}]*reason="head-lost"[^}]*} ', page, re.M) and "# HELP rayvisor_leaked_gpus " in page
    sandbox.clear_faults()
    wait_for("the head to be back", lambda: ("headless", "head-lost") not in leaks(op, ns), 60)
    env.kube.delete("rayjobs", ns, "job")
    wait_for("the job's cluster to be gone", lambda: leaks(op, ns) == {})
    page = op.http("/metrics")
    for name in ("rayvisor_action_duration_seconds", "rayvisor_action_queue_seconds", "rayvisor_pass_queue_seconds"):
        assert f"# TYPE {name} histogram" in page, name
    made = re.search(r'^rayvisor_action_duration_seconds_count{verb="create",resource="pods"} (\d+)', page, re.M)
    assert int(made[1]) >= 6, made
    assert re.search(r'^rayvisor_plugin_ready_seconds_count{plugin="raycluster"} [2-9]', page, re.M), "both clusters came up"


if __name__ == "__main__": main()
