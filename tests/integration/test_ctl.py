#!/usr/bin/env python3
"""rayvisorctl as `kubectl rayvisor`: installed, called by kubectl, and looking at a cluster with the user's own kubeconfig."""
import json, shutil, subprocess
from harness import *

KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")


def test_installed_as_a_plugin_of_kubectl(env):
    """Both names are links, kubectl finds and completes it, and the scripts of the shells are where the shells look."""
    root = os.path.join(env.dir, "root")
    r = subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": root}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert r.returncode == 0, r.stdout
    prefix = os.path.dirname(os.path.dirname(glob.glob(root + "/**/bin/rayvisorctl", recursive=True)[0]))
    for name in ("kubectl-rayvisor", "kubectl_complete-rayvisor"): assert os.readlink(f"{prefix}/bin/{name}") == "rayvisorctl", name
    for path in ("bash-completion/completions/rayvisorctl", "zsh/site-functions/_rayvisorctl", "fish/vendor_completions.d/rayvisorctl.fish"):
        assert "__complete" in open(f"{prefix}/share/{path}").read(), path
    if not KUBECTL: raise Skip("there is no kubectl")
    path = {**os.environ, "PATH": f"{prefix}/bin:{os.environ['PATH']}"}
    run = lambda *args: subprocess.run([KUBECTL, *args], env=path, text=True, capture_output=True, timeout=60)
    r = run("rayvisor", "--version")
    assert r.returncode == 0 and re.match(r"kubectl rayvisor \d", r.stdout), r
    r = run("rayvisor", "sttus")
    assert r.returncode == 64 and 'did you mean "status"?' in r.stderr and "usage: kubectl rayvisor" in r.stderr, r
    r = run("__complete", "rayvisor", "sand")
    if "kubectl_complete-rayvisor" not in r.stderr: raise Skip("done but for completion, which begins with kubectl 1.26")
    assert r.stdout.startswith("sandbox\t") and r.stdout.rstrip().endswith(":4"), r


if __name__ == "__main__":
    main()
