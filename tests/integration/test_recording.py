#!/usr/bin/env python3
"""Recordings of a plugin in a running operator, and that they can be run again: the promise that no input is left out."""
import glob, os, subprocess, time
from harness import *

PLUGIN = f"{BUILD}/lib/rayvisor/plugins/raycluster.so"


def files(env): return sorted(glob.glob(os.path.join(env.dir, "recordings", "raycluster.*.rec")))


def replay(path):
    p = subprocess.run([binary("rayvisor-host"), "--replay", path, PLUGIN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    return p.returncode, [json.loads(l) for l in p.stdout.splitlines()], p.stderr


def setup(env, **limits):
    env.cluster()
    ns = env.kube.namespace(f"rec-{env.name.replace('_', '-')[:30]}-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster", "record": os.path.join(env.dir, "recordings"), "limits": limits}])
    return env.kube, ns


def test_replay_asks_for_the_same(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("demo", workers=4))
    wait_ready(kube, ns, "demo", 4)
    kube.json_patch("rayclusters", ns, "demo", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 2}])
    wait_ready(kube, ns, "demo", 2)
    victim = pods_of(kube, ns, "demo", "small")[0]["metadata"]["name"]
    kube.delete("pods", ns, victim)
    wait_for("pod gone", lambda: kube.find("pods", ns, victim) is None)
    wait_ready(kube, ns, "demo", 2)
    env.op.plugins[0]["settings"] = {"requeueSeconds": 77}  # a change of settings is an input as well
    env.op.write_config()
    wait_for("settings in force", lambda: env.op.plugin("raycluster")["settings"]["requeueSeconds"] == 77)
    done = env.op.control("status")["actions"]["done"]
    kube.delete("rayclusters", ns, "demo")
    wait_for("everything collected", lambda: not kube.list("pods", ns, "ray.io/cluster=demo"))
    env.op.stop()
    path, = files(env)
    assert os.stat(path).st_mode & 0o777 == 0o600, "objects are confidential"
    code, lines, errors = replay(path)
    assert code == 0, (code, errors, [l for l in lines if "difference" in l][:3])
    actions = [l for l in lines if l.get("type") == "ACTION"]
    pods = [a for a in actions if a["body"].get("res") == "pods" and a["body"]["verb"] == 1]
    assert len(pods) == 6 and len(actions) >= done, (len(pods), len(actions), done)
    assert {p["payload"]["kind"] for p in pods} == {"Pod"}


def test_another_recording_is_noticed(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("demo", workers=1))
    wait_ready(kube, ns, "demo", 1)
    env.op.stop()
    path, = files(env)
    data = open(path, "rb").read()
    at = data.index(b"ray start")  # first in the head pod that it asked for
    open(path, "wb").write(data[:at] + b"rax" + data[at + 3:])
    assert replay(path)[0] == 1
    open(path, "wb").write(data[:-3])  # its host was killed while it wrote
    code, _, errors = replay(path)
    assert code in (0, 1) and "broken" not in errors, errors
    open(path, "wb").write(data[:100] + b"\xc1" * 50 + data[150:])
    assert replay(path)[0] == 78


def test_a_full_recording_is_followed_by_another(env):
    kube, ns = setup(env, recording="64Ki")
    started = time.monotonic()
    pid = env.op.plugin("raycluster")["pid"]
    for i in range(6): kube.create("rayclusters", ns, raycluster(f"c{i}", workers=3))
    for i in range(6): wait_ready(kube, ns, f"c{i}", 3)
    wait_for("the host says that it is full", lambda: env.op.logs("the recording is full"))
    wait_for("next one", lambda: len(files(env)) == 2, 60)
    assert time.monotonic() - started > 9, "not all the time"
    p = wait_for("new process", lambda: (lambda p: p if p["state"] == "ready" and p["pid"] != pid else None)(env.op.plugin("raycluster")))
    assert p["restarts"] == 0, "a wanted end counts as a death"
    first = files(env)[0]
    assert 65536 <= os.path.getsize(first) < 65536 + (1 << 20), os.path.getsize(first)
    assert replay(first)[0] == 0
    kube.create("rayclusters", ns, raycluster("later", workers=1))
    wait_ready(kube, ns, "later", 1)


def test_the_newest_are_kept(env):
    dir = os.path.join(env.dir, "recordings")
    os.makedirs(dir)
    for name in ("raycluster.20200101T000000.000.1.rec", "raycluster.20200102T000000.000.1.rec", "raycluster.20200103T000000.000.1.rec",
                 "raycluster.20200104T000000.000.1.rec", "raycluster-b.20200101T000000.000.1.rec", "notes.txt"):
        open(os.path.join(dir, name), "w").close()
    setup(env)
    names = sorted(os.listdir(dir))
    assert len(files(env)) == 4 and "raycluster.20200101T000000.000.1.rec" not in names, names
    assert "raycluster-b.20200101T000000.000.1.rec" in names and "notes.txt" in names, names


def test_a_folder_that_cannot_be_used(env):
    open(os.path.join(env.dir, "recordings"), "w").close()
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("demo", workers=1))
    wait_ready(kube, ns, "demo", 1)
    assert len(env.op.logs("plugin is not recorded")) == 1


if __name__ == "__main__": main()
