#!/usr/bin/env python3
"""What a reload does to a running plugin: settings are sent to it, everything else replaces its process, its history stays."""
import os, shutil, signal, time
from harness import *

GRANTS = [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]},
          {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]


def toy(**kw): return {"name": "toy", "grants": GRANTS, **kw}


def configmap(name, mode=""):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": mode}}


def setup(env, *plugins, **kw):
    env.cluster()
    ns = env.kube.namespace(f"rl-{env.name.replace('_', '-')[:30]}-{os.getpid()}")
    env.operator(plugins=list(plugins), **kw)
    return env.kube, ns


def reload(env, *plugins):
    """Writes a configuration with these plugins and waits until it is the running one."""
    before = len(env.op.logs("configuration reloaded"))
    env.op.plugins = list(plugins)
    env.op.write_config()
    wait_for("reload", lambda: len(env.op.logs("configuration reloaded")) > before)


def said(env, ns, name): return " ".join(env.op.control("explain", kind="configmap", namespace=ns, name=name).get("lines", []))


def quarantined(env, plugin="toy"): return [q["name"] for q in env.op.plugin(plugin)["quarantined"]]


def test_settings_reach_the_running_process(env):
    kube, ns = setup(env, toy())
    kube.create("configmaps", ns, configmap("a"))
    wait_for("first pass", lambda: "the child is there" in said(env, ns, "a"))
    pid = env.op.plugin("toy")["pid"]
    reload(env, toy(settings={"greeting": "good day"}))
    wait_for("every object is looked at with the new settings", lambda: "there, good day" in said(env, ns, "a"))
    p = env.op.plugin("toy")
    assert p["pid"] == pid and p["restarts"] == 0 and p["settings"]["greeting"] == "good day", p
    assert "settingsRefused" not in p, p


def test_refused_settings_leave_the_old_ones(env):
    kube, ns = setup(env, toy(settings={"greeting": "old"}))
    kube.create("configmaps", ns, configmap("a"))
    wait_for("first pass", lambda: "there, old" in said(env, ns, "a"))
    pid = env.op.plugin("toy")["pid"]
    reload(env, toy(settings={"greeting": "new", "mood": "refuse"}))
    p = wait_for("refusal", lambda: (lambda p: p if p.get("settingsRefused") else None)(env.op.plugin("toy")))
    assert p["pid"] == pid and p["settings"]["greeting"] == "old", p
    line = next(i for i, l in enumerate(open(env.op.config), 1) if "plugins:" in l)
    assert p["settingsRefused"].startswith(f"{env.op.config}:{line}:") and "mood is not acceptable" in p["settingsRefused"], p
    assert p["settingsRefused"] in env.op.ctl("plugins"), env.op.ctl("plugins")
    assert env.op.logs("settings refused by the plugin", plugin="toy"), "nothing in the log"
    os.kill(pid, 9)  # a new process gets what was in force, not what was refused
    wait_for("restart", lambda: env.op.plugin("toy")["restarts"] == 1 and env.op.plugin("toy")["state"] == "ready")
    wait_for("pass of the new process", lambda: "there, old" in said(env, ns, "a"))
    reload(env, toy(settings={"greeting": "newer"}))
    wait_for("better settings", lambda: "there, newer" in said(env, ns, "a"))
    assert "settingsRefused" not in env.op.plugin("toy")


def test_settings_that_kill_the_plugin(env):
    kube, ns = setup(env, toy(settings={"greeting": "old"}))
    kube.create("configmaps", ns, configmap("a"))
    wait_for("first pass", lambda: "there, old" in said(env, ns, "a"))
    reload(env, toy(settings={"mood": "crash"}))
    p = wait_for("refusal", lambda: (lambda p: p if p.get("settingsRefused") and p["state"] == "ready" else None)(env.op.plugin("toy")))
    assert p["restarts"] == 1 and p["deaths"][0]["while"] == "settings" and p["settings"]["greeting"] == "old", p
    assert not p["quarantined"], p
    wait_for("works as before", lambda: "there, old" in said(env, ns, "a"))


