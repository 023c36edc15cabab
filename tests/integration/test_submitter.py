#!/usr/bin/env python3
"""rayvisor-submit against a scripted dashboard: how jobs end, restarts in the middle of the log, answers that are none."""
import hashlib, http.server, struct
from harness import *

SUBMIT = binary("rayvisor-submit")
ID = "job-1"


class Dashboard:
    """A Ray dashboard with one job, and faults by script: `answers` are given first, in order, to GETs of the job."""

    def __init__(self, status="SUCCEEDED", log=b"one\ntwo\nthree\n", known=False, cut_at=(), tls=None, token=None):
        self.known, self.log, self.final, self.cuts, self.token = known, log, status, list(cut_at), token
        self.requests, self.answers, self.posts, self.finished, self.posted = [], [], [], False, None
        dash = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *a): pass
            def any(self): dash.serve(self)
            do_GET = do_POST = any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            def handle_error(self, *a): pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if tls:
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(*tls)
            self.server.socket = ctx.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def reply(self, h, status, what, extra=()):
        data = what if isinstance(what, bytes) else json.dumps(what).encode()
        h.send_response(status)
        for k, v in extra: h.send_header(k, v)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data)

    def serve(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        self.requests.append((h.command, h.path))
        if self.token and h.headers.get("x-ray-authorization") != "Bearer " + self.token: return self.reply(h, 401, b"no")
        if h.command == "POST" and h.path == "/api/jobs/":
            if self.posts:
                a = self.posts.pop(0)
                return a(h) if callable(a) else self.reply(h, *a)
            if self.known: return self.reply(h, 500, b"Please use a different submission_id")
            self.known, self.posted = True, json.loads(body)
            return self.reply(h, 200, {"submission_id": ID})
        if h.path == f"/api/jobs/{ID}/logs/tail": return self.tail(h)
        if h.path != f"/api/jobs/{ID}": return self.reply(h, 404, b"what?")
        if self.answers:
            a = self.answers.pop(0)
            return a(h) if callable(a) else self.reply(h, *a)
        if not self.known: return self.reply(h, 404, b"no such job")
        self.reply(h, 200, {"status": self.final if self.finished else "RUNNING", "message": "because"})

    def tail(self, h):
        accept = base64.b64encode(hashlib.sha1((h.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        h.send_response(101)
        for k, v in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)): h.send_header(k, v)
        h.end_headers()
        def frame(op, data): return bytes([0x80 | op]) + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data)) if len(data) < 65536 else b"\x7f" + struct.pack(">Q", len(data))) + data
        end = self.cuts.pop(0) if self.cuts else None
        for at in range(0, len(self.log), 60000):
            piece = self.log[at:at + 60000]
            if end is not None and at + len(piece) > end:
                h.wfile.write(frame(1, self.log[at:end])[:-1] if end > at + 1 else b"")  # also in the middle of a frame
                h.wfile.flush()
                h.connection.shutdown(socket.SHUT_RDWR)
                h.close_connection = True
                return
            h.wfile.write(frame(1, piece) + frame(9, b"p"))
        self.finished = True
        h.wfile.write(frame(8, b"\x03\xe8"))
        h.wfile.flush()
        while h.connection.recv(65536): pass  # pongs, and its own close
        h.close_connection = True


def run(dash, *args, timeout=60, url="http://127.0.0.1", **env):
    if not os.path.exists(SUBMIT): raise Skip("rayvisor-submit is not built here")
    e = {"RAY_DASHBOARD_ADDRESS": f"{url}:{dash.port}", "RAY_JOB_SUBMISSION_ID": ID, **env}
    return subprocess.run([SUBMIT, *args], env=e, capture_output=True, timeout=timeout)


def test_ends_as_the_job_does(env):
    for status, code in (("SUCCEEDED", 0), ("FAILED", 1), ("STOPPED", 2)):
        d = env.keep(Dashboard(status))
        r = run(d, "--runtime-env-json", '{"a":{"b":[1]}}', "--metadata-json", '{"k":"v"}', "--entrypoint-num-cpus", "1.5", "--entrypoint-resources", '{"r":2}', "--", "python", "x.py")
        assert r.returncode == code and r.stdout == d.log, (r.returncode, r.stdout, r.stderr)
        assert d.posted == {"entrypoint": "python x.py", "submission_id": ID, "runtime_env": {"a": {"b": [1]}}, "metadata": {"k": "v"},
                            "entrypoint_num_cpus": 1.5, "entrypoint_resources": {"r": 2}}, d.posted
        assert status == "SUCCEEDED" or b"because" in r.stderr


