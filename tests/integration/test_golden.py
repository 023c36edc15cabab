#!/usr/bin/env python3
"""What we make of real manifests, against recordings of what the reference operator made of them.

The recordings and the tool that compares live outside the repository: in ../shared, or where RAYVISOR_GOLDEN (the
recordings' folder) points; without them, or without kubectl, the test reports itself skipped. Differences that are meant
stand in golden_accepted.txt with their reasons; anything else fails.
"""
import json, os, re, shutil, subprocess, sys
from harness import *

GOLDEN = os.environ.get("RAYVISOR_GOLDEN") or os.path.join(os.path.dirname(ROOT), "shared", "golden")
TOOL = os.path.join(os.path.dirname(GOLDEN), "tools", "golden.py")
KUBECTL = os.environ.get("RAYVISOR_KUBECTL") or shutil.which("kubectl")
GATES = ("RayClusterNetworkPolicy", "RayClusterHistoryServer", "GCSFaultToleranceEmbeddedStorage")


def accepted():
    rules = []
    for line in open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden_accepted.txt")):
        line = line.strip()
        if not line or line.startswith("#"): continue
        pattern, _, reason = line.partition(" :: ")
        assert reason, f"no reason given: {line}"
        rules.append(re.compile(pattern))
    return rules


def compare(env, files, plugins):
    """The differences that no rule accepts, and the rules that accepted some."""
    op = env.operator(plugins=plugins)
    out = os.path.join(env.dir, "ours")
    e = dict(os.environ, KUBECONFIG=env.kube.kubeconfig, KUBECTL=KUBECTL, HOME=env.dir)
    run = subprocess.run([sys.executable, TOOL, "replay", out, *[os.path.join(GOLDEN, f) for f in files], "--settle", "6" if env.sb is None else "2"],
                         capture_output=True, text=True, env=e, timeout=900)
    assert run.returncode == 0, run.stderr
    rules, bad, used = accepted(), [], set()
    for f in files:
        d = subprocess.run([sys.executable, TOOL, "diff", os.path.join(GOLDEN, f), os.path.join(out, f)], capture_output=True, text=True)
        for line in d.stdout.splitlines():
            if line == "same": continue
            hit = next((r for r in rules if r.search(line)), None)
            if hit: used.add(hit.pattern)
            else: bad.append(f"{f}: {line}")
    print(f"    {len(files)} samples compared")
    op.stop()
    return bad, used


def test_clusters(env):
    if not os.path.isdir(GOLDEN) or not os.path.exists(TOOL): raise Skip(f"no recordings at {GOLDEN}")
    if not KUBECTL: raise Skip("no kubectl on this machine (Debian package kubernetes-client)")
    only = os.environ.get("RAYVISOR_GOLDEN_ONLY", "")
    files = [f for f in sorted(os.listdir(GOLDEN)) if f.startswith("ray-cluster") and only in f]
    gated = [f for f in files if ".gates." in f]
    assert only or len(files) >= 25 and len(gated) >= 2, files
    # The recorded cluster offered no ephemeral storage and no volumes; the sandbox has no Deployments (samples with a Redis).
    if os.environ.get("RAYVISOR_KUBECONFIG"): env.cluster()
    else:
        env.sandbox("--nodes", "20", "--sim-opts", "node_storage=0,volumes=0")
        files = [f for f in files if '"Deployment"' not in open(os.path.join(GOLDEN, f)).read()]
    gates = {"featureGates": {g: True for g in GATES}}
    bad, used = compare(env, [f for f in files if f not in gated], [{"name": "raycluster"}])
    more, also = compare(env, gated, [{"name": "raycluster", "settings": gates}, {"name": "networkpolicy", "settings": {}}])
    bad += more
    assert not bad, f"{len(bad)} unexplained differences:\n" + "\n".join(bad[:60])
    unused = {r.pattern for r in accepted()} - used - also
    assert only or not unused, f"accepted differences that no longer occur: {unused}"


if __name__ == "__main__": main()
