#!/usr/bin/env python3
"""Names whose addresses change between two questions, or have several (DNS rebinding): no socket is ever opened to loopback or to an
address of the operator's own. The configuration allows one address, ALLOWED, as a Ray head's; this test's DNS server says where names lead."""
from harness import *
import struct
import threading

NS = "rebinding"
ALLOWED, NOBODY = "127.77.0.1", "127.77.0.2"
FORBIDDEN = ["127.0.0.1", "::1", "127.77.0.9"]
GRANTS = [{"apiVersion": "v1", "resource": "configmaps", "verbs": ["read", "create", "delete", "patch"]}, {"apiVersion": "events.k8s.io/v1", "resource": "events", "verbs": ["create", "patch"]}]
A, AAAA = 1, 28
COUNT = iter(range(1000))


class Dns(threading.Thread):
    """Answers each question for a name with the next of its lists of addresses, and then with the last one again. No answer may be kept."""

    def __init__(self, names):
        super().__init__(daemon=True)
        self.names, self.asked, self.socket = names, {}, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.77.{os.getpid() % 250 + 1}.{next(COUNT) % 250 + 1}"  # the resolver knows no other port than 53
        self.socket.bind((self.address, 53))

    def addresses(self, name, kind):
        lists = self.names.get(name)
        if lists is None: return None
        # The resolver asks for A and AAAA at once: both are of one turn.
        n = self.asked[name, kind] = self.asked.get((name, kind), 0) + 1
        return [a for a in lists[min(n, len(lists)) - 1] if (":" in a) == (kind == AAAA)]

    def answer(self, packet):
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
        found = self.addresses(".".join(labels), kind)
        out = struct.pack(">HHHHHH", struct.unpack(">H", packet[:2])[0], 0x8580 | (3 if found is None else 0), 1, len(found or []), 0, 0) + packet[12:at + 5]
        for a in found or []:
            data = socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a)
            out += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data
        return out

    def run(self):
        while True:
            packet, peer = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(packet), peer)


class Server(threading.Thread):
    """Counts connections. Over HTTP/1.1 it answers, and keeps the connection if it may; whoever begins with HTTP/2 is told that it is gone."""

    def __init__(self, address, port, keep):
        super().__init__(daemon=True)
        self.keep, self.connections, self.answered = keep, 0, 0
        self.socket = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.start()

    def run(self):
        while True:
            s, _ = self.socket.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    got = s.recv(4096)
                    if not got: return
                    head += got
                if head.startswith(b"PRI "): return
                self.answered += 1
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if not self.keep: return


