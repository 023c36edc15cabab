#!/usr/bin/env python3
"""A plugin's requests reach the simulated Ray by way of the API server (kubernetes.proxyHttp)."""
from harness import *

NS = "http"
URLS = ["http://*.svc.cluster.local:8265/*", "http://10.*:8000/*", "http://10.*:8265/*"]


def setup(env, proxy=True):
    env.sandbox("--sim-opts", "ray_run_ms=200", why="wants the simulated Ray in the pods, and the sandbox's faults")
    env.kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, {"name": "toy", "http": URLS, "grants": [
        {"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
        {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]}], proxy=proxy)
    env.kube.create("rayclusters", NS, raycluster("r", workers=1))
    wait_ready(env.kube, NS, "r", 1)
    return env.kube


def ask(env, name, url, **more):
    """What became of the toy's request to that URL."""
    env.kube.create("configmaps", NS, {"metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": "http", "url": url, **more}})
    return wait_for("the answer", lambda: events_of(env.kube, NS, name, "Answered"), 40)[0]["note"]


def test_services_and_pods(env):
    kube = setup(env)
    service = kube.list("services", NS, "ray.io/cluster=r")[0]["metadata"]["name"]
    head = pods_of(kube, NS, "r", "headgroup")[0]
    note = ask(env, "version", f"http://{service}.{NS}.svc.cluster.local:8265/api/version")
    assert note.startswith('OK 200 {') and '"ray_version":"2.52.0"' in note, note
    note = ask(env, "query", f"http://{service}.{NS}.svc.cluster.local:8265/nodes?view=summary")
    assert '"summary":[' in note, note
    note = ask(env, "pod", f"http://{head['status']['podIP']}:8265/api/gcs_healthz")
    assert note == "OK 200 success", note
    note = ask(env, "serve", f"http://{head['status']['podIP']}:8000/-/healthz")  # no proxy runs before an application does
    assert note.startswith("UNAVAILABLE 0"), note
    assert ask(env, "missing", f"http://{service}.{NS}.svc.cluster.local:8265/api/jobs/none").split()[1] == "404"
    assert ask(env, "nobody", f"http://nobody.{NS}.svc.cluster.local:8265/api/version").startswith("UNAVAILABLE 0")
    assert ask(env, "address", "http://10.255.255.1:8000/-/healthz").startswith("UNAVAILABLE 0")
    assert ask(env, "elsewhere", f"http://{service}.{NS}.svc.cluster.local:9999/api/version").startswith("DENIED 0")
    note = ask(env, "grpc", f"http://{service}.{NS}.svc.cluster.local:8265/a.B/C", grpc="yes")
    assert note.startswith("UNAVAILABLE 0") and "HTTP/2 (gRPC) cannot go through the API server's proxy" in note, note
    by = env.sb.stats()["requests"]
    assert by["get services/proxy"] >= 4 and by["get pods/proxy"] >= 1, by


def test_faults_reach_it(env):
    kube = setup(env)
    service = kube.list("services", NS, "ray.io/cluster=r")[0]["metadata"]["name"]
    url = f"http://{service}.{NS}.svc.cluster.local:8265/api/version"
    env.sb.fault({"resource": "services", "subresource": "proxy"}, {"status": 503}, count=1)
    assert ask(env, "refused", url).startswith("UNAVAILABLE 0")
    env.sb.fault({"resource": "services", "subresource": "proxy"}, {"truncate": 5}, count=1)
    assert ask(env, "cut", url).startswith("UNAVAILABLE 0")
    env.sb.fault({"resource": "services", "subresource": "proxy"}, {"garbage": True}, count=1)
    assert ask(env, "garbled", url).startswith("PARSE 200")
    assert ask(env, "whole", url).startswith("OK 200")


def grpc_module():
    """grpcio, which this test alone needs: installed, or from PyPI into a folder of its own."""
    where = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "rayvisor-grpcio")
    sys.path.append(where)
    try:
        import grpc
        return grpc
    except ImportError:
        if os.environ.get("RAYVISOR_NO_INSTALL"): raise Skip("grpcio is not installed")
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", where, "grpcio"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0: raise Skip("grpcio cannot be installed")
    import grpc
    return grpc


