#!/usr/bin/env python3
"""The plugin autoscaler in the operator: it asks a gRPC server (of gRPC's own library) that plays Ray's control store on this machine.

The head's service is asked for as NAME.NAMESPACE.svc.localhost, which is this machine, on the port that the head's start parameters name."""
import base64, os, struct, subprocess, sys, threading, time
from concurrent import futures
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import *
from test_http import grpc_module

NS = "scaled"
SERVICE = "ray.rpc.autoscaler.AutoscalerStateService"


# ---- messages, by hand ----------------------------------------------------------------------------------------

def varint(n):
    out = b""
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def number(field, n): return varint(field << 3) + varint(n)
def part(field, data): return varint(field << 3 | 2) + varint(len(data)) + data
def amount(field, name, value): return part(field, part(1, name.encode()) + varint(2 << 3 | 1) + struct.pack("<d", value))
def request(cpu): return amount(1, "CPU", cpu)


def first_bytes(message, field):
    """The first length-delimited field of that number."""
    at = 0
    while at < len(message):
        key, at = message[at], at + 1
        if key & 7 == 0:
            while message[at] & 0x80: at += 1
            at += 1
            continue
        n = message[at]
        at += 1
        if key >> 3 == field: return message[at:at + n]
        at += n
    return b""


class ControlStore:
    """Each pod that runs is a Ray node; demand and work are what the test says."""
    def __init__(self, grpc, kube, tls=None):
        self.kube, self.grpc = kube, grpc
        self.cpus, self.busy, self.idle_ms, self.down = [], set(), 0, False
        self.token, self.strangers = None, 0
        self.asked, self.drained, self.refused, self.reports, self.preempted = 0, [], 0, 0, []
        methods = {"GetClusterResourceState": self.state, "DrainNode": self.drain, "ReportAutoscalingState": self.report}
        server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_connection_age_ms", 1000)] if tls else [])
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            SERVICE, {k: grpc.unary_unary_rpc_method_handler(self.known(v)) for k, v in methods.items()}),))
        self.port = server.add_secure_port("127.0.0.1:0", tls.credentials(grpc)) if tls else server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.server = server

    def known(self, method):
        """As Ray with RAY_AUTH_MODE=token: who does not bring the token gets no answer."""
        def checked(message, context):
            given = [v for k, v in context.invocation_metadata() if k == "authorization"]
            if self.token is not None and given != [f"Bearer {self.token}"]:
                self.strangers += 1
                context.abort(self.grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            return method(message, context)
        return checked

    def stop(self): self.server.stop(None)
    def node_id(self, pod): return pod["metadata"]["uid"].replace("-", "")[:28].encode()

    def state(self, message, context):
        self.asked += 1
        if message: raise AssertionError("a version was sent")
        if self.down: context.abort(self.grpc.StatusCode.UNAVAILABLE, "not now")
        out = part(7, b"session-1")
        for pod in self.kube.list("pods", NS, "ray.io/cluster"):
            if pod.get("status", {}).get("phase") != "Running" or pod["metadata"].get("deletionTimestamp"): continue
            name, head = pod["metadata"]["name"], pod["metadata"]["labels"]["ray.io/node-type"] == "head"
            busy = name in self.busy
            node = part(1, self.node_id(pod)) + part(2, name.encode()) + part(3, pod["metadata"]["labels"]["ray.io/group"].encode())
            node += amount(5, "node:__internal_head__" if head else "CPU", 1) + (b"" if busy else amount(4, "CPU", 0 if head else 1))
            gone = self.node_id(pod) in self.drained
            out += part(3, node + number(8, 2 if gone else 1 if busy or not self.idle_ms else 3) + number(9, 0 if busy else self.idle_ms))
        for cpu, count in self.cpus:
            out += part(4, part(1, request(cpu)) + number(2, count))
        return part(1, out)

    def drain(self, message, context):
        node = first_bytes(message, 1)
        names = {self.node_id(p): p["metadata"]["name"] for p in self.kube.list("pods", NS, "ray.io/cluster")}
        if number(2, 2) in message: # reason: preemption
            self.preempted.append((names.get(node), message))
            return number(1, 1)
        if names.get(node) in self.busy:
            self.refused += 1
            return part(2, b"The node to be idle terminated is no longer idle.")
        self.drained.append(node)
        return number(1, 1)

    def report(self, message, context):
        self.reports += 1
        return b""


def setup(env, record=None, **settings):
    grpc = grpc_module()
    env.sandbox(why="a control store of this test's own")
    env.kube.namespace(NS)
    store = ControlStore(grpc, env.kube)
    env.operator(plugins=[{"name": "raycluster", "settings": {"clusterDomain": "localhost"}},
                          {"name": "autoscaler", "settings": {"clusterDomain": "localhost", **settings}, **({"record": record} if record else {})}])
    return store


def cluster(name, port, mode="operator", most=5):
    c = raycluster(name, 0)
    c["metadata"].setdefault("annotations", {})["rayvisor.io/autoscaler"] = mode
    c["spec"]["enableInTreeAutoscaling"] = True
    c["spec"]["autoscalerOptions"] = {"idleTimeoutSeconds": 1}
    c["spec"]["headGroupSpec"]["rayStartParams"] = {"port": str(port)}
    group = c["spec"]["workerGroupSpecs"][0]
    group.update(replicas=0, minReplicas=0, maxReplicas=most)
    group["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    return c


def workers(kube, name="c"): return [p for p in pods_of(kube, NS, name) if p["metadata"]["labels"]["ray.io/node-type"] == "worker"]
def group_of(kube, name="c"): return kube.get("rayclusters", NS, name)["spec"]["workerGroupSpecs"][0]
def ready(kube, name="c"):
    """Status and reason of the condition AutoscalerReady."""
    c = conditions(status_of(kube, NS, name)).get("AutoscalerReady", {})
    return c.get("status"), c.get("reason")
def secrets_read(env): return env.sb.stats()["requests"].get("get secrets", 0)
def explained(env, name="c"): return json.dumps(env.op.control("explain", kind="raycluster", namespace=NS, name=name))


def test_scales_up_and_down(env):
    store = setup(env)
    try:
        env.kube.create("rayclusters", NS, cluster("c", store.port))
        wait_for("the control store to be asked", lambda: store.asked > 2, 60)
        head = pods_of(env.kube, NS, "c", "headgroup")[0]["spec"]
        assert [c["name"] for c in head["containers"]] == ["ray-head"] or len(head["containers"]) == 1, head["containers"]
        assert head.get("serviceAccountName") in (None, "", "default") and not env.kube.list("roles", NS)
        wait_for("the condition", lambda: ready(env.kube) == ("True", "Scaling"), 30)
        store.cpus = [(1, 3)]
        begin = time.time()
        wait_for("replicas", lambda: group_of(env.kube)["replicas"] == 3, 30)
        print(f"from demand to replicas: {time.time() - begin:.2f} s")
        pods = wait_for("three workers", lambda: [p for p in workers(env.kube) if p["status"].get("phase") == "Running"] and len(workers(env.kube)) == 3 and workers(env.kube), 60)
        store.busy, store.cpus = {p["metadata"]["name"] for p in pods}, []
        store.idle_ms = 60000
        time.sleep(3)
        assert len(workers(env.kube)) == 3 and not store.drained, "busy workers stay"
        store.busy = {pods[0]["metadata"]["name"]}
        wait_for("two to be drained and gone", lambda: len(workers(env.kube)) == 1 and group_of(env.kube)["replicas"] == 1, 60)
        assert workers(env.kube)[0]["metadata"]["name"] == pods[0]["metadata"]["name"] and len(store.drained) == 2
        wait_for("the list to be emptied", lambda: not group_of(env.kube).get("scaleStrategy", {}).get("workersToDelete"), 30)
        assert "is in use" in explained(env), explained(env)
        assert store.reports > 0 and events_of(env.kube, NS, "c", "ScaledUp") and events_of(env.kube, NS, "c", "ScaledDown")
    finally:
        store.stop()


def test_frozen_while_nobody_answers(env):
    store = setup(env)
    try:
        env.kube.create("rayclusters", NS, cluster("c", store.port))
        wait_for("the control store to be asked", lambda: store.asked > 2, 60)
        store.cpus = [(1, 2)]
        wait_for("two workers", lambda: len([p for p in workers(env.kube) if p["status"].get("phase") == "Running"]) == 2, 60)
        store.cpus, store.idle_ms, store.down = [], 60000, True # gRPC errors inside of HTTP status 200
        time.sleep(8)
        assert len(workers(env.kube)) == 2 and "UNAVAILABLE" in explained(env), explained(env)
        wait_for("the condition", lambda: ready(env.kube) == ("False", "ControlStoreUnavailable"), 30)
        assert len(workers(env.kube)) == 2
        store.down = False
        wait_for("scaling to go on", lambda: not workers(env.kube), 30)
        wait_for("the condition", lambda: ready(env.kube) == ("True", "Scaling"), 10)
    finally:
        store.stop()


def reclaim(env, store, take_away):
    """A busy worker is taken away: Ray is told at once, and another one is started while it still runs."""
    env.kube.create("rayclusters", NS, cluster("c", store.port))
    wait_for("the control store to be asked", lambda: store.asked > 2, 60)
    store.cpus = [(1, 1)]
    pod = wait_for("a worker", lambda: [p for p in workers(env.kube) if p["status"].get("phase") == "Running"], 60)[0]
    store.busy, store.cpus = {pod["metadata"]["name"]}, []
    time.sleep(2)
    assert len(workers(env.kube)) == 1 and not store.preempted
    take_away(pod)
    begin = time.time()
    told = wait_for("Ray to be told", lambda: store.preempted, 10)
    print(f"from the sign to the drain: {time.time() - begin:.2f} s")
    assert told[0][0] == pod["metadata"]["name"]
    deadline = told[0][1].split(varint(4 << 3), 1)[1][-6:]
    deadline = sum((b & 0x7f) << 7 * i for i, b in enumerate(deadline)) / 1000
    assert begin + 25 < deadline < begin + 45, (begin, deadline)
    wait_for("another worker", lambda: len(workers(env.kube)) == 2, 30)
    wait_for("replicas of those that stay", lambda: group_of(env.kube)["replicas"] == 1, 30)
    env.kube.delete("pods", NS, pod["metadata"]["name"])
    store.busy = {p["metadata"]["name"] for p in workers(env.kube)}
    wait_for("it to be gone", lambda: pod["metadata"]["name"] not in [p["metadata"]["name"] for p in workers(env.kube)], 60)
    time.sleep(3)
    assert len(workers(env.kube)) == 1 and group_of(env.kube)["replicas"] == 1
    assert events_of(env.kube, NS, "c", "NodePreempted")


def test_a_disrupted_pod_is_told_to_ray(env):
    store = setup(env)
    def evict(pod):
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "evicted"}
        status = env.kube.get("pods", NS, pod["metadata"]["name"])["status"]
        env.kube.patch("pods", NS, pod["metadata"]["name"], {"status": {"conditions": status.get("conditions", []) + [condition]}}, "status")
    try: reclaim(env, store, evict)
    finally: store.stop()


def test_a_tainted_machine_is_told_to_ray(env):
    store = setup(env, nodeTaints=True)
    def taint(pod):
        env.kube.patch("nodes", None, pod["spec"]["nodeName"], {"spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}})
    try: reclaim(env, store, taint)
    finally: store.stop()


ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
WRITES = [("ray.io", "rayclusters", sub, verb) for sub in ("", "status") for verb in ("patch", "update")] + [
    ("ray.io", "rayclusters", "", "delete"), ("ray.io", "rayclusters", "", "create"), ("", "pods", "", "patch"), ("", "pods", "", "delete"), ("", "pods", "resize", "patch")]


def granted(kube, ns, account):
    """Those of the writes that the service account may do in the namespace."""
    found = []
    for group, resource, sub, verb in WRITES:
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                  "spec": {"user": f"system:serviceaccount:{ns}:{account}", "groups": ["system:serviceaccounts", f"system:serviceaccounts:{ns}", "system:authenticated"],
                           "resourceAttributes": {"namespace": ns, "group": group, "resource": resource, "subresource": sub, "verb": verb}}}
        if kube.call("POST", ACCESS, review)["status"]["allowed"]: found.append(f"{verb} {resource}/{sub}".rstrip("/"))
    return found


def test_the_head_may_change_nothing(env):
    """In operator mode nothing in the head has an account that may change the RayCluster; a sidecar's may. The embedded server asks nobody's account."""
    env.cluster()
    ns = env.kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, {"name": "autoscaler"}])
    for name, mode in (("ours", "operator"), ("theirs", "sidecar")): env.kube.create("rayclusters", ns, cluster(name, 6379, mode=mode))
    heads = {name: wait_for("the head", lambda: pods_of(env.kube, ns, name, "headgroup"), 60)[0] for name in ("ours", "theirs")}
    accounts = {name: head["spec"].get("serviceAccountName") or "default" for name, head in heads.items()}
    assert accounts == {"ours": "default", "theirs": "theirs"}, accounts
    for kind in ("serviceaccounts", "roles", "rolebindings"):
        names = [o["metadata"]["name"] for o in env.kube.list(kind, ns)]
        assert "ours" not in names and "theirs" in names, (kind, names)
    if env.sb: return
    wait_for("the sidecar's rights", lambda: "patch rayclusters" in granted(env.kube, ns, "theirs"), 30)
    assert granted(env.kube, ns, "ours") == granted(env.kube, ns, "default") == [], (granted(env.kube, ns, "ours"), granted(env.kube, ns, "default"))
    token = env.kube.call("POST", f"/api/v1/namespaces/{ns}/serviceaccounts/default/token",
                          {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}})["status"]["token"]
    mine, env.kube.token = env.kube.token, token
    try:
        for sub in (None, "status"):
            try: env.kube.patch("rayclusters", ns, "ours", {"spec": {"suspend": True}}, sub)
            except ApiError as e: assert e.status == 403, e
            else: raise AssertionError("the head's account changed the RayCluster")
    finally: env.kube.token = mine


