#!/usr/bin/env python3
"""tests/real/cluster.sh and node.sh start no API server on an etcd that is not their own, and leave nothing running where they fail.

No real program takes part: etcd, the API server, kubectl and what node.sh uses are stand-ins, each as a test wants it."""
import os, random, shutil, signal, socket, subprocess, sys, tempfile, time

REAL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "real")
# Answers on the client port as an etcd of the given name does. It ends after so many seconds (0: never).
ETCD = """#!/usr/bin/env python3
import http.server, json, os, sys, threading
name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.dumps({"members": [{"name": name}]}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
if seconds: threading.Timer(seconds, lambda: os._exit(1)).start()
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
NAME_AND_PORT = """
while [ $# -gt 0 ]; do case $1 in --name) name=$2 ;; --listen-client-urls) port=${2##*:} ;; esac; shift; done
"""
STAYS = "exec sleep 600"


def free_port():
    """A PORT that nobody has, nor its two ports for etcd. All are below those from which connections go out."""
    while True:
        port = random.randrange(12000, 22000)
        if all(can_listen(p) for p in (port, port + 10000, port + 10001)): return port


def can_listen(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try: s.bind(("127.0.0.1", port))
        except OSError: return False
        return True


class Machine:
    """A folder with stand-ins for all programs, and what they have noted."""

    def __init__(self, etcd, apiserver=STAYS, kubectl="exit 0"):
        self.dir = tempfile.mkdtemp(prefix="rv-real-up-")
        self.bin, self.state, self.port = os.path.join(self.dir, "bin"), os.path.join(self.dir, "state"), free_port()
        os.mkdir(self.bin)
        with open(os.path.join(self.bin, "etcd.py"), "w") as f: f.write(ETCD)
        programs = {"etcd": NAME_AND_PORT + etcd, "kube-apiserver": apiserver, "kubectl": kubectl, **{p: STAYS for p in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "containerd")},
                    **{p: "exit 0" for p in ("ctr", "ip", "sysctl", "openssl", "iptables-save", "iptables-restore", "go")}, "id": "echo 0", "uname": "echo x86_64",
                    "mkdir": f"case \"$*\" in */sys/fs/*) exit 0 ;; esac; exec {shutil.which('mkdir')} \"$@\"", "rmdir": "exit 0"}
        for name, text in programs.items():
            with open(os.path.join(self.bin, name), "w") as f: f.write(f"#!/bin/bash\nhere={self.dir}; echo $$ >>$here/{name}.started\n{text}\n")
            os.chmod(os.path.join(self.bin, name), 0o755)

    def up(self, script="cluster.sh"):
        env = {**os.environ, "PATH": self.bin + ":" + os.environ["PATH"], "RAYVISOR_REAL_BIN": self.bin, "RAYVISOR_REAL_NODES": "0"}
        return subprocess.run([os.path.join(REAL, script), "up", self.state, str(self.port)], env=env, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)

    def pids(self, program):
        path = os.path.join(self.dir, program + ".started")
        return [int(p) for p in open(path).read().split()] if os.path.exists(path) else []

    def nothing_runs(self):
        left = [p for name in ("etcd", "kube-apiserver", "containerd", "kubelet") for p in self.pids(name) if alive(p)]
        assert not left, f"still running: {left}"

    def close(self):
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "containerd", "kubelet", "kube-proxy", "other"):
            for p in self.pids(name):
                if alive(p): os.kill(p, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)


def alive(pid):
    """A process that has ended and was not waited for is not alive."""
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


OWN = "exec python3 $here/bin/etcd.py \"$name\" \"$port\" "


def test_a_port_that_somebody_has():
    for script in ("cluster.sh", "node.sh"):
        for offset in (10000, 10001):
            m = Machine(OWN + "0")
            with socket.socket() as s:
                s.bind(("127.0.0.1", m.port + offset))
                s.listen()
                r = m.up(script)
            assert r.returncode != 0 and f"port {m.port + offset}, for this cluster's etcd, belongs to somebody else; choose another PORT" in r.stderr, (script, r)
            assert not any(map(m.pids, ("etcd", "kube-apiserver", "containerd", "kubelet"))), script
            m.close()


def test_an_etcd_that_ends_at_once():
    """Somebody else's takes the port in the very moment, so that ours ends and the port answers all the same."""
    for script in ("cluster.sh", "node.sh"):
        m = Machine("setsid python3 $here/bin/etcd.py other \"$port\" 0 & echo $! >>$here/other.started; sleep 1; exit 1")
        r = m.up(script)
        assert r.returncode != 0 and f"this cluster's etcd has ended; its log is in {m.state}" in r.stderr, (script, r)
        assert m.pids("etcd") and not m.pids("kube-apiserver") and not m.pids("containerd"), script
        m.nothing_runs()
        m.close()


def test_an_etcd_that_ends_a_little_later():
    """It ends while the API server starts, and another one answers in its place."""
    m = Machine(OWN + "1.5", kubectl="sleep 3")
    r = m.up()
    assert r.returncode != 0 and "this cluster's etcd has ended" in r.stderr, r
    assert m.pids("kube-apiserver") and not m.pids("kube-scheduler"), "it is noticed before anything else is started"
    m.nothing_runs()
    m.close()


def test_somebody_elses_api_server():
    m = Machine(OWN + "0", apiserver="exit 1")
    r = m.up()
    assert r.returncode != 0 and f"port {m.port} belongs to somebody else's API server" in r.stderr, r
    m.nothing_runs()
    m.close()


def test_all_is_well():
    m = Machine(OWN + "0")
    r = m.up()
    assert r.returncode == 0 and r.stdout.strip() == os.path.join(m.state, "kubeconfig") and not r.stderr, r
    assert all(alive(p) for name in ("etcd", "kube-apiserver") for p in m.pids(name)), "what was started stays"
    subprocess.run([os.path.join(REAL, "cluster.sh"), "down", m.state], check=True, timeout=60)
    m.nothing_runs()
    m.close()


if __name__ == "__main__":
    for name, test in [(n, t) for n, t in list(globals().items()) if n.startswith("test_")]:
        if sys.argv[1:] and name[5:] not in sys.argv[1:]: continue
        begun = time.monotonic()
        test()
        print(f"ok   {name[5:]} ({time.monotonic() - begun:.1f} s)", flush=True)
