#!/usr/bin/env python3
"""The optional features of RayClusters, each through its life. Runs against the sandbox or a real kube-apiserver."""
import base64, datetime, json, os, time
from front import Front
from harness import *


def setup(env, plugins=None, **settings):
    env.cluster()
    ns = env.kube.namespace(f"feat-{env.name.replace('_', '-')[:24]}-{os.getpid()}")
    env.operator(plugins=plugins or [{"name": "raycluster", "settings": settings}])
    return env.kube, ns


def head_of(kube, ns, name):
    pods = pods_of(kube, ns, name, "headgroup")
    return pods[0] if pods else None


def explain(env, ns, name): return json.dumps(env.op.control("explain", kind="raycluster", namespace=ns, name=name))


def edit(kube, ns, name, **spec): return kube.patch("rayclusters", ns, name, {"spec": spec})


def gone(kube, resource, ns, name): wait_for(f"{resource}/{name} to be gone", lambda: kube.find(resource, ns, name) is None)


def test_autoscaler(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("a", workers=1, enableInTreeAutoscaling=True, autoscalerOptions={"version": "v2", "idleTimeoutSeconds": 60}))
    wait_ready(kube, ns, "a", 1)
    role = kube.get("roles", ns, "a")
    assert [r["resources"] for r in role["rules"]] == [["pods"], ["pods/resize"], ["rayclusters"]], role["rules"]
    assert kube.get("rolebindings", ns, "a")["subjects"][0]["name"] == "a" and kube.get("serviceaccounts", ns, "a")
    head = head_of(kube, ns, "a")["spec"]
    sidecar = next(c for c in head["containers"] if c["name"] == "autoscaler")
    assert head["serviceAccountName"] == "a" and head["restartPolicy"] == "Never" and "kuberay-autoscaler" in sidecar["args"][0]
    # A rule that somebody took away comes back; scaling down is the autoscaler's business, by name.
    kube.patch("roles", ns, "a", {"rules": role["rules"][:1]})
    wait_for("the role's rules to be back", lambda: len(kube.get("roles", ns, "a")["rules"]) == 3)
    edit(kube, ns, "a", workerGroupSpecs=raycluster("a", workers=3)["spec"]["workerGroupSpecs"])
    wait_ready(kube, ns, "a", 3)
    victim = pods_of(kube, ns, "a", "small")[1]["metadata"]["name"]
    kube.json_patch("rayclusters", ns, "a", [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 2},
                                            {"op": "add", "path": "/spec/workerGroupSpecs/0/scaleStrategy", "value": {"workersToDelete": [victim]}}])
    wait_for("the named worker to go", lambda: victim not in [p["metadata"]["name"] for p in pods_of(kube, ns, "a")] and len(pods_of(kube, ns, "a")) == 3)
    edit(kube, ns, "a", workerGroupSpecs=raycluster("a", workers=1)["spec"]["workerGroupSpecs"])
    time.sleep(1)
    assert len(pods_of(kube, ns, "a")) == 3, "the operator chose victims itself"
    assert_quiet(env)


def test_account_of_the_user_is_missing(env):
    kube, ns = setup(env)
    rc = raycluster("u", workers=1, enableInTreeAutoscaling=True)
    rc["spec"]["headGroupSpec"]["template"]["spec"]["serviceAccountName"] = "mine"
    kube.create("rayclusters", ns, rc)
    wait_for("the event", lambda: events_of(kube, ns, "u", "AutoscalerServiceAccountNotFound"))
    assert not pods_of(kube, ns, "u") and "mine" in explain(env, ns, "u")
    kube.create("serviceaccounts", ns, {"metadata": {"name": "mine"}})
    wait_for("the head", lambda: head_of(kube, ns, "u"), 60)
    assert head_of(kube, ns, "u")["spec"]["serviceAccountName"] == "mine"


