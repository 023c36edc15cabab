"""The validating webhook: the operator's own rules at the API server's door. Who may ask, what is said, what becomes of an object when nobody can judge, keys that change."""
import base64, contextlib, http.client, json, os, random, re, socket, ssl, subprocess, threading, time

from harness import ApiError, Skip, binary, main, raycluster, rayjob, rayservice, wait_for

NAME = "rayvisor-admission"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
TOY = [{"name": "toy", "grants": "all"}]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Webhook:
    """An operator with a webhook, and who asks it as the API server does."""

    def __init__(self, env, ns, policy="Ignore", plugins=None, timeout=4, rotate=43200, **more):
        self.env, self.port = env, free_port()
        self.kube = env.kube
        self.extra = (f'admission: {{enabled: true, bind: "127.0.0.1:{self.port}", namespace: {ns}, name: {NAME}, url: "https://127.0.0.1:{self.port}", '
                      f"failurePolicy: {policy}, timeoutSeconds: {timeout}, rotateMinutes: {rotate}}}\n" + more.pop("extra", ""))
        self.ns = ns
        self.op = env.operator(plugins=plugins, extra=self.extra, **more)
        wait_for("the webhook to serve", lambda: self.op.logs("the webhook serves"))

    def secret(self):
        return {k: base64.b64decode(v) for k, v in (self.kube.find("secrets", self.ns, NAME) or {}).get("data", {}).items()}

    def token(self): return wait_for("the keys", lambda: self.secret().get("token")).decode()

    def context(self, ca=None):
        return ssl.create_default_context(cadata=(ca or self.secret()["ca.crt"]).decode())

    def post(self, path, body, context=None, method="POST", timeout=15):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, context=context or self.context(), timeout=timeout)
        with contextlib.closing(c):
            c.request(method, path, body, {"Content-Type": "application/json"})
            r = c.getresponse()
            return r.status, r.read().decode()

    def review(self, obj, before=None, operation=None, resource=("ray.io", "v1", "rayclusters"), sub="", **more):
        group, version, plural = resource
        request = {"uid": "u-1", "operation": operation or ("UPDATE" if before else "CREATE"), "resource": {"group": group, "version": version, "resource": plural},
                   "namespace": self.ns, "name": obj["metadata"]["name"], "object": obj, "oldObject": before, "subResource": sub, "userInfo": {"username": "someone"}}
        status, text = self.post(f"/validate/{self.token()}?timeout=4s", json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}), **more)
        assert status == 200, (status, text)
        answer = json.loads(text)
        assert answer["kind"] == "AdmissionReview" and answer["response"]["uid"] == "u-1", answer
        return answer["response"]

    def served(self):
        """The certificate that the server shows, in PEM."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as plain, self.context(b"".join(v for k, v in self.secret().items() if k.endswith("ca.crt"))).wrap_socket(plain, server_hostname="127.0.0.1") as s:
            return ssl.DER_cert_to_PEM_cert(s.getpeercert(True))

    def metric(self, outcome):
        return next(int(float(line.split()[-1])) for line in self.op.http("/metrics").splitlines() if line.startswith(f'rayvisor_admission_reviews_total{{outcome="{outcome}"}}'))


def bad(name="bad"):
    c = raycluster(name)
    c["spec"]["workerGroupSpecs"][0].update(minReplicas=5, maxReplicas=2)
    return c


def copy_of(o, **meta):
    o = json.loads(json.dumps(o))
    o["metadata"].update(meta)
    return o


# ---- the server itself, asked directly: on both API servers ---------------------------------------------------------------

def test_judges_as_the_reconciler(env):
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns)
    good = raycluster("good")
    assert w.review(good) == {"uid": "u-1", "allowed": True}
    said = w.review(bad())
    assert said["allowed"] is False and said["status"]["code"] == 422, said
    assert "spec.workerGroupSpecs[0]: worker group" in said["status"]["message"] and "minReplicas 5 greater than maxReplicas 2" in said["status"]["message"], said
    restarts = raycluster("restarts", enableInTreeAutoscaling=True, autoscalerOptions={"version": "v1"})
    restarts["spec"]["workerGroupSpecs"][0]["template"]["spec"]["restartPolicy"] = "Always"
    said = w.review(restarts)
    assert said["allowed"] and "spec.workerGroupSpecs: restartPolicy for worker groups" in said["warnings"][0], said
    # The same words as in the event of a cluster that came in otherwise.
    env.kube.create("rayclusters", ns, bad())
    message = w.review(bad())["status"]["message"]
    wait_for("the reconciler to say it", lambda: any(message in (e.get("note") or "") for e in env.kube.list("events", ns)))
    # Whatever does not change the spec passes, and so does an object that goes.
    assert w.review(copy_of(bad(), finalizers=[]), before=copy_of(bad(), finalizers=["x/y"]))["allowed"]
    assert w.review(copy_of(bad(), deletionTimestamp="2026-01-01T00:00:00Z"), before=good)["allowed"]
    assert w.review(bad(), before=good, sub="status")["allowed"]
    assert w.review(bad(), operation="DELETE")["allowed"]
    assert not w.review(bad(), before=good)["allowed"]
    # Kinds that no plugin judges, and objects of another manager.
    assert w.review(bad(), resource=("apps", "v1", "deployments"))["allowed"]
    assert w.review(bad() | {"spec": bad()["spec"] | {"managedBy": "kueue.x-k8s.io/multikueue"}})["allowed"]
    assert (w.metric("refused"), w.metric("unjudged"), w.metric("passed")) == (3, 0, 4), w.op.http("/metrics")


def test_other_kinds(env):
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns, plugins=[{"name": n} for n in ("raycluster", "rayjob", "rayservice", "raycronjob")])
    job = rayjob("job")
    assert w.review(job, resource=("ray.io", "v1", "rayjobs"))["allowed"]
    job["spec"]["backoffLimit"] = -1
    said = w.review(job, resource=("ray.io", "v1", "rayjobs"))
    assert not said["allowed"] and "spec.backoffLimit must be at least 0" in said["status"]["message"], said
    cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": "cron"}, "spec": {"schedule": "0 0 30 2 *", "jobTemplate": rayjob("x")["spec"]}}
    said = w.review(cron, resource=("ray.io", "v1", "raycronjobs"))
    assert said["allowed"] and said["warnings"] == ["spec.schedule names no moment of the next five years"], said
    cron["spec"]["schedule"] = "every day"
    said = w.review(cron, resource=("ray.io", "v1", "raycronjobs"))
    assert not said["allowed"] and "spec.schedule" in said["status"]["message"], said


def test_who_may_not_ask(env):
    """Anybody in the cluster may connect. Only who knows the path is answered, of others not even the body is read."""
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns)
    for path in ("/", "/validate", "/validate/", "/validate/" + "x" * 43, f"/validate/{w.token()}x", f"/validate/{w.token()[:-1]}"):
        assert w.post(path, "{}")[0] == 404, path
    assert w.post(f"/validate/{w.token()}", None, method="GET")[0] == 404
    assert w.post(f"/validate/{w.token()}", "{}")[0] == 400
    assert w.post(f"/validate/{w.token()}", "[" * 100000)[0] == 400
    with contextlib.suppress(OSError):  # it may not listen to the rest of it
        assert w.post(f"/validate/{w.token()}", "x" * (3 << 20 | 1))[0] == 413
    # A head without an end, a body that does not come, and clear text.
    with socket.create_connection(("127.0.0.1", w.port), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError): assert b"200" not in plain.recv(100)
    with socket.create_connection(("127.0.0.1", w.port), 5) as plain, w.context().wrap_socket(plain, server_hostname="127.0.0.1") as s:
        s.sendall(b"POST /" + b"x" * 9000)
        assert b"431" in s.recv(1000)
    idle = [socket.create_connection(("127.0.0.1", w.port), 5) for _ in range(100)]  # more than there are places
    for s in idle[::2]: s.sendall(b"\x16\x03\x01")
    assert w.review(raycluster("good"))["allowed"]
    for s in idle: s.close()
    # The longest object that comes through.
    long = raycluster("long")
    long["spec"]["headGroupSpec"]["template"]["metadata"] = {"annotations": {f"k{i}": "v" * 1000 for i in range(1300)}}
    assert w.review(long)["allowed"]
    assert w.op.control("status")["ready"]


def toy(verdict):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "toy-" + verdict, "labels": {"toy": "yes"}}, "data": {"verdict": verdict}}


CONFIG_MAPS = ("", "v1", "configmaps")


def ask_toy(w, verdict):
    return w.review(toy(verdict) | {"spec": {"v": verdict}}, resource=CONFIG_MAPS)


def test_a_vendors_plugin(env):
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns, plugins=TOY)
    assert ask_toy(w, "refuse")["status"]["message"] == "data.verdict is refuse; accepted is anything else"
    assert ask_toy(w, "warn")["warnings"] == ["data.verdict is warn", "and another"]
    assert ask_toy(w, "well") == {"uid": "u-1", "allowed": True}
    other = toy("refuse") | {"spec": {}}
    other["metadata"]["labels"] = {}
    assert w.review(other, resource=CONFIG_MAPS)["allowed"]  # the plugin's selector leaves it out


def unjudged(env, policy, verdict):
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns, policy=policy, plugins=[{"name": "raycluster"}] + TOY)
    begin = time.monotonic()
    said = ask_toy(w, verdict)
    assert time.monotonic() - begin < 4, "the API server has given up before"
    return w, said


def test_crash_fails_open(env):
    w, said = unjudged(env, "Ignore", "crash")
    assert said["allowed"] and "cannot check this object now, because its controller ended while it judged. It is accepted" in said["warnings"][0], said
    assert w.metric("unjudged") == 1
    wait_for("the plugin to run again", lambda: w.op.plugin("toy")["state"] == "ready")
    # It died of a question: it works on, and is not asked for a while. Others are.
    said = ask_toy(w, "crash")
    assert said["allowed"] and "died of such a question a moment ago" in said["warnings"][0], said
    assert w.op.plugin("toy")["state"] == "ready" and w.op.plugin("toy")["restarts"] == 1
    assert not w.review(bad())["allowed"]


def test_crash_fails_closed(env):
    w, said = unjudged(env, "Fail", "crash")
    assert not said["allowed"] and said["status"]["code"] == 503 and said["status"]["message"].endswith("Try again."), said


def test_hang_fails_in_time(env):
    w, said = unjudged(env, "Ignore", "hang")
    assert said["allowed"] and "its controller did not answer in time" in said["warnings"][0], said
    assert not w.review(bad())["allowed"]  # nobody else waits


def test_plugin_is_off(env):
    """A kind whose plugin is not enabled is nobody's to judge; one whose plugin cannot run is not judged."""
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns, policy="Fail", plugins=[{"name": "raycluster"}, {"name": "crash-init", "grants": "all"}, {"name": "toy", "grants": "all", "enabled": False}], wait=False)
    assert ask_toy(w, "refuse")["status"]["message"].startswith("rayvisor cannot check this object now, because the controller crash-init does not run"), ask_toy(w, "refuse")


