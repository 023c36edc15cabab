#!/usr/bin/env python3
"""A hostile host floods the supervisor in each way that it knows: how much the supervisor grows, and what another plugin notices.

flood.py [seconds] [ways...]   tests/plugins/hostile_host.c has the ways. Wanted: at most 64 MiB, at most 100 ms more."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from flood import *

WAYS = "frame giant unread talker bodies timers endless large events refused repeated failed stacked metrics collide logs pages".split()


def run():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(f"{'way':8} {'grown MiB':>10} {'pods after ms: alone':>21} {'flooded':>8} {'worst':>6} {'Lease gap s':>12} {'log MiB':>8}  ends of its process")
    for way in sys.argv[2:] or WAYS:
        env = Env(f"flood-{way}")
        try:
            with Flood(env, way) as f:
                f.measure(seconds)
                ends = collections.Counter(d["cause"] for d in f.op.plugin("toy")["deaths"])
                print(f"{way:8} {f.grown:10.1f} {f.before:21.0f} {f.during:8.0f} {f.worst:6.0f} {f.lease_gap:12.1f} {f.logged:8.2f}  {dict(ends)}", flush=True)
        finally:
            env.close(False)


run()