def test_ingress(env):
    kube, ns = setup(env)
    rc = raycluster("i", workers=0)
    rc["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx", "team": "a"}
    rc["spec"]["headGroupSpec"].update(enableIngress=True, ingressOptions={"host": "ray.example.org"})
    kube.create("rayclusters", ns, rc)
    i = wait_for("the ingress", lambda: kube.find("ingresses", ns, "i-head-ingress"))
    assert i["spec"]["ingressClassName"] == "nginx" and i["spec"]["rules"][0]["host"] == "ray.example.org", i["spec"]
    assert i["metadata"]["annotations"]["team"] == "a" and "kubernetes.io/ingress.class" not in i["metadata"]["annotations"]
    backend = i["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "i-head-svc", "port": {"number": 8265}}, backend
    kube.patch("ingresses", ns, "i-head-ingress", {"metadata": {"annotations": {"controller": "set this"}}})
    kube.patch("rayclusters", ns, "i", {"spec": {"headGroupSpec": {"ingressOptions": {"host": "other.example.org"}}}})
    wait_for("the host to follow", lambda: kube.get("ingresses", ns, "i-head-ingress")["spec"]["rules"][0]["host"] == "other.example.org")
    assert kube.get("ingresses", ns, "i-head-ingress")["metadata"]["annotations"]["controller"] == "set this"
    wait_for("the event", lambda: events_of(kube, ns, "i", "UpdatedIngress"))
    kube.patch("rayclusters", ns, "i", {"spec": {"headGroupSpec": {"enableIngress": False}}})
    gone(kube, "ingresses", ns, "i-head-ingress")
    assert_quiet(env)


def test_ingress_of_somebody_else(env):
    kube, ns = setup(env)
    other = {"metadata": {"name": "f-head-ingress"}, "spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}}
    kube.create("ingresses", ns, other)
    rc = raycluster("f", workers=1)
    rc["spec"]["headGroupSpec"]["enableIngress"] = True
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "f", 1)
    wait_for("the event", lambda: events_of(kube, ns, "f", "FailedToCreateIngress"))
    assert kube.get("ingresses", ns, "f-head-ingress")["spec"] == other["spec"]
    wait_for("the events to be sent", lambda: env.op.control("status")["actions"]["queued"] == 0)
    before = actions_done(env)  # asked for again, in case it was only a namesake's that is going: after 1, 2, 4, 8 s ...
    time.sleep(6)
    assert actions_done(env) - before <= 3 and kube.get("ingresses", ns, "f-head-ingress")["spec"] == other["spec"]
    kube.delete("ingresses", ns, "f-head-ingress")
    wait_for("ours", lambda: (kube.find("ingresses", ns, "f-head-ingress") or {}).get("metadata", {}).get("ownerReferences"))
    assert_quiet(env)


def test_token(env):
    kube, ns = setup(env)
    for name in ("t1", "t2"): kube.create("rayclusters", ns, raycluster(name, workers=1, authOptions={"mode": "token"}))
    for name in ("t1", "t2"): wait_ready(kube, ns, name, 1)
    tokens = [base64.b64decode(kube.get("secrets", ns, n)["data"]["auth_token"]).decode() for n in ("t1", "t2")]
    assert len(set(tokens)) == 2 and all(len(base64.b64decode(t)) == 32 for t in tokens), "not 32 random bytes each"
    for pod in pods_of(kube, ns, "t1"):
        containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
        env_of = lambda c: {e["name"]: e for e in c["env"]}
        assert all(env_of(c)["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "t1", "key": "auth_token"} for c in containers)
    log = open(env.op.log, errors="replace").read()
    assert not any(t in log for t in tokens), "a token is in the log"
    env.op.proc.kill()
    env.op.proc.wait()
    env.op.start()
    assert_quiet(env)
    assert base64.b64decode(kube.get("secrets", ns, "t1")["data"]["auth_token"]).decode() == tokens[0], "the token changed"


def test_redis(env):
    kube, ns = setup(env)
    rc = raycluster("r", workers=1, gcsFaultToleranceOptions={"redisAddress": "redis:6379", "redisPassword": {"value": "pw"}})
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "r", 1)
    cluster, head = kube.get("rayclusters", ns, "r"), head_of(kube, ns, "r")
    assert cluster["metadata"]["finalizers"] == ["ray.io/gcs-ft-redis-cleanup-finalizer"]
    assert head["metadata"]["annotations"]["ray.io/external-storage-namespace"] == cluster["metadata"]["uid"]
    jobs = Watcher(kube, "jobs", ns)
    kube.delete("rayclusters", ns, "r")
    gone(kube, "rayclusters", ns, "r")
    made = [o for kind, o in jobs.events if kind == "ADDED"]
    assert len(made) == 1 and made[0]["metadata"]["labels"]["ray.io/node-type"] == "redis-cleanup", made
    spec = made[0]["spec"]["template"]["spec"]
    assert len(spec["containers"]) == 1 and "cleanup_redis_storage" in spec["containers"][0]["args"][0]
    assert made[0]["spec"]["backoffLimit"] == 0 and made[0]["spec"]["activeDeadlineSeconds"] == 300


def test_redis_is_explained(env):
    """Who asks why a deleted cluster is still there is told what it waits for, until when, and what happens then."""
    kube, ns = setup(env)
    rc = raycluster("w", workers=0, gcsFaultToleranceOptions={"redisAddress": "redis:6379"})
    rc["metadata"]["annotations"] = {"ray.io/gcs-ft-deletion-timeout": "3600"}
    rc["spec"]["headGroupSpec"]["template"]["metadata"] = {"finalizers": ["example.org/mine"]}
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "w", 0)
    head = head_of(kube, ns, "w")["metadata"]["name"]
    kube.create("resourcequotas", ns, {"metadata": {"name": "no-more"}, "spec": {"hard": {"pods": "1"}}})  # the Job's pod is never made
    kube.delete("rayclusters", ns, "w")
    deleted = datetime.datetime.fromisoformat(kube.get("rayclusters", ns, "w")["metadata"]["deletionTimestamp"].replace("Z", "+00:00"))
    until = (deleted + datetime.timedelta(hours=1)).strftime("at %Y-%m-%dT%H:%M:%SZ (annotation ray.io/gcs-ft-deletion-timeout)")
    said = wait_for("the head to be named", lambda: explain(env, ns, "w") if head in explain(env, ns, "w") else None)
    assert until in said and "Then a Job empties Redis" in said, said
    kube.patch("resourcequotas", ns, "no-more", {"spec": {"hard": {"pods": "0"}}})
    kube.patch("pods", ns, head, {"metadata": {"finalizers": None}})
    said = wait_for("the Job to be named", lambda: explain(env, ns, "w") if "waiting for the Job w-redis-cleanup" in explain(env, ns, "w") else None)
    assert until in said and "ray.io/gcs-ft-redis-cleanup-finalizer is removed" in said and "may remain" in said, said
    kube.delete("resourcequotas", ns, "no-more")
    gone(kube, "rayclusters", ns, "w")


def test_redis_that_never_answers(env):
    """The deadline frees the cluster, whatever became of its spec."""
    kube, ns = setup(env)
    rc = raycluster("d", workers=0, gcsFaultToleranceOptions={"redisAddress": "redis:6379"})
    rc["metadata"]["annotations"] = {"ray.io/gcs-ft-deletion-timeout": "2"}
    rc["spec"]["headGroupSpec"]["template"]["metadata"] = {"finalizers": ["example.org/never"]}  # its pod never goes
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "d", 0)
    kube.delete("rayclusters", ns, "d")
    gone(kube, "rayclusters", ns, "d")
    for p in pods_of(kube, ns, "d", live=False): kube.patch("pods", ns, p["metadata"]["name"], {"metadata": {"finalizers": None}})


