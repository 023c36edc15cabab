#!/usr/bin/env python3
"""The vendor's example, switched on as its README says: a plugin that nobody here knows, beside the built-in one."""
import re
import yaml
from harness import *


def entry():
    """The configuration that plugins/example-vendor/README.md shows."""
    text = open(os.path.join(ROOT, "plugins/example-vendor/README.md")).read()
    return yaml.safe_load(re.search(r"```yaml\n(plugins:.*?)```", text, re.S)[1])["plugins"][0]


READS = [{"apiVersion": "ray.io/v1", "resource": "rayclusters", "verbs": ["read"]},
         {"apiVersion": "v1", "resource": "configmaps", "verbs": ["read"]}]


def test_reads_of_some_namespaces(env):
    """A read that is granted in one namespace: nothing of another one reaches the plugin, in a snapshot or later."""
    env.cluster()
    kube = env.kube
    seen, hidden = kube.namespace(f"vendor-seen-{os.getpid()}"), kube.namespace(f"vendor-hidden-{os.getpid()}")
    kube.create("rayclusters", hidden, raycluster("before"))
    limited = [{**g, "namespaces": [seen]} for g in READS]
    env.operator(plugins=[{"name": "raycluster"}, {**entry(), "grants": limited + [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["apply"]}]}])
    kube.create("rayclusters", hidden, raycluster("after"))
    kube.create("rayclusters", seen, raycluster("a"))
    wait_for("the summary", lambda: kube.find("configmaps", seen, "a-summary"))
    wait_ready(kube, hidden, "after", 1)  # the other plugin sees it
    assert env.op.plugin("cluster-summary")["objects"] <= 2, env.op.plugin("cluster-summary")
    assert not [n for n in ("before", "after") if kube.find("configmaps", hidden, n + "-summary")]


def test_as_the_readme_says(env):
    env.cluster()
    kube = env.kube
    ns = kube.namespace(f"vendor-{os.getpid()}")
    env.operator()
    kube.create("rayclusters", ns, raycluster("a", workers=2))
    wait_ready(kube, ns, "a", 2)
    pid = env.op.plugin("raycluster")["pid"]
    env.op.plugins = [{"name": "raycluster"}, entry()]
    env.op.write_config()  # taken up because the file changed
    data = lambda: (kube.find("configmaps", ns, "a-summary") or {}).get("data")
    wait_for("the summary", lambda: data() == {"workersWanted": "2", "workersAvailable": "2", "state": "ready"})
    kube.json_patch("rayclusters", ns, "a", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 3}])
    wait_for("the new size", lambda: data() and data()["workersAvailable"] == "3")
    kube.delete("configmaps", ns, "a-summary")
    wait_for("the summary to come back", data)
    assert_quiet(env)
    assert env.op.plugin("raycluster")["pid"] == pid, "the other plugin was touched"
    assert env.op.control("status")["actions"]["denied"] == 0
    if env.sb is not None:
        kube.delete("rayclusters", ns, "a")
        wait_for("the summary to go with its cluster", lambda: data() is None)


def test_without_a_grant(env):
    env.cluster()
    kube = env.kube
    ns = kube.namespace(f"vendor-none-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster"}, {**entry(), "grants": READS}])
    kube.create("rayclusters", ns, raycluster("a"))
    wait_ready(kube, ns, "a", 1)
    told(env, "action refused by policy", "may not apply configmaps", most=1)
    assert kube.find("configmaps", ns, "a-summary") is None


if __name__ == "__main__": main()
