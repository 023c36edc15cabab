"""Processes, a Kubernetes client, waiting and the test runner of the integration tests (standard library only)."""
import base64, collections, contextlib, fcntl, fnmatch, glob, http.client, inspect, json, os, queue, re, shutil, signal, socket, ssl, subprocess, sys, tempfile, threading, time, traceback, urllib.error, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RAYVISOR_BUILD", os.path.join(ROOT, "build"))
# Sanitizer builds are slower; every wait is a bound on "never", not a performance assertion.
PATIENCE = float(os.environ.get("RAYVISOR_PATIENCE", "1"))


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def binary(name):
    return os.path.join(BUILD, "bin", name)


def wait_for(what, fn, timeout=30):
    """The first true value of fn(); a failure that shows the last one otherwise."""
    end, last = time.monotonic() + timeout * PATIENCE, None
    while time.monotonic() < end:
        try:
            last = fn()
            if last:
                return last
        except (OSError, http.client.HTTPException, KeyError, ApiError) as e:
            last = repr(e)
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout} s for {what}; last seen: {str(last)[:600]}")


class ApiError(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body
        super().__init__(f"HTTP {status}: {body.get('message', body) if isinstance(body, dict) else body}")


RESOURCES = {  # plural, with a group where there are several -> path prefix
    "pods": "/api/v1", "services": "/api/v1", "configmaps": "/api/v1", "secrets": "/api/v1", "nodes": "/api/v1",
    "resourcequotas": "/api/v1", "namespaces": "/api/v1", "endpoints": "/api/v1", "persistentvolumeclaims": "/api/v1",
    "rayclusters": "/apis/ray.io/v1", "rayjobs": "/apis/ray.io/v1", "raycronjobs": "/apis/ray.io/v1", "rayservices": "/apis/ray.io/v1", "events": "/apis/events.k8s.io/v1", "endpointslices": "/apis/discovery.k8s.io/v1",
    "serviceaccounts": "/api/v1", "persistentvolumeclaims": "/api/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1", "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "ingresses": "/apis/networking.k8s.io/v1", "networkpolicies": "/apis/networking.k8s.io/v1",
    "issuers": "/apis/cert-manager.io/v1", "certificates": "/apis/cert-manager.io/v1",
    "podgroups": "/apis/scheduling.volcano.sh/v1beta1",
    "podgroups.scheduling.k8s.io": "/apis/scheduling.k8s.io/v1alpha2", "workloads": "/apis/scheduling.k8s.io/v1alpha2",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "jobs": "/apis/batch/v1", "leases": "/apis/coordination.k8s.io/v1",
}


class Kube:
    """One kubeconfig context as a client. Every call is one connection: nothing hides behind a pool."""

    def __init__(self, kubeconfig):
        self.kubeconfig = kubeconfig
        text = open(kubeconfig).read()
        grab = lambda key: (re.search(rf"^\s*-?\s*{key}:\s*\"?([^\s\"]+)", text, re.M) or [None, None])[1]
        url = re.match(r"(https?)://([^:/]+):(\d+)", grab("server"))
        self.scheme, self.host, self.port = url[1], url[2], int(url[3])
        self.token = grab("token")
        self.ctx = ssl.create_default_context()
        ca = grab("certificate-authority-data")
        if ca:
            self.ctx.load_verify_locations(cadata=base64.b64decode(ca).decode())
        else:
            self.ctx.check_hostname, self.ctx.verify_mode = False, ssl.CERT_NONE

    def open(self, method, path, body=None, ctype="application/json", timeout=30, accept="application/json"):
        c = http.client.HTTPSConnection(self.host, self.port, context=self.ctx, timeout=timeout) if self.scheme == "https" \
            else http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        headers = {"Authorization": "Bearer " + self.token, "Accept": accept, "User-Agent": "integration-test"}
        if body is not None:
            headers["Content-Type"] = ctype
            body = body if isinstance(body, str) else json.dumps(body)
        c.request(method, path, body, headers)
        return c, c.getresponse()

    def call(self, method, path, body=None, ctype="application/json", timeout=30):
        c, r = self.open(method, path, body, ctype, timeout)
        try:
            raw = r.read()
        finally:
            c.close()
        try:
            out = json.loads(raw) if raw else {}
        except ValueError:
            out = {"message": raw.decode(errors="replace")}
        if r.status >= 300:
            raise ApiError(r.status, out)
        return out

    @staticmethod
    def path(resource, ns=None, name=None, sub=None):
        p = RESOURCES[resource]
        if ns: p += "/namespaces/" + ns
        p += "/" + resource.partition(".")[0]
        if name: p += "/" + name
        if sub: p += "/" + sub
        return p

    def get(self, resource, ns, name): return self.call("GET", self.path(resource, ns, name))

    def find(self, resource, ns, name):
        try:
            return self.get(resource, ns, name)
        except ApiError as e:
            if e.status == 404: return None
            raise

    def list(self, resource, ns=None, selector=None):
        q = "?labelSelector=" + selector.replace("=", "%3D").replace(",", "%2C") if selector else ""
        return self.call("GET", self.path(resource, ns) + q)["items"]

    def create(self, resource, ns, obj): return self.call("POST", self.path(resource, ns), obj)
    def replace(self, resource, ns, name, obj): return self.call("PUT", self.path(resource, ns, name), obj)

    def patch(self, resource, ns, name, patch, sub=None):
        return self.call("PATCH", self.path(resource, ns, name, sub), patch, "application/merge-patch+json")

    def json_patch(self, resource, ns, name, ops):
        return self.call("PATCH", self.path(resource, ns, name), ops, "application/json-patch+json")

    def delete(self, resource, ns, name, **opts):
        return self.call("DELETE", self.path(resource, ns, name), opts or None)

    def namespace(self, name):
        with contextlib.suppress(ApiError):
            self.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name


class Watcher(threading.Thread):
    """Everything that happened to a resource since it was started: the judge of 'none twice'. Survives lost
    connections by resuming from the last resourceVersion it saw, and a forgotten history by listing afresh."""

    def __init__(self, kube, resource, ns=None):
        super().__init__(daemon=True)
        self.kube, self.resource, self.ns = kube, resource, ns
        first = kube.call("GET", kube.path(resource, ns) + "?limit=1")
        self.rv = first["metadata"]["resourceVersion"]
        self.events, self.stopped = [], False
        self.start()

    def run(self):
        while not self.stopped:
            try:
                c, r = self.kube.open("GET", self.kube.path(self.resource, self.ns) +
                                      f"?watch=1&allowWatchBookmarks=true&resourceVersion={self.rv}", timeout=600)
                for line in r:
                    e = json.loads(line)
                    if e["type"] == "ERROR":
                        if e["object"].get("code") == 410: self.relist()
                        break
                    self.rv = e["object"]["metadata"]["resourceVersion"]
                    if e["type"] != "BOOKMARK": self.events.append((e["type"], e["object"]))
                c.close()
            except (OSError, ValueError, ApiError, http.client.HTTPException):
                pass
            time.sleep(0.1)

    def relist(self):
        now = self.kube.call("GET", self.kube.path(self.resource, self.ns))
        self.events += [("ADDED", o) for o in now["items"]]
        self.rv = now["metadata"]["resourceVersion"]

    def count(self, kind="ADDED", match=lambda o: True):
        """Distinct objects (by uid) with such an event."""
        return len({o["metadata"]["uid"] for t, o in list(self.events) if t == kind and match(o)})


class Process:
    """A child process with its output in a file; killed at the end of the test whatever happens."""

    def __init__(self, argv, log, env=None):
        self.argv, self.log = argv, log
        self.file = open(log, "ab")
        self.p = subprocess.Popen(argv, stdout=subprocess.PIPE if argv[0].endswith("sandbox") else self.file, stderr=self.file,
                                  stdin=subprocess.DEVNULL, env=env, start_new_session=True)

    @property
    def pid(self): return self.p.pid
    def alive(self): return self.p.poll() is None

    def kill(self, sig=signal.SIGKILL):
        if self.alive(): os.kill(self.p.pid, sig)

    def wait(self, timeout=30): return self.p.wait(timeout * PATIENCE)

    def stop(self, timeout=30):
        self.kill(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self.p.wait()
            raise AssertionError(f"{self.argv[0]} did not end within {timeout} s of SIGTERM; log: {self.log}")

    def output(self): return open(self.log, errors="replace").read()


class Sandbox:
    def __init__(self, dir, *args):
        self.dir = os.path.join(dir, "sandbox")
        os.makedirs(self.dir, exist_ok=True)
        self.proc = Process([binary("rayvisor-sandbox"), "--dir", self.dir, "--load", os.path.join(ROOT, "deploy/crds"), *args],
                            os.path.join(dir, "sandbox.log"))
        line = self.proc.p.stdout.readline().decode()
        m = re.match(r"ready (\S+) kubeconfig=(\S+)", line)
        if not m: raise AssertionError(f"sandbox did not become ready: {line!r}\n{self.proc.output()[-2000:]}")
        self.kube = Kube(m[2])

    def fault(self, match, action, **more):
        return self.kube.call("POST", "/sandbox/v1/faults", {"match": match, "action": action, **more})

    def clear_faults(self): self.kube.call("DELETE", "/sandbox/v1/faults")
    def post(self, what, body=None): return self.kube.call("POST", "/sandbox/v1/" + what, body if body is not None else {})
    def stats(self): return self.kube.call("GET", "/sandbox/v1/stats")
    def stop(self): self.proc.stop()


class External:
    """A cluster somebody else started (RAYVISOR_KUBECONFIG); of several, with colons between, one that no other test uses."""
    made, taken = 0, None

    def __init__(self, kubeconfigs):
        External.taken = External.taken or wait_for("a cluster to be free", lambda: next(filter(None, map(self.take, kubeconfigs.split(":"))), None), 600)
        self.kube = Kube(External.taken.name)
        self.namespaces = []
        make = self.kube.namespace

        def namespace(name):
            """A namespace of this test's own: the one of the test before is still being deleted."""
            External.made += 1
            self.namespaces.append(f"{name}-{os.getpid()}-{External.made}")
            return make(self.namespaces[-1])

        self.kube.namespace = namespace

    @staticmethod
    def take(kubeconfig):
        """The opened file, which is locked until this process ends; None when another holds it."""
        f = open(kubeconfig)
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return f
        except BlockingIOError:
            f.close()

    def stop(self):
        """Leaves nothing behind that the next test's plugins would meet; nobody is left who would take off finalizers."""
        for ns in self.namespaces:
            for resource in ("raycronjobs", "rayjobs", "rayservices", "rayclusters", "configmaps"):
                with contextlib.suppress(ApiError): self.kube.call("DELETE", Kube.path(resource, ns))
            for resource in ("rayjobs", "rayservices", "rayclusters"):
                for o in self.kube.list(resource, ns):
                    with contextlib.suppress(ApiError): self.kube.patch(resource, ns, o["metadata"]["name"], {"metadata": {"finalizers": None}})
            with contextlib.suppress(ApiError): self.kube.delete("namespaces", None, ns)


class Account:
    """On a real API server the operator is ServiceAccount rayvisor, with the roles that --print-rbac prints for its configuration and
    nothing more. A second operator that needs other roles at the same time is an account of its own."""
    NS = "rayvisor-test"

    def __init__(self, kube, dir, like, name="rayvisor"):
        self.kube, self.kubeconfig, self.name = kube, os.path.join(dir, "kubeconfig"), name
        for path, kind, name in (("/api/v1/namespaces", "Namespace", self.NS), (f"/api/v1/namespaces/{self.NS}/serviceaccounts", "ServiceAccount", name)):
            with contextlib.suppress(ApiError): kube.call("POST", path, {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
        token = kube.call("POST", f"/api/v1/namespaces/{self.NS}/serviceaccounts/{name}/token",
                          {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}})["status"]["token"]
        text = open(like).read()
        text = re.sub(r"\n( *)context:\n( +)", rf"\n\1context:\n\2namespace: {self.NS}\n\2", text)  # as its pod has it
        with open(self.kubeconfig, "w") as f: f.write(text.replace(kube.token, token))

    def grant(self, config):
        """Puts the roles for this configuration in force."""
        r = subprocess.run([binary("rayvisord"), "--config", config, "--print-rbac", "--namespace", self.NS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if r.returncode: return  # no valid configuration: it is the operator who is to say so
        docs = re.sub(r"\bname: rayvisor$", f"name: {self.name}", r.stdout, flags=re.M).split("---\n")[1:]
        if not any("kind: ClusterRole\n" in d for d in docs):
            with contextlib.suppress(ApiError): self.kube.call("DELETE", f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{self.name}")
        for doc in docs:
            kind = re.search(r"^kind: (\w+)$", doc, re.M)[1]
            ns = (re.search(r"^  namespace: (\S+)$", doc, re.M) or [None, None])[1]
            self.kube.call("PATCH", "/apis/rbac.authorization.k8s.io/v1" + (f"/namespaces/{ns}" if ns else "") + f"/{kind.lower()}s/{self.name}?fieldManager=test&force=true",
                           doc, "application/apply-patch+yaml")
        for doc in docs: self.wait(doc)

    def wait(self, doc):
        """The authorizer learns of roles by a watch of its own."""
        ns = (re.search(r"^  namespace: (\S+)$", doc, re.M) or [None, ""])[1]
        for group, resource, verbs in re.findall(r'apiGroups: \["(.*)"\]\n    resources: \["(.*)"\]\n    verbs: \[(.*)\]', doc):
            plain, _, sub = resource.partition("/")
            ask = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
                "user": f"system:serviceaccount:{self.NS}:{self.name}",
                "resourceAttributes": {"group": group, "resource": plain, "subresource": sub, "verb": verbs.split(", ")[-1], "namespace": ns}}}
            wait_for(f"{verbs} {resource} to be allowed in {ns or 'all namespaces'}",
                     lambda: self.kube.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", ask)["status"]["allowed"])


class Operator:
    def __init__(self, dir, kube, plugins=None, extra="", wait=True, name="operator", proxy=False, kubeconfig=None, namespaces=(), kubernetes=None, level="debug", log_format="json",
                 allow=("127.0.0.0/8",), within=(), account="rayvisor", bind="127.0.0.1"):
        self.dir, self.kube, self.level, self.log_format, self.allow = os.path.join(dir, name), kube, level, log_format, list(allow)
        self.bind = bind
        self.within = within  # a command that runs its arguments
        os.makedirs(self.dir, exist_ok=True)
        self.config = os.path.join(self.dir, "rayvisor.yaml")
        self.plugins = plugins if plugins is not None else [{"name": "raycluster"}]
        self.extra = extra
        kubeconfig = kubeconfig or kube.kubeconfig
        self.account = Account(kube, self.dir, kubeconfig, account) if os.environ.get("RAYVISOR_KUBECONFIG") and kube.token in open(kubeconfig).read() else None
        self.kubernetes = {"kubeconfig": self.account.kubeconfig if self.account else kubeconfig, "proxyHttp": proxy, "namespaces": list(namespaces), **(kubernetes or {})}
        self.write_config()
        self.log = os.path.join(self.dir, "log")
        self.starts = 0
        self.start(wait)

    def write_config(self, text=None):
        if text is None:
            text = "kubernetes:\n" + "".join(f"  {k}: {json.dumps(v)}\n" for k, v in self.kubernetes.items()) + f"""\
runtimeDir: {self.dir}/run
pluginDirs: [{BUILD}/lib/rayvisor/plugins, {BUILD}/lib/rayvisor/toys]
hostSandbox: best-effort
log: {{format: {self.log_format}, level: {self.level}}}
http: {{bind: "{self.bind}:0", probeBind: "127.0.0.1:0"}}
requests: {{allowAddresses: {json.dumps(self.allow)}}}
{self.extra}
plugins: {json.dumps(self.plugins)}
"""
        tmp = self.config + ".new"
        with open(tmp, "w") as f: f.write(text)
        if self.account: self.account.grant(tmp)
        os.rename(tmp, self.config)

    def start(self, wait=True):
        self.proc = Process([*self.within, binary("rayvisord"), "--config", self.config], self.log)
        self.starts += 1
        if wait: self.wait_ready()

    def wait_ready(self, timeout=30):
        def ready():
            if not self.proc.alive(): raise AssertionError("rayvisord ended: " + self.proc.output()[-3000:])
            return self.control("status").get("ready")
        try:
            wait_for("operator to be ready", ready, timeout)
        except AssertionError:
            self.proc.kill()
            raise AssertionError("operator not ready; its log ends with:\n" + self.proc.output()[-3000:])

    def socket_path(self): return os.path.join(self.dir, "run", "control.sock")

    def control(self, cmd, **more):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(self.socket_path())
        s.sendall(json.dumps({"cmd": cmd, **more}).encode() + b"\n")
        data = b""
        while chunk := s.recv(65536): data += chunk
        s.close()
        return json.loads(data)

    def ctl(self, *args):
        """What rayvisorctl prints, on both streams."""
        return subprocess.run([binary("rayvisorctl"), "--socket", self.socket_path(), *args], text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def http(self, path):
        """What it answers on its HTTP port, whatever the status."""
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.control('status')['httpPort']}{path}", timeout=10).read().decode()
        except urllib.error.HTTPError as e:
            return e.read().decode()

    def check_config(self):
        return subprocess.run([binary("rayvisord"), "--config", self.config, "--check-config"], text=True, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def plugin(self, name):
        return next(p for p in self.control("plugins")["plugins"] if p["name"] == name)

    def logs(self, *needles, **fields):
        """Log lines (parsed) that contain all needles and have the fields."""
        out = []
        for l in open(self.log, errors="replace"):
            if not all(n in l for n in needles): continue
            try: d = json.loads(l)
            except ValueError: d = {"raw": l}
            if all(d.get(k) == v for k, v in fields.items()): out.append(d)
        return out

    def stop(self):
        if self.proc.alive():
            code = self.proc.stop()
            assert code == 0, f"rayvisord ended with {code} on SIGTERM:\n" + self.proc.output()[-3000:]


class Env:
    """What one test gets: a folder, processes that end with it."""

    def __init__(self, name):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="rv-" + name[:20] + "-")
        self.things = []

    def keep(self, thing):
        self.things.append(thing)
        return thing

    def sandbox(self, *args, why="rests on what only the sandbox can do"):
        """The embedded cluster; where a real one is named the test is skipped, for that reason."""
        if os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip(why)
        self.sb = self.keep(Sandbox(self.dir, *args))
        self.kube = self.sb.kube
        return self.sb

    def cluster(self, *args):
        """The real cluster where one is named, else the sandbox (with such arguments)."""
        real = os.environ.get("RAYVISOR_KUBECONFIG")
        if not real: return self.sandbox(*args)
        self.sb = None
        self.kube = self.keep(External(real)).kube

    def operator(self, **kw):
        self.op = self.keep(Operator(self.dir, self.kube, **kw))
        return self.op

    def close(self, failed):
        errors = []
        for t in reversed(self.things):
            try: t.stop()
            except Exception as e: errors.append(str(e))
        sanitizer = [f for f in [*glob.glob("*/log", root_dir=self.dir), "sandbox.log"] if os.path.exists(os.path.join(self.dir, f)) and
                     re.search(r"(ERROR|WARNING): [A-Z][a-z]+Sanitizer|runtime error:", open(os.path.join(self.dir, f), errors="replace").read())]
        if sanitizer: errors.append(f"sanitizer report in {sanitizer} of {self.dir}")
        if failed or errors or os.environ.get("RAYVISOR_KEEP"): print(f"    logs kept in {self.dir}")
        else: shutil.rmtree(self.dir, ignore_errors=True)
        return errors


# ---- RayClusters ------------------------------------------------------------------------------------------

def raycluster(name, workers=1, groups=None, **spec):
    container = lambda n: {"name": n, "image": "rayproject/ray:2.52.0", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "10m", "memory": "64Mi"}}}
    groups = groups if groups is not None else {"small": workers}
    return {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": name}, "spec": {
        "rayVersion": "2.52.0",
        "headGroupSpec": {"rayStartParams": {}, "template": {"spec": {"containers": [container("ray-head")]}}},
        "workerGroupSpecs": [{"groupName": g, "replicas": n, "minReplicas": 0, "maxReplicas": 5000, "rayStartParams": {},
                              "template": {"spec": {"containers": [container("ray-worker")]}}} for g, n in groups.items()], **spec}}


def rayjob(name, entrypoint="python -c 'print(1)'", workers=1, mode=None, **spec):
    cluster = raycluster("x", workers=workers)["spec"]
    body = {"entrypoint": entrypoint, "rayClusterSpec": cluster, **({"submissionMode": mode} if mode else {}), **spec}
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": name}, "spec": {k: v for k, v in body.items() if v is not None}}


def rayservice(name, workers=1, config=None, **spec):
    cluster = raycluster("x", workers=workers)["spec"]
    config = config if config is not None else "applications:\n- name: fruit\n  import_path: fruit.app\n  route_prefix: /fruit\n  deployments:\n  - {name: Mango, num_replicas: 1}\n"
    body = {"rayClusterConfig": cluster, "serveConfigV2": config, **spec}
    return {"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": name}, "spec": body}


def job_status(kube, ns, name): return kube.get("rayjobs", ns, name).get("status", {})


def wait_job(kube, ns, name, deployment, timeout=60, **fields):
    def ok():
        s = job_status(kube, ns, name)
        return s.get("jobDeploymentStatus", "") == deployment and all(s.get(k) == v for k, v in fields.items()) and s
    try:
        return wait_for(f"RayJob {ns}/{name} {deployment} {fields or ''}", ok, timeout)
    except AssertionError as e:
        raise AssertionError(f"{e}; it is {json.dumps(job_status(kube, ns, name))}")


def pods_of(kube, ns, name, group=None, live=True):
    sel = f"ray.io/cluster={name}" + (f",ray.io/group={group}" if group else "")
    return [p for p in kube.list("pods", ns, sel) if not live or "deletionTimestamp" not in p["metadata"]]


def status_of(kube, ns, name): return kube.get("rayclusters", ns, name).get("status", {})


def wait_ready(kube, ns, name, workers, timeout=60):
    def ok():
        s = status_of(kube, ns, name)
        live = pods_of(kube, ns, name)
        return s.get("state") == "ready" and s.get("availableWorkerReplicas", 0) == workers and len(live) == workers + 1 and s
    return wait_for(f"RayCluster {ns}/{name} ready with {workers} workers", ok, timeout)


def conditions(status): return {c["type"]: c for c in status.get("conditions", [])}


def events_of(kube, ns, name, reason=None):
    return [e for e in kube.list("events", ns) if e.get("regarding", {}).get("name") == name and (reason is None or e["reason"] == reason)]


def actions_done(env): return env.op.control("status")["actions"]["done"]


def assert_quiet(env, seconds=2.0):
    """A converged system writes nothing: the operator asks for no more actions, not even refused or failing ones."""
    wait_for("actions that wait to be sent", lambda: env.op.control("status")["actions"]["queued"] == 0, 120)  # events go out slowly
    before = wait_for("actions to settle", lambda: _settled(lambda: actions_done(env) + 1), 20)
    time.sleep(seconds)
    after = actions_done(env) + 1
    assert after == before, f"{after - before} actions by a converged system"


def told(env, *needles, most=1):
    """The log says it: lines of level warn or above, each of which holds all the needles; and it does not say it without end."""
    lines = wait_for(f"one log line with {needles}", lambda: [l for l in env.op.logs(*needles) if l.get("level") in ("warn", "error")], 15)
    assert len(lines) <= most, f"{len(lines)} lines say {needles}"
    return lines


TOY = {"name": "toy", "grants": [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
                                 {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]}


class SecondPlugin:
    """Another plugin, the toy, that is at work while something else goes wrong: a ConfigMap given to it gets a child, once. Its processes stay."""

    def __init__(self, env, ns):
        self.env, self.ns, self.names = env, ns, []
        self.seen, self.pid = Watcher(env.kube, "configmaps", ns), env.op.plugin("toy")["pid"]
        self.give("before")

    def give(self, name):
        self.env.kube.create("configmaps", self.ns, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": ""}})
        self.names.append(name)

    def done(self, name): return self.env.kube.find("configmaps", self.ns, name + "-child")

    def is_well(self, same_process=True):
        self.give(f"after-{len(self.names)}")
        children = collections.Counter({n + "-child": 1 for n in self.names})
        for n in self.names: wait_for(f"the second plugin's child of {n}", lambda: self.done(n), 60)
        made = lambda: collections.Counter(o["metadata"]["name"] for t, o in list(self.seen.events) if t == "ADDED" and o["metadata"]["name"].endswith("-child"))
        wait_for("its children to be seen", lambda: set(made()) == set(children))
        assert len({o["metadata"]["uid"] for t, o in self.seen.events if o["metadata"]["name"] in children}) == len(children), f"made more than once: {made()}"
        p = self.env.op.plugin("toy")
        assert p["restarts"] == 0 and (not same_process or p["pid"] == self.pid), f"the second plugin was touched: {p}"


def wait_created(seen, n):
    """So many objects were made since the watcher began, and not one more."""
    wait_for(f"{n} objects to be seen", lambda: seen.count() >= n)
    assert seen.count() == n, f"{seen.count()} were created instead of {n}"


def _settled(fn):
    a = fn()
    time.sleep(1.5)  # mere progress is told once a second
    return a if fn() == a else None


def foreign_kind(kube, group, version, kind, plural):
    """Another project's kind, without its schema: enough to see what is written."""
    name = f"{plural}.{group}"
    if not kube.find("customresourcedefinitions", None, name):
        kube.create("customresourcedefinitions", None, {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": name, "annotations": {"api-approved.kubernetes.io": "unapproved, made by a test"}},  # or a group of Kubernetes' own is refused
            "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                     "versions": [{"name": version, "served": True, "storage": True, "subresources": {"status": {}},
                                   "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
    wait_for(f"{plural} to be served", lambda: kube.call("GET", f"/apis/{group}/{version}/{plural}"))


# ---- runner -------------------------------------------------------------------------------------------------

def main():
    mod = sys.modules["__main__"]
    tests = [(n[5:], f) for n, f in vars(mod).items() if n.startswith("test_") and inspect.isfunction(f)]
    wanted = sys.argv[1:]
    if wanted: tests = [t for t in tests if any(fnmatch.fnmatch(t[0], w) for w in wanted)]
    passed = failed = skipped = 0
    for name, fn in tests:
        env, t0, error = Env(name), time.monotonic(), None
        try:
            fn(env)
        except Skip as e:
            skipped += 1
            print(f"SKIP {name}: {e}", flush=True)
            env.close(False)
            continue
        except Exception:
            error = traceback.format_exc()
        errors = env.close(error is not None)
        if error or errors:
            failed += 1
            print(f"FAIL {name} ({time.monotonic() - t0:.1f} s)\n{error or ''}" + "\n".join(errors), flush=True)
        else:
            passed += 1
            print(f"ok   {name} ({time.monotonic() - t0:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 77 if skipped and not passed else 0)
