#!/usr/bin/env python3
"""The sandbox's API where clients depend on its details: pages of one snapshot, bookmarks, both forms of an event, Status."""
import json, threading, time
from harness import *

NS = "default"


def start(env):
    env.sandbox(why="tests the sandbox itself")
    return env.kube


def configmap(name, **data): return {"metadata": {"name": name}, "data": data}
def configmaps(kube, query): return kube.call("GET", Kube.path("configmaps", NS) + query)


def refusal(fn):
    try:
        fn()
    except ApiError as e:
        return e
    raise AssertionError("it was not refused")


def test_pages_show_one_state(env):
    kube = start(env)
    for i in range(10): kube.create("configmaps", NS, configmap(f"c{i}"))
    first = configmaps(kube, "?limit=4")
    assert first["metadata"]["remainingItemCount"] == 7, first["metadata"]  # and kube-root-ca.crt
    kube.delete("configmaps", NS, "c9")
    kube.create("configmaps", NS, configmap("c8-new"))
    kube.patch("configmaps", NS, "c7", {"data": {"late": "1"}})
    items, page = list(first["items"]), first
    while page["metadata"].get("continue"):
        page = configmaps(kube, "?limit=4&continue=" + page["metadata"]["continue"])
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        items += page["items"]
    names = [o["metadata"]["name"] for o in items]
    assert names == [f"c{i}" for i in range(10)] + ["kube-root-ca.crt"], names
    assert not items[7].get("data"), "a page shows what came later"


def test_pages_after_compaction(env):
    kube = start(env)
    for i in range(6): kube.create("configmaps", NS, configmap(f"c{i}"))
    first = configmaps(kube, "?limit=4")
    kube.create("configmaps", NS, configmap("more"))
    env.sb.post("compact")
    e = refusal(lambda: configmaps(kube, "?limit=4&continue=" + first["metadata"]["continue"]))
    assert e.status == 410 and e.body["reason"] == "Expired", e.body
    rest = configmaps(kube, "?limit=4&continue=" + e.body["metadata"]["continue"])
    assert [o["metadata"]["name"] for o in rest["items"]] == ["c4", "c5", "kube-root-ca.crt", "more"]


def test_versions_of_lists(env):
    kube = start(env)
    kube.create("configmaps", NS, configmap("a"))
    then = configmaps(kube, "")["metadata"]["resourceVersion"]
    kube.create("configmaps", NS, configmap("b"))
    exact = configmaps(kube, f"?resourceVersion={then}&resourceVersionMatch=Exact")
    assert [o["metadata"]["name"] for o in exact["items"]] == ["a", "kube-root-ca.crt"]
    e = refusal(lambda: configmaps(kube, "?resourceVersion=999999"))
    assert e.status == 504 and e.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge", e.body