def test_invalid_cluster_can_be_deleted(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("x", workers=0, gcsFaultToleranceOptions={"redisAddress": "redis:6379"}))
    wait_ready(kube, ns, "x", 0)
    kube.json_patch("rayclusters", ns, "x", [{"op": "remove", "path": "/spec/gcsFaultToleranceOptions"},
                                            {"op": "add", "path": "/spec/workerGroupSpecs/0/minReplicas", "value": 9},
                                            {"op": "add", "path": "/spec/workerGroupSpecs/0/maxReplicas", "value": 1}])
    wait_for("Stalled", lambda: conditions(status_of(kube, ns, "x")).get("Stalled"))
    kube.delete("rayclusters", ns, "x")
    gone(kube, "rayclusters", ns, "x")


def test_rocksdb(env):
    kube, ns = setup(env, featureGates={"GCSFaultToleranceEmbeddedStorage": True})
    kube.create("rayclusters", ns, raycluster("e", workers=0, gcsFaultToleranceOptions={"backend": "rocksdb", "storage": {"size": "2Gi", "subPath": "gcs"}}))
    pvc = wait_for("the claim", lambda: kube.find("persistentvolumeclaims", ns, "e-gcs-pvc"))
    assert pvc["spec"]["accessModes"] == ["ReadWriteOnce"] and pvc["spec"]["resources"]["requests"]["storage"] == "2Gi", pvc["spec"]
    assert pvc["metadata"]["ownerReferences"][0]["name"] == "e"
    head = wait_for("the head", lambda: head_of(kube, ns, "e"))
    mount = next(m for m in head["spec"]["containers"][0]["volumeMounts"] if m["name"] == "gcs-storage")
    assert mount["mountPath"] == "/data/gcs" and mount["subPath"] == "gcs"
    assert "finalizers" not in kube.get("rayclusters", ns, "e")["metadata"]
    edit(kube, ns, "e", gcsFaultToleranceOptions={"storage": {"deletionPolicy": "Retain"}})
    wait_for("the owner to go", lambda: not kube.get("persistentvolumeclaims", ns, "e-gcs-pvc")["metadata"].get("ownerReferences"))
    kube.delete("rayclusters", ns, "e")
    gone(kube, "rayclusters", ns, "e")
    wait_for("the pods to go", lambda: not pods_of(kube, ns, "e"))
    assert kube.find("persistentvolumeclaims", ns, "e-gcs-pvc"), "a retained claim was deleted"
    kube.create("rayclusters", ns, raycluster("e", workers=0, gcsFaultToleranceOptions={"backend": "rocksdb", "storage": {"size": "5Gi"}}))
    wait_for("adoption", lambda: kube.get("persistentvolumeclaims", ns, "e-gcs-pvc")["metadata"].get("ownerReferences"))
    wait_for("the drift to be told", lambda: events_of(kube, ns, "e", "FailedToCreatePVC"))
    assert_quiet(env)


def replicas(kube, ns, name):
    out = {}
    for p in pods_of(kube, ns, name, "tpu"):
        labels = p["metadata"]["labels"]
        out.setdefault(labels["ray.io/worker-group-replica-name"], []).append(
            (int(labels["ray.io/worker-group-replica-index"]), int(labels["ray.io/replica-host-index"])))
    return out


def whole(kube, ns, name, n, hosts):
    r = replicas(kube, ns, name)
    ok = len(r) == n and all(sorted(h for _, h in v) == list(range(hosts)) and len({i for i, _ in v}) == 1 for v in r.values())
    return r if ok and sorted(v[0][0] for v in r.values()) == list(range(n)) else None