def test_keys_are_made_once_and_change(env):
    env.cluster()
    ns = env.kube.namespace("ns")
    w = Webhook(env, ns)
    first = w.secret()
    assert set(first) >= {"ca.crt", "tls.crt", "tls.key", "next-ca.crt", "next.crt", "next.key", "token"}, set(first)
    # A restart makes no others.
    def again(*edit):
        w.op.stop()
        if edit: w.op.write_config(open(w.op.config).read().replace(*edit))
        os.remove(w.op.log)
        w.op.start()
        wait_for("the webhook to serve", lambda: w.op.logs("the webhook serves"))

    again()
    assert w.review(raycluster("good"))["allowed"] and w.secret() == first
    # Near its end the next pair takes its place; what trusted both goes on, and the path stays.
    again("rotateMinutes: 43200", "rotateMinutes: 86400")
    bundle = first["ca.crt"] + first["next-ca.crt"]
    second = wait_for("the keys to change", lambda: (s := w.secret())["tls.crt"] != first["tls.crt"] and s)
    assert second["tls.crt"] == first["next.crt"] and second["tls.key"] == first["next.key"] and second["previous-ca.crt"] == first["ca.crt"] and second["token"] == first["token"]
    wait_for("the server to use them", lambda: w.served().strip() == second["tls.crt"].decode().strip())
    assert w.review(raycluster("good"), context=w.context(bundle))["allowed"]
    # What somebody has spoilt is made again.
    env.kube.patch("secrets", ns, NAME, {"data": {"tls.key": base64.b64encode(b"nothing").decode()}})
    again()
    wait_for("other keys", lambda: (s := w.secret())["tls.key"].startswith(b"-----BEGIN PRIVATE KEY") and s["tls.crt"] != second["tls.crt"] and s)
    wait_for("the server to use them", lambda: w.served().strip() == w.secret()["tls.crt"].decode().strip())
    assert w.review(raycluster("good"))["allowed"]
    assert "PRIVATE KEY" not in w.op.proc.output() and w.token() not in w.op.proc.output()