def test_initial_events_end_with_a_bookmark(env):
    kube = start(env)
    kube.create("configmaps", NS, configmap("a"))
    c, r = kube.open("GET", Kube.path("configmaps", NS) +
                     "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
    seen = []
    while not seen or seen[-1]["type"] != "BOOKMARK": seen.append(json.loads(r.readline()))
    c.close()
    assert [e["object"]["metadata"].get("name") for e in seen] == ["a", "kube-root-ca.crt", None]
    assert seen[-1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert refusal(lambda: kube.call("GET", Kube.path("configmaps", NS) + "?watch=1&sendInitialEvents=true")).status == 422


def test_event_forms(env):
    kube = start(env)
    new = {"metadata": {"name": "e"}, "eventTime": "2026-01-02T03:04:05.000006Z", "reportingController": "c", "reportingInstance": "i", "action": "A",
           "reason": "R", "type": "Normal", "note": "text", "regarding": {"kind": "Pod", "name": "p", "namespace": NS}}
    core = "/api/v1/namespaces/default/events"
    c, r = kube.open("GET", core + "?watch=1&resourceVersion=" + kube.call("GET", core)["metadata"]["resourceVersion"])
    kube.create("events", NS, new)
    seen = json.loads(r.readline())["object"]
    assert seen["apiVersion"] == "v1" and seen["message"] == "text" and seen["involvedObject"]["name"] == "p", seen
    kube.patch("events", NS, "e", {"series": {"count": 5, "lastObservedTime": "2026-01-02T03:05:05.000006Z"}})
    assert json.loads(r.readline())["object"]["series"]["count"] == 5
    c.close()
    assert [e["metadata"]["name"] for e in kube.call("GET", Kube.path("events", NS) + "?fieldSelector=regarding.name%3Dp")["items"]] == ["e"]
    e = refusal(lambda: kube.patch("events", NS, "e", {"note": "another"}))
    assert e.status == 422 and e.body["details"]["causes"][0]["field"] == "message", e.body
    e = refusal(lambda: kube.create("events", NS, {**new, "metadata": {"name": "f"}, "action": ""}))
    assert e.body["details"]["causes"] == [{"reason": "FieldValueRequired", "message": "Required value", "field": "action"}], e.body


def refs(v):
    if isinstance(v, dict):
        if isinstance(v.get("$ref"), str): yield v["$ref"]
        for x in v.values(): yield from refs(x)
    elif isinstance(v, list):
        for x in v: yield from refs(x)


def test_openapi_describes_all_that_is_served(env):
    kube = start(env)
    index = kube.call("GET", "/openapi/v3")["paths"]
    assert {"api/v1", "apis/ray.io/v1", "apis/apps/v1", "apis/batch/v1"} <= set(index), sorted(index)
    for path, entry in index.items():
        doc = kube.call("GET", entry["serverRelativeURL"])
        schemas = doc["components"]["schemas"]
        lost = {r for r in refs(doc) if r.removeprefix("#/components/schemas/") not in schemas}
        assert doc["openapi"].startswith("3.") and not lost, f"{path}: {lost}"
        kinds = {k["kind"] for s in schemas.values() for k in s.get("x-kubernetes-group-version-kind", [])}
        for r in kube.call("GET", "/" + path)["resources"]:
            if "/" in r["name"]: continue
            item = f"/{path}/" + ("namespaces/{namespace}/" if r["namespaced"] else "") + r["name"]
            if {"create", "get"} <= set(r["verbs"]): assert r["kind"] in kinds and {item, item + "/{name}"} <= set(doc["paths"]), f"{path}: {r['name']}"
        for s in schemas.values(): assert s["type"] == "object", s
    head = kube.call("GET", index["apis/ray.io/v1"]["serverRelativeURL"])["components"]["schemas"]["ray.io.v1.RayCluster"]["properties"]["spec"]["properties"]["headGroupSpec"]
    assert head["required"] == ["template"] and head["properties"]["rayStartParams"]["additionalProperties"] == {"type": "string"}, head
    assert refusal(lambda: kube.call("GET", "/openapi/v3/apis/no.such/v1")).status == 404


def test_status_tells_what_it_is_about(env):
    kube = start(env)
    e = refusal(lambda: kube.get("pods", NS, "none"))
    assert e.body["details"] == {"name": "none", "kind": "pods"}, e.body
    c = raycluster("x")
    c["spec"]["workerGroupSpecs"][0]["replicas"] = "three"
    e = refusal(lambda: kube.create("rayclusters", NS, c))
    d = e.body["details"]
    assert e.status == 422 and d["kind"] == "RayCluster" and d["group"] == "ray.io" and d["name"] == "x", e.body
    assert d["causes"][0]["field"] == "spec.workerGroupSpecs[0].replicas", d


def test_logs_are_followed_to_the_end(env):
    kube = start(env)
    kube.create("pods", NS, {"metadata": {"name": "p"}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]}})
    wait_for("it to run", lambda: kube.get("pods", NS, "p")["status"].get("phase") == "Running")
    c, r = kube.open("GET", Kube.path("pods", NS, "p", "log") + "?follow=true")
    assert b"runs x:1" in r.readline()
    env.sb.post("sim/pods/default/p/fail")
    rest = r.read().decode()
    c.close()
    assert "exit code" in rest, rest


if __name__ == "__main__": main()