def test_unmet_demand_is_named(env):
    store = setup(env)
    try:
        env.kube.create("rayclusters", NS, cluster("c", store.port))
        store.cpus = [(9, 1)]
        wait_for("the reason", lambda: "CPU: asks for 9, a node has 1" in explained(env), 60)
        wait_for("the event", lambda: events_of(env.kube, NS, "c", "DemandUnmet"), 30)
        assert not workers(env.kube)
    finally:
        store.stop()


def test_a_decision_of_one_cluster_is_replayed(env):
    folder = os.path.join(env.dir, "recordings")
    store = setup(env, record=folder)
    try:
        env.kube.create("rayclusters", NS, cluster("c", store.port))
        env.kube.create("rayclusters", NS, cluster("other", store.port))
        store.cpus = [(1, 2)]
        for name in ("c", "other"): wait_for("replicas", lambda: group_of(env.kube, name)["replicas"] == 2, 60)
        env.op.stop()
    finally:
        store.stop()
    recording = max((os.path.join(folder, f) for f in os.listdir(folder)), key=os.path.getsize) # on a slow machine a start may fail
    command = [binary("rayvisor-host"), "--replay", recording, "--key", f"{NS}/c", f"{BUILD}/lib/rayvisor/plugins/autoscaler.so"]
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    lines = [json.loads(l) for l in p.stdout.splitlines()]
    assert p.returncode == 0, (p.stderr, lines[-3:])
    patch = next(i for i, l in enumerate(lines) if l["type"] == "ACTION" and any(o["path"].endswith("/replicas") for o in l.get("payload") or [] if isinstance(o, dict)))
    why = next(l for l in lines[patch:] if l["type"] == "DECISION")
    assert any("2 new pods (2 for " in l for l in why["lines"]) and why["at"].startswith("20"), why
    assert {l["body"]["kn"] for l in lines if l["type"] == "ACTION"} == {"c"}, lines


