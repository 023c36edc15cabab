#!/usr/bin/env python3
"""Hostile and mistaken manifests and configuration: never a crash, never a hot loop, and a reason that a person can act on."""
import copy, subprocess, time
from harness import *

NS = ""  # a namespace for each test: setup()


def setup(env):
    global NS
    env.cluster()
    NS = env.kube.namespace(f"bad-{env.name.replace('_', '-')[:30]}-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster"}, TOY])
    env.second = SecondPlugin(env, NS)
    return env.kube


def bad_manifest(env, cluster, needle, reason="InvalidRayClusterSpec"):
    kube, name = env.kube, cluster["metadata"]["name"]
    kube.create("rayclusters", NS, cluster)
    e = wait_for(f"event {reason} on {name}", lambda: events_of(kube, NS, name, reason))
    assert needle in e[0]["note"], e[0]["note"]
    lines = wait_for("a line in the log", lambda: env.op.logs("the cluster is not valid", needle, reason, name))
    assert len(lines) == 1 and lines[0]["level"] == "warn", lines
    assert not kube.list("pods", NS, f"ray.io/cluster={name}")
    env.second.is_well()
    return e


def test_negative_replicas(env):
    kube = setup(env)
    for field in ("minReplicas", "replicas"):
        name = "neg-" + field.lower()
        c = raycluster(name)
        c["spec"]["workerGroupSpecs"][0][field] = -1
        bad_manifest(env, c, field)
        assert_quiet(env)
        kube.json_patch("rayclusters", NS, name, [{"op": "replace", "path": f"/spec/workerGroupSpecs/0/{field}", "value": int(field == "replicas")}])
        wait_ready(kube, NS, name, 1)


