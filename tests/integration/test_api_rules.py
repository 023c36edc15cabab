#!/usr/bin/env python3
"""What clients rely on in any API server: preconditions, propagation, conflicts, subresources, selectors, rules of our kinds. Without an operator;
runs against the sandbox or a real kube-apiserver, so that the one cannot drift from the other."""
import copy, json, time
from harness import *

RESOURCES["rayservices"] = "/apis/ray.io/v1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
HOLD = "example.com/hold"


def setup(env, name="rules"):
    env.cluster()
    return env.kube, env.kube.namespace(name)


def refused(status, fn, *needles):
    try:
        fn()
    except ApiError as e:
        text = json.dumps(e.body)
        assert e.status == status and all(n in text for n in needles), f"not {status} with {needles}: {e.status} {text[:1500]}"
        return e.body
    raise AssertionError(f"done instead of {status} with {needles}")


def configmap(name=None, owner=None, block=None, held=False, **meta):
    m = {**({"name": name} if name else {}), **meta}
    if owner: m["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
                                       **({"blockOwnerDeletion": block} if block is not None else {})}]
    if held: m["finalizers"] = [HOLD]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": m, "data": {"a": "b"}}


def gone(kube, ns, name): wait_for(f"{name} to go", lambda: kube.find("configmaps", ns, name) is None, 60)
def release(kube, ns, name): kube.patch("configmaps", ns, name, {"metadata": {"finalizers": None}})


# ---- what is refused at once, and what is written in another form -------------------------------------------

