#!/usr/bin/env python3
"""Dashboards that answer anything but what Ray says: to a question, to a submission, to a stop. No job fails of it, none is submitted
twice, nothing waits for it, and nothing dies of it."""
from front import FakeRay, Front
from harness import *

TIMES = 2  # so often each dashboard answers badly before it tells the truth


def raw(status, body, *headers, length=None, pause=0.0):
    """An answer byte by byte as given; with a pause, a byte at a time."""
    def answer(h):
        h.close_connection = True
        h.send_response(status)
        h.send_header("Content-Length", str(len(body) if length is None else length))
        for k, v in headers: h.send_header(k, v)
        h.end_headers()
        with contextlib.suppress(OSError):
            for part in ([body] if not pause else (body[i:i + 1] for i in range(len(body)))):
                h.wfile.write(part)
                h.wfile.flush()
                time.sleep(pause)
    return answer


JSON = ("Content-Type", "application/json")
BAD = {
    "empty": raw(200, b""),
    "garbage": raw(200, b"\0{]\xff", JSON),
    "html": raw(404, b"<html>no such page</html>", ("Content-Type", "text/html")),
    "nothing-here": raw(404, b"404 page not found\n"),
    "truncated": raw(200, b'{"status": "RUN', JSON, length=900),
    "slow": raw(200, b'{"status": "SUCCEEDED"}' * 9, JSON, pause=0.2),
    "huge": raw(200, b'{"message": "' + b"x" * (3 << 20) + b'", "status": "FAILED"}', JSON),
    "deep": raw(200, b'{"a":' * 5000 + b"1" + b"}" * 5000, JSON),
    "types": raw(200, b'{"status": 7, "message": {"a": 1}, "start_time": "x", "end_time": [], "submission_id": null}', JSON),
    "list": raw(200, b'["FAILED"]', JSON),
    "word": raw(200, b'{"status": "EXPLODED"}', JSON),
    "moved": raw(302, b"", ("Location", "http://127.0.0.1:1/")),
    "unauthorized": raw(401, b'{"detail": "who are you"}', JSON),
    "forbidden": raw(403, b"no"),
    "broken": raw(500, b'{"result": false, "msg": "Traceback"}', JSON),
    "cut": lambda h: Front.cut(h),
}


class BadRay(FakeRay):
    """Lies to the jobs called KIND-WHEN: about their state (get), to their submission (post), to their stop, for ever (stop)."""
    def __init__(self, seconds, kube):
        super().__init__(seconds, kube)
        self.told, self.accepted = {}, {}

    def __call__(self, method, path, body):
        m = re.search(r"/services/(?:https?:)?([a-z-]+)-(get|post|stop)-[a-z0-9]{5}-head-svc:[^/]*/proxy/api/jobs/?([^/?]*)(/stop)?", path)
        if not m: return super().__call__(method, path, body)
        kind, when, job, stop = m.groups()
        asked = "stop" if stop else "get" if method == "GET" else "post"
        with self.lock:
            n = self.told[kind, when] = self.told.get((kind, when), 0) + (asked == when)
        if asked == when and (when == "stop" or n <= TIMES): return BAD[kind]
        if asked == "post": self.accepted[kind, when] = self.accepted.get((kind, when), 0) + 1
        return super().__call__(method, path, body)


def setup(env, seconds=6):
    env.cluster("--sim-opts", "ray_run_ms=600000")
    kube, ns = env.kube, env.kube.namespace("dashboards")
    env.ray = BadRay(seconds, kube)
    front = env.keep(Front(env.dir, kube, answer=env.ray))
    env.operator(plugins=[{"name": "raycluster"}, {"name": "rayjob"}], proxy=True, kubeconfig=front.kubeconfig)
    return kube, ns


def unharmed(env):
    assert all(p["restarts"] == 0 and p["state"] == "ready" for p in env.op.control("plugins")["plugins"]), "a plugin died of an answer"


def test_questions_and_submissions(env):
    kube, ns = setup(env)
    names = [f"{kind}-{when}" for kind in BAD for when in ("get", "post")]
    for name in names: kube.create("rayjobs", ns, rayjob(name, mode="HTTPMode", workers=0))
    for name in names:
        s = wait_job(kube, ns, name, "Complete", timeout=120, jobStatus="SUCCEEDED")
        assert not s.get("failed") and "Reconciling" not in conditions(s), (name, s)
    for kind in BAD:
        for when in ("get", "post"):
            assert env.ray.accepted[kind, when] == 1, f"{kind}-{when} was submitted {env.ray.accepted[kind, when]} times"
            assert env.ray.told[kind, when] >= TIMES, f"{kind}-{when} was never lied to"
    unharmed(env)
    assert_quiet(env)


def test_stops(env):
    """What cannot be stopped holds its deletion for ten seconds at most."""
    kube, ns = setup(env, seconds=60)  # none ends by itself while the others begin
    for kind in BAD: kube.create("rayjobs", ns, rayjob(f"{kind}-stop", mode="HTTPMode", workers=0))
    for kind in BAD: wait_job(kube, ns, f"{kind}-stop", "Running", jobStatus="RUNNING")
    for kind in BAD: kube.delete("rayjobs", ns, f"{kind}-stop")
    wait_for("all jobs to be gone", lambda: not kube.list("rayjobs", ns), 60)
    assert all(env.ray.told.get((kind, "stop")) for kind in BAD), f"nobody asked to stop it: {env.ray.told}"
    unharmed(env)


if __name__ == "__main__": main()