def test_multi_host(env):
    kube, ns = setup(env)
    rc = raycluster("m", groups={"tpu": 2})
    rc["spec"]["workerGroupSpecs"][0]["numOfHosts"] = 3
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "m", 6)
    first = wait_for("two whole replicas", lambda: whole(kube, ns, "m", 2, 3))
    assert kube.get("services", ns, "m-headless")["spec"]["selector"] == {"ray.io/cluster": "m", "ray.io/node-type": "worker"}
    victim = pods_of(kube, ns, "m", "tpu")[0]["metadata"]
    kube.delete("pods", ns, victim["name"])
    lost = victim["labels"]["ray.io/worker-group-replica-name"]
    after = wait_for("the broken replica to be replaced whole", lambda: (lambda r: r if r and lost not in r else None)(whole(kube, ns, "m", 2, 3)))
    assert len(set(first) & set(after)) == 1, "the other replica was touched"
    name = sorted(after)[0]
    named = next(p["metadata"]["name"] for p in pods_of(kube, ns, "m", "tpu") if p["metadata"]["labels"]["ray.io/worker-group-replica-name"] == name)
    kube.json_patch("rayclusters", ns, "m", [{"op": "add", "path": "/spec/workerGroupSpecs/0/replicas", "value": 1},
                                            {"op": "add", "path": "/spec/workerGroupSpecs/0/scaleStrategy", "value": {"workersToDelete": [named]}}])
    wait_for("one replica, not the named one", lambda: (lambda r: len(r) == 1 and name not in r and len(list(r.values())[0]) == 3)(replicas(kube, ns, "m")))
    assert_quiet(env)


def test_serve_service_comes_and_goes(env):
    kube, ns = setup(env)
    rc = raycluster("s", workers=0)
    rc["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "serve", "containerPort": 8000}, {"name": "dashboard", "containerPort": 8265}]
    rc["metadata"]["annotations"] = {"ray.io/enable-serve-service": "true"}
    kube.create("rayclusters", ns, rc)
    svc = wait_for("the serve service", lambda: kube.find("services", ns, "s-serve-svc"))
    assert svc["spec"]["selector"] == {"ray.io/cluster": "s"} and [p["name"] for p in svc["spec"]["ports"]] == ["serve"], svc["spec"]
    kube.patch("rayclusters", ns, "s", {"metadata": {"annotations": {"ray.io/enable-serve-service": None}}})
    gone(kube, "services", ns, "s-serve-svc")


def test_head_service_follows_the_spec(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("h", workers=0))
    wait_ready(kube, ns, "h", 0)
    edit(kube, ns, "h", headServiceAnnotations={"who": "me"})
    wait_for("the annotation", lambda: kube.get("services", ns, "h-head-svc")["metadata"].get("annotations", {}).get("who") == "me")
    kube.delete("services", ns, "h-head-svc")
    wait_for("the service to be back", lambda: kube.find("services", ns, "h-head-svc"))
    assert_quiet(env)


def test_services_are_mended(env):
    """Edits are taken back, and what the user takes back; what a client in Go writes of nothing is nothing."""
    kube, ns = setup(env)
    rc = raycluster("s", workers=0)
    ports = [{"name": "extra", "port": 7777, "targetPort": 0, "nodePort": 0}]
    rc["spec"]["headGroupSpec"]["headService"] = {"metadata": {"annotations": {"who": "me"}, "labels": {"mine": "x"}},
                                                  "spec": {"type": "LoadBalancer", "clusterIP": "", "loadBalancerSourceRanges": ["10.0.0.0/8"], "ports": ports}}
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "s", 0)
    assert_quiet(env)
    service = lambda: kube.get("services", ns, "s-head-svc")
    uid = service()["metadata"]["uid"]
    kube.patch("services", ns, "s-head-svc", {"metadata": {"labels": {"ray.io/cluster": None, "other": "y"}}, "spec": {"selector": {"nobody": "x"}}})
    wait_for("label and selector to be back", lambda: service()["metadata"]["labels"].get("ray.io/cluster") == "s" and "nobody" not in service()["spec"]["selector"])
    edit(kube, ns, "s", headGroupSpec={"headService": {"metadata": None, "spec": {"type": None, "loadBalancerSourceRanges": None, "ports": None}}})
    wait_for("the type", lambda: service()["spec"]["type"] == "ClusterIP")
    wait_for("the rest", lambda: "loadBalancerSourceRanges" not in service()["spec"] and "mine" not in service()["metadata"]["labels"])
    assert "who" not in service()["metadata"].get("annotations", {}) and service()["metadata"]["labels"]["other"] == "y", service()["metadata"]
    assert "extra" not in [p["name"] for p in service()["spec"]["ports"]] and service()["metadata"]["uid"] == uid
    assert_quiet(env)


def test_head_service_gets_an_address(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("a", workers=0))
    wait_ready(kube, ns, "a", 0)
    pod, old = head_of(kube, ns, "a")["metadata"]["uid"], kube.get("services", ns, "a-head-svc")
    assert old["spec"]["clusterIP"] == "None"
    edit(kube, ns, "a", headGroupSpec={"serviceType": "NodePort"})
    new = wait_for("another service", lambda: (lambda o: o if o and o["metadata"]["uid"] != old["metadata"]["uid"] else None)(kube.find("services", ns, "a-head-svc")))
    assert new["spec"]["type"] == "NodePort" and new["spec"]["clusterIP"] != "None", new["spec"]
    edit(kube, ns, "a", headGroupSpec={"headService": {"metadata": {"name": "mine"}}})
    wait_for("the one of the new name", lambda: kube.find("services", ns, "mine"))
    assert_quiet(env)
    assert kube.find("services", ns, "a-head-svc") and head_of(kube, ns, "a")["metadata"]["uid"] == pod  # it knows the head by that
    kube.delete("pods", ns, head_of(kube, ns, "a")["metadata"]["name"])
    gone(kube, "services", ns, "a-head-svc")
    wait_ready(kube, ns, "a", 0)