def test_raycluster_takes_settings_and_is_replaced_for_what_it_reads(env):
    ray = lambda **s: {"name": "raycluster", "settings": s}
    kube, ns = setup(env, ray(requeueSeconds=100))
    kube.create("rayclusters", ns, raycluster("r", workers=1))
    wait_ready(kube, ns, "r", 1)
    pid = env.op.plugin("raycluster")["pid"]
    reload(env, ray(requeueSeconds=200, defaultPodLabels={"team": "a"}))
    wait_for("settings in force", lambda: env.op.plugin("raycluster")["settings"]["requeueSeconds"] == 200)
    assert env.op.plugin("raycluster")["pid"] == pid
    kube.create("rayclusters", ns, raycluster("s", workers=1))
    wait_ready(kube, ns, "s", 1)
    assert all(p["metadata"]["labels"].get("team") == "a" for p in pods_of(kube, ns, "s"))
    reload(env, {"name": "raycluster", "limits": {"maxInFlight": 9}})
    wait_for("another process", lambda: env.op.plugin("raycluster")["pid"] not in (0, pid) and env.op.plugin("raycluster")["state"] == "ready")
    assert env.op.plugin("raycluster")["restarts"] == 0, "a wanted end counts as a death"
    assert_quiet(env)


def test_quarantine_outlives_a_replacement(env):
    kube, ns = setup(env, toy())
    kube.create("configmaps", ns, configmap("bad", "crash"))
    wait_for("quarantine", lambda: quarantined(env) == ["bad"], 40)
    wait_for("restarted", lambda: env.op.plugin("toy")["state"] == "ready")
    pid = env.op.plugin("toy")["pid"]
    reload(env, toy(limits={"maxInFlight": 9}))
    wait_for("another process", lambda: env.op.plugin("toy")["pid"] not in (0, pid) and env.op.plugin("toy")["state"] == "ready")
    kube.create("configmaps", ns, configmap("good"))
    wait_for("the others work", lambda: kube.find("configmaps", ns, "good-child"))
    p = env.op.plugin("toy")
    assert quarantined(env) == ["bad"] and len(p["deaths"]) == 2, p
    reload(env, toy(limits={"maxInFlight": 9}, enabled=False))
    wait_for("off", lambda: env.op.plugin("toy")["state"] == "disabled")
    assert quarantined(env) == ["bad"]
    reload(env, toy(limits={"maxInFlight": 9}))
    wait_for("on", lambda: env.op.plugin("toy")["state"] == "ready")
    assert quarantined(env) == ["bad"] and env.op.plugin("toy")["restarts"] == 2
    assert "released" in env.op.ctl("release", "toy", f"{ns}/bad")
    wait_for("it is tried again, with what follows", lambda: env.op.plugin("toy")["restarts"] == 3)


def test_quarantine_ends_with_a_change_while_the_plugin_is_off(env):
    kube, ns = setup(env, toy())
    kube.create("configmaps", ns, configmap("bad", "crash"))
    wait_for("quarantine", lambda: quarantined(env) == ["bad"], 40)
    reload(env, toy(enabled=False))
    wait_for("off", lambda: env.op.plugin("toy")["state"] == "disabled")
    kube.patch("configmaps", ns, "bad", {"data": {"mode": ""}})
    reload(env, toy())
    wait_for("taken up again", lambda: kube.find("configmaps", ns, "bad-child"))
    assert quarantined(env) == []


def test_quarantine_ends_with_other_settings(env):
    kube, ns = setup(env, toy())
    kube.create("configmaps", ns, configmap("bad", "crash"))
    wait_for("quarantine", lambda: quarantined(env) == ["bad"], 40)
    wait_for("restarted", lambda: env.op.plugin("toy")["state"] == "ready")
    before = env.op.plugin("toy")["restarts"]
    reload(env, toy(settings={"greeting": "again"}))
    wait_for("one more try, with what follows", lambda: env.op.plugin("toy")["restarts"] > before)


