"""Kafka and LiveChat behind proxies: whatever happens on the way to them happens to the services alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from tagger.simulator.livechat.port import reserved_port
from tests.faults.proxy import Proxy
from tests.faults.world import World
from tests.kafka.broker import Broker

# The broker tells those who come by its second listener to come by the proxy again; tests come by the first.
TWO_LISTENERS: Final = """\
listeners=PLAINTEXT://{near},PROXIED://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://{near},PROXIED://{proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


class Far:
    """`settings` lead a world's services over the proxies."""

    def __init__(self, kafka_port: int) -> None:
        self.kafka = Proxy(lambda: kafka_port)
        self.livechat = Proxy(lambda: self._livechat_port)
        self._livechat_port = 1  # nobody is there

    @property
    def settings(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.address,
            "LIVECHAT_API_URL": f"http://{self.livechat.address}/v3.6",
        }

    def leads_to(self, world: World) -> None:
        """Where LiveChat is turns out when the world is there; until then it is away."""
        self._livechat_port = urlsplit(world.stage.livechat.url).port or 0


@asynccontextmanager
async def far_away() -> AsyncIterator[tuple[Far, Broker]]:
    """Proxies, and a broker behind one of them that serves."""
    async with AsyncExitStack() as ends:
        port = ends.enter_context(reserved_port())
        far = Far(port)
        for proxy in (far.kafka, far.livechat):
            await ends.enter_async_context(proxy)
        broker = ends.enter_context(Broker())
        listeners = {"near": broker.bootstrap, "port": port, "controller_port": broker.controller_port}
        broker.configure(TWO_LISTENERS.format(proxy=far.kafka.address, **listeners))
        await asyncio.to_thread(broker.start_again)
        yield far, broker
