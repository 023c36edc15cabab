#!/usr/bin/env python3
"""Which folder may include which: the one direction of the code, as a table. A line of code that goes against it fails.

A folder (or a file that has a row of its own) is known by its longest prefix below. It may include itself, and the folders
(with what is below them) and files that its row names. Controllers never include each other; test code may include anything.
"""
import os
import re
import subprocess
import sys

INCLUDE = "include"
BASE = [INCLUDE, "ipc/base"]
PROTOCOL = BASE + ["ipc/protocol"]
SDK = BASE + ["plugins/sdk"]
RAY = SDK + ["plugins/ray"]
STORAGE = BASE + ["deploy/sandbox/storage.h", "deploy/sandbox/storage_internal.h"]
# The supervisor from the bottom up.
SHARED = PROTOCOL + ["supervisor/supervisor.h", "supervisor/config", "supervisor/kube", "supervisor/store"]
BUS = SHARED + ["supervisor/failure_log.h"]
TRAIL = SHARED + ["supervisor/trail"]
ACTIONS = BUS + ["supervisor/trail", "supervisor/bus", "supervisor/requests", "supervisor/leadership.h", "supervisor/twin"]
PROC = ACTIONS + ["supervisor/actions", "supervisor/zoneinfo", "supervisor/once"]
ALLOWED = {
    "include": [],
    "ipc/base": [INCLUDE],
    "ipc/protocol": BASE,
    "plugins/sdk": BASE,
    "plugins/host": PROTOCOL + ["plugins/sdk"],
    "plugins/ray": SDK,
    "plugins/example-vendor": [INCLUDE],  # it sees what a vendor sees
    "plugins/raycluster": RAY,
    "plugins/rayjob": RAY,
    "plugins/rayservice": RAY,
    "plugins/raycronjob": RAY,
    "plugins/networkpolicy": RAY,
    "plugins/mtls": RAY,
    "plugins/autoscaler": RAY,
    "supervisor": PROTOCOL,
    "supervisor/ctl": RAY + ["supervisor/kube/kube.h", "supervisor/config", "supervisor/plan"],  # a program for people, which knows the kinds of Ray
    "supervisor/store": BASE,
    "supervisor/curl": BASE,
    "supervisor/config": BASE,
    "supervisor/zoneinfo": BASE,
    "supervisor/kube": BASE + ["supervisor/store", "supervisor/curl"],
    "supervisor/config": BASE + ["supervisor/kube"],
    "supervisor/supervisor.h": SHARED,  # the objects that the parts share, by pointer
    "supervisor/tls_server.c": BASE + ["supervisor/tls_server.h"],
    "supervisor/tls_server.h": BASE,
    "supervisor/listen.c": BASE + ["supervisor/listen.h"],
    "supervisor/listen.h": BASE,
    "supervisor/clients.c": BASE + ["supervisor/clients.h", "supervisor/tls_server.h"],
    "supervisor/clients.h": BASE + ["supervisor/tls_server.h"],
    "supervisor/notify.c": BASE + ["supervisor/notify.h"],
    "supervisor/notify.h": BASE,
    "supervisor/failure_log.c": SHARED + ["supervisor/failure_log.h"],
    "supervisor/failure_log.h": SHARED,
    "supervisor/served.c": BASE + ["supervisor/served.h", "supervisor/config", "supervisor/kube"],
    "supervisor/served.h": BASE + ["supervisor/config", "supervisor/kube"],
    "supervisor/leadership.c": SHARED + ["supervisor/leadership.h", "supervisor/failure_log.h"],
    "supervisor/leadership.h": SHARED,
    "supervisor/zoneinfo": BASE,
    "supervisor/trail": TRAIL,
    "supervisor/bus": BUS,
    "supervisor/requests": SHARED + ["supervisor/curl"],
    "supervisor/twin": SHARED,
    "supervisor/actions": ACTIONS,
    "supervisor/once": PROTOCOL + ["supervisor/config"],
    "supervisor/plan": PROTOCOL + ["supervisor/config", "supervisor/once", "supervisor/zoneinfo"],
    "supervisor/proc": PROC,
    "supervisor/health.c": PROC + ["supervisor/health.h", "supervisor/proc"],
    "supervisor/health.h": SHARED,
    "supervisor/twin_rounds.c": PROC + ["supervisor/twin_rounds.h", "supervisor/health.h", "supervisor/proc"],
    "supervisor/twin_rounds.h": SHARED,
    "supervisor/unattended.c": ACTIONS + ["supervisor/unattended.h", "supervisor/actions"],
    "supervisor/unattended.h": SHARED,
    "supervisor/admission": PROC + ["supervisor/clients.h", "supervisor/listen.h", "supervisor/tls_server.h", "supervisor/proc"],
    "supervisor/http": PROC + ["supervisor/clients.h", "supervisor/listen.h", "supervisor/admission", "supervisor/health.h", "supervisor/unattended.h", "supervisor/proc"],
    "supervisor/control": PROC + ["supervisor/clients.h", "supervisor/health.h", "supervisor/unattended.h", "supervisor/proc", "supervisor/admission", "supervisor/http"],
    "deploy/sandbox": BASE,
    "deploy/sandbox/storage.c": STORAGE,  # it is given its rules at birth
    "deploy/sandbox/refuse.c": STORAGE,
    "deploy/sandbox/rules": STORAGE,
    "deploy/sandbox/http": STORAGE + ["deploy/sandbox/rules", "deploy/sandbox/load.h"],
    "deploy/sandbox/sim": STORAGE,
}