def test_services_and_resources_are_checked(env):
    kube, ns = setup(env)
    port = [{"port": 80}]
    for spec, needle in (({"type": "Foo", "ports": port}, 'spec.type: Unsupported value: \\"Foo\\": supported values: \\"ClusterIP\\", \\"ExternalName\\"'),
                         ({"type": "ExternalName"}, "spec.externalName: Required value"), ({"ports": [{"port": 0}]}, "spec.ports[0].port: Invalid value: 0"),
                         ({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name: Required value"), ({}, "spec.ports: Required value")):
        refused(422, lambda: kube.create("services", ns, {"metadata": {"name": "s"}, "spec": spec}), needle)
    pod = lambda **r: {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i", "resources": r}]}}
    refused(422, lambda: kube.create("pods", ns, pod(limits={"cpu": "1"}, requests={"cpu": "2"})),
            'spec.containers[0].resources.requests: Invalid value: \\"2\\": must be less than or equal to cpu limit of 1')
    refused(422, lambda: kube.create("pods", ns, pod(requests={"example.com/gpu": "1"})), "Limit must be set for non overcommitable resources")
    refused(400, lambda: kube.create("pods", ns, pod(requests={"cpu": "two"})), "quantities must match the regular expression")
    refused(422, lambda: kube.create("services", ns, {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 1, "nodePort": 5}]}}), "spec.ports[0].nodePort: Invalid value: 5")
    spec = lambda container={}, **more: {"containers": [{"name": "c", "image": "i", **container}], **more}
    for s, needle in ((spec(restartPolicy="Sometimes"), 'spec.restartPolicy: Unsupported value: \\"Sometimes\\"'), (spec({"imagePullPolicy": "Now"}), 'spec.containers[0].imagePullPolicy: Unsupported value: \\"Now\\"'),
                      (spec({"ports": [{"containerPort": 99999}]}), "spec.containers[0].ports[0].containerPort: Invalid value: 99999"), (spec({"ports": [{"containerPort": 1, "protocol": "X"}]}), "spec.containers[0].ports[0].protocol: Unsupported value")):
        refused(422, lambda: kube.create("pods", ns, {"metadata": {"name": "p"}, "spec": s}), needle)
    refused(422, lambda: kube.create("jobs", ns, {"metadata": {"name": "j"}, "spec": {"template": {"spec": spec()}}}), 'restartPolicy: Required value: valid values: \\"OnFailure\\", \\"Never\\"')


def test_bytes_are_written_in_one_form(env):
    kube, ns = setup(env)
    kube.create("secrets", ns, {"metadata": {"name": "s"}, "data": {"a": "YW\nJj\r\n"}})
    assert kube.get("secrets", ns, "s")["data"] == {"a": "YWJj"}
    refused(400, lambda: kube.create("secrets", ns, {"metadata": {"name": "t"}, "data": {"a": "no base64!"}}), "illegal base64 data at input byte 2")


# ---- deletion -----------------------------------------------------------------------------------------------

def test_deletion_preconditions(env):
    kube, ns = setup(env)
    first = kube.create("configmaps", ns, configmap("c"))["metadata"]
    now = kube.patch("configmaps", ns, "c", {"data": {"x": "y"}})["metadata"]
    delete = lambda **p: kube.delete("configmaps", ns, "c", preconditions=p)
    body = refused(409, lambda: delete(uid="00000000-0000-0000-0000-000000000000"), "the UID in the precondition", first["uid"])
    assert body["reason"] == "Conflict" and body["details"] == {"name": "c", "kind": "ConfigMap"}, body
    refused(409, lambda: delete(resourceVersion=first["resourceVersion"]), "the ResourceVersion in the precondition")
    refused(409, lambda: delete(uid=first["uid"], resourceVersion=first["resourceVersion"]))
    assert kube.find("configmaps", ns, "c"), "deleted all the same"
    delete(uid=now["uid"], resourceVersion=now["resourceVersion"])
    assert kube.find("configmaps", ns, "c") is None
    refused(404, lambda: delete(uid=now["uid"]))


def test_foreground_waits_for_blocking_dependents(env):
    kube, ns = setup(env)
    owner = kube.create("configmaps", ns, configmap("owner"))
    kube.create("configmaps", ns, configmap("dependent", owner, True, held=True))
    time.sleep(1)  # a real garbage collector learns of both by watching
    kube.delete("configmaps", ns, "owner", propagationPolicy="Foreground")
    wait_for("the dependent's deletion", lambda: kube.get("configmaps", ns, "dependent")["metadata"].get("deletionTimestamp"), 60)
    meta = kube.get("configmaps", ns, "owner")["metadata"]
    assert meta["finalizers"] == ["foregroundDeletion"] and meta["deletionTimestamp"], meta
    release(kube, ns, "dependent")
    gone(kube, ns, "dependent")
    gone(kube, ns, "owner")


def test_foreground_does_not_wait_for_others(env):
    kube, ns = setup(env)
    owner = kube.create("configmaps", ns, configmap("owner"))
    kube.create("configmaps", ns, configmap("dependent", owner, False, held=True))
    time.sleep(1)
    kube.delete("configmaps", ns, "owner", propagationPolicy="Foreground")
    gone(kube, ns, "owner")
    wait_for("the dependent's deletion", lambda: kube.get("configmaps", ns, "dependent")["metadata"].get("deletionTimestamp"), 60)
    release(kube, ns, "dependent")
    gone(kube, ns, "dependent")


def test_orphans_stay(env):
    kube, ns = setup(env)
    owner = kube.create("configmaps", ns, configmap("owner"))
    kube.create("configmaps", ns, configmap("dependent", owner, True))
    time.sleep(1)
    kube.delete("configmaps", ns, "owner", propagationPolicy="Orphan")
    gone(kube, ns, "owner")
    meta = kube.get("configmaps", ns, "dependent")["metadata"]
    assert "ownerReferences" not in meta and "deletionTimestamp" not in meta, meta


def test_background_collects_later(env):
    kube, ns = setup(env)
    owner = kube.create("configmaps", ns, configmap("owner"))
    for n in ("a", "b"): kube.create("configmaps", ns, configmap(n, owner, True))
    kube.delete("configmaps", ns, "owner", propagationPolicy="Background")
    assert kube.find("configmaps", ns, "owner") is None, "its owner goes at once"
    for n in ("a", "b"): gone(kube, ns, n)


def test_an_absent_owner_is_no_owner(env):
    kube, ns = setup(env)
    owner = kube.create("configmaps", ns, configmap("owner"))
    stranger = copy.deepcopy(owner)
    stranger["metadata"]["uid"] = "00000000-0000-0000-0000-000000000001"  # as if it had been made anew
    kube.create("configmaps", ns, configmap("lost", stranger))
    gone(kube, ns, "lost")
    assert kube.find("configmaps", ns, "owner")


# ---- writing ------------------------------------------------------------------------------------------------

def test_stale_writes(env):
    kube, ns = setup(env)
    old = kube.create("configmaps", ns, configmap("c"))
    kube.patch("configmaps", ns, "c", {"data": {"n": "1"}})
    body = refused(409, lambda: kube.replace("configmaps", ns, "c", old), "the object has been modified")
    assert body["reason"] == "Conflict", body
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"n": "2"}}
    refused(409, lambda: kube.patch("configmaps", ns, "c", stale), "the object has been modified")
    other = copy.deepcopy(old)
    del other["metadata"]["resourceVersion"]
    other["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    refused(409, lambda: kube.replace("configmaps", ns, "c", other), "UID in precondition")
    kube.replace("configmaps", ns, "c", configmap("c", labels={"whatever": "there-was"}))
    assert kube.get("configmaps", ns, "c")["data"] == {"a": "b"}


def test_a_custom_resource_is_not_replaced_blindly(env):
    kube, ns = setup(env)
    made = kube.create("rayclusters", ns, raycluster("c"))
    body = refused(422, lambda: kube.replace("rayclusters", ns, "c", raycluster("c", workers=3)), "must be specified for an update")
    assert body["details"]["causes"][0]["field"] == "metadata.resourceVersion", body
    kube.patch("rayclusters", ns, "c", {"metadata": {"labels": {"a": "b"}}})
    refused(409, lambda: kube.replace("rayclusters", ns, "c", made))
    now = kube.get("rayclusters", ns, "c")
    now["spec"]["workerGroupSpecs"][0]["replicas"] = 3
    assert kube.replace("rayclusters", ns, "c", now)["metadata"]["generation"] == 2


def test_the_same_again_is_no_change(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("c"))
    once = kube.get("rayclusters", ns, "c")
    assert kube.replace("rayclusters", ns, "c", once)["metadata"]["resourceVersion"] == once["metadata"]["resourceVersion"]
    assert kube.patch("rayclusters", ns, "c", {"spec": {"rayVersion": "2.52.0"}})["metadata"]["resourceVersion"] == once["metadata"]["resourceVersion"]


def test_status_and_the_rest_are_apart(env):
    kube, ns = setup(env)
    made = kube.create("rayclusters", ns, {**raycluster("c"), "status": {"state": "ready"}})
    assert "status" not in made and made["metadata"]["generation"] == 1, made
    everything = {"metadata": {"labels": {"a": "b"}}, "spec": {"rayVersion": "2.99.0"}, "status": {"state": "failed"}}
    s = kube.patch("rayclusters", ns, "c", everything, "status")
    assert s["status"] == {"state": "failed"} and s["spec"] == made["spec"] and "labels" not in s["metadata"], s
    assert s["metadata"]["generation"] == 1, "a status is not what was asked for"
    m = kube.patch("rayclusters", ns, "c", {**everything, "status": {"state": "ready"}})
    assert m["status"] == {"state": "failed"} and m["spec"]["rayVersion"] == "2.99.0" and m["metadata"]["labels"] == {"a": "b"}, m
    assert m["metadata"]["generation"] == 2
    assert kube.patch("rayclusters", ns, "c", {"metadata": {"labels": {"a": "c"}}})["metadata"]["generation"] == 2, "labels are no part of it"
    m["status"]["state"] = "suspended"
    refused(409, lambda: kube.call("PUT", Kube.path("rayclusters", ns, "c", "status"), m))


def test_no_status_by_post(env):
    kube, ns = setup(env)
    pod = kube.create("pods", ns, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x:1"}]},
                                   "status": {"phase": "Succeeded", "podIP": "1.2.3.4", "message": "x"}})
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}, pod["status"]
    job = kube.create("jobs", ns, {"metadata": {"name": "j"}, "status": {"succeeded": 3, "conditions": [{"type": "Complete", "status": "True"}]}, "spec": {
        "suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]}}}})
    assert job.get("status", {}) == {}, job["status"]


def test_generated_names(env):
    kube, ns = setup(env)
    new = lambda **meta: kube.create("configmaps", ns, configmap(**meta))["metadata"]
    a, b = new(generateName="x-"), new(generateName="x-")
    assert a["name"] != b["name"] and a["generateName"] == "x-" and a["name"].startswith("x-") and len(a["name"]) == 7, (a, b)
    long = new(generateName="y" * 80)
    assert long["name"].startswith("y" * 58) and len(long["name"]) == 63, long
    assert new(name="given", generateName="x-")["name"] == "given"
    body = refused(409, lambda: new(name="given", generateName="x-"), "already exists")
    assert body["reason"] == "AlreadyExists" and body["details"]["name"] == "given", body
    body = refused(422, new, "name or generateName is required")
    assert body["details"]["causes"][0]["field"] == "metadata.name", body


def test_forms_of_patches(env):
    kube, ns = setup(env)
    kube.create("configmaps", ns, configmap("c"))
    kube.create("rayclusters", ns, raycluster("c"))
    patch = lambda resource, ctype: kube.call("PATCH", Kube.path(resource, ns, "c"), {"metadata": {"labels": {"a": "b"}}}, ctype)
    body = refused(415, lambda: patch("configmaps", "text/plain"))
    assert body["reason"] == "UnsupportedMediaType", body
    for ctype in ("application/json", "application/yaml", "application/merge-patch"): refused(415, lambda: patch("configmaps", ctype))
    refused(415, lambda: patch("rayclusters", "application/strategic-merge-patch+json"), "application/merge-patch+json")
    patch("configmaps", "application/strategic-merge-patch+json")
    patch("configmaps", "application/merge-patch+json; charset=utf-8")
    patch("rayclusters", "application/merge-patch+json")


def test_dry_runs_leave_nothing(env):
    kube, ns = setup(env)
    path = Kube.path("configmaps", ns)
    kube.call("POST", path + "?dryRun=All", configmap("c"))
    assert kube.find("configmaps", ns, "c") is None
    made = kube.create("configmaps", ns, configmap("c"))
    assert kube.call("PATCH", path + "/c?dryRun=All", {"data": {"x": "y"}}, "application/merge-patch+json")["data"] == {"a": "b", "x": "y"}
    kube.call("DELETE", path + "/c?dryRun=All")
    assert kube.get("configmaps", ns, "c")["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_nulls_count_as_left_out(env):
    kube, ns = setup(env)
    c = raycluster("c")
    c["metadata"]["annotations"] = {"example.com/empty": None}
    c["spec"]["headGroupSpec"]["rayStartParams"] = None
    c["spec"]["workerGroupSpecs"][0].update(rayStartParams={"a": None, "b": "c"}, numOfHosts=None, idleTimeoutSeconds=None)
    c["spec"]["headGroupSpec"]["template"]["spec"].update(volumes=None, nodeSelector={"x": None})
    made = kube.create("rayclusters", ns, c)
    group, head = made["spec"]["workerGroupSpecs"][0], made["spec"]["headGroupSpec"]
    assert "rayStartParams" not in head and "volumes" not in head["template"]["spec"] and head["template"]["spec"]["nodeSelector"] == {}, head
    assert group["rayStartParams"] == {"b": "c"} and group["numOfHosts"] == 1 and "idleTimeoutSeconds" not in group, group
    assert made["metadata"]["annotations"] == {"example.com/empty": ""}, made["metadata"]
    c = raycluster("d")
    c["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["args"] = [None]
    refused(422, lambda: kube.create("rayclusters", ns, c), "args[0]")


def test_empty_metadata_is_not_stored(env):
    kube, ns = setup(env)
    empty = {"finalizers": [], "ownerReferences": [], "labels": {}, "annotations": {}}
    some = {"finalizers": ["example.com/x"], "labels": {"a": "b"}, "annotations": {"a": "b"}}
    for resource, body in (("rayclusters", raycluster("c")), ("configmaps", {}), ("pods", {"spec": {"containers": [{"name": "c", "image": "x:1"}]}})):
        kube.create(resource, ns, {**body, "metadata": {"name": "c", **some}})
        patch = {"finalizers": [], "ownerReferences": [], "labels": {"a": None}, "annotations": {"a": None}}
        patched = kube.patch(resource, ns, "c", {"metadata": patch})["metadata"]
        made = kube.create(resource, ns, {**body, "metadata": {"name": "d", **empty}})["metadata"]
        assert not set(empty) & {*patched, *made}, (resource, patched, made)


def test_what_no_update_changes(env):
    kube, ns = setup(env)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]}}
    kube.create("pods", ns, {"metadata": {"name": "o"}, "spec": {"containers": [{"name": "c", "image": "x:1"}], "tolerations": [{"key": "x", "operator": "Exists"}]}})
    kube.create("jobs", ns, {"metadata": {"name": "o"}, "spec": {"suspend": False, "template": template}})
    kube.create("services", ns, {"metadata": {"name": "o"}, "spec": {"ports": [{"port": 80}]}})
    kube.create("persistentvolumeclaims", ns, {"metadata": {"name": "o"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "none"}})
    kube.create("secrets", ns, {"metadata": {"name": "o"}, "immutable": True, "data": {"a": "Yg=="}})
    op = lambda path, value: [{"op": "add", "path": path, "value": value}]
    for resource, ops, field in (
            ("pods", op("/spec/containers/0/args", ["x"]), "spec"),
            ("pods", [{"op": "remove", "path": "/spec/tolerations/0"}], "spec.tolerations|spec"),
            ("jobs", op("/spec/template/spec/containers/0/image", "x:2"), "spec.template"),
            ("jobs", op("/spec/selector", {"matchLabels": {"a": "b"}}), "spec.selector"),
            ("services", op("/spec/clusterIP", "None"), "spec.clusterIPs[0]"),
            ("persistentvolumeclaims", op("/spec/storageClassName", "other"), "spec"),
            ("secrets", op("/data/a", "Yw=="), "data")):
        fields = {c["field"] for c in refused(422, lambda: kube.json_patch(resource, ns, "o", ops))["details"]["causes"]}
        assert fields & set(field.split("|")), f"{resource} {ops}: {fields}"
    kube.json_patch("pods", ns, "o", op("/spec/containers/0/image", "x:2"))
    kube.json_patch("pods", ns, "o", op("/spec/tolerations/-", {"key": "a", "operator": "Exists"}))
    kube.json_patch("jobs", ns, "o", op("/spec/parallelism", 2))
    service = kube.get("services", ns, "o")
    ip = service["spec"].pop("clusterIP")
    del service["spec"]["clusterIPs"]
    service["spec"]["ports"][0]["port"] = 81
    assert kube.replace("services", ns, "o", service)["spec"]["clusterIP"] == ip, "left out is not changed"
    kube.patch("secrets", ns, "o", {"metadata": {"labels": {"a": "b"}}})


# ---- watching -----------------------------------------------------------------------------------------------

class Stream:
    def __init__(self, kube, path, accept="application/json"):
        self.c, self.r = kube.open("GET", path, timeout=60, accept=accept)

    def __enter__(self): return self
    def __exit__(self, *_): self.c.close()
    def next(self): return (lambda e: (e["type"], e["object"]))(json.loads(self.r.readline()))


def test_selections_are_entered_and_left(env):
    kube, ns = setup(env)
    at = kube.call("GET", Kube.path("configmaps", ns))["metadata"]["resourceVersion"]
    with Stream(kube, Kube.path("configmaps", ns) + f"?watch=1&resourceVersion={at}&labelSelector=team%3Dred") as s:
        kube.create("configmaps", ns, configmap("never"))
        kube.create("configmaps", ns, configmap("c", labels={"team": "red"}))
        kube.patch("configmaps", ns, "c", {"data": {"n": "1"}})
        left = kube.patch("configmaps", ns, "c", {"metadata": {"labels": {"team": "blue"}}, "data": {"n": "2"}})
        kube.patch("configmaps", ns, "c", {"data": {"n": "3"}})
        kube.patch("configmaps", ns, "c", {"metadata": {"labels": {"team": "red"}}})
        kube.delete("configmaps", ns, "c")
        seen = [s.next() for _ in range(5)]
    assert [t for t, _ in seen] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"], seen
    o = seen[2][1]  # as it was when it still belonged, at the version at which it left
    assert o["metadata"]["labels"] == {"team": "red"} and o["data"]["n"] == "1" and o["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"], o
    assert seen[3][1]["data"]["n"] == "3"


def test_fields_select(env):
    kube, ns = setup(env)
    for n in ("a", "b"): kube.create("configmaps", ns, configmap(n))
    path = Kube.path("configmaps", ns) + "?fieldSelector=metadata.name%3D"
    found = kube.call("GET", path + "b")
    assert [o["metadata"]["name"] for o in found["items"]] == ["b"]
    with Stream(kube, path + "b&watch=1&resourceVersion=" + found["metadata"]["resourceVersion"]) as s:
        for n in ("a", "b"): kube.patch("configmaps", ns, n, {"data": {"x": n}})
        assert s.next()[1]["data"]["x"] == "b"
    refused(400, lambda: kube.call("GET", Kube.path("configmaps", ns) + "?fieldSelector=data.a%3Db"), "is not a known field selector")
    refused(400, lambda: kube.call("GET", Kube.path("pods", ns) + "?fieldSelector=spec.a%3Db"), "field label not supported: spec.a")
    refused(400, lambda: kube.call("GET", Kube.path("rayclusters", ns) + "?fieldSelector=spec.a%3Db"), "field label not supported: spec.a")


def test_tables_are_watched(env):
    kube, ns = setup(env)
    at = kube.call("GET", Kube.path("rayclusters", ns))["metadata"]["resourceVersion"]
    with Stream(kube, Kube.path("rayclusters", ns) + f"?watch=1&resourceVersion={at}", TABLE) as s:
        kube.create("rayclusters", ns, raycluster("c"))
        kube.patch("rayclusters", ns, "c", {"status": {"state": "ready", "desiredWorkerReplicas": 1}}, "status")
        kube.delete("rayclusters", ns, "c")
        seen = [s.next() for _ in range(3)]
    assert [t for t, _ in seen] == ["ADDED", "MODIFIED", "DELETED"] and all(o["kind"] == "Table" for _, o in seen), seen
    columns = [c["name"] for c in seen[0][1]["columnDefinitions"]]
    assert columns[:3] == ["Name", "desired workers", "available workers"] and not seen[1][1].get("columnDefinitions"), seen
    row = dict(zip(columns, seen[1][1]["rows"][0]["cells"]))
    assert (row["Name"], row["status"], row["desired workers"]) == ("c", "ready", 1), row
    assert seen[1][1]["rows"][0]["object"]["kind"] == "PartialObjectMetadata" and seen[1][1]["rows"][0]["object"]["metadata"]["name"] == "c"


def test_watches_end_when_they_were_to(env):
    kube, ns = setup(env)
    with Stream(kube, Kube.path("configmaps", ns) + "?watch=1&timeoutSeconds=1") as s:
        assert all(json.loads(l)["type"] in ("ADDED", "BOOKMARK") for l in s.r)  # ended well, not broken off


# ---- definitions --------------------------------------------------------------------------------------------

def test_definitions_change_and_go(env):
    kube, ns = setup(env)
    group, crds = "rules.example.com", "customresourcedefinitions"
    name, path = "things." + group, f"/apis/{group}/v1/namespaces/{ns}/things"
    thing = lambda n: kube.call("POST", path, {"apiVersion": group + "/v1", "kind": "Thing", "metadata": {"name": n}, "status": {"x": "y"}})
    foreign_kind(kube, group, "v1", "Thing", "things")
    try:
        with Stream(kube, path + "?watch=1") as s:
            assert "status" not in thing("a") and s.next()[0] == "ADDED"
            kube.patch(crds, None, name, {"spec": {"names": {"shortNames": ["tg"], "categories": ["all"]}, "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
            assert not list(s.r), "watches begin anew under the new definition"
        served = lambda: {r["name"]: r for r in kube.call("GET", f"/apis/{group}/v1")["resources"]}
        wait_for("its new names, and no status", lambda: set(served()) == {"things"} and served()["things"].get("shortNames") == ["tg"] and
                 served()["things"].get("categories") == ["all"])
        assert thing("b")["status"] == {"x": "y"}, "without the subresource a status is a field like others"
        assert kube.call("GET", path + "/a")["metadata"]["name"] == "a"
        refused(422, lambda: kube.patch(crds, None, name, {"spec": {"scope": "Cluster"}}), "spec.scope", "field is immutable")
        at = kube.call("GET", path)["metadata"]["resourceVersion"]
        with Stream(kube, path + f"?watch=1&resourceVersion={at}") as s:
            kube.delete(crds, None, name)
            seen = [json.loads(l) for l in s.r]
        assert sorted((e["type"], e["object"]["metadata"]["name"]) for e in seen if e["type"] == "DELETED") == [("DELETED", "a"), ("DELETED", "b")], seen
        wait_for("the kind to be unknown", lambda: refused(404, lambda: kube.call("GET", path)))
    finally:
        if kube.find(crds, None, name): kube.delete(crds, None, name)


# ---- the rules of our kinds ---------------------------------------------------------------------------------

RED, BLUE = "ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"


def kinds():
    """resource, an object, where a cluster's spec is in it, where managedBy is."""
    cluster, job = raycluster("o"), rayjob("o")
    service = {"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": "o"}, "spec": {"rayClusterConfig": cluster["spec"]}}
    cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": "o"}, "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job["spec"]}}
    return [("rayclusters", cluster, "spec", ["spec"]), ("rayjobs", job, "spec.rayClusterSpec", ["spec", "spec.rayClusterSpec"]),
            ("rayservices", service, "spec.rayClusterConfig", ["spec", "spec.rayClusterConfig"]),
            ("raycronjobs", cron, "spec.jobTemplate.rayClusterSpec", ["spec.jobTemplate", "spec.jobTemplate.rayClusterSpec"])]


def at(path, value):
    """A merge patch: {"a": {"b": value}} for a.b"""
    for step in reversed(path.split(".")): value = {step: value}
    return value


def immutable(kube, ns, resource, obj, path, first, second, text):
    """Set, kept, never another; but set where there was none and unset it may be: rules on transitions need both sides."""
    kube.create(resource, ns, obj)
    change = lambda v: kube.patch(resource, ns, "o", at(path, v))
    change(first)
    change(first)
    body = refused(422, lambda: change(second), text)
    assert body["details"]["causes"][0]["field"] == path, body
    change(None)
    change(second)
    kube.delete(resource, ns, "o")
    wait_for("it to go", lambda: kube.find(resource, ns, "o") is None)


def test_managed_by(env):
    kube, ns = setup(env)
    for resource, obj, _, places in kinds():
        for place in places:
            immutable(kube, ns, resource, obj, place + ".managedBy", RED, BLUE, "the managedBy field is immutable")
            kube.create(resource, ns, obj)
            refused(422, lambda: kube.patch(resource, ns, "o", at(place + ".managedBy", "somebody")), "must be either 'ray.io/kuberay-operator' or")
            kube.delete(resource, ns, "o")
            wait_for("it to go", lambda: kube.find(resource, ns, "o") is None)


def test_backend_of_fault_tolerance(env):
    kube, ns = setup(env)
    for resource, obj, cluster, _ in kinds():
        immutable(kube, ns, resource, obj, cluster + ".gcsFaultToleranceOptions.backend", "redis", "rocksdb", "gcsFaultToleranceOptions.backend is immutable")


def test_deletion_strategies(env):
    kube, ns = setup(env)
    policy = {"policy": "DeleteCluster"}
    rule = lambda **condition: {"policy": "DeleteWorkers", "condition": condition}
    both, none = "set either jobStatus or jobDeploymentStatus, not both", "set jobStatus or jobDeploymentStatus"
    old, new = "set only one of the two ways", "set deletionRules, or onSuccess and onFailure together"
    cases = [({"onSuccess": policy, "onFailure": policy}, None), ({"deletionRules": [rule(jobStatus="FAILED")]}, None),
             ({"deletionRules": [rule(jobDeploymentStatus="Failed", ttlSeconds=5), rule(jobStatus="SUCCEEDED")]}, None),
             ({"onSuccess": policy}, new), ({"onFailure": policy}, new), ({}, new),
             ({"onSuccess": policy, "onFailure": policy, "deletionRules": [rule(jobStatus="FAILED")]}, old),
             ({"onFailure": policy, "deletionRules": [rule(jobStatus="FAILED")]}, old),
             ({"deletionRules": [rule(jobStatus="FAILED", jobDeploymentStatus="Failed")]}, both),
             ({"deletionRules": [rule(jobStatus="FAILED"), rule()]}, none), ({"deletionRules": []}, "deletionRules"),
             ({"deletionRules": [rule(jobStatus="RUNNING")]}, "Unsupported value"), ({"deletionRules": [rule(jobStatus="FAILED", ttlSeconds=-1)]}, "ttlSeconds"),
             ({"onSuccess": {"policy": "Explode"}, "onFailure": policy}, "Unsupported value")]
    for i, (strategy, text) in enumerate(cases):
        job = rayjob(f"j{i}", suspend=True, deletionStrategy=strategy)
        cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": f"c{i}"},
                "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job["spec"]}}
        for resource, obj in (("rayjobs", job), ("raycronjobs", cron)):
            if text: refused(422, lambda: kube.create(resource, ns, obj), text)
            else: kube.create(resource, ns, obj)


if __name__ == "__main__": main()
