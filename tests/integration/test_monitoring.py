#!/usr/bin/env python3
"""deploy/monitoring on a real Prometheus: it scrapes a running operator, every rule is valid, and every query of every dashboard returns data.

Prometheus and promtool come from Debian's package: the installed one, or one that is unpacked into a folder of its own (never started as a service)."""
import os, shutil, subprocess, urllib.parse, urllib.request, yaml
from harness import *
from test_http import grpc_module
import test_autoscaler, test_rayservice

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "monitoring")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "rayvisor-prometheus")


def tool(name):
    """The path of prometheus or promtool."""
    found = shutil.which(name) or os.path.join(CACHE, "usr", "bin", name)
    if os.path.exists(found): return found
    if os.environ.get("RAYVISOR_NO_INSTALL"): raise Skip("prometheus is not installed")
    os.makedirs(CACHE, exist_ok=True)
    done = subprocess.run("apt-get download -qq prometheus && dpkg -x prometheus_*.deb .", shell=True, cwd=CACHE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0 or not os.path.exists(found): raise Skip("Debian's package prometheus can neither be found nor fetched")
    return found


def run(*argv, **more):
    p = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=HERE, **more)
    return p.returncode, p.stdout


class Prometheus:
    def __init__(self, env, target):
        self.dir = os.path.join(env.dir, "prometheus")
        os.makedirs(self.dir)
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [os.path.realpath(os.path.join(HERE, "rules.yaml"))],
                  "scrape_configs": [{"job_name": "rayvisor", "static_configs": [{"targets": [target]}]}]}
        with open(os.path.join(self.dir, "prometheus.yml"), "w") as f: yaml.safe_dump(config, f)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.proc = Process([tool("prometheus"), f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                             f"--web.listen-address=127.0.0.1:{self.port}"], os.path.join(self.dir, "log"))

    def get(self, path, **query):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as r: return json.load(r)["data"]

    def query(self, expr): return self.get("query", query=expr)["result"]

    def up(self):
        try: return self.query("up == 1") != []
        except OSError: return False

    def stop(self): self.proc.stop()


def panels():
    """(dashboard, panel, query) of the files that users import, with Grafana's variables filled in."""
    for file in sorted(glob.glob(os.path.join(HERE, "dashboards", "*.json"))):
        with open(file) as f: dashboard = json.load(f)
        for p in dashboard["panels"]:
            for t in p["targets"]:
                yield dashboard["title"], p["title"], t["expr"].replace("$__rate_interval", "10s").replace("$namespace", ".*")


def test_rules(env):
    promtool = tool("promtool")
    code, text = run(promtool, "check", "rules", "rules.yaml")
    assert code == 0, text
    code, text = run(promtool, "test", "rules", "rules_test.yaml")
    assert code == 0, text
    with open(os.path.join(HERE, "rules.yaml")) as f: alerts = [r["alert"] for g in yaml.safe_load(f)["groups"] for r in g["rules"]]
    with open(os.path.join(HERE, "rules_test.yaml")) as f: tests = [(bool(c["exp_alerts"]), c["alertname"]) for t in yaml.safe_load(f)["tests"] for c in t["alert_rule_test"]]
    for a in alerts: assert {(True, a), (False, a)} <= set(tests), f"{a} is not tested both ways"


def test_every_panel_has_data(env):
    promtool, grpc = tool("promtool"), grpc_module()
    env.sandbox("--sim-opts", "ray_deploy_ms=500,ray_build_ms=100")
    ns = env.kube.namespace(test_autoscaler.NS)
    store = test_autoscaler.ControlStore(grpc, env.kube)
    try:
        domain = {"clusterDomain": "localhost"}
        env.operator(plugins=[{"name": "raycluster", "settings": domain}, {"name": "rayjob"}, {"name": "rayservice"}, {"name": "autoscaler", "settings": domain}], proxy=True)
        env.kube.create("rayclusters", ns, test_autoscaler.cluster("scaled", store.port))
        env.kube.create("rayclusters", ns, raycluster("plain", workers=1))
        env.kube.create("rayjobs", ns, rayjob("hello"))
        env.kube.create("rayservices", ns, test_rayservice.service("s"))
        wait_ready(env.kube, ns, "plain", 1)
        wait_job(env.kube, ns, "hello", "Complete")
        test_rayservice.wait_serving(env.kube, ns)
        wait_for("the control store to be asked", lambda: store.asked > 2, 60)
        target = f"127.0.0.1:{env.op.control('status')['httpPort']}"
        server = env.keep(Prometheus(env, target))
        wait_for("a scrape", server.up, 60)
        waiting = dict.fromkeys(panels())

        def all_answered():
            for p in [p for p in waiting if server.query(p[2])]: del waiting[p]
            return not waiting
        try: wait_for("every panel to have data", all_answered, 30)
        finally: assert not waiting, f"no data: {sorted(waiting)}"
        page = urllib.request.urlopen(f"http://{target}/metrics", timeout=10).read().decode()
        code, text = run(promtool, "check", "metrics", input=page)
        assert code in (0, 3), text  # 3: remarks on style, for names that the reference chose
        remarks = [line for line in text.splitlines() if not line.startswith("kuberay_")]
        assert not remarks, remarks
        rules = [r for g in server.get("rules")["groups"] for r in g["rules"]]
        assert rules and all(r["health"] == "ok" for r in rules), [r for r in rules if r["health"] != "ok"]
    finally:
        store.stop()


if __name__ == "__main__": main()