def test_head_service_of_somebody_else(env):
    """Its workers would join the other cluster: no pod is made, and the condition says why."""
    kube, ns = setup(env)
    for name in ("first", "second"):
        rc = raycluster(name, workers=1)
        rc["spec"]["headGroupSpec"]["headService"] = {"metadata": {"name": "shared"}}
        kube.create("rayclusters", ns, rc)
        if name == "first": wait_ready(kube, ns, "first", 1)
    why = lambda: next((c for c in kube.get("rayclusters", ns, "second").get("status", {}).get("conditions", []) if c["type"] == "Reconciling"), {})
    wait_for("the condition", lambda: why().get("reason") == "FailedToCreateService")
    wait_for("the event", lambda: events_of(kube, ns, "second", "FailedToCreateService"))
    assert not pods_of(kube, ns, "second"), "pods without a head service of their own"
    kube.delete("rayclusters", ns, "first")
    wait_ready(kube, ns, "second", 1, timeout=90)


def test_workers_wait_for_the_head(env):
    """Against a quota, workers that are quicker would take its place for good."""
    env.cluster()
    ns, order = env.kube.namespace("feat-order"), []

    def before(method, path, body):
        if method != "POST" or not path.partition("?")[0].endswith("/pods"): return
        head = json.loads(body)["metadata"]["labels"]["ray.io/node-type"] == "head"
        if head: time.sleep(0.5)
        order.append("head" if head else "worker")
    env.operator(kubeconfig=env.keep(Front(env.dir, env.kube, before=before)).kubeconfig)
    env.kube.create("rayclusters", ns, raycluster("o", workers=3))
    wait_ready(env.kube, ns, "o", 3)
    assert order == ["head", "worker", "worker", "worker"], order


def test_quota(env):
    kube, ns = setup(env)
    kube.create("resourcequotas", ns, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "3"}}})
    if env.sb is None: wait_for("the quota to count", lambda: kube.get("resourcequotas", ns, "q").get("status", {}).get("hard"))
    kube.create("rayclusters", ns, raycluster("q", workers=6))
    c = wait_for("the quota in a condition", lambda: (lambda c: c if c.get("Reconciling", {}).get("reason") == "QuotaExceeded" else None)(conditions(status_of(kube, ns, "q"))))
    assert c["ReplicaFailure"]["status"] == "True" and c["ReplicaFailure"]["reason"] == "FailedCreateWorkerPod", c
    before = actions_done(env)
    time.sleep(3)
    assert actions_done(env) - before < 20, f"{actions_done(env) - before} actions in 3 s against a quota"
    wait_for("the quota to be explained", lambda: "exceeded quota" in explain(env, ns, "q"))
    kube.patch("resourcequotas", ns, "q", {"spec": {"hard": {"pods": "10"}}})
    wait_ready(kube, ns, "q", 6, 90)
    c = wait_for("the failure to be over", lambda: (lambda c: c if "ReplicaFailure" not in c and "Reconciling" not in c else None)(conditions(status_of(kube, ns, "q"))))


def test_stuck_pod_is_named(env):
    kube, ns = setup(env)
    rc = raycluster("n", workers=1)
    rc["spec"]["workerGroupSpecs"][0]["template"]["spec"]["nodeSelector"] = {"no": "such-node"}
    kube.create("rayclusters", ns, rc)
    worker = wait_for("the worker", lambda: pods_of(kube, ns, "n", "small"))[0]["metadata"]["name"]
    c = wait_for("the reason", lambda: (lambda c: c.get("Reconciling") if c.get("Reconciling", {}).get("reason") == "Unschedulable" else None)(conditions(status_of(kube, ns, "n"))))
    assert worker in c["message"], c
    assert worker in explain(env, ns, "n") and "not scheduled" in explain(env, ns, "n")


def test_state_follows_the_head(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("g", workers=1))
    wait_ready(kube, ns, "g", 1)
    rc = Watcher(kube, "rayclusters", ns)
    kube.delete("pods", ns, head_of(kube, ns, "g")["metadata"]["name"])
    wait_for("ready to be taken back", lambda: any("state" not in o.get("status", {}) for _, o in rc.events))
    wait_ready(kube, ns, "g", 1)


def test_removed_group(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("o", groups={"a": 1, "b": 2}))
    wait_ready(kube, ns, "o", 3)
    edit(kube, ns, "o", workerGroupSpecs=raycluster("o", groups={"a": 1})["spec"]["workerGroupSpecs"])
    wait_for("its workers to go", lambda: len(pods_of(kube, ns, "o")) == 2)
    wait_ready(kube, ns, "o", 1)


