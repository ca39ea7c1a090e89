"""What happens: LiveChat answers calls with every error that it has, with broken answers, too late, or not at all.
What must hold: T C L N M Q; what hits all calls costs lag and parks nothing; what hits single items parks them and no other.
Measured: by the topic of parked items and the lag while the fault lasts, and by all tags after it is over.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import World
from tests.integration.test_repair import tagger
from tests.integration.watch import figures

CHATS: Final = 8  # that end during each
TAG: Final = "Refund"
During = Callable[[World], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def fault(w: World, fault: Fault):  # type: ignore[no-untyped-def]
    w.stage.livechat.faults.append(fault)
    yield
    w.stage.livechat.faults.remove(fault)


@asynccontextmanager
async def nobody_listens(w: World):  # type: ignore[no-untyped-def]
    await w.stage.livechat.listener.close()
    yield
    await w.stage.livechat.listener.open()


# What every call gets while it lasts. `hangs` is longer than the tagger waits for an answer.
OF_ALL: Final[dict[str, During]] = {
    "401": partial(fault, fault=Fault("authentication")),
    "402": partial(fault, fault=Fault("license_expired")),
    "421": partial(fault, fault=Fault("misdirected_request")),
    "429": partial(fault, fault=Fault("too_many_requests")),
    "429 with Retry-After": partial(fault, fault=Fault("too_many_requests", retry_after_s=1.0)),
    "500": partial(fault, fault=Fault("internal")),
    "503": partial(fault, fault=Fault("service_unavailable")),
    "504": partial(fault, fault=Fault("request_timeout")),
    "an HTML page": partial(fault, fault=Fault("html")),
    "an empty answer": partial(fault, fault=Fault("empty")),
    "not JSON": partial(fault, fault=Fault("not_json")),
    "reset": partial(fault, fault=Fault("cut")),
    "done and reset": partial(fault, fault=Fault("lost")),
    "hangs": partial(fault, fault=Fault("internal", delay_s=25.0)),
    "nobody listens": nobody_listens,
}
QUICK: Final = ("401", "503")
# What only calls about one tag get; the others succeed.
OF_ONE: Final = {
    "403": Fault("missing_access", tag=TAG),
    "422": Fault("validation", tag=TAG, status=422),
    "404": Fault("not_found", tag=TAG),
}


def parked(w: World) -> set[tuple[str, str | None]]:
    """(thread, tag)"""
    return {
        (thread, told.value.get("tag"))
        for thread, all_told in w.truth.told.items()
        for told in all_told
        if told.parked
    }


async def wait(w: World) -> bool:
    """Whether chats that ended wait, and lag says so."""
    assert not parked(w)
    shown = await figures(w.taggers[0])
    return w.watch.lag > 0 and shown["tagger_unsettled_threads"] > 0


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(QUICK, id="some"),
        pytest.param([kind for kind in OF_ALL if kind not in QUICK], id="others", marks=pytest.mark.long),
    ],
)
async def test_what_hits_all_calls_costs_lag_and_parks_nothing(world: MakeWorld, kinds: list[str]) -> None:
    async with world() as w:
        for kind in kinds:
            async with w.chats():
                await w.tagged(3)
                async with OF_ALL[kind](w):
                    await w.ended(CHATS)
                    await until(lambda: wait(w))
                await w.tagged(3)
            w.proof.did(f"every call: {kind}")
        await w.everything_holds()
        assert not parked(w)


@pytest.mark.long
@pytest.mark.parametrize("kind", OF_ONE)
async def test_what_hits_one_tag_parks_that_and_no_other(world: MakeWorld, kind: str) -> None:
    async with world() as w:
        w.stage.livechat.faults.append(OF_ONE[kind])
        async with w.chats():
            await w.ended(40)

        def wanted() -> set[tuple[str, str | None]]:
            ended = [one for one in w.stage.player.played.values() if not one.thread.active]
            return {(one.thread.id, TAG) for one in ended if TAG in one.expected}

        await until(lambda: parked(w) == wanted() and not w.watch.lag)
        assert wanted()
        w.stage.livechat.faults.clear()
        ran = await tagger(w.stage, "parked", "retry")
        assert ran.code == 0, ran.errors
        w.proof.did(f"calls about one tag: {kind}", len(wanted()))
        await w.everything_holds()