# ---- on a real API server ---------------------------------------------------------------------------------------------------

def real(env):
    if not os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip("the embedded API server calls no webhooks: on a real one only (RAYVISOR_KUBECONFIG)")
    env.cluster()
    return env.kube.namespace("ns")


@contextlib.contextmanager
def registered(env, ns, **more):
    """With the ValidatingWebhookConfiguration that rayvisord prints, for this namespace only."""
    w = Webhook(env, ns, namespaces=[ns], **more)
    user = f"system:serviceaccount:{w.op.account.NS}:{w.op.account.name}" if w.op.account else "nobody"
    text = subprocess.run([binary("rayvisord"), "--config", w.op.config, "--print-webhook", "--user", user], stdout=subprocess.PIPE, text=True, check=True).stdout
    env.kube.call("PATCH", f"{WEBHOOKS}/{NAME}?fieldManager=test&force=true", text, "application/apply-patch+yaml")
    try:
        wait_for("the CA to be told", lambda: "caBundle" in env.kube.call("GET", f"{WEBHOOKS}/{NAME}")["webhooks"][0]["clientConfig"])
        wait_for("the API server to ask", lambda: w.metric("allowed") > 0 or env.kube.create("rayclusters", ns, raycluster(f"probe-{time.monotonic_ns()}")) is None)
        yield w
    finally:
        env.kube.call("DELETE", f"{WEBHOOKS}/{NAME}")