def setup(env, names, keep=False):
    if os.geteuid() != 0: raise Skip("a resolv.conf of its own needs root")
    env.sandbox(why="asks servers of this test's own")
    env.kube.namespace(NS)
    with socket.create_server((ALLOWED, 0)) as s: port = s.getsockname()[1]
    allowed = Server(ALLOWED, port, keep)
    own = [a for a in subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split() if "." in a][:1]
    forbidden = [Server(a, port, keep) for a in FORBIDDEN + own]
    dns = Dns(names(own))
    dns.start()
    resolv, hosts = os.path.join(env.dir, "resolv.conf"), os.path.join(env.dir, "nsswitch.conf")
    with open(resolv, "w") as f: f.write(f"nameserver {dns.address}\noptions timeout:2 attempts:5\n")
    with open(hosts, "w") as f: f.write("hosts: files dns\n")
    # In a chroot whose root is no mount, unshare cannot make mounts private; tests/minimal.sh has done so before.
    private = [] if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0 else ["--propagation", "unchanged"]
    within = ["unshare", "--mount", *private, "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && { [ ! -e /etc/nsswitch.conf ] || mount --bind "$1" /etc/nsswitch.conf; } && shift && exec "$@"', resolv, hosts]
    before = os.stat("/etc/resolv.conf").st_ino
    env.operator(plugins=[{"name": "toy", "http": [f"http://*:{port}/*"], "grants": GRANTS}], allow=[ALLOWED, NOBODY], within=within)
    assert os.stat("/etc/resolv.conf").st_ino == before, "the machine's own resolv.conf is hidden by the test's: umount /etc/resolv.conf /etc/nsswitch.conf"
    return port, allowed, forbidden, dns


def ask(env, url, **more):
    """What became of the request. One that was too slow, on a machine that is too busy, is made again: it says nothing."""
    for _ in range(10):
        name = f"ask-{next(COUNT)}"
        env.kube.create("configmaps", NS, {"metadata": {"name": name, "labels": {"toy": "yes"}}, "data": {"mode": "http", "url": url, **more}})
        note = wait_for("the answer", lambda: events_of(env.kube, NS, name, "Answered"), 60)[0]["note"]
        if not note.startswith("TIMEOUT"): break
    return note


def ways(): return {}, {"grpc": "yes"}


def test_an_address_that_changes(env):
    """Allowed at first. The connection ends, the name is asked for again, and leads elsewhere: to loopback, in each spelling, or to this machine."""
    port, allowed, forbidden, dns = setup(env, lambda own: {
        **{f"turns-{i}.test": [[ALLOWED], [bad]] for i, bad in enumerate([FORBIDDEN[0], "::1", "::ffff:127.0.0.1", *own])},
        **{f"flips-{i}.test": [[ALLOWED], [bad], [ALLOWED], [bad]] for i, bad in enumerate([FORBIDDEN[0]])}})
    for name in dns.names:
        url = f"http://{name}:{port}/x"
        assert ask(env, url) == "OK 200 ok", name
        notes = []
        # Each new connection over HTTP/2 asks for the name again, and what is found replaces what requests over HTTP/1.1 know.
        for n in range(2):
            for way in ways():
                note = ask(env, url, **way)
                notes.append(note)
                assert [f.connections for f in forbidden] == [0] * len(forbidden), (name, notes, [f.connections for f in forbidden])
                assert note.startswith("DENIED 0") and "requests for Ray never go there" in note or note == "OK 200 ok" or (name.startswith("flips") and note.startswith("UNAVAILABLE 0")), (name, way, note)
        assert dns.asked[name, A] >= 2, (name, dns.asked)
        assert any(n.startswith("DENIED 0") for n in notes), (name, notes)
    assert allowed.answered >= len(dns.names) and [f.connections for f in forbidden] == [0] * len(forbidden), [f.connections for f in forbidden]


def test_several_addresses(env):
    """Both kinds in one answer, in any order, where the allowed one answers or refuses connections."""
    port, allowed, forbidden, dns = setup(env, lambda own: {
        f"{what}-{i}.test": [list(addresses)] for i, bad in enumerate(["127.0.0.1", "::1", "::ffff:127.0.0.1", *own])
        for what, addresses in (("first", (ALLOWED, bad)), ("last", (bad, ALLOWED)), ("refusing", (NOBODY, bad)), ("only", (bad,)))})
    for name in dns.names:
        for way in ways():
            note = ask(env, f"http://{name}:{port}/x", **way)
            good = note.startswith("DENIED 0") and "requests for Ray never go there" in note
            assert good or (name.startswith(("first", "last")) and (note == "OK 200 ok" or note.startswith("UNAVAILABLE 0"))), (name, way, note)
    assert [f.connections for f in forbidden] == [0] * len(forbidden), [f.connections for f in forbidden]


def test_connections_that_are_kept(env):
    """One that is open stays where it was; when it has ended, the next one goes nowhere."""
    port, allowed, forbidden, dns = setup(env, lambda own: {"kept.test": [[ALLOWED], ["127.0.0.1", "::1"]]}, keep=True)
    url = f"http://kept.test:{port}/x"
    assert [ask(env, url) for _ in range(3)] == ["OK 200 ok"] * 3
    assert allowed.connections == 1 and dns.asked["kept.test", A] == 1, (allowed.connections, dns.asked)
    assert ask(env, url, grpc="yes").startswith("DENIED 0"), "a new connection, and a new question for the name"
    assert ask(env, url) == "OK 200 ok" and allowed.connections == 1, "the one that is open"
    env.op.allow = [NOBODY]
    env.op.write_config()
    wait_for("the configuration to be read", lambda: env.op.logs("configuration reloaded"))
    assert ask(env, url).startswith("DENIED 0"), "it is judged again before each request"
    assert [f.connections for f in forbidden] == [0] * len(forbidden), [f.connections for f in forbidden]


if __name__ == "__main__": main()
