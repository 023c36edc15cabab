#!/usr/bin/env python3
"""The commands that README.md and quickstart.sh print, typed as they stand: in a shell, from the checkout's folder, one after another.

What a machine for tests cannot do is left out by name below (another cluster, half an hour of building); everything else must end with
status 0."""
import json, os, pty, re, shutil, signal, subprocess, tempfile
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")


def blocks(path):
    """The shell blocks of a Markdown file, each as its lines."""
    return [b.strip("\n").splitlines() for b in re.findall(r"^```sh\n(.*?)^```", open(os.path.join(ROOT, path)).read(), re.M | re.S)]


def block_with(path, text):
    found = [b for b in blocks(path) if any(text in line for line in b)]
    assert len(found) == 1, f"{path}: {len(found)} blocks have a line with {text!r}"
    return found[0]


def shell(lines, env, cwd=ROOT, timeout=180):
    """Types the lines into one bash; a line that fails ends it and is named."""
    script = "".join(f"{line}\n__s=$?; [ $__s = 0 ] || {{ echo \"FAILED ($__s): \"{shlex_quote(line)}; exit 1; }}\n" for line in lines)
    r = subprocess.run(["bash"], input=script, env=env, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout * PATIENCE)
    assert r.returncode == 0, r.stdout[-3000:]
    return r.stdout


def shlex_quote(s): return "'" + s.replace("'", "'\"'\"'") + "'"


def environment(folder, **more):
    """Of somebody who has kubectl and nothing of ours on his PATH."""
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TERM", "ASAN_OPTIONS", "TSAN_OPTIONS")}
    return {**keep, "HOME": folder, "RAYVISOR_NO_INSTALL": "1", "RAYVISOR_BUILD": BUILD, "EDITOR": "true", **({"KUBECTL": KUBECTL} if KUBECTL else {}), **more}


