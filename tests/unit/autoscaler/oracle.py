#!/usr/bin/env python3
"""Our decisions beside those of Ray's own scheduler (autoscaler v2), on random cluster states.

    oracle.py DECIDE_DUMP [STATES [SEED]]       10000 states by default

Ray is taken from the Python that RAYVISOR_RAY_PYTHON names, or from ~/.cache/rayvisor-ray/bin/python; make one with
    python3 -m venv ~/.cache/rayvisor-ray && ~/.cache/rayvisor-ray/bin/pip install 'ray[default]==2.60.0'
Without it the comparison is skipped (77). Both get the same states. In most of them launches, removals and what stays
infeasible must be equal. The others are of a kind in which we differ on purpose: each kind has a measure by which ours must be at
least as good. What is counted is printed for each kind.
"""
import json
import os
import random
import subprocess
import sys

VENV = os.path.expanduser("~/.cache/rayvisor-ray/bin/python")
NAMES = ["CPU", "GPU", "accel", "memory", "object_store_memory"]


# ---- states -------------------------------------------------------------------------------------------------

def shape_of_group(rng):
    out = {"CPU": rng.choice([1, 2, 4, 8, 16])}
    if rng.random() < 0.3:
        out["GPU"] = rng.choice([1, 2, 4])
    if rng.random() < 0.2:
        out["accel"] = rng.choice([1, 2])
    if rng.random() < 0.6:
        out["memory"] = out["CPU"] * 4
    return out


def amounts(rng, fractions):
    out = {}
    if rng.random() < 0.9:
        out["CPU"] = rng.choice([0.1, 0.2, 0.3, 0.7] if fractions else [0, 0.25, 0.5, 1, 1, 1, 2, 3, 4, 8])
    if rng.random() < 0.2:
        out["GPU"] = rng.choice([0.1, 0.3, 0.7, 1] if fractions else [0.5, 1, 1, 2])
    if rng.random() < 0.1:
        out["accel"] = 1
    if rng.random() < 0.15:
        out["memory"] = rng.choice([1, 2, 8])
    if rng.random() < 0.03:
        out["missing"] = 1
    if rng.random() < 0.03:
        out["node:__internal_implicit_resource_a"] = rng.choice([0.5, 1])
    return dict(sorted(out.items()))


def selectors(rng):
    def one():
        return [{"key": rng.choice(["zone", "disk"]), "op": rng.choice([1, 1, 2]),
                 "values": rng.sample(["a", "b", "c"], rng.choice([1, 1, 2]))} for _ in range(rng.choice([1, 1, 2]))]
    kind = rng.random()
    if kind < 0.75:
        return [[]] if rng.random() < 0.8 else []
    return [one() for _ in range(rng.choice([1, 1, 2]))]


def request(rng, fractions):
    return {"resources": amounts(rng, fractions), "selectors": selectors(rng)}


def demands(rng, n, fractions, most=12):
    return [dict(request(rng, fractions), count=rng.choice([1, 1, 2, 3, rng.randint(1, most)])) for _ in range(n)]


def gang(rng, i, fractions):
    kind = rng.choice(["PACK", "STRICT_PACK", "STRICT_SPREAD"])
    one = request(rng, fractions)
    out = []
    for _ in range(rng.randint(1, 5)):
        r = dict(one if rng.random() < 0.8 else request(rng, fractions))
        if kind == "STRICT_PACK":
            r["together"] = {f"_PG_{i}": ""}
        if kind == "STRICT_SPREAD":
            r["apart"] = {f"_PG_{i}": ""}
        out.append(r)
    return {"requests": out, "details": f"{i}:{kind}|PENDING"}


def labels(rng):
    return {k: rng.choice("abc") for k in ("disk", "zone") if rng.random() < 0.5}


def running(rng, name, group, shape, tags, fractions):
    total = dict(shape, object_store_memory=4)
    total[f"node:10.0.0.{name}"] = 1
    total = dict(sorted(total.items()))
    left = {}
    mood = rng.random()
    for k, v in total.items():
        used = 0 if mood < 0.4 or k.startswith("node:") else rng.choice([0, 0.25, 0.5, 1]) * v
        if fractions and k == "CPU" and mood > 0.6:
            used = 0.7 * v
        if v - used > 0:
            left[k] = v - used
    idle = rng.choice([0, 5000, 59000, 60000, 60001, 90000, 400000]) if left == total else 0
    node = {"name": f"pod-{name}", "group": group, "phase": "running", "total": total, "available": left,
            "labels": dict(tags, **{"ray.io/node-id": str(name)}), "idle_ms": idle}
    if rng.random() < 0.1:
        node["labels"][f"_PG_{rng.randint(0, 2)}"] = ""
    return node


