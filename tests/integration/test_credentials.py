#!/usr/bin/env python3
"""The ways a kubeconfig names who we are: client certificate, token in a file that changes, exec plugin whose tokens expire."""
import datetime
from harness import *


def setup(env):
    env.cluster()
    env.ns = env.kube.namespace("credentials")
    return env.kube, open(env.kube.kubeconfig).read()


def with_user(env, text, user):
    """The cluster's kubeconfig with another user in it."""
    path = os.path.join(env.dir, "kubeconfig")
    assert re.search(r"^\s+token: .*$", text, re.M), text
    with open(path, "w") as f: f.write(re.sub(r"^(\s+)token: .*$", lambda m: "\n".join(m[1] + l for l in user.split("\n")), text, flags=re.M))
    return path


def works(env, name="c"):
    env.kube.create("rayclusters", env.ns, raycluster(name))
    wait_ready(env.kube, env.ns, name, 1)


def test_client_certificate(env):
    setup(env)
    if not env.sb: raise Skip("the real cluster's script gives no client certificates")
    config = os.path.join(env.sb.dir, "kubeconfig.cert")
    assert "token" not in open(config).read()
    env.operator(kubeconfig=config)
    works(env)


def test_token_file_is_read_again(env):
    kube, text = setup(env)
    token = os.path.join(env.dir, "token")
    open(token, "w").write("not-yet")
    env.operator(kubeconfig=with_user(env, text, f"tokenFile: {token}"), wait=False)
    wait_for("the refusal", lambda: env.op.logs("401"))
    assert env.op.proc.alive()
    with open(token + ".new", "w") as f: f.write(kube.token + "\n")
    os.rename(token + ".new", token)
    env.op.wait_ready(90)
    works(env)
    assert not env.op.logs(kube.token), "a token is in the log"


def test_exec_plugin(env):
    kube, text = setup(env)
    calls, script = os.path.join(env.dir, "calls"), os.path.join(env.dir, "login")
    with open(script, "w") as f:
        f.write(f"""#!{sys.executable}
import datetime, json, os
open({calls!r}, "a").write(os.environ.get("WHO", "") + "\\n")
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                  "status": {{"token": {kube.token!r}, "expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}}}))
""")
    os.chmod(script, 0o755)
    env.operator(kubeconfig=with_user(env, text, f"""exec:
  apiVersion: client.authentication.k8s.io/v1
  command: {script}
  interactiveMode: Never
  env:
  - name: WHO
    value: rayvisor"""))
    works(env, "a")
    time.sleep(5)
    works(env, "b")
    n = open(calls).read().split("\n")[:-1]
    assert len(n) >= 2 and set(n) == {"rayvisor"}, f"called {n}: a token that has expired is not used again"
    assert not env.op.logs(kube.token), "a token is in the log"


def test_slow_exec_plugin_holds_nobody_up(env):
    """Longer than hosts may be silent; the token before has expired, so requests wait. And it goes on whatever else ends."""
    kube, text = setup(env)
    calls, script = os.path.join(env.dir, "calls"), os.path.join(env.dir, "login")
    with open(script, "w") as f:
        f.write(f"""#!{sys.executable}
import datetime, json, os, time
first = not os.path.exists({calls!r})
open({calls!r}, "a").write("x\\n")
if not first: time.sleep(4)
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3 if first else 3600)
print(json.dumps({{"status": {{"token": {kube.token!r}, "expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}}}))
""")
    os.chmod(script, 0o755)
    env.operator(kubeconfig=with_user(env, text, f"exec:\n  apiVersion: client.authentication.k8s.io/v1\n  command: {script}\n  interactiveMode: Never"),
                 extra="heartbeat: {intervalMs: 200, timeoutMs: 1500}\nleaderElection: {enabled: true, namespace: %s, leaseSeconds: 30, renewSeconds: 20, retrySeconds: 1}" % env.ns)
    wait_for("the second run", lambda: open(calls).read().count("x") == 2)
    began, slowest = time.monotonic(), 0
    while time.monotonic() - began < 4.5:
        asked = time.monotonic()
        env.op.control("status")
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.05)
    assert slowest < 2 * PATIENCE, f"nothing was answered for {slowest} s"
    works(env)
    assert open(calls).read().count("x") == 2, "the lease's connection has the same credentials"
    assert all(p["restarts"] == 0 for p in env.op.control("plugins")["plugins"])


def test_exec_plugin_that_fails_is_named(env):
    kube, text = setup(env)
    env.operator(kubeconfig=with_user(env, text, "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  command: /nowhere/login\n  interactiveMode: Never"), wait=False)
    env.op.proc.wait(20)
    out = env.op.proc.output()
    assert "/nowhere/login" in out, out[-600:]


def test_memory_with_credentials_stays_closed(env):
    """No core image, and nobody of the same user looks into it: as root's own, /proc would show the same either way."""
    setup(env)
    env.operator()
    if os.geteuid() == 0:
        env.op.stop()
        nobody = 65534
        # A copy that this user can read: the build tree may lie in a home folder that is closed to others.
        installed = env.dir + "/installed"
        shutil.copytree(os.path.join(BUILD, "lib", "rayvisor"), installed + "/lib/rayvisor")
        os.mkdir(installed + "/bin")
        for name in ("rayvisord", "rayvisor-host"): shutil.copy(binary(name), installed + "/bin")
        text = open(env.op.config).read()
        open(env.op.config, "w").write(text.replace(BUILD + "/", installed + "/"))
        for at in [env.dir, *glob.glob(env.dir + "/**", recursive=True)]: os.chown(at, nobody, nobody)
        as_nobody = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
        os.chown(installed + "/lib", 0, 0)
        os.chmod(installed + "/lib", 0o700)
        r = subprocess.run([*as_nobody, installed + "/bin/rayvisord", "--check-config", "--config", env.op.config], capture_output=True, text=True)
        assert r.returncode != 0 and "may not read the manifest " + installed in r.stderr and "65534" in r.stderr, r
        os.chmod(installed + "/lib", 0o755)
        env.op.proc = env.keep(Process([*as_nobody, installed + "/bin/rayvisord", "--config", env.op.config], env.op.log))
        env.op.wait_ready()
    pid = env.op.proc.pid
    assert re.search(r"^Max core file size +0 +0 ", open(f"/proc/{pid}/limits").read(), re.M), "it would leave a core image"
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "it can be looked into"


if __name__ == "__main__": main()