class Quickstart:
    """What `deploy/quickstart.sh` leaves running, in a folder whose name has a space."""

    def __init__(self, folder):
        self.dir = os.path.join(folder, "sand box")
        self.env = environment(folder, RAYVISOR_SANDBOX_DIR=self.dir)
        r = subprocess.run(["deploy/quickstart.sh"], env=self.env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180 * PATIENCE)
        self.said = r.stdout
        assert r.returncode == 0, self.said

    def stop(self):
        subprocess.run([binary("rayvisorctl"), "sandbox", "down"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def needs_kubectl():
    if not KUBECTL: raise Skip("there is no kubectl")
    if os.environ.get("RAYVISOR_KUBECONFIG"): raise Skip("the quick start makes a cluster of its own")


def test_quickstart_and_what_it_prints(env):
    needs_kubectl()
    q = Quickstart(env.dir)
    try:
        look, stop = re.search(r"Look around:\n(.*)\nStop:\n(.*)", q.said, re.S).groups()
        lines = [l.strip() for l in look.splitlines()]
        assert len(lines) >= 6 and lines[0].startswith("export KUBECONFIG="), lines
        typed = [f"timeout 3 {l.split('#')[0].strip()}; [ $? = 124 ]" if " -w" in l else l for l in lines]  # what watches goes on for ever
        # A new terminal knows nothing of the folder; the first line has to tell it.
        shell(typed + [l.strip() for l in stop.splitlines()], {k: v for k, v in q.env.items() if k != "RAYVISOR_SANDBOX_DIR"})
        r = subprocess.run([binary("rayvisorctl"), "sandbox", "status"], env=q.env, text=True, capture_output=True)
        assert r.stdout.count("not running") == 2, r.stdout
        assert binary("rayvisorctl") in r.stderr and "sandbox up" in r.stderr, r.stderr
    finally:
        q.stop()


def test_sandbox_up_prints_commands_that_work(env):
    needs_kubectl()
    e = environment(env.dir, RAYVISOR_SANDBOX_DIR=os.path.join(env.dir, "it's a folder"))
    r = subprocess.run([binary("rayvisorctl"), "sandbox", "up"], env=e, text=True, stdout=subprocess.PIPE, timeout=60 * PATIENCE)
    try:
        assert r.returncode == 0
        lines = [l.strip() for l in r.stdout.splitlines() if l.startswith("  ")]
        assert len(lines) == 3, r.stdout
        shell(lines + [r.stdout.split("Stop: ")[1].strip()], {k: v for k, v in e.items() if k != "RAYVISOR_SANDBOX_DIR"})
    finally:
        subprocess.run([binary("rayvisorctl"), "sandbox", "down"], env=e, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_installing_on_a_cluster(env):
    """README's block for a cluster of one's own; the image is built and looked at, but there is nowhere to push it to."""
    needs_kubectl()
    env.cluster()
    lines = block_with("README.md", "kubectl apply -k deploy/kustomize")
    out = os.path.join(env.dir, "rayvisor.tar")
    typed = [re.sub(r" rayvisor\.tar\b", f" {out}", l) for l in lines]
    assert typed != lines
    shell(typed, environment(env.dir, KUBECONFIG=env.kube.kubeconfig))
    assert os.path.getsize(out) > 1 << 20


def test_the_operator_from_outside_of_the_cluster(env):
    needs_kubectl()
    env.cluster()
    os.mkdir(os.path.join(env.dir, ".kube"))
    shutil.copy(env.kube.kubeconfig, os.path.join(env.dir, ".kube", "config"))
    for name in os.listdir(os.path.dirname(env.kube.kubeconfig)):  # files that the kubeconfig names by relative path
        if name.endswith((".crt", ".key", ".pem")): shutil.copy(os.path.join(os.path.dirname(env.kube.kubeconfig), name), os.path.join(env.dir, ".kube"))
    lines = block_with("README.md", "--proxy-http &")
    if BUILD != os.path.join(ROOT, "build"): lines = [l.replace("build/bin", os.path.join(BUILD, "bin")) for l in lines]
    lines = [l.replace("--config config/rayvisor.yaml", "--config config/rayvisor.yaml --http-bind 127.0.0.1:0") for l in lines]  # others test beside us
    said = shell(lines + ["kill %1", "wait || true"], environment(env.dir))
    assert "RayCluster default/minimal" in said, said


def test_presets_and_files_that_are_named_exist(env):
    presets = {p["name"] for p in json.load(open(os.path.join(ROOT, "CMakePresets.json")))["configurePresets"]}
    lines = [l for path in ("README.md", "deploy/CONTRIBUTING.md") for b in blocks(path) for l in b]
    named = {m for l in lines for m in re.findall(r"--preset (\S+)", l)}
    assert named and named <= presets, named - presets
    for word in {w for l in lines for w in re.findall(r"(?:^|[ =])((?:deploy|tests|config|plugins)/[\w./-]+)", l.split("#")[0])}:
        assert os.path.exists(os.path.join(ROOT, word)), word


def test_missing_things_are_told_before_any_work(env):
    """No sudo, no apt-get, no cmake: what to do is said, with the command for an administrator, and nothing has been changed."""
    for n, (script, programs) in enumerate((("deploy/quickstart.sh", "kubectl cmake ninja"), ("tests/run.sh", "cmake ninja python3"))):
        tools = os.path.join(env.dir, f"bin{n}")
        os.mkdir(tools)
        for t in ("bash", "sed", "dirname", "cat", "id", "printf", "echo", "env", "mktemp", "rm", "seq", "sleep", "tail", "wc"):
            if shutil.which(t): os.symlink(shutil.which(t), os.path.join(tools, t))
        run = lambda **more: subprocess.run([shutil.which("bash"), script], env={"PATH": tools, "HOME": env.dir, **more}, cwd=ROOT, text=True, capture_output=True, timeout=30)
        r = run()
        assert r.returncode == 1 and "no apt-get" in r.stderr and f"RAYVISOR_NO_INSTALL=1 {script}" in r.stderr and "libzmq3-dev" in r.stderr, r.stderr
        r = run(RAYVISOR_NO_INSTALL="1")
        assert r.returncode == 1 and f"missing: {programs}" in r.stderr, r.stderr
        for name, text in (("dpkg", "exit 1"), ("apt-get", "exit 0"), ("id", "echo 1000")):
            path = os.path.join(tools, name)
            if os.path.lexists(path): os.unlink(path)
            with open(path, "w") as f: f.write(f"#!{shutil.which('bash')}\n{text}\n")
            os.chmod(path, 0o755)
        r = run()
        assert r.returncode == 1 and "neither root nor sudo" in r.stderr and "\n  apt-get update && apt-get install -y --no-install-recommends" in r.stderr, r.stderr
        assert "installing" not in r.stdout


def test_progress_and_the_reason_of_a_failure(env):
    """A command that takes long says so every few seconds, and one that fails shows the end of what it printed."""
    run = lambda command: subprocess.run(["bash", "-euc", f"set -o pipefail; . deploy/packages.sh; with_progress {command}"], cwd=ROOT, text=True, capture_output=True, timeout=60)
    r = run("bash -c 'for i in 1 2 3 4 5 6 7 8; do echo step $i; sleep 1; done'")
    assert r.returncode == 0 and re.match(r"   step \d\n   done \(8 steps\)\n$", r.stdout) and not r.stderr, r
    r = run("bash -c 'echo the reason; exit 3'")
    assert r.returncode == 3 and "the reason" in r.stderr, r


def test_a_second_run_rebuilds_nothing(env):
    """Neither the configuration nor the build of the quick start finds anything to do again."""
    if BUILD != os.path.join(ROOT, "build"): raise Skip("this is another build tree than the quick start's")
    line = next(l.strip() for l in open(os.path.join(ROOT, "deploy/quickstart.sh")) if "cmake --build" in l).replace("with_progress ", "")
    out = shell([line, line + " -- -d explain"], {**os.environ, "NINJA_STATUS": ""}, timeout=300)
    assert out.rstrip().endswith("ninja: no work to do."), out[-2000:]


def test_sandbox_up_with_a_configuration(env):
    """The operator runs with the file, whose path may have spaces, and one that is refused starts nothing."""
    folder = os.path.join(env.dir, "my files")
    os.mkdir(folder)
    config, e = os.path.join(folder, "rayvisor.yaml"), environment(env.dir, RAYVISOR_SANDBOX_DIR=os.path.join(env.dir, "sb"))
    ctl = lambda *args: subprocess.run([binary("rayvisorctl"), *args], env=e, cwd=folder, text=True, capture_output=True, timeout=60 * PATIENCE)
    text = open(os.path.join(ROOT, "config/rayvisor.yaml")).read()
    try:
        with open(config, "w") as f: f.write(text + "  - {name: networkpolicy, settings: {noSuch: 1}}\n" if text.rstrip().splitlines()[-1].startswith("  -") else "plugins: [{name: networkpolicy, settings: {noSuch: 1}}]\n")
        r = ctl("sandbox", "up", "--config", "rayvisor.yaml")
        assert r.returncode != 0 and "noSuch" in r.stderr and "rayvisor.yaml" in r.stderr, r
        assert ctl("sandbox", "status").stdout.count("not running") == 2
        with open(config, "w") as f: f.write("http: {bind: '127.0.0.1:0'}\nplugins:\n- {name: raycluster, settings: {requeueSeconds: 77}}\n")
        r = ctl("sandbox", "up", "--config", "rayvisor.yaml")
        assert r.returncode == 0, r
        p = json.loads(ctl("plugins", "-o", "json").stdout)["plugins"]
        assert [x["name"] for x in p] == ["raycluster"] and p[0]["settings"]["requeueSeconds"] == 77, p
        with open(config, "w") as f: f.write("http: {bind: '127.0.0.1:0'}\nplugins:\n- {name: raycluster, settings: {requeueSeconds: 78}}\n")
        wait_for("the file is watched", lambda: json.loads(ctl("plugins", "-o", "json").stdout)["plugins"][0]["settings"]["requeueSeconds"] == 78)
    finally:
        ctl("sandbox", "down")


def test_ctrl_c_says_what_goes_on_running(env):
    needs_kubectl()
    e = environment(env.dir, RAYVISOR_SANDBOX_DIR=os.path.join(env.dir, "sb"))
    p = subprocess.Popen(["deploy/quickstart.sh"], env=e, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        seen = ""
        while "raycluster.ray.io/minimal created" not in seen:
            line = p.stdout.readline()
            assert line, seen
            seen += line
        os.killpg(p.pid, signal.SIGINT)
        seen += p.communicate(timeout=30 * PATIENCE)[0]
        assert p.returncode == 130 and "go on running" in seen, seen
        stop = re.search(r"Stop them with:\n  (.*)", seen)[1]
        shell([stop], e)
    finally:
        subprocess.run([binary("rayvisorctl"), "sandbox", "down"], env=e, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
