#!/usr/bin/env python3
"""/metrics, read as strictly as a scraper may: the Prometheus text format 0.0.4, after everything that leaves a metric has happened."""
import os, re, shutil, signal, subprocess, urllib.request
from harness import *

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|(?=\}))')
VALUE = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Inf)|NaN")
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


def parse_labels(line, at):
    labels, at = {}, at + 1
    while line[at] != "}":
        m = LABEL.match(line, at)
        assert m, f"labels: {line}"
        assert m[1] not in labels, f"label twice: {line}"
        assert not m[1].startswith("__"), f"reserved label: {line}"
        labels[m[1]] = m[2]
        at = m.end()
    return labels, at + 1


PARTS = ("_bucket", "_sum", "_count")  # of a histogram


def parse(text):
    """{name: (type, {labels: value})}; fails at the first thing that the format does not allow."""
    assert text.endswith("\n"), "the last line does not end"
    metrics, current, helped = {}, None, set()
    for line in text.split("\n")[:-1]:
        assert line == line.strip() and line, f"blank: {line!r}"
        if line.startswith("#"):
            _, what, name, rest = line.split(" ", 3)
            assert NAME.fullmatch(name), line
            if what == "HELP":
                assert name not in helped and name not in metrics, f"second HELP: {line}"
                helped.add(name)
            else:
                assert what == "TYPE" and rest in TYPES and name not in metrics, line
                metrics[name] = (rest, {})
                current = name
            continue
        m = NAME.match(line)
        labels, at = parse_labels(line, m.end()) if line[m.end()] == "{" else ({}, m.end())
        assert current, f"a sample before any TYPE: {line}"
        part = m[0][len(current):] if metrics[current][0] == "histogram" and m[0].startswith(current) else ""
        assert m[0] == current + part and (metrics[current][0] == "histogram") == (part in PARTS), f"a sample of {m[0]} among those of {current}"
        assert (part == "_bucket") == ("le" in labels), line
        assert line[at] == " " and VALUE.fullmatch(line[at + 1:]), f"value: {line}"
        kind, samples = metrics[current]
        key = tuple(sorted(labels.items())) + ((("__part", part),) if part else ())
        assert key not in samples, f"series twice: {line}"
        value = samples[key] = float(line[at + 1:].replace("Inf", "inf"))
        assert kind != "counter" or value >= 0, f"negative counter: {line}"
        assert kind == "counter" or not m[0].endswith("_total"), f"{m[0]} is called like a counter and is a {kind}"
    return metrics


def test_everything_at_once(env):
    env.cluster()
    ns = env.kube.namespace(f"metrics-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "toy", "grants": [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create"]}]}])
    configmap = lambda name, mode: {"metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": mode}}
    env.kube.create("rayclusters", ns, raycluster("one", workers=2))
    env.kube.create("rayclusters", ns, raycluster("two", workers=1))
    env.kube.create("configmaps", ns, configmap("bad", "crash"))
    env.kube.create("configmaps", ns, configmap("thief", "deny"))
    wait_ready(env.kube, ns, "one", 2)
    wait_ready(env.kube, ns, "two", 1)
    wait_for("quarantine", lambda: env.op.plugin("toy")["quarantined"], 40)
    wait_for("refusal", lambda: env.op.control("status")["actions"]["denied"] > 0)
    url = f"http://127.0.0.1:{env.op.control('status')['httpPort']}/metrics"
    r = urllib.request.urlopen(url, timeout=10)
    assert r.headers["Content-Type"] == "text/plain; version=0.0.4", r.headers["Content-Type"]
    text = r.read().decode()
    metrics = parse(text)
    of = lambda metric, /, **labels: sum(v for k, v in metrics[metric][1].items() if labels.items() <= dict(k).items())
    assert of("rayvisor_plugin_deaths_total", plugin="toy", cause="signal") == 2 and of("rayvisor_plugin_deaths_total", plugin="raycluster") == 0
    assert of("rayvisor_plugin_last_death_timestamp_seconds", plugin="toy") > 1e9 and of("rayvisor_plugin_quarantined", plugin="toy") == 1
    assert of("rayvisor_actions_total", plugin="raycluster", verb="create", code="ok") >= 7 or of("rayvisor_actions_total", plugin="raycluster") >= 7
    assert of("rayvisor_actions_denied_total") >= 1 and of("rayvisor_leader") == 1 and of("rayvisor_plugin_ready", plugin="raycluster") == 1
    uid = env.kube.get("rayclusters", ns, "one")["metadata"]["uid"]
    who = dict(name="one", namespace=ns, uid=uid)
    assert metrics["kuberay_cluster_info"][0] == metrics["kuberay_cluster_condition_provisioned"][0] == "gauge"
    assert of("kuberay_cluster_info", **who, owner_kind="None") == 1 and of("kuberay_cluster_info", namespace=ns) == 2
    assert of("kuberay_cluster_condition_provisioned", **who, condition="true") == 1 and of("kuberay_cluster_condition_provisioned", namespace=ns) == 2
    assert set(dict(next(iter(metrics["kuberay_cluster_provisioned_duration_seconds"][1])))) == {"name", "namespace", "uid"}
    assert 0 <= of("kuberay_cluster_provisioned_duration_seconds", **who) < 90
    if shutil.which("promtool"):  # the reference, where it is installed
        p = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert p.returncode in (0, 3), p.stdout  # 3: remarks on style