def copied_toy(env):
    """A toy whose files this test may edit."""
    for name in ("toy.so", "toy.yaml"): shutil.copy(f"{BUILD}/lib/rayvisor/toys/{name}", f"{env.dir}/{name}")
    return toy(manifest=f"{env.dir}/toy.yaml")


def write_anew(path, text):
    with open(path + ".new", "wb") as f: f.write(text)
    os.rename(path + ".new", path)


def another_process(env, pid, plugin="toy"):
    wait_for("another process", lambda: (lambda p: p["pid"] not in (0, pid) and p["state"] == "ready")(env.op.plugin(plugin)))
    return env.op.plugin(plugin)["pid"]


def test_an_edited_manifest_replaces_the_plugin(env):
    """Of the same version: what it reads is taken whole or not at all."""
    entry = copied_toy(env)
    kube, ns = setup(env, entry, {"name": "raycluster"})
    kube.create("configmaps", ns, configmap("a"))
    wait_for("first pass", lambda: "the child is there" in said(env, ns, "a"))
    pid, other = env.op.plugin("toy")["pid"], env.op.plugin("raycluster")["pid"]
    text = open(f"{env.dir}/toy.yaml", "rb").read()
    write_anew(f"{env.dir}/toy.yaml", text.replace(b"fields: [metadata.name], map: owner", b"fields: [metadata.name, data], map: owner"))
    reload(env, entry, {"name": "raycluster"})
    pid = another_process(env, pid)
    kube.create("configmaps", ns, configmap("b"))
    wait_for("a child of what came after", lambda: kube.find("configmaps", ns, "b-child"))
    write_anew(f"{env.dir}/toy.yaml", text)
    reload(env, entry, {"name": "raycluster"})
    another_process(env, pid)
    kube.create("configmaps", ns, configmap("c"))
    wait_for("it works as before", lambda: "the child is there" in said(env, ns, "c"))
    p = env.op.plugin("toy")
    assert p["restarts"] == 0 and not p["quarantined"], p
    assert env.op.plugin("raycluster")["pid"] == other, "the edit of one plugin's manifest touched another plugin"


def test_kinds_that_the_library_was_not_built_for(env):
    """Its constants would mean other kinds: the reload is refused, and the process that fits goes on."""
    entry = {**copied_toy(env), "grants": "all"}
    kube, ns = setup(env, entry)
    pid = env.op.plugin("toy")["pid"]
    text = open(f"{env.dir}/toy.yaml", "rb").read()
    write_anew(f"{env.dir}/toy.yaml", text.replace(b"reads:\n", b"reads:\n  - {apiVersion: v1, resource: pods, kind: Pod, fields: [metadata.name], map: owner}\n"))
    refused = env.op.control("reload").get("error", "")
    assert "kind 1 is child (v1 configmaps, ConfigMap) in the library and pod (v1 pods, Pod) in the manifest" in refused, refused
    assert env.op.plugin("toy")["state"] == "ready" and env.op.plugin("toy")["pid"] == pid
    write_anew(f"{env.dir}/toy.yaml", text)
    reload(env, entry)
    kube.create("configmaps", ns, configmap("a"))
    wait_for("it works again", lambda: kube.find("configmaps", ns, "a-child"))


def test_a_rebuilt_library_replaces_the_plugin(env):
    entry = copied_toy(env)
    kube, ns = setup(env, entry)
    pid = env.op.plugin("toy")["pid"]
    reload(env, entry)
    assert env.op.plugin("toy")["pid"] == pid, "nothing had changed"
    text, was = open(f"{env.dir}/toy.so", "rb").read(), os.stat(f"{env.dir}/toy.so")
    write_anew(f"{env.dir}/toy.so", text)
    os.utime(f"{env.dir}/toy.so", ns=(was.st_atime_ns, was.st_mtime_ns))  # a package's files have the time of its build
    reload(env, entry)
    pid = another_process(env, pid)
    assert env.op.logs("its library is another file", plugin="toy")
    reload(env, entry)
    kube.create("configmaps", ns, configmap("a"))
    wait_for("it works", lambda: kube.find("configmaps", ns, "a-child"))
    p = env.op.plugin("toy")
    assert p["pid"] == pid and p["restarts"] == 0, p


