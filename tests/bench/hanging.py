#!/usr/bin/env python3
"""A thousand RayJobs whose heads accept connections and never answer: what does the thousand-and-first notice of them?

hanging.py [jobs]    prints how long a job takes alone, and beside them: from its creation until it is Running, submitted, Complete

The sandbox simulates the cluster; Ray is played here, on loopback: the clusters' domain is set to "localhost", whose names are
127.0.0.1. Requests go directly, as in a cluster."""
import asyncio, json, os, re, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from harness import *

NS, HANGING = "hang", int(sys.argv[1]) if len(sys.argv) > 1 else 1000
held, asked = set(), [0]


async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = re.search(r"(?i)host: ([^:\r]+)", head)[1]
        if host.startswith("h"):
            asked[0] += 1
            held.add(writer)
            await reader.read()  # until they give up
            held.discard(writer)
            return
        length = re.search(r"(?i)content-length: (\d+)", head)
        if length: await reader.readexactly(int(length[1]))
        method, path = head.split()[:2]
        now, status, body = time.time(), 200, {}
        if method == "POST": jobs[host] = now
        elif host not in jobs: status, body = 404, {"detail": f"Job {path.split(chr(47))[-1]} does not exist"}
        else: body = {"status": "RUNNING" if now - jobs[host] < 1 else "SUCCEEDED", "message": "", "end_time": int(now * 1000)}
        data = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(data)) + data)
        await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()

jobs = {}


def play_ray():
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), []
    async def start():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
    loop.create_task(start())
    threading.Thread(target=loop.run_forever, daemon=True).start()
    ready.wait()
    return port[0]


def one(kube, name, port):
    j = rayjob(name, mode="HTTPMode", workers=0)
    j["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "dashboard", "containerPort": port}]
    kube.create("rayjobs", NS, j)


def timed(kube, name, port):
    t0, marks = time.monotonic(), {}
    one(kube, name, port)
    while len(marks) < 3:
        s = job_status(kube, NS, name)
        now = time.monotonic() - t0
        if s.get("jobDeploymentStatus") in ("Running", "Complete"): marks.setdefault("running", now)
        if s.get("jobStatus"): marks.setdefault("submitted", now)
        if s.get("jobDeploymentStatus") == "Complete": marks.setdefault("complete", now)
        time.sleep(0.02)
    return "  ".join(f"{k} {v:5.2f} s" for k, v in marks.items())


def main():
    env, port = Env("hanging"), play_ray()
    env.sandbox()
    env.kube.namespace(NS)
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob", "http": [f"http://*.svc.localhost:{port}/api/jobs/*"], "settings": {"clusterDomain": "localhost", "statusCheckTimeoutSeconds": 3600}}])
    print("alone:               ", timed(env.kube, "a-first", port))
    t0 = time.monotonic()
    for i in range(HANGING): one(env.kube, f"h{i}", port)
    running = lambda: sum(j.get("status", {}).get("jobDeploymentStatus") == "Running" for j in env.kube.list("rayjobs", NS))
    wait_for("all of them to hang", lambda: running() >= HANGING, 300)
    print(f"{HANGING} jobs hang after {time.monotonic() - t0:.1f} s")
    for wait in (0, 10, 20):
        time.sleep(wait)
        print(f"beside {HANGING}, {len(held):4} held:", timed(env.kube, f"b-{wait}", port))
    print(f"{asked[0]} requests met no answer; memory {sum(int(l.split()[1]) for p in [env.op.proc.pid, env.op.plugin('rayjob')['pid']] for l in open(f'/proc/{p}/smaps_rollup') if l.startswith('Pss:')) / 1024:.0f} MiB (supervisor, rayjob)")
    env.op.proc.kill()
    env.close(False)


main()