def clusters_told(env, ns):
    """{cluster: {metric: (labels beside name, namespace and uid, value)}}"""
    url = f"http://127.0.0.1:{env.op.control('status')['httpPort']}/metrics"
    metrics, told = parse(urllib.request.urlopen(url, timeout=10).read().decode()), {}
    for name in [n for n in metrics if n.startswith("kuberay_cluster_")]:
        for key, value in metrics[name][1].items():
            labels = dict(key)
            if labels.pop("namespace") != ns: continue
            labels.pop("uid")
            told.setdefault(labels.pop("name"), {})[name.removeprefix("kuberay_cluster_")] = (labels, value)
    return told


def test_clusters_come_change_and_go(env):
    env.cluster()
    ns = env.kube.namespace(f"metrics-life-{os.getpid()}")
    env.operator()
    for name in ("stays", "goes", "dies"): env.kube.create("rayclusters", ns, raycluster(name, workers=1))
    for name in ("stays", "goes", "dies"): wait_ready(env.kube, ns, name, 1)
    told = wait_for("all provisioned", lambda: all("provisioned_duration_seconds" in v for v in clusters_told(env, ns).values()) and clusters_told(env, ns))
    assert set(told) == {"stays", "goes", "dies"}, told
    env.kube.patch("rayclusters", ns, "stays", {"metadata": {"labels": {"ray.io/originated-from-crd": "RayJob"}}})
    wait_for("the owner's kind", lambda: clusters_told(env, ns)["stays"]["info"] == ({"owner_kind": "RayJob"}, 1.0))
    env.kube.delete("rayclusters", ns, "goes")
    wait_for("the deleted one to go", lambda: "goes" not in clusters_told(env, ns))
    # A host that dies leaves its numbers; the next one repeats those that are still true, and only those.
    before = clusters_told(env, ns)
    pid = env.op.plugin("raycluster")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        env.kube.delete("rayclusters", ns, "dies")
        wait_for("it to be gone", lambda: env.kube.find("rayclusters", ns, "dies") is None)
    finally:
        os.kill(pid, signal.SIGKILL)
    wait_for("another host", lambda: env.op.plugin("raycluster")["restarts"] == 1 and env.op.plugin("raycluster")["state"] == "ready", 30)
    after = wait_for("the old one's numbers to go", lambda: "dies" not in clusters_told(env, ns) and clusters_told(env, ns), 30)
    assert after == {"stays": {**before["stays"], "provisioned_duration_seconds": ({}, after["stays"]["provisioned_duration_seconds"][1])}}, (before, after)
    assert abs(after["stays"]["provisioned_duration_seconds"][1] - before["stays"]["provisioned_duration_seconds"][1]) <= 1


