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
BUS = SHARED + ["supervisor/trouble.h"]
ACTIONS = BUS + ["supervisor/bus", "supervisor/requests", "supervisor/leadership.h"]
PROC = ACTIONS + ["supervisor/actions", "supervisor/zoneinfo"]
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
    "plugins/raycronjob": RAY,
    "plugins/networkpolicy": RAY,
    "plugins/mtls": RAY,
    "plugins/autoscaler": RAY,
    "supervisor": PROTOCOL,
    "supervisor/ctl": BASE,
    "supervisor/store": BASE,
    "supervisor/curl": BASE,
    "supervisor/kube": BASE + ["supervisor/store", "supervisor/curl"],
    "supervisor/config": BASE + ["supervisor/kube"],
    "supervisor/supervisor.h": SHARED,  # the objects that the parts share, by pointer
    "supervisor/trouble.c": SHARED + ["supervisor/trouble.h"],
    "supervisor/trouble.h": SHARED,
    "supervisor/leadership.c": SHARED + ["supervisor/leadership.h", "supervisor/trouble.h"],
    "supervisor/leadership.h": SHARED,
    "supervisor/zoneinfo": BASE,
    "supervisor/bus": BUS,
    "supervisor/requests": SHARED + ["supervisor/curl"],
    "supervisor/actions": ACTIONS,
    "supervisor/proc": PROC,
    "supervisor/health.c": PROC + ["supervisor/health.h", "supervisor/proc"],
    "supervisor/health.h": SHARED,
    "supervisor/http": PROC + ["supervisor/health.h", "supervisor/proc"],
    "supervisor/control": PROC + ["supervisor/health.h", "supervisor/proc", "supervisor/http"],
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


def main():
    files = set(subprocess.check_output(["git", "ls-files"], text=True).split())
    wrong = 0
    for path in sorted(files):
        if not path.endswith((".c", ".h", ".inc")) or path.startswith("tests/") or not os.path.isfile(path):
            continue
        room = room_of(path)
        if room is None:
            print(f"{path}: its folder has no row in tests/lint/includes.py")
            wrong += 1
            continue
        with open(path) as f:
            for number, line in enumerate(f, 1):
                m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not m:
                    continue
                target = resolve(path, m.group(1), files)
                if target is None:
                    continue  # made by the build
                allowed = [room] + ALLOWED[room]
                nearest = room_of(target)
                if not any(target == a or target.startswith(a + "/") for a in allowed) or (
                        nearest != room and nearest.startswith(room + "/") and room != "supervisor" and room != "deploy/sandbox"):
                    print(f"{path}:{number}: {room} may not include {target} (allowed: {', '.join(allowed)})")
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