def test_pods_that_only_look_alike_are_left_alone(env):
    kube, ns = setup(env)
    kube.create("rayclusters", ns, raycluster("l", workers=1))
    wait_ready(kube, ns, "l", 1)
    twin = pods_of(kube, ns, "l", "small")[0]
    kube.create("pods", ns, {"metadata": {"name": "twin", "labels": twin["metadata"]["labels"]}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    edit(kube, ns, "l", workerGroupSpecs=[dict(raycluster("l", workers=1)["spec"]["workerGroupSpecs"][0], scaleStrategy={"workersToDelete": ["twin"]})])
    time.sleep(1.5)
    assert kube.find("pods", ns, "twin") and len(pods_of(kube, ns, "l")) == 3
    assert_quiet(env)


def test_volcano(env):
    kube, ns = None, None
    env.cluster()
    foreign_kind(env.kube, "scheduling.volcano.sh", "v1beta1", "PodGroup", "podgroups")
    kube, ns = env.kube, env.kube.namespace(f"feat-volcano-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster", "settings": {"batchScheduler": "volcano"}}])
    rc = raycluster("v", workers=2)
    rc["metadata"]["labels"] = {"volcano.sh/queue-name": "q1", "ray.io/priority-class-name": "high"}
    kube.create("rayclusters", ns, rc)
    pg = wait_for("the group", lambda: kube.find("podgroups", ns, "ray-v-pg"))
    assert pg["spec"]["minMember"] == 3 and pg["spec"]["queue"] == "q1" and pg["spec"]["minResources"]["memory"] == "192Mi", pg["spec"]
    head = wait_for("the head", lambda: head_of(kube, ns, "v") or events_of(kube, ns, "v", "FailedToCreateHeadPod"))
    edit(kube, ns, "v", workerGroupSpecs=raycluster("v", workers=4)["spec"]["workerGroupSpecs"])
    wait_for("the group to follow", lambda: kube.get("podgroups", ns, "ray-v-pg")["spec"]["minMember"] == 5)


def test_scheduler_that_is_not_installed(env):
    """The kind that it needs is missing: said. Pods wait, for they would never be scheduled; everything else goes on."""
    kube, ns = setup(env, batchScheduler="scheduler-plugins")
    if kube.find("customresourcedefinitions", None, "podgroups.scheduling.x-k8s.io"): raise Skip("a test before this one has made the kind")
    rc = raycluster("p", workers=1)
    rc["metadata"]["labels"] = {"ray.io/gang-scheduling-enabled": "true"}
    kube.create("rayclusters", ns, rc)
    wait_for("the event", lambda: events_of(kube, ns, "p", "FailedToCreatePodGroup"))
    assert kube.find("services", ns, "p-head-svc") and not pods_of(kube, ns, "p")
    why = kube.get("rayclusters", ns, "p")["status"]
    assert "scheduling group" in json.dumps(conditions(why)["Reconciling"]), why
    foreign_kind(kube, "scheduling.x-k8s.io", "v1alpha1", "PodGroup", "podgroups")
    pods = wait_for("the pods", lambda: (lambda l: l if len(l) == 2 else None)(pods_of(kube, ns, "p")))
    assert all(p["spec"]["schedulerName"] == "scheduler-plugins-scheduler" and p["metadata"]["labels"]["scheduling.x-k8s.io/pod-group"] == "p" for p in pods)


def test_kubernetes_gangs(env):
    """Kubernetes' own gang scheduling: its groups cannot be changed, and are kept from deletion while pods name them."""
    env.cluster()
    kube, api = env.kube, "/apis/scheduling.k8s.io/v1alpha2"
    if env.sb:
        for kind, plural in (("Workload", "workloads"), ("PodGroup", "podgroups")): foreign_kind(kube, "scheduling.k8s.io", "v1alpha2", kind, plural)
    else:
        try: kube.call("GET", api)
        except ApiError: raise Skip("this API server does not serve scheduling.k8s.io/v1alpha2")
    ns = kube.namespace(f"feat-gangs-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster", "settings": {"featureGates": {"KubernetesWAS": True}}}])
    path = f"{api}/namespaces/{ns}"

    def size(groups=1):
        made = [kube.call("GET", f"{path}/{r}")["items"] for r in ("workloads", "podgroups")]
        if [len(m) for m in made] != [groups, groups] or any("deletionTimestamp" in o["metadata"] for m in made for o in m): return None
        return {made[0][0]["spec"]["podGroupTemplates"][0]["schedulingPolicy"]["gang"]["minCount"], made[1][0]["spec"]["schedulingPolicy"]["gang"]["minCount"]} if groups else "none"

    rc = raycluster("w", workers=2)
    rc["metadata"]["labels"] = {"ray.io/gang-scheduling-enabled": "true"}
    kube.create("rayclusters", ns, rc)
    wait_ready(kube, ns, "w", 2)
    assert size() == {3} and all(p["spec"]["schedulingGroup"] == {"podGroupName": "w-cluster"} for p in pods_of(kube, ns, "w"))
    assert not events_of(kube, ns, "w", "FailedToCreatePodGroup")
    if env.sb: kube.call("PATCH", f"{path}/podgroups/w-cluster", {"metadata": {"finalizers": ["scheduling.k8s.io/podgroup-protection"]}}, "application/merge-patch+json")
    edit(kube, ns, "w", workerGroupSpecs=raycluster("w", workers=4)["spec"]["workerGroupSpecs"])
    wait_for("groups of the new size", lambda: size() == {5}, 40)
    wait_ready(kube, ns, "w", 4)
    assert_quiet(env)
    if env.sb: kube.call("PATCH", f"{path}/podgroups/w-cluster", {"metadata": {"finalizers": ["scheduling.k8s.io/podgroup-protection"]}}, "application/merge-patch+json")
    kube.patch("rayclusters", ns, "w", {"metadata": {"labels": None}})
    wait_for("the groups to go", lambda: size(0) == "none", 40)
    assert len(pods_of(kube, ns, "w")) == 5