def test_a_token_is_shown_to_the_control_store(env):
    store = setup(env)
    store.token = "not yet made"
    try:
        c = cluster("c", store.port)
        c["spec"].update(rayVersion="2.52.0", authOptions={"mode": "token"})
        env.kube.create("rayclusters", NS, c)
        wait_for("the reason", lambda: "UNAUTHENTICATED" in explained(env), 60)
        assert store.strangers > 0 and store.asked == 0
        for token in (base64.b64decode(env.kube.get("secrets", NS, "c")["data"]["auth_token"]).decode(), "another-one"):
            env.kube.patch("secrets", NS, "c", {"data": {"auth_token": base64.b64encode(token.encode()).decode()}})
            store.token, asked = token, store.asked
            wait_for("an answer", lambda: store.asked > asked, 30)
        wait_for("the condition", lambda: ready(env.kube) == ("True", "Scaling"), 30)
        asked, read = store.asked, secrets_read(env)
        wait_for("many answers", lambda: store.asked > asked + 40, 60) # for longer than ten seconds
        assert secrets_read(env) == read, "a token that is taken is not read again"
        store.cpus = [(1, 2)]
        pods = wait_for("two workers", lambda: (lambda l: l if len(l) == 2 and all(p["status"].get("phase") == "Running" for p in l) else None)(workers(env.kube)), 60)
        store.cpus, store.idle_ms, store.strangers = [], 60000, 0
        wait_for("them to be drained and gone", lambda: not workers(env.kube) and len(store.drained) == len(pods), 60)
        assert store.strangers == 0 and store.reports > 0
    finally:
        store.stop()


