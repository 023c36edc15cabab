#!/usr/bin/env python3
"""`kubectl rayvisor plan`: what would change, by the controllers' own rules; compared with what the operator then does, and nothing is written."""
import json, subprocess
from harness import *
from front import Front

PLUGINS = [{"name": n} for n in ("raycluster", "rayjob", "rayservice", "raycronjob")]


class Planner:
    """The command behind a front that notes every request which could change anything."""

    def __init__(self, env):
        self.env, self.writes, self.paths = env, [], []
        self.front = env.keep(Front(env.dir, env.kube, before=self.note))

    def note(self, method, path, body):
        self.paths.append(path)
        if method not in ("GET", "HEAD"): self.writes.append(f"{method} {path}")

    def run(self, ns, *objects, args=(), text=None):
        """(exit status, standard output, standard error) of a plan for these objects; without any: of those that are there."""
        given = text if text is not None else "\n---\n".join(json.dumps(o) for o in objects)
        r = subprocess.run([binary("kubectl-rayvisor"), "plan", *(["-f", "-"] if given else []), *(["-n", ns] if ns else []), *args], input=given, text=True, capture_output=True,
                           timeout=120 * PATIENCE, env={**os.environ, "KUBECONFIG": self.front.kubeconfig, "TERM": "xterm"})
        assert self.writes == [], self.writes
        return r.returncode, r.stdout, r.stderr

    def doc(self, ns, *objects, status=2, args=()):
        code, out, err = self.run(ns, *objects, args=("-o", "json", *args))
        assert code == status, (code, out, err)
        return json.loads(out)

    def same(self, ns, *objects):
        """Nothing changes, and the exit status says so."""
        code, out, err = self.run(ns, *objects)
        assert code == 0 and "Nothing changes." in out and err == "", (code, out, err)
        return out


def changes(doc, **like):
    """(action, kind, group or names) of the objects that change."""
    return sorted((o["action"], o["kind"], o.get("group") or o["names"][0], len(o["names"])) for o in doc["objects"] if o["action"] != "same" and all(o.get(k) == v for k, v in like.items()))


def said(doc, sort): return [s["text"] for s in doc["sentences"] if s["sort"] == sort]
def uids(pods): return sorted(p["metadata"]["uid"] for p in pods)
def with_group(cluster, i, **fields): return {**cluster, "spec": {**cluster["spec"], "workerGroupSpecs": [{**g, **(fields if k == i else {})} for k, g in enumerate(cluster["spec"]["workerGroupSpecs"])]}}


def test_raycluster(env):
    """From nothing to a cluster, scaled, edited, and gone groups: as the operator does it afterwards."""
    env.cluster()
    ns = env.kube.namespace("plan")
    p = Planner(env)
    demo = raycluster("demo", workers=2)
    doc = p.doc(ns, demo)
    assert ("create", "Pod", "head", 1) in changes(doc) and ("create", "Pod", "small", 2) in changes(doc) and ("create", "RayCluster", "demo", 1) in changes(doc), doc
    assert ("create", "Service", "demo-head-svc", 1) in changes(doc), changes(doc)
    assert (doc["before"]["pods"], doc["peak"]["pods"], doc["after"]["pods"], doc["after"]["memory"]) == (0, 3, 3, "192Mi"), doc
    env.operator(plugins=PLUGINS)
    env.kube.create("rayclusters", ns, demo)
    wait_ready(env.kube, ns, "demo", 2)
    env.op.stop()
    print(p.same(ns, demo))
    print(p.run(ns, with_group(demo, 0, replicas=4)))


if __name__ == "__main__": main()
