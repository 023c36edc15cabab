#!/usr/bin/env python3
"""Whoever connects: floods of idle, slow and half clients of the health port and of the control socket shut out nobody and cost a bounded amount;
and what plugins write into logs, events and answers is shown as it is, not obeyed."""
import os, re, resource, socket, threading, time
from flood import Flood
from harness import *


def start(env, **kw):
    env.cluster()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    op = env.operator(**kw)
    s = op.control("status")
    return op, s["httpPort"], s["probePort"]


def dial(port, text=b"", peer="127.0.0.9"):
    s = socket.socket()
    s.settimeout(10)
    s.bind((peer, 0))
    s.connect(("127.0.0.1", port))
    with contextlib.suppress(OSError):  # cut off already
        if text: s.sendall(text)
    return s


def answer(port, path, peer="127.0.0.1", version="1.1"):
    """The whole answer and how long it took; as the kubelet and a scraper ask, from an address of their own."""
    t = time.monotonic()
    with contextlib.closing(dial(port, f"GET {path} HTTP/{version}\r\nHost: x\r\n\r\n".encode(), peer)) as s:
        out = b""
        while chunk := s.recv(65536): out += chunk
    return out.decode(), time.monotonic() - t


def is_well(port, path, within=2.0, peer="127.0.0.1"):
    text, took = answer(port, path, peer)
    assert text.startswith("HTTP/1.1 200 "), text[:300]
    assert took < within * PATIENCE, f"{path} took {took:.1f} s"
    return text


def rss(op): return next(int(l.split()[1]) / 1024 for l in open(f"/proc/{op.proc.pid}/status") if l.startswith("VmRSS:"))
def descriptors(op): return len(os.listdir(f"/proc/{op.proc.pid}/fd"))


def flood(env, kind, n, port_of=lambda http, probes: http):
    op, http, probes = start(env)
    before, files, port = rss(op), descriptors(op), port_of(http, probes)
    held = []
    for i in range(n):
        held.append(dial(port, kind))
        if i % 100 == 60:
            is_well(probes, "/livez")
            is_well(http, "/readyz")
    is_well(probes, "/livez")
    assert "rayvisor_http_connections" in is_well(http, "/metrics")
    assert descriptors(op) < files + 128, "a place for each of them"
    assert rss(op) < before + 24, f"{rss(op) - before:.0f} MiB for {n} clients"
    for s in held: s.close()
    wait_for("their places to be free", lambda: descriptors(op) <= files + 4)
    is_well(http, "/livez")
    assert op.control("status")["ready"]


