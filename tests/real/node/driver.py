"""A driver that does what lines on its standard input say, one JSON list each; says when it did it, and what came of it."""
import json, socket, sys, time
import ray
from ray.autoscaler.sdk import request_resources
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ray.init(address="auto", log_to_driver=False)


@ray.remote
def work(seconds):
    time.sleep(seconds)
    return socket.gethostname()


@ray.remote
class Counter:
    def __init__(self): self.n = 0

    def count(self):
        self.n += 1
        return self.n


kept = {}


def tasks(name, n, seconds, options): kept[name] = [work.options(**options).remote(seconds) for _ in range(n)]
def results(name): return ray.get(kept.pop(name))


def cancel(name):
    for ref in kept.pop(name): ray.cancel(ref)


def hold(cpus): request_resources(num_cpus=cpus)
def group(n): kept["group"] = placement_group([{"CPU": 1}] * n, strategy="STRICT_SPREAD")
def group_is_there(): return ray.get(kept["group"].ready(), timeout=200) is not None
def end_group(): remove_placement_group(kept.pop("group"))


def actor_on_a_worker():
    """It asks for no CPU, so that its node's resources are all free."""
    node = next(n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU"))
    kept["actor"] = Counter.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
    return ray.get(kept["actor"].count.remote())


def count(): return ray.get(kept["actor"].count.remote())
def end_actor(): ray.kill(kept.pop("actor"))


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    name, *args = json.loads(line)
    at, result = time.time(), None
    try:
        result = globals()[name](*args)
    except Exception as e:
        result = {"error": repr(e)}
    print(json.dumps({"at": at, "result": result}), flush=True)