class Issuer:
    """Plays cert-manager for one cluster: an issuer of its own, the head's certificate (which the control store has) and the workers' (which is in a Secret)."""
    def __init__(self, dir): self.dir = dir

    def openssl(self, *args): subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=self.dir)
    def read(self, name): return open(os.path.join(self.dir, name), "rb").read()

    def renew(self, head):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        self.openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ray-ca")
        for name, names in (("head", f"DNS:localhost,DNS:{head},IP:127.0.0.1"), ("worker", "DNS:localhost,IP:127.0.0.1")):
            self.openssl("req", "-x509", *key, "-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", name + ".key", "-out", name + ".crt", "-subj", f"/CN={name}",
                         "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth")

    def configuration(self, grpc): return grpc.ssl_server_certificate_configuration([(self.read("head.key"), self.read("head.crt"))], self.read("ca.crt"))
    def credentials(self, grpc): # what is new is asked for with each connection
        return grpc.dynamic_ssl_server_credentials(self.configuration(grpc), lambda: self.configuration(grpc), True)

    def secret(self):
        return {k: base64.b64encode(self.read(f)).decode() for k, f in (("tls.crt", "worker.crt"), ("tls.key", "worker.key"), ("ca.crt", "ca.crt"))}

    def certify(self, kube, name):
        """The Certificates that the plugin mtls asks for are issued."""
        for which in ("head", "worker"):
            c = wait_for("the certificate", lambda: kube.find("certificates", NS, f"ray-{which}-cert-{name}"), 30)
            kube.patch("certificates", NS, f"ray-{which}-cert-{name}", {"status": {"notAfter": "2099-01-01T00:00:00Z", "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": c["metadata"]["generation"]}]}}, "status")