def test_a_bad_library_never_replaces_a_good_one(env):
    """One that cannot be loaded, was built for another ABI, or dies in its init: the process that runs goes on, and the refusal can be seen."""
    entry = copied_toy(env)
    kube, ns = setup(env, entry)
    pid, good = env.op.plugin("toy")["pid"], open(f"{env.dir}/toy.so", "rb").read()
    toys = f"{BUILD}/lib/rayvisor/toys"
    for name, says in (("old-abi", "built for plugin ABI 0"), ("crash-init", "its host died while it was asked: signal"), ("crash-load", "its host died"), ("", "cannot load the plugin")):
        write_anew(f"{env.dir}/toy.so", open(f"{toys}/{name}.so", "rb").read() if name else b"not a library")
        refused = env.op.control("reload").get("error", "")
        assert says in refused and env.op.config + ":" in refused, (name, refused)
        assert says in env.op.ctl("status") and says in env.op.http("/readyz"), name
        assert says in env.op.check_config(), name
        p = env.op.plugin("toy")
        assert p["pid"] == pid and p["state"] == "ready" and p["restarts"] == 0, p
    write_anew(f"{env.dir}/toy.so", good)
    reload(env, entry)
    another_process(env, pid)
    assert "refused" not in env.op.ctl("status")


def test_a_bad_library_replaces_no_good_one_after_a_death(env):
    """The process that ran dies while a bad library lies in its place: the good one is started again from a copy, and why is said everywhere."""
    entry = copied_toy(env)
    kube, ns = setup(env, entry)
    good = open(f"{env.dir}/toy.so", "rb").read()
    write_anew(f"{env.dir}/toy.so", open(f"{BUILD}/lib/rayvisor/toys/old-abi.so", "rb").read())
    for n in (1, 2):
        pid = env.op.plugin("toy")["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for("the good one again", lambda: (lambda p: p["state"] == "ready" and p["pid"] not in (0, pid) and p["restarts"] == n)(env.op.plugin("toy")), 30)
        kube.create("configmaps", ns, configmap(f"a{n}"))
        wait_for("it works", lambda: kube.find("configmaps", ns, f"a{n}-child"))
    assert len(env.op.logs("it goes on with the one that it had", plugin="toy")) == 1, "it is asked once"
    says = "built for plugin ABI 0"
    for where in (env.op.ctl("status"), env.op.ctl("plugins"), env.op.http("/readyz"), env.op.plugin("toy")["reason"], env.op.ctl("-o", "json", "plugins"),
                  env.op.ctl("explain", "configmap/a1", "-n", ns)): assert says in where, where
    assert "rayvisor_config_valid 0" in env.op.http("/metrics")
    write_anew(f"{env.dir}/toy.so", good)
    pid = env.op.plugin("toy")["pid"]
    reload(env, entry)
    another_process(env, pid)
    assert "reason" not in env.op.plugin("toy") and says not in env.op.ctl("status") + env.op.http("/readyz")


def test_quarantine_ends_with_another_build(env):
    """However the next process comes to be: a library that is another file gets another chance, and may lose it again."""
    entry = copied_toy(env)
    kube, ns = setup(env, entry)
    kube.create("configmaps", ns, configmap("bad", "crash"))
    wait_for("quarantine", lambda: quarantined(env) == ["bad"], 40)
    wait_for("restarted", lambda: env.op.plugin("toy")["state"] == "ready")
    os.kill(env.op.plugin("toy")["pid"], signal.SIGKILL)
    wait_for("the same build again", lambda: (lambda p: p["restarts"] == 3 and p["state"] == "ready")(env.op.plugin("toy")))
    assert quarantined(env) == ["bad"]
    write_anew(f"{env.dir}/toy.so", open(f"{env.dir}/toy.so", "rb").read())
    os.kill(env.op.plugin("toy")["pid"], signal.SIGKILL)
    wait_for("two more tries", lambda: env.op.plugin("toy")["restarts"] == 6 and quarantined(env) == ["bad"])


def test_a_misfit_is_started_again_when_its_library_is_another(env):
    entry = copied_toy(env)
    good = open(f"{env.dir}/toy.so", "rb").read()
    shutil.copy(f"{BUILD}/lib/rayvisor/toys/old-abi.so", f"{env.dir}/toy.so")
    kube, ns = setup(env, entry, wait=False)
    wait_for("refusal", lambda: env.op.plugin("toy")["state"] == "misfit")
    write_anew(f"{env.dir}/toy.so", good)
    wait_for("its start, without a reload", lambda: env.op.plugin("toy")["state"] == "ready")
    kube.create("configmaps", ns, configmap("a"))
    wait_for("it works", lambda: kube.find("configmaps", ns, "a-child"))
    assert env.op.plugin("toy")["restarts"] == 0 and len(env.op.logs("does not fit and is not started", plugin="toy")) == 1


def test_a_file_that_is_cut_off_changes_nothing(env):
    """Half a file, as a slow editor or a full disk leaves it: one line with the place, and everything goes on."""
    kube, ns = setup(env, toy(), {"name": "raycluster"})
    pids = {p["name"]: p["pid"] for p in env.op.control("plugins")["plugins"]}
    whole = open(env.op.config).read()
    plugins = whole.index("plugins: [{")
    broken = {"in a list": whole[:plugins + 40], "in a word": whole.replace("level: debug}", "level: deb"), "a mapping": whole[:plugins] + "plugins: {name: toy}\n",
              "a tab": whole[:plugins] + "plugins:\n\t- name: toy\n", "other bytes": whole[:plugins] + "plugins: \x01\x02\n"}
    for n, (what, text) in enumerate(broken.items(), 1):
        env.op.write_config(text)
        lines = wait_for(f"{what} is refused", lambda: (lambda l: l if len(l) == n else None)(env.op.logs("configuration refused; the running one stays")))
        assert lines[-1]["level"] == "error" and re.match(re.escape(env.op.config) + r":\d+:\d+: ", lines[-1]["reason"]), lines[-1]
    assert "the configuration file is refused" in env.op.ctl("status") and lines[-1]["reason"] in env.op.ctl("status")
    assert lines[-1]["reason"] in env.op.http("/readyz") and "rayvisor_config_valid 0" in env.op.http("/metrics")
    assert env.op.control("reload").get("error", "").startswith(env.op.config), env.op.control("reload")
    assert {p["name"]: p["pid"] for p in env.op.control("plugins")["plugins"]} == pids
    kube.create("configmaps", ns, configmap("a"))
    wait_for("all goes on", lambda: kube.find("configmaps", ns, "a-child"))
    reload(env, toy(), {"name": "raycluster"})
    assert "refused" not in env.op.ctl("status") and "rayvisor_config_valid 1" in env.op.http("/metrics")
    assert {p["name"]: p["pid"] for p in env.op.control("plugins")["plugins"]} == pids


def test_a_feature_without_the_plugin_that_does_it(env):
    ray = lambda **gates: {"name": "raycluster", "settings": {"featureGates": gates}}
    setup(env, ray())
    reload(env, ray(RayClusterNetworkPolicy=True))
    line = wait_for("a warning", lambda: env.op.logs("relies on plugin networkpolicy, which does not run"))
    assert len(line) == 1 and line[0]["level"] == "warn" and line[0]["reason"].startswith(f"{env.op.config}:"), line
    reload(env, ray(RayClusterNetworkPolicy=True), {"name": "networkpolicy"})
    assert len(env.op.logs("relies on plugin")) == 1


def test_grants_are_compared_with_what_is_served(env):
    """A grant on a resource that does not exist permits nothing: where the cluster can be asked, it is named."""
    kube, ns = setup(env, toy())
    wrong = {"name": "toy", "grants": [*GRANTS, {"apiVersion": "v1", "resource": "configmap", "verbs": ["patch"]}, {"apiVersion": "example.com/v1", "resource": "things", "verbs": ["get"]}]}
    says = [r'plugin toy is granted configmap (v1), which the API server does not serve: did you mean "configmaps"?',
            "plugin toy is granted things (example.com/v1), which the API server does not serve: install its CustomResourceDefinition"]
    reload(env, wrong)
    for text in says: wait_for(text, lambda: [l for l in env.op.logs("configuration") if text in l.get("reason", "") and l["reason"].startswith(env.op.config + ":")])
    check = lambda *args, **env_: subprocess.run([binary("rayvisord"), "--config", env.op.config, "--check-config", *args], text=True, timeout=60, capture_output=True,
                                                 env={**{k: v for k, v in os.environ.items() if not k.startswith("KUBE")}, "HOME": env.dir, **env_})
    r = check("--kubeconfig", kube.kubeconfig)
    assert r.returncode == 0 and all(t in r.stderr for t in says) and "not checked" not in r.stderr, r.stderr
    offline = os.path.join(env.dir, "offline")
    with open(offline, "w") as f: f.write("clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\ncurrent-context: c\n")
    r = check("--kubeconfig", offline)
    assert r.returncode == 0 and "not checked: what the API server serves (" in r.stderr and "does not serve" not in r.stderr and ": valid" in r.stdout, r
    reload(env, toy())
    n = len([l for l in env.op.logs("configuration") if "does not serve" in l.get("reason", "")])
    assert n == len(says), n


def test_hangup_reads_the_file(env):
    """SIGHUP alone, without a change of the file."""
    setup(env, toy())
    assert not env.op.logs("configuration reloaded")
    for n in (1, 2):
        os.kill(env.op.proc.pid, signal.SIGHUP)
        wait_for("reload", lambda: len(env.op.logs("configuration reloaded", plugins_changed=0)) == n)
    assert env.op.plugin("toy")["restarts"] == 0


def swapped(env, config):
    """rayvisord started with `config`, which leads into a folder that is swapped as Kubernetes swaps a mounted ConfigMap."""
    env.sandbox(why="one API server is enough for it")
    env.operator(plugins=[toy()])
    env.op.stop()
    text, mount = open(env.op.config).read(), os.path.join(env.op.dir, "mount")
    os.mkdir(mount)

    def publish(version, text):
        os.mkdir(f"{mount}/..{version}")
        with open(f"{mount}/..{version}/rayvisor.yaml", "w") as f: f.write(text)
        os.symlink(f"..{version}", f"{mount}/..data_tmp")
        os.rename(f"{mount}/..data_tmp", f"{mount}/..data")

    publish(1, text)
    os.symlink("..data/rayvisor.yaml", f"{mount}/rayvisor.yaml")
    env.op.config = config(mount)
    open(env.op.log, "w").close()
    env.op.start()
    publish(2, text.replace('"name": "toy"', '"settings": {"greeting": "swapped"}, "name": "toy"'))
    wait_for("the new settings", lambda: env.op.plugin("toy")["settings"]["greeting"] == "swapped")
    shutil.rmtree(f"{mount}/..1")
    time.sleep(3)
    assert len(env.op.logs("configuration reloaded")) == 1, env.op.logs("configuration reloaded")


def test_a_mounted_configmap(env): swapped(env, lambda mount: f"{mount}/rayvisor.yaml")


def test_a_link_into_another_folder(env):
    def link(mount):
        os.mkdir(mount + "-link")
        os.symlink(f"{mount}/rayvisor.yaml", f"{mount}-link/config.yaml")
        return f"{mount}-link/config.yaml"
    swapped(env, link)


if __name__ == "__main__": main()