def state(rng, kind):
    fractions = kind == "fractions"
    groups = []
    for g in range(rng.randint(1, 5)):
        most = rng.choice([0, 1, 3, 10, 10, 40])
        hosts = rng.choice([2, 4]) if kind == "multi-host" else 1
        groups.append({"name": f"g{g}", "min": rng.randint(0, min(most, 3)) * hosts, "max": most * hosts, "hosts": hosts,
                       "resources": dict(sorted(shape_of_group(rng).items())), "labels": labels(rng),
                       "idle_ms": rng.choice([0, 60000, 60000, 300000]), "priority": rng.choice([0, 0, 0, 1, 5]),
                       "availability": rng.choice([1, 1, 1, 1, 0.5, 0])})
        if kind == "price":
            groups[-1]["price"] = rng.choice([0.5, 1, 2, 3, 8])
    nodes = [running(rng, 0, "head", {"CPU": rng.choice([0, 4]), "memory": 8}, {}, False)]
    nodes[0]["total"]["node:__internal_head__"] = nodes[0]["available"]["node:__internal_head__"] = 1
    number = 1
    for g in groups:
        n = rng.randint(0, max(0, min(g["max"] // g["hosts"], 6)))
        if kind == "above max":
            n = g["max"] + rng.choice([0, 0, 1, 3])
        for r in range(n):
            for _ in range(g["hosts"]):
                if rng.random() < 0.75:
                    node = running(rng, number, g["name"], g["resources"], g["labels"], fractions)
                else:
                    node = {"name": f"pod-{number}", "group": g["name"], "phase": "starting"}
                node["replica"] = f"{g['name']}-{r}"
                nodes.append(node)
                number += 1
    if kind == "lost group":
        for _ in range(rng.randint(1, 3)):
            nodes.append(running(rng, number, "gone", {"CPU": 4}, {}, False))
            number += 1
    total = 1 + sum(g["max"] for g in groups)
    if kind == "above max" and rng.random() < 0.5:
        total = max(1, len(nodes) - rng.randint(0, 3))
    elif rng.random() < 0.1:
        needed = {g["name"]: g["min"] for g in groups}
        for g in groups:
            needed[g["name"]] = max(g["min"], sum(n["group"] == g["name"] for n in nodes))
        total = max(1 + sum(needed.values()), total - rng.randint(0, 5))
    return {"groups": groups, "nodes": nodes, "max_nodes": total,
            "demands": demands(rng, rng.choice([0, 0, 1, 2, 4, 6]), fractions),
            "gangs": [gang(rng, i, fractions) for i in range(rng.choice([0, 0, 0, 1, 1, 2, 3]))],
            "held": demands(rng, rng.choice([0, 0, 0, 1, 2]), fractions, 5)}


# ---- what ours and Ray's say ---------------------------------------------------------------------------------

def ours(program, states):
    text = "".join(json.dumps(s) + "\n" for s in states)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Ray:
    def __init__(self):
        import logging
        logging.disable(logging.CRITICAL)
        from ray.autoscaler.v2 import scheduler, schema
        from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig
        from ray.core.generated import autoscaler_pb2, common_pb2, instance_manager_pb2
        self.s, self.schema, self.config = scheduler, schema, NodeTypeConfig
        self.pb, self.common, self.im = autoscaler_pb2, common_pb2, instance_manager_pb2

    def request(self, r):
        out = self.pb.ResourceRequest()
        for k, v in r["resources"].items():
            out.resources_bundle[k] = v
        for sel in r["selectors"]:
            made = out.label_selectors.add()
            for m in sel:
                made.label_constraints.add(label_key=m["key"], operator=m["op"], label_values=m["values"])
        for k, v in r.get("apart", {}).items():
            out.placement_constraints.add(anti_affinity=self.pb.AntiAffinityConstraint(label_name=k, label_value=v))
        for k, v in r.get("together", {}).items():
            out.placement_constraints.add(affinity=self.pb.AffinityConstraint(label_name=k, label_value=v))
        return out

    def by_count(self, d):
        return self.pb.ResourceRequestByCount(request=self.request(d), count=d["count"])

    def instance(self, n):
        kind = self.im.NodeKind.HEAD if n["group"] == "head" else self.im.NodeKind.WORKER
        run = n["phase"] == "running"
        im = self.im.Instance(instance_id=n["name"], instance_type="headgroup" if n["group"] == "head" else n["group"],
                              status=self.im.Instance.RAY_RUNNING if run else self.im.Instance.ALLOCATED,
                              node_kind=kind, node_id="ray-" + n["name"] if run else "", cloud_instance_id=n["name"])
        node = None
        if run:
            node = self.pb.NodeState(instance_id=n["name"], idle_duration_ms=n["idle_ms"])
            for field in ("total_resources", "available_resources", "labels"):
                source = {"total_resources": "total", "available_resources": "available"}.get(field, field)
                for k, v in n[source].items():
                    getattr(node, field)[k] = v
            node = Ordered(node, n)
        return self.schema.AutoscalerInstance(cloud_instance_id=n["name"], ray_node=node, im_instance=im)

    def decide(self, s):
        configs = {g["name"]: self.config(name=g["name"], min_worker_nodes=g["min"], max_worker_nodes=g["max"],
                                          idle_timeout_s=g["idle_ms"] / 1000, priority=g["priority"],
                                          resources=g["resources"], labels=g["labels"]) for g in s["groups"]}
        configs["headgroup"] = self.config(name="headgroup", min_worker_nodes=0, max_worker_nodes=1, resources={"CPU": 4})
        gangs = []
        for g in s["gangs"]:
            made = self.pb.GangResourceRequest(details=g["details"], requests=[self.request(r) for r in g["requests"]])
            made.bundle_selectors.add(resource_requests=made.requests)
            gangs.append(made)
        held = [self.pb.ClusterResourceConstraint(resource_requests=[self.by_count(d) for d in s["held"]])]
        reply = self.s.ResourceDemandScheduler().schedule(self.s.SchedulingRequest(
            disable_launch_config_check=True, node_type_configs=configs, max_num_nodes=s["max_nodes"],
            idle_timeout_s=60, resource_requests=[self.by_count(d) for d in s["demands"]], gang_resource_requests=gangs,
            cluster_resource_constraints=held if s["held"] else [],
            current_instances=[self.instance(n) for n in s["nodes"]],
            recoverable_resource_availabilities={g["name"]: g["availability"] for g in s["groups"]}))
        causes = {1: "idle", 2: "group max", 3: "max"}
        return {"launch": {r.instance_type: r.count for r in reply.to_launch},
                "remove": {t.instance_id: causes.get(t.cause, str(t.cause)) for t in reply.to_terminate if t.instance_id},
                "unmet": len(reply.infeasible_resource_requests), "gangs": len(reply.infeasible_gang_resource_requests),
                "held": not reply.infeasible_cluster_resource_constraints}


class Ordered:
    """A NodeState whose maps keep the order of the test, so that sums of fractions come out equal on both sides."""

    def __init__(self, message, n):
        self.total_resources, self.available_resources = n["total"], n["available"]
        self.labels, self.dynamic_labels, self.idle_duration_ms = n["labels"], {}, message.idle_duration_ms


# ---- comparison ----------------------------------------------------------------------------------------------

def summary(d):
    return {"launch": d["launch"], "remove": d["remove"], "unmet": sum(u[1] for u in d["unmet"]), "gangs": len(d["gangs"]),
            "held": d["held"] == "ok", "keep": d["keep"]}


def equal(mine, theirs):
    return {k: v for k, v in mine.items() if k != "keep"} == theirs


def applied(s, d):
    """The state after a decision: what is removed is gone, what is launched has a pod."""
    nodes = [n for n in s["nodes"] if n["name"] not in d["remove"]]
    for g, n in d["launch"].items():
        nodes += [{"name": f"new-{g}-{i}-{len(nodes)}", "group": g, "phase": "starting", "replica": f"new-{g}"}
                  for i in range(n)]
    return dict(s, nodes=nodes)


def missing(d):
    return (d["gangs"], d["unmet"], not d["held"])


def no_worse(mine, theirs):
    return all(a <= b for a, b in zip(missing(mine), missing(theirs)))


def launched(d):
    return sum(d["launch"].values())


def price(s, d):
    prices = {g["name"]: g["price"] for g in s["groups"]}
    return sum(prices[g] * n for g, n in d["launch"].items())


def judge_same(ctx, s, mine, theirs):
    if equal(mine, theirs):
        return "equal"
    kept = set(theirs["remove"]) - set(mine["remove"])
    same = {k: v for k, v in theirs.items() if k != "remove"} == {k: v for k, v in mine.items() if k not in ("remove", "keep")}
    if same and not set(mine["remove"]) - set(theirs["remove"]) and all("minimum" in mine["keep"][n] for n in kept):
        return "a minimum of nodes that are there"
    return None


def judge_fractions(ctx, s, mine, theirs):
    verdict = judge_same(ctx, s, mine, theirs)
    if verdict is not None:
        return verdict
    if no_worse(mine, theirs) and launched(mine) <= launched(theirs):
        return "no more nodes"
    return None


def judge_above(ctx, s, mine, theirs):
    """Ray places demand on nodes that it removes in the same round; the next round finds it out."""
    if equal(mine, theirs):
        return "equal"
    if set(mine["remove"].items()) >= {(k, v) for k, v in theirs["remove"].items() if v != "idle"}:
        again = ctx.ray.decide(applied(s, mine))
        later = ctx.ray.decide(applied(s, theirs))
        if launched(again) == 0 or launched(again) <= launched(later):
            return "launched a round earlier" if launched(again) < launched(later) else "as soon"
    return None


def judge_lost(ctx, s, mine, theirs):
    gone = [n["name"] for n in s["nodes"] if n["group"] == "gone"]
    return "goes on" if theirs == "KeyError" and all(mine["remove"].get(n) == "no group" for n in gone) else None


def judge_hosts(ctx, s, mine, theirs):
    hosts = {g["name"]: g["hosts"] for g in s["groups"]}
    whole = all(n % hosts[g] == 0 for g, n in mine["launch"].items())
    by_replica = {}
    for n in s["nodes"]:
        if n["group"] != "head":
            by_replica.setdefault(n["replica"], []).append(n["name"] in mine["remove"])
    if not whole or any(any(r) and not all(r) for r in by_replica.values()):
        return None
    if equal(mine, theirs):
        return "equal"
    served = all(mine["launch"].get(g, 0) >= n // hosts[g] * hosts[g] for g, n in theirs["launch"].items())
    return "whole replicas" if no_worse(mine, theirs) or served else None  # Ray's are rounded down when it writes them


def judge_price(ctx, s, mine, theirs):
    verdict = judge_same(ctx, s, mine, theirs)
    if verdict is not None:
        return verdict
    if no_worse(mine, theirs) and price(s, mine) < price(s, theirs):
        return "cheaper"
    return None


KINDS = {  # kind: (share, judge)
    "plain": (70, judge_same),
    "fractions": (8, judge_fractions),
    "above max": (8, judge_above),
    "lost group": (2, judge_lost),
    "multi-host": (6, judge_hosts),
    "price": (6, judge_price),
}


class Context:
    pass


def main():
    program, count, seed = sys.argv[1], int((sys.argv + ["", "10000"])[2] or 10000), int((sys.argv[3:] or ["1"])[0])
    try:
        ctx = Context()
        ctx.ray = Ray()
    except ImportError:
        python = os.environ.get("RAYVISOR_RAY_PYTHON", VENV)
        if os.path.exists(python) and os.path.realpath(python) != os.path.realpath(sys.executable) or (
                os.path.exists(python) and "RAYVISOR_RAY_SELF" not in os.environ):
            os.environ["RAYVISOR_RAY_SELF"] = "1"
            os.execv(python, [python, __file__, *sys.argv[1:]])
        print("skipped: no Ray (see the head of this file)")
        return 77
    rng = random.Random(seed)
    kinds = rng.choices(list(KINDS), [v[0] for v in KINDS.values()], k=count)
    states = [state(rng, k) for k in kinds]
    results, wrong = {}, 0
    for i, (kind, s, mine) in enumerate(zip(kinds, states, ours(program, states))):
        try:
            theirs = ctx.ray.decide(s)
        except KeyError:
            theirs = "KeyError"
        verdict = KINDS[kind][1](ctx, s, summary(mine), theirs)
        if verdict is None:
            wrong += 1
            if wrong <= 3:
                print(f"state {i} ({kind}):\n{json.dumps(s)}\nours {json.dumps(mine)}\nRay  {json.dumps(theirs)}")
        results.setdefault(kind, {}).setdefault(verdict or "WRONG", 0)
        results[kind][verdict or "WRONG"] += 1
    for kind, found in results.items():
        print(f"{kind:12} {sum(found.values()):6}: " + ", ".join(f"{n} {what}" for what, n in sorted(found.items())))
    print(f"{count} states, seed {seed}: {wrong} wrong")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
