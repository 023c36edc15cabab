#!/usr/bin/env python3
"""Users who may only make Ray objects get nothing else by them, and the operator no more than its printed role."""
from harness import *

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def cluster_with(name, head=None, **spec):
    c = raycluster(name, workers=0, **spec)
    c["spec"]["headGroupSpec"].update(head or {})
    return c


def told_once(kube, ns, name, reason):
    return wait_for(f"the event {reason}", lambda: events_of(kube, ns, name, reason))[0]["note"]


def test_a_role_of_somebody_else_is_not_bound(env):
    env.cluster()
    kube, ns = env.kube, env.kube.namespace("tenants")
    kube.create("roles", ns, {"metadata": {"name": "c"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]})
    env.operator()
    kube.create("rayclusters", ns, cluster_with("c", enableInTreeAutoscaling=True))
    note = told_once(kube, ns, "c", "FailedToCreateRoleBinding")
    assert f"Role {ns}/c" in note and "delete or rename" in note, note
    wait_for("the condition", lambda: f"Role {ns}/c" in conditions(status_of(kube, ns, "c")).get("Reconciling", {}).get("message", "") or status_of(kube, ns, "c").get("state") == "ready")
    time.sleep(1)
    assert kube.find("rolebindings", ns, "c") is None
    assert kube.get("roles", ns, "c")["rules"][0]["resources"] == ["configmaps"], "not touched"
    kube.delete("roles", ns, "c")
    binding = wait_for("the binding", lambda: kube.find("rolebindings", ns, "c"), 60)
    uid = kube.get("rayclusters", ns, "c")["metadata"]["uid"]
    assert [o["uid"] for o in kube.get("roles", ns, "c")["metadata"]["ownerReferences"]] == [uid]
    assert binding["subjects"][0]["name"] == "c", binding


def test_services_that_a_user_may_not_make(env):
    env.cluster()
    kube, ns = env.kube, env.kube.namespace("tenants")
    env.operator()
    for name, spec, path in (("ips", {"externalIPs": ["203.0.113.7"]}, "spec.headGroupSpec.headService.spec.externalIPs"),
                             ("name", {"type": "ExternalName", "externalName": "localhost"}, "spec.headGroupSpec.headService.spec.type")):
        kube.create("rayclusters", ns, cluster_with(name, {"headService": {"spec": spec}}))
        note = told_once(kube, ns, name, "InvalidRayClusterSpec")
        assert path in note and "allowExternalServices" in note, note
        stalled = wait_for("the condition", lambda: conditions(status_of(kube, ns, name)).get("Stalled"))
        assert path in stalled["message"], stalled
        assert not kube.list("services", ns, f"ray.io/cluster={name}") and not pods_of(kube, ns, name)
        kube.patch("rayclusters", ns, name, {"spec": {"headGroupSpec": {"headService": None}}})
        wait_ready(kube, ns, name, 0)
    # A cluster that runs keeps what it has.
    kube.patch("rayclusters", ns, "ips", {"spec": {"headGroupSpec": {"headService": {"spec": {"externalIPs": ["203.0.113.7"]}}}}})
    wait_for("the refusal", lambda: len(events_of(kube, ns, "ips", "InvalidRayClusterSpec")) > 1 or conditions(status_of(kube, ns, "ips")).get("Reconciling"))
    head = pods_of(kube, ns, "ips")[0]["metadata"]["uid"]
    time.sleep(1)
    assert pods_of(kube, ns, "ips")[0]["metadata"]["uid"] == head
    assert not any(s["spec"].get("externalIPs") for s in kube.list("services", ns))


LED_ASTRAY = "victim-head-svc.%s.svc.cluster.local:8265/api/jobs/?x="


def test_a_head_service_whose_name_leads_to_another_namespace(env):
    """A name is part of the URL that the operator asks: with '/' and '?' in it, a job would be submitted to the cluster of somebody else."""
    env.sandbox("--sim-opts", "ray_run_ms=200", why="asks the simulated Ray by way of the API server")
    kube = env.kube
    for ns in ("victims", "tenants"): kube.namespace(ns)
    op = env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}], proxy=True)
    kube.create("rayclusters", "victims", cluster_with("victim"))
    kube.create("rayclusters", "tenants", cluster_with("mine"))
    for ns, name in (("victims", "victim"), ("tenants", "mine")): wait_ready(kube, ns, name, 0)
    # The cluster runs. Its spec is edited, and what was created by it stays.
    kube.patch("rayclusters", "tenants", "mine", {"spec": {"headGroupSpec": {"headService": {"metadata": {"name": LED_ASTRAY % "victims"}}}}})
    kube.create("rayjobs", "tenants", {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "j"}, "spec": {
        "entrypoint": "python evil.py", "submissionMode": "HTTPMode", "clusterSelector": {"ray.io/cluster": "mine"}}})
    why = lambda: json.dumps(job_status(kube, "tenants", "j")) + "".join(e["note"] for e in kube.list("events", "tenants") if e["regarding"]["name"] == "j")
    refused = lambda: "may not reach http://victim-head-svc.victims.svc" in why() and "for an object of namespace tenants" in why()
    jobs = lambda: kube.call("GET", "/api/v1/namespaces/victims/services/victim-head-svc:8265/proxy/api/jobs/")
    try: wait_for("the refusal", lambda: refused() or jobs())
    except AssertionError as e: raise AssertionError(f"{e}\n{why()}\n{json.dumps(status_of(kube, 'tenants', 'mine'))}")
    assert not jobs(), f"jobs of the victim's Ray: {jobs()}"
    note = told_once(kube, "tenants", "mine", "InvalidRayClusterSpec")
    assert "spec.headGroupSpec.headService.metadata.name: no Service can be called" in note, note
    assert not jobs() and refused(), (jobs(), why())
    op.stop()