def test_network_policy(env):
    plugins = [{"name": "raycluster", "settings": {"featureGates": {"RayClusterNetworkPolicy": True}}}, {"name": "networkpolicy"}]
    kube, ns = setup(env, plugins)
    rule = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53}]}
    kube.create("rayclusters", ns, raycluster("np", groups={"a": 1, "b": 0}, networkPolicy={"mode": "DenyAll", "worker": {"egressRules": [rule]}}))
    names = lambda: sorted(o["metadata"]["name"] for o in kube.list("networkpolicies", ns))
    wait_for("three policies", lambda: names() == ["np-head", "np-workers-a", "np-workers-b"])
    a = kube.get("networkpolicies", ns, "np-workers-a")["spec"]
    assert a["policyTypes"] == ["Ingress", "Egress"] and len(a["egress"]) == 2 and len(a["ingress"]) == 1, a
    wait_ready(kube, ns, "np", 1)
    assert_quiet(env)
    views = env.op.control("explain", kind="raycluster", namespace=ns, name="np")["plugins"]
    assert [(v["plugin"], v["found"], v["state"]) for v in views] == [("raycluster", True, "settled"), ("networkpolicy", True, "settled")], views
    said = env.op.ctl("explain", "raycluster/np", "-n", ns)
    assert all(f"RayCluster {ns}/np (plugin {p}): settled" in said for p in ("raycluster", "networkpolicy")), said
    edit(kube, ns, "np", networkPolicy={"mode": "DenyAllIngress", "worker": None})
    wait_for("the mode to follow", lambda: kube.get("networkpolicies", ns, "np-head")["spec"]["policyTypes"] == ["Ingress"])
    assert not kube.get("networkpolicies", ns, "np-head")["spec"].get("egress")
    kube.delete("networkpolicies", ns, "np-workers-b")
    wait_for("a deleted one to be back", lambda: "np-workers-b" in names())
    edit(kube, ns, "np", networkPolicy=None)
    wait_for("no policy", lambda: names() == [])
    assert_quiet(env)


def test_mtls(env):
    env.cluster()
    for kind, plural in (("Issuer", "issuers"), ("Certificate", "certificates")): foreign_kind(env.kube, "cert-manager.io", "v1", kind, plural)
    kube, ns = env.kube, env.kube.namespace(f"feat-mtls-{os.getpid()}")
    env.operator(plugins=[{"name": "raycluster", "settings": {"featureGates": {"RayClusterMTLS": True}}}, {"name": "mtls"}])
    kube.create("rayclusters", ns, raycluster("tls", workers=1, tlsOptions={"enabled": True}))
    head = wait_for("the head's certificate", lambda: kube.find("certificates", ns, "ray-head-cert-tls"))
    assert head["spec"]["dnsNames"] == ["localhost", f"tls-head-svc.{ns}.svc.cluster.local"] and head["spec"]["ipAddresses"] == ["127.0.0.1"], head["spec"]
    assert len(kube.list("issuers", ns)) == 2 and len(kube.list("certificates", ns)) == 3
    time.sleep(0.5)
    assert not pods_of(kube, ns, "tls"), "pods before their certificates"

    def issue():  # what cert-manager does
        for name in ("head", "worker"):
            c = kube.get("certificates", ns, f"ray-{name}-cert-tls")
            kube.patch("certificates", ns, f"ray-{name}-cert-tls", {"status": {"conditions": [
                {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
                 "observedGeneration": c["metadata"]["generation"]}]}}, "status")
    issue()
    pod = wait_for("the head", lambda: head_of(kube, ns, "tls"), 60)
    assert pod["spec"]["initContainers"][0]["name"] == "wait-for-tls-ip-san"
    assert any(v.get("secret", {}).get("secretName") == "ray-head-secret-tls" for v in pod["spec"]["volumes"])
    wait_for("its address in the certificate", lambda: len(kube.get("certificates", ns, "ray-head-cert-tls")["spec"]["ipAddresses"]) == 2)


