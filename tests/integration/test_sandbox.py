#!/usr/bin/env python3
"""The embedded cluster's own API: faults, statistics, pauses, and the simulation's controls. Without an operator."""
import socket, time
from harness import *

NS = "default"
POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def start(env, *args):
    sb = env.sandbox(*args)
    return sb, sb.kube


def refused(status, fn):
    try:
        fn()
    except ApiError as e:
        assert e.status == status, e
        return e
    raise AssertionError(f"not answered with {status}")


def test_status(env):
    sb, kube = start(env)
    sb.fault({"verb": "create", "resource": "pods"}, {"status": 429, "retryAfter": 7}, count=1)
    c, r = kube.open("POST", Kube.path("pods", NS), POD)
    body = json.loads(r.read())
    assert (r.status, r.getheader("Retry-After")) == (429, "7") and body["reason"] == "TooManyRequests", (r.status, body)
    assert kube.find("pods", NS, "p") is None, "a refused request was done"
    kube.create("pods", NS, POD)


def test_user_agents_are_told_apart(env):
    sb, kube = start(env)
    sb.fault({"userAgent": "somebody-else"}, {"status": 500})
    kube.create("pods", NS, POD)


def test_connection_drops(env):
    sb, kube = start(env)
    for when, there in (("before", False), ("after", True)):
        sb.fault({"verb": "create"}, {"dropConnection": when}, count=1)
        try:
            kube.create("pods", NS, POD)
            raise AssertionError("answered")
        except (OSError, http.client.HTTPException):
            pass
        assert (kube.find("pods", NS, "p") is not None) == there, when


def test_answers_cut_and_garbled(env):
    sb, kube = start(env)
    for size in (100, 10**9):  # more than there is: still a byte is missing
        sb.fault({"verb": "list", "resource": "pods"}, {"truncate": size}, count=1)
        try:
            kube.call("GET", Kube.path("pods"))
            raise AssertionError("came whole")
        except http.client.IncompleteRead as e:
            assert len(e.partial) <= size and e.expected > 0, e
    sb.fault({"verb": "list"}, {"garbage": True}, count=1)
    assert "items" not in kube.call("GET", Kube.path("pods"))
    assert kube.list("pods") == []


def test_delay_and_stall(env):
    sb, kube = start(env)
    sb.fault({"verb": "create"}, {"delayMs": 700}, count=1)
    t0 = time.monotonic()
    got = {}
    t = threading.Thread(target=lambda: got.update(kube.create("pods", NS, POD)))
    t.start()
    wait_for("the write", lambda: kube.find("pods", NS, "p"))  # done at once, answered late; others are not held up
    t.join()
    assert time.monotonic() - t0 >= 0.7 and got["metadata"]["name"] == "p"
    sb.fault({"verb": "list"}, {"stall": True}, count=1)
    ended = threading.Event()

    def stalled():
        try: kube.list("pods")
        except (OSError, http.client.HTTPException): ended.set()
    t = threading.Thread(target=stalled)
    t.start()
    t.join(0.5)
    assert t.is_alive() and not ended.is_set()
    sb.clear_faults()
    t.join(20)
    assert ended.is_set(), "a stalled request outlives its rule"


def test_watch_faults(env):
    sb, kube = start(env)
    sb.fault({"verb": "watch"}, {"duplicateEvents": True}, count=1)
    sb.fault({"verb": "watch"}, {"garbage": True}, count=1)
    sb.fault({"verb": "watch"}, {"truncate": 30}, count=1)
    sb.fault({"verb": "watch"}, {"stall": True}, count=1)
    streams = [kube.open("GET", Kube.path("configmaps", NS) + "?watch=1&resourceVersion=%s" % kube.call("GET", Kube.path("configmaps"))["metadata"]["resourceVersion"])
               for _ in range(4)]
    kube.create("configmaps", NS, {"metadata": {"name": "m"}})
    twice, garbled, cut, silent = (r for _, r in streams)
    assert twice.readline() == twice.readline() != b""
    try:
        json.loads(garbled.readline())
        raise AssertionError("is JSON")
    except ValueError:
        pass
    assert json.loads(garbled.readline())["object"]["metadata"]["name"] == "m"
    try:
        got = cut.read()
    except http.client.IncompleteRead as e:
        got = e.partial
    assert 0 < len(got) <= 30, got
    streams[3][0].sock.settimeout(0.5)
    try:
        assert silent.readline() is None, "a stalled watch spoke"
    except OSError:
        pass


def test_rules_are_listed_and_forgotten(env):
    sb, kube = start(env)
    n = sb.fault({"verb": "list"}, {"status": 503})["id"]
    refused(503, lambda: kube.list("pods"))
    item = kube.call("GET", "/sandbox/v1/faults")["items"][0]
    assert (item["id"], item["hits"], item["rule"]["action"]) == (n, 1, {"status": 503}), item
    kube.call("DELETE", f"/sandbox/v1/faults/{n}")
    refused(404, lambda: kube.call("DELETE", f"/sandbox/v1/faults/{n}"))
    kube.list("pods")
    e = refused(400, lambda: sb.fault({"resouce": "pods"}, {"status": 500}))
    assert "resouce" in str(e), e


def test_stats(env):
    sb, kube = start(env)
    kube.call("DELETE", "/sandbox/v1/stats")
    kube.create("pods", NS, POD)
    kube.list("pods")
    s = sb.stats()
    assert s["requests"] == {"create pods": 1, "list pods": 1} and s["answers"] == {"201": 1, "200": 1}, s
    assert s["userAgents"]["integration-test"]["writes"] == 1 and s["objects"]["pods"] == 1, s
    assert s["bytes"]["in"] > 50 and s["bytes"]["out"] > 500, s
    w = Watcher(kube, "pods", NS)
    wait_for("the watch", lambda: sb.stats()["watches"]["byResource"].get("pods") == 1)
    sb.post("drop-watches")
    wait_for("another", lambda: sb.stats()["watches"]["opened"] == 2 and sb.stats()["watches"]["open"] == 1)
    w.stopped = True


def test_pause(env):
    sb, kube = start(env)
    kube.create("pods", NS, POD)
    c, r = kube.open("GET", Kube.path("pods", NS) + "?watch=1")
    r.readline()
    sb.post("pause", {"ms": 1500})
    t0 = time.monotonic()
    while r.readline(): pass  # it ends
    try:
        wait_for("refusal", lambda: socket.create_connection((kube.host, kube.port)).close(), 1)
        raise AssertionError("it listens")
    except ConnectionRefusedError:
        pass
    except AssertionError as e:
        assert "ConnectionRefused" in str(e), e
    wait_for("it to be back", lambda: kube.find("pods", NS, "p"))
    assert time.monotonic() - t0 > 1
    refused(400, lambda: sb.post("pause", {"ms": 0}))


if __name__ == "__main__": main()