def test_client_certificates(env):
    """mTLS: our certificate is the workers', from the cluster's own issuer; a Secret that is missing or outdated is named, and a renewed one is used at once."""
    grpc = grpc_module()
    env.sandbox(why="a control store of this test's own")
    for kind, plural in (("Issuer", "issuers"), ("Certificate", "certificates")): foreign_kind(env.kube, "cert-manager.io", "v1", kind, plural)
    env.kube.namespace(NS)
    issuer = Issuer(env.dir)
    issuer.renew(f"c-head-svc.{NS}.svc.localhost")
    store = ControlStore(grpc, env.kube, issuer)
    settings = {"clusterDomain": "localhost", "featureGates": {"RayClusterMTLS": True}}
    env.operator(plugins=[{"name": "raycluster", "settings": settings}, {"name": "mtls", "settings": {"clusterDomain": "localhost"}}, {"name": "autoscaler", "settings": settings}])
    try:
        c = cluster("c", store.port)
        c["spec"]["tlsOptions"] = {"enabled": True}
        env.kube.create("rayclusters", NS, c)
        env.kube.create("secrets", NS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ray-head-secret-c"}}) # the head's pod mounts it
        issuer.certify(env.kube, "c")
        wait_for("the condition", lambda: ready(env.kube) == ("False", "ControlStoreUnavailable"), 60)
        message = conditions(status_of(env.kube, NS, "c"))["AutoscalerReady"]["message"]
        assert f"Secret {NS}/ray-worker-secret-c cannot be used as a client certificate: object not found" in message, message
        assert len(pods_of(env.kube, NS, "c", "headgroup")[0]["spec"]["containers"]) == 1 and store.asked == 0
        env.kube.create("secrets", NS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ray-worker-secret-c"}, "data": issuer.secret()})
        wait_for("the condition", lambda: ready(env.kube) == ("True", "Scaling"), 30)
        store.cpus = [(1, 2)]
        wait_for("two workers", lambda: len([p for p in workers(env.kube) if p["status"].get("phase") == "Running"]) == 2, 60)
        wait_for("a report", lambda: store.reports, 30)
        read, asked = secrets_read(env), store.asked
        wait_for("more answers over other connections", lambda: store.asked > asked + 5, 60)
        assert secrets_read(env) == read, "the certificate is read once"
        issuer.renew(f"c-head-svc.{NS}.svc.localhost") # the head already has the new certificates, and we have the earlier ones
        wait_for("the control store to be refused", lambda: ": TLS: " in explained(env), 30)
        assert len(workers(env.kube)) == 2
        asked = store.asked
        env.kube.patch("secrets", NS, "ray-worker-secret-c", {"data": issuer.secret()})
        wait_for("an answer", lambda: store.asked > asked, 30)
        store.cpus, store.idle_ms = [], 60000
        wait_for("them to be drained and gone", lambda: not workers(env.kube) and len(store.drained) == 2, 60)
        begins = issuer.secret()["tls.key"][80:140]
        assert begins not in env.op.proc.output() and "PRIVATE KEY" not in env.op.proc.output()
    finally:
        store.stop()


def test_the_sidecar_is_left_alone(env):
    store = setup(env)
    try:
        env.kube.create("rayclusters", NS, cluster("c", store.port, mode="sidecar"))
        wait_ready(env.kube, NS, "c", 0, 60)
        head = pods_of(env.kube, NS, "c", "headgroup")[0]["spec"]
        assert "autoscaler" in [c["name"] for c in head["containers"]] and env.kube.list("roles", NS)
        store.cpus = [(1, 3)]
        time.sleep(3)
        assert store.asked == 0 and group_of(env.kube)["replicas"] == 0 and ready(env.kube) == (None, None)
        env.kube.patch("rayclusters", NS, "c", {"metadata": {"annotations": {"rayvisor.io/autoscaler": "operator"}}})
        wait_for("it to look on", lambda: "still has a sidecar" in explained(env), 30)
        wait_for("the condition", lambda: ready(env.kube) == ("False", "SidecarScales"), 30)
        time.sleep(2)
        assert group_of(env.kube)["replicas"] == 0, "the sidecar writes until its head is gone"
        env.kube.delete("pods", NS, pods_of(env.kube, NS, "c", "headgroup")[0]["metadata"]["name"])
        wait_for("the plugin to scale", lambda: group_of(env.kube)["replicas"] == 3, 60)
        wait_for("the condition", lambda: ready(env.kube) == ("True", "Scaling"), 10)
        env.kube.patch("rayclusters", NS, "c", {"metadata": {"annotations": {"rayvisor.io/autoscaler": "sidecar"}}})
        env.kube.delete("pods", NS, pods_of(env.kube, NS, "c", "headgroup")[0]["metadata"]["name"])
        wait_for("the condition to go", lambda: ready(env.kube) == (None, None), 60)
    finally:
        store.stop()


if __name__ == "__main__": main()
