"""A front of an API server: everything goes through it, and a test may answer for it, delay it or cut it off.

The operator gets the front's kubeconfig. It speaks HTTP/1.1 over TLS with a certificate of its own, forwards requests with
their credentials and streams the answers back (watches stay open). Standard library only."""
import base64, contextlib, http.client, http.server, json, os, re, socket, ssl, subprocess, threading, time, urllib.parse
from harness import Kube

HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "te", "upgrade"}


class Front:
    """answer(method, path, body) -> None to forward, (status, object or text), or a function that answers the handler itself.
    before(method, path, body) is called before it is forwarded, after(method, path, body, status) when the API server has
    answered and before the operator hears of it. Both may wait; False cuts the connection instead."""

    def __init__(self, dir, kube, answer=None, before=None, after=None):
        self.upstream, self.answer, self.before, self.after = kube, answer, before, after
        cert, key = os.path.join(dir, "front.crt"), os.path.join(dir, "front.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                        "-subj", "/CN=front", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(cert, key)
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm, kept = "HTTP/1.1", True, None  # kept: the connection upstream
            def log_message(self, *a): pass
            def setup(self):
                self.request = ctx.wrap_socket(self.request, server_side=True)
                super().setup()
            def finish(self):
                if self.kept: self.kept.close()
                super().finish()
            def any(self): front.serve(self)
            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 512
            def handle_error(self, request, address): pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.kubeconfig = os.path.join(dir, "front.kubeconfig")
        ca = base64.b64encode(open(cert, "rb").read()).decode()
        with open(self.kubeconfig, "w") as f:
            f.write(f"""apiVersion: v1
kind: Config
current-context: front
clusters: [{{name: front, cluster: {{server: "https://127.0.0.1:{self.server.server_port}", certificate-authority-data: {ca}}}}}]
users: [{{name: front, user: {{token: "{kube.token}"}}}}]
contexts: [{{name: front, context: {{cluster: front, user: front}}}}]
""")

    def serve(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        said = self.answer(h.command, h.path, body) if self.answer else None
        if callable(said): return said(h)
        if said:
            status, what = said
            data = what.encode() if isinstance(what, str) else json.dumps(what).encode()
            h.send_response(status)
            h.send_header("Content-Type", "text/plain" if isinstance(what, str) else "application/json")
            h.send_header("Content-Length", str(len(data)))
            h.end_headers()
            h.wfile.write(data)
            return
        if self.before and self.before(h.command, h.path, body) is False: return self.cut(h)
        c, h.kept = h.kept or self.connect(), None
        try:
            c.request(h.command, h.path, body or None, {k: v for k, v in h.headers.items() if k.lower() not in HOP})
            r = c.getresponse()
            watch = "watch=" in h.path
            whole = None if watch else r.read()
            if whole is not None and not r.will_close: h.kept = c
            if self.after and self.after(h.command, h.path, body, r.status) is False: return self.cut(h)
            h.send_response(r.status)
            for k, v in r.getheaders():
                if k.lower() not in HOP: h.send_header(k, v)
            if whole is not None:
                h.send_header("Content-Length", str(len(whole)))
                h.end_headers()
                h.wfile.write(whole)
                return
            h.send_header("Transfer-Encoding", "chunked")
            h.end_headers()
            while chunk := r.read1(65536):
                h.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                h.wfile.flush()
            h.wfile.write(b"0\r\n\r\n")
        except OSError:
            h.close_connection = True
        finally:
            if h.kept is not c: c.close()

    def connect(self):
        c = http.client.HTTPSConnection(self.upstream.host, self.upstream.port, context=self.upstream.ctx, timeout=600)
        c.connect()
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return c

    @staticmethod
    def cut(h):
        h.close_connection = True
        with contextlib.suppress(OSError): h.connection.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class FakeRay:
    """Ray behind every head service, for a cluster whose pods run nothing: any job that is asked for exists, is PENDING for a
    fifth of its time, RUNNING for the rest, then has SUCCEEDED, or FAILED where its entrypoint says "fail".
    kube: who is asked what the RayJob runs; one in HTTPMode is unknown until it is submitted.
    lies: answers (status, text) that are given first, in place of the truth; always: one that is given every time.
    slow: seconds that each answer takes."""

    def __init__(self, seconds=5.0, kube=None):
        self.jobs, self.lock, self.seconds, self.kube, self.lies, self.always, self.slow = {}, threading.Lock(), seconds, kube, [], None, 0

    def __call__(self, method, path, body):
        m = re.match(r"/api/v1/namespaces/([^/]+)/services/(?:https?:)?([^/:]+):([^/]*)/proxy/(.*)", path)
        if not m: return None
        ns, service, _, rest = m.groups()
        time.sleep(self.slow)
        parts = urllib.parse.urlparse(rest).path.strip("/").split("/")
        with self.lock:
            if self.always or self.lies: return self.always or self.lies.pop(0)
            if parts[:2] != ["api", "jobs"]: return 404, "not found"
            if len(parts) == 2:
                request = json.loads(body)
                self.job(ns, service, request["submission_id"])["entrypoint"] = request["entrypoint"]
                return 200, {"job_id": request["submission_id"], "submission_id": request["submission_id"]}
            if self.kube and (ns, service, parts[2]) not in self.jobs and not self.submitted(ns, service, parts[2]): return 404, "no such job"
            job = self.job(ns, service, parts[2])
            if parts[3:] == ["stop"]:
                job["stopped"] = job.get("stopped") or time.time()
                return 200, {"stopped": True}
            age = time.time() - job["since"]
            end = "FAILED" if "fail" in job["entrypoint"] else "SUCCEEDED"
            status = "STOPPED" if "stopped" in job else "PENDING" if age < self.seconds / 5 else "RUNNING" if age < self.seconds else end
            over = status not in ("PENDING", "RUNNING")
            return 200, {"status": status, "message": "fake " + status, "submission_id": parts[2], "end_time": int((job["since"] + self.seconds) * 1000) if over else None}

    def job(self, ns, service, id):
        return self.jobs.setdefault((ns, service, id), {"since": time.time(), "entrypoint": ""})

    def submitted(self, ns, service, id):
        """As a submitter would have done it, whose pod runs nothing."""
        spec = next((o["spec"] for o in self.kube.list("rayjobs", ns) if o.get("status", {}).get("jobId") == id), None)
        if spec and spec.get("submissionMode") != "HTTPMode": self.job(ns, service, id)["entrypoint"] = spec.get("entrypoint", "")
        return (ns, service, id) in self.jobs


class FakeServe:
    """Serve behind every head service, for a cluster whose pods run nothing: applications are DEPLOYING for so many seconds,
    then RUNNING with HEALTHY deployments; every proxy is healthy."""

    def __init__(self, seconds=3.0):
        self.seconds, self.lock, self.configs = seconds, threading.Lock(), {}

    def __call__(self, method, path, body):
        m = re.match(r"/api/v1/namespaces/([^/]+)/(services|pods)/(?:https?:)?([^/:]+):([^/]*)/proxy/(.*)", path)
        if not m: return None
        ns, kind, name, _, rest = m.groups()
        if rest.startswith("-/healthz"): return 200, "success"
        if kind != "services" or not rest.startswith("api/serve/applications/"): return 404, "not found"
        with self.lock:
            if method == "PUT":
                self.configs[ns, name] = (time.time(), json.loads(body))
                return 200, ""
            since, config = self.configs.get((ns, name), (0, {}))
            up = time.time() - since >= self.seconds
            apps = {a.get("name", "default"): {"name": a.get("name", "default"), "status": "RUNNING" if up else "DEPLOYING", "message": "", "deployed_app_config": a,
                                               "deployments": {d["name"]: {"name": d["name"], "status": "HEALTHY" if up else "UPDATING", "message": ""} for d in a.get("deployments", [])}}
                    for a in config.get("applications", [])}
            return 200, {"applications": apps, "deploy_mode": "MULTI_APP", **({"target_capacity": config["target_capacity"]} if "target_capacity" in config else {})}