def test_grpc_unary_calls(env):
    """Two that succeed, over one connection, one that fails before an answer, and one that is not there, of gRPC's own server."""
    grpc = grpc_module()
    from concurrent import futures

    def fail(request, context): context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such node: 7%")
    handlers = {"Fail": grpc.unary_unary_rpc_method_handler(fail)}
    peers = []

    def say(request, context):
        peers.append(context.peer())
        return b"hello"
    handlers["Say"] = grpc.unary_unary_rpc_method_handler(say)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    env.sandbox(why="asks a server of this test's own")
    env.kube.namespace(NS)
    env.operator(plugins=[{"name": "toy", "http": [f"http://127.0.0.1:{port}/*"], "grants": [
        {"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
        {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]}])
    try:
        for i, (method, want) in enumerate((("Say", "OK 200 hello grpc=0 "), ("Say", "OK 200 hello grpc=0 "), ("Fail", "OK 200  grpc=9 no such node: 7%25"), ("Nothing", "OK 200  grpc=12 Method not found!"))):
            name = f"{method.lower()}-{i}"
            env.kube.create("configmaps", NS, {"metadata": {"name": name, "labels": {"toy": "yes"}},
                                               "data": {"mode": "http", "grpc": "yes", "url": f"http://127.0.0.1:{port}/test.Echo/{method}"}})
            note = wait_for("the answer", lambda: events_of(env.kube, NS, name, "Answered"), 40)[0]["note"]
            assert note == want, (method, note)
        assert len(peers) >= 2 and len(set(peers)) == 1, peers  # all over one connection
    finally:
        server.stop(None)


def test_loopback_and_own_addresses(env):
    """A user's Service or head pod may lead to this machine: nothing is asked there unless the configuration allows it."""
    import http.server
    import threading
    asked = []

    class Listener(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    own = [a for a in subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split() if "." in a][:1]
    env.sandbox(why="asks a server of this test's own")
    env.kube.namespace(NS)
    op = env.operator(plugins=[{"name": "toy", "http": [f"http://*:{port}/*", f"http://localhost:{port}/*"], "grants": [
        {"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
        {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]}], allow=())
    try:
        for i, (host, what) in enumerate([("127.0.0.1", "127.0.0.1 is a loopback address"), ("localhost", "is a loopback address"), ("127.3.4.5", "127.3.4.5 is a loopback address"),
                                          *((a, f"{a} is one of the operator's own addresses") for a in own)]):
            for grpc in ({}, {"grpc": "yes"}):
                note = ask(env, f"refused-{i}-{len(grpc)}", f"http://{host}:{port}/x", **grpc)
                assert note.startswith("DENIED 0") and what in note and "requests.allowAddresses" in note, (host, note)
        assert asked == [], asked
        op.allow = ["127.0.0.0/8"]
        op.write_config()
        wait_for("the configuration to be read", lambda: op.logs("configuration reloaded"))
        assert ask(env, "allowed", f"http://127.0.0.1:{port}/x") == "OK 200 ok"
        assert set(asked) == {"/x"}, asked
    finally:
        server.shutdown()


class Led:
    """What kube-proxy does behind a cluster IP, on an address that is allowed: it leads each connection to another one. Counts them."""

    def __init__(self, to):
        import threading
        self.to, self.connections, self.socket = to, 0, socket.create_server(("127.77.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        import threading
        while True:
            a, _ = self.socket.accept()
            self.connections += 1
            b = socket.create_connection(("127.0.0.1", self.to))
            for x, y in ((a, b), (b, a)): threading.Thread(target=self.copy, args=(x, y), daemon=True).start()

    def copy(self, x, y):
        try:
            while got := x.recv(65536): y.sendall(got)
            y.shutdown(socket.SHUT_WR)
        except OSError: pass


def test_led_to_an_operator(env):
    """An endpoint of a tenant's making leads to a port of this operator, or of another replica, for metrics or probes: one connection finds out, and no more are made."""
    env.sandbox(why="asks ports of the operator")
    env.kube.namespace(NS)
    leader = {"extra": f"leaderElection: {{enabled: true, namespace: {NS}}}"}
    toy = {"name": "toy", "http": ["http://127.77.0.1:*/*"], "grants": [
        {"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
        {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]}
    op = env.operator(plugins=[toy], allow=["127.77.0.1"], **leader)
    standby = env.keep(Operator(env.dir, env.kube, plugins=[toy], allow=["127.77.0.1"], name="standby", **leader))
    ports = [op.control("status")["httpPort"], op.control("status")["probePort"], standby.control("status")["httpPort"], standby.control("status")["probePort"]]
    for i, port in enumerate(ports):
        led = [Led(port), Led(port)]
        for n, way in enumerate([{}, {"grpc": "yes"}]):
            late = 0  # requests that were too slow, on a machine that is too busy
            for path in ("metrics", "livez", "api/jobs/"):
                while (note := ask(env, f"led-{i}-{n}-{path[:3]}-{late}", f"http://127.77.0.1:{led[n].port}/{path}", **way)).startswith("TIMEOUT") and late < 10: late += 1
                assert note.startswith("DENIED 0") and "127.77.0.1 is where the operator itself answers, and requests for Ray never go there" in note, (i, path, way, note)
            assert 1 <= led[n].connections <= 1 + late, (i, way, led[n].connections)
    op.stop(), standby.stop()


def test_without_the_option_nothing_goes_that_way(env):
    setup(env, proxy=False)
    assert ask(env, "direct", f"http://nobody.{NS}.svc.cluster.local:8265/api/version").startswith("UNAVAILABLE 0")
    assert not [k for k in env.sb.stats()["requests"] if "proxy" in k]


if __name__ == "__main__": main()