def room_of(path):
    found = [room for room in ALLOWED if path == room or path.startswith(room + "/")]
    return max(found, key=len) if found else None


def resolve(including, name, files):
    near = os.path.normpath(os.path.join(os.path.dirname(including), name))
    for path in (near, name, "include/" + name):
        if path in files:
            return path
    return None


def complaints(files):
    """files: path -> text, of a whole tree."""
    for path, text in sorted(files.items()):
        if not path.endswith((".c", ".h", ".inc")) or path.startswith("tests/"):
            continue
        room = room_of(path)
        if room is None:
            yield f"{path}: its folder has no row in tests/lint/includes.py"
            continue
        for number, line in enumerate(text.splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
            target = resolve(path, m.group(1), files) if m else None
            if target is None:
                continue  # the system's, or made by the build
            allowed = [room] + ALLOWED[room]
            nearest = room_of(target)
            # supervisor and deploy/sandbox put their parts together; another folder does not reach into one that has a row.
            reaches_in = nearest != room and nearest.startswith(room + "/") and room not in ("supervisor", "deploy/sandbox")
            if reaches_in or not any(target == a or target.startswith(a + "/") for a in allowed):
                yield f"{path}:{number}: {room} may not include {target} (allowed: {', '.join(allowed)})"


def read_tree():
    paths = subprocess.check_output(["git", "ls-files"], text=True).split()
    files = {}
    for path in paths:
        if os.path.isfile(path) and path.endswith((".c", ".h", ".inc")):
            with open(path) as f:
                files[path] = f.read()
    return files


# A line of a file, and whether it must be complained about: the check itself is tested before it is believed.
SAMPLES = [
    ("ipc/base/a.c", '#include "ipc/base/b.h"', False),
    ("ipc/base/a.c", '#include "b.h"', False),
    ("ipc/base/a.c", '#include "rayvisor/base.h"', False),
    ("ipc/base/a.c", '  #  include <ipc/protocol/msg.h>', True),
    ("ipc/base/a.c", '#include "../protocol/msg.h"', True),
    ("ipc/protocol/a.c", '#include "plugins/sdk/x.h"', True),
    ("plugins/sdk/a.c", '#include "ipc/protocol/msg.h"', True),
    ("plugins/host/a.c", '#include "ipc/protocol/msg.h"', False),
    ("plugins/rayjob/a.c", '#include "plugins/ray/x.h"', False),
    ("plugins/rayjob/a.c", '#include "../raycluster/x.h"', True),
    ("plugins/ray/a.c", '#include "plugins/raycluster/x.h"', True),
    ("plugins/example-vendor/a.c", '#include "ipc/base/b.h"', True),
    ("supervisor/a.c", '#include "supervisor/kube/x.h"', False),
    ("supervisor/kube/a.c", '#include "supervisor/supervisor.h"', True),
    ("supervisor/store/a.c", '#include "supervisor/kube/x.h"', True),
    ("supervisor/a.c", '#include "plugins/host/x.h"', True),
    ("include/rayvisor/base.h", '#include "ipc/base/b.h"', True),
    ("elsewhere/a.c", "", True),
    ("tests/unit/a.c", '#include "plugins/raycluster/x.h"', False),
]
HEADERS = ["include/rayvisor/base.h", "ipc/base/b.h", "ipc/protocol/msg.h", "plugins/sdk/x.h", "plugins/host/x.h", "plugins/ray/x.h",
           "plugins/raycluster/x.h", "supervisor/kube/x.h", "supervisor/supervisor.h"]


def main():
    wrong = []
    for path, line, refused in SAMPLES:
        files = {header: "" for header in HEADERS}
        files[path] = line + "\n"
        if bool(list(complaints(files))) != refused:
            wrong.append(f"tests/lint/includes.py itself: {path} with {line!r} is {'not ' if refused else ''}refused")
    wrong += complaints(read_tree())
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
