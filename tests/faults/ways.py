"""What can become of the way to somebody, while a world goes on."""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.deadline import until
from tests.faults.proxy import Proxy
from tests.faults.world import World

TIMES: Final = 5
# A break does most harm in the one turn of the event loop before the client knows of it: about one in twenty does.
BREAKS: Final = 40
LATE_S: Final = 0.15
BYTES_PER_S: Final = 40_000.0  # a webhook has about 600 bytes
CHATS: Final = 15  # that end while it lasts

Way = Callable[[World, Proxy], Awaitable[None]]


async def is_late(w: World, way: Proxy) -> None:
    """Everything takes longer, each way."""
    way.delay_s = LATE_S
    await w.ended(CHATS)
    await w.tagged(CHATS)
    way.delay_s = 0.0
    w.proof.did("everything took 0.3 s longer, for 15 chats")


async def is_slow(w: World, way: Proxy) -> None:
    """Few bytes a second come through."""
    way.bytes_per_s = BYTES_PER_S
    await w.ended(CHATS)
    await w.tagged(CHATS)
    way.bytes_per_s = None
    w.proof.did("40 kB/s came through, for 15 chats")


async def is_cut(w: World, way: Proxy) -> None:
    """All connections end at once (FIN), again and again."""
    for _ in range(BREAKS):
        await w.tagged(3)
        await way.cut()
        w.proof.did("all connections were cut")


async def is_reset(w: World, way: Proxy) -> None:
    """All connections break (RST), again and again."""
    for _ in range(BREAKS):
        await w.tagged(3)
        await way.reset()
        w.proof.did("all connections were reset")


async def refuses(w: World, way: Proxy) -> None:
    """Nobody listens any more, and what there was breaks."""
    await way.refuse()
    await way.reset()
    await w.ended(CHATS)
    await way.open()
    w.proof.did("connections were refused while 15 chats ended")


async def says_nothing(w: World, way: Proxy) -> None:
    """Connections are let in, and nothing comes out of them; then those are gone, too."""
    way.passing = "held"
    await w.ended(CHATS)
    await until(lambda: way.connections > 0)
    await way.reset()
    await w.ended(CHATS)
    way.passing = "all"
    await way.reset()
    w.proof.did("half-open: nothing was answered while 30 chats ended")


async def loses_answers(w: World, way: Proxy) -> None:
    """What is asked for is done, and nobody hears of it."""
    for _ in range(TIMES):
        way.passing = "answers held"
        await w.ended(3)
        await way.reset()
        way.passing = "all"
        await w.tagged(3)
        w.proof.did("answers to what took effect were lost")


WAYS: Final = (is_late, is_slow, is_cut, is_reset, refuses, says_nothing, loses_answers)
QUICK: Final = (says_nothing,)  # of `make test`