def test_mending_a_live_cluster_broken_by_an_edit(env):
    kube = setup(env)
    kube.create("rayclusters", NS, raycluster("e", workers=2))
    wait_ready(kube, NS, "e", 2)
    kube.json_patch("rayclusters", NS, "e", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/maxReplicas", "value": -5}])
    wait_for("event", lambda: events_of(kube, NS, "e", "InvalidRayClusterSpec"))
    assert len(pods_of(kube, NS, "e")) == 3, "what was good was lost"
    kube.delete("rayclusters", NS, "e")
    wait_for("an invalid cluster can be deleted", lambda: kube.find("rayclusters", NS, "e") is None)
    env.second.is_well()


def test_duplicate_groups(env):
    setup(env)
    c = raycluster("dup")
    c["spec"]["workerGroupSpecs"].append(copy.deepcopy(c["spec"]["workerGroupSpecs"][0]))
    bad_manifest(env, c, "small")


def test_name_too_long(env):
    setup(env)
    bad_manifest(env, raycluster("n" * 54), "53", "InvalidRayClusterMetadata")


def test_unknown_fields(env):
    kube = setup(env)
    c = raycluster("unknown")
    c["spec"]["noSuchField"] = {"deep": [1, 2, 3]}
    c["spec"]["headGroupSpec"]["template"]["spec"]["futureField"] = True
    kube.create("rayclusters", NS, c)
    wait_ready(kube, NS, "unknown", 1)
    assert "noSuchField" not in kube.get("rayclusters", NS, "unknown")["spec"]
    env.second.is_well()


def test_object_of_1500_kib(env):
    kube = setup(env)
    c = raycluster("big")
    c["metadata"]["annotations"] = {"example.com/blob": "x" * 200_000}
    c["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["env"] = [{"name": f"E{i}", "value": "v" * 1000} for i in range(1150 if env.sb is None else 1345)]
    # A real API server stores no more than 1.5 MiB, its own notes of who owns what included.
    assert len(json.dumps(c)) > (1.3 if env.sb is None else 1.5) * 2**20
    seen = Watcher(kube, "pods", NS)
    kube.create("rayclusters", NS, c)
    kube.create("rayclusters", NS, raycluster("small"))
    wait_ready(kube, NS, "small", 1)
    wait_ready(kube, NS, "big", 1, 90)
    wait_created(seen, 4)
    assert env.op.plugin("raycluster")["restarts"] == 0
    assert_quiet(env)
    env.second.is_well()
    loud = [l["msg"] for l in env.op.logs() if l.get("level") in ("warn", "error")]
    assert not loud, f"a large object that fits is an object like any other: {loud}"


def test_odd_texts(env):
    kube = setup(env)
    c = raycluster("odd")
    head = c["spec"]["headGroupSpec"]
    head["rayStartParams"] = {"object-store-memory": "1e9", "resources": "'{\"a\": oops", "x": "'; rm -rf / #", "nul": "a\u0000b", "emoji": "\U0001f600"}
    head["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "0.5", "memory": "1e9"}}
    try:
        kube.create("rayclusters", NS, c)
    except ApiError as e:
        assert e.status in (400, 422)
    kube.create("rayclusters", NS, raycluster("fine"))
    wait_ready(kube, NS, "fine", 1)
    assert env.op.plugin("raycluster")["restarts"] == 0
    env.second.is_well()


def config_error(env, text, *needles):
    path = os.path.join(env.dir, "c.yaml")
    open(path, "w").write(text)
    r = subprocess.run([binary("rayvisord"), "--check-config", "--config", path], capture_output=True, text=True, timeout=20)
    assert r.returncode != 0, f"accepted: {text}"
    for n in needles: assert n in r.stderr + r.stdout, f"{n!r} not in: {r.stderr}{r.stdout}"


def test_config_errors_name_line_and_fix(env):
    config_error(env, "runtimeDir: /tmp/x\nlog: {format: xml}\n", "c.yaml:2", "json", "text")
    config_error(env, "runtimeDir: /tmp/x\nruntimedir: /tmp/y\n", "c.yaml:2", "runtimeDir")
    config_error(env, "log:\n  level: info\n  level: debug\n", "c.yaml:3")
    config_error(env, "http: [1, 2]\n", "c.yaml:1")
    config_error(env, "plugins:\n  - {name: raycluster, enabled: maybe}\n", "c.yaml:2", "true")
    config_error(env, "a: &x 1\nb: *x\n", "c.yaml:")
    config_error(env, "plugins: [\n", "c.yaml:")
    config_error(env, "plugins:\n  - {name: raycluster, settings: {noSuchSetting: 1}}\n", "noSuchSetting")
    config_error(env, "\xff\xfe\x00", "c.yaml:1")


def test_default_config_is_valid(env):
    r = subprocess.run([binary("rayvisord"), "--check-config", "--config", os.path.join(ROOT, "config/rayvisor.yaml")], capture_output=True, text=True, timeout=20)
    assert r.returncode == 0, r.stderr


def test_runtime_dir_of_somebody_else(env):
    """Whoever owns the folder, or may write in it, could stand in for the operator's sockets."""
    env.sandbox()

    def refused(dir, *needles):
        c = os.path.join(env.dir, "c.yaml")
        open(c, "w").write(f"kubernetes: {{kubeconfig: {env.kube.kubeconfig}}}\nruntimeDir: {dir}\nhttp: {{bind: \"127.0.0.1:0\"}}\n")
        r = subprocess.run([binary("rayvisord"), "--config", c], capture_output=True, text=True, timeout=20)
        assert r.returncode == 78, (r.returncode, r.stderr)
        for n in (f"runtimeDir {dir}", *needles): assert n in r.stderr, r.stderr

    wide, own, link, file = (os.path.join(env.dir, n) for n in ("wide", "own", "link", "file"))
    for d, mode in ((wide, 0o770), (own, 0o700)):
        os.mkdir(d)
        os.chmod(d, mode)
    os.symlink(own, link)
    open(file, "w").close()
    refused(wide, "written by others (mode 0770)", "chmod 700")
    refused(link, "is a link")
    refused(file, "not a folder")
    assert os.stat(wide).st_mode & 0o777 == 0o770, "it was changed"
    if os.geteuid() != 0: return
    os.chown(own, 12345, 12345)
    refused(own, "belongs to user 12345", "change its owner")


if __name__ == "__main__": main()