def test_submitted_already(env):
    d = env.keep(Dashboard(known=True))
    assert run(d, "--", "x").returncode == 0 and ("POST", "/api/jobs/") not in d.requests
    d = env.keep(Dashboard())
    d.posts = [(500, b"... Please use a different submission_id ...")]
    d.answers = [(404, b"")]
    d.known = True
    assert run(d, "--", "x").returncode == 0


def test_restarts_in_the_middle(env):
    log = b"".join(b"line %d\n" % i for i in range(30000))
    d = env.keep(Dashboard(log=log, cut_at=(0, 5, 100000, 100001)))
    r = run(d, "--", "x", timeout=120)
    assert r.returncode == 0 and r.stdout == log, (r.returncode, len(r.stdout), len(log), r.stderr[-300:])


def test_a_long_line_and_binary(env):
    log = b"x" * (5 << 20) + b"\n" + bytes(range(256)) + b"\n"
    d = env.keep(Dashboard(log=log))
    assert run(d, "--", "x").stdout == log


def hang_up(h): h.connection.shutdown(socket.SHUT_RDWR)


def test_restarts_while_it_submits(env):
    d = env.keep(Dashboard())
    d.posts = [hang_up] * 3 + [(503, b"no endpoints")] * 3 + [(500, b"No available agent")]
    r = run(d, "--", "x", timeout=120)
    assert r.returncode == 0 and r.stdout == d.log and not d.posts, r


def test_answers_that_are_none(env):
    def cut(h):
        h.send_response(200)
        h.send_header("Content-Length", "100")
        h.end_headers()
        h.wfile.write(b"{")
        h.connection.shutdown(socket.SHUT_RDWR)
    for bad in ((200, b"{garbage"), (200, {"status": 7}), (200, {"status": "Failure"}), (503, b"later"), (302, b"", [("Location", "http://127.0.0.1:1/")]),
                (200, b"{" + b" " * (6 << 20) + b"}"), hang_up, cut):
        d = env.keep(Dashboard())
        d.answers = [bad]
        r = run(d, "--", "x")
        assert r.returncode == 0 and r.stdout == d.log and b"waiting for the dashboard" in r.stderr, (bad if isinstance(bad, tuple) else bad.__name__, r)


def test_refused_and_lost(env):
    d = env.keep(Dashboard())
    d.posts = [(400, b"bad runtime env")]
    r = run(d, "--", "x")
    assert r.returncode == 69 and b"bad runtime env" in r.stderr, r
    d = env.keep(Dashboard(known=True, cut_at=(1, 1, 1, 1)))
    d.answers = [(200, {"status": "RUNNING"})] + [(404, b"")] * 5
    r = run(d, "--", "x", timeout=90)
    assert r.returncode == 3 and b"no longer knows" in r.stderr, r


def test_credentials_and_tls(env):
    cert, key = f"{env.dir}/c.pem", f"{env.dir}/k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=127.0.0.1"], check=True, capture_output=True)
    d = env.keep(Dashboard(tls=(cert, key), token="secret"))
    r = run(d, "--ca-file", cert, "--", "x", url="https://127.0.0.1", RAY_AUTH_TOKEN="secret")
    assert r.returncode == 0 and r.stdout == d.log, r
    open(f"{env.dir}/token", "w").write("secret\n")
    assert run(d, "--insecure", "--", "x", url="https://127.0.0.1", RAY_AUTH_TOKEN_PATH=f"{env.dir}/token").returncode == 0
    other = f"{env.dir}/o.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", other, "-subj", "/CN=other"], check=True, capture_output=True)
    p = subprocess.Popen([SUBMIT, "--ca-file", other, "--", "x"], env={"RAY_DASHBOARD_ADDRESS": f"https://127.0.0.1:{d.port}", "RAY_JOB_SUBMISSION_ID": ID}, stderr=subprocess.PIPE)
    line = p.stderr.readline()
    p.send_signal(signal.SIGTERM)
    assert b"handshake" in line and p.wait(10) == 143, line


def test_usage(env):
    d = env.keep(Dashboard())
    for args, more, words in (((), {"RAY_DASHBOARD_ADDRESS": ""}, b"RAY_DASHBOARD_ADDRESS"), ((), {"RAY_JOB_SUBMISSION_ID": ""}, b"RAY_JOB_SUBMISSION_ID"), ((), {"RAY_JOB_SUBMISSION_ID": "a/b"}, b"character"),
                              (("--metadata-json", "{"), {}, b"metadata-json"), (("--entrypoint-num-cpus", "x"), {}, b"number"), (("--nonsense",), {}, b"nonsense")):
        r = run(d, *args, **more)
        assert r.returncode == 64 and words in r.stderr, (args, more, r)
    assert run(d, "--help").returncode == 0 and not d.requests


if __name__ == "__main__": main()