def jobs_told(env, ns):
    """{RayJob: {metric: [(labels beside name, namespace and uid, value)]}}"""
    url = f"http://127.0.0.1:{env.op.control('status')['httpPort']}/metrics"
    metrics, told = parse(urllib.request.urlopen(url, timeout=10).read().decode()), {}
    for name in [n for n in metrics if n.startswith("kuberay_job_")]:
        assert metrics[name][0] == "gauge", name
        for key, value in metrics[name][1].items():
            labels = dict(key)
            if labels.pop("namespace") != ns: continue
            assert labels.pop("uid"), key
            told.setdefault(labels.pop("name"), {}).setdefault(name.removeprefix("kuberay_job_"), []).append((labels, value))
    return told


def test_jobs_come_change_and_go(env):
    env.cluster("--sim-opts", "ray_run_ms=600")
    if env.sb is None: raise Skip("wants a simulated Ray")
    ns = env.kube.namespace(f"metrics-jobs-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}], proxy=True)
    env.kube.create("rayjobs", ns, rayjob("well", mode="HTTPMode"))
    env.kube.create("rayjobs", ns, rayjob("fails", "python fail.py", mode="HTTPMode", backoffLimit=1))
    env.kube.create("rayjobs", ns, rayjob("waits", entrypoint=None, mode="InteractiveMode"))
    wait_job(env.kube, ns, "well", "Complete")
    wait_job(env.kube, ns, "fails", "Failed", failed=2)
    wait_job(env.kube, ns, "waits", "Waiting")
    state = lambda word: [({"deployment_status": word}, 1.0)]
    took = lambda told, job: sorted((l["job_deployment_status"], l["retry_count"]) for l, v in told[job]["execution_duration_seconds"] if 0 <= v < 90)
    told = wait_for("all three", lambda: len(t := jobs_told(env, ns)) == 3 and len(t["fails"].get("execution_duration_seconds", [])) == 2 and t)
    assert all(t["info"] == [({}, 1.0)] for t in told.values()), told
    assert [told[j]["deployment_status"] for j in ("well", "fails", "waits")] == [state("Complete"), state("Failed"), state("Waiting")], told
    assert took(told, "well") == [("Complete", "0")] and took(told, "fails") == [("Failed", "1"), ("Retrying", "0")], told
    assert "execution_duration_seconds" not in told["waits"], told
    # The next host tells again what it can know: not the attempts before the last.
    env.kube.delete("rayjobs", ns, "waits")
    wait_for("the deleted one to go", lambda: "waits" not in jobs_told(env, ns))
    os.kill(env.op.plugin("rayjob")["pid"], signal.SIGKILL)
    wait_for("another host", lambda: env.op.plugin("rayjob")["restarts"] == 1 and env.op.plugin("rayjob")["state"] == "ready", 30)
    after = wait_for("what is no longer known to go", lambda: len((t := jobs_told(env, ns))["fails"]["execution_duration_seconds"]) == 1 and t, 30)
    assert took(after, "well") == [("Complete", "0")] and took(after, "fails") == [("Failed", "1")], after
    assert all(abs(after[j]["execution_duration_seconds"][0][1] - max(v for l, v in told[j]["execution_duration_seconds"] if l["job_deployment_status"] != "Retrying")) <= 2 for j in after)
    for job in ("well", "fails"): env.kube.delete("rayjobs", ns, job)
    wait_for("nothing to be told", lambda: jobs_told(env, ns) == {}, 30)


def test_the_parser_itself(env):
    """What a scraper would refuse is refused here."""
    parse('# HELP a b c\n# TYPE a counter\na{x="1"} 5\na{x="\\"q\\\\"} 1e+06\n# TYPE g gauge\ng +Inf\n')
    for text in ("# TYPE a gauge\na 1", "a 1\n", "# TYPE a gauge\n# TYPE b gauge\na 1\n", "# TYPE a gauge\na 1\na 1\n", "# TYPE a gauge\na{x=\"\\t\"} 1\n",
                 "# TYPE a counter\na -1\n", "# TYPE a gauge\na one\n", "# TYPE a gauge\n\na 1\n", "# TYPE a_total gauge\na_total 1\n",
                 "# TYPE a gauge\n# TYPE a gauge\n", "# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n", "# TYPE a gauge\na{x=1} 1\n"):
        try: parse(text)
        except (AssertionError, ValueError, IndexError): continue
        raise AssertionError(f"accepted: {text!r}")


if __name__ == "__main__": main()