def refused(fn):
    try:
        fn()
    except ApiError as e:
        return str(e)
    raise AssertionError("it was accepted")


def test_real_api_server(env):
    ns = real(env)
    with registered(env, ns) as w:
        said = refused(lambda: env.kube.create("rayclusters", ns, bad()))
        assert said.startswith("HTTP 422") and 'admission webhook "validate.rayvisor.io" denied the request: spec.workerGroupSpecs[0]: worker group' in said, said
        env.kube.create("rayclusters", ns, raycluster("good"))
        wait_for("its pods", lambda: len(env.kube.list("pods", ns, "ray.io/cluster=good")) == 2)
        said = refused(lambda: env.kube.patch("rayclusters", ns, "good", {"spec": {"autoscalerOptions": {"idleTimeoutSeconds": -1}}}))
        assert "idleTimeoutSeconds must be non-negative" in said, said
        asked = sum(w.metric(o) for o in ("allowed", "refused", "passed", "unjudged"))
        # Metadata, status and the operator's own writes never come here; a suspended update of the spec does.
        env.kube.patch("rayclusters", ns, "good", {"metadata": {"annotations": {"a": "b"}, "finalizers": ["example.com/wait"]}})
        env.kube.patch("rayclusters", ns, "good", {"metadata": {"finalizers": None}})
        assert sum(w.metric(o) for o in ("allowed", "refused", "passed", "unjudged")) == asked
        env.kube.patch("rayclusters", ns, "good", {"spec": {"suspend": True}})
        assert sum(w.metric(o) for o in ("allowed", "refused", "passed", "unjudged")) == asked + 1
        # A warning reaches the client.
        restarts = raycluster("restarts", enableInTreeAutoscaling=True, autoscalerOptions={"version": "v1"})
        restarts["spec"]["workerGroupSpecs"][0]["template"]["spec"]["restartPolicy"] = "Always"
        c, r = env.kube.open("POST", env.kube.path("rayclusters", ns), restarts)
        c.close()
        assert "restartPolicy for worker groups" in r.headers.get("Warning", ""), dict(r.headers)
        # The CA comes back when somebody takes it away, and changed keys are told before they serve.
        before = env.kube.call("GET", f"{WEBHOOKS}/{NAME}")["webhooks"][0]["clientConfig"]
        assert before["url"].endswith("/validate/" + w.token())