def manifests():
    """What users write and no recording has, each with what is special about it."""
    def cluster(name, head=None, group=None, container=None, note=None, **spec):
        rc = raycluster(name, workers=1, **spec)
        h, g = rc["spec"]["headGroupSpec"], rc["spec"]["workerGroupSpecs"][0]
        h.update(head or {})
        g.update(group or {})
        h["template"]["spec"]["containers"][0].update(container or {})
        if note: rc["metadata"]["annotations"] = note
        return rc
    service = {"metadata": {"name": "front-door", "labels": {"tier": "front"}, "annotations": {"a": "user"}}, "spec": {"type": "NodePort", "ports": [
        {"name": "dashboard", "port": 80, "targetPort": 8265}, {"name": "grpc", "port": 9000, "targetPort": 9000}, {"name": "dns", "port": 6379, "protocol": "UDP"}]}}
    yield cluster("head-service", {"headService": service}, headServiceAnnotations={"a": "spec"}), lambda kube, ns, pods: [
        kube.get("services", ns, "front-door")["metadata"]["annotations"]["a"] == "spec",
        {p["name"] for p in kube.get("services", ns, "front-door")["spec"]["ports"]} == {"dashboard", "grpc", "dns", "gcs-server", "client", "metrics", "serve"},
        {e["name"]: e.get("value") for e in pods["worker"]["spec"]["containers"][0]["env"]}["FQ_RAY_IP"] == f"front-door.{ns}.svc.cluster.local"]
    options = {"host": "ray.example.com", "path": "/x", "pathType": "Exact", "tls": [{"hosts": ["ray.example.com"], "secretName": "t"}]}
    yield cluster("balanced", {"serviceType": "LoadBalancer", "enableIngress": True, "ingressOptions": options},
                  note={"kubernetes.io/ingress.class": "nginx", "nginx.ingress.kubernetes.io/rewrite-target": "/"}), lambda kube, ns, pods: [
        kube.get("services", ns, "balanced-head-svc")["spec"]["type"] == "LoadBalancer",
        (lambda i: i["spec"]["ingressClassName"] == "nginx" and i["spec"]["tls"] == options["tls"] and "kubernetes.io/ingress.class" not in i["metadata"]["annotations"]
         and i["spec"]["rules"][0]["host"] == options["host"])(kube.get("ingresses", ns, "balanced-head-ingress"))]
    yield cluster("overwritten", container={"command": ["/bin/bash", "-c", "--"], "args": ["echo mine; $KUBERAY_GEN_RAY_START_CMD"]}, note={"ray.io/overwrite-container-cmd": "true"}), lambda kube, ns, pods: [
        pods["head"]["spec"]["containers"][0]["args"] == ["echo mine; $KUBERAY_GEN_RAY_START_CMD"]]
    yield cluster("prefixed", container={"command": ["echo hello"], "args": ["world"]}), lambda kube, ns, pods: [
        pods["head"]["spec"]["containers"][0]["args"][0].startswith(" echo hello  world  && ulimit -n ")]
    scaler = {"version": "v2", "command": ["/bin/bash", "-lc", "--"], "args": ["$KUBERAY_GEN_AUTOSCALER_START_CMD"], "env": [{"name": "X", "value": "1"}],
              "envFrom": [{"configMapRef": {"name": "nobody", "optional": True}}], "imagePullPolicy": "Always", "idleTimeoutSeconds": 30}
    yield cluster("scaled", group={"idleTimeoutSeconds": 60, "priority": 7}, enableInTreeAutoscaling=True, autoscalerOptions=scaler, rayVersion="2.56.0"), lambda kube, ns, pods: [
        (lambda c: c["args"] == scaler["args"] and c["env"][-1]["name"] == "X" and c["envFrom"] == scaler["envFrom"])(pods["head"]["spec"]["containers"][1]),
        pods["worker"]["spec"]["restartPolicy"] == "Never", "httpGet" in pods["worker"]["spec"]["containers"][0]["livenessProbe"]]
    mounts = [{"name": "tree", "mountPath": "/tree"}, {"name": "tree", "mountPath": "/tree/leaf", "subPath": "leaf"}, {"name": "tree", "mountPath": "/tmp/ray/session", "subPath": "s"}]
    nested = {"labels": {"ray.io/region": "here", "shelf": "top"}, "template": {"spec": {"volumes": [{"name": "tree", "emptyDir": {}}],
        "initContainers": [{"name": "first", "image": "busybox", "volumeMounts": mounts[:1]}],
        "containers": [{"name": "ray-worker", "image": "rayproject/ray:2.52.0", "volumeMounts": mounts, "resources": {"requests": {"cpu": "10m"}}}]}}}
    yield cluster("nested", group=nested), lambda kube, ns, pods: [
        [c["name"] for c in pods["worker"]["spec"]["initContainers"]] == ["first", "wait-gcs-ready"],
        [m["mountPath"] for m in pods["worker"]["spec"]["containers"][0]["volumeMounts"]][:4] == ["/tree", "/tree/leaf", "/tmp/ray/session", "/dev/shm"],
        pods["worker"]["metadata"]["labels"]["shelf"] == "top", " --labels=ray.io/region=here,shelf=top " in pods["worker"]["spec"]["containers"][0]["args"][0]]


def test_manifests_that_no_recording_has(env):
    """The API server takes what we make of them, and it is what was asked for."""
    kube, ns = setup(env)
    kinds = dict((rc["metadata"]["name"], (rc, rules)) for rc, rules in manifests())
    for rc, _ in kinds.values(): kube.create("rayclusters", ns, rc)
    for name, (_, rules) in kinds.items():
        wait_ready(kube, ns, name, 1)
        pods = {p["metadata"]["labels"]["ray.io/node-type"]: p for p in pods_of(kube, ns, name)}
        bad = [e for e in events_of(kube, ns, name) if e["type"] == "Warning"]
        assert not bad, f"{name}: {bad}"
        right = rules(kube, ns, pods)
        assert all(right), f"{name}: {right} {json.dumps(pods)[:3000]}"
    assert_quiet(env)


def test_kstatus(env):
    """Reconciling while on the way, gone when settled; observedGeneration follows every edit."""
    kube, ns = setup(env)
    rc = Watcher(kube, "rayclusters", ns)
    kube.create("rayclusters", ns, raycluster("k", workers=1))
    wait_ready(kube, ns, "k", 1)
    settled = lambda: (lambda o: "Reconciling" not in conditions(o["status"]) and o["status"]["observedGeneration"] == o["metadata"]["generation"])(kube.get("rayclusters", ns, "k"))
    wait_for("rest", settled)
    assert any(conditions(o.get("status", {})).get("Reconciling", {}).get("status") == "True" for _, o in rc.events)
    edit(kube, ns, "k", headServiceAnnotations={"a": "b"})
    wait_for("rest after the edit", settled)


if __name__ == "__main__": main()
