#!/usr/bin/env python3
"""A host that tries to make the supervisor keep, write or do as much as it can: the supervisor stays small, the Lease is renewed, and another
plugin's pods are there as soon as ever. tests/plugins/hostile_host.c says what each of these does; tests/bench/flood.py prints the figures."""
import os
from flood import *


def hostile(env, what, ends=None, says=None, seconds=6, most=64):
    """ends: the causes that its process is ended for; None: it may go on, and is only held down. most: MiB that the supervisor may grow by.
    On a busy machine a hostile host may also come too late with its signs of life."""
    with Flood(env, what) as f:
        f.measure(seconds)
        assert f.grown < most, f"{what}: the supervisor grew by {f.grown:.0f} MiB"
        assert f.lease_gap < 3, f"{what}: the Lease was not renewed for {f.lease_gap:.1f} s"
        assert f.logged < 16, f"{what}: {f.logged:.0f} MiB of log"
        def causes(): return {d["cause"] for d in f.op.plugin("toy")["deaths"]}
        if ends: wait_for(f"its end for {ends}", lambda: ends <= causes(), 60)
        other = f.op.plugin("raycluster")
        assert other["restarts"] == 0 and f.op.starts == 1 and f.op.proc.alive(), other
        assert causes() <= (ends | {"hang"} if ends else {"hang", "protocol", "memory"}), f"{what}: {f.op.plugin('toy')['deaths']}"
        if says: assert f.op.logs('"plugin":"toy"', says), f"{what}: nothing says {says!r}"
        return f


def test_actions_of_a_megabyte(env): hostile(env, "frame")
def test_giant_batch(env): hostile(env, "giant", {"protocol"}, "batch of")
def test_unread_results(env): hostile(env, "unread")
def test_timers_with_bodies(env): hostile(env, "bodies", {"protocol"}, "payload")
def test_timers(env): hostile(env, "timers", {"protocol"}, "more actions open")
def test_message_without_end(env): hostile(env, "endless", {"protocol"}, "frames")
def test_large_bodies(env): hostile(env, "large")
def test_events(env): hostile(env, "events")
def test_used_ids(env): hostile(env, "repeated", {"protocol"}, "ids of actions only grow")
def test_cannot_run_again_and_again(env): hostile(env, "failed", {"protocol"}, "a second FAILED")
def test_small_messages_before_large_ones(env): hostile(env, "stacked")
def test_metrics(env): hostile(env, "metrics")
def test_metrics_of_one_hash(env): hostile(env, "collide")
def test_logs(env): hostile(env, "logs")
def test_page_tables(env): hostile(env, "pages", {"memory"}, "memory")


def test_talks_and_hears_nothing(env):
    """Only an answer to a PING is a sign of life."""
    hostile(env, "talker", {"hang"}, seconds=8)


def test_refusals(env):
    """They are told a few times, and not in namespaces that the plugin has nothing to do with."""
    f = hostile(env, "refused", most=24)
    assert len(f.op.logs("action refused by policy", plugin="toy")) <= 25
    assert not [e for e in env.kube.list("events", "kube-system") if e.get("reason") == "ActionDenied"]


if __name__ == "__main__": main()