# ---- the printed role ---------------------------------------------------------------------------------------

def printed(env, op):
    """What --print-rbac prints: (namespace or None, group, resource, names, verb)."""
    r = subprocess.run([binary("rayvisord"), "--config", op.config, "--print-rbac", "--namespace", op.account.NS], capture_output=True, text=True, check=True)
    out = set()
    for doc in r.stdout.split("---\n")[1:]:
        ns = (re.search(r"^  namespace: (\S+)$", doc, re.M) or [None, None])[1] if "kind: Role\n" in doc else None
        for group, resource, names, verbs in re.findall(r'apiGroups: \["(.*)"\]\n    resources: \["(.*)"\]\n(?:    resourceNames: \[(.*)\]\n)?    verbs: \[(.*)\]', doc):
            out |= {(ns, group, resource, names.replace('"', ""), v) for v in verbs.split(", ")}
    return out


def in_force(client, ns):
    """What the API server says that this account may do in a namespace, without what everybody may."""
    review = client.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                         {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": ns}})["status"]
    return {(g, r, ", ".join(rule.get("resourceNames", [])), v) for rule in review["resourceRules"] for g in rule.get("apiGroups", []) for r in rule.get("resources", []) for v in rule["verbs"]
            if g not in ("authorization.k8s.io", "authentication.k8s.io")}


def attempts(ns):
    """Calls that no role of ours allows."""
    meta = {"name": "x"}
    yield "POST", "/api/v1/namespaces", {"metadata": meta}
    yield "DELETE", f"/api/v1/namespaces/{ns}", None
    yield "GET", "/api/v1/nodes", None
    yield "GET", f"/api/v1/namespaces/{ns}/configmaps", None
    yield "DELETE", f"/api/v1/namespaces/{ns}/secrets/x", None
    yield "GET", f"/apis/coordination.k8s.io/v1/namespaces/{ns}/leases", None  # of one name only
    yield "GET", f"/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/x", None
    yield "POST", f"/api/v1/namespaces/{ns}/serviceaccounts/default/token", {"spec": {}}
    yield "POST", f"/api/v1/namespaces/{ns}/pods/x/exec?command=id", None
    yield "GET", f"/api/v1/namespaces/{ns}/pods/x/log", None
    yield "PATCH", f"/api/v1/namespaces/{ns}/pods/x/status", {"status": {}}
    yield "POST", f"/apis/apps/v1/namespaces/{ns}/deployments", {"metadata": meta}
    yield "DELETE", f"/apis/ray.io/v1/namespaces/{ns}/rayclusters", None
    yield "POST", f"{RBAC}/clusterroles", {"metadata": meta, "rules": []}
    yield "POST", f"{RBAC}/clusterrolebindings", {"metadata": meta, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}}
    # It may make Roles and RoleBindings, and still gives away nothing that it does not have.
    yield "POST", f"{RBAC}/namespaces/{ns}/roles", {"metadata": meta, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["delete"]}]}
    yield "POST", f"{RBAC}/namespaces/{ns}/roles", {"metadata": meta, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    for role in ("cluster-admin", "admin", "edit"):
        yield "POST", f"{RBAC}/namespaces/{ns}/rolebindings", {"metadata": meta, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                                                               "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": ns}]}


def life(kube, ns):
    """A cluster with an autoscaler of its own, which needs most rights, and a job."""
    kube.create("rayclusters", ns, raycluster("c", workers=1, enableInTreeAutoscaling=True))
    wait_ready(kube, ns, "c", 1)
    wait_for("the binding", lambda: kube.find("rolebindings", ns, "c"))
    c = kube.get("rayclusters", ns, "c")["spec"]["workerGroupSpecs"]
    kube.patch("rayclusters", ns, "c", {"spec": {"workerGroupSpecs": [{**c[0], "replicas": 2, "minReplicas": 2}]}})
    wait_ready(kube, ns, "c", 2)
    kube.create("rayjobs", ns, rayjob("j"))
    name = wait_for("the job's cluster", lambda: job_status(kube, ns, "j").get("rayClusterName"))
    wait_ready(kube, ns, name, 1)
    wait_for("the submitter", lambda: kube.find("jobs", ns, "j"))
    for resource, name in (("rayjobs", "j"), ("rayclusters", "c")):
        kube.delete(resource, ns, name)
        wait_for(f"{resource} {name} to go", lambda: kube.find(resource, ns, name) is None, 60)


def test_exactly_the_printed_role(env):
    if not os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip("the embedded cluster has no RBAC")
    env.cluster()
    kube, ns = env.kube, env.kube.namespace("tenants")
    op = env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}])
    life(kube, ns)
    denied = [line for line in op.proc.output().splitlines() if re.search("forbidden|FORBIDDEN", line)]
    assert not denied, denied[:3]
    mine = Kube(op.account.kubeconfig)
    want = {rule[1:] for rule in printed(env, op) if rule[0] in (None, ns)}
    assert want and in_force(mine, ns) == want, (in_force(mine, ns) - want, want - in_force(mine, ns))
    for method, path, body in attempts(ns):
        ctype = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            answer = mine.call(method, path, body, ctype)
        except ApiError as e:
            assert e.status == 403, (method, path, e.status, e)
        else:
            raise AssertionError(f"{method} {path} was let through: {answer}")


if __name__ == "__main__": main()
