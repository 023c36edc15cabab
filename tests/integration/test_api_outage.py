#!/usr/bin/env python3
"""The API server is down for a minute. On its own because it takes so long; the shorter faults are in test_api_faults.py."""
import time
from harness import *

NS = "outage"


def test_down_for_a_minute(env):
    env.sandbox(why="pauses the sandbox")
    kube = env.kube
    kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, TOY])
    second = SecondPlugin(env, NS)
    seen = Watcher(kube, "pods", NS)
    kube.create("rayclusters", NS, raycluster("a", workers=60))
    wait_for("some pods", lambda: seen.count() > 3)
    second.give("during")
    env.sb.post("pause", {"ms": 60000})
    time.sleep(55)
    assert env.op.proc.alive(), "rayvisord gave up"
    told(env, "watches broke and are begun again")
    wait_ready(kube, NS, "a", 60, 120)
    wait_created(seen, 61)
    kube.create("rayclusters", NS, raycluster("b"))
    wait_ready(kube, NS, "b", 1, 120)
    wait_created(seen, 63)
    wait_for("the end of it to be told", lambda: env.op.logs("all watches work again"), 45)
    # What plugins say of their own keys is theirs, at the pace of their back-off.
    loud = [l["msg"] for l in env.op.logs() if l.get("level") in ("warn", "error") and "plugin" not in l]
    # Of watches and of requests: begun, still so after 10 s and 30 s.
    assert len(loud) < 9, f"an outage is no reason to fill the log: {loud}"
    wait_for("the end of failing requests to be told", lambda: env.op.logs("requests to the API server work again"), 45)
    for line in ("requests to the API server fail", "requests to the API server work again", "watches broke", "all watches work again"):
        assert len(env.op.logs(line)) == 1, f"one outage is told once: {env.op.logs(line)}"
    assert env.op.plugin("raycluster")["restarts"] == 0, "an outage must not restart a plugin"
    assert_quiet(env)
    second.is_well()


if __name__ == "__main__": main()