def test_40_idle(env): flood(env, b"", 40)
def test_4000_idle(env): flood(env, b"", 4000)
def test_half_requests(env): flood(env, b"GET /metrics HTTP/1.1\r\nX-Half: ", 500)
def test_huge_heads(env): flood(env, b"GET /metrics HTTP/1.1\r\n" + b"X-Huge: aaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 400, 300)
def test_pipelined(env): flood(env, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100, 200)
def test_readers_of_nothing(env): flood(env, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 300)
def test_flood_of_the_probes_port(env): flood(env, b"", 1000, lambda http, probes: probes)


def test_from_the_same_address(env):
    """An idle client goes where a place is needed, also where all have one address, as behind a Service."""
    op, http, probes = start(env)
    held = [dial(http, b"GET /li", "127.0.0.1") for _ in range(200)] + [dial(probes, b"", "127.0.0.1") for _ in range(200)]
    for _ in range(5):
        is_well(http, "/livez")
        is_well(probes, "/readyz")
    held.clear()


def test_slow_ones_end(env):
    """One byte now and then is no request: it has its five seconds."""
    op, http, probes = start(env)
    s, end = dial(http, b"GET "), time.monotonic() + 20 * PATIENCE
    with contextlib.suppress(OSError):
        while time.monotonic() < end:
            s.sendall(b"x")
            s.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                if not s.recv(100): break
    assert time.monotonic() < end, "it was never cut off"


def test_control_socket(env):
    """1000 that ask nothing, half a question, and such as do not read their answer."""
    op, _, _ = start(env)
    files, held = descriptors(op), []
    for i in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(op.socket_path())
        with contextlib.suppress(OSError): s.sendall((b"", b'{"cmd":"sta', b'{"cmd":"plugins"}\n')[i % 3])
        held.append(s)
        if i % 100 == 16:
            assert op.control("status")["ready"]
            assert "raycluster" in op.ctl("plugins"), op.ctl("plugins")
    assert op.control("explain", kind="raycluster", namespace="default", name="none")["found"] is False
    assert descriptors(op) < files + 64
    held.clear()


def test_metrics_page_is_never_whole(env):
    """A plugin with as many series as it may have: a page of many MiB is made as it is taken, by several at once and by those who take nothing."""
    with Flood(env, "metrics") as f:
        f.toy["enabled"] = True
        f.op.write_config()
        port = f.op.control("status")["httpPort"]
        wait_for("a large page", lambda: len(answer(port, "/metrics")[0]) > 8 << 20, 60)
        f.toy["enabled"] = False  # it reports no more: what a scrape costs is seen alone
        small = f.status("VmRSS")
        with open(f"/proc/{f.op.proc.pid}/clear_refs", "w") as c: c.write("5")
        slow = [dial(port, b"GET /metrics HTTP/1.1\r\n\r\n", f"127.0.0.{20 + i % 4}") for i in range(12)]
        pages = []
        threads = [threading.Thread(target=lambda i=i: pages.append(answer(port, "/metrics", f"127.0.0.{30 + i}")[0])) for i in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
        grown = f.status("VmHWM") - small
        print(f"    pages of {len(pages[0]) / 2**20:.1f} MiB, 4 scrapers and 12 who read nothing: {grown:.1f} MiB more at the peak")
        assert all(p.endswith("0\r\n\r\n") and p.startswith("HTTP/1.1 200") and len(p) > 8 << 20 for p in pages)
        assert grown < 32, f"{grown:.0f} MiB for scrapes"
        for s in slow: s.close()


# ---- what people and tools read -----------------------------------------------------------------------------

SEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


def forge(env, **kw):
    env.cluster()
    ns = env.kube.namespace("forge")
    op = env.operator(plugins=[TOY], **kw)
    env.kube.create("configmaps", ns, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "evil", "labels": {"toy": "yes"}}, "data": {"mode": "forge"}})
    wait_for("its event", lambda: events_of(env.kube, ns, "evil", "Forged"))
    wait_for("its child", lambda: env.kube.find("configmaps", ns, "evil-child"))
    return op, ns


def test_forged_json_lines(env):
    op, ns = forge(env)
    once = lambda pairs: (lambda keys: dict(pairs) if len(keys) == len(set(keys)) else {"twice": keys})([k for k, _ in pairs])
    raw = open(op.log, encoding="utf-8").read()
    lines = [json.loads(l, object_pairs_hook=once) for l in raw.splitlines()]
    assert not SEEN.search(raw), "the log holds what a terminal obeys"
    assert not any("twice" in l for l in lines), next(l for l in lines if "twice" in l)
    ours = [l for l in lines if l.get("msg", "").startswith("honest ")]
    assert ours and all(l["plugin"] == "toy" and l["component"] == "rayvisord" and l["level"] == "info" and l["name"] == "evil" for l in ours), ours
    assert "forged" not in [l["msg"] for l in lines]


def test_forged_text_lines(env):
    op, ns = forge(env, log_format="text")
    raw = open(op.log, encoding="utf-8").read()
    assert not SEEN.search(raw), "the log holds what a terminal obeys"
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) +rayvisord: ", l) for l in raw.splitlines()), raw
    line = next(l for l in raw.splitlines() if "rayvisord: honest " in l)
    assert " plugin=toy " in line and not re.search(r" (msg|level|plugin)=forged", re.sub(r'"(\\.|[^"\\])*"', '""', line)), line


def test_answers(env):
    op, ns = forge(env)
    wait_for("its explanation", lambda: "the child is there" in op.ctl("explain", "configmap/evil", "-n", ns))
    for args in (["explain", "configmap/evil", "-n", ns], ["explain", "configmap/evil", "-n", ns, "-o", "json"], ["status"], ["plugins"], ["plugins", "-o", "json"]):
        out = op.ctl(*args)
        assert not SEEN.search(out), f"{args}: {out!r}"
    assert "\\u001b]0;title" in op.ctl("explain", "configmap/evil", "-n", ns) and "\\u202e" in op.ctl("explain", "configmap/evil", "-n", ns)
    raw = op.control("explain", kind="configmap", namespace=ns, name="evil")["lines"]
    assert json.loads(op.ctl("explain", "configmap/evil", "-n", ns, "-o", "json"))["lines"] == raw, "JSON in other words"
    note = events_of(env.kube, ns, "evil", "Forged")[0]["note"]
    assert not SEEN.search(note) and "\\u001b]0;title" in note, note


if __name__ == "__main__": main()
