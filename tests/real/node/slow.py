"""A Serve application: its replica takes SECONDS to construct, answers in 50 ms, and says who it is and since when it could."""
import asyncio, os, socket, time
from ray import serve

SECONDS = float(os.environ.get("CONSTRUCTOR_SECONDS", "20"))


@serve.deployment
class Slow:
    def __init__(self, version):
        time.sleep(SECONDS)
        self.me = {"pod": socket.gethostname(), "version": version, "since": time.time()}

    async def __call__(self, request):
        await asyncio.sleep(0.05)
        return self.me


def app(args): return Slow.bind(args.get("version", "1"))