def test_real_rotation(env):
    """While the keys change no question fails, although the failure policy is Fail."""
    ns = real(env)
    with registered(env, ns, policy="Fail") as w:
        end, failed, n = threading.Event(), [], [0]

        def load():
            while not end.is_set():
                try:
                    env.kube.call("POST", env.kube.path("rayclusters", ns) + "?dryRun=All", raycluster(f"load-{n[0]}"))
                except (ApiError, OSError) as e:
                    failed.append(repr(e))
                n[0] += 1

        first = w.secret()
        # As if a month had passed: the pair in use has less than a period left, the next one more.
        pair = make_pair(env, ns, minutes=30 * 24 * 60)
        trusted = pair["ca.crt"] + first["ca.crt"] + first["next-ca.crt"]
        env.kube.call("PATCH", f"{WEBHOOKS}/{NAME}", [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": base64.b64encode(trusted).decode()}], "application/json-patch+json")
        time.sleep(2)  # until the API server's watch has it
        env.kube.patch("secrets", ns, NAME, {"data": {k: base64.b64encode(v).decode() for k, v in {**pair, "previous-ca.crt": first["ca.crt"]}.items()}})
        thread = threading.Thread(target=load)
        thread.start()
        second = wait_for("the next pair to serve", lambda: (s := w.secret())["tls.crt"] == first["next.crt"] and s, 90)
        wait_for("the server to use it", lambda: w.served().strip() == second["tls.crt"].decode().strip(), 90)
        bundle = second["ca.crt"] + second["next-ca.crt"] + second["previous-ca.crt"]
        wait_for("the API server to be told", lambda: base64.b64decode(env.kube.call("GET", f"{WEBHOOKS}/{NAME}")["webhooks"][0]["clientConfig"]["caBundle"]) == bundle, 90)
        end.set()
        thread.join()
        assert not failed and n[0] > 20, (n, failed[:3])


def make_pair(env, ns, minutes):
    """A pair as the operator makes it, which ends sooner."""
    d = os.path.join(env.dir, "pair")
    os.makedirs(d, exist_ok=True)
    run = lambda *argv: subprocess.run(["openssl", *argv], cwd=d, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    days = str(minutes // (24 * 60) - 1)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=old", "-days", days)
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=old")
    with open(os.path.join(d, "ext"), "w") as f: f.write(f"subjectAltName=IP:127.0.0.1,DNS:{NAME}.{ns}.svc,DNS:{NAME}.{ns}.svc.cluster.local\nextendedKeyUsage=serverAuth\n")
    run("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tls.crt", "-days", days, "-extfile", "ext")
    return {k: open(os.path.join(d, k), "rb").read() for k in ("ca.crt", "tls.crt", "tls.key")}


def test_real_failure_policies(env):
    """The operator is gone: what is written then is up to the failure policy, and finalizers still go."""
    ns = real(env)
    with registered(env, ns, policy="Fail", timeout=2) as w:
        env.kube.create("rayclusters", ns, raycluster("good"))
        wait_for("its pods", lambda: len(env.kube.list("pods", ns, "ray.io/cluster=good")) == 2)
        env.kube.patch("rayclusters", ns, "good", {"metadata": {"finalizers": ["example.com/wait"]}})
        w.op.stop()
        assert "failed calling webhook" in refused(lambda: env.kube.create("rayclusters", ns, raycluster("other")))
        env.kube.delete("rayclusters", ns, "good")
        env.kube.patch("rayclusters", ns, "good", {"metadata": {"finalizers": None}})
        wait_for("it to be gone", lambda: env.kube.find("rayclusters", ns, "good") is None)
        env.kube.call("PATCH", f"{WEBHOOKS}/{NAME}", [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}], "application/json-patch+json")
        wait_for("it to be accepted", lambda: env.kube.create("rayclusters", ns, bad("late")))


# ---- the ValidatingAdmissionPolicy: the same table of rules, judged by the API server itself ---------------------------------

# Rule, and a change that breaks it, for each place where it stands: of a RayCluster's spec or group, or of the object.
BREAKS = [("cluster", "autoscaler-idle-timeout", lambda s: s.update(autoscalerOptions={"idleTimeoutSeconds": -1})),
          ("cluster", "group-min-replicas", lambda s: s["workerGroupSpecs"][0].update(minReplicas=-1)),
          ("cluster", "group-max-replicas", lambda s: s["workerGroupSpecs"][0].update(minReplicas=0, maxReplicas=-1)),
          ("cluster", "group-min-above-max", lambda s: s["workerGroupSpecs"][0].update(minReplicas=9, maxReplicas=8)),
          ("cluster", "group-hosts", lambda s: s["workerGroupSpecs"][0].update(numOfHosts=-1)),
          ("cluster", "group-replicas", lambda s: s["workerGroupSpecs"][0].update(replicas=-1)),
          ("cluster", "group-idle-timeout", lambda s: s["workerGroupSpecs"][0].update(idleTimeoutSeconds=-1)),
          ("job", "job-ttl", lambda s: s.update(ttlSecondsAfterFinished=-1)), ("job", "job-deadline", lambda s: s.update(activeDeadlineSeconds=0)),
          ("job", "job-backoff-limit", lambda s: s.update(backoffLimit=-1)), ("job", "job-submission-mode", lambda s: s.update(submissionMode="Mode")),
          ("service", "service-upgrade-strategy", lambda s: s.update(upgradeStrategy={"type": "Mode"}))]
HARMLESS = [("cluster", lambda s, r: s["workerGroupSpecs"][0].update(replicas=r.choice([0, 1, 7]), minReplicas=0, maxReplicas=r.choice([7, 2147483647]))),
            ("cluster", lambda s, r: s.update(autoscalerOptions={"idleTimeoutSeconds": r.choice([0, 60])}, enableInTreeAutoscaling=True)),
            ("job", lambda s, r: s.update(activeDeadlineSeconds=r.choice([1, 99]))), ("job", lambda s, r: s.update(submissionMode=r.choice(["HTTPMode", "SidecarMode", "K8sJobMode"])))]
NAME_RULES = {"rayclusters": ("cluster-name-length", 53), "rayjobs": ("job-name-length", 47), "rayservices": ("service-name-length", 47), "raycronjobs": ("cronjob-name-length", 36)}


def objects_of(name):
    """One valid object of each kind, with its parts by what they are."""
    cluster, job, service = raycluster(name), rayjob(name), rayservice(name)
    cron = {"apiVersion": "ray.io/v1", "kind": "RayCronJob", "metadata": {"name": name}, "spec": {"schedule": "0 0 * * *", "jobTemplate": rayjob(name)["spec"]}}
    yield "rayclusters", cluster, {"cluster": cluster["spec"]}
    yield "rayjobs", job, {"cluster": job["spec"]["rayClusterSpec"], "job": job["spec"]}
    yield "rayservices", service, {"cluster": service["spec"]["rayClusterConfig"], "service": service["spec"]}
    yield "raycronjobs", cron, {"cluster": cron["spec"]["jobTemplate"]["rayClusterSpec"], "job": cron["spec"]["jobTemplate"]}


def test_real_policy(env):
    """For each rule at each place, for random objects and for the samples: the API server by the printed policy, and the validators in the
    plugins' processes, say the same."""
    ns = real(env)
    w = Webhook(env, ns, plugins=[{"name": n} for n in ("raycluster", "rayjob", "rayservice", "raycronjob")])  # asked directly, not registered
    text = subprocess.run([binary("rayvisorctl"), "admission-policy", "--user", "nobody"], stdout=subprocess.PIPE, text=True, check=True).stdout
    ids = set(re.findall(r"\(rule ([\w-]+)\)", text))
    docs = [d for d in text.split("---\n")[1:]]
    base = "/apis/admissionregistration.k8s.io/v1/"
    paths = [base + ("validatingadmissionpolicies/" if "kind: ValidatingAdmissionPolicy\n" in d else "validatingadmissionpolicybindings/") + re.search(r"^  name: (\S+)$", d, re.M)[1] for d in docs]
    for path, doc in zip(paths, docs):
        # The policy of this test is for its namespace alone.
        doc = doc.replace("  validationActions:", f"  matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {ns}}}}}}}\n  validationActions:")
        env.kube.call("PATCH", path + "?fieldManager=test&force=true", doc, "application/apply-patch+yaml")

    def denied(resource, obj):
        """The rules by which the API server denies it; None if another rule than the policy's does."""
        try:
            env.kube.call("POST", env.kube.path(resource, ns) + "?dryRun=All", obj)
            return set()
        except ApiError as e:
            return set(re.findall(r"\(rule ([\w-]+)\)", str(e))) or None

    def agree(resource, obj, rule=None):
        by_policy, said = denied(resource, obj), w.review(copy_of(obj, namespace=ns), resource=("ray.io", "v1", resource))
        assert by_policy is not None, (resource, obj, "the schema refuses it")
        assert bool(by_policy) == (not said["allowed"]), (resource, rule, by_policy, said, obj)
        if rule: assert rule in by_policy, (rule, by_policy)
        return by_policy

    try:
        wait_for("the policies to be in force", lambda: all(denied(res, copy_of(o, name="x" * (NAME_RULES[res][1] + 1))) for res, o, _ in objects_of("a")))
        seen = set()
        for resource, obj, _ in objects_of("good"): assert agree(resource, obj) == set(), obj
        for resource, (rule, most) in NAME_RULES.items():
            make = lambda n: next(o for res, o, _ in objects_of("x" * n) if res == resource)
            assert agree(resource, make(most)) == set()
            seen |= agree(resource, make(most + 1), rule)
        for part, rule, spoil in BREAKS:
            for i in range(4):
                resource, obj, parts = list(objects_of("bad"))[i]
                if part not in parts: continue
                spoil(parts[part])
                seen |= agree(resource, obj, rule)
        # preRunningDeadlineSeconds: the schema has the same bound, so nobody gets as far as the rule.
        assert seen == ids - {"job-pre-running-deadline"}, ids - seen
        r = random.Random(19)
        broken = 0
        for _ in range(50):
            resource, obj, parts = list(objects_of("random"))[r.randrange(4)]
            for part, change in r.sample(HARMLESS, 2):
                if part in parts: change(parts[part], r)
            for part, _, spoil in r.sample(BREAKS, r.choice([0, 0, 1, 2])):
                if part in parts: spoil(parts[part])
            broken += bool(agree(resource, obj))
        assert 5 < broken < 48, broken
    finally:
        for path in paths: env.kube.call("DELETE", path)


if __name__ == "__main__":
    main()
